package rtse

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

func TestUserAbort(t *testing.T) {
	for _, by := range []string{"initiator", "responder"} {
		a, b := associate(t, testConfig("A"), testConfig("B"))
		if by == "responder" {
			a, b = b, a
		}
		a.Abort(UserError)
		if got := receive[Aborted](t, a); !got.Local || got.RTAB != UserError {
			t.Errorf("%s: %v", by, got.Abort)
		}
		got := receive[Aborted](t, b)
		if got.Local || got.Layer != LayerRTSE || got.RTAB != UserError || got.Protocol {
			t.Errorf("%s: the peer has %+v", by, got.Abort)
		}
	}
}

// An association that is aborted or lost while an APDU is on its way: both sides
// are told, and the sender knows whether the peer may have it.
func TestLostInTransfer(t *testing.T) {
	for _, whole := range []bool{false, true} {
		for _, how := range []string{"abort", "lost"} {
			a, b := associate(t, testConfig("A"), testConfig("B"))
			done := transfer(t, a, value(1_000_000))
			ind := receive[*TransferIndication](t, b)
			if whole {
				if _, err := io.ReadAll(ind.APDU); err != nil {
					t.Fatal(err)
				}
			}
			if how == "abort" {
				b.Abort(TemporaryProblem)
			} else {
				b.tc.Close()
			}
			r := await(t, done)
			var abort *Abort
			if !errors.As(r.err, &abort) || r.InDoubt != whole || r.Confirmed {
				t.Errorf("%s, whole %v: %+v", how, whole, r)
			}
			if how == "abort" && (abort.Layer != LayerRTSE || abort.RTAB != TemporaryProblem) {
				t.Errorf("%s: %v", how, abort)
			}
			if err := ind.Accept(); err == nil {
				t.Errorf("%s: accepted", how)
			}
			// Who does not read does not hear: the APDU first, then how it ended.
			if _, err := io.ReadAll(ind.APDU); !whole && !errors.As(err, &abort) {
				t.Errorf("%s: read: %v", how, err)
			}
			receive[Aborted](t, a)
			receive[Aborted](t, b)
		}
	}
}

// A peer that stops in the middle of an APDU is not waited for without end.
func TestIdle(t *testing.T) {
	cr := testConfig("B")
	cr.Timers.Idle = 50 * time.Millisecond
	peer, conns, _ := rawPeer(t, cr, accepting)
	for _, b := range tsdus(t, 'I', "CN") {
		write(t, peer, b)
	}
	tsdu(t, peer)
	conn := <-conns
	time.Sleep(100 * time.Millisecond) // nothing is owed
	for _, b := range tsdus(t, 'I', "AS", "DT") {
		write(t, peer, b)
	}
	ind := receive[*TransferIndication](t, conn)
	if _, err := io.ReadAll(ind.APDU); !errors.As(err, new(*Abort)) || !strings.Contains(err.Error(), "nothing from the peer within 50ms") {
		t.Errorf("read: %v", err)
	}
	if got := receive[Aborted](t, conn); !got.Local || diag.KindOf(got.Abort) != diag.Temporary {
		t.Errorf("%v", got.Abort)
	}
	if b := tsdu(t, peer); b[0] != 0x19 {
		t.Errorf("sent % X, want an AB", b)
	}
}

