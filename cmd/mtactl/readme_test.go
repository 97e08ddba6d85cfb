package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/cli/clitest"
)

// TestReadmeTour runs the commands of the README, in order and in one shell, as a new
// user types them; only the directory is another, and what is built is built already.
func TestReadmeTour(t *testing.T) {
	root := clitest.Root(t)
	bin := clitest.Build(t)
	text, err := os.ReadFile(filepath.Join(root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	var tour strings.Builder
	for _, block := range regexp.MustCompile("(?s)```sh\n(.*?)```").FindAllStringSubmatch(string(text), -1) {
		tour.WriteString(block[1])
	}
	dir := filepath.Join(t.TempDir(), "mta")
	script := strings.ReplaceAll(tour.String(), "/tmp/mta", dir)
	script = strings.ReplaceAll(script, `export PATH="$PWD/bin:$PATH"`, "")
	script = strings.ReplaceAll(script, "make build\n", "")
	cmd := exec.Command("sh", "-eux")
	cmd.Stdin = strings.NewReader(script)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "PATH="+bin+":"+os.Getenv("PATH"))
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"queued",                     // mtaqueue list
		"delivered here",             // mtaroute explain
		"somebody cannot be reached", // mtaroute check
		"Subject: Lunch",             // mtactl read
		"See you at noon",            // the text
		"was delivered at",           // the report
		"submitted",                  // mtactl track
		"deliverable",                // mtactl trace
		"no such user",               // mtactl trace
		"ACTIVITY START",             // mtactl decode
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the tour does not show %q:\n%s", want, out)
		}
	}
}

// TestDemo runs the demonstration twice at once, as two users of one machine may.
func TestDemo(t *testing.T) {
	root := clitest.Root(t)
	bin := clitest.Build(t)
	type end struct {
		out []byte
		err error
	}
	ends := make(chan end)
	for range 2 {
		cmd := exec.Command(filepath.Join(root, "examples", "demo.sh"), bin)
		cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
		go func() {
			out, err := cmd.CombinedOutput()
			ends <- end{out, err}
		}()
	}
	for range 2 {
		e := <-ends
		if e.err != nil {
			t.Errorf("%v\n%s", e.err, e.out)
		}
		for _, want := range []string{"the meeting is at noon", "octet for octet", "was delivered at", "unrecognised-OR-name (0)", "=== Done"} {
			if !strings.Contains(string(e.out), want) {
				t.Errorf("the demonstration does not show %q", want)
			}
		}
	}
}

// TestListsStory runs the story of lists and alternates over three domains.
func TestListsStory(t *testing.T) {
	cmd := exec.Command(filepath.Join(clitest.Root(t), "examples", "lists.sh"), clitest.Build(t))
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"message\tfor /G=Carl/S=Blue/O=Org/PRMD=CHARLIE/ADMD=TEST/C=GB/\t/PRMD=ALPHA/ADMD=TEST/C=GB/ relayed > " +
			"/PRMD=BRAVO/ADMD=TEST/C=GB/ relayed,dl-operation > /PRMD=CHARLIE/ADMD=TEST/C=GB/ relayed,dl-operation\n", // through both lists
		"/G=Gus/S=Ghost/O=Org/PRMD=CHARLIE/ADMD=TEST/C=GB/\tunable-to-transfer, unrecognised-OR-name\n", // back through both
		"the message has been through this list before",                                                 // the loop
		"no-dl-submit-permission (29)",
		"/PRMD=ALPHA/ADMD=TEST/C=GB/ relayed > /PRMD=BRAVO/ADMD=TEST/C=GB/ relayed,redirected > /PRMD=CHARLIE/ADMD=TEST/C=GB/ relayed\n",
		"/G=Bea/S=Green/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/\tunable-to-transfer, recipient-reassignment-prohibited\n",
		"/G=Dan/S=Black/O=Org/PRMD=DELTA/ADMD=TEST/C=GB/\tunable-to-transfer, maximum-time-expired\n",
		"originator-requested-alternate-recipient\n",
		"=== Done",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the story does not tell %q:\n%s", want, out)
		}
	}
}

// TestBorderStory runs the story of the border between two domains.
func TestBorderStory(t *testing.T) {
	cmd := exec.Command(filepath.Join(clitest.Root(t), "examples", "border.sh"), clitest.Build(t))
	cmd.Env = append(os.Environ(), "TMPDIR="+t.TempDir())
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, want := range []string{
		"id-smime-aa-securityLabel", // as openssl sees it
		"decided\tallow\tleaving/signed\t-\tp1/MTA-B\nrequires\tto-bravo\nadds\t/CN=Archive/",
		"decided\thold\tleaving/forged\tthe signature is not valid",
		"to-bravo: a signature is taken off; the label is policy=NORDLAND; class=BEGRENSET; Partner=NORDLAND; it is signed",
		"decided\tallow\tarriving/cleared\t-\tlocal\nrequires\topen\n",
		"the clearance does not have the classification HEMMELIG",
		"decided\trefuse\tarriving/uncleared\tthe recipient is not cleared for it",
		"the meeting is at noon\n",
		"was NOT delivered: transfer-failure-for-security-reason (8), security-policy-violation (53): the recipient is not cleared for it\n",
		"archived: 1\n",
		"=== Done",
	} {
		if !strings.Contains(string(out), want) {
			t.Errorf("the story does not tell %q:\n%s", want, out)
		}
	}
}
