package rtse

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// severed carries TPKTs between two streams, counts them, and closes both when as
// many as allowed have passed. Zero lets everything pass.
type severed struct {
	passed, allowed atomic.Int64
	seen            func(direction byte, tpkt []byte) // 'O' from the first stream, 'I' from the second
}

// between joins two streams; they are closed when either of them ends.
func (s *severed) between(a, b net.Conn) {
	var both sync.WaitGroup
	carry := func(direction byte, from, to net.Conn) {
		defer func() {
			_ = from.Close()
			_ = to.Close()
		}()
		var header [4]byte
		for {
			if _, err := io.ReadFull(from, header[:]); err != nil {
				return
			}
			tpdu := make([]byte, int(binary.BigEndian.Uint16(header[2:]))-len(header))
			if _, err := io.ReadFull(from, tpdu); err != nil {
				return
			}
			if n := s.passed.Add(1); s.allowed.Load() > 0 && n > s.allowed.Load() {
				return
			}
			tpkt := append(header[:], tpdu...)
			if s.seen != nil {
				s.seen(direction, tpkt)
			}
			if _, err := to.Write(tpkt); err != nil {
				return
			}
		}
	}
	both.Go(func() { carry('O', a, b) })
	both.Go(func() { carry('I', b, a) })
	both.Wait()
}

// matrixCase is one way to transfer one APDU.
type matrixCase struct {
	x410, responderSends, recovery bool
	checkpoint                     int // as Config has it
	size                           int // of the APDU
}

func (c matrixCase) String() string {
	mode, sender, recovery := "normal", "initiator", "anew"
	if c.x410 {
		mode = "x410"
	}
	if c.responderSends {
		sender = "responder"
	}
	if c.recovery {
		recovery = "resumed"
	}
	return fmt.Sprintf("%s mode, %s sends, checkpoint %d, %d octets, %s", mode, sender, c.checkpoint, c.size, recovery)
}

// received is what a receiver has secured: one entry for each time it said yes.
type received struct {
	mu   sync.Mutex
	apdu [][]byte
}

// serve takes what arrives until the association is over. An APDU is secured first
// and accepted then, as it would be with a disk.
func (r *received) serve(ctx context.Context, c *Conn) {
	for {
		ind, err := c.Receive(ctx)
		if err != nil {
			return
		}
		switch ind := ind.(type) {
		case *TransferIndication:
			b, err := io.ReadAll(ind.APDU)
			if err != nil {
				continue // it will come again
			}
			r.mu.Lock()
			r.apdu = append(r.apdu, b)
			r.mu.Unlock()
			_ = ind.Accept() // an association that has ended tells so in Receive
		case Closed, Aborted:
			return
		}
	}
}

// attempt opens one association and transfers the APDU over it.
func (c matrixCase) attempt(t *testing.T, s *severed, n int, keeper Keeper, to *received, apdu []byte, from *Resumption) (TransferResult, error) {
	t.Helper()
	ctx := testContext(t)
	i, near := pipe(t)
	r, far := pipe(t)
	var tasks sync.WaitGroup
	defer tasks.Wait()
	tasks.Go(func() { s.between(near, far) })

	ci, cr := testConfig("A"), testConfig("B")
	ci.CheckpointSize, cr.CheckpointSize = c.checkpoint, c.checkpoint
	ci.AdditionalReference = fmt.Sprint(n)
	if c.x410 {
		ci.ApplicationProtocols, cr.ApplicationProtocols = []int64{12}, []int64{12}
	}
	if c.responderSends {
		ci.InitialTurn, ci.Keeper = TurnResponder, keeper
	}
	var responder *Conn
	answered := make(chan struct{})
	tasks.Go(func() {
		defer close(answered)
		d := Decision{Accept: true, UserData: bindResult}
		if !c.responderSends {
			d.Keeper = keeper
		}
		responder, _ = acceptOn(ctx, r, cr, func(OpenIndication) Decision { return d })
	})
	initiator, _, err := Open(ctx, i, ci, bindArgument)
	if err != nil {
		_ = i.Close()
		<-answered
		if responder != nil {
			responder.Abort(UserError)
		}
		return TransferResult{}, err
	}
	<-answered
	if responder == nil {
		initiator.Abort(UserError)
		return TransferResult{}, errors.New("not answered")
	}
	sender, receiver := initiator, responder
	if c.responderSends {
		sender, receiver = responder, initiator
	}
	tasks.Go(func() { to.serve(ctx, receiver) })
	result, err := sender.TransferWith(ctx, bytes.NewReader(apdu), int64(len(apdu)), TransferOptions{Resumable: c.recovery, Resume: from})
	if err == nil && !result.Confirmed {
		err = fmt.Errorf("not taken: %v", result.Reason)
	}
	initiator.Abort(UserError)
	responder.Abort(UserError)
	return result, err
}

