// Package clitest is what the tests of the five commands share: scripts that use the
// commands as a shell would, and the comparison of a command with its manual page.
package clitest

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/conf/ldapconf/slapdtest"
)

// patience is how long a script waits for what must happen in the end.
const patience = 20 * time.Second

// ann is the address of the user that mtactl init makes, without the surrounding
// domain's other users.
const ann = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"

// Scripts runs the scripts in testdata, each in a directory of its own, with the five
// commands on PATH and the address of the user that mtactl init makes in $ANN. Beside
// what testscript has, a script can say:
//
//	exits STATUS COMMAND...   the command leaves with exactly this status
//	until COMMAND...          repeat the command until it succeeds
//	signal SIGNAL COMMAND     send TERM, INT, HUP or KILL to a command in the background
//	keep NAME                 put the last standard output into a variable
//	json FILTER               jq says yes to the objects of the last standard output,
//	                          taken as one array
//	jsonerr FILTER            the same of the last standard error
//	slapd start|stop          OpenLDAP at $LDAP, with the network of examples/ldap in it, in
//	                          which MTA-A listens at $LISTEN; or stop it, and start it again
//	ldapmodify FILE [SUFFIX]  change entries of it, below o=Example or another suffix
func Scripts(t *testing.T) {
	bin := Build(t)
	testscript.Run(t, testscript.Params{
		Dir: "testdata",
		Setup: func(env *testscript.Env) error {
			env.Setenv("PATH", bin+string(filepath.ListSeparator)+env.Getenv("PATH"))
			env.Setenv("HOME", env.WorkDir)
			env.Setenv("ANN", ann)
			env.Setenv("ROOT", Root(t))
			env.Values[serverKey{}] = new(*slapdtest.Server)
			return nil
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits":   exits,
			"until":   until,
			"signal":  signal,
			"keep":    keep,
			"json":    func(ts *testscript.TestScript, neg bool, args []string) { ask(ts, neg, "stdout", args) },
			"jsonerr": func(ts *testscript.TestScript, neg bool, args []string) { ask(ts, neg, "stderr", args) },
			"slapd":   slapd, "ldapmodify": ldapmodify,
		},
	})
}

// Root is the directory of the module.
func Root(t *testing.T) string {
	t.Helper()
	dir, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir
		}
		up := filepath.Dir(dir)
		if up == dir {
			t.Fatal("no go.mod above the test")
		}
		dir = up
	}
}

// Build brings the five commands in bin/ up to date, as make build does, and returns
// that directory. It costs next to nothing when they are.
func Build(t *testing.T) string {
	t.Helper()
	root := Root(t)
	bin := filepath.Join(root, "bin")
	if err := os.MkdirAll(bin, 0o755); err != nil {
		t.Fatal(err)
	}
	// The packages of the commands are tested at the same time.
	dir, err := os.Open(bin)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = dir.Close() }() // gives up the lock
	if err := syscall.Flock(int(dir.Fd()), syscall.LOCK_EX); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("go", "build", "-trimpath", "-o", bin+"/", "./cmd/...")
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	// go test repeats a cached result unless a file the test has looked at changed.
	for _, name := range []string{"mtactl", "mtaqueue", "mtaroute", "mtarun", "mtasubmit"} {
		if _, err := os.Stat(filepath.Join(bin, name)); err != nil {
			t.Fatal(err)
		}
	}
	return bin
}

func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits STATUS COMMAND...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var exit *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &exit) {
		got = exit.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit status %d, not %d", got, want)
	}
}

func until(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 1 {
		ts.Fatalf("usage: until COMMAND...")
	}
	for end := time.Now().Add(patience); ; time.Sleep(30 * time.Millisecond) {
		err := ts.Exec(args[0], args[1:]...)
		if err == nil {
			return
		}
		if time.Now().After(end) {
			ts.Fatalf("still after %v: %v", patience, err)
		}
	}
}

func signal(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: signal SIGNAL COMMAND")
	}
	number := unix.SignalNum("SIG" + args[0])
	if number == 0 {
		ts.Fatalf("no signal %s", args[0])
	}
	found := false
	for _, cmd := range ts.BackgroundCmds() {
		if filepath.Base(cmd.Path) == args[1] {
			found = true
			ts.Check(cmd.Process.Signal(number))
		}
	}
	if !found {
		ts.Fatalf("no %s in the background", args[1])
	}
}

func keep(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: keep NAME")
	}
	ts.Setenv(args[0], strings.TrimSpace(ts.ReadFile("stdout")))
}

func ask(ts *testscript.TestScript, neg bool, stream string, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: json FILTER")
	}
	cmd := exec.Command("jq", "-e", "-s", args[0])
	text := ts.ReadFile(stream)
	cmd.Stdin = strings.NewReader(text)
	if out, err := cmd.CombinedOutput(); err != nil {
		ts.Fatalf("jq: %v: %s\nof: %s", err, out, text)
	}
}
