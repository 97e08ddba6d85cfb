package rtse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"runtime"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
)

func TestTransferSizes(t *testing.T) {
	ci, cr := testConfig("A"), testConfig("B")
	ci.CheckpointSize, cr.CheckpointSize = 2, 63
	a, b := associate(t, ci, cr)
	for _, n := range []int{2, 100, 2030, 2037, 2038, 2039, 2040, 2048, 4096, 10000, 300000} {
		send(t, a, b, value(n))
	}
	if r := a.Remote(); r.Checkpoint != 2 || r.Window != 3 || r.Mode != TwoWayAlternate || r.Version != session.Version2 {
		t.Errorf("the initiator has %+v", r)
	}
	if r := b.Remote(); r.Checkpoint != 2 || r.Window != 3 || r.Mode != TwoWayAlternate || referenceText(r.Identifier.CallingReference) != "A" {
		t.Errorf("the responder has %+v", r)
	}
}

// A size of 0 proposes no limit: where either side proposes it, the other's is agreed on,
// and both sides send so much at most.
func TestWithoutCheckpoints(t *testing.T) {
	for _, tt := range []struct{ initiator, responder, agreed int }{
		{-1, -1, 0},
		{4, -1, 4},
		{-1, 63, 63},
	} {
		ci, cr := testConfig("A"), testConfig("B")
		ci.CheckpointSize, cr.CheckpointSize = tt.initiator, tt.responder
		a, b := associate(t, ci, cr)
		if x, y := a.Remote().Checkpoint, b.Remote().Checkpoint; x != int64(tt.agreed) || y != x {
			t.Errorf("%+v: checkpoint size %d at the one, %d at the other", tt, x, y)
		}
		send(t, a, b, value(3_000_000))
		if err := a.GiveTurn(); err != nil {
			t.Fatal(err)
		}
		receive[TurnGiven](t, b)
		send(t, b, a, value(3_000_000))
	}
}

func TestVersion1(t *testing.T) {
	ci := testConfig("A")
	ci.SessionVersions = session.Version1
	a, b := associate(t, ci, testConfig("B"))
	send(t, a, b, value(100_000))
	if err := b.PleaseTurn(1); err != nil {
		t.Fatal(err)
	}
	receive[TurnRequested](t, a)
	if a.Remote().Version != session.Version1 {
		t.Errorf("version %s", a.Remote().Version)
	}
	if err := a.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	receive[Closed](t, b)
}

// Both sides transfer on one association, as the turn passes.
func TestTurn(t *testing.T) {
	a, b := associate(t, testConfig("A"), testConfig("B"))
	for round := range 3 {
		send(t, a, b, value(5000+round))
		for _, p := range []int64{3, 1, 2} {
			if err := b.PleaseTurn(p); err != nil {
				t.Fatal(err)
			}
		}
		if p := receive[TurnRequested](t, a).Priority; p != 1 && p != 3 {
			t.Errorf("priority %d", p)
		}
		if !a.HasTurn() || b.HasTurn() {
			t.Fatal("the turn is in the wrong place")
		}
		if _, err := b.Transfer(testContext(t), bytes.NewReader(nil), 0); diag.KindOf(err) != diag.Usage {
			t.Errorf("transfer without the turn: %v", err)
		}
		if err := a.GiveTurn(); err != nil {
			t.Fatal(err)
		}
		receive[TurnGiven](t, b)
		if a.HasTurn() || !b.HasTurn() {
			t.Fatal("the turn is in the wrong place")
		}
		send(t, b, a, value(100_000+round))
		if err := b.GiveTurn(); err != nil {
			t.Fatal(err)
		}
		receive[TurnGiven](t, a)
	}
	if err := a.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	receive[Closed](t, b)
	receive[Closed](t, b)
	if err := a.PleaseTurn(1); err == nil {
		t.Error("a turn was asked for on a closed association")
	}
}

