package main

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

// The most that X.411 allows passes two switches: 32767 recipients in one message, and
// a trace that has 512 elements in the end. One element more is a loop.
func TestLimitsOfX411(t *testing.T) {
	n := newNetwork(t)
	a, b := n.add("a", "ALPHA"), n.add("b", "BRAVO")
	link(a, b)
	for _, m := range n.switches {
		m.configure("\n[limits]\nenvelope-size = \"16MiB\"\n")
	}
	book := p1driver.NewBook()
	b.sink("CHARLIE", p1driver.SinkConfig{Book: book})
	a.configure("\n[[route]]\nmatch = \"/PRMD=CHARLIE/ADMD=TEST/C=GB/\"\npeers = [\"MTA-B\"]\n")
	a.configure("\n[[peer]]\nname = \"GOOD\"\nchannel = \"p1\"\npassword-in = \"secret of GOOD\"\n")
	b.route(a, a)
	a.start()
	b.start()
	h := &hostile{t: t, a: a}
	var conn *rtse.Conn
	n.until("an association", func() bool {
		var err error
		conn, err = h.open(h.dial(), "GOOD", "secret of GOOD")
		return err == nil
	})
	send := func(edit func(*mts.MessageTransferEnvelope)) {
		t.Helper()
		apdu := h.message(edit)
		if r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu))); err != nil || !r.Confirmed {
			t.Fatalf("not taken: %+v, %v", r, err)
		}
	}
	named := func(surname string) oraddr.ORName {
		address, err := oraddr.Parse("/S=" + surname + "/PRMD=CHARLIE/ADMD=TEST/C=GB/")
		if err != nil {
			t.Fatal(err)
		}
		name, err := address.ORName()
		if err != nil {
			t.Fatal(err)
		}
		return name
	}

	begun := time.Now()
	send(func(m *mts.MessageTransferEnvelope) {
		one := m.PerRecipientFields[0]
		m.PerRecipientFields = make([]mts.PerRecipientMessageTransferFields, mts.UbRecipients)
		for i := range m.PerRecipientFields {
			one.RecipientName, one.OriginallySpecifiedRecipientNumber = named(fmt.Sprint("R", i+1)), i+1
			m.PerRecipientFields[i] = one
		}
	})
	t.Logf("%d recipients were taken after %v", mts.UbRecipients, time.Since(begun).Round(time.Millisecond))
	n.until("they arrive behind two switches", func() bool { return book.Len() == 1 })
	t.Logf("they had passed two switches after %v", time.Since(begun).Round(time.Millisecond))
	numbers := slices.Clone(book.Arrivals()[0].Numbers)
	slices.Sort(numbers)
	if len(slices.Compact(numbers)) != mts.UbRecipients {
		t.Errorf("the next MTA is responsible for %d of them", len(numbers))
	}

	visited := func(elements int) func(*mts.MessageTransferEnvelope) {
		return func(m *mts.MessageTransferEnvelope) {
			for i := range elements - 1 {
				m.TraceInformation = mts.AppendTrace(m.TraceInformation, mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: fmt.Sprint("P", i)}), time.Now())
			}
			m.OriginatorName = m.PerRecipientFields[0].RecipientName // Ann
			m.PerRecipientFields[0].RecipientName = named("Brown")
			m.PerRecipientFields[0].PerRecipientIndicators = mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNonDelivery)
		}
	}
	send(visited(mts.UbTransfers - 2))
	n.until("a message with a full trace arrives", func() bool { return book.Len() == 2 })
	send(visited(mts.UbTransfers - 1))
	n.until("one that would be longer is reported", func() bool { return len(a.mailbox("ann")) == 1 })
	if r := a.mailbox("ann")[0].Report.Recipients[0]; r.Diagnostic != "loop-detected" {
		t.Errorf("%+v", r)
	}
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
		m.stop()
		m.check()
	}
}
