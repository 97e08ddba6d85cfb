package spool

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/durable/twin"
)

// These tests run a small switch on the twin of a disk, cut the power everywhere, start
// again from what is left, and compare with what the switch had promised:
//
//   - a recipient of an accepted message has it, or somebody still owes it;
//   - nobody but one owes it;
//   - nobody owes it once the record of its delivery was under a barrier.

// truth is what has happened in the world, which no cut takes back. Moments are
// numbers of operations of the disk.
type truth struct {
	written   map[ID]*written
	delivered []*delivery
}

// written is a message or child that was finished at some time.
type written struct {
	content  string
	root     ID // the message it descends from; itself for one that does not
	accepted int
	// condemned is when it was begun to be moved to bad/, the second for good; zero: never.
	condemned, gone int
}

// delivery is an outcome in the world: recipient n of root has the message.
type delivery struct {
	root       ID
	n          int
	at, sealed int
}

const never = 1 << 60

// at tells apart what was promised before a cut at k.
func (tr *truth) at(k int) string {
	var b strings.Builder
	for _, id := range slices.Sorted(maps.Keys(tr.written)) {
		w := tr.written[id]
		fmt.Fprintf(&b, "%s %v %v %v ", id, happened(w.accepted, k), happened(w.condemned, k), happened(w.gone, k))
	}
	for _, d := range tr.delivered {
		fmt.Fprintf(&b, "%v %v ", happened(d.at, k), happened(d.sealed, k))
	}
	return b.String()
}

// happened says whether the moment came before the cut at k.
func happened(at, k int) bool { return at <= k }

// agent is the switch: what mtarun and its channels do with a spool.
type agent struct {
	tb    twin.Fataler
	disk  *twin.Disk
	mode  BarrierMode
	truth *truth
	clock time.Time

	s        *Spool
	lock     *Lock
	held     map[ID]*entry
	order    []*entry // of held, as they came
	waiting  []*Writer
	open     []*Writer // begun, not finished
	writers  []*Writer // all there were
	brief    bool      // a parent that waits for one child leaves instead of naming it
	unlinked []Ref
}

// entry is what the agent remembers of a message in the queue.
type entry struct {
	ref   Ref
	env   *Envelope
	final map[int]bool // delivered, or moved to a child that is named
	owed  int          // children not yet eligible
	stage stage
}

type stage byte

const (
	told     stage = iota // a child waiting for its barrier
	named                 // a child whose record waits for its barrier
	eligible              // to be worked on
)

func newAgent(tb twin.Fataler, dir string, mode BarrierMode) *agent {
	if err := Init(dir); err != nil {
		tb.Fatal(err)
	}
	// The holder makes it so, durably, before it does anything else.
	if err := os.WriteFile(dir+"/lock", []byte(wordOpen), 0o600); err != nil {
		tb.Fatal(err)
	}
	a := &agent{tb: tb, disk: twin.New(tb, dir), mode: mode, clock: time.Unix(1e9, 0).UTC(),
		truth: &truth{written: make(map[ID]*written)}}
	a.start()
	return a
}

func (a *agent) must(err error) {
	if err != nil {
		a.tb.Fatalf("%+v", err)
	}
}

func (a *agent) now() int { return a.disk.Len() }

// start opens the spool and loads it, as after the death of a predecessor.
func (a *agent) start() {
	a.s, a.lock = openOn(a.tb, a.disk.Root(), a.mode, a.disk)
	a.held, a.order, a.waiting, a.open, a.writers, a.unlinked = make(map[ID]*entry), nil, nil, nil, nil, nil
	a.must(a.s.Load(func(i Item) error {
		if i.Damaged != nil {
			a.tb.Fatalf("damaged without a cut: %v", i.Damaged)
		}
		if !i.Removed {
			a.remember(&i)
		}
		return nil
	}))
	a.seal()
}

// remember takes over a message with what its log says.
func (a *agent) remember(i *Item) {
	e := a.hold(i.Ref, i.Envelope, eligible)
	for _, r := range i.Log {
		for _, n := range r.Recipients {
			e.final[n] = true
		}
	}
}

