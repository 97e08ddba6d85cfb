package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

// content is what becomes the content octets; a probe has none.
type content struct {
	r     io.Reader
	files []io.Closer
}

func (c *content) close() error {
	var errs []error
	for _, f := range c.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}

// open prepares the content, and says in the submission what is in it.
func open(c *ucli.Context, s *source) (*content, error) {
	out := &content{}
	if s.Probe {
		return out, nil
	}
	if s.made && c.NArg() == 0 {
		return out, out.of(s)
	}
	if s.made && c.String("envelope") == "-" && c.Args().First() == "-" {
		return nil, cli.Usage("standard input is the envelope: the content wants a file")
	}
	in, err := cli.Input(c)
	if err != nil {
		return nil, err
	}
	out.files = append(out.files, in)
	if c.Bool("raw") || s.made {
		out.r = in
		return out, nil
	}
	if err := out.compose(c, s, in); err != nil {
		return nil, errors.Join(err, out.close())
	}
	return out, nil
}

// of takes the content of a message file; a damaged one is not passed on.
func (out *content) of(s *source) error {
	if s.file == "" {
		return diag.WithHint(diag.New("--envelope", diag.Usage, "it does not say where the content is"),
			"name the content: mtasubmit --envelope FILE CONTENT; mtaqueue show --content ID writes that of a message")
	}
	m, err := spool.OpenFile(s.file)
	if err != nil {
		return diag.WithHint(diag.E("content", diag.KindOf(err), err), "the message may have left: name its content as an operand")
	}
	out.files = append(out.files, m)
	if err := m.VerifyContent(); err != nil {
		return errors.Join(err, out.close())
	}
	out.r = m.Content()
	return nil
}

// compose makes an interpersonal message of a text and files.
func (out *content) compose(c *ucli.Context, s *source, in io.Reader) error {
	m := ipms.Message{ThisIPM: string(spool.NewID(time.Now())), Subject: s.Subject}
	var err error
	if m.Originator, err = s.OriginatorName.Address(); err != nil {
		return err
	}
	for i := range s.PerRecipientFields {
		a, err := s.PerRecipientFields[i].RecipientName.Address()
		if err != nil {
			return err
		}
		m.To = append(m.To, ipms.Recipient{Address: a})
	}
	switch s.Priority {
	case mts.Urgent:
		high := ipms.High
		m.Importance = &high
	case mts.NonUrgent:
		low := ipms.Low
		m.Importance = &low
	}
	if m.Text, err = readText(in); err != nil {
		return err
	}
	for _, name := range c.StringSlice("attach") {
		f, size, err := openFile(name)
		if err != nil {
			return err
		}
		out.files = append(out.files, f)
		m.Attachments = append(m.Attachments, ipms.Attachment{Name: filepath.Base(name), Modified: modified(f), Size: size, Data: f})
	}
	composed, err := ipms.Compose(m)
	if err != nil {
		return uncomposed(m.Text, err)
	}
	eits := composed.EncodedInformationTypes()
	s.OriginalEncodedInformationTypes, out.r = &eits, composed
	return nil
}

// uncomposed words what is wrong with a message for who wrote it. A character that has no
// place in a text is found by its line.
func uncomposed(text string, err error) error {
	var layer *diag.Error
	if errors.As(err, &layer) {
		err = layer.Err
	}
	var r *charset.RepertoireError
	if !errors.As(err, &r) {
		return diag.E("", diag.Data, err)
	}
	for n, line := range strings.Split(text, "\n") {
		for at, c := range []rune(line) {
			if c == r.Rune {
				return diag.WithHint(diag.E("text", diag.Data, fmt.Errorf("character %q, line %d, column %d: not in %s", c, n+1, at+1, r.Repertoire)),
					"--attach sends a file as it is; --raw a content that was made elsewhere")
			}
		}
	}
	return diag.E("", diag.Data, err)
}

// modified is when the file was last changed; zero when nobody can tell.
func modified(f *os.File) time.Time {
	st, err := f.Stat()
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}
