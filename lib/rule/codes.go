package rule

import (
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// Codes reads the codes of a non-delivery as a rule that refuses has them (X.411 §8.3.1.2.1):
// names or numbers, "none" for no diagnostic, an empty text for what is not said.
func Codes(reason, diagnostic string) (mts.ReasonCode, mts.DiagnosticCode, error) {
	r, d, err := codes(reason, diagnostic)
	return r, d, diag.WithHint(err, "mta-policy(5) has the names under CODES")
}

func codes(reason, diagnostic string) (r mts.ReasonCode, d mts.DiagnosticCode, err error) {
	switch {
	case reason == "" && diagnostic == "":
		return DefaultReason, DefaultDiagnostic, nil
	case reason == "":
		r = mts.UnableToTransfer
	default:
		r, err = mts.ParseReasonCode(reason)
	}
	if diagnostic == "" || diagnostic == none || err != nil {
		return r, NoDiagnostic, err
	}
	d, err = mts.ParseDiagnosticCode(diagnostic)
	return r, d, err
}
