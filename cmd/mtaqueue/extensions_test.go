package main

import (
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

func TestExtensionLine(t *testing.T) {
	for _, c := range []struct {
		place mts.Place
		field mts.ExtensionField
		want  string
	}{
		{mts.InMessage, mts.ExtensionField{Type: mts.StandardExtension(1), Criticality: mts.NewCriticality(mts.ForDelivery), Value: []byte{0x0a, 0x01, 0x01}},
			"recipient-reassignment-prohibited\tfor-delivery\t1 prohibited"},
		{mts.InMessageRecipient, mts.ExtensionField{Type: mts.StandardExtension(1), Value: []byte{0x0a, 0x01, 0x01}},
			"recipient-reassignment-prohibited\t-\t1 prohibited (X.411 has no such extension here)"},
		{mts.InReport, mts.ExtensionField{Type: mts.StandardExtension(99), Criticality: mts.NewCriticality(mts.ForTransfer, mts.ForDelivery), Value: []byte{0x02, 0x01, 0x07}},
			"extension 99\tfor-transfer, for-delivery\t7"},
		{mts.InMessage, mts.ExtensionField{Type: mts.PrivateExtension("1.3.26.0.4406.0.8.0"), Value: []byte{0x0a, 0x01, 0x01}},
			"1.3.26.0.4406.0.8.0\t-\t1 high"},
		{mts.InMessage, mts.ExtensionField{Type: mts.PrivateExtension("1.2.3"), Value: []byte{0x16, 0x03, 'a', 0x1b, '\t'}},
			"1.2.3\t-\t\"a\\x1b\\t\""},
	} {
		if got := extensionOf("", c.place, c.field).line(); got != c.want {
			t.Errorf("%v:\n got %q\nwant %q", c.field.Type, got, c.want)
		}
	}
}

// What a domain is told is shown there as for it, and everywhere else as for another.
func TestBilateralLine(t *testing.T) {
	gb, test, alpha := asn1.PrintableString("GB"), asn1.PrintableString("TEST"), asn1.PrintableString("ALPHA")
	printable := func(s *asn1.PrintableString) oraddr.NumericOrPrintable {
		return oraddr.NumericOrPrintable{Printable: s}
	}
	admd := printable(&test)
	information := mts.PerDomainBilateralInformation{CountryName: printable(&gb), BilateralInformation: []byte{0x02, 0x01, 0x07}}
	for _, c := range []struct {
		domain mts.BilateralDomain
		want   string
	}{
		{mts.BilateralDomain{AdministrationDomainName: &admd}, "/ADMD=TEST/C=GB/\tanother domain\t7"},
		{mts.BilateralDomain{PrivateDomain: &mts.BilateralPrivateDomain{AdministrationDomainName: admd, PrivateDomainIdentifier: printable(&alpha)}},
			"/PRMD=ALPHA/ADMD=TEST/C=GB/\tthis domain\t7"},
	} {
		information.Domain = c.domain
		if got := bilateralOf(&information, conf.Identity{Domain: oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"}}).line(); got != c.want {
			t.Errorf("got %q, want %q", got, c.want)
		}
	}
}
