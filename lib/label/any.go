package label

import (
	"encoding/base64"
	"encoding/hex"
	"strings"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// ParseAny reads a label that is the octets of BER, hexadecimal digits, base64, or the
// text form of Parse. They are told apart by what they are: octets have control
// characters or are not UTF-8, hexadecimal begins with the tag 31, and base64 is that of
// exactly one element with this tag. A text without an element is an error, as no label is
// meant by it.
func ParseAny(in []byte, names Names) (*Label, error) {
	if octets, ok := encoding(in, 0x31); ok {
		return Decode(octets)
	}
	if strings.TrimSpace(string(in)) == "" {
		return nil, diag.New("label", diag.Data, "an empty text is none")
	}
	return Parse(string(in), names)
}

// ParseAnyClearance reads a clearance as ParseAny does a label; its tag is 30.
func ParseAnyClearance(in []byte, names Names) (*Clearance, error) {
	if octets, ok := encoding(in, 0x30); ok {
		return DecodeClearance(octets)
	}
	return ParseClearance(string(in), names)
}

// ParseField reads the value of a field of a header that has a label in base64, folded
// or not; ok is false if it is none, and may be a marking.
func ParseField(value string) (l *Label, ok bool, err error) {
	octets, ok := base64Of(strings.Join(strings.Fields(value), ""), 0x31)
	if !ok {
		return nil, false, nil
	}
	l, err = Decode(octets)
	return l, true, err
}

// encoding returns the octets that an input is, or stands for; false if it is a text.
func encoding(in []byte, tag byte) ([]byte, bool) {
	control := func(r rune) bool { return r < ' ' && !strings.ContainsRune("\t\r\n", r) }
	if !utf8.Valid(in) || strings.IndexFunc(string(in), control) >= 0 {
		return in, true
	}
	digits := strings.Join(strings.Fields(string(in)), "")
	if octets, err := hex.DecodeString(digits); err == nil && len(octets) > 1 && octets[0] == tag {
		return octets, true
	}
	return base64Of(digits, tag)
}

// base64Of returns what a text is the base64 of, if that is one element with a tag.
func base64Of(text string, tag byte) ([]byte, bool) {
	octets, err := base64.StdEncoding.DecodeString(text)
	var raw ber.Raw
	if err != nil || len(octets) == 0 || octets[0] != tag || whole(octets, &raw, "") != nil {
		return nil, false
	}
	return octets, true
}
