package x400p1

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/downgrade"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

const ann = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"

func orName(t *testing.T, text string) oraddr.ORName {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

func nameText(t *testing.T, n oraddr.ORName) string {
	t.Helper()
	a, err := n.Address()
	if err != nil {
		t.Fatal(err)
	}
	return a.String()
}

// reachable is an association of 1984 that a job may use, and its other end.
func (s *switch1) reachable() *rtse.Conn {
	s.t.Helper()
	s.mode(conf.Mode1984)
	s.peer.Peers[0].Mode = conf.Mode1984
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 1, Peer: "MTA-B"})
	conn := s.accepted(true)
	if up := s.next(channel.TypeAssoc); up.State != channel.StateUp || !up.Turn {
		s.t.Fatalf("%+v", up)
	}
	return conn
}

// The outcomes of as many recipients as a message may have are found in no time, each its
// own.
func TestManyRefused(t *testing.T) {
	o := outward{}
	j := channel.Job{}
	for n := 1; n <= conf.MaxRecipients; n++ {
		j.Recipients = append(j.Recipients, n)
		if n%2 == 0 {
			o.refuse(n, &downgrade.Impossible{})
		}
	}
	begun := time.Now()
	all := o.outcomes(j, channel.Result{Outcome: channel.OutcomeTransferred})
	if d := time.Since(begun); d > time.Second {
		t.Errorf("found in %s", d)
	}
	for i, r := range all {
		want := channel.OutcomeTransferred
		if r.N%2 == 0 {
			want = channel.OutcomeFailed
		}
		if r.N != i+1 || r.Outcome != want {
			t.Fatalf("%+v of recipient %d", r, i+1)
		}
	}
}

