package main

import (
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/submit"
	"github.com/mtakit/mtakit/lib/trial"
)

// securityLabel sets the label of the envelope, by the names of the security policies that rules go
// by, in the place of one that is there.
func securityLabel(c *ucli.Context, s *submit.Submission, door *submit.Door) error {
	if !c.IsSet("label") {
		return nil
	}
	fault := func(err error) error { return diag.E("--label", diag.KindOf(err), err) }
	s.Extensions = mts.RemoveExt(s.Extensions, mts.ExtMessageSecurityLabel.Type())
	text := c.String("label")
	if text == trial.NoLabel {
		return nil
	}
	octets, err := door.Label(text)
	if err != nil {
		return fault(err)
	}
	l, err := label.Decode(octets)
	if err != nil {
		return fault(err)
	}
	w, lost, err := l.ForX411()
	if err != nil {
		return fault(err)
	}
	if len(lost) > 0 {
		cli.Warn(c, "--label: left out: "+strings.Join(lost, ", "))
	}
	s.Extensions, err = mts.SetExt(s.Extensions, mts.ExtMessageSecurityLabel, w)
	return err
}
