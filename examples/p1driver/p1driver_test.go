package p1driver

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"
)

var (
	here  = Domain{"GB", "TEST", "HERE"}
	there = Domain{"GB", "TEST", "THERE"}
)

// messages makes a function that gives n messages of different sizes.
func messages(n int) func() (*Message, bool) {
	var mu sync.Mutex
	made := 0
	return func() (*Message, bool) {
		mu.Lock()
		defer mu.Unlock()
		if made == n {
			return nil, false
		}
		made++
		from := Name{here, "Org", "Smith", "Ann", ""}
		to := Name{there, "Org", "Jones", "Bob", ""}
		return &Message{
			Local: fmt.Sprintf("S.%d", made), Originator: from, Priority: Priority(made % 3),
			Recipients: []Recipient{{to, Delivery}, {to, NonDelivery}},
			Content:    Text(from, to, fmt.Sprintf("message %d ", made), made*made*37%9000),
		}, true
	}
}

// Every manner of the source is understood, and what arrives is what was sent.
func TestSourceAndSinkAgree(t *testing.T) {
	for _, protocol := range []int{0, P1of1988, P1of1984} {
		t.Run(fmt.Sprintf("application protocol %d", protocol), func(t *testing.T) { agree(t, protocol) })
	}
}

func agree(t *testing.T, protocol int) {
	book := NewBook()
	sink, err := Listen(SinkConfig{Listen: "127.0.0.1:0", Own: Bind{"THERE", "t"}, Peers: map[string]string{"HERE": "h"}, Book: book, Protocol: protocol})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	}()
	manners := []Manner{{Checkpoint: 64, Window: 3}, {Old: true, Checkpoint: 1, Window: 1}, {Old: true, Monologue: true}, {Checkpoint: 2, Window: 2}}
	source := NewSource(SourceConfig{Address: sink.Addr(), Own: Bind{"HERE", "h"}, PeerPassword: "t", Associations: 4,
		Manner: func(i int) Manner {
			m := manners[i]
			m.Protocol = protocol
			return m
		}})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := source.Run(ctx, messages(80)); err != nil {
		t.Fatal(err, source.Failures())
	}
	check(t, source, book, 80, 0)
	if errs := sink.Errors(); len(errs) > 0 {
		t.Errorf("associations ended badly: %v", errs)
	}
}

// Without checkpoints an object of any length is one RTTR.
func TestOneRTTR(t *testing.T) {
	for _, m := range []Manner{{}, {Old: true}, {Protocol: P1of1988}, {Protocol: P1of1984, Old: true}} {
		book := NewBook()
		sink, err := Listen(SinkConfig{Listen: "127.0.0.1:0", Own: Bind{"THERE", "t"}, Peers: map[string]string{"HERE": "h"}, Book: book, Protocol: m.Protocol})
		if err != nil {
			t.Fatal(err)
		}
		m.Monologue = true
		source := NewSource(SourceConfig{Address: sink.Addr(), Own: Bind{"HERE", "h"}, PeerPassword: "t", Associations: 1, Manner: func(int) Manner { return m }})
		from, to := Name{here, "Org", "Smith", "Ann", ""}, Name{there, "Org", "Jones", "Bob", ""}
		made := false
		if err := source.Run(testContext(t), func() (*Message, bool) {
			again := made
			made = true
			return &Message{Local: "S.1", Originator: from, Recipients: []Recipient{{to, Delivery}, {to, NonDelivery}}, Content: Text(from, to, "long", 5_000_000)}, !again
		}); err != nil {
			t.Fatal(err, source.Failures())
		}
		check(t, source, book, 1, 0)
		if a := book.Arrivals()[0]; a.RTTRs != 1 || a.Octets < 5_000_000 {
			t.Errorf("%+v: %d octets in %d RTTRs", m, a.Octets, a.RTTRs)
		}
		if err := sink.Close(); err != nil {
			t.Error(err)
		}
	}
}

