package queue

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// A long answer comes in portions, between which messages come and go; what a verb has
// changed in all of them is safe at the end.
func TestAnswerInPortions(t *testing.T) {
	w := newWorld(t)
	const n = 2*inquiryPortion + 5
	var ids []spool.ID
	for range n {
		ids = append(ids, w.submit(ann).ID)
	}
	slices.Sort(ids) // all of one moment: only their random digits order them
	w.start()
	defer w.kill()
	w.jobs = nil // nobody delivers
	i := w.keeper.Inquire(w.now, Request{Verb: VerbHold, All: true})
	var got, portions int
	for more := true; more; portions++ {
		var answers []Answer
		answers, more = i.Next(w.now)
		if len(answers) > inquiryPortion {
			t.Errorf("a portion of %d", len(answers))
		}
		for _, a := range answers {
			if a.Act == nil {
				t.Errorf("%+v", a)
			}
		}
		got += len(answers)
		if portions == 0 {
			// One that is still to come goes, and is none of the answer's business.
			w.keeper.Serve(w.now, Request{Verb: VerbDelete, IDs: []string{string(ids[n-1])}}, func(Answer) {}, func() {})
		}
	}
	if portions != 3 || got != n-1 {
		t.Errorf("%d answers in %d portions", got, portions)
	}
	ended := false
	i.Finish(func(answers []Answer) {
		ended = true
		if len(answers) > 0 {
			t.Errorf("at the end %+v", answers)
		}
	})
	if ended {
		t.Error("ended before the barrier")
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	if !ended {
		t.Error("not ended after the barrier")
	}
}

// A long list comes in portions of so many recipients, of whole messages and by arrival, after
// an empty one in which they are put in order; the filter, which does not need the keeper, leaves
// nothing of some. What has gone meanwhile is left out.
func TestListInPortions(t *testing.T) {
	w := newWorld(t)
	peer := conf.NewPeer()
	peer.Name, peer.Channel, peer.Addresses = "MTA-B", "p1", []conf.Address{{Host: "127.0.0.1:1"}}
	w.conf.Peers = append(w.conf.Peers, peer)
	w.conf.Routes = append(w.conf.Routes, conf.Route{Match: "/PRMD=BRAVO/ADMD=TEST/C=GB/", Peers: []string{"MTA-B"}, Diagnostic: conf.NoDiagnostic})
	const each = listPortion/4 + 1
	var to []string
	for n := range each {
		to = append(to, fmt.Sprintf("/S=R%d/PRMD=BRAVO/ADMD=TEST/C=GB/", n))
	}
	var ids []string
	for range 6 {
		ids = append(ids, string(w.submit(to...).ID))
		w.now = w.now.Add(time.Second)
	}
	for range listPortion {
		ids = append(ids, string(w.submit(ann).ID))
		w.now = w.now.Add(time.Second)
	}
	w.start()
	defer w.kill()
	w.jobs = nil // nobody delivers
	read := func(f Filter, between func()) (got []string, portions int) {
		i := w.keeper.Inquire(w.now, Request{Verb: VerbList, Filter: f})
		for more := true; more; portions++ {
			more = i.Look(w.now)
			lines, err := i.AppendLines(nil)
			if err != nil {
				t.Fatal(err)
			}
			for line := range bytes.Lines(lines) {
				var a Answer
				if err := a.ParseLine(line); err != nil || a.row == nil {
					t.Fatalf("%s: %v", line, err)
				}
				if len(got) == 0 || got[len(got)-1] != a.Row.ID {
					got = append(got, a.Row.ID)
				}
			}
			if n := bytes.Count(lines, []byte{'\n'}); n > 4*each {
				t.Errorf("%d lines in a portion", n)
			}
			between()
		}
		return got, portions
	}
	if got, portions := read(Filter{}, func() {}); !slices.Equal(got, ids) || portions != 1+3 {
		t.Errorf("%v in %d portions, not %v", got, portions, ids)
	}
	if got, portions := read(Filter{To: "C=GB; A=TEST; P=ALPHA; S=*"}, func() {}); !slices.Equal(got, ids[6:]) || portions != 1+3 {
		t.Errorf("%v in %d portions, not %v", got, portions, ids[6:])
	}
	if got, _ := read(Filter{To: "C=GB; A=TEST; P=BRAVO; S=R" + fmt.Sprint(each-1)}, func() {
		w.keeper.Serve(w.now, Request{Verb: VerbDelete, IDs: ids[5:6]}, func(Answer) {}, func() {})
	}); !slices.Equal(got, ids[:5]) {
		t.Errorf("%v, not %v", got, ids[:5])
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
}

// A heap of new messages is taken over in portions, and what came after the list was
// made is not forgotten.
func TestNewMessagesInPortions(t *testing.T) {
	w := newWorld(t)
	w.start()
	defer w.kill()
	for range 2*adoptPortion + 1 {
		w.submit(ann)
	}
	var counts []int
	for more, late := true, false; more; {
		var err error
		if more, err = w.keeper.AdoptNew(w.now); err != nil {
			t.Fatal(err)
		}
		counts = append(counts, len(w.keeper.mind.Refs()))
		if !late {
			late = true
			w.submit(ann)
		}
	}
	const n = 2*adoptPortion + 2
	if want := []int{adoptPortion, 2 * adoptPortion, n - 1, n, n}; !slices.Equal(counts, want) {
		t.Errorf("%v in the queue, not %v", counts, want)
	}
}

// A message that waits for nothing but its report cannot be changed, whoever names it.
func TestDoneWith(t *testing.T) {
	rows := []Row{{State: StateReporting}}
	for _, verb := range []string{VerbHold, VerbRelease, VerbRetry, VerbExpire, VerbReject, VerbDelete} {
		if err := cannot(verb, spool.Ref{}, rows); diag.KindOf(err) != diag.Permanent {
			t.Errorf("%s: %v", verb, err)
		}
	}
}

// What is held by a rule is found by it, and by its set; what an operator holds besides is not.
func TestHeldBy(t *testing.T) {
	rows := []Row{{HeldBy: "border/press"}, {}}
	for pattern, want := range map[string]bool{"": true, "*": true, "border": true, "border/press": true, "*/press": true, "bor*": true,
		"press": false, "border/": false, "other": false} {
		m, err := newMatcher(Filter{HeldBy: pattern})
		if err != nil {
			t.Fatal(err)
		}
		if m.passes(rows) != want || pattern != "" && m.passes(rows[1:]) {
			t.Errorf("%q: %v", pattern, !want)
		}
	}
}

// A rejection without codes that X.411 has place for is none.
func TestRejectWantsCodes(t *testing.T) {
	w := newWorld(t)
	w.start()
	defer w.kill()
	for _, f := range []*spool.Failure{nil, {Reason: -1}, {Reason: 1 << 15}, {Diagnostic: -2}, {Diagnostic: 1 << 15}} {
		answers, _ := w.keeper.Inquire(w.now, Request{Verb: VerbReject, All: true, Failure: f}).Next(w.now)
		if len(answers) != 1 || answers[0].Error == nil || answers[0].Error.Kind != diag.Usage {
			t.Errorf("%+v: %+v", f, answers)
		}
	}
}

// Whoever may ask what the keeper goes by hears no password.
func TestConfigurationWithoutPasswords(t *testing.T) {
	w := newWorld(t)
	peer := conf.NewPeer()
	peer.Name, peer.Channel, peer.PasswordIn, peer.PasswordOut = "MTA-B", "p1", "one secret", "another secret"
	peer.Addresses = []conf.Address{{Host: "127.0.0.1:1"}}
	w.conf.Peers = append(w.conf.Peers, peer)
	w.start()
	defer w.kill()
	answers, more := w.keeper.Inquire(w.now, Request{Verb: VerbConfig}).Next(w.now)
	text, err := json.Marshal(answers)
	if err != nil || more || len(answers) != 1 || answers[0].Config.Version != w.conf.Version {
		t.Fatalf("%s, %v", text, err)
	}
	if strings.Contains(string(text), "secret") || !strings.Contains(string(text), `"password-out":"***"`) {
		t.Errorf("%s", text)
	}
	if w.conf.Peers[0].PasswordOut != "another secret" {
		t.Error("the keeper has forgotten it")
	}
}
