package local

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/spool"
)

// Endings of the two files of a delivery, see mtamailbox(5).
const (
	contentEnding  = ".content"
	envelopeEnding = ".json"
)

// intoMailbox writes the content, then the envelope: a message is in the mailbox
// when its envelope is. The names derive from the spool identifier, so a delivery
// that is repeated because its outcome was lost finds itself done.
func (c *Channel) intoMailbox(dir string, m *spool.Message, d *Delivery, now time.Time) channel.Result {
	if err := c.mailboxes.open(dir); err != nil {
		return later(err)
	}
	base := filepath.Join(dir, d.Name)
	if _, err := os.Lstat(base + envelopeEnding); err == nil {
		// Whoever did it may have ended before the names were safe.
		if err := durable.SyncDir(dir); err != nil {
			return later(err)
		}
		return done(now, "was delivered before")
	} else if !errors.Is(err, fs.ErrNotExist) {
		return later(err)
	}
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return later(err)
	}
	if err := writeContent(base+contentEnding, m); err != nil {
		return later(err)
	}
	if err := durable.WriteFile(base+envelopeEnding, append(text, '\n'), 0o600); err != nil {
		return later(err)
	}
	return done(now, "")
}

// mailboxes are the directories this process has made or found, and made durable.
// Deliveries run side by side: one that finds the directory another has just made must
// not say "delivered" before the name of it is safe. Each has a lock of its own, because
// a file system that hangs is to stop the deliveries into it and no others.
type mailboxes struct {
	mu   sync.Mutex
	dirs map[string]*mailbox
}

type mailbox struct {
	mu   sync.Mutex
	safe bool
}

func (b *mailboxes) get(dir string) *mailbox {
	b.mu.Lock()
	defer b.mu.Unlock()
	m := b.dirs[dir]
	if m == nil {
		m = &mailbox{}
		if b.dirs == nil {
			b.dirs = map[string]*mailbox{}
		}
		b.dirs[dir] = m
	}
	return m
}

func (b *mailboxes) open(dir string) error {
	m := b.get(dir)
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.safe {
		if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
			return err
		}
		m.safe = false // somebody has taken it away
	}
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	m.safe = true
	return nil
}

// writeContent copies the content into a file of the mailbox. A whole one has its
// name when the envelope gets its own; one that was interrupted is written anew.
func writeContent(path string, m *spool.Message) (err error) {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	defer func() {
		if e := f.Close(); err == nil {
			err = e
		}
	}()
	if _, err := io.Copy(f, m.Content()); err != nil {
		return err
	}
	return f.Sync()
}
