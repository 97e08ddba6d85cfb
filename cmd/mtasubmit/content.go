package main

import (
	"errors"
	"io"
	"os"
	"path/filepath"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
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
func open(c *ucli.Context, s *submit.Submission) (*content, error) {
	out := &content{}
	if s.Probe {
		return out, nil
	}
	in, err := cli.Input(c)
	if err != nil {
		return nil, err
	}
	out.files = append(out.files, in)
	if c.Bool("raw") {
		out.r = in
		return out, nil
	}
	if err := out.compose(c, s, in); err != nil {
		return nil, errors.Join(err, out.close())
	}
	return out, nil
}

// compose makes an interpersonal message of a text and files.
func (out *content) compose(c *ucli.Context, s *submit.Submission, in io.Reader) error {
	m := ipms.Message{ThisIPM: string(spool.NewID(time.Now())), Originator: s.Originator, Subject: s.Subject}
	for _, a := range s.Recipients {
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
	var err error
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
		return err
	}
	eits := composed.EncodedInformationTypes()
	s.EITs, s.ContentType, out.r = &eits, mts.NewContentType(mts.InterpersonalMessaging1988), composed
	return nil
}

// modified is when the file was last changed; zero when nobody can tell.
func modified(f *os.File) time.Time {
	st, err := f.Stat()
	if err != nil {
		return time.Time{}
	}
	return st.ModTime()
}
