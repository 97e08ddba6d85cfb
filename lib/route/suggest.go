package route

import (
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/rtree"
)

// newSearcher prepares the search for what bad addresses may have meant.
func newSearcher(f *rtree.Forest, cfg *conf.Config) (*rtree.Searcher, error) {
	own := make([]string, 0, len(cfg.Users)+len(cfg.Lists))
	for i := range cfg.Users {
		own = append(own, cfg.Users[i].Address)
	}
	for i := range cfg.Lists {
		own = append(own, cfg.Lists[i].Address)
	}
	return rtree.NewSearcher(f, own)
}

// Suggests tells whether Advise may have anything to say.
func (r *Router) Suggests() bool { return r.search != nil }

// Advise is Decide, and tells of an address that there is not which others there are like it
// (RFC 1801 §22.4). It costs more than Decide where the address is bad.
func (r *Router) Advise(q Query) Decision { return r.advise(q, r.Decide(q), nil) }

// Advised is Advise where Decide has said d.
func (r *Router) Advised(q Query, d Decision) Decision { return r.advise(q, d, nil) }

func (r *Router) advise(q Query, d Decision, e *Explanation) Decision {
	if r.search == nil || d.Fail == nil || d.Unknown == "" {
		return d
	}
	var step func(rtree.Step)
	if e != nil {
		step = e.nodeStep
	}
	var texts []string
	for _, a := range r.search.Suggest(q.Address, d.Unknown, step) {
		other := q
		other.Address = a
		way := r.Decide(other)
		if e != nil {
			e.step("suggestion "+a.String(), way.Fail == nil, way.String())
		}
		if way.Fail == nil {
			texts = append(texts, a.String())
		}
	}
	if len(texts) > 0 {
		fail := *d.Fail // several decisions have it
		fail.Alternatives = texts
		d.Fail = &fail
	}
	return d
}

// Told is the text of a failure with what else is to be tried.
func (f *Failure) Told() string { return Try(f.Text, f.Alternatives) }

// Try adds other addresses to the text of a failure: "no such user, try X or Y".
func Try(text string, alternatives []string) string {
	if len(alternatives) == 0 {
		return text
	}
	text += ", try "
	if last := len(alternatives) - 1; last > 0 {
		text += strings.Join(alternatives[:last], ", ") + " or "
	}
	return text + alternatives[len(alternatives)-1]
}
