// Package live is the configuration of a running switch: that of its file, or of the
// directory which the file names. It remembers on disk what the switch went by last, so that
// one starts and runs while the directory cannot be had, or says something wrong; and it
// tells when the directory says something else.
package live

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/spool"
)

// maxKept bounds the file in the spool with the configuration from the directory.
const maxKept = 2 << 30

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
	path string
	now  func() time.Time
	log  *slog.Logger

	writing sync.Mutex // of what is kept, which may take a while
	kept    string     // version that is

	mu       sync.Mutex
	status   Status
	refused  string           // why what the source says is not used
	absent   string           // why the source cannot be had
	read     Status           // what Load read last, and nobody has accepted
	toKeep   *kept            // of it, from a directory
	source   *ldapconf.Source // nil: the file has everything
	where    *conf.Config     // the file that the source is of
	state    ldapconf.State
	replaced chan struct{} // closed when there is another source
}

// New returns the configuration in the file at path.
func New(path string, now func() time.Time, log *slog.Logger) *Live {
	return &Live{path: path, now: now, log: log, replaced: make(chan struct{})}
}

// Load reads the configuration. As long as none has been accepted, the last good one on disk
// does for one that a directory does not have.
func (l *Live) Load() (*conf.Config, error) {
	file, err := tableconf.Load(l.path)
	if err != nil {
		l.refuse(err)
		return nil, err
	}
	if !file.InDirectory() {
		l.setSource(nil, nil)
		l.hear(false, nil)
		l.has(Status{Source: l.path, Version: file.Version}, nil)
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
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(len(file.Directory.URLs))*patience*file.Directory.Timeout.D())
	defer cancel()
	c, state, err := source.Load(ctx)
	if err == nil {
		toKeep, err := marshal(c, state.Entries)
		if err != nil {
			return nil, err
		}
		l.has(Status{Source: state.Server, Version: c.Version, Entries: len(state.Entries)}, toKeep)
		entries := len(state.Entries)
		state.Entries = nil // the digest is what the next look is compared with
		l.mu.Lock()
		l.state = state
		l.mu.Unlock()
		l.hear(true, nil)
		if c.Version != l.Status().Version {
			l.log.Info("configuration read from the directory", "server", state.Server, "entries", entries, "version", c.Version)
		}
		return c, nil
	}
	l.mu.Lock()
	running := l.status.Version != ""
	l.mu.Unlock()
	if diag.KindOf(err) == diag.Config {
		l.hear(true, nil)
		l.refuse(err)
	} else if running {
		l.hear(false, err)
		return nil, fmt.Errorf("%w: %w", ErrAway, err)
	} else {
		l.mu.Lock()
		l.absent = err.Error()
		l.mu.Unlock()
	}
	if running {
		return nil, err
	}
	kept, keptErr := keptFor(file)
	if keptErr != nil {
		return nil, errors.Join(err, keptErr)
	}
	l.log.Error("the directory has no configuration that can be used: starting with the last good one", "version", kept.Version, "error", err)
	l.has(Status{Source: filepath.Join(file.Spool.Dir, spool.ConfigName), Version: kept.Version, Kept: true}, nil)
	return kept, nil
}

// has notes what was read.
func (l *Live) has(s Status, toKeep *kept) {
	l.mu.Lock()
	defer l.mu.Unlock()
	s.Read = l.now()
	l.read, l.toKeep = s, toKeep
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
	case err != nil && was != err.Error():
		l.log.Warn("the directory cannot be had; the running configuration stays", "error", err)
	case err == nil && was != "" && again:
		l.log.Info("the directory can be had again")
	}
}

// Accept notes that the switch, whose spool is in dir, goes by the version that Load
// returned, and keeps it if it is from a directory.
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
	l.status = l.read
	l.status.Since = since
	mended := l.refused != "" && !l.status.Kept
	if mended {
		l.refused = ""
	}
	toKeep := l.toKeep
	l.toKeep = nil // it may be large
	l.mu.Unlock()
	if mended {
		l.log.Info("what was wrong with the configuration is mended", "version", version)
	}
	if toKeep == nil {
		return nil
	}
	l.writing.Lock()
	defer l.writing.Unlock()
	if l.kept == version {
		return nil
	}
	err := toKeep.write(dir)
	if err == nil {
		l.kept = version
	}
	return err
}

// kept is what stays on disk: the configuration and the entries it was made of. Both have
// passwords in them.
type kept struct{ config, entries []byte }

