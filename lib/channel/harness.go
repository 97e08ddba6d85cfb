package channel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// Job is one mlist to move: some recipients of one message for one peer. It is a
// lease that ends with the Results for each recipient, or with the process.
type Job struct {
	Number     uint64
	Attempt    int
	Generation uint64
	Assoc      uint64 // 0 for a channel without associations
	Peer       string
	Ref        spool.Ref
	Recipients []int
	Fresh      bool // the message has no log
}

// Kind is the body of a channel: what it does with connections and jobs. The
// harness calls its methods from one goroutine; they must not block, except Drain.
type Kind interface {
	// Configure takes a configuration; it counts from the next job or association on.
	Configure(*conf.Config) error
	// Accept takes over a connection that came to a listener, by its address, and the
	// octets read from it: none where the channel has to begin with TLS.
	Accept(conn net.Conn, listener string, read []byte)
	// Open opens an association to a peer; its fate is told by Host.Association.
	Open(assoc uint64, peer string)
	// Close releases an association once it is idle.
	Close(assoc uint64)
	// Turn asks the peer for the turn of an association, for work of a priority.
	Turn(assoc uint64, priority spool.Priority)
	// Do starts a job; its outcome is told by Host.Results.
	Do(Job)
	// Drain finishes what is in progress, releases the associations and returns.
	Drain(context.Context)
	// Abort ends every association at once.
	Abort()
	// Capacity says how many jobs and associations the process can take.
	Capacity() Capacity
}

// Host is a channel's way to the scheduler. Its methods may be called from any
// goroutine.
type Host struct {
	Name  string
	Spool *spool.Spool
	Files *Files // those that the configuration names

	stream *Stream

	mu   sync.Mutex
	next uint64
	txns map[uint64]chan error
	asks map[uint64]chan Line // looks that have not been answered
	gone error                // set when the stream has ended: nobody will answer any more
}

// Create starts a message in its place in the spool: see submit.Committer.
func (h *Host) Create(ref spool.Ref) (*spool.Writer, error) { return h.Spool.CreateInPlace(ref) }

// Commit tells the scheduler of a message that is whole in its place and waits
// until a barrier that began afterwards has made it durable. Only a nil error
// allows a yes to the peer. The file stays open, and locked, until the answer is
// there: while it is open the kernel cannot forget that writing it failed, and
// while it is locked nobody takes it for the remains of a writer that died.
func (h *Host) Commit(ctx context.Context, w *spool.Writer, env *spool.Envelope) error {
	err := h.commit(ctx, env)
	var no *refusal
	if errors.As(err, &no) {
		return errors.Join(err, w.Abort())
	}
	// Durable, a failed close changes nothing; without an answer the message may
	// still become so, and whoever holds the spool next decides.
	_ = w.Close()
	return err
}

// Again is Commit for a child that was found whole in its place: an earlier lease has
// made it.
func (h *Host) Again(ctx context.Context, env *spool.Envelope) error { return h.commit(ctx, env) }

// refusal is the scheduler's no: the message is not, and will not be, accepted.
type refusal struct{ text string }

func (r *refusal) Error() string { return r.text }

func (h *Host) commit(ctx context.Context, env *spool.Envelope) error {
	told := spool.Told(*env)
	told.Wire = nil // the scheduler does not need it, and can read the file
	return h.durable(ctx, Line{Type: TypeCommit, Envelope: &told})
}

// Secure waits until a barrier that begins afterwards has made durable what was written
// to a partial.
func (h *Host) Secure(ctx context.Context, id spool.ID) error {
	return h.durable(ctx, Line{Type: TypeSecure, Ref: &spool.Ref{ID: id}})
}

// durable sends a line that is answered after a barrier.
func (h *Host) durable(ctx context.Context, l Line) error {
	answer := make(chan error, 1)
	h.mu.Lock()
	if h.gone != nil {
		h.mu.Unlock()
		return h.gone
	}
	h.next++
	txn := h.next
	h.txns[txn] = answer
	h.mu.Unlock()
	l.Txn = txn
	if err := h.stream.Send(l); err != nil {
		return diag.E("channel: commit", diag.Unavailable, err)
	}
	select {
	case err := <-answer:
		return err
	case <-ctx.Done():
		// The message may still become durable and be delivered; the peer gets no yes.
		return diag.E("channel: commit", diag.Temporary, ctx.Err())
	}
}