// check compares the books: everything arrived, at most extra of it more than once.
func check(t *testing.T, source *Source, book *Book, n, extra int) {
	t.Helper()
	arrived := map[string]int{}
	for _, a := range book.Arrivals() {
		arrived[a.MTSID]++
		e := source.Entries()[a.MTSID]
		if e == nil {
			t.Errorf("%s was not sent", a.MTSID)
			continue
		}
		if a.Digest != sha256.Sum256(e.Message.Content) || a.Size != len(e.Message.Content) {
			t.Errorf("%s arrived changed", a.MTSID)
		}
		if fmt.Sprint(a.Numbers) != "[1 2]" {
			t.Errorf("%s for %v", a.MTSID, a.Numbers)
		}
	}
	if len(arrived) != n || len(source.Entries()) != n {
		t.Errorf("%d sent, %d arrived, not %d", len(source.Entries()), len(arrived), n)
	}
	if more := book.Len() - n; more > extra {
		t.Errorf("%d arrived more than once, at most %d may", more, extra)
	}
	for id, e := range source.Entries() {
		if !e.Acknowledged() {
			t.Errorf("%s is not acknowledged", id)
		}
	}
	if o := book.Overlaps(); len(o) > 0 {
		t.Errorf("overlaps: %v", o)
	}
}

// Whatever a sink does, the source goes on until everything is acknowledged; what was
// stored and not acknowledged arrives twice, nothing else does.
func TestSourceGoesOn(t *testing.T) {
	book := NewBook()
	random := rand.New(rand.NewPCG(1, 2))
	var mu sync.Mutex
	unanswered := 0
	sink, err := Listen(SinkConfig{Listen: "127.0.0.1:0", Own: Bind{"THERE", "t"}, Peers: map[string]string{"HERE": "h"}, Book: book,
		Verdict: func(m Moment) Verdict {
			mu.Lock()
			defer mu.Unlock()
			if random.IntN(20) > 0 {
				return Proceed
			}
			v := Refuse
			if m > OnBind && m != OnEnd || random.IntN(2) == 0 {
				v = Cut
			}
			if m == OnStored {
				unanswered++
			}
			return v
		}})
	if err != nil {
		t.Fatal(err)
	}
	source := NewSource(SourceConfig{Address: sink.Addr(), Own: Bind{"HERE", "h"}, PeerPassword: "t", Associations: 3,
		Manner: func(i int) Manner { return Manner{Old: i == 0, Checkpoint: 1 + i, Window: 2} }, Retry: time.Millisecond})
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	if err := source.Run(ctx, messages(120)); err != nil {
		t.Fatal(err, source.Failures())
	}
	check(t, source, book, 120, unanswered)
	if len(sink.Errors()) == 0 || unanswered == 0 {
		t.Error("the sink did nothing bad")
	}
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
}

// Two transfers of one message count as simultaneous when the first goes on after the
// second has begun, and not when it has only not been seen to end.
func TestOverlaps(t *testing.T) {
	b := NewBook()
	o := &object{mtsID: "m", numbers: []int{2}}
	b.moves(1, o)
	b.moves(2, o)
	if got := b.Overlaps(); len(got) != 0 {
		t.Errorf("the first may be dead: %v", got)
	}
	b.lives(2, o)
	b.stops(1, o)
	if got := b.Overlaps(); len(got) != 0 {
		t.Errorf("the first was dead: %v", got)
	}
	b.moves(3, o)
	b.lives(2, o)
	if got := b.Overlaps(); len(got) != 1 || got[0].Number != 2 || got[0].Associations != [2]int{2, 3} {
		t.Errorf("both live: %v", got)
	}
	b.stops(2, o)
	b.stops(3, o)
	b.moves(4, o)
	b.lives(4, o)
	if got := b.Overlaps(); len(got) != 1 {
		t.Errorf("one after the other: %v", got)
	}
}

// Nobody is let in with a wrong password, by a wrong one, or in another mode.
func TestWrongPasswords(t *testing.T) {
	sink, err := Listen(SinkConfig{Listen: "127.0.0.1:0", Own: Bind{"THERE", "t"}, Peers: map[string]string{"HERE": "h"}, Book: NewBook()})
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []SourceConfig{
		{Own: Bind{"HERE", "wrong"}, PeerPassword: "t"},
		{Own: Bind{"NOBODY", "h"}, PeerPassword: "t"},
		{Own: Bind{"HERE", "h"}, PeerPassword: "wrong"},
		{Own: Bind{"HERE", "h"}, PeerPassword: "t", Manner: func(int) Manner { return Manner{Window: 1, Monologue: true, Protocol: P1of1988} }},
	} {
		c.Address, c.Associations = sink.Addr(), 1
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		if err := NewSource(c).Run(ctx, messages(1)); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%+v: %v", c, err)
		}
		cancel()
	}
	if err := sink.Close(); err != nil {
		t.Error(err)
	}
}

