package spool_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/spool"
)

// page returns the literal displays of mtaspool(5), as a reader sees them.
func page(t *testing.T) []string {
	t.Helper()
	source, err := os.ReadFile("../../man/mtaspool.5")
	if err != nil {
		t.Fatal(err)
	}
	var displays []string
	for _, part := range strings.Split(string(source), ".Bd -literal")[1:] {
		_, part, _ = strings.Cut(part, "\n")
		part, _, _ = strings.Cut(part, ".Ed\n")
		displays = append(displays, strings.ReplaceAll(part, `\e`, `\`))
	}
	return displays
}

// The message and the log printed in mtaspool(5) are, octet for octet, what
// this package writes. A line that begins with a blank goes on with the one
// before it.
func TestExamplesOfThePage(t *testing.T) {
	displays := page(t)
	s := openSpool(t)
	lock(t, s)
	ref := spool.Ref{ID: "1hqnpc7cucj8l1234567", Priority: spool.Normal}
	accept(t, s, ref, []byte("hello\n"), &spool.Envelope{
		Kind:        spool.KindMessage,
		MTSID:       "[/PRMD=ACME/ADMD= /C=DE/;A-17]",
		Originator:  "/S=Jones/O=Acme/PRMD=ACME/ADMD= /C=DE/",
		ContentType: "2.6.1.10.1",
		Accepted:    then,
		Source:      spool.Source{Channel: "p1", Peer: "MTA-B"},
		Wire:        []byte{0x31, 0x80, 0, 0},
		Recipients: []spool.Recipient{{N: 1, Address: "/S=Smith/O=Widget/PRMD=WIDGET/ADMD= /C=GB/",
			Hops: []spool.Hop{{Channel: "p1", Peer: "MTA-C"}}, Report: "non-delivery", MTAReport: "non-delivery"}},
	})
	if err := s.Append(ref,
		spool.Record{Time: then.Add(time.Second), Kind: spool.RecordOutcome, Recipients: []int{1}, Outcome: "deferred",
			Text: "connection refused", Channel: "p1", Peer: "MTA-C", Attempt: 1, Until: then.Add(time.Minute)},
		spool.Record{Time: then.Add(2 * time.Second), Kind: spool.RecordHold, Who: "operator jane"},
	); err != nil {
		t.Fatal(err)
	}
	for i, path := range []string{ref.String(), ref.String() + ".log"} {
		i *= 2 // the commands lie between them
		got, err := os.ReadFile(filepath.Join(s.Dir(), path))
		if err != nil {
			t.Fatal(err)
		}
		want := strings.ReplaceAll(displays[i], "\n ", "")
		if diff := cmp.Diff(want, string(got)); diff != "" {
			t.Errorf("%s (-page +written):\n%s\nwritten:\n%s", path, diff, got)
		}
	}
	if got := ref.ID.Time(); !got.Equal(then) {
		t.Errorf("time of the identifier %v", got)
	}
	script := strings.ReplaceAll(displays[1], "FILE", filepath.Join(s.Dir(), ref.String()))
	out, err := exec.Command("sh", "-ec", script).CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	if want := strings.Join(strings.SplitAfter(strings.ReplaceAll(displays[0], "\n ", ""), "\n")[:2], ""); string(out) != want {
		t.Errorf("the commands print %q, not %q", out, want)
	}
}
