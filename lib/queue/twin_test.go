package queue

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/durable/twin"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/sched"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// The addresses below are users whose channel answers something else than delivered.
const (
	far  = "/G=Far/S=Away/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/" // transferred
	slow = "/G=Slow/S=Coach/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	odd  = "/G=Odd/S=Fellow/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/" // in doubt at first
)

// stage is a whole switch, its keeper and the channels that a test plays, on a disk that
// may be a twin, and what the world has seen of it.
type stage struct {
	tb   twin.Fataler
	conf *conf.Config
	disk durable.Disk
	twin *twin.Disk // disk, if it is one
	seen *seen

	spool  *spool.Spool
	lock   *spool.Lock
	keeper *Keeper
	now    time.Time
	jobs   []sched.StartJob
	up     int
	told   []waiter       // by channels, and not answered yet
	heard  error          // what the last of them was told
	begun  []durable.File // messages that nobody finishes
	tried  map[string]int // attempts, by recipient
	ailing bool           // its disk fails for good
	said   bytes.Buffer
}

// waiter is a message that a channel has written and waits for.
type waiter struct {
	w   *spool.Writer
	env *spool.Envelope
}

// seen is what has happened in the world, which no cut takes back. Moments are numbers of
// operations of the disk.
type seen struct {
	accepted map[string]int // when, by MTS identifier; never for one that nobody was told about
	content  map[string][sha256.Size]byte
	events   []event
	verbs    map[string]verb
	due      map[string][]string // what must happen in the end to a message, unless an operator speaks
}

// event is that a recipient has got a message, or its originator a report.
type event struct {
	subject    string // MTS identifier
	what       string
	report     string // its identifier
	at, sealed int
}

// verb is what an operator has said of a message.
type verb struct{ at, sealed int }

const never = 1 << 60

func newStage(tb twin.Fataler, dir string, barrier spool.BarrierMode) *stage {
	cfg, err := tableconf.Parse(tableconf.Default("MTA-A", tableconf.Options{}), "mta.toml", dir)
	if err != nil {
		tb.Fatal(err)
	}
	cfg.Spool.Barrier = string(barrier)
	for _, address := range []string{bob, far, slow, odd} {
		cfg.Users = append(cfg.Users, conf.User{Address: address, Channel: "local", Mailbox: filepath.Join(dir, "box")})
	}
	list := conf.NewList()
	list.Address, list.Members, list.Reports = staff, []string{bob, far}, conf.ReportsToNobody
	cfg.Lists = []conf.List{list}
	return &stage{tb: tb, conf: cfg, disk: durable.OS{}, now: time.Now().UTC().Truncate(time.Second), tried: map[string]int{},
		seen: &seen{accepted: map[string]int{}, content: map[string][sha256.Size]byte{}, verbs: map[string]verb{}, due: map[string][]string{}}}
}

// record makes an empty spool and has everything done to it from now on recorded.
func (s *stage) record() {
	if err := spool.Init(s.conf.Spool.Dir); err != nil {
		s.tb.Fatal(err)
	}
	s.twin = twin.New(s.tb, s.conf.Spool.Dir)
	s.twin.Subsets = 4 // lib/spool does more, of less
	s.disk = s.twin
}

func (s *stage) at() int {
	if s.twin == nil {
		return never
	}
	return s.twin.Len()
}

func (s *stage) must(err error) {
	if err != nil {
		s.tb.Fatal(err)
	}
}

// start does what mtarun does.
func (s *stage) start() {
	s.now = s.now.Add(time.Second)
	var err error
	s.spool, err = spool.OpenOn(s.disk, s.conf.Spool.Dir)
	s.must(err)
	s.lock, err = s.spool.Lock()
	s.must(err)
	backlog, err := s.spool.Recover()
	s.must(err)
	s.jobs = nil
	s.keeper, err = NewKeeper(s.spool, s.conf, conf.OpenFile, s.now, slog.New(slog.NewTextHandler(&s.said, nil)), s.do)
	s.must(err)
	for range 3 { // what the disk did not give is asked for again
		s.must(backlog.Load(func(i spool.Item) error {
			s.keeper.Load(s.now, []spool.Item{i}, backlog.Crashed())
			return nil
		}))
		if backlog.Unread() == 0 {
			break
		}
	}
	s.adopt()
}

// adopt takes in what is in new/.
func (s *stage) adopt() {
	for more := true; more; {
		var err error
		if more, err = s.keeper.AdoptNew(s.now); err != nil {
			if errors.Is(err, spool.ErrBarrier) {
				s.must(err)
			}
			return // looked at again at the next octet, or a little later
		}
	}
}

