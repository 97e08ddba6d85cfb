package x400p1

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	// maxAccepted bounds the objects known to have been accepted, whose senders may
	// not have heard of it.
	maxAccepted = 10000
	// maxBounds bounds the ends of writes that no checkpoint has come to.
	maxBounds = 1024
	// maxSecured bounds the checkpoints of one object that are remembered, newest last: a
	// peer resumes behind the last it has heard of, or, after a crash, has written down.
	maxSecured = 1 << 14
	// maxNames bounds the names of activities, and maxOwnNames those of one object, newest
	// last.
	maxNames    = 10000
	maxOwnNames = 16
	// recordCost is what a record in the log of a partial counts as, of recovery-size.
	recordCost = 256
)

// recovery keeps, in partial/ of the spool, what has arrived of objects up to the last
// checkpoint confirmed (X.228 §7.8), for all associations of the channel.
type recovery struct {
	host   *channel.Host
	secure func(context.Context, spool.ID) error // as the host does
	now    func() time.Time
	ctx    context.Context

	mu       sync.Mutex
	limit    int64         // octets
	age      time.Duration // of what is not being written
	octets   int64
	names    map[string]*partial  // by name of the activity
	accepted map[string]time.Time // likewise
	timer    *time.Timer
	opened   uint32 // associations of ours, from anywhere on
	lost     []lost // oldest first
}

// lost is an association that a peer had opened and that ended without being released.
type lost struct {
	connection session.ConnectionIdentifier
	peer, host string
	at         time.Time
}

// maxLost bounds the associations whose loss is remembered.
const maxLost = 256

// lose remembers an association that may be recovered.
func (r *recovery) lose(l lost) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if len(r.lost) == maxLost {
		r.lost = slices.Delete(r.lost, 0, 1)
	}
	r.lost = append(r.lost, l)
}

// found gives the peer whose association is to be recovered, if the call comes from the
// host the association came from.
func (r *recovery) found(id *rtse.SessionConnectionIdentifier, host string) (peer string, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if i := r.find(id, host); i >= 0 {
		return r.lost[i].peer, true
	}
	return "", false
}

// take is for whoever may recover it: there is nothing to be found any more.
func (r *recovery) take(id *rtse.SessionConnectionIdentifier, host string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	i := r.find(id, host)
	if i >= 0 {
		r.lost = slices.Delete(r.lost, i, i+1)
	}
	return i >= 0
}

// find forgets what is too old. r.mu is held.
func (r *recovery) find(id *rtse.SessionConnectionIdentifier, host string) int {
	old := r.now().Add(-r.age)
	r.lost = slices.DeleteFunc(r.lost, func(l lost) bool { return l.at.Before(old) })
	return slices.IndexFunc(r.lost, func(l lost) bool { return l.host == host && id.Names(l.connection) })
}

// hostOf is where an association comes from, without its port.
func hostOf(a net.Addr) string {
	if a == nil {
		return ""
	}
	host, _, err := net.SplitHostPort(a.String())
	if err != nil {
		return a.String()
	}
	return host
}

// keeper keeps what a peer sends, if that is wanted.
func (c *Channel) keeper(peer *conf.Peer) rtse.Keeper {
	if !peer.Recovery {
		return nil
	}
	return &peerKeeper{c.recovery, peer.Name}
}

// reference is an additional reference for the next association of ours: it tells apart
// those of one second, and nearly always those of one process and the next.
func (r *recovery) reference() string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	r.mu.Lock()
	defer r.mu.Unlock()
	r.opened++
	n := uint32(len(letters))
	return string([]byte{letters[r.opened/n%n], letters[r.opened%n]})
}

// partial is one object that has not arrived whole.
type partial struct {
	id      spool.ID
	names   []string
	secured []checkpoint // ascending
	octets  int64
	cost    int64 // of its log
	touched time.Time
	kept    *kept // nil: nobody writes it
}

// checkpoint is what its record in the log of a partial says.
type checkpoint struct {
	serial, octets int64
	digest         string
}

// name is the name of an activity of a peer's. The called reference is this side's, and
// not every peer gives it back.
func name(peer string, a rtse.ActivityName) string {
	c := a.Connection
	return fmt.Sprintf("%q %x %x %x %x", peer, c.CallingReference, c.CommonReference, c.AdditionalReference, a.Activity)
}

// newRecovery takes over what an earlier process has left.
func newRecovery(ctx context.Context, h *channel.Host, now func() time.Time) (*recovery, error) {
	r := &recovery{host: h, secure: h.Secure, now: now, ctx: ctx, opened: rand.Uint32(), names: map[string]*partial{}, accepted: map[string]time.Time{}}
	all, err := h.Spool.Partials()
	if err != nil {
		return nil, err
	}
	for id := range all {
		records, err := h.Spool.ReadPartial(id)
		if err != nil || len(records) == 0 || records[0].Channel != h.Name {
			continue // another channel's, or to be removed by whoever holds the spool next
		}
		p := &partial{id: id}
		for _, rec := range records {
			p.touched = rec.Time
			switch rec.Kind {
			case spool.PartialActivity:
				p.upTo(rec.Serial)
				p.names = append(p.names, name(rec.Peer, rtse.ActivityName{Activity: rec.Activity, Connection: session.ConnectionIdentifier{
					CallingReference: rec.Calling, CommonReference: rec.Common, AdditionalReference: rec.Additional}}))
			case spool.PartialSecured:
				p.secured = append(p.secured, checkpoint{rec.Serial, rec.Octets, rec.Digest})
				p.octets = rec.Octets
			}
		}
		p.trim()
		for _, n := range p.names {
			r.names[n] = p
		}
		p.cost = int64(len(records)) * recordCost
		r.octets += p.octets + p.cost
	}
	return r, nil
}

