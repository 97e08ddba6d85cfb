package route

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/downgrade"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rtree"
)

// Hop is a next step of a recipient: a channel, and the peer it transfers to. Peer
// is empty for local delivery.
type Hop struct {
	Channel string `json:"channel"`
	Peer    string `json:"peer,omitempty"`
}

// Alternate is the recipient that another is redirected to, and why.
type Alternate struct {
	Address string                `json:"address"` // O/R address
	Reason  mts.RedirectionReason `json:"reason"`
}

// Failure is why a recipient goes nowhere, as a non-delivery report tells it
// (X.411 §8.3.1.2.1). Diagnostic is conf.NoDiagnostic if there is none. Text is of
// the PrintableString repertoire, for supplementary-information.
type Failure struct {
	Reason     int    `json:"reason"`
	Diagnostic int    `json:"diagnostic"`
	Text       string `json:"text,omitempty"`
	// Alternatives are O/R addresses that may have been meant (RFC 1801 §22.4): those of Advise.
	Alternatives []string `json:"alternatives,omitempty"`
}

// Decision is where a recipient goes. Either Fail is set, or Hops holds at least
// one hop, the first to be tried first; for a user of this MTA, User is set too.
type Decision struct {
	Hops []Hop      `json:"hops,omitempty"`
	User *conf.User `json:"-"`
	List *conf.List `json:"-"` // to be expanded here: Hops leads to the channel that does it
	// Alternate is who the recipient is redirected to: Hops leads there likewise.
	Alternate *Alternate `json:"alternate,omitempty"`
	Fail      *Failure   `json:"fail,omitempty"`
	Rule      string     `json:"rule,omitempty"` // what decided: "user …", "route …", "own domain …", "node …"
	// OnDemand says that it is not decided here: the nodes of a routing tree are to be looked
	// up, and Hops leads to the channel that does.
	OnDemand bool `json:"onDemand,omitempty"`
	// Unavailable is why they could not be; OnDemand is set then.
	Unavailable string `json:"unavailable,omitempty"`
	// Takes is what the address takes by the routing tree that leads to it (RFC 1801 §18.4); nil:
	// whatever it is.
	Takes *conf.Acceptance `json:"-"`
	// LookedUp says that nodes were looked up for it.
	LookedUp bool `json:"-"`
	// Sized says that it may be a redirection when the length of the content is known.
	Sized bool `json:"-"`
	// Unknown is, with Fail, the routing tree by which there is no such address.
	Unknown string `json:"-"`
}

// tabled is what the tables decide. Open says that it is no answer, and that other trees may
// have one, at nodes of at least floor components.
type tabled struct {
	Decision
	open  bool
	floor int
}

// The texts of failures that no configuration words: an address of this MTA that is
// nobody's, and one that no rule leads anywhere.
const (
	NoUser  = "no such user"
	NoRoute = "no route"
	// NoEntry: a node that has all its children does not have this one.
	NoEntry = "no such address"
	// NotIn1984: there are peers, but they know the addresses of 1984 only.
	NotIn1984 = "the address has attributes that the next MTA, of 1984, does not know"
)

// KindOf returns the kind of error it is for whoever gave the address: NoUser and
// NoRoute for these two, Permanent for what a configuration or a limit refuses.
func KindOf(text string) diag.Kind {
	switch text {
	case NoUser, NoEntry:
		return diag.NoUser
	case NoRoute:
		return diag.NoRoute
	}
	return diag.Permanent
}

// Refused is the error for whoever gave an address that goes nowhere, for the reason in
// text. Its hint is what was meant perhaps, or how to learn more.
func Refused(address, text string, alternatives []string) error {
	err := diag.E(address, KindOf(text), errors.New(text))
	if len(alternatives) > 0 {
		return diag.WithHint(err, "did you mean "+strings.Join(alternatives, ", or ")+"?")
	}
	switch text {
	case NoUser, NoRoute, NoEntry:
		err = diag.WithHint(err, "mtaroute explain '"+address+"' tells which rules were tried")
	}
	return err
}

