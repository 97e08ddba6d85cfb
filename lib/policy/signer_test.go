package policy

import (
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
)

// A name of one kind is not one of another, whatever somebody has had certified.
func TestSignerKinds(t *testing.T) {
	for _, c := range []struct {
		pattern, subject, address string
		want                      truth
	}{
		{"*@hq.example", "CN=Ann,O=x@hq.example", "", fails},
		{"*@hq.example", "", "ann@HQ.example", holds},
		{"*@hq.example", "", "ann@hq.example@evil.example", fails},
		{"*@hq.example", "", `"ann@evil.example"@hq.example`, holds},
		{"a/b@hq.example", "", "a/b@hq.example", holds},
		{"*@hq.example", "", "/CN=ann@hq.example", fails},
		{"CN=Gate", "", "CN=Gate", fails},
		{"CN=*", "", "CN=Gate@hq.example", fails},
		{"CN=Gate*", "CN=Gate,O=Org", "", holds},
		{"/S=Ann/C=GB/", "/S=Ann/C=GB/", "", fails},
		{"/S=Ann/C=GB/", "", "/G=A/S=Ann/ADMD=X/C=GB/", holds},
		{"/S=Ann/C=GB/", "", "S=Ann; A=X; C=GB", fails},
		{"*", "", "", holds},
		{"*", "CN=X", "", holds},
		{"C*", "", "", fails},
	} {
		all, err := signerPatterns([]rule.Value{{Text: c.pattern}})
		if err != nil {
			t.Fatal(err)
		}
		by := spool.Signer{Subject: c.subject}
		if c.address != "" {
			by.Addresses = []string{c.address}
		}
		of := test{signers: all}
		if got := of.signedBy(&spool.Signature{Valid: true, Signers: []spool.Signer{by}}); got != c.want {
			t.Errorf("%+v: %d", c, got)
		}
		if of.signedBy(&spool.Signature{Signers: []spool.Signer{by}}) != fails || of.signedBy(nil) != fails {
			t.Errorf("%+v: of a signature that is not valid, or none", c)
		}
	}
}

// A pattern of addresses that is none is a fault: it would never hold.
func TestSignerFault(t *testing.T) {
	for _, pattern := range []string{"/NOSUCH=x/", "@hq.example", "ann@", "@"} {
		cfg := conf.New()
		cfg.RuleSets = []conf.RuleSet{{Name: "s", Evaluate: conf.FirstMatch, Otherwise: conf.OtherwiseRefuse, Rules: `a: if signer = "` + pattern + `" then allow`}}
		if _, err := New(cfg, conf.OpenFile); diag.KindOf(err) != diag.Config {
			t.Errorf("%s: %v", pattern, err)
		}
	}
}