func openOn(tb twin.Fataler, dir string, mode BarrierMode, d durable.Disk) (*Spool, *Lock) {
	s, err := Open(dir)
	if err != nil {
		tb.Fatal(err)
	}
	s.disk = d
	if err := s.SetBarrier(mode); err != nil {
		tb.Fatal(err)
	}
	l, err := s.Lock()
	if err != nil {
		tb.Fatal(err)
	}
	return s, l
}

// die ends the agent as a signal would: the kernel closes what was open.
func (a *agent) die() {
	for _, w := range a.writers {
		w.f.Close()
	}
	a.lock.f.Close()
	a.s.Close()
}

// kill ends the agent and starts another.
func (a *agent) kill() {
	a.die()
	a.start()
}

func (a *agent) hold(ref Ref, env *Envelope, st stage) *entry {
	e := &entry{ref: ref, env: env, final: make(map[int]bool), stage: st}
	if a.held[ref.ID] == nil {
		a.order = append(a.order, e)
	}
	a.held[ref.ID] = e
	return e
}

func (a *agent) id() ID {
	a.clock = a.clock.Add(time.Microsecond)
	return NewID(a.clock)
}

func (a *agent) envelope(recipients int) *Envelope {
	env := &Envelope{Kind: KindMessage, Priority: Normal, Originator: "/S=O/", Accepted: a.clock}
	for n := range recipients {
		env.Recipients = append(env.Recipients, Recipient{N: n + 1, Address: fmt.Sprintf("/S=R%d/", n+1)})
	}
	return env
}

// begin starts a message in place and writes some of its content.
func (a *agent) begin(p Priority) {
	w, err := a.s.CreateInPlace(Ref{ID: a.id(), Priority: p})
	a.must(err)
	a.writers = append(a.writers, w)
	_, err = w.Write([]byte("content of " + w.ID()))
	a.must(err)
	w.flush()
	a.open = append(a.open, w)
}

// finish completes the oldest message begun; its sender waits.
func (a *agent) finish(recipients int) {
	if len(a.open) == 0 {
		return
	}
	w := a.open[0]
	a.open = a.open[1:]
	a.complete(w, a.envelope(recipients), w.ID())
}

func (a *agent) complete(w *Writer, env *Envelope, root ID) {
	a.must(w.Finish(env))
	a.truth.written[w.ID()] = &written{content: "content of " + string(w.ID()), root: root, accepted: never}
	a.waiting = append(a.waiting, w)
	a.hold(w.Ref(), env, told)
}

// barrier runs a barrier and everything that waits for one.
func (a *agent) barrier() {
	var batch Batch
	for _, w := range a.waiting {
		batch.Refs = append(batch.Refs, w.Ref())
	}
	waiting, unlinked := a.waiting, a.unlinked
	a.waiting, a.unlinked = nil, nil
	a.must(a.s.Barrier(&batch))
	a.seal()
	for _, e := range a.order {
		if e.stage == named {
			e.stage = eligible
			if parent := a.held[e.env.Parent]; parent != nil {
				parent.owed--
			}
		}
	}
	for _, w := range waiting {
		a.must(w.Close())
		e := a.held[w.ID()]
		if parent := a.held[e.env.Parent]; parent != nil {
			e.stage = named
			if a.brief && parent.owed == 1 && parent.stage == eligible && a.next(parent) == 0 {
				a.leave(parent)
			} else {
				a.must(a.s.Append(parent.ref, ChildRecord(e.env, a.clock)))
			}
			continue
		}
		e.stage = eligible
		a.truth.written[w.ID()].accepted = a.now()
	}
	for _, ref := range unlinked {
		a.must(a.s.RemoveLog(ref))
	}
	a.order = slices.DeleteFunc(a.order, func(e *entry) bool { return a.held[e.env.ID] == nil })
}

// seal notes that the records written so far are durable.
func (a *agent) seal() {
	for _, d := range a.truth.delivered {
		if d.sealed == never {
			d.sealed = a.now()
		}
	}
}

