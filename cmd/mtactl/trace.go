package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// traceInterval is how often the event log is looked at for the report.
const traceInterval = 100 * time.Millisecond

// trace sends a probe, or a message, and shows the way it took and the report came back.
func trace(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("trace wants one address")
	}
	to, err := cli.Address("recipient", c.Args().First())
	if err != nil {
		return err
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	from, err := traceOriginator(cfg, c.String("from"))
	if err != nil {
		return err
	}
	// Nothing moves without a daemon, and what waits would be sent when nobody looks.
	if err := queue.AskDaemon(cfg, queue.Request{Verb: queue.VerbStatus}, func(queue.Answer) error { return nil }); errors.Is(err, queue.ErrNotRunning) {
		return diag.WithHint(err, "start mtarun first: it moves what is sent")
	} else if err != nil {
		return err
	}
	events, err := audit.NewTail(cfg.Events.Dir)
	if err != nil {
		return err
	}
	t := &traced{Address: to.String(), Message: c.Bool("message"), Sent: time.Now().UTC()}
	if err := t.send(cfg, from, to); err != nil {
		return err
	}
	answer, err := await(events, t.MTSID, t.Sent.Add(c.Duration("wait")))
	if err != nil {
		return err
	}
	if answer == nil {
		return t.silence(cfg, c.Duration("wait"))
	}
	if err := t.answered(cfg, answer); err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	if err := errors.Join(t.print(p), p.Flush()); err != nil {
		return err
	}
	if !t.Reached {
		return cli.ErrNo
	}
	return nil
}

// traceOriginator is who the report goes to: a user of this MTA, or, if it has none, an
// address of its domain that is nobody's.
func traceOriginator(cfg *conf.Config, text string) (oraddr.Address, error) {
	switch {
	case text == "" && len(cfg.Users) > 0:
		return oraddr.Parse(cfg.Users[0].Address)
	case text == "":
		return cli.Address("own domain", "/S=mtactl-trace"+cfg.Identity.Domain.String())
	}
	from, err := cli.Address("--from", text)
	if err != nil {
		return from, err
	}
	for i := range cfg.Users {
		if a, err := oraddr.Parse(cfg.Users[i].Address); err == nil && a.Equal(from) {
			return from, nil
		}
	}
	return from, diag.WithHint(diag.New("--from "+text, diag.NoUser, "is no user of this MTA"), "the report would not come here")
}

// traced is what trace --json prints.
type traced struct {
	Address string              `json:"address"`
	MTSID   string              `json:"mtsid"`
	ID      string              `json:"id"` // spool identifier
	Message bool                `json:"message"`
	Sent    time.Time           `json:"sent"`
	Came    time.Time           `json:"answered"`
	Reached bool                `json:"reached"` // delivered, or would have been
	Out     []traceHop          `json:"out"`
	Back    []traceHop          `json:"back"`
	Report  *report.Explanation `json:"report"`
}

// traceHop is one domain on the way.
type traceHop struct {
	Domain  string    `json:"domain"`
	MTA     string    `json:"mta,omitempty"` // where it is known: here, and where the report was made
	Arrival time.Time `json:"arrival,omitzero"`
	Seconds int64     `json:"seconds"` // since it was sent
	Action  string    `json:"action"`
}

// send submits what is to be traced. The report is asked for by this MTA and not by the
// originator, so that nobody finds it in a mailbox.
func (t *traced) send(cfg *conf.Config, from, to oraddr.Address) (err error) {
	s, err := submit.New(from, to)
	if err != nil {
		return err
	}
	s.Audit()
	s.Probe, s.Subject = !t.Message, "mtactl trace"
	var content io.Reader = strings.NewReader("")
	if t.Message {
		m, err := ipms.Compose(ipms.Message{ThisIPM: string(spool.NewID(t.Sent)), Originator: from, To: []ipms.Recipient{{Address: to}},
			Subject: s.Subject, Text: "This message was sent to find out which way messages to you take.\n"})
		if err != nil {
			return err
		}
		eits := m.EncodedInformationTypes()
		content, s.OriginalEncodedInformationTypes = m, &eits
	}
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	door, err := submit.NewDoor(cfg, submit.Alone{Spool: sp}, time.Now, conf.OpenFile)
	if err != nil {
		return err
	}
	tx, err := door.Submit(queue.Submitter(), *s)
	if err != nil {
		return err
	}
	if _, err := io.Copy(tx, content); err != nil {
		return errors.Join(err, tx.Abort())
	}
	env, err := tx.Commit(context.Background())
	if err != nil {
		return err
	}
	t.MTSID, t.ID = env.MTSID, string(env.ID)
	return nil
}

