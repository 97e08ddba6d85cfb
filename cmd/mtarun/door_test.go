package main

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

// A peer sends envelopes that could be read but break X.411. Where a report can say so
// one does, and the peer is rid of the message; what no report could tell of ends the
// association, and the log says why.
func TestInvalidEnvelopes(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	a.configure("\n[[peer]]\nname = \"GOOD\"\nchannel = \"p1\"\npassword-in = \"secret of GOOD\"\n")
	a.start()
	h := &hostile{t: t, a: a}
	twice := []mts.ExtensionField{{Type: mts.StandardExtension(23)}, {Type: mts.StandardExtension(23)}}
	open := func() (conn *rtse.Conn) {
		n.until("an association", func() bool {
			var err error
			conn, err = h.open(h.dial(), "GOOD", "secret of GOOD")
			return err == nil
		})
		return conn
	}
	send := func(conn *rtse.Conn, edit func(*mts.MessageTransferEnvelope)) rtse.TransferResult {
		apdu := h.message(func(m *mts.MessageTransferEnvelope) {
			m.OriginatorName = m.PerRecipientFields[0].RecipientName
			m.PerRecipientFields[0].PerRecipientIndicators = mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNonDelivery)
			edit(m)
		})
		r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
		if err != nil {
			t.Logf("the transfer: %v", err)
		}
		return r
	}
	conn := open()
	answered := []struct {
		reason, diagnostic, text string
		edit                     func(*mts.MessageTransferEnvelope)
	}{
		{"unable-to-transfer", "protocol-violation", "trace-information is empty", func(m *mts.MessageTransferEnvelope) { m.TraceInformation = nil }},
		{"unable-to-transfer", "protocol-violation", "extensions has content-correlator twice", func(m *mts.MessageTransferEnvelope) { m.Extensions = twice }},
		{"unable-to-transfer", "size-constraint-violation", "content-identifier has size 17", func(m *mts.MessageTransferEnvelope) { m.ContentIdentifier = "12345678901234567" }},
		{"unable-to-transfer", "invalid-arguments", "deferred-delivery-time", func(m *mts.MessageTransferEnvelope) { m.DeferredDeliveryTime = "tomorrow" }},
		{"conversion-not-performed", "conversion-impractical", "explicit conversion ia5-text-to-teletex is not done here", func(m *mts.MessageTransferEnvelope) {
			c := mts.IA5TextToTeletex
			m.PerRecipientFields[0].ExplicitConversion = &c
		}},
		{"physical-delivery-not-performed", "", "delivery is by MHS only, not by physical-delivery", func(m *mts.MessageTransferEnvelope) {
			fields, err := mts.SetExt(nil, mts.ExtRequestedDeliveryMethod, []mts.DeliveryMethod{mts.PhysicalDelivery})
			if err != nil {
				t.Error(err)
			}
			m.PerRecipientFields[0].Extensions = fields
		}},
	}
	for i, c := range answered {
		if r := send(conn, c.edit); !r.Confirmed {
			t.Fatalf("%s: not taken: %+v", c.text, r)
		}
		n.until("a report on "+c.text, func() bool { return len(a.mailbox("ann")) == i+1 })
		got := a.mailbox("ann")[i].Report.Recipients[0]
		if got.Reason != c.reason || got.Diagnostic != c.diagnostic || !strings.Contains(got.Text, c.text) {
			t.Errorf("%s: %+v", c.text, got)
		}
	}
	if r := send(conn, func(m *mts.MessageTransferEnvelope) { m.PerRecipientFields[0].OriginallySpecifiedRecipientNumber = 0 }); r.Confirmed {
		t.Error("a message that nobody can be told about was taken")
	}
	n.until("the log says why", func() bool {
		return strings.Contains(strings.Join(h.news(), "\n"), "per-recipient-fields[0] has number 0, want 1 to 32767")
	})
	if r := send(open(), func(*mts.MessageTransferEnvelope) {}); !r.Confirmed {
		t.Errorf("a good message after it: %+v", r)
	}
	n.until("the good message is delivered", func() bool { return len(a.mailbox("ann")) == len(answered)+1 })
	a.stop()
	a.check()
}

// X.411 §14.3: a peer passes on a message before its deferred delivery time. Its
// originating MTA has not held it; here it is held for users, and on its way to the next
// peer only if that is configured.
func TestDeferredDeliveryFromAPeer(t *testing.T) {
	for _, hold := range []bool{false, true} {
		t.Run(fmt.Sprintf("hold-deferred=%v", hold), func(t *testing.T) {
			n := newNetwork(t)
			a := n.add("a", "ALPHA")
			a.set("[schedule]", fmt.Sprintf("hold-deferred = %v", hold))
			a.configure("\n[[peer]]\nname = \"GOOD\"\nchannel = \"p1\"\npassword-in = \"secret of GOOD\"\n")
			book := p1driver.NewBook()
			a.sink("CHARLIE", p1driver.SinkConfig{Book: book})
			a.start()
			h := &hostile{t: t, a: a}
			var conn *rtse.Conn
			n.until("an association", func() bool {
				var err error
				conn, err = h.open(h.dial(), "GOOD", "secret of GOOD")
				return err == nil
			})
			due := time.Now().Add(8 * time.Second).Truncate(time.Second)
			apdu := h.message(func(m *mts.MessageTransferEnvelope) {
				m.DeferredDeliveryTime = asn1.NewUTCTime(due)
				beyond := m.PerRecipientFields[0]
				address, err := oraddr.Parse("/S=Brown/PRMD=CHARLIE/ADMD=TEST/C=GB/")
				if err == nil {
					beyond.RecipientName, err = address.ORName()
				}
				if err != nil {
					t.Fatal(err)
				}
				beyond.OriginallySpecifiedRecipientNumber = 2
				m.PerRecipientFields = append(m.PerRecipientFields, beyond)
			})
			if r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu))); err != nil || !r.Confirmed {
				t.Fatalf("not taken: %+v, %v", r, err)
			}
			n.until("it arrives beyond", func() bool { return book.Len() == 1 })
			n.until("it is delivered", func() bool { return len(a.mailbox("ann")) == 1 })
			if at := a.mailbox("ann")[0].Delivered; at.Before(due) {
				t.Errorf("delivered at %s, not before %s", at, due)
			}
			if at := book.Arrivals()[0].Started; hold && at.Before(due) {
				t.Errorf("passed on at %s, held until %s", at, due)
			} else if !hold && at.After(due) {
				t.Errorf("passed on at %s, deferred to %s", at, due)
			}
			a.stop()
			a.check()
		})
	}
}
