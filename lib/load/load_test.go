package load

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

func address(t testing.TB, text string) oraddr.Address {
	t.Helper()
	a, err := oraddr.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func sizes(t testing.TB, text string) Mix[int64] {
	t.Helper()
	m, err := ParseSizes(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func priorities(t testing.TB, text string) Mix[mts.Priority] {
	t.Helper()
	m, err := ParsePriorities(text)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// listening is a sink at a free port of the loopback interface.
type listening struct {
	*Sink
	own  End
	addr string
}

func sink(t *testing.T, cfg SinkConfig) *listening {
	t.Helper()
	if cfg.Timeout == 0 {
		cfg.Timeout = 20 * time.Second
	}
	s := NewSink()
	addr, err := s.Listen("127.0.0.1:0", cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return &listening{s, cfg.Own, addr.String()}
}

// source is one that transfers to a sink.
func source(t *testing.T, s *listening, change func(*SourceConfig)) *Source {
	t.Helper()
	cfg := SourceConfig{Own: End{"SOURCE", "x"}, MTA: s.own, To: conf.Address{Host: s.addr}, Mode: conf.ModeNormal,
		From: address(t, "/S=Smith/PRMD=SOURCE/ADMD=TEST/C=GB/"), Recipients: []oraddr.Address{address(t, "/S=Jones/PRMD=SINK/ADMD=TEST/C=GB/")},
		Sizes: sizes(t, "1KiB"), Priorities: priorities(t, "normal"), Messages: 50, Associations: 1, Timeout: 20 * time.Second}
	if change != nil {
		change(&cfg)
	}
	out, err := NewSource(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// What a source transfers, in every mode and over several associations, a sink takes, and
// both count the same.
func TestSourceToSink(t *testing.T) {
	for _, mode := range []string{conf.ModeNormal, conf.ModeX410, conf.Mode1984} {
		t.Run(mode, func(t *testing.T) {
			to := sink(t, SinkConfig{Own: End{"SINK", "y"}, MTA: End{"SOURCE", "x"}})
			from := source(t, to, func(c *SourceConfig) {
				c.Mode, c.Associations = mode, 3
				c.Sizes, c.Priorities = sizes(t, "300,1KiB:3,200KiB"), priorities(t, "urgent,normal,non-urgent")
			})
			r, err := Relay(testContext(t), from, to.Sink, 20*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			if r.Accepted != 50 || r.Arrived != 50 || r.Missing != 0 || r.Twice != 0 || r.Refused != 0 || r.InDoubt != 0 || r.FailedBinds != 0 {
				t.Errorf("%+v", r)
			}
			if r.Binds < 1 || r.Binds > 3 || r.Associations > 3 || r.Taken.Binds != r.Binds || r.Taken.Octets != r.Octets {
				t.Errorf("%d and %d binds, %d associations, %d and %d octets", r.Binds, r.Taken.Binds, r.Associations, r.Octets, r.Taken.Octets)
			}
			if r.Transfer.Count() != 50 || r.Taken.Arrival.Count() != 50 || r.Taken.Arrival.Max() <= 0 {
				t.Errorf("%d transfers, %d arrivals, the longest %v", r.Transfer.Count(), r.Taken.Arrival.Count(), r.Taken.Arrival.Max())
			}
			if r.Taken.Arrival.Quantile(0.5) > r.Transfer.Max() {
				t.Errorf("it takes longer to arrive, %v, than to be told of it, %v", r.Taken.Arrival.Quantile(0.5), r.Transfer.Max())
			}
		})
	}
}

// An association that has had its messages is released, and the next one opened.
func TestPerAssociation(t *testing.T) {
	to := sink(t, SinkConfig{Own: End{"SINK", ""}})
	sent, err := source(t, to, func(c *SourceConfig) { c.PerAssociation, c.Messages = 7, 20 }).Run(testContext(t))
	if err != nil || sent.Accepted != 20 || sent.Binds != 3 || sent.Associations != 1 {
		t.Errorf("%+v, %v", sent, err)
	}
}

// Whoever is not who it should be is refused: by the sink, and by the source.
func TestStrangers(t *testing.T) {
	to := sink(t, SinkConfig{Own: End{"SINK", "y"}, MTA: End{"SOURCE", "x"}})
	for name, change := range map[string]func(*SourceConfig){
		"the source, by name":     func(c *SourceConfig) { c.Own.Name = "OTHER" },
		"the source, by password": func(c *SourceConfig) { c.Own.Password = "z" },
		"the sink, by name":       func(c *SourceConfig) { c.MTA.Name = "OTHER" },
		"the sink, by password":   func(c *SourceConfig) { c.MTA.Password = "z" },
	} {
		sent, err := source(t, to, change).Run(testContext(t))
		if diag.KindOf(err) != diag.Denied || sent.Accepted != 0 || sent.FailedBinds != 1 {
			t.Errorf("%s: %v, %+v", name, err, sent)
		}
	}
	if taken := to.Close(); taken.Messages != 0 {
		t.Errorf("%d messages of strangers were taken", taken.Messages)
	}
}

// At a rate, messages are begun when they are due, and what they wait counts.
func TestRate(t *testing.T) {
	const delay = 50 * time.Millisecond
	to := sink(t, SinkConfig{Own: End{"SINK", ""}, Delay: delay})
	begun := time.Now()
	sent, err := source(t, to, func(c *SourceConfig) { c.Rate, c.Messages = 100, 10 }).Run(testContext(t))
	if err != nil || sent.Accepted != 10 {
		t.Fatalf("%+v, %v", sent, err)
	}
	// The last is due after 90 ms and must wait for nine before it, 50 ms each.
	if max := sent.Transfer.Max(); max < 10*delay-90*time.Millisecond {
		t.Errorf("the longest transfer took %v", max)
	}
	slow, err := source(t, to, func(c *SourceConfig) { c.Rate, c.Duration, c.Messages, c.Associations = 20, 300*time.Millisecond, 0, 2 }).Run(testContext(t))
	if err != nil || slow.Accepted != 6 {
		t.Errorf("20 a second for 0.3 s are %d, %v", slow.Accepted, err)
	}
	if took := time.Since(begun); took < 10*delay+250*time.Millisecond {
		t.Errorf("all took %v", took)
	}
}

// A source without a limit ends when it is told to, with what it has done.
func TestStop(t *testing.T) {
	to := sink(t, SinkConfig{Own: End{"SINK", ""}})
	ctx, stop := context.WithCancel(testContext(t))
	from := source(t, to, func(c *SourceConfig) { c.Messages, c.Associations = 0, 2 })
	go func() {
		to.Wait(ctx, 10)
		stop()
	}()
	sent, err := from.Run(ctx)
	if err != nil || sent.Accepted < 10 || sent.InDoubt != 0 {
		t.Errorf("%+v, %v", sent, err)
	}
	if taken := to.Close(); taken.Messages != sent.Accepted {
		t.Errorf("%d of %d", taken.Messages, sent.Accepted)
	}
}

// When the MTA goes away the source gives up after its timeout, and counts.
func TestGone(t *testing.T) {
	to := sink(t, SinkConfig{Own: End{"SINK", ""}})
	from := source(t, to, func(c *SourceConfig) { c.Messages, c.Associations, c.Timeout = 0, 2, 2*time.Second })
	go func() {
		to.Wait(testContext(t), 10)
		to.Close()
	}()
	sent, err := from.Run(testContext(t))
	if diag.KindOf(err) != diag.Unavailable || sent.Accepted < 10 || sent.FailedBinds == 0 {
		t.Errorf("%+v, %v", sent, err)
	}
}

// What arrives at several sinks is one account.
func TestTwoSinks(t *testing.T) {
	one := sink(t, SinkConfig{Own: End{"SINK", ""}})
	addr, err := one.Listen("127.0.0.1:0", SinkConfig{Own: End{"OTHER", ""}, Timeout: 20 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := source(t, one, nil).Run(testContext(t)); err != nil {
		t.Fatal(err)
	}
	other := source(t, one, func(c *SourceConfig) { c.MTA, c.To = End{"OTHER", ""}, conf.Address{Host: addr.String()} })
	if _, err := other.Run(testContext(t)); err != nil {
		t.Fatal(err)
	}
	if taken := one.Close(); taken.Messages != 100 || taken.Binds != 2 {
		t.Errorf("%+v", taken)
	}
	if _, err := one.Listen(addr.String(), SinkConfig{}); err != nil {
		t.Error(err) // it is free again
	}
	if _, err := one.Listen(addr.String(), SinkConfig{}); diag.KindOf(err) != diag.Unavailable {
		t.Error(err)
	}
}

// A peer of a configuration is played as the configuration has it.
func TestPlay(t *testing.T) {
	cfg := conf.New()
	cfg.Identity.MTA = "MTA-A"
	secure := conf.Listener{Address: "127.0.0.1:1", Channel: "p1", TLS: conf.TLSRequire}
	open := conf.Listener{Address: "127.0.0.1:2", Channel: "p1", TSEL: []conf.Selector{"MTA-A"}, TLS: conf.TLSOff}
	cfg.Listeners = []conf.Listener{{Address: "127.0.0.1:3", Channel: "other", TLS: conf.TLSOff}, secure, open}
	peer := conf.NewPeer()
	peer.Name, peer.Channel, peer.PasswordIn, peer.PasswordOut, peer.OurMTA, peer.Mode = "PEER", "p1", "in", "out", "ALIAS", conf.ModeX410
	peer.Addresses = []conf.Address{{Host: "127.0.0.1:4"}}
	cfg.Peers = []conf.Peer{peer}
	got, err := Play(cfg, "PEER")
	want := Part{Own: End{"PEER", "in"}, MTA: End{"ALIAS", "out"}, Mode: conf.ModeX410, Address: "127.0.0.1:4",
		Switch: conf.Address{Host: "127.0.0.1:2", TSEL: "MTA-A"}}
	if diff := cmp.Diff(want, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
	if _, err := Play(cfg, "NOBODY"); diag.KindOf(err) != diag.NoInput || diag.HintOf(err) == "" {
		t.Error(err)
	}
	for what, change := range map[string]func(*conf.Peer){
		"TLS": func(p *conf.Peer) { p.TLS = conf.TLSRequire }, "strong": func(p *conf.Peer) { p.Credentials = conf.CredentialsStrong },
	} {
		cfg.Peers[0] = peer
		change(&cfg.Peers[0])
		if _, err := Play(cfg, "PEER"); diag.KindOf(err) != diag.Config || !strings.Contains(err.Error(), what) {
			t.Errorf("%s: %v", what, err)
		}
	}
	cfg.Peers[0], cfg.Listeners = peer, nil
	cfg.Peers[0].Addresses = nil
	if got, err := Play(cfg, "PEER"); err != nil || got.Address != "" || got.Switch.Host != "" {
		t.Errorf("%+v, %v", got, err)
	}
}

// What arrives as another message than was sent is not taken for it.
func TestAltered(t *testing.T) {
	s := sink(t, SinkConfig{Own: End{"SINK", "y"}})
	sent := source(t, s, func(c *SourceConfig) { c.Messages = 3 })
	other := source(t, s, func(c *SourceConfig) { c.Sizes = sizes(t, "2KiB") })
	other.maker.run, other.run = sent.run, sent.run
	s.Watch(other)
	if _, err := sent.Run(testContext(t)); err != nil {
		t.Fatal(err)
	}
	s.Wait(testContext(t), 3)
	if got := s.Close(); got.Messages != 3 || got.Altered != 3 || got.Distinct != 0 || got.Twice != 0 {
		t.Errorf("%+v", got)
	}
}

// What is wrapped is sent as another content of another type, which arrives as what was sent if what
// is in it is; and as another if it is not, or nothing is.
func TestWrapping(t *testing.T) {
	turned := func(content []byte) []byte {
		out := slices.Clone(content)
		slices.Reverse(out)
		return append(out, "and more"...)
	}
	oid := mts.NewExtendedContentType("1.2.840.113549.1.9.16.1.6")
	s := sink(t, SinkConfig{Own: End{"SINK", "y"}})
	sent := source(t, s, func(c *SourceConfig) {
		c.Messages, c.Associations = 9, 3
		c.Wrapping = &Wrapping{Type: oid,
			Wrap: func(_ uint64, content []byte) ([]byte, error) { return turned(content), nil },
			Unwrap: func(n uint64, content []byte) ([]byte, error) {
				content, whole := bytes.CutSuffix(content, []byte("and more"))
				content = slices.Clone(content)
				slices.Reverse(content)
				switch {
				case !whole || n%3 == 1:
					return nil, errors.New("nothing is in it")
				case n%3 == 2:
					content[0]++
				}
				return content, nil
			}}
	})
	m, err := sent.maker.make(1, time.Now())
	if err != nil {
		t.Fatal(err)
	}
	in, err := p1.ReadAPDU(m.apdu, p1.Limits{})
	if err != nil || !in.Message.ContentType.Equal(oid) || m.of != sent.maker.contents[0].size()+int64(len("and more")) {
		t.Errorf("%v: %d octets of %s", err, m.of, in.Message.ContentType)
	}
	r, err := Relay(testContext(t), sent, s.Sink, time.Second)
	if err != nil || r.Accepted != 9 || r.Arrived != 3 || r.Altered != 6 || r.Missing != 6 {
		t.Errorf("%+v, %v", r, err)
	}
}

// Messages say what they are, and are as large as they were asked to be.
func TestMessages(t *testing.T) {
	from, to := address(t, "/S=Smith/PRMD=SOURCE/ADMD=TEST/C=GB/"), address(t, "/S=Jones/PRMD=SINK/ADMD=TEST/C=GB/")
	other := address(t, "/S=Brown/PRMD=SINK/ADMD=TEST/C=GB/")
	at := time.Date(2026, 11, 27, 12, 0, 0, 123456000, time.UTC)
	for _, size := range []int64{0, 1, 300, 301, 400, 1024, 65535, 100 << 10, 1 << 20} {
		m, err := newMaker("abcde", from, []oraddr.Address{to, other}, sizes(t, fmt.Sprint(size)), priorities(t, "urgent"), nil)
		if err != nil {
			t.Fatal(err)
		}
		for n, want := range map[uint64]string{2: to.String(), 1: other.String()} {
			made, err := m.make(n, at)
			if err != nil {
				t.Fatal(err)
			}
			in, err := p1.ReadAPDU(made.apdu, p1.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			e := in.Message
			id, ok := identify(string(e.MessageIdentifier.LocalIdentifier))
			if !ok || id.n != n || id.run != "abcde" || !id.begun.Equal(at) {
				t.Errorf("%s: %+v", e.MessageIdentifier.LocalIdentifier, id)
			}
			got, err := e.PerRecipientFields[0].RecipientName.Address()
			if err != nil || got.String() != want || len(e.PerRecipientFields) != 1 {
				t.Errorf("message %d is for %v: %v", n, got, err)
			}
			octets, err := io.ReadAll(in.Content)
			if err != nil || int64(len(octets)) != m.contents[0].size() {
				t.Errorf("%d octets of content, %v", len(octets), err)
			}
			digest := sha256.Sum256(octets)
			if !m.is(n, e, digest) {
				t.Errorf("message %d of %d octets is not what it is", n, size)
			}
			renamed, moved := *e, *e
			renamed.MessageIdentifier.GlobalDomainIdentifier = mts.NewGlobalDomainIdentifier(to.Domain())
			moved.PerRecipientFields = []mts.PerRecipientMessageTransferFields{e.PerRecipientFields[0]}
			moved.PerRecipientFields[0].OriginallySpecifiedRecipientNumber = 2
			if m.is(n, e, [32]byte{}) || m.is(n+1, e, digest) || m.is(n, &renamed, digest) || m.is(n, &moved, digest) {
				t.Errorf("something else counts as message %d of %d octets", n, size)
			}
			if size > 300 && m.is(n+2, e, digest) {
				t.Errorf("two messages of %d octets have one content", size)
			}
			if size > 310 && !strings.Contains(string(octets), fmt.Sprintf(" 0000%d", n)) {
				t.Errorf("the text of message %d of %d octets does not end with its number", n, size)
			}
			if e.ContentIdentifier != "bench.abcde" || e.Priority != mts.Urgent || len(e.TraceInformation) != 1 {
				t.Errorf("%+v", e)
			}
		}
		if got := m.contents[0].size(); got > max(size, 300) || got < size-8 {
			t.Errorf("%d octets, not %d", got, size)
		}
		octets, err := io.ReadAll(m.contents[0].reader(1))
		if err != nil {
			t.Fatal(err)
		}
		ipm, err := ipms.Decode(octets)
		if err != nil {
			t.Fatal(err)
		}
		if subject := string(*ipm.IPM.Heading.Subject); !strings.HasPrefix(subject, "mtactl bench, run abcde") {
			t.Errorf("the subject is %q", subject)
		}
	}
}

func TestMixes(t *testing.T) {
	m, err := ParseMix("a:80,b:15,c:5", func(s string) (string, error) { return s, nil })
	if err != nil {
		t.Fatal(err)
	}
	const n = 100_000
	seen := map[string]float64{}
	together := map[[2]int]float64{}
	for i := range uint64(n) {
		seen[m.values[m.at(i, 1)]] += 100. / n
		together[[2]int{m.at(i, 1), m.at(i, 2)}] += 100. / n
	}
	for name, want := range map[string]float64{"a": 80, "b": 15, "c": 5} {
		if math.Abs(seen[name]-want) > 1 {
			t.Errorf("%s: %v in a hundred, not %v", name, seen[name], want)
		}
	}
	if got := together[[2]int{0, 1}]; math.Abs(got-12) > 1 {
		t.Errorf("two mixes are not independent: %v in a hundred, not 12", got)
	}
	got := priorities(t, "urgent:1,non-urgent")
	if diff := cmp.Diff([]mts.Priority{mts.Urgent, mts.NonUrgent}, got.values); diff != "" {
		t.Error(diff)
	}
	for _, wrong := range []string{"", "x", "1:0", "1:-1", "1:1000001", "1:2:3", "1,", "600MiB", "400MiB,200MiB", "9223372036854775807,9223372036854775807",
		strings.Repeat("1,", 16) + "1"} {
		if _, err := ParseSizes(wrong); diag.KindOf(err) != diag.Usage {
			t.Errorf("%q: %v", wrong, err)
		}
	}
	if _, err := ParsePriorities("high"); diag.KindOf(err) != diag.Usage {
		t.Error(err)
	}
}

// Only loopback addresses are called, however they are written.
func TestLoopback(t *testing.T) {
	for in, want := range map[string]string{"127.0.0.1:102": "127.0.0.1:102", "127.1.2.3:1": "127.1.2.3:1", "[::1]:102": "[::1]:102", "[::ffff:127.0.0.1]:1": "127.0.0.1:1"} {
		if got, err := Loopback(testContext(t), in); err != nil || got != want {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	for _, in := range []string{"192.0.2.1:102", "0.0.0.0:102", ":102", "[::]:102", "[2001:db8::1]:102", "[::ffff:192.0.2.1]:102"} {
		if got, err := Loopback(testContext(t), in); diag.KindOf(err) != diag.Denied || diag.HintOf(err) == "" {
			t.Errorf("%s: %s, %v", in, got, err)
		}
	}
	if _, err := Loopback(testContext(t), "127.0.0.1"); diag.KindOf(err) != diag.Usage {
		t.Error(err)
	}
	if got, err := Loopback(testContext(t), "localhost:102"); err != nil && !errors.As(err, new(*diag.Error)) || err == nil && !strings.HasSuffix(got, ":102") {
		t.Errorf("localhost: %s, %v", got, err)
	}
}

// FuzzIdentify: what is taken for an identifier of ours is one that is made.
func FuzzIdentify(f *testing.F) {
	f.Add(identity{"abcde", 1, time.UnixMicro(1_800_000_000_000_000)}.local())
	f.Add(identity{"zzzzz", MaxMessages, time.UnixMicro(math.MaxInt64)}.local())
	f.Add("bench.abcde.0.0")
	f.Fuzz(func(t *testing.T, local string) {
		id, ok := identify(local)
		if !ok {
			return
		}
		again, ok := identify(id.local())
		if !ok || again != id {
			t.Errorf("%q: %+v, %+v", local, id, again)
		}
	})
}

// The longest identifiers are within the bounds of X.411 for a hundred years.
func TestIdentifiersAreShort(t *testing.T) {
	id := identity{newRun(), MaxMessages, time.Date(2126, 1, 1, 0, 0, 0, 0, time.UTC)}
	if n := len(id.local()); n > mts.UbLocalIDLength {
		t.Errorf("%q has %d characters", id.local(), n)
	}
	if n := len(prefix + id.run); n > mts.UbContentIDLength {
		t.Errorf("a content identifier has %d characters", n)
	}
}
