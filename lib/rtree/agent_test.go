package rtree

import (
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
)

// A user agent: its own MTA in supportingMTA makes it local; a node that is one may have
// others below; there may be an mTAInfo as well.
func TestSection11_LocalAddresses(t *testing.T) {
	f := plant(t, `
trees = ["org"]
[[node]]
tree = "org"
at = "/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-B", weight = 5 }, { name = "MTA-A", weight = 10 }]
mta-info = [{ name = "MTA-ORG" }]
[[node]]
tree = "org"
at = "/S=Smith/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-C", weight = 5 }, { name = "MTA-B", weight = 0 }]
mta-info = [{ name = "MTA-D" }]
`)
	f.expect(t, asked(t, "/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"), "deliver by org /O=Org/PRMD=ABC/ADMD=XYZ/C=GB/")
	smith := asked(t, "/S=Smith/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, smith, "transfer MTA-B MTA-C by org /S=Smith/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, smith.without("MTA-B", "MTA-C"), "transfer MTA-D by org /S=Smith/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/")
	// What is below a user agent, or has attributes that no node is named by, is not it.
	f.expect(t, asked(t, "/S=Jones/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"), "transfer MTA-ORG by org /O=Org/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, asked(t, "/PD-CODE=12/O=Org/PRMD=ABC/ADMD=XYZ/C=GB/"), "transfer MTA-ORG by org /O=Org/PRMD=ABC/ADMD=XYZ/C=GB/")
}

// Redirect is processed before supportingMTA and nonDeliveryInfo; the first element that
// applies is used.
func TestSection22_1_Redirects(t *testing.T) {
	f := plant(t, `
trees = ["org"]
[[node]]
tree = "org"
at = "/S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-A" }]
redirect = [
  { to = "/S=Big/PRMD=ABC/ADMD=XYZ/C=GB/", min-size = "100KiB" },
  { to = "/S=Fax/PRMD=ABC/ADMD=XYZ/C=GB/", eit = "g3-facsimile", reason = "recipient-md" },
]
[[node]]
tree = "org"
at = "/S=Gone/PRMD=ABC/ADMD=XYZ/C=GB/"
routed-ua = true
reject = "left in 2019"
redirect = [{ to = "/S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/", reason = "alias" }]
`)
	smith := asked(t, "/S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, smith, "deliver by org /S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/")
	smith.Redirect = func(r *conf.Redirect) (bool, string) { return r.MinSize > 0, "" }
	f.expect(t, smith, "redirected /S=Big/PRMD=ABC/ADMD=XYZ/C=GB/ by org /S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/")
	smith.Redirect = func(r *conf.Redirect) (bool, string) { return r.EIT != "", "" }
	f.expect(t, smith, "redirected /S=Fax/PRMD=ABC/ADMD=XYZ/C=GB/ by org /S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/")
	gone := asked(t, "/S=Gone/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, gone, "redirected /S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/ by org /S=Gone/PRMD=ABC/ADMD=XYZ/C=GB/")
	// A service control prevents it: then what follows is done all the same.
	gone.Redirect = func(*conf.Redirect) (bool, string) { return false, "recipient-reassignment-prohibited" }
	f.expect(t, gone, "non-delivery by org /S=Gone/PRMD=ABC/ADMD=XYZ/C=GB/")
}

// An underspecified address that is to be rejected has an entry with forced non-delivery;
// one that is to be treated as another is an alias.
func TestSection22_2_UnderspecifiedAddresses(t *testing.T) {
	f := plant(t, `
trees = ["org"]
[[node]]
tree = "org"
at = "/S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/"
routed-ua = true
reject = "ambiguous"
reason = 1
diagnostic = 1
[[node]]
tree = "org"
at = "/S=Jones/PRMD=ABC/ADMD=XYZ/C=GB/"
alias = { tree = "org", at = "/G=Bob/S=Jones/PRMD=ABC/ADMD=XYZ/C=GB/" }
[[node]]
tree = "org"
at = "/G=Bob/S=Jones/PRMD=ABC/ADMD=XYZ/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-A" }]
`)
	f.expect(t, asked(t, "/S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/"), "non-delivery by org /S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/")
	f.expect(t, asked(t, "/S=Jones/PRMD=ABC/ADMD=XYZ/C=GB/"), "deliver by org /G=Bob/S=Jones/PRMD=ABC/ADMD=XYZ/C=GB/")
}

// If a nonDeliveryInfo is present, any supportingMTA is ignored; it stands for all that is
// below, too.
func TestSection22_3_NonDelivery(t *testing.T) {
	f := plant(t, `
trees = ["org"]
[[node]]
tree = "org"
at = "/PRMD=DELTA/ADMD=XYZ/C=GB/"
reject = "DELTA was closed"
mta-info = [{ name = "MTA-B" }]
[[node]]
tree = "org"
at = "/S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-A" }]
reject = "on leave"
`)
	f.expect(t, asked(t, "/S=Any/O=Org/PRMD=DELTA/ADMD=XYZ/C=GB/"), "non-delivery by org /PRMD=DELTA/ADMD=XYZ/C=GB/")
	f.expect(t, asked(t, "/S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/"), "non-delivery by org /S=Smith/PRMD=ABC/ADMD=XYZ/C=GB/")
}

// What a subtree takes holds for all that is below it, each restriction until a lower node has
// another.
func TestSection18_4_SubtreeCapabilityRestrictions(t *testing.T) {
	f := plant(t, `
trees = ["open"]
[[node]]
tree = "open"
mta-info = [{ name = "MTA-B" }]
eits = ["ia5-text"]
[[node]]
tree = "open"
at = "/PRMD=P/ADMD=A/C=GB/"
max-size = "1MiB"
content-types = ["p22", "p2"]
[[node]]
tree = "open"
at = "/O=Small/PRMD=P/ADMD=A/C=GB/"
max-size = 1000
[[node]]
tree = "open"
at = "/S=Agent/O=Small/PRMD=P/ADMD=A/C=GB/"
routed-ua = true
supporting-mta = [{ name = "MTA-C" }]
content-types = ["p772"]
[[node]]
tree = "open"
at = "/S=Gone/O=Small/PRMD=P/ADMD=A/C=GB/"
reject = "gone"
`)
	for at, want := range map[string]string{
		"/S=X/ADMD=A/C=GB/":                    "takes encoded information types ia5-text",
		"/S=X/PRMD=P/ADMD=A/C=GB/":             "takes content types p22, p2; encoded information types ia5-text; at most 1MiB",
		"/S=X/O=Small/PRMD=P/ADMD=A/C=GB/":     "takes content types p22, p2; encoded information types ia5-text; at most 1000",
		"/S=Agent/O=Small/PRMD=P/ADMD=A/C=GB/": "takes content types p772; encoded information types ia5-text; at most 1000",
		"/S=Gone/O=Small/PRMD=P/ADMD=A/C=GB/":  "",
	} {
		var told []string
		q := asked(t, at)
		q.Step = func(s Step) {
			if s.What == "subtree restriction" {
				told = append(told, s.Node.At)
			}
		}
		got := ""
		if a := f.Find(q); a.Takes != nil {
			got = a.Takes.String()
		}
		if got != want || (want == "") != (len(told) == 0) {
			t.Errorf("%s takes %q, want %q; by %q", at, got, want, told)
		}
	}
}
