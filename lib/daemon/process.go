package daemon

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/sched"
)

// killAfter is how long a channel process may take to end once its control stream
// is closed. It then has nothing of ours any more, but it holds the lock.
const killAfter = 10 * time.Second

// process is a channel process and our end of its control stream. Everything but
// the exec.Cmd belongs to the core.
type process struct {
	channel string
	number  int
	cmd     *exec.Cmd
	stream  *channel.Stream
	asked   bool // to end
	up      bool // has said hello
	waiting []accepted
}

// accepted is a connection on its way to a channel, and the octets read from it.
type accepted struct {
	line channel.Line
	file *os.File
	cr   *tp.CR
}

// startChannel starts a process of a channel. A failure to start is told to the
// scheduler, which tries again after a while.
func (c *core) startChannel(name string) {
	c.lastProcess++
	p := &process{channel: name, number: c.lastProcess}
	if err := c.launch(p); err != nil {
		c.log.Error("channel process cannot be started", "channel", name, "error", err)
		c.step(sched.ChannelDown{Channel: name, Process: p.number, Failed: true, Why: err.Error()})
		return
	}
	c.processes[p.number] = p
	c.serving[name] = p
	c.log.Info("channel process started", "channel", name, "pid", p.cmd.Process.Pid)
	go c.reader(p)
}

// launch starts the program with the control stream and the lock at the
// descriptors package channel promises.
func (c *core) launch(p *process) (err error) {
	pair, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return diag.E("socketpair", diag.System, err)
	}
	ours, theirs := os.NewFile(uintptr(pair[0]), "control"), os.NewFile(uintptr(pair[1]), "control")
	defer func() { err = errors.Join(err, ours.Close(), theirs.Close()) }()
	conn, err := net.FileConn(ours)
	if err != nil {
		return diag.E("control stream", diag.System, err)
	}
	// ExtraFiles begin at descriptor 3: channel.ControlFD, channel.LockFD.
	p.cmd = exec.Command(c.opt.Program, "channel", p.channel)
	p.cmd.ExtraFiles = []*os.File{theirs, c.lock.File()}
	p.cmd.Stderr = os.Stderr
	if err := p.cmd.Start(); err != nil {
		return errors.Join(diag.E("start "+c.opt.Program, diag.System, err), conn.Close())
	}
	p.stream = channel.NewStream(conn.(*net.UnixConn))
	return c.sendConfig(p)
}

func (c *core) sendConfig(p *process) error {
	text, err := json.Marshal(c.conf)
	if err != nil {
		return diag.E("configuration", diag.Internal, err)
	}
	return p.stream.Send(channel.Line{Type: channel.TypeConfig, ConfigVersion: c.conf.Version, Config: text})
}

// reader turns the lines of a channel process into work for the core until the
// stream ends, and then waits for the process.
func (c *core) reader(p *process) {
	var why error
	for {
		l, _, err := p.stream.Receive()
		if err != nil {
			why = err
			break
		}
		c.post(func() { c.line(p, l) })
	}
	_ = p.stream.Close() // it has ended: what could not be written is in doubt anyway
	kill := time.AfterFunc(killAfter, func() { _ = p.cmd.Process.Kill() })
	err := p.cmd.Wait()
	kill.Stop()
	switch {
	case err != nil:
		why = err
	case errors.Is(why, io.EOF):
		why = errors.New("exited")
	}
	c.post(func() { c.ended(p, why) })
}

// ended puts everything the process had back into the scheduler's hands. It comes
// after the process is gone, so nothing it held can still be moving.
func (c *core) ended(p *process, why error) {
	delete(c.processes, p.number)
	c.remains = true
	if c.serving[p.channel] == p {
		delete(c.serving, p.channel)
	}
	for _, a := range p.waiting {
		c.drop(a.file, a.line.From, "the channel process ended")
	}
	if p.asked {
		c.log.Info("channel process ended", "channel", p.channel)
	} else {
		c.log.Error("channel process ended unasked", "channel", p.channel, "why", why)
	}
	c.step(sched.ChannelDown{Channel: p.channel, Process: p.number, Failed: !p.asked, Why: why.Error()})
}

