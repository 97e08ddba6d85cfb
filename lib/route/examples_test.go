package route

import (
	"path/filepath"
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// network is the example of three switches in a row, by MTA name.
type network map[string]*conf.Config

func threeSwitches(t *testing.T) network {
	t.Helper()
	n := network{}
	for _, dir := range []string{"a", "b", "c"} {
		c, err := tableconf.Load(filepath.Join("..", "..", "examples", "three-switches", dir, "mta.toml"))
		if err != nil {
			t.Fatal(err)
		}
		n[c.Identity.MTA] = c
	}
	return n
}

// TestThreeSwitchesKnowEachOther: what one says of another is what that one says of
// itself.
func TestThreeSwitchesKnowEachOther(t *testing.T) {
	n := threeSwitches(t)
	if len(n) != 3 {
		t.Fatalf("%d MTAs", len(n))
	}
	for name, c := range n {
		for _, p := range c.Peers {
			other, ok := n[p.Name]
			if !ok {
				t.Errorf("%s has a peer %s that is not there", name, p.Name)
				continue
			}
			back, ok := other.Peer(c.MTAName(&p))
			if !ok {
				t.Errorf("%s knows %s, but not the other way round", name, p.Name)
				continue
			}
			if p.PasswordOut == "" || !back.CheckPassword([]byte(p.PasswordOut)) {
				t.Errorf("%s would refuse the password of %s", p.Name, name)
			}
			for _, a := range p.Addresses {
				if _, ok := other.ListenerChannel(a.Host, []byte(a.TSEL)); !ok {
					t.Errorf("%s calls %s at %s, selector %s, where it does not listen", name, p.Name, a.Host, a.TSEL)
				}
			}
		}
	}
}

// TestThreeSwitchesReachEachOther follows every user's address from every switch.
func TestThreeSwitchesReachEachOther(t *testing.T) {
	n := threeSwitches(t)
	routers := map[string]*Router{}
	for name, c := range n {
		r, err := New(c)
		if err != nil {
			t.Fatal(err)
		}
		routers[name] = r
	}
	for _, tt := range []struct {
		from, to string
		path     []string
	}{
		{"MTA-A", "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", nil},
		{"MTA-A", "/G=Bob/S=Brown/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/", []string{"MTA-B"}},
		{"MTA-A", "/G=Cid/S=Clark/O=Org/PRMD=CHARLIE/ADMD=TEST/C=GB/", []string{"MTA-B", "MTA-C"}},
		{"MTA-C", "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", []string{"MTA-B", "MTA-A"}},
		{"MTA-C", "/G=Bob/S=Brown/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/", []string{"MTA-B"}},
		{"MTA-B", "/G=Cid/S=Clark/O=Org/PRMD=CHARLIE/ADMD=TEST/C=GB/", []string{"MTA-C"}},
	} {
		a, err := oraddr.Parse(tt.to)
		if err != nil {
			t.Fatal(err)
		}
		at := tt.from
		for _, next := range tt.path {
			d := routers[at].Route(a)
			if d.Fail != nil || d.Hops[0].Peer != next {
				t.Errorf("%s at %s goes %s, want %s", tt.to, at, d, next)
				break
			}
			at = next
		}
		if d := routers[at].Route(a); d.User == nil {
			t.Errorf("%s at %s: %s, want delivery", tt.to, at, d)
		}
	}
	a, err := oraddr.Parse("/S=X/PRMD=DELTA/ADMD=TEST/C=GB/")
	if err != nil {
		t.Fatal(err)
	}
	if d := routers["MTA-C"].Route(a); d.String() != "fail unable-to-transfer, unrecognised-OR-name: DELTA was closed in 2019" {
		t.Errorf("DELTA: %s", d)
	}
	if d := routers["MTA-A"].Route(a); d.String() != "fail unable-to-transfer, unrecognised-OR-name: no route" {
		t.Errorf("DELTA from MTA-A: %s", d)
	}
}
