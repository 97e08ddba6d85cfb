package x400p1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
)

func TestTold(t *testing.T) {
	addr := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 102}
	reset := &net.OpError{Op: "read", Net: "tcp", Source: addr, Addr: addr, Err: os.NewSyscallError("read", syscall.ECONNRESET)}
	lost := session.AbortTransportDisconnect.String()
	for _, c := range []struct {
		err  error
		want string
	}{
		{&rtse.Abort{Layer: rtse.LayerTransport, Reason: lost}, "the peer closed the connection"},
		{&rtse.Abort{Layer: rtse.LayerTransport, Reason: lost, Err: fmt.Errorf("tp: %w", reset)}, "connection reset by peer"},
		{&rtse.Abort{Layer: rtse.LayerTransport, Local: true, Reason: lost, Err: errors.New("tp: cr: want dt")}, "cr: want dt"},
		{&rtse.Abort{Layer: rtse.LayerSession, Local: true, Reason: "protocol error", Err: errors.New("session: FN: in STA 01C: not allowed")}, "protocol error: FN: in STA 01C: not allowed"},
		{&rtse.Abort{Layer: rtse.LayerSession, Reason: "undefined"}, "aborted by the peer: undefined"},
		{&rtse.Abort{Layer: rtse.LayerRTSE, Reason: "temporaryProblem"}, "aborted by the peer: temporaryProblem"},
		{&rtse.Abort{Layer: rtse.LayerPresentation, Local: true, Reason: "reason not specified", Err: errors.New("presentation: refused: called presentation address unknown")},
			"reason not specified: refused: called presentation address unknown"},
		{diag.E("rtse: open", diag.Unavailable, context.DeadlineExceeded), "no answer in time"},
		{fmt.Errorf("rtse: open: %w", fmt.Errorf("tp: awaiting cc: tpkt header: %w", reset)), "awaiting cc: tpkt header: connection reset by peer"},
	} {
		got := told(fmt.Errorf("rtse: accept: %w", c.err))
		if got.Error() != c.want {
			t.Errorf("%v\n\tis told as %q, want %q", c.err, got, c.want)
		}
		if !errors.Is(got, c.err) || diag.KindOf(got) != diag.KindOf(c.err) {
			t.Errorf("%v is no longer itself: kind %v", c.err, diag.KindOf(got))
		}
	}
	if told(nil) != nil {
		t.Error("nothing is told as something")
	}
	if err := told(fmt.Errorf("rtse: open: %w", io.ErrUnexpectedEOF)); !hungUp(err) {
		t.Error("a peer that hung up is not known as that")
	}
}
