package local

import (
	"context"
	"encoding/json"
	"errors"
	"os/exec"
	"slices"
	"strings"
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

// The exit status of a program decides, and nothing it leaves behind; one that does not
// end in time is tried again, whatever it says when it is interrupted.
func TestExitStatus(t *testing.T) {
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
	c := &Channel{programTime: time.Second, programEnd: 100 * time.Millisecond}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	t.Cleanup(c.cancel)
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