// submit commits a message without the holder's help.
func (a *agent) submit(recipients int) {
	w, err := a.s.CreateNew(a.id())
	a.must(err)
	a.writers = append(a.writers, w)
	_, err = w.Write([]byte("content of " + w.ID()))
	a.must(err)
	env := a.envelope(recipients)
	env.Priority = Urgent
	a.must(w.Finish(env))
	a.truth.written[w.ID()] = &written{content: "content of " + string(w.ID()), root: w.ID(), accepted: never}
	a.must(w.Commit())
	a.truth.written[w.ID()].accepted = a.now()
}

// adopt takes in what lies in new/.
func (a *agent) adopt() {
	ids, err := a.s.ScanNew()
	a.must(err)
	for _, id := range ids {
		i, err := a.s.Adopt(id)
		a.must(err)
		a.remember(i)
	}
}

// pick returns the i-th entry that is eligible and owes somebody something.
func (a *agent) pick(i int) (*entry, int) {
	var able []*entry
	for _, e := range a.order {
		if e.stage == eligible && a.next(e) > 0 {
			able = append(able, e)
		}
	}
	if len(able) == 0 {
		return nil, 0
	}
	e := able[i%len(able)]
	return e, a.next(e)
}

// next returns a recipient of e that is not final, or 0.
func (a *agent) next(e *entry) int {
	for _, r := range e.env.Recipients {
		if !e.final[r.N] {
			return r.N
		}
	}
	return 0
}

// deliver gives a message to one recipient.
func (a *agent) deliver(i int) {
	e, n := a.pick(i)
	if e == nil {
		return
	}
	a.truth.delivered = append(a.truth.delivered,
		&delivery{root: a.truth.written[e.env.ID].root, n: n, at: a.now(), sealed: never})
	e.final[n] = true
	a.must(a.s.Append(e.ref, Record{Time: a.clock, Kind: RecordOutcome, Recipients: []int{n}, Outcome: "delivered"}))
}

// convert makes a child for all recipients of a message that are not final.
func (a *agent) convert(i int) {
	e, _ := a.pick(i)
	if e == nil {
		return
	}
	w, env := a.child(e)
	for _, n := range env.ParentRecipients {
		e.final[n] = true
	}
	e.owed++
	a.complete(w, env, a.truth.written[e.env.ID].root)
}

// child begins a child for all recipients of a message that are not final.
func (a *agent) child(e *entry) (*Writer, *Envelope) {
	env := a.envelope(0)
	env.Parent, env.Step, env.Priority = e.env.ID, "convert", e.ref.Priority
	for _, r := range e.env.Recipients {
		if !e.final[r.N] {
			env.Recipients = append(env.Recipients, r)
			env.ParentRecipients = append(env.ParentRecipients, r.N)
		}
	}
	w, err := a.s.CreateInPlace(Ref{ID: ChildID(env.Parent, env.Step, env.ParentRecipients), Priority: e.ref.Priority})
	a.must(err)
	a.writers = append(a.writers, w)
	_, err = w.Write([]byte("content of " + w.ID()))
	a.must(err)
	return w, env
}

// condemn puts a message aside, and its log after a barrier.
func (a *agent) condemn(i int) {
	e, _ := a.pick(i)
	if e == nil {
		return
	}
	w := a.truth.written[e.env.ID]
	w.condemned, w.gone = a.now(), never
	a.must(a.s.Condemn(e.ref, errors.New("nobody can be told")))
	delete(a.held, e.env.ID)
	a.order = slices.DeleteFunc(a.order, func(o *entry) bool { return o == e })
	a.barrier()
	w.gone = a.now()
	a.must(a.s.RemoveLog(e.ref))
	a.barrier()
}

// abandon makes a child as convert does, durably, and then lets its recipients go
// another way: the child is gone, durably, before anything is done about them.
func (a *agent) abandon(i int) {
	e, _ := a.pick(i)
	if e == nil {
		return
	}
	w, env := a.child(e)
	a.must(w.Finish(env))
	a.truth.written[w.ID()] = &written{content: "content of " + string(w.ID()), root: a.truth.written[e.env.ID].root, accepted: never}
	a.must(a.s.Barrier(&Batch{Refs: []Ref{w.Ref()}}))
	a.seal()
	a.must(w.Close())
	a.must(a.s.Remove(w.Ref()))
	a.must(a.s.Barrier(nil))
	a.seal()
}

