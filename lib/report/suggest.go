package report

import (
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/spool"
)

// alternatives are the failures for which there are other addresses to try, by recipient.
func alternatives(env *spool.Envelope) map[int]*spool.Failure {
	var all map[int]*spool.Failure
	for i := range env.Recipients {
		r := &env.Recipients[i]
		if r.Fail == nil || len(r.Fail.Alternatives) == 0 {
			continue
		}
		if all == nil {
			all = map[int]*spool.Failure{}
		}
		all[r.N] = r.Fail
	}
	return all
}

// suggest tells of addresses that may have been meant (RFC 1801 §22.4): all in the extension,
// and in supplementary-information what Try has of them.
func suggest(fields *mts.PerRecipientReportTransferFields, bad *spool.Failure) error {
	fields.SupplementaryInformation = printable(Try(bad.Text, bad.Alternatives))
	var told []mts.AlternativeAddress
	for _, text := range bad.Alternatives {
		a, err := oraddr.Parse(text)
		if err != nil {
			continue
		}
		if one, err := mts.NewAlternativeAddress(a); err == nil {
			told = append(told, one)
		}
	}
	if len(told) == 0 {
		return nil
	}
	var err error
	fields.Extensions, err = mts.SetExt(fields.Extensions, mts.ExtAlternativeAddressInformation, told)
	return err
}

// Try adds to the text of a failure the addresses to try instead, those that can be written in
// supplementary-information and as many as fit there.
func Try(text string, alternatives []string) string {
	var fitting []string
	for _, one := range alternatives {
		more := append(fitting, one)
		if len(route.Try(text, more)) <= mts.UbSupplementaryInfoLength && !strings.ContainsFunc(one, notPrintable) {
			fitting = more
		}
	}
	return route.Try(text, fitting)
}

// notPrintable tells whether a character is none of PrintableString.
func notPrintable(c rune) bool {
	return !(c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || strings.ContainsRune(" '()+,-./:=?", c))
}

// printable makes a text fit for supplementary-information: characters outside
// PrintableString become "?", and it ends at the bound.
func printable(text string) asn1.PrintableString {
	var b strings.Builder
	for _, c := range text {
		if b.Len() == mts.UbSupplementaryInfoLength {
			break
		}
		if notPrintable(c) {
			c = '?'
		}
		b.WriteRune(c)
	}
	return asn1.PrintableString(b.String())
}