func newFailure(reason, diagnostic int, text string) *Failure {
	return &Failure{Reason: reason, Diagnostic: diagnostic, Text: text}
}

func unrecognised(text string) *Failure {
	return newFailure(int(mts.UnableToTransfer), int(mts.UnrecognisedORName), text)
}

// Router is a compiled routing table. It does not change and may be used by
// several goroutines.
type Router struct {
	users map[string]*conf.User // by oraddr.Address.Key
	lists map[string]*conf.List // likewise

	expand    string            // the channel that expands lists and redirects
	alternate *Alternate        // of the domain
	rules     []rule            // the one with the longest match first
	notes     map[string]string // by peer: that it has no credentials, what it takes, if that is not everything, and when
	index     oraddr.Index

	local  string // MTA name
	domain oraddr.Domain
	peers  map[string]*conf.Peer
	apart  map[string]string // by peer: why there is no transport to it
	forest *rtree.Forest     // nil: there are tables only
	search *rtree.Searcher   // nil: nothing is suggested instead of bad addresses

	policies map[string][]policy // by peer
}

// rule is a route, ready to be used.
type rule struct {
	name    string
	comment string
	pattern oraddr.Pattern
	weight  int
	hops    []Hop
	old     []string // those of the hops that are peers of 1984
	skipped []string // peers that are not enabled, or apart
	fail    *Failure // nil if there are hops
	open    bool     // with fail: other trees may know
	floor   int      // then: below the domain that belongs to this MTA
}

// New compiles the routing table of a configuration that conf.Config.Validate
// accepts. The error has kind Config.
func New(cfg *conf.Config) (*Router, error) {
	r := &Router{users: make(map[string]*conf.User, len(cfg.Users))}
	for i := range cfg.Users {
		u := &cfg.Users[i]
		a, err := oraddr.Parse(u.Address)
		if err != nil {
			return nil, diag.E(fmt.Sprintf("route: user %q", u.Address), diag.Config, err)
		}
		r.users[a.Key()] = u
	}
	if err := r.addLists(cfg); err != nil {
		return nil, err
	}
	peers := make(map[string]*conf.Peer, len(cfg.Peers))
	r.peers, r.local, r.domain = peers, cfg.Identity.MTA, cfg.Identity.Domain
	r.notes, r.apart = map[string]string{}, map[string]string{}
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		peers[p.Name] = p
		if why := cfg.Apart(p); why != "" {
			r.apart[p.Name] = why
		}
		a, err := p.Acceptance()
		if err != nil {
			return nil, diag.E("route: peer "+p.Name, diag.Config, err)
		}
		var notes []string
		if p.Credentials == conf.CredentialsNone {
			notes = append(notes, "credentials "+p.Credentials)
		}
		for _, note := range []string{a.String(), p.Timetable()} {
			if note != "" {
				notes = append(notes, note)
			}
		}
		r.notes[p.Name] = strings.Join(notes, "; ")
	}
	for i := range cfg.Routes {
		rule, err := r.compile(&cfg.Routes[i])
		if err != nil {
			return nil, err
		}
		r.rules = append(r.rules, rule)
	}
	policies, err := newPolicies(cfg.Peers)
	if err != nil {
		return nil, err
	}
	r.policies = policies
	own, err := newRule("own domain ", cfg.Identity.Domain.String())
	if err != nil {
		return nil, err
	}
	own.local()
	r.rules = append(r.rules, own)

	slices.SortStableFunc(r.rules, func(a, b rule) int { return cmp.Compare(b.weight, a.weight) })
	for i := range r.rules {
		r.index.Add(r.rules[i].pattern)
	}
	if len(cfg.Identity.Trees) > 0 && !slices.Equal(cfg.Identity.Trees, []string{conf.Tables}) {
		if r.forest, err = rtree.New(cfg.Identity.Trees, cfg.Nodes); err != nil {
			return nil, err
		}
		if r.search, err = newSearcher(r.forest, cfg); err != nil {
			return nil, err
		}
	}
	return r, nil
}

