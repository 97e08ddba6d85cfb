package mts

import (
	"errors"
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// MTSIdentifier identifies a message, probe or report in the MTS, X.411
// §8.2.1.1.2: the domain that made it and a local identifier of at most
// UbLocalIDLength characters, unique in that domain for all time.
type MTSIdentifier struct {
	_                      ber.Sequence `ber:"[APPLICATION 4]"`
	GlobalDomainIdentifier GlobalDomainIdentifier
	LocalIdentifier        asn1.IA5String
}

// Equal reports whether i and j identify the same object: the same domain, and
// local identifiers equal octet for octet.
func (i MTSIdentifier) Equal(j MTSIdentifier) bool {
	return i.LocalIdentifier == j.LocalIdentifier &&
		i.GlobalDomainIdentifier.Equal(j.GlobalDomainIdentifier)
}

// String returns i in the form of RFC 2156 §4.3.3 for message identifiers,
// "[/PRMD=ALPHA/ADMD=TEST/C=GB/;MTA-A.0001]". In the local identifier a
// backslash is doubled and an octet outside the printable characters is written
// \xNN, so that the text is one line whatever a peer has sent, and
// ParseMTSIdentifier gives back the same octets.
func (i MTSIdentifier) String() string {
	var b strings.Builder
	b.WriteByte('[')
	b.WriteString(i.GlobalDomainIdentifier.String())
	b.WriteByte(';')
	escape(&b, string(i.LocalIdentifier))
	b.WriteByte(']')
	return b.String()
}

var errIdentifier = errors.New("want [/PRMD=…/ADMD=…/C=…/;local-identifier]")

// ParseMTSIdentifier reads the text form that String writes. The domain may be
// any address text with C, ADMD and PRMD only that ends in a slash.
func ParseMTSIdentifier(s string) (MTSIdentifier, error) {
	const op = "mts: message identifier"
	inner, ok := strings.CutPrefix(s, "[")
	if ok {
		inner, ok = strings.CutSuffix(inner, "]")
	}
	if !ok {
		return MTSIdentifier{}, diag.E(op, diag.Data, errIdentifier)
	}
	end := domainEnd(inner)
	if end < 0 {
		return MTSIdentifier{}, diag.E(op, diag.Data, errIdentifier)
	}
	domain, err := ParseGlobalDomainIdentifier(inner[:end])
	if err != nil {
		return MTSIdentifier{}, err
	}
	local, err := unescape(inner[end+1:])
	if err != nil {
		return MTSIdentifier{}, diag.E(op, diag.Data, err)
	}
	if local == "" || len(local) > UbLocalIDLength {
		return MTSIdentifier{}, diag.E(op, diag.Data,
			fmt.Errorf("local identifier has %d characters, want 1 to %d", len(local), UbLocalIDLength))
	}
	return MTSIdentifier{GlobalDomainIdentifier: domain, LocalIdentifier: asn1.IA5String(local)}, nil
}

// domainEnd returns the length of the domain that s begins with, which ends in a
// slash before a semicolon, neither of them quoted by the dollar sign of
// RFC 2156 §4.1.1; -1 where there is none.
func domainEnd(s string) int {
	for i := 0; i+1 < len(s); i++ {
		switch {
		case s[i] == '$':
			i++
		case s[i] == '/' && s[i+1] == ';':
			return i + 1
		}
	}
	return -1
}

func escape(b *strings.Builder, s string) {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c == '\\':
			b.WriteString(`\\`)
		case c < ' ' || c > '~':
			fmt.Fprintf(b, `\x%02x`, c)
		default:
			b.WriteByte(c)
		}
	}
}

func unescape(s string) (string, error) {
	if strings.IndexByte(s, '\\') < 0 {
		return s, nil
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			b.WriteByte(s[i])
			continue
		}
		switch rest := s[i+1:]; {
		case strings.HasPrefix(rest, `\`):
			b.WriteByte('\\')
			i++
		case len(rest) >= 3 && rest[0] == 'x' && hexDigit(rest[1]) >= 0 && hexDigit(rest[2]) >= 0:
			b.WriteByte(byte(hexDigit(rest[1])<<4 | hexDigit(rest[2])))
			i += 3
		default:
			return "", fmt.Errorf("backslash at %d begins neither \\\\ nor \\xNN", i)
		}
	}
	return b.String(), nil
}

func hexDigit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}
