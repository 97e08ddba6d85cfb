// Package expand is the channel that makes children of messages: it expands the
// distribution lists of this MTA, and redirects recipients to their alternates (X.411
// §14.3). It sends nothing: a child it has made goes the way of any message. Recipients whose
// way is in a routing tree that is not held come here too, and go on by what was looked up.
package expand

import (
	"errors"
	"io/fs"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// soon is when a job is tried again that met something passing: the remains of another
// process, or a configuration that is about to change.
const soon = time.Second

// maxLooking is how long one job may look for ways: while a directory is slow to tell those of the
// many recipients of a message, lists and redirections of others wait for its place. maxSearches is as in
// package submit.
const (
	maxLooking  = 10 * time.Second
	maxSearches = 100
)

// One message may name many recipients, and each child has all its content: what one job
// copies is bounded, and the other recipients wait for a while.
const (
	maxCopied = 1 << 30 // octets
	enough    = 5 * time.Minute
)

// piece is how many outcomes are told together. To write the envelopes of the children of
// a message to very many takes its time, and what is done is done.
const piece = 64

// Channel is the body of an expand channel process.
type Channel struct {
	*channel.Unassociated[settings]
	now  func() time.Time
	most int64 // octets that one job copies
}

// settings is a configuration as jobs need it.
type settings struct {
	door  *submit.Door
	judge *judge
}

// New makes the channel.
func New(h *channel.Host, cfg *conf.Config, now func() time.Time) (channel.Kind, error) {
	c := &Channel{now: now, most: maxCopied}
	c.Unassociated = channel.NewUnassociated(h, c.derive)
	return c, c.Configure(cfg)
}

// Configure takes the lists and alternates of a configuration.
func (c *Channel) Configure(cfg *conf.Config) error {
	s := new(settings)
	var err error
	if s.door, err = submit.NewDoor(cfg, c.Host, c.now, c.Host.Files.Open); err != nil {
		return err
	}
	if s.judge, err = newJudge(cfg, s.door, c.look); err != nil {
		return err
	}
	c.Use(cfg, s)
	return nil
}

// look has nodes looked up by whoever talks to the directory.
func (c *Channel) look(tree string, path []oraddr.RDN) ([]conf.Node, error) {
	return c.Host.Look(c.Ctx, tree, ldapconf.PathNames(path))
}

// derive does a job, recipient by recipient, and returns what it has not told yet.
func (c *Channel) derive(s *settings, j channel.Job) []channel.Result {
	m, e, failed := c.Host.Original(&j)
	if m == nil {
		return failed
	}
	defer func() { _ = m.Close() }() // it was only read
	results := make([]channel.Result, len(j.Recipients))
	past, err := c.past(j, m.Envelope)
	if err != nil {
		return j.All(channel.Later(err))
	}
	if m.Envelope.Facts == nil { // no rule asked for any when it came
		if err := s.door.Examine(m.Envelope, m.Content()); err != nil {
			return j.All(channel.Later(err))
		}
	}
	numbered := m.Envelope.Numbered()
	recipient := func(n int) *spool.Recipient {
		if i, ok := numbered[n]; ok {
			return &m.Envelope.Recipients[i]
		}
		return &spool.Recipient{N: n}
	}
	// Whoever goes elsewhere by policy is no list here.
	listed := func(n int) string {
		if r := recipient(n); r.Redirect == "" && !r.Copy && r.Fail == nil && !past.diverted[n] {
			return s.judge.listOf(r.Address)
		}
		return ""
	}
	copied, told, looking := int64(0), 0, time.Duration(0)
	var expanded map[string]bool // lists; nil: not known yet
	for i, n := range j.Recipients {
		r, list := &results[i], listed(n)
		if list != "" && expanded == nil {
			expanded, err = c.expanded(j.Ref, listed)
		}
		switch {
		case err != nil && list != "":
			*r = channel.Later(err)
		case e.Kind == p1.Message && expanded[list]:
			*r = onceOnly
		case c.Ctx.Err() != nil:
			*r = channel.Later(c.Ctx.Err())
		case copied >= c.most:
			*r = channel.Result{Outcome: channel.OutcomeDeferred, Text: "it has been copied for many other recipients", Until: c.now().Add(enough)}
		case looking > maxLooking:
			*r = channel.Result{Outcome: channel.OutcomeDeferred, Text: "the directory is slow, and others wait, too", Until: c.now().Add(soon)}
		default:
			began := c.now()
			to := recipient(n)
			of := &subject{env: m.Envelope, common: e, to: *to, n: n, address: to.Address, now: began, diverted: past.diverted[n], released: past.released[n], advise: i < maxSearches}
			d := s.judge.decide(of)
			looking += c.now().Sub(began)
			if d.denied != "" {
				c.Host.Event(audit.Record{Time: c.now(), Event: audit.Refused, ID: string(j.Ref.ID), N: []int{n}, Text: d.denied, Who: audit.ByPolicy})
			}
			if d.list != list { // a name that a routing tree has led to
				if expanded == nil {
					expanded, err = c.expanded(j.Ref, listed)
				}
				if list = d.list; err != nil {
					*r = channel.Later(err)
					break
				}
				if e.Kind == p1.Message && expanded[list] {
					*r = onceOnly
					break
				}
			}
			var octets int64
			*r, octets = c.one(s, m, of, d)
			copied += octets
			if list != "" {
				expanded[list] = r.Child != "" && r.Outcome == channel.OutcomeExpanded
			}
		}
		r.N = n
		if i+1-told == piece {
			c.Host.Results(j, results[told:i+1]...)
			told = i + 1
		}
	}
	return results[told:]
}

// past is what the log tells of the recipients of a message: who has failed and goes to an
// alternate, and the reasons for which somebody was held that an operator has released.
type past struct {
	diverted map[int]bool
	released map[int][]string
}

func (c *Channel) past(j channel.Job, env *spool.Envelope) (past, error) {
	p := past{map[int]bool{}, map[int][]string{}}
	held := map[int]string{}
	for i := range env.Recipients {
		if r := &env.Recipients[i]; r.Hold != "" {
			held[r.N] = r.Hold
		}
	}
	if j.Fresh && len(held) == 0 {
		return p, nil
	}
	log, _, err := c.Host.Spool.ReadLog(j.Ref)
	for _, r := range log {
		about := r.Recipients
		if len(about) == 0 { // all of them
			for i := range env.Recipients {
				about = append(about, env.Recipients[i].N)
			}
		}
		for _, n := range about {
			switch r.Kind {
			case spool.RecordDivert:
				p.diverted[n] = true
			case spool.RecordHold:
				held[n] = r.Text
			case spool.RecordRelease:
				p.released[n] = append(p.released[n], held[n])
			}
		}
	}
	return p, err
}

// onceOnly is the outcome of a list that a message names again.
var onceOnly = channel.Result{Outcome: channel.OutcomeExpanded, Text: "the message names this list more than once, and is expanded once"}

// expanded are the lists that earlier leases have expanded a message for: what they told
// is in its log, and the recipients they had are not in this one.
func (c *Channel) expanded(of spool.Ref, listed func(int) string) (map[string]bool, error) {
	log, _, err := c.Host.Spool.ReadLog(of)
	if err != nil {
		return nil, err
	}
	lists := map[string]bool{}
	for _, r := range log {
		if r.Kind != spool.RecordChild || r.Step != submit.StepExpand {
			continue
		}
		for _, n := range r.Recipients {
			lists[listed(n)] = true
		}
	}
	delete(lists, "")
	return lists, nil
}

// one does what was decided of a recipient, and makes its child if there is to be one. It tells
// how many octets that has.
func (c *Channel) one(s *settings, m *spool.Message, of *subject, d decision) (channel.Result, int64) {
	if d.step == "" {
		return d.result, 0
	}
	env, err := c.child(s, m, of.n, d)
	var no *unusable
	if errors.As(err, &no) && d.otherwise != nil && d.otherwise.step != "" {
		d = *d.otherwise
		env, err = c.child(s, m, of.n, d)
	}
	switch {
	case errors.As(err, &no) && of.common.Kind == p1.Report:
		return ends("report discarded: " + no.Error()).result, 0
	case errors.As(err, &no) && d.step == submit.StepRedirect:
		return fail(mts.InvalidArguments, no.Error()).result, 0
	case errors.As(err, &no):
		return fail(mts.DLExpansionFailure, no.Error()).result, 0
	case err != nil:
		return channel.Later(err), 0
	}
	d.result.Child = env.ID
	return d.result, env.Size + int64(len(env.Wire))
}

// unusable is why a child cannot be: it would be beyond the limits of an envelope, or
// nobody can be found for a report.
type unusable struct{ err error }

func (u *unusable) Error() string { return u.err.Error() }

// child makes the child that was decided on, or finds it made.
func (c *Channel) child(s *settings, m *spool.Message, n int, d decision) (*spool.Envelope, error) {
	of := submit.Child{Parent: m.Ref.ID, Step: d.step, Recipients: []int{n}, Priority: m.Envelope.Priority, Of: m.Envelope}
	if d.priority != nil {
		of.Priority = submit.PriorityOf(*d.priority)
	}
	tx, err := s.door.Derive(spool.Source{Channel: c.Host.Name}, of, d.envelope)
	if err != nil {
		return nil, &unusable{err}
	}
	if tx.Discarded != "" {
		return nil, &unusable{errors.New(tx.Discarded)}
	}
	tx.Envelope().Subject = m.Envelope.Subject
	if d.also != "" {
		tx.Also(d.also)
	}
	if env, err := c.elsewhere(tx.Envelope()); env != nil || err != nil {
		return env, err
	}
	return c.Host.Make(c.Ctx, tx, func() error { return tx.CopyContent(m) })
}

// elsewhere finds a child that an earlier lease has made when the policy of the list gave it
// another priority; nil if there is none.
func (c *Channel) elsewhere(want *spool.Envelope) (*spool.Envelope, error) {
	if want.Step != submit.StepExpand {
		return nil, nil
	}
	for _, p := range spool.Priorities() {
		if p == want.Priority {
			continue
		}
		if env, err := c.Host.Existing(c.Ctx, want, p); !errors.Is(err, fs.ErrNotExist) {
			return env, err
		}
	}
	return nil, nil
}
