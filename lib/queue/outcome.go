package queue

import (
	"context"
	"errors"
	"io/fs"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// ending is what one step of the scheduler made final of one message.
type ending struct {
	ref      spool.Ref
	finals   []sched.Final
	done     bool
	accepted time.Time // if done
}

// carryOut does what the scheduler wants. What concerns the spool is done here, the
// finals of a message together so that one report can serve them; the rest is the
// outside world's, who may give the scheduler its next event meanwhile.
func (k *Keeper) carryOut(actions []sched.Action) {
	var endings []*ending
	of := func(ref spool.Ref) *ending {
		for _, e := range endings {
			if e.ref.ID == ref.ID {
				return e
			}
		}
		endings = append(endings, &ending{ref: ref})
		return endings[len(endings)-1]
	}
	var outside []sched.Action
	for _, a := range actions {
		switch a := a.(type) {
		case *sched.Final:
			e := of(a.Ref)
			e.finals = append(e.finals, *a)
		case *sched.Done:
			e := of(a.Ref)
			e.done, e.accepted = true, a.Accepted
		case sched.Log:
			a.N = slices.Clone(a.N)
			k.remember(a)
		case sched.Notice:
			k.notice(a)
			outside = append(outside, a)
		case *sched.StartJob:
			k.begin(a)
			outside = append(outside, sched.Keep(a))
		default:
			outside = append(outside, sched.Keep(a))
		}
	}
	for _, a := range outside {
		k.do(a)
	}
	for _, e := range endings {
		k.conclude(e)
	}
}

// begin notes what is about to be sent, for whoever comes after this instance was killed.
// The expansion of a list, and what else children are made by, sends nothing.
func (k *Keeper) begin(j *sched.StartJob) {
	if ch, ok := k.conf.Channel(j.Channel); ok && ch.Makes() {
		return
	}
	err := k.spool.Begin(k.now, j.Ref, j.Recipients)
	if errors.Is(err, spool.ErrCrowded) {
		k.remember(sched.Log{Ref: j.Ref, N: slices.Clone(j.Recipients), Change: sched.ChangeSent, Peer: j.Peer})
	} else if err != nil {
		k.complain("the transfers begun", err)
	}
}

// conclude deals with final outcomes: a message nobody is owed a report about leaves
// at once, its absence being the record; otherwise the outcomes are logged and the
// reports made.
func (k *Keeper) conclude(e *ending) {
	if orphans := k.orphans(e); len(orphans) > 0 {
		d := k.debt(e.ref)
		d.open++
		k.disown(e, d, orphans)
		return
	}
	var told, untold []sched.Final // that a report may be owed about, and the others
	moved := false
	for _, f := range e.finals {
		switch f.Outcome.Kind {
		case sched.Delivered, sched.Failed, sched.Expanded:
			told = append(told, f)
		default:
			untold = append(untold, f)
		}
		moved = moved || f.Outcome.Child != ""
	}
	for _, f := range untold {
		k.finalEvent(e.ref, nil, f)
	}
	d := k.debt(e.ref)
	if e.done {
		d.done, d.accepted = true, e.accepted
	}
	d.open++ // held until everything is under way
	owed := false
	if len(told) > 0 {
		d.open++
		owed = k.tell(d, told)
	}
	if len(e.finals) > 0 && (owed || moved || d.open > 1 || !d.done) {
		d.open++
		k.logFinals(d, e.finals)
	}
	k.settle(d)
}

// debt is what is owed about a message. What is in debts is not removed, even if the
// message cannot be read at present.
func (k *Keeper) debt(ref spool.Ref) *debt {
	d := k.debts[ref.ID]
	if d == nil {
		d = &debt{ref: ref}
		k.debts[ref.ID] = d
	}
	return d
}

// tell makes the reports that are owed about final outcomes, and tells whether there
// are any, or may be.
func (k *Keeper) tell(d *debt, finals []sched.Final) bool {
	now := k.now
	m, err := k.spool.OpenMessage(d.ref)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, spool.ErrDamaged), errors.Is(err, spool.ErrIncomplete):
		for _, f := range finals {
			k.finalEvent(d.ref, nil, f)
		}
		k.useless(d, err)
		return true
	case err != nil:
		d.trouble = err
		k.again("reading a message for its report", err, func() { k.tell(d, finals) })
		return true
	}
	env := m.Envelope
	if err := m.Close(); err != nil {
		k.log.Warn("message file", "error", err)
	}
	var owed []report.Result
	for _, f := range finals {
		k.finalEvent(d.ref, env, f)
		owed = append(owed, results(env, f, now, k.door.SaysNothing)...)
	}
	k.makeReports(d, env, owed)
	k.settle(d)
	return len(owed) > 0
}

