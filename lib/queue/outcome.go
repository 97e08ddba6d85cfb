package queue

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"slices"
	"time"

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
	ref    spool.Ref
	finals []sched.Final
	done   bool
}

// carryOut does what the scheduler wants. What concerns the spool is done here, the
// finals of a message together so that one report can serve them; the rest is the
// outside world's. The slices of actions are valid until the scheduler's next step.
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
		case sched.Final:
			a.N = slices.Clone(a.N)
			e := of(a.Ref)
			e.finals = append(e.finals, a)
		case sched.Done:
			of(a.Ref).done = true
		case sched.Log:
			a.N = slices.Clone(a.N)
			k.remember(a)
		case sched.Notice:
			k.notice(a)
			outside = append(outside, a)
		default:
			outside = append(outside, a)
		}
	}
	for _, a := range outside {
		k.do(a)
	}
	for _, e := range endings {
		k.conclude(e)
	}
}

// conclude deals with final outcomes: a message nobody is owed a report about leaves
// at once, its absence being the record; otherwise the outcomes are logged and the
// reports made.
func (k *Keeper) conclude(e *ending) {
	var owed []report.Result
	var env *spool.Envelope
	for _, f := range e.finals {
		if f.Outcome.Kind == sched.Delivered || f.Outcome.Kind == sched.Failed {
			m, err := k.spool.OpenMessage(e.ref)
			if err != nil {
				k.again("reading a message for its report", err, func() { k.conclude(e) })
				return
			}
			env = m.Envelope
			if err := m.Close(); err != nil {
				k.log.Warn("message file", "error", err)
			}
			break
		}
	}
	for _, f := range e.finals {
		k.finalEvent(e.ref, env, f)
		if env != nil {
			owed = append(owed, results(env, f)...)
		}
	}
	d := k.debts[e.ref.ID]
	if d == nil && len(owed) == 0 && e.done {
		k.leave(e.ref)
		return
	}
	if d == nil {
		d = &debt{ref: e.ref}
		k.debts[e.ref.ID] = d
	}
	d.done = d.done || e.done
	d.open++ // held until both are under way
	if len(e.finals) > 0 {
		d.open++
		k.logFinals(d, e.finals, k.now)
	}
	if len(owed) > 0 {
		d.open++
		k.makeReport(d, env, owed)
	}
	k.settle(d)
}

// logFinals appends the outcomes to the message's log.
func (k *Keeper) logFinals(d *debt, finals []sched.Final, now time.Time) {
	var records []spool.Record
	for _, f := range finals {
		r := spool.Record{Time: now, Kind: spool.RecordOutcome, Recipients: f.N, Outcome: f.Outcome.Kind.String(),
			Reason: f.Outcome.Reason, Diagnostic: f.Outcome.Diagnostic, Text: f.Outcome.Text,
			Channel: f.Channel, Peer: f.Peer, Child: f.Outcome.Child}
		if !f.Outcome.Time.IsZero() {
			r.Time = f.Outcome.Time
		}
		records = append(records, r)
	}
	k.dirty = true
	if err := k.spool.Append(d.ref, records...); err != nil {
		k.again("logging an outcome", err, func() { k.logFinals(d, finals, now) })
		return
	}
	k.settle(d)
}

// settle notes that one thing of a debt is done. A debt that is paid is forgotten,
// and the message goes if it is done with.
func (k *Keeper) settle(d *debt) {
	if d.open--; d.open > 0 {
		return
	}
	delete(k.debts, d.ref.ID)
	if d.done {
		k.leave(d.ref)
	}
}

// leave removes a message: first its file, and its log only once that is durable, so
// that no cut can bring it back without its memory.
func (k *Keeper) leave(ref spool.Ref) {
	k.dirty = true
	if err := k.spool.Remove(ref); err != nil && !errors.Is(err, fs.ErrNotExist) {
		k.between[ref.ID] = true
		k.again("removing a message", err, func() { k.leave(ref) })
		return
	}
	delete(k.between, ref.ID)
	k.Event(k.now, audit.Record{Event: audit.Removed, ID: string(ref.ID)})
	k.after(func(err error) {
		if err != nil {
			return
		}
		if err := k.spool.RemoveLog(ref); err != nil {
			k.log.Warn("log of a message that is gone", "id", ref.ID, "error", err) // the next start removes it
		}
	})
}