// kill ends it as SIGKILL does.
func (s *stage) kill() {
	if s.twin != nil {
		s.twin.Release()
	}
	s.told, s.begun = nil, nil
	if s.lock != nil {
		_ = s.lock.File().Close()
	}
	if s.spool != nil {
		_ = s.spool.Close()
	}
	s.lock, s.spool = nil, nil
}

// stop ends it in order.
func (s *stage) stop() {
	s.must(errors.Join(s.keeper.Close(), s.lock.Close(), s.spool.Close()))
	s.lock, s.spool = nil, nil
}

func (s *stage) do(a sched.Action) {
	switch a := a.(type) {
	case sched.StartChannel:
		s.up++
		s.jobs = append(s.jobs, sched.StartJob{Channel: a.Channel, Process: s.up}) // a channel to be told up
	case *sched.StartJob:
		s.jobs = append(s.jobs, *a)
	}
}

// barrier runs one and everything that waits for it.
func (s *stage) barrier() {
	var open []int
	if len(s.keeper.unlogged) == 0 && len(s.keeper.later) == 0 {
		for i, e := range s.seen.events {
			if e.sealed == never {
				open = append(open, i)
			}
		}
	}
	run, settle := s.keeper.Begin()
	err := run()
	for n := 0; n < 10 && diag.KindOf(err) == diag.Temporary; n++ { // then somebody ends it
		err = run()
	}
	if err == nil {
		for _, i := range open {
			s.seen.events[i].sealed = s.at()
		}
		for id, v := range s.seen.verbs {
			if v.sealed == never {
				s.seen.verbs[id] = verb{v.at, s.at()}
			}
		}
	}
	settle(err)
	s.must(err)
}

// rest lets everything happen that can, until nothing is left to do.
func (s *stage) rest() {
	for n := 0; n < 2000; n++ {
		if s.ailing && n == 60 {
			return // it tries again and again
		}
		switch {
		case len(s.jobs) > 0:
			s.job()
		case s.keeper.Dirty():
			s.barrier()
		default:
			next := s.keeper.Next()
			if next.IsZero() || next.Sub(s.now) > time.Hour {
				return
			}
			s.now = next
			s.keeper.Step(s.now, sched.Tick{})
		}
	}
	s.tb.Fatal("it does not come to rest")
}

// Create and Commit are those of a channel process: Commit tells of the message, and its
// sender hears yes when that is answered.
func (s *stage) Create(ref spool.Ref) (*spool.Writer, error) { return s.spool.CreateInPlace(ref) }

// Commit tells the keeper of it.
func (s *stage) Commit(_ context.Context, w *spool.Writer, env *spool.Envelope) error {
	t := waiter{w, env}
	s.told = append(s.told, t)
	s.keeper.Commit(s.now, env, func(err error) {
		s.told = slices.DeleteFunc(s.told, func(o waiter) bool { return o.w == w })
		s.heard = err
		if err != nil {
			_ = w.Abort() // its sender hears no
			return
		}
		s.must(w.Close())
		if env.Parent == "" {
			s.seen.accepted[env.MTSID] = s.at()
		}
	})
	return nil
}

// submission is a message of Ann's who wants to hear of everything.
func (s *stage) submission(content []byte, to ...string) *submit.Submission {
	var all []oraddr.Address
	for _, text := range append([]string{ann}, to...) {
		address, err := oraddr.Parse(text)
		s.must(err)
		all = append(all, address)
	}
	m, err := submit.New(all[0], all[1:]...)
	s.must(err)
	if len(content) > 100 {
		m.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitContentReturnRequest)
	}
	m.Ask(mts.ReportAlways)
	return m
}

// accept has a channel take a message in; its sender waits for the next barrier. It
// returns the MTS identifier, "" if the disk did not take it.
func (s *stage) accept(to ...string) string {
	return s.put(s, []byte("by a channel"), s.submission(nil, to...))
}

// begin has a channel begin a message that it never finishes.
func (s *stage) begin() {
	s.now = s.now.Add(time.Millisecond)
	path := filepath.Join(s.conf.Spool.Dir, spool.Ref{ID: spool.NewID(s.now), Priority: spool.Normal}.String())
	if err := s.disk.Mkdir(filepath.Dir(path)); err != nil && !errors.Is(err, fs.ErrExist) {
		return
	}
	f, err := s.disk.Create(path)
	if err != nil {
		return
	}
	s.begun = append(s.begun, f)
	_, _ = f.Write([]byte("the half of a mess")) // or less of it
}

