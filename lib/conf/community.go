package conf

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Community is a transport community, within which everybody can call everybody (RFC 1801
// §18.1): one of the names of its appendix B, or an object identifier.
type Community string

// wellKnown are the communities of RFC 1801, appendix B, each at its number less one.
var wellKnown = []Community{"tc-cons", "tc-clns", "tc-internet", "tc-int-x25", "tc-ixi", "tc-janet"}

// wellKnownOID is the object identifier of one of wellKnown, ts-communities and its number.
func wellKnownOID(i int) asn1.OID { return asn1.OID("1.3.6.1.4.1.453.4." + strconv.Itoa(i+1)) }

// UnmarshalText implements encoding.TextUnmarshaler.
func (c *Community) UnmarshalText(text []byte) error {
	for i, name := range wellKnown {
		if strings.EqualFold(string(text), string(name)) || string(text) == string(wellKnownOID(i)) {
			*c = name
			return nil
		}
	}
	if err := asn1.OID(text).Valid(); err != nil {
		return fmt.Errorf("%s is neither one of %v nor an object identifier", quote(text), wellKnown)
	}
	*c = Community(text)
	return nil
}

// OID returns the object identifier.
func (c Community) OID() asn1.OID {
	if i := slices.Index(wellKnown, c); i >= 0 {
		return wellKnownOID(i)
	}
	return asn1.OID(c)
}

// Apart tells why a peer cannot be used: that this MTA and it are in no common transport
// community. It is "" if they are in one, or if one of the two names none.
func (c *Config) Apart(p *Peer) string {
	own := c.Identity.Communities
	if len(own) == 0 || len(p.Communities) == 0 || slices.ContainsFunc(own, func(o Community) bool { return slices.Contains(p.Communities, o) }) {
		return ""
	}
	return fmt.Sprintf("no common transport community: %s, and %s here", listed(p.Communities), listed(own))
}

func listed(all []Community) string {
	names := make([]string, len(all))
	for i, c := range all {
		names[i] = string(c)
	}
	return strings.Join(names, ", ")
}

func (v *validator) communities(all []Community) {
	for i, c := range all {
		if slices.Contains(all[:i], c) {
			v.faultf(fmt.Sprintf("communities[%d]", i), "%s twice", c)
		}
	}
}
