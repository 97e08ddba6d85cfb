package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// cutsOfTest is how often the test cuts the power, over the file systems, both kinds of
// barrier and both kinds of cut; make crash N=1000 is the long form.
const cutsOfTest = 60

// bin has this program and the commands.
var bin string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "powercut")
	if err == nil {
		bin = dir
		cmd := exec.Command("go", "build", "-o", bin, "../../cmd/...", ".")
		cmd.Env, cmd.Stderr = append(os.Environ(), "CGO_ENABLED=0"), os.Stderr // as they are released
		err = cmd.Run()
	}
	status := 1
	if err != nil {
		fmt.Fprintln(os.Stderr, "go build:", err)
	} else {
		status = m.Run()
	}
	_ = os.RemoveAll(dir)
	os.Exit(status)
}

// What the switch acknowledged is never lost, wherever its power is cut: ext4 and XFS on
// loop devices, at random moments under load. It is a failure and no reason to skip if
// this machine has no loop device, or if this is not root.
func TestPowerCuts(t *testing.T) {
	cuts := 0
	t.Run("systems", func(t *testing.T) {
		for _, system := range systems {
			t.Run(system, func(t *testing.T) {
				t.Parallel() // it waits most of the time
				out, err := exec.Command(filepath.Join(bin, "powercut"), "--bin", bin, "--dir", t.TempDir(),
					"--fs", system, "--cuts", strconv.Itoa(cutsOfTest/len(systems)), "--wait", "300ms").CombinedOutput()
				t.Logf("\n%s", out)
				if err != nil {
					t.Fatalf("%v; it wants root, loop devices, and mkfs of the packages e2fsprogs and xfsprogs", err)
				}
				rows := 0
				for line := range strings.Lines(string(out)) {
					cells := strings.Split(strings.TrimSpace(line), "\t")
					if len(cells) != len(columns) || cells[0] != system {
						continue
					}
					rows++
					if acknowledged, lost := cells[4], cells[6]; acknowledged == "0" || lost != "0" {
						t.Errorf("%s", line)
					}
				}
				if rows != 4 {
					t.Errorf("%d rows for 2 barriers and 2 kinds of cut", rows)
				}
			})
		}
		cuts = cutsOfTest
	})
	t.Logf("%d cuts", cuts)
	if left := attached(t, "/"+t.Name()); left != "" {
		t.Errorf("images attached: %q", left)
	}
}

// attached are the images on loop devices that have part in their path.
func attached(t *testing.T, part string) string {
	t.Helper()
	out, err := exec.Command("losetup", "--noheadings", "--output", "BACK-FILE").CombinedOutput()
	if err != nil {
		t.Fatalf("losetup: %v: %s", err, out)
	}
	var own []string
	for line := range strings.Lines(string(out)) {
		if strings.Contains(line, part) {
			own = append(own, strings.TrimSpace(line))
		}
	}
	return strings.Join(own, "\n")
}

// Whoever kills the program does not leave its switch, its mount or its loop device behind.
func TestKilledLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	cmd := exec.Command(filepath.Join(bin, "powercut"), "--bin", bin, "--dir", dir, "--fs", "ext4", "--cuts", "100")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	until(t, "an image is attached", func() bool { return attached(t, dir) != "" })
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // of a signal
	until(t, "no image is attached", func() bool { return attached(t, dir) == "" })
}

func until(t *testing.T, what string, is func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); !is(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%s: not within %v", what, patience)
		}
	}
}
