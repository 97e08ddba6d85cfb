// Package submit is the only way into the spool. Inbound channels, mtasubmit, and
// reports made here all pass the same door: the envelope is checked, every
// recipient gets its route or its reason for non-delivery, and the message is
// committed as one transaction. No check can be skipped, because there is no other
// way.
//
// A transaction is Begin (Submit, Message, Probe or Report of a Door), Write for the
// content, then Commit or Abort. Commit returns nil only when the message is
// durable; after an error nothing was accepted.
package submit

import (
	"context"
	"errors"
	"io/fs"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/policy"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/spool"
)

// internalPasses is how often a message may come through this MTA without a
// reason in its trace before it counts as looping inside the domain. More than
// one is tolerated because not every MTA writes down why it sent a message back.
const internalPasses = 5

// Committer makes messages durable: the harness of a channel process, which asks
// the scheduler's process for a barrier; the keeper, which runs it; or Alone.
type Committer interface {
	// Create makes the file of a message; an existing one is fs.ErrExist.
	Create(ref spool.Ref) (*spool.Writer, error)
	// Commit returns nil once the finished file is durable. It closes w. After an error
	// the file is gone, unless nobody has answered whether it is durable.
	Commit(ctx context.Context, w *spool.Writer, env *spool.Envelope) error
}

// Door is the way into one spool under one configuration. It is immutable and may
// be used by several goroutines.
type Door struct {
	conf   *conf.Config
	router *route.Router
	spool  Committer
	now    func() time.Time
	domain mts.GlobalDomainIdentifier
	mta    mts.MTAName

	restrictions *restrictions
	policy       *policy.Policy
	examining    *sync.Mutex // one long content after the other
}

// NewDoor makes the door of a valid configuration, the files of whose [security] are opened.
func NewDoor(cfg *conf.Config, c Committer, now func() time.Time, open conf.Opener) (*Door, error) {
	r, err := route.New(cfg)
	if err != nil {
		return nil, err
	}
	restrictions, err := newRestrictions(cfg)
	if err != nil {
		return nil, err
	}
	rules, err := policy.New(cfg, open)
	if err != nil {
		return nil, err
	}
	return &Door{conf: cfg, router: r, spool: c, now: now, restrictions: restrictions, policy: rules, examining: new(sync.Mutex),
		domain: mts.NewGlobalDomainIdentifier(cfg.Identity.Domain), mta: mts.MTAName(cfg.Identity.MTA)}, nil
}

// Child says of which message, by which step and for which of its recipients a
// new one is made; its identifier derives from the three. Made twice, it must have
// the same priority, or it is two.
type Child struct {
	Parent     spool.ID
	Step       string
	Recipients []int
	Priority   spool.Priority
	// Of is the envelope of the parent: policy judges its children as what came from where it
	// came from. Nil if policy has no say in them.
	Of *spool.Envelope
}

// Tx is a message on its way in.
type Tx struct {
	// Discarded is why nothing is stored though nothing is wrong with the way it
	// came: a report that loops or that nobody can be found for. Write and Commit
	// succeed, and the event log should say it.
	Discarded string

	door   *Door
	env    spool.Envelope
	w      *spool.Writer
	size   int64
	over   bool // the content is longer than the limit
	places int  // recipients of the X.411 envelope of a message or probe, whoever is responsible for them

	users map[int]*conf.User       // recipients that are users of this MTA, by number
	takes map[int]*conf.Acceptance // what recipients take by the routing trees, by number

	noConversion bool // implicit-conversion-prohibited
	searched     int  // bad addresses that others have been looked for

	asks     *route.Query           // what is known of the message when a way is asked for
	refusals []refusal              // of recipients who are no users of this MTA, if they became ones
	sized    map[int]oraddr.Address // recipients who may be redirected for the length of the content, by number

	then      []spool.Hop // of a child that a step has made: the ways its parent was judged for
	concluded bool        // what becomes of the recipients is settled
}

// refusal is why a recipient would not be delivered to here.
type refusal struct {
	n    int
	fail *spool.Failure
}

// Envelope returns the envelope as it stands; the size is that of the content
// written so far.
func (t *Tx) Envelope() *spool.Envelope { return &t.env }

