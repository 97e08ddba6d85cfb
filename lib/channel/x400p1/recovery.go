package x400p1

import (
	"context"
	"crypto/sha256"
	"errors"
	"io/fs"
	"math/rand/v2"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	// maxSecured bounds the checkpoints of one object that are remembered, newest last: a
	// peer resumes behind the last it has heard of, or, after a crash, has written down.
	maxSecured = 1 << 14
	// unsecured is how long a transfer takes before its checkpoints are secured against a
	// loss of power: to wait for the disk would cost a shorter one more than it takes to
	// begin again.
	unsecured = 5 * time.Second
)

// recovery keeps, in partial/ of the spool, what has arrived of objects up to the last
// checkpoint confirmed (X.228 §7.8), for all associations of the channel, and what is
// known of those that were accepted while the peer may not have heard of it.
type recovery struct {
	host   *channel.Host
	secure func(context.Context, spool.ID) error // as the host does
	now    func() time.Time
	ctx    context.Context

	activity atomic.Uint32 // the last of ours

	mu        sync.Mutex
	limit     int64         // octets
	age       time.Duration // of what is not being written
	unsecured time.Duration
	octets    int64
	names     map[string]*partial // by name of the activity
	accounts  map[string]*account // by peer
	timer     *time.Timer
	opened    uint32 // associations of ours, from anywhere on
	lost      []lost // of peers, oldest first
	ours      []lost // likewise
}

// keeper keeps what a peer sends over an association, if that is wanted. host is where
// the association was opened from, if the peer opened it.
func (c *Channel) keeper(peer *conf.Peer, host string) *peerKeeper {
	if !peer.Recovery {
		return nil
	}
	return &peerKeeper{recovery: c.recovery, peer: peer.Name, calls: host, repeated: func(id spool.ID) {
		c.host.Event(audit.Record{Time: c.now(), Event: audit.Repeated, Peer: peer.Name, ID: string(id), Text: "resumed: " + errAccepted.Error()})
	}}
}

// orNone is an interface that is nil where there is no keeper.
func (k *peerKeeper) orNone() rtse.Keeper {
	if k == nil {
		return nil
	}
	return k
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

// nextActivity counts the activities of all associations together: a peer that opens
// associations may give two of them the same references.
func (r *recovery) nextActivity() uint32 { return r.activity.Add(1) }

// partial is one object that has not arrived whole, or that was accepted.
type partial struct {
	id       spool.ID
	peer     string
	names    []string
	secured  []checkpoint // ascending
	octets   int64
	cost     int64 // of its log
	touched  time.Time
	kept     *kept    // nil: nobody writes it
	writer   *kept    // who wrote it last in this process
	accepted bool     // there is only a log
	gone     bool     // from the books
	message  spool.ID // what it becomes, or has become; empty: not known
}

// checkpoint is what its record in the log of a partial says.
type checkpoint struct {
	serial, octets int64
	digest         string
}

// name is the name of an activity of a peer's. The called reference is this side's, and
// not every peer gives it back.
func name(peer string, a rtse.ActivityName) string {
	return string(appendPart(appendReferences(nil, peer, a.Connection), a.Activity))
}

// references are those of an association of a peer's, with which the names of its
// activities begin, and no others.
func references(peer string, c session.ConnectionIdentifier) string {
	return string(appendReferences(nil, peer, c))
}

func appendReferences(b []byte, peer string, c session.ConnectionIdentifier) []byte {
	b = strconv.AppendQuote(b, peer)
	for _, part := range [][]byte{c.CallingReference, c.CommonReference, c.AdditionalReference} {
		b = appendPart(b, part)
	}
	return b
}

func appendPart(b, part []byte) []byte {
	b = append(strconv.AppendInt(b, int64(len(part)), 10), ' ')
	return append(b, part...)
}

// newRecovery takes over what an earlier process has left.
func newRecovery(ctx context.Context, h *channel.Host, now func() time.Time) (*recovery, error) {
	r := &recovery{host: h, secure: h.Secure, now: now, ctx: ctx, unsecured: unsecured, opened: rand.Uint32(),
		names: map[string]*partial{}, accounts: map[string]*account{}}
	r.activity.Store(rand.Uint32())
	all, err := h.Spool.Partials()
	if err != nil {
		return nil, err
	}
	type taken struct {
		id      spool.ID
		records []spool.PartialRecord
	}
	var found []taken
	for id := range all {
		records, err := h.Spool.ReadPartial(id)
		if err != nil || len(records) == 0 || records[0].Channel != h.Name {
			continue // another channel's, or to be removed by whoever holds the spool next
		}
		// A channel that died under a holder that lives may have left one unsettled, or one
		// that nobody can resume. What cannot be cleared is removed when it is too old.
		_ = h.Spool.ClearPartial(id)
		if again, err := h.Spool.ReadPartial(id); err == nil {
			records = again
		} else if errors.Is(err, fs.ErrNotExist) {
			continue
		}
		found = append(found, taken{id, records})
	}
	// What was lost last is what a peer comes back for.
	slices.SortFunc(found, func(x, y taken) int {
		return x.records[len(x.records)-1].Time.Compare(y.records[len(y.records)-1].Time)
	})
	for _, f := range found {
		r.takeOver(f.id, f.records)
	}
	return r, nil
}

// takeOver enters a partial into the books, and the association it came over last among
// those that may be recovered.
func (r *recovery) takeOver(id spool.ID, records []spool.PartialRecord) {
	p := &partial{id: id, peer: records[0].Peer, touched: records[len(records)-1].Time}
	var came lost
	for _, rec := range records {
		switch rec.Kind {
		case spool.PartialActivity:
			connection := session.ConnectionIdentifier{CallingReference: rec.Calling, CommonReference: rec.Common, AdditionalReference: rec.Additional}
			p.upTo(rec.Serial)
			p.names = append(p.names, name(rec.Peer, rtse.ActivityName{Activity: rec.Activity, Connection: connection}))
			r.of(rec.Peer).associations[references(rec.Peer, connection)] = &identity{at: rec.Time}
			came = lost{connection: connection, peer: rec.Peer, host: rec.Host, at: p.touched}
		case spool.PartialSecured:
			p.secured = append(p.secured, checkpoint{rec.Serial, rec.Octets, rec.Digest})
			p.octets = rec.Octets
		case spool.PartialMessage:
			p.message = rec.Message
		case spool.PartialAccepted:
			p.accepted = true
		}
	}
	if p.accepted {
		p.octets = 0
	}
	p.trim()
	for _, n := range p.names {
		r.call(p, n)
	}
	p.cost = int64(len(records)) * recordCost
	r.add(p.peer, p.octets+p.cost)
	all := &r.lost
	if came.host == "" {
		if !p.mayBeResumed() {
			return
		}
		came.theirs, all = true, &r.ours
	}
	if slices.ContainsFunc(*all, func(l lost) bool {
		return l.host == came.host && references(l.peer, l.connection) == references(came.peer, came.connection)
	}) {
		return
	}
	*all = addLost(*all, came)
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
	r.expireAccounts(later)
	if r.timer != nil {
		r.timer.Stop()
		r.timer = nil
	}
	if next > 0 {
		r.arm(next)
	}
}

// arm has expire come again: what is touched later is too old later, too. r.mu is held.
func (r *recovery) arm(after time.Duration) {
	if r.timer != nil || r.ctx.Err() != nil {
		return
	}
	r.timer = time.AfterFunc(after+time.Millisecond, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.expire()
	})
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
			r.uncall(n)
		}
	}
	r.add(p.peer, -p.octets-p.cost)
	p.octets, p.cost, p.gone = 0, 0, true
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

