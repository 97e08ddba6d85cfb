package x400p1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// switch1 is a channel process of MTA-A, with this test as its scheduler.
type switch1 struct {
	t      *testing.T
	conf   *conf.Config // of MTA-A
	peer   *conf.Config // of MTA-B, which calls and is called
	stream *channel.Stream
	listen net.Listener
	lines  chan channel.Line
	ended  chan error
}

const settingsText = `
[[peer]]
name = "MTA-%[1]s"
channel = "p1"
addresses = [{ host = "%[2]s", tsel = "%[1]s" }]
password-out = "%[3]s"
password-in = "%[4]s"
checkpoint-size = 1
recover-associations = true
[[route]]
match = "/PRMD=BRAVO/ADMD=TEST/C=GB/"
peers = ["MTA-%[1]s"]
`

func configuration(t *testing.T, name, peer, host, out, in string) *conf.Config {
	t.Helper()
	text := string(tableconf.Default("MTA-"+name, tableconf.Options{})) + fmt.Sprintf(settingsText, peer, host, out, in)
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

func start(t *testing.T) *switch1 {
	t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	var ends []*channel.Stream
	for _, fd := range fds {
		f := os.NewFile(uintptr(fd), "control")
		c, err := net.FileConn(f)
		if err = errors.Join(err, f.Close()); err != nil {
			t.Fatal(err)
		}
		ends = append(ends, channel.NewStream(c.(*net.UnixConn)))
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := &switch1{t: t, stream: ends[0], listen: l, lines: make(chan channel.Line, 100), ended: make(chan error, 1)}
	s.conf = configuration(t, "A", "B", l.Addr().String(), "secretA", "secretB")
	s.peer = configuration(t, "B", "A", "127.0.0.1:1", "secretB", "secretA")
	if err := spool.Init(s.conf.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	go func() {
		s.ended <- channel.Run(context.Background(), "p1", ends[1], nil, func(h *channel.Host, cfg *conf.Config) (channel.Kind, error) {
			return New(h, cfg, time.Now)
		})
	}()
	s.configure()
	go func() {
		for {
			line, _, err := s.stream.Receive()
			if err != nil {
				close(s.lines)
				return
			}
			if line.Type == channel.TypeSecure {
				_ = s.stream.Send(channel.Line{Type: channel.TypeDurable, Txn: line.Txn}) // a channel that has gone is met at the next line
				continue
			}
			s.lines <- line
		}
	}()
	s.next(channel.TypeHello)
	t.Cleanup(func() {
		_ = s.stream.Close()
		_ = l.Close()
		<-s.ended
	})
	return s
}

// configure hands the configuration over, at the start or again.
func (s *switch1) configure() {
	s.t.Helper()
	text, err := json.Marshal(s.conf)
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(channel.Line{Type: channel.TypeConfig, Config: text})
}

func (s *switch1) send(l channel.Line) {
	s.t.Helper()
	if err := s.stream.Send(l); err != nil {
		s.t.Fatal(err)
	}
}

// next is the next line of a type; others are passed over.
func (s *switch1) next(kind string) channel.Line {
	s.t.Helper()
	deadline := time.After(20 * time.Second)
	for {
		select {
		case l, ok := <-s.lines:
			if !ok {
				s.t.Fatalf("the channel ended instead of saying %s", kind)
			}
			if l.Type == kind {
				return l
			}
		case <-deadline:
			s.t.Fatalf("no %s line came", kind)
		}
	}
}

// event is the next record of an event.
func (s *switch1) event(name string) audit.Record {
	s.t.Helper()
	for {
		var r audit.Record
		if err := json.Unmarshal(s.next(channel.TypeEvent).Event, &r); err != nil {
			s.t.Fatal(err)
		}
		if r.Event == name {
			return r
		}
	}
}

// call connects to the channel as mtarun's listener would hand it over, and returns
// the caller's end.
func (s *switch1) call() net.Conn {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	caller, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	called, err := l.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	go func() {
		defer func() { _ = called.Close() }()
		_, octets, err := tp.PeekCR(called)
		if err != nil {
			return
		}
		f, err := called.(*net.TCPConn).File()
		if err != nil {
			return
		}
		_ = s.stream.SendFile(channel.Line{Type: channel.TypeAccept, Read: octets, From: "test"}, f)
	}()
	return caller
}

// bind calls as MTA-B with a name and a password.
func (s *switch1) bind(name, password string) (*rtse.Conn, error) {
	s.t.Helper()
	return s.bindOver(s.call(), name, password)
}

// bindOver is bind over a connection.
func (s *switch1) bindOver(nc net.Conn, name, password string) (*rtse.Conn, error) {
	peer, _ := s.peer.Peer("MTA-A")
	argument, err := p1.BindArgument(name, password, protocolOf(peer))
	if err != nil {
		return nil, err
	}
	return s.bindWith(nc, argument)
}

// bindWith calls with any bind argument.
func (s *switch1) bindWith(nc net.Conn, argument ber.Raw) (*rtse.Conn, error) {
	peer, _ := s.peer.Peer("MTA-A")
	conn, _, err := rtse.Open(context.Background(), nc, calling(s.peer, peer, time.Now()), argument)
	return conn, bindError(err)
}

func (s *switch1) bound() *rtse.Conn {
	s.t.Helper()
	conn, err := s.bind("MTA-B", "secretB")
	if err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// message is the MTS-APDU of a message to Ann.
func message(t *testing.T, content string) (apdu []byte) {
	t.Helper()
	name := func(text string) oraddr.ORName {
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
	bravo := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "BRAVO"})
	raw, err := p1.EncodeMessageEnvelope(&mts.MessageTransferEnvelope{
		MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: bravo, LocalIdentifier: "MTA-B.1"},
		OriginatorName:    name("/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"),
		ContentType:       mts.NewContentType(mts.InterpersonalMessaging1988),
		TraceInformation:  mts.AppendTrace(nil, bravo, time.Now()),
		PerRecipientFields: []mts.PerRecipientMessageTransferFields{{RecipientName: name("/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"),
			OriginallySpecifiedRecipientNumber: 1, PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportAlways)}},
	})
	if err != nil {
		t.Fatal(err)
	}
	prefix, _, err := p1.NewAPDU(raw, int64(len(content)))
	if err != nil {
		t.Fatal(err)
	}
	return append(prefix, content...)
}

// A wrong password and an unknown peer are refused alike, with authentication-error;
// the log tells them apart.
func TestBindRefused(t *testing.T) {
	s := start(t)
	for _, c := range []struct{ name, password, why string }{
		{"MTA-B", "secretA", "wrong credentials"},
		{"MTA-X", "secretB", "unknown peer"},
		{"", "", "unknown peer: it gives neither name nor credentials"},
	} {
		conn, err := s.bind(c.name, c.password)
		if conn != nil || !errors.Is(err, mts.AuthenticationError) || LayerOf(err) != "bind" {
			t.Errorf("%q: %v", c.name, err)
		}
		if r := s.event(audit.AssociationRefused); !strings.Contains(r.Text, c.why) || r.Layer != "bind" {
			t.Errorf("%q: %+v", c.name, r)
		}
	}
}

// X.411 §12.1.1: a dialogue mode that was not agreed on is an error of its own. One way
// where two were agreed on is only less.
func TestDialogueMode(t *testing.T) {
	cfg := configuration(t, "A", "B", "127.0.0.1:1", "secretA", "secretB")
	own, _ := cfg.Channel("p1")
	argument, err := p1.BindArgument("MTA-B", "secretB", 0)
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		twoWay bool
		mode   rtse.DialogueMode
		accept bool
	}{{true, rtse.TwoWayAlternate, true}, {true, rtse.Monologue, true}, {false, rtse.Monologue, true}, {false, rtse.TwoWayAlternate, false}} {
		cfg.Peers[0].TwoWay = c.twoWay
		b := binder{channel: &Channel{inbound: map[string]int{}, now: time.Now}}
		d := b.decide(&settings{Config: cfg, own: *own}, rtse.OpenIndication{Remote: rtse.Remote{Mode: c.mode}, UserData: argument})
		if d.Accept != c.accept || errors.Is(b.err, mts.UnacceptableDialogueMode) == c.accept {
			t.Errorf("two-way %v, %v: %+v, %v", c.twoWay, c.mode, d, b.err)
		}
	}
}

