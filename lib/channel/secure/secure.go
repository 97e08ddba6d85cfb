// Package secure is the channel that does what policy requires before a message goes on: it takes
// a valid signature off a content, gives the message the label of another security policy, and
// signs. It has the keys for that and sends nothing: what it makes is a child that goes the ways
// its parent was judged for.
package secure

import (
	"fmt"
	"io"
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

// enough bounds what one job processes: each recipient has a message of its own, and the others
// wait for a while.
const (
	maxProcessed = 1 << 30 // octets
	enough       = time.Minute
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

// process does a job, recipient by recipient.
func (c *Channel) process(s *settings, j channel.Job) []channel.Result {
	results := make([]channel.Result, len(j.Recipients))
	all := func(r channel.Result) []channel.Result {
		for i := range results {
			results[i] = r
			results[i].N = j.Recipients[i]
		}
		return results
	}
	m, err := c.Host.Spool.OpenMessage(j.Ref)
	if err != nil {
		return all(later(err))
	}
	defer func() { _ = m.Close() }() // it was only read
	o, err := p1.ReadOriginal(m.Envelope.Wire, p1.Limits{})
	if err != nil {
		return all(failed(mts.ProtocolViolation, err))
	}
	if m.Envelope.Size > s.limit {
		return all(failed(mts.ContentTooLong, fmt.Errorf("content of %d octets; what is longer than %d is not signed or converted", m.Envelope.Size, s.limit)))
	}
	content := make([]byte, m.Envelope.Size)
	if _, err := io.ReadFull(m.Content(), content); err != nil {
		return all(later(err))
	}
	numbered, processed := m.Envelope.Numbered(), int64(0)
	for i, n := range j.Recipients {
		at, ok := numbered[n]
		switch {
		case !ok:
			results[i] = failed(mts.InvalidArguments, fmt.Errorf("no recipient %d", n))
		case c.Ctx.Err() != nil:
			results[i] = later(c.Ctx.Err())
		case processed > maxProcessed:
			results[i] = channel.Result{Outcome: channel.OutcomeDeferred, Text: "it has been processed for many other recipients", Until: c.now().Add(enough)}
		default:
			results[i] = c.one(s, m, o, content, &m.Envelope.Recipients[at])
			processed += m.Envelope.Size
		}
		results[i].N = n
	}
	return results
}

// one does what is required for one recipient.
func (c *Channel) one(s *settings, m *spool.Message, o *p1.Original, content []byte, r *spool.Recipient) channel.Result {
	made, fail, err := s.steps.Do(r.Require, m.Envelope, content, c.now())
	switch {
	case err != nil:
		return later(err)
	case fail != nil:
		c.Host.Event(audit.Record{Time: c.now(), Event: audit.Refused, ID: string(m.Ref.ID), N: []int{r.N}, Text: "step " + r.Require + ": " + fail.Why, Who: audit.ByPolicy})
		return channel.Result{Outcome: channel.OutcomeFailed, Reason: fail.Reason, Diagnostic: fail.Diagnostic, Text: fail.Text}
	}
	envelope, err := o.Processed(r.N-1, made.ContentType, made.Label, p1.Action{Domain: mts.NewGlobalDomainIdentifier(s.identity.Domain),
		MTA: mts.MTAName(s.identity.MTA), Arrived: m.Envelope.Accepted, Now: c.now(), Made: m.Envelope.Parent != ""})
	if err != nil {
		return failed(mts.InvalidArguments, err)
	}
	tx, err := s.door.Derive(spool.Source{Channel: c.Host.Name}, submit.Child{Parent: m.Ref.ID, Step: submit.StepSecure, Recipients: []int{r.N},
		Priority: m.Envelope.Priority, Of: m.Envelope}, envelope)
	if err != nil {
		return failed(mts.InvalidArguments, err)
	}
	if tx.Discarded != "" {
		return failed(mts.InvalidArguments, fmt.Errorf("%s", tx.Discarded))
	}
	tx.Envelope().Subject = m.Envelope.Subject
	env, err := c.Host.Make(c.Ctx, tx, func() error {
		_, err := tx.Write(made.Content)
		return err
	})
	if err != nil {
		return later(err)
	}
	return channel.Result{Outcome: channel.OutcomeMoved, Child: env.ID, Text: r.Require + ": " + made.Text}
}

// later is the outcome of what went wrong here and may go right another time.
func later(err error) channel.Result {
	return channel.Result{Outcome: channel.OutcomeDeferred, Text: err.Error()}
}

func failed(d mts.DiagnosticCode, err error) channel.Result {
	return channel.Result{Outcome: channel.OutcomeFailed, Reason: int(mts.UnableToTransfer), Diagnostic: int(d), Text: err.Error()}
}
