package ipms

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1/ber"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// hello is a P22 content from Ann Smith to Bob Jones.
const hello = `A0 81 87 31 70 6B 31 60 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 41 4C 50 48 41
	83 03 4F 72 67 A5 0C 80 05 53 6D 69 74 68 81 03 41 6E 6E 13 01 31 A2 32 31 30 A0 2E 60 2C 30 2A 61 04 13 02
	47 42 62 06 13 04 54 45 53 54 A2 07 13 05 42 52 41 56 4F 83 03 4F 72 67 A5 0C 80 05 4A 6F 6E 65 73 81 03 42
	6F 62 A8 07 14 05 48 65 6C 6C 6F 30 13 A0 11 31 00 16 0D 48 65 6C 6C 6F 20 77 6F 72 6C 64 0D 0A`

func TestHello(t *testing.T) {
	content := unhex(t, hello)
	o, err := Decode(content)
	if err != nil {
		t.Fatal(err)
	}
	if got := o.IPM.Heading.SubjectText(); got != "Hello" {
		t.Errorf("subject %q", got)
	}
	if text, ok := o.IPM.Body[0].Text(); !ok || text != "Hello world\r\n" {
		t.Errorf("text %q, %v", text, ok)
	}
	again, err := o.Encode()
	if err != nil || !bytes.Equal(again, content) {
		t.Errorf("re-encoded as %x, %v", again, err)
	}
	var shown bytes.Buffer
	if err := Render(&shown, o, Dialect{}); err != nil {
		t.Fatal(err)
	}
	const want = `To: /G=Bob/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/
Subject: Hello
This-IPM: 1 /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/

Hello world
`
	if d := cmp.Diff(want, shown.String()); d != "" {
		t.Error(d)
	}
}

func TestTypes(t *testing.T) {
	for _, v := range []any{InformationObject{}, IPM{}, IPN{}, BodyPart{}, External{}, FileTransferParameters{},
		OtherMessageDeliveryFields{}, UniversalOrBMPString{},
		BodyPartSignatures{}, IPMSecurityLabel{}, []CirculationMember{}, []DistributionCode{}, []InformationCategory{},
		IPNSecurityResponse{}, AbsenceAdvice{}, ChangeOfAddressAdvice{}, VoiceParameters{}, ForwardedContentParameters{},
		ReportDeliveryArgument{}} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}