// remove unlinks every message with which everything is done.
func (a *agent) remove() { a.removeIf(func(*entry) bool { return true }) }

// removeChildren does so with children only.
func (a *agent) removeChildren() { a.removeIf(func(e *entry) bool { return e.env.Parent != "" }) }

func (a *agent) removeIf(may func(*entry) bool) {
	a.order = slices.DeleteFunc(a.order, func(e *entry) bool {
		if e.stage != eligible || e.owed > 0 || a.next(e) > 0 || !may(e) {
			return false
		}
		a.leave(e)
		return true
	})
}

// leave unlinks a message; it is no longer in order then, or about to be.
func (a *agent) leave(e *entry) {
	a.must(a.s.Remove(e.ref))
	a.unlinked = append(a.unlinked, e.ref)
	delete(a.held, e.env.ID)
}

// judge starts on an image that a cut at k has left, with d as its disk, and
// compares what is there with the truth.
func (tr *truth) judge(tb twin.Fataler, dir string, mode BarrierMode, d durable.Disk, k int) {
	s, l := openOn(tb, dir, mode, d)
	defer s.Close()
	defer l.f.Close()
	owing := make(map[delivery]int)
	see := func(env *Envelope, log []Record, ref Ref) {
		w := tr.written[env.ID]
		m, err := s.OpenMessage(ref)
		if err != nil {
			tb.Fatalf("%s loaded and not there: %v", ref, err)
		}
		defer m.Close()
		b, err := io.ReadAll(m.Content())
		if w == nil || err != nil || string(b) != w.content {
			tb.Fatalf("%s has content %q, %v", ref, b, err)
		}
		final := make(map[int]bool)
		for _, r := range log {
			for _, n := range r.Recipients {
				final[n] = true
			}
		}
		for _, r := range env.Recipients {
			if !final[r.N] {
				owing[delivery{root: w.root, n: r.N}]++
			}
		}
	}
	err := s.Load(func(i Item) error {
		if i.Damaged == nil && !i.Removed {
			see(i.Envelope, i.Log, i.Ref)
		} else if w := tr.written[i.Ref.ID]; w != nil && happened(w.accepted, k) {
			tb.Fatalf("accepted and damaged, or removed: %+v", i)
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	fresh, err := s.ScanNew()
	if err != nil {
		tb.Fatal(err)
	}
	for _, id := range fresh {
		i, err := s.Adopt(id)
		if err != nil {
			tb.Fatal(err)
		}
		see(i.Envelope, i.Log, i.Ref)
	}
	has, sealed := make(map[delivery]bool), make(map[delivery]bool)
	for _, d := range tr.delivered {
		key := delivery{root: d.root, n: d.n}
		has[key] = has[key] || happened(d.at, k)
		sealed[key] = sealed[key] || happened(d.sealed, k)
	}
	for id, w := range tr.written {
		if !happened(w.accepted, k) {
			continue
		}
		if w.gone != 0 && happened(w.condemned, k) {
			// It is where a person finds it, or in the queue, with its memory.
			if path := s.InBad(string(id)); path == "" && owing[delivery{root: id, n: 2}] == 0 || path == "" && happened(w.gone, k) {
				tb.Fatalf("condemned, and not in bad/: %s", id)
			}
			continue
		}
		for n := 1; n <= 2; n++ {
			if key := (delivery{root: id, n: n}); owing[key] == 0 && !has[key] {
				tb.Fatalf("lost: recipient %d of %s", n, id)
			}
		}
	}
	for key, count := range owing {
		if count > 1 {
			tb.Fatalf("%d owe recipient %d of %s", count, key.n, key.root)
		}
		if sealed[key] {
			tb.Fatalf("recipient %d of %s has it, durably, and is owed it", key.n, key.root)
		}
	}
	s.Check(CheckOptions{ReadData: true}, func(f Finding) {
		if f.Kind != FoundBad && f.Kind != FoundTorn {
			tb.Fatalf("after a start: %+v", f)
		}
	})
}
