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
// in supplementary-information those that can be written there, as far as they fit.
func suggest(fields *mts.PerRecipientReportTransferFields, bad *spool.Failure) error {
	var told []mts.AlternativeAddress
	var texts []string
	for _, text := range bad.Alternatives {
		a, err := oraddr.Parse(text)
		if err != nil {
			continue
		}
		if one, err := mts.NewAlternativeAddress(a); err == nil {
			told = append(told, one)
		}
		more := route.Try(bad.Text, append(texts, text))
		if len(more) <= mts.UbSupplementaryInfoLength && !strings.ContainsFunc(text, notPrintable) {
			texts = append(texts, text)
			fields.SupplementaryInformation = printable(more)
		}
	}
	if len(told) == 0 {
		return nil
	}
	var err error
	fields.Extensions, err = mts.SetExt(fields.Extensions, mts.ExtAlternativeAddressInformation, told)
	return err
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
