package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// group is a control group, of version 2 or 1, whichever is there: all processes of one
// relay, and the CPU time of those that have ended, too.
type group struct {
	dir string
	v2  bool
}

func newGroup(name string) (*group, error) {
	name = fmt.Sprintf("mtakit-bench-%d-%s", os.Getpid(), name)
	var errs error
	for _, root := range []string{"/sys/fs/cgroup", "/sys/fs/cgroup/cpuacct", "/sys/fs/cgroup/unified"} {
		_, e2 := os.Stat(filepath.Join(root, "cgroup.controllers"))
		_, e1 := os.Stat(filepath.Join(root, "cpuacct.usage"))
		if e1 != nil && e2 != nil {
			continue
		}
		g := &group{filepath.Join(root, name), e1 != nil}
		err := os.Mkdir(g.dir, 0o755)
		if err == nil {
			return g, nil
		}
		errs = errors.Join(errs, err)
	}
	return nil, errors.Join(errors.New("no control group can be made"), errs)
}

// command is one that runs in the group, from its first instruction.
func (g *group) command(name string, args ...string) *exec.Cmd {
	return exec.Command("/bin/sh", append([]string{"-c", `echo $$ >"$0" && exec "$@"`, filepath.Join(g.dir, "cgroup.procs"), name}, args...)...)
}

// cpu is what all processes of the group have used, user and system.
func (g *group) cpu() (time.Duration, error) {
	if !g.v2 {
		text, err := os.ReadFile(filepath.Join(g.dir, "cpuacct.usage"))
		if err != nil {
			return 0, err
		}
		n, err := strconv.ParseInt(strings.TrimSpace(string(text)), 10, 64)
		return time.Duration(n), err
	}
	text, err := os.ReadFile(filepath.Join(g.dir, "cpu.stat"))
	if err != nil {
		return 0, err
	}
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "usage_usec "); ok {
			n, err := strconv.ParseInt(strings.TrimSpace(rest), 10, 64)
			return time.Duration(n) * time.Microsecond, err
		}
	}
	return 0, errors.New("cpu.stat has no usage_usec")
}

func (g *group) processes() ([]int, error) {
	text, err := os.ReadFile(filepath.Join(g.dir, "cgroup.procs"))
	if err != nil {
		return nil, err
	}
	var all []int
	for _, field := range strings.Fields(string(text)) {
		pid, err := strconv.Atoi(field)
		if err != nil {
			return nil, err
		}
		all = append(all, pid)
	}
	return all, nil
}

// memory is octets of a process: resident now, and at most since restart was called.
type memory struct {
	name           string
	resident, peak int64
	descriptors    int
}

// memories tells of every process of the group that still is.
func (g *group) memories() (map[int]memory, error) {
	pids, err := g.processes()
	if err != nil {
		return nil, err
	}
	all := map[int]memory{}
	for _, pid := range pids {
		dir := "/proc/" + strconv.Itoa(pid)
		status, err := os.ReadFile(dir + "/status")
		if err != nil {
			continue
		}
		m := memory{}
		for line := range bytes.Lines(status) {
			name, rest, _ := strings.Cut(string(line), ":")
			fields := strings.Fields(rest)
			if len(fields) == 0 {
				continue
			}
			n, _ := strconv.ParseInt(fields[0], 10, 64) // of the other lines nothing is wanted
			switch name {
			case "Name":
				m.name = fields[0]
			case "VmRSS":
				m.resident = n << 10
			case "VmHWM":
				m.peak = n << 10
			}
		}
		if arguments, err := os.ReadFile(dir + "/cmdline"); err == nil && bytes.Contains(arguments, []byte("\x00channel\x00")) {
			m.name += " channel"
		}
		if open, err := os.ReadDir(dir + "/fd"); err == nil {
			m.descriptors = len(open)
		}
		all[pid] = m
	}
	return all, nil
}

// restart forgets the peaks so far.
func (g *group) restart() error {
	pids, err := g.processes()
	if err != nil {
		return err
	}
	for _, pid := range pids {
		const peak = "5" // proc(5): reset the peak resident set size
		if err := os.WriteFile("/proc/"+strconv.Itoa(pid)+"/clear_refs", []byte(peak), 0); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// remove waits until the processes, which have been told to, have ended.
func (g *group) remove() error {
	var err error
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		if err = os.Remove(g.dir); err == nil || errors.Is(err, os.ErrNotExist) {
			return nil
		}
	}
	return err
}
