package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// recoverySize is the content whose transfer is cut in the middle. It is small, for the
// test to be quick: what counts is what is sent after the cut. make recovery has 300 MB.
var recoverySize = flag.Int("recovery-size", 8_000_000, "octets of the content whose transfer is interrupted")

// recoverySlack is what may be sent again after a cut: the window, and what the switch
// had not yet confirmed of it.
const recoverySlack = 4*64<<10 + 64<<10

// largeMessages lets a switch take it, whatever its size.
const largeMessages = "\n[limits]\nmessage-size = \"1GiB\"\n"

func recoveryContent() []byte {
	content := make([]byte, *recoverySize)
	_, _ = rand.NewChaCha8([32]byte{'r'}).Read(content) // never fails
	return content
}

// A transfer over an association that is lost in the middle goes on behind the last
// checkpoint confirmed, if the peer resumes; else it begins again. Where it was lost
// outlives the switch.
func TestRecoverySending(t *testing.T) {
	content := recoveryContent()
	for _, test := range []struct {
		name    string
		resume  bool // of the sink
		restart bool // of the switch
		key     string
		resumed bool
	}{
		{name: "a peer that resumes", resume: true, resumed: true},
		{name: "after a restart", resume: true, restart: true, resumed: true},
		{name: "a peer that does not"},
		{name: "a peer with which it is not wanted", resume: true, key: "recovery = false"},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNetwork(t)
			a := n.add("a", "ALPHA")
			var mu sync.Mutex
			checkpoints, shut := 0, false
			book := p1driver.NewBook()
			a.configure(largeMessages)
			a.sink("TANGO", p1driver.SinkConfig{Book: book, Resume: test.resume, Verdict: func(m p1driver.Moment) p1driver.Verdict {
				mu.Lock()
				defer mu.Unlock()
				switch m {
				case p1driver.OnConnect:
					if shut {
						return p1driver.Refuse
					}
				case p1driver.OnCheckpoint:
					if checkpoints++; checkpoints == *recoverySize/2/(64<<10) {
						shut = test.restart
						return p1driver.Cut
					}
				}
				return p1driver.Proceed
			}}, test.key)
			a.start()
			a.submit(bytes.NewReader(content), "--raw", "--from", a.addressOf("Ann", "Smith"), "--to", "/G=Tim/S=Tall/O=Org/PRMD=TANGO/ADMD=TEST/C=GB/", "--report", "none")
			if test.restart {
				n.until("the transfer is interrupted", func() bool {
					logs, err := filepath.Glob(filepath.Join(a.dir, "spool/q/*/*/*.log"))
					if err != nil || len(logs) == 0 {
						return false
					}
					text, err := os.ReadFile(logs[0])
					return err == nil && bytes.Contains(text, []byte(`"transfer":{`))
				})
				a.stop()
				mu.Lock()
				shut = false
				mu.Unlock()
				a.start()
			}
			if err := book.Wait(1, patience); err != nil {
				t.Fatal(err)
			}
			n.until("A has heard of it", func() bool { return a.queued() == 0 })
			arrivals := book.Arrivals()
			if len(arrivals) != 1 || arrivals[0].Digest != sha256.Sum256(content) {
				t.Fatalf("%d arrived", len(arrivals))
			}
			t.Logf("%d of %d octets were sent after the cut", arrivals[0].Octets, len(content))
			most := len(content)/2 + recoverySlack
			if !test.resumed {
				most = len(content) + 10_000
			}
			if got := arrivals[0]; got.Resumed != test.resumed || got.Octets > most {
				t.Errorf("resumed %v, %d octets after the cut; at most %d were missing", got.Resumed, got.Octets, most)
			}
			a.stop()
			events := n.run("sh", "-c", `cat "$0"/log/*.jsonl`, a.dir)
			if told := strings.Contains(events, "resumed behind checkpoint "); told != test.resumed {
				t.Errorf("the event log says that it was resumed: %v", told)
			}
			a.check()
		})
	}
}

