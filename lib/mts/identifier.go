package mts

import (
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
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
// \xNN, so that the text is one line whatever a peer has sent, and that of no other
// identifier.
func (i MTSIdentifier) String() string {
	var b strings.Builder
	b.WriteByte('[')
	b.WriteString(i.GlobalDomainIdentifier.String())
	b.WriteByte(';')
	escape(&b, string(i.LocalIdentifier))
	b.WriteByte(']')
	return b.String()
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
