package edims

import (
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// The tags of every type tell its elements apart.
func TestTypesAreUnambiguous(t *testing.T) {
	for _, v := range []any{InformationObject{}, MessageData{}, CommonFields{}, ForwardedNotification{}, NegativeNotification{}} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

func TestNames(t *testing.T) {
	for o, want := range map[asn1.OID]string{
		ContentPedi: "pedi", EDIFACTISO646: "edifact-ISO646", "2.6.7.11.6": "ansiX12-ebcdic", "2.6.7.11.12": "edifact-8859",
		"2.6.7.11.12.1": "edifact-8859", "2.6.7.11.13": "", "2.6.7.11.0.1": "", ForAction: "for-action", "2.6.7.13.1": "for-copy",
		"2.6.7.13.2": "", "2.6.7.11.x": "", "1.2.3": "",
	} {
		if got := Name(o); got != want {
			t.Errorf("%s: %q, want %q", o, got, want)
		}
	}
	for _, c := range []struct{ got, want string }{
		{NNUAMSBasicCode(6).String(), "security-error"}, {NNUAMSDiagnostic(35).String(), "compression-unsupported"},
		{NNUAMSDiagnostic(0).String(), "0"}, {NNUserBasicCode(10).String(), "user-defined-reason"}, {NNPDAUBasicCode(3).String(), "3"},
		{FNUAMSBasicCode(4).String(), "forwarded-by-edi-ms"}, {FNUserBasicCode(9).String(), "interchange-sender-unknown"},
		{Initiator(2).String(), "internal-ms"}, {Initiator(-1).String(), "-1"},
		{NotificationBits(asn1.Bits(0, 2)).String(), "pn, fn"}, {SecurityBits(asn1.Bits(1)).String(), "non-repudiation"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
