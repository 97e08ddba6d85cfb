// Command mutants breaks what keeps messages, one place at a time, and runs the tests that
// must notice.
//
//	mutants [-run REGEXP] [FILE]
//
// FILE, mutants.txt beside this program if none is given, says what is broken: paragraphs
// of a name, the file, the package and the tests that are to fail, and the lines that are
// replaced, "-" in front, by others, "+" in front. Nothing is changed on the disk: the
// compiler is given the other text of the file in its place. One line for each comes out:
// what is broken, and the first test that failed, or SURVIVED. The exit status is 1 if one
// has survived, or does not compile.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

func main() {
	which := flag.String("run", ".", "only the mutants whose name matches")
	flag.Parse()
	file := "examples/mutants/mutants.txt"
	if flag.NArg() > 0 {
		file = flag.Arg(0)
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	survived, err := run(ctx, file, *which)
	if err != nil {
		fmt.Fprintln(os.Stderr, "mutants: error:", err)
	}
	if err != nil || survived > 0 {
		os.Exit(1)
	}
}

func run(ctx context.Context, file, which string) (survived int, err error) {
	chosen, err := regexp.Compile(which)
	if err != nil {
		return 0, err
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return 0, err
	}
	all, err := parse(string(text))
	if err != nil {
		return 0, fmt.Errorf("%s: %w", file, err)
	}
	caught := 0
	for _, m := range all {
		if !chosen.MatchString(m.name) {
			continue
		}
		test, err := m.try(ctx)
		if err, ok := errors.AsType[*unfit](err); ok {
			fmt.Printf("%s\t%s\tDOES NOT COMPILE\n%v\n", m.name, m.file, err)
			survived++
			continue
		}
		if err != nil {
			return survived, fmt.Errorf("%s: %w", m.name, err)
		}
		if test == "" {
			test = "SURVIVED"
			survived++
		} else {
			caught++
		}
		fmt.Printf("%s\t%s\t%s\n", m.name, m.file, test)
	}
	fmt.Printf("%d mutants, %d caught, %d survived\n", caught+survived, caught, survived)
	return survived, nil
}

// mutant is one way in which something is broken.
type mutant struct {
	name     string
	file     string // below the module
	pkg, run string // the tests that are to fail
	from, to string
}

// parse reads paragraphs.
func parse(text string) (all []mutant, err error) {
	for i, paragraph := range strings.Split(text, "\n\n") {
		m := mutant{}
		for line := range strings.SplitSeq(strings.Trim(paragraph, "\n"), "\n") {
			key, value, _ := strings.Cut(line, ": ")
			switch {
			case strings.HasPrefix(line, "#"), line == "":
			case strings.HasPrefix(line, "-"):
				m.from += line[1:] + "\n"
			case strings.HasPrefix(line, "+"):
				m.to += line[1:] + "\n"
			case key == "break":
				m.name = value
			case key == "in":
				m.file = value
			case key == "noticed by":
				m.pkg, m.run, _ = strings.Cut(value, " ")
			default:
				return nil, fmt.Errorf("paragraph %d: %q", i+1, line)
			}
		}
		switch {
		case m == mutant{}:
		case m.name == "" || m.file == "" || m.run == "" || m.from == "":
			return nil, fmt.Errorf("paragraph %d, %q: something is missing", i+1, m.name)
		default:
			all = append(all, m)
		}
	}
	return all, nil
}

// apply returns the text of the file as it is broken.
func (m *mutant) apply(text string) (string, error) {
	if n := strings.Count(text, m.from); n != 1 {
		return "", fmt.Errorf("what is to be replaced is %d times in %s", n, m.file)
	}
	return strings.Replace(text, m.from, m.to, 1), nil
}

// unfit is that a mutant does not compile: the list is to be put right.
type unfit struct{ error }

var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// try runs the tests against it and returns the first that failed, "" if none did.
func (m *mutant) try(ctx context.Context) (test string, err error) {
	text, err := os.ReadFile(m.file)
	if err != nil {
		return "", err
	}
	broken, err := m.apply(string(text))
	if err != nil {
		return "", err
	}
	dir, err := os.MkdirTemp("", "mtakit-mutants.")
	if err != nil {
		return "", err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	path, err := filepath.Abs(m.file)
	if err != nil {
		return "", err
	}
	other, overlay := filepath.Join(dir, "broken.go"), filepath.Join(dir, "overlay.json")
	replace, err := json.Marshal(map[string]map[string]string{"Replace": {path: other}})
	if err == nil {
		err = errors.Join(os.WriteFile(other, []byte(broken), 0o600), os.WriteFile(overlay, replace, 0o600))
	}
	if err != nil {
		return "", err
	}
	args := []string{"-overlay", overlay, "-vet=off"}
	if out, err := exec.CommandContext(ctx, "go", append(append([]string{"test", "-run", "^$"}, args...), m.pkg)...).CombinedOutput(); err != nil {
		return "", &unfit{fmt.Errorf("%w: %s", err, out)}
	}
	cmd := exec.CommandContext(ctx, "go", append(append([]string{"test", "-count", "1", "-failfast", "-timeout", "10m", "-run", m.run}, args...), m.pkg)...)
	// What the tests build is to be broken too.
	cmd.Env = append(os.Environ(), "GOFLAGS=-overlay="+overlay)
	out, err := cmd.CombinedOutput()
	if ctx.Err() != nil {
		return "", ctx.Err()
	}
	if err == nil {
		return "", nil
	}
	if found := failed.FindStringSubmatch(string(out)); found != nil {
		return found[1], nil
	}
	return "", fmt.Errorf("no test failed, but: %w: %s", err, out)
}
