package submit

import (
	"cmp"
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/downgrade"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/spool"
)

// restrictions is what users and peers do not take. Who takes everything is in
// neither map.
type restrictions struct {
	size  int64 // limits.message-size
	peers map[string]*conf.Acceptance
	users map[*conf.User]*conf.Acceptance
	old   map[string]bool // peers of 1984
}

func newRestrictions(cfg *conf.Config) (*restrictions, error) {
	r := &restrictions{size: int64(cfg.Limits.MessageSize), peers: map[string]*conf.Acceptance{}, users: map[*conf.User]*conf.Acceptance{}, old: map[string]bool{}}
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		a, err := p.Acceptance()
		if err != nil {
			return nil, diag.E("peer "+p.Name, diag.Config, err)
		}
		if !a.IsZero() {
			r.peers[p.Name] = &a
		}
		r.old[p.Name] = p.Mode == conf.Mode1984
	}
	for i := range cfg.Users {
		u := &cfg.Users[i]
		a, err := u.Acceptance()
		if err != nil {
			return nil, diag.E("user "+u.Address, diag.Config, err)
		}
		if !a.IsZero() {
			r.users[u] = &a
		}
	}
	return r, nil
}

// subject is what restrictions look at: in a message, or in the message that a probe
// asks about.
type subject struct {
	contentType  mts.ContentType
	eits         []asn1.OID // by now; none if the message does not say
	noConversion bool       // implicit-conversion-prohibited
	length       int64
	critical     []spool.Critical // extensions of the message, and of a recipient
}

// with is the subject for one recipient.
func (s *subject) with(critical spool.Critical) *subject {
	if critical.IsZero() {
		return s
	}
	one := *s
	one.critical = append(slices.Clip(s.critical), critical)
	return &one
}

func subjectOf(env *spool.Envelope) *subject {
	s := &subject{length: env.Size}
	if !env.Critical.IsZero() {
		s.critical = []spool.Critical{env.Critical}
	}
	if env.Kind == spool.KindProbe {
		s.length = env.ProbeSize
	}
	// What a type is called is how it is written; one that is not written is none of
	// those that anybody takes.
	s.contentType, _ = mts.ParseContentType(env.ContentType)
	for _, o := range env.EITs {
		s.eits = append(s.eits, asn1.OID(o))
	}
	return s
}

// everything is the acceptance of who restricts nothing.
var everything conf.Acceptance

// judge tells why somebody does not take the subject (X.411 §8.4.1.1.1, §14.3.4), nil
// if it does. The type comes first and the length last, because that is how far an
// originator is from being able to do something about it.
func (r *restrictions) judge(s *subject, a *conf.Acceptance, steps ...mts.Stage) *spool.Failure {
	if a == nil {
		a = &everything
	}
	if len(a.ContentTypes) > 0 && !slices.ContainsFunc(a.ContentTypes, s.contentType.Equal) {
		return failure(mts.UnableToTransfer, mts.ContentTypeNotSupported, "content type "+s.contentType.String()+" is not taken")
	}
	if len(a.EITs) > 0 {
		for _, o := range s.eits {
			switch {
			case slices.Contains(a.EITs, o):
			case s.noConversion:
				return failure(mts.ConversionNotPerformed, mts.ImplicitConversionProhibited,
					"encoded information type "+mts.EITName(o)+" is not taken, and the originator prohibits its conversion")
			default:
				return failure(mts.UnableToTransfer, mts.EncodedInformationTypesUnsupported, "encoded information type "+mts.EITName(o)+" is not taken")
			}
		}
	}
	if fail := unsupported(s, a, steps); fail != nil {
		return fail
	}
	most := r.size
	if a.MaxSize > 0 {
		most = min(most, a.MaxSize)
	}
	if s.length > most {
		return failure(mts.UnableToTransfer, mts.ContentTooLong, fmt.Sprintf("content of %d octets; the limit is %d", s.length, most))
	}
	return nil
}

// unsupported tells of an extension that is critical for one of the steps, and that somebody
// does not support (RFC 1801 §18.3).
func unsupported(s *subject, a *conf.Acceptance, steps []mts.Stage) *spool.Failure {
	if len(a.Extensions) == 0 {
		return nil
	}
	for _, c := range s.critical {
		for _, step := range steps {
			names := c.Transfer
			if step == mts.ForDelivery {
				names = c.Delivery
			}
			for _, x := range names {
				if !slices.Contains(a.Extensions, conf.MTSExtension(x)) {
					return failure(mts.UnableToTransfer, mts.UnsupportedCriticalFunction, "extension "+x+" is critical and not taken")
				}
			}
		}
	}
	return nil
}

// criticalOf tells which extensions are critical.
func criticalOf(extensions []mts.ExtensionField) spool.Critical {
	return spool.Critical{Transfer: mts.Critical(extensions, mts.ForTransfer), Delivery: mts.Critical(extensions, mts.ForDelivery)}
}

// takes tells of each peer whether it takes the subject.
func (r *restrictions) takes(s *subject) func(peer string) (bool, string) {
	return func(peer string) (bool, string) {
		if fail := r.peer(s, peer); fail != nil {
			return false, fail.Text
		}
		return true, ""
	}
}

