package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// A channel that makes a child, of a list, a recipient that is redirected, or recipients that the
// same is required for, commits it as any message and then answers with its identifier. Until the log of the parent has
// that answer, durably, nothing is done with the child: a lease that ends without an
// answer is given again, and finds the child that is there.

// unnamed is a child that waits for the outcome that names it.
type unnamed struct {
	env     *spool.Envelope
	durable bool
}

func (u *unnamed) ref() spool.Ref { return spool.Ref{ID: u.env.ID, Priority: u.env.Priority} }

// commitChild takes a child of a channel.
func (k *Keeper) commitChild(env *spool.Envelope, done func(error)) {
	if len(env.ParentRecipients) == 0 || slices.ContainsFunc(env.ParentRecipients, func(n int) bool { return !k.mind.InFlight(env.Parent, n) }) {
		done(fmt.Errorf("commit: recipients %v of %s are not being worked on", env.ParentRecipients, env.Parent))
		return
	}
	u := k.unnamed[env.ID]
	if u == nil {
		u = &unnamed{env: env}
		k.unnamed[env.ID] = u
		k.accepted(env)
	}
	k.batch.Refs = append(k.batch.Refs, u.ref())
	k.wait(func(err error) {
		u.durable = u.durable || err == nil
		done(err)
	})
}

// reclaimChild takes in a child whose maker has died. If its parent still waits for it,
// the parent's next lease finds it. If the parent names it, or has gone, it is as eligible
// as any other: a parent leaves only after its children. Only of a parent that is here,
// whose recipient has ended, and whose log does not name the child, it is sure that it
// went another way.
func (k *Keeper) reclaimChild(i spool.Item) error {
	env := i.Envelope
	parent, waits := k.parentOf(env)
	switch {
	case waits:
		k.unnamed[env.ID] = &unnamed{env: env, durable: true}
		k.accepted(env)
		return nil
	case k.unread[env.Parent], k.between[env.Parent], k.unlogged[env.Parent] != nil:
		return fmt.Errorf("child %s: its parent %s is not in order yet", env.ID, env.Parent)
	case parent == nil:
		k.accepted(env)
		k.found(i)
		return nil
	}
	log, _, err := k.spool.ReadLog(*parent)
	if err != nil {
		return fmt.Errorf("child %s: %w", env.ID, err)
	}
	if slices.ContainsFunc(log, func(r spool.Record) bool { return r.Kind == spool.RecordChild && r.Child == env.ID }) {
		k.accepted(env)
		k.found(i)
		return nil
	}
	if err := k.spool.Remove(i.Ref); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("child %s: %w", env.ID, err)
	}
	k.dirty = true
	k.Event(k.now, audit.Record{Event: audit.Removed, ID: string(env.ID), Text: "its parent went another way"})
	k.log.Warn("a child that its parent does not name is removed", "id", env.ID, "parent", env.Parent)
	return nil
}

// parentOf is where the parent of a child lies, nil if it is not in the spool, and
// whether it waits for the child.
func (k *Keeper) parentOf(child *spool.Envelope) (parent *spool.Ref, waits bool) {
	if v, ok := k.mind.View(child.Parent); ok {
		return &v.Ref, slices.ContainsFunc(v.Recipients, func(r sched.RecipientView) bool {
			return slices.Contains(child.ParentRecipients, r.N) && r.State != sched.Finished
		})
	}
	if d := k.debts[child.Parent]; d != nil {
		return &d.ref, false
	}
	return nil, false
}

// checkChildren keeps a channel from ending a recipient by the name of a child that is
// not there.
func (k *Keeper) checkChildren(ev sched.JobOutcome) {
	parent, _ := k.mind.JobOf(ev.Job)
	for i := range ev.Results {
		r := &ev.Results[i]
		if r.Child == "" {
			continue
		}
		u := k.unnamed[r.Child]
		if u == nil || !u.durable || u.env.Parent != parent || !slices.Contains(u.env.ParentRecipients, r.N) || !together(ev.Results, u.env) {
			k.log.Error("a channel names a child that is not there", "id", parent, "recipient", r.N, "child", r.Child)
			r.Outcome = sched.Outcome{Kind: sched.Deferred, Text: "its child is not there"}
		}
	}
}

