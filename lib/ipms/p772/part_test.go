package p772

import (
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
)

func part(o asn1.OID, octets ...byte) *ipms.ExtendedBodyPart {
	return &ipms.ExtendedBodyPart{Data: ipms.External{DirectReference: o, Encoding: ipms.ExternalEncoding{SingleASN1: ber.Raw(octets)}}}
}

// The texts and messages in military body parts; what is not of its type is neither.
func TestParts(t *testing.T) {
	aligned := []byte{0x16, 1, 'x'}
	octets := &ipms.ExtendedBodyPart{Data: ipms.External{DirectReference: DataACP127, Encoding: ipms.ExternalEncoding{OctetAligned: &aligned}}}
	for _, c := range []struct {
		name string
		x    *ipms.ExtendedBodyPart
		text string
		ok   bool
	}{
		{"line-oriented", part(DataADatP3, 0x80, 2, 'a', 'b'), "ab", true},
		{"set-oriented", part(DataADatP3, 0xa1, 6, 0x16, 1, 'a', 0x16, 1, 'b'), "a\nb", true},
		{"corrections", part(DataCorrections, 0x16, 1, 'c'), "c", true},
		{"acp127-data", part(DataACP127, 0x16, 1, 'd'), "d", true},
		{"octet-aligned", octets, "x", true},
		{"of another type", part(DataACP127, 0x02, 1, 7), "", false},
		{"of no type of its own", part(DataADatP3, 0x16, 1, 'c'), "", false},
		{"with more behind it", part(DataACP127, 0x16, 1, 'd', 5, 0), "", false},
		{"nothing", part(DataADatP3), "", false},
		{"encrypted", part(DataForwardedEncrypted, 0x03, 1, 0), "", false},
		{"another", part("1.2.3", 0x16, 1, 'd'), "", false},
	} {
		if text, ok := Text(c.x); text != c.text || ok != c.ok {
			t.Errorf("%s: %q, %v", c.name, text, ok)
		}
		if _, ok := Forwarded(c.x); ok {
			t.Errorf("%s: a message", c.name)
		}
	}
	m, ok := Forwarded(part(DataMMMessage, 0x30, 9, 0x31, 5, 0x6b, 3, 0x13, 1, '1', 0x30, 0))
	if !ok || m.Heading.ThisIPM.UserRelativeIdentifier != "1" {
		t.Errorf("%v, %v", m, ok)
	}
}
