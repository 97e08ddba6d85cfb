package submit

import (
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/spool"
)

// maxSearches bounds the bad addresses of one message that others like them are looked for:
// whoever sends guesses by the thousand is not to have them corrected.
const maxSearches = 100

// suggest tells a recipient that does not exist of others like it (RFC 1801 §22.4), unless the
// originator has named one for that.
func (t *Tx) suggest(r *spool.Recipient) {
	if r.Fail == nil || r.Alternate != "" || !t.door.router.Suggests() || t.searched == maxSearches {
		return
	}
	a, err := oraddr.Parse(r.Address)
	if err != nil {
		return
	}
	d := t.door.router.Advise(t.query(r, a, route.Unsized))
	if d.Unknown == "" || d.Fail.Text != r.Fail.Text {
		return // it has failed of something else
	}
	t.searched++
	r.Fail.Alternatives = d.Fail.Alternatives
}
