package cms

import (
	"bytes"
	"slices"
)

// maxLabel bounds the octets of a security label.
const maxLabel = 64 << 10

// CanonicalLabel returns an ESSSecurityLabel (RFC 2634 §3.2), a SET whose components come
// in any order, in DER, which has them in the order of their tags (X.690 §10.3). What is
// inside the components stays as it is, but for the form of lengths and strings. The error,
// of kind diag.Data, says that it is no security label: there is no policy identifier, a
// component comes twice, or there is one that the type does not have.
func CanonicalLabel(octets []byte) ([]byte, error) {
	der, err := DER(octets, Limits{Octets: maxLabel, Depth: 16, Elements: 4096})
	if err != nil {
		return nil, err
	}
	c := newCursor(der, "securityLabel")
	s := c.enter("label", idSet)
	var components [][]byte
	seen := map[string]bool{}
	for s.more() {
		id := s.next()
		whole, _ := s.take("component")
		what := labelComponent(id)
		switch {
		case c.err() != nil:
		case what == "":
			s.failf("a component with identifier %#02x, which a label does not have", id)
		case seen[what]:
			s.failf("%s twice", what)
		}
		seen[what] = true
		components = append(components, whole)
	}
	c.end()
	if !seen["security-policy-identifier"] {
		c.failf("no security-policy-identifier")
	}
	if err := c.err(); err != nil {
		return nil, err
	}
	slices.SortFunc(components, func(a, b []byte) int { return int(a[0]&0x1f) - int(b[0]&0x1f) })
	sorted := element(idSet, components...)
	if bytes.Equal(sorted, der) {
		return der, nil
	}
	return sorted, nil
}

// labelComponent names a component of a label by its identifier; "": it has no such.
func labelComponent(identifier byte) string {
	switch identifier {
	case idInteger:
		return "security-classification"
	case idOID:
		return "security-policy-identifier"
	case idUTF8String, idPrintableString:
		return "privacy-mark"
	case idSet:
		return "security-categories"
	}
	return ""
}
