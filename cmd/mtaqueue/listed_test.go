package main

import (
	"bytes"
	"flag"
	"fmt"
	"testing"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/queue"
)

// printed is a row as a Printer prints the columns of list.
func printed(t *testing.T, r *queue.Row) string {
	t.Helper()
	var out bytes.Buffer
	p := cli.NewPrinter(ucli.NewContext(&ucli.App{Writer: &out}, flag.NewFlagSet("", flag.ContinueOnError), nil))
	if err := p.Record(nil, r.ID, r.Priority, r.State, r.Age, r.Size, r.Channel, r.Peer, r.N, r.Recipient, r.Originator,
		r.Attempts, r.Next, r.Reason, word(r.Late, "late")); err != nil {
		t.Fatal(err)
	}
	if err := p.Flush(); err != nil {
		t.Fatal(err)
	}
	return out.String()
}

func agrees(t *testing.T, r *queue.Row) {
	t.Helper()
	line, err := appendColumns([]byte("before"), &queue.Answer{Row: r})
	if want := "before" + printed(t, r); err != nil || string(line)+"\n" != want {
		t.Errorf("%v\n%q\n%q", err, line, want)
	}
}

// The columns of list are those of a Printer, whatever the row.
func TestColumnsOfAList(t *testing.T) {
	agrees(t, &queue.Row{})
	at := time.Date(2026, 11, 27, 12, 0, 0, 5e8, time.UTC)
	agrees(t, &queue.Row{ID: "1hr04c5mk5laiqo2bjh4", Priority: "normal", State: queue.StateDeferred, Age: 1 << 40, Size: 1 << 50, Channel: "p1", Peer: "SINK",
		N: 32767, Recipient: "/S=Jones/C=GB/", Originator: "/S=Smith/C=GB/", Attempts: 7, Next: at, Reason: "transport: connection refused", Late: true})
	agrees(t, &queue.Row{Age: -1, Next: at.In(time.FixedZone("", 3600))})
	for _, text := range []string{" ", "~", "\x7f", "a\tb\nc", "ä", "\x1b[1m", "\xff", "a\xffb\t", "\u2028", `"\`} {
		agrees(t, &queue.Row{ID: text, Recipient: text, Originator: text, Reason: text})
	}
}

// FuzzColumnsOfAList: what the daemon says is shown as a Printer shows it, a line for each
// row.
func FuzzColumnsOfAList(f *testing.F) {
	for _, reason := range []string{"connection refused", "a\\tb", "\\u001b[1m", "ä", "\xff"} {
		f.Add(fmt.Appendf(nil, `{"row":{"id":"x","mtsid":"","kind":"","priority":"normal","state":"queued","age":1,"accepted":"2026-11-27T12:00:00Z","size":1,"n":1,"recipient":"","originator":"","attempts":0,"next":"2026-11-27T12:00:00.5Z","reason":"%s"}}`+"\n", reason))
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		var a queue.Answer
		if a.ParseLine(line) != nil || a.Row == nil {
			return
		}
		agrees(t, a.Row)
		if text, err := appendColumns(nil, &a); err != nil || bytes.ContainsAny(text, "\n\x1b") || bytes.Count(text, []byte{'\t'}) != 13 {
			t.Errorf("%q, %v", text, err)
		}
	})
}
