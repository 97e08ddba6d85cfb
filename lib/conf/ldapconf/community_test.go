package ldapconf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/conf"
)

// RFC 1801 §18.1, §17: the communities of an MTA are in its own entry, and in a bilateral one
// what the two have agreed on; so are the extensions of §18.3.
func TestSection18_1_TransportCommunity(t *testing.T) {
	text := strings.NewReplacer(
		"globalDomainID", "transportCommunity: 1.3.6.1.4.1.453.4.3\ntransportCommunity: 1.2.3\nglobalDomainID",
		"mtakitMaxSize: 1MiB", "transportCommunity: 1.3.6.1.4.1.453.4.5\nsupportedMTSExtensions: "+extensions+"5\nsupportedMTSExtensions: 1.2.3\nmtakitMaxSize: 1MiB",
		"mTAName: MTA-C", "mTAName: MTA-C\nmtakitAddress: \"MTA-C\"/Internet=192.0.2.3+102\ntransportCommunity: 1.3.6.1.4.1.453.4.6",
	).Replace(switchA) + `
dn: cn=C,ou=peer,cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitPeer
mTAName: MTA-C
transportCommunity: 1.2.3
transportCommunity: tc-ixi
supportedMTSExtensions: message-token
`
	c, err := decoded(t, text)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]conf.Community{"tc-internet", "1.2.3"}, c.Identity.Communities); diff != "" {
		t.Error(diff)
	}
	got := map[string]string{}
	for _, p := range c.Peers {
		got[p.Name] = c.Apart(&p)
		want := []conf.MTSExtension{"latest-delivery-time", "1.2.3"}
		if p.Name == "MTA-C" {
			want = []conf.MTSExtension{"message-token"}
		}
		if diff := cmp.Diff(want, p.Extensions); diff != "" {
			t.Errorf("%s: %s", p.Name, diff)
		}
	}
	want := map[string]string{"MTA-B": "no common transport community: tc-ixi, and tc-internet, 1.2.3 here", "MTA-C": ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if _, err := decoded(t, strings.Replace(text, "transportCommunity: 1.2.3", "transportCommunity: internet", 1)); err == nil || !strings.Contains(err.Error(), `transportCommunity: "internet" is neither one of`) {
		t.Error(err)
	}
}
