package rtse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/osi/session"
)

// crossing associates two sides so that AEA of the responder's is held back until the
// initiator, whose transfer time is short, has sent AD or AI.
func crossing(t *testing.T, x410 bool, keeper Keeper) (a, b *Conn) {
	t.Helper()
	ctx := testContext(t)
	i, near := pipe(t)
	r, far := pipe(t)
	given := make(chan struct{})
	var once sync.Once
	spdu := func(tpkt []byte) []byte { return tpkt[7:] } // behind TPKT and DT
	s := &severed{seen: func(direction byte, tpkt []byte) {
		switch {
		case direction == 'O' && (bytes.HasPrefix(spdu(tpkt), []byte{1, 0, 0x39}) || bytes.HasPrefix(spdu(tpkt), []byte{1, 0, 0x19})):
			once.Do(func() { close(given) })
		case direction == 'I' && bytes.HasPrefix(spdu(tpkt), []byte{2, 0, 0x2a}):
			select {
			case <-given:
			case <-ctx.Done():
			}
		}
	}}
	go s.between(near, far)
	ci, cr := testConfig("A"), testConfig("B")
	ci.CheckpointSize, ci.Timers.Transfer = 4, 300*time.Millisecond
	if x410 {
		ci.ApplicationProtocols, cr.ApplicationProtocols = []int64{12}, []int64{12}
	}
	return between(ctx, t, i, ci, r, cr, keeper)
}

// The time of a transfer ends while the answer is on its way: AEA crosses AD or AI. The
// peer has the APDU then, and it is not sent again, on this association or another.
func TestEndAckCrosses(t *testing.T) {
	for _, x410 := range []bool{false, true} {
		for _, resumable := range []bool{false, true} {
			t.Run(fmt.Sprintf("x410 %v, resumable %v", x410, resumable), func(t *testing.T) {
				apdu := value(50_000)
				a, b := crossing(t, x410, newMemory())
				to := &received{}
				served := make(chan struct{})
				go func() {
					defer close(served)
					to.serve(testContext(t), b)
				}()
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				r, err := a.TransferWith(ctx, bytes.NewReader(apdu), int64(len(apdu)), TransferOptions{Resumable: resumable})
				if err != nil || !r.Confirmed || r.InDoubt || r.Interrupted != nil {
					t.Errorf("%+v, %v", r, err)
				}
				// What has been accepted is neither discarded nor interrupted (X.228 §7.7).
				for _, side := range []*Conn{a, b} {
					ind, err := side.Receive(ctx)
					aborted, ok := ind.(Aborted)
					if err != nil || !ok || aborted.RTAB != TransferCompleted || aborted.Protocol {
						t.Errorf("%T %v, %v", ind, aborted.Abort, err)
					}
				}
				<-served
				if len(to.apdu) != 1 {
					t.Errorf("received %d times", len(to.apdu))
				}
			})
		}
	}
}

// An acknowledgement of what has not been ended acknowledges nothing.
func TestEndAckOutOfPlace(t *testing.T) {
	a, _ := associate(t, testConfig("A"), testConfig("B"))
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, ev := range []event{rtTransfer{Activity: []byte{2, 1, 1}}, rtDiscard{}, upEndAck{}, upDiscardAck{}} {
		for _, action := range a.machine.step(ev) {
			if cnf, ok := action.(rtTransferCnf); ok && cnf.Positive {
				t.Errorf("%T: confirmed", ev)
			} else if e, ok := action.(rtError); ok {
				t.Error(errors.Unwrap(e.Err))
			}
		}
	}
}

// The time of a transfer ends while the peer secures the APDU, which takes it long. It
// answers the discard, or the interrupt, when it knows whether it has it.
func TestWithdrawnWhileSecured(t *testing.T) {
	for _, test := range []struct {
		resumable, accepted bool
	}{{false, true}, {true, true}, {false, false}, {true, false}} {
		t.Run(fmt.Sprintf("resumable %v, accepted %v", test.resumable, test.accepted), func(t *testing.T) {
			ci := testConfig("A")
			ci.CheckpointSize, ci.Timers.Transfer = 4, 100*time.Millisecond
			a, b := associate(t, ci, testConfig("B"))
			apdu := value(20_000)
			done := make(chan transferred, 1)
			go func() {
				r, err := a.TransferWith(testContext(t), bytes.NewReader(apdu), int64(len(apdu)), TransferOptions{Resumable: test.resumable})
				done <- transferred{r, err}
			}()
			ind := receive[*TransferIndication](t, b)
			if _, err := io.ReadAll(ind.APDU); err != nil {
				t.Fatal(err)
			}
			b.mu.Lock()
			err := b.wait(testContext(t), nil, func() bool { return b.machine.state == withdrawn })
			b.mu.Unlock()
			if err != nil {
				t.Fatal(err)
			}
			answer := ind.Accept
			if !test.accepted {
				answer = func() error { return ind.Reject(session.ExceptionJeopardized) }
			}
			if err := answer(); err != nil {
				t.Errorf("the answer: %v", err)
			}
			r := await(t, done)
			if r.err != nil || r.Confirmed != test.accepted || r.InDoubt && test.accepted {
				t.Errorf("%+v", r)
			}
			if !test.accepted {
				send(t, a, b, value(10)) // the association stands
				return
			}
			if got := receive[Aborted](t, a); got.RTAB != TransferCompleted {
				t.Errorf("%v", got.Abort)
			}
		})
	}
}
