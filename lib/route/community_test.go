package route

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
)

// RFC 1801 §18.1: an MTA with which no transport community is shared is no way, in tables and
// trees; who names none may be in any.
func TestSection18_1_TransportCommunities(t *testing.T) {
	_, cfg := grown(t)
	cfg.Identity.Communities = []conf.Community{"tc-internet", "1.2.3"}
	for i := range cfg.Peers {
		switch p := &cfg.Peers[i]; p.Name {
		case "PICKY", "SMALL":
			p.Communities = []conf.Community{"tc-ixi"}
			p.WillRoute = nil
		case "B":
			p.Communities = []conf.Community{"tc-ixi", "tc-internet"}
		}
	}
	for _, policies := range []bool{false, true} { // with them more than the address counts
		if policies {
			cfg.Peers[0].WillRoute = []conf.WillRoute{{}}
		}
		r, err := New(cfg)
		if err != nil {
			t.Fatal(err)
		}
		for text, want := range map[string]string{
			"/S=P/PRMD=PICKY/ADMD=TEST/C=GB/": "p1 B",
			"/S=P/PRMD=SMALL/ADMD=TEST/C=GB/": "p1 HUB",
			"/S=P/PRMD=ECHO/ADMD=TEST/C=GB/":  "p1 HUB",
		} {
			q := Query{Address: address(t, text)}
			if d := r.Decide(q); d.String() != want {
				t.Errorf("%s: %s, want %s", text, d, want)
			}
			if e := r.Explain(q).String(); !strings.Contains(e, "\tno common transport community: tc-ixi, and tc-internet, 1.2.3 here\n") {
				t.Error(e)
			}
		}
		cfg.Identity.Trees = []string{conf.Tables}
		if r, err = New(cfg); err != nil {
			t.Fatal(err)
		}
		if d := r.Route(address(t, "/S=P/PRMD=PICKY/ADMD=TEST/C=GB/")); d.String() != "p1 B" {
			t.Errorf("tables alone: %s", d)
		}
		cfg.Identity.Trees = []string{conf.Tables, "org", "hub"}
	}
}