// results are the recipients of a final outcome that somebody is owed a report about.
func results(env *spool.Envelope, f sched.Final) []report.Result {
	delivered := f.Outcome.Kind == sched.Delivered
	if !delivered && f.Outcome.Kind != sched.Failed {
		return nil
	}
	var owed []report.Result
	for i := range env.Recipients {
		r := &env.Recipients[i]
		if slices.Contains(f.N, r.N) && report.Owed(env.Kind, r, delivered) {
			owed = append(owed, report.Result{N: r.N, Delivered: delivered, Time: f.Outcome.Time,
				Reason: mts.ReasonCode(f.Outcome.Reason), Diagnostic: mts.DiagnosticCode(f.Outcome.Diagnostic), Text: f.Outcome.Text})
		}
	}
	return owed
}

// makeReport writes the report into the spool as a child of its subject. Once a
// barrier has made it durable the parent's log names it, or the parent leaves; once
// another has made that durable, it is eligible. So it can neither be lost nor made
// twice, wherever the power goes.
func (k *Keeper) makeReport(d *debt, env *spool.Envelope, owed []report.Result) {
	slices.SortFunc(owed, func(a, b report.Result) int { return a.N - b.N })
	child, err := k.writeReport(d.ref, env, owed)
	switch {
	case err != nil && diag.KindOf(err) == diag.Data:
		// The subject cannot be read as X.411: nobody could be told anything.
		k.log.Error("no report can be made", "id", d.ref.ID, "error", err)
		k.Event(k.now, eventOf(env, owed, "no report can be made: "+err.Error()))
		k.settle(d)
	case err != nil:
		k.again("making a report", err, func() { k.makeReport(d, env, owed) })
	case child == nil:
		k.settle(d) // discarded, and said so
	default:
		k.between[child.ID] = true
		k.after(func(err error) {
			if err == nil {
				k.nameReport(d, child)
			}
		})
	}
}

// nameReport makes a durable report eligible.
func (k *Keeper) nameReport(d *debt, child *spool.Envelope) {
	if d.open > 1 || !d.done {
		k.dirty = true
		if err := k.spool.Append(d.ref, spool.ChildRecord(child, k.now)); err != nil {
			k.again("naming a report", err, func() { k.nameReport(d, child) })
			return
		}
	}
	k.settle(d)
	message := schedMessage(spool.Ref{ID: child.ID, Priority: child.Priority}, child, nil)
	k.after(func(err error) {
		if err == nil {
			k.eligible(message)
		}
	})
}

// writeReport returns the envelope of the report in the spool, nil if it had to be
// discarded.
func (k *Keeper) writeReport(ref spool.Ref, env *spool.Envelope, owed []report.Result) (*spool.Envelope, error) {
	r, returnContent, err := report.Make(env, owed, k.conf.Identity)
	if err != nil {
		return nil, err
	}
	raw, err := p1.EncodeReport(r)
	if err != nil {
		return nil, err
	}
	child := &submit.Child{Parent: ref.ID, Step: report.Step, Priority: report.Priority(env.Priority)}
	for _, o := range owed {
		child.Recipients = append(child.Recipients, o.N)
	}
	tx, err := k.door.Report(spool.Source{}, raw, r, child)
	if err != nil {
		return nil, err
	}
	if tx.Discarded != "" {
		k.log.Warn(tx.Discarded, "id", ref.ID)
		k.Event(k.now, eventOf(env, owed, tx.Discarded))
		return nil, nil
	}
	if returnContent {
		if err := k.returnContent(tx, ref); err != nil {
			return nil, errors.Join(err, tx.Abort())
		}
	}
	made, err := tx.Commit(context.Background())
	if errors.Is(err, fs.ErrExist) {
		return k.existing(spool.Ref{ID: tx.Envelope().ID, Priority: tx.Envelope().Priority})
	}
	if err == nil {
		k.accepted(made)
	}
	return made, err
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

func (k *Keeper) returnContent(tx *submit.Tx, ref spool.Ref) (err error) {
	m, err := k.spool.OpenMessage(ref)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	_, err = io.Copy(tx, m.Content())
	return err
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
