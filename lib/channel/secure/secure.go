// Package secure is the channel that does what policy requires before a message goes on: it takes
// a valid signature off a content, gives the message the label of another security policy, and
// signs. It has the keys for that and sends nothing: what it makes is a child that goes the ways
// its parent was judged for.
package secure

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/policy"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

const (
	// maxProcessed bounds the octets that one job makes; the others wait for enough.
	maxProcessed = 1 << 30
	enough       = time.Minute
	// maxTogether bounds the recipients who share a message: their outcomes are told at once.
	maxTogether = 64
)

// Channel is the body of a secure channel process.
type Channel struct {
	*channel.Unassociated[settings]
	now func() time.Time
}

// settings is a configuration as jobs need it.
type settings struct {
	door     *submit.Door
	identity conf.Identity
	limit    int64
	steps    *policy.Steps
}

// New makes the channel.
func New(h *channel.Host, cfg *conf.Config, now func() time.Time) (channel.Kind, error) {
	c := &Channel{now: now}
	c.Unassociated = channel.NewUnassociated(h, c.process)
	return c, c.Configure(cfg)
}

// Configure takes the steps of this channel, and reads their keys.
func (c *Channel) Configure(cfg *conf.Config) error {
	s := &settings{identity: cfg.Identity, limit: int64(cfg.Security.MaxSigned)}
	var err error
	if s.door, err = submit.NewDoor(cfg, c.Host, c.now, c.Host.Files.Open); err != nil {
		return err
	}
	if s.steps, err = policy.NewSteps(cfg, c.Host.Name, c.now(), c.Host.Files.Open); err != nil {
		return err
	}
	c.Use(cfg, s)
	return nil
}

// process does a job. Recipients for whom the same is required, and who may go the same ways, share
// a message.
func (c *Channel) process(s *settings, j channel.Job) []channel.Result {
	m, o, failed := c.Host.Original(&j)
	if m == nil {
		return failed
	}
	defer func() { _ = m.Close() }() // it was only read
	if m.Envelope.Size > s.limit {
		return j.All(channel.Never(mts.UnableToTransfer, mts.ContentTooLong,
			fmt.Sprintf("content of %d octets; what is longer than %d is not signed or converted", m.Envelope.Size, s.limit)))
	}
	content := make([]byte, m.Envelope.Size)
	if _, err := io.ReadFull(m.Content(), content); err != nil {
		return j.All(channel.Later(err))
	}
	did, processed := map[string]*done{}, int64(0)
	for _, g := range groups(m.Envelope, j.Recipients) {
		var r channel.Result
		switch {
		case g.of == nil:
			r = channel.Never(mts.UnableToTransfer, mts.InvalidArguments, fmt.Sprintf("no recipient %d", g.n[0]))
		case c.Ctx.Err() != nil:
			r = channel.Later(c.Ctx.Err())
		case processed > maxProcessed:
			r = channel.Result{Outcome: channel.OutcomeDeferred, Text: "it has been processed for many other recipients", Until: c.now().Add(enough)}
		default:
			step := g.of.Require
			if did[step] == nil {
				did[step] = new(done)
				did[step].made, did[step].no, did[step].err = s.steps.Do(step, m.Envelope, content, c.now())
			}
			r = c.child(s, m, o, did[step], g)
			processed += m.Envelope.Size
		}
		// At once: a child ends all of its recipients, or none.
		results := make([]channel.Result, len(g.n))
		for i, n := range g.n {
			results[i] = r
			results[i].N = n
		}
		c.Host.Results(j, results...)
	}
	return nil
}

// group are recipients who share a message.
type group struct {
	of *spool.Recipient // one of them; nil: there is none of that number
	n  []int
}

// groups parts the recipients of a job.
func groups(env *spool.Envelope, recipients []int) (all []*group) {
	numbered, open := env.Numbered(), map[string]*group{}
	for _, n := range slices.Sorted(slices.Values(recipients)) {
		at, ok := numbered[n]
		if !ok {
			all = append(all, &group{n: []int{n}})
			continue
		}
		r := &env.Recipients[at]
		key := fmt.Sprintf("%q", append([]spool.Hop{{Channel: r.Require}}, r.Then...))
		g := open[key]
		if g == nil || len(g.n) == maxTogether {
			g = &group{of: r}
			open[key], all = g, append(all, g)
		}
		g.n = append(g.n, n)
	}
	return all
}

// done is what a step has made of a message, or why it has not.
type done struct {
	made *policy.Made
	no   *policy.Refusal
	err  error
}

// child makes the message of a group, and returns the outcome of each of them.
func (c *Channel) child(s *settings, m *spool.Message, o *p1.Original, did *done, g *group) channel.Result {
	step, made := g.of.Require, did.made
	switch {
	case did.err != nil:
		return channel.Later(did.err)
	case did.no != nil:
		c.Host.Event(audit.Record{Time: c.now(), Event: audit.Refused, ID: string(m.Ref.ID), N: g.n, Text: "step " + step + ": " + did.no.Why, Who: audit.ByPolicy})
		return channel.Result{Outcome: channel.OutcomeFailed, Reason: did.no.Reason, Diagnostic: did.no.Diagnostic, Text: did.no.Text}
	}
	never := func(err error) channel.Result {
		return channel.Never(mts.UnableToTransfer, mts.InvalidArguments, err.Error())
	}
	places := make([]int, len(g.n))
	for i, n := range g.n {
		places[i] = n - 1
	}
	envelope, err := o.Processed(places, made.ContentType, made.Label, p1.Action{Domain: mts.NewGlobalDomainIdentifier(s.identity.Domain),
		MTA: mts.MTAName(s.identity.MTA), Arrived: m.Envelope.Accepted, Now: c.now(), Made: m.Envelope.Parent != ""})
	if err != nil {
		return never(err)
	}
	tx, err := s.door.Derive(spool.Source{Channel: c.Host.Name}, submit.Child{Parent: m.Ref.ID, Step: submit.StepSecure, Recipients: g.n,
		Priority: m.Envelope.Priority, Of: m.Envelope}, envelope)
	if err != nil {
		return never(err)
	}
	if tx.Discarded != "" {
		return never(errors.New(tx.Discarded))
	}
	tx.Envelope().Subject = m.Envelope.Subject
	env, err := c.Host.Make(c.Ctx, tx, func() error {
		_, err := tx.Write(made.Content)
		return err
	})
	if err != nil {
		return channel.Later(err)
	}
	return channel.Result{Outcome: channel.OutcomeMoved, Child: env.ID, Text: step + ": " + made.Text}
}