// Look has nodes of a routing tree looked up that is not held. Names are those that what is
// looked for may have below the root of the tree; what there is on the way of the one that
// leads farthest is returned, the root first. The error has kind Temporary.
func (h *Host) Look(ctx context.Context, tree string, names []string) ([]conf.Node, error) {
	answer := make(chan Line, 1)
	h.mu.Lock()
	if h.gone != nil {
		h.mu.Unlock()
		return nil, h.gone
	}
	h.next++
	txn := h.next
	h.asks[txn] = answer
	h.mu.Unlock()
	defer func() {
		h.mu.Lock()
		defer h.mu.Unlock()
		delete(h.asks, txn)
	}()
	if err := h.stream.Send(Line{Type: TypeLook, Txn: txn, Tree: tree, Names: names}); err != nil {
		return nil, diag.E("channel: look", diag.Temporary, err)
	}
	select {
	case l := <-answer:
		if l.Text != "" {
			return nil, diag.E("", diag.Temporary, errors.New(l.Text))
		}
		return l.Nodes, nil
	case <-ctx.Done():
		return nil, diag.E("channel: look", diag.Temporary, ctx.Err())
	}
}

// looked hands the answer to a look to whoever waits for it.
func (h *Host) looked(l Line) {
	h.mu.Lock()
	answer := h.asks[l.Txn]
	delete(h.asks, l.Txn)
	h.mu.Unlock()
	if answer != nil {
		answer <- l
	}
}

// Results tells the outcome of recipients of a job.
func (h *Host) Results(j Job, results ...Result) {
	h.send(Line{Type: TypeOutcome, Job: j.Number, Generation: j.Generation, Results: results})
}

// Transfer has the log of a message remember how far the transfer of a job got; nil
// that nothing is to be resumed.
func (h *Host) Transfer(j Job, t *spool.Transfer) {
	h.send(Line{Type: TypeTransfer, Ref: &j.Ref, Recipients: j.Recipients, Peer: j.Peer, Attempt: j.Attempt, Transfer: t})
}

// Association tells what became of an association.
func (h *Host) Association(l Line) {
	l.Type = TypeAssoc
	h.send(l)
}

// Event puts a record into the event log.
func (h *Host) Event(r audit.Record) {
	text, err := json.Marshal(r)
	if err != nil {
		text, _ = json.Marshal(audit.Record{Time: r.Time, Event: r.Event, Text: "record could not be written: " + err.Error()})
	}
	h.send(Line{Type: TypeEvent, Event: text})
}

// send drops the line when the stream has failed: then the reader ends the
// process, and what was in progress is the scheduler's again.
func (h *Host) send(l Line) { _ = h.stream.Send(l) }

func (h *Host) settle(txn uint64, err error) {
	h.mu.Lock()
	answer := h.txns[txn]
	delete(h.txns, txn)
	h.mu.Unlock()
	if answer != nil {
		answer <- err
	}
}

func (h *Host) end(err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.gone = diag.E("channel: commit", diag.Unavailable, err)
	for txn, answer := range h.txns {
		answer <- h.gone
		delete(h.txns, txn)
	}
	for txn, answer := range h.asks {
		answer <- Line{Type: TypeLooked, Text: h.gone.Error()}
		delete(h.asks, txn)
	}
}

// Inherited returns the control stream of a process started by mtarun and its way to files,
// or the stream on standard input and output of a process started by hand, and nil.
func Inherited() (*Stream, *Files, error) {
	if kind, err := unix.GetsockoptInt(ControlFD, unix.SOL_SOCKET, unix.SO_DOMAIN); err != nil || kind != unix.AF_UNIX {
		return NewPipe(os.Stdin, os.Stdout), nil, nil
	}
	f := os.NewFile(ControlFD, "control")
	c, err := net.FileConn(f)
	if err != nil {
		return nil, nil, diag.E("channel: control stream", diag.System, err)
	}
	if err := f.Close(); err != nil {
		return nil, nil, diag.E("channel: control stream", diag.System, err)
	}
	unix.CloseOnExec(LockFD)
	files, err := inheritedFiles()
	return NewStream(c.(*net.UnixConn)), files, err
}

