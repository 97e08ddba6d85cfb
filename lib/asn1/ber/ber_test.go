package ber_test

import (
	"encoding/hex"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// The types below are the P1 ones of the examples, as package mts would write
// them: they exercise every word of the tag grammar on real octets.

type (
	Choice2 struct {
		_         ber.Choice
		Numeric   *asn1.NumericString
		Printable *asn1.PrintableString
	}
	CountryName struct {
		_         ber.Choice `ber:"[APPLICATION 1]"`
		Numeric   *asn1.NumericString
		Printable *asn1.PrintableString
	}
	ADMDName struct {
		_         ber.Choice `ber:"[APPLICATION 2]"`
		Numeric   *asn1.NumericString
		Printable *asn1.PrintableString
	}
	GlobalDomainIdentifier struct {
		_       ber.Sequence `ber:"[APPLICATION 3]"`
		Country CountryName
		ADMD    ADMDName
		PRMD    *Choice2 `ber:"OPTIONAL"`
	}
	MTSIdentifier struct {
		_       ber.Sequence `ber:"[APPLICATION 4]"`
		Domain  GlobalDomainIdentifier
		LocalID asn1.IA5String
	}
	PersonalName struct {
		_          ber.Set
		Surname    asn1.PrintableString `ber:"[0]"`
		GivenName  asn1.PrintableString `ber:"[1] OPTIONAL"`
		Initials   asn1.PrintableString `ber:"[2] OPTIONAL"`
		Generation asn1.PrintableString `ber:"[3] OPTIONAL"`
	}
	StandardAttributes struct {
		Country      *CountryName           `ber:"OPTIONAL"`
		ADMD         *ADMDName              `ber:"OPTIONAL"`
		X121Address  asn1.NumericString     `ber:"[0] OPTIONAL"`
		TerminalID   asn1.PrintableString   `ber:"[1] OPTIONAL"`
		PRMD         *Choice2               `ber:"[2] OPTIONAL"`
		Organization asn1.PrintableString   `ber:"[3] OPTIONAL"`
		NumericID    asn1.NumericString     `ber:"[4] OPTIONAL"`
		PersonalName *PersonalName          `ber:"[5] OPTIONAL"`
		Units        []asn1.PrintableString `ber:"[6] OPTIONAL"`
	}
	ORName struct {
		_        ber.Sequence `ber:"[APPLICATION 0]"`
		Standard StandardAttributes
		Defined  []Attribute `ber:"OPTIONAL"`
		Extended []Extended  `ber:"SET OPTIONAL"`
		Name     ber.Raw     `ber:"[0] OPTIONAL"`
	}
	Attribute struct {
		Type, Value asn1.PrintableString
	}
	Extended struct {
		Type  int     `ber:"[0]"`
		Value ber.Raw `ber:"[1]"`
	}
	Priority     int
	ContentType  int
	Indicators   asn1.BitString
	TraceElement struct {
		Domain GlobalDomainIdentifier
		Action DomainAction
	}
	DomainAction struct {
		_             ber.Set
		ArrivalTime   asn1.UTCTime            `ber:"[0]"`
		RoutingAction asn1.Enumerated         `ber:"[2]"`
		Attempted     *GlobalDomainIdentifier `ber:"OPTIONAL"`
		DeferredTime  asn1.UTCTime            `ber:"[1] OPTIONAL"`
		OtherActions  asn1.BitString          `ber:"[3] DEFAULT {}"`
	}
	Trace          []TraceElement
	ExtensionField struct {
		Type        ExtensionType
		Criticality asn1.BitString `ber:"[1] DEFAULT {}"`
		Value       ber.Raw        `ber:"[2] OPTIONAL"`
	}
	ExtensionType struct {
		_        ber.Choice
		Standard *int      `ber:"[0]"`
		Private  *asn1.OID `ber:"[3]"`
	}
	PerRecipient struct {
		_          ber.Set
		Recipient  ORName
		Number     int              `ber:"[0]"`
		Indicators asn1.BitString   `ber:"[1]"`
		Conversion *int             `ber:"[2] OPTIONAL"`
		Extensions []ExtensionField `ber:"[3] SET DEFAULT"`
	}
	Envelope struct {
		_           ber.Set
		Identifier  MTSIdentifier
		Originator  ORName
		ContentType ContentType
		ContentID   asn1.PrintableString `ber:"[APPLICATION 10] OPTIONAL"`
		Priority    Priority             `ber:"DEFAULT"`
		Indicators  Indicators           `ber:"DEFAULT {}"`
		Deferred    asn1.UTCTime         `ber:"[0] OPTIONAL"`
		Trace       Trace
		Extensions  []ExtensionField `ber:"[3] SET DEFAULT"`
		Recipients  []PerRecipient   `ber:"[2]"`
		Unknown     []ber.Raw        `ber:"..."`
	}
	Message struct {
		Envelope Envelope
		Content  []byte
	}
	APDU struct {
		_       ber.Choice
		Message *Message `ber:"[0]"`
		Report  ber.Raw  `ber:"[1]"`
		Probe   ber.Raw  `ber:"[2]"`
	}
)

func (Priority) ASN1Type() string    { return "[APPLICATION 7] ENUMERATED" }
func (ContentType) ASN1Type() string { return "[APPLICATION 6]" }
func (Indicators) ASN1Type() string  { return "[APPLICATION 8]" }
func (Trace) ASN1Type() string       { return "[APPLICATION 9]" }

func ptr[T any](v T) *T { return &v }

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(s), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

const message = `
A0 82 01 92
  31 82 01 01
    64 23
      63 15  61 04  13 02 47 42 62 06  13 04 54 45 53 54 13 05 41 4C 50 48 41
      16 0A 4D 54 41 2D 41 2E 30 30 30 31
    60 2C
      30 2A
        61 04  13 02 47 42
        62 06  13 04 54 45 53 54
        A2 07  13 05 41 4C 50 48 41
        83 03 4F 72 67
        A5 0C  80 05 53 6D 69 74 68 81 03 41 6E 6E
    46 01 16
    48 02 04 80
    69 2D
      30 2B
        63 15  61 04  13 02 47 42 62 06  13 04 54 45 53 54 13 05 41 4C 50 48 41
        31 12  80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 82 01 00
    A3 3D
      30 3B
        80 01 26
        A2 36
          30 34
            30 32
              63 15  61 04  13 02 47 42 62 06  13 04 54 45 53 54 13 05 41 4C 50 48 41
              16 05 4D 54 41 2D 41
              31 12  80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 82 01 00
    A2 37
      31 35
        60 2C
          30 2A
            61 04  13 02 47 42
            62 06  13 04 54 45 53 54
            A2 07  13 05 42 52 41 56 4F
            83 03 4F 72 67
            A5 0C  80 05 4A 6F 6E 65 73 81 03 42 6F 62
        80 01 01
        81 02 00 D0
  04 81 8A A0 81 87 31 70 6B 31 60 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 41 4C 50 48 41 83 03 4F 72 67 A5 0C 80 05 53 6D 69 74 68 81 03 41 6E 6E 13 01 31 A2 32 31 30 A0 2E 60 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 42 52 41 56 4F 83 03 4F 72 67 A5 0C 80 05 4A 6F 6E 65 73 81 03 42 6F 62 A8 07 14 05 48 65 6C 6C 6F 30 13 A0 11 31 00 16 0D 48 65 6C 6C 6F 20 77 6F 72 6C 64 0D 0A`

func TestMessageDecodes(t *testing.T) {
	in := unhex(t, message)
	var got APDU
	rest, err := ber.Unmarshal(in, &got, ber.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if len(rest) != 0 {
		t.Errorf("%d octets left", len(rest))
	}
	e := got.Message.Envelope
	domain := GlobalDomainIdentifier{
		Country: CountryName{Printable: ptr[asn1.PrintableString]("GB")},
		ADMD:    ADMDName{Printable: ptr[asn1.PrintableString]("TEST")},
		PRMD:    &Choice2{Printable: ptr[asn1.PrintableString]("ALPHA")},
	}
	if diff := cmp.Diff(MTSIdentifier{Domain: domain, LocalID: "MTA-A.0001"}, e.Identifier); diff != "" {
		t.Error(diff)
	}
	action := DomainAction{ArrivalTime: "261124043000Z"}
	if diff := cmp.Diff(Trace{{Domain: domain, Action: action}}, e.Trace); diff != "" {
		t.Error(diff)
	}
	if e.ContentType != 22 || e.Priority != 0 || !asn1.BitString(e.Indicators).At(0) {
		t.Errorf("content type %d, priority %d, indicators %v", e.ContentType, e.Priority, e.Indicators)
	}
	if name := e.Recipients[0].Recipient.Standard.PersonalName; name.Surname != "Jones" || name.GivenName != "Bob" {
		t.Errorf("recipient %+v", name)
	}
	if tag := e.Extensions[0].Value.Tag(); tag != asn1.Univ(16) || *e.Extensions[0].Type.Standard != 38 {
		t.Errorf("extension %v of %v", *e.Extensions[0].Type.Standard, tag)
	}
	if n := len(got.Message.Content); n != 138 {
		t.Errorf("content of %d octets", n)
	}
	out, err := ber.Marshal(got)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(hex.EncodeToString(in), hex.EncodeToString(out)); diff != "" {
		t.Error(diff)
	}
}

func BenchmarkUnmarshalMessage(b *testing.B) {
	in := unhex(b, message)
	b.SetBytes(int64(len(in)))
	b.ReportAllocs()
	for b.Loop() {
		var a APDU
		if _, err := ber.Unmarshal(in, &a, ber.Limits{}); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkMarshalMessage(b *testing.B) {
	var a APDU
	if _, err := ber.Unmarshal(unhex(b, message), &a, ber.Limits{}); err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	var out []byte
	for b.Loop() {
		var err error
		if out, err = ber.Append(out[:0], &a); err != nil {
			b.Fatal(err)
		}
	}
}
