package main

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtakit/mtakit/lib/queue"
)

// submitting is a message that a tool was to put into the spool of A and was killed
// meanwhile, or was not.
type submitting struct {
	said    bool     // the tool has said that it is on disk
	arrived []string // MTS identifiers of what arrived with its content
}

// killed is how often something was killed.
func (k *chaos) killed() int {
	k.mu.Lock()
	defer k.mu.Unlock()
	n := 0
	for _, m := range k.kinds {
		n += m
	}
	return n
}

// count notes a kill.
func (k *chaos) count(m *mta, begun time.Time, what string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.kinds[what]++
	if m != nil {
		k.kills[m] = append(k.kills[m], span{begun, time.Now(), what + " of " + m.name})
	}
}

// end kills a process that may have ended already.
func (k *chaos) end(pid int) {
	k.t.Helper()
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && err != syscall.ESRCH {
		k.t.Fatal(err)
	}
}

// strangers are the processes that have the lock of the spool and are neither the
// running mtarun nor its children.
func (k *chaos) strangers(m *mta) []int {
	var strangers []int
	lock := filepath.Join(m.dir, "spool", "lock")
	own := m.processes()
	links, _ := filepath.Glob("/proc/[0-9]*/fd/*") // the pattern is well formed
	for _, link := range links {
		if to, err := os.Readlink(link); err != nil || to != lock {
			continue
		}
		pid, _ := strconv.Atoi(strings.Split(link, "/")[2]) // the pattern says digits
		if slices.Contains(own, pid) || slices.Contains(m.processes(), pid) || slices.Contains(strangers, pid) {
			continue
		}
		// A child of the running one may have ended since it was listed.
		if to, err := os.Readlink(link); err == nil && to == lock {
			strangers = append(strangers, pid)
		}
	}
	return strangers
}

// endAll kills mtarun and its channel processes.
func (k *chaos) endAll(m *mta, channels []int) {
	k.t.Helper()
	m.signal(syscall.SIGKILL)
	for _, pid := range channels {
		k.end(pid)
	}
	m.wait()
}

// restart starts a switch and notes how long that takes.
func (k *chaos) restart(m *mta) {
	k.t.Helper()
	begun := time.Now()
	m.start()
	k.restarts = append(k.restarts, time.Since(begun))
}

// killSubmission kills a tool that submits a message: what it has said yes to is to
// arrive, and the rest may.
func (k *chaos) killSubmission() {
	k.t.Helper()
	content := fmt.Appendf(nil, "submission %d", len(k.submitted))
	s := &submitting{}
	k.submitted[sha256.Sum256(content)] = s
	cmd := k.network.command("mtasubmit", "-C", k.a.config(), "--raw", "--report", "none", "--from", k.a.addressOf("Ann", "Smith"), "--to", locals[0].String())
	cmd.Stdin = bytes.NewReader(content)
	if err := cmd.Start(); err != nil {
		k.t.Fatal(err)
	}
	time.Sleep(time.Duration(k.random.IntN(40)) * time.Millisecond)
	_ = cmd.Process.Kill() // it may have ended
	err := cmd.Wait()
	s.said = err == nil
	if !s.said && cmd.ProcessState.Exited() {
		k.t.Errorf("mtasubmit: %v", err)
	}
	if !s.said {
		k.count(nil, time.Time{}, "mtasubmit")
	}
}

// checkSubmissions asks for what mtasubmit has said yes to.
func (k *chaos) checkSubmissions() {
	k.t.Helper()
	said, arrived := 0, 0
	for _, s := range k.submitted {
		if s.said {
			said++
		}
		if len(s.arrived) > 0 {
			arrived++
		}
		if s.said && len(s.arrived) == 0 {
			k.t.Error("LOST: a message that mtasubmit has said yes to")
		}
		if ids := slices.Compact(slices.Sorted(slices.Values(s.arrived))); len(ids) > 1 {
			k.t.Errorf("one submission became %v", ids)
		}
	}
	k.t.Logf("mtasubmit was run %d times and meant to be killed; it said yes %d times; %d arrived", len(k.submitted), said, arrived)
}

// killAll kills everything at one moment.
func (k *chaos) killAll() {
	k.t.Helper()
	for _, m := range k.network.switches {
		old := m.processes()
		begun := time.Now()
		k.endAll(m, old[:len(old)-1])
		k.count(m, begun, "the whole switch")
	}
}

