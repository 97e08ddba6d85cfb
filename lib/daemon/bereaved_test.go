package daemon

import (
	"errors"
	"log/slog"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// While the spool is being read nobody knows which child a channel has left, and nothing
// that it was at may end another way. Of channels that make no children the scheduler
// hears at once.
func TestChildrenAreLookedForBeforeTheEndIsTold(t *testing.T) {
	cfg := configuration(t, t.TempDir(), "\n[[list]]\naddress = \"/CN=Staff/O=Org/C=GB/\"\nmembers = [\"/S=Smith/O=Org/C=GB/\"]\n"+
		"[[channel]]\nname = \"gate\"\nkind = \"secure\"\n")
	if err := spool.Init(cfg.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = sp.Close() }() // nothing is left to be written
	if _, err := sp.Lock(); err != nil {
		t.Fatal(err)
	}
	now := time.Now()
	c := &core{conf: cfg, spool: sp, log: slog.New(slog.DiscardHandler), now: func() time.Time { return now }, loading: true, test: newSelfTest(cfg, false, nil, now),
		processes: map[int]*process{}, serving: map[string]*process{}}
	if c.keeper, err = queue.NewKeeper(sp, cfg, conf.OpenFile, now, c.log, func(sched.Action) {}); err != nil {
		t.Fatal(err)
	}
	var told []string
	heard := func() []string {
		run, settle := c.keeper.Begin()
		settle(run())
		told = nil
		if _, err := audit.Scan(cfg.Events.Dir, time.Time{}, func(r audit.Record) error {
			if r.Event == audit.ChannelDown {
				told = append(told, r.Channel)
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		slices.Sort(told)
		return told
	}
	for i, name := range []string{"local", cfg.ExpandChannel(), "gate"} {
		c.step(sched.ChannelUp{Channel: name, Process: i + 1})
		c.ended(&process{channel: name, number: i + 1}, errors.New("killed"))
	}
	if got := heard(); !slices.Equal(got, []string{"local"}) {
		t.Errorf("while the spool is read the scheduler hears of %v", got)
	}
	c.loading = false
	c.reclaim()
	if got := heard(); !slices.Equal(got, []string{cfg.ExpandChannel(), "gate", "local"}) {
		t.Errorf("afterwards of %v", got)
	}
}