// drop closes a connection that finds no channel; the peer will call again.
func (c *core) drop(f *os.File, from, why string) {
	c.log.Warn("connection dropped", "from", from, "why", why)
	if err := f.Close(); err != nil {
		c.log.Warn("connection", "from", from, "error", err)
	}
}

// line carries out one line of a channel process.
func (c *core) line(p *process, l channel.Line) {
	switch l.Type {
	case channel.TypeHello:
		c.hello(p, l)
	case channel.TypeAssoc:
		c.association(p, l)
	case channel.TypeOutcome:
		c.outcome(p, l)
	case channel.TypeCommit:
		c.commit(p, l)
	case channel.TypeEvent:
		var r audit.Record
		if err := json.Unmarshal(l.Event, &r); err != nil {
			c.log.Warn("event record of a channel is malformed", "channel", p.channel, "error", err)
			return
		}
		r.Channel = p.channel
		c.keeper.Event(c.now(), r)
		if r.Layer != "" { // one line for what a layer refused, aborted or could not reach
			c.log.Warn(r.Event, "channel", p.channel, "peer", r.Peer, "layer", r.Layer, "text", r.Text)
		}
	}
}

func (c *core) hello(p *process, l channel.Line) {
	if l.Version != channel.Version {
		c.log.Error("channel process speaks another version", "channel", p.channel, "version", l.Version)
		p.stop()
		return
	}
	p.up = true
	for _, a := range p.waiting {
		c.hand(p, a)
	}
	p.waiting = nil
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
	results := make([]sched.Result, 0, len(l.Results))
	for _, r := range l.Results {
		kind, ok := sched.ParseKind(r.Outcome)
		if !ok {
			c.log.Error("outcome of a channel is unknown", "channel", p.channel, "outcome", r.Outcome)
			kind = sched.InDoubt
		}
		results = append(results, sched.Result{N: r.N, Outcome: sched.Outcome{Kind: kind, Reason: r.Reason,
			Diagnostic: r.Diagnostic, Text: r.Text, Until: r.Until, Time: r.Time, PeerFault: r.PeerFault}})
	}
	c.step(sched.JobOutcome{Job: l.Job, Generation: l.Generation, Results: results})
}

// commit takes responsibility for a message a channel has written: the answer
// comes when a barrier that began after this moment has ended.
func (c *core) commit(p *process, l channel.Line) {
	refuse := func(err error) {
		c.send(p, channel.Line{Type: channel.TypeRefused, Txn: l.Txn, Text: err.Error()})
	}
	if l.Envelope == nil {
		refuse(errors.New("commit without envelope"))
		return
	}
	c.keeper.Commit(c.now(), l.Envelope, func(err error) {
		if err != nil {
			refuse(err)
			return
		}
		c.send(p, channel.Line{Type: channel.TypeDurable, Txn: l.Txn})
	})
}

// send queues a line for a process. A failed stream needs no answer: its reader
// has seen or will see the end.
func (c *core) send(p *process, l channel.Line) { _ = p.stream.Send(l) }

// hand passes a connection to a channel process.
func (c *core) hand(p *process, a accepted) {
	if err := p.stream.SendFile(a.line, a.file); err != nil {
		c.log.Warn("connection cannot be handed over", "channel", p.channel, "from", a.line.From, "error", err)
	}
}

// stop asks the process to end.
func (p *process) stop() {
	p.asked = true
	_ = p.stream.Send(channel.Line{Type: channel.TypeStop}) // a failed stream ends it too
}

// abort ends the process at once: it sees the end of its stream.
func (p *process) abort() {
	p.asked = true
	_ = p.cmd.Process.Kill() // it may be gone already
}

func (p *process) String() string { return fmt.Sprintf("%s/%d", p.channel, p.number) }
