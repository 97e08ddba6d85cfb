package queue

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// Serve answers a request of a tool: emit hears every line, and done is called once
// after the last, for a verb that changes something only when it is durable.
func (k *Keeper) Serve(now time.Time, q Request, emit func(Answer), done func()) {
	k.now = now
	m, err := newMatcher(q.Filter)
	if err != nil {
		emit(Answer{Error: trouble(err)})
		done()
		return
	}
	switch q.Verb {
	case VerbStatus:
		emit(Answer{Status: k.status()})
	case VerbTree:
		for _, c := range k.tree() {
			emit(Answer{Channel: &c})
		}
	case VerbList, VerbShow:
		q.All = q.All || q.Verb == VerbList && len(q.IDs) == 0
		k.each(q, m, emit, func(rows []Row, ref spool.Ref) {
			if q.Verb == VerbShow {
				k.show(ref, rows, emit)
				return
			}
			for i := range rows {
				emit(Answer{Row: &rows[i]})
			}
		})
	case VerbHold, VerbRelease, VerbRetry, VerbExpire, VerbDelete:
		k.act(q, m, emit, done)
		return
	default:
		emit(Answer{Error: trouble(diag.E("request", diag.Usage, fmt.Errorf("unknown verb %q", q.Verb)))})
	}
	done()
}

func (k *Keeper) status() *StatusRow {
	c := k.mind.Counts()
	return &StatusRow{
		MTA: k.conf.Identity.MTA, Domain: k.conf.Identity.Domain.String(), Running: true, PID: os.Getpid(),
		Since: time.Unix(0, int64(k.started)).UTC(), ConfigVersion: k.conf.Version,
		Urgent: c.Messages[0], Normal: c.Messages[1], NonUrgent: c.Messages[2], Recipients: c.Recipients, Active: c.Jobs,
	}
}

func (k *Keeper) tree() []ChannelRow {
	var rows []ChannelRow
	for _, c := range k.mind.Tree() {
		row := ChannelRow{Channel: c.Name, Enabled: !c.Disabled, Running: c.Process != 0, Failures: c.Failures, RestartAt: c.RestartAt,
			MaxJobs: c.MaxJobs, Jobs: c.Jobs[0] + c.Jobs[1] + c.Jobs[2], Associations: c.Associations, Peers: []PeerRow{}}
		for _, p := range c.Peers {
			pr := PeerRow{Peer: p.Name, Enabled: !p.Disabled, Urgent: p.Queued[0], Normal: p.Queued[1], NonUrgent: p.Queued[2],
				Held: p.Held, Active: p.InProgress, Associations: len(p.Associations), Failures: p.Failures, DelayUntil: p.DelayUntil, Reason: p.Reason}
			if !p.Oldest.IsZero() {
				pr.Oldest = max(1, int64(k.now.Sub(p.Oldest)/time.Second))
			}
			row.Peers = append(row.Peers, pr)
		}
		rows = append(rows, row)
	}
	return rows
}

// each calls f for every message the request names and the filter lets through.
// Messages are named by unambiguous beginnings; those that are not are trouble.
func (k *Keeper) each(q Request, m *matcher, emit func(Answer), f func([]Row, spool.Ref)) {
	var refs []spool.Ref
	var ids []spool.ID
	if q.All {
		k.mind.Each(func(v sched.MessageView) bool {
			refs = append(refs, v.Ref)
			return true
		})
		for id, d := range k.debts {
			if _, waits := k.mind.View(id); !waits {
				refs = append(refs, d.ref)
			}
		}
		slices.SortFunc(refs, spool.Ref.Compare)
	} else {
		ids = k.identifiers()
		for _, prefix := range q.IDs {
			ref, err := k.named(ids, prefix)
			if err != nil {
				emit(Answer{Error: trouble(err)})
				continue
			}
			refs = append(refs, ref)
		}
	}
	for _, ref := range refs {
		rows, err := k.rows(ref)
		switch {
		case errors.Is(err, fs.ErrNotExist): // done meanwhile
		case err != nil:
			emit(Answer{Error: trouble(err)})
		case len(rows) > 0 && m.passes(rows):
			f(rows, ref)
		}
	}
}

