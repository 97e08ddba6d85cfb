package rtse

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// part is a TSDU, or a part of one that goes on with the next if there is more.
type part struct {
	octets []byte
	more   bool
}

// segmentsOf cuts a fuzz input into TSDUs and parts of them: two octets of length before
// each, of which the first bit says that there is more.
func segmentsOf(b []byte) []part {
	var all []part
	for len(b) >= 2 && len(all) < 16 {
		length := binary.BigEndian.Uint16(b)
		n := min(int(length&0x7fff), len(b)-2)
		all = append(all, part{b[2 : 2+n], length&0x8000 != 0})
		b = b[2+n:]
	}
	return all
}

// transmit writes a part. What transport does not take is left out.
func transmit(peer *tp.Conn, p part) error {
	var err error
	if p.more {
		err = peer.WritePart(p.octets)
	} else {
		err = peer.WriteTSDU(p.octets)
	}
	if diag.KindOf(err) == diag.Usage {
		return nil
	}
	return err
}

// whole is TSDUs that are not in parts.
func whole(tsdus [][]byte) []part {
	all := make([]part, len(tsdus))
	for i, b := range tsdus {
		all[i].octets = b
	}
	return all
}

func joined(tsdus ...[]byte) []byte {
	var b []byte
	for _, s := range tsdus {
		b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
		b = append(b, s...)
	}
	return b
}

// seeds are the TSDUs of one side of the recorded associations, whole and from each
// point on. The first argument tells X.410-1984 mode.
func seeds(f *testing.F, side byte) {
	for _, x410 := range []bool{false, true} {
		var all [][]byte
		for _, l := range recordIn(f, x410) {
			if l.side == side && l.name != "CR" && l.name != "CC" {
				all = append(all, l.octets[7:])
			}
		}
		for i := range all {
			f.Add(x410, uint8(i), joined(all[i:]...))
			f.Add(x410, uint8(0), joined(all[i]))
			cut := joined(all[i][:1], all[i][1:len(all[i])/2], all[i][len(all[i])/2:])
			cut[0], cut[3] = cut[0]|0x80, cut[3]|0x80
			f.Add(x410, uint8(i), cut)
		}
	}
	for _, s := range []string{
		`02 00 30 03 32 01 01`, `01 00 19 03 32 01 05`, `01 00 39 03 32 01 00`, `19 03 11 01 05`, `1A 00`,
		`01 00 1D 0F 21 08 29 03 02 01 01 2A 01 30 29 03 02 01 06`, `02 00 3A 00`,
	} {
		f.Add(false, uint8(3), joined(unhex(f, s)))
		f.Add(true, uint8(3), joined(unhex(f, s)))
	}
	for _, s := range []string{`02 08 10 01 01 C1 03 02 01 02`, `19 0A 11 01 03 C1 05 31 03 80 01 04`, `0C 08 11 01 01 32 06 02 31 03 80 01 02`} {
		f.Add(true, uint8(3), joined(unhex(f, s)))
	}
}

// recordIn is the recorded association in either mode.
func recordIn(t testing.TB, x410 bool) []line {
	if x410 {
		return record(t, "association_x410")
	}
	return recorded(t)
}

// prefixes gives a function that tells what a peer says, in either mode, before the
// octets of the fuzzer: the first so many of the TSDUs named.
func prefixes(f *testing.F, side byte, names ...string) func(x410 bool, n uint8) [][]byte {
	normal, x := tsdusOf(f, recordIn(f, false), side, names...), tsdusOf(f, recordIn(f, true), side, names...)
	return func(x410 bool, n uint8) [][]byte {
		all := normal
		if x410 {
			all = x
		}
		count := int(n) % (len(all) + 1)
		return all[:count:count]
	}
}

// stack drives the layers without streams: the machine over its lower. What the
// layers order is checked for being the kind of thing they may order.
type stack struct {
	t       *testing.T
	machine *machine
	low     *lower
	over    bool
	arrived []byte // of the activity last started
	open    bool   // a TSDU has been ordered in part
}