func marshal(c *conf.Config, entries []ldapconf.Entry) (*kept, error) {
	config, err := json.Marshal(c)
	if err != nil {
		return nil, diag.E("keep the configuration", diag.Internal, err)
	}
	var text bytes.Buffer
	if err := ldapconf.WriteLDIF(&text, entries); err != nil {
		return nil, err
	}
	return &kept{config, text.Bytes()}, nil
}

func (k *kept) write(dir string) error {
	err := durable.WriteFile(filepath.Join(dir, spool.DirectoryName), k.entries, 0o600)
	if err == nil {
		err = durable.WriteFile(filepath.Join(dir, spool.ConfigName), k.config, 0o600)
	}
	return diag.E("keep the configuration", diag.IO, err)
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
	s.Trouble = l.refused
	if l.absent != "" {
		s.Trouble = strings.TrimPrefix(s.Trouble+"; "+l.absent, "; ")
	}
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

// retry has a source read again that could not be, after a while that grows.
func (l *Live) retry(ctx context.Context, changed func()) {
	pause := retryFirst
	for {
		select {
		case <-ctx.Done():
			return
		case <-time.After(pause):
		}
		l.mu.Lock()
		again := l.absent != "" && l.source != nil
		l.mu.Unlock()
		if !again {
			pause = retryFirst
			continue
		}
		changed()
		pause = min(2*pause, retryMost)
	}
}

// Kept returns the configuration from the directory that the switch with the spool in dir
// goes by, or went by last. The error has kind Unavailable if there is none.
func Kept(dir string) (*conf.Config, error) {
	path := filepath.Join(dir, spool.ConfigName)
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, diag.WithHint(diag.New(path, diag.Unavailable, "no configuration was read from the directory yet"),
			"mtarun reads it at its start: only it talks to the directory")
	}
	if err != nil {
		return nil, diag.E("", diag.KindOf(err), err)
	}
	defer func() { _ = f.Close() }() // it was only read
	data, err := io.ReadAll(io.LimitReader(f, maxKept))
	if err != nil {
		return nil, diag.E(path, diag.IO, err)
	}
	c := conf.New()
	if err := json.Unmarshal(data, c); err != nil {
		return nil, diag.E(path, diag.Data, fmt.Errorf("cannot be read: %w", err))
	}
	return c, nil
}

// keptFor returns what was kept for the switch of a file, if it is right by what this program
// knows. Where messages are is what the file says now.
func keptFor(file *conf.Config) (*conf.Config, error) {
	c, err := Kept(file.Spool.Dir)
	if err != nil {
		return nil, err
	}
	path := filepath.Join(file.Spool.Dir, spool.ConfigName)
	if c.Identity.MTA != file.Directory.MTA {
		return nil, diag.E(path, diag.Config, fmt.Errorf("is of %s, and the file is of %s", c.Identity.MTA, file.Directory.MTA))
	}
	c.Spool, c.Events = file.Spool, file.Events
	c.Complete()
	if err := c.Validate(); err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	c.Directory = file.Directory
	return c, nil
}

// Config returns the configuration in the file at path, as whoever runs a command has it:
// if it is in a directory, the one the switch goes by, or went by last.
func Config(path string) (*conf.Config, error) {
	c, err := tableconf.Load(path)
	if err != nil || !c.InDirectory() {
		return c, err
	}
	return keptFor(c)
}

// AsOf returns the configuration of another switch, as far as the directory that the one with
// the file at path has it from lets that one read it.
func AsOf(path, mta string) (*conf.Config, error) {
	c, err := tableconf.Load(path)
	if err != nil {
		return nil, err
	}
	if !c.InDirectory() {
		return nil, diag.WithHint(diag.New(path, diag.Usage, "has no [directory]: nothing is known of other switches"), "mta-directory(7) tells how switches share one")
	}
	name := filepath.Join(c.Spool.Dir, spool.DirectoryName)
	f, err := os.Open(name)
	if err != nil {
		return nil, diag.WithHint(diag.E("", diag.KindOf(err), err), "mtarun keeps what it has read from the directory there")
	}
	defer func() { _ = f.Close() }() // it was only read
	entries, err := ldapconf.ReadLDIF(f, name)
	if err != nil {
		return nil, err
	}
	layout, err := ldapconf.NewLayout(c.Directory.Base, mta)
	if err != nil {
		return nil, err
	}
	other := conf.New()
	other.Spool = c.Spool
	return other, ldapconf.Decode(other, entries, layout, filepath.Dir(path))
}
