package submit

import (
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/spool"
)

// copyTo adds recipients that the X.411 envelope does not have: the expand channel makes a
// message for each. adds has, by the index of each recipient, the addresses that its rules add.
// Where there is no room for a copy, whoever was not to go without it waits for an operator.
func (t *Tx) copyTo(adds [][]oraddr.Address) {
	var reached map[string]bool
	for i, add := range adds {
		for _, a := range add {
			if reached == nil {
				reached = t.reached()
			}
			if reached[a.Key()] {
				continue
			}
			if len(t.env.Recipients) >= spool.MaxRecipients {
				r := &t.env.Recipients[i]
				if r.Hold != "" {
					r.Hold += "; "
				}
				r.Hold += fmt.Sprintf("there is no room for the copy to %s: a message has at most %d recipients", &a, spool.MaxRecipients)
				break
			}
			reached[a.Key()] = true
			t.Also(a.String())
			t.env.Recipients[len(t.env.Recipients)-1].Copy = true
			t.env.Copied = append(slices.Clip(t.env.Copied), a.String())
		}
	}
}

// reached are the keys of the addresses that need no copy: those that have one, and those of
// recipients who get the message as it is. What stands in the way of a recipient, which an
// originator may bring about, does not do so for a copy.
func (t *Tx) reached() map[string]bool {
	all := map[string]bool{}
	note := func(address string) {
		if a, err := oraddr.Parse(address); err == nil {
			all[a.Key()] = true
		}
	}
	for _, a := range t.env.Copied {
		note(a)
	}
	expand := spool.Hop{Channel: t.door.conf.ExpandChannel()}
	for i := range t.env.Recipients {
		r := &t.env.Recipients[i]
		if r.Fail == nil && r.Hold == "" && r.Redirect == "" && r.Require == "" && r.Critical.IsZero() && !slices.Contains(r.Hops, expand) {
			note(r.Address)
		}
	}
	return all
}