// Run is the life of a channel process: it waits for the configuration, says
// hello, and serves lines until it is told to stop or the stream ends. A stop
// drains and returns nil; the end of the stream aborts everything.
func Run(ctx context.Context, name string, stream *Stream, files *Files, begin func(*Host, *conf.Config) (Kind, error)) error {
	defer func() { _ = stream.Close() }() // whatever it had to say has been said or cannot be
	h := &Host{Name: name, Files: files, stream: stream, txns: map[uint64]chan error{}, asks: map[uint64]chan Line{}}
	defer h.end(errors.New("the channel has ended"))

	var kind Kind
	for {
		l, f, err := stream.Receive()
		if err != nil {
			h.end(err)
			if kind != nil {
				kind.Abort()
			}
			if errors.Is(err, io.EOF) {
				return nil
			}
			return diag.E("channel "+name, diag.Unavailable, err)
		}
		if kind == nil && l.Type != TypeConfig {
			if f != nil {
				_ = f.Close() // a connection before the configuration has no owner
			}
			continue
		}
		switch l.Type {
		case TypeConfig:
			cfg := new(conf.Config)
			if err := json.Unmarshal(l.Config, cfg); err != nil {
				return diag.E("channel "+name+": configuration", diag.Protocol, err)
			}
			if kind != nil {
				if err := kind.Configure(cfg); err != nil {
					return err
				}
				continue
			}
			if h.Spool, err = spool.Open(cfg.Spool.Dir); err != nil {
				return err
			}
			if kind, err = begin(h, cfg); err != nil {
				return err
			}
			capacity := kind.Capacity()
			h.send(Line{Type: TypeHello, Version: Version, Channel: name, PID: os.Getpid(), Capacity: &capacity})
		case TypeAccept:
			conn, err := net.FileConn(f)
			if e := f.Close(); err == nil {
				err = e
			}
			if err != nil {
				h.Event(audit.Record{Event: audit.AssociationRefused, Channel: name, Text: fmt.Sprintf("connection from %s: %v", l.From, err)})
				continue
			}
			kind.Accept(conn, l.Listener, l.Read)
		case TypeOpen:
			kind.Open(l.Assoc, l.Peer)
		case TypeClose:
			kind.Close(l.Assoc)
		case TypeTurn:
			priority, err := spool.ParsePriority(l.Priority)
			if err != nil {
				return diag.E("channel "+name+": turn", diag.Protocol, err)
			}
			kind.Turn(l.Assoc, priority)
		case TypeJob:
			if l.Ref == nil {
				return diag.New("channel "+name+": job", diag.Protocol, "job without ref")
			}
			kind.Do(Job{Number: l.Job, Attempt: l.Attempt, Generation: l.Generation, Assoc: l.Assoc,
				Peer: l.Peer, Ref: *l.Ref, Recipients: l.Recipients, Fresh: l.Fresh})
		case TypeDurable:
			h.settle(l.Txn, nil)
		case TypeRefused:
			h.settle(l.Txn, diag.E("spool", diag.Temporary, &refusal{l.Text}))
		case TypeLooked:
			h.looked(l)
		case TypePing:
			h.send(Line{Type: TypePong})
		case TypeStop:
			// Receive goes on meanwhile: what drains still commits and hears "durable".
			drained := inBackground(func() { kind.Drain(ctx) })
			if err := h.serveDrain(drained); err != nil {
				kind.Abort()
				return nil
			}
			return nil
		}
	}
}

// inBackground runs f in a goroutine and returns a channel that is closed when it ends.
func inBackground(f func()) <-chan struct{} {
	done := make(chan struct{})
	go func() {
		defer close(done)
		f()
	}()
	return done
}

// serveDrain answers for the transactions of a draining channel until it is done.
func (h *Host) serveDrain(drained <-chan struct{}) error {
	failed := make(chan error, 1)
	go func() {
		for {
			l, f, err := h.stream.Receive()
			if err != nil {
				failed <- err
				return
			}
			if f != nil {
				_ = f.Close() // a draining channel takes no connection; the peer will call again
			}
			switch l.Type {
			case TypeDurable:
				h.settle(l.Txn, nil)
			case TypeRefused:
				h.settle(l.Txn, diag.E("spool", diag.Temporary, &refusal{l.Text}))
			case TypeLooked:
				h.looked(l)
			case TypePing:
				h.send(Line{Type: TypePong})
			}
		}
	}()
	select {
	case <-drained:
		return nil
	case err := <-failed:
		h.end(err)
		return err
	}
}
