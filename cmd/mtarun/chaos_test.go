package main

import (
	"context"
	"crypto/sha256"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
)

var (
	chaosMessages = flag.Int("chaos.messages", 500, "messages TestChaos sends while processes die")
	chaosKills    = flag.Int("chaos.kills", 0, "kills of TestChaos, with as many messages as come meanwhile; 0: -chaos.messages says when it ends")
	chaosSeed     = flag.Uint64("chaos.seed", 0, "what TestChaos does, and when; 0: something new each time")
)

const (
	chaosWorkers  = 8
	chaosInterval = 250 * time.Millisecond // between two messages of one association
	// calmMessages are sent before anything is killed: none of them may arrive twice.
	calmMessages = 48
	// near is how long a report may have existed before the event log knows of it: a
	// kill takes the last events along.
	near = 2 * time.Second
)

var (
	chaosFrom = person("SOURCE", "Ann", "Smith")
	ghost     = person("CHARLIE", "Gus", "Ghost") // does not exist
	locals    = []p1driver.Name{person("CHARLIE", "Carol", "Brown"), person("CHARLIE", "Cid", "Clark")}
	remotes   = []p1driver.Name{person("TANGO", "Tim", "Tall"), person("TANGO", "Tom", "Thin")}
)

func person(prmd, given, surname string) p1driver.Name {
	return p1driver.Name{Domain: p1driver.Domain{Country: "GB", ADMD: "TEST", PRMD: prmd},
		Organization: "Org", Surname: surname, GivenName: given}
}

// chaos is three switches in a row between a source and a sink of the other make.
type chaos struct {
	t       *testing.T
	network *network
	a, b, c *mta
	random  *rand.Rand
	source  *p1driver.Source
	reports *p1driver.Book // what comes back to the source, whoever opened the association
	beyond  *p1driver.Book // what arrives at the sink behind C

	mu   sync.Mutex
	made int // messages

	kills     map[*mta][]span
	kinds     map[string]int
	restarts  []time.Duration // from the start of a switch to its service
	submitted map[[sha256.Size]byte]*submitting
	explained map[string]int // copies too many, by what was killed last before
}

// span is the time in which something died: not before it begins, and not after it
// ends.
type span struct {
	from, to time.Time
	what     string
}

// Processes of three switches are killed again and again while messages cross them.
// Whatever was acknowledged to the source arrives unchanged, everybody is told once
// what became of it, and what arrives twice does so because of a kill between a
// transfer and the record of its acknowledgement.
func TestChaos(t *testing.T) {
	seed := *chaosSeed
	if seed == 0 {
		seed = uint64(time.Now().UnixNano())
	}
	t.Logf("-chaos.seed %d", seed)
	k := newChaos(t, seed)
	for _, m := range k.network.switches {
		m.start()
	}
	k.send(k.first(calmMessages), nil)
	k.drain()
	if k.extra() > 0 {
		t.Errorf("%d objects arrived more than once though nothing was killed", k.extra())
	}
	more := k.first(*chaosMessages)
	if *chaosKills > 0 {
		more = func() bool { return k.killed() < *chaosKills }
	}
	k.send(more, k.kill)
	k.killAll()
	k.checkSpools()
	for _, m := range k.network.switches {
		k.restart(m)
	}
	k.drain()
	for _, m := range k.network.switches {
		m.stop()
		m.check()
	}
	k.checkDeliveries()
	k.checkReports()
	k.checkOverlaps()
	k.explain()
	k.tell()
}

