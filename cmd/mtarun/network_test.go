package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel/local"
	"github.com/mtakit/mtakit/lib/cli/clitest"
)

// patience is how long a network may take for what must happen in the end. It says
// nothing about how long it takes: the machine may be busy with other things.
const patience = 60 * time.Second

// port is the port of every switch; each has an address of its own.
const port = "10102"

func TestMain(m *testing.M) {
	status := m.Run()
	if dir, _ := commands(); dir != "" {
		_ = os.RemoveAll(dir) // a directory of temporary files
	}
	os.Exit(status)
}

// root is the directory of the module, set by the first network.
var root atomic.Pointer[string]

// commands builds the five commands once. They lie in a directory of their own:
// whoever builds them again while a switch runs would change the program its channel
// processes are started from.
var commands = sync.OnceValues(func() (string, error) {
	module := root.Load()
	if module == nil {
		return "", nil
	}
	dir, err := os.MkdirTemp("", "mtakit-commands.")
	if err != nil {
		return "", err
	}
	build := exec.Command("go", "build", "-trimpath", "-o", dir+"/", "./cmd/...")
	build.Dir = *module
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("go build: %w\n%s", err, out)
	}
	// go test repeats a cached result unless a file the test has looked at has changed.
	return dir, filepath.WalkDir(*module, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil && errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case d.IsDir() && strings.HasPrefix(d.Name(), ".") && path != *module:
			return filepath.SkipDir
		case !d.IsDir() && strings.HasSuffix(path, ".go"):
			_, _ = os.Stat(path) // somebody may be editing
		}
		return nil
	})
})

// network is some switches on loopback, in a directory that goes away with the test.
type network struct {
	t        *testing.T
	bin      string   // where the commands are
	dir      string   // each switch has a directory in it, named after its letter
	enter    []string // what every program is run with, to be in the network's namespace
	switches []*mta
}

// lastNetwork numbers the networks of this process.
var lastNetwork atomic.Int32

// newNetwork makes an empty network.
func newNetwork(t *testing.T) *network {
	t.Helper()
	module := clitest.Root(t)
	root.CompareAndSwap(nil, &module)
	bin, err := commands()
	if err != nil {
		t.Fatal(err)
	}
	n := &network{t: t, bin: bin, dir: t.TempDir()}
	t.Cleanup(n.end)
	return n
}

// chain makes the three switches of examples/demo.sh, not yet started: A (ALPHA)
// reaches C (CHARLIE) through B (BRAVO), and back.
func chain(t *testing.T) (n *network, a, b, c *mta) {
	t.Helper()
	n = newNetwork(t)
	a, b, c = n.add("a", "ALPHA"), n.add("b", "BRAVO"), n.add("c", "CHARLIE")
	link(a, b)
	link(b, c)
	a.route(b, b)
	a.route(c, b)
	b.route(a, a)
	b.route(c, c)
	c.route(a, b)
	c.route(b, b)
	return n, a, b, c
}

// mta is one switch.
type mta struct {
	network *network
	letter  string // "a": also its directory
	name    string // "MTA-A"
	domain  string // "/PRMD=ALPHA/ADMD=TEST/C=GB/"
	address string // host:port it listens at
	dir     string
	wrap    []string // what mtarun is run with: strace and its like
	env     []string // what mtarun finds in its environment besides

	pid    int // of mtarun; 0: not running
	exited chan struct{}
	status int             // once exited is closed
	usage  *syscall.Rusage // likewise: of mtarun and the channel processes it has waited for
}

// add makes a switch with mtactl init. Its domain is /PRMD=prmd/ADMD=TEST/C=GB/.
// Peers are tried again soon, for tests that take them away.
func (n *network) add(letter, prmd string) *mta {
	n.t.Helper()
	if len(n.switches) == 0 {
		lastNetwork.Add(1)
	}
	pid := os.Getpid()
	m := &mta{network: n, letter: letter, name: "MTA-" + strings.ToUpper(letter),
		domain: "/PRMD=" + prmd + "/ADMD=TEST/C=GB/", dir: filepath.Join(n.dir, letter),
		// Loopback has 16 million addresses; no two processes that test use the same.
		address: fmt.Sprintf("127.%d.%d.%d:%s", 1+pid>>8%250, pid&0xff, int(lastNetwork.Load())<<3&0xff+len(n.switches)+1, port),
	}
	n.switches = append(n.switches, m)
	n.run("mtactl", "init", "--name", m.name, "--domain", m.domain, "--listen", m.address, m.dir)
	m.configure(`
[schedule]
backoff-peer = { first = "200ms", step = "200ms", ceiling = "1s" }
backoff-message = { first = "500ms", step = "500ms", ceiling = "2s" }
`)
	return m
}

