package main

import (
	"maps"
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/spool"
)

// shown is what show prints: what the switch knows of a message, and what the X.411
// envelope says, in words.
type shown struct {
	Envelope   *spool.Envelope `json:"envelope"`
	Path       string          `json:"path"`
	Recipients []queue.Row     `json:"recipients"`
	Log        []spool.Record  `json:"log,omitempty"`

	Indicators    string      `json:"indicators,omitempty"`
	Types         string      `json:"types,omitempty"`
	Trace         []passage   `json:"trace,omitempty"`
	InternalTrace []passage   `json:"internalTrace,omitempty"`
	Bilateral     []bilateral `json:"bilateral,omitempty"`
	Extensions    []extension `json:"extensions,omitempty"`
}

// passage is an element of a trace.
type passage struct {
	Domain  string    `json:"domain"`
	MTA     string    `json:"mta,omitempty"`
	Arrival time.Time `json:"arrival,omitzero"`
	Action  string    `json:"action"`
}

// newShown puts an envelope into words. One that cannot be read has been decided on by
// whoever accepted it, and has none.
func newShown(d *queue.DetailRow, own conf.Identity) *shown {
	s := &shown{Envelope: d.Envelope, Path: d.Path, Recipients: d.Recipients, Log: d.Log}
	e, err := p1.DecodeCommon(d.Envelope.Wire, p1.Limits{})
	if err != nil {
		return s
	}
	s.Indicators, s.Types = e.Indicators.String(), e.EITs.String()
	s.trace(e, own)
	for i := range e.Bilateral {
		s.Bilateral = append(s.Bilateral, bilateralOf(&e.Bilateral[i], own))
	}
	s.Extensions = extensionsOf(e)
	return s
}

// trace is the way the message has come, this MTA included.
func (s *shown) trace(e *p1.Common, own conf.Identity) {
	pass := func(domain mts.GlobalDomainIdentifier, mta string, arrival mts.Time, action mts.RoutingAction, other mts.OtherActions) passage {
		at, err := arrival.Time()
		if err != nil {
			at = time.Time{}
		}
		what := action.String()
		if others := other.String(); others != "" {
			what += ", " + others
		}
		return passage{Domain: domain.String(), MTA: mta, Arrival: at.UTC(), Action: what}
	}
	for _, t := range mts.AppendTrace(e.Trace, mts.NewGlobalDomainIdentifier(own.Domain), s.Envelope.Accepted) {
		i := t.DomainSuppliedInformation
		s.Trace = append(s.Trace, pass(t.GlobalDomainIdentifier, "", i.ArrivalTime, i.RoutingAction, i.OtherActions))
	}
	// One that cannot be read belongs to others.
	internal, _, _ := mts.Ext(e.Extensions, mts.ExtInternalTraceInformation)
	for _, t := range channel.InternalTrace(internal, s.Envelope, own) {
		i := t.MTASuppliedInformation
		s.InternalTrace = append(s.InternalTrace, pass(t.GlobalDomainIdentifier, string(t.MTAName), i.ArrivalTime, i.RoutingAction, i.OtherActions))
	}
}

// print prints the words, as text.
func (s *shown) print(p *cli.Printer) {
	for _, f := range [][2]string{{"indicators:", s.Indicators}, {"types:", s.Types}} {
		if f[1] != "" {
			p.Text("%-14s%s\n", f[0], f[1])
		}
	}
	for _, r := range s.Envelope.Recipients {
		if r.Report != "" {
			p.Text("report %d:\t%s\t%s\n", r.N, r.Report, cli.Field(r.MTAReport))
		}
	}
	for _, trace := range []struct {
		name     string
		passages []passage
	}{{"trace", s.Trace}, {"internal-trace", s.InternalTrace}} {
		for _, t := range trace.passages {
			p.Text("%s:\t%s\t%s\t%s\t%s\n", trace.name, cli.Field(t.Arrival), cli.Field(t.Domain), cli.Field(t.MTA), t.Action)
		}
	}
	for _, b := range s.Bilateral {
		p.Text("bilateral:\t%s\n", b.line())
	}
	for _, e := range s.Extensions {
		p.Text("extension:\t%s\t%s\n", e.Place, e.line())
	}
}

// final is a recipient that is done with, and the record of its log that says so; the
// record is empty while none is written.
type final struct {
	n       int
	address string
	spool.Record
}

// finals are those of a message.
func finals(d *queue.DetailRow) (all []final) {
	waits := make(map[int]bool, len(d.Recipients))
	for _, r := range d.Recipients {
		waits[r.N] = true
	}
	last := map[int]spool.Record{}
	for _, l := range d.Log {
		if l.Kind != spool.RecordOutcome && (l.Kind != spool.RecordChild || l.Step == report.Step) {
			continue
		}
		of := l.Recipients
		if len(of) == 0 {
			of = slices.Collect(maps.Keys(d.Envelope.Numbered())) // none: all
		}
		for _, n := range of {
			last[n] = l
		}
	}
	for _, r := range d.Envelope.Recipients {
		if !waits[r.N] {
			all = append(all, final{n: r.N, address: r.Address, Record: last[r.N]})
		}
	}
	return all
}
