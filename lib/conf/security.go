package conf

import (
	"strconv"

	"github.com/mtakit/mtakit/lib/quantity"
)

// The values of Security.Revocation.
const (
	RevocationGiven    = "given"    // what lists and responses say counts; without any of an issuer its certificates are taken
	RevocationRequired = "required" // without any they are not
)

// Security says by what signatures and security labels are judged.
type Security struct {
	Policies     []string `json:"policies,omitempty" toml:"policies"`           // files: SPIFs of X.841 in the Open XML form
	DefaultLabel string   `json:"default-label,omitempty" toml:"default-label"` // what counts for messages that have none; empty: nothing

	// Files: PEM, or of responses DER.
	Roots         []string `json:"roots,omitempty" toml:"roots"`
	Intermediates []string `json:"intermediates,omitempty" toml:"intermediates"`
	Lists         []string `json:"revocation-lists,omitempty" toml:"revocation-lists"`
	Responses     []string `json:"ocsp-responses,omitempty" toml:"ocsp-responses"`
	Revocation    string   `json:"revocation" toml:"revocation"`
	SHA1          bool     `json:"sha1" toml:"sha1"` // will do, for what was signed long ago

	MaxSigned quantity.Octets `json:"max-signed-size" toml:"max-signed-size"` // a content that is longer is not verified
}

// NewSecurity returns a Security with the defaults.
func NewSecurity() Security {
	return Security{Revocation: RevocationGiven, MaxSigned: 64 * mib}
}

// files are those that are named, none of them secret.
func (s *Security) files() [][]string {
	return [][]string{s.Policies, s.Roots, s.Intermediates, s.Lists, s.Responses}
}

// maxClearances bounds the clearances of one user, peer or channel, one for each security policy.
const maxClearances = 16

// security checks what can be checked without the files.
func (v *validator) security() {
	v.in("security")
	s := &v.c.Security
	if s.Revocation != RevocationGiven && s.Revocation != RevocationRequired {
		v.faultf("revocation", "%s is neither %s nor %s", quote([]byte(s.Revocation)), RevocationGiven, RevocationRequired)
	}
	v.between("max-signed-size", int64(s.MaxSigned), 4096, 256*mib)
	for _, l := range []struct {
		key string
		of  []string
	}{{"policies", s.Policies}, {"roots", s.Roots}, {"intermediates", s.Intermediates}, {"revocation-lists", s.Lists}, {"ocsp-responses", s.Responses}} {
		for i, name := range l.of {
			if name == "" {
				v.faultf(l.key+"["+strconv.Itoa(i)+"]", "no name of a file")
			}
		}
	}
}

// clearances checks those of somebody; what they say only the security policies tell.
func (v *validator) clearances(all []string) {
	if n := len(all); n > maxClearances {
		v.faultf("clearance", "%d of them; there are at most %d, one for each security policy", n, maxClearances)
	}
	for i, text := range all {
		if text == "" {
			v.faultf("clearance["+strconv.Itoa(i)+"]", "it is empty")
		}
	}
}