// peerKeeper is the recovery of a peer's transfers over one association. It may be nil,
// of a peer of which nothing is kept.
type peerKeeper struct {
	*recovery
	peer  string
	calls string    // where the peer opened it from
	known *identity // of the association, when an activity has begun
	// repeated hears of an object that is resumed and has been accepted; nil: nobody does.
	repeated func(spool.ID)

	// Guarded by mu.
	message  spool.ID // what the object that is arriving becomes
	arriving *kept    // it
	whole    *kept    // the one that has come whole, until it is settled
	last     *partial // the last accepted; whether the peer has heard of it is not known
}

func (k *peerKeeper) record(a rtse.ActivityName) spool.PartialRecord {
	c := a.Connection
	return spool.PartialRecord{Time: k.now().UTC(), Kind: spool.PartialActivity, Channel: k.host.Name, Peer: k.peer, Host: k.calls,
		Calling: c.CallingReference, Common: c.CommonReference, Additional: c.AdditionalReference, Activity: a.Activity}
}

// Begin ends whatever had the name: it has another in truth, that was given twice, and
// neither could be resumed with certainty.
func (k *peerKeeper) Begin(a rtse.ActivityName) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.heard()
	k.message, k.arriving = "", nil
	k.identify(a.Connection)
	if len(k.names) == 0 {
		return
	}
	n := name(k.peer, a)
	if p := k.names[n]; p != nil {
		k.end(p)
		k.ambiguous(k.peer, n)
	}
}

// Heard notes that the peer has gone on, over this association, from the object that was
// accepted last: it knows.
func (k *peerKeeper) Heard() {
	if k == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.heard()
}

func (k *peerKeeper) heard() {
	if p := k.last; p != nil && !p.gone && p.kept == nil {
		k.drop(p)
	}
	k.last = nil
}

