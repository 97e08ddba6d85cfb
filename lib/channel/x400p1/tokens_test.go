package x400p1

import (
	"crypto/x509"
	"errors"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/mts/token"
)

// made is a token as it is after it has been verified.
func made(at time.Time, number string) *token.Taken {
	return &token.Taken{Certificate: &x509.Certificate{}, Time: at, Number: asn1.BitString{Bytes: []byte(number), BitLength: 8 * len(number)}}
}

// verdict is what comes of taking a token.
func verdict(m *memory, peer string, t *token.Taken) string {
	err := m.take(peer, t)
	var r *token.Refusal
	switch {
	case err == nil:
		return "taken"
	case errors.As(err, &r) && r.Problem == token.Replayed:
		return "replayed"
	case errors.As(err, &r) && r.Problem == token.Forgotten:
		return "forgotten"
	}
	return err.Error()
}

// A token that was taken is not taken again by the next process, nor by one that stands
// beside, though the clock of its peer is ahead; and nobody else waits for that.
func TestTokensOutliveProcess(t *testing.T) {
	dir, noon := filepath.Join(t.TempDir(), "tokens"), time.Date(2026, 11, 27, 12, 0, 0, 0, time.UTC)
	at := func(d time.Duration) time.Time { return noon.Add(d) }
	first := newMemory(dir, noon)
	ahead := made(at(3*time.Minute), "a")
	second := newMemory(dir, at(90*time.Second))
	for i, step := range []struct {
		process *memory
		peer    string
		token   *token.Taken
		want    string
	}{
		{first, "MTA-B", ahead, "taken"},
		{first, "MTA-B", made(at(3*time.Minute), "b"), "taken"},
		{first, "MTA-B", made(at(2*time.Minute), "c"), "taken"}, // out of order
		{first, "MTA-C", made(at(time.Second), "a"), "taken"},
		{second, "MTA-B", ahead, "forgotten"},
		{second, "MTA-B", made(at(2*time.Minute), "c"), "forgotten"},
		{second, "MTA-B", made(at(3*time.Minute+time.Second), "d"), "taken"},
		{second, "MTA-B", made(at(3*time.Minute+time.Second), "d"), "replayed"},
		{second, "MTA-C", made(at(time.Second), "a"), "forgotten"},
		{second, "MTA-C", made(at(2*time.Second), "b"), "taken"}, // its clock is behind the start
		{second, "MTA-D", made(at(91*time.Second), "a"), "taken"},
		{second, "MTA-E", made(at(89*time.Second), "a"), "forgotten"}, // nothing is known of it
		{first, "MTA-B", made(at(3*time.Minute+time.Second), "d"), "forgotten"},
		{first, "MTA-B", ahead, "replayed"},
		{newMemory(dir, at(time.Hour)), "MTA-B", made(at(3*time.Minute+2*time.Second), "e"), "taken"},
	} {
		if got := verdict(step.process, step.peer, step.token); got != step.want {
			t.Errorf("step %d: %s, not %s", i, got, step.want)
		}
	}
}

// What is not known is not taken for nothing.
func TestTokensUnreadable(t *testing.T) {
	dir, now := t.TempDir(), time.Now()
	m := newMemory(dir, now)
	for _, text := range []string{"", "{", "null", `{"MTA-B": 1}`} {
		if err := os.WriteFile(m.path(), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		err := m.take("MTA-B", made(now.Add(time.Second), "a"))
		var failed *os.PathError
		if r := new(token.Refusal); !errors.As(err, &failed) || errors.As(err, &r) {
			t.Errorf("%q: %v", text, err)
		}
	}
	if err := os.Remove(m.path()); err != nil {
		t.Fatal(err)
	}
	if got := verdict(m, "MTA-B", made(now.Add(time.Second), "a")); got != "taken" {
		t.Error(got)
	}
}