// Of several requests the most urgent is told, and once.
func TestTurnRequestsCoalesce(t *testing.T) {
	a, b := associate(t, testConfig("A"), testConfig("B"))
	done := transfer(t, a, value(10))
	ind := receive[*TransferIndication](t, b)
	for _, p := range []int64{3, 1, 2} {
		if err := b.PleaseTurn(p); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.ReadAll(ind.APDU); err != nil {
		t.Fatal(err)
	}
	if err := ind.Accept(); err != nil {
		t.Fatal(err)
	}
	await(t, done)
	if p := receive[TurnRequested](t, a).Priority; p != 1 {
		t.Errorf("priority %d", p)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if ind, err := a.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("received %T %+v, %v", ind, ind, err)
	}
}

func TestInitialTurnAtResponder(t *testing.T) {
	ci := testConfig("A")
	ci.InitialTurn = TurnResponder
	a, b := associate(t, ci, testConfig("B"))
	if a.HasTurn() || !b.HasTurn() {
		t.Fatal("the turn is in the wrong place")
	}
	send(t, b, a, value(1000))
	// The initiator closes without the turn: it asks for it.
	closed := make(chan error, 1)
	go func() { closed <- a.Close(testContext(t)) }()
	if p := receive[TurnRequested](t, b).Priority; p != 0 {
		t.Errorf("priority %d", p)
	}
	if err := b.Close(testContext(t)); diag.KindOf(err) != diag.Usage {
		t.Errorf("the responder closes: %v", err)
	}
	if err := b.GiveTurn(); err != nil {
		t.Fatal(err)
	}
	if err := <-closed; err != nil {
		t.Errorf("close: %v", err)
	}
	receive[Closed](t, b)
}

func TestMonologue(t *testing.T) {
	ci := testConfig("A")
	ci.TwoWayAlternate = false
	a, b := associate(t, ci, testConfig("B"))
	if err := a.GiveTurn(); err != nil {
		t.Fatal(err)
	}
	receive[TurnGiven](t, b)
	if _, err := b.Transfer(testContext(t), bytes.NewReader(value(2)), 2); !errors.Is(err, errMonologue) {
		t.Errorf("transfer: %v", err)
	}
}

// The sender has no answer before the receiver says Accept.
func TestNoAcknowledgementBeforeAccept(t *testing.T) {
	a, b := associate(t, testConfig("A"), testConfig("B"))
	done := transfer(t, a, value(200_000))
	ind := receive[*TransferIndication](t, b)
	if ind.Syntax != SyntaxMTSE {
		t.Errorf("syntax %s", ind.Syntax)
	}
	if err := ind.Accept(); !errors.Is(err, errIncomplete) {
		t.Errorf("accept unread: %v", err)
	}
	if _, err := io.ReadAll(ind.APDU); err != nil {
		t.Fatal(err)
	}
	select {
	case r := <-done:
		t.Fatalf("answered before Accept: %+v", r)
	case <-time.After(50 * time.Millisecond):
	}
	if err := ind.Accept(); err != nil {
		t.Fatal(err)
	}
	if r := await(t, done); !r.Confirmed {
		t.Errorf("%+v", r)
	}
	if err := ind.Accept(); !errors.Is(err, errSettled) {
		t.Errorf("accept twice: %v", err)
	}
	if err := ind.Reject(session.ExceptionLocalUserError); !errors.Is(err, errSettled) {
		t.Errorf("reject after accept: %v", err)
	}
}

// A decoder that stops at the last octet of the APDU has read it to its end.
func TestAcceptAtLastOctet(t *testing.T) {
	a, b := associate(t, testConfig("A"), testConfig("B"))
	apdu := value(5000)
	done := transfer(t, a, apdu)
	ind := receive[*TransferIndication](t, b)
	if _, err := io.ReadFull(ind.APDU, make([]byte, len(apdu))); err != nil {
		t.Fatal(err)
	}
	if err := ind.Accept(); err != nil {
		t.Fatal(err)
	}
	if r := await(t, done); !r.Confirmed {
		t.Errorf("%+v", r)
	}
}

// The receiver rejects, at the beginning, in the middle and at the end of the APDU;
// the association goes on.
func TestReject(t *testing.T) {
	a, b := associate(t, testConfig("A"), testConfig("B"))
	for _, read := range []int64{0, 100_000, 1 << 40} {
		done := transfer(t, a, value(1_000_000))
		ind := receive[*TransferIndication](t, b)
		if _, err := io.CopyN(io.Discard, ind.APDU, read); err != nil && err != io.EOF {
			t.Fatal(err)
		}
		if err := ind.Reject(session.ExceptionJeopardized); err != nil {
			t.Fatal(err)
		}
		if r := await(t, done); r.err != nil || r.Confirmed || r.InDoubt || r.Reason != session.ExceptionJeopardized || r.Err != nil {
			t.Errorf("after %d octets: %+v", read, r)
		}
		if _, err := ind.APDU.Read(make([]byte, 1)); err == nil {
			t.Error("a rejected APDU can be read")
		}
		send(t, a, b, value(1000))
	}
}

type failingReader struct {
	n   int
	err error
}

func (f *failingReader) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, f.err
	}
	n := min(f.n, len(p))
	f.n -= n
	return n, nil
}

