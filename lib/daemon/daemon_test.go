package daemon

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/channel/local"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/spool"
)

// The program channel processes are started from is this test: what it does depends
// on the name of the channel.
func TestMain(m *testing.M) {
	if len(os.Args) == 3 && os.Args[1] == "channel" {
		if err := behave(os.Args[2]); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
		os.Exit(0)
	}
	os.Exit(m.Run())
}

// behave is a channel process that is good, or bad in one way.
func behave(name string) error {
	hello := fmt.Sprintf(`{"type":"hello","version":%d,"capacity":{"jobs":2,"associations":2}}`+"\n", channel.Version)
	switch name {
	case "mute": // never says hello
	case "deaf": // says hello, and reads nothing
		if _, err := unix.Write(channel.ControlFD, []byte(hello)); err != nil {
			return err
		}
	case "closed": // ends what it says, reads nothing, and lives on
		_, err := unix.Write(channel.ControlFD, []byte(hello))
		if err = errors.Join(err, unix.Shutdown(channel.ControlFD, unix.SHUT_WR)); err != nil {
			return err
		}
	default:
		stream, files, err := channel.Inherited()
		if err != nil {
			return err
		}
		return channel.Run(context.Background(), name, stream, files, func(h *channel.Host, cfg *conf.Config) (channel.Kind, error) {
			if _, ok := cfg.Channel(name); !ok {
				return nil, errors.New("no such channel")
			}
			return local.New(h, cfg, time.Now)
		})
	}
	time.Sleep(time.Hour)
	return nil
}

// served is a daemon under test.
type served struct {
	t      *testing.T
	conf   *conf.Config
	log    *buffer
	stop   context.CancelFunc
	reload chan struct{}
	renew  chan struct{}
	ended  chan error

	mu   sync.Mutex
	next *conf.Config    // what the next reload reads
	hold <-chan struct{} // once that is closed; nil: at once
}

// buffer is what has been logged.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// configuration is the default one with channels of the given names instead of p1.
func configuration(t *testing.T, dir, text string) *conf.Config {
	t.Helper()
	whole := string(tableconf.Default("MTA-A", tableconf.Options{Listen: free(t)})) + text
	cfg, err := tableconf.Parse([]byte(whole), "mta.toml", dir)
	if err != nil {
		t.Fatal(err)
	}
	return cfg
}

// from is a configuration that comes from a function.
type from func() (*conf.Config, error)

func (f from) Load(context.Context, bool) (*conf.Config, error) { return f() }
func (f from) Accept(string, string) error                      { return nil }
func (f from) Refuse(error)                                     {}
func (f from) Status() live.Status                              { return live.Status{} }
func (f from) Look(string, []string) ([]conf.Node, error) {
	return nil, diag.New("", diag.Unavailable, "no directory")
}

// serve runs a daemon with the given lines of configuration and waits until it
// serves. Its channel processes have little time to answer.
func serve(t *testing.T, text string) *served {
	t.Helper()
	dir := t.TempDir()
	s := &served{t: t, conf: configuration(t, dir, text), log: new(buffer), reload: make(chan struct{}), renew: make(chan struct{}), ended: make(chan error, 1)}
	s.next = s.conf
	if err := spool.Init(s.conf.Spool.Dir); err != nil {
		t.Fatal(err)
	}
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	s.stop = stop
	ready := make(chan struct{})
	go func() {
		s.ended <- Run(ctx, Options{
			Config: from(func() (*conf.Config, error) {
				s.mu.Lock()
				next, hold := s.next, s.hold
				s.mu.Unlock()
				if hold != nil {
					<-hold
				}
				return next, nil
			}),
			Program: program, Ready: func() { close(ready) }, Reload: s.reload, Renew: s.renew,
			Patience: time.Second, Log: slog.New(slog.NewTextHandler(s.log, nil)), Now: time.Now,
		})
	}()
	select {
	case <-ready:
	case err := <-s.ended:
		t.Fatalf("Run: %v\n%s", err, s.log)
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("log:\n%s", s.log)
		}
	})
	return s
}

