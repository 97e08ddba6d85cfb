package x400p1

import (
	"errors"
	"io/fs"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts/token"
)

// trusts keeps what callers are judged by for as long as its files are what they were:
// whoever knows the name of a peer has it looked at, before anything is proved.
type trusts struct {
	open files
	mu   sync.Mutex
	read map[string]judgement // by peer
}

// judgement is what came of reading the files of a peer, when they looked like that.
type judgement struct {
	ca, peer stamp
	trust    *token.Trust
	err      error
}

// stamp is what changes with a file; the zero value is of none.
type stamp struct {
	dev, ino    uint64
	size        int64
	made, known unix.Timespec
}

func newTrusts(open files) *trusts { return &trusts{open: open, read: map[string]judgement{}} }

// get is newTrust, from memory if that will do.
func (t *trusts) get(cfg *conf.Config, peer *conf.Peer, now time.Time) (*token.Trust, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ca, caSettled := t.open.stampOf(peer.TokenCA, now)
	of, ofSettled := t.open.stampOf(peer.TokenPeer, now)
	if was, ok := t.read[peer.Name]; ok && was.ca == ca && was.peer == of {
		return was.trust, was.err
	}
	trust, err := t.open.newTrust(cfg, peer)
	delete(t.read, peer.Name)
	// What the system would not give it may give the next time.
	if passing := new(fs.PathError); caSettled && ofSettled && !errors.As(err, &passing) {
		t.read[peer.Name] = judgement{ca, of, trust, err}
	}
	return trust, err
}

// settled is how old the last change of a file is at least if the next one is to be seen
// by its time.
const settled = 2 * time.Second

// stampOf looks at a file, and tells whether a change from now on would show.
func (open files) stampOf(path string, now time.Time) (stamp, bool) {
	if path == "" {
		return stamp{}, true
	}
	f, err := open(path)
	if err != nil {
		return stamp{}, false
	}
	defer func() { _ = f.Close() }() // it was only looked at
	var st unix.Stat_t
	if err := unix.Fstat(int(f.Fd()), &st); err != nil {
		return stamp{}, false
	}
	since := now.Sub(time.Unix(st.Ctim.Unix()))
	return stamp{st.Dev, st.Ino, st.Size, st.Mtim, st.Ctim}, since > settled
}
