package diag

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"regexp"
	"strconv"
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
		{"limit of the process", &fs.PathError{Op: "write", Path: "q", Err: syscall.EFBIG}, Temporary},
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

// TestManPage holds mta-exit(7) and the table together, both ways.
func TestManPage(t *testing.T) {
	page, err := os.ReadFile("../../man/mta-exit.7")
	if err != nil {
		t.Fatal(err)
	}
	listed := map[string]string{}
	for _, row := range regexp.MustCompile(`(?m)^\.It (\d+) Ta ([a-z-]+) Ta `).FindAllStringSubmatch(string(page), -1) {
		listed[row[2]] = row[1]
	}
	for _, k := range Kinds() {
		if got, want := listed[k.String()], strconv.Itoa(k.ExitStatus()); got != want {
			t.Errorf("mta-exit(7) gives %q for %v, the table %s", got, k, want)
		}
		delete(listed, k.String())
	}
	for name := range listed {
		t.Errorf("mta-exit(7) lists %s, which is no kind", name)
	}
}

// guise passes for an Error that holds it again, as the errors of a codec do.
type guise struct{}

func (guise) Error() string { return "guise" }

func (g guise) As(target any) bool {
	e, ok := target.(**Error)
	if ok {
		*e = &Error{Kind: Data, Err: g}
	}
	return ok
}

// A hint is found behind other errors and among joined ones; looking for one ends.
func TestHintOf(t *testing.T) {
	hinted := WithHint(New("op", Data, "wrong"), "do it right")
	for _, c := range []struct {
		err  error
		want string
	}{
		{nil, ""},
		{errors.New("plain"), ""},
		{hinted, "do it right"},
		{E("outer", IO, fmt.Errorf("more: %w", hinted)), "do it right"},
		{errors.Join(errors.New("plain"), hinted, WithHint(errors.New("x"), "later")), "do it right"},
		{E("content", Data, guise{}), ""},
		{errors.Join(guise{}, errors.New("plain")), ""},
	} {
		if got := HintOf(c.err); got != c.want {
			t.Errorf("%v: %q, want %q", c.err, got, c.want)
		}
	}
}