// peer is why a peer does not take the subject.
func (r *restrictions) peer(s *subject, name string) *spool.Failure {
	fail := r.judge(s, r.peers[name], mts.ForTransfer, mts.ForDelivery)
	if fail == nil && r.old[name] {
		if err := downgrade.Carries(s.contentType); err != nil {
			fail = failure(mts.UnableToTransfer, mts.UnableToDowngrade, err.Error())
		}
	}
	return fail
}

// restrict returns those of the ways of a recipient that take the subject, or, if
// there is none, why the first does not. user is the recipient if it is one of this
// MTA.
//
// takes is what the address takes, whatever its ways are; nil if nothing says.
func (r *restrictions) restrict(s *subject, ways []spool.Hop, user *conf.User, takes *conf.Acceptance) ([]spool.Hop, *spool.Failure) {
	if takes != nil {
		if fail := r.judge(s, takes); fail != nil {
			return nil, fail
		}
	}
	if user != nil {
		if fail := r.judge(s, r.users[user], mts.ForDelivery); fail != nil {
			return nil, fail
		}
		return ways, nil
	}
	var first *spool.Failure
	var left []spool.Hop
	for i, h := range ways {
		fail := r.peer(s, h.Peer)
		switch {
		case fail == nil && first != nil:
			left = append(left, h)
		case fail != nil && first == nil:
			first, left = fail, slices.Clone(ways[:i])
		}
	}
	switch {
	case first == nil:
		return ways, nil
	case len(left) == 0:
		return nil, first
	}
	return left, nil
}

// unanswered is why a user of this MTA is not delivered to in the way the originator asks
// for, nil if it is. What goes on to a peer is for others, who may convert it or have
// other ways of delivery.
func unanswered(env *spool.Envelope, f *mts.PerRecipientMessageTransferFields) *spool.Failure {
	if c := f.ExplicitConversion; c != nil && c.Outstanding(subjectOf(env).eits) {
		// X.411 §8.2.1.1.1: the recipient is not to have it otherwise.
		return failure(mts.ConversionNotPerformed, mts.ConversionImpractical, "explicit conversion "+c.String()+" is not done here")
	}
	at := mts.Find(f.Extensions, mts.ExtRequestedDeliveryMethod.Type())
	if at < 0 || f.Extensions[at].Criticality.For(mts.ForDelivery) {
		return nil // delivery answers for what is critical to it
	}
	methods, _, err := mts.Ext(f.Extensions, mts.ExtRequestedDeliveryMethod)
	if err != nil || len(methods) == 0 || slices.ContainsFunc(methods, mts.DeliveryMethod.ByMHS) {
		return nil
	}
	reason := mts.UnableToTransfer
	if slices.Contains(methods, mts.PhysicalDelivery) {
		reason = mts.PhysicalDeliveryNotPerformed
	}
	return failure(reason, spool.NoDiagnostic, "delivery is by MHS only, not by "+methods[0].String())
}

// subject is what the content is known to be by now.
func (t *Tx) subject() *subject {
	s := subjectOf(&t.env)
	s.noConversion = t.noConversion
	if t.env.Kind == spool.KindMessage {
		s.length = t.size
	}
	return s
}

// restrict decides what only the content tells, or the description of it.
func (t *Tx) restrict(r *spool.Recipient, s *subject) ([]spool.Hop, *spool.Failure) {
	if t.env.Kind == spool.KindReport || r.Fail != nil {
		return r.Hops, r.Fail
	}
	return t.door.restrictions.restrict(s.with(r.Critical), r.Hops, t.users[r.N], t.takes[r.N])
}

// settle decides the way of a recipient when the content is known: a redirection may depend
// on its length, and where a peer does not take it the routing trees may know another.
func (t *Tx) settle(r *spool.Recipient, s *subject) {
	if a, sized := t.sized[r.N]; sized {
		if d := t.door.router.Decide(t.query(r, a, s.length)); d.Alternate != nil {
			t.way(r, d)
		}
	}
	hops, fail := t.restrict(r, s)
	if fail != nil && r.Fail == nil && t.users[r.N] == nil && !t.over && t.door.router.Particular() {
		if a, err := oraddr.Parse(r.Address); err == nil {
			if d := t.door.router.Decide(t.query(r, a, s.length)); d.Fail == nil {
				t.way(r, d)
				if other, again := t.restrict(r, s); again == nil {
					hops, fail = other, t.refusal(r.N)
				}
			}
		}
	}
	r.Hops, r.Fail = hops, fail
}

// refusal is why a recipient who is a user of this MTA after all is not delivered to as the
// originator asks.
func (t *Tx) refusal(n int) *spool.Failure {
	i := slices.IndexFunc(t.refusals, func(r refusal) bool { return r.n == n })
	if i < 0 || t.users[n] == nil {
		return nil
	}
	return t.refusals[i].fail
}

