package route

import (
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// addLists takes the lists, and the alternate recipient of the domain.
func (r *Router) addLists(cfg *conf.Config) error {
	r.expand = cfg.ExpandChannel()
	r.lists = make(map[string]*conf.List, len(cfg.Lists))
	for i := range cfg.Lists {
		l := &cfg.Lists[i]
		a, err := oraddr.Parse(l.Address)
		if err != nil {
			return diag.E(fmt.Sprintf("route: list %q", l.Address), diag.Config, err)
		}
		r.lists[a.Key()] = l
	}
	if cfg.Identity.Alternate != "" {
		r.alternate = &Alternate{cfg.Identity.Alternate, mts.RecipientMDAssignedAlternateRecipient}
	}
	return nil
}

// Expand is the way of what is to be expanded or redirected here.
func (r *Router) Expand() []Hop { return []Hop{{Channel: r.expand}} }

func (r *Router) expanded(l *conf.List) Decision {
	return Decision{Hops: r.Expand(), List: l, Rule: "list " + l.Address}
}

// DomainAlternate returns the alternate recipient of the domain for an address that is
// nobody's here, if its originator allows one; nil if there is none.
func (r *Router) DomainAlternate(d Decision) *Alternate {
	if d.Fail == nil || d.Fail.Text != NoUser {
		return nil
	}
	return r.alternate
}

// Explain returns what Decide decides, and the way to it: every node and rule tried, in
// their order, until one decides, in time proportional to their number.
func (r *Router) Explain(q Query) Explanation {
	e := Explanation{Address: q.Address.String()}
	e.Decision = r.advise(q, r.decide(q, &e), &e)
	switch d := e.Decision; {
	case !strings.HasPrefix(d.Rule, "node "):
	case d.List != nil:
		for _, m := range d.List.Members {
			e.step("member "+m, true, "")
		}
	case d.Alternate != nil:
		e.explainAlternate(true, d.Alternate)
	}
	if alternate := r.DomainAlternate(e.Decision); alternate != nil {
		e.explainAlternate(false, alternate)
	}
	return e
}

// explainOwn tells what Router.own has decided.
func (e *Explanation) explainOwn(d Decision) {
	switch {
	case d.List != nil:
		e.step(d.Rule, true, "expanded here")
		for _, m := range d.List.Members {
			e.step("member "+m, true, "")
		}
	case d.Alternate != nil:
		e.step(d.Rule, true, "redirected")
		e.explainAlternate(true, d.Alternate)
	default:
		why := "delivered here"
		if a, err := d.User.Acceptance(); err == nil && !a.IsZero() {
			why += "; " + a.String()
		}
		e.step(d.Rule, true, why)
	}
}

func (e *Explanation) explainAlternate(certain bool, a *Alternate) {
	why := fmt.Sprint(a.Reason)
	if !certain {
		why += ", if the originator allows one"
	}
	e.step("alternate "+a.Address, certain, why)
}
