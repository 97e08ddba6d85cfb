package queue

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
)

// What bounds a portion of an answer: messages that come and go meanwhile must not wait
// for all of a long queue.
const (
	inquiryPortion = 32  // messages, if something is done to them, or files opened
	listPortion    = 128 // recipients, or messages, if they are told of only
)

// Inquiry is a request of a tool while it is being answered, in portions: Look until
// there is no more, each time with AppendLines after it, then Finish. Look and Finish are
// called in the keeper's goroutine, and other things may happen between two portions; the
// rest is done in that of who asks, and holds nobody up.
type Inquiry struct {
	k         *Keeper
	q         Request
	m         *matcher
	arrivals  []sched.Arrival // of all messages, if all are asked for, before they are refs
	refs      []spool.Ref     // still to be looked at
	rows      []Row           // of the present portion of a list, before the filter
	answers   []Answer        // of the present portion, beside those
	changed   bool
	unwritten error                 // of what was changed, and not written
	putOff    bool                  // what was changed is written after the next barrier
	peers     map[spool.Hop]bool    // those looked at by a retry, and whether they were delayed
	windows   map[spool.Hop][3]bool // whether those are shut, or held back, by priority; nil: not looked yet
}

// maxCode is ub-reason-codes and ub-diagnostic-codes of X.411.
const maxCode = 32767

// Inquire takes a request: it finds out which messages it is about.
func (k *Keeper) Inquire(now time.Time, q Request) *Inquiry {
	k.now = now
	i := &Inquiry{k: k, q: q, peers: map[spool.Hop]bool{}}
	var err error
	if i.m, err = newMatcher(q.Filter); err != nil {
		i.trouble(err)
		return i
	}
	if err := k.exists(q.Filter); err != nil {
		i.trouble(err)
		return i
	}
	if f := q.Failure; q.Verb == VerbReject && (f == nil || f.Reason < 0 || f.Reason > maxCode || f.Diagnostic < spool.NoDiagnostic || f.Diagnostic > maxCode) {
		i.trouble(diag.New("request", diag.Usage, "to reject wants a reason and a diagnostic of X.411, or no diagnostic"))
		return i
	}
	switch q.Verb {
	case VerbStatus:
		i.emit(Answer{Status: k.status()})
	case VerbConfig:
		i.emit(Answer{Config: k.conf.Redacted()})
	case VerbTree:
		for _, c := range k.tree() {
			i.emit(Answer{Channel: &c})
		}
	case VerbList, VerbShow:
		i.pick(q.All || q.Verb == VerbList && len(q.IDs) == 0)
	case VerbHold, VerbRelease, VerbRetry, VerbExpire, VerbReject, VerbDelete, VerbCancel:
		if k.failed != nil {
			i.trouble(k.failed)
			break
		}
		i.pick(q.All)
	case VerbMinimize, VerbDisable, VerbEnable, VerbDelay, VerbConnect, VerbDisconnect:
		err := k.failed
		if err == nil {
			err = i.order()
		}
		if err != nil {
			i.trouble(err)
		}
	default:
		i.trouble(diag.E("request", diag.Usage, fmt.Errorf("unknown verb %q", q.Verb)))
	}
	return i
}

// exists says no to a filter by a channel or peer that is neither configured nor has
// anything: its empty answer would hide the mistake.
func (k *Keeper) exists(f Filter) error {
	var channels, peers []string
	for _, c := range k.mind.Tree() {
		channels = append(channels, c.Name)
		for _, p := range c.Peers {
			if p.Name != "" && !slices.Contains(peers, p.Name) {
				peers = append(peers, p.Name)
			}
		}
	}
	for _, asked := range []struct {
		what, name string
		known      []string
	}{{"channel", f.Channel, channels}, {"peer", f.Peer, peers}} {
		if asked.name == "" || slices.Contains(asked.known, asked.name) {
			continue
		}
		err := diag.E(asked.name, diag.NoInput, fmt.Errorf("there is no such %s, in the configuration or in the queue", asked.what))
		if len(asked.known) == 0 {
			return err
		}
		return diag.WithHint(err, "there is "+strings.Join(asked.known, ", "))
	}
	return nil
}

