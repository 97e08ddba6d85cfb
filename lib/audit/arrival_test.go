package audit

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/spool"
)

// TestDescribeFits: whatever is long about the recipients of a message to everybody, no record is
// longer than readers take, and together they tell of all.
func TestDescribeFits(t *testing.T) {
	long := strings.Repeat("n", 64)
	for name, to := range map[string]spool.Recipient{
		"many":         {Address: "/CN=a/"},
		"long names":   {Address: "/CN=a/", Rule: long + "/" + long},
		"escaped":      {Address: "/CN=<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<<\x01\"\u2028\xff/"},
		"hops":         {Address: "/CN=a/", Rule: "a/b", Hops: []spool.Hop{{Channel: "p1", Peer: "MTA-B"}}},
		"long address": {Address: strings.Repeat("x", maxRecipients)},
	} {
		env := spool.Envelope{ID: "a", Kind: spool.KindMessage}
		count := 32767 // ub-recipients
		if name == "long address" {
			count = 3
		}
		var want []int
		for n := range count {
			to.N = n + 1
			if want = append(want, to.N); name == "hops" {
				to.Hops = slices.Clone(to.Hops)
				to.Hops[0].Peer = strings.Repeat("<", 28) + strings.Repeat("&", n%4) + strings.Repeat(">", n%1000)
			}
			env.Recipients = append(env.Recipients, to)
		}
		var got []int
		for i, r := range Describe(&env, Submitted) {
			line, err := json.Marshal(r)
			if err != nil || len(line) >= maxRecord {
				t.Errorf("%s: record %d has %d octets: %v", name, i, len(line), err)
			}
			if got = append(got, r.N...); len(r.N) == 0 || len(r.Recipients) != len(r.N) || to.Rule != "" && len(r.Rules) != len(r.N) || to.Hops != nil && len(r.Hops) == 0 {
				t.Errorf("%s: record %d has %d recipients: %d, %d, %d", name, i, len(r.N), len(r.Recipients), len(r.Rules), len(r.Hops))
			}
		}
		if !slices.Equal(got, want) {
			t.Errorf("%s: %d are told of, not %d", name, len(got), len(want))
		}
	}
}
