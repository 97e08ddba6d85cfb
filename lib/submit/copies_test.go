package submit

import (
	"slices"
	"testing"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
)

// TestCopiesAreNumberedApart: a place of the X.411 envelope is its recipient's, whoever has to
// see to that one.
func TestCopiesAreNumberedApart(t *testing.T) {
	d, _ := border(t, "allow", "a: then add \""+archive+"\"", nil)
	m, raw := envelope(t, func(m *mts.MessageTransferEnvelope) {
		for i := range m.PerRecipientFields[1:] {
			m.PerRecipientFields[i+1].PerRecipientIndicators = mts.NewPerRecipientIndicators(false, mts.ReportNonDelivery, mts.ReportNonDelivery)
		}
	}, abroad, ann, nobody)
	env := passed(t, d, fromPeer, m, raw, nil)
	if got := shown(env); got != "border: p1 MTA-B, p1 MTA-C; : expand copy for "+archive || env.Recipients[0].N != 1 || env.Recipients[1].N != 4 {
		t.Errorf("%s: %+v", got, env.Recipients)
	}
}

// TestNoRoomForACopy: whoever was not to go without it waits, and the others go.
func TestNoRoomForACopy(t *testing.T) {
	d, _ := border(t, "allow", "a: if to = \""+abroad+"\" then hold \"h\", add \""+archive+"\"", nil)
	to := slices.Repeat([]string{ann}, mts.UbRecipients)
	to[7] = abroad
	m, raw := envelope(t, nil, to...)
	env := passed(t, d, fromPeer, m, raw, nil)
	if len(env.Recipients) != len(to) || env.Copied != nil {
		t.Fatalf("%d recipients, copies for %v", len(env.Recipients), env.Copied)
	}
	for i := range env.Recipients {
		r, want := &env.Recipients[i], ""
		if i == 7 {
			want = "h; there is no room for the copy to " + archive + ": a message has at most 32767 recipients"
		}
		if r.Fail != nil || r.Hold != want {
			t.Fatalf("recipient %d: held for %q, %+v", i, r.Hold, r.Fail)
		}
	}
}

// TestAgainLeavesCopies: who submits a message again does not name those whom policy has added.
func TestAgainLeavesCopies(t *testing.T) {
	d, _ := border(t, "allow", "a: then add \""+archive+"\"", nil)
	m, raw := envelope(t, nil, abroad)
	env := passed(t, d, fromPeer, m, raw, nil)
	s, err := Again(env)
	if err != nil || len(s.PerRecipientFields) != 1 || len(env.Recipients) != 2 {
		t.Errorf("%d of %d recipients, %v", len(s.PerRecipientFields), len(env.Recipients), err)
	}
}

// TestCopyEnvelope: a copy names the recipients whom the originator discloses, none of them
// anybody's responsibility, and its originator asks for no report.
func TestCopyEnvelope(t *testing.T) {
	for _, disclosed := range []bool{true, false} {
		_, raw := envelope(t, func(m *mts.MessageTransferEnvelope) {
			if disclosed {
				m.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients)
			}
		}, ann, abroad)
		o, err := p1.ReadOriginal(raw, p1.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		to, err := address(t, archive).ORName()
		if err != nil {
			t.Fatal(err)
		}
		out, err := o.Copy(to, p1.Action{Domain: mts.NewGlobalDomainIdentifier(address(t, ann).Domain()), MTA: "MTA-A", Arrived: now, Now: now})
		if err != nil {
			t.Fatal(err)
		}
		env, err := p1.DecodeMessageEnvelope(out, p1.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		if err := env.Valid(); err != nil {
			t.Error(err)
		}
		want := 1
		if disclosed {
			want = 3
		}
		if len(env.PerRecipientFields) != want {
			t.Fatalf("%d recipients, not %d", len(env.PerRecipientFields), want)
		}
		for i, f := range env.PerRecipientFields {
			last, bits := i == want-1, f.PerRecipientIndicators
			if bits.Responsibility() != last || last && (addressText(f.RecipientName) != archive || bits.OriginatorReport() != mts.ReportNone || bits.OriginatingMTAReport() != mts.ReportNonDelivery) {
				t.Errorf("recipient %d: %s, %v", i, addressText(f.RecipientName), bits)
			}
		}
	}
}