// TestTransferCutAtEveryPDU transfers APDUs of many sizes, in either mode and from
// either side, over an association that is cut behind its first TPDU, its second, and
// so on to the last, and then over one that is not. Each is received once; or twice, if
// the cut came between its end and the acknowledgement and nothing was kept of it.
func TestTransferCutAtEveryPDU(t *testing.T) {
	var runs, twice, resumed int
	for _, x410 := range []bool{false, true} {
		for _, responderSends := range []bool{false, true} {
			for _, checkpoint := range []int{-1, 1, 4} {
				unit := max(checkpoint, 0) * checkpointUnit
				exact := unit // with what is around it
				if !x410 && unit > 0 {
					exact -= externalHeader(t, unit)
				}
				sizes := []int{len(value(0)), len(value(0)) + 1, exact, 5*unit + 100}
				if checkpoint < 0 {
					sizes = append(sizes, 1_200_000) // one RTTR, in some thirty TPDUs
				}
				for _, size := range sizes {
					for _, recovery := range []bool{false, true} {
						if size == 0 || checkpoint < 0 && recovery {
							continue // there is nothing of that size, or nothing to be resumed
						}
						c := matrixCase{x410, responderSends, recovery, checkpoint, size}
						r, d, again := c.cutEverywhere(t)
						t.Logf("%s: cut behind each of %d TPDUs; %d times received twice, %d times resumed", c, r, d, again)
						runs, twice, resumed = runs+r, twice+d, resumed+again
					}
				}
			}
		}
	}
	t.Logf("%d transfers cut: %d received twice, %d resumed", runs, twice, resumed)
	if resumed == 0 || twice == 0 {
		t.Error("no cut fell where it matters")
	}
}

// externalHeader is how many octets the EXTERNAL takes around an APDU, so that both
// together have the size.
func externalHeader(t *testing.T, size int) int {
	for n := 1; ; n++ {
		header, err := appendExternal(nil, 5, int64(size-n))
		if err != nil {
			t.Fatal(err)
		}
		if len(header) == n {
			return n
		}
	}
}

func (c matrixCase) cutEverywhere(t *testing.T) (runs, twice, resumed int) {
	apdu := value(c.size)
	if len(apdu) != c.size {
		t.Fatalf("%s: there is no APDU of that size but of %d", c, len(apdu))
	}
	for cut := int64(1); ; cut++ {
		var keeper Keeper
		if c.recovery {
			keeper = newMemory()
		}
		to := &received{}
		first := &severed{}
		first.allowed.Store(cut)
		result, err := c.attempt(t, first, 1, keeper, to, apdu, nil)
		whole := first.passed.Load() <= cut
		if err != nil {
			result2, err := c.attempt(t, &severed{}, 2, keeper, to, apdu, result.Interrupted)
			if err != nil || !result2.Confirmed {
				t.Fatalf("%s, cut behind TPDU %d: then %+v, %v", c, cut, result2, err)
			}
			if result2.Resumed {
				resumed++
			}
		}
		for _, got := range to.apdu {
			if !bytes.Equal(got, apdu) {
				t.Errorf("%s, cut behind TPDU %d: %d octets arrived", c, cut, len(got))
			}
		}
		switch n := len(to.apdu); {
		case n == 1:
		case n == 2 && result.InDoubt && result.Interrupted == nil:
			twice++
		default:
			t.Errorf("%s, cut behind TPDU %d: received %d times; in doubt %v, to be resumed at %+v", c, cut, n, result.InDoubt, result.Interrupted)
		}
		runs++
		if whole || t.Failed() {
			return runs, twice, resumed
		}
	}
}
