package ldapconf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/conf"
)

// X.402, DLPolicy: each component by name and by number, in any order, is the key of a list;
// and it is written by name.
func TestDLPolicy(t *testing.T) {
	for _, c := range []struct {
		text   string
		change func(*conf.List)
		again  string // ="" : as it was
	}{
		{"{ }", func(*conf.List) {}, "-"},
		{"{ report-propagation dl-owner }", func(l *conf.List) { l.Reports = "owner" }, ""},
		{"{ report-propagation 2 }", func(l *conf.List) { l.Reports = "both" }, "{ report-propagation both-previous-and-owner }"},
		{"{ report-propagation none }", func(l *conf.List) { l.Reports = "none" }, ""},
		{"{ report-from-dl when-no-propagation }", func(l *conf.List) { l.ReportFromDL = "when-no-propagation" }, ""},
		{"{ originating-MTA-report 2 }", func(l *conf.List) { l.OriginatingMTAReport = "report" }, "{ originating-MTA-report report }"},
		{"{ originating-MTA-report audited-report }", func(l *conf.List) { l.OriginatingMTAReport = "audited-report" }, ""},
		{"{ originator-report no-report, priority urgent }", func(l *conf.List) { l.OriginatorReport, l.Priority = "no-report", "urgent" }, ""},
		{"{ priority 3, originator-report 1 }", func(l *conf.List) { l.OriginatorReport, l.Priority = "no-report", "urgent" }, "{ originator-report no-report, priority urgent }"},
		{"{ return-of-content content-return-not-requested }", func(l *conf.List) { l.ReturnOfContent = "not-requested" }, ""},
		{"{ disclosure-of-other-recipients disclosure-of-other-recipients-allowed }", func(l *conf.List) { l.Disclosure = "allowed" }, ""},
		{"{ implicit-conversion-prohibited implicit-conversion-prohibited }", func(l *conf.List) { l.ImplicitConversion = "prohibited" }, ""},
		{"{ conversion-with-loss-prohibited conversion-with-loss-allowed }", func(l *conf.List) { l.ConversionWithLoss = "allowed" }, ""},
		{"{ further-dl-expansion-allowed FALSE }", func(l *conf.List) { l.FurtherExpansion = false }, ""},
		{"{ further-dl-expansion-allowed TRUE, priority unchanged }", func(*conf.List) {}, "-"},
		{"{ originator-requested-alternate-recipient-removed FALSE }", func(l *conf.List) { l.AlternateRemoved = false }, ""},
		{"{ proof-of-delivery neither }", func(l *conf.List) { l.ProofOfDelivery = "neither" }, ""},
		{"{ requested-delivery-method removed:NULL }", func(l *conf.List) { l.DeliveryMethods = []string{"removed"} }, ""},
		{"{ requested-delivery-method unchanged:NULL }", func(*conf.List) {}, "-"},
		{"{ requested-delivery-method replaced:{ 1, any-delivery-method } }", func(l *conf.List) { l.DeliveryMethods = []string{"mhs-delivery", "any-delivery-method"} },
			"{ requested-delivery-method replaced:{ mhs-delivery, any-delivery-method } }"},
		{"{ token-signature-algorithm-preference { }, priority normal }", func(l *conf.List) { l.Priority = "normal" }, "{ priority normal }"},
	} {
		want, got := conf.NewList(), conf.NewList()
		c.change(&want)
		if err := setPolicy(&got, c.text); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", c.text, diff)
		}
		again := c.text
		if c.again != "" {
			again = strings.TrimPrefix(c.again, "-")
		}
		if text := policyText(&got); text != again {
			t.Errorf("%s is written as %s", c.text, text)
		}
	}
}

// What is no DLPolicy, or one that this MTA cannot follow, is a fault of its entry.
func TestDLPolicyThatIsNone(t *testing.T) {
	for text, want := range map[string]string{
		"priority urgent":                               "mhs-dl-policy: ",
		"{ priority 4 }":                                `mhs-dl-policy: priority: "4" is none of X.402`,
		"{ report-propagation -1 }":                     `mhs-dl-policy: report-propagation: "-1" is none of X.402`,
		"{ originating-MTA-report 1 }":                  `mhs-dl-policy: originating-MTA-report: "1" is none of X.402`,
		"{ priority urgent, priority 1 }":               "mhs-dl-policy: priority twice",
		"{ colour red }":                                `mhs-dl-policy: "colour": unknown component`,
		"{ further-dl-expansion-allowed 0 }":            `mhs-dl-policy: further-dl-expansion-allowed: "0" is neither TRUE nor FALSE`,
		"{ requested-delivery-method NULL }":            `mhs-dl-policy: requested-delivery-method: "NULL" is no choice, which is written name:value`,
		"{ requested-delivery-method replaced:{ } }":    "mhs-dl-policy: requested-delivery-method: replaced: no list of methods, which is written { a, b }",
		"{ requested-delivery-method replaced:{ 77 } }": `mhs-dl-policy: requested-delivery-method: number 1: "77" is no delivery method`,
		"{ requested-delivery-method other:NULL }":      `mhs-dl-policy: requested-delivery-method: "other" is none of unchanged, removed and replaced`,
		"{ proof-of-delivery both }":                    `mhs-dl-policy: proof-of-delivery: "both" is none of dl-members, neither`,
		"{ report-propagation dl-owner }":               "mhs-dl-policy: reports: owner, and the list has no owner",
	} {
		_, err := decoded(t, switchA+`
dn: cn=1,ou=list,cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitList
mhs-or-addresses: /CN=L/PRMD=ALPHA/ADMD=TEST/C=GB/
mhs-dl-policy: `+text+"\n")
		if err == nil || !strings.HasPrefix(err.Error(), "cn=1,ou=list,cn=MTA-A,ou=mtas,o=Example: "+want) {
			t.Errorf("%s: %v", text, err)
		}
	}
}
