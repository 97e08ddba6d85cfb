package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"runtime"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/confine"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	// killAfter is how long a channel process may take to end once its control
	// stream is closed. It then has nothing of ours any more, but it holds the lock.
	killAfter = 10 * time.Second
	// patience is how long a channel process may take to say hello, and to answer a
	// ping. It is long: a machine under load is slow, and whoever is killed loses
	// what it has in progress.
	patience = time.Minute
)

// process is a channel process and our end of its control stream. Everything but
// the exec.Cmd belongs to the core.
type process struct {
	channel string
	number  int
	stream  *channel.Stream
	kill    context.CancelFunc // SIGKILL, at once or as soon as it has been started
	asked   bool               // to end
	killed  bool               // because it hangs
	up      bool               // has said hello
	since   time.Time          // of the last sign of life: its start, hello, or answer
	pinged  time.Time          // of the ping that is not answered; zero: none
}

// startChannel starts a process of a channel. A failure to start is told to the
// scheduler, which tries again after a while.
func (c *core) startChannel(name string) {
	c.lastProcess++
	p := &process{channel: name, number: c.lastProcess, since: c.now()}
	theirs, err := c.connect(p)
	if err != nil {
		c.cannotStart(p, err)
		return
	}
	ctx, kill := context.WithCancel(context.Background())
	p.kill = kill
	// ExtraFiles begin at descriptor 3: channel.ControlFD, channel.LockFD, channel.FilesFD.
	cmd := exec.CommandContext(ctx, c.opt.Program, "channel", name)
	cmd.ExtraFiles = []*os.File{theirs.control, c.lock.File(), theirs.files}
	cmd.Stderr = c.opt.Stderr
	cmd.WaitDelay = killAfter // whoever it has started may have its standard error
	cmd.Cancel = func() error { return c.opt.Rights.use(cmd.Process.Kill) }
	ch, _ := c.conf.Channel(name) // of none there is nothing to be known, and the process says so
	if ch != nil {
		credential, err := c.opt.Rights.credential(c.conf, ch.Kind)
		if err != nil {
			kill()
			theirs.close()
			_ = p.stream.Close() // nobody reads it
			c.cannotStart(p, err)
			return
		}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: credential}
	}
	c.processes[p.number] = p
	if c.serving[name] == nil { // else when it has said hello
		c.serving[name] = p
	}
	c.sendConfig(p)
	go c.run(p, cmd, theirs)
}

func (c *core) cannotStart(p *process, err error) {
	c.log.Error("channel process cannot be started", "channel", p.channel, "error", err)
	c.step(sched.ChannelDown{Channel: p.channel, Process: p.number, Failed: true, Why: err.Error()})
}

// ends are those of a process that is to be started.
type ends struct{ control, files *os.File }

// close lets go of what the process has descriptors of its own of, or nobody has any more.
func (e *ends) close() { _, _ = e.control.Close(), e.files.Close() } // nothing was written

// connect makes the control stream and the way to files, and returns the ends that are the
// process's.
func (c *core) connect(p *process) (*ends, error) {
	control, theirs, err := socketpair("control", unix.SOCK_STREAM)
	if err != nil {
		return nil, err
	}
	files, filesTheirs, err := socketpair("files", unix.SOCK_SEQPACKET)
	if err != nil {
		_ = control.Close() // nothing was written to it
		return nil, errors.Join(err, theirs.Close())
	}
	p.stream = channel.NewStream(control)
	go channel.ServeFiles(files, func(path string) bool { return c.shared.Load().NamesFile(p.channel, path) }, c.openFile)
	return &ends{theirs, filesTheirs}, nil
}

// openFile opens a file that the configuration names, whoever may read it. One that everybody
// judges by is given as it was when the configuration was read.
func (c *core) openFile(path string) (fd int, err error) {
	if fd, err = c.given.Load().Descriptor(path); fd >= 0 || err != nil {
		return fd, err
	}
	err = c.opt.Rights.use(func() error {
		fd, err = channel.OpenFile(path)
		return err
	})
	return fd, err
}

