package submit

import (
	"context"
	"fmt"
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/spool"
)

// TestRequire proves that what a rule requires is done before a recipient goes its ways, that what
// it makes goes those alone, and that nothing required is left out.
func TestRequire(t *testing.T) {
	steps := func(cfg *conf.Config) {
		secure := conf.NewChannel()
		secure.Name, secure.Kind = "secure", conf.KindSecure
		cfg.Channels = append(cfg.Channels, secure)
		cfg.Steps = []conf.Step{{Name: "a", Channel: "secure", Strip: true}, {Name: "b", Channel: "secure", Strip: true}}
	}
	for _, c := range []struct {
		rules, more, to, want, then string
	}{
		{"x: then allow, require \"a\"", "", abroad, "border/x: secure", "[{p1 MTA-B} {p1 MTA-C}]"},
		{"x: if peer-out = \"MTA-B\" then refuse\ny: then allow, require \"a\"", "", abroad, "border/y: secure", "[{p1 MTA-C}]"},
		{"x: if peer-out = \"MTA-B\" then allow, require \"a\"\ny: then allow, require \"b\"", "", abroad, "border/x: secure", "[{p1 MTA-B}]"},
		{"x: then continue, require \"a\"\ny: then allow", "", abroad, "border/y: secure", "[{p1 MTA-B} {p1 MTA-C}]"},
		{"x: then hold \"h\", require \"a\"", "", abroad, "border/x: secure held: h", "[{p1 MTA-B} {p1 MTA-C}]"},
		{"x: then allow, require \"a\"", "z: then allow, require \"b\"", abroad, "more/z: secure held: two steps are required, a and b", "[{p1 MTA-B} {p1 MTA-C}]"},
		{"x: then allow, require \"a\"", "z: then redirect to \"" + archive + "\"", abroad, "more/z: expand to " + archive, "[]"},
	} {
		with := func(cfg *conf.Config) {
			steps(cfg)
			if c.more != "" {
				s := conf.NewRuleSet()
				s.Name, s.Rules = "more", c.more
				cfg.RuleSets = append(cfg.RuleSets, s)
			}
		}
		d, sp := border(t, "refuse", c.rules, with)
		m, raw := envelope(t, nil, c.to)
		env := passed(t, d, fromPeer, m, raw, []byte("content"))
		explainedAs(t, c.rules, d, env)
		r := &env.Recipients[0]
		if got := shown(env); got != c.want || fmt.Sprint(r.Then) != c.then {
			t.Errorf("%s: %s, then %v", c.rules, got, r.Then)
		}
		if r.Require == "" {
			continue
		}
		if got := fmt.Sprint(d.Ways(env)(r)); got != "[{secure }]" {
			t.Errorf("%s: on the way again %s", c.rules, got)
		}
		without, _ := border(t, "allow", "", nil)
		if got := without.Ways(env)(r); got != nil {
			t.Errorf("%s: without the step %v", c.rules, got)
		}
		parent, err := sp.OpenMessage(spool.Ref{ID: env.ID})
		if err != nil {
			t.Fatal(err)
		}
		tx, err := d.Derive(spool.Source{Channel: "secure"}, Child{Parent: env.ID, Step: StepSecure, Recipients: []int{1}, Priority: spool.Urgent, Of: parent.Envelope}, raw)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Write([]byte("another content")); err != nil {
			t.Fatal(err)
		}
		child, err := tx.Commit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := fmt.Sprint(child.Recipients[0].Hops); got != c.then || child.Recipients[0].Require != "" {
			t.Errorf("%s: what is made goes by %s, and %s is required", c.rules, got, child.Recipients[0].Require)
		}
		// A way that comes later is none that it was judged for.
		if got := fmt.Sprint(d.Ways(child)(&child.Recipients[0])); got != c.then {
			t.Errorf("%s: what is made goes on by %s", c.rules, got)
		}
		if err := parent.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestRequireOfAList: what is required is required of the members.
func TestRequireOfAList(t *testing.T) {
	const staff = "/CN=Staff/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	d, _ := border(t, "refuse", "x: then allow, require \"a\"", func(cfg *conf.Config) {
		secure, list := conf.NewChannel(), conf.NewList()
		secure.Name, secure.Kind = "secure", conf.KindSecure
		list.Address, list.Members = staff, []string{ann}
		cfg.Channels, cfg.Lists = append(cfg.Channels, secure), []conf.List{list}
		cfg.Steps = []conf.Step{{Name: "a", Channel: "secure", Strip: true}}
	})
	m, raw := envelope(t, nil, staff, ann)
	if got := shown(passed(t, d, fromPeer, m, raw, nil)); got != "border/x: expand; border/x: secure" {
		t.Error(got)
	}
}
