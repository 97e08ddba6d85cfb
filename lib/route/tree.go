package route

import (
	"hash/fnv"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/downgrade"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rtree"
)

// Query is an address that a way is asked for, and what is known of the message for it.
type Query struct {
	Address oraddr.Address
	// Chance decides between MTAs of one weight. It is the same for all recipients of a
	// message, so that those that may share a way do (RFC 1801 §13.2).
	Chance  uint64
	Message *Message // nil: no message is known
	// Originator is the MTS originator; the zero Address is unknown. What a peer will route
	// from whom does not concern reports (RFC 1801 §21.1).
	Originator oraddr.Address
	Report     bool
	// Look gives the nodes of routing trees that are not held (rtree.Query); nil: whoever asks
	// has no time for that.
	Look Look
	// Takes tells whether a peer takes the message, and if not, why; nil: nobody knows.
	Takes func(peer string) (bool, string)

	plain bool // nobody is redirected, and no peer is a way

	to, from prefix // if there are policies
}

// Look looks up nodes of a routing tree that is not held: see rtree.Query.
type Look = func(tree string, path []oraddr.RDN) ([]conf.Node, error)

// Message is what the filters of redirections look at, and what prevents a redirection.
type Message struct {
	ContentType  mts.ContentType
	EITs         []asn1.OID
	Size         int64 // of the content; Unsized while it is not known
	NoReassigned bool  // recipient-reassignment-prohibited
	Alternate    bool  // alternate-recipient-allowed
}

// Unsized is the Size of a content that has not come to its end.
const Unsized = -1

// Chance is the chance of a message, by its MTS identifier: two MTAs that have the same
// choice choose alike.
func Chance(mtsID string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(mtsID)) // a hash takes everything
	return h.Sum64()
}

// Decide returns where a recipient goes: the routing trees are asked in their order, the
// tables being one of them (mta.toml(5), ROUTING).
func (r *Router) Decide(q Query) Decision {
	if !r.Particular() {
		return r.table(q.Address).Decision
	}
	return r.decide(q, nil)
}

// Particular tells whether anything but the address of a Query counts.
func (r *Router) Particular() bool { return r.forest != nil || len(r.policies) > 0 }

// decide tells what it looks at to e, unless that is nil.
func (r *Router) decide(q Query, e *Explanation) Decision {
	if len(r.policies) > 0 && !q.Report {
		q.to, q.from = pathOf(q.Address), pathOf(q.Originator)
	}
	table := func() tabled {
		if e != nil {
			return r.explain(&q, e)
		}
		return r.permitted(r.table(q.Address), &q)
	}
	if r.forest == nil {
		return table().Decision
	}
	var t tabled
	sized, old := false, false
	find := rtree.Query{Address: q.Address, Local: r.local, Chance: q.Chance,
		Tables: func() (bool, int) {
			t = table()
			return !t.open, t.floor
		},
		Usable: func(mta string) (bool, string) {
			ok, why := r.usable(mta, &q)
			old = old || why == NotIn1984
			return ok, why
		},
		Redirect: func(redirect *conf.Redirect) (bool, string) {
			if q.plain {
				return false, ""
			}
			ok, why := q.Message.redirects(redirect)
			sized = sized || why == whyUnsized
			return ok, why
		}}
	if e != nil {
		find.Step = e.nodeStep
	}
	looked := false
	if q.Look != nil {
		find.Look = func(tree string, path []oraddr.RDN) ([]conf.Node, error) {
			looked = true
			return q.Look(tree, path)
		}
	}
	a := r.forest.Find(&find)
	d := Decision{Sized: sized, LookedUp: looked, Rule: "node " + a.Where.String()}
	switch a.Kind {
	case rtree.OnDemand:
		d.Hops, d.OnDemand, d.Rule = r.Expand(), true, "tree "+a.Where.Tree
	case rtree.Unavailable:
		d.Hops, d.OnDemand, d.Rule, d.Unavailable = r.Expand(), true, "", a.Err.Error()
	case rtree.ByTables:
		t.Sized, t.LookedUp = sized, looked
		return t.Decision
	case rtree.Transfer:
		d.Takes = a.Takes
		for _, name := range a.MTAs {
			d.Hops = append(d.Hops, Hop{r.peers[name].Channel, name})
		}
	case rtree.Deliver:
		if d = r.supported(d, a.Where.At); looked && d.User != nil {
			d = r.renamed(d, a.Where.At, q.Address)
		}
		d.Takes = a.Takes
	case rtree.Redirected:
		d.Hops, d.Alternate = r.Expand(), &Alternate{a.Redirect.To, a.Redirect.RedirectionReason()}
	case rtree.NonDelivery:
		d.Fail = newFailure(a.Node.Reason, a.Node.Diagnostic, a.Node.Reject)
	case rtree.Invalid:
		d.Fail, d.Unknown = unrecognised(NoEntry), a.Where.Tree
		if q.Address.Domain().Equal(r.domain) || t.Fail != nil && t.floor > 0 {
			d.Fail = unrecognised(NoUser)
		}
	case rtree.Stopped:
		d.Fail = unrecognised(NoRoute)
	case rtree.NoRoute:
		switch {
		case t.Fail != nil && t.Rule != "":
			d.Rule, d.Fail = t.Rule, t.Fail
			if t.Fail.Text == NoUser {
				d.Unknown = conf.Tables
			}
		case old:
			d.Rule, d.Fail = "", newFailure(int(mts.UnableToTransfer), int(mts.UnableToDowngrade), NotIn1984)
		default:
			d.Rule, d.Fail = "", unrecognised(NoRoute)
		}
	}
	return d
}

