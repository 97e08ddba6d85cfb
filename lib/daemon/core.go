// Package daemon is the body of mtarun: it owns sockets, processes, signals and
// time, and joins them with the scheduler's mind and the spool's keeper.
//
// One goroutine, the core, owns every piece of state. Whatever happens elsewhere
// (a line of a channel process, a connection, a request of a tool, the end of a
// barrier) is posted to it as a function. Barriers run back to back in a goroutine
// of their own: whoever waits when one begins is answered when it ends.
package daemon

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	// ride is how long an outcome or a removal may wait for company before a
	// barrier is run for it alone: the window in which a cut causes a second copy.
	ride = 20 * time.Millisecond
	// scanInterval is how often new/ is looked at in case a wake-up was lost.
	scanInterval = 10 * time.Second
	// lockLook is how long who waits for the lock takes whoever has it for an orphan,
	// before he looks whether it is an mtarun that serves by now.
	lockLook = time.Second
	// barrierPause is how long a barrier waits for descriptors.
	barrierPause = time.Second
	// maxPosts is how much may be queued for the core before those who post wait.
	maxPosts = 1024
	// loadBatch is how many messages found at start are told between other work.
	loadBatch = 64
	// againFirst and againMost are how long what the disk did not give at start is left
	// alone, at first and in the end.
	againFirst = 10 * time.Second
	againMost  = 10 * time.Minute
)

// Config is where the configuration comes from. Its methods are called from several
// goroutines.
type Config interface {
	// Load reads it, which may take a while; asked says that somebody wants what there is,
	// however remarkable.
	Load(ctx context.Context, asked bool) (*conf.Config, error)
	// Accept hears that what Load returned is what the switch with the spool in dir goes by.
	Accept(version, dir string) error
	// Refuse hears that it is not, and why.
	Refuse(error)
	// Look returns nodes of a routing tree that is not held; see channel.Host.Look. It may take
	// a while.
	Look(tree string, names []string) ([]conf.Node, error)
	// Status tells where it comes from, for mtactl config status.
	Status() live.Status
}

// Options say how mtarun runs.
type Options struct {
	Config  Config          // where the configuration comes from
	Rights  *Rights         // those of root, if it was started by root
	Program string          // the executable channel processes are started from
	Once    bool            // no listeners; end when nothing can be moved
	Ready   func()          // called once, when listeners are open and the queue is served
	Reload  <-chan struct{} // SIGHUP
	Changed <-chan struct{} // the configuration may have changed
	Abort   <-chan struct{} // the second SIGTERM
	Renew   <-chan struct{} // confined processes would read other files were they started now
	// Patience is how long a channel process may take to say hello and to answer a
	// ping before it is killed. Zero is a minute.
	Patience time.Duration
	Log      *slog.Logger
	Stderr   io.Writer // of channel processes, who must not have to wait for its reader
	Now      func() time.Time
}

type core struct {
	opt   Options
	log   *slog.Logger
	now   func() time.Time
	conf  *conf.Config
	texts map[string][]byte // conf, as the processes of each channel are given it

	shared atomic.Pointer[conf.Config] // conf, for those who read connections
	given  atomic.Pointer[conf.Given]  // what its [security] names

	spool  *spool.Spool
	lock   *spool.Lock
	keeper *queue.Keeper

	posts       chan func()
	looks       chan struct{} // of tools
	listeners   map[string]net.Listener
	callers     *channel.Callers // those who have not sent their CR TPDU
	test        *selfTest
	processes   map[int]*process
	serving     map[string]*process // the process of each channel that takes new work
	lastProcess int

	started time.Time
	barrier bool      // one is running
	dirty   time.Time // since when something rides without anybody waiting; zero: nothing
	scan    time.Time // when new/ is looked at next
	watched time.Time // when the channel processes were looked at
	loading bool
	reading bool // the configuration is
	reread  bool // it is to be read again then
	forced  bool // and to be taken as another, whatever it says
	asked   bool // somebody has asked for it
	remains bool // a channel process has died, and what it left is to be looked for
	// remainsLate: some of that could not be taken over, and is tried with the next scan.
	remainsLate bool
	bereaved    []sched.ChannelDown // the scheduler has not heard of them yet
	draining    bool
	drained     bool
	damaged     int   // messages that cannot be read
	worst       error // of them, the one with the highest exit status
	failed      error // a barrier failed: nothing more is taken
	keeping     sync.WaitGroup
}

