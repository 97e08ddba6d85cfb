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

func submitAction(c *ucli.Context) (err error) {
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	s, err := submission(c)
	if err != nil {
		return err
	}
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	door, err := submit.NewDoor(cfg, submit.Alone{Spool: sp}, time.Now)
	if err != nil {
		return err
	}
	content, err := open(c, s)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, content.close()) }()
	tx, err := door.Submit(spool.Source{Channel: "submit", Association: queue.Who()}, *s)
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

// submission takes the envelope from the flags.
func submission(c *ucli.Context) (*submit.Submission, error) {
	s := &submit.Submission{
		ContentID: c.String("content-id"), ReturnContent: c.Bool("return-content"), NoDisclosure: c.Bool("no-disclosure"),
		Subject: c.String("subject"), Probe: c.Bool("probe"), ContentLength: c.Int64("probe-size"),
	}
	var err error
	if c.String("from") == "" {
		return nil, cli.Usage("--from is required")
	}
	if s.Originator, err = cli.Address("--from", c.String("from")); err != nil {
		return nil, err
	}
	for _, to := range c.StringSlice("to") {
		a, err := cli.Address("--to", to)
		if err != nil {
			return nil, err
		}
		s.Recipients = append(s.Recipients, a)
	}
	if len(s.Recipients) == 0 {
		return nil, cli.Usage("--to is required")
	}
	if s.Priority, err = mts.ParsePriority(c.String("priority")); err != nil {
		return nil, diag.E("--priority", diag.Usage, err)
	}
	switch word := c.String("report"); word {
	case "none":
		s.Report = mts.ReportNone
	case "non-delivery":
		s.Report = mts.ReportNonDelivery
	case "delivery":
		s.Report = mts.ReportAlways
	default:
		return nil, cli.Usage("--report %q is not none, non-delivery or delivery", word)
	}
	if s.ContentType, err = mts.ParseContentType(c.String("content-type")); err != nil {
		return nil, diag.E("--content-type", diag.Usage, err)
	}
	for _, t := range []struct {
		flag string
		to   *time.Time
	}{{"deferred", &s.Deferred}, {"latest", &s.Latest}} {
		if text := c.String(t.flag); text == "" {
			continue
		} else if *t.to, err = time.Parse(time.RFC3339, text); err != nil {
			return nil, cli.Usage("--%s %q is not a time such as 2026-11-24T12:00:00Z", t.flag, text)
		}
	}
	switch {
	case (c.Bool("raw") || s.Probe) && (c.IsSet("attach") || c.Bool("raw") && c.IsSet("subject")):
		return nil, cli.Usage("--raw and --probe take no --attach, and --raw no --subject")
	case !c.Bool("raw") && c.IsSet("content-type") && !s.Probe:
		return nil, cli.Usage("--content-type needs --raw or --probe")
	case s.Probe && c.NArg() > 0:
		return nil, cli.Usage("a probe has no content")
	case s.Probe && (c.IsSet("deferred") || c.IsSet("latest")):
		return nil, cli.Usage("a probe has no --deferred and no --latest")
	case !s.Probe && c.IsSet("probe-size"):
		return nil, cli.Usage("--probe-size needs --probe")
	case s.ContentLength < 0 || s.ContentLength > mts.UbContentLength:
		return nil, cli.Usage("--probe-size %d is not one of 0 to %d", s.ContentLength, mts.UbContentLength)
	}
	return s, nil
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
		return "", diag.WithHint(diag.E("text", diag.Data, fmt.Errorf("not UTF-8 at octet %d", at)), "--attach and --raw take any octets")
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
