package oraddr

import (
	"fmt"
	"strings"
)

// The PSAP address of an O/R address is canonical with its network addresses as NSAP
// addresses, NS+ and hexadecimal: equal addresses then have equal text.

func canonicalPSAP(s string) (string, error) {
	p, err := parsePSAP(s)
	if err != nil {
		return "", err
	}
	return p.String(), nil
}

func parsePSAP(s string) (*wirePresentationAddress, error) {
	p, err := ParsePresentationAddress(s)
	if err != nil {
		return nil, err
	}
	w := &wirePresentationAddress{PSel: pointer(p.PSEL), SSel: pointer(p.SSEL), TSel: pointer(p.TSEL)}
	for _, n := range p.Networks {
		octets, err := n.nsap()
		if err != nil {
			return nil, err
		}
		w.NSAPs = append(w.NSAPs, octets)
	}
	return w, nil
}

func pointer(sel []byte) *[]byte {
	if sel == nil {
		return nil
	}
	return &sel
}

func selectorOf(sel *[]byte) []byte {
	switch {
	case sel == nil:
		return nil
	case *sel == nil:
		return []byte{}
	}
	return *sel
}

// String writes the address in the form of RFC 1278.
func (p *wirePresentationAddress) String() string {
	var b strings.Builder
	PresentationAddress{PSEL: selectorOf(p.PSel), SSEL: selectorOf(p.SSel), TSEL: selectorOf(p.TSel)}.writeSelectors(&b)
	for i, n := range p.NSAPs {
		if i > 0 {
			b.WriteByte('_')
		}
		fmt.Fprintf(&b, "NS+%X", n)
	}
	return b.String()
}