// Run serves the spool until ctx is done, then drains; it returns nil after an
// orderly end. A failed barrier ends it with an error of kind IO.
func Run(ctx context.Context, opt Options) (err error) {
	c := &core{opt: opt, log: opt.Log, now: opt.Now,
		posts: make(chan func(), maxPosts), looks: make(chan struct{}, maxLooks), listeners: map[string]net.Listener{},
		processes: map[int]*process{}, serving: map[string]*process{}}
	if c.conf, err = c.loadConfig(ctx, false); err != nil {
		return err
	}
	if c.texts, err = textsOf(c.conf); err != nil {
		return err
	}
	given, err := c.readGiven(c.conf)
	if err != nil {
		return err
	}
	c.shared.Store(c.conf)
	c.given.Store(given)
	c.callers = channel.NewCallers(callerLimits(c.conf), c.crowded)
	if c.spool, err = spool.Open(c.conf.Spool.Dir); err != nil {
		return err
	}
	if c.lock, err = c.takeLock(ctx); err != nil {
		return err
	}
	defer func() {
		if c.loading || c.remains || c.remainsLate {
			c.lock.Doubt()
		}
		if e := c.lock.Close(); err == nil {
			err = e
		}
	}()
	if err := c.share(); err != nil {
		return err
	}
	// Before any channel writes, and so that what is decided from the spool is what
	// a cut would leave.
	backlog, err := c.spool.Recover()
	if err != nil {
		return err
	}
	c.started = c.now()
	if c.keeper, err = queue.NewKeeper(c.spool, c.conf, given.Open, c.started, c.log, c.do); err != nil {
		return err
	}
	c.keeper.Damaged = c.damage
	c.test = newSelfTest(c.conf, opt.Once, nil, c.started)
	c.keeper.SelfTest = func() *queue.SelfTestRow { return c.test.row() }
	c.keeper.ConfigStatus = opt.Config.Status
	c.keeper.Aside = func(long func(), then func(time.Time)) {
		go func() {
			long()
			c.post(func() { then(c.now()) })
		}()
	}
	defer func() {
		if e := c.keeper.Close(); err == nil {
			err = e
		}
	}()
	defer c.keeping.Wait()
	socket, err := c.serve()
	if err != nil {
		return err
	}
	defer func() { _ = socket.Close() }() // the file is removed by the next one who listens
	wake, err := c.spool.OpenWake()
	if err != nil {
		return err
	}
	defer func() { _ = wake.Close() }() // nothing was written to it
	go c.awake(wake)
	if !opt.Once {
		fresh, err := c.open(c.conf)
		if err != nil {
			return err
		}
		c.listen(fresh)
	}
	c.accepted()
	c.keeper.Event(c.started, audit.Record{Event: audit.Started, Text: "configuration " + c.conf.Version})
	c.loading = true
	// What reads the spool may write in it: it ends before the lock is let go.
	reading, stopReading := context.WithCancel(ctx)
	var reader sync.WaitGroup
	reader.Go(func() { c.load(reading, backlog) })
	defer func() { stopReading(); reader.Wait() }()
	if opt.Ready != nil {
		opt.Ready()
	}
	if err := c.loop(ctx); err != nil || !opt.Once || c.worst == nil {
		return err
	}
	return diag.E("", diag.KindOf(c.worst), fmt.Errorf("damaged or unreadable messages: %d: %w", c.damaged, c.worst))
}

// damage tells of a message that cannot be read.
func (c *core) damage(err error) {
	c.log.Error(err.Error())
	c.damaged++
	if c.worst == nil || diag.KindOf(err).ExitStatus() > diag.KindOf(c.worst).ExitStatus() {
		c.worst = err
	}
}