// end stops the daemon, which must come to an orderly end.
func (s *served) end() {
	s.t.Helper()
	s.stop()
	select {
	case err := <-s.ended:
		if err != nil {
			s.t.Errorf("Run: %v", err)
		}
	case <-time.After(30 * time.Second):
		s.t.Fatal("the daemon does not end")
	}
}

func (s *served) until(what string, f func() bool) {
	s.t.Helper()
	for end := time.Now().Add(30 * time.Second); !f(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(end) {
			s.t.Fatalf("not in time: %s", what)
		}
	}
}

// says waits for a line of the log that holds every one of the words.
func (s *served) says(words ...string) {
	s.t.Helper()
	s.until(fmt.Sprintf("a line with %q", words), func() bool {
		for line := range strings.Lines(s.log.String()) {
			found := true
			for _, w := range words {
				found = found && strings.Contains(line, w)
			}
			if found {
				return true
			}
		}
		return false
	})
}

// A channel process that hangs is killed and started again, wherever it hangs; the
// other channels do not notice.
func TestHangingProcessIsKilled(t *testing.T) {
	for name, why := range map[string]string{"mute": "no hello", "deaf": "no answer to a ping"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := serve(t, listenFor(t, name))
			s.says("channel process hangs and is killed", "channel="+name, why)
			s.says("channel-down", "channel="+name)
			s.until("it is started again", func() bool {
				return strings.Count(s.log.String(), "channel process started\" channel="+name) > 1
			})
			s.end()
		})
	}
}

// A process that ends its stream and lives on cannot keep the daemon from going on,
// whatever is still to be written to it.
func TestProcessThatOnlyEndsItsStreamIsKilled(t *testing.T) {
	t.Parallel()
	// Its configuration is more than a socket takes.
	s := serve(t, listenFor(t, "closed")+strings.Repeat("[[route]]\nmatch = \"/C=FR/\"\nreject = \""+strings.Repeat("x", 200)+"\"\n", 4000))
	s.says("channel process ended unasked", "channel=closed")
	s.end()
}

// Callers who say nothing have so many places between them, and cannot keep others out.
func TestSilentCallersAreFew(t *testing.T) {
	t.Parallel()
	s := serve(t, listenFor(t, "good"))
	address := s.conf.Listeners[len(s.conf.Listeners)-1].Address
	call := func() net.Conn {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		return conn
	}
	first := call()
	for range s.conf.Limits.UnboundPerSource {
		call()
	}
	if err := first.SetReadDeadline(time.Now().Add(crTimeout / 2)); err != nil {
		t.Fatal(err)
	}
	if n, err := first.Read(make([]byte, 1)); n > 0 || errors.Is(err, os.ErrDeadlineExceeded) {
		t.Errorf("whoever waited longest still has its place: %v", err)
	}
	s.says("connections refused", "layer=transport", "others wanted the place")
	s.end()
}

// While nothing is found for a tool it gets empty lines: it must not take the daemon for hung.
func TestLongSearchIsNotSilent(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	conn, err := net.Dial("unix", queue.SocketPath(s.conf.Spool.Dir))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := errors.Join(conn.SetDeadline(time.Now().Add(10*time.Second)), json.NewEncoder(conn).Encode(queue.Request{Verb: queue.VerbList})); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(conn); err != nil || string(got) != "\n{\"end\":true}\n" {
		t.Errorf("%q, %v", got, err)
	}
	s.end()
}

// A process that answers is left alone, however little it has to do.
func TestQuietProcessIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := serve(t, listenFor(t, "good"))
	s.says("channel-up", "channel=good")
	time.Sleep(2500 * time.Millisecond) // more than twice its patience
	if got := s.log.String(); strings.Contains(got, "hangs") || strings.Contains(got, "ended") {
		t.Error("a process that answers was killed")
	}
	s.end()
}

