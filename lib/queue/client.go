package queue

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// ErrNotRunning says that no daemon answers for the spool.
var ErrNotRunning = errors.New("mtarun is not running")

// Ask puts a request to the daemon of the configuration's spool or, when none runs,
// to the quiet spool itself, under its lock. Every answer is handed to emit, which must not
// keep its Row; trouble with single messages is returned joined, after everything else was
// done.
func Ask(cfg *conf.Config, q Request, emit func(Answer) error) error {
	err := AskDaemon(cfg, q, emit)
	if !errors.Is(err, ErrNotRunning) {
		return err
	}
	return askSpool(cfg, q, emit)
}

// AskDaemon is Ask for a live spool only; ErrNotRunning says that there is no daemon.
func AskDaemon(cfg *conf.Config, q Request, emit func(Answer) error) error {
	return client{dir: cfg.Spool.Dir, patience: answerTime}.ask(q, emit)
}

// Running returns the configuration that the daemon of a spool goes by, without the
// passwords; ErrNotRunning says that there is no daemon.
func Running(dir string) (cfg *conf.Config, err error) {
	err = client{dir: dir, patience: answerTime}.ask(Request{Verb: VerbConfig}, func(a Answer) error {
		cfg = a.Config
		return nil
	})
	if err == nil && cfg == nil {
		err = diag.New("mtarun", diag.Unavailable, "does not tell its configuration")
	}
	return cfg, err
}

// Look has the daemon of a spool look up nodes of a routing tree that is not held: see
// channel.Host.Look. ErrNotRunning says that there is no daemon.
func Look(dir, tree string, names []string) (nodes []conf.Node, err error) {
	err = client{dir: dir, patience: lookTime}.ask(Request{Verb: VerbLook, Tree: tree, Names: names}, func(a Answer) error {
		nodes = a.Nodes
		return nil
	})
	return nodes, err
}

// lookTime is how long a directory may take for that.
const lookTime = 2 * time.Minute

// answerTime is how long a daemon may be silent: until it takes the request, and between
// two lines of its answer. An answer that takes longer to find is kept alive by empty lines.
const answerTime = 30 * time.Second

// client asks the daemon of a spool.
type client struct {
	dir      string
	patience time.Duration // with a silent daemon
}

func (c client) ask(q Request, emit func(Answer) error) (err error) {
	d := net.Dialer{Timeout: c.patience}
	conn, err := d.Dial("unix", SocketPath(c.dir))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return diag.E("", diag.Unavailable, ErrNotRunning)
	case errors.Is(err, fs.ErrPermission):
		return diag.WithHint(diag.E("mtarun", diag.Denied, err), "only the user the spool belongs to, and root, may ask")
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, syscall.EAGAIN): // its backlog is full
		return silent(nil)
	case err != nil:
		return diag.E("mtarun", diag.Unavailable, err)
	}
	defer func() { err = errors.Join(err, diag.E("mtarun", diag.IO, conn.Close())) }()
	line := patientConn{Conn: conn, patience: c.patience}
	if err := json.NewEncoder(line).Encode(q); errors.Is(err, os.ErrDeadlineExceeded) {
		return silent(conn)
	} else if err != nil {
		return diag.E("mtarun", diag.Unavailable, err)
	}
	var troubles []error
	answers := bufio.NewReaderSize(line, 64<<10)
	var a Answer
	for {
		text, err := readLine(answers)
		if err == nil && len(text) <= len("\n") {
			continue // it is not hung
		}
		if err == nil {
			err = a.ParseLine(text)
		}
		if err != nil {
			switch {
			case errors.Is(err, io.EOF):
				err = diag.New("mtarun", diag.Unavailable, "ended before the answer did")
			case errors.Is(err, os.ErrDeadlineExceeded):
				err = silent(conn)
			default:
				err = diag.E("mtarun", diag.Unavailable, err)
			}
			if q.Acts() {
				err = diag.E("", diag.Unavailable, fmt.Errorf("%w; whether it was done is not known", err))
			}
			return errors.Join(append(troubles, err)...)
		}
		switch {
		case a.End:
			return errors.Join(troubles...)
		case a.Error != nil:
			troubles = append(troubles, a.Error.err())
		default:
			if err := emit(a); err != nil {
				return err
			}
		}
	}
}

// readLine reads a line however long; it is good until the next.
func readLine(r *bufio.Reader) ([]byte, error) {
	text, err := r.ReadSlice('\n')
	if !errors.Is(err, bufio.ErrBufferFull) {
		return text, err
	}
	long := slices.Clone(text)
	for errors.Is(err, bufio.ErrBufferFull) {
		text, err = r.ReadSlice('\n')
		long = append(long, text...)
	}
	return long, err
}

// silent says that the daemon, which listens at the other end of conn, does not answer.
func silent(conn net.Conn) error {
	name := "mtarun"
	if pid := listener(conn); pid != 0 {
		name = fmt.Sprintf("mtarun (pid %d)", pid)
	}
	return diag.E("", diag.Unavailable, errors.New(name+" does not answer"))
}

