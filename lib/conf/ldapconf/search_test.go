package ldapconf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/conf"
)

// A search point is any entry for RFC 1801; what is not held here is left out. Attributes have
// every name that a directory has for them.
func TestSection22_4_BadAddressPointers(t *testing.T) {
	const shared = switchA + `
dn: cn=open,ou=trees,o=Example
objectClass: routingTreeRoot
badAddressSearchPoint: cn=MTA-A,ou=mtas,o=Example
badAddressSearchPoint: cn=MTA-B,ou=mtas,o=Example
badAddressSearchPoint: ou=people,dc=example,dc=org
badAddressSearchPoint: ADMD=TEST,c=GB,cn=White,ou=trees,o=Example
badAddressSearchAttributes: commonName
badAddressSearchAttributes: MHS-S
badAddressSearchAttributes: 1.3.6.1.4.1.453.7.2.2.6

dn: cn=white,ou=trees,o=Example
objectClass: routingTreeRoot

dn: PRMD=P,ADMD=TEST,c=GB,cn=white,ou=trees,o=Example
objectClass: pRMD
objectClass: routingInformation
`
	c, err := decoded(t, strings.Replace(shared, "globalDomainID", "routingTreeList: { \"cn=open,ou=trees,o=Example\" }\nglobalDomainID", 1))
	if err != nil {
		t.Fatal(err)
	}
	for _, n := range c.Nodes {
		if n.Tree != "open" {
			continue
		}
		if diff := cmp.Diff([]conf.NodeName{{Tree: conf.Tables}, {Tree: "white", At: "/ADMD=TEST/C=GB/"}}, n.SearchPoints); diff != "" {
			t.Error(diff)
		}
		if diff := cmp.Diff([]conf.NamingAttribute{"CN", "S", "O"}, n.SearchAttributes); diff != "" {
			t.Error(diff)
		}
	}
	for wrong, want := range map[string]string{
		"badAddressSearchAttributes: telephoneNumber":                              `badAddressSearchAttributes: "telephoneNumber" names nothing in an O/R address`,
		"badAddressSearchPoint: PRMD=Q,ADMD=TEST,c=GB,cn=white,ou=trees,o=Example": "badAddressSearchPoint: number 3: there is no [[node]] white /PRMD=Q/ADMD=TEST/C=GB/",
		"badAddressSearchPoint: cn=nobody,cn=white,ou=trees,o=Example":             "badAddressSearchPoint: ",
	} {
		text := strings.Replace(shared, "globalDomainID", "routingTreeList: { \"cn=open,ou=trees,o=Example\" }\nglobalDomainID", 1)
		text = strings.Replace(text, "badAddressSearchAttributes: commonName", "badAddressSearchAttributes: commonName\n"+wrong, 1)
		if _, err := decoded(t, text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", wrong, err)
		}
	}
}