// The peer hears yes after the scheduler has said durable, and not before; when the
// scheduler refuses it hears no, and may send again over the same association.
func TestYesOnlyWhenDurable(t *testing.T) {
	s := start(t)
	conn := s.bound()
	if up := s.next(channel.TypeAssoc); up.State != channel.StateUp || up.Peer != "MTA-B" || !up.Inbound || up.Assoc < channel.InboundBase {
		t.Errorf("%+v", up)
	}
	content := strings.Repeat("0123456789", 1000) // several checkpoints
	apdu := message(t, content)
	transfer := func() chan rtse.TransferResult {
		done := make(chan rtse.TransferResult, 1)
		go func() {
			r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
			if err != nil {
				t.Error(err)
			}
			done <- r
		}()
		return done
	}
	done := transfer()
	commit := s.next(channel.TypeCommit)
	s.send(channel.Line{Type: channel.TypeRefused, Txn: commit.Txn, Text: "no room"})
	if r := <-done; r.Confirmed || r.InDoubt || r.Reason != session.ExceptionJeopardized {
		t.Errorf("refused: %+v", r)
	}
	done = transfer()
	commit = s.next(channel.TypeCommit)
	select {
	case r := <-done:
		t.Fatalf("%+v before durable", r)
	case <-time.After(100 * time.Millisecond):
	}
	sp, err := spool.Open(s.conf.Spool.Dir)
	if err != nil {
		t.Fatal(err)
	}
	m, err := sp.OpenMessage(spool.Ref{ID: commit.Envelope.ID, Priority: commit.Envelope.Priority})
	if err != nil {
		t.Fatal("told before the file was whole: ", err)
	}
	got, err := io.ReadAll(m.Content())
	if err != nil || string(got) != content {
		t.Errorf("%d octets of content, %v", len(got), err)
	}
	if err := errors.Join(m.Close(), sp.Close()); err != nil {
		t.Fatal(err)
	}
	s.send(channel.Line{Type: channel.TypeDurable, Txn: commit.Txn})
	if r := <-done; !r.Confirmed {
		t.Errorf("durable: %+v", r)
	}
	if err := conn.Close(context.Background()); err != nil {
		t.Error(err)
	}
	if down := s.next(channel.TypeAssoc); down.State != channel.StateDown || down.Aborted {
		t.Errorf("%+v", down)
	}
}