func TestTextHasItsSize(t *testing.T) {
	from, to := Name{here, "Org", "Smith", "Ann", ""}, Name{there, "Org", "Jones", "Bob", ""}
	for _, size := range []int{200, 250, 300, 400, 1024, 65000, 70000} {
		if got := len(Text(from, to, "words", size)); got < size-4 || got > size+4 {
			t.Errorf("%d octets instead of %d", got, size)
		}
	}
}

// The message of a capture that an independent decoder has read without complaint.
func TestReportIsRead(t *testing.T) {
	domain := c(0x63, c(0x61, text(0x13, "GB")), c(0x62, text(0x13, "TEST")), text(0x13, "BRAVO"))
	at := text(0x80, "261124043100Z")
	report := c(0xa1,
		c(0x31, c(0x64, domain, text(0x16, "MTA-B.R0001"))),
		c(0x31, c(0x64, domain, text(0x16, "X.1")), c(0xa0,
			c(0x31, p(0x81, 1), c(0xa3, at, c(0xa1, c(0xa1, p(0x80, 1), p(0x81, 0))))),
			c(0x31, p(0x81, 2), c(0xa3, at, c(0xa1, c(0xa0, at, p(0x81, 0))))))))
	for _, s := range []style{{}, {indefinite: true, chunk: 3}} {
		octets := s.append(nil, c(0x28, p(2, contextMTSE), c(0xa0, report)))
		o, err := readObject(octets, 0)
		if err != nil {
			t.Fatal(err)
		}
		want := "{[/PRMD=BRAVO/ADMD=TEST/C=GB/;MTA-B.R0001] [/PRMD=BRAVO/ADMD=TEST/C=GB/;X.1] [{1 false 1 0} {2 true 0 -1}]}"
		if got := fmt.Sprint(*o.report); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
}

// Whatever comes, parse neither panics nor takes what is not there; what it takes
// whole, it can write again.
func FuzzParse(f *testing.F) {
	message, _ := messages(1)()
	for _, s := range []style{{}, {indefinite: true, chunk: 7}} {
		f.Add(s.append(nil, message.apdu("MTA", time.Unix(0, 0), 0)))
	}
	f.Fuzz(func(t *testing.T, octets []byte) {
		v, rest, err := parse(octets, 0)
		if err != nil {
			return
		}
		again, rest2, err := parse(style{}.append(nil, v), 0)
		if err != nil || len(rest2) > 0 || !bytes.Equal(again.flat(), v.flat()) {
			t.Errorf("% x: %v", octets[:len(octets)-len(rest)], err)
		}
	})
}

// What was interrupted goes on behind the last checkpoint, and what was stored and not
// acknowledged is acknowledged without being stored again.
func TestSourceAndSinkResume(t *testing.T) {
	for name, cut := range map[string]Moment{"at a checkpoint": OnCheckpoint, "when it is stored": OnStored} {
		t.Run(name, func(t *testing.T) {
			book := NewBook()
			var mu sync.Mutex
			n := 0
			sink, err := Listen(SinkConfig{Listen: "127.0.0.1:0", Own: Bind{"THERE", "t"}, Peers: map[string]string{"HERE": "h"}, Book: book, Resume: true,
				Verdict: func(m Moment) Verdict {
					mu.Lock()
					defer mu.Unlock()
					if m == cut {
						n++
						if n == 8 || m == OnStored && n == 1 {
							return Cut
						}
					}
					return Proceed
				}})
			if err != nil {
				t.Fatal(err)
			}
			defer func() {
				if err := sink.Close(); err != nil {
					t.Error(err)
				}
			}()
			source := NewSource(SourceConfig{Address: sink.Addr(), Own: Bind{"HERE", "h"}, PeerPassword: "t", Associations: 1,
				Manner: func(int) Manner { return Manner{Checkpoint: 1, Window: 2, Monologue: true, Resume: true} }})
			made := false
			err = source.Run(testContext(t), func() (*Message, bool) {
				if made {
					return nil, false
				}
				made = true
				from, to := Name{here, "Org", "Smith", "Ann", ""}, Name{there, "Org", "Jones", "Bob", ""}
				return &Message{Local: "S.1", Originator: from, Recipients: []Recipient{{to, Delivery}, {to, NonDelivery}}, Content: Text(from, to, "long", 20_000)}, true
			})
			if err != nil {
				t.Fatal(err, source.Failures())
			}
			check(t, source, book, 1, 0)
			attempts := source.Entries()[fmt.Sprintf("[/PRMD=HERE/ADMD=TEST/C=GB/;%s]", "S.1")].Attempts
			if len(attempts) != 2 || !attempts[1].Resumed || attempts[1].Octets > 16_000 {
				t.Errorf("%+v", attempts)
			}
		})
	}
}

func testContext(t *testing.T) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	t.Cleanup(cancel)
	return ctx
}