// trim keeps what is remembered within its bounds, and returns the names forgotten.
func (p *partial) trim() (forgotten []string) {
	if n := len(p.secured) - maxSecured; n > 0 {
		p.secured = slices.Delete(p.secured, 0, n)
	}
	if n := len(p.names) - maxOwnNames; n > 0 {
		forgotten = slices.Clone(p.names[:n])
		p.names = slices.Delete(p.names, 0, n)
	}
	return forgotten
}

// charge counts records that are to be written to the log of a partial, and tells
// whether there is room for them. r.mu is held.
func (r *recovery) charge(p *partial, records int) bool {
	cost := int64(records) * recordCost
	if r.octets+cost > r.limit {
		return false
	}
	p.cost += cost
	r.octets += cost
	return true
}

// upTo forgets the checkpoints behind one, which is where the activity was resumed.
func (p *partial) upTo(serial int64) {
	p.secured = slices.DeleteFunc(p.secured, func(c checkpoint) bool { return c.serial > serial })
}

// configure takes the limits.
func (r *recovery) configure(age time.Duration, limit int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.age, r.limit = age, limit
	r.expire()
}

// expire removes what is too old, and comes again when the next is. r.mu is held.
func (r *recovery) expire() {
	now := r.now()
	next := time.Duration(0)
	later := func(at time.Time) bool {
		left := at.Add(r.age).Sub(now)
		if left > 0 && (next == 0 || left < next) {
			next = left
		}
		return left > 0
	}
	for _, p := range r.names {
		if p.kept == nil && !later(p.touched) {
			r.drop(p)
		}
	}
	for n, at := range r.accepted {
		if !later(at) {
			delete(r.accepted, n)
		}
	}
	if r.timer != nil {
		r.timer.Stop()
	}
	if next > 0 && r.ctx.Err() == nil {
		r.timer = time.AfterFunc(next+time.Millisecond, func() {
			r.mu.Lock()
			defer r.mu.Unlock()
			r.expire()
		})
	}
}

// drop forgets a partial that nobody writes and removes it. What cannot be removed is
// found by a check. r.mu is held.
func (r *recovery) drop(p *partial) {
	r.forget(p)
	_ = r.host.Spool.RemovePartial(p.id)
}

// forget takes a partial out of the books. r.mu is held.
func (r *recovery) forget(p *partial) {
	for _, n := range p.names {
		if r.names[n] == p {
			delete(r.names, n)
		}
	}
	r.octets -= p.octets + p.cost
	p.octets, p.cost = 0, 0
}

// peerKeeper is the recovery of one peer's transfers.
type peerKeeper struct {
	*recovery
	peer string
}

func (k *peerKeeper) record(a rtse.ActivityName) spool.PartialRecord {
	c := a.Connection
	return spool.PartialRecord{Time: k.now().UTC(), Kind: spool.PartialActivity, Channel: k.host.Name, Peer: k.peer,
		Calling: c.CallingReference, Common: c.CommonReference, Additional: c.AdditionalReference, Activity: a.Activity}
}

// Keep begins to keep an object. One whose name is known already has another name in
// truth, that was given twice: neither could be resumed with certainty.
func (k *peerKeeper) Keep(a rtse.ActivityName) rtse.Kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := name(k.peer, a)
	delete(k.accepted, n)
	if p := k.names[n]; p != nil {
		k.end(p)
		return nil
	}
	p := &partial{names: []string{n}}
	if len(a.Connection.CommonReference) == 0 || len(k.names) >= maxNames || !k.charge(p, 1) {
		return nil
	}
	file, err := k.host.Spool.CreatePartial(spool.NewID(k.now()), k.record(a))
	if err != nil {
		k.forget(p)
		return nil // the transfer goes on without
	}
	p.id = file.ID()
	p.kept = &kept{recovery: k.recovery, p: p, file: file, digest: sha256.New()}
	k.names[n] = p
	return p.kept
}

// end ends a partial, whoever writes it. mu is held.
func (r *recovery) end(p *partial) {
	if p.kept == nil {
		r.drop(p)
		return
	}
	r.forget(p)
	p.kept.close((*spool.Partial).Remove)
}

