package mts

import (
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// The tags of every type tell its elements apart, as X.680 §§24.5, 26.3 and 28.2
// demand.
func TestTypesAreUnambiguous(t *testing.T) {
	for _, v := range []any{
		Message{}, MessageTransferEnvelope{}, ProbeTransferEnvelope{}, Report{},
		MTABindArgument{}, MTABindResult{}, Credentials{}, ExtensionField{},
		EncodedInformationTypes{}, PerDomainBilateralInformation{}, ContentType{},
		TraceInformationElement{}, InternalTraceInformationElement{}, ContentCorrelator{},
		SecurityLabel{}, Token{}, Signature{}, ExtendedCertificate{}, CertificateSelectors{},
		AsymmetricToken{}, TokenData{}, MessageTokenSignedData{}, MessageTokenEncryptedData{},
		Redirection{}, DLExpansion{}, OriginatorAndDLExpansion{}, ReportingMTAName{},
	} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}