// identifiers are those of all messages here, sorted.
func (k *Keeper) identifiers() []spool.ID {
	var ids []spool.ID
	k.mind.Each(func(v sched.MessageView) bool {
		ids = append(ids, v.Ref.ID)
		return true
	})
	for id := range k.debts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (k *Keeper) named(ids []spool.ID, prefix string) (spool.Ref, error) {
	i, _ := slices.BinarySearch(ids, spool.ID(prefix))
	if prefix == "" || i == len(ids) || !strings.HasPrefix(string(ids[i]), prefix) {
		return spool.Ref{}, diag.WithHint(diag.E(prefix, diag.NoInput, errors.New("no such message in the queue")),
			"mtactl track tells what became of a message")
	}
	if i+1 < len(ids) && strings.HasPrefix(string(ids[i+1]), prefix) {
		return spool.Ref{}, diag.E(prefix, diag.NoInput, fmt.Errorf("%s and %s begin so", ids[i], ids[i+1]))
	}
	if v, ok := k.mind.View(ids[i]); ok {
		return v.Ref, nil
	}
	return k.debts[ids[i]].ref, nil
}

// rows are the recipients of a message that are not final.
func (k *Keeper) rows(ref spool.Ref) ([]Row, error) {
	m, err := k.spool.OpenMessage(ref)
	if err != nil {
		return nil, err
	}
	env := m.Envelope
	if err := m.Close(); err != nil {
		return nil, diag.E("message file", diag.IO, err)
	}
	base := Row{ID: string(env.ID), MTSID: env.MTSID, Kind: string(env.Kind), Priority: ref.Priority.String(),
		Age: int64(k.now.Sub(env.Accepted) / time.Second), Accepted: env.Accepted, Deferred: env.Deferred, Expires: env.Expires,
		Size: env.Size, Originator: env.Originator, Subject: env.Subject, ContentType: env.ContentType}
	v, waits := k.mind.View(ref.ID)
	if !waits {
		base.State = StateReporting
		base.N, base.Recipient = env.Recipients[0].N, env.Recipients[0].Address
		return []Row{base}, nil
	}
	base.Expires = v.Expires
	var rows []Row
	for _, r := range v.Recipients {
		row := base
		switch r.State {
		case sched.Finished:
			continue
		case sched.InFlight:
			row.State = StateActive
		case sched.Held:
			row.State = StateHeld
		case sched.Waiting:
			row.State = StateDeferred
		default:
			row.State = StateQueued
			if !r.Until.IsZero() {
				row.State = StateDeferred
			}
		}
		row.N, row.Wish, row.Channel, row.Peer = r.N, r.Wish, r.Channel, r.Peer
		row.Attempts, row.Next, row.Reason = r.Attempts, r.Until, r.Text
		if i := slices.IndexFunc(env.Recipients, func(e spool.Recipient) bool { return e.N == r.N }); i >= 0 {
			row.Recipient = env.Recipients[i].Address
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func (k *Keeper) show(ref spool.Ref, rows []Row, emit func(Answer)) {
	m, err := k.spool.OpenMessage(ref)
	if err != nil {
		emit(Answer{Error: trouble(err)})
		return
	}
	d := &DetailRow{Envelope: m.Envelope, Path: k.spool.Dir() + "/" + ref.String(), Recipients: rows}
	err = m.Close()
	if err == nil {
		d.Log, _, err = k.spool.ReadLog(ref)
	}
	if err != nil {
		emit(Answer{Error: trouble(err)})
		return
	}
	emit(Answer{Detail: d})
}

// act does a verb to messages and waits until that is durable.
func (k *Keeper) act(q Request, m *matcher, emit func(Answer), done func()) {
	if k.failed != nil {
		emit(Answer{Error: trouble(k.failed)})
		done()
		return
	}
	k.who, k.why, k.unwritten = q.Who, q.Reason, nil
	defer func() { k.who, k.why = "", "" }()
	changed := false
	peers := map[spool.Hop]bool{}
	k.each(q, m, emit, func(rows []Row, ref spool.Ref) {
		a := &ActRow{ID: string(ref.ID), Verb: q.Verb}
		a.Waits = q.Verb != VerbRetry && slices.ContainsFunc(rows, func(r Row) bool { return r.State == StateActive })
		if rows[0].State == StateReporting {
			a.Note = "every recipient is final already"
			emit(Answer{Act: a})
			return
		}
		if q.Verb == VerbRetry && !slices.ContainsFunc(rows, func(r Row) bool { return r.State != StateHeld }) {
			a.Note = "held: release it first"
			emit(Answer{Act: a})
			return
		}
		if !q.DryRun {
			changed = true
			if q.Verb == VerbRetry {
				a.Note = k.retryPeers(rows, peers)
			}
			k.Step(k.now, verbEvent(q, ref.ID))
		}
		emit(Answer{Act: a})
	})
	if !changed {
		done()
		return
	}
	if k.unwritten != nil {
		emit(Answer{Error: trouble(diag.E("done, but not written down yet", diag.IO, k.unwritten))})
	}
	k.wait(func(err error) {
		if err != nil {
			emit(Answer{Error: trouble(diag.E("not durable", diag.IO, err))})
		}
		done()
	})
}

// retryPeers clears the delay of the peers that recipients wait for.
func (k *Keeper) retryPeers(rows []Row, cleared map[spool.Hop]bool) string {
	var names []string
	for _, r := range rows {
		hop := spool.Hop{Channel: r.Channel, Peer: r.Peer}
		if r.Channel == "" || cleared[hop] {
			continue
		}
		cleared[hop] = true
		for _, c := range k.mind.Tree() {
			for _, p := range c.Peers {
				if c.Name == r.Channel && p.Name == r.Peer && p.DelayUntil.After(k.now) {
					k.Step(k.now, sched.Retry{Channel: r.Channel, Peer: &r.Peer})
					names = append(names, r.Peer)
				}
			}
		}
	}
	if len(names) == 0 {
		return ""
	}
	return "the delay of " + strings.Join(names, ", ") + " was cleared too"
}

func verbEvent(q Request, id spool.ID) sched.Event {
	switch q.Verb {
	case VerbHold:
		return sched.Hold{ID: id, Why: q.Reason}
	case VerbRelease:
		return sched.Release{ID: id}
	case VerbRetry:
		return sched.Retry{ID: id}
	case VerbExpire:
		return sched.Expire{ID: id}
	}
	return sched.Delete{ID: id}
}
