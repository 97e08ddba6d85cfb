// Package local is the channel that delivers to the users of this MTA: into a
// mailbox directory, or into a program. mtamailbox(5) says what they see.
package local

import (
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/spool"
)

// Channel is the body of a local channel process.
type Channel struct {
	*channel.Unassociated[settings]
	now       func() time.Time
	mailboxes mailboxes

	programTime, programEnd time.Duration
}

// settings is a configuration as deliveries need it.
type settings struct {
	identity conf.Identity
	users    map[string]*conf.User // by oraddr.Address.Key
	router   *route.Router
	channel  string // this one
}

// user is the user of an address, be it another name of theirs, or nil.
func (s *settings) user(a oraddr.Address) *conf.User {
	if u := s.users[a.Key()]; u != nil {
		return u
	}
	if s.router == nil {
		return nil
	}
	u := s.router.UserOf(a)
	if u == nil || u.Channel != s.channel {
		return nil
	}
	return u
}

// New makes the channel.
func New(h *channel.Host, cfg *conf.Config, now func() time.Time) (channel.Kind, error) {
	c := &Channel{now: now, programTime: programTime, programEnd: programEnd}
	c.Unassociated = channel.NewUnassociated(h, c.deliver)
	return c, c.Configure(cfg)
}

// Configure takes the users of this channel.
func (c *Channel) Configure(cfg *conf.Config) error {
	s := &settings{identity: cfg.Identity, users: map[string]*conf.User{}, channel: c.Host.Name}
	for i := range cfg.Users {
		u := &cfg.Users[i]
		if u.Channel != c.Host.Name {
			continue
		}
		a, err := oraddr.Parse(u.Address)
		if err != nil {
			return diag.E("user "+u.Address, diag.Config, err)
		}
		s.users[a.Key()] = u
	}
	if len(cfg.Nodes) > 0 { // else nobody has another name
		var err error
		if s.router, err = route.New(cfg); err != nil {
			return err
		}
	}
	c.Use(cfg, s)
	return nil
}

// deliver delivers one message to some of its recipients.
func (c *Channel) deliver(s *settings, j channel.Job) []channel.Result {
	all := func(r channel.Result) []channel.Result {
		var rs []channel.Result
		for _, n := range j.Recipients {
			r.N = n
			rs = append(rs, r)
		}
		return rs
	}
	m, err := c.Host.Spool.OpenWhole(j.Ref)
	if err != nil {
		return all(channel.Later(err))
	}
	defer func() { _ = m.Close() }() // it was only read
	e, err := readEnvelope(m.Envelope, s.identity)
	if err != nil {
		return all(channel.Never(mts.UnableToTransfer, mts.ProtocolViolation, err.Error()))
	}
	told := &outcomes{tell: func(rs []channel.Result) { c.Host.Results(j, rs...) }}
	for _, n := range j.Recipients {
		r := channel.Later(errStopped)
		if c.Ctx.Err() == nil {
			r = c.one(s, m, e, n)
		}
		r.N = n
		told.add(r)
	}
	return told.rest()
}

// tellAfter is how long an outcome may wait for others to be told with: what was told is
// not done again should this process end, and what is told together is one report.
const tellAfter = time.Second

// outcomes are those of one job, told in pieces.
type outcomes struct {
	tell func([]channel.Result)

	mu      sync.Mutex
	pending []channel.Result
}

func (o *outcomes) add(r channel.Result) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.pending = append(o.pending, r); len(o.pending) == 1 {
		time.AfterFunc(tellAfter, func() {
			o.mu.Lock() // until it is told: whoever asks for the rest may end the process
			defer o.mu.Unlock()
			if len(o.pending) > 0 {
				o.tell(o.pending)
				o.pending = nil
			}
		})
	}
}

// rest takes what is not told.
func (o *outcomes) rest() []channel.Result {
	o.mu.Lock()
	defer o.mu.Unlock()
	rs := o.pending
	o.pending = nil
	return rs
}

// one delivers to one recipient.
func (c *Channel) one(s *settings, m *spool.Message, e *envelope, n int) channel.Result {
	now := c.now().UTC().Truncate(time.Second)
	to := e.recipient(n)
	if to == nil {
		return channel.Never(mts.UnableToTransfer, mts.InvalidArguments, fmt.Sprintf("no recipient %d", n))
	}
	a, err := oraddr.Parse(to.Address)
	if err != nil {
		return channel.Never(mts.UnableToTransfer, mts.UnrecognisedORName, err.Error())
	}
	u := s.user(a)
	switch unsupported := e.critical(n); {
	case u == nil:
		return channel.Never(mts.UnableToTransfer, mts.UnrecognisedORName, "no such user")
	case len(unsupported) > 0:
		return channel.Never(mts.UnableToTransfer, mts.UnsupportedCriticalFunction, fmt.Sprintf("%v is critical for delivery and not supported", unsupported[0]))
	case e.Kind == p1.Probe:
		return done(now, "a message would have been delivered")
	}
	c.audited(e)
	if e.unwanted() {
		return done(now, "the originator did not ask for this report")
	}
	d, err := e.delivery(n, now)
	switch {
	case err != nil:
		return channel.Never(mts.UnableToTransfer, mts.ProtocolViolation, err.Error())
	case u.Mailbox != "":
		return c.intoMailbox(u.Mailbox, m, d, now)
	}
	return c.intoProgram(u.Program, m, d, now)
}

// audited puts what a report says into the event log if this MTA has asked for it on its
// own account.
func (c *Channel) audited(e *envelope) {
	if e.Report == nil {
		return
	}
	returned := e.spool.Size
	if returned == 0 {
		returned = p1.NoContent
	}
	if r, ok := report.AuditEvent(e.Report, returned); ok {
		r.Time, r.ID = c.now(), string(e.spool.ID)
		c.Host.Event(r)
	}
}

func done(now time.Time, text string) channel.Result {
	return channel.Result{Outcome: channel.OutcomeDelivered, Time: now, Text: text}
}

var errStopped = errors.New("the channel was stopped")
