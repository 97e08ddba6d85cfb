package daemon

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/spool"
)

// Whoever has the lock and does not answer may be the orphan of a dead mtarun, or another
// that is still starting: when it serves, the second one ends.
func TestAnotherThatIsStarting(t *testing.T) {
	s := &served{t: t, conf: configuration(t, t.TempDir(), ""), log: new(buffer), ended: make(chan error, 1)}
	if err := spool.Init(s.conf.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(s.conf.Spool.Dir)
	if err != nil {
		t.Fatal(err)
	}
	lock, err := sp.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := errors.Join(lock.Close(), sp.Close()); err != nil {
			t.Error(err)
		}
	}()
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go func() {
		s.ended <- Run(ctx, Options{Config: from(func() (*conf.Config, error) { return s.conf, nil }),
			Log: slog.New(slog.NewTextHandler(s.log, nil)), Now: time.Now})
	}()
	s.says("waiting for the lock")
	l, err := net.Listen("unix", queue.SocketPath(s.conf.Spool.Dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	select {
	case err := <-s.ended:
		if diag.KindOf(err) != diag.Unavailable {
			t.Errorf("it ends with %v", err)
		}
	case <-time.After(20 * time.Second):
		t.Error("it waits for one that serves")
	}
}
