package audit

import (
	"encoding/json"
	"fmt"
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

// TestDescribeRefusals: what policy has decided is told by its reasons, however many recipients
// have each, and of those that all differ no more than a bound; nobody is left out.
func TestDescribeRefusals(t *testing.T) {
	fail := &spool.Failure{Text: "the policy of this MTA does not permit it"}
	env := spool.Envelope{ID: "a", Kind: spool.KindMessage, Recipients: []spool.Recipient{
		{N: 1, Rule: "border/a", Fail: fail, Why: "no label"}, {N: 2, Rule: "border/b", Hold: "wait"}, {N: 3, Rule: "border/a", Fail: fail, Why: "no label"},
		{N: 4, Fail: fail}, {N: 5, Rule: "border/c", Fail: fail, Why: "no label"}, {N: 6, Rule: "border/b", Hold: "wait"},
	}}
	var got []string
	for _, r := range Describe(&env, TransferIn)[1:] {
		got = append(got, fmt.Sprint(r.Event, r.N, r.Text, " ", r.Who))
	}
	want := []string{"refused[1 3]border/a: no label policy", "refused[5]border/c: no label policy", "held[2 6]wait policy"}
	if !slices.Equal(got, want) {
		t.Errorf("%q, not %q", got, want)
	}
	env.Recipients = nil
	for n := range 1000 {
		env.Recipients = append(env.Recipients, spool.Recipient{N: n + 1, Rule: "a/b", Fail: fail, Why: fmt.Sprint(n)})
	}
	told, records := 0, 0
	for _, r := range Describe(&env, TransferIn) {
		if r.Event == Refused {
			told, records = told+len(r.N), records+1
		}
	}
	if told != 1000 || records != maxReasons+1 {
		t.Errorf("%d are told of, in %d records", told, records)
	}
}