// config is the path of the configuration.
func (m *mta) config() string { return filepath.Join(m.dir, "mta.toml") }

// configure appends to the configuration.
func (m *mta) configure(text string) {
	m.network.t.Helper()
	f, err := os.OpenFile(m.config(), os.O_WRONLY|os.O_APPEND, 0)
	if err != nil {
		m.network.t.Fatal(err)
	}
	_, err = f.WriteString(text)
	if err = errors.Join(err, f.Close()); err != nil {
		m.network.t.Fatal(err)
	}
}

// set puts a line into a table that the configuration has already.
func (m *mta) set(table, line string) {
	m.network.t.Helper()
	text, err := os.ReadFile(m.config())
	if err != nil {
		m.network.t.Fatal(err)
	}
	head := "\n" + table + "\n"
	if !bytes.Contains(text, []byte(head)) {
		m.network.t.Fatalf("no %s in %s", table, m.config())
	}
	text = bytes.Replace(text, []byte(head), []byte(head+line+"\n"), 1)
	if err := os.WriteFile(m.config(), text, 0o600); err != nil {
		m.network.t.Fatal(err)
	}
}

// link makes two switches peers of each other. More is TOML that both entries get.
func link(a, b *mta, more ...string) {
	for _, p := range [][2]*mta{{a, b}, {b, a}} {
		own, other := p[0], p[1]
		own.configure(fmt.Sprintf(`
[[peer]]
name = %q
channel = "p1"
addresses = [{ host = %q, tsel = %q }]
password-out = %q
password-in = %q
`, other.name, other.address, other.name, "secret of "+own.name, "secret of "+other.name) + strings.Join(more, "\n") + "\n")
	}
}

// route sends what is for the domain of a switch to a peer.
func (m *mta) route(to, via *mta) {
	m.configure(fmt.Sprintf("\n[[route]]\nmatch = %q\npeers = [%q]\n", to.domain, via.name))
}

// user makes a user of the switch and returns the address. mtactl init has made Ann
// Smith; a mailbox has the given name in small letters.
func (m *mta) user(given, surname string) string {
	address := m.addressOf(given, surname)
	m.configure(fmt.Sprintf("\n[[user]]\naddress = %q\nmailbox = %q\n", address, "mailbox/"+strings.ToLower(given)))
	return address
}

// addressOf is the address somebody in the domain of the switch has, or would have.
func (m *mta) addressOf(given, surname string) string {
	return fmt.Sprintf("/G=%s/S=%s/O=Org%s", given, surname, m.domain)
}

// command is one of the five commands, or another program, in the network.
func (n *network) command(name string, args ...string) *exec.Cmd {
	if path := filepath.Join(n.bin, name); exists(path) {
		name = path
	}
	line := append(slices.Clone(n.enter), append([]string{name}, args...)...)
	cmd := exec.Command(line[0], line[1:]...)
	cmd.Dir = n.dir
	return cmd
}

// run runs a program to its end, which must be good, and returns its standard output.
func (n *network) run(name string, args ...string) string {
	n.t.Helper()
	out, err := n.command(name, args...).Output()
	if err != nil {
		n.t.Fatalf("%s %s: %s\n%s", name, strings.Join(args, " "), said(err), out)
	}
	return string(out)
}

// said is an error of exec with what the program had to say.
func said(err error) string {
	var exit *exec.ExitError
	if errors.As(err, &exit) && len(exit.Stderr) > 0 {
		return fmt.Sprintf("%v: %s", err, bytes.TrimSpace(exit.Stderr))
	}
	return err.Error()
}

