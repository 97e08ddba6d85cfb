package measure

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
)

// Usage is what processes have used since they began, or, as a difference, in between.
type Usage struct {
	Processes int           // that there are
	CPU       time.Duration // of these, and of their children that have ended
	Resident  int64         // octets now; pages that processes share count for each
	Peak      int64         // octets, of each process at its own worst moment
}

// Since is the CPU time used since before; the rest is as it is now.
func (u Usage) Since(before Usage) Usage {
	u.CPU = max(u.CPU-before.CPU, 0)
	return u
}

// Own is what this process has used.
func Own() (Usage, error) {
	var r unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &r); err != nil {
		return Usage{}, diag.E("getrusage", diag.System, err)
	}
	return Usage{Processes: 1, CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()), Peak: int64(r.Maxrss) << 10}, nil
}

// tick is the unit of the times in /proc/PID/stat: USER_HZ, which is 100 wherever Go runs
// on Linux.
const tick = time.Second / 100

// Tree is what a process and all its descendants have used.
func Tree(pid int) (Usage, error) {
	all, err := processes("/proc")
	if err != nil {
		return Usage{}, err
	}
	if _, ok := all[pid]; !ok {
		return Usage{}, diag.New(fmt.Sprintf("process %d", pid), diag.NoInput, "there is none")
	}
	return tree(all, pid), nil
}

// process is one, as /proc tells of it.
type process struct {
	parent         int
	cpu            time.Duration
	resident, peak int64
}

// processes reads the processes there are. One that ends meanwhile is left out.
func processes(proc string) (map[int]process, error) {
	entries, err := os.ReadDir(proc)
	if err != nil {
		return nil, diag.E("processes", diag.System, err)
	}
	all := map[int]process{}
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil {
			continue
		}
		stat, err := os.ReadFile(proc + "/" + e.Name() + "/stat")
		if err != nil {
			continue
		}
		p, ok := parseStat(string(stat))
		if !ok {
			continue
		}
		status, err := os.ReadFile(proc + "/" + e.Name() + "/status")
		if err != nil {
			continue
		}
		p.resident, p.peak = kib(status, "VmRSS:"), kib(status, "VmHWM:")
		all[pid] = p
	}
	return all, nil
}

// parseStat reads a line of /proc/PID/stat. The name of the program, in parentheses, may
// hold anything, parentheses among it.
func parseStat(line string) (p process, ok bool) {
	end := strings.LastIndexByte(line, ')')
	if end < 0 {
		return p, false
	}
	const parent, utime, cstime = 1, 11, 14 // counted from the state
	fields := strings.Fields(line[end+1:])
	if len(fields) <= cstime {
		return p, false
	}
	var err error
	if p.parent, err = strconv.Atoi(fields[parent]); err != nil {
		return p, false
	}
	for _, f := range fields[utime : cstime+1] {
		n, err := strconv.ParseInt(f, 10, 64)
		if err != nil {
			return p, false
		}
		p.cpu += time.Duration(n) * tick
	}
	return p, true
}

// kib is the octets that a line of /proc/PID/status gives in units of 1024; 0 if it is
// not there, as with threads of the kernel.
func kib(status []byte, name string) int64 {
	for line := range bytes.Lines(status) {
		rest, ok := bytes.CutPrefix(line, []byte(name))
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(strings.TrimSuffix(strings.TrimSpace(string(rest)), "kB")), 10, 64)
		if err != nil {
			return 0
		}
		return n << 10
	}
	return 0
}

// tree adds up a process and its descendants.
func tree(all map[int]process, root int) (u Usage) {
	children := map[int][]int{}
	for pid, p := range all {
		if pid != root {
			children[p.parent] = append(children[p.parent], pid)
		}
	}
	waiting := []int{root}
	for len(waiting) > 0 {
		pid := waiting[len(waiting)-1]
		waiting = append(waiting[:len(waiting)-1], children[pid]...)
		delete(children, pid) // nobody is visited twice, whatever the numbers say
		p := all[pid]
		u.Processes++
		u.CPU += p.cpu
		u.Resident += p.resident
		u.Peak += p.peak
	}
	return u
}