// Resume gives back what was kept, if everything agrees: the names, a checkpoint with
// that number, and, when it is read, the digest of what came before it.
func (k *peerKeeper) Resume(old, now rtse.ActivityName, serial session.SerialNumber) rtse.Resumed {
	k.mu.Lock()
	defer k.mu.Unlock()
	was, is := name(k.peer, old), name(k.peer, now)
	if _, ok := k.accepted[was]; ok {
		k.accepted[was], k.accepted[is] = k.now(), k.now()
		return rtse.Resumed{Repeated: true}
	}
	p := k.names[was]
	if p == nil {
		return rtse.Resumed{}
	}
	i := slices.IndexFunc(p.secured, func(c checkpoint) bool { return c.serial == int64(serial) })
	if other := k.names[is]; i < 0 || other != nil && other != p || !k.charge(p, 1) {
		k.end(p)
		return rtse.Resumed{}
	}
	if p.kept != nil {
		// The association that was lost is not known to be lost here.
		p.kept.close((*spool.Partial).Close)
		p.kept = nil
	}
	from := p.secured[i]
	record := k.record(now)
	record.Serial, record.Octets = from.serial, from.octets
	file, past, err := k.host.Spool.ResumePartial(p.id, from.octets, record)
	if err != nil {
		k.drop(p)
		return rtse.Resumed{}
	}
	p.upTo(from.serial)
	k.octets += from.octets - p.octets
	p.octets = from.octets
	// The name it was resumed by may be the one the peer comes back with.
	p.names = append(slices.DeleteFunc(p.names, func(n string) bool { return n == was || n == is }), was)
	if is != was {
		p.names = append(p.names, is)
	}
	k.names[is] = p
	for _, n := range p.trim() {
		delete(k.names, n)
	}
	digest := sha256.New()
	p.kept = &kept{recovery: k.recovery, p: p, file: file, digest: digest}
	return rtse.Resumed{Kept: p.kept, Octets: from.octets,
		Past: &secured{r: io.LimitedReader{R: past, N: from.octets}, file: past, digest: digest, want: from.digest}}
}

// secured reads what was kept, and gives its last octets only if it is what was secured:
// whoever has them may have the whole object, and would accept it without asking for the
// end.
type secured struct {
	r      io.LimitedReader
	file   *os.File
	digest hash.Hash
	want   string
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
	p    *partial
	file *spool.Partial

	writing sync.Mutex // file and digest; it may be waited for while mu is held
	digest  hash.Hash

	// Guarded by mu.
	bounds []bound
	over   bool // somebody else has it, or nobody
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
	errRoom = errors.New("recovery-size is reached")
	errMark = errors.New("a checkpoint is where no RTTR ended")
)

func (k *kept) Write(b []byte) (int, error) {
	k.mu.Lock()
	switch {
	case k.over:
		k.mu.Unlock()
		return 0, errOver
	case k.octets+int64(len(b)) > k.limit:
		k.mu.Unlock()
		return 0, errRoom
	}
	k.p.octets += int64(len(b))
	k.octets += int64(len(b))
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

// Secure has one barrier serve all the checkpoints, and everybody else who waits.
func (k *kept) Secure(marks []rtse.Mark) error {
	k.mu.Lock()
	records, err := k.records(marks)
	if err != nil {
		k.mu.Unlock()
		return err
	}
	k.writing.Lock()
	k.mu.Unlock()
	err = k.file.Append(records...)
	k.writing.Unlock()
	if err != nil {
		return err
	}
	if err := k.secure(k.ctx, k.p.id); err != nil {
		return diag.E("", diag.Unavailable, err)
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.over {
		return errOver
	}
	for _, r := range records {
		k.p.secured = append(k.p.secured, checkpoint{r.Serial, r.Octets, r.Digest})
	}
	k.p.trim()
	return nil
}

// records are those of checkpoints. mu is held.
func (k *kept) records(marks []rtse.Mark) ([]spool.PartialRecord, error) {
	if k.over {
		return nil, errOver
	}
	if !k.charge(k.p, len(marks)) {
		return nil, errRoom
	}
	records := make([]spool.PartialRecord, len(marks))
	for i, m := range marks {
		at := slices.IndexFunc(k.bounds, func(b bound) bool { return b.octets == m.Octets })
		if at < 0 {
			return nil, errMark
		}
		k.bounds = k.bounds[at:]
		records[i] = spool.PartialRecord{Time: k.now().UTC(), Kind: spool.PartialSecured,
			Serial: int64(m.Serial), Octets: m.Octets, Digest: k.bounds[0].digest}
	}
	return records, nil
}

// Accepted may find the object left: it was being secured in the spool when the
// association ended. Who resumes it is told that it has been accepted.
func (k *kept) Accepted() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, n := range k.p.names {
		if k.names[n] == k.p && len(k.accepted) < maxAccepted {
			k.accepted[n] = k.now()
		}
	}
	switch {
	case !k.over:
		k.forget(k.p)
		k.close((*spool.Partial).Remove)
	case k.p.kept == nil:
		k.drop(k.p)
	}
	k.expire()
}

func (k *kept) Dropped() {
	k.finish(func() {
		k.forget(k.p)
		k.close((*spool.Partial).Remove)
	})
}

func (k *kept) Left() {
	k.finish(func() {
		if len(k.p.secured) == 0 {
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
	k.expire()
}