// start starts mtarun and returns when its listeners are open and the queue is
// served.
func (m *mta) start() {
	m.network.t.Helper()
	ready := m.launch()
	defer func() { _ = ready.Close() }() // it has been read
	line := make([]byte, 64)
	if n, err := ready.Read(line); err != nil || string(line[:n]) != "READY=1\n" {
		m.network.t.Fatalf("%s does not become ready: %q, %v", m.name, line[:n], err)
	}
}

// launch starts mtarun and returns the descriptor it will tell its readiness on.
func (m *mta) launch() *os.File {
	t := m.network.t
	t.Helper()
	if m.pid != 0 {
		t.Fatalf("%s runs already", m.name)
	}
	ready, write, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stderr, err := os.OpenFile(m.log(), os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	pid := filepath.Join(m.dir, "pid")
	if err := os.Remove(pid); err != nil && !errors.Is(err, fs.ErrNotExist) {
		t.Fatal(err)
	}
	// Whatever it is wrapped in, the shell becomes mtarun, and has its process number.
	line := append(slices.Clone(m.wrap), "sh", "-c", `echo $$ >"$0.new" && mv "$0.new" "$0" && exec "$@"`, pid,
		filepath.Join(m.network.bin, "mtarun"), "-C", m.config(), "--ready-fd", "3")
	cmd := m.network.command(line[0], line[1:]...)
	cmd.Stderr = stderr
	cmd.Env = append(os.Environ(), m.env...)
	cmd.ExtraFiles = []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := errors.Join(cmd.Start(), write.Close(), stderr.Close(), ready.SetReadDeadline(time.Now().Add(patience))); err != nil {
		t.Fatal(err)
	}
	m.exited = make(chan struct{})
	go func() {
		defer close(m.exited)
		m.status = -1
		if err := cmd.Wait(); err == nil || cmd.ProcessState.Exited() {
			m.status = cmd.ProcessState.ExitCode()
		}
		m.usage, _ = cmd.ProcessState.SysUsage().(*syscall.Rusage)
	}()
	m.network.until(m.name+" has a process", func() bool {
		text, err := os.ReadFile(pid)
		if err == nil {
			m.pid, err = strconv.Atoi(strings.TrimSpace(string(text)))
		}
		return err == nil
	})
	return ready
}

// stop stops mtarun in order; it must exit with status 0.
func (m *mta) stop() {
	m.network.t.Helper()
	m.signal(syscall.SIGTERM)
	if status := m.wait(); status != 0 {
		m.network.t.Errorf("%s: exit status %d after SIGTERM", m.name, status)
	}
}

// signal signals mtarun, and not its channel processes.
func (m *mta) signal(s syscall.Signal) {
	m.network.t.Helper()
	if m.pid == 0 {
		m.network.t.Fatalf("%s does not run", m.name)
	}
	if err := syscall.Kill(m.pid, s); err != nil {
		m.network.t.Fatalf("%s: signal %v: %v", m.name, s, err)
	}
}

// wait waits for the end of mtarun and returns its exit status, -1 for a signal.
func (m *mta) wait() int {
	m.network.t.Helper()
	select {
	case <-m.exited:
	case <-time.After(patience):
		m.network.t.Fatalf("%s does not end within %v", m.name, patience)
	}
	m.pid = 0
	return m.status
}

// processes are mtarun and its channel processes.
func (m *mta) processes() []int {
	if m.pid == 0 {
		return nil
	}
	return append(childrenOf(m.pid), m.pid)
}

// childrenOf returns the processes whose parent is pid.
func childrenOf(pid int) []int {
	var children []int
	stats, _ := filepath.Glob("/proc/[0-9]*/stat") // the pattern is well formed
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // it has ended
		}
		// pid (comm) state ppid …; comm may contain anything.
		fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
		if len(fields) > 1 && fields[1] == strconv.Itoa(pid) {
			child, _ := strconv.Atoi(filepath.Base(filepath.Dir(path))) // the pattern says digits
			children = append(children, child)
		}
	}
	return children
}

// submission is what mtasubmit --json prints.
type submission struct {
	ID    string `json:"id"`
	MTSID string `json:"mtsid"`
	Size  int64  `json:"size"`
}