// listener is the process that listens at the other end of a local socket, 0 if it
// cannot be told.
func listener(conn net.Conn) (pid int32) {
	u, ok := conn.(*net.UnixConn)
	if !ok {
		return 0
	}
	raw, err := u.SyscallConn()
	if err != nil {
		return 0
	}
	if err := raw.Control(func(fd uintptr) {
		if cred, err := unix.GetsockoptUcred(int(fd), unix.SOL_SOCKET, unix.SO_PEERCRED); err == nil {
			pid = cred.Pid
		}
	}); err != nil {
		return 0
	}
	return pid
}

// patientConn bounds how long each reading and each writing takes.
type patientConn struct {
	net.Conn
	patience time.Duration
}

func (c patientConn) Read(b []byte) (int, error) {
	if err := c.SetReadDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Read(b)
}

func (c patientConn) Write(b []byte) (int, error) {
	if err := c.SetWriteDeadline(time.Now().Add(c.patience)); err != nil {
		return 0, err
	}
	return c.Conn.Write(b)
}

// askSpool answers a request from a spool nobody serves.
func askSpool(cfg *conf.Config, q Request, emit func(Answer) error) (err error) {
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	var troubles []error
	trouble := func(err error) { troubles = append(troubles, err) }
	hint := "mtarun is starting or another tool is at work: try again"
	err = quietly(sp, cfg, quiet{hint: hint, first: func() error { return nil }, recover: sp.Recover, damaged: trouble, work: func(k *Keeper, now time.Time) {
		answered := false
		k.Serve(now, q, func(a Answer) {
			switch {
			case a.Error != nil:
				trouble(a.Error.err())
				return
			case a.Status != nil:
				a.Status.Running, a.Status.PID, a.Status.Since = false, 0, time.Time{}
			case a.Channel != nil:
				for i := range a.Channel.Peers {
					a.Channel.Peers[i].NextCall = time.Time{} // nobody is here to call
				}
			}
			trouble(emit(a))
		}, func() { answered = true })
		for !answered && k.failed == nil {
			k.barrier()
		}
	}})
	return errors.Join(append(troubles, err)...)
}

// Repair brings a spool nobody serves into order, as mtarun does when it starts, and makes
// what every spool has and this one has lost; besides, every content is compared with its
// digest, and what is not whole is not taken for something never accepted. What is damaged
// goes to bad/, with an event. Before, what Check finds is told to report. An error of kind
// Unavailable says that somebody has the spool, and that nothing was done.
func Repair(cfg *conf.Config, report func(spool.Finding)) (err error) {
	// Before the lock, whose file may be missing while mtarun has it open.
	if _, err := Running(cfg.Spool.Dir); !errors.Is(err, ErrNotRunning) {
		return diag.WithHint(diag.New("spool "+cfg.Spool.Dir, diag.Unavailable, "mtarun serves it"), hintRepair)
	}
	sp, err := spool.OpenToRepair(cfg.Spool.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	made, err := sp.MakeLock()
	if err != nil {
		return err
	}
	first := func() error {
		if made {
			report(spool.Missing("lock"))
		}
		sp.Check(spool.CheckOptions{ReadData: true}, report)
		return sp.Furnish()
	}
	return quietly(sp, cfg, quiet{hint: hintRepair, first: first, recover: sp.RecoverVerified, damaged: func(error) {}, work: func(*Keeper, time.Time) {}})
}

const hintRepair = "mtarun repairs the spool when it starts; to have every content verified, stop it first"

// quiet is what is done to a spool that nobody serves.
type quiet struct {
	hint    string       // if somebody has its lock
	first   func() error // once the lock is had
	recover func() (*spool.Backlog, error)
	damaged func(error)                    // is told what cannot be read
	work    func(k *Keeper, now time.Time) // once all has been read, and what is due been done
}

func (k *Keeper) barrier() {
	run, settle := k.Begin()
	settle(run())
}

// quietly works on a spool that nobody serves, under its lock.
func quietly(sp *spool.Spool, cfg *conf.Config, q quiet) (err error) {
	lock, err := sp.Lock()
	if err != nil {
		if diag.KindOf(err) != diag.Unavailable {
			return err
		}
		return diag.WithHint(err, q.hint)
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	if err := q.first(); err != nil {
		return err
	}
	backlog, err := q.recover()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	now := time.Now()
	k, err := NewKeeper(sp, cfg, conf.OpenFile, now, log, func(sched.Action) {}) // nobody is here to move anything
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	var troubles []error
	k.Quiet = true
	k.Damaged = q.damaged
	// Before the messages: one whose time is over tells its originator why.
	if err := k.Recall(now); err != nil {
		troubles = append(troubles, err)
	}
	if err := backlog.Load(func(i spool.Item) error {
		k.Load(now, []spool.Item{i}, backlog.Crashed())
		return nil
	}); err != nil {
		troubles = append(troubles, err)
	}
	for more := true; more; {
		if more, err = k.AdoptNew(now); err != nil {
			return err
		}
	}
	q.work(k, now)
	for k.Dirty() && k.failed == nil {
		k.barrier()
	}
	return errors.Join(append(troubles, k.failed)...)
}