func socketpair(name string, kind int) (ours *net.UnixConn, theirs *os.File, err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, kind|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, diag.E("socketpair", diag.System, err)
	}
	f, theirs := os.NewFile(uintptr(pair[0]), name), os.NewFile(uintptr(pair[1]), name)
	conn, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, nil, errors.Join(diag.E(name, diag.System, err), theirs.Close())
	}
	return conn.(*net.UnixConn), theirs, nil
}

func (c *core) sendConfig(p *process) {
	text, ok := c.texts[p.channel]
	if !ok {
		text = c.texts[""]
	}
	c.send(p, channel.Line{Type: channel.TypeConfig, ConfigVersion: c.conf.Version, Config: text})
}

// timerSlack is how late the kernel may be with the timers of a channel process. Nothing
// there is timed finer, and the Go runtime, which looks after its threads at intervals of
// 20 microseconds as long as one of them works, does so less often.
const timerSlack = 500 * time.Microsecond

// startSlack starts a program with timerSlack, which is inherited from the thread that
// starts it; where it cannot be set, without.
func startSlack(cmd *exec.Cmd) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	if was, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0); err == nil {
		if err := unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(timerSlack), 0, 0, 0); err == nil {
			defer func() { _ = unix.Prctl(unix.PR_SET_TIMERSLACK, uintptr(was), 0, 0, 0) }() // it was taken before
		}
	}
	return cmd.Start()
}

// run is the life of a process, in a goroutine of its own: starting a program may
// take as long as reading it from the disk does.
func (c *core) run(p *process, cmd *exec.Cmd, theirs *ends) {
	defer p.kill()
	err := c.opt.Rights.use(func() error { return startSlack(cmd) })
	theirs.close()
	if err != nil {
		_ = p.stream.Close() // nobody reads it
		c.post(func() { c.ended(p, diag.E("start "+c.opt.Program, diag.System, err)) })
		return
	}
	c.log.Info("channel process started", "channel", p.channel, "pid", cmd.Process.Pid)
	why := c.read(p)
	// It may live on without its stream, and then keeps us from closing ours.
	kill := time.AfterFunc(killAfter, p.kill)
	_ = p.stream.Close() // it has ended: what could not be written is in doubt anyway
	err = cmd.Wait()
	kill.Stop()
	switch {
	case err != nil:
		why = err
	case errors.Is(why, io.EOF):
		why = errors.New("exited")
	}
	c.post(func() { c.ended(p, why) })
}

// read turns the lines of a channel process into work for the core until the
// stream ends.
func (c *core) read(p *process) error {
	for {
		l, f, err := p.stream.Receive()
		if err != nil {
			return err
		}
		if f != nil {
			_ = f.Close() // no line of a process brings one
		}
		c.post(func() { c.line(p, l) })
	}
}

// watch kills the processes that do not answer, asks those that have not been heard
// of for a while. A process that hangs would else
// keep its jobs, its associations, and the connections it is handed, for ever.
func (c *core) watch() {
	now := c.now()
	patience := c.patience()
	if now.Sub(c.watched) > patience/4 {
		// It is the core that was away: whoever has answered meanwhile is in the queue.
		for _, p := range c.processes {
			p.since = now
			if !p.pinged.IsZero() {
				p.pinged = now
			}
		}
	}
	c.watched = now
	for _, p := range c.processes {
		switch {
		case p.killed:
		case !p.up && now.Sub(p.since) > patience:
			c.hangs(p, "no hello")
		case !p.pinged.IsZero() && now.Sub(p.pinged) > patience:
			c.hangs(p, "no answer to a ping")
		case p.up && p.pinged.IsZero() && now.Sub(p.since) > patience/4:
			p.pinged = now
			c.send(p, channel.Line{Type: channel.TypePing})
		}
	}
}

