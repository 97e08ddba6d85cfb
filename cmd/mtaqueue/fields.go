package main

import (
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/queue"
)

// showFields prints what the X.411 envelope asks for beside its extensions.
func showFields(p *cli.Printer, d *queue.DetailRow, e *p1.Common) {
	for _, f := range [][2]string{{"indicators:", e.Indicators.String()}, {"types:", e.EITs.String()}} {
		if f[1] != "" {
			p.Text("%-14s%s\n", f[0], f[1])
		}
	}
	for _, r := range d.Envelope.Recipients {
		if r.Report != "" {
			p.Text("report %d:\t%s\t%s\n", r.N, r.Report, cli.Field(r.MTAReport))
		}
	}
}