// loadConfig reads the configuration. To drain, no association has to stand, and none is
// opened for nothing.
func (c *core) loadConfig(ctx context.Context, asked bool) (*conf.Config, error) {
	cfg, err := c.opt.Config.Load(ctx, asked)
	if err == nil && c.opt.Once {
		for i := range cfg.Peers {
			p := &cfg.Peers[i]
			p.Permanent, p.CallEvery, p.CallAt = false, 0, nil
		}
	}
	return cfg, err
}

// takeLock gets the spool's lock. Orphans of a dead mtarun hold it until they have
// noticed; another living one answers at its socket, but not while it recovers the spool.
func (c *core) takeLock(ctx context.Context) (*spool.Lock, error) {
	lock, err := c.spool.Lock()
	if err == nil || diag.KindOf(err) != diag.Unavailable {
		return lock, err
	}
	for told := false; ; told = true {
		if conn, e := net.Dial("unix", queue.SocketPath(c.conf.Spool.Dir)); e == nil {
			_ = conn.Close() // it was only to see whether somebody answers
			return nil, diag.WithHint(err, "another mtarun serves this spool: see mtactl status")
		}
		if !told {
			c.log.Info("waiting for the lock of the spool")
		}
		look, cancel := context.WithTimeout(ctx, lockLook)
		lock, err := c.spool.LockWait(look)
		cancel()
		if err == nil || diag.KindOf(err) != diag.Unavailable || ctx.Err() != nil {
			return lock, err
		}
	}
}

// post gives the core something to do.
func (c *core) post(f func()) { c.posts <- f }

// postUntil is post for who must not wait for a core that has ended.
func (c *core) postUntil(ctx context.Context, f func()) {
	select {
	case c.posts <- f:
	case <-ctx.Done():
	}
}

func (c *core) step(ev sched.Event) { c.keeper.Step(c.now(), ev) }

// loop is the core.
func (c *core) loop(ctx context.Context) error {
	timer := time.NewTimer(0)
	defer timer.Stop()
	done, reload, abort := ctx.Done(), c.opt.Reload, c.opt.Abort
	c.scan, c.watched = c.now(), c.now()
	for {
		select {
		case f := <-c.posts:
			f()
			c.more()
		case <-timer.C:
			c.tick()
		case <-done:
			done = nil
			c.log.Info("stopping")
			c.drain()
		case <-reload:
			c.forced, c.asked = true, true
			c.reload(ctx)
		case <-c.opt.Changed:
			c.reload(ctx)
		case <-c.opt.Renew:
			c.renew()
		case <-abort:
			abort = nil
			c.log.Warn("aborting transfers")
			for _, p := range c.processes {
				p.abort()
			}
		}
		c.reclaim()
		c.startBarrier()
		switch {
		case c.failed != nil && len(c.processes) == 0:
			return c.failed
		case c.failed == nil && c.drained && !c.barrier && !c.keeper.Dirty() && !c.keeper.Busy():
			c.log.Info("stopped")
			return nil
		}
		timer.Reset(c.pause())
	}
}

// more does what else is waiting, so that one barrier serves all of it.
func (c *core) more() {
	for range maxPosts {
		select {
		case f := <-c.posts:
			f()
		default:
			return
		}
	}
}

// tick lets time pass.
func (c *core) tick() {
	now := c.now()
	if !now.Before(c.scan) {
		c.scan = now.Add(scanInterval)
		c.remains, c.remainsLate = c.remains || c.remainsLate, false
		if err := c.keeper.Sweep(now); err != nil {
			c.log.Error("tmp/ could not be swept", "error", err)
		}
		c.adopt()
	}
	if len(c.processes) > 0 && !now.Before(c.watchAt()) {
		c.watch()
	}
	c.selfTest()
	c.step(sched.Tick{})
	if c.opt.Once && !c.loading && !c.draining && c.keeper.Idle() {
		c.rest()
	}
}