func newChaos(t *testing.T, seed uint64) *chaos {
	n, a, b, c := chain(t)
	k := &chaos{t: t, network: n, a: a, b: b, c: c, random: rand.New(rand.NewPCG(seed, 0)),
		reports: p1driver.NewBook(), beyond: p1driver.NewBook(), kills: map[*mta][]span{}, kinds: map[string]int{}, submitted: map[[sha256.Size]byte]*submitting{}, explained: map[string]int{}}
	c.user("Carol", "Brown")
	c.user("Cid", "Clark")
	// Between B and C, and behind C, it is X.410-1984 mode.
	b.set("[[peer]]\nname = \"MTA-C\"", `mode = "x410"`)
	c.set("[[peer]]\nname = \"MTA-B\"", `mode = "x410"`)
	a.sink("SOURCE", p1driver.SinkConfig{Book: k.reports, Resume: true})
	c.sink("TANGO", p1driver.SinkConfig{Book: k.beyond, Protocol: p1driver.P1of1988, Resume: true}, `mode = "x410"`)
	for _, hop := range []struct {
		at   *mta
		prmd string
		to   *mta
	}{{a, "TANGO", b}, {b, "TANGO", c}, {b, "SOURCE", a}, {c, "SOURCE", b}} {
		hop.at.configure(fmt.Sprintf("\n[[route]]\nmatch = \"/PRMD=%s/ADMD=TEST/C=GB/\"\npeers = [%q]\n", hop.prmd, hop.to.name))
	}
	// B gives what goes beyond C a label: by a message of its own, which both recipients share.
	spif, err := filepath.Abs("../../examples/spif/alliance.xml")
	if err != nil {
		t.Fatal(err)
	}
	b.configure(fmt.Sprintf(`
[[channel]]
name = "secure"
kind = "secure"

[security]
policies = [%q]
default-label = "policy=ALLIANCE; class=UNCLASSIFIED"

[[step]]
name = "label"
channel = "secure"
to-policy = "ALLIANCE"

[[ruleset]]
name = "border"
rules = '''
beyond: if to = "/PRMD=TANGO/ADMD=TEST/C=GB/" then allow, require "label"
rest:   then allow
'''
`, spif))
	manners := []p1driver.Manner{
		{Checkpoint: 64, Window: 3},
		{Old: true, Checkpoint: 1, Window: 1, Resume: true},
		{Old: true, Monologue: true},
		{Checkpoint: 2, Window: 2, Monologue: true, Resume: true, Recover: true},
	}
	k.source = p1driver.NewSource(p1driver.SourceConfig{Address: a.address, TSEL: a.name,
		Own: p1driver.Bind{MTA: "SOURCE", Password: "secret of SOURCE"}, PeerPassword: "secret of " + a.name,
		Associations: chaosWorkers, Interval: chaosInterval, Book: k.reports,
		Manner: func(i int) p1driver.Manner { return manners[i%len(manners)] }})
	return k
}

// message makes the next message: for users of C, for somebody behind the sink, for
// both, and for somebody who does not exist.
func (k *chaos) message() *p1driver.Message {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.made++
	m := &p1driver.Message{Local: fmt.Sprintf("CHAOS.%d", k.made), Originator: chaosFrom, Priority: p1driver.Priority(k.made % 3)}
	to := func(n p1driver.Name, r p1driver.Request) {
		m.Recipients = append(m.Recipients, p1driver.Recipient{Name: n, Request: r})
	}
	// A report on a delivery behind the sink would be the sink's to make, and it
	// makes none: one that comes all the same says that somebody gave up.
	switch k.made % 4 {
	case 0:
		to(locals[0], p1driver.Delivery)
		to(remotes[0], p1driver.NonDelivery)
	case 1:
		to(locals[0], p1driver.Delivery)
		to(locals[1], p1driver.Delivery)
		if k.made%8 == 1 {
			to(ghost, p1driver.NonDelivery)
		}
	case 2:
		to(remotes[1], p1driver.NonDelivery)
		to(remotes[0], p1driver.NonDelivery)
	case 3:
		to(locals[1], p1driver.Delivery)
	}
	size := k.made * k.made * 131 % 6000
	if k.made%25 == 0 {
		size = 150_000
	}
	m.Content = p1driver.Text(chaosFrom, m.Recipients[0].Name, m.Local+" ", size)
	return m
}

// first lets n messages be made.
func (k *chaos) first(n int) func() bool {
	return func() bool {
		n--
		return n >= 0
	}
}

