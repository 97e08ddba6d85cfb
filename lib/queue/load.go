package queue

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// doubtAfter is how long a recipient is tried before its log says that it may have been
// reached: nearly all that are moved are done with by then, and what the last second
// before a crash was about is sent again soon.
const doubtAfter = time.Second

// SchedConfig is what the scheduler needs of the configuration.
func SchedConfig(c *conf.Config, generation uint64) sched.Config {
	backoff := func(b conf.Backoff) sched.Backoff {
		return sched.Backoff{First: b.First.D(), Step: b.Step.D(), Ceiling: b.Ceiling.D()}
	}
	out := sched.Config{
		Version: c.Version, Generation: generation, AlternateChannel: c.ExpandChannel(), DoubtAfter: doubtAfter,
		MessageBackoff: backoff(c.Schedule.BackoffMessage),
		PeerBackoff:    backoff(c.Schedule.BackoffPeer),
		ChannelBackoff: backoff(c.Schedule.BackoffChannel),
		Expiry:         byPriority(c.Schedule.Expiry),
		Warn:           byPriority(c.Schedule.Warn),
		Starvation:     c.Schedule.Starvation.D(),
		MaxJobs:        c.Schedule.MaxJobs, ReservedUrgent: c.Schedule.ReservedUrgent, ReservedNormal: c.Schedule.ReservedNormal,
	}
	for _, ch := range c.Channels {
		out.Channels = append(out.Channels, sched.ChannelConfig{
			Name: ch.Name, Associations: ch.Kind == conf.KindX400P1, Disabled: !ch.Enabled,
			Makes:   ch.Makes(),
			Listens: slices.ContainsFunc(c.Listeners, func(l conf.Listener) bool { return l.Channel == ch.Name }),
			MaxJobs: ch.MaxJobs, ReservedUrgent: ch.ReservedUrgent, ReservedNormal: ch.ReservedNormal,
			MaxAssociations: ch.MaxAssociations, MaxPerPeer: ch.MaxPerPeer, Threshold: ch.Threshold, IdleTime: ch.IdleTime.D(),
			MaxPerHost: ch.MaxPerHost, MaxTransfers: ch.MaxTransfers, Quantum: ch.GiveWay,
			StartInterval: ch.StartInterval.D(), LightInterval: ch.StartLight.D(), EndedInterval: ch.StartEnded.D(),
		})
	}
	for _, p := range c.Peers {
		pc := sched.PeerConfig{Channel: p.Channel, Name: p.Name, Disabled: !p.Enabled, Passive: len(p.Calls()) == 0,
			MaxPerPeer: p.MaxAssociations, Host: hostOf(&p), Permanent: p.Permanent, CallEvery: p.CallEvery.D(), UrgentAnyTime: p.WindowUrgent}
		for _, at := range p.CallAt {
			pc.CallAt = append(pc.CallAt, at.Week()...)
		}
		for _, w := range p.Window {
			for _, s := range w.Week() {
				pc.Windows = append(pc.Windows, sched.Span(s))
			}
		}
		out.Peers = append(out.Peers, pc)
	}
	return out
}

func byPriority(e conf.Expiry) [3]time.Duration {
	return [3]time.Duration{e.Urgent.D(), e.Normal.D(), e.NonUrgent.D()}
}

// hostOf is where a peer is called first, empty if nowhere.
func hostOf(p *conf.Peer) string {
	calls := p.Calls()
	if len(calls) == 0 {
		return ""
	}
	host, _, err := net.SplitHostPort(calls[0].Host)
	if err != nil {
		return calls[0].Host
	}
	return strings.ToLower(host)
}

// standing is where the recipients of a message stand by its log.
type standing struct {
	recipients []sched.Recipient
	finals     []spool.Record // the final outcome of each, by index; zero: none
	reported   []bool         // a durable child stands for it
}