// reconfigure lets the daemon read the default configuration with other lines.
func (s *served) reconfigure(text string) {
	s.t.Helper()
	first := s.conf.Listeners[0].Address
	dir := filepath.Dir(s.conf.Spool.Dir)
	whole := string(tableconf.Default("MTA-A", tableconf.Options{Listen: first})) + text
	next, err := tableconf.Parse([]byte(whole), "mta.toml", dir)
	if err != nil {
		s.t.Fatal(err)
	}
	s.mu.Lock()
	s.next = next
	s.mu.Unlock()
	s.reload <- struct{}{}
}

// A channel that a reload brings begins with the configuration that has it.
func TestReloadBringsChannel(t *testing.T) {
	t.Parallel()
	s := serve(t, "")
	s.reconfigure(listenFor(t, "strict"))
	s.says("channel-up", "channel=strict")
	if strings.Contains(s.log.String(), "channel-down") {
		t.Error("its first process did not know it")
	}
	s.end()
}

// Who waits for a configuration, a directory that does not answer, keeps nobody else waiting.
func TestSlowConfigurationHoldsUpNothing(t *testing.T) {
	t.Parallel()
	s := serve(t, listenFor(t, "good"))
	s.says("channel-up", "channel=good")
	slow := make(chan struct{})
	s.mu.Lock()
	s.hold = slow
	s.mu.Unlock()
	s.reload <- struct{}{}
	s.reload <- struct{}{} // and once more, after that
	for range 3 {
		if err := queue.AskDaemon(s.conf, queue.Request{Verb: queue.VerbStatus}, func(queue.Answer) error { return nil }); err != nil {
			t.Error(err)
		}
	}
	if strings.Contains(s.log.String(), "configuration reloaded") {
		t.Error("it was not slow")
	}
	close(slow)
	s.until("both are done", func() bool { return strings.Count(s.log.String(), "configuration reloaded") == 2 })
	s.end()
}

// What a process can take it says when it says hello: to change it takes another one.
func TestReloadOfLimitsReplacesTheProcess(t *testing.T) {
	t.Parallel()
	text := listenFor(t, "good")
	s := serve(t, text)
	s.says("channel-up", "channel=good")
	s.reconfigure(strings.Replace(text, "kind", "max-jobs = 20\nkind", 1))
	s.says("channel process ended\"", "channel=good")
	s.until("another serves", func() bool { return strings.Count(s.log.String(), "channel-up channel=good") == 2 })
	if strings.Contains(s.log.String(), "channel-down") {
		t.Error("the channel was down")
	}
	s.end()
}

// A reload takes effect as a whole or not at all: with an address that cannot be
// listened at, the old configuration stays, listeners and all.
func TestReloadListensAtAllOrNone(t *testing.T) {
	t.Parallel()
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	old := listenFor(t, "good")
	s := serve(t, old)
	// Other tests listen at 127.0.0.1, at this port perhaps by now.
	good := strings.Replace(listenFor(t, "good"), "127.0.0.1", "127.0.0.83", 1)
	s.reconfigure(good + fmt.Sprintf("[[listener]]\naddress = %q\nchannel = \"good\"\n", taken.Addr()))
	s.says("the running one stays", "address already in use")
	for text, open := range map[string]bool{old: true, good: false} {
		address := strings.Split(text[strings.Index(text, "address = "):], "\"")[1]
		conn, err := net.Dial("tcp", address)
		if (err == nil) != open {
			t.Errorf("%s: %v", address, err)
		}
		if err == nil {
			_ = conn.Close()
		}
	}
	s.end()
}

// listenFor is a channel that listens, so that its process runs without work.
func listenFor(t *testing.T, name string) string {
	t.Helper()
	return fmt.Sprintf("\n[[channel]]\nname = %q\nkind = \"x400p1\"\n[[listener]]\naddress = %q\nchannel = %[1]q\n", name, free(t))
}

// free is an address nobody listens at.
func free(t *testing.T) string {
	t.Helper()
	address, err := tp.UnusedAddress("127.0.0.1")
	if err != nil {
		t.Fatal(err)
	}
	return address
}