// rest ends a run of mtarun --once when nothing can be moved any more. Something may have
// come without a word, and a peer that has the turn may be about to send: both are moved
// too, so the associations go first and the channels after them.
func (c *core) rest() {
	c.adopt()
	switch {
	case !c.keeper.Idle():
	case c.keeper.Associations() > 0:
		c.step(sched.CloseAssociations{})
	default:
		c.drain()
	}
}

// pause is how long the core may sleep.
func (c *core) pause() time.Duration {
	next := c.scan
	for _, t := range []time.Time{c.keeper.Next(), c.rideUntil(), c.watchAt(), c.test.next()} {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	if c.opt.Once && !c.draining {
		next = earlier(next, c.now().Add(ride))
	}
	return max(0, next.Sub(c.now()))
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// rideUntil is when a barrier is due for what nobody waits for.
func (c *core) rideUntil() time.Time {
	if c.dirty.IsZero() || c.barrier {
		return time.Time{}
	}
	return c.dirty.Add(ride)
}

// startBarrier begins the next barrier if one is due and none is running. What is
// told after this moment waits for the one after.
func (c *core) startBarrier() {
	if c.failed != nil || !c.keeper.Dirty() {
		c.dirty = time.Time{}
		return
	}
	if c.dirty.IsZero() {
		c.dirty = c.now()
	}
	if c.barrier || !c.keeper.Waiting() && c.now().Before(c.dirty.Add(ride)) && !c.drained {
		return
	}
	run, settle := c.keeper.Begin()
	c.barrier, c.dirty = true, time.Time{}
	go func() {
		at := c.now()
		err := run()
		for told := false; diag.KindOf(err) == diag.Temporary; err = run() {
			if !told {
				c.log.Warn("a barrier cannot begin and will be tried again", "error", err)
				told = true
			}
			time.Sleep(barrierPause)
		}
		took := c.now().Sub(at)
		c.post(func() {
			c.barrier = false
			c.test.barrier(took)
			if err != nil {
				c.poison(err)
			}
			settle(err)
		})
	}()
}

// poison ends the instance after a failed barrier: nobody knows what is on disk.
// The keeper says no to everyone from now on; the processes are ended, and whoever
// supervises us starts us again from what the disk has.
func (c *core) poison(err error) {
	if c.failed != nil {
		return
	}
	c.failed = diag.E("barrier", diag.IO, err)
	c.keeper.Poison(c.failed)
	c.log.Error("a barrier failed: taking nothing more", "error", err)
	c.closeListeners(c.listeners)
	for _, p := range c.processes {
		p.stop()
	}
	// Whoever waited has heard no by then; a process that does not end by itself has
	// nothing left that may be said.
	time.AfterFunc(killAfter, func() {
		c.post(func() {
			for _, p := range c.processes {
				p.abort()
			}
		})
	})
}

// drain ends everything in order.
func (c *core) drain() {
	if c.draining {
		return
	}
	c.draining = true
	c.closeListeners(c.listeners)
	c.keeper.Event(c.now(), audit.Record{Event: audit.Stopped})
	c.step(sched.Drain{})
}

// do carries out what the scheduler wants of the world outside the spool.
func (c *core) do(a sched.Action) {
	switch a := a.(type) {
	case sched.StartChannel:
		c.startChannel(a.Channel)
	case sched.StopChannel:
		if p := c.processes[a.Process]; p != nil {
			p.stop()
			if c.serving[p.channel] == p {
				delete(c.serving, p.channel)
			}
		}
	case sched.Drained:
		c.drained = true
	case sched.Notice:
		var about []any
		for _, m := range [][2]string{{"channel", a.Channel}, {"peer", a.Peer}, {"text", a.Text}} {
			if m[1] != "" {
				about = append(about, m[0], m[1])
			}
		}
		c.log.Info(a.Kind.String(), about...)
	default:
		process, line, ok := lineOf(a)
		if !ok {
			panic(fmt.Sprintf("daemon: action %T", a))
		}
		if j, ok := a.(*sched.StartJob); ok {
			c.test.started(j, c.now())
			line.Fresh = c.keeper.Fresh(j.Ref.ID)
		}
		if p := c.processes[process]; p != nil {
			c.send(p, line)
		}
	}
}
