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

// extension is one of an envelope: where it stands, its name, for what it is critical,
// and its value in words.
type extension struct {
	Place    string `json:"place"`
	Name     string `json:"name"`
	Critical string `json:"critical,omitempty"`
	Value    string `json:"value"`
}

// extensionsOf are those of an envelope.
func extensionsOf(e *p1.Common) (all []extension) {
	add := func(where string, place mts.Place, fields []mts.ExtensionField) {
		for _, f := range fields {
			all = append(all, extensionOf(where, place, f))
		}
	}
	switch e.Kind {
	case p1.Report:
		add("report", mts.InReport, e.Extensions)
		add("content", mts.InReportContent, e.Report.Content.Extensions)
		for i, f := range e.Report.Content.PerRecipientFields {
			add(fmt.Sprintf("recipient %d", i+1), mts.InReportRecipient, f.Extensions)
		}
		return all
	case p1.Probe:
		add("probe", mts.InProbe, e.Extensions)
	default:
		add("message", mts.InMessage, e.Extensions)
	}
	place := mts.InMessageRecipient
	if e.Kind == p1.Probe {
		place = mts.InProbeRecipient
	}
	for i, f := range e.Recipients {
		add(fmt.Sprintf("recipient %d", i+1), place, f.Extensions)
	}
	return all
}

func extensionOf(where string, place mts.Place, f mts.ExtensionField) extension {
	n, err := decode.Extension(f, decode.Limits{})
	value := n.Line(maxValue)
	if err != nil && value == "" {
		value = err.Error()
	}
	if number := f.Type.StandardExtension; number != nil && number.Known() && number.Places()&place == 0 {
		value += " (X.411 has no such extension here)"
	}
	return extension{Place: where, Name: f.Type.String(), Critical: f.Criticality.String(), Value: value}
}

func (e extension) line() string {
	return cli.Field(e.Name) + "\t" + cli.Field(e.Critical) + "\t" + cli.Field(e.Value)
}

// bilateral is a per-domain-bilateral-information: for whom it is, whether that is this
// domain, and its value. The switch does nothing by it.
type bilateral struct {
	Domain string `json:"domain"`
	Own    bool   `json:"own"`
	Value  string `json:"value"`
}

func bilateralOf(b *mts.PerDomainBilateralInformation, own conf.Identity) bilateral {
	to := mts.NewGlobalDomainIdentifier(b.For())
	n, err := decode.Extension(mts.ExtensionField{Value: b.BilateralInformation}, decode.Limits{}) // of no type that anybody knows
	value := n.Line(maxValue)
	if err != nil && value == "" {
		value = err.Error()
	}
	return bilateral{Domain: to.String(), Own: to.Equal(mts.NewGlobalDomainIdentifier(own.Domain)), Value: value}
}

func (b bilateral) line() string {
	whose := "another domain"
	if b.Own {
		whose = "this domain"
	}
	return cli.Field(b.Domain) + "\t" + whose + "\t" + cli.Field(b.Value)
}
