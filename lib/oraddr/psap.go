package oraddr

import (
	"encoding/hex"
	"errors"
	"fmt"
	"strings"
)

// The text form of a presentation address is that of RFC 1278 §4:
//
//	[[["psel" "/"] ssel "/"] tsel "/"] network-address *("_" network-address)
//
// A selector is written "text", 'hexadecimal'H, or #digits (an unsigned integer in
// two octets); an absent one not at all. Network addresses are written NS+ and
// the octets of the NSAP address in hexadecimal, which every reader knows; the
// other forms of RFC 1278 need tables of network prefixes and are not read.

var (
	errSelector = errors.New(`a selector is "text", 'hex'H or #number`)
	errNetwork  = errors.New("a network address is NS+hexadecimal")
	errNoNSAP   = errors.New("a presentation address needs a network address")
)

// maxSelectors is how many selectors stand before the network addresses.
const maxSelectors = 3

func canonicalPSAP(s string) (string, error) {
	p, err := parsePSAP(s)
	if err != nil {
		return "", err
	}
	return p.String(), nil
}

func parsePSAP(s string) (*wirePresentationAddress, error) {
	var selectors []*[]byte
	for {
		sel, rest, ok, err := parseSelector(s)
		if err != nil {
			return nil, err
		}
		if !ok {
			break
		}
		if selectors = append(selectors, sel); len(selectors) > maxSelectors {
			return nil, errSelector
		}
		s = rest
	}
	p := &wirePresentationAddress{}
	fields := [maxSelectors]**[]byte{&p.TSel, &p.SSel, &p.PSel}
	for i := range selectors {
		*fields[i] = selectors[len(selectors)-1-i]
	}
	if s == "" {
		return nil, errNoNSAP
	}
	for _, n := range strings.Split(s, "_") {
		digits, ok := cutFold(n, "NS+")
		octets, err := hex.DecodeString(digits)
		if !ok || err != nil || len(octets) == 0 {
			return nil, errNetwork
		}
		p.NSAPs = append(p.NSAPs, octets)
	}
	return p, nil
}

// parseSelector reads a selector and the slash after it.
func parseSelector(s string) (sel *[]byte, rest string, ok bool, err error) {
	if s == "" {
		return nil, s, false, nil
	}
	var octets []byte
	end := 0
	switch s[0] {
	case '/':
		return nil, s[1:], true, nil
	case '"':
		if end = strings.IndexByte(s[1:], '"') + 1; end == 0 {
			return nil, "", false, errSelector
		}
		octets = []byte(s[1:end])
		end++
	case '\'':
		if end = strings.Index(s, "'H"); end < 1 {
			return nil, "", false, errSelector
		}
		if octets, err = hex.DecodeString(s[1:end]); err != nil {
			return nil, "", false, errSelector
		}
		end += 2
	case '#':
		n := 0
		for end = 1; end < len(s) && '0' <= s[end] && s[end] <= '9' && n <= 0xffff; end++ {
			n = n*10 + int(s[end]-'0')
		}
		if end == 1 || n > 0xffff {
			return nil, "", false, errSelector
		}
		octets = []byte{byte(n >> 8), byte(n)}
	default:
		return nil, s, false, nil
	}
	if end == len(s) || s[end] != '/' {
		return nil, "", false, errSelector
	}
	return &octets, s[end+1:], true, nil
}

// String writes the address in the form of RFC 1278.
func (p *wirePresentationAddress) String() string {
	var b strings.Builder
	started := false
	for _, sel := range [...]*[]byte{p.PSel, p.SSel, p.TSel} {
		if sel == nil && !started {
			continue
		}
		started = true
		if sel != nil {
			writeSelector(&b, *sel)
		}
		b.WriteByte('/')
	}
	for i, n := range p.NSAPs {
		if i > 0 {
			b.WriteByte('_')
		}
		fmt.Fprintf(&b, "NS+%X", n)
	}
	return b.String()
}

func writeSelector(b *strings.Builder, sel []byte) {
	for _, c := range sel {
		if c < ' ' || c > '~' || c == '"' {
			fmt.Fprintf(b, "'%X'H", sel)
			return
		}
	}
	b.WriteByte('"')
	b.Write(sel)
	b.WriteByte('"')
}
