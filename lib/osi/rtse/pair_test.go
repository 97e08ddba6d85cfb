package rtse

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

var (
	bindArgument = ber.Raw{0xb0, 2, 5, 0}
	bindResult   = ber.Raw{0xb1, 2, 5, 0}
	bindError    = ber.Raw{0xb2, 3, 2, 1, 2}
)

// testConfig is that of a P1 association.
func testConfig(reference string) Config {
	return Config{
		ApplicationContext: MTSTransfer,
		RTSESyntax:         SyntaxMTARTSE,
		UserSyntax:         SyntaxMTSE,
		TwoWayAlternate:    true,
		CallingReference:   reference,
		Now:                time.Date(2026, 11, 24, 4, 30, 0, 0, time.UTC),
		Timers: Timers{
			Open: 20 * time.Second, Transfer: 20 * time.Second, Idle: 20 * time.Second,
			Release: 20 * time.Second, Disconnect: time.Second,
		},
	}
}

// within is the T that an error holds; nil if there is none.
func within[T error](err error) (v T) {
	errors.As(err, &v)
	return v
}

// referenceText is what is inside the BER string of an SS-user reference, whichever type
// it is.
func referenceText(reference []byte) string { return string(ber.Raw(reference).Contents()) }

func testContext(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

// pipe is a pair of connected streams over TCP: unlike net.Pipe it has the buffers
// that a kernel has.
func pipe(t testing.TB) (initiator, responder net.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	accepted := make(chan net.Conn, 1)
	go func() {
		c, _ := l.Accept()
		accepted <- c
	}()
	initiator, err = net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	if responder = <-accepted; responder == nil {
		t.Fatal("not accepted")
	}
	t.Cleanup(func() { initiator.Close(); responder.Close() })
	return initiator, responder
}

func accepting(OpenIndication) Decision { return Decision{Accept: true, UserData: bindResult} }

// acceptOn is a responder on a stream, up to RT-OPEN response.
func acceptOn(ctx context.Context, nc net.Conn, cfg Config, decide func(OpenIndication) Decision) (*Conn, error) {
	_, octets, err := tp.PeekCR(nc)
	if err != nil {
		return nil, err
	}
	tc, _, err := tp.Accept(nc, octets, cfg.Transport)
	if err != nil {
		return nil, err
	}
	return Accept(ctx, tc, cfg, decide)
}

// associateOn opens an association on a pair of streams.
func associateOn(t testing.TB, i, r net.Conn, ci, cr Config) (initiator, responder *Conn) {
	t.Helper()
	ctx := testContext(t)
	failed := make(chan error, 1)
	go func() {
		var err error
		responder, err = acceptOn(ctx, r, cr, accepting)
		failed <- err
	}()
	initiator, result, err := Open(ctx, i, ci, bindArgument)
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	if err := <-failed; err != nil {
		t.Fatalf("accept: %v", err)
	}
	if !bytes.Equal(result, bindResult) {
		t.Fatalf("result % X", result)
	}
	t.Cleanup(func() {
		initiator.Abort(UserError)
		responder.Abort(UserError)
	})
	return initiator, responder
}

func associate(t testing.TB, ci, cr Config) (initiator, responder *Conn) {
	t.Helper()
	i, r := pipe(t)
	return associateOn(t, i, r, ci, cr)
}

// receive returns the next indication, which must be a T.
func receive[T Indication](t testing.TB, c *Conn) T {
	t.Helper()
	ind, err := c.Receive(testContext(t))
	if err != nil {
		t.Fatalf("receive: %v", err)
	}
	v, ok := ind.(T)
	if !ok {
		t.Fatalf("received %T %+v, want %T", ind, ind, v)
	}
	return v
}

// take receives one APDU and accepts it.
func take(t testing.TB, c *Conn) []byte {
	t.Helper()
	ind := receive[*TransferIndication](t, c)
	b, err := io.ReadAll(ind.APDU)
	if err != nil {
		t.Fatalf("read: %v", err)
	}
	if err := ind.Accept(); err != nil {
		t.Fatalf("accept: %v", err)
	}
	return b
}

type transferred struct {
	TransferResult
	err error
}

// transfer sends an APDU in another goroutine.
func transfer(t testing.TB, c *Conn, apdu []byte) <-chan transferred {
	ctx := testContext(t)
	done := make(chan transferred, 1)
	go func() {
		r, err := c.Transfer(ctx, bytes.NewReader(apdu), int64(len(apdu)))
		done <- transferred{r, err}
	}()
	return done
}

func await(t testing.TB, done <-chan transferred) transferred {
	t.Helper()
	select {
	case r := <-done:
		return r
	case <-time.After(30 * time.Second):
		t.Fatal("the transfer does not end")
		return transferred{}
	}
}

// send sends an APDU to a peer that takes it.
func send(t testing.TB, from, to *Conn, apdu []byte) {
	t.Helper()
	done := transfer(t, from, apdu)
	if got := take(t, to); !bytes.Equal(got, apdu) {
		t.Errorf("%d octets arrived, want %d", len(got), len(apdu))
	}
	if r := await(t, done); r.err != nil || !r.Confirmed {
		t.Errorf("transfer: %+v", r)
	}
}

// recorder records what is written to a stream.
type recorder struct {
	net.Conn
	mu  sync.Mutex
	out bytes.Buffer
	n   int
}

func (r *recorder) Write(b []byte) (int, error) {
	r.mu.Lock()
	r.n++
	r.out.Write(b)
	r.mu.Unlock()
	return r.Conn.Write(b)
}

func (r *recorder) octets() []byte {
	r.mu.Lock()
	defer r.mu.Unlock()
	return bytes.Clone(r.out.Bytes())
}

func (r *recorder) writes() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.n
}