// send lets the source transfer messages as long as there are to be more and meanwhile,
// again and again, something else happen.
func (k *chaos) send(more func() bool, meanwhile func()) {
	k.t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Duration(*chaosMessages)*chaosInterval/chaosWorkers+time.Duration(*chaosKills)*10*time.Second+2*patience)
	defer cancel()
	var mu sync.Mutex
	done := make(chan error, 1)
	go func() {
		done <- k.source.Run(ctx, func() (*p1driver.Message, bool) {
			mu.Lock()
			defer mu.Unlock()
			if !more() {
				return nil, false
			}
			return k.message(), true
		})
	}()
	for {
		select {
		case err := <-done:
			// How the last association ends is not what this is about.
			if err != nil && ctx.Err() != nil {
				k.t.Fatalf("the source: %v; %v", err, k.source.Failures())
			}
			return
		default:
		}
		if meanwhile != nil {
			meanwhile()
		} else {
			time.Sleep(10 * time.Millisecond)
		}
	}
}

// kill kills something of one of the switches, and sees to it that it comes back.
func (k *chaos) kill() {
	k.t.Helper()
	time.Sleep(time.Duration(k.random.IntN(400)) * time.Millisecond)
	m := k.network.switches[k.random.IntN(3)]
	old := m.processes()
	channels := old[:len(old)-1]
	begun, what := time.Now(), ""
	defer func() {
		if what != "" {
			k.count(m, begun, what)
		}
	}()
	switch k.random.IntN(7) {
	case 0, 1:
		// Its channel processes have not noticed when the successor begins.
		what = "mtarun alone"
		m.signal(syscall.SIGKILL)
		m.wait()
	case 2, 3:
		if len(channels) == 0 {
			return
		}
		what = "a channel process"
		pid := channels[k.random.IntN(len(channels))]
		k.end(pid)
		k.network.until("the channel process is gone", func() bool { return !slices.Contains(m.processes(), pid) })
		return
	case 4:
		k.killSubmission()
		return
	default:
		what = "the whole switch"
		k.endAll(m, channels)
		time.Sleep(time.Duration(k.random.IntN(200)) * time.Millisecond)
	}
	k.restart(m)
	if strangers := k.strangers(m); len(strangers) > 0 {
		k.t.Errorf("%s serves its queue while %v, of its predecessor, hold the lock", m.name, strangers)
	}
}

// drain waits until every switch is empty, and stays so.
func (k *chaos) drain() {
	k.t.Helper()
	queued := func() (n int) {
		for _, m := range k.network.switches {
			n += m.queued()
		}
		return n
	}
	for quiet := 0; quiet < 5; quiet++ {
		for left := queued(); left > 0; quiet = 0 {
			// As long as it becomes less it may take its time.
			now := left
			k.network.until(fmt.Sprintf("less than %d are left", left), func() bool { now = queued(); return now < left })
			left = now
		}
		time.Sleep(20 * time.Millisecond)
	}
}

// place is one recipient of one message.
type place struct {
	mtsID  string
	number int
}

func (p place) String() string { return p.mtsID + " recipient " + strconv.Itoa(p.number) }

// acknowledged are the source's messages: each of them was, or Run had not ended.
func (k *chaos) acknowledged() []*p1driver.Message {
	var all []*p1driver.Message
	for _, e := range k.source.Entries() {
		if !e.Acknowledged() {
			k.t.Errorf("%s is not acknowledged", e.Message.MTSID())
		}
		all = append(all, e.Message)
	}
	return all
}

// deliveries are the digests of what arrived, one for each time it did, and the spool
// identifiers of the copies that C has delivered, by MTS identifier.
func (k *chaos) deliveries() (arrived map[place][][sha256.Size]byte, copies map[string]map[string]bool) {
	k.t.Helper()
	arrived, copies = map[place][][sha256.Size]byte{}, map[string]map[string]bool{}
	for _, name := range []string{"carol", "cid"} {
		for _, d := range k.c.mailbox(name) {
			content, err := os.ReadFile(k.c.content(name, d))
			if err != nil {
				k.t.Fatal(err)
			}
			p := place{d.MTSID, d.N}
			arrived[p] = append(arrived[p], sha256.Sum256(content))
			add(copies, d.MTSID, d.ID)
			if s := k.submitted[sha256.Sum256(content)]; s != nil {
				s.arrived = append(s.arrived, d.MTSID)
				delete(arrived, p)
			}
		}
	}
	for _, a := range k.beyond.Arrivals() {
		if a.Report != nil {
			k.t.Errorf("the report %s is sent on behind C", a.MTSID)
		}
		for _, n := range a.Numbers {
			p := place{a.MTSID, n}
			arrived[p] = append(arrived[p], a.Digest)
		}
	}
	return arrived, copies
}

