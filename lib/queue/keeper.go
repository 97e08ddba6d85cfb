// Package queue joins the spool with the scheduler's mind. The Keeper is the
// housekeeping of whoever holds the spool's lock, mtarun or a tool: it writes what
// became of recipients into the logs, makes the reports that are owed, removes what
// is done with, and answers the tools: through mtarun, or on a spool that nobody serves,
// for Ask is the same for both.
package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

const (
	// repeatAfter is how long the keeper waits before it tries again what the file
	// system refused, for want of room above all.
	repeatAfter = 5 * time.Second
	// repeatPortion bounds what is repeated in one step.
	repeatPortion = 256
	// complainAfter is how long the operator hears nothing of further refusals.
	complainAfter = time.Minute
	// adoptPortion bounds how many messages of new/ are taken over in one step.
	adoptPortion = 64
	// routePortion bounds how many messages are routed again in one step.
	routePortion = 16
)

// Keeper owns a spool under its lock, and the scheduler of its messages. It is used
// from one goroutine and starts none. What it does becomes durable with barriers
// that others run: Begin gives the next one, and its settle, called with the result,
// lets go of whoever waited.
type Keeper struct {
	// Damaged hears of a message that was found damaged or cannot be read; one in new/
	// that cannot be taken over is told of once. It is set before the first call.
	Damaged func(err error)
	// Aside does what takes long on a goroutine of its own and then calls the other on the
	// keeper's. It is set before the first call; without it all is done at once.
	Aside func(long func(), then func(now time.Time))
	// SelfTest tells what a running switch has measured of itself. It is set before the
	// first call; without it nothing is told.
	SelfTest func() *SelfTestRow
	// ConfigStatus tells where the configuration comes from; nil where nobody can say.
	ConfigStatus func() live.Status
	// Quiet says that nobody is here to move anything. It is set before the first call.
	Quiet bool

	conf   *conf.Config
	spool  *spool.Spool
	mind   *sched.Scheduler
	door   *submit.Door
	events *audit.Log
	log    *slog.Logger
	do     func(sched.Action)
	now    time.Time // of the present call

	batch      spool.Batch
	waiting    []func(error) // let go of by the next barrier
	urgent     bool          // somebody outside waits
	dirty      bool
	running    bool                 // a barrier has begun and not settled
	later      []repeat             // in the order they are due
	complained map[string]time.Time // when the operator heard of what
	known      map[spool.Hop]bool   // in the configuration
	arrived    []spool.ID           // in new/, and not taken over yet
	refused    map[spool.ID]string  // in new/, and cannot be taken over: why
	unread     map[spool.ID]bool    // in q/, and not given by the disk so far
	strays     map[spool.Ref]bool   // in q/, and nobody's
	unrouted   []spool.Ref          // not routed again since it has changed
	unlogged   map[spool.ID]*unlogged
	logless    map[spool.ID]struct{} // accepted here, and without a log so far
	briefs     briefs
	opened     int   // files, to tell of a queue
	unwritten  error // of the last record that could not be written, or message that could not be removed
	putOff     bool  // something is written only after the next barrier
	debts      map[spool.ID]*debt
	longs      []long // to be done aside; the first is being done
	unnamed    map[spool.ID]*unnamed
	between    map[spool.ID]bool // in q/, and the scheduler has not heard of it yet or has no use for it any more
	failed     error             // a barrier failed: nothing more is done
	started    uint64
	who        string // whose verb is being done
	why        string // the reason given
	cancels    bool   // the verb is that of a deferred delivery
	orders     []order
}

// repeat is something the file system refused.
type repeat struct {
	at time.Time
	f  func()
}

// unlogged is what the log of a message is still to get. It stays in order: a hold
// that was refused and comes after its release would be a hold.
type unlogged struct {
	records []spool.Record
	then    []func() // called when they are written
}

// debt is a message whose reports are on their way into the spool.
type debt struct {
	ref      spool.Ref
	accepted time.Time       // if done
	open     int             // reports not yet eligible, and outcomes not yet logged
	done     bool            // every recipient is final
	trouble  error           // why its report could not be made yet
	useless  error           // why no report can be made of it: then it is not removed
	last     *spool.Envelope // the report that is eligible when the message has left; nil if its log names it
}

