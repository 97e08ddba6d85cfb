package cli

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/diag"
)

// call runs a command that ends with err, and returns what a user sees.
func call(t *testing.T, action ucli.ActionFunc, args ...string) (status int, out, said string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	app := &ucli.App{
		Name: "mtatest", Writer: &stdout, ErrWriter: &stderr, Reader: strings.NewReader("one\n\n two \n"),
		Flags:  []ucli.Flag{ConfigFlag(), JSONFlag(), &ucli.StringSliceFlag{Name: "to"}, &ucli.IntFlag{Name: "count"}},
		Action: action,
		Commands: []*ucli.Command{
			{Name: "verb", Action: action, ArgsUsage: "ID", Flags: []ucli.Flag{JSONFlag(), &ucli.StringFlag{Name: "deep"}}},
			{Name: "group", Subcommands: []*ucli.Command{{Name: "one", Action: action}, {Name: "two", Action: action}}},
		},
	}
	status = Main(app, append([]string{"mtatest"}, args...))
	return status, stdout.String(), stderr.String()
}

func TestErrorsAndStatuses(t *testing.T) {
	full := &fs.PathError{Op: "write", Path: "q", Err: syscall.ENOSPC}
	for _, c := range []struct {
		name   string
		err    error
		status int
		said   string
	}{
		{"silence is success", nil, 0, ""},
		{"no is an answer", ErrNo, 1, ""},
		{"a hint", diag.WithHint(diag.New("op", diag.Config, "cause"), "advice"), 78, "mtatest: error: op: cause\nmtatest: hint: advice\n"},
		{"a full disk, unclassified", full, 75, "mtatest: error: write q: no space left on device\n"},
		{"wrapped", fmt.Errorf("more: %w", diag.New("op", diag.NoUser, "cause")), 67, "mtatest: error: more: op: cause\n"},
		{"unknown", errors.New("what"), 70, "mtatest: error: what\n"},
		{"several: the highest wins, each is told",
			errors.Join(diag.New("a", diag.NoRoute, "x"), nil, errors.Join(diag.New("b", diag.Data, "y"), diag.New("c", diag.NoUser, "z"))), 68,
			"mtatest: error: a: x\nmtatest: error: b: y\nmtatest: error: c: z\n"},
		{"trouble beside a no", errors.Join(ErrNo, diag.New("a", diag.IO, "x")), 74, "mtatest: error: a: x\n"},
		{"lines in an error", errors.New("one\ntwo"), 70, "mtatest: error: one; two\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			status, out, said := call(t, func(*ucli.Context) error { return c.err })
			if status != c.status || out != "" {
				t.Errorf("status %d, want %d; standard output %q", status, c.status, out)
			}
			if diff := cmp.Diff(c.said, said); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestErrorsAsJSON(t *testing.T) {
	fails := func(*ucli.Context) error { return diag.WithHint(diag.New("a", diag.NoRoute, "x\ny"), "advice") }
	for _, args := range [][]string{{"--json"}, {"verb", "--json"}, {"--json", "verb"}, {"-json"}} {
		_, _, said := call(t, fails, args...)
		if diff := cmp.Diff(`{"error":"a: x\ny","kind":"no-route","status":68,"hint":"advice"}`+"\n", said); diff != "" {
			t.Errorf("%q: %s", args, diff)
		}
	}
	_, _, said := call(t, fails, "--", "--json")
	if !strings.HasPrefix(said, "mtatest: error: ") {
		t.Errorf("an operand chose JSON: %s", said)
	}
}

func TestUsage(t *testing.T) {
	well := func(*ucli.Context) error { return nil }
	for _, c := range []struct {
		args []string
		said string
	}{
		{[]string{"--frob"}, "mtatest: error: no such flag: --frob\nmtatest: hint: mtatest --help lists the flags\n"},
		{[]string{"verb", "-x"}, "mtatest: error: no such flag: -x\nmtatest: hint: mtatest verb --help lists the flags\n"},
		{[]string{"verb", "-C", "file"}, "mtatest: error: no such flag: -C\nmtatest: hint: -C stands before the verb: mtatest -C …\n"},
		{[]string{"--to"}, "mtatest: error: --to needs a value\nmtatest: hint: mtatest --help lists the flags\n"},
		{[]string{"operand", "--json"}, `{"error":"--json comes after operand","kind":"usage","status":64,"hint":"flags stand before operands: mtatest --json … operand"}` + "\n"},
		{[]string{"verb", "operand", "-x"}, "mtatest: error: -x comes after operand\nmtatest: hint: flags stand before operands: mtatest verb -x … operand\n"},
		{[]string{"group"}, "mtatest: error: group: which verb? one, two\nmtatest: hint: mtatest group one|two; mtatest group --help says what each does\n"},
		{[]string{"group", "three"}, "mtatest: error: group: unknown verb \"three\"\nmtatest: hint: one of one, two\n"},
		{[]string{"group", "tow"}, "mtatest: error: group: unknown verb \"tow\"\nmtatest: hint: mtatest group two\n"},
		{[]string{"group", "tree"}, "mtatest: error: group: unknown verb \"tree\"\nmtatest: hint: mtaqueue tree\n"},
		{[]string{"verb", "--jsno"}, "mtatest: error: no such flag: --jsno\nmtatest: hint: mtatest verb --json\n"},
		{[]string{"verb", "--to", "a"}, "mtatest: error: no such flag: --to\nmtatest: hint: --to stands before the verb: mtatest --to …\n"},
		{[]string{"group", "ls"}, "mtatest: error: group: unknown verb \"ls\"\nmtatest: hint: mtaqueue list\n"},
		{[]string{"--count", "many"}, "mtatest: error: --count cannot be \"many\"\nmtatest: hint: mtatest --help lists the flags\n"},
		{[]string{"group", "two", "--deep", "a"}, "mtatest: error: no such flag: --deep\nmtatest: hint: mtatest verb has --deep, mtatest group two has not\n"},
		{[]string{"--deep", "a"}, "mtatest: error: no such flag: --deep\nmtatest: hint: --deep stands after the verb: mtatest verb --deep …\n"},
	} {
		status, out, said := call(t, well, c.args...)
		if status != 64 || out != "" {
			t.Errorf("%q: status %d, standard output %q", c.args, status, out)
		}
		if diff := cmp.Diff(c.said, said); diff != "" {
			t.Errorf("%q: %s", c.args, diff)
		}
	}
	for _, args := range [][]string{{"--", "-x"}, {"--", "a", "-x"}, {"a", "-"}, {"verb", "a", "b"}, {"group", "two", "a"}} {
		if status, _, said := call(t, well, args...); status != 0 {
			t.Errorf("%q: status %d, %s", args, status, said)
		}
	}
}

// Addresses hold commas: a flag given twice is two values, one with a comma is one.
func TestCommasStay(t *testing.T) {
	var got []string
	call(t, func(c *ucli.Context) error {
		got = c.StringSlice("to")
		return nil
	}, "--to", "S=Smith,G=Ann", "--to", "b")
	if diff := cmp.Diff([]string{"S=Smith,G=Ann", "b"}, got); diff != "" {
		t.Error(diff)
	}
}

func TestOperands(t *testing.T) {
	for _, c := range []struct{ args, want []string }{
		{nil, []string{}},
		{[]string{"a", "b"}, []string{"a", "b"}},
		{[]string{"-"}, []string{"one", "two"}},
		{[]string{"a", "-"}, []string{"a", "one", "two"}},
	} {
		call(t, func(ctx *ucli.Context) error {
			got, err := Operands(ctx)
			if diff := cmp.Diff(c.want, got); err != nil || diff != "" {
				t.Errorf("%q: %v %s", c.args, err, diff)
			}
			return nil
		}, c.args...)
	}
}

func TestRecords(t *testing.T) {
	print := func(c *ucli.Context) error {
		p := NewPrinter(c)
		at := time.Date(2026, 11, 24, 12, 0, 0, 500, time.FixedZone("", 3600))
		return errors.Join(p.Record(map[string]string{"a": "<&>"}, "a\tb\nc", "", 7, at, time.Time{}), p.Flush())
	}
	if _, out, _ := call(t, print); out != "a b c\t-\t7\t2026-11-24T11:00:00Z\t-\n" {
		t.Errorf("%q", out)
	}
	if _, out, _ := call(t, print, "verb", "--json"); out != `{"a":"<&>"}`+"\n" {
		t.Errorf("%q", out)
	}
}

// Every wrong command line ends with the right one.
func TestUsageEndsWithTheSynopsis(t *testing.T) {
	fails := func(*ucli.Context) error { return errors.Join(Usage("one"), Usage("verb wants an identifier")) }
	for args, want := range map[string]string{
		"verb": "mtatest verb [flags] ID; mtatest verb --help lists the flags",
		"":     "mtatest [flags]; mtatest --help lists the flags",
	} {
		_, _, said := call(t, fails, strings.Fields(args)...)
		if diff := cmp.Diff("mtatest: error: one\nmtatest: error: verb wants an identifier\nmtatest: hint: "+want+"\n", said); diff != "" {
			t.Error(diff)
		}
	}
}

func TestVersion(t *testing.T) {
	status, out, said := call(t, nil, "--version")
	if status != 0 || !strings.HasPrefix(out, "mtakit ") || strings.Count(out, "\n") != 1 || said != "" {
		t.Errorf("status %d, %q, %q", status, out, said)
	}
}

func TestDuration(t *testing.T) {
	const day = 24 * time.Hour
	for text, want := range map[string]time.Duration{
		"90s": 90 * time.Second, "2d": 2 * day, "1w": 7 * day, "1w2d3h": 9*day + 3*time.Hour, "0s": 0, "1d30m": day + 30*time.Minute,
	} {
		if got, err := Duration("--older", text); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, text := range []string{"2", "d", "-2d", "2d1w", "-1h", "1.5d", "2d-1h", "99999999w", "tomorrow"} {
		if got, err := Duration("--older", text); diag.KindOf(err) != diag.Usage || !strings.Contains(err.Error(), "--older") {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
}
