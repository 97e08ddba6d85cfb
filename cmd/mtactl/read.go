package main

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/channel/local"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
)

// maxRendered bounds a content that is shown; longer ones are named and left alone.
const maxRendered = 64 << 20

// read shows messages of a mailbox as a person reads them.
func read(c *ucli.Context) error {
	if c.NArg() == 0 {
		return cli.Usage("read wants a mailbox or files of one, see mtamailbox(5)")
	}
	names, err := messages(c.Args().Slice())
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	var errs []error
	for i, name := range names {
		if i > 0 {
			p.Text("\n")
		}
		if err := readOne(p, name, c.String("save")); err != nil {
			errs = append(errs, diag.E(name, diag.KindOf(err), err))
		}
	}
	return errors.Join(append(errs, p.Flush())...)
}

// messages returns the files of the delivery envelopes that operands name: a
// directory is every message in it, and a content stands for its envelope.
func messages(operands []string) ([]string, error) {
	var names []string
	for _, name := range operands {
		found := []string{name}
		if st, err := os.Stat(name); err == nil && st.IsDir() {
			if found, err = filepath.Glob(filepath.Join(name, "*.json")); err != nil {
				return nil, diag.E(name, diag.Usage, err) // the name reads as a pattern and is none
			}
		} else if base, ok := strings.CutSuffix(name, ".content"); ok {
			found = []string{base + ".json"}
		}
		for _, name := range found {
			if !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names, nil
}

func readOne(p *cli.Printer, name, save string) error {
	text, err := os.ReadFile(name)
	if err != nil {
		return diag.E("", diag.NoInput, err)
	}
	var d local.Delivery
	if err := json.Unmarshal(text, &d); err != nil {
		return diag.E("delivery envelope", diag.Data, err)
	}
	showDelivery(p, &d)
	if d.Kind != "message" {
		return nil
	}
	content, err := os.Open(strings.TrimSuffix(name, ".json") + ".content")
	if err != nil {
		return diag.E("", diag.NoInput, err)
	}
	octets, err := io.ReadAll(io.LimitReader(content, maxRendered+1))
	if err = errors.Join(err, content.Close()); err != nil {
		return diag.E("content", diag.IO, err)
	}
	p.Text("\n")
	if len(octets) <= maxRendered && edi(d.ContentType) {
		return readEDI(p, octets, save)
	}
	if len(octets) > maxRendered || !interpersonal(d.ContentType) {
		p.Text("content of type %s, %d octets\n", d.ContentType, d.Size)
		return nil
	}
	ipm, err := ipms.Decode(octets)
	if err != nil {
		return diag.E("content", diag.Data, err)
	}
	if err := ipms.Render(p.Writer(), ipm, dialect); err != nil {
		return err
	}
	if save == "" || ipm.IPM == nil {
		return nil
	}
	s := saver{dir: save, taken: map[string]bool{}}
	s.message(ipm.IPM, "part", 0)
	return errors.Join(s.errs...)
}

func showDelivery(p *cli.Printer, d *local.Delivery) {
	line := func(name string, v any) {
		if text := cli.Field(v); text != "-" {
			p.Text("%-13s %s\n", name+":", text)
		}
	}
	line(d.Kind, d.MTSID)
	line("from", d.Originator)
	line("to", d.Recipient)
	for _, other := range d.Others {
		line("also to", other)
	}
	line("priority", d.Priority)
	line("submitted", d.Submitted)
	line("delivered", d.Delivered)
	for _, t := range d.Trace {
		line("trace", t.Domain+" "+t.Arrival.Format(time.RFC3339)+" "+t.Action)
	}
	for _, t := range d.Internal {
		line("internal trace", t.Domain+" "+t.MTA+" "+t.Arrival.Format(time.RFC3339)+" "+t.Action)
	}
	if d.Report == nil {
		return
	}
	line("subject", d.Report.Subject)
	line("reported by", d.Report.Reporter)
	for _, r := range d.Report.Recipients {
		if r.ReasonCode == nil {
			p.Text("recipient %d:  %s was delivered at %s\n", r.N, cli.Safe(r.Recipient), r.Delivered.Format(time.RFC3339))
			continue
		}
		p.Text("recipient %d:  %s was NOT delivered: %s (%d)", r.N, cli.Safe(r.Recipient), cli.Safe(r.Reason), *r.ReasonCode)
		if r.DiagnosticCode != nil {
			p.Text(", %s (%d)", cli.Safe(r.Diagnostic), *r.DiagnosticCode)
		}
		if r.Text != "" {
			p.Text(": %s", cli.Safe(r.Text))
		}
		p.Text("\n")
	}
}
