package conf

import "slices"

// NamesFile tells whether the configuration names a file, by its path, for a channel: one
// of the certificates, keys and passwords that its associations need, or by which whoever lets
// messages in judges signatures and labels.
func (c *Config) NamesFile(channel, path string) bool {
	if path == "" {
		return false
	}
	for _, files := range c.Security.files() {
		if slices.Contains(files, path) {
			return true
		}
	}
	for i := range c.Steps {
		s := &c.Steps[i]
		if s.Channel != channel {
			continue
		}
		at, err := SecretFile(s.PassphraseFile)
		if path == s.Certificate || path == s.Key || err == nil && path == at {
			return true
		}
	}
	for i := range c.Listeners {
		if l := &c.Listeners[i]; l.Channel == channel && (path == l.TLSCertificate || path == l.TLSKey || path == l.TLSCA) {
			return true
		}
	}
	for i := range c.Peers {
		if p := &c.Peers[i]; p.Channel == channel && c.namesFile(p, path) {
			return true
		}
	}
	return false
}

func (c *Config) namesFile(p *Peer, path string) bool {
	switch path {
	case p.TLSCA, p.TLSCertificate, p.TLSKey, p.TokenCA, p.TokenPeer:
		return true
	}
	if p.Credentials == CredentialsStrong {
		certificate, key := c.Token(p)
		return path == certificate || path == key
	}
	for _, secret := range []string{p.PasswordInFile, p.PasswordOutFile} {
		if secret == "" {
			continue
		}
		if at, err := SecretFile(secret); err == nil && at == path {
			return true
		}
	}
	return false
}

// For returns the configuration as the process of a channel gets it: without the passwords
// that are none of its peers'. It is c where there are none.
func (c *Config) For(channel string) *Config {
	withheld := func(p *Peer) bool { return p.Channel != channel && (p.PasswordIn != "" || p.PasswordOut != "") }
	own := c
	for i := range c.Peers {
		if !withheld(&c.Peers[i]) {
			continue
		}
		if own == c {
			copied := *c
			copied.Peers = append([]Peer(nil), c.Peers...)
			own = &copied
		}
		own.Peers[i].PasswordIn, own.Peers[i].PasswordOut = "", ""
	}
	return own
}