// renew has the processes replaced that may not read what stands now where there was a file
// that they may read.
func (c *core) renew() {
	for i := range c.conf.Channels {
		ch := &c.conf.Channels[i]
		if l := confine.For(c.conf, ch.Kind); l != nil && len(l.Read) > 0 && c.serving[ch.Name] != nil {
			c.log.Info("channel process is to be replaced: names of hosts are looked up by other files now", "channel", ch.Name)
			c.step(sched.RestartChannel{Channel: ch.Name})
		}
	}
}

// hangs ends a process that nothing can be expected of. Its end is told as any other.
func (c *core) hangs(p *process, what string) {
	c.log.Error("channel process hangs and is killed", "channel", p.channel, "why", fmt.Sprintf("%s within %v", what, c.patience()))
	p.killed = true
	p.kill()
}

func (c *core) patience() time.Duration {
	if c.opt.Patience > 0 {
		return c.opt.Patience
	}
	return patience
}

// watchAt is when watch is due.
func (c *core) watchAt() time.Time {
	if len(c.processes) == 0 {
		return time.Time{}
	}
	return c.watched.Add(c.patience() / 8)
}

// ended puts everything the process had back into the scheduler's hands. It comes
// after the process is gone, so nothing it held can still be moving.
func (c *core) ended(p *process, why error) {
	delete(c.processes, p.number)
	c.test.ended(p.number)
	c.remains = true
	if c.serving[p.channel] == p {
		delete(c.serving, p.channel)
	}
	if p.asked {
		c.log.Info("channel process ended", "channel", p.channel)
	} else {
		c.log.Error("channel process ended unasked", "channel", p.channel, "why", why)
	}
	// Before anything it was at can end what it has left must be known: a child is one way
	// to end.
	c.bereaved = append(c.bereaved, sched.ChannelDown{Channel: p.channel, Process: p.number, Failed: !p.asked, Why: why.Error()})
	c.reclaim()
}

// line carries out one line of a channel process.
func (c *core) line(p *process, l channel.Line) {
	switch l.Type {
	case channel.TypeHello:
		c.hello(p, l)
	case channel.TypePong:
		p.since, p.pinged = c.now(), time.Time{}
	case channel.TypeAssoc:
		c.association(p, l)
	case channel.TypeOutcome:
		c.outcome(p, l)
	case channel.TypeTransfer:
		if l.Ref != nil {
			c.keeper.Transfer(c.now(), *l.Ref, spool.Record{Recipients: l.Recipients, Channel: p.channel,
				Peer: l.Peer, Attempt: l.Attempt, Transfer: l.Transfer})
		}
	case channel.TypeCommit:
		c.commit(p, l)
	case channel.TypeSecure:
		if l.Ref != nil {
			c.keeper.Secure(l.Ref.ID, func(err error) { c.answer(p, l.Txn, err) })
		}
	case channel.TypeLook:
		c.look(p, l)
	case channel.TypeEvent:
		var r audit.Record
		if err := json.Unmarshal(l.Event, &r); err != nil {
			c.log.Warn("event record of a channel is malformed", "channel", p.channel, "error", err)
			return
		}
		r.Channel = p.channel
		c.keeper.Event(c.now(), r)
		if r.Event == audit.Confined {
			c.log.Info("channel process confined", "channel", p.channel, "text", r.Text)
		}
		if r.Layer != "" { // one line for what a layer refused, aborted or could not reach
			about := []any{"channel", p.channel, "peer", r.Peer, "layer", r.Layer, "text", r.Text}
			if r.Peer == "" {
				about = slices.Delete(about, 2, 4)
			}
			c.log.Warn(r.Event, about...)
		}
	}
}

func (c *core) hello(p *process, l channel.Line) {
	if l.Version != channel.Version {
		c.log.Error("channel process speaks another version", "channel", p.channel, "version", l.Version)
		p.stop()
		return
	}
	p.up, p.since = true, c.now()
	if !p.asked {
		c.serving[p.channel] = p
	}
	up := sched.ChannelUp{Channel: p.channel, Process: p.number}
	if l.Capacity != nil {
		up.MaxJobs, up.MaxAssociations = l.Capacity.Jobs, l.Capacity.Associations
	}
	c.step(up)
}

