package queue

import (
	"os"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

func (k *Keeper) status() *StatusRow {
	c := k.mind.Counts()
	row := &StatusRow{
		MTA: k.conf.Identity.MTA, Domain: k.conf.Identity.Domain.String(), Running: true, PID: os.Getpid(),
		Since: time.Unix(0, int64(k.started)).UTC(), ConfigVersion: k.conf.Version,
		Urgent: c.Messages[0], Normal: c.Messages[1], NonUrgent: c.Messages[2], Recipients: c.Recipients, Active: c.Jobs,
	}
	if k.SelfTest != nil {
		row.SelfTest = k.SelfTest()
	}
	if k.ConfigStatus != nil {
		from := k.ConfigStatus()
		row.Config = &from
	}
	return row
}

// moved tells which limits of a channel are not those of the configuration.
func (k *Keeper) moved(v *sched.ChannelView) string {
	c, ok := k.conf.Channel(v.Name)
	if !ok {
		return ""
	}
	var all []string
	for _, l := range [...]LimitRow{{Limit: "max-jobs", Configured: c.MaxJobs, Now: v.MaxJobs}, {Limit: "max-per-peer", Configured: c.MaxPerPeer, Now: v.MaxPerPeer}} {
		if m := l.Moved(); m != "" {
			all = append(all, m)
		}
	}
	return strings.Join(all, ", ")
}

func (k *Keeper) tree() []ChannelRow {
	var rows []ChannelRow
	all := k.mind.Counts().Jobs
	for _, c := range k.mind.Tree() {
		row := ChannelRow{Channel: c.Name, Enabled: !c.Disabled, Running: c.Process != 0, Failures: c.Failures, RestartAt: c.RestartAt,
			MaxJobs: c.MaxJobs, MaxPerPeer: c.MaxPerPeer, Moved: k.moved(&c), Jobs: c.Jobs[0] + c.Jobs[1] + c.Jobs[2], Associations: c.Associations, Peers: []PeerRow{},
			Reason: c.Reason, Overdue: c.Overdue, OpenAt: c.OpenAt, SwitchJobs: all, SwitchMaxJobs: k.conf.Schedule.MaxJobs}
		if known, ok := k.conf.Channel(c.Name); ok {
			row.limits(known)
		}
		row.Minimize, row.MinimizeUntil = minimized(c.HeldBack), c.HeldUntil
		for _, p := range c.Peers {
			pr := PeerRow{Peer: p.Name, Enabled: !p.Disabled, Urgent: p.Queued[0], Normal: p.Queued[1], NonUrgent: p.Queued[2],
				Held: p.Held, Active: p.InProgress, Associations: len(p.Associations), Opening: p.Opening, Failures: p.Failures, DelayUntil: p.DelayUntil, Reason: p.Reason}
			pr.Calls, pr.Late, pr.HostFull = p.Passive, p.Late, p.HostFull
			pr.Minimize, pr.MinimizeUntil = minimized(p.HeldBack), p.HeldUntil
			if p.Waits != "" {
				pr.Reason = strings.TrimSuffix(p.Waits+"; "+p.Reason, "; ")
			}
			pr.NextCall = p.NextCall
			if pr.Shut = p.Shut[1]; pr.Shut {
				pr.WindowOpens = p.WindowAt
			} else {
				pr.WindowEnds = p.WindowAt
			}
			if !p.Oldest.IsZero() {
				pr.Oldest = max(1, int64(k.now.Sub(p.Oldest)/time.Second))
			}
			pr.State = pr.state()
			row.Peers = append(row.Peers, pr)
		}
		row.State = row.state()
		rows = append(rows, row)
	}
	return rows
}

func (r *ChannelRow) state() string {
	switch {
	case !r.Enabled:
		return "disabled"
	case r.Running:
		return "running"
	case r.Failures > 0:
		return "failing"
	}
	return "stopped"
}

func (r *PeerRow) state() string {
	switch {
	case !r.Enabled:
		return "disabled"
	case r.Shut:
		return "shut"
	case r.Calls && r.Associations == 0:
		return "waiting"
	case r.Failures > 0:
		return "delayed"
	case r.Associations > 0 || r.Active > 0:
		return "up"
	}
	return "idle"
}

// rows appends the recipients of a message that are not final.
func (k *Keeper) rows(rows []Row, ref spool.Ref) ([]Row, error) {
	v, waits := k.mind.View(ref.ID)
	b, known := k.briefs.of[ref.ID]
	base := Row{ID: string(ref.ID), Kind: string(v.Kind), Accepted: v.Accepted, Size: v.Size}
	var env *spool.Envelope
	if !waits || !known {
		k.opened++
		m, err := k.spool.OpenMessage(ref)
		if err != nil {
			return nil, err
		}
		env = m.Envelope
		if err := m.Close(); err != nil {
			return nil, diag.E("message file", diag.IO, err)
		}
		b = newBrief(env)
		base.Kind, base.Accepted, base.Expires, base.Size = string(env.Kind), env.Accepted, env.Expires, env.Size
	}
	to := b.read(&base)
	rest := to
	base.Priority, base.Age = ref.Priority.String(), int64(k.now.Sub(base.Accepted)/time.Second)
	if !waits {
		base.State = StateReporting
		base.N, base.Recipient = env.Recipients[0].N, env.Recipients[0].Address
		if d := k.debts[ref.ID]; d != nil && d.trouble != nil {
			base.Reason = d.trouble.Error()
		}
		return append(rows, base), nil
	}
	base.Expires, base.Late = v.Expires, v.Late
	for i := range v.Recipients {
		r := &v.Recipients[i]
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
		row.Attempts, row.Next, row.Reason, row.InDoubt = r.Attempts, r.Until, reason(r), r.Doubt
		var by string
		if row.Recipient, by = to.recipient(r.N, &rest); row.State == StateHeld {
			row.HeldBy = by
		}
		if row.State == StateDeferred && row.Reason == "" && !row.Next.After(row.Deferred) {
			row.Reason = "its delivery is deferred"
		}
		rows = append(rows, row)
	}
	return rows, nil
}

// reason tells why a recipient is still here. One that is being tried tells since when:
// what hangs is told from what is quick.
func reason(r *sched.RecipientView) string {
	if r.State != sched.InFlight && r.Wish == "" && !r.Doubt {
		return r.Text
	}
	var parts []string
	if r.State == sched.InFlight {
		parts = append(parts, "being tried since "+r.Since.UTC().Format(time.RFC3339))
	}
	switch r.Wish {
	case VerbHold:
		parts = append(parts, "then held")
	case VerbExpire:
		parts = append(parts, "then expired")
	case VerbReject:
		parts = append(parts, "then rejected")
	case VerbDelete:
		parts = append(parts, "then deleted")
	}
	if r.Doubt {
		parts = append(parts, inDoubt)
	}
	if r.Text != "" {
		parts = append(parts, r.Text)
	}
	return strings.Join(parts, "; ")
}

// inDoubt is what is said of a recipient that may have been reached.
const inDoubt = "sent, and not answered for"

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

// retryPeers clears the delay of the peers that recipients wait for; cleared notes which
// of those it has seen had one.
func (k *Keeper) retryPeers(rows []Row, cleared map[spool.Hop]bool) string {
	var names []string
	for _, r := range rows {
		hop := spool.Hop{Channel: r.Channel, Peer: r.Peer}
		if _, seen := cleared[hop]; seen || r.Channel == "" {
			continue
		}
		cleared[hop] = false
		for _, c := range k.mind.Tree() {
			for _, p := range c.Peers {
				if c.Name == r.Channel && p.Name == r.Peer && p.DelayUntil.After(k.now) {
					k.Step(k.now, sched.Retry{Channel: r.Channel, Peer: &r.Peer})
					cleared[hop] = true
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

// verbEvent is what a verb asks of the scheduler; rows are the recipients of the message.
func verbEvent(q Request, id spool.ID, rows []Row) sched.Event {
	switch q.Verb {
	case VerbHold:
		return sched.Hold{ID: id, Why: q.Reason}
	case VerbRelease:
		return sched.Release{ID: id}
	case VerbRetry:
		return sched.Retry{ID: id}
	case VerbExpire:
		return sched.Expire{ID: id}
	case VerbReject:
		var numbers []int // nil: all
		for i := range rows {
			if q.Held && rows[i].State == StateHeld {
				numbers = append(numbers, rows[i].N)
			}
		}
		return sched.Reject{ID: id, N: numbers, Reason: q.Failure.Reason, Diagnostic: q.Failure.Diagnostic, Text: q.Failure.Text}
	}
	return sched.Delete{ID: id}
}