func newStack(t *testing.T, initiator, x410 bool) *stack {
	cfg := testConfig("A")
	if x410 {
		cfg.ApplicationProtocols = []int64{12, 1}
	}
	cfg, err := cfg.complete()
	if err != nil {
		t.Fatal(err)
	}
	return &stack{t: t, machine: &machine{initiator: initiator}, low: newLower(cfg, initiator)}
}

func (s *stack) step(ev event) {
	events := []event{ev}
	for n := 0; len(events) > 0; n++ {
		if n > 1000 {
			s.t.Fatal("the layers do not come to rest")
		}
		for _, a := range s.machine.step(events[0]) {
			switch a := a.(type) {
			case rtAborted, rtRefused, rtCloseInd, rtCloseCnf:
				if s.over {
					s.t.Errorf("%T after the end", a)
				}
				s.over = true
			case rtCheckpoint:
				events = append(events, rtSecured(a))
			case rtEndInd:
				events = append(events, rtAccept{})
			case rtGiveInd:
				events = append(events, rtTransfer{Activity: []byte{2, 1, 1}}, rtSegment{Segments: [][]byte{{1, 2}}}, rtEnd{})
			case rtOpenInd:
				events = append(events, rtOpenRsp{Checkpoint: 63, Window: 3, UserData: bindResult})
			case rtOpenCnf:
				events = append(events, rtTransfer{Activity: []byte{2, 1, 1}}, rtSegment{Segments: [][]byte{{1, 2}}}, rtSegment{Segments: [][]byte{{3}}, Rest: 4})
			case rtTransferInd:
				s.arrived = nil
			case rtDataInd:
				s.arrived = append(s.arrived, a.Octets...)
			case rtError, rtTransferCnf, rtWindow, rtGone, rtPleaseInd:
			default:
				out := s.low.request(a)
				s.check(out)
				events = append(events, out.up...)
			}
		}
		events = events[1:]
	}
}

func (s *stack) check(out output) {
	for _, d := range out.down {
		if d, ok := d.(session.TDataRequest); ok {
			n := 0
			for _, segment := range d.TSDU {
				n += len(segment)
			}
			if n == 0 && (!s.open || d.More) {
				s.t.Error("an empty TSDU")
			}
			s.open = d.More
		}
	}
}

func (s *stack) transport(ev session.Event) {
	out := s.low.transport(ev)
	s.check(out)
	for _, ev := range append([]event(nil), out.up...) {
		s.step(ev)
	}
}

// Octets from a peer, in any state of a responder, lead to an end or to a state of
// rest; nothing panics, and an end is told once.
func FuzzResponderLayers(f *testing.F) {
	seeds(f, 'I')
	prefix := prefixes(f, 'I', "CN", "AS", "DT", "MIP", "DT", "AE")
	f.Fuzz(func(t *testing.T, x410 bool, skip uint8, b []byte) {
		s := newStack(t, false, x410)
		for _, p := range prefix(x410, skip) {
			s.transport(session.TDataIndication{TSDU: bytes.Clone(p)})
		}
		for _, p := range segmentsOf(b) {
			s.transport(session.TDataIndication{TSDU: bytes.Clone(p.octets), More: p.more})
		}
		s.transport(session.TimerExpired{})
		s.transport(session.TDisconnectIndication{})
		if !s.over && s.machine.state != idle {
			t.Errorf("%s without a transport connection", s.machine.state)
		}
	})
}

// The same at an initiator.
func FuzzInitiatorLayers(f *testing.F) {
	seeds(f, 'R')
	prefix := prefixes(f, 'R', "AC", "MIA", "PT")
	f.Fuzz(func(t *testing.T, x410 bool, skip uint8, b []byte) {
		s := newStack(t, true, x410)
		s.step(rtOpen{Checkpoint: 63, Window: 3, Mode: TwoWayAlternate, UserData: bindArgument})
		for _, p := range prefix(x410, skip) {
			s.transport(session.TDataIndication{TSDU: bytes.Clone(p)})
		}
		for _, p := range segmentsOf(b) {
			s.transport(session.TDataIndication{TSDU: bytes.Clone(p.octets), More: p.more})
		}
		s.transport(session.TDisconnectIndication{})
		if !s.over {
			t.Errorf("%s without a transport connection", s.machine.state)
		}
	})
}

