// Package live is the configuration of a running switch: that of its file, or of the
// directory which the file names. It remembers on disk what the switch went by last, so that
// one starts and runs while the directory cannot be had, or says something wrong; and it
// tells when the directory says something else.
package live

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// patience is how long all servers of a directory together may take, in operations.
const patience = 10

// A directory that could not be read is read again after so long, at first and in the end.
const (
	retryFirst = 5 * time.Second
	retryMost  = 2 * time.Minute
)

// Status tells where the configuration comes from.
type Status struct {
	Source  string    `json:"source"`            // the file, or the server of the directory
	Version string    `json:"version"`           // of the one the switch goes by
	Since   time.Time `json:"since,omitzero"`    // when it took it
	Entries int       `json:"entries,omitempty"` // of the directory
	// Kept: it is the last good one, from the disk, as the directory had none.
	Kept    bool      `json:"kept,omitempty"`
	Read    time.Time `json:"read,omitzero"`     // when the source was read last, or tried
	Trouble string    `json:"trouble,omitempty"` // why what it says is not what the switch goes by
}

// ErrAway says that the directory cannot be had now. That has been logged, and it is tried
// again.
var ErrAway = errors.New("the directory cannot be had")

// Live is the configuration of one switch. Its methods may be called from several
// goroutines.
type Live struct {
	path       string
	now        func() time.Time
	log        *slog.Logger
	retryFirst time.Duration

	writing sync.Mutex // of what is kept, which may take a while

	mu       sync.Mutex
	status   Status
	running  *conf.Config     // what the switch goes by; nil before it has accepted one
	refused  string           // why what the source says is not used
	absent   string           // why the source cannot be had
	behind   bool             // that is because the servers that can be are behind
	read     Status           // what Load read last, and nobody has accepted
	has      *conf.Config     // that
	toKeep   *kept            // of it, from a directory
	unkept   *kept            // what was accepted, and is not on disk
	unable   string           // why that is not
	dir      string           // of the spool
	kept     string           // version that is on disk
	source   *ldapconf.Source // nil: the file has everything
	where    *conf.Config     // the file that the source is of
	state    ldapconf.State
	replaced chan struct{} // closed when there is another source
}

// New returns the configuration in the file at path.
func New(path string, now func() time.Time, log *slog.Logger) *Live {
	return &Live{path: path, now: now, log: log, retryFirst: retryFirst, replaced: make(chan struct{})}
}

// Load reads the configuration. As long as none has been accepted, the last good one on disk
// does for one that a directory does not have. One that has lost much against the one before is
// refused, until somebody asks for it who could know.
func (l *Live) Load(ctx context.Context, asked bool) (*conf.Config, error) {
	file, err := tableconf.Load(l.path)
	if err != nil {
		l.refuse(err)
		return nil, err
	}
	if !file.InDirectory() {
		l.setSource(nil, nil)
		l.hear(false, nil)
		l.found(Status{Source: l.path, Version: file.Version}, file, nil)
		return file, nil
	}
	dir, err := filepath.Abs(filepath.Dir(l.path))
	if err != nil {
		return nil, diag.E("conf: "+l.path, diag.System, err)
	}
	source, err := ldapconf.NewSource(file, dir, l.now)
	if err != nil {
		l.refuse(err)
		return nil, err
	}
	source = l.setSource(source, file)
	l.mu.Lock()
	running := l.running
	l.mu.Unlock()
	before, keptErr := running, error(nil)
	if running == nil {
		before, keptErr = keptFor(file, dir)
	}
	if running == nil && before != nil {
		// A start does not wait for ever where it can go on without.
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(len(file.Directory.URLs))*patience*file.Directory.Timeout.D())
		defer cancel()
	}
	l.mu.Lock()
	behind := l.behind
	l.mu.Unlock()
	c, state, err := source.Load(ctx, asked && behind)
	l.mu.Lock()
	l.behind = errors.Is(err, ldapconf.ErrBehind)
	l.mu.Unlock()
	if err == nil && before != nil {
		err = l.guard(lost(before, c), asked)
	}
	switch {
	case err == nil:
		return c, l.fromDirectory(ctx, source, c, state)
	case diag.KindOf(err) == diag.Config:
		l.hear(true, nil)
		l.refuse(err)
	case running != nil:
		l.hear(false, err)
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	default:
		l.mu.Lock()
		l.absent = err.Error()
		l.mu.Unlock()
	}
	switch {
	case running != nil:
		return nil, err
	case keptErr != nil:
		return nil, errors.Join(err, keptErr)
	}
	// What was decoded last may be what was refused.
	if entries, err := keptEntries(file.Spool.Dir); err == nil {
		if kept, err := source.Decode(entries); err != nil {
			l.log.Warn("routing trees cannot be looked up before the directory is right again", "error", err)
		} else {
			source.Accepted(kept.Version)
		}
	}
	l.log.Error("the directory has no configuration that can be used: starting with the last good one", "version", before.Version, "error", err)
	l.found(Status{Source: filepath.Join(file.Spool.Dir, spool.ConfigName), Version: before.Version, Kept: true}, before, nil)
	return before, nil
}