// What is no MTS-APDU ends its association, and one line of the log says which layer
// met what where; other associations go on.
func TestMalformedAPDU(t *testing.T) {
	s := start(t)
	other := s.bound()
	for _, octets := range []string{
		"\x30\x03\x02\x01\x05", // no alternative of the CHOICE
		"\xa0\x05\x31\x03\x02\x01\x05",
		string(message(t, "content")[:60]) + strings.Repeat("\xff", 200),
	} {
		conn := s.bound()
		apdu := append([]byte{0xa0, 0x82, byte(len(octets) >> 8), byte(len(octets))}, octets...)
		r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
		var abort *rtse.Abort
		if !errors.As(err, &abort) || r.Confirmed {
			t.Errorf("%x: %+v, %v", octets, r, err)
		}
		down := s.event(audit.AssociationDown)
		if down.Layer != layerP1 || !strings.Contains(down.Text, "octet") {
			t.Errorf("%x: %+v", octets, down)
		}
	}
	apdu := message(t, "content")
	done := make(chan error, 1)
	go func() {
		_, err := other.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
		done <- err
	}()
	s.send(channel.Line{Type: channel.TypeDurable, Txn: s.next(channel.TypeCommit).Txn})
	if err := <-done; err != nil {
		t.Errorf("the other association: %v", err)
	}
}

// accepted accepts one association as MTA-B, or refuses it.
func (s *switch1) accepted(accept bool) *rtse.Conn {
	s.t.Helper()
	nc, err := s.listen.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	_, octets, err := tp.PeekCR(nc)
	if err != nil {
		s.t.Fatal(err)
	}
	tc, _, err := tp.Accept(nc, octets, tp.Params{})
	if err != nil {
		s.t.Fatal(err)
	}
	conn, err := rtse.Accept(context.Background(), tc, answering(s.peer, &s.peer.Channels[0], time.Now()), func(ind rtse.OpenIndication) rtse.Decision {
		argument, err := p1.DecodeBindArgument(ind.UserData)
		if err != nil || (p1.Peer{Name: "MTA-A", Password: "secretA"}).CheckInitiator(argument) != nil || !accept {
			return rtse.Decision{UserData: p1.BindError(mts.AuthenticationError)}
		}
		result, err := p1.BindResult("MTA-B", "secretB", ind.Remote.ApplicationProtocol)
		if err != nil {
			s.t.Error(err)
		}
		return rtse.Decision{Accept: true, UserData: result}
	})
	if accept && err != nil {
		s.t.Fatal(err)
	}
	return conn
}

// answer accepts one association as MTA-B and returns what it is sent.
func (s *switch1) answer() (*rtse.TransferIndication, *p1.Incoming) {
	s.t.Helper()
	return s.receive(s.accepted(true))
}