// standingOf tells it. Every recipient goes by the present configuration; one that it
// has no way for goes as was decided when it came.
func (k *Keeper) standingOf(env *spool.Envelope, log []spool.Record) *standing {
	s := &standing{
		recipients: make([]sched.Recipient, len(env.Recipients)),
		finals:     make([]spool.Record, len(env.Recipients)),
		reported:   make([]bool, len(env.Recipients)),
	}
	for i := range env.Recipients {
		r := &env.Recipients[i]
		s.recipients[i] = arrived(r)
	}
	var numbered map[int]int
	for _, rec := range log {
		if len(rec.Recipients) == 0 {
			for i := range s.recipients {
				s.apply(i, &s.recipients[i], rec)
			}
			continue
		}
		if numbered == nil {
			numbered = env.Numbered()
		}
		for _, n := range rec.Recipients {
			if i, ok := numbered[n]; ok {
				s.apply(i, &s.recipients[i], rec)
			}
		}
	}
	wayOf := k.door.Ways(env)
	for i := range s.recipients {
		r := &s.recipients[i]
		switch {
		case r.State == sched.Finished:
			continue
		case !r.Diverted.IsZero():
			r.Hops = []spool.Hop{{Channel: k.conf.ExpandChannel()}}
			continue
		case r.Fail != nil:
			continue
		}
		if hops := wayOf(&env.Recipients[i]); hops != nil {
			r.Hops = hops
		}
	}
	return s
}

// apply lets one record count for one recipient. Nothing follows a final outcome.
func (s *standing) apply(i int, r *sched.Recipient, rec spool.Record) {
	if rec.Kind == spool.RecordChild {
		r.State = sched.Finished
		if kind, ends := outcomeOf(rec.Step); ends {
			rec.Outcome = kind.String()
			s.finals[i] = rec
		} else {
			s.reported[i] = true
		}
		return
	}
	if r.State == sched.Finished {
		return
	}
	switch rec.Kind {
	case spool.RecordOutcome:
		if r.State != sched.Held { // why it is held is what people want to know
			r.Text = rec.Text
		}
		kind, ok := sched.ParseKind(rec.Outcome)
		switch {
		case ok && kind.Final():
			r.State = sched.Finished
			s.finals[i] = rec
		default:
			r.Until = rec.Until
			r.Attempts = max(r.Attempts, rec.Attempt)
			r.Doubt = kind == sched.InDoubt
		}
	case spool.RecordHold:
		r.State = sched.Held
		r.Text = rec.Text
	case spool.RecordRelease:
		r.State = sched.Queued
		r.Text = ""
		r.Until = time.Time{}
	case spool.RecordRetry:
		r.Until = time.Time{}
	case spool.RecordDivert:
		r.State = sched.Queued
		r.Diverted = rec.Time
		r.Text = rec.Text
		r.Until, r.Attempts, r.Doubt = time.Time{}, 0, false
	}
}

func (s *standing) done() bool {
	return !slices.ContainsFunc(s.recipients, func(r sched.Recipient) bool { return r.State != sched.Finished })
}

// owed are the recipients that are final and owed a report that was not made, as in results.
func (s *standing) owed(env *spool.Envelope, silent func(address string) bool) []report.Result {
	var owed []report.Result
	for i, rec := range s.finals {
		if s.recipients[i].State != sched.Finished || s.reported[i] {
			continue
		}
		kind, _ := sched.ParseKind(rec.Outcome)
		expanded := kind == sched.Expanded
		delivered := expanded || kind == sched.Delivered
		if expanded && rec.Child != "" && silent(env.Recipients[i].Address) {
			continue
		}
		if (delivered || kind == sched.Failed) && report.Owed(env, &env.Recipients[i], delivered) {
			owed = append(owed, report.Result{N: env.Recipients[i].N, Delivered: delivered, List: expanded, Time: rec.Time,
				Reason: mts.ReasonCode(rec.Reason), Diagnostic: mts.DiagnosticCode(rec.Diagnostic), Text: rec.Text})
		}
	}
	return owed
}