// Keep begins to keep an object.
func (k *peerKeeper) Keep(a rtse.ActivityName) rtse.Kept {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := name(k.peer, a)
	p := &partial{peer: k.peer, names: []string{n}}
	if len(a.Connection.CommonReference) == 0 || k.names[n] != nil || k.isTwice(k.peer, n) || k.isShared(k.peer, a.Connection) || !k.roomForName(k.peer) || !k.charge(p, 1) {
		return nil
	}
	file, err := k.host.Spool.CreatePartial(spool.NewID(k.now()), k.record(a))
	if err != nil {
		k.forget(p)
		return nil // the transfer goes on without
	}
	p.id = file.ID()
	k.call(p, n)
	k.write(p, file)
	k.arriving.until = k.now().Add(k.unsecured)
	return k.arriving
}

// write has the object that is arriving written. mu is held.
func (k *peerKeeper) write(p *partial, file *spool.Partial) {
	p.kept = &kept{recovery: k.recovery, keeper: k, p: p, file: file, digest: sha256.New()}
	p.writer, k.arriving = p.kept, p.kept
}

// Resume gives back what was kept, if everything agrees: the names, a checkpoint with
// that number, and, when it is read, the digest of what came before it.
func (k *peerKeeper) Resume(old, now rtse.ActivityName, serial session.SerialNumber) rtse.Resumed {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.heard()
	k.message, k.arriving = "", nil
	k.identify(now.Connection)
	k.comesAgain(k.peer, old.Connection)
	was, is := name(k.peer, old), name(k.peer, now)
	p, decided := k.settled(was)
	if p != nil && decided {
		k.consult(p)
	}
	switch {
	case !decided:
		return rtse.Resumed{Undecided: true}
	case p == nil || p.gone || k.isTwice(k.peer, was) || k.isShared(k.peer, old.Connection):
		return rtse.Resumed{}
	}
	if other := k.names[is]; other != nil && other != p {
		k.end(other)
		k.ambiguous(k.peer, is)
		k.end(p)
		return rtse.Resumed{}
	}
	if p.accepted {
		p.touched = k.now()
		if k.charge(p, 1) && k.host.Spool.NotePartial(p.id, k.record(now)) == nil {
			k.rename(p, was, is, now.Connection)
		}
		k.last = p
		if k.repeated != nil {
			k.repeated(p.message)
		}
		return rtse.Resumed{Repeated: true}
	}
	i := slices.IndexFunc(p.secured, func(c checkpoint) bool { return c.serial == int64(serial) })
	if i < 0 || !k.charge(p, 1) {
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
	switch {
	case diag.KindOf(err) == diag.Unavailable, p.message != "" && errors.Is(err, fs.ErrNotExist):
		return rtse.Resumed{Undecided: true} // the process before this one is at work
	case err != nil:
		k.drop(p)
		return rtse.Resumed{}
	}
	p.upTo(from.serial)
	k.add(p.peer, from.octets-p.octets)
	p.octets = from.octets
	k.rename(p, was, is, now.Connection)
	k.write(p, file)
	return rtse.Resumed{Kept: p.kept, Octets: from.octets,
		Past: newSecured(past, from, p.kept.digest)}
}

// patience is how long who resumes an object may wait for it to be secured.
const patience = 10 * time.Second

// settled is the partial of a name, when it is decided whether its object, if it has come
// whole, is accepted: over an association whose loss may not be known here yet. mu is
// held, but not while waiting.
func (k *peerKeeper) settled(name string) (p *partial, decided bool) {
	p = k.names[name]
	if p == nil || p.writer == nil || p.writer.securing == nil {
		return p, true
	}
	securing := p.writer.securing
	k.mu.Unlock()
	select {
	case <-securing:
		decided = true
	case <-time.After(patience):
	case <-k.ctx.Done():
	}
	k.mu.Lock()
	return k.names[name], decided
}

// consult asks the log of a partial that this process has not written whether its object
// was accepted: the process before this one may have been at work since it was taken over.
// mu is held.
func (k *peerKeeper) consult(p *partial) {
	if p.writer != nil || p.accepted {
		return
	}
	_ = k.host.Spool.ClearPartial(p.id) // what stands in the way is met when it is resumed
	records, err := k.host.Spool.ReadPartial(p.id)
	if err != nil {
		k.drop(p)
		return
	}
	for _, r := range records {
		switch r.Kind {
		case spool.PartialMessage:
			p.message = r.Message
		case spool.PartialAccepted:
			p.accepted = true
		}
	}
}

// rename gives a partial that is resumed its new name. The one it was resumed by may be
// the one the peer comes back with. mu is held.
func (k *peerKeeper) rename(p *partial, was, is string, now session.ConnectionIdentifier) {
	p.names = append(slices.DeleteFunc(p.names, func(n string) bool { return n == was || n == is }), was)
	if is != was && !k.isShared(k.peer, now) {
		p.names = append(p.names, is)
		k.call(p, is)
	}
	for _, n := range p.trim() {
		k.uncall(n)
	}
}