// NewKeeper makes the keeper of a spool whose lock is held. The time of start is the
// lease generation: outcomes of an earlier instance are ignored. What the scheduler
// wants of the outside world is handed to do, in order. The files of [security] are opened with
// open.
func NewKeeper(sp *spool.Spool, cfg *conf.Config, open conf.Opener, start time.Time, log *slog.Logger, do func(sched.Action)) (*Keeper, error) {
	if err := sp.SetBarrier(spool.BarrierMode(cfg.Spool.Barrier)); err != nil {
		return nil, err
	}
	events, err := audit.Open(cfg.Events.Dir, cfg.Identity.MTA, sp.Covers)
	if err != nil {
		return nil, err
	}
	k := &Keeper{Damaged: func(err error) { log.Error(err.Error()) }, refused: map[spool.ID]string{}, unread: map[spool.ID]bool{}, strays: map[spool.Ref]bool{}, conf: cfg, spool: sp, events: events, log: log, do: do, now: start,
		complained: map[string]time.Time{}, unlogged: map[spool.ID]*unlogged{}, logless: map[spool.ID]struct{}{}, debts: map[spool.ID]*debt{}, unnamed: map[spool.ID]*unnamed{}, between: map[spool.ID]bool{}, known: knownHops(cfg), started: uint64(start.UnixNano())}
	if k.door, err = submit.NewDoor(cfg, made{k}, func() time.Time { return k.now }, open); err != nil {
		return nil, errors.Join(err, events.Close())
	}
	k.mind = sched.New(SchedConfig(cfg, k.started), start)
	if err := k.recallOrders(); err != nil {
		return nil, errors.Join(err, events.Close())
	}
	return k, nil
}

// Prepared is a configuration that a keeper can change over to at once: its routing trees, of
// a million nodes perhaps, are compiled.
type Prepared struct {
	conf  *conf.Config
	door  *submit.Door
	known map[spool.Hop]bool
}

// Prepare makes a configuration ready for Reconfigure. It may take long, and is called in any
// goroutine.
func (k *Keeper) Prepare(cfg *conf.Config, open conf.Opener) (*Prepared, error) {
	door, err := submit.NewDoor(cfg, made{k}, func() time.Time { return k.now }, open)
	return &Prepared{cfg, door, knownHops(cfg)}, err
}

// Reconfigure takes another configuration. Ready is called before anything is done by it. What is
// in the queue is routed again, a little with each Tick.
func (k *Keeper) Reconfigure(now time.Time, p *Prepared, ready func()) {
	ready()
	old, cfg := k.conf, p.conf
	k.now, k.conf, k.door, k.known = now, cfg, p.door, p.known
	k.carryOut(k.mind.Reconfigure(SchedConfig(cfg, k.started), now))
	for _, c := range cfg.Channels {
		// What a process can take it has said once and for all.
		if was, ok := old.Channel(c.Name); ok && (was.Kind != c.Kind || old.Run.As(c.Kind) != cfg.Run.As(c.Kind) || was.MostJobs() != c.MostJobs() || was.MaxAssociations != c.MaxAssociations) {
			k.Step(now, sched.RestartChannel{Channel: c.Name})
		}
	}
	k.unrouted = k.mind.Refs()
}

// route routes messages of the queue again after the configuration has changed.
func (k *Keeper) route() {
	for range routePortion {
		if len(k.unrouted) == 0 {
			k.unrouted = nil
			return
		}
		ref := k.unrouted[0]
		k.unrouted = k.unrouted[1:]
		if k.mind.Has(ref.ID) {
			k.routeOne(ref)
		}
	}
}

