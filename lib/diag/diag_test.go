package diag

import (
	"errors"
	"fmt"
	"io/fs"
	"syscall"
	"testing"
)

func TestKindOf(t *testing.T) {
	denied := E("som: bind", Denied, errors.New("wrong password"))
	for _, c := range []struct {
		name string
		err  error
		want Kind
	}{
		{"own", denied, Denied},
		{"wrapped", fmt.Errorf("ping: %w", denied), Denied},
		{"outermost wins", E("mtactl", Unavailable, denied), Unavailable},
		{"full disk", &fs.PathError{Op: "write", Path: "q", Err: syscall.ENOSPC}, Temporary},
		{"missing file", &fs.PathError{Op: "open", Path: "x", Err: syscall.ENOENT}, NoInput},
		{"anything else", errors.New("?"), Internal},
	} {
		if got := KindOf(c.err); got != c.want {
			t.Errorf("%s: KindOf = %v, want %v", c.name, got, c.want)
		}
	}
}

func TestHintSurvivesWrapping(t *testing.T) {
	err := fmt.Errorf("outer: %w", E("op", Config, WithHint(New("inner", Usage, "bad flag"), "see mtactl(1)")))
	if got := HintOf(err); got != "see mtactl(1)" {
		t.Errorf("HintOf = %q", got)
	}
	if got := KindOf(err); got != Config {
		t.Errorf("KindOf = %v, want the outermost kind", got)
	}
}

func TestNilStaysNil(t *testing.T) {
	if E("op", IO, nil) != nil || WithHint(nil, "x") != nil {
		t.Error("wrapping nil made an error")
	}
}
