package conf

import (
	"strings"
	"testing"
)

// The names and object identifiers of RFC 1801, appendix B (figure 20).
func TestAppendixB_TransportCommunities(t *testing.T) {
	for text, want := range map[string]Community{
		"tc-cons": "tc-cons", "1.3.6.1.4.1.453.4.1": "tc-cons", "1.3.6.1.4.1.453.4.2": "tc-clns", "1.3.6.1.4.1.453.4.3": "tc-internet",
		"1.3.6.1.4.1.453.4.4": "tc-int-x25", "1.3.6.1.4.1.453.4.5": "tc-ixi", "TC-Janet": "tc-janet",
		"1.3.6.1.4.1.453.4.7": "1.3.6.1.4.1.453.4.7", "1.2.3": "1.2.3",
	} {
		var c, again Community
		if err := c.UnmarshalText([]byte(text)); err != nil || c != want {
			t.Errorf("%s is %s, %v", text, c, err)
		}
		if err := again.UnmarshalText([]byte(c.OID())); err != nil || again != c {
			t.Errorf("%s is %s, which is %s, %v", c, c.OID(), again, err)
		}
	}
	for _, text := range []string{"", "internet", "tc-internet ", "1", "1.3.6.1.4.1.453.4."} {
		if err := new(Community).UnmarshalText([]byte(text)); err == nil {
			t.Errorf("%q is a community", text)
		}
	}
}

// RFC 1801 §18.1: without a community in common there is no connection; who names none may be in
// any.
func TestSection18_1_Apart(t *testing.T) {
	for _, tt := range []struct{ own, peer, want string }{
		{"", "", ""},
		{"tc-internet", "", ""},
		{"", "tc-ixi", ""},
		{"tc-internet tc-ixi", "1.2.3 tc-ixi", ""},
		{"tc-internet tc-janet", "tc-ixi", "no common transport community: tc-ixi, and tc-internet, tc-janet here"},
	} {
		c := New()
		p := NewPeer()
		for _, one := range strings.Fields(tt.own) {
			c.Identity.Communities = append(c.Identity.Communities, Community(one))
		}
		for _, one := range strings.Fields(tt.peer) {
			p.Communities = append(p.Communities, Community(one))
		}
		if got := c.Apart(&p); got != tt.want {
			t.Errorf("%q and %q: %q", tt.own, tt.peer, got)
		}
	}
}