// submit does what mtasubmit does.
func (s *stage) submit(content []byte, edit func(*submit.Submission), to ...string) string {
	sp, err := spool.OpenOn(s.disk, s.conf.Spool.Dir)
	s.must(err)
	defer func() { _ = sp.Close() }()
	m := s.submission(content, to...)
	if edit != nil {
		edit(m)
	}
	id := s.put(submit.Alone{Spool: sp}, content, m)
	if id != "" {
		s.seen.accepted[id] = s.at()
	}
	return id
}

// due are the events that a message has to lead to.
func due(m *submit.Submission, to []spool.Recipient) (all []string) {
	arrive := func(n int, addresses ...string) {
		for _, a := range addresses {
			all = append(all, fmt.Sprintf("arrived at %s, %d", a, n))
		}
	}
	for i, r := range to {
		told := true
		switch {
		case r.Address == staff:
			arrive(1, bob)
			arrive(2, far)
		case r.Address == nobody && len(m.PerRecipientFields[i].Extensions) > 0:
			arrive(r.N, bob)
		case r.Address == nobody:
			told = false
			all = append(all, fmt.Sprintf("report on %d: not delivered", r.N))
		default:
			arrive(r.N, r.Address)
			told = r.Address != far
		}
		if told {
			all = append(all, fmt.Sprintf("report on %d: delivered", r.N))
		}
	}
	return all
}

func (s *stage) put(c submit.Committer, content []byte, m *submit.Submission) string {
	s.now = s.now.Add(time.Millisecond)
	door, err := submit.NewDoor(s.conf, c, func() time.Time { return s.now }, conf.OpenFile)
	s.must(err)
	tx, err := door.Submit(spool.Source{}, *m)
	s.must(err)
	env := tx.Envelope()
	s.seen.accepted[env.MTSID], s.seen.content[env.MTSID] = never, sha256.Sum256(content)
	s.seen.due[env.MTSID] = due(m, env.Recipients)
	if _, err = tx.Write(content); err != nil {
		_ = tx.Abort()
		return ""
	}
	if _, err = tx.Commit(context.Background()); err != nil {
		return ""
	}
	return env.MTSID
}

// job is a channel that does one.
func (s *stage) job() {
	j := s.jobs[0]
	s.jobs = s.jobs[1:]
	if j.Job == 0 {
		s.keeper.Step(s.now, sched.ChannelUp{Channel: j.Channel, Process: j.Process, MaxJobs: 8})
		return
	}
	m, err := s.spool.OpenWhole(j.Ref)
	if err != nil {
		s.answer(j, j.Recipients, sched.Outcome{Kind: sched.Deferred, Text: err.Error()})
		return
	}
	defer func() { _ = m.Close() }()
	if j.Channel == "expand" {
		for _, n := range j.Recipients {
			s.derive(j, m, n)
		}
		return
	}
	for _, n := range j.Recipients {
		s.answer(j, []int{n}, s.deliver(m, n))
	}
}

func (s *stage) answer(j sched.StartJob, n []int, o sched.Outcome) {
	var results []sched.Result
	for _, n := range n {
		results = append(results, sched.Result{N: n, Outcome: o})
	}
	s.keeper.Step(s.now, sched.JobOutcome{Job: j.Job, Generation: j.Generation, Results: results})
}

// deliver is what the channel does for one recipient.
func (s *stage) deliver(m *spool.Message, n int) sched.Outcome {
	env := m.Envelope
	r := recipientOf(env, n)
	key := env.MTSID + r.Address
	s.tried[key]++
	first := s.tried[key] == 1
	switch {
	case r.Address == slow && first:
		return sched.Outcome{Kind: sched.Deferred, Text: "not now"}
	case r.Address == odd && first:
		s.keeper.Transfer(s.now, m.Ref, spool.Record{Recipients: []int{n}, Channel: "local", Peer: "it",
			Transfer: &spool.Transfer{Activity: []byte{2, 1, 1}, Serial: 1, Octets: 5, Digest: strings.Repeat("0", 64)}})
		return sched.Outcome{Kind: sched.InDoubt, Text: "no answer"}
	}
	content, err := io.ReadAll(m.Content())
	if err != nil {
		return sched.Outcome{Kind: sched.Deferred, Text: err.Error()}
	}
	if env.Kind == spool.KindReport {
		s.hear(env)
	} else {
		if sha256.Sum256(content) != s.seen.content[env.MTSID] {
			s.tb.Fatalf("%s arrives with another content", env.MTSID)
		}
		s.seen.events = append(s.seen.events, event{subject: env.MTSID, what: fmt.Sprintf("arrived at %s, %d", r.Address, n), at: s.at(), sealed: never})
	}
	if r.Address == far {
		return sched.Outcome{Kind: sched.Transferred}
	}
	return sched.Outcome{Kind: sched.Delivered, Time: s.now}
}

