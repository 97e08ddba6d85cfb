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

// Endings of the files of a delivery, see mtamailbox(5).
const (
	contentEnding  = ".content"
	envelopeEnding = ".json"
	partEnding     = ".part" // of a content that is being written
)

// intoMailbox writes the content, then the envelope: a message is in the mailbox
// when its envelope is. The names derive from the spool identifier. A delivery that is
// repeated because its outcome was lost, or the disk refused something, writes both files
// anew, the envelope as it was: of what is there the kernel may have reported once that it is not on the disk, and
// to sync it again would succeed and mean nothing.
func (c *Channel) intoMailbox(dir string, m *spool.Message, d *Delivery, now time.Time) channel.Result {
	if err := c.mailboxes.open(dir); err != nil {
		return channel.Later(err)
	}
	base := filepath.Join(dir, d.Name)
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return channel.Later(err)
	}
	text, said := append(text, '\n'), ""
	if before, err := os.ReadFile(base + envelopeEnding); err == nil && json.Valid(before) {
		text, said = before, "was delivered before"
	}
	if err := writeContent(base+contentEnding, m); err != nil {
		return channel.Later(err)
	}
	if err := durable.WriteFile(base+envelopeEnding, text, 0o600); err != nil {
		return channel.Later(err)
	}
	return done(now, said)
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
	made := missing(dir)
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		for _, dir := range made { // to be made anew: a second sync of these would mean nothing
			_ = os.Remove(dir) // unless something is in it
		}
		return err
	}
	m.safe = true
	return nil
}

// missing are the directory and those above it that are not there, lowest first.
func missing(dir string) (dirs []string) {
	for ; ; dir = filepath.Dir(dir) {
		if _, err := os.Lstat(dir); !errors.Is(err, fs.ErrNotExist) || dir == filepath.Dir(dir) {
			return dirs
		}
		dirs = append(dirs, dir)
	}
}

// writeContent copies the content into a file of the mailbox, which has its name when it
// is whole. That the name is durable comes with that of the envelope.
func writeContent(path string, m *spool.Message) (err error) {
	part := path + partEnding
	if err := os.Remove(part); err != nil && !errors.Is(err, fs.ErrNotExist) { // of a delivery that was cut off
		return err
	}
	f, err := os.OpenFile(part, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, m.Content())
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	if err == nil {
		err = os.Rename(part, path)
	}
	if err != nil {
		_ = os.Remove(part) // or the next delivery does
	}
	return err
}
