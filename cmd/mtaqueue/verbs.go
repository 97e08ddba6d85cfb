package main

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"
	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
)

// ask puts a request and prints each answer; messages that could not be answered for
// are told when everything else has been printed.
func ask(c *ucli.Context, q queue.Request, print func(*cli.Printer, queue.Answer) error) error {
	cfg, err := cli.Running(c)
	if err != nil {
		return err
	}
	return askFor(c, cfg, q, print)
}

func askFor(c *ucli.Context, cfg *conf.Config, q queue.Request, print func(*cli.Printer, queue.Answer) error) error {
	p := cli.NewPrinter(c)
	err := queue.Ask(cfg, q, func(a queue.Answer) error { return print(p, a) })
	return errors.Join(err, p.Flush())
}

func tree(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("tree takes no operand")
	}
	cfg, err := cli.Running(c)
	if err != nil {
		return err
	}
	return askFor(c, cfg, queue.Request{Verb: queue.VerbTree}, func(p *cli.Printer, a queue.Answer) error {
		ch := a.Channel
		for i := range ch.Peers {
			if peer, ok := cfg.Peer(ch.Peers[i].Peer); ok {
				ch.Peers[i].Credentials = peer.Credentials
			}
		}
		if p.JSON() {
			return p.Record(ch)
		}
		if err := p.Record(nil, "channel", ch.Channel, ch.State, ch.Jobs, ch.MaxJobs, ch.Associations, ch.RestartAt,
			ch.Minimize, ch.MinimizeUntil, ch.OpenAt, ch.Reason, ch.Moved); err != nil {
			return err
		}
		for _, r := range ch.Peers {
			window := r.WindowEnds
			if r.Shut {
				window = r.WindowOpens
			}
			if err := p.Record(nil, "peer", ch.Channel, r.Peer, r.State, r.Urgent, r.Normal, r.NonUrgent, r.Held, r.Active,
				r.Associations, r.Oldest, r.Failures, r.DelayUntil, r.Reason, r.NextCall, window, r.Credentials,
				r.Late, r.Minimize, r.MinimizeUntil); err != nil {
				return err
			}
		}
		return nil
	})
}

func show(c *ucli.Context) error {
	q, named, err := request(c, queue.VerbShow)
	if err != nil || !named {
		return err
	}
	if q.All || len(q.IDs) == 0 {
		return cli.Usage("show wants identifiers")
	}
	cfg, err := cli.Running(c)
	if err != nil {
		return err
	}
	if f, ok := c.App.Writer.(*os.File); ok && c.Bool("content") && isTerminal(f) {
		return diag.WithHint(cli.Usage("a terminal would do what the octets of a content say"),
			"into a file, or: mtaqueue show --content "+q.IDs[0]+" | mtactl decode --as ipm")
	}
	first := true
	return askFor(c, cfg, q, func(p *cli.Printer, a queue.Answer) error {
		d := a.Detail
		switch {
		case c.Bool("content"):
			return writeContent(p.Writer(), d)
		case p.JSON():
			return p.Record(newShown(d, cfg.Identity))
		}
		if !first {
			p.Text("\n")
		}
		first = false
		showText(p, d)
		newShown(d, cfg.Identity).print(p)
		return nil
	})
}

func isTerminal(f *os.File) bool {
	_, err := unix.IoctlGetTermios(int(f.Fd()), unix.TCGETS)
	return err == nil
}

