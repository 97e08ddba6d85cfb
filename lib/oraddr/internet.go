package oraddr

import (
	"strconv"
	"strings"
)

// RFC822 returns the Internet address that a domain-defined attribute RFC-822 holds, its
// PrintableString read as RFC 2156 §3.4 encodes ASCII; it is empty if there is none. Where
// a parenthesis begins no character of that encoding, it stands for itself.
func (a *Address) RFC822() string {
	for _, d := range a.DomainDefined() {
		if strings.EqualFold(d.Type.best(), "RFC-822") {
			return asciiOf(d.Value.best())
		}
	}
	return ""
}

// asciiOf decodes ps-encoded of RFC 2156 §3.4.
func asciiOf(s string) string {
	if !strings.Contains(s, "(") {
		return s
	}
	const letters, stand = "apbqulrAPBQULR", `@%!"_()@%!"_()`
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if rest := s[i:]; rest[0] == '(' && len(rest) >= 3 {
			if at := strings.IndexByte(letters, rest[1]); at >= 0 && rest[2] == ')' {
				b.WriteByte(stand[at])
				i += 2
				continue
			}
			if len(rest) >= 5 && rest[4] == ')' {
				if n, err := strconv.ParseUint(rest[1:4], 10, 7); err == nil {
					b.WriteByte(byte(n))
					i += 4
					continue
				}
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