// The source of the APDU fails: the activity is discarded, the association goes on.
func TestSourceFails(t *testing.T) {
	a, b := associate(t, testConfig("A"), testConfig("B"))
	broken := errors.New("disk on fire")
	for _, n := range []int{0, 200_000} {
		done := make(chan transferred, 1)
		go func() {
			r, err := a.Transfer(testContext(t), &failingReader{n, broken}, 1_000_000)
			done <- transferred{r, err}
		}()
		if n > 0 {
			ind := receive[*TransferIndication](t, b)
			_, err := io.ReadAll(ind.APDU)
			var d *Discarded
			if !errors.As(err, &d) || d.Reason != session.ExceptionLocalUserError {
				t.Errorf("read: %v", err)
			}
			if err := ind.Accept(); !errors.As(err, &d) {
				t.Errorf("accept: %v", err)
			}
		}
		if r := await(t, done); r.err != nil || r.Confirmed || !errors.Is(r.Err, broken) {
			t.Errorf("%+v", r)
		}
		send(t, a, b, value(1000))
	}
}

// The context of a transfer ends while the receiver does not read.
func TestTransferCancelled(t *testing.T) {
	ci := testConfig("A")
	ci.WindowSize = 1
	a, b := associate(t, ci, testConfig("B"))
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan transferred, 1)
	go func() {
		apdu := value(1_000_000)
		r, err := a.Transfer(ctx, bytes.NewReader(apdu), int64(len(apdu)))
		done <- transferred{r, err}
	}()
	ind := receive[*TransferIndication](t, b)
	cancel()
	if _, err := io.ReadAll(ind.APDU); !errors.As(err, new(*Discarded)) {
		t.Errorf("read: %v", err)
	}
	if r := await(t, done); r.err != nil || !errors.Is(r.Err, context.Canceled) {
		t.Errorf("%+v", r)
	}
	send(t, a, b, value(10))
}

// The transfer time passes while the receiver secures the APDU: the sender discards
// it and may send it again.
func TestTransferTime(t *testing.T) {
	ci := testConfig("A")
	ci.Timers.Transfer = 100 * time.Millisecond
	a, b := associate(t, ci, testConfig("B"))
	done := transfer(t, a, value(1_000_000))
	ind := receive[*TransferIndication](t, b)
	if _, err := io.ReadFull(ind.APDU, make([]byte, 900)); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	err := a.wait(testContext(t), nil, func() bool { return a.machine.state == awaitDiscardAck })
	a.mu.Unlock()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(ind.APDU); !errors.As(err, new(*Discarded)) {
		t.Errorf("read: %v", err)
	}
	if r := await(t, done); r.err != nil || r.Confirmed || !errors.Is(r.Err, errTime) {
		t.Errorf("%+v", r)
	}
	if err := ind.Accept(); !errors.As(err, new(*Discarded)) {
		t.Errorf("accept: %v", err)
	}
	send(t, a, b, value(10))
}

// Nothing is read ahead of a user that reads slowly: what is sent and not yet
// confirmed is bounded by the window.
func TestBackpressure(t *testing.T) {
	ci := testConfig("A")
	ci.CheckpointSize, ci.WindowSize = 4, 2
	a, b := associate(t, ci, testConfig("B"))
	size := int64(8 << 20)
	head, err := appendExternal(nil, 5, size)
	if err != nil {
		t.Fatal(err)
	}
	src := &counting{r: io.LimitReader(zeroes{}, size)}
	done := make(chan transferred, 1)
	go func() {
		r, err := a.Transfer(testContext(t), src, size)
		done <- transferred{r, err}
	}()
	ind := receive[*TransferIndication](t, b)
	var read int64
	buf := make([]byte, 1000)
	for read < size {
		n, err := ind.APDU.Read(buf)
		read += int64(n)
		if err != nil {
			t.Fatal(err)
		}
		// The window, the RTTR being read and the one being filled.
		if ahead := src.count() + int64(len(head)) - read; ahead > 5*4096+1000 {
			t.Fatalf("%d octets ahead of the reader", ahead)
		}
	}
	if err := ind.Accept(); err != nil {
		t.Fatal(err)
	}
	if r := await(t, done); !r.Confirmed {
		t.Errorf("%+v", r)
	}
}