// useless notes that nobody can be told about a message.
func (k *Keeper) useless(d *debt, why error) {
	d.useless = errors.Join(d.useless, why)
	k.log.Error("no report can be made", "id", d.ref.ID, "error", why)
	k.Event(k.now, audit.Record{Event: audit.Failed, ID: string(d.ref.ID), Text: "no report can be made: " + why.Error()})
	k.settle(d)
}

// logFinals appends the outcomes to the message's log, and makes the children they name
// eligible.
func (k *Keeper) logFinals(d *debt, finals []sched.Final) {
	var records []spool.Record
	var children []*spool.Envelope
	for _, f := range finals {
		r := spool.Record{Time: k.now, Kind: spool.RecordOutcome, Recipients: f.N, Outcome: f.Outcome.Kind.String(),
			Reason: f.Outcome.Reason, Diagnostic: f.Outcome.Diagnostic, Text: f.Outcome.Text,
			Channel: f.Channel, Peer: f.Peer, Child: f.Outcome.Child}
		if !f.Outcome.Time.IsZero() {
			r.Time = f.Outcome.Time
		}
		if u := k.unnamed[f.Outcome.Child]; u != nil {
			r.Kind, r.Step = spool.RecordChild, u.env.Step
			if !slices.Contains(children, u.env) { // it may stand for several
				children = append(children, u.env)
			}
		}
		records = append(records, r)
	}
	k.appendLog(d.ref, func() {
		k.settle(d)
		for _, c := range children {
			k.born(c)
		}
	}, records...)
}

// settle notes that one thing of a debt is done. A debt that is paid is forgotten,
// and the message goes if it is done with.
func (k *Keeper) settle(d *debt) {
	if d.open--; d.open > 0 {
		return
	}
	if !d.done && d.useless != nil {
		return // to be remembered until it is done with
	}
	delete(k.debts, d.ref.ID)
	switch {
	case !d.done:
	case d.useless != nil:
		k.condemn(d.ref, d.useless)
	default:
		k.leave(d.ref, d.last)
	}
}

// condemn puts a message that is done with, and that nobody can be told about, aside
// for a person to look at.
func (k *Keeper) condemn(ref spool.Ref, why error) {
	k.dirty = true
	delete(k.unlogged, ref.ID)
	err := k.spool.Condemn(ref, why)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		k.leave(ref, nil) // its log, that is
	case err != nil:
		k.between[ref.ID] = true
		k.again("moving a message to bad/", err, func() { k.condemn(ref, why) })
	default:
		delete(k.between, ref.ID)
		k.briefs.drop(ref.ID)
		k.after(func(err error) {
			if err == nil {
				k.forget(ref)
			}
		})
		k.log.Error("message was moved to bad/: nobody could be told what became of it", "id", ref.ID, "error", why)
		k.Event(k.now, audit.Record{Event: audit.Damaged, ID: string(ref.ID), Text: "moved to bad/: nobody could be told what became of it: " + why.Error()})
	}
}

// leave removes a message: first its file, and its log only once that is durable, so
// that no cut can bring it back without its memory. A child that no log names, nil for
// none, is eligible after that, not before: who finds both makes it again.
func (k *Keeper) leave(ref spool.Ref, child *spool.Envelope) {
	k.dirty = true
	delete(k.unlogged, ref.ID)
	k.briefs.drop(ref.ID)
	if err := k.spool.Remove(ref); err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.unwritten = err
		k.between[ref.ID] = true
		k.again("removing a message", err, func() { k.leave(ref, child) })
		return
	}
	delete(k.between, ref.ID)
	k.Event(k.now, audit.Record{Event: audit.Removed, ID: string(ref.ID)})
	if child != nil {
		k.born(child)
	}
	if _, ok := k.logless[ref.ID]; ok {
		delete(k.logless, ref.ID)
		return
	}
	k.after(func(err error) {
		if err == nil {
			k.forget(ref)
		}
	})
}