// await returns the event of the report on a subject, nil if none comes in time.
func await(events *audit.Tail, mtsid string, until time.Time) (*audit.Record, error) {
	for {
		var found *audit.Record
		if err := events.Next(func(r audit.Record) {
			if r.Event == audit.Reported && r.Subject == mtsid && found == nil {
				found = &r
			}
		}); err != nil || found != nil {
			return found, err
		}
		left := time.Until(until)
		if left <= 0 {
			return nil, nil
		}
		time.Sleep(min(left, traceInterval))
	}
}

// silence tells how far it got when there is no answer.
func (t *traced) silence(cfg *conf.Config, waited time.Duration) error {
	far := "nothing is known of it"
	if records, err := audit.Track(cfg.Events.Dir, t.Sent, t.ID); err == nil {
		for _, r := range records {
			if r.Event != audit.Removed {
				far = strings.Join(strings.Fields(r.Event+" "+r.Channel+" "+r.Peer), " ") + " at " + r.Time.Format(time.TimeOnly)
			}
		}
	}
	// What is still here can say what it waits for; an error is what there is to tell anyway.
	_ = queue.Ask(cfg, queue.Request{Verb: queue.VerbList, IDs: []string{t.ID}}, func(a queue.Answer) error {
		far = fmt.Sprintf("still here, %s for %s", a.Row.State, cmp.Or(a.Row.Peer, a.Row.Channel))
		if a.Row.Reason != "" {
			far += ": " + a.Row.Reason
		}
		return nil
	})
	return diag.WithHint(diag.E(t.Address, diag.Temporary, fmt.Errorf("no report within %v; so far: %s", waited, far)),
		"mtactl track "+t.ID+" tells when it comes")
}

// answered reads the report into hops.
func (t *traced) answered(cfg *conf.Config, r *audit.Record) error {
	t.Came = r.Time
	if err := json.NewDecoder(bytes.NewReader(r.Report)).Decode(&t.Report); err != nil || len(t.Report.Recipients) == 0 {
		return diag.WithHint(diag.New(t.Address, diag.Data, "the report says nothing of a way: "+r.Text), "mtactl track "+t.ID)
	}
	hop := func(domain, mta string, at time.Time, action string) traceHop {
		h := traceHop{Domain: domain, MTA: mta, Arrival: at, Action: action}
		if !at.IsZero() {
			// Others' times are whole seconds.
			h.Seconds = max(0, int64(at.Sub(t.Sent.Truncate(time.Second))/time.Second))
		}
		return h
	}
	own := cfg.Identity
	for i, s := range t.Report.SubjectTrace {
		mta := ""
		if i == 0 && s.Domain == own.Domain.String() {
			mta = own.MTA
		}
		t.Out = append(t.Out, hop(s.Domain, mta, s.Arrival, s.Action))
	}
	said := t.Report.Recipients[0]
	t.Reached = said.Delivered != nil
	t.Out = append(t.Out, hop(t.Report.Domain, t.Report.MTA, said.Arrival, outcome(&said, t.Message)))
	for _, s := range t.Report.Trace {
		t.Back = append(t.Back, hop(s.Domain, "", s.Arrival, s.Action))
	}
	t.Back = append(t.Back, hop(own.Domain.String(), own.MTA, r.Time, "received"))
	return nil
}

// outcome is what a report says of the recipient.
func outcome(a *report.Advice, message bool) string {
	switch {
	case a.Delivered != nil && message:
		return "delivered"
	case a.Delivered != nil:
		return "deliverable"
	}
	text := "not delivered"
	if a.Reason != nil {
		text += ": " + a.Reason.Name
	}
	if a.Diagnostic != nil {
		text += ", " + a.Diagnostic.Name
	}
	if a.Text != "" {
		text += ": " + a.Text
	}
	return text
}

func (t *traced) print(p *cli.Printer) error {
	if p.JSON() {
		return p.Record(t)
	}
	for _, way := range []struct {
		name string
		hops []traceHop
	}{{"out", t.Out}, {"back", t.Back}} {
		for i, h := range way.hops {
			if err := p.Record(nil, way.name, i+1, h.Domain, h.MTA, h.Arrival, h.Seconds, h.Action); err != nil {
				return err
			}
		}
	}
	if a := t.Report.Recipients[0]; !t.Reached {
		for _, code := range []*report.Code{a.Reason, a.Diagnostic} {
			if code != nil && code.Advice != "" {
				if err := p.Record(nil, "advice", code.Name, code.Advice); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
