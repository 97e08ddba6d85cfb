package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/channel/local"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/spool"
)

// maxReport bounds a report that is read from a file, the content in it left out.
const maxReport = spool.MaxEnvelope

// explainReports tells what reports say and what can be done about it.
func explainReports(c *ucli.Context) error {
	operands, err := cli.Operands(c)
	if err != nil {
		return err
	}
	if c.NArg() == 0 {
		return cli.Usage("report wants files or identifiers of reports")
	}
	p := cli.NewPrinter(c)
	var errs []error
	first := true
	emit := func(x *report.Explanation) error {
		if p.JSON() {
			return p.Record(x)
		}
		if !first {
			p.Text("\n")
		}
		first = false
		return x.WriteText(p.Writer())
	}
	var ids []string
	for _, name := range operands {
		if base, ok := strings.CutSuffix(name, ".content"); ok {
			name = base + ".json"
		}
		f, err := os.Open(name)
		if errors.Is(err, fs.ErrNotExist) && !strings.ContainsAny(name, "./") {
			ids = append(ids, name)
			continue
		}
		if err != nil {
			errs = append(errs, diag.E("", diag.NoInput, err))
			continue
		}
		x, err := reportInFile(f)
		if errors.Is(err, syscall.EISDIR) {
			err = diag.WithHint(diag.New("", diag.NoInput, "is a directory"), "of a mailbox the files: mtactl report "+strings.TrimSuffix(name, "/")+"/*.json")
		}
		if err = errors.Join(err, f.Close()); err == nil {
			err = emit(x)
		}
		if err != nil {
			errs = append(errs, diag.E(name, diag.KindOf(err), err))
		}
	}
	if len(ids) > 0 {
		errs = append(errs, reportsInSpool(c, ids, emit))
	}
	return errors.Join(append(errs, p.Flush())...)
}

// reportInFile reads a delivery envelope, which is JSON, or a report as MTS-APDU.
func reportInFile(f io.Reader) (*report.Explanation, error) {
	in := bufio.NewReader(f)
	first, err := in.Peek(1)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, diag.E("", diag.NoInput, err)
	}
	if string(first) == "{" {
		text, err := io.ReadAll(io.LimitReader(in, 2*maxReport)) // base64 and the rest of it
		if err != nil {
			return nil, diag.E("", diag.NoInput, err)
		}
		var d local.Delivery
		if err := json.Unmarshal(text, &d); err != nil {
			return nil, diag.E("delivery envelope", diag.Data, err)
		}
		return explain(d.Kind, d.Wire, d.Size)
	}
	apdu, err := p1.ReadAPDU(in, p1.Limits{})
	if err != nil {
		return nil, diag.WithHint(err, "a report is a .json of a mailbox, the octets of an MTS-APDU, or an identifier in the queue")
	}
	if apdu.Kind != p1.Report {
		return nil, notReport(apdu.Kind.String())
	}
	size, err := io.Copy(io.Discard, apdu.Content)
	if err != nil {
		return nil, diag.E("", diag.KindOf(err), err)
	}
	if err := apdu.Finish(); err != nil {
		return nil, err
	}
	if !apdu.HasContent {
		size = p1.NoContent
	}
	return report.Explain(apdu.Report, size), nil
}

// reportsInSpool asks for reports that are still in the queue.
func reportsInSpool(c *ucli.Context, ids []string, emit func(*report.Explanation) error) error {
	cfg, err := cli.Running(c)
	if err != nil {
		return err
	}
	var errs []error
	err = queue.Ask(cfg, queue.Request{Verb: queue.VerbShow, IDs: ids, Who: queue.Who()}, func(a queue.Answer) error {
		e := a.Detail.Envelope
		x, err := explain(string(e.Kind), e.Wire, e.Size)
		if err != nil {
			if e.Kind != spool.KindReport {
				err = diag.WithHint(err, "mtaqueue show "+string(e.ID)+" shows it; mtactl track tells of the reports about it")
			}
			errs = append(errs, diag.E(string(e.ID), diag.KindOf(err), err))
			return nil
		}
		return emit(x)
	})
	return errors.Join(append(errs, err)...)
}

// explain is for a report whose returned content has been taken out of it.
func explain(kind string, wire ber.Raw, returned int64) (*report.Explanation, error) {
	if kind != string(spool.KindReport) {
		return nil, notReport(kind)
	}
	var r *mts.Report
	r, err := p1.DecodeReport(wire, p1.Limits{})
	if err != nil {
		return nil, err
	}
	if returned == 0 {
		returned = p1.NoContent // nobody returns a content of no octets
	}
	return report.Explain(r, returned), nil
}

func notReport(kind string) error {
	if kind == "" {
		kind = "file"
	}
	return diag.E("", diag.Data, fmt.Errorf("a %s and no report", kind))
}