// Refused returns the first recipient that goes nowhere as an error of kind NoUser,
// NoRoute or Permanent, or nil. Whoever can still say no to the originator asks this
// before Commit; the others, and what only the length of the content tells, are left to
// a non-delivery report.
func (t *Tx) Refused() error {
	s := t.subject()
	s.length = 0 // of a message it is not known yet, and a probe hears the same
	for i := range t.env.Recipients {
		r := &t.env.Recipients[i]
		_, sized := t.sized[r.N]
		if _, fail := t.restrict(r, s); fail != nil && r.Alternate == "" && !sized {
			return route.Refused(r.Address, fail.Text, fail.Alternatives)
		}
	}
	return nil
}

// Write stores content octets. Of a content beyond the size limit nothing is kept, so
// that no part of it can be taken for it and returned: the message is accepted to be
// reported as too long, because a peer that has begun a transfer cannot be told
// otherwise (X.411 §14.3); a report goes on without the content it returns.
func (t *Tx) Write(p []byte) (int, error) {
	t.size += int64(len(p))
	if t.Discarded != "" {
		return len(p), nil
	}
	if !t.over && t.size > int64(t.door.conf.Limits.MessageSize) {
		t.over = true
		if err := t.Abort(); err != nil {
			return 0, err
		}
		t.w = nil
	}
	if t.over {
		return len(p), nil
	}
	if err := t.open(); err != nil {
		return 0, err
	}
	return t.w.Write(p)
}

func (t *Tx) open() error {
	if t.w != nil {
		return nil
	}
	w, err := t.door.spool.Create(spool.Ref{ID: t.env.ID, Priority: t.env.Priority})
	if err != nil {
		if errors.Is(err, fs.ErrExist) && t.env.Parent == "" {
			return diag.E("submit", diag.Temporary, err) // 35 random bits met twice in a nanosecond
		}
		return err
	}
	t.w = w
	return nil
}

// Denied settles what becomes of the recipients, now that the content is written, and returns
// an error of kind Denied for the first that policy refuses, nil if it refuses none. Whoever
// can still say no to the originator asks this before Commit; the others leave it to a
// non-delivery report.
func (t *Tx) Denied() error {
	if err := t.conclude(); err != nil {
		return err
	}
	for i := range t.env.Recipients {
		if r := &t.env.Recipients[i]; r.Rule != "" && r.Fail != nil && r.Alternate == "" {
			return diag.E(r.Address, diag.Denied, errors.New(r.Fail.Text))
		}
	}
	return nil
}

// conclude settles what becomes of every recipient when the content is known, once.
func (t *Tx) conclude() error {
	if t.concluded || t.Discarded != "" {
		return nil
	}
	if err := t.open(); err != nil {
		return err
	}
	s := t.subject()
	for i := range t.env.Recipients {
		r := &t.env.Recipients[i]
		t.settle(r, s)
		if t.over {
			r.Alternate = "" // who would be given a message without its content
		}
	}
	t.planned()
	err := t.decide()
	t.concluded = err == nil
	return err
}

// Commit makes the message durable and returns its envelope; nil for a discarded
// one. After an error nothing was accepted here, and the originator or the peer is not to
// hear that it was. The file is gone then, or, where a Committer had no answer, is left to
// whoever holds the spool next, who may find it a message.
func (t *Tx) Commit(ctx context.Context) (*spool.Envelope, error) {
	if t.Discarded != "" {
		return nil, nil
	}
	if err := t.open(); err != nil {
		return nil, err
	}
	err := t.conclude()
	if err == nil {
		err = t.w.Finish(&t.env)
	}
	if err != nil {
		return nil, errors.Join(err, t.w.Abort())
	}
	if err := t.door.spool.Commit(ctx, t.w, &t.env); err != nil {
		return nil, err
	}
	return &t.env, nil
}

// Abort gives the message up; nothing stays behind.
func (t *Tx) Abort() error {
	if t.w == nil {
		return nil
	}
	return t.w.Abort()
}

// begin fills in what every kind has in common.
func (d *Door) begin(kind spool.Kind, src spool.Source, wire ber.Raw, child *Child) *Tx {
	now := d.now()
	t := &Tx{door: d, users: map[int]*conf.User{}, env: spool.Envelope{
		Format: spool.Format, ID: spool.NewID(now), Kind: kind, Priority: spool.Normal,
		Accepted: now.UTC().Truncate(time.Millisecond), Source: src, Wire: wire,
	}}
	if child != nil {
		t.env.ID = spool.ChildID(child.Parent, child.Step, child.Recipients)
		t.env.Parent, t.env.Step, t.env.ParentRecipients = child.Parent, child.Step, child.Recipients
		t.env.Priority = child.Priority
	}
	return t
}