// A transfer that takes too long is interrupted: an urgent message gets through, and then
// the rest of it.
func TestTransferTime(t *testing.T) {
	content := make([]byte, 4_000_000)
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	a.set("[[channel]]", `max-per-peer = 1`+"\n"+`transfer-time = "1s"`)
	book := p1driver.NewBook()
	begun, submitted := make(chan struct{}), make(chan struct{})
	var once sync.Once
	a.configure(largeMessages)
	a.sink("TANGO", p1driver.SinkConfig{Book: book, Resume: true, Verdict: func(m p1driver.Moment) p1driver.Verdict {
		if m == p1driver.OnCheckpoint {
			once.Do(func() { close(begun) })
			select { // the transfer must not be over by the time the other is in the queue
			case <-submitted:
			case <-t.Context().Done():
			}
			time.Sleep(30 * time.Millisecond) // 61 checkpoints: two seconds
		}
		return p1driver.Proceed
	}}, "")
	a.start()
	submit := func(content []byte, priority string) {
		a.submit(bytes.NewReader(content), "--raw", "--priority", priority, "--from", a.addressOf("Ann", "Smith"),
			"--to", "/G=Tim/S=Tall/O=Org/PRMD=TANGO/ADMD=TEST/C=GB/", "--report", "none")
	}
	submit(content, "non-urgent")
	<-begun
	submit([]byte("now"), "urgent")
	close(submitted)
	if err := book.Wait(2, patience); err != nil {
		t.Fatal(err)
	}
	got := book.Arrivals()
	if got[0].Size != 3 || got[1].Size != len(content) || !got[1].Resumed {
		t.Errorf("%d octets arrived first, then %d, resumed %v", got[0].Size, got[1].Size, got[1].Resumed)
	}
	n.until("A has heard of it", func() bool { return a.queued() == 0 })
	a.stop()
	a.check()
}

// A switch whose association with a peer is lost in the middle of a transfer, or that is
// killed itself, takes up what it has confirmed; a peer that does not resume gets it
// through as well. What was kept goes.
func TestRecoveryReceiving(t *testing.T) {
	content := recoveryContent()
	half := *recoverySize / 2 / (64 << 10)
	for _, test := range []struct {
		name                   string
		kill, resume, recovers bool
	}{
		{name: "killed, and the peer resumes", kill: true, resume: true},
		{name: "killed, and the peer does not", kill: true},
		{name: "killed, and the peer recovers the association", kill: true, resume: true, recovers: true},
		{name: "cut, and the peer resumes", resume: true},
		{name: "cut, and the peer recovers the association", resume: true, recovers: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			n := newNetwork(t)
			b := n.add("b", "BRAVO")
			if !test.resume { // nobody asks for what was kept: it goes when its time is over
				b.set("[[channel]]", `recovery-time = "3s"`)
			}
			b.configure(largeMessages + "\n[[peer]]\nname = \"SOURCE\"\nchannel = \"p1\"\npassword-in = \"secret of SOURCE\"\npassword-out = \"secret\"\nrecover-associations = true\n")
			b.user("Bob", "Jones")
			b.start()
			manner := p1driver.Manner{Checkpoint: 64, Window: 3, Monologue: true, Resume: test.resume, Recover: test.recovers}
			secured := half * 64 << 10
			if test.kill {
				var once sync.Once
				manner.Confirmed = func(checkpoint int) {
					if checkpoint < half {
						return
					}
					once.Do(func() {
						b.signal(syscall.SIGKILL)
						b.wait()
						secured = b.partial()
						b.start()
					})
				}
			} else {
				manner.CutAt = half
			}
			source := p1driver.NewSource(p1driver.SourceConfig{Address: b.address, TSEL: b.name, Associations: 1,
				Own: p1driver.Bind{MTA: "SOURCE", Password: "secret of SOURCE"}, PeerPassword: "secret",
				Manner: func(int) p1driver.Manner { return manner }})
			message := &p1driver.Message{Local: "R.1", Originator: person("SOURCE", "Sue", "Sender"), Content: content,
				Recipients: []p1driver.Recipient{{Name: person("BRAVO", "Bob", "Jones"), Request: p1driver.NonDelivery}}}
			ctx, cancel := context.WithTimeout(context.Background(), patience+time.Duration(*recoverySize)*time.Microsecond)
			defer cancel()
			done := make(chan error, 1)
			given := false
			go func() {
				done <- source.Run(ctx, func() (*p1driver.Message, bool) {
					if given {
						return nil, false
					}
					given = true
					return message, true
				})
			}()
			if err := <-done; err != nil {
				t.Fatal(err, source.Failures())
			}
			n.until("it is delivered", func() bool { return len(b.mailbox("bob")) == 1 })
			sum := sha256.Sum256(content)
			if got := digestOf(t, b.content("bob", b.mailbox("bob")[0])); got != hex.EncodeToString(sum[:]) {
				t.Errorf("the SHA-256 of what was delivered is %s", got)
			}
			attempts := source.Entries()[message.MTSID()].Attempts
			last := attempts[len(attempts)-1]
			t.Logf("%d of %d octets were sent after the loss, %d had been written", last.Octets, len(content), secured)
			if most := len(content) - secured + recoverySlack; last.Resumed != test.resume || test.resume && last.Octets > most {
				t.Errorf("resumed %v, %d octets after the loss; at most %d were missing", last.Resumed, last.Octets, most)
			}
			// Also one that the switch had before it was restarted.
			if last.Recovered != test.recovers {
				t.Errorf("the association was recovered: %v; %v", last.Recovered, source.Failures())
			}
			n.until("nothing is kept", func() bool { return b.partial() < 0 })
			b.stop()
			b.check()
		})
	}
}