// UserOf returns the user of this MTA that an address is of, whatever redirections say; nil
// if it is nobody's here.
func (r *Router) UserOf(a oraddr.Address) *conf.User {
	if len(r.users) > 0 {
		if u := r.users[a.Key()]; u != nil {
			return u
		}
	}
	return r.Decide(Query{Address: a, plain: true}).User
}

// supported is the decision about the user agent at a node, which this MTA supports.
func (r *Router) supported(d Decision, at string) Decision {
	rule := d.Rule
	if a, err := oraddr.Parse(at); err == nil {
		if own, ok := r.own(a); ok {
			own.Sized, own.Rule = d.Sized, rule
			return own
		}
	}
	d.Fail = unrecognised(NoUser)
	return d
}

// renamed is the decision about a user of this MTA whom a node that was looked up leads to.
// Whoever delivers looks nothing up, and has to find the user by the address of the recipient.
func (r *Router) renamed(d Decision, at string, to oraddr.Address) Decision {
	if _, ok := r.own(to); ok {
		return d
	}
	return Decision{Hops: r.Expand(), Alternate: &Alternate{at, mts.Alias}, Rule: d.Rule, Sized: d.Sized, LookedUp: true}
}

// usable tells whether an address may be transferred to a peer, and what is remarkable.
func (r *Router) usable(mta string, q *Query) (bool, string) {
	p := r.peers[mta]
	switch {
	case p == nil:
		return false, "no peer"
	case !p.Enabled:
		return false, "not enabled"
	case r.apart[mta] != "":
		return false, r.apart[mta]
	case p.Mode == conf.Mode1984 && downgrade.Writable(q.Address) != nil:
		return false, NotIn1984
	}
	if why := r.unfit(mta, q); why != "" {
		return false, why
	}
	return true, r.notes[mta]
}

// The reasons why an element of redirect is left out.
const (
	whyUnsized   = "the length of the content is not known yet"
	whyNoMessage = "nothing is known of a message"
)

// redirects tells whether an element of redirect is for the message (RFC 1801 §22.1). A
// service control prevents what X.411 lets it prevent: a recipient's own alternate is
// prohibited, one of its domain must be allowed.
func (m *Message) redirects(r *conf.Redirect) (bool, string) {
	if m != nil {
		switch reason := r.RedirectionReason(); {
		case reason == mts.RecipientAssignedAlternateRecipient && m.NoReassigned:
			return false, "the originator prohibits reassignment"
		case reason == mts.RecipientMDAssignedAlternateRecipient && !m.Alternate:
			return false, "the originator does not allow an alternate recipient"
		}
	}
	switch filtered := r.MinSize > 0 || r.MaxSize > 0 || r.ContentType != "" || r.EIT != ""; {
	case !filtered:
		return true, r.Reason
	case m == nil:
		return false, whyNoMessage
	case r.ContentType != "":
		t, err := mts.ParseContentType(r.ContentType)
		return err == nil && t.Equal(m.ContentType), "content type " + m.ContentType.String()
	case r.EIT != "":
		o, err := mts.ParseEIT(r.EIT)
		return err == nil && slices.Contains(m.EITs, o), "encoded information type " + r.EIT
	case m.Size == Unsized:
		return false, whyUnsized
	case r.MinSize > 0:
		return m.Size > int64(r.MinSize), "content larger than " + r.MinSize.String()
	}
	return m.Size < int64(r.MaxSize), "content smaller than " + r.MaxSize.String()
}
