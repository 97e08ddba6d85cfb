package p772

import (
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
)

// SICs returns the subject indicator codes of a heading: those of its extension
// distribution-codes. The error has kind Data.
func SICs(h *ipms.Heading) ([]string, error) {
	var all []string
	for _, x := range h.Extensions {
		if x.Type != DistributionCodesID {
			continue
		}
		var codes DistributionCodes
		if _, err := ber.Unmarshal(x.Value, &codes, ber.Limits{}); err != nil {
			return nil, diag.E("distribution-codes", diag.Data, err)
		}
		for _, sic := range codes.SICs {
			all = append(all, string(sic))
		}
	}
	return all, nil
}
