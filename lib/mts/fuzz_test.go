package mts

import (
	"bytes"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// stable reports what is wrong with an extension of type T in fields: it must be
// refused, or survive being set and read again.
func stable[T any](t *testing.T, fields []ExtensionField, e Extension[T]) {
	v, ok, err := Ext(fields, e)
	if !ok || err != nil {
		return
	}
	once, err := SetExt(nil, e, v)
	if err != nil {
		t.Fatalf("%v: read but not set: %v", e, err)
	}
	again, ok, err := Ext(once, e)
	if !ok || err != nil {
		t.Fatalf("%v: set but not read: %v, %v", e, ok, err)
	}
	twice, err := SetExt(nil, e, again)
	if err != nil || !bytes.Equal(once[0].Value, twice[0].Value) {
		t.Fatalf("%v: % X becomes % X: %v", e, once[0].Value, twice[0].Value, err)
	}
}

// FuzzExtensionValue reads one value as each type that a standard extension has.
func FuzzExtensionValue(f *testing.F) {
	n := name(f, annText)
	for _, v := range []any{
		n, oraddr.ORAddress{StandardAttributes: n.StandardAttributes}, noonTime, asn1.OID("1.2.3"), Prohibited, Requested,
		[]DLExpansion{{DL: n, DLExpansionTime: noonTime}}, AppendInternalTrace(nil, domain("GB", "TEST", "ALPHA"), "MTA-A", noon),
		Signature{AlgorithmIdentifier: AlgorithmIdentifier{Algorithm: "1.2.3"}, Encrypted: asn1.Bits(1)},
		SecurityLabel{SecurityPolicyIdentifier: "1.2.3", SecurityClassification: ptr(Secret)}, path("A B+redirected"),
		[]Redirection{{IntendedRecipientName: IntendedRecipientName{IntendedRecipient: n, RedirectionTime: noonTime}, RedirectionReason: Alias}},
		ReportingMTAName{Domain: domain("GB", "TEST", "ALPHA"), MTAName: "MTA-A", MTADirectoryName: ber.Raw{0x30, 0x00}},
		AlternativeAddress{Elements: []ber.Raw{{0x30, 0x00}, {0x31, 0x00}}},
	} {
		b, err := ber.Marshal(v)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add(unhex(f, "31 32 30 30 30 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 41 4C 50 48 41 83 03 4F 72 67 A5 0C 80 05 53 6D 69 74 68 81 03 41 6E 6E 31 00"))
	f.Fuzz(func(t *testing.T, b []byte) {
		alternative := []ExtensionField{{Type: ExtAlternativeAddressInformation.Type(), Value: b}}
		stable(t, alternative, ExtAlternativeAddressInformation)
		_ = Alternatives(alternative)
		var fields []ExtensionField
		for number := ExtensionNumber(1); number.Known(); number++ {
			fields = append(fields, ExtensionField{Type: StandardExtension(number), Value: b})
		}
		stable(t, fields, ExtRecipientReassignmentProhibited)
		stable(t, fields, ExtOriginatorRequestedAlternateRecipient)
		stable(t, fields, ExtLatestDeliveryTime)
		stable(t, fields, ExtRequestedDeliveryMethod)
		stable(t, fields, ExtPhysicalDeliveryModes)
		stable(t, fields, ExtRecipientNumberForAdvice)
		stable(t, fields, ExtPhysicalRenditionAttributes)
		stable(t, fields, ExtOriginatorReturnAddress)
		stable(t, fields, ExtOriginatorCertificate)
		stable(t, fields, ExtMessageToken)
		stable(t, fields, ExtContentConfidentialityAlgorithm)
		stable(t, fields, ExtContentIntegrityCheck)
		stable(t, fields, ExtMessageSecurityLabel)
		stable(t, fields, ExtProofOfDeliveryRequest)
		stable(t, fields, ExtContentCorrelator)
		stable(t, fields, ExtRedirectionHistory)
		stable(t, fields, ExtDLExpansionHistory)
		stable(t, fields, ExtOriginatorAndDLExpansionHistory)
		stable(t, fields, ExtForwardingRequest)
		stable(t, fields, ExtTraceInformation)
		stable(t, fields, ExtInternalTraceInformation)
		stable(t, fields, ExtReportingMTAName)
		stable(t, fields, ExtMultipleOriginatorCertificates)
		stable(t, fields, ExtDLExemptedRecipients)
		stable(t, fields, ExtCertificateSelectors)
	})
}