// routeOne gives the recipients of a message the way they have now. One that has none
// keeps the one it had: whoever reloads a configuration with a mistake in it should not
// have the whole queue returned.
func (k *Keeper) routeOne(ref spool.Ref) {
	m, err := k.spool.OpenMessage(ref)
	if err != nil {
		k.log.Warn("message cannot be routed again", "id", ref.ID, "error", err)
		return
	}
	recipients, wayOf := m.Envelope.Recipients, k.door.Ways(m.Envelope)
	if err := m.Close(); err != nil {
		k.log.Warn("message file", "error", err)
	}
	var ways []sched.Reroute
	for i := range recipients {
		r := &recipients[i]
		hops := wayOf(r)
		if r.Fail != nil || hops == nil {
			continue
		}
		same := func(w sched.Reroute) bool { return slices.Equal(w.Hops, hops) }
		at := slices.IndexFunc(ways, same)
		if at < 0 {
			at = len(ways)
			ways = append(ways, sched.Reroute{ID: ref.ID, Hops: hops})
		}
		ways[at].N = append(ways[at].N, r.N)
	}
	for _, w := range ways {
		k.carryOut(k.mind.Step(k.now, w))
	}
}

// Close closes the event log.
func (k *Keeper) Close() error { return k.events.Close() }

// Step gives the scheduler an event and carries out what follows.
func (k *Keeper) Step(now time.Time, ev sched.Event) {
	if k.failed != nil {
		return
	}
	k.now = now
	switch ev := ev.(type) {
	case sched.Tick:
		k.repeat()
		k.route()
	case sched.JobOutcome:
		k.checkChildren(ev)
		k.checkHops(ev)
	case sched.Drain:
		k.longs = k.longs[:min(len(k.longs), 1)] // the next start does the others
	}
	k.carryOut(k.mind.Step(now, ev))
}

// Next is when a Tick is due; zero is never.
func (k *Keeper) Next() time.Time {
	next := k.mind.Next()
	if len(k.later) > 0 && (next.IsZero() || k.later[0].at.Before(next)) {
		next = k.later[0].at
	}
	if len(k.unrouted) > 0 {
		next = k.now
	}
	return next
}

// repeat tries again what is due. What is refused again goes to the end.
func (k *Keeper) repeat() {
	for range repeatPortion {
		if len(k.later) == 0 || k.later[0].at.After(k.now) {
			return
		}
		f := k.later[0].f
		k.later[0].f = nil
		k.later = k.later[1:]
		f()
	}
}

// again puts f off until the file system may have recovered.
func (k *Keeper) again(what string, err error, f func()) {
	k.later = append(k.later, repeat{k.now.Add(repeatAfter), f})
	k.complain(what+" failed and will be repeated", err)
}

// complain tells the operator what the file system refuses: when it refuses everything,
// one line in a while says so.
func (k *Keeper) complain(what string, err error) {
	last, ok := k.complained[what]
	if ok && k.now.Sub(last) < complainAfter && !k.now.Before(last) {
		return
	}
	k.complained[what] = k.now
	k.log.Error(what, "error", err, "waiting", len(k.later))
}

// Event puts a record into the event log. A log that cannot be written is told to
// the operator; it does not stop messages.
func (k *Keeper) Event(now time.Time, r audit.Record) {
	if r.Time.IsZero() {
		r.Time = now
	}
	if err := k.events.Append(r); err != nil {
		k.complain("event log", err)
	}
	k.dirty = true
}

// Commit takes responsibility for a message that was written in place: done hears
// nil once a barrier that began afterwards has succeeded.
func (k *Keeper) Commit(now time.Time, env *spool.Envelope, done func(error)) {
	k.now = now
	if k.failed != nil {
		done(k.failed)
		return
	}
	if err := told(env); err != nil {
		done(diag.E("commit", diag.Protocol, err))
		return
	}
	if env.Parent != "" {
		k.commitChild(env, done)
		return
	}
	ref := spool.Ref{ID: env.ID, Priority: env.Priority}
	k.batch.Refs = append(k.batch.Refs, ref)
	k.between[ref.ID] = true
	k.accepted(env)
	k.briefs.put(env)
	m := message(ref, env, k.fresh(env))
	k.wait(func(err error) {
		if err == nil {
			k.logless[ref.ID] = struct{}{}
			k.eligible(m)
		}
		done(err)
	})
}

// Secure lets done hear nil once a barrier that began afterwards has made a partial
// durable that a channel has written to.
func (k *Keeper) Secure(id spool.ID, done func(error)) {
	if k.failed != nil {
		done(k.failed)
		return
	}
	if _, err := spool.ParseID(string(id)); err != nil {
		done(diag.E("secure", diag.Protocol, err)) // a barrier would fail on it, and end everything
		return
	}
	k.batch.Partials = append(k.batch.Partials, id)
	k.wait(done)
}

