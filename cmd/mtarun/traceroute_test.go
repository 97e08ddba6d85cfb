package main

import (
	"encoding/json"
	"os"
	"os/exec"
	"regexp"
	"strings"
	"testing"
)

// mtactl trace shows the way over three switches, there and back, for a probe and for a
// message, and who says no where a recipient is unknown.
func TestTraceShowsTheWay(t *testing.T) {
	n, a, b, c := chain(t)
	carol := c.user("Carol", "Brown")
	text, err := os.ReadFile(b.config())
	if err != nil {
		t.Fatal(err)
	}
	text = regexp.MustCompile(`(?m)^\[\[user\]\]\n(?:[a-z#].*\n)*`).ReplaceAll(text, nil)
	if err := os.WriteFile(b.config(), text, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, m := range n.switches {
		m.start()
	}
	type hop struct{ Domain, MTA, Action string }
	var got struct {
		Reached   bool
		Out, Back []hop
		Report    struct{ MTA string }
	}
	trace := func(status int, args ...string) {
		t.Helper()
		cmd := n.command("mtactl", append([]string{"-C", a.config(), "trace", "--json"}, args...)...)
		out, err := cmd.Output()
		if exit, ok := err.(*exec.ExitError); err != nil && !ok || ok && exit.ExitCode() != status || !ok && status != 0 {
			t.Fatalf("trace %v: %v\n%s", args, said(err), out)
		}
		got.Out, got.Back = nil, nil
		if err := json.Unmarshal(out, &got); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	way := func(hops []hop) string {
		var all []string
		for _, h := range hops {
			all = append(all, strings.TrimSpace(h.Domain[6:strings.Index(h.Domain, "/ADMD")]+" "+h.MTA+" "+h.Action))
		}
		return strings.Join(all, "; ")
	}
	for _, c := range []struct {
		args      []string
		status    int
		out, back string
	}{
		{[]string{carol}, 0, "ALPHA MTA-A relayed; BRAVO  relayed; CHARLIE MTA-C deliverable", "CHARLIE  relayed; BRAVO  relayed; ALPHA MTA-A received"},
		{[]string{"--message", carol}, 0, "ALPHA MTA-A relayed; BRAVO  relayed; CHARLIE MTA-C delivered", "CHARLIE  relayed; BRAVO  relayed; ALPHA MTA-A received"},
		{[]string{b.addressOf("No", "Body")}, 1, "ALPHA MTA-A relayed; BRAVO MTA-B not delivered: unable-to-transfer, unrecognised-OR-name: no such user",
			"BRAVO  relayed; ALPHA MTA-A received"},
	} {
		trace(c.status, c.args...)
		if got.Reached != (c.status == 0) || way(got.Out) != c.out || way(got.Back) != c.back {
			t.Errorf("trace %v: reached %v\nout  %s\nback %s", c.args, got.Reached, way(got.Out), way(got.Back))
		}
	}
	// B relays only and has no users: its own traces are answered all the same.
	for to, want := range map[string]string{carol: "BRAVO MTA-B relayed; CHARLIE MTA-C deliverable", b.addressOf("No", "Body"): "BRAVO MTA-B not delivered: unable-to-transfer, unrecognised-OR-name: no such user"} {
		out, _ := n.command("mtactl", "-C", b.config(), "trace", "--json", to).Output() // the status is that of the answer
		got.Out = nil
		if err := json.Unmarshal(out, &got); err != nil || way(got.Out) != want {
			t.Errorf("%v: out %s", err, way(got.Out))
		}
	}
	// The reports were for this MTA: nobody has them in a mailbox.
	if mail := a.mailbox("ann"); len(mail) > 0 {
		t.Errorf("Ann has %+v", mail)
	}
	if mail := c.mailbox("carol"); len(mail) != 1 || mail[0].Kind != "message" {
		t.Errorf("Carol has %+v", mail)
	}
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
		m.stop()
		m.check()
	}
}