func newRule(what, match string) (rule, error) {
	p, err := oraddr.ParsePattern(match)
	if err != nil {
		return rule{}, diag.E("route: "+what+match, diag.Config, err)
	}
	return rule{name: what + match, pattern: p, weight: p.Weight()}, nil
}

// local makes it a rule whose addresses belong to this MTA. Another tree may have them, at
// nodes of their domain or below: a default that is for everybody else is not for them.
func (r *rule) local() {
	r.fail, r.open = unrecognised(NoUser), true
	for _, key := range []string{"C", "ADMD", "PRMD"} {
		if !r.pattern.Gives(key) {
			break
		}
		r.floor++
	}
}

func (r *Router) compile(c *conf.Route) (rule, error) {
	to, err := newRule("route ", c.Match)
	if err != nil {
		return rule{}, err
	}
	to.comment = c.Comment
	switch {
	case c.Reject != "":
		to.fail = newFailure(c.Reason, c.Diagnostic, c.Reject)
	case c.Local:
		to.local()
	default:
		for _, name := range c.Peers {
			switch p, ok := r.peers[name]; {
			case !ok:
				return rule{}, diag.New("route: "+c.Match, diag.Config, fmt.Sprintf("there is no peer %q", name))
			case p.Enabled && r.apart[name] == "":
				to.hops = append(to.hops, Hop{p.Channel, p.Name})
				if p.Mode == conf.Mode1984 {
					to.old = append(to.old, p.Name)
				}
			default:
				to.skipped = append(to.skipped, p.Name)
			}
		}
		if len(to.hops) == 0 {
			to.fail, to.open = unrecognised(NoRoute), true
		}
	}
	return to, nil
}

// decision returns what a rule that matches a decides. The hops are the caller's to
// keep, not to change.
func (r *rule) decision(a oraddr.Address) tabled {
	d := tabled{Decision{Hops: r.hops[:len(r.hops):len(r.hops)], Fail: r.fail, Rule: r.name}, r.open, r.floor}
	if len(r.old) == 0 || downgrade.Writable(a) == nil {
		return d
	}
	d.Hops = slices.DeleteFunc(slices.Clone(d.Hops), func(h Hop) bool { return slices.Contains(r.old, h.Peer) })
	if len(d.Hops) == 0 {
		d.Hops, d.open = nil, true
		d.Fail = newFailure(int(mts.UnableToTransfer), int(mts.UnableToDowngrade), NotIn1984)
	}
	return d
}

// Route is Decide for an address alone.
func (r *Router) Route(a oraddr.Address) Decision { return r.Decide(Query{Address: a}) }

// table returns what the users, lists, routes and the own domain decide.
func (r *Router) table(a oraddr.Address) tabled {
	if d, ok := r.own(a); ok {
		return tabled{Decision: d}
	}
	var room [16]int
	if all := r.index.Match(&a, room[:0]); len(all) > 0 {
		return r.rules[slices.Min(all)].decision(a)
	}
	return nowhere
}

// nowhere is the decision of tables in which nothing matches.
var nowhere = tabled{Decision: Decision{Fail: unrecognised(NoRoute)}, open: true}

// own returns what is decided of an address that is a list's or a user's of this MTA.
// Making a key costs more than the rest of a decision; a mere relay is spared it.
func (r *Router) own(a oraddr.Address) (Decision, bool) {
	if len(r.users) == 0 && len(r.lists) == 0 {
		return Decision{}, false
	}
	key := a.Key()
	if l := r.lists[key]; l != nil {
		return r.expanded(l), true
	}
	if u := r.users[key]; u != nil {
		return r.delivered(u), true
	}
	return Decision{}, false
}

func (r *Router) delivered(u *conf.User) Decision {
	if u.Alternate != "" {
		return Decision{Hops: r.Expand(), Alternate: &Alternate{u.Alternate, mts.RecipientAssignedAlternateRecipient}, Rule: "user " + u.Address}
	}
	return Decision{Hops: []Hop{{Channel: u.Channel}}, User: u, Rule: "user " + u.Address}
}
