package submit

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// marked puts an extension with a criticality into the message, or into its first recipient.
func marked(of string, kind mts.ExtensionNumber, steps ...mts.Stage) func(*mts.MessageTransferEnvelope) {
	field := mts.ExtensionField{Type: mts.StandardExtension(kind), Criticality: mts.NewCriticality(steps...), Value: ber.Raw{0x0A, 1, 0}}
	return func(m *mts.MessageTransferEnvelope) {
		if of == "recipient" {
			m.PerRecipientFields[0].Extensions = []mts.ExtensionField{field}
		} else {
			m.Extensions = []mts.ExtensionField{field}
		}
	}
}

const extending = `
[[user]]
address = "/S=Plain/PRMD=ALPHA/ADMD=TEST/C=GB/"
mailbox = "plain"
supported-extensions = ["requested-delivery-method", "4"]
[[peer]]
name = "MTA-FEW"
channel = "p1"
supported-extensions = ["conversion-with-loss-prohibited", "1.2.3"]
[[peer]]
name = "MTA-ALL"
channel = "p1"
[[peer]]
name = "MTA-OTHER"
channel = "p1"
supported-extensions = ["dl-expansion-prohibited"]
[[route]]
match = "/PRMD=BOTH/ADMD=TEST/C=GB/"
peers = ["MTA-FEW", "MTA-ALL"]
[[route]]
match = "/PRMD=FEW/ADMD=TEST/C=GB/"
peers = ["MTA-FEW", "MTA-OTHER"]
`

// RFC 1801 §18.3: a peer that does not support an extension which is critical is no way for the
// message, and one that does not support what is not critical is; §11: so with a user and what
// is critical for delivery.
func TestSection18_3_SupportedExtensions(t *testing.T) {
	const both, few, plain = "/S=Any/PRMD=BOTH/ADMD=TEST/C=GB/", "/S=Any/PRMD=FEW/ADMD=TEST/C=GB/", "/S=Plain/PRMD=ALPHA/ADMD=TEST/C=GB/"
	const unsupported = "unable-to-transfer/unsupported-critical-function"
	const reassignment, dl, loss = 1, 3, 4 // prohibitions
	tables := string(tableconf.Default("MTA-A", tableconf.Options{})) + extending
	trees := strings.Replace(tables, "[identity]", "[identity]\ntrees = [\"tables\", \"org\"]", 1) + `
[[node]]
tree = "org"
mta-info = [{ name = "MTA-ALL" }]
`
	for _, c := range []struct {
		name, to string
		edit     func(*mts.MessageTransferEnvelope)
		want     string
		wooded   string // where it differs with another tree behind the tables
	}{
		{"none", both, nil, "p1 MTA-FEW,p1 MTA-ALL", ""},
		{"not critical", few, marked("message", reassignment), "p1 MTA-FEW,p1 MTA-OTHER", ""},
		{"critical for submission", few, marked("message", reassignment, mts.ForSubmission), "p1 MTA-FEW,p1 MTA-OTHER", ""},
		{"critical for transfer", both, marked("message", reassignment, mts.ForTransfer), "p1 MTA-ALL", ""},
		{"critical for delivery", both, marked("message", reassignment, mts.ForDelivery), "p1 MTA-ALL", ""},
		{"of the recipient", both, marked("recipient", reassignment, mts.ForTransfer), "p1 MTA-ALL", ""},
		{"supported", both, marked("message", loss, mts.ForTransfer, mts.ForDelivery), "p1 MTA-FEW,p1 MTA-ALL", ""},
		{"supported by another", few, marked("message", dl, mts.ForTransfer), "p1 MTA-OTHER", ""},
		{"supported by nobody", few, marked("message", reassignment, mts.ForTransfer), unsupported, "p1 MTA-ALL"},
		{"supported by nobody, of the recipient", few, marked("recipient", reassignment, mts.ForDelivery), unsupported, "p1 MTA-ALL"},
		{"a user", plain, marked("message", reassignment, mts.ForDelivery), unsupported, ""},
		{"a user, of the recipient", plain, marked("recipient", reassignment, mts.ForDelivery), unsupported, ""},
		{"a user, supported", plain, marked("message", loss, mts.ForDelivery), "local", ""},
		{"a user, for transfer only", plain, marked("message", reassignment, mts.ForTransfer), "local", ""},
		{"a user, not critical", plain, marked("recipient", reassignment), "local", ""},
		{"a user who takes all", ann, marked("message", reassignment, mts.ForDelivery), "local", ""},
	} {
		for k, text := range []string{tables, trees} {
			d := doorOf(t, text)
			m, raw := envelope(t, c.edit, c.to)
			tx, err := d.Message(fromB, raw, m)
			if err != nil {
				t.Fatal(err)
			}
			refused := tx.Refused()
			env, err := tx.Commit(context.Background())
			if err != nil {
				t.Fatal(err)
			}
			want := c.want
			if k == 1 && c.wooded != "" {
				want = c.wooded
			}
			fail := env.Recipients[0].Fail
			if got := ways(env); got != want || (refused != nil) != (fail != nil) {
				t.Errorf("%s: %s, want %s; %v", c.name, got, want, refused)
			}
			if fail != nil {
				if !strings.HasSuffix(fail.Text, "extension recipient-reassignment-prohibited is critical and not taken") {
					t.Errorf("%s: %s", c.name, fail.Text)
				}
				continue
			}
			if !slices.Equal(d.Ways(env)(&env.Recipients[0]), env.Recipients[0].Hops) {
				t.Errorf("%s: on the way again %v", c.name, d.Ways(env)(&env.Recipients[0]))
			}
			a, err := oraddr.Parse(c.to)
			if err != nil {
				t.Fatal(err)
			}
			if k == 1 && !slices.Equal(hops(d.Decide(Asked{Envelope: env, To: &env.Recipients[0], Address: a, Fields: nil, Look: nil, Advise: false}).Decision), env.Recipients[0].Hops) {
				t.Errorf("%s: decided again %v", c.name, d.Decide(Asked{Envelope: env, To: &env.Recipients[0], Address: a, Fields: nil, Look: nil, Advise: false}))
			}
		}
	}
}