func (c *core) association(p *process, l channel.Line) {
	why := l.Reason
	if l.Layer != "" {
		why = l.Layer + ": " + l.Reason
	}
	switch l.State {
	case channel.StateUp:
		c.step(sched.AssociationUp{Channel: p.channel, Process: p.number, Assoc: l.Assoc, Peer: l.Peer,
			Inbound: l.Inbound, TwoWay: l.TwoWay, Turn: l.Turn})
		return
	case channel.StateDown:
		c.step(sched.AssociationDown{Channel: p.channel, Process: p.number, Assoc: l.Assoc, Failed: l.Aborted, Why: why})
	case channel.StateFailed:
		c.step(sched.AssociationFailed{Channel: p.channel, Process: p.number, Assoc: l.Assoc, Why: why})
	}
}

func (c *core) outcome(p *process, l channel.Line) {
	well := false
	results := make([]sched.Result, 0, len(l.Results))
	for _, r := range l.Results {
		kind, _ := sched.ParseKind(r.Outcome)
		if r.Outcome == channel.OutcomeRouted && len(r.Hops) > 0 {
			kind = sched.Deferred
		} else {
			r.Hops, r.Hold = nil, ""
		}
		switch kind {
		case sched.Transferred, sched.Delivered, sched.Deferred, sched.Failed, sched.InDoubt,
			sched.Expanded, sched.Redirected, sched.Moved:
		default:
			// What else there is, a recipient deleted, is not for a channel to say.
			c.log.Error("outcome of a channel is unknown", "channel", p.channel, "outcome", r.Outcome)
			kind = sched.InDoubt
		}
		well = well || kind.Final() && kind != sched.Failed
		results = append(results, sched.Result{N: r.N, Outcome: sched.Outcome{Kind: kind, Reason: r.Reason,
			Diagnostic: r.Diagnostic, Text: r.Text, Until: r.Until, Time: r.Time, Child: r.Child, PeerFault: r.PeerFault, Lost: r.Lost, Resumed: r.Resumed}, Hops: r.Hops, Hold: r.Hold})
	}
	c.test.answered(&l, well, c.now())
	c.step(sched.JobOutcome{Job: l.Job, Generation: l.Generation, Results: results})
}

// commit takes responsibility for a message a channel has written: the answer
// comes when a barrier that began after this moment has ended.
func (c *core) commit(p *process, l channel.Line) {
	if l.Envelope == nil {
		c.answer(p, l.Txn, errors.New("commit without envelope"))
		return
	}
	c.keeper.Commit(c.now(), (*spool.Envelope)(l.Envelope), func(err error) { c.answer(p, l.Txn, err) })
}

// look has nodes looked up for a channel process, beside the core: a directory may take long
// to answer. Each process has a job to answer for each, so there are not many.
func (c *core) look(p *process, l channel.Line) {
	go func() {
		nodes, err := c.opt.Config.Look(l.Tree, l.Names)
		answer := channel.Line{Type: channel.TypeLooked, Txn: l.Txn, Nodes: nodes}
		if err != nil {
			answer.Nodes, answer.Text = nil, err.Error()
		}
		c.send(p, answer)
	}()
}

// answer tells a channel process what became of a transaction.
func (c *core) answer(p *process, txn uint64, err error) {
	if err != nil {
		c.send(p, channel.Line{Type: channel.TypeRefused, Txn: txn, Text: err.Error()})
		return
	}
	c.send(p, channel.Line{Type: channel.TypeDurable, Txn: txn})
}

// send queues a line for a process. A failed stream needs no answer: its reader
// has seen or will see the end.
func (c *core) send(p *process, l channel.Line) { _ = p.stream.Send(l) }

// stop asks the process to end.
func (p *process) stop() {
	p.asked = true
	_ = p.stream.Send(channel.Line{Type: channel.TypeStop}) // a failed stream ends it too
}

// abort ends the process at once.
func (p *process) abort() {
	p.asked = true
	p.kill()
}