// partial is the octets in partial/ of a switch, -1 if there is nothing.
func (m *mta) partial() int {
	m.network.t.Helper()
	paths, err := filepath.Glob(filepath.Join(m.dir, "spool/partial/*"))
	if err != nil {
		m.network.t.Fatal(err)
	}
	n := -1
	for _, path := range paths {
		if st, err := os.Stat(path); err == nil && !strings.HasSuffix(path, ".log") {
			n = max(n, 0) + int(st.Size())
		}
	}
	return n
}

// An object that was accepted while the answer to it was lost is not sent again when its
// transfer is resumed: neither from the switch that took it nor from the one that was
// started after it, and also if the message has gone on in between.
func TestRecoveryAccepted(t *testing.T) {
	for _, kill := range []bool{false, true} {
		t.Run(fmt.Sprintf("killed %v", kill), func(t *testing.T) {
			content := make([]byte, 1_000_000)
			n := newNetwork(t)
			b := n.add("b", "BRAVO")
			b.configure("\n[[peer]]\nname = \"SOURCE\"\nchannel = \"p1\"\npassword-in = \"secret of SOURCE\"\npassword-out = \"secret\"\n")
			b.user("Bob", "Jones")
			b.start()
			delivered := func() int { return len(b.mailbox("bob")) }
			source := p1driver.NewSource(p1driver.SourceConfig{Address: b.address, TSEL: b.name, Associations: 1,
				Own: p1driver.Bind{MTA: "SOURCE", Password: "secret of SOURCE"}, PeerPassword: "secret",
				Manner: func(int) p1driver.Manner {
					return p1driver.Manner{Checkpoint: 64, Window: 3, Monologue: true, Resume: true, AtEnd: func() {
						n.until("it is delivered", func() bool { return delivered() == 1 })
						n.until("it has gone from the queue", func() bool { return b.queued() == 0 })
						if kill {
							b.signal(syscall.SIGKILL)
							b.wait()
							b.start()
						}
					}}
				}})
			message := &p1driver.Message{Local: "R.1", Originator: person("SOURCE", "Sue", "Sender"), Content: content,
				Recipients: []p1driver.Recipient{{Name: person("BRAVO", "Bob", "Jones"), Request: p1driver.NonDelivery}}}
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			given := false
			if err := source.Run(ctx, func() (*p1driver.Message, bool) {
				defer func() { given = true }()
				return message, !given
			}); err != nil {
				t.Fatal(err, source.Failures())
			}
			attempts := source.Entries()[message.MTSID()].Attempts
			if last := attempts[len(attempts)-1]; !last.Resumed || last.Octets > 4*64<<10 {
				t.Errorf("resumed %v, %d octets after the loss", last.Resumed, last.Octets)
			}
			b.stop()
			if n := delivered(); n != 1 {
				t.Errorf("delivered %d times", n)
			}
			if paths, err := filepath.Glob(filepath.Join(b.dir, "spool/partial/*")); err != nil || len(paths) > 0 {
				t.Errorf("%v are kept, though the peer has released the association; %v", paths, err)
			}
			b.check()
		})
	}
}
