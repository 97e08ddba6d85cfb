package rtree

import (
	"cmp"
	"hash/fnv"
	"math/rand/v2"
	"slices"
	"sync"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Query is an address, and what decides between the ways it may take.
type Query struct {
	Address oraddr.Address
	Local   string // the MTA that asks
	// Chance decides between equals: two recipients of one message have the same, and so
	// share a way that both may take (RFC 1801 §13.2).
	Chance uint64
	// Tables tells whether the tree conf.Tables, which has no nodes, gives an answer, when its
	// turn has come; if it does not, nodes of less components than floor are asked no more.
	// Nil: it gives none.
	Tables func() (answers bool, floor int)
	// Usable tells whether a message may be transferred to an MTA, and if not, why. Nil: to
	// any.
	Usable func(mta string) (ok bool, why string)
	// Redirect tells whether an element of redirect is for the message, and if not, why.
	// Nil: those without a filter are.
	Redirect func(*conf.Redirect) (ok bool, why string)
	// Look gives what is in a tree whose nodes are not here: those on the way of a path, the
	// root of the tree first, as far as there are any, all with their names. Nil: such a tree
	// ends the walk.
	Look func(tree string, path []oraddr.RDN) ([]conf.Node, error)
	// Step hears of everything that is looked at, in order. Nil: nobody wants to know.
	Step func(Step)
}

// Step is something that was looked at on the way, and what was made of it.
type Step struct {
	Node  conf.NodeName
	What  string // "longest match", "mta-info MTA-B weight 5", …
	Taken bool
	Why   string
}

// Kind is what a Find comes to.
type Kind string

// The kinds of answers.
const (
	ByTables    Kind = "tables"       // Query.Tables gave it
	Transfer    Kind = "transfer"     // to MTAs, the first to be tried first
	Deliver     Kind = "deliver"      // to a user agent that the local MTA supports
	Redirected  Kind = "redirected"   // to Redirect
	NonDelivery Kind = "non-delivery" // for the reason that Node gives (nonDeliveryInfo)
	Invalid     Kind = "invalid"      // an authoritative node has no entry for the address
	Stopped     Kind = "stopped"      // a node says that the address is unroutable
	NoRoute     Kind = "no-route"     // no tree leads anywhere
	OnDemand    Kind = "on-demand"    // nobody gives the nodes of a tree that are not here
	Unavailable Kind = "unavailable"  // they cannot be had, or are wrong
)

// Answer is what the trees say of an address.
type Answer struct {
	Kind     Kind
	Where    conf.NodeName // what decided; the zero one of NoRoute
	Node     *conf.Node    // its attributes, not its name; nil with NoRoute
	MTAs     []string
	Redirect *conf.Redirect
	// Takes is what the address takes by what the nodes above it say (RFC 1801 §18.4): of
	// Transfer and Deliver; nil if none says anything.
	Takes *conf.Acceptance
	Err   error // of Unavailable
}

// maxReferrals bounds how many other nodes are asked for one that is matched: filters and
// access MDs may lead on to many. One that was asked and gave no answer gives none again.
const maxReferrals = 32

// walk is one Find under way.
type walk struct {
	*Forest
	q     *Query
	path  []oraddr.RDN
	whole bool // the path says everything that the address does

	floor int     // nodes of less components are not asked
	asked []int32 // what the node that is asked has led to

	given []given // nodes that are not in the forest
	end   *Answer // of the walk, before it has come to one
}

// Find returns where the recipient of an address goes (RFC 1801 §25): the trees are followed
// in their order, in each the longest match and then the nodes above it.
func (f *Forest) Find(q *Query) Answer {
	w := walks.Get().(*walk)
	defer w.free()
	w.Forest, w.q = f, q
	w.path, w.whole = q.Address.AppendPath(w.path)
	a := w.from(0)
	if w.end != nil {
		return *w.end
	}
	return a
}

// walks have been done, and lend their room to the next.
var walks = sync.Pool{New: func() any { return new(walk) }}

func (w *walk) free() {
	clear(w.path)
	clear(w.given)
	*w = walk{path: w.path[:0], asked: w.asked[:0], given: w.given[:0]}
	walks.Put(w)
}

// from follows the trees from one on.
func (w *walk) from(tree int) Answer {
	if tree == len(w.order) {
		return Answer{Kind: NoRoute}
	}
	if w.order[tree] == conf.Tables {
		if w.q.Tables != nil {
			answers, floor := w.q.Tables()
			if answers {
				return Answer{Kind: ByTables}
			}
			w.floor = floor
		}
		return w.from(tree + 1)
	}
	var room [16]int32
	m := w.match(w.order[tree], room[:0])
	if w.end != nil {
		return *w.end
	}
	if m.lost {
		w.step(m.chain[len(m.chain)-1], "alias", false, "aliases lead round in a circle")
	}
	ahead := false // the trees behind this one have been followed
	for level := len(m.chain) - 1; level >= w.floor; level-- {
		longest := level == len(m.chain)-1 && !m.lost
		a, action, done := w.node(m.chain[level], level, longest)
		if done && (a.Kind == Transfer || a.Kind == Deliver) {
			a.Takes = w.takes(m.chain)
		}
		if done || w.end != nil {
			return a
		}
		if level == 0 && action == conf.NextLevel {
			break // RFC 1801 §10.1: as next-tree-only
		}
		switch action {
		case conf.Stop:
			w.step(m.chain[level], "routing-failure-action", true, conf.Stop)
			return Answer{Kind: Stopped, Where: w.name(m.chain[level]), Node: w.info(m.chain[level]).Node}
		case conf.NextTreeOnly:
			w.step(m.chain[level], "routing-failure-action", true, conf.NextTreeOnly)
			level = 0
		case conf.NextTreeFirst:
			w.step(m.chain[level], "routing-failure-action", true, conf.NextTreeFirst)
			if ahead || level == 0 {
				continue
			}
			ahead = true
			if a := w.from(tree + 1); a.Kind != NoRoute || w.end != nil {
				return a
			}
		}
	}
	if ahead {
		return Answer{Kind: NoRoute}
	}
	return w.from(tree + 1)
}

// takes is what the nodes on the way to an address say that it takes, the lowest first.
func (w *walk) takes(chain []int32) *conf.Acceptance {
	if !w.restricted && len(w.given) == 0 {
		return nil
	}
	var all conf.Acceptance
	for _, at := range slices.Backward(chain) {
		t := w.info(at).takes
		if t == nil {
			continue
		}
		if all.MaxSize == 0 {
			all.MaxSize = t.MaxSize
		}
		if len(all.ContentTypes) == 0 {
			all.ContentTypes = t.ContentTypes
		}
		if len(all.EITs) == 0 {
			all.EITs = t.EITs
		}
		if w.q.Step != nil {
			w.step(at, "subtree restriction", true, t.String())
		}
	}
	if all.IsZero() {
		return nil
	}
	return &all
}

// node looks at a node that is level components long. If it gives no answer, action is what
// follows.
func (w *walk) node(at int32, level int, longest bool) (a Answer, action string, done bool) {
	info := w.info(at)
	what := "next level"
	if longest {
		what = "longest match"
	}
	w.step(at, what, true, info.Comment)
	w.asked = w.asked[:0]
	if longest && level == len(w.path) && w.whole && level > 0 && info.UA {
		if a, done = w.userAgent(at, info); done {
			return a, "", true
		}
	}
	return w.attributes(at, info, level, longest)
}

// attributes does what the attributes of a node say (RFC 1801 §10): those of the node
// matched, or those of one that a filter or an access MD led to, of which authoritative is
// false: its children are not those of the node matched.
func (w *walk) attributes(at int32, info *info, level int, authoritative bool) (a Answer, action string, done bool) {
	if info.Reject != "" {
		w.step(at, "non-delivery-info", true, info.Reject)
		return Answer{Kind: NonDelivery, Where: w.name(at), Node: info.Node}, "", true
	}
	if filter := w.filter(at, info, level); filter >= 0 {
		return w.elsewhere(at, info.targets[filter], info.Filters[filter].Node, level)
	}
	if authoritative && info.authoritative() && level < len(w.path) {
		w.step(at, "subtree-information", true, conf.AllChildren+", and "+w.path[level].String()+" is not")
		return Answer{Kind: Invalid, Where: w.name(at), Node: info.Node}, "", true
	}
	if mtas := w.choose(at, "mta-info", info.MTAs); len(mtas) > 0 {
		return Answer{Kind: Transfer, Where: w.name(at), Node: info.Node, MTAs: mtas}, "", true
	}
	action = info.Failure
	for i, md := range info.accessMD {
		if w.q.Step != nil {
			w.step(at, "access-md "+info.AccessMD[i].String(), true, "")
		}
		a, next, done := w.elsewhere(at, md, info.AccessMD[i], level)
		if done || w.end != nil {
			return a, "", true
		}
		if next != "" {
			action = next
		}
	}
	return Answer{}, action, false
}

// elsewhere takes the attributes of another node for those of the one matched; the latter
// sets no defaults (RFC 1801 §10.3, §10.4). If there is nothing to be asked there is no action
// either.
func (w *walk) elsewhere(from, to int32, name conf.NodeName, level int) (a Answer, action string, done bool) {
	at, ok := w.reach(to, name)
	switch {
	case w.end != nil:
		return *w.end, "", true
	case !ok:
		w.step(from, "node "+name.String(), false, "aliases lead round in a circle")
		return Answer{}, "", false
	case slices.Contains(w.asked, at):
		w.step(at, "node "+w.name(at).String(), false, "it has been asked")
		return Answer{}, "", false
	case len(w.asked) == maxReferrals:
		w.step(from, "node "+w.name(at).String(), false, "filters and access MDs lead too far")
		return Answer{}, "", false
	}
	w.asked = append(w.asked, at)
	return w.attributes(at, w.info(at), level, false)
}

// userAgent does what the attributes of a routedUA say (RFC 1801 §11, §22).
func (w *walk) userAgent(at int32, info *info) (a Answer, done bool) {
	a = Answer{Where: w.name(at), Node: info.Node}
	for i := range info.Redirects {
		r := &info.Redirects[i]
		ok, why := r.MinSize == 0 && r.MaxSize == 0 && r.ContentType == "" && r.EIT == "", "nothing is known of the message"
		if w.q.Redirect != nil {
			ok, why = w.q.Redirect(r)
		} else if ok {
			why = r.Reason
		}
		if w.q.Step != nil {
			w.step(at, "redirect "+r.To, ok, why)
		}
		if ok {
			a.Kind, a.Redirect = Redirected, r
			return a, true
		}
	}
	if info.Reject != "" {
		w.step(at, "non-delivery-info", true, info.Reject)
		a.Kind = NonDelivery
		return a, true
	}
	if slices.ContainsFunc(info.Supporting, func(m conf.MTAInfo) bool { return m.Name == w.q.Local }) {
		w.step(at, "supporting-mta "+w.q.Local, true, "this MTA")
		a.Kind = Deliver
		return a, true
	}
	if a.MTAs = w.choose(at, "supporting-mta", info.Supporting); len(a.MTAs) > 0 {
		a.Kind = Transfer
		return a, true
	}
	return a, false
}

// filter returns the filter of a node that applies: the one of the least weight of those
// that match what of the address is below the node (RFC 1801 §10.3), or -1.
func (w *walk) filter(at int32, info *info, level int) int {
	best := -1
	for i := range info.Filters {
		f := &info.Filters[i]
		if !w.unmatched(level, f.Attribute, info.ddaKeys[i], func(value string) bool { return info.filters[i].MatchString(value) }) {
			if w.q.Step != nil {
				w.step(at, "routing-filter "+f.String(), false, "does not match")
			}
			continue
		}
		if best < 0 || w.better(f.Weight, info.Filters[best].Weight, f.Node.String(), info.Filters[best].Node.String()) < 0 {
			best = i
		}
	}
	if best >= 0 && w.q.Step != nil {
		f := &info.Filters[best]
		w.step(at, "routing-filter "+f.String(), true, "leads to "+f.Node.String())
	}
	return best
}

// unmatched tells whether any value below a level passes.
func (w *walk) unmatched(level int, attribute, ddaKey string, passes func(string) bool) bool {
	if level >= len(w.path) {
		return false
	}
	for _, rdn := range w.path[level:] {
		for _, p := range rdn.Parts() {
			of := p.Key == attribute && (ddaKey == "" || rdn.Type != nil && slices.Contains(oraddr.Part{Text: *rdn.Type}.Folded(), ddaKey))
			if of && slices.ContainsFunc(p.Folded(), passes) {
				return true
			}
		}
	}
	return false
}

// choose returns the MTAs of a node that may be used, the best first; of equals chance
// decides. If the local MTA is among them, only those of less weight than its own may (RFC
// 1801 §10.2).
func (w *walk) choose(at int32, what string, all []conf.MTAInfo) []string {
	own := conf.MaxWeight + 1
	for _, m := range all {
		if m.Name == w.q.Local {
			own = m.Weight
		}
	}
	order := all
	if len(all) > 1 {
		order = slices.Clone(all)
		slices.SortFunc(order, func(a, b conf.MTAInfo) int { return w.better(a.Weight, b.Weight, a.Name, b.Name) })
	}
	var names []string
	for _, m := range order {
		ok, why := true, ""
		switch {
		case m.Name == w.q.Local:
			ok, why = false, "this MTA: only those of less weight may be used"
		case m.Weight >= own:
			ok, why = false, "not of less weight than this MTA"
		case w.q.Usable != nil:
			ok, why = w.q.Usable(m.Name)
		}
		if w.q.Step != nil {
			w.step(at, what+" "+m.String(), ok, why)
		}
		if ok {
			names = append(names, m.Name)
		}
	}
	return names
}

// better compares two choices: by weight, and by chance if that is equal.
func (w *walk) better(weight, other int, name, otherName string) int {
	if c := cmp.Compare(weight, other); c != 0 {
		return c
	}
	return cmp.Or(cmp.Compare(w.chance(name), w.chance(otherName)), cmp.Compare(name, otherName))
}

// chance is a number that a name has for one message, and another for the next.
func (w *walk) chance(name string) uint64 {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash takes everything
	return rand.NewPCG(w.q.Chance, h.Sum64()).Uint64()
}

func (w *walk) step(at int32, what string, taken bool, why string) {
	if w.q.Step != nil {
		w.q.Step(Step{w.name(at), what, taken, why})
	}
}