// What a peer does wrong is answered with an abort of the layer that found it, and
// the error says what it was and where. The peer has sent the TSDUs of the recorded
// association named by after.
func TestMalformed(t *testing.T) {
	const (
		abRTSE = `19 37 11 01 03 C1 32 A0 30 A0 12 30 07 02 01 01 06 02 51 01 30 07 02 01 03 06 02 51 01
			61 1A 30 18 02 01 01 A0 13 64 11 80 01 00 BE 0C 28 0A 02 01 03 A0 05 B6 03 80 01 04`
		abACSE = `19 20 11 01 03 C1 1B A0 19 A0 09 30 07 02 01 01 06 02 51 01 61 0C 30 0A 02 01 01 A0 05 64 03 80 01 01`
	)
	for _, tt := range []struct {
		name   string
		after  []string
		octets string
		layer  Layer
		answer string
		err    string
	}{
		{"no SPDU", nil, `99 00`, LayerSession, ``, "session"},
		{"CN without CP", nil, `0D 0E 05 06 13 01 00 16 01 02 14 02 02 49 C1 00`, LayerPresentation, ``, "CP"},
		{"SPDU out of place", []string{"CN"}, `0D 00`, LayerSession, ``, "session"},
		{"data outside an activity", []string{"CN"}, `01 00 01 00 61 0A 30 08 02 01 03 A0 03 04 01 00`, LayerRTSE, abRTSE, "in state waiting for the turn"},
		{"MIA without MIP", []string{"CN", "AS"}, `02 00 32 03 2A 01 31`, LayerSession, ``, ""},
		{"data that is no presentation data", []string{"CN", "AS"}, `01 00 01 00 30 03 02 01 03`, LayerPresentation,
			`19 0A 11 01 03 C1 05 30 03 80 01 01`, "unexpected"},
		{"data in a context that is not defined", []string{"CN", "AS"}, `01 00 01 00 61 0A 30 08 02 01 09 A0 03 04 01 00`, LayerPresentation,
			`19 0D 11 01 03 C1 08 30 06 80 01 06 81 01 07`, "context 9 is not in the defined context set"},
		{"data without data", []string{"CN", "AS"}, `01 00 01 00`, LayerPresentation, `19 0A 11 01 03 C1 05 30 03 80 01 01`, "without user data"},
		{"data in the context of the user", []string{"CN", "AS"}, `01 00 01 00 61 0A 30 08 02 01 05 A0 03 04 01 00`, LayerRTSE, abRTSE, "RTTR: data in presentation context 5: want 3"},
		{"RTTR of another type", []string{"CN", "AS"}, `01 00 01 00 61 0A 30 08 02 01 03 A0 03 02 01 00`, LayerRTSE, abRTSE, "RTTR: at octet 0 of the value"},
		{"RTTR that holds no EXTERNAL", []string{"CN", "AS"}, `01 00 01 00 61 0C 30 0A 02 01 03 A0 05 04 03 02 01 00`, LayerRTSE, abRTSE, "EXTERNAL at octet 0: not an EXTERNAL"},
		{"EXTERNAL of a context that was not accepted", []string{"CN", "AS"}, `01 00 01 00 61 12 30 10 02 01 03 A0 0B 04 09 28 07 02 01 09 A0 02 05 00`, LayerRTSE, abRTSE, "presentation context 9 has not been accepted"},
		{"end without an APDU", []string{"CN", "AS"}, `01 00 29 03 2A 01 31`, LayerRTSE, abRTSE, "EXTERNAL at octet 0: unexpected EOF"},
		{"APDU that ends too early", []string{"CN", "AS", "DT"}, `01 00 29 03 2A 01 31`, LayerRTSE, abRTSE, "EXTERNAL at octet 208: unexpected EOF"},
		{"end with the wrong number", []string{"CN", "AS", "DT"}, `01 00 29 03 2A 01 35`, LayerSession, ``, ""},
		{"RTTP of another type", []string{"CN"}, `02 11 10 01 01 C1 0C 61 0A 30 08 02 01 03 A0 03 04 01 04`, LayerRTSE, abRTSE, "RTTP"},
		{"release that is none", []string{"CN"}, `09 13 11 01 01 C1 0E 61 0C 30 0A 02 01 01 A0 05 63 03 80 01 00`, LayerACSE, abACSE, "RLRQ: the APDU is missing"},
		{"tokens given one by one", []string{"CN"}, `01 03 10 01 15`, LayerRTSE, abRTSE, "not used by reliable transfer"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer, conns, failed := rawPeer(t, testConfig("B"), accepting)
			answered := 0
			for _, b := range tsdus(t, 'I', tt.after...) {
				write(t, peer, b)
				if b[0] == 0x0d {
					answered++
					tsdu(t, peer)
				}
			}
			write(t, peer, unhex(t, tt.octets))
			var got *Abort
			if answered == 0 {
				if err := <-failed; !errors.As(err, &got) {
					t.Fatalf("error %v", err)
				}
			} else {
				conn := <-conns
				for got == nil {
					ind, err := conn.Receive(testContext(t))
					if err != nil {
						t.Fatal(err)
					}
					switch ind := ind.(type) {
					case Aborted:
						got = ind.Abort
					case *TransferIndication:
						_, err := io.ReadAll(ind.APDU)
						if !errors.As(err, new(*Abort)) {
							t.Errorf("read: %v", err)
						}
					default:
						t.Fatalf("received %T", ind)
					}
				}
			}
			if got.Layer != tt.layer || !got.Local || !got.Protocol || !strings.Contains(got.Error(), tt.err) {
				t.Errorf("abort %+v\nerror %v\nwant one of %s with %q", got, got, tt.layer, tt.err)
			}
			b := tsdu(t, peer)
			if b[0] != 0x19 || tt.layer == LayerSession && !bytes.Contains(b, []byte{0x11, 0x01, 0x05}) {
				t.Errorf("sent % X", b)
			}
			if tt.answer != "" && !bytes.Equal(b, unhex(t, tt.answer)) {
				t.Errorf("sent % X\nwant % X", b, unhex(t, tt.answer))
			}
		})
	}
}

