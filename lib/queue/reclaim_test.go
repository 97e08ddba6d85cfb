package queue

import (
	"context"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// channelProcess commits as a channel does: it writes in place and tells, or dies
// before it has.
type channelProcess struct {
	*spool.Spool
	tell func(*spool.Envelope)
}

func (c channelProcess) Create(ref spool.Ref) (*spool.Writer, error) { return c.CreateInPlace(ref) }

func (c channelProcess) Commit(_ context.Context, w *spool.Writer, env *spool.Envelope) error {
	if c.tell != nil {
		c.tell(env)
	}
	return w.Close()
}

// channelProcess opens the spool a second time.
func (w *world) channelProcess(tell func(*spool.Envelope)) channelProcess {
	w.t.Helper()
	sp, err := spool.Open(w.conf.Spool.Dir)
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = sp.Close() })
	return channelProcess{sp, tell}
}

// receive lets a channel process take a message for Ann, who wants a report.
func (w *world) receive(c channelProcess) *spool.Envelope {
	w.t.Helper()
	door, err := submit.NewDoor(w.conf, c, func() time.Time { return w.now }, conf.OpenFile)
	if err != nil {
		w.t.Fatal(err)
	}
	to, err := oraddr.Parse(ann)
	if err != nil {
		w.t.Fatal(err)
	}
	s, err := submit.New(to, to)
	if err != nil {
		w.t.Fatal(err)
	}
	s.Ask(mts.ReportAlways)
	tx, err := door.Submit(spool.Source{Channel: "p1", Peer: "MTA-B"}, *s)
	if err != nil {
		w.t.Fatal(err)
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		w.t.Fatal(err)
	}
	return env
}

// reclaim is what mtarun does when a channel process has ended.
func (w *world) reclaim() {
	w.t.Helper()
	if err := w.keeper.Reclaim(w.now); err != nil {
		w.t.Fatal(err)
	}
}

func (w *world) events(event string) (ids []string) {
	w.t.Helper()
	if err := w.keeper.events.Flush(); err != nil {
		w.t.Fatal(err)
	}
	if _, err := audit.Scan(w.conf.Events.Dir, time.Time{}, func(r audit.Record) error {
		if r.Event == event {
			ids = append(ids, r.ID)
		}
		return nil
	}); err != nil {
		w.t.Fatal(err)
	}
	return ids
}

// A channel process dies: a message that was whole and untold is taken in, one that
// was not whole goes away.
func TestReclaim(t *testing.T) {
	w := newWorld(t)
	w.start()
	c := w.channelProcess(nil)
	env := w.receive(c)
	torn, err := c.CreateInPlace(spool.Ref{ID: spool.NewID(w.now), Priority: spool.Urgent})
	if err != nil {
		t.Fatal(err)
	}
	w.reclaim()
	if got := w.events(audit.TransferIn); len(got) != 1 || got[0] != string(env.ID) {
		t.Errorf("events: %v", got)
	}
	if len(w.left()) != 2 {
		t.Errorf("one has been told of, and the other has a writer that lives: %v", w.left())
	}
	if err := torn.Close(); err != nil {
		t.Fatal(err)
	}
	w.reclaim()
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	// The message, and the report on it, which goes to Ann too.
	if len(w.delivered) != 2 || len(w.reports) != 1 {
		t.Errorf("delivered: %v, %d reports", w.delivered, len(w.reports))
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	w.kill()
}

// Whenever it happens, nothing that is under way is taken for the remains of a dead
// process.
func TestReclaimLeavesAloneWhatIsUnderWay(t *testing.T) {
	w := newWorld(t)
	w.start()
	told := 0
	c := w.channelProcess(func(env *spool.Envelope) {
		w.keeper.Commit(w.now, env, func(err error) {
			if err != nil {
				t.Error(err)
			}
			told++
		})
	})
	for range 3 {
		w.receive(c)
	}
	for w.keeper.Dirty() || len(w.jobs) > 0 {
		w.reclaim()
		if w.keeper.Dirty() {
			run, settle := w.keeper.Begin()
			w.reclaim()
			err := run()
			w.reclaim()
			settle(err)
		}
		w.reclaim()
		for len(w.jobs) > 0 {
			j := w.jobs[0]
			w.jobs = w.jobs[1:]
			w.job(j)
			w.reclaim()
		}
	}
	if told != 3 || len(w.delivered) != 6 || len(w.reports) != 3 {
		t.Errorf("told of %d; delivered: %v, %d reports", told, w.delivered, len(w.reports))
	}
	if got := w.events(audit.TransferIn); len(got) != 3 {
		t.Errorf("taken in: %v", got)
	}
	if left := w.left(); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
	w.kill()
}

// A message whose arrival may not be in the event log is in it after the start, one
// that has been tried or was left in order is not.
func TestRecoveredEvent(t *testing.T) {
	w := newWorld(t)
	w.start()
	env := w.receive(w.channelProcess(nil))
	w.kill()
	// Who is killed does not let go of the lock in order.
	if err := os.WriteFile(filepath.Join(w.conf.Spool.Dir, "lock"), []byte("open \n"), 0o600); err != nil {
		t.Fatal(err)
	}
	w.start()
	if got := w.events(audit.Recovered); len(got) != 1 || got[0] != string(env.ID) {
		t.Errorf("recovered: %v, not %s", got, env.ID)
	}
	if err := w.run(); err != nil {
		t.Fatal(err)
	}
	w.kill()
	w.start()
	if got := w.events(audit.Recovered); len(got) != 1 {
		t.Errorf("recovered: %v", got)
	}
	w.kill()
}