// submit submits a message; the content, or the text, is read from in.
func (m *mta) submit(in io.Reader, args ...string) submission {
	m.network.t.Helper()
	s, err := m.trySubmit(in, args...)
	if err != nil {
		m.network.t.Fatal(err)
	}
	return s
}

// trySubmit is submit, and may fail.
func (m *mta) trySubmit(in io.Reader, args ...string) (s submission, err error) {
	cmd := m.network.command("mtasubmit", append([]string{"-C", m.config(), "--json"}, args...)...)
	cmd.Stdin = in
	out, err := cmd.Output()
	if err != nil {
		return s, fmt.Errorf("mtasubmit %s: %s", strings.Join(args, " "), said(err))
	}
	return s, json.Unmarshal(out, &s)
}

// mailbox returns what lies in a mailbox, in the order of arrival.
func (m *mta) mailbox(name string) []local.Delivery {
	m.network.t.Helper()
	paths, err := filepath.Glob(filepath.Join(m.dir, "mailbox", name, "*.json"))
	if err != nil {
		m.network.t.Fatal(err)
	}
	all := make([]local.Delivery, len(paths))
	for i, path := range paths {
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &all[i])
		}
		if err != nil {
			m.network.t.Fatalf("%s: %v", path, err)
		}
	}
	return all
}

// content is the path of the content of a delivery.
func (m *mta) content(name string, d local.Delivery) string {
	return filepath.Join(m.dir, "mailbox", name, d.Name+".content")
}

// queued tells how many messages the spool holds, whoever has its lock.
func (m *mta) queued() int {
	m.network.t.Helper()
	n := 0
	for _, pattern := range []string{"q/?/??/*", "new/*"} {
		paths, err := filepath.Glob(filepath.Join(m.dir, "spool", pattern))
		if err != nil {
			m.network.t.Fatal(err)
		}
		for _, path := range paths {
			if filepath.Ext(path) != ".log" {
				n++
			}
		}
	}
	return n
}

// check is what mtactl check has to say about the spool: nothing.
func (m *mta) check() {
	m.network.t.Helper()
	if out := m.network.run("mtactl", "-C", m.config(), "check"); out != "" {
		m.network.t.Errorf("%s: mtactl check: %s", m.name, out)
	}
}

// log is the path of what mtarun has said.
func (m *mta) log() string { return filepath.Join(m.dir, "stderr") }

// until waits for a condition that must become true.
func (n *network) until(what string, f func() bool) {
	n.t.Helper()
	for end := time.Now().Add(patience); !f(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			n.t.Fatalf("not within %v: %s", patience, what)
		}
	}
}

// end shows what happened if the test has failed, and lets nothing live on.
func (n *network) end() {
	for _, m := range n.switches {
		if n.t.Failed() {
			m.dump()
		}
		if m.pid == 0 {
			continue
		}
		processes := m.processes()
		_ = syscall.Kill(m.pid, syscall.SIGKILL) // it may be gone already
		<-m.exited
		// Its channel processes have lost their control stream and end by themselves.
		for _, pid := range processes {
			for end := time.Now().Add(patience); syscall.Kill(pid, 0) == nil && time.Now().Before(end); {
				time.Sleep(10 * time.Millisecond)
			}
		}
	}
}

// dump shows what a switch has said, and what is in its spool and its mailboxes.
func (m *mta) dump() {
	text, err := os.ReadFile(m.log())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		m.network.t.Log(err)
	}
	const most = 8 << 10
	if len(text) > most {
		text = append([]byte("… "), text[len(text)-most:]...)
	}
	list, err := exec.Command("find", filepath.Join(m.dir, "spool"), filepath.Join(m.dir, "mailbox"), "-type", "f", "-size", "+0", "-printf", "%s\t%p\n").Output()
	if err != nil && len(list) == 0 {
		m.network.t.Log(err)
	}
	events, err := m.network.command("sh", "-c", `cat "$0"/log/* | tail -n 40`, m.dir).CombinedOutput()
	if err != nil {
		m.network.t.Log(err)
	}
	m.network.t.Logf("%s said:\n%s\nevents:\n%s\nfiles:\n%s", m.name, text, events, list)
}

func exists(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