// together tells whether a child ends all recipients that it stands for: no other way is left for
// any of them.
func together(results []sched.Result, child *spool.Envelope) bool {
	return !slices.ContainsFunc(child.ParentRecipients, func(n int) bool {
		return !slices.ContainsFunc(results, func(r sched.Result) bool { return r.N == n && r.Child == child.ID && goesOn(r.Kind) })
	})
}

// goesOn tells whether a recipient ends by a child.
func goesOn(k sched.Kind) bool {
	return k == sched.Moved || k == sched.Expanded || k == sched.Redirected
}

// soon is when a recipient is tried again whose hops are not of this configuration: the
// channel has another, and will have this one.
const soon = time.Second

// checkHops leaves out hops that this configuration does not have.
func (k *Keeper) checkHops(ev sched.JobOutcome) {
	for i := range ev.Results {
		r := &ev.Results[i]
		if slices.ContainsFunc(r.Hops, func(h spool.Hop) bool { return !k.known[h] }) {
			r.Hops = nil
			r.Outcome = sched.Outcome{Kind: sched.Deferred, Text: "was routed by another configuration", Until: k.now.Add(soon)}
		}
	}
}

// orphans are the children that were made for recipients that have ended otherwise: by
// an operator's word, or because their time was over before they were named.
func (k *Keeper) orphans(e *ending) []*unnamed {
	if len(k.unnamed) == 0 {
		return nil
	}
	ends := map[int]spool.ID{} // by recipient: the child that is the way it went
	for _, f := range e.finals {
		for _, n := range f.N {
			ends[n] = f.Outcome.Child
		}
	}
	var all []*unnamed
	for id, u := range k.unnamed {
		if u.env.Parent == e.ref.ID && slices.ContainsFunc(u.env.ParentRecipients, func(n int) bool {
			child, ended := ends[n]
			return ended && child != id
		}) {
			all = append(all, u)
		}
	}
	return all
}

// disown removes them. Only when they are gone, durably, is the end of their recipients
// written: a start that finds a child which no record names takes it for the way the
// recipient went.
func (k *Keeper) disown(e *ending, d *debt, orphans []*unnamed) {
	k.dirty, k.putOff = true, true
	for i, u := range orphans {
		if err := k.spool.Remove(u.ref()); err != nil && !errors.Is(err, fs.ErrNotExist) {
			k.unwritten = err
			k.again("removing a child", err, func() { k.disown(e, d, orphans[i:]) })
			return
		}
		delete(k.unnamed, u.env.ID)
		k.Event(k.now, audit.Record{Event: audit.Removed, ID: string(u.env.ID), Text: "its parent went another way"})
	}
	k.after(func(err error) {
		if err == nil {
			k.conclude(e)
			k.settle(d)
		}
	})
}

// born makes a child eligible once what was written before it is durable: the record
// that names it, or its parent's leaving.
func (k *Keeper) born(child *spool.Envelope) {
	delete(k.unnamed, child.ID)
	k.between[child.ID] = true
	m := message(spool.Ref{ID: child.ID, Priority: child.Priority}, child, k.fresh(child))
	// It waits to go on, as whoever is in its parent has waited.
	k.wait(func(err error) {
		if err == nil {
			k.eligible(m)
		}
	})
}

// outcomeOf is the outcome that the record of a child stands for; false for a report,
// which ends nothing.
func outcomeOf(step string) (sched.Kind, bool) {
	switch step {
	case report.Step:
		return 0, false
	case submit.StepExpand:
		return sched.Expanded, true
	case submit.StepRedirect:
		return sched.Redirected, true
	}
	return sched.Moved, true
}