func add(m map[string]map[string]bool, key, value string) {
	if m[key] == nil {
		m[key] = map[string]bool{}
	}
	m[key][value] = true
}

// checkDeliveries asks for every acknowledged message in every place, unchanged.
func (k *chaos) checkDeliveries() {
	k.t.Helper()
	arrived, _ := k.deliveries()
	messages := k.acknowledged()
	if len(messages) != k.made {
		k.t.Errorf("%d messages, not %d", len(messages), k.made)
	}
	lost, places := 0, 0
	for _, m := range messages {
		want := sha256.Sum256(m.Content)
		for i, r := range m.Recipients {
			p := place{m.MTSID(), i + 1}
			got := arrived[p]
			delete(arrived, p)
			if r.Name == ghost {
				if len(got) > 0 {
					k.t.Errorf("%v does not exist and has got it", p)
				}
				continue
			}
			if places++; len(got) == 0 {
				lost++
				k.t.Errorf("LOST: %v", p)
			}
			for _, digest := range got {
				if digest != want {
					k.t.Errorf("%v has got another content", p)
				}
			}
		}
	}
	for p := range arrived {
		k.t.Errorf("%v was never sent", p)
	}
	k.t.Logf("acknowledged to the source, and looked for in every place by SHA-256: %d messages for %d recipients; lost: %d", len(messages), places, lost)
	k.checkSubmissions()
}

// checkReports asks for exactly one report, however often it came, on every recipient
// that is owed one.
func (k *chaos) checkReports() {
	k.t.Helper()
	identifiers := map[place]map[string]bool{}
	told := map[place]p1driver.Reported{}
	came := 0
	for _, a := range k.reports.Arrivals() {
		if a.Report == nil {
			k.t.Errorf("the message %s comes back", a.MTSID)
			continue
		}
		came++
		for _, r := range a.Report.Recipients {
			p := place{a.Report.Subject, r.Number}
			if identifiers[p] == nil {
				identifiers[p] = map[string]bool{}
			}
			identifiers[p][a.Report.MTSID] = true
			told[p] = r
		}
	}
	owed, distinct := 0, map[string]bool{}
	for _, m := range k.acknowledged() {
		for i, r := range m.Recipients {
			p := place{m.MTSID(), i + 1}
			got := slices.Sorted(maps.Keys(identifiers[p]))
			for _, id := range got {
				distinct[id] = true
			}
			want := 1
			if r.Request == p1driver.NonDelivery && r.Name != ghost {
				want = 0
			}
			owed += want
			if len(got) != want {
				k.t.Errorf("%v: %d reports: %v", p, len(got), got)
			}
			if want == 1 && len(got) > 0 && told[p].Delivered == (r.Name == ghost) {
				k.t.Errorf("%v: the report says %+v", p, told[p])
			}
			delete(identifiers, p)
		}
	}
	for p := range identifiers {
		k.t.Errorf("a report on %v, which was never sent", p)
	}
	k.t.Logf("%d recipients are owed a report; %d reports, which came %d times", owed, len(distinct), came)
}

// extra is how often something arrived after its first time.
func (k *chaos) extra() int {
	n := 0
	arrived, _ := k.deliveries()
	for _, times := range arrived {
		n += len(times) - 1
	}
	reports := map[string]bool{}
	for _, a := range k.reports.Arrivals() {
		if reports[a.MTSID] {
			n++
		}
		reports[a.MTSID] = true
	}
	return n
}
