package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// source is what a submission begins as, before the flags have their say.
type source struct {
	*submit.Submission
	file string // the message file its content is in, unless the command line names another
	made bool   // of an envelope that exists: its content is taken as it is
}

// begin makes the submission: of the flags alone, of an envelope, or of a message file.
func begin(c *ucli.Context, sp *spool.Spool) (*source, error) {
	switch {
	case c.IsSet("envelope"):
		return fromEnvelope(c, c.String("envelope"))
	case c.IsSet("resubmit"):
		return fromFile(sp, c.String("resubmit"))
	}
	s := &source{Submission: &submit.Submission{Probe: c.Bool("probe")}}
	s.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients)
	s.ContentType = mts.NewContentType(mts.InterpersonalMessaging1988)
	return s, nil
}

// fromEnvelope reads an envelope as JSON.
func fromEnvelope(c *ucli.Context, name string) (s *source, err error) {
	in := io.NopCloser(c.App.Reader)
	if name != "-" {
		if in, err = os.Open(name); err != nil {
			return nil, diag.E("--envelope", diag.NoInput, err)
		}
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	op := "--envelope " + name
	text, err := io.ReadAll(io.LimitReader(in, spool.MaxEnvelope+1))
	switch {
	case err != nil:
		return nil, diag.E(op, diag.NoInput, err)
	case len(text) > spool.MaxEnvelope:
		return nil, diag.E(op, diag.Data, fmt.Errorf("more than %d octets", spool.MaxEnvelope))
	}
	env, path, err := submit.ReadEnvelope(text)
	if err != nil {
		return nil, diag.WithHint(diag.E(op, diag.Data, err), "one object of mtaqueue show --json is wanted, or its member envelope")
	}
	s = &source{file: path, made: true}
	if s.Submission, err = submit.Again(env); err != nil {
		return nil, diag.E(op, diag.KindOf(err), err)
	}
	return s, nil
}

// fromFile takes a message again that a file of the spool, or of what was saved of one,
// holds; or the message in the queue with an identifier.
func fromFile(sp *spool.Spool, name string) (s *source, err error) {
	path, err := cli.MessageFile(sp, "--resubmit", name, "mtasubmit --resubmit")
	if err != nil {
		return nil, err
	}
	m, err := spool.OpenFile(path)
	if err != nil {
		return nil, diag.E("--resubmit", diag.KindOf(err), err)
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	s = &source{file: path, made: true}
	if s.Submission, err = submit.Again(m.Envelope); err != nil {
		return nil, diag.E("--resubmit "+name, diag.KindOf(err), err)
	}
	return s, nil
}