func TestOtherSyntaxes(t *testing.T) {
	ci, cr := testConfig("A"), testConfig("B")
	other := asn1.OID("2.6.0.2.14")
	ci.OtherSyntaxes, cr.OtherSyntaxes = []asn1.OID{other, "2.6.0.2.16"}, []asn1.OID{other}
	a, b := associate(t, ci, cr)
	done := make(chan transferred, 1)
	go func() {
		apdu := value(10)
		r, err := a.TransferWith(testContext(t), bytes.NewReader(apdu), int64(len(apdu)), TransferOptions{Syntax: other})
		done <- transferred{r, err}
	}()
	ind := receive[*TransferIndication](t, b)
	if ind.Syntax != other {
		t.Errorf("syntax %s", ind.Syntax)
	}
	if _, err := io.ReadAll(ind.APDU); err != nil {
		t.Fatal(err)
	}
	if err := ind.Accept(); err != nil {
		t.Fatal(err)
	}
	if r := await(t, done); !r.Confirmed {
		t.Errorf("%+v", r)
	}
	// The peer does not know this one: it was rejected, and is not used.
	if _, err := a.TransferWith(testContext(t), bytes.NewReader(nil), 0, TransferOptions{Syntax: "2.6.0.2.16"}); diag.KindOf(err) != diag.Usage {
		t.Errorf("transfer in a rejected context: %v", err)
	}
}

func TestReceiveKeepsAssociation(t *testing.T) {
	a, b := associate(t, testConfig("A"), testConfig("B"))
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	if _, err := b.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("receive: %v", err)
	}
	send(t, a, b, value(10))
}

// The turn is asked for while session cannot carry the request: the request waits.
func TestPleaseWaits(t *testing.T) {
	a, b := associate(t, testConfig("A"), testConfig("B"))
	for range 5 {
		if err := a.GiveTurn(); err != nil {
			t.Fatal(err)
		}
		// The acknowledgement of the tokens may not have arrived.
		if err := a.PleaseTurn(2); err != nil {
			t.Fatal(err)
		}
		receive[TurnGiven](t, b)
		receive[TurnRequested](t, b)
		if err := b.GiveTurn(); err != nil {
			t.Fatal(err)
		}
		receive[TurnGiven](t, a)
	}
	done := transfer(t, a, value(500_000))
	ind := receive[*TransferIndication](t, b)
	if err := ind.Reject(session.ExceptionJeopardized); err != nil {
		t.Fatal(err)
	}
	if err := b.PleaseTurn(1); err != nil {
		t.Fatal(err)
	}
	await(t, done)
	if p := receive[TurnRequested](t, a).Priority; p != 1 {
		t.Errorf("priority %d", p)
	}
	if err := a.Close(testContext(t)); err != nil {
		t.Error(err)
	}
}

// A stream without any buffer makes no difference.
func TestUnbufferedStream(t *testing.T) {
	ci := testConfig("A")
	ci.CheckpointSize = 1
	i, r := net.Pipe()
	a, b := associateOn(t, i, r, ci, testConfig("B"))
	for range 3 {
		send(t, a, b, value(200_000))
		if err := a.GiveTurn(); err != nil {
			t.Fatal(err)
		}
		receive[TurnGiven](t, b)
		send(t, b, a, value(200_000))
		if err := b.GiveTurn(); err != nil {
			t.Fatal(err)
		}
		receive[TurnGiven](t, a)
	}
	if err := a.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	receive[Closed](t, b)
}

// After the release nothing is left: the streams are closed and the goroutines gone.
func TestNothingIsLeft(t *testing.T) {
	before := runtime.NumGoroutine()
	for range 10 {
		i, r := pipe(t)
		a, b := associateOn(t, i, r, testConfig("A"), testConfig("B"))
		send(t, a, b, value(1000))
		if err := a.Close(testContext(t)); err != nil {
			t.Fatal(err)
		}
		receive[Closed](t, b)
		if _, err := a.Transfer(testContext(t), zeroes{}, 2); !errors.Is(err, net.ErrClosed) {
			t.Errorf("transfer after the release: %v", err)
		}
		for _, nc := range []net.Conn{i, r} {
			if !closes(nc) {
				t.Error("a stream is still open")
			}
		}
	}
	for deadline := time.Now().Add(10 * time.Second); runtime.NumGoroutine() > before; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d goroutines, %d before", runtime.NumGoroutine(), before)
		}
	}
}

// closes waits for a stream to be closed at this end.
func closes(nc net.Conn) bool {
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
		if errors.Is(nc.SetDeadline(time.Time{}), net.ErrClosed) {
			return true
		}
	}
	return false
}