// message is what the scheduler needs of a message.
func message(ref spool.Ref, env *spool.Envelope, recipients []sched.Recipient) sched.Message {
	return sched.Message{Ref: ref, Kind: env.Kind, Accepted: env.Accepted, Deferred: env.Deferred, PassOn: env.PassOn, Expires: env.Expires,
		Size: env.Size, Recipients: recipients}
}

// fresh are the recipients of a message that has just been let in. Whoever did that has
// routed it, by the present configuration or by the one before a reload: then a hop may
// be gone.
func (k *Keeper) fresh(env *spool.Envelope) []sched.Recipient {
	all := make([]sched.Recipient, len(env.Recipients))
	for i, r := range env.Recipients {
		if slices.ContainsFunc(r.Hops, func(h spool.Hop) bool { return !k.known[h] }) {
			if hops := k.door.Ways(env)(&r); hops != nil {
				r.Hops = hops
			}
		}
		all[i] = arrived(&r)
	}
	return all
}

// arrived is a recipient as it was let in.
func arrived(r *spool.Recipient) sched.Recipient {
	to := sched.Recipient{N: r.N, Hops: r.Hops, Fail: r.Fail, Alternate: r.Alternate != ""}
	if r.Hold != "" {
		to.State, to.Text = sched.Held, r.Hold
	}
	return to
}

// knownHops are the hops a configuration has.
func knownHops(cfg *conf.Config) map[spool.Hop]bool {
	known := map[spool.Hop]bool{}
	for _, c := range cfg.Channels {
		if c.Kind != conf.KindX400P1 {
			known[spool.Hop{Channel: c.Name}] = true
		}
	}
	for _, p := range cfg.Peers {
		known[spool.Hop{Channel: p.Channel, Peer: p.Name}] = true
	}
	return known
}

// Load takes over messages found in the spool at start; crashed says that the last
// holder did not let go in order. What the disk did not give may come again.
func (k *Keeper) Load(now time.Time, items []spool.Item, crashed bool) {
	k.now = now
	for _, i := range items {
		if errors.Is(i.Damaged, spool.ErrMisplaced) {
			k.strays[i.Ref] = true
			k.damaged(string(i.Ref.ID), i.Damaged)
			continue
		}
		told := k.unread[i.Ref.ID]
		delete(k.unread, i.Ref.ID)
		switch {
		case i.Removed:
			k.log.Info("a file that its writer did not finish is removed", "id", i.Ref.ID)
			k.Event(k.now, audit.Record{Event: audit.Removed, ID: string(i.Ref.ID), Text: "its writer did not finish it: nobody was told yes"})
		case i.Damaged != nil:
			moved := errors.Is(i.Damaged, spool.ErrBad)
			if !moved {
				k.unread[i.Ref.ID] = true
			}
			if moved || !told {
				k.damaged(string(i.Ref.ID), i.Damaged)
			}
		case k.failed != nil, k.taken(i):
		default:
			// It may be whole without anybody having told of it, or died between the
			// telling and the barrier, with which its event goes to the disk.
			if crashed && len(i.Log) == 0 {
				k.describe(i.Envelope, audit.Recovered)
			}
			k.found(i)
		}
	}
}

// Loaded tells that Load has had everything: what the disk did not give and is not there
// any more is waited for no longer.
func (k *Keeper) Loaded() { clear(k.unread) }

// taken tells whether another has brought the message since it was read at start: who
// makes a child, or a report, that is there already takes that, and it may have gone
// since. Any other has an identifier that nobody uses again.
func (k *Keeper) taken(i spool.Item) bool {
	if i.Envelope.Parent == "" {
		return false
	}
	if k.knows(i.Ref) {
		return true
	}
	_, err := os.Lstat(filepath.Join(k.spool.Dir(), i.Ref.String()))
	return errors.Is(err, fs.ErrNotExist)
}

