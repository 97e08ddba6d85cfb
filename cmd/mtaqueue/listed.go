package main

import (
	"bufio"
	"errors"
	"strconv"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/queue"
)

func list(c *ucli.Context) error {
	q, named, err := request(c, queue.VerbList)
	if err != nil || !named {
		return err
	}
	cfg, err := cli.Running(c)
	if err != nil {
		return err
	}
	form := appendColumns
	if cli.JSON(c) {
		form = func(b []byte, a *queue.Answer) ([]byte, error) {
			b, err := a.AppendRow(b)
			return cli.EscapeJSON(b), err
		}
	}
	// Of a queue that is long there are so many lines that a Printer would be most of the work.
	w := bufio.NewWriterSize(c.App.Writer, 64<<10)
	var line []byte
	err = queue.Ask(cfg, q, func(a queue.Answer) (err error) {
		if line, err = form(line[:0], &a); err != nil {
			return diag.E(a.Row.ID, diag.Data, err)
		}
		line = append(line, '\n')
		_, _ = w.Write(line) // kept for Flush
		return nil
	})
	return errors.Join(err, diag.E("standard output", diag.IO, w.Flush()))
}

// appendColumns appends the columns of a row as text, to the same octets as a Printer.
func appendColumns(b []byte, a *queue.Answer) ([]byte, error) {
	r := a.Row
	text := func(s string) { b = appendField(append(b, '\t'), s) }
	number := func(v int64) { b = strconv.AppendInt(append(b, '\t'), v, 10) }
	b = appendField(b, r.ID)
	text(r.Priority)
	text(r.State)
	number(r.Age)
	number(r.Size)
	text(r.Channel)
	text(r.Peer)
	number(int64(r.N))
	text(r.Recipient)
	text(r.Originator)
	number(int64(r.Attempts))
	if r.Next.IsZero() {
		text("")
	} else {
		b = r.Next.UTC().AppendFormat(append(b, '\t'), time.RFC3339)
	}
	text(r.Reason)
	text(word(r.Late, "late"))
	return b, nil
}

// appendField appends what Field makes of a text.
func appendField(b []byte, text string) []byte {
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' {
			return append(b, cli.Field(text)...)
		}
	}
	if text == "" {
		return append(b, '-')
	}
	return append(b, text...)
}
