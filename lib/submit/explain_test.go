package submit

import (
	"slices"
	"testing"

	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
)

// explainedAs holds what is explained about a message to what the door has decided about it.
func explainedAs(t testing.TB, name string, d *Door, env *spool.Envelope) {
	t.Helper()
	seq, err := d.Explain(Question{Envelope: env})
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	all := slices.Collect(seq)
	i := 0
	for _, r := range env.Recipients {
		if r.Copy {
			continue
		}
		is := all[i]
		i++
		if is.N != r.N || is.Address != r.Address {
			t.Errorf("%s: recipient %d is explained as %d %s", name, r.N, is.N, is.Address)
		}
		if r.Rule == "" {
			if is.Fail == nil || is.Fail.Text != r.Fail.Text {
				t.Errorf("%s: %s failed by %+v, and is explained by %+v", name, r.Address, r.Fail, is.Fail)
			}
			continue
		}
		if is.Fail != nil {
			t.Errorf("%s: %s is not judged: %s", name, r.Address, is.Fail.Text)
			continue
		}
		v := &is.Verdict
		if RuleName(v) != r.Rule || (v.Decision == rule.Refuse) != (r.Fail != nil) || (v.Decision == rule.Hold) != (r.Hold != "") || (v.Decision == rule.Redirect) != (r.Redirect != "") {
			t.Errorf("%s: %s is explained as %v, not %+v", name, r.Address, v, r)
		}
		if v.Require != r.Require {
			t.Errorf("%s: %q is required, not %q", name, v.Require, r.Require)
		}
		if r.Require != "" {
			r.Hops = r.Then
		}
		if (v.Decision == rule.Allow || v.Decision == rule.Hold) && !slices.Equal(is.Left, r.Hops) {
			t.Errorf("%s: the ways are %v, not %v", name, is.Left, r.Hops)
		}
		for _, w := range is.Ways {
			if last := w.Steps[len(w.Steps)-1]; last.Matches == "no" {
				t.Errorf("%s: the last step of %v decides nothing: %+v", name, w.Hop, last)
			}
		}
	}
	if i != len(all) {
		t.Errorf("%s: %d are explained, not %d", name, len(all), i)
	}
}

// TestExplainOthers proves that a question may be about others, other ways and another number, and
// that neither reports nor what rules have made are judged.
func TestExplainOthers(t *testing.T) {
	d, _ := border(t, "refuse", "a: if recipients = 7 and peer-out = \"MTA-C\" then allow", nil)
	m, raw := envelope(t, nil, ann)
	env := passed(t, d, fromPeer, m, raw, nil)
	to, err := oraddr.Parse(abroad)
	if err != nil {
		t.Fatal(err)
	}
	q := Question{Envelope: env, To: []oraddr.Address{to}, Count: 7, Ways: []spool.Hop{{Channel: "p1", Peer: "MTA-C"}}}
	seq, err := d.Explain(q)
	if err != nil {
		t.Fatal(err)
	}
	all := slices.Collect(seq)
	if len(all) != 1 || all[0].Verdict.Decision != rule.Allow || all[0].Address != to.String() || len(env.Recipients) != 1 {
		t.Errorf("%+v", all)
	}
	report, copied, made := *env, *env, *env
	report.Kind, copied.OfCopy, made.Step = spool.KindReport, true, StepSecure
	for _, env := range []*spool.Envelope{&report, &copied, &made} {
		if _, err := d.Explain(Question{Envelope: env}); err == nil {
			t.Errorf("%s, %s is judged", env.Kind, env.Step)
		}
	}
}

// An envelope that somebody has edited is explained, or refused, whatever it says.
func FuzzExplainEdited(f *testing.F) {
	d, _ := border(f, "refuse", "a: if from = \"/C=GB/\" and sic = \"A*\" and client-address = \"192.0.2.0/24\" then allow", nil)
	f.Add([]byte(`{"envelope":{"format":1,"id":"0dk3","kind":"message","originator":"` + ann + `","contentType":"p772","source":{"client":"192.0.2.7"},"facts":{"sics":["ABC"]},"recipients":[{"n":1,"address":"` + abroad + `"},{"n":2,"address":"` + ann + `"}]},"path":"x"}`))
	f.Add([]byte(`{"kind":"probe","originator":"","probeSize":-1,"source":{"client":"x"},"facts":{"fault":"x"},"recipients":[{"address":"x"}]}`))
	f.Add([]byte(`null`))
	f.Fuzz(func(t *testing.T, text []byte) {
		env, _, err := ReadEnvelope(text)
		if err != nil {
			return
		}
		all, err := d.Explain(Question{Envelope: env})
		if err != nil {
			return
		}
		if n := len(slices.Collect(all)); n > len(env.Recipients) {
			t.Errorf("%d explained of %d", n, len(env.Recipients))
		}
	})
}