// found takes over one message: what is still to be moved goes to the scheduler,
// reports that were owed and not made are made, and what is done with leaves.
func (k *Keeper) found(i spool.Item) {
	if i.Torn > 0 {
		k.log.Warn("records of a log are torn and do not count", "id", i.Ref.ID, "torn", i.Torn)
	}
	s := k.standingOf(i.Envelope, i.Log)
	owed := s.owed(i.Envelope, k.door.SaysNothing)
	if !s.done() {
		k.briefs.put(i.Envelope)
		k.carryOut(k.mind.Step(k.now, sched.Accepted{Message: message(i.Ref, i.Envelope, s.recipients)}))
	}
	if len(owed) == 0 && !s.done() {
		return
	}
	d := k.debts[i.Ref.ID]
	if d == nil {
		d = &debt{ref: i.Ref}
		k.debts[i.Ref.ID] = d
	}
	if s.done() {
		d.done, d.accepted = true, i.Envelope.Accepted
	}
	d.open++
	k.makeReports(d, i.Envelope, owed)
	k.settle(d)
}

// remember writes what a restart must know.
func (k *Keeper) remember(l sched.Log) {
	// What the configuration remembers a restart asks it again.
	switch l.Change {
	case sched.ChangeLate:
		if !k.Quiet { // whoever looks at a spool nobody serves would say it each time
			k.Event(k.now, audit.Record{Event: audit.Late, ID: string(l.Ref.ID), N: l.N, Channel: l.Channel, Peer: l.Peer,
				Attempt: l.Attempts, Until: l.Until, Text: l.Text})
		}
		return
	case sched.ChangeNoHop:
		k.Event(k.now, audit.Record{Event: audit.Held, ID: string(l.Ref.ID), N: l.N, Text: l.Text})
		return
	case sched.ChangeRerouted:
		k.Event(k.now, audit.Record{Event: audit.Rerouted, ID: string(l.Ref.ID), N: l.N, Hops: l.Hops, Text: hopsText(l.Hops)})
		return
	}
	r := spool.Record{Time: k.now, Recipients: l.N, Text: l.Text, Until: l.Until, Attempt: l.Attempts, Channel: l.Channel, Peer: l.Peer}
	if l.Change == sched.ChangeSent {
		// Whoever finds this last, after a crash, knows no more.
		r.Kind, r.Outcome = spool.RecordOutcome, sched.InDoubt.String()
		k.appendLog(l.Ref, func() {}, r)
		return
	}
	event := audit.Deferred
	switch l.Change {
	case sched.ChangeDeferred, sched.ChangeInDoubt:
		r.Kind, r.Outcome = spool.RecordOutcome, l.Change.String()
	case sched.ChangeHeld:
		r.Kind, event = spool.RecordHold, audit.Held
	case sched.ChangeReleased:
		r.Kind, event = spool.RecordRelease, audit.Released
	case sched.ChangeRetried:
		r.Kind, event = spool.RecordRetry, audit.Retried
	case sched.ChangeDiverted:
		r.Kind, event = spool.RecordDivert, audit.Diverted
		r.Reason, r.Diagnostic = l.Reason, l.Diagnostic
	default:
		r.Kind = spool.RecordKind(l.Change.String())
	}
	r.Who = k.who
	if k.why != "" {
		r.Text = k.why
	}
	k.appendLog(l.Ref, func() {}, r)
	text := r.Text
	if l.Change == sched.ChangeInDoubt {
		text = "in doubt: " + text
	}
	e := audit.Record{Event: event, ID: string(l.Ref.ID), N: l.N, Channel: l.Channel, Peer: l.Peer,
		Attempt: l.Attempts, Until: l.Until, Text: text, Who: k.who}
	if l.Change == sched.ChangeDiverted {
		codes(&e, l.Reason, l.Diagnostic)
	}
	k.Event(k.now, e)
}

