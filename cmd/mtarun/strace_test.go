package main

import (
	"bytes"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// Whoever is told yes may forget the message. There are two who are told: the peer, by
// the positive acknowledgement of its transfer, and whoever runs mtasubmit, by exit
// status 0, or already by the identifier it prints. And there is one who acts on it:
// mtarun, when it removes a message that others have taken over. What must be durable
// at each of these moments is in the comment at vouched; here it is shown that all of
// them, in a whole network at work, have it.
func TestYesComesAfterBarrier(t *testing.T) {
	for _, barrier := range []string{"syncfs", "fsync"} {
		t.Run(barrier, func(t *testing.T) {
			const messages = 6
			n, a, b, c := chain(t)
			carol := c.user("Carol", "Brown")
			traceOf := func(name string) string { return filepath.Join(n.dir, name+".trace") }
			for _, m := range n.switches {
				m.set("[spool]", fmt.Sprintf("barrier = %q", barrier))
				m.wrap = straced(traceOf(m.letter))
				m.start()
			}
			var locals []string
			for i := range messages {
				path := traceOf(fmt.Sprint(i))
				s := submitUnder(n, a, straced(path), "--to", carol, "--report", "delivery", "--priority", []string{"urgent", "normal", "non-urgent"}[i%3])
				locals = append(locals, localIdentifier(s.MTSID))
				if err := readTrace(t, path).submitted(a, s.ID); err != nil {
					t.Errorf("mtasubmit: %v", err)
				}
			}
			n.until("Ann has all reports", func() bool { return len(a.mailbox("ann")) == messages })
			for _, m := range n.switches {
				n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
				m.stop()
			}
			var reports []string
			for _, d := range a.mailbox("ann") {
				reports = append(reports, localIdentifier(d.MTSID))
			}
			both := slices.Concat(locals, reports)
			for _, of := range []struct {
				m              *mta
				taken, removed []string // what it takes from peers; what it removes in the end
			}{{a, reports, both}, {b, both, both}, {c, locals, both}} {
				tr := readTrace(t, traceOf(of.m.letter))
				acks, err := tr.acknowledgements(true)
				if err != nil {
					t.Errorf("%s: %v", of.m.name, err)
				}
				var taken []string
				for _, ack := range acks {
					taken = append(taken, ack.local)
					if err := tr.vouched(ack.file, ack.at); err != nil {
						t.Errorf("%s: acknowledged too early, at line %d: %v", of.m.name, ack.at.begin+1, err)
					}
				}
				sameSet(t, of.m.name+" acknowledged", of.taken, taken)
				removed, err := tr.removals()
				if err != nil {
					t.Errorf("%s: %v", of.m.name, err)
				}
				sameSet(t, of.m.name+" removed", of.removed, removed)
			}
		})
	}
}

// sameSet compares two lists as sets. More than once is no fault here: a message may
// come twice.
func sameSet(t *testing.T, what string, want, got []string) {
	t.Helper()
	sorted := func(s []string) []string { return slices.Compact(slices.Sorted(slices.Values(s))) }
	if want, got = sorted(want), sorted(got); !slices.Equal(want, got) {
		t.Errorf("%s %q, want %q", what, got, want)
	}
}

func localIdentifier(id string) string {
	_, local, _ := strings.Cut(strings.TrimSuffix(id, "]"), ";")
	return local
}

// submitUnder is submit under strace.
func submitUnder(n *network, m *mta, strace []string, args ...string) submission {
	n.t.Helper()
	text, stderr, err := runUnder(n, m, strace, args...)
	if err != nil {
		n.t.Fatalf("mtasubmit: %v: %s", err, stderr)
	}
	id := strings.TrimSpace(text)
	return submission{ID: id, MTSID: "[" + m.domain + ";" + m.name + "." + id + "]"}
}

func runUnder(n *network, m *mta, strace []string, args ...string) (stdout, stderr string, err error) {
	line := append(slices.Clone(strace), filepath.Join(n.bin, "mtasubmit"), "-C", m.config(), "--from", m.addressOf("Ann", "Smith"))
	cmd := n.command(line[0], append(line[1:], args...)...)
	var out, said bytes.Buffer
	cmd.Stdin, cmd.Stdout, cmd.Stderr = strings.NewReader("traced\n"), &out, &said
	err = cmd.Run()
	return out.String(), said.String(), err
}

// submitted tells whether mtasubmit, which works without a scheduler, said yes in
// time: the file was synced under its first name before it got its second, under which
// it is therefore always whole, and the directory of that was synced.
func (tr *trace) submitted(m *mta, id string) error {
	tmp, final := filepath.Join(m.dir, "spool/tmp", id), filepath.Join(m.dir, "spool/new", id)
	var renamed *call
	var yes []*call
	var printed, exited bool
	for _, c := range tr.calls {
		switch {
		case c.path == final && c.changes():
			return fmt.Errorf("line %d: %s is written under its final name", c.begin+1, final)
		case strings.HasPrefix(c.name, "rename") && slices.Equal(c.texts, []string{tmp, final}):
			renamed = c
		case c.sends() && strings.HasPrefix(c.args, "1<") && bytes.Contains(c.data(), []byte(id)):
			printed = true
			yes = append(yes, c)
		case c.name == "exit_group" && strings.HasPrefix(c.args, "0"):
			exited = true
			yes = append(yes, c)
		}
	}
	if renamed == nil || renamed.failed || !printed || !exited {
		return fmt.Errorf("%s: renamed to new/: %v; printed: %v; exit status 0: %v", tmp, renamed != nil, printed, exited)
	}
	err := tr.content(tmp, renamed)
	for _, y := range yes {
		err = errors.Join(err, tr.named(final, y))
	}
	return err
}

// removals checks each removal of a message from the queue, and returns the
// local-identifiers of what was removed: somebody else must have it by then. Each
// message of this test has one recipient. A peer has it once its acknowledgement has
// come; a user once the files in the mailbox are durable; and the originator is told
// once the report, which is a child and has the first 13 characters of the message's
// identifier, is durable itself.
func (tr *trace) removals() (removed []string, err error) {
	acks, err := tr.acknowledgements(false)
	if err != nil {
		return nil, err
	}
	var errs []error
	files := tr.files()
	for _, c := range tr.calls {
		if c.failed || !strings.HasPrefix(c.name, "unlink") || !spoolFile.MatchString(c.text(0)) || !strings.Contains(c.text(0), "/spool/q/") {
			continue
		}
		id := filepath.Base(c.text(0))
		local := ""
		for l, f := range files {
			switch name := filepath.Base(f); {
			case name == id:
				local = l
			case name[:13] == id[:13]:
				if err := tr.vouched(f, c); err != nil {
					errs = append(errs, fmt.Errorf("line %d: %s was removed, and its report was not safe: %w", c.begin+1, id, err))
				}
			}
		}
		removed = append(removed, local)
		if slices.ContainsFunc(acks, func(a acknowledgement) bool { return a.local == local && a.at.end <= c.begin }) {
			continue
		}
		if err := tr.delivered(id, c); err != nil {
			errs = append(errs, fmt.Errorf("line %d: %s was removed; no peer has it, nor a user: %w", c.begin+1, id, err))
		}
	}
	return removed, errors.Join(errs...)
}

// delivered tells whether the two files of a delivery were durable when a call began.
// The mailbox need not lie on the file system of the spool, so only fsync counts.
func (tr *trace) delivered(id string, yes *call) error {
	content, envelope := "", ""
	var err error
	for _, c := range tr.calls {
		switch {
		case strings.HasPrefix(c.name, "rename") && !c.failed && strings.HasSuffix(c.text(1), "/"+id+".content"):
			content = c.text(1)
			if slices.ContainsFunc(tr.calls, func(w *call) bool { return w.path == c.text(0) && w.changes() }) { // that of a report has nothing
				err = errors.Join(err, tr.content(c.text(0), c))
			}
		case strings.HasPrefix(c.name, "rename") && !c.failed && strings.HasSuffix(c.text(1), "/"+id+".json"):
			envelope = c.text(1)
			err = errors.Join(err, tr.content(c.text(0), c))
		}
	}
	if content == "" || envelope == "" {
		return errors.New("it is in no mailbox")
	}
	return errors.Join(err, tr.named(envelope, yes), tr.named(content, yes))
}
