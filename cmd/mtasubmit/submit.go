package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"time"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// submitted is what --json prints.
type submitted struct {
	ID         string            `json:"id"`
	MTSID      string            `json:"mtsid"`
	Size       int64             `json:"size"`
	Recipients []spool.Recipient `json:"recipients"`
}

func submitAction(c *ucli.Context, to *recipients) (err error) {
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	s, err := begin(c, sp)
	if err != nil {
		return err
	}
	if err := fields(c, to, s.Submission); err != nil {
		return err
	}
	if err := consistent(c, s); err != nil {
		return err
	}
	door, err := submit.NewDoor(cfg, submit.Alone{Spool: sp}, time.Now, conf.OpenFile)
	if err != nil {
		return err
	}
	if err := securityLabel(c, s.Submission, door); err != nil {
		return err
	}
	content, err := open(c, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.close()) }()
	tx, err := door.Submit(queue.Submitter(), *s.Submission)
	if err != nil {
		return err
	}
	if err := tx.Refused(); err != nil {
		return err
	}
	if c.Bool("n") {
		return nil
	}
	if content.r != nil {
		if _, err := io.Copy(tx, content.r); err != nil {
			return errors.Join(diag.E("content", diag.KindOf(err), err), tx.Abort())
		}
	}
	if err := tx.Denied(); err != nil {
		return errors.Join(err, tx.Abort())
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	if err := p.Record(submitted{string(env.ID), env.MTSID, env.Size, env.Recipients}, string(env.ID)); err != nil {
		return err
	}
	return p.Flush()
}

// consistent tells what does not go together on the command line.
func consistent(c *ucli.Context, s *source) error {
	given := func(flags ...string) string {
		for _, f := range flags {
			if c.IsSet(f) {
				return f
			}
		}
		return ""
	}
	switch {
	case c.IsSet("envelope") && c.IsSet("resubmit"):
		return cli.Usage("--envelope or --resubmit, not both")
	case s.made && given("probe", "raw") != "":
		return cli.Usage("--%s is not to be said of a message that exists", given("probe", "raw"))
	case s.made && given("subject", "attach") != "":
		return cli.Usage("the content is taken as it is: no --%s", given("subject", "attach"))
	case c.Bool("raw") && given("subject", "attach") != "":
		return cli.Usage("--raw takes no --%s", given("subject", "attach"))
	case s.Probe && given("attach", "defer-until", "latest", "return-content", "priority") != "":
		return cli.Usage("a probe has no --%s", given("attach", "defer-until", "latest", "return-content", "priority"))
	case !c.Bool("raw") && c.IsSet("content-type") && !s.Probe:
		return cli.Usage("--content-type needs --raw or --probe")
	case s.Probe && c.NArg() > 0:
		return cli.Usage("a probe has no content")
	case !s.Probe && c.IsSet("content-length"):
		return cli.Usage("--content-length needs --probe")
	case s.ContentLength < 0 || s.ContentLength > mts.UbContentLength:
		return cli.Usage("--content-length %d is not one of 0 to %d", s.ContentLength, mts.UbContentLength)
	case !s.made && !c.IsSet("from"):
		return cli.Usage("--from is required")
	case len(s.PerRecipientFields) == 0:
		return cli.Usage("--to is required")
	}
	return nil
}

// readText reads the text of a message.
func readText(r io.Reader) (string, error) {
	text, err := io.ReadAll(io.LimitReader(r, maxText+1))
	if err != nil {
		return "", diag.E("text", diag.NoInput, err)
	}
	if len(text) > maxText {
		return "", diag.WithHint(diag.New("text", diag.Data, "longer than 16 MiB"), "--attach takes files of any length")
	}
	if at := notUTF8(text); at >= 0 {
		return "", diag.WithHint(diag.E("text", diag.Data, fmt.Errorf("not UTF-8 at octet %d", at+1)), "--attach and --raw take any octets")
	}
	return string(text), nil
}

// notUTF8 returns where the first octet is that is not of UTF-8, or -1.
func notUTF8(text []byte) int {
	for at := 0; at < len(text); {
		r, size := utf8.DecodeRune(text[at:])
		if r == utf8.RuneError && size == 1 {
			return at
		}
		at += size
	}
	return -1
}

// maxText bounds the text part, which is held in memory; attachments are not.
const maxText = 16 << 20

func openFile(name string) (*os.File, int64, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, 0, diag.E("--attach", diag.NoInput, err)
	}
	st, err := f.Stat()
	if err == nil && !st.Mode().IsRegular() {
		err = errors.New(name + " is not a regular file")
	}
	if err != nil {
		return nil, 0, errors.Join(diag.E("--attach", diag.NoInput, err), f.Close())
	}
	return f, st.Size(), nil
}
