package conf

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"strings"
)

// Caller is where a peer without credentials calls from.
type Caller struct {
	Network string   `json:"network" toml:"network"` // an IP address or a prefix
	TSEL    Selector `json:"tsel,omitempty" toml:"tsel"`
	SSEL    Selector `json:"ssel,omitempty" toml:"ssel"`
	PSEL    Selector `json:"psel,omitempty" toml:"psel"`
}

// maxCallers bounds the Callers of a peer.
const maxCallers = 100

// Origin is where an association comes from: the network address and the calling selectors.
type Origin struct {
	Addr             netip.Addr
	TSEL, SSEL, PSEL Selector
}

// String says where that is, for people.
func (o Origin) String() string {
	parts := []string{o.Addr.String()}
	for _, s := range []struct {
		name  string
		value Selector
	}{{"tsel", o.TSEL}, {"ssel", o.SSEL}, {"psel", o.PSEL}} {
		if s.value != "" {
			parts = append(parts, s.name+" "+strconv.Quote(s.value.String()))
		}
	}
	return strings.Join(parts, ", ")
}

// prefix reads the network.
func (c *Caller) prefix() (netip.Prefix, error) {
	if p, err := netip.ParsePrefix(c.Network); err == nil {
		return p.Masked(), nil
	}
	a, err := netip.ParseAddr(c.Network)
	if err != nil || a.Zone() != "" {
		return netip.Prefix{}, fmt.Errorf("%s is neither an IP address nor a network as 192.0.2.0/28", quote([]byte(c.Network)))
	}
	a = a.Unmap()
	return netip.PrefixFrom(a, a.BitLen()), nil
}

// takes reports whether a call comes from there.
func (c *Caller) takes(o Origin) bool {
	p, err := c.prefix()
	same := func(want, has Selector) bool { return want == "" || want == has }
	return err == nil && p.Contains(o.Addr.Unmap().WithZone("")) && same(c.TSEL, o.TSEL) && same(c.SSEL, o.SSEL) && same(c.PSEL, o.PSEL)
}

// Sources returns where a peer without credentials calls from: its Callers, or, if it has
// none, those of its addresses that are IP addresses.
func (p *Peer) Sources() []Caller {
	if len(p.Callers) > 0 {
		return p.Callers
	}
	var all []Caller
	for _, a := range p.Calls() {
		host, _, err := net.SplitHostPort(a.Host)
		if err != nil {
			host = a.Host
		}
		if _, err := netip.ParseAddr(host); err == nil {
			all = append(all, Caller{Network: host})
		}
	}
	return all
}

// Unauthenticated returns the peers of a channel that have no credentials and call from
// there, whether they are enabled or not.
func (c *Config) Unauthenticated(channel string, o Origin) []*Peer {
	var all []*Peer
	for i := range c.Peers {
		p := &c.Peers[i]
		if p.Credentials != CredentialsNone || p.Channel != channel {
			continue
		}
		for _, from := range p.Sources() {
			if from.takes(o) {
				all = append(all, p)
				break
			}
		}
	}
	return all
}

// meets reports whether a call may come from two of them.
func (c *Caller) meets(o *Caller) bool {
	p, err := c.prefix()
	q, e := o.prefix()
	either := func(a, b Selector) bool { return a == "" || b == "" || a == b }
	return err == nil && e == nil && p.Overlaps(q) && either(c.TSEL, o.TSEL) && either(c.SSEL, o.SSEL) && either(c.PSEL, o.PSEL)
}

// Ambiguous returns another peer of credentials none, on the channel of peer p, that may call
// from where p does: then neither is let in. Only those that are enabled count.
func (c *Config) Ambiguous(p *Peer) (*Peer, bool) {
	for i := range c.Peers {
		o := &c.Peers[i]
		if o.Name == p.Name || o.Credentials != CredentialsNone || o.Channel != p.Channel || !o.Enabled || !p.Enabled {
			continue
		}
		for _, there := range o.Sources() {
			for _, here := range p.Sources() {
				if here.meets(&there) {
					return o, true
				}
			}
		}
	}
	return nil, false
}

func (v *validator) callers(p *Peer) {
	switch {
	case len(p.Callers) > 0 && p.Credentials != CredentialsNone:
		v.faultf("callers", "with credentials = %q it is these that tell who calls", p.Credentials)
	case len(p.Callers) > maxCallers:
		v.faultf("callers", "%d of them; a peer has at most %d", len(p.Callers), maxCallers)
	}
	for i, c := range p.Callers {
		key := func(s string) string { return "callers[" + strconv.Itoa(i) + "]." + s }
		if v.required(key("network"), c.Network) {
			if _, err := c.prefix(); err != nil {
				v.fault(key("network"), err)
			}
		}
		v.selectors(key, c.TSEL, c.SSEL, c.PSEL)
		if c.PSEL != "" && p.Mode != ModeNormal {
			v.faultf(key("psel"), "mode %s has no presentation selectors", p.Mode)
		}
	}
}
