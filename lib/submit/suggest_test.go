package submit

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

const searching = `
[[user]]
address = "/CN=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/"
mailbox = "postmaster"
[[node]]
tree = "own"
at = "/PRMD=ALPHA/ADMD=TEST/C=GB/"
bad-address-search-point = [{ tree = "tables" }]
`

// searcher is a door with a search point, and the trees behind it.
func searcher(t *testing.T, trees ...string) *Door {
	t.Helper()
	d := doorOf(t, strings.Replace(string(tableconf.Default("MTA-A", tableconf.Options{})), "[identity]", "[identity]\ntrees = [\"tables\", \"own\"]", 1)+searching)
	d.conf.Identity.Trees = append(d.conf.Identity.Trees, trees...)
	again, err := NewDoor(d.conf, d.spool, d.now, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	return again
}

// A bad address has alternatives, but for the one that the originator names somebody else for;
// of one message there is an end to that.
func TestSection22_4_BadAddresses(t *testing.T) {
	d := searcher(t)
	const bad = "/CN=Postmastre/PRMD=ALPHA/ADMD=TEST/C=GB/"
	alternate := func(m *mts.MessageTransferEnvelope) {
		fields, err := mts.SetExt(nil, mts.ExtOriginatorRequestedAlternateRecipient, m.OriginatorName)
		if err != nil {
			t.Fatal(err)
		}
		m.PerRecipientFields[0].Extensions = fields
	}
	many := slices.Repeat([]string{bad}, maxSearches+1)
	for _, c := range []struct {
		name string
		to   []string
		edit func(*mts.MessageTransferEnvelope)
		want int // recipients who hear of alternatives
	}{
		{"bad", []string{bad}, nil, 1},
		{"an alternate recipient", []string{bad}, alternate, 0},
		{"like nobody", []string{"/CN=Nobody/PRMD=ALPHA/ADMD=TEST/C=GB/"}, nil, 0},
		{"failed of something else", []string{bad}, func(m *mts.MessageTransferEnvelope) {
			m.Extensions = []mts.ExtensionField{{Type: mts.PrivateExtension("1.2.3"), Criticality: mts.NewCriticality(mts.ForTransfer)}}
		}, 0},
		{"very many", many, nil, maxSearches},
	} {
		m, raw := envelope(t, c.edit, c.to...)
		tx, err := d.Message(fromB, raw, m)
		if err != nil {
			t.Fatal(err)
		}
		env, err := tx.Commit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		told := 0
		for _, r := range env.Recipients {
			if r.Fail != nil && slices.Equal(r.Fail.Alternatives, []string{"/CN=Postmaster/PRMD=ALPHA/ADMD=TEST/C=GB/"}) {
				told++
			}
		}
		if told != c.want {
			t.Errorf("%s: %d of %d are told", c.name, told, len(env.Recipients))
		}
	}
}

// An address that had to be looked up is searched for likewise, in what is held.
func TestSection22_4_LookedUp(t *testing.T) {
	d := searcher(t, conf.OpenCommunity)
	m, raw := envelope(t, nil, "/CN=Postmastre/PRMD=ALPHA/ADMD=TEST/C=GB/")
	tx, err := d.Message(fromB, raw, m)
	if err != nil {
		t.Fatal(err)
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		t.Fatal(err)
	}
	if env.Recipients[0].Fail != nil {
		t.Fatal(env.Recipients[0].Fail)
	}
	a, err := oraddr.Parse(env.Recipients[0].Address)
	if err != nil {
		t.Fatal(err)
	}
	looked := 0
	nowhere := func(tree string, _ []oraddr.RDN) ([]conf.Node, error) { // a root that says nothing
		looked++
		root := conf.NewNode()
		root.Tree = tree
		return []conf.Node{root}, nil
	}
	f := &m.PerRecipientFields[0]
	to := d.Decide(Asked{Envelope: env, To: &env.Recipients[0], Address: a, Fields: f, Look: nowhere, Advise: true})
	if looked == 0 || to.Fail == nil || to.Fail.Text != "no such user" || len(to.Fail.Alternatives) != 1 {
		t.Errorf("%+v", to)
	}
	if to := d.Decide(Asked{Envelope: env, To: &env.Recipients[0], Address: a, Fields: f, Look: nowhere, Advise: false}); to.Fail == nil || len(to.Fail.Alternatives) != 0 {
		t.Errorf("unasked: %+v", to)
	}
	f.Extensions = []mts.ExtensionField{{Type: mts.ExtOriginatorRequestedAlternateRecipient.Type()}}
	if to := d.Decide(Asked{Envelope: env, To: &env.Recipients[0], Address: a, Fields: f, Look: nowhere, Advise: true}); to.Fail == nil || len(to.Fail.Alternatives) != 0 {
		t.Errorf("%+v", to)
	}
}
