package x400p1

import (
	"bytes"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

var (
	accepted = time.Date(2026, 11, 24, 12, 0, 0, 0, time.UTC)
	own      = conf.Identity{MTA: "MTA-A", Domain: oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"}}
)

// spooled is a message as the spool has it; edit changes what came in.
func spooled(t *testing.T, edit func(*mts.MessageTransferEnvelope)) *spool.Envelope {
	t.Helper()
	in, err := p1.ReadAPDU(bytes.NewReader(message(t, "")), p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if edit != nil {
		edit(in.Message)
	}
	raw, err := p1.EncodeMessageEnvelope(in.Message)
	if err != nil {
		t.Fatal(err)
	}
	return &spool.Envelope{Kind: spool.KindMessage, Accepted: accepted, Wire: raw, Recipients: []spool.Recipient{{N: 1,
		Hops: []spool.Hop{{Channel: "p1", Peer: "MTA-C"}, {Channel: "p1", Peer: "MTA-B"}}}}}
}

func sent(t *testing.T, env *spool.Envelope, peer string) (*mts.MessageTransferEnvelope, mts.InternalTraceInformation) {
	t.Helper()
	raw, err := outgoing(env, own, []int{1}, peer)
	if err != nil {
		t.Fatal(err)
	}
	m, err := p1.DecodeMessageEnvelope(raw, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	internal, _, err := mts.Ext(m.Extensions, mts.ExtInternalTraceInformation)
	if err != nil {
		internal = nil
	}
	return m, internal
}

// X.411 §12.3.1: whoever held a message until its deferred-delivery-time says so.
func TestTraceOfDeferral(t *testing.T) {
	for _, c := range []struct {
		deferred time.Time
		passOn   bool
		want     mts.Time
	}{
		{time.Time{}, false, ""},
		{accepted.Add(-time.Hour), false, ""}, // somebody before us held it
		{accepted.Add(time.Hour), false, asn1.NewUTCTime(accepted.Add(time.Hour))},
		{accepted.Add(time.Hour), true, ""}, // somebody behind us will
	} {
		env := spooled(t, nil)
		env.Deferred, env.PassOn = c.deferred, c.passOn
		m, internal := sent(t, env, "MTA-C")
		if len(m.TraceInformation) != 2 || len(internal) != 1 {
			t.Fatalf("trace %v, %v", m.TraceInformation, internal)
		}
		if got := m.TraceInformation[1].DomainSuppliedInformation; got.DeferredTime != c.want || got.RoutingAction != mts.Relayed {
			t.Errorf("deferred to %v: %+v", c.deferred, got)
		}
		if got := internal[0].MTASuppliedInformation.DeferredTime; got != c.want {
			t.Errorf("deferred to %v: internal trace %v", c.deferred, got)
		}
	}
}

// X.411 §12.3.1: a message that goes another way than it should shows it, and an MTA
// that sent it here does not take it for a loop when it comes back.
func TestTraceOfAnotherWay(t *testing.T) {
	m, internal := sent(t, spooled(t, nil), "MTA-B")
	if len(m.TraceInformation) != 3 || m.TraceInformation[2].DomainSuppliedInformation.RoutingAction != mts.Rerouted {
		t.Fatalf("trace %v", m.TraceInformation)
	}
	if len(internal) != 2 || internal[1].MTASuppliedInformation.Attempted == nil || *internal[1].MTASuppliedInformation.Attempted.MTA != "MTA-C" {
		t.Fatalf("internal trace %v", internal)
	}
	bravo := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"})
	if mts.LoopDetected(m.TraceInformation, bravo) {
		t.Error("BRAVO takes it for a loop")
	}
	if m, _ := sent(t, spooled(t, nil), "MTA-C"); !mts.LoopDetected(m.TraceInformation, bravo) {
		t.Error("BRAVO cannot see that it was sent straight back")
	}
}

// An internal trace that is none goes on as it came (X.411 §9.2): it is not critical.
func TestUnreadableInternalTrace(t *testing.T) {
	value := ber.Raw{0x31, 0}
	m, _ := sent(t, spooled(t, func(m *mts.MessageTransferEnvelope) {
		m.Extensions = []mts.ExtensionField{{Type: mts.ExtInternalTraceInformation.Type(), Value: value}}
	}), "MTA-C")
	if len(m.Extensions) != 1 || !bytes.Equal(m.Extensions[0].Value, value) {
		t.Errorf("extensions %v", m.Extensions)
	}
}
