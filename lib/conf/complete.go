package conf

import "strings"

// Complete fills in what a configuration may leave to be concluded from the rest:
// the port of endpoints, the channel of users, peers and steps, and the channel that expands
// lists. Loaders call it before Validate.
func (c *Config) Complete() {
	for i := range c.Listeners {
		c.Listeners[i].Address = withPort(c.Listeners[i].Address)
	}
	for i := range c.Peers {
		for k := range c.Peers[i].Addresses {
			a := &c.Peers[i].Addresses[k]
			a.Host = withPort(a.Host)
		}
	}
	c.completeExpand()
	if secure := c.channelsOf(KindSecure); len(secure) == 1 {
		for i := range c.Steps {
			if c.Steps[i].Channel == "" {
				c.Steps[i].Channel = secure[0]
			}
		}
	}
	local, p1 := c.channelsOf(KindLocal), c.channelsOf(KindX400P1)
	for i := range c.Users {
		if c.Users[i].Channel == "" && len(local) == 1 {
			c.Users[i].Channel = local[0]
		}
	}
	for i := range c.Peers {
		if c.Peers[i].Channel == "" && len(p1) == 1 {
			c.Peers[i].Channel = p1[0]
		}
	}
}

func (c *Config) channelsOf(kind string) []string {
	var names []string
	for _, ch := range c.Channels {
		if ch.Kind == kind {
			names = append(names, ch.Name)
		}
	}
	return names
}

// withPort adds the port of RFC 1006 to an endpoint that has none.
func withPort(endpoint string) string {
	if endpoint == "" || strings.HasSuffix(endpoint, ":") {
		return endpoint
	}
	bare := strings.HasPrefix(endpoint, "[") && strings.HasSuffix(endpoint, "]")
	if bare || !strings.Contains(endpoint, ":") {
		return endpoint + ":" + defaultPort
	}
	return endpoint
}
