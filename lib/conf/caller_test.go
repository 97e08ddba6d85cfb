package conf

import (
	"net/netip"
	"slices"
	"testing"
)

// A peer without credentials is known by where it calls from: by its callers, or, if it has
// none, by those of its addresses that are IP addresses.
func TestUnauthenticated(t *testing.T) {
	c := sample()
	b := none(c)
	other := func(name string, change func(*Peer)) {
		p := *b
		p.Name, p.Address, p.Addresses = name, "", nil
		change(&p)
		c.Peers = append(c.Peers, p)
	}
	other("MTA-C", func(p *Peer) {
		p.Callers = []Caller{{Network: "198.51.100.0/28"}, {Network: "::ffff:192.0.2.9"}, {Network: "2001:db8::/32", TSEL: "C", SSEL: "S", PSEL: "P"}}
		p.Addresses = []Address{{Host: "192.0.2.3:102"}} // where it does not call from
	})
	other("MTA-D", func(p *Peer) { p.Address = `"D"/Internet=192.0.2.4+102_Internet=mta.example.org` })
	other("MTA-E", func(p *Peer) { p.Addresses = []Address{{Host: "[2001:db8::e]:102"}} })
	other("MTA-F", func(p *Peer) { p.Addresses = []Address{{Host: "192.0.2.4"}} })
	other("MTA-G", func(p *Peer) { p.Credentials, p.Addresses = CredentialsSimple, []Address{{Host: "192.0.2.7"}} })
	other("MTA-H", func(p *Peer) { p.Channel, p.Addresses = "p2", []Address{{Host: "192.0.2.2"}} })
	for _, tt := range []struct {
		from string
		sel  [3]Selector
		want []string
	}{
		{"192.0.2.2", [3]Selector{}, []string{"MTA-B"}},
		{"::ffff:192.0.2.2", [3]Selector{"any", "any", "any"}, []string{"MTA-B"}},
		{"192.0.2.3", [3]Selector{}, nil},
		{"192.0.2.9", [3]Selector{}, []string{"MTA-C"}},
		{"198.51.100.15", [3]Selector{}, []string{"MTA-C"}},
		{"198.51.100.16", [3]Selector{}, nil},
		{"2001:db8::1", [3]Selector{"C", "S", "P"}, []string{"MTA-C"}},
		{"2001:db8::1", [3]Selector{"C", "S", ""}, nil},
		{"2001:db8::1", [3]Selector{"C", "s", "P"}, nil},
		{"2001:db8::1", [3]Selector{"", "S", "P"}, nil},
		{"2001:db8::e", [3]Selector{}, []string{"MTA-E"}},
		{"2001:db8::e", [3]Selector{"C", "S", "P"}, []string{"MTA-C", "MTA-E"}},
		{"fe80::1%eth0", [3]Selector{}, nil},
		{"192.0.2.4", [3]Selector{}, []string{"MTA-D", "MTA-F"}},
		{"192.0.2.7", [3]Selector{}, nil},
	} {
		var got []string
		for _, p := range c.Unauthenticated("p1", Origin{netip.MustParseAddr(tt.from), tt.sel[0], tt.sel[1], tt.sel[2]}) {
			got = append(got, p.Name)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("%s %q: %q, want %q", tt.from, tt.sel, got, tt.want)
		}
	}
}

// Two peers without credentials that may call from one place are told of before they do.
func TestAmbiguous(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(b, o *Peer)
		want   bool
	}{
		{"other addresses", func(_, o *Peer) { o.Callers = []Caller{{Network: "192.0.2.3"}} }, false},
		{"the same address", func(_, o *Peer) { o.Callers = []Caller{{Network: "192.0.2.2"}} }, true},
		{"a network around it", func(_, o *Peer) { o.Callers = []Caller{{Network: "192.0.2.9/24", TSEL: "O"}} }, true},
		{"told apart by a selector", func(b, o *Peer) {
			b.Callers, o.Callers = []Caller{{Network: "192.0.2.2", TSEL: "B"}}, []Caller{{Network: "192.0.2.2", TSEL: "O"}}
		}, false},
		{"one of them is not enabled", func(_, o *Peer) { o.Enabled, o.Callers = false, []Caller{{Network: "192.0.2.2"}} }, false},
		{"one of them is another channel's", func(_, o *Peer) { o.Channel, o.Callers = "p2", []Caller{{Network: "192.0.2.2"}} }, false},
		{"one of them has credentials", func(_, o *Peer) { o.Credentials = CredentialsSimple }, false},
	} {
		c := sample()
		other := *none(c)
		other.Name = "MTA-O"
		c.Peers = append(c.Peers, other)
		tt.change(&c.Peers[0], &c.Peers[1])
		for i := range c.Peers {
			if _, got := c.Ambiguous(&c.Peers[i]); got != tt.want && c.Peers[i].Credentials == CredentialsNone {
				t.Errorf("%s: %s: %v", tt.name, c.Peers[i].Name, got)
			}
		}
	}
}
