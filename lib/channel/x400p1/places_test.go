package x400p1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/p1"
)

// connect opens a transport connection to the channel and goes no further.
func (s *switch1) connect() *tp.Conn {
	s.t.Helper()
	nc := s.call()
	s.t.Cleanup(func() { _ = nc.Close() })
	tc, err := tp.Connect(context.Background(), nc, tp.Params{})
	if err != nil {
		s.t.Fatal(err)
	}
	return tc
}

// ended tells whether the other side closes the connection soon.
func ended(t *testing.T, tc *tp.Conn, within time.Duration) bool {
	t.Helper()
	if err := tc.SetReadDeadline(time.Now().Add(within)); err != nil {
		t.Fatal(err)
	}
	_, _, err := tc.ReadTSDU()
	var timeout net.Error
	return err != nil && !(errors.As(err, &timeout) && timeout.Timeout())
}

// Callers who connect and say nothing more have so many places between them, and those
// who bind get theirs all the same.
func TestUnboundCallersAreFew(t *testing.T) {
	s := start(t)
	first := s.connect()
	for range s.conf.Limits.UnboundPerSource - 1 {
		s.connect()
	}
	if ended(t, first, 50*time.Millisecond) {
		t.Fatal("a place was taken away while there were others")
	}
	conn := s.bound()
	if !ended(t, first, 10*time.Second) {
		t.Error("whoever waited longest still has its place")
	}
	r := s.event(audit.AssociationRefused)
	if !strings.Contains(r.Text, "others wanted the place") {
		t.Errorf("%+v", r)
	}
	if err := conn.Close(context.Background()); err != nil {
		t.Error(err)
	}
}

// Somebody who has not bound cannot make the channel read much.
func TestLittleIsReadBeforeTheBind(t *testing.T) {
	s := start(t)
	tc := s.connect()
	// The channel may close before all of it is written.
	_ = tc.WriteTSDU(make([]byte, maxOpening+1))
	if r := s.event(audit.AssociationRefused); r.Layer != "transport" || !strings.Contains(r.Text, "tsdu longer than") {
		t.Errorf("%+v", r)
	}
}

// A peer is told that this MTA is busy when it has opened max-per-peer associations and
// one more, or would take from the last quarter of max-associations what is for others; they get it.
func TestAssociationsAreLimited(t *testing.T) {
	for _, c := range []struct{ most, perPeer, first, second int }{
		{64, 3, 4, 4}, {4, 4, 3, 1}, {8, 20, 6, 1}, {1, 1, 1, 0}, {2, 2, 1, 1},
	} {
		t.Run(fmt.Sprint(c.most, c.perPeer), func(t *testing.T) {
			s := start(t)
			s.conf.Channels[0].MaxAssociations, s.conf.Channels[0].MaxPerPeer = c.most, c.perPeer
			s.conf.Peers = append(s.conf.Peers, s.conf.Peers[0])
			s.conf.Peers[1].Name = "MTA-C"
			s.configure()
			open := func(name string, most int) (all []*rtse.Conn) {
				for {
					conn, err := s.bind(name, "secretB")
					if err != nil {
						if !errors.Is(err, mts.Busy) {
							t.Fatal(err)
						}
						if len(all) != most {
							t.Errorf("%s has opened %d associations, not %d", name, len(all), most)
						}
						return all
					}
					all = append(all, conn)
				}
			}
			all := open("MTA-B", c.first)
			open("MTA-C", c.second)
			if err := all[0].Close(context.Background()); err != nil {
				t.Fatal(err)
			}
			for end := time.Now().Add(10 * time.Second); ; {
				_, err := s.bind("MTA-B", "secretB")
				if err == nil || c.second < c.first && c.second > 0 {
					break // the last places stay for others
				}
				if time.Now().After(end) {
					t.Fatalf("after one was released: %v", err)
				}
			}
		})
	}
}

// Whoever tries passwords hears no slowly, and gives way to others meanwhile.
func TestGuessesAreAnsweredSlowly(t *testing.T) {
	s := start(t)
	s.conf.Limits.UnboundPerSource = 3
	s.configure()
	begin := time.Now()
	if _, err := s.bind("MTA-B", "wrong"); !errors.Is(err, mts.AuthenticationError) {
		t.Error(err)
	}
	if took := time.Since(begin); took < guessPause {
		t.Errorf("answered after %v", took)
	}
	// A machine that has much else to do may be slow once, but not each time.
	for end := time.Now().Add(time.Minute); ; {
		took, err := s.bindAmongGuesses(20)
		if err == nil && took <= guessPause/2 {
			break
		}
		if time.Now().After(end) {
			t.Fatalf("the peer itself waits, the last time %v, %v", took, err)
		}
	}
}

// bindAmongGuesses is how long the peer waits for its bind while others try passwords. It
// may have to give way to one who calls after it.
func (s *switch1) bindAmongGuesses(guesses int) (time.Duration, error) {
	s.t.Helper()
	var refused sync.WaitGroup
	for range guesses {
		nc := s.call()
		refused.Go(func() { _, _ = s.bindOver(nc, "MTA-B", "wrong") })
	}
	begin := time.Now()
	conn, err := s.bind("MTA-B", "secretB")
	took := time.Since(begin)
	refused.Wait()
	if err == nil {
		if err := conn.Close(context.Background()); err != nil {
			s.t.Error(err)
		}
	}
	for {
		select {
		case <-s.lines: // of those who were refused
		default:
			return took, err
		}
	}
}