// A sink of 1984 takes what is of 1984, and nothing that came later.
func TestOnly1984(t *testing.T) {
	from, to := Name{here, "Org", "", "", "Desk"}, Name{there, "Org", "Jones", "Bob", ""}
	m := &Message{Local: "1", Originator: from, Recipients: []Recipient{{to, Delivery}}, Content: Text(from, to, "words", 400)}
	good := m.apdu("MTA", time.Unix(0, 0), P1of1984)
	if o, err := readObject(style{}.append(nil, good), P1of1984); err != nil || fmt.Sprint(o.defined) != "[Common=Desk]" {
		t.Fatalf("%v, %v", o, err)
	}
	envelope := func(parts ...tlv) tlv {
		return c(0xa0, c(0x31, append(slices.Clone(good.parts[0].parts), parts...)...), good.parts[1])
	}
	content := func(octets []byte) tlv { return c(0xa0, good.parts[0], octetString(octets)) }
	ipm := func(heading, body tlv) []byte { return style{}.append(nil, c(0xa0, heading, body)) }
	for what, apdu := range map[string]tlv{
		"extensions":          m.apdu("MTA", time.Unix(0, 0), P1of1988),
		"unknown element":     envelope(p(0x9e, 0)),
		"fifth indicator":     envelope(p(0x48, 0, 0x88)),
		"extension attribute": envelope(c(0x60, c(0x30), c(0x31))),
		"directory name":      envelope(c(0x60, c(0x30), c(0xa0))),
		"extended types":      envelope(c(0x65, c(0xa4))),
		"other actions":       envelope(c(0x69, c(0x30, c(0x31, p(0x83, 6, 0x80))))),
		"content":             content([]byte("text")),
		"heading extension":   content(ipm(c(0x31, c(0xaf)), c(0x30))),
		"extended body part":  content(ipm(c(0x31), c(0x30, c(0xaf)))),
		"bilateral body part": content(ipm(c(0x31), c(0x30, p(0x8e, 0)))),
		"name in the heading": content(ipm(c(0x31, c(0xa0, c(0x60, c(0x30), c(0x31)))), c(0x30))),
		"forwarded":           content(ipm(c(0x31), c(0x30, c(0xa9, c(0x31), c(0x30, c(0x31), c(0x30, c(0xaf))))))),
		"report extensions":   c(0xa1, c(0x31, c(0xa1)), c(0x31)),
		"reason":              c(0xa1, c(0x31), c(0x31, c(0xa0, c(0x31, c(0xa3, c(0xa1, c(0xa1, p(0x80, 5)))))))),
		"diagnostic":          c(0xa1, c(0x31), c(0x31, c(0xa0, c(0x31, c(0xa3, c(0xa1, c(0xa1, p(0x80, 1), p(0x81, 47)))))))),
	} {
		if _, err := readObject(style{}.append(nil, apdu), P1of1984); err == nil {
			t.Errorf("%s: taken", what)
		}
	}
}