// Asked is whose way is asked for of a message that is in the spool.
type Asked struct {
	Envelope *spool.Envelope
	To       *spool.Recipient
	Released []string // the reasons for which it was held, and is no more
	Address  oraddr.Address
	Fields   *mts.PerRecipientMessageTransferFields // what the message says of it; nil in a report
	Look     route.Look
	Advise   bool // others like an address that there is not may be looked for
}

// Decide returns the way of a recipient of a message that is in the spool. Nodes of routing
// trees that are not held are had from Look. Where the recipient was not judged for its ways, they
// are those that take the message and that it may take, and if there are none it fails.
func (d *Door) Decide(q Asked) Decision {
	out := Decision{Decision: d.decideWay(q.Envelope, q.Address, q.Fields, q.Look, q.Advise)}
	d.judgeFound(&out, &q)
	return out
}

func (d *Door) decideWay(env *spool.Envelope, a oraddr.Address, f *mts.PerRecipientMessageTransferFields, look route.Look, advise bool) route.Decision {
	if !d.router.Particular() {
		return d.router.Route(a)
	}
	s := subjectOf(env).with(criticals(env)(a.String()))
	q := d.asks(queryOf(env), a, s)
	q.Look = look
	decision := d.router.Decide(q)
	if !decision.LookedUp || env.Kind == spool.KindReport {
		return decision
	}
	if decision.Fail != nil && q.Takes != nil {
		q.Takes = nil // if nobody takes it the originator is to hear why
		if other := d.router.Decide(q); other.Fail == nil {
			decision = other
		}
	}
	switch {
	case decision.Fail != nil && advise && (f == nil || mts.Find(f.Extensions, mts.ExtOriginatorRequestedAlternateRecipient.Type()) < 0):
		q.Look = nil // what would have to be looked up has a way
		return d.router.Advised(q, decision)
	case decision.Fail != nil || decision.OnDemand || decision.List != nil || decision.Alternate != nil:
		return decision
	}
	ways, fail := d.restrictions.restrict(s, hops(decision), decision.User, decision.Takes)
	if decision.User != nil && f != nil {
		fail = cmp.Or(fail, unanswered(env, f))
	}
	decision.Hops = decision.Hops[:0:0]
	if fail != nil {
		decision.Fail = &route.Failure{Reason: fail.Reason, Diagnostic: fail.Diagnostic, Text: fail.Text}
		return decision
	}
	decision.Hops = routeHops(ways)
	return decision
}

func routeHops(of []spool.Hop) []route.Hop {
	all := make([]route.Hop, len(of))
	for i, h := range of {
		all[i] = route.Hop{Channel: h.Channel, Peer: h.Peer}
	}
	return all
}

// asks asks for the way of an address for a message that is in the spool.
func (d *Door) asks(q route.Query, a oraddr.Address, s *subject) route.Query {
	q.Address = a
	if !q.Report {
		q.Takes = d.restrictions.takes(s)
	}
	return q
}

// criticals returns a function that tells the critical extensions of the recipient of an address.
func criticals(env *spool.Envelope) func(address string) spool.Critical {
	var of map[string]spool.Critical
	for i := range env.Recipients {
		r := &env.Recipients[i]
		if r.Critical.IsZero() {
			continue
		}
		if of == nil {
			of = map[string]spool.Critical{}
		}
		all := of[r.Address]
		of[r.Address] = spool.Critical{Transfer: slices.Concat(all.Transfer, r.Critical.Transfer), Delivery: slices.Concat(all.Delivery, r.Critical.Delivery)}
	}
	return func(address string) spool.Critical { return of[address] }
}

// Ways returns a function that tells the way of a recipient of a message that is in the
// queue already: nil if there is none, or none that takes the message or that it may take.
func (d *Door) Ways(env *spool.Envelope) func(r *spool.Recipient) []spool.Hop {
	route, permitted := d.routes(env), d.permitted(env)
	return func(r *spool.Recipient) []spool.Hop {
		if r.Redirect != "" || r.Copy {
			return d.expand() // whatever the way of its address
		}
		if r.Require != "" {
			if step, ok := d.conf.Step(r.Require); ok {
				return []spool.Hop{{Channel: step.Channel}}
			}
			return nil
		}
		ways := permitted(r, route(r.Address))
		if len(ways) == 0 {
			return nil
		}
		return ways
	}
}

// routes is Ways for an address, whatever policy says.
func (d *Door) routes(env *spool.Envelope) func(address string) []spool.Hop {
	all, critical := subjectOf(env), criticals(env)
	var known route.Query
	if d.router.Particular() {
		known = queryOf(env)
	}
	return func(address string) []spool.Hop {
		a, err := oraddr.Parse(address)
		if err != nil {
			return nil
		}
		s := all.with(critical(address))
		q := route.Query{Address: a}
		if d.router.Particular() {
			q = d.asks(known, a, s)
		}
		decision := d.router.Decide(q)
		if decision.Fail != nil {
			return nil
		}
		ways := hops(decision)
		if env.Kind != spool.KindReport && decision.User == nil {
			ways, _ = d.restrictions.restrict(s, ways, nil, decision.Takes)
		}
		return ways
	}
}