// A channel that is told to stop takes the object that is arriving, says yes, and ends
// the association after that.
func TestDrainTakesWhatIsArriving(t *testing.T) {
	s := start(t)
	conn := s.bound()
	apdu := message(t, "content")
	done := make(chan rtse.TransferResult, 1)
	go func() {
		r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
		if err != nil {
			t.Error(err)
		}
		done <- r
	}()
	commit := s.next(channel.TypeCommit)
	half := s.connect() // nobody waits for this one
	s.send(channel.Line{Type: channel.TypeStop})
	select {
	case r := <-done:
		t.Fatalf("%+v before durable", r)
	case <-time.After(100 * time.Millisecond):
	}
	s.send(channel.Line{Type: channel.TypeDurable, Txn: commit.Txn})
	if r := <-done; !r.Confirmed {
		t.Errorf("%+v", r)
	}
	if ind, err := conn.Receive(context.Background()); err != nil {
		t.Error(err)
	} else if _, ok := ind.(rtse.Aborted); !ok {
		t.Errorf("after the transfer: %T", ind)
	}
	if !ended(t, half, 10*time.Second) {
		t.Error("half a connection is still open")
	}
	select {
	case err := <-s.ended:
		if err != nil {
			t.Error(err)
		}
		s.ended <- err
	case <-time.After(10 * time.Second):
		t.Error("the channel does not end")
	}
}

// The peer asks for the turn while a job is in progress: the scheduler hears that it is
// gone before it hears that the job is done, and does not count on it for the next one.
// A job that comes too late for the turn is nobody's fault.
func TestTurnGoesBeforeTheOutcome(t *testing.T) {
	s := start(t)
	in, err := p1.ReadAPDU(bytes.NewReader(message(t, "content")), p1.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	two := *in.Message
	two.PerRecipientFields = append(two.PerRecipientFields, two.PerRecipientFields[0])
	raw, err := p1.EncodeMessageEnvelope(&two)
	if err != nil {
		t.Fatal(err)
	}
	ref := s.queue(raw)
	s.send(channel.Line{Type: channel.TypeOpen, Assoc: 7, Peer: "MTA-B"})
	conn := s.accepted(true)
	if up := s.next(channel.TypeAssoc); !up.Turn {
		t.Fatalf("%+v", up)
	}
	job := channel.Line{Type: channel.TypeJob, Job: 3, Assoc: 7, Peer: "MTA-B", Ref: &ref, Recipients: []int{1}}
	s.send(job)
	ind, incoming := s.receive(conn)
	if err := conn.PleaseTurn(1); err != nil {
		t.Fatal(err)
	}
	var content bytes.Buffer
	_, err = content.ReadFrom(incoming.Content)
	if err = errors.Join(err, incoming.Finish(), ind.Accept()); err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Receive(context.Background()); err != nil { // the turn
		t.Fatal(err)
	}
	var got []string
	for len(got) < 3 {
		if len(got) == 2 {
			job.Job = 4
			s.send(job)
		}
		switch l := <-s.lines; l.Type {
		case channel.TypeAssoc:
			got = append(got, map[bool]string{true: "turn", false: "no turn"}[l.Turn])
		case channel.TypeOutcome:
			got = append(got, l.Results[0].Outcome)
			if r := l.Results[0]; l.Job == 4 && (r.PeerFault || r.Until.IsZero()) {
				t.Errorf("%+v", r)
			}
		}
	}
	if want := "no turn, transferred, deferred"; strings.Join(got, ", ") != want {
		t.Errorf("%q instead of %s", got, want)
	}
}

// A peer that is taken out of the configuration, or put out of use, keeps no association;
// nor does one that is to talk in another mode, or to come with TLS, or with another
// certificate.
func TestReloadReleases(t *testing.T) {
	for name, edit := range map[string]func(*conf.Config){
		"gone":     func(c *conf.Config) { c.Peers, c.Routes = nil, nil },
		"disabled": func(c *conf.Config) { c.Peers[0].Enabled = false },
		"password": func(c *conf.Config) { c.Peers[0].PasswordIn = "another" },
		"file":     func(c *conf.Config) { c.Peers[0].PasswordIn, c.Peers[0].PasswordInFile = "", "/nowhere/secret" },
		"our file": func(c *conf.Config) { c.Peers[0].PasswordOut, c.Peers[0].PasswordOutFile = "", "/nowhere/secret" },
		"mode":     func(c *conf.Config) { c.Peers[0].Mode = conf.ModeX410 },
		"tls":      func(c *conf.Config) { c.Peers[0].TLS = conf.TLSRequire },
		"token":    func(c *conf.Config) { c.Peers[0].Credentials = conf.CredentialsStrong },
		"pin":      func(c *conf.Config) { c.Peers[0].TLSPin = []string{strings.Repeat("00", 32)} },
		"":         func(c *conf.Config) { c.Peers[0].WindowSize++ },
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t)
			conn := s.bound()
			s.next(channel.TypeAssoc)
			cfg := *s.conf
			cfg.Peers = append([]conf.Peer(nil), s.conf.Peers...)
			edit(&cfg)
			text, err := json.Marshal(&cfg)
			if err != nil {
				t.Fatal(err)
			}
			s.send(channel.Line{Type: channel.TypeConfig, Config: text})
			if name == "" {
				ctx, cancel := context.WithTimeout(context.Background(), 100*time.Millisecond)
				defer cancel()
				if ind, err := conn.Receive(ctx); err == nil {
					t.Errorf("the association of a peer that is still known ended: %T", ind)
				}
				return
			}
			ind, err := conn.Receive(context.Background())
			if _, ok := ind.(rtse.Aborted); err != nil || !ok {
				t.Errorf("%T, %v", ind, err)
			}
			if l := s.next(channel.TypeAssoc); l.State != channel.StateDown {
				t.Errorf("%+v", l)
			}
		})
	}
}