func (i *Inquiry) emit(a Answer) { i.answers = append(i.answers, a) }

func (i *Inquiry) trouble(err error) { i.emit(Answer{Error: trouble(err)}) }

// pick finds the messages the request names, or all there are, by arrival. Messages are named by
// unambiguous beginnings; those that are not are trouble. One that is named twice counts once.
func (i *Inquiry) pick(all bool) {
	k := i.k
	if all {
		i.arrivals = k.mind.Arrivals()
		for id, d := range k.debts {
			if !k.mind.Has(id) {
				i.arrivals = append(i.arrivals, sched.Arrival{Ref: d.ref, Accepted: d.accepted})
			}
		}
		return
	}
	var ids []spool.ID // of all messages, once a beginning is met
	picked := map[spool.ID]bool{}
	for _, prefix := range i.q.IDs {
		ref, ok := k.ref(spool.ID(prefix))
		if !ok {
			if ids == nil {
				ids = k.identifiers()
			}
			var err error
			if ref, err = k.named(ids, prefix); err != nil {
				i.trouble(err)
				continue
			}
		}
		if !picked[ref.ID] {
			picked[ref.ID] = true
			i.refs = append(i.refs, ref)
		}
	}
}

// ref is where the message of an identifier lies.
func (k *Keeper) ref(id spool.ID) (spool.Ref, bool) {
	if v, ok := k.mind.View(id); ok {
		return v.Ref, true
	}
	if d := k.debts[id]; d != nil {
		return d.ref, true
	}
	return spool.Ref{}, false
}