// guard lets a loss pass that somebody has asked for, and that he was told of.
func (l *Live) guard(loss error, asked bool) error {
	if loss == nil {
		return nil
	}
	l.mu.Lock()
	told := l.refused == loss.Error()
	l.mu.Unlock()
	if !asked || !told {
		return loss
	}
	l.log.Warn("a loss is taken, as it was asked for", "lost", strings.ReplaceAll(loss.Error(), "\n", "; "))
	return nil
}

// fromDirectory notes what was read of a directory.
func (l *Live) fromDirectory(ctx context.Context, source *ldapconf.Source, c *conf.Config, state ldapconf.State) error {
	toKeep, err := newKept(c, state.Entries)
	if err != nil {
		return err
	}
	entries := len(state.Entries)
	l.found(Status{Source: state.Server, Version: c.Version, Entries: entries}, c, toKeep)
	state.Entries = nil // the digest is what the next look is compared with
	l.mu.Lock()
	l.state = state
	l.mu.Unlock()
	l.hear(true, nil)
	if c.Version != l.Status().Version {
		l.roots(ctx, source, c)
		l.log.Info("configuration read from the directory", "server", state.Server, "entries", entries, "version", c.Version)
	}
	return nil
}

// roots warns of trees that are looked up and are not there: what comes to them waits.
func (l *Live) roots(ctx context.Context, source *ldapconf.Source, c *conf.Config) {
	for _, tree := range c.Identity.Trees {
		if !conf.OnDemand(tree) || tree == conf.OpenCommunity {
			continue
		}
		if there, err := source.Root(ctx, tree); err == nil && !there {
			l.log.Warn("a routing tree that is to be looked up is not in the directory, or may not be read; what comes to it waits", "tree", tree)
		}
	}
}

// found notes what was read.
func (l *Live) found(s Status, c *conf.Config, toKeep *kept) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Read = l.now()
	l.read, l.has, l.toKeep = s, c, toKeep
}

// setSource notes where the configuration is now, and returns the source of that, which is
// the one there was if it is where it was.
func (l *Live) setSource(s *ldapconf.Source, where *conf.Config) *ldapconf.Source {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reflect.DeepEqual(l.where, where) {
		return l.source
	}
	if l.source != nil {
		l.source.Close()
	}
	l.source, l.where, l.state = s, where, ldapconf.State{}
	close(l.replaced)
	l.replaced = make(chan struct{})
	return s
}

// refuse notes why what there is is not used.
func (l *Live) refuse(err error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.status.Read, l.refused = l.now(), err.Error()
}

// hear notes that the directory cannot be had, or that it can again, and says so when that
// begins; again tells that it could be had now.
func (l *Live) hear(again bool, err error) {
	l.mu.Lock()
	was := l.absent
	if l.absent = ""; err != nil {
		l.absent = err.Error()
	}
	l.mu.Unlock()
	switch {
	case err != nil && was == "":
		l.log.Warn("the directory cannot be had; the running configuration stays", "error", err)
	case err == nil && was != "" && again:
		l.log.Info("the directory can be had again")
	}
}

