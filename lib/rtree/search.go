package rtree

import (
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// The search for what a bad address may have meant (RFC 1801 §22.4): one level below the points
// that a node names, by approximate match.
const (
	// MaxSuggestions is the small number of matches that are told; if there are more, none is.
	MaxSuggestions = 5
	// maxSearched bounds the entries that one search looks at.
	maxSearched = 10000
)

// defaultSearch is searched by if nothing else is said.
var defaultSearch = []conf.NamingAttribute{"CN"}

// Searcher looks for addresses like one that a forest has not. It does not change and may be
// used by several goroutines.
type Searcher struct {
	f      *Forest
	places map[int32]*place // by info
}

// place is where a node has bad addresses looked for.
type place struct {
	points     []conf.NodeName
	attributes []conf.NamingAttribute
	apart      bool // the parts of personal names are among these
	entries    []entry
	many       int // how many there would be, if they are too many
}

// entry is one of those that are looked at.
type entry struct {
	address string
	values  [][]phrase // by search attribute
	// inner is not where a message ends: what the bad address has below belongs to it.
	inner bool
}

// NewSearcher prepares the searches of a forest. Own are the addresses of the tree conf.Tables,
// of which the forest knows nothing. It returns nil if no node names a search point. The error
// has kind Config.
func NewSearcher(f *Forest, own []string) (*Searcher, error) {
	if !slices.ContainsFunc(f.infos, func(i info) bool { return len(i.SearchPoints) > 0 }) {
		return nil, nil
	}
	s := &Searcher{f: f, places: map[int32]*place{}}
	children := map[int32][]int32{}
	for i := range f.infos {
		for _, name := range f.infos[i].SearchPoints {
			if name.Tree == conf.Tables {
				continue
			}
			at, err := f.place(name, false)
			if err != nil {
				return nil, err
			}
			if at, ok := f.meant(at); ok {
				children[at] = nil
			}
		}
	}
	for i := range f.nodes {
		if above := f.tree.Above(int32(i)); above >= 0 {
			if all, point := children[above]; point {
				children[above] = append(all, int32(i))
			}
		}
	}
	alike := map[string]*place{} // many nodes may name the same
	for i := range f.infos {
		n := f.infos[i].Node
		if len(n.SearchPoints) == 0 {
			continue
		}
		key, err := json.Marshal([]any{n.SearchPoints, n.SearchAttributes})
		if err != nil {
			return nil, diag.E("rtree", diag.Internal, err)
		}
		if alike[string(key)] == nil {
			if alike[string(key)], err = s.prepare(n, children, own); err != nil {
				return nil, err
			}
		}
		s.places[int32(i)] = alike[string(key)]
	}
	return s, nil
}

// prepare makes the place that a node names.
func (s *Searcher) prepare(n *conf.Node, children map[int32][]int32, own []string) (*place, error) {
	p := &place{points: n.SearchPoints, attributes: n.SearchAttributes}
	if len(p.attributes) == 0 {
		p.attributes = defaultSearch
	}
	p.apart = slices.ContainsFunc(p.attributes, func(a conf.NamingAttribute) bool { return slices.Contains(personal, string(a)) })
	var nodes []int32
	tables := false
	for _, name := range n.SearchPoints {
		if name.Tree == conf.Tables {
			tables = true
			continue
		}
		at, err := s.f.place(name, false)
		if err != nil {
			return nil, err
		}
		if at, ok := s.f.meant(at); ok {
			nodes = append(nodes, children[at]...)
		}
	}
	p.many = len(nodes)
	if tables {
		p.many += len(own)
	}
	if p.many > maxSearched {
		return p, nil
	}
	for _, at := range nodes {
		if err := s.add(p, at); err != nil {
			return nil, err
		}
	}
	if tables {
		for _, address := range own {
			a, err := oraddr.Parse(address)
			if err != nil {
				return nil, diag.E("rtree: "+address, diag.Config, err)
			}
			path, _ := a.Path()
			p.add(entry{address: a.String()}, path)
		}
	}
	return p, nil
}

// add adds a node below a point, by its name there: another one that it is an alias of has the
// address that is suggested.
func (s *Searcher) add(p *place, at int32) error {
	path, err := oraddr.ParsePath(s.f.at[at])
	if err != nil {
		return diag.E("rtree: "+s.f.at[at], diag.Internal, err)
	}
	to, ok := s.f.meant(at)
	if !ok {
		return nil
	}
	info := &s.f.infos[s.f.nodes[to].info]
	if info.Reject == "" {
		p.add(entry{address: s.f.at[to], inner: !info.UA}, path[len(path)-1:])
	}
	return nil
}

func (p *place) add(e entry, name []oraddr.RDN) {
	found := false
	for _, attribute := range p.attributes {
		var values []phrase
		for i := range name {
			values = append(values, p.phrases(&name[i], string(attribute))...)
		}
		found = found || len(values) > 0
		e.values = append(e.values, values)
	}
	if found {
		p.entries = append(p.entries, e)
	}
}

// personal are the parts of a personal name, as a common name has them.
var personal = []string{"G", "I", "S", "GQ"}

// phrases are the values that a component has for an attribute, in all variants. The common name
// of who has a personal name is all of that, unless it is searched by part.
func (p *place) phrases(r *oraddr.RDN, attribute string) (all []phrase) {
	switch {
	case attribute == "CN" && r.Level == oraddr.LevelPerson && !p.apart:
		var words []string
		for _, key := range personal {
			for _, part := range r.Parts() {
				if part.Key == key {
					words = append(words, part.Folded()[0])
				}
			}
		}
		return []phrase{newPhrase(strings.Join(words, " "))}
	case attribute == "DDA" && r.Level == oraddr.LevelDomainDefined:
		kind := strings.Join(oraddr.Part{Text: *r.Type}.Folded(), "")
		for _, value := range r.Parts()[0].Folded() {
			one := newPhrase(value)
			one.kind = kind
			all = append(all, one)
		}
		return all
	}
	for _, part := range r.Parts() {
		if part.Key == attribute {
			for _, value := range part.Folded() {
				all = append(all, newPhrase(value))
			}
		}
	}
	return all
}

// Suggest returns the addresses that a bad one may have meant, those it is most like first. The
// tree that has refused it is asked first. Whether anything leads to them is for the caller to
// find out.
func (s *Searcher) Suggest(a oraddr.Address, refusedBy string, step func(Step)) []oraddr.Address {
	path, _ := a.Path()
	w := &walk{Forest: s.f, q: new(Query), path: path}
	order := s.f.order
	if i := slices.Index(order, refusedBy); i > 0 {
		order = append([]string{refusedBy}, slices.Delete(slices.Clone(order), i, i+1)...)
	}
	if step == nil {
		step = func(Step) {}
	}
	for _, tree := range order {
		if tree == conf.Tables || conf.OnDemand(tree) {
			continue
		}
		m := w.match(tree, nil)
		for _, at := range slices.Backward(m.chain) {
			if p := s.places[s.f.nodes[at].info]; p != nil {
				tell := func(taken bool, why string) { step(Step{w.name(at), p.String(), taken, why}) }
				return p.search(a, path, len(m.chain)-1, tell)
			}
		}
	}
	return nil
}

func (p *place) String() string {
	points := make([]string, len(p.points))
	for i, name := range p.points {
		points[i] = name.String()
	}
	attributes := make([]string, len(p.attributes))
	for i, a := range p.attributes {
		attributes[i] = string(a)
	}
	return "bad-address-search-point " + strings.Join(points, ", ") + " by " + strings.Join(attributes, ", ")
}

// suggestion is an entry that has been found.
type suggestion struct {
	address oraddr.Address
	text    string
	differ  int
}

// search looks for what a path has behind its first known components.
func (p *place) search(a oraddr.Address, path []oraddr.RDN, known int, tell func(bool, string)) []oraddr.Address {
	if p.many > maxSearched {
		tell(false, fmt.Sprintf("%d entries; no more than %d are looked at", p.many, maxSearched))
		return nil
	}
	values := make([][]sought, len(p.attributes))
	some := false
	for i, attribute := range p.attributes {
		for k := known; k < len(path); k++ {
			for _, one := range p.phrases(&path[k], string(attribute)) {
				values[i] = append(values[i], sought{one, k})
				some = true
			}
		}
	}
	if !some {
		tell(false, "the address has nothing of that below the longest match")
		return nil
	}
	var found []suggestion
	own := a.Key()
	for i := range p.entries {
		e := &p.entries[i]
		differ, last, ok := e.matches(values)
		if !ok {
			continue
		}
		one, ok := e.instead(path[last+1:])
		if !ok || one.Key() == own || slices.ContainsFunc(found, func(s suggestion) bool { return s.address.Equal(one) }) {
			continue
		}
		if len(found) == MaxSuggestions {
			tell(false, fmt.Sprintf("more than %d of %d entries match", MaxSuggestions, len(p.entries)))
			return nil
		}
		found = append(found, suggestion{one, one.String(), differ})
	}
	tell(len(found) > 0, fmt.Sprintf("%d of %d entries match", len(found), len(p.entries)))
	slices.SortFunc(found, func(a, b suggestion) int {
		return cmp.Or(cmp.Compare(a.differ, b.differ), strings.Compare(a.text, b.text))
	})
	all := make([]oraddr.Address, len(found))
	for i, s := range found {
		all[i] = s.address
	}
	return all
}

// sought is a value of the address, and the component it is of.
type sought struct {
	phrase
	of int
}

// matches tells whether an entry is one that is looked for: of the attributes, at least one is
// both in its name and in what is asked, and all that are match. Last is the lowest component
// that did.
func (e *entry) matches(values [][]sought) (differ, last int, ok bool) {
	last = -1
	for i, own := range e.values {
		if len(own) == 0 || len(values[i]) == 0 {
			continue
		}
		least := -1
		for k := range own {
			for n := range values[i] {
				one := &values[i][n]
				if alike, d := one.like(&own[k]); alike && (least < 0 || d < least) {
					least, last = d, max(last, one.of)
				}
			}
		}
		if least < 0 {
			return 0, 0, false
		}
		differ += least
	}
	return differ, last, last >= 0
}

// instead is the address to be suggested: that of the entry, and of one that is not where a
// message ends what the bad address has below.
func (e *entry) instead(below []oraddr.RDN) (oraddr.Address, bool) {
	if !e.inner {
		a, err := oraddr.Parse(e.address)
		return a, err == nil
	}
	path, err := oraddr.ParsePath(e.address)
	if err != nil {
		return oraddr.Address{}, false
	}
	a, err := oraddr.FromPath(append(path, below...))
	return a, err == nil
}