// fuzzConfig has short times: a peer made of random octets owes answers.
func fuzzConfig(x410 bool) Config {
	c := testConfig("A")
	if x410 {
		c.ApplicationProtocols = []int64{12, 1}
	}
	c.Timers = Timers{
		Open: 200 * time.Millisecond, Transfer: 100 * time.Millisecond, Idle: 50 * time.Millisecond,
		Release: 50 * time.Millisecond, Disconnect: 20 * time.Millisecond,
	}
	return c
}

// A Conn that hears random octets ends, in bounded time, and leaves nobody waiting.
func FuzzConnEnds(f *testing.F) {
	seeds(f, 'I')
	prefix := prefixes(f, 'I', "CN", "AS", "DT", "MIP", "DT", "AE")
	f.Fuzz(func(t *testing.T, x410 bool, skip uint8, b []byte) {
		i, r := net.Pipe()
		defer i.Close()
		cfg := fuzzConfig(x410)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			conn, err := acceptOn(testContext(t), r, cfg, accepting)
			if err != nil {
				r.Close()
				return
			}
			consume(t, conn)
		}()
		peer, err := tp.Connect(testContext(t), i, tp.Params{})
		if err != nil {
			t.Fatal(err)
		}
		go io.Copy(io.Discard, i)
		for _, p := range append(whole(prefix(x410, skip)), segmentsOf(b)...) {
			if transmit(peer, p) != nil {
				break
			}
		}
		i.Close()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("the association does not end")
		}
	})
}

// The same at an initiator.
func FuzzOpenEnds(f *testing.F) {
	seeds(f, 'R')
	prefix := prefixes(f, 'R', "AC", "MIA", "AEA", "PT", "GTC")
	f.Fuzz(func(t *testing.T, x410 bool, skip uint8, b []byte) {
		i, r := net.Pipe()
		defer r.Close()
		cfg := fuzzConfig(x410)
		ended := make(chan struct{})
		go func() {
			defer close(ended)
			conn, _, err := Open(testContext(t), i, cfg, bindArgument)
			if err != nil {
				return
			}
			apdu := value(100)
			opened := make(chan struct{})
			go func() {
				defer close(opened)
				_, _ = conn.TransferWith(testContext(t), bytes.NewReader(apdu), int64(len(apdu)), TransferOptions{sizes: []int{60, 30}})
				_ = conn.Close(testContext(t))
				conn.Abort(UserError)
			}()
			consume(t, conn)
			<-opened
		}()
		peer, err := acceptTransport(r)
		if err == nil {
			go io.Copy(io.Discard, r)
		}
		for _, p := range append(whole(prefix(x410, skip)), segmentsOf(b)...) {
			if err != nil || transmit(peer, p) != nil {
				break // its time was over
			}
		}
		r.Close()
		select {
		case <-ended:
		case <-time.After(10 * time.Second):
			t.Fatal("the association does not end")
		}
	})
}

// consume takes what arrives until the association is over.
func consume(t *testing.T, conn *Conn) {
	for {
		ind, err := conn.Receive(testContext(t))
		if err != nil {
			t.Error(err)
			return
		}
		switch ind := ind.(type) {
		case Closed, Aborted:
			return
		case *TransferIndication:
			if _, err := io.Copy(io.Discard, ind.APDU); err == nil {
				_ = ind.Accept()
			}
		case TurnGiven:
			apdu := value(100)
			if _, err := conn.Transfer(testContext(t), bytes.NewReader(apdu), int64(len(apdu))); err != nil && !gone(err) {
				t.Errorf("transfer: %v", err)
			}
		}
	}
}

// gone reports whether a transfer failed for a reason a peer can cause, or because
// the other goroutine of the test was first.
func gone(err error) bool {
	for _, known := range []error{net.ErrClosed, errBusy, errClosing, errState} {
		if errors.Is(err, known) {
			return true
		}
	}
	return errors.As(err, new(*Abort))
}