// Accept notes that the switch, whose spool is in dir, goes by the version that Load
// returned, and keeps it if it is from a directory. What cannot be kept now is tried again.
func (l *Live) Accept(version, dir string) error {
	l.mu.Lock()
	if l.read.Version != version {
		l.mu.Unlock()
		return nil // another has been read meanwhile, and is to be accepted or refused
	}
	since := l.now()
	if l.status.Version == version {
		since = l.status.Since
	}
	l.status, l.running, l.dir = l.read, l.has, dir
	if l.source != nil {
		l.source.Accepted(version)
	}
	l.status.Since = since
	mended := l.refused != "" && !l.status.Kept
	if mended {
		l.refused = ""
	}
	if l.toKeep != nil { // it may be large, and is not held longer than it is needed
		l.unkept, l.toKeep = l.toKeep, nil
	}
	if l.kept == version {
		l.unkept = nil
	}
	l.mu.Unlock()
	if mended {
		l.log.Info("what was wrong with the configuration is mended", "version", version)
	}
	return l.keep()
}

// keep writes what is to be kept and is not, the last that was accepted.
func (l *Live) keep() error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	k, dir := l.unkept, l.dir
	l.mu.Unlock()
	if k == nil {
		return nil
	}
	err := k.write(dir)
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.unable = ""; err != nil {
		l.unable = err.Error()
		return err
	}
	if l.kept = k.version; l.unkept == k {
		l.unkept = nil
	}
	return nil
}

// Refuse notes that the switch did not take a configuration that Load returned.
func (l *Live) Refuse(err error) { l.refuse(err) }

// Look returns nodes of a routing tree that is not held, from the directory: see
// ldapconf.Source.Look. The error has kind Unavailable if they cannot be had now.
func (l *Live) Look(tree string, names []string) ([]conf.Node, error) {
	l.mu.Lock()
	source, where := l.source, l.where
	l.mu.Unlock()
	if source == nil {
		return nil, diag.New("routing tree "+tree, diag.Unavailable, "there is no directory to look in: "+l.path+" has no [directory]")
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(len(where.Directory.URLs))*patience*where.Directory.Timeout.D())
	defer cancel()
	return source.Look(ctx, tree, names)
}

// Status returns where the configuration comes from.
func (l *Live) Status() Status {
	l.mu.Lock()
	defer l.mu.Unlock()
	s := l.status
	var troubles []string
	for _, t := range []string{l.refused, l.absent, l.unable} {
		if t != "" {
			troubles = append(troubles, t)
		}
	}
	s.Trouble = strings.Join(troubles, "; ")
	return s
}

// Watch calls changed when the directory may say something else, until ctx is done.
func (l *Live) Watch(ctx context.Context, changed func()) {
	go l.retry(ctx, changed)
	for ctx.Err() == nil {
		l.mu.Lock()
		source, state, replaced := l.source, l.state, l.replaced
		l.mu.Unlock()
		watching, stop := context.WithCancel(ctx)
		go func() {
			select {
			case <-replaced:
				stop()
			case <-watching.Done():
			}
		}()
		if source != nil {
			source.Watch(watching, state, changed, func(err error) { l.hear(true, err) })
		}
		<-watching.Done()
		stop()
	}
}

// retry has a source read again that could not be, after a while that grows, and what could not be
// kept written again.
func (l *Live) retry(ctx context.Context, changed func()) {
	pause := l.retryFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		if err := l.keep(); err != nil {
			l.log.Error("the configuration could not be kept for a start without the directory", "error", err)
		}
		l.mu.Lock()
		again := l.absent != "" && l.source != nil
		l.mu.Unlock()
		if !again {
			pause = l.retryFirst
			continue
		}
		changed()
		pause = min(2*pause, retryMost)
	}
}
