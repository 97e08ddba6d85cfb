package mts

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)

// path builds a trace from domain names, with + for the actions of a domain:
// "A B+redirected A+rerouted".
func path(text string) TraceInformation {
	var t TraceInformation
	for _, word := range strings.Fields(text) {
		name, action, _ := strings.Cut(word, "+")
		e := TraceInformationElement{GlobalDomainIdentifier: domain("GB", "TEST", name)}
		e.DomainSuppliedInformation.ArrivalTime = "261124120000Z"
		s := &e.DomainSuppliedInformation
		switch action {
		case "rerouted":
			s.RoutingAction = Rerouted
		case "redirected":
			s.OtherActions = NewOtherActions(true, false)
		case "dl":
			s.OtherActions = NewOtherActions(false, true)
		}
		t = append(t, e)
	}
	return t
}

func TestLoopDetected(t *testing.T) {
	for _, c := range []struct {
		trace string
		own   string
		want  bool
		why   string
	}{
		{"", "A", false, "nothing has happened yet"},
		{"A", "A", false, "it came from an MTA of the same domain"},
		{"A B", "A", true, "B sent it straight back"},
		{"A B", "C", false, "C is new"},
		{"A B", "b", false, "the domain's own MTA passes it on"},
		{"A B C B C", "A", true, "it goes round"},
		{"A B+redirected", "A", false, "B redirected a recipient to A"},
		{"A B+dl", "A", false, "a list in B has a member in A"},
		{"A B+rerouted", "A", false, "B tries another way"},
		{"A+redirected B", "A", true, "A's own action sends it away, not back"},
		{"A+rerouted B", "A", true, "likewise"},
		{"A B+redirected A B", "A", true, "the reason is older than the last visit"},
		{"A B C+dl D", "A", false, "any element after the last visit gives a reason"},
		{"A B A", "A", true, "another MTA of A's looked away"},
		{"A B A A+rerouted", "A", true, "likewise, and then tried two ways"},
		{"A B+dl A", "A", false, "another MTA of A's let it in for a reason"},
		{"A B A+redirected", "A", true, "what A did after it came back is no reason to have come back"},
		{"B A A+rerouted", "A", false, "one visit of two elements"},
	} {
		if got := LoopDetected(path(c.trace), domain("GB", "TEST", c.own)); got != c.want {
			t.Errorf("%q at %s: %v; %s", c.trace, c.own, got, c.why)
		}
	}
	full := path(strings.Repeat("B ", UbTransfers))
	if !LoopDetected(full, domain("GB", "TEST", "A")) {
		t.Error("a full trace is no loop")
	}
	if LoopDetected(full, domain("GB", "TEST", "B")) {
		t.Error("a full trace needs no room at its last domain")
	}
}

func TestAppendTrace(t *testing.T) {
	a, b := domain("GB", "TEST", "A"), domain("GB", "TEST", "B")
	first := AppendTrace(nil, a, noon)
	if diff := cmp.Diff(path("A"), first); diff != "" {
		t.Errorf("submission: %s", diff)
	}
	if got := AppendTrace(first, a, noon.Add(time.Hour)); len(got) != 1 {
		t.Errorf("a second MTA of the domain adds an element: %v", got)
	}
	both := AppendTrace(first, b, noon)
	if diff := cmp.Diff(path("A B"), both); diff != "" {
		t.Errorf("next domain: %s", diff)
	}
	// The two branches of a message must not write over each other.
	other := AppendTrace(first, domain("GB", "TEST", "C"), noon)
	if both[1].GlobalDomainIdentifier.Equal(other[1].GlobalDomainIdentifier) {
		t.Error("two traces share an element")
	}
}

func TestRecordTrace(t *testing.T) {
	a := domain("GB", "TEST", "A")
	before := path("B A C")
	after := RecordTrace(before, a, AdditionalActions{OtherActions: NewOtherActions(true, false)})
	after = RecordTrace(after, a, AdditionalActions{OtherActions: NewOtherActions(false, true), DeferredTime: "261124130000Z"})
	s := after[1].DomainSuppliedInformation
	if !s.OtherActions.Redirected() || !s.OtherActions.DLOperation() || s.DeferredTime != "261124130000Z" {
		t.Errorf("actions are not all recorded: %+v", s)
	}
	if diff := cmp.Diff(path("B A C"), before); diff != "" {
		t.Errorf("the trace given has changed: %s", diff)
	}
	if got := RecordTrace(path("B"), a, AdditionalActions{DeferredTime: "x"}); got[0].DomainSuppliedInformation.DeferredTime != "" {
		t.Error("an action was recorded for another domain")
	}
}

func TestRerouteTrace(t *testing.T) {
	a, c := domain("GB", "TEST", "A"), domain("GB", "TEST", "C")
	got := RerouteTrace(path("B A"), a, &c, noon)
	last := got[len(got)-1].DomainSuppliedInformation
	if len(got) != 3 || last.RoutingAction != Rerouted || last.AttemptedDomain == nil || !last.AttemptedDomain.Equal(c) {
		t.Errorf("rerouted: %+v", got)
	}
}

func TestInternalTrace(t *testing.T) {
	own, other := domain("GB", "TEST", "A"), domain("GB", "TEST", "B")
	mta := func(names string) InternalTraceInformation {
		var tr InternalTraceInformation
		for _, word := range strings.Fields(names) {
			name, action, _ := strings.Cut(word, "+")
			tr = AppendInternalTrace(tr, own, MTAName(name), noon)
			switch action {
			case "redirected":
				tr = RecordInternalTrace(tr, own, MTAName(name), AdditionalActions{OtherActions: NewOtherActions(true, false)})
			case "rerouted":
				at := MTAName("elsewhere")
				tr = RerouteInternalTrace(tr, own, MTAName(name), Attempted{MTA: &at}, noon)
			}
		}
		return tr
	}
	for _, c := range []struct {
		trace     string
		tolerated int
		want      bool
	}{
		{"", 0, false},
		{"m1", 0, true},
		{"m1 m2", 0, true},
		{"m1 m2", 1, false},
		{"m2 m3", 0, false},
		{"m1 m2 m1 m2", 1, true},
		{"m1 m2+redirected", 0, false},
		{"m1 m2+rerouted", 0, false},
		{"m1+rerouted m2", 0, true},
		{"m1+redirected m2", 0, true},
		{"m1 m2+redirected m1 m2 m1 m2", 1, true},
		{"m1 m2 m1 m2 m1 m2 m1 m2 m1 m2", 5, false},
		{"m1 m2 m1 m2 m1 m2 m1 m2 m1 m2 m1", 5, true},
	} {
		if got := InternalLoopDetected(mta(c.trace), own, "m1", c.tolerated); got != c.want {
			t.Errorf("%q, %d tolerated: %v", c.trace, c.tolerated, got)
		}
	}
	if InternalLoopDetected(mta("m1 m2"), other, "m1", 0) {
		t.Error("an MTA of the same name in another domain counts")
	}
	if !InternalLoopDetected(slices.Repeat(mta("m2"), UbTransfers), own, "m1", 5) {
		t.Error("a full trace is no loop")
	}
}