// checkSpools accounts for every acknowledged message while nothing runs: for each
// recipient its content has arrived or lies in a spool.
func (k *chaos) checkSpools() {
	k.t.Helper()
	arrived, _ := k.deliveries()
	stored := map[place]bool{}
	files := 0
	for _, m := range k.network.switches {
		contents := map[string][]byte{} // digests, by spool identifier
		for _, pattern := range []string{"q/?/??/*", "new/*"} {
			paths, err := filepath.Glob(filepath.Join(m.dir, "spool", pattern))
			if err != nil {
				k.t.Fatal(err)
			}
			for _, path := range paths {
				if digest := digestIn(k, path); digest != nil {
					contents[filepath.Base(path)] = digest
					files++
				}
			}
		}
		for line := range strings.Lines(k.network.run("mtaqueue", "-C", m.config(), "list", "--json")) {
			var r queue.Row
			if err := json.Unmarshal([]byte(line), &r); err != nil {
				k.t.Fatal(err)
			}
			if e := k.source.Entries()[r.MTSID]; e != nil && r.State != queue.StateReporting {
				want := sha256.Sum256(e.Message.Content)
				stored[place{r.MTSID, r.N}] = bytes.Equal(contents[r.ID], want[:])
			}
		}
	}
	there, waiting, lost := 0, 0, 0
	for _, m := range k.acknowledged() {
		for i, r := range m.Recipients {
			p := place{m.MTSID(), i + 1}
			switch {
			case r.Name == ghost:
			case len(arrived[p]) > 0:
				there++
			case stored[p]:
				waiting++
			default:
				lost++
				k.t.Errorf("LOST: %v is neither in a spool nor has it arrived", p)
			}
		}
	}
	k.t.Logf("everything killed: of the acknowledged, %d recipients have their content, and for %d it is in one of the spools (%d files); neither: %d", there, waiting, files, lost)
}

// digestIn is the SHA-256 of the content of a message file as its last line has it, if
// that is true of the file; nil of a file that is not whole, and of a log.
func digestIn(k *chaos, path string) []byte {
	const lastLine = 167
	file, err := os.ReadFile(path)
	if err != nil {
		k.t.Fatal(err)
	}
	if filepath.Ext(path) == ".log" || len(file) < lastLine {
		return nil
	}
	fields := strings.Fields(string(file[len(file)-lastLine:]))
	if len(fields) != 5 || fields[0] != "mta1" {
		return nil
	}
	var size int
	if _, err := fmt.Sscanf(fields[1], "%d", &size); err != nil || size > len(file) {
		return nil
	}
	digest := sha256.Sum256(file[:size])
	if hex.EncodeToString(digest[:]) != fields[3] {
		k.t.Errorf("%s has another content than its last line says", path)
	}
	return digest[:]
}

// duplicate notes what explains copies too many. Some are told one by one.
func (k *chaos) duplicate(hop, id string, got, sent, kills int, latest span) {
	const examples = 10
	if k.explained[""] < examples {
		k.t.Logf("%s: %s arrived %d times and was sent %d; killed meanwhile: %d, the last one %s at %s",
			hop, id, got, sent, kills, latest.what, latest.from.Format(time.TimeOnly))
	}
	k.explained[""]++
	k.explained[fmt.Sprintf("%s, after a kill of %s", hop, latest.what)] += got - sent
}

// tell tells the figures.
func (k *chaos) tell() {
	slices.Sort(k.restarts)
	at := func(share float64) time.Duration {
		return k.restarts[int(share*float64(len(k.restarts)-1))].Round(time.Millisecond)
	}
	var kinds []string
	for _, what := range slices.Sorted(maps.Keys(k.kinds)) {
		kinds = append(kinds, fmt.Sprintf("%d of %s", k.kinds[what], what))
	}
	delete(k.explained, "")
	for _, what := range slices.Sorted(maps.Keys(k.explained)) {
		k.t.Logf("copies: %4d %s", k.explained[what], what)
	}
	k.t.Logf("kills: %d: %s", k.killed(), strings.Join(kinds, ", "))
	k.t.Logf("from the start of a switch to its service: median %v, p99 %v, longest %v, of %d", at(0.5), at(0.99), at(1), len(k.restarts))
}
