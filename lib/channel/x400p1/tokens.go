package x400p1

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/mts/token"
)

// tokensKept is how many tokens of a peer are remembered.
const tokensKept = 1024

// memory is a token.Memory for all associations of a channel, and what of it outlives the
// process: of each peer the latest time of a token that was taken. The file is read again
// each time, as the process before, which may be finishing its work, or another channel,
// which the peer belonged to until now, may have taken one since.
type memory struct {
	dir  string
	mode fs.FileMode // of the file

	mu     sync.Mutex
	tokens *token.Memory
	known  map[string]time.Time // by peer: of what the file has, what this process has read or written
}

// newMemory is one that begins now.
func newMemory(dir string, now time.Time) *memory {
	return &memory{dir: dir, mode: 0o600, tokens: token.NewMemory(now, tokensKept), known: map[string]time.Time{}}
}

// take takes a token of a peer, if it was not taken before. After a nil error that is
// known, whatever happens to this process and machine; an error that is no
// *token.Refusal is one of theirs.
func (m *memory) take(peer string, t *token.Taken) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	lock, err := m.lock()
	if err != nil {
		return diag.E("tokens", diag.System, err)
	}
	defer func() { _ = lock.Close() }() // which only unlocks it
	latest, err := m.read()
	if err != nil {
		return diag.E("tokens", diag.System, err)
	}
	if last := latest[peer]; last.After(m.known[peer]) {
		m.tokens.Known(peer, last)
		m.known[peer] = last
	}
	if err := m.tokens.Take(peer, t); err != nil {
		return err
	}
	if !t.Time.After(latest[peer]) {
		return nil // another of a second that is recorded, or one out of order
	}
	latest[peer] = t.Time.UTC()
	if err := m.write(latest); err != nil {
		return diag.E("tokens", diag.System, err)
	}
	m.known[peer] = t.Time
	return nil
}

// lock keeps other processes from the file, until what it returns is closed.
func (m *memory) lock() (*os.File, error) {
	d, err := os.Open(m.dir)
	if errors.Is(err, fs.ErrNotExist) {
		if err = durable.MkdirAll(m.dir, 0o700); err == nil {
			d, err = os.Open(m.dir)
		}
	}
	if err != nil {
		return nil, err
	}
	for {
		switch err := unix.Flock(int(d.Fd()), unix.LOCK_EX); err {
		case nil:
			return d, nil
		case unix.EINTR:
		default:
			return nil, errors.Join(err, d.Close())
		}
	}
}

func (m *memory) path() string { return filepath.Join(m.dir, "latest") }

func (m *memory) read() (map[string]time.Time, error) {
	latest := map[string]time.Time{}
	text, err := os.ReadFile(m.path())
	if errors.Is(err, fs.ErrNotExist) {
		return latest, nil
	}
	if err == nil {
		err = json.Unmarshal(text, &latest)
	}
	if err == nil && latest == nil {
		err = errors.New("null")
	}
	if err != nil {
		return nil, &fs.PathError{Op: "read", Path: m.path(), Err: err}
	}
	return latest, nil
}

func (m *memory) write(latest map[string]time.Time) error {
	text, err := json.Marshal(latest)
	if err != nil {
		return err
	}
	return durable.WriteFile(m.path(), append(text, '\n'), m.mode)
}