// The same at an initiator, with a peer whose answers are wrong.
func TestMalformedAnswers(t *testing.T) {
	ac := tsdus(t, 'R', "AC")[0]
	for _, tt := range []struct {
		name  string
		ac    func(b []byte) []byte
		layer Layer
		err   string
	}{
		{"another PPDU", func(b []byte) []byte { b[bytes.Index(b, []byte{0x31, 0x72})] = 0x30; return b }, LayerPresentation, "CPA"},
		{"a result too few", func(b []byte) []byte {
			return bytes.Replace(b, unhex(t, `A5 1B 30 07 80 01 00 81 02 51 01`), unhex(t, `A5 1B 87 07 80 01 00 81 02 51 01`), 1)
		}, LayerPresentation, "CPA"},
		{"a transfer syntax that was not proposed", func(b []byte) []byte {
			return bytes.Replace(b, unhex(t, `80 01 00 81 02 51 01`), unhex(t, `80 01 00 81 02 51 02`), 1)
		}, LayerPresentation, `transfer syntax "2.1.2" was not proposed`},
		{"another APDU", func(b []byte) []byte { return bytes.Replace(b, unhex(t, `61 3F A1 06`), unhex(t, `65 3F A1 06`), 1) }, LayerACSE, "AARE"},
		{"a rejection that accepts", func(b []byte) []byte {
			return bytes.Replace(b, unhex(t, `A2 03 02 01 00`), unhex(t, `A2 03 02 01 01`), 1)
		}, LayerACSE, "rejected (permanent) on an accepted connection"},
		{"RTORJ in an acceptance", func(b []byte) []byte { return bytes.Replace(b, unhex(t, `B1 20 80`), unhex(t, `B2 20 80`), 1) }, LayerRTSE, "RTOAC"},
		{"no RTOAC", func(b []byte) []byte {
			return bytes.Replace(b, unhex(t, `28 27 02 01 03`), unhex(t, `28 27 02 01 05`), 1)
		}, LayerRTSE, "RTOAC: missing from the user information"},
		{"a negative window", func(b []byte) []byte {
			return bytes.Replace(b, unhex(t, `81 01 03 A2 18`), unhex(t, `81 01 FF A2 18`), 1)
		}, LayerRTSE, "windowSize -1"},
		{"connection data of another kind", func(b []byte) []byte {
			return bytes.Replace(b, unhex(t, `A2 18 A0 16`), unhex(t, `A2 18 A3 16`), 1)
		}, LayerRTSE, "RTOAC: connectionData"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, r := pipe(t)
			answer := tt.ac(bytes.Clone(ac))
			if bytes.Equal(answer, ac) {
				t.Fatal("nothing is wrong with the answer")
			}
			sent := make(chan []byte, 1)
			go func() {
				tc, err := acceptTransport(r)
				if err != nil {
					return
				}
				if _, _, err := tc.ReadTSDU(); err != nil {
					return
				}
				if err := tc.WriteTSDU(answer); err != nil {
					return
				}
				b, _, _ := tc.ReadTSDU()
				sent <- bytes.Clone(b)
			}()
			_, _, err := Open(testContext(t), i, recordedConfig("MTA-A"), recordedArgument)
			if abort := within[*Abort](err); abort == nil || abort.Layer != tt.layer || !abort.Local || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%+v, %v", abort, err)
			}
			if b := <-sent; len(b) == 0 || b[0] != 0x19 {
				t.Errorf("sent % X, want an AB", b)
			}
		})
	}
}