// Transfer has the log of a message remember how far a transfer got. A message that is
// done with, or not known, has no log to write to.
func (k *Keeper) Transfer(now time.Time, ref spool.Ref, r spool.Record) {
	k.now = now
	if _, err := ref.Priority.MarshalText(); err != nil || k.failed != nil || !k.mind.Has(ref.ID) {
		return
	}
	r.Time, r.Kind = now, spool.RecordTransfer
	k.appendLog(ref, func() {}, r)
}

// eligible hands a message that is durable to the scheduler.
func (k *Keeper) eligible(m sched.Message) {
	delete(k.between, m.Ref.ID) // first: it may be done with in the same step, and not be removable
	k.Step(k.now, sched.Accepted{Message: m})
}

// Fresh tells that a message has no log, so that nobody need look for one. It may have
// none where that is not known.
func (k *Keeper) Fresh(id spool.ID) bool {
	_, ok := k.logless[id]
	return ok
}

// told checks what a channel, which anybody may write, has told of a message.
func told(env *spool.Envelope) error {
	if _, err := spool.ParseID(string(env.ID)); err != nil {
		return err
	}
	if _, err := env.Priority.MarshalText(); err != nil {
		return err
	}
	if len(env.Recipients) == 0 {
		return errors.New("no recipient")
	}
	return nil
}

// Recall tells the scheduler of the peers that were down when the last mtarun ended, so
// that whoever asks a spool nobody serves hears why messages are still there.
func (k *Keeper) Recall(now time.Time) error {
	down, err := audit.Down(k.conf.Events.Dir)
	if err != nil {
		return err
	}
	for _, r := range down {
		k.Step(now, sched.PeerTrouble{Channel: r.Channel, Peer: r.Peer, Failures: r.Attempt, Why: r.Text})
	}
	return nil
}

// AdoptNew takes over what tools have committed on their own: it is durable already,
// and eligible at once. It does so in portions, and says whether there is, or may be,
// more. ErrBarrier says that the keeper is to be poisoned.
func (k *Keeper) AdoptNew(now time.Time) (more bool, err error) {
	k.now = now
	if len(k.arrived) == 0 {
		k.arrived, err = k.spool.ScanNew()
	}
	part := k.arrived[:min(len(k.arrived), adoptPortion)]
	k.arrived = k.arrived[len(part):]
	taken := false
	for _, id := range part {
		item, e := k.spool.Adopt(id)
		why, told := k.refused[id]
		delete(k.refused, id)
		switch {
		case errors.Is(e, fs.ErrNotExist):
		case errors.Is(e, spool.ErrBarrier):
			return false, e
		case errors.Is(e, spool.ErrBad):
			k.damaged(string(id), e)
		case e != nil:
			k.refused[id] = e.Error()
			if !told || why != e.Error() {
				k.damaged(string(id), e)
			}
		default:
			taken, k.dirty = true, true
			k.accepted(item.Envelope)
			k.found(*item)
		}
	}
	// After a list somebody may have been told of what came too late for it.
	return taken || len(k.arrived) > 0, err
}

// abandoned is how old a file in tmp/ must be for its dead writer to be forgotten.
const abandoned = time.Hour

// Sweep removes what writers in tmp/ have left that have died since the start.
func (k *Keeper) Sweep(now time.Time) error { return k.spool.SweepTmp(now.Add(-abandoned)) }

// accepted writes the event of a message that has come in or was made here.
func (k *Keeper) accepted(env *spool.Envelope) { k.describe(env, audit.Arrival(env)) }

// describe writes an event that tells everything about a message.
func (k *Keeper) describe(env *spool.Envelope, event string) {
	for _, r := range audit.Describe(env, event) {
		k.Event(k.now, r)
	}
}

func record(env *spool.Envelope, event string) audit.Record {
	return audit.Record{Event: event, ID: string(env.ID), MTSID: env.MTSID, Kind: string(env.Kind)}
}

