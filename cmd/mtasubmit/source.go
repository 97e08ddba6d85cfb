package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	ucli "github.com/urfave/cli/v2"

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

// shown is what mtaqueue show --json prints, or the envelope alone.
type shown struct {
	Envelope json.RawMessage `json:"envelope"`
	Path     string          `json:"path"`
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
	var got shown
	var edited *spool.Told
	if err = json.Unmarshal(text, &got); err == nil {
		if got.Envelope == nil {
			got.Envelope = text
		}
		// A member that was misspelt would be one that was not said.
		strict := json.NewDecoder(bytes.NewReader(got.Envelope))
		strict.DisallowUnknownFields()
		if err = strict.Decode(&edited); err == nil && edited == nil {
			err = errors.New("no object")
		}
	}
	if err != nil {
		return nil, diag.WithHint(diag.E(op, diag.Data, err), "one object of mtaqueue show --json is wanted, or its member envelope")
	}
	s = &source{file: got.Path, made: true}
	if s.Submission, err = submit.Again((*spool.Envelope)(edited)); err != nil {
		return nil, diag.E(op, diag.KindOf(err), err)
	}
	return s, nil
}

// fromFile takes a message again that a file of the spool, or of what was saved of one,
// holds; or the message in the queue with an identifier.
func fromFile(sp *spool.Spool, name string) (s *source, err error) {
	path := name
	if _, e := os.Stat(path); e != nil && !strings.Contains(name, "/") {
		if path, err = inQueue(sp, name); err != nil {
			return nil, err
		}
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

// inQueue finds the file of a message by the beginning of its identifier.
func inQueue(sp *spool.Spool, prefix string) (string, error) {
	found, err := sp.Find(prefix)
	switch {
	case diag.KindOf(err) == diag.Usage:
		return "", diag.New("--resubmit "+prefix, diag.NoInput, "no such file, and not the beginning of an identifier")
	case err != nil:
		return "", err
	case len(found) > 1:
		return "", diag.E("--resubmit "+prefix, diag.NoInput, fmt.Errorf("%s and %s begin so", found[0].ID, found[1].ID))
	case len(found) == 1:
		return filepath.Join(sp.Dir(), found[0].String()), nil
	}
	err = diag.New("--resubmit "+prefix, diag.NoInput, "no such file, and no such message in the queue")
	if bad := sp.InBad(prefix); bad != "" {
		return "", diag.WithHint(err, "mtasubmit --resubmit "+bad)
	}
	return "", diag.WithHint(err, "mtactl track tells what became of a message")
}
