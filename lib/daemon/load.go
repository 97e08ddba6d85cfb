package daemon

import (
	"context"
	"errors"
	"os"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// load tells the keeper of what the spool holds, urgent messages first, while the
// core serves, and tries again what the disk does not give.
func (c *core) load(ctx context.Context, backlog *spool.Backlog) {
	for pause := againFirst; ; pause = min(2*pause, againMost) {
		err := c.readBacklog(ctx, backlog)
		if ctx.Err() != nil {
			return
		}
		all := err == nil && backlog.Unread() == 0
		c.postUntil(ctx, func() {
			switch {
			case errors.Is(err, spool.ErrBarrier):
				c.poison(err)
			case err != nil:
				c.damage(diag.E("the spool could not be read whole", diag.KindOf(err), err))
			}
			c.loading = false
			if all {
				c.keeper.Loaded()
			}
		})
		if err != nil || all {
			return
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return
		}
	}
}

// readBacklog tells what backlog has now.
func (c *core) readBacklog(ctx context.Context, backlog *spool.Backlog) error {
	var batch []spool.Item
	tell := func() {
		items := batch
		batch = nil
		c.postUntil(ctx, func() { c.keeper.Load(c.now(), items, backlog.Crashed()) })
	}
	err := backlog.Load(func(i spool.Item) error {
		if batch = append(batch, i); len(batch) == loadBatch {
			tell()
		}
		return ctx.Err()
	})
	tell()
	return err
}

// awake adopts what tools have put into new/ when one of them wakes us.
func (c *core) awake(wake *os.File) {
	buf := make([]byte, 256)
	for {
		if _, err := wake.Read(buf); err != nil {
			return
		}
		c.post(c.adopt)
	}
}

func (c *core) adopt() {
	if c.failed != nil || c.draining {
		return
	}
	more, err := c.keeper.AdoptNew(c.now())
	if errors.Is(err, spool.ErrBarrier) {
		c.poison(err)
	} else if err != nil {
		c.log.Error("new messages could not be taken over", "error", err)
	}
	if more {
		c.scan = c.now() // and everything else in between
	}
}

// reclaim takes in what a channel process that died has left in the spool, once the
// keeper knows of everything else, and then lets the scheduler hear that it is gone. Only
// a process that makes children is waited for: others have none to leave.
func (c *core) reclaim() {
	tell := func(now bool) {
		c.bereaved = slices.DeleteFunc(c.bereaved, func(d sched.ChannelDown) bool {
			ch, known := c.conf.Channel(d.Channel) // it may be gone from the configuration
			told := now || known && !ch.Makes()
			if told {
				c.step(d)
			}
			return told
		})
	}
	if c.loading {
		tell(c.draining) // then the reading has ended, and nothing more is given up
		return
	}
	if c.remains {
		c.remains = false
		if err := c.keeper.Reclaim(c.now()); errors.Is(err, spool.ErrBarrier) {
			c.poison(err)
		} else if err != nil {
			c.log.Error("what a channel process has left could not be taken over", "error", err)
			c.remainsLate = true
		}
	}
	tell(true)
}
