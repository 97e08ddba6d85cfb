package daemon

import (
	"fmt"
	"os/exec"
	"runtime"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/conf"
)

// Where what a confined process may read is not there any more, another takes its place.
func TestConfinedProcessIsReplaced(t *testing.T) {
	t.Parallel()
	s := serve(t, listenFor(t, "good"))
	s.says("channel-up", "channel=good")
	s.renew <- struct{}{}
	s.says("channel process is to be replaced", "channel=good")
	s.until("there is another", func() bool {
		return strings.Count(s.log.String(), "msg=channel-up channel=good") == 2
	})
	s.says("channel process ended", "channel=good")
	s.end()
}

// Channels whose peers have no passwords share one text, without any.
func TestTexts(t *testing.T) {
	cfg := conf.New()
	for _, name := range []string{"p1", "other", "local", "expand"} {
		cfg.Channels = append(cfg.Channels, conf.Channel{Name: name})
	}
	cfg.Peers = []conf.Peer{{Name: "A", Channel: "p1", PasswordIn: "first-secret"}, {Name: "B", Channel: "other", PasswordOut: "second-secret"}}
	texts, err := textsOf(cfg)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string][2]bool{"p1": {true, false}, "other": {false, true}, "local": {}, "expand": {}} {
		got := [2]bool{strings.Contains(string(texts[name]), "first-secret"), strings.Contains(string(texts[name]), "second-secret")}
		if got != want || !strings.Contains(string(texts[name]), `"B"`) {
			t.Errorf("%s is given %v of the passwords, want %v", name, got, want)
		}
	}
	if gone := texts[""]; len(gone) == 0 || strings.Contains(string(gone), "secret") {
		t.Errorf("a channel that is there no more is given %s", gone)
	}
	if &texts["local"][0] != &texts["expand"][0] {
		t.Error("two texts that are the same")
	}
}

// The slack is that of the program alone, not of the thread that starts it.
func TestTimerSlack(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0)
	if err != nil {
		t.Fatal(err)
	}
	var out strings.Builder
	cmd := exec.Command("cat", "/proc/self/timerslack_ns")
	cmd.Stdout = &out
	if err := startSlack(cmd); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	if want := fmt.Sprintln(timerSlack.Nanoseconds()); out.String() != want {
		t.Errorf("a slack of %q, want %q", out.String(), want)
	}
	if after, err := unix.PrctlRetInt(unix.PR_GET_TIMERSLACK, 0, 0, 0, 0); err != nil || after != before {
		t.Errorf("the slack of this thread was %d and is %d, %v", before, after, err)
	}
}