// hear takes a report.
func (s *stage) hear(env *spool.Envelope) {
	r, err := p1.DecodeReport(env.Wire, p1.Limits{})
	s.must(err)
	for _, f := range r.Content.PerRecipientFields {
		what := "delivered"
		if f.LastTraceInformation.ReportType.NonDelivery != nil {
			what = "not delivered"
		}
		s.seen.events = append(s.seen.events, event{subject: r.Content.SubjectIdentifier.String(),
			what:   fmt.Sprintf("report on %d: %s", f.OriginallySpecifiedRecipientNumber, what),
			report: r.Envelope.ReportIdentifier.String(), at: s.at(), sealed: never})
	}
}

// child writes a child of a list, or of a recipient that is redirected.
func (s *stage) child(c submit.Committer, j sched.StartJob, parent *spool.Message, n int) (*spool.Envelope, error) {
	door, err := submit.NewDoor(s.conf, c, func() time.Time { return s.now }, conf.OpenFile)
	s.must(err)
	action := p1.Action{Domain: mts.NewGlobalDomainIdentifier(s.conf.Identity.Domain), MTA: "MTA-A", Arrived: s.now, Now: s.now}
	original, err := p1.ReadOriginal(parent.Envelope.Wire, p1.Limits{})
	s.must(err)
	child := submit.Child{Parent: j.Ref.ID, Step: submit.StepExpand, Recipients: []int{n}, Priority: parent.Envelope.Priority}
	raw, err := original.Expand(n-1, p1.Expansion{List: s.name(staff), Members: []oraddr.ORName{s.name(bob), s.name(far)}}, action)
	if recipientOf(parent.Envelope, n).Address != staff {
		child.Step = submit.StepRedirect
		raw, err = original.Redirect(n-1, s.name(bob), mts.OriginatorRequestedAlternateRecipient, action)
	}
	s.must(err)
	tx, err := door.Derive(spool.Source{Channel: j.Channel}, child, raw)
	s.must(err)
	if err = tx.CopyContent(parent); err == nil {
		_, err = tx.Commit(context.Background())
	} else if !errors.Is(err, fs.ErrExist) {
		err = errors.Join(err, tx.Abort())
	}
	return tx.Envelope(), err
}

// derive makes a child, or finds the one that was made before, and has the parent name it.
func (s *stage) derive(j sched.StartJob, parent *spool.Message, n int) {
	if parent.Envelope.Kind == spool.KindReport { // on what the list has sent to its members
		s.answer(j, []int{n}, sched.Outcome{Kind: sched.Moved})
		return
	}
	refused := func(err error) {
		s.answer(j, []int{n}, sched.Outcome{Kind: sched.Deferred, Text: err.Error()})
	}
	kind := sched.Redirected
	if recipientOf(parent.Envelope, n).Address == staff {
		kind = sched.Expanded
	}
	before := len(s.told)
	env, err := s.child(s, j, parent, n)
	switch {
	case err == nil && len(s.told) > before:
		s.barrier()
	case err == nil && s.heard == nil: // it was told yes at once
	case errors.Is(err, fs.ErrExist):
		ref := spool.Ref{ID: env.ID, Priority: env.Priority}
		m, err := s.spool.OpenMessage(ref)
		if errors.Is(err, spool.ErrIncomplete) {
			err = errors.Join(err, s.spool.Discard(ref))
		}
		if err != nil {
			refused(err)
			return
		}
		env = m.Envelope
		_ = m.Close() // it was only read
		var heard error
		s.keeper.Commit(s.now, env, func(err error) { heard = err })
		s.barrier()
		if heard != nil {
			refused(heard)
			return
		}
	default:
		refused(fmt.Errorf("no child: %v", err))
		return
	}
	s.answer(j, []int{n}, sched.Outcome{Kind: kind, Child: env.ID})
}

func recipientOf(env *spool.Envelope, n int) spool.Recipient {
	return env.Recipients[slices.IndexFunc(env.Recipients, func(r spool.Recipient) bool { return r.N == n })]
}

func (s *stage) name(text string) oraddr.ORName {
	a, err := oraddr.Parse(text)
	s.must(err)
	n, err := a.ORName()
	s.must(err)
	return n
}
