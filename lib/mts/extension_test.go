package mts

import (
	"bytes"
	"encoding/hex"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

func unhex(t testing.TB, s string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.ReplaceAll(s, " ", ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func ptr[T any](v T) *T { return &v }

func name(t testing.TB, text string) oraddr.ORName {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	n, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// check encodes an extension with a value, compares the octets of the whole
// field, and reads the value back.
func check[T any](t *testing.T, e Extension[T], number ExtensionNumber, value T, want string) {
	t.Helper()
	if e.Type().StandardExtension == nil || *e.Type().StandardExtension != number {
		t.Errorf("%v is not number %d", e, number)
	}
	fields, err := SetExt(nil, e, value)
	if err != nil {
		t.Errorf("%v: %v", e, err)
		return
	}
	got, err := ber.Marshal(fields[0])
	if err != nil {
		t.Errorf("%v: %v", e, err)
		return
	}
	if want != "" && !bytes.Equal(got, unhex(t, want)) {
		t.Errorf("%v: % X, want %s", e, got, want)
	}
	var field ExtensionField
	if _, err := ber.Unmarshal(got, &field, ber.Limits{}); err != nil {
		t.Errorf("%v: %v", e, err)
		return
	}
	back, ok, err := Ext([]ExtensionField{field}, e)
	if err != nil || !ok {
		t.Errorf("%v: read back: %v, %v", e, ok, err)
		return
	}
	if diff := cmp.Diff(value, back); diff != "" {
		t.Errorf("%v: read back: %s", e, diff)
	}
}

const (
	ann      = "60 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 41 4C 50 48 41 83 03 4F 72 67 A5 0C 80 05 53 6D 69 74 68 81 03 41 6E 6E"
	annText  = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	alpha    = "63 15 61 04 13 02 47 42 62 06 13 04 54 45 53 54 13 05 41 4C 50 48 41"
	noonUTC  = "17 0D 32 36 31 31 32 34 31 32 30 30 30 30 5A"
	noonTime = Time("261124120000Z")
)

// Every standard extension has its number, its recommended criticality and a
// value of its type.
func TestStandardExtensions(t *testing.T) {
	n := name(t, annText)
	raw := ber.Raw{0x30, 0x03, 0x02, 0x01, 0x07}
	algorithm := AlgorithmIdentifier{Algorithm: "1.2.3", Parameters: ber.Raw{0x05, 0x00}}
	signature := Signature{AlgorithmIdentifier: algorithm, Encrypted: asn1.BitString{Bytes: []byte{0xAB}, BitLength: 8}}
	const signatureOctets = "30 0C 30 06 06 02 2A 03 05 00 03 02 00 AB"
	check(t, ExtRecipientReassignmentProhibited, 1, Prohibited, "30 0C 80 01 01 81 02 05 20 A2 03 0A 01 01")
	check(t, ExtOriginatorRequestedAlternateRecipient, 2, n, "30 37 80 01 02 81 02 07 80 A2 2E "+ann)
	check(t, ExtDLExpansionProhibited, 3, Prohibited, "30 0C 80 01 03 81 02 05 20 A2 03 0A 01 01")
	check(t, ExtConversionWithLossProhibited, 4, Allowed, "30 0C 80 01 04 81 02 05 20 A2 03 0A 01 00")
	check(t, ExtLatestDeliveryTime, 5, noonTime, "30 18 80 01 05 81 02 05 20 A2 0F "+noonUTC)
	check(t, ExtRequestedDeliveryMethod, 6, []DeliveryMethod{PhysicalDelivery, MHSDelivery}, "30 0D 80 01 06 A2 08 30 06 02 01 02 02 01 01")
	check(t, ExtPhysicalForwardingProhibited, 7, Prohibited, "30 0C 80 01 07 81 02 05 20 A2 03 0A 01 01")
	check(t, ExtPhysicalForwardingAddressRequest, 8, Requested, "30 0C 80 01 08 81 02 05 20 A2 03 0A 01 01")
	check(t, ExtPhysicalDeliveryModes, 9, PhysicalDeliveryModes(asn1.Bits(ExpressMail)), "30 0D 80 01 09 81 02 05 20 A2 04 03 02 05 20")
	check(t, ExtRegisteredMailType, 10, RegisteredMail, "30 0C 80 01 0A 81 02 05 20 A2 03 02 01 01")
	check(t, ExtRecipientNumberForAdvice, 11, asn1.TeletexString("12"), "30 0D 80 01 0B 81 02 05 20 A2 04 14 02 31 32")
	check(t, ExtPhysicalRenditionAttributes, 12, asn1.OID("2.6.3.5.0"), "")
	check(t, ExtOriginatorReturnAddress, 13, oraddr.ORAddress{StandardAttributes: n.StandardAttributes}, "30 33 80 01 0D A2 2E 30"+ann[2:])
	check(t, ExtPhysicalDeliveryReportRequest, 14, ReturnOfNotificationByMHS, "30 0C 80 01 0E 81 02 05 20 A2 03 02 01 02")
	check(t, ExtOriginatorCertificate, 15, raw, "30 0A 80 01 0F A2 05 30 03 02 01 07")
	check(t, ExtMessageToken, 16, Token{TokenTypeIdentifier: "1.2.3", Token: raw}, "30 16 80 01 10 81 02 05 20 A2 0D 30 0B 80 02 2A 03 A1 05 30 03 02 01 07")
	check(t, ExtContentConfidentialityAlgorithm, 17, algorithm, "30 11 80 01 11 81 02 05 20 A2 08 30 06 06 02 2A 03 05 00")
	check(t, ExtContentIntegrityCheck, 18, signature, "30 17 80 01 12 81 02 05 20 A2 0E "+signatureOctets)
	check(t, ExtMessageOriginAuthenticationCheck, 19, signature, "")
	check(t, ExtMessageSecurityLabel, 20, SecurityLabel{
		SecurityPolicyIdentifier: "1.2.3",
		SecurityClassification:   ptr(Secret),
		PrivacyMark:              "EYES",
		SecurityCategories:       []SecurityCategory{{Type: "1.2.3", Value: ber.Raw{0x02, 0x01, 0x07}}},
	}, "30 25 80 01 14 81 02 05 20 A2 1C 31 1A 02 01 04 06 02 2A 03 31 0B 30 09 80 02 2A 03 A1 03 02 01 07 13 04 45 59 45 53")
	check(t, ExtProofOfSubmissionRequest, 21, Requested, "30 0C 80 01 15 81 02 07 80 A2 03 0A 01 01")
	check(t, ExtProofOfDeliveryRequest, 22, Requested, "30 0C 80 01 16 81 02 05 20 A2 03 0A 01 01")
	check(t, ExtContentCorrelator, 23, ContentCorrelator{IA5Text: ptr(asn1.IA5String("c"))}, "30 08 80 01 17 A2 03 16 01 63")
	check(t, ExtContentCorrelator, 23, ContentCorrelator{Octets: &[]byte{1}}, "30 08 80 01 17 A2 03 04 01 01")
	check(t, ExtProbeOriginAuthenticationCheck, 24, signature, "")
	check(t, ExtRedirectionHistory, 25, []Redirection{{
		IntendedRecipientName: IntendedRecipientName{IntendedRecipient: n, RedirectionTime: noonTime},
		RedirectionReason:     RecipientMDAssignedAlternateRecipient,
	}}, "30 4B 80 01 19 A2 46 30 44 30 42 30 3D "+ann+noonUTC+"0A 01 02")
	check(t, ExtDLExpansionHistory, 26, []DLExpansion{{DL: n, DLExpansionTime: noonTime}}, "30 46 80 01 1A A2 41 30 3F 30 3D "+ann+noonUTC)
	check(t, ExtPhysicalForwardingAddress, 27, n, "")
	check(t, ExtRecipientCertificate, 28, raw, "")
	check(t, ExtProofOfDelivery, 29, signature, "")
	check(t, ExtOriginatorAndDLExpansionHistory, 30, []OriginatorAndDLExpansion{
		{OriginatorOrDLName: n, OriginationOrExpansionTime: noonTime},
		{OriginatorOrDLName: n, OriginationOrExpansionTime: noonTime},
	}, "")
	check(t, ExtReportingDLName, 31, n, "30 33 80 01 1F A2 2E "+ann)
	check(t, ExtReportingMTACertificate, 32, raw, "30 0E 80 01 20 81 02 05 20 A2 05 30 03 02 01 07")
	check(t, ExtReportOriginAuthenticationCheck, 33, signature, "")
	check(t, ExtOriginatingMTACertificate, 34, raw, "")
	check(t, ExtProofOfSubmission, 35, signature, "")
	check(t, ExtForwardingRequest, 36, 7, "30 08 80 01 24 A2 03 02 01 07")
	check(t, ExtTraceInformation, 37, path("A"), "")
	check(t, ExtInternalTraceInformation, 38, AppendInternalTrace(nil, domain("GB", "TEST", "ALPHA"), "MTA-A", noon),
		"30 3B 80 01 26 A2 36 30 34 30 32 "+alpha+"16 05 4D 54 41 2D 41 31 12 80 0D 32 36 31 31 32 34 31 32 30 30 30 30 5A 82 01 00")
	check(t, ExtReportingMTAName, 39, ReportingMTAName{Domain: domain("GB", "TEST", "ALPHA"), MTAName: "MTA-A"},
		"30 25 80 01 27 A2 20 30 1E "+alpha+"16 05 4D 54 41 2D 41")
	check(t, ExtMultipleOriginatorCertificates, 40, []ExtendedCertificate{
		{DirectoryEntry: ber.Raw{0x30, 0x00}},
		{Certificate: &TaggedCertificates{Components: []ber.Raw{{0x30, 0x00}}}},
	}, "30 0F 80 01 28 A2 0A 31 08 A0 02 30 00 A1 02 30 00")
	check(t, ExtDLExemptedRecipients, 42, []oraddr.ORName{n}, "30 35 80 01 2A A2 30 31 2E "+ann)
	check(t, ExtCertificateSelectors, 45, CertificateSelectors{
		TokenSignature: &CertificateAssertion{Components: []ber.Raw{{0x80, 0x01, 0x05}}},
	}, "30 0C 80 01 2D A2 07 31 05 A3 03 80 01 05")
	check(t, ExtCertificateSelectorsOverride, 46, CertificateSelectors{}, "30 07 80 01 2E A2 02 31 00")
}

func TestExtensionNames(t *testing.T) {
	for _, c := range []struct {
		kind ExtensionType
		want string
	}{
		{ExtMessageSecurityLabel.Type(), "message-security-label"},
		{StandardExtension(41), "blind-copy-recipients"},
		{StandardExtension(46), "certificate-selectors-override"},
		{StandardExtension(47), "extension 47"},
		{StandardExtension(0), "extension 0"},
		{StandardExtension(-1), "extension -1"},
		{PrivateExtension("1.2.3"), "1.2.3"},
		{ExtensionType{}, ""},
	} {
		if got := c.kind.String(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
	for n, s := range extensionNames[1:] {
		if s == "" {
			t.Errorf("extension %d has no name", n+1)
		}
	}
}

func TestParseExtensionType(t *testing.T) {
	for text, want := range map[string]ExtensionType{
		"latest-delivery-time": StandardExtension(5), "Latest-Delivery-Time": StandardExtension(5), "5": StandardExtension(5),
		"extension 99": StandardExtension(99), "99": StandardExtension(99), "1.2.3": PrivateExtension("1.2.3"),
	} {
		got, err := ParseExtensionType(text)
		if err != nil || !got.Equal(want) {
			t.Errorf("%s is %v, %v", text, got, err)
		}
		if again, err := ParseExtensionType(got.String()); err != nil || !again.Equal(want) {
			t.Errorf("%s is written %s, which is %v, %v", text, got, again, err)
		}
	}
	for _, text := range []string{"", "latest", "-1", "extension", "extension x", "4294967296", "3.1", "1..2"} {
		if got, err := ParseExtensionType(text); diag.KindOf(err) != diag.Data {
			t.Errorf("%q is %v, %v", text, got, err)
		}
	}
}

func TestCritical(t *testing.T) {
	fields := []ExtensionField{
		{Type: StandardExtension(5), Criticality: NewCriticality(ForDelivery)},
		{Type: StandardExtension(6)},
		{Type: PrivateExtension("1.2.3"), Criticality: NewCriticality(ForTransfer, ForSubmission)},
		{Type: StandardExtension(2), Criticality: NewCriticality(ForSubmission)},
	}
	if got := Critical(fields, ForTransfer); !slices.Equal(got, []string{"1.2.3"}) {
		t.Error(got)
	}
	if got := Critical(fields, ForDelivery); !slices.Equal(got, []string{"latest-delivery-time"}) {
		t.Error(got)
	}
}

func TestSetExt(t *testing.T) {
	fields := []ExtensionField{
		{Type: PrivateExtension("1.2.3"), Value: ber.Raw{0x05, 0x00}},
		{Type: StandardExtension(1), Criticality: NewCriticality(ForTransfer), Value: ber.Raw{0x0A, 0x01, 0x00}},
	}
	got, err := SetExt(fields, ExtRecipientReassignmentProhibited, Prohibited)
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != 2 || !bytes.Equal(got[1].Value, ber.Raw{0x0A, 0x01, 0x01}) || !got[1].Criticality.For(ForTransfer) {
		t.Errorf("replaced: %v", got)
	}
	if fields[1].Value[2] != 0 {
		t.Error("the slice given has changed")
	}
	if got, err = SetExt(got, ExtContentCorrelator, ContentCorrelator{IA5Text: ptr(asn1.IA5String("x"))}); err != nil || len(got) != 3 {
		t.Errorf("appended: %v, %v", got, err)
	}
	got = RemoveExt(got, StandardExtension(1), PrivateExtension("1.2.4"))
	if len(got) != 2 || Find(got, StandardExtension(1)) >= 0 || Find(got, PrivateExtension("1.2.3")) != 0 {
		t.Errorf("removed: %v", got)
	}
}

func TestExtOfAnotherType(t *testing.T) {
	_, ok, err := Ext(nil, ExtMessageToken)
	if ok || err != nil {
		t.Errorf("absent: %v, %v", ok, err)
	}
	for _, value := range []ber.Raw{nil, {0x05, 0x00}, {0x0A, 0x01}, {0x30, 0x00}, {0x0A, 0x01, 0x01, 0x00}} {
		_, ok, err = Ext([]ExtensionField{{Type: StandardExtension(1), Value: value}}, ExtRecipientReassignmentProhibited)
		if !ok || diag.KindOf(err) != diag.Data {
			t.Errorf("value % X: %v, %v; want an error of kind data", value, ok, err)
		}
		if err != nil && !strings.Contains(err.Error(), "recipient-reassignment-prohibited") {
			t.Errorf("%v does not name the extension", err)
		}
	}
	null := NewPrivateExtension[asn1.Null]("1.2.3", "")
	if _, ok, err := Ext([]ExtensionField{{Type: PrivateExtension("1.2.3")}}, null); !ok || err != nil {
		t.Errorf("an absent value is not NULL: %v, %v", ok, err)
	}
}

// An extension of a type unknown here keeps its octets, and the elements that a
// later edition may add to the field do too.
func TestUnknownExtensionSurvives(t *testing.T) {
	for _, want := range []string{
		"30 07 80 01 63 A2 02 05 00",
		"30 08 83 02 2A 03 81 02 06 40",
		"30 0B 83 02 2A 03 A2 02 05 00 85 01 09",
	} {
		var f ExtensionField
		if _, err := ber.Unmarshal(unhex(t, want), &f, ber.Limits{}); err != nil {
			t.Errorf("%s: %v", want, err)
			continue
		}
		got, err := ber.Marshal(f)
		if err != nil || !bytes.Equal(got, unhex(t, want)) {
			t.Errorf("%s: encoded again: % X, %v", want, got, err)
		}
	}
}