// writeContent copies the content octets from the message's file.
func writeContent(w io.Writer, d *queue.DetailRow) (err error) {
	f, err := os.Open(d.Path)
	if err != nil {
		return diag.E("content", diag.NoInput, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	_, err = io.CopyN(w, f, d.Envelope.Size)
	return diag.E("content", diag.IO, err)
}

func showText(p *cli.Printer, d *queue.DetailRow) {
	e := d.Envelope
	line := func(name string, v any) {
		if text := cli.Field(v); text != "-" {
			p.Text("%-14s%s\n", name+":", text)
		}
	}
	line("id", string(e.ID))
	line("mts-id", e.MTSID)
	line("kind", string(e.Kind))
	line("priority", e.Priority.String())
	line("originator", e.Originator)
	line("content-type", e.ContentType)
	line("content-id", e.ContentID)
	line("subject", e.Subject)
	if e.Kind == spool.KindProbe {
		line("asks-about", e.ProbeSize)
	} else {
		line("size", e.Size)
	}
	line("accepted", e.Accepted)
	line("deferred", e.Deferred)
	line("expires", e.Expires)
	if len(d.Recipients) > 0 {
		line("tried-until", d.Recipients[0].Expires)
	}
	line("from-peer", e.Source.Peer)
	line("from-channel", e.Source.Channel)
	line("parent", string(e.Parent))
	line("step", e.Step)
	line("file", d.Path)
	for _, r := range d.Recipients {
		p.Text("recipient %d:\t%s\t%s\t%s\t%s\tattempts %d\t%s\t%s\n", r.N, cli.Field(r.Recipient), r.State,
			cli.Field(r.Channel), cli.Field(r.Peer), r.Attempts, cli.Field(r.Next), cli.Field(r.Reason))
	}
	for _, r := range e.Recipients {
		if r.Rule != "" {
			p.Text("rule %d:\t%s\n", r.N, cli.Field(r.Rule))
		}
	}
	for _, f := range finals(d) {
		p.Text("final %d:\t%s\t%s\t%s\t%s\t%s\t%s\n", f.n, cli.Field(f.address), cli.Field(cmp.Or(f.Outcome, f.Step)),
			cli.Field(f.Channel), cli.Field(f.Peer), cli.Field(f.Time), cli.Field(f.Text))
	}
	for _, l := range d.Log {
		text := l.Text
		if l.Child != "" {
			text = strings.TrimSuffix(l.Step+" "+string(l.Child)+"; "+text, "; ")
		}
		if l.Who != "" {
			text = strings.TrimPrefix(text+"; by "+l.Who, "; ")
		}
		p.Text("log:\t%s\t%s\t%v\t%s\t%s\n", l.Time.UTC().Format(time.RFC3339), l.Kind, l.Recipients, cli.Field(l.Outcome), cli.Field(text))
	}
}

// reject does the verb of that name.
func reject(c *ucli.Context) error {
	text := c.String("text")
	switch n := utf8.RuneCountInString(text); {
	case strings.TrimSpace(text) == "":
		return cli.Usage("--text is required: it tells the originator why")
	case n > mts.UbSupplementaryInfoLength:
		return cli.Usage("--text has %d characters; X.411 has place for %d in a report", n, mts.UbSupplementaryInfoLength)
	}
	reason, diagnostic, err := rule.Codes(c.String("reason"), c.String("diagnostic"))
	if err != nil {
		return diag.E("reject", diag.Usage, err)
	}
	return act(c, queue.VerbReject, &spool.Failure{Reason: int(reason), Diagnostic: int(diagnostic), Text: text})
}

// act does a verb that changes messages; failure is that of reject.
func act(c *ucli.Context, verb string, failure *spool.Failure) error {
	q, named, err := request(c, verb)
	if err != nil || !named {
		return err
	}
	if failure != nil {
		q.Failure, q.Held, q.Reason = failure, c.Bool("held"), "" // the flag --reason is a code
	}
	if !q.All && len(q.IDs) == 0 {
		return diag.WithHint(cli.Usage("%s wants identifiers, - or ALL", verb), "a filter alone is not enough; with it ALL means what it lets through")
	}
	matched := false
	err = ask(c, q, func(p *cli.Printer, a queue.Answer) error {
		r := a.Act
		matched = true
		// Silence is success, unless there is something to say.
		if !p.JSON() && !q.DryRun && !r.Waits && r.Note == "" {
			return nil
		}
		return p.Record(r, r.ID, r.Verb, word(r.Waits, "waits"), r.Note)
	})
	if q.All && !matched && err == nil && !cli.JSON(c) {
		none := "no message in the queue"
		filtered := q.Filter != (queue.Filter{})
		switch {
		case verb == queue.VerbCancel && filtered:
			none += " that the filters let through can be cancelled"
		case verb == queue.VerbCancel:
			none += " can be cancelled"
		case filtered:
			none += " is let through by the filters"
		}
		fmt.Fprintf(c.App.ErrWriter, "mtaqueue: %s\n", none)
	}
	return err
}

// word is a word for what is so.
func word(is bool, text string) string {
	if is {
		return text
	}
	return ""
}