// What goes over an association of 1984 is of 1984; the outcome says what was left out,
// and which recipient could not be told the peer at all.
func TestTransferOutAs1984(t *testing.T) {
	s := start(t)
	in, err := p1.ReadAPDU(bytes.NewReader(message(t, "content")), p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := in.Message
	m.ContentType = mts.NewContentType(mts.InterpersonalMessaging1984)
	m.OriginatorName = orName(t, "/CN=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/")
	if m.Extensions, err = mts.SetExt(nil, mts.ExtDLExpansionProhibited, mts.Prohibited); err != nil {
		t.Fatal(err)
	}
	one := m.PerRecipientFields[0]
	m.PerRecipientFields = nil
	for i, text := range []string{"/CN=Ann/PRMD=BRAVO/ADMD=TEST/C=GB/", "/CN=*{165}/PRMD=BRAVO/ADMD=TEST/C=GB/"} {
		one.RecipientName, one.OriginallySpecifiedRecipientNumber = orName(t, text), i+1
		m.PerRecipientFields = append(m.PerRecipientFields, one)
	}
	raw, err := p1.EncodeMessageEnvelope(m)
	if err != nil {
		t.Fatal(err)
	}
	ref := s.queue(raw)
	conn := s.reachable()
	s.send(channel.Line{Type: channel.TypeJob, Job: 3, Assoc: 1, Peer: "MTA-B", Ref: &ref, Recipients: []int{1, 2}})
	ind, got := s.receive(conn)
	content, err := io.ReadAll(got.Content)
	if err = errors.Join(err, got.Finish()); err != nil || string(content) != "content" {
		t.Errorf("content %q, %v", content, err)
	}
	if len(got.Message.Extensions) > 0 || nameText(t, got.Message.OriginatorName) != "/DD.Common=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/" {
		t.Errorf("%+v", got.Message)
	}
	f := got.Message.PerRecipientFields
	if nameText(t, f[0].RecipientName) != "/DD.Common=Ann/PRMD=BRAVO/ADMD=TEST/C=GB/" || !f[0].PerRecipientIndicators.Responsibility() || f[1].PerRecipientIndicators.Responsibility() {
		t.Errorf("%+v", f)
	}
	if trace := got.Message.TraceInformation; len(trace) != 2 {
		t.Errorf("trace %v", trace)
	}
	if err := ind.Accept(); err != nil {
		t.Fatal(err)
	}
	o := s.next(channel.TypeOutcome)
	if len(o.Results) != 2 {
		t.Fatalf("%+v", o)
	}
	if r := o.Results[0]; r.N != 1 || r.Outcome != channel.OutcomeTransferred || r.Text != "as of 1984, without extension dl-expansion-prohibited" {
		t.Errorf("%+v", r)
	}
	if r := o.Results[1]; r.N != 2 || r.Outcome != channel.OutcomeFailed || r.Reason != int(mts.UnableToTransfer) || r.Diagnostic != int(mts.UnableToDowngrade) || !strings.Contains(r.Text, "CN=*{165}") {
		t.Errorf("%+v", r)
	}
}

// What cannot be downgraded is never sent, and not tried again.
func TestImpossibleAs1984(t *testing.T) {
	s := start(t)
	in, err := p1.ReadAPDU(bytes.NewReader(message(t, "content")), p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	m := in.Message
	m.ContentType = mts.NewExtendedContentType(mts.ContentP772)
	raw, err := p1.EncodeMessageEnvelope(m)
	if err != nil {
		t.Fatal(err)
	}
	ref := s.queue(raw)
	s.reachable()
	s.send(channel.Line{Type: channel.TypeJob, Job: 3, Assoc: 1, Peer: "MTA-B", Ref: &ref, Recipients: []int{1}})
	o := s.next(channel.TypeOutcome)
	if r := o.Results[0]; r.Outcome != channel.OutcomeFailed || r.Reason != int(mts.UnableToTransfer) || r.Diagnostic != int(mts.UnableToDowngrade) {
		t.Errorf("%+v", r)
	}
}

// What comes over an association of 1984 has the names of 1988 in the spool. An address
// that this switch has given away comes back as what it was by any way.
func TestTransferInOf1984(t *testing.T) {
	for mode, want := range map[string][2]string{
		conf.Mode1984:   {"/CN=Ann/PRMD=ALPHA/ADMD=TEST/C=GB/", "/CN=yen*{165}/PRMD=BRAVO/ADMD=TEST/C=GB/"},
		conf.ModeNormal: {"/DD.Common=Ann/PRMD=ALPHA/ADMD=TEST/C=GB/", "/CN=yen*{165}/PRMD=BRAVO/ADMD=TEST/C=GB/"},
	} {
		t.Run(mode, func(t *testing.T) {
			s := start(t)
			s.mode(mode)
			s.peer.Peers[0].Mode = mode
			in, err := p1.ReadAPDU(bytes.NewReader(message(t, "content")), p1.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			in.Message.OriginatorName = orName(t, "/DD.Common=Ann/PRMD=ALPHA/ADMD=TEST/C=GB/")
			in.Message.PerRecipientFields[0].RecipientName = orName(t, "/DD.X400-88=$/CN$=yen(042)(123)165(125)$/PRMD$=BRAVO$/ADMD$=TEST$/C$=GB$//PRMD=ALPHA/ADMD=TEST/C=GB/")
			raw, err := p1.EncodeMessageEnvelope(in.Message)
			if err != nil {
				t.Fatal(err)
			}
			prefix, total, err := p1.NewAPDU(raw, 7)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := s.bind("MTA-B", "secretB")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = conn.Transfer(context.Background(), strings.NewReader(string(prefix)+"content"), total)
			}()
			env := s.stored().Envelope
			got, err := p1.DecodeMessageEnvelope(env.Wire, p1.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if nameText(t, got.OriginatorName) != want[0] || env.Originator != want[0] {
				t.Errorf("originator %s, %s", nameText(t, got.OriginatorName), env.Originator)
			}
			if nameText(t, got.PerRecipientFields[0].RecipientName) != want[1] || env.Recipients[0].Address != want[1] {
				t.Errorf("recipient %+v", env.Recipients[0])
			}
		})
	}
}

// A report is taken with the content it returns, which comes after what it says; one
// of 1984 as it is, but for the names.
func TestReportWithContentIn(t *testing.T) {
	for mode, want := range map[string]string{
		conf.ModeNormal: "/DD.Common=Bob/PRMD=BRAVO/ADMD=TEST/C=GB/",
		conf.Mode1984:   "/CN=Bob/PRMD=BRAVO/ADMD=TEST/C=GB/",
	} {
		t.Run(mode, func(t *testing.T) {
			s := start(t)
			s.mode(mode)
			s.peer.Peers[0].Mode = mode
			bravo := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"})
			raw, err := p1.EncodeReport(&mts.Report{
				Envelope: mts.ReportTransferEnvelope{ReportIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: bravo, LocalIdentifier: "R.1"},
					ReportDestinationName: orName(t, ann), TraceInformation: mts.AppendTrace(nil, bravo, time.Now())},
				Content: mts.ReportTransferContent{SubjectIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: bravo, LocalIdentifier: "S.1"},
					PerRecipientFields: []mts.PerRecipientReportTransferFields{{ActualRecipientName: orName(t, "/DD.Common=Bob/PRMD=BRAVO/ADMD=TEST/C=GB/"),
						OriginallySpecifiedRecipientNumber: 1, PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportAlways),
						LastTraceInformation: mts.LastTraceInformation{ArrivalTime: "261127120000Z", ReportType: mts.NewNonDelivery(mts.UnableToTransfer, mts.UnrecognisedORName)}}}},
			})
			if err != nil {
				t.Fatal(err)
			}
			prefix, total, err := p1.NewAPDU(raw, 7)
			if err != nil {
				t.Fatal(err)
			}
			conn, err := s.bind("MTA-B", "secretB")
			if err != nil {
				t.Fatal(err)
			}
			go func() {
				_, _ = conn.Transfer(context.Background(), strings.NewReader(string(prefix)+"content"), total)
			}()
			stored := s.stored()
			env := stored.Envelope
			got, err := p1.DecodeReport(env.Wire, p1.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			content, err := io.ReadAll(stored.Content())
			if err != nil || string(content) != "content" || env.Kind != spool.KindReport || env.Subject != "[/PRMD=BRAVO/ADMD=TEST/C=GB/;S.1]" {
				t.Errorf("%v %q %+v", err, content, env)
			}
			if to := nameText(t, got.Content.PerRecipientFields[0].ActualRecipientName); to != want {
				t.Errorf("recipient %s, want %s", to, want)
			}
		})
	}
}

// stored is the message that a peer is sending, once it is in the spool.
func (s *switch1) stored() *spool.Message {
	s.t.Helper()
	commit := s.next(channel.TypeCommit)
	s.send(channel.Line{Type: channel.TypeDurable, Txn: commit.Txn})
	sp, err := spool.Open(s.conf.Spool.Dir)
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = sp.Close() })
	m, err := sp.OpenMessage(spool.Ref{ID: commit.Envelope.ID, Priority: commit.Envelope.Priority})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = m.Close() })
	return m
}
