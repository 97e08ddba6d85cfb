package main

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
)

// maxValue bounds the value of an extension on a line.
const maxValue = 1000

// showExtensions prints every extension of the envelope, a line each: where it
// stands, its name, for what it is critical, and its value in words.
func showExtensions(p *cli.Printer, e *p1.Common) {
	switch e.Kind {
	case p1.Report:
		extensionLines(p, "report", mts.InReport, e.Extensions)
		extensionLines(p, "content", mts.InReportContent, e.Report.Content.Extensions)
		for i, f := range e.Report.Content.PerRecipientFields {
			extensionLines(p, fmt.Sprintf("recipient %d", i+1), mts.InReportRecipient, f.Extensions)
		}
		return
	case p1.Probe:
		extensionLines(p, "probe", mts.InProbe, e.Extensions)
	default:
		extensionLines(p, "message", mts.InMessage, e.Extensions)
	}
	place := mts.InMessageRecipient
	if e.Kind == p1.Probe {
		place = mts.InProbeRecipient
	}
	for i, f := range e.Recipients {
		extensionLines(p, fmt.Sprintf("recipient %d", i+1), place, f.Extensions)
	}
}

// showBilateral prints the per-domain-bilateral-information, a line a domain: for whom
// it is, whether that is this domain, and its value. The switch does nothing by it.
func showBilateral(p *cli.Printer, e *p1.Common, own conf.Identity) {
	for i := range e.Bilateral {
		p.Text("bilateral:\t%s\n", bilateralLine(&e.Bilateral[i], own))
	}
}

func bilateralLine(b *mts.PerDomainBilateralInformation, own conf.Identity) string {
	to, whose := mts.NewGlobalDomainIdentifier(b.For()), "another domain"
	if to.Equal(mts.NewGlobalDomainIdentifier(own.Domain)) {
		whose = "this domain"
	}
	n, err := decode.Extension(mts.ExtensionField{Value: b.BilateralInformation}, decode.Limits{}) // of no type that anybody knows
	value := n.Line(maxValue)
	if err != nil && value == "" {
		value = err.Error()
	}
	return cli.Field(to.String()) + "\t" + whose + "\t" + cli.Field(value)
}

func extensionLines(p *cli.Printer, where string, place mts.Place, all []mts.ExtensionField) {
	for _, f := range all {
		p.Text("extension:\t%s\t%s\n", where, extensionLine(place, f))
	}
}

func extensionLine(place mts.Place, f mts.ExtensionField) string {
	n, err := decode.Extension(f, decode.Limits{})
	value := n.Line(maxValue)
	if err != nil && value == "" {
		value = err.Error()
	}
	if number := f.Type.StandardExtension; number != nil && number.Known() && number.Places()&place == 0 {
		value += " (X.411 has no such extension here)"
	}
	return cli.Field(f.Type.String()) + "\t" + cli.Field(f.Criticality.String()) + "\t" + cli.Field(value)
}
