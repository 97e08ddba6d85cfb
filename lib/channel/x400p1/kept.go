package x400p1

import (
	"encoding/hex"
	"errors"
	"hash"
	"io"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/spool"
)

// maxBounds bounds the ends of writes that no checkpoint has come to.
const maxBounds = 1024

// secured reads what was kept, and gives its last octets only if it is what was secured:
// whoever has them may have the whole object, and would accept it without asking for the
// end.
type secured struct {
	r      io.LimitedReader
	file   *os.File
	digest hash.Hash
	want   string
}

// newSecured reads what came before a checkpoint, digest over it as well.
func newSecured(file *os.File, c checkpoint, digest hash.Hash) *secured {
	return &secured{r: io.LimitedReader{R: file, N: c.octets}, file: file, digest: digest, want: c.digest}
}

var errPast = errors.New("what was secured of the object has another digest")

func (p *secured) Read(b []byte) (int, error) {
	n, err := p.r.Read(b)
	p.digest.Write(b[:n])
	if (err == io.EOF || p.r.N == 0) && hex.EncodeToString(p.digest.Sum(nil)) != p.want {
		return 0, errPast
	}
	return n, err
}

func (p *secured) Close() error { return p.file.Close() }

// kept writes one partial.
type kept struct {
	*recovery
	keeper *peerKeeper
	p      *partial
	file   *spool.Partial
	until  time.Time // checkpoints are not secured against a loss of power

	writing sync.Mutex // file and digest; it may be waited for while mu is held
	digest  hash.Hash

	// Guarded by mu.
	bounds []bound
	synced bool // the disk was waited for
	linked bool // the log says what the object becomes
	over   bool // somebody else has it, or nobody
	// securing is closed when it is known whether the object, which has arrived whole, is
	// accepted; nil: it has not, or that is known. retired says that its octets are gone.
	securing chan struct{}
	retired  bool
}

// close lets go of the file, removing it or not. mu is held.
func (k *kept) close(how func(*spool.Partial) error) {
	k.over = true
	k.writing.Lock()
	defer k.writing.Unlock()
	// What counts is durable, and what cannot be removed is found by a check.
	_ = how(k.file)
}

// bound is where a write ended; a checkpoint is at one of them.
type bound struct {
	octets int64
	digest string
}

var (
	errOver = errors.New("the object is not kept any more")
	errRoom = errors.New("the share of recovery-size is reached")
	errMark = errors.New("a checkpoint is where no RTTR ended")
)

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	switch {
	case k.over:
		k.mu.Unlock()
		return 0, errOver
	case !k.room(k.p.peer, int64(len(b))):
		k.mu.Unlock()
		return 0, errRoom
	}
	k.p.octets += int64(len(b))
	k.add(k.p.peer, int64(len(b)))
	k.writing.Lock() // before somebody closes the file
	k.mu.Unlock()
	n, err := k.file.Write(b)
	k.digest.Write(b)
	digest := hex.EncodeToString(k.digest.Sum(nil))
	k.writing.Unlock()
	if err != nil {
		return n, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return n, errOver
	}
	if len(k.bounds) == maxBounds {
		k.bounds = slices.Delete(k.bounds, 0, 1)
	}
	k.bounds = append(k.bounds, bound{k.p.octets, digest})
	return n, nil
}

// Secure has one barrier serve all the checkpoints, and everybody else who waits. What a
// short transfer has written outlives this process, and only a loss of power loses it.
func (k *kept) Secure(marks []rtse.Mark) error {
	k.mu.Lock()
	records, err := k.records(marks)
	if err != nil {
		k.mu.Unlock()
		return err
	}
	barrier := !k.now().Before(k.until)
	k.synced = k.synced || barrier
	k.writing.Lock()
	k.mu.Unlock()
	err = k.file.Append(records...)
	k.writing.Unlock()
	if err != nil {
		return err
	}
	if barrier {
		if err := k.secure(k.ctx, k.p.id); err != nil {
			return diag.E("", diag.Unavailable, err)
		}
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return errOver
	}
	for _, r := range records {
		if r.Kind == spool.PartialSecured {
			k.p.secured = append(k.p.secured, checkpoint{r.Serial, r.Octets, r.Digest})
		}
	}
	k.p.trim()
	return nil
}

// records are those of checkpoints, and of what the object becomes, as soon as that is
// known. mu is held.
func (k *kept) records(marks []rtse.Mark) ([]spool.PartialRecord, error) {
	if k.over {
		return nil, errOver
	}
	if !k.charge(k.p, len(marks)) {
		return nil, errRoom
	}
	records := make([]spool.PartialRecord, len(marks), len(marks)+1)
	for i, m := range marks {
		at := slices.IndexFunc(k.bounds, func(b bound) bool { return b.octets == m.Octets })
		if at < 0 {
			return nil, errMark
		}
		k.bounds = k.bounds[at:]
		records[i] = spool.PartialRecord{Time: k.now().UTC(), Kind: spool.PartialSecured,
			Serial: int64(m.Serial), Octets: m.Octets, Digest: k.bounds[0].digest}
	}
	return append(records, k.link()...), nil
}