// receive returns what MTA-B is sent over an association.
func (s *switch1) receive(conn *rtse.Conn) (*rtse.TransferIndication, *p1.Incoming) {
	s.t.Helper()
	ind, err := conn.Receive(context.Background())
	if err != nil {
		s.t.Fatal(err)
	}
	transfer, ok := ind.(*rtse.TransferIndication)
	if !ok {
		s.t.Fatalf("%T", ind)
	}
	in, err := p1.ReadAPDU(transfer.APDU, p1.Limits{})
	if err != nil {
		s.t.Fatal(err)
	}
	return transfer, in
}

// queue puts a message for two recipients in its place in the spool.
func (s *switch1) queue(raw ber.Raw) spool.Ref { return s.queueOf(raw, "content") }

func (s *switch1) queueOf(raw ber.Raw, content string) spool.Ref {
	s.t.Helper()
	sp, err := spool.Open(s.conf.Spool.Dir)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = sp.Close() }()
	ref := spool.Ref{ID: spool.NewID(time.Now()), Priority: spool.Normal}
	w, err := sp.CreateInPlace(ref)
	if err != nil {
		s.t.Fatal(err)
	}
	if _, err := w.Write([]byte(content)); err != nil {
		s.t.Fatal(err)
	}
	env := &spool.Envelope{Kind: spool.KindMessage, Originator: "/C=GB/", Accepted: time.Now(), Wire: raw,
		Recipients: []spool.Recipient{{N: 1, Address: "/C=GB/"}, {N: 2, Address: "/C=GB/"}}}
	if err := errors.Join(w.Finish(env), w.Close()); err != nil {
		s.t.Fatal(err)
	}
	return ref
}

// A job goes to the peer with responsibility for its recipients alone, with our trace,
// and is transferred when the peer has said so.
func TestTransferOut(t *testing.T) {
	s := start(t)
	apdu := message(t, "content")
	in, err := p1.ReadAPDU(bytes.NewReader(apdu), p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	two := *in.Message
	two.PerRecipientFields = append(two.PerRecipientFields, two.PerRecipientFields[0])
	two.PerRecipientFields[1].OriginallySpecifiedRecipientNumber = 2
	raw, err := p1.EncodeMessageEnvelope(&two)
	if err != nil {
		t.Fatal(err)
	}
	ref := s.queue(raw)
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 7, Peer: "MTA-B"})
	go func() {
		up := s.next(channel.TypeAssoc)
		if up.State != channel.StateUp || up.Assoc != 7 || !up.Turn {
			t.Errorf("%+v", up)
		}
		s.send(channel.Line{Type: channel.TypeJob, Job: 3, Generation: 9, Assoc: 7, Peer: "MTA-B", Ref: &ref, Recipients: []int{2}})
	}()
	ind, got := s.answer()
	f := got.Message.PerRecipientFields
	if f[0].PerRecipientIndicators.Responsibility() || !f[1].PerRecipientIndicators.Responsibility() {
		t.Error("responsibility for the wrong recipient")
	}
	trace := got.Message.TraceInformation
	if len(trace) != 2 || trace[1].GlobalDomainIdentifier.String() != "/PRMD=ALPHA/ADMD=TEST/C=GB/" {
		t.Errorf("trace %v", trace)
	}
	content, err := io.ReadAll(got.Content)
	if err = errors.Join(err, got.Finish()); err != nil || string(content) != "content" {
		t.Errorf("content %q, %v", content, err)
	}
	if err := ind.Accept(); err != nil {
		t.Fatal(err)
	}
	o := s.next(channel.TypeOutcome)
	if o.Job != 3 || o.Generation != 9 || len(o.Results) != 1 || o.Results[0].N != 2 || o.Results[0].Outcome != channel.OutcomeTransferred {
		t.Errorf("%+v", o)
	}
}

// A peer that cannot be reached and one that refuses are told with the layer.
func TestAssociationFailed(t *testing.T) {
	s := start(t)
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 1, Peer: "MTA-B"})
	s.accepted(false)
	if l := s.next(channel.TypeAssoc); l.State != channel.StateFailed || l.Layer != "bind" || !strings.Contains(l.Reason, "authentication-error") {
		t.Errorf("%+v", l)
	}
	if err := s.listen.Close(); err != nil {
		t.Fatal(err)
	}
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 2, Peer: "MTA-B"})
	if l := s.next(channel.TypeAssoc); l.State != channel.StateFailed || l.Layer != "transport" {
		t.Errorf("%+v", l)
	}
}
