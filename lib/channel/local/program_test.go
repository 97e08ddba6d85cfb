package local

import (
	"encoding/json"
	"os/exec"
	"slices"
	"strings"
	"testing"
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