// identifiers are those of all messages here, sorted.
func (k *Keeper) identifiers() []spool.ID {
	ids := []spool.ID{}
	for _, ref := range k.mind.Refs() {
		ids = append(ids, ref.ID)
	}
	for id := range k.debts {
		ids = append(ids, id)
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}

func (k *Keeper) named(ids []spool.ID, prefix string) (spool.Ref, error) {
	i, _ := slices.BinarySearch(ids, spool.ID(prefix))
	if prefix == "" || i == len(ids) || !strings.HasPrefix(string(ids[i]), prefix) {
		if prefix != "" && k.waitsForTheDisk(prefix) {
			return spool.Ref{}, diag.WithHint(diag.E(prefix, diag.IO, errors.New("in the spool, and cannot be read now")),
				"mtactl check says why; mtarun tries it again, and serves it when it can be read")
		}
		if bad := k.spool.InBad(prefix); bad != "" {
			return spool.Ref{}, diag.WithHint(diag.E(prefix, diag.NoInput, errors.New("no longer in the queue: put aside as "+bad)),
				"mtactl check says why; nobody has been told: mtasubmit --resubmit "+bad+" sends it again if it can be read")
		}
		return spool.Ref{}, diag.WithHint(diag.E(prefix, diag.NoInput, errors.New("no such message in the queue")),
			"mtactl track tells what became of a message")
	}
	if i+1 < len(ids) && strings.HasPrefix(string(ids[i+1]), prefix) {
		return spool.Ref{}, diag.E(prefix, diag.NoInput, fmt.Errorf("%s and %s begin so", ids[i], ids[i+1]))
	}
	ref, _ := k.ref(ids[i])
	return ref, nil
}

// waitsForTheDisk tells whether a message with an identifier that begins so is in the
// spool and has not been given by the disk so far.
func (k *Keeper) waitsForTheDisk(prefix string) bool {
	for id := range k.unread {
		if strings.HasPrefix(string(id), prefix) {
			return true
		}
	}
	for id := range k.refused {
		if strings.HasPrefix(string(id), prefix) {
			return true
		}
	}
	return false
}

// sort puts the messages in order, if all are asked for.
func (i *Inquiry) sort() {
	if i.arrivals == nil {
		return
	}
	// Not by identifier: that of a child sorts with its parent's.
	slices.SortFunc(i.arrivals, func(a, b sched.Arrival) int {
		if by := a.Accepted.Compare(b.Accepted); by != 0 {
			return by
		}
		return cmp.Compare(a.Ref.ID, b.Ref.ID)
	})
	i.refs = make([]spool.Ref, len(i.arrivals))
	for n := range i.arrivals {
		i.refs[n] = i.arrivals[n].Ref
	}
	i.arrivals = nil
}

// Look finds the next portion of the answer, which may be empty, and says whether there is
// more.
func (i *Inquiry) Look(now time.Time) (more bool) {
	if len(i.arrivals) > listPortion {
		return true // to put so many in order takes long, and is left to AppendLines
	}
	i.sort()
	k := i.k
	k.now = now
	k.who, k.why, k.unwritten, k.putOff = i.q.Who, i.q.Reason, nil, false
	defer func() { k.who, k.why = "", "" }()
	most := inquiryPortion
	if i.q.Verb == VerbList {
		most = listPortion
	}
	until := k.opened + inquiryPortion
	for ; most > 0 && len(i.refs) > 0 && len(i.rows) < listPortion && k.opened < until; most-- {
		ref := i.refs[0]
		i.refs = i.refs[1:]
		if i.q.Verb == VerbList {
			i.list(ref)
			continue
		}
		rows, err := k.rows(nil, ref)
		switch {
		case errors.Is(err, fs.ErrNotExist): // done meanwhile
		case err != nil:
			i.trouble(err)
		case len(rows) == 0:
		case i.m.passes(rows):
			i.message(ref, rows)
		case !i.q.All && (i.q.Acts() || i.q.DryRun):
			i.emit(Answer{Act: &ActRow{ID: string(ref.ID), Verb: i.q.Verb, Note: "not let through by the filters"}})
		}
	}
	if i.unwritten == nil {
		i.unwritten = k.unwritten
	}
	i.putOff = i.putOff || k.putOff
	return len(i.refs) > 0
}

// message answers for one message.
func (i *Inquiry) message(ref spool.Ref, rows []Row) {
	switch i.q.Verb {
	case VerbShow:
		i.k.show(ref, rows, i.emit)
	case VerbCancel:
		if err := i.k.tooLate(ref, rows); err == nil {
			i.emit(Answer{Act: i.act(ref, rows)})
		} else if !i.q.All {
			i.trouble(err)
		}
	default:
		err := cannot(i.q.Verb, ref, rows)
		switch {
		case err == nil:
			i.emit(Answer{Act: i.act(ref, rows)})
		case i.q.All:
			i.emit(Answer{Act: &ActRow{ID: string(ref.ID), Verb: i.q.Verb, Note: err.Error()}})
		default:
			i.trouble(diag.E(string(ref.ID), diag.Permanent, err))
		}
	}
}

// cannot tells why a verb cannot be done to a message, nil if it can.
func cannot(verb string, ref spool.Ref, rows []Row) error {
	switch {
	case rows[0].State == StateReporting:
		return diag.WithHint(diag.New("", diag.Permanent, "every recipient is final already"), "mtactl track "+string(ref.ID)+" tells what became of them")
	case verb == VerbRetry && !slices.ContainsFunc(rows, func(r Row) bool { return r.State != StateHeld }):
		return diag.WithHint(diag.New("", diag.Permanent, "held: release it first"), "mtaqueue release "+string(ref.ID))
	case (verb == VerbExpire || verb == VerbReject) && !slices.ContainsFunc(rows, func(r Row) bool { return !r.InDoubt || r.State == StateActive }):
		return diag.WithHint(diag.New("", diag.Permanent, inDoubt+": it may have arrived, and its originator is not told that it has not"),
			"mtaqueue retry sends it again now; mtaqueue delete removes it without a report")
	}
	return nil
}

// already tells why a verb changes nothing of a message, "" if it does.
func (i *Inquiry) already(rows []Row) string {
	some := func(f func(Row) bool) bool { return slices.ContainsFunc(rows, f) }
	switch i.q.Verb {
	case VerbHold:
		if !some(func(r Row) bool { return r.State != StateHeld }) {
			return withReason("held already", rows[0].Reason)
		}
	case VerbRelease:
		if !some(func(r Row) bool { return r.State == StateHeld || r.Wish == VerbHold }) {
			return "not held"
		}
	case VerbReject:
		if i.q.Held && !some(func(r Row) bool { return r.State == StateHeld }) {
			return "not held"
		}
	case VerbRetry:
		waits := func(r Row) bool { return r.State == StateDeferred && r.Next.After(r.Deferred) && !i.shut(r) }
		active := func(r Row) bool { return r.State == StateActive }
		deferred := func(r Row) bool { return r.State == StateDeferred }
		cleared := func(r Row) bool { return i.peers[spool.Hop{Channel: r.Channel, Peer: r.Peer}] }
		switch {
		case some(waits), some(cleared):
		case some(active):
			return "being tried already"
		case some(i.shut):
			return i.window(rows)
		case some(deferred):
			return "its delivery is deferred until " + rows[0].Deferred.UTC().Format(time.RFC3339) + ", which stays in force"
		default:
			r := rows[slices.IndexFunc(rows, func(r Row) bool { return r.State == StateQueued })]
			note := "queued already"
			if i.k.Quiet {
				note += ", and mtarun does not run"
			}
			return withReason(note, r.Reason)
		}
	}
	return ""
}

// shut tells whether a recipient waits for the window of its peer, or is held back.
func (i *Inquiry) shut(r Row) bool {
	if i.windows == nil {
		i.windows = map[spool.Hop][3]bool{}
		for _, c := range i.k.mind.Tree() {
			for _, p := range c.Peers {
				shut := p.Shut
				for q := range shut {
					shut[q] = shut[q] || p.HeldBack[q]
				}
				i.windows[spool.Hop{Channel: c.Name, Peer: p.Name}] = shut
			}
		}
	}
	shut := i.windows[spool.Hop{Channel: r.Channel, Peer: r.Peer}]
	for n, p := range spool.Priorities() {
		if p.String() == r.Priority {
			return r.State == StateDeferred && shut[n]
		}
	}
	return false
}

// window tells of a window that recipients wait for in spite of a retry, "" if there is
// none.
func (i *Inquiry) window(rows []Row) string {
	n := slices.IndexFunc(rows, i.shut)
	if n < 0 {
		return ""
	}
	if strings.HasPrefix(rows[n].Reason, sched.HeldBack) {
		return rows[n].Reason + "; which stays in force"
	}
	return "the window of " + rows[n].Peer + " is shut until " + rows[n].Next.UTC().Format(time.RFC3339) + ", which stays in force"
}

func withReason(text, reason string) string {
	if reason == "" {
		return text
	}
	return text + ": " + reason
}

// act does a verb to one message.
func (i *Inquiry) act(ref spool.Ref, rows []Row) *ActRow {
	k, verb := i.k, i.q.Verb
	a := &ActRow{ID: string(ref.ID), Verb: verb}
	a.Waits = verb != VerbRetry && verb != VerbRelease && !i.q.Held && slices.ContainsFunc(rows, func(r Row) bool { return r.State == StateActive })
	a.Note = i.already(rows)
	// A retry may still clear what no row shows, such as a pause after a refused association.
	if i.q.DryRun || a.Note != "" && verb != VerbRetry {
		return a
	}
	i.changed = true
	if verb == VerbRetry {
		if note := k.retryPeers(rows, i.peers); note != "" {
			a.Note = note
			if window := i.window(rows); window != "" {
				a.Note += "; " + window
			}
			k.Event(k.now, audit.Record{Event: audit.Retried, ID: string(ref.ID), Text: note, Who: k.who})
		}
	}
	if a.Waits && verb != VerbHold { // which the log of the message has at once
		i.ordered(ref, rows)
	}
	k.cancels = verb == VerbCancel
	k.Step(k.now, verbEvent(i.q, ref.ID, rows))
	k.cancels = false
	if (verb == VerbExpire || verb == VerbReject) && a.Note == "" {
		a.Note = remain(slices.DeleteFunc(slices.Clone(rows), func(r Row) bool { return i.q.Held && r.State != StateHeld }))
	}
	return a
}

// ordered has the event log tell what an operator wants of recipients whose transfer is in progress:
// what comes of it is known later, and not whose doing it was, or never after a restart.
func (i *Inquiry) ordered(ref spool.Ref, rows []Row) {
	r := audit.Record{Event: audit.Ordered, ID: string(ref.ID), Text: i.q.Verb, Who: i.k.who}
	switch f := i.q.Failure; {
	case f != nil:
		r.Reason, r.Text = &f.Reason, i.q.Verb+": "+f.Text
		if f.Diagnostic != spool.NoDiagnostic {
			r.Diagnostic = &f.Diagnostic
		}
	case i.q.Reason != "":
		r.Text += ": " + i.q.Reason
	}
	for _, row := range rows {
		if row.State == StateActive {
			r.N = append(r.N, row.N)
		}
	}
	i.k.Event(i.k.now, r)
}

// remain tells which recipients an operator cannot give up, "" if he can give up all.
func remain(rows []Row) string {
	var numbers []string
	for _, r := range rows {
		if r.InDoubt && r.State != StateActive {
			numbers = append(numbers, strconv.Itoa(r.N))
		}
	}
	if numbers == nil {
		return ""
	}
	return "not recipient " + strings.Join(numbers, ", ") + ": " + inDoubt
}

// tooLate tells why the deferred delivery of a message cannot be cancelled (X.411
// §8.2.1.3), nil if it can: it was submitted here, its time has not come, and nothing
// has been tried.
func (k *Keeper) tooLate(ref spool.Ref, rows []Row) error {
	refuse := func(text string) error {
		return diag.WithHint(diag.New(string(ref.ID), diag.Permanent, "deferred-delivery-cancellation-rejected: "+text),
			"mtaqueue delete removes a message, whatever became of it, without a report")
	}
	m, err := k.spool.OpenMessage(ref)
	if err != nil {
		return err
	}
	peer := m.Envelope.Source.Peer
	if err := m.Close(); err != nil {
		return diag.E("message file", diag.IO, err)
	}
	tried := func(r Row) bool { return r.State != StateHeld && r.State != StateDeferred || r.Attempts > 0 }
	switch deferred := rows[0].Deferred; {
	case deferred.IsZero():
		return refuse("its delivery is not deferred")
	case peer != "":
		return refuse("it came from " + peer + "; where it was submitted it may be cancelled")
	case !deferred.After(k.now), slices.ContainsFunc(rows, tried):
		return refuse("too late: its time was " + deferred.UTC().Format(time.RFC3339))
	}
	return nil
}

// Finish calls done with the end of the answer: for a verb that has changed something,
// when that is durable.
func (i *Inquiry) Finish(done func([]Answer)) {
	if !i.changed {
		done(nil)
		return
	}
	var answers []Answer
	if i.unwritten != nil {
		answers = append(answers, Answer{Error: trouble(diag.E("done, but not written down yet", diag.IO, i.unwritten))})
	}
	finish := func(err error) {
		if err != nil {
			answers = append(answers, Answer{Error: trouble(diag.E("not durable", diag.IO, err))})
		}
		done(answers)
	}
	if i.k.failed != nil {
		finish(i.k.failed)
		return
	}
	if !i.putOff {
		i.k.wait(finish)
		return
	}
	i.k.wait(func(err error) {
		if err != nil {
			finish(err)
			return
		}
		i.k.wait(finish)
	})
}