// forget removes the log of a message that is gone, durably.
func (k *Keeper) forget(ref spool.Ref) {
	if err := k.spool.RemoveLog(ref); err != nil {
		k.again("removing a log", err, func() { k.forget(ref) })
	}
}

// results are the recipients of a final outcome, delivered, expanded or failed, that
// somebody is owed a report about. A list that is silent leaves that to its members.
func results(env *spool.Envelope, f sched.Final, now time.Time, silent func(address string) bool) []report.Result {
	expanded := f.Outcome.Kind == sched.Expanded
	delivered := expanded || f.Outcome.Kind == sched.Delivered
	at := f.Outcome.Time
	if at.IsZero() {
		at = now
	}
	final := make(map[int]bool, len(f.N)) // up to 32767 of them
	for _, n := range f.N {
		final[n] = true
	}
	var owed []report.Result
	for i := range env.Recipients {
		r := &env.Recipients[i]
		if expanded && f.Outcome.Child != "" && final[r.N] && silent(r.Address) {
			continue
		}
		if final[r.N] && report.Owed(env, r, delivered) {
			owed = append(owed, report.Result{N: r.N, Delivered: delivered, List: expanded, Time: at,
				Reason: mts.ReasonCode(f.Outcome.Reason), Diagnostic: mts.DiagnosticCode(f.Outcome.Diagnostic), Text: f.Outcome.Text})
		}
	}
	return owed
}

// maxReported bounds the recipients of one report, so that it is an envelope any MTA
// takes. X.411 §14.5 leaves to us how many reports there are.
const maxReported = 4096

// makeReports makes what reports are needed.
func (k *Keeper) makeReports(d *debt, env *spool.Envelope, owed []report.Result) {
	slices.SortFunc(owed, func(a, b report.Result) int { return a.N - b.N })
	for part := range slices.Chunk(owed, maxReported) {
		d.open++
		k.makeReport(d, env, part)
	}
}

// makeReport writes the report into the spool as a child of its subject. Once a
// barrier has made it durable the parent's log names it, or the parent leaves; once
// another has made that durable, it is eligible. So it can neither be lost nor made
// twice, wherever the power goes.
func (k *Keeper) makeReport(d *debt, env *spool.Envelope, owed []report.Result) {
	d.trouble = nil
	k.writeReport(d, env, owed, true)
}

// writeReport writes it with the content of the subject, if that is wanted and may be.
func (k *Keeper) writeReport(d *debt, env *spool.Envelope, owed []report.Result, content bool) {
	tx, wanted, err := k.beginReport(d.ref, env, owed)
	switch {
	case err != nil && diag.KindOf(err) == diag.Data:
		// The subject cannot be read as X.411: nobody could be told anything.
		k.useless(d, err)
	case err != nil:
		k.refusedReport(d, env, owed, err, false)
	case tx == nil:
		k.settle(d) // discarded, and said so
	case !wanted || !content:
		k.commitReport(d, env, owed, tx, false)
	default:
		id := tx.Envelope().ID
		k.between[id] = true // a file is there meanwhile
		limit := int64(k.conf.Limits.MessageSize)
		k.aside(func() error { return returnContent(k.spool, d.ref, limit, tx) }, func(err error) {
			delete(k.between, id)
			if err == nil || errors.Is(err, fs.ErrExist) {
				k.commitReport(d, env, owed, tx, true)
				return
			}
			k.refusedReport(d, env, owed, errors.Join(err, tx.Abort()), true)
		})
	}
}

// commitReport ends a report that is written; one that is there from before is taken.
func (k *Keeper) commitReport(d *debt, env *spool.Envelope, owed []report.Result, tx *submit.Tx, content bool) {
	child, err := tx.Commit(context.Background())
	switch {
	case errors.Is(err, fs.ErrExist):
		child, err = k.existing(spool.Ref{ID: tx.Envelope().ID, Priority: tx.Envelope().Priority})
	case err == nil:
		k.accepted(child)
	}
	if err != nil {
		k.refusedReport(d, env, owed, err, content)
		return
	}
	k.between[child.ID] = true
	k.after(func(err error) {
		if err == nil {
			k.nameReport(d, child)
		}
	})
}

