package submit

import (
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// What came from another MTA is submitted again without what the MTS had put on it, for
// the recipients that were our responsibility, and with everything else as it was:
// private extensions and elements nobody knows too.
func TestAgainTakesTheTraceAway(t *testing.T) {
	d, _ := door(t)
	s := submission(t, ann, abroad, ann)
	private := mts.ExtensionField{Type: mts.PrivateExtension("1.2.3.4"), Value: ber.Raw{0x04, 0x01, 0x55}}
	s.Extensions = []mts.ExtensionField{private}
	s.Unknown = []ber.Raw{{0x9f, 0x50, 0x01, 0x07}}
	s.PerRecipientFields[1].Unknown = []ber.Raw{{0x9f, 0x51, 0x01, 0x08}}
	tx, err := d.Submit(spool.Source{}, *s)
	if err != nil {
		t.Fatal(err)
	}
	env, err := p1.DecodeMessageEnvelope(tx.Envelope().Wire, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	// On its way it was redirected, traced, and the first recipient went elsewhere.
	env.TraceInformation = mts.AppendTrace(nil, d.domain, now)
	if env.Extensions, err = mts.SetExt(env.Extensions, mts.ExtInternalTraceInformation, mts.AppendInternalTrace(nil, d.domain, "MTA-X", now)); err != nil {
		t.Fatal(err)
	}
	second := &env.PerRecipientFields[1]
	if second.Extensions, err = mts.SetExt(second.Extensions, mts.ExtRedirectionHistory, []mts.Redirection{{
		IntendedRecipientName: mts.IntendedRecipientName{IntendedRecipient: second.RecipientName, RedirectionTime: asn1.NewUTCTime(now)},
	}}); err != nil {
		t.Fatal(err)
	}
	env.PerRecipientFields[0].PerRecipientIndicators = env.PerRecipientFields[0].PerRecipientIndicators.WithResponsibility(false)
	raw, err := p1.EncodeMessageEnvelope(env)
	if err != nil {
		t.Fatal(err)
	}
	came, err := d.Message(spool.Source{Channel: "p1"}, raw, env)
	if err != nil {
		t.Fatal(err)
	}

	again, err := Again(came.Envelope())
	if err != nil {
		t.Fatal(err)
	}
	tx, err = d.Submit(spool.Source{}, *again)
	if err != nil {
		t.Fatal(err)
	}
	got, err := p1.DecodeMessageEnvelope(tx.Envelope().Wire, p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	want := *env
	want.MessageIdentifier = got.MessageIdentifier
	want.TraceInformation = nil
	want.Extensions = []mts.ExtensionField{private}
	want.PerRecipientFields = want.PerRecipientFields[1:]
	for i := range want.PerRecipientFields {
		f := &want.PerRecipientFields[i]
		f.OriginallySpecifiedRecipientNumber = i + 1
		f.Extensions = nil
	}
	wanted, err := p1.EncodeMessageEnvelope(&want)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]byte(wanted), tx.Envelope().Wire); diff != "" {
		t.Error(diff)
	}
	if tx.Envelope().MTSID == came.Envelope().MTSID {
		t.Error("it has kept its identifier")
	}
}

// What is submitted is delivered in time or refused; what only the MTS makes is refused.
func TestSubmitRefuses(t *testing.T) {
	d, _ := door(t)
	for name, spoil := range map[string]func(*Submission) error{
		"given up already": func(s *Submission) error { return s.Expire(now) },
		"deferred and given up": func(s *Submission) error {
			return errors.Join(s.Defer(now.Add(2*time.Hour)), s.Expire(now.Add(time.Hour)))
		},
		"a time that is none":          func(s *Submission) error { s.DeferredDeliveryTime = "yesterday"; return nil },
		"trace information":            func(s *Submission) error { s.TraceInformation = mts.AppendTrace(nil, d.domain, now); return nil },
		"a history of the recipient":   func(s *Submission) error { return setHistory(&s.PerRecipientFields[0].Extensions) },
		"a history of the message":     func(s *Submission) error { return setHistory(&s.Extensions) },
		"nobody":                       func(s *Submission) error { return s.Address() },
		"a long content identifier":    func(s *Submission) error { s.ContentIdentifier = "12345678901234567"; return nil },
		"a strange content identifier": func(s *Submission) error { s.ContentIdentifier = "a*b"; return nil },
	} {
		s := submission(t, ann)
		if err := spoil(s); err != nil {
			t.Fatal(err)
		}
		if tx, err := d.Submit(spool.Source{}, *s); err == nil {
			t.Errorf("%s: %+v", name, tx.Envelope())
		} else if k := diag.KindOf(err); k != diag.Data && k != diag.Usage {
			t.Errorf("%s: %v", name, err)
		}
	}
	s := submission(t, ann)
	if err := errors.Join(s.Defer(now.Add(-time.Hour)), s.Expire(now.Add(time.Minute))); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Submit(spool.Source{}, *s); err != nil {
		t.Errorf("deferred to a time that is past: %v", err)
	}
}

func setHistory(to *[]mts.ExtensionField) (err error) {
	*to, err = mts.SetExt(*to, mts.ExtRedirectionHistory, []mts.Redirection{})
	return err
}

// A year that the wire has no digits for is refused, and not taken for another.
func TestTimesOfOtherCenturies(t *testing.T) {
	s := submission(t, ann)
	for _, year := range []int{1949, 2050, 2099} {
		at := time.Date(year, 1, 2, 3, 4, 5, 0, time.UTC)
		if s.Defer(at) == nil || s.Expire(at) == nil {
			t.Errorf("%d was taken", year)
		}
	}
}

// FuzzAgain: an envelope that somebody has edited is a submission that X.411 can say, or
// an error; what it becomes can be read, and submitted again it is the same.
func FuzzAgain(f *testing.F) {
	d, _ := door(f)
	for _, probe := range []bool{false, true} {
		s := submission(f, ann, abroad)
		s.Probe = probe
		tx, err := d.Submit(spool.Source{}, *s)
		if err != nil {
			f.Fatal(err)
		}
		e := tx.Envelope()
		f.Add(probe, e.Wire, e.Originator, e.ContentType, e.ContentID, 0, int64(0), int64(0), 2, abroad, "delivery", "audited")
	}
	f.Add(false, []byte(nil), "/S=A/ADMD=X/C=FR/", "p2", "Ref", 2, now.Unix(), now.Unix()+100, 7, ann, "none", "")
	f.Fuzz(func(t *testing.T, probe bool, wire []byte, originator, contentType, contentID string, priority int,
		deferred, expires int64, n int, address, asked, askedByMTA string) {
		e := spool.Envelope{Kind: spool.KindMessage, Wire: wire, Originator: originator, ContentType: contentType, ContentID: contentID,
			Priority:   spool.Priorities()[uint(priority)%3],
			Recipients: []spool.Recipient{{N: n, Address: address, Report: asked, MTAReport: askedByMTA}, {N: 1, Address: ann}}}
		if probe {
			e.Kind = spool.KindProbe
		}
		for at, to := range map[int64]*time.Time{deferred: &e.Deferred, expires: &e.Expires} {
			if at != 0 {
				*to = time.Unix(at, 0).UTC()
			}
		}
		s, err := Again(&e)
		if err != nil {
			return
		}
		tx, err := d.Submit(spool.Source{}, *s)
		if err != nil {
			return
		}
		first := tx.Envelope()
		if s, err = Again(first); err != nil {
			t.Fatal(err)
		}
		if tx, err = d.Submit(spool.Source{}, *s); err != nil {
			t.Fatal(err)
		}
		second := *tx.Envelope()
		second.ID, second.MTSID, second.Wire = first.ID, first.MTSID, first.Wire
		if diff := cmp.Diff(first, &second, cmpopts.EquateEmpty()); diff != "" {
			t.Error(diff)
		}
	})
}