func hopsText(hops []spool.Hop) string {
	names := make([]string, len(hops))
	for i, h := range hops {
		if names[i] = h.Peer; h.Peer == "" {
			names[i] = h.Channel
		}
	}
	return strings.Join(names, ", ")
}

// appendLog writes records into the log of a message and calls then, at once or, if
// the file system refuses, when they are written.
func (k *Keeper) appendLog(ref spool.Ref, then func(), records ...spool.Record) {
	k.dirty = true
	delete(k.logless, ref.ID)
	if u := k.unlogged[ref.ID]; u != nil {
		k.unwritten = errors.New("earlier records could not be written either")
		u.add(then, records)
		return
	}
	if err := k.spool.Append(ref, records...); err != nil {
		k.unwritten = err
		u := new(unlogged)
		u.add(then, records)
		k.unlogged[ref.ID] = u
		k.again("logging", err, func() { k.relog(ref) })
		return
	}
	then()
}

// relog writes what the log of a message is still to get.
func (k *Keeper) relog(ref spool.Ref) {
	u := k.unlogged[ref.ID]
	if u == nil {
		return // the message is gone
	}
	k.dirty = true
	if err := k.spool.Append(ref, u.records...); err != nil {
		k.again("logging", err, func() { k.relog(ref) })
		return
	}
	delete(k.unlogged, ref.ID)
	for _, f := range u.then {
		f()
	}
}

// add keeps records for later. Of deferrals one after the other the last is enough.
func (u *unlogged) add(then func(), records []spool.Record) {
	for _, r := range records {
		if n := len(u.records); n > 0 && deferral(u.records[n-1]) && deferral(r) && slices.Equal(u.records[n-1].Recipients, r.Recipients) {
			u.records[n-1] = r
			continue
		}
		u.records = append(u.records, r)
	}
	u.then = append(u.then, then)
}

func deferral(r spool.Record) bool {
	kind, ok := sched.ParseKind(r.Outcome)
	return r.Kind == spool.RecordOutcome && ok && !kind.Final()
}

func (k *Keeper) notice(n sched.Notice) {
	event := ""
	switch n.Kind {
	case sched.NoticePeerDown:
		event = audit.PeerDown
	case sched.NoticePeerUp:
		event = audit.PeerUp
	case sched.NoticeChannelDown:
		event = audit.ChannelDown
	default:
		return
	}
	k.Event(k.now, audit.Record{Event: event, Channel: n.Channel, Peer: n.Peer, Attempt: n.Count, Text: n.Text, Until: n.Until})
}

// codes puts reason and diagnostic of X.411 into a record.
func codes(r *audit.Record, reason, diagnostic int) {
	r.Reason = &reason
	if diagnostic != spool.NoDiagnostic {
		r.Diagnostic = &diagnostic
	}
}

// finalEvent writes the event of a final outcome.
func (k *Keeper) finalEvent(ref spool.Ref, env *spool.Envelope, f sched.Final) {
	r := audit.Record{ID: string(ref.ID), N: f.N, Channel: f.Channel, Peer: f.Peer, Text: f.Outcome.Text, Who: k.who}
	if k.why != "" { // for the operators; the report tells what was tried
		r.Text = k.why
	}
	if env != nil {
		r.MTSID, r.Kind = env.MTSID, string(env.Kind)
	}
	switch f.Outcome.Kind {
	case sched.Transferred:
		r.Event = audit.TransferOut
	case sched.Delivered:
		r.Event = audit.Delivered
	case sched.Failed:
		r.Event = audit.Failed
		codes(&r, f.Outcome.Reason, f.Outcome.Diagnostic)
	case sched.Deleted:
		r.Event = audit.Deleted
		if k.cancels {
			r.Event = audit.Cancelled
		}
	case sched.Expanded:
		r.Event = audit.Expanded
	case sched.Redirected:
		r.Event = audit.Redirected
	default:
		r.Event = audit.Moved
	}
	r.Child, r.Again = string(f.Outcome.Child), f.Outcome.Again
	k.Event(k.now, r)
}