var errTooLong = errors.New("the content is longer than a message may be")

// refusedReport goes on with a report that the file system did not take. Where it is the
// content that is in the way it does without: to hear of the non-delivery is worth more
// than to have that back.
func (k *Keeper) refusedReport(d *debt, env *spool.Envelope, owed []report.Result, why error, content bool) {
	inTheWay := func(e error) bool { return errors.Is(why, e) }
	if content && slices.ContainsFunc([]error{spool.ErrDamaged, errTooLong, unix.ENOSPC, unix.EDQUOT, unix.EFBIG}, inTheWay) {
		k.log.Error("a content is not returned", "id", d.ref.ID, "error", why)
		k.writeReport(d, env, owed, false)
		return
	}
	d.trouble = why
	k.again("making a report", why, func() { k.makeReport(d, env, owed) })
}

// nameReport makes a durable report eligible when the log of its parent names it, or
// its parent has left.
func (k *Keeper) nameReport(d *debt, child *spool.Envelope) {
	if d.open > 1 || !d.done || d.useless != nil {
		k.appendLog(d.ref, func() {
			k.settle(d)
			k.born(child)
		}, spool.ChildRecord(child, k.now))
		return
	}
	d.last = child
	k.settle(d)
}

// beginReport begins the report, and says whether the content of the subject is to go
// back with it; nil if it had to be discarded.
func (k *Keeper) beginReport(ref spool.Ref, env *spool.Envelope, owed []report.Result) (tx *submit.Tx, content bool, err error) {
	r, content, err := report.Make(env, owed, k.conf.Identity)
	if err != nil {
		return nil, false, diag.E("", diag.Data, err)
	}
	raw, err := p1.EncodeReport(r)
	if err != nil {
		return nil, false, diag.E("", diag.Data, err)
	}
	child := &submit.Child{Parent: ref.ID, Step: report.Step, Priority: report.Priority(env.Priority)}
	for _, o := range owed {
		child.Recipients = append(child.Recipients, o.N)
	}
	if tx, err = k.door.Report(spool.Source{}, raw, r, child); err != nil {
		return nil, false, err
	}
	if tx.Discarded != "" {
		k.log.Warn(tx.Discarded, "id", ref.ID)
		k.Event(k.now, eventOf(env, owed, tx.Discarded))
		if e, ok := report.AuditEvent(r, p1.NoContent); ok {
			k.Event(k.now, e)
		}
		return nil, false, nil
	}
	return tx, content, nil
}

// existing deals with a report whose name is taken: it is whole, from before a
// failure, or was begun and never finished and goes away.
func (k *Keeper) existing(ref spool.Ref) (*spool.Envelope, error) {
	m, err := k.spool.OpenMessage(ref)
	if errors.Is(err, spool.ErrIncomplete) {
		return nil, errors.Join(diag.E("report", diag.Temporary, err), k.spool.Discard(ref))
	}
	if err != nil {
		return nil, err
	}
	env := m.Envelope
	return env, m.Close()
}

// returnContent copies the content of the subject into its report, on any goroutine.
func returnContent(sp *spool.Spool, ref spool.Ref, limit int64, tx *submit.Tx) (err error) {
	m, err := sp.OpenWhole(ref)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	if m.Envelope.Size > limit {
		return errTooLong
	}
	return tx.CopyContent(m)
}

func eventOf(env *spool.Envelope, owed []report.Result, text string) audit.Record {
	r := record(env, audit.Failed)
	r.Text = text
	for _, o := range owed {
		r.N = append(r.N, o.N)
	}
	return r
}

// made is the keeper as the committer of what it makes itself. It runs the barrier,
// so it cannot wait for it here: makeReport goes on when it has ended.
type made struct{ k *Keeper }

func (m made) Create(ref spool.Ref) (*spool.Writer, error) { return m.k.spool.CreateInPlace(ref) }

func (m made) Commit(_ context.Context, w *spool.Writer, env *spool.Envelope) error {
	m.k.batch.Refs = append(m.k.batch.Refs, spool.Ref{ID: env.ID, Priority: env.Priority})
	// While the file is open the kernel cannot forget that writing it failed.
	m.k.after(func(error) { _ = w.Close() })
	return nil
}