// damaged tells of a message that is in bad/ now, or that the disk does not give.
func (k *Keeper) damaged(id string, err error) {
	text := err.Error()
	if errors.Is(err, spool.ErrBad) {
		text = "moved to bad/: " + text
		k.Damaged(diag.E(id, diag.Data, fmt.Errorf("message is damaged and was moved to bad/: %w", err)))
	} else {
		k.Damaged(diag.E(id, diag.KindOf(err), fmt.Errorf("message cannot be read and stays where it is: %w", err)))
	}
	k.Event(k.now, audit.Record{Event: audit.Damaged, ID: id, Text: text})
}

// wait lets f go with the next barrier; somebody outside waits for it, or a message to go on.
func (k *Keeper) wait(f func(error)) {
	k.after(f)
	k.urgent = true
}

// after lets f go with the next barrier.
func (k *Keeper) after(f func(error)) {
	k.waiting = append(k.waiting, f)
	k.dirty = true
}

// Dirty tells that something is not durable yet.
func (k *Keeper) Dirty() bool { return k.dirty }

// Waiting tells that the next barrier is not to wait for company.
func (k *Keeper) Waiting() bool { return k.urgent }

// Begin starts a barrier: the caller runs it, on any goroutine, and then calls settle
// with its result on the keeper's own. One runs at a time.
func (k *Keeper) Begin() (run func() error, settle func(error)) {
	waiting := k.waiting
	b := k.batch
	k.batch, k.waiting, k.urgent, k.dirty = spool.Batch{}, nil, false, false
	k.running = true
	// The records of what this barrier makes durable go to the disk with it.
	if err := k.events.Flush(); err != nil {
		k.complain("event log", err)
	}
	recorded := k.events.Unsynced()
	var unrecorded error
	run = func() error {
		err := k.spool.Barrier(&b)
		if err == nil {
			// A loss here concerns what is told, not what is kept.
			unrecorded = recorded()
		}
		return err
	}
	settle = func(err error) {
		k.running = false
		if unrecorded != nil {
			k.complain("event log", unrecorded)
		}
		if err != nil {
			k.Poison(err)
		}
		for _, f := range waiting {
			f(err)
		}
	}
	return run, settle
}

// Poison ends the keeper's work: after a failed barrier nobody hears yes, now or
// later, and nothing is told to the scheduler any more. Whoever waits for a barrier that
// now never begins hears no at once.
func (k *Keeper) Poison(err error) {
	if k.failed != nil {
		return
	}
	k.failed = diag.E("spool", diag.IO, fmt.Errorf("a barrier failed: %w", err))
	k.Event(k.now, audit.Record{Event: audit.Poisoned, Text: err.Error()}) // with Close, if the disk takes it
	waiting := k.waiting
	k.waiting, k.urgent = nil, false
	for _, f := range waiting {
		f(k.failed)
	}
}

// Tree shows every channel and peer; it costs time for each of them.
func (k *Keeper) Tree() []sched.ChannelView { return k.mind.Tree() }

// Associations is how many associations opened from here there are, those that are being
// closed among them: their peers may still have something to send.
func (k *Keeper) Associations() (n int) {
	for _, c := range k.mind.Tree() {
		n += c.Associations
	}
	return n
}

// Idle tells that nothing is in progress and nothing can be started now: what is
// left waits for a time, an operator, a peer that cannot be reached, or one that is to call.
func (k *Keeper) Idle() bool {
	if k.dirty || k.running || len(k.unrouted) > 0 || len(k.arrived) > 0 {
		return false
	}
	for _, d := range k.debts {
		if d.open > 0 {
			return false
		}
	}
	for _, c := range k.mind.Tree() {
		if c.Jobs != [3]int{} {
			return false
		}
		for _, p := range c.Peers {
			able := !p.Disabled && !c.Disabled && c.Failures == 0 && !p.DelayUntil.After(k.now) && !p.Awaited
			if p.Opening > 0 || p.InProgress > 0 {
				return false
			}
			for q, n := range p.Ready {
				if able && n > 0 && !p.Shut[q] && !p.HeldBack[q] {
					return false
				}
			}
		}
	}
	return true
}
