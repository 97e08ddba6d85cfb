package local

import (
	"bufio"
	"encoding/json"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/spool"
)

// variable returns the value of a variable of an environment.
func variable(env []string, name string) (string, bool) {
	i := slices.IndexFunc(env, func(v string) bool { return strings.HasPrefix(v, name+"=") })
	if i < 0 {
		return "", false
	}
	return strings.TrimPrefix(env[i], name+"="), true
}

// A program can be started whatever the envelope holds, and is told as much of it as
// fits.
func TestEnvironmentFits(t *testing.T) {
	many := func(n int) []string { return slices.Repeat([]string{"/S=Jones/PRMD=BRAVO/ADMD=TEST/C=GB/"}, n) }
	for _, c := range []struct {
		name         string
		d            Delivery
		wire, others bool
	}{
		{"a short one", Delivery{ID: "x", Wire: []byte("x"), Others: many(2)}, true, true},
		{"a long one", Delivery{ID: "x", Wire: make([]byte, 200<<10), Others: many(1000)}, false, true},
		{"a very long one", Delivery{ID: "x", Wire: make([]byte, 4<<20), Others: many(32000)}, false, false},
		{"a NUL", Delivery{ID: "x", MTSID: "a\x00b", Wire: []byte("x"), Others: many(1)}, true, true},
	} {
		env, err := environment(&c.d)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("/bin/sh", "-c", `printf %s "$MTA_ENVELOPE"`)
		cmd.Env = env
		out, err := cmd.Output()
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var got Delivery
		if err := json.Unmarshal(out, &got); err != nil || got.ID != "x" {
			t.Errorf("%s: %v", c.name, err)
		}
		if (len(got.Wire) > 0) != c.wire || (len(got.Others) > 0) != c.others {
			t.Errorf("%s: wire of %d octets, %d others", c.name, len(got.Wire), len(got.Others))
		}
	}
	env, err := environment(&Delivery{ID: "x", Extensions: make([]string, 50<<10)})
	if err != nil {
		t.Fatal(err)
	}
	if _, ok := variable(env, "MTA_ENVELOPE"); ok {
		t.Error("an envelope that does not fit was given")
	}
	if id, _ := variable(env, "MTA_ID"); id != "x" {
		t.Errorf("MTA_ID=%s", id)
	}
}

// stored is a message in a spool.
func stored(t *testing.T) *spool.Message {
	t.Helper()
	dir := t.TempDir() + "/spool"
	if err := spool.Init(dir); err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sp.Close() })
	ref := spool.Ref{ID: spool.NewID(noon), Priority: spool.Normal}
	w, err := sp.CreateInPlace(ref)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Write(make([]byte, 1<<20)) // more than a pipe takes
	env := &spool.Envelope{Kind: spool.KindMessage, Originator: ann, Accepted: noon, Recipients: []spool.Recipient{{N: 1, Address: ann}}}
	if err = errors.Join(err, w.Finish(env), w.Close()); err != nil {
		t.Fatal(err)
	}
	m, err := sp.OpenMessage(ref)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = m.Close() })
	return m
}

// aChannel gives a program so long, and then a tenth of a second.
func aChannel(t *testing.T, long time.Duration) *Channel {
	t.Helper()
	c := &Channel{Unassociated: channel.NewUnassociated[settings](&channel.Host{}, nil), programTime: long, programEnd: 100 * time.Millisecond}
	t.Cleanup(c.Abort)
	return c
}

// The exit status of a program decides, and nothing it leaves behind; one that does not
// end in time is tried again, whatever it says when it is interrupted.
func TestExitStatus(t *testing.T) {
	m, c := stored(t), aChannel(t, time.Second)
	for script, want := range map[string]string{
		"cat >/dev/null":                         channel.OutcomeDelivered,
		"exit 0":                                 channel.OutcomeDelivered, // it does not have to read
		"sleep 5 & exit 0":                       channel.OutcomeDelivered,
		"exit 75":                                channel.OutcomeDeferred,
		"echo no room >&2; exit 73":              channel.OutcomeDeferred,
		"exit 67":                                channel.OutcomeFailed,
		"kill -9 $$":                             channel.OutcomeDeferred,
		"trap 'exit 1' INT; while :; do :; done": channel.OutcomeDeferred,
		"trap '' INT; while :; do :; done":       channel.OutcomeDeferred,
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			if got := c.intoProgram([]string{"/bin/sh", "-c", script}, m, &Delivery{}, noon); got.Outcome != want {
				t.Errorf("%+v", got)
			}
		})
	}
}

// program runs one with a FIFO for its standard output, which it says its process
// identifier to; what is read of that ends when nothing of the program is left.
func program(script, fifo string) []string {
	return []string{"/bin/sh", "-c", `exec >"$0"; echo $$; ` + script, fifo}
}

// begun waits for a program to begin, and returns a function that waits for its end.
func begun(t *testing.T, fifo string) (ended func()) {
	t.Helper()
	f, err := os.Open(fifo) // waits
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	if err := f.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatal(err)
	}
	r := bufio.NewReader(f)
	line, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := io.ReadAll(r); err != nil {
			t.Errorf("the program goes on: %v", err)
			if pid, err := strconv.Atoi(strings.TrimSpace(line)); err == nil {
				_ = syscall.Kill(-pid, syscall.SIGKILL)
			}
		}
	}
}

func aFIFO(t *testing.T) string {
	t.Helper()
	name := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(name, 0o600); err != nil {
		t.Fatal(err)
	}
	return name
}

// A channel process that is killed takes the program with it: another may be given the
// message at once.
func TestProgramEndsWithTheProcess(t *testing.T) {
	const variable = "MTAKIT_TEST_FIFO"
	if fifo := os.Getenv(variable); fifo != "" { // this is the channel process
		r := aChannel(t, time.Hour).intoProgram(program("exec sleep 1000", fifo), stored(t), &Delivery{}, noon)
		t.Fatalf("%+v", r)
	}
	fifo := aFIFO(t)
	process := exec.Command(os.Args[0], "-test.run=^"+t.Name()+"$")
	process.Env = append(os.Environ(), variable+"="+fifo)
	if err := process.Start(); err != nil {
		t.Fatal(err)
	}
	ended := begun(t, fifo)
	if err := process.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = process.Wait() // it was killed
	ended()
}

// A program that is given up is so with all that it has started, and with nothing left when
// the channel ends.
func TestProgramIsGivenUpWithItsChildren(t *testing.T) {
	fifo := aFIFO(t)
	m, c := stored(t), aChannel(t, time.Hour)
	result := make(chan channel.Result, 1)
	go func() {
		result <- c.intoProgram(program("trap '' INT; sleep 1000 & wait; wait", fifo), m, &Delivery{}, noon)
	}()
	ended := begun(t, fifo)
	c.Abort()
	if r := <-result; r.Outcome != channel.OutcomeDeferred {
		t.Errorf("%+v", r)
	}
	ended()
}