// X.410-1984 mode is refused in its own terms: an RTORJ in the place of a CPR.
func TestX410Refused(t *testing.T) {
	peer, _, failed := rawPeer(t, testConfig("B"), accepting)
	cp := unhex(t, `31 2B A0 03 80 01 00 A1 24 80 01 3F 81 01 03 82 01 01 A3 16 A0 14
		A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41 84 01 0C`)
	cn := append(unhex(t, `0D 3E 05 09 13 01 00 16 01 01 1A 01 00 14 02 02 49 C1 2D`), cp...)
	write(t, peer, cn)
	var a *Abort
	if err := <-failed; !errors.As(err, &a) || !errors.Is(err, errX410) {
		t.Errorf("error %v", err)
	}
	if b := tsdu(t, peer); b[0] != 0x0c || !bytes.HasSuffix(b, unhex(t, `32 06 02 31 03 80 01 02`)) {
		t.Errorf("sent % X", b)
	}
}

// Nobody is told that something has been sent which was still to be written when the
// transport connection ended, or came after that.
func TestNothingSentUnwritten(t *testing.T) {
	for _, when := range []string{"before", "after"} {
		_, c := associate(t, testConfig("A"), testConfig("B"))
		c.mu.Lock() // the goroutines that read and write wait
		if when == "before" {
			c.enqueue(outgoing{octets: tp.Octets{Segments: [][]byte{{0}}}})
		}
		c.disconnected(io.EOF)
		c.dead = true
		if when == "after" {
			c.enqueue(outgoing{octets: tp.Octets{Segments: [][]byte{{0}}}})
		}
		c.toWrite.Signal()
		c.mu.Unlock()
		if err := c.flush(); !errors.Is(err, net.ErrClosed) || diag.KindOf(err) != diag.Unavailable {
			t.Errorf("%s: %v", when, err)
		}
	}
}

// slow is a keeper that takes its time over what is long.
type slow struct {
	*memory
	entered, gate chan struct{}
	changed       chan bool // whether the octets did, while it was at them
}

type slowKept struct {
	Kept
	*slow
}

func (s *slow) Keep(name ActivityName) Kept { return slowKept{s.memory.Keep(name), s} }

func (k slowKept) Write(b []byte) (int, error) {
	if len(b) > 10_000 {
		before := bytes.Clone(b)
		close(k.entered)
		<-k.gate
		k.changed <- !bytes.Equal(b, before)
	}
	return k.Kept.Write(b)
}

// The octets that are being kept stay as they are when the association ends, whatever
// arrives on it.
func TestAbortAmidKeeping(t *testing.T) {
	keeper := &slow{memory: newMemory(), entered: make(chan struct{}), gate: make(chan struct{}), changed: make(chan bool, 1)}
	ctx := testContext(t)
	i, r := net.Pipe() // without a buffer: what has been written has been read
	conns, errs := make(chan *Conn, 1), make(chan error, 1)
	go func() {
		c, err := acceptOn(ctx, r, testConfig("B"), func(OpenIndication) Decision {
			return Decision{Accept: true, UserData: bindResult, Keeper: keeper}
		})
		conns <- c
		errs <- err
	}()
	peer, err := tp.Connect(ctx, i, tp.Params{})
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for {
			if _, _, err := peer.ReadTSDU(); err != nil {
				return
			}
		}
	}()
	write(t, peer, tsdus(t, 'I', "CN")[0])
	conn := <-conns
	if err := <-errs; err != nil {
		t.Fatal(err)
	}
	for _, b := range tsdus(t, 'I', "AS", "DT") {
		write(t, peer, b)
	}
	ind := receive[*TransferIndication](t, conn)
	read := make(chan error, 1)
	go func() {
		_, err := io.Copy(io.Discard, ind.APDU)
		read <- err
	}()
	data := func(fill byte) []byte {
		octets := bytes.Repeat([]byte{fill}, 100_000)
		rttr := append(ber.AppendHeader(nil, tagOctetString, false, int64(len(octets))), octets...)
		return append([]byte{1, 0, 1, 0}, presentationData(asn1.Context(0), rttr)...)
	}
	write(t, peer, tsdus(t, 'I', "MIP")[0])
	write(t, peer, data('a'))
	<-keeper.entered
	conn.Abort(UserError)
	if err := peer.SetWriteDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	_ = peer.WriteTSDU(data('b')) // it may find nobody
	close(keeper.gate)
	if <-keeper.changed {
		t.Error("the octets have changed while they were being kept")
	}
	if err := <-read; !errors.As(err, new(*Abort)) {
		t.Errorf("read: %v", err)
	}
}

