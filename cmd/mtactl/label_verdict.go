package main

import (
	"errors"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
)

// verdictRecord is a verdict as JSON, with the label that it is about or that came of it.
type verdictRecord struct {
	Allowed bool          `json:"allowed"`
	Reasons []spif.Reason `json:"reasons,omitempty"`
	Remarks []spif.Reason `json:"remarks,omitempty"`
	Steps   []string      `json:"steps,omitempty"`
	Label   string        `json:"label,omitempty"`
	Output  string        `json:"output,omitempty"`
}

func recordOf(v spif.Verdict) verdictRecord {
	return verdictRecord{Allowed: v.Allowed, Reasons: v.Reasons, Remarks: v.Remarks, Steps: v.Steps}
}

// showVerdict prints a verdict; the exit status is the answer.
func showVerdict(c *ucli.Context, set *spif.Set, l *label.Label, v spif.Verdict) error {
	p := cli.NewPrinter(c)
	if p.JSON() {
		r := recordOf(v)
		if l != nil {
			r.Label = l.Text(set)
		}
		_ = p.Record(r) // kept for Flush
		return errors.Join(p.Flush(), answer(v))
	}
	for _, s := range v.Steps {
		_ = p.Record(nil, "step", "", s) // kept for Flush
	}
	for _, r := range v.Reasons {
		_ = p.Record(nil, "reason", string(r.Word), r.Text) // kept for Flush
	}
	for _, r := range v.Remarks {
		_ = p.Record(nil, "remark", string(r.Word), r.Text) // kept for Flush
	}
	return errors.Join(p.Flush(), answer(v))
}

func answer(v spif.Verdict) error {
	if v.Allowed {
		return nil
	}
	return cli.ErrNo
}