// tpkts cuts octets into TPKTs.
func tpkts(t testing.TB, b []byte) [][]byte {
	t.Helper()
	var all [][]byte
	for len(b) > 0 {
		n := int(b[2])<<8 | int(b[3])
		if n < 7 || n > len(b) {
			t.Fatalf("no TPKT: % x", b)
		}
		all = append(all, b[:n])
		b = b[n:]
	}
	return all
}

// rawPeer is an initiator made of octets: transport alone.
func rawPeer(t testing.TB, cfg Config, decide func(OpenIndication) Decision) (peer *tp.Conn, conn <-chan *Conn, failed <-chan error) {
	t.Helper()
	i, r := pipe(t)
	ctx := testContext(t)
	conns, errs := make(chan *Conn, 1), make(chan error, 1)
	go func() {
		c, err := acceptOn(ctx, r, cfg, decide)
		if err != nil {
			errs <- err
			return
		}
		conns <- c
	}()
	peer, err := tp.Connect(ctx, i, tp.Params{})
	if err != nil {
		t.Fatal(err)
	}
	return peer, conns, errs
}

func tsdu(t testing.TB, peer *tp.Conn) []byte {
	t.Helper()
	if err := peer.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	var all []byte
	for more := true; more; {
		var b []byte
		var err error
		if b, more, err = peer.ReadTSDU(); err != nil {
			t.Fatalf("read TSDU: %v", err)
		}
		all = append(all, b...)
	}
	return all
}

// zeroes is an endless source.
type zeroes struct{}

func (zeroes) Read(p []byte) (int, error) { clear(p); return len(p), nil }

// counting counts what is read of a source.
type counting struct {
	r  io.Reader
	mu sync.Mutex
	n  int64
}

func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.mu.Lock()
	c.n += int64(n)
	c.mu.Unlock()
	return n, err
}

func (c *counting) count() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func write(t testing.TB, peer *tp.Conn, b []byte) {
	t.Helper()
	if err := peer.WriteTSDU(b); err != nil {
		t.Fatalf("write % X: %v", b, err)
	}
}