// A sender interrupts: the answer is AIA and the octets are dropped. It resumes: the
// answer is an exception, and the sender discards.
func TestInterruptAndResume(t *testing.T) {
	peer, conns, _ := rawPeer(t, testConfig("B"), accepting)
	write(t, peer, tsdus(t, 'I', "CN")[0])
	tsdu(t, peer)
	conn := <-conns
	for _, b := range tsdus(t, 'I', "AS", "DT") {
		write(t, peer, b)
	}
	ind := receive[*TransferIndication](t, conn)
	write(t, peer, unhex(t, `01 00 19 03 32 01 05`))
	var d *Discarded
	if _, err := io.ReadAll(ind.APDU); !errors.As(err, &d) || !d.Interrupted || d.Reason != session.ExceptionLocalUserError {
		t.Errorf("read: %v", err)
	}
	if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, `02 00 1A 00`)) {
		t.Errorf("sent % X, want AIA", b)
	}
	write(t, peer, unhex(t, `01 00 1D 0F 21 08 29 03 02 01 01 2A 01 30 29 03 02 01 06`))
	if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, `02 00 30 03 32 01 06`)) {
		t.Errorf("sent % X, want ED", b)
	}
	write(t, peer, unhex(t, `01 00 39 03 32 01 00`))
	if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, `02 00 3A 00`)) {
		t.Errorf("sent % X, want ADA", b)
	}
	// All is as before.
	for _, b := range tsdus(t, 'I', "AS", "DT") {
		write(t, peer, b)
	}
	receive[*TransferIndication](t, conn)
}

// A peer that encodes everything with indefinite lengths and in segments.
func TestIndefiniteLengths(t *testing.T) {
	peer, conns, _ := rawPeer(t, testConfig("B"), accepting)
	write(t, peer, tsdus(t, 'I', "CN")[0])
	tsdu(t, peer)
	conn := <-conns
	write(t, peer, tsdus(t, 'I', "AS")[0])
	write(t, peer, unhex(t, `01 00 01 00 61 80 30 80 02 01 03 A0 80 24 80 04 02 28 80 04 02 02 01 00 00 00 00 00 00 00 00`))
	write(t, peer, unhex(t, `01 00 31 03 2A 01 31`))
	write(t, peer, unhex(t, `01 00 01 00 61 80 30 80 02 01 03 81 10 04 0E 05 A0 80 30 80 02 01 07 00 00 00 00 00 00 00 00 00 00`))
	write(t, peer, unhex(t, `01 00 29 03 2A 01 32`))
	ind := receive[*TransferIndication](t, conn)
	got, err := io.ReadAll(ind.APDU)
	if err != nil || !bytes.Equal(got, unhex(t, `30 80 02 01 07 00 00`)) {
		t.Errorf("read % X, %v", got, err)
	}
	if err := ind.Accept(); err != nil {
		t.Error(err)
	}
	for _, want := range []string{`02 00 32 03 2A 01 31`, `02 00 2A 03 2A 01 32`} {
		if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, want)) {
			t.Errorf("sent % X, want %s", b, want)
		}
	}
}

// A peer that does not take what is written is given up.
func TestWriteStalls(t *testing.T) {
	ci := testConfig("A")
	ci.Timers.Idle = 100 * time.Millisecond
	ci.CheckpointSize = -1
	i, r := pipe(t)
	ctx := testContext(t)
	stop := make(chan struct{})
	defer close(stop)
	go func() {
		tc, err := acceptTransport(r)
		if err != nil {
			return
		}
		if _, _, err := tc.ReadTSDU(); err != nil {
			return
		}
		ac := bytes.Replace(tsdus(t, 'R', "AC")[0], []byte{0x80, 0x01, 0x3f}, []byte{0x80, 0x01, 0x00}, 1)
		if err := tc.WriteTSDU(ac); err != nil {
			return
		}
		<-stop // and reads no more
	}()
	ci.SessionVersions = session.Version2
	a, _, err := Open(ctx, i, ci, bindArgument)
	if err != nil {
		t.Fatal(err)
	}
	result, err := a.Transfer(ctx, io.LimitReader(zeroes{}, 64<<20), 64<<20)
	if err == nil || result.Confirmed || result.InDoubt || !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("%+v, %v", result, err)
	}
	if got := receive[Aborted](t, a); got.Layer != LayerTransport {
		t.Errorf("%v", got.Abort)
	}
}
