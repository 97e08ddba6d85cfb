package queue

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// ErrNotRunning says that no daemon answers for the spool.
var ErrNotRunning = errors.New("mtarun is not running")

// Ask puts a request to the daemon of the configuration's spool or, when none runs,
// to the quiet spool itself, under its lock. Every answer is handed to emit; trouble
// with single messages is returned joined, after everything else was done.
func Ask(cfg *conf.Config, q Request, emit func(Answer) error) error {
	err := AskDaemon(cfg, q, emit)
	if !errors.Is(err, ErrNotRunning) {
		return err
	}
	return askSpool(cfg, q, emit)
}

// AskDaemon is Ask for a live spool only; ErrNotRunning says that there is no daemon.
func AskDaemon(cfg *conf.Config, q Request, emit func(Answer) error) (err error) {
	conn, err := net.Dial("unix", SocketPath(cfg.Spool.Dir))
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return diag.E("", diag.Unavailable, ErrNotRunning)
	case errors.Is(err, fs.ErrPermission):
		return diag.WithHint(diag.E("mtarun", diag.Denied, err), "only the user the spool belongs to, and root, may ask")
	case err != nil:
		return diag.E("mtarun", diag.Unavailable, err)
	}
	defer func() { err = errors.Join(err, diag.E("mtarun", diag.IO, conn.Close())) }()
	if err := json.NewEncoder(conn).Encode(q); err != nil {
		return diag.E("mtarun", diag.Unavailable, err)
	}
	var troubles []error
	answers := json.NewDecoder(bufio.NewReader(conn))
	for {
		var a Answer
		if err := answers.Decode(&a); errors.Is(err, io.EOF) {
			return diag.New("mtarun", diag.Unavailable, "ended before the answer did")
		} else if err != nil {
			return diag.E("mtarun", diag.Unavailable, err)
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

// askSpool answers a request from a spool nobody serves.
func askSpool(cfg *conf.Config, q Request, emit func(Answer) error) (err error) {
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	lock, err := sp.Lock()
	if err != nil {
		if diag.KindOf(err) != diag.Unavailable {
			return err
		}
		return diag.WithHint(err, "mtarun is starting or another tool is at work: try again")
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	backlog, err := sp.Recover()
	if err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	now := time.Now()
	k, err := NewKeeper(sp, cfg, now, log, func(sched.Action) {}) // nobody is here to move anything
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.Close()) }()
	var troubles []error
	k.Damaged = func(err error) { troubles = append(troubles, err) }
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
	if err := k.Recall(now); err != nil {
		troubles = append(troubles, err)
	}
	answered := false
	k.Serve(now, q, func(a Answer) {
		switch {
		case a.Error != nil:
			troubles = append(troubles, a.Error.err())
		case a.Status != nil:
			a.Status.Running, a.Status.PID, a.Status.Since = false, 0, time.Time{}
			troubles = append(troubles, emit(a))
		default:
			troubles = append(troubles, emit(a))
		}
	}, func() { answered = true })
	for k.Dirty() || !answered {
		batch, settle := k.Begin()
		settle(sp.Barrier(batch))
		if k.failed != nil {
			return errors.Join(append(troubles, k.failed)...)
		}
	}
	return errors.Join(troubles...)
}