// link is the record of what the object becomes, once. mu is held.
func (k *kept) link() []spool.PartialRecord {
	if k.linked || k.keeper.message == "" || k.keeper.arriving != k {
		return nil
	}
	k.linked, k.p.message = true, k.keeper.message
	k.p.cost += recordCost
	k.add(k.p.peer, recordCost)
	return []spool.PartialRecord{{Time: k.now().UTC(), Kind: spool.PartialMessage, Message: k.keeper.message}}
}

// Becomes tells which message the object that is arriving becomes.
func (k *peerKeeper) Becomes(id spool.ID) {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.message = id
}

var (
	errAccepted  = errors.New("the object has been accepted over another association")
	errElsewhere = errors.New("the object is being resumed over another association")
)

// Whole is told when the object has arrived whole, before its message is made durable:
// from now on the message says whether it was accepted. An error says that there is to be
// no second one: errAccepted, or errElsewhere if that is not known yet.
func (k *peerKeeper) Whole() error {
	if k == nil {
		return nil
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	w := k.arriving
	switch {
	case w == nil, w.p.gone:
		return nil
	case w.p.accepted:
		return errAccepted
	case w.p.writer != w:
		return errElsewhere
	}
	w.securing, k.whole = make(chan struct{}), w
	records := w.link()
	if w.over {
		// The association is lost, and this is what came before.
		if records != nil {
			_ = w.host.Spool.NotePartial(w.p.id, records...) // it is known as long as this process lives
		}
		return nil
	}
	w.writing.Lock()
	defer w.writing.Unlock()
	if records != nil && w.file.Append(records...) != nil {
		return nil
	}
	if w.linked && !w.synced {
		// What the message has need not be written to the disk twice; who cannot resume
		// it begins again.
		w.retired = true
		_ = w.file.Retire()
		w.add(w.p.peer, -w.p.octets)
		w.p.octets, w.p.secured = 0, nil
	}
	return nil
}

// Settled is told when the object has been accepted, or has not.
func (k *peerKeeper) Settled() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if w := k.whole; w != nil {
		w.settle()
		if k.arriving == w { // else the next object is arriving already
			k.arriving = nil
		}
	}
	k.whole = nil
}

// settle lets those go on who wait for what becomes of the object. mu is held.
func (k *kept) settle() {
	if k.securing == nil {
		return
	}
	close(k.securing)
	k.securing = nil
	if k.retired && !k.p.accepted && !k.p.gone {
		k.forget(k.p)
		if !k.over {
			k.close((*spool.Partial).Remove)
			return
		}
		_ = k.host.Spool.RemovePartial(k.p.id)
	}
}

// Accepted may find the object left: it was being secured in the spool when the
// association ended. Who resumes it is told that it has been accepted.
func (k *kept) Accepted() {
	k.mu.Lock()
	defer k.mu.Unlock()
	p := k.p
	if p.gone {
		return
	}
	p.accepted, p.touched = true, k.now()
	if p.kept == nil || p.kept == k {
		k.accept()
		k.keeper.last = p
		k.arm(k.age)
	} // else it is being sent again, and Whole will tell
	k.settle()
}

// accept leaves the log, which says what was accepted. mu is held.
func (k *kept) accept() {
	p := k.p
	k.add(p.peer, recordCost-p.octets)
	p.octets, p.cost, p.secured, p.kept = 0, p.cost+recordCost, nil, nil
	record := spool.PartialRecord{Time: p.touched.UTC()}
	// If it cannot be noted it is known as long as this process lives.
	if k.over {
		_ = k.host.Spool.AcceptPartial(p.id, record)
		return
	}
	k.close(func(file *spool.Partial) error { return file.Accept(record) })
}

func (k *kept) Dropped() {
	k.finish(func() {
		k.forget(k.p)
		k.close((*spool.Partial).Remove)
	})
}

func (k *kept) Left() {
	k.finish(func() {
		switch {
		case k.p.accepted:
			k.accept()
			return
		case len(k.p.secured) == 0 && k.securing == nil:
			k.forget(k.p)
			k.close((*spool.Partial).Remove)
			return
		}
		k.close((*spool.Partial).Close)
		k.p.kept, k.p.touched = nil, k.now()
	})
}

// finish ends the writing, once.
func (k *kept) finish(how func()) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return
	}
	how()
	k.arm(k.age)
}
