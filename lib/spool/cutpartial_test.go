package spool

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/durable/twin"
)

// received is what a peer was told of the transfer of one object. Moments are numbers of
// operations of the disk.
type received struct {
	partial, message   ID
	confirmed, retired int // the checkpoint; when its octets may go
	accepted, removed  int
}

const (
	securedOctets = "what was secured "
	laterOctets   = "what came later"
)

// receive lives through a transfer that is secured, interrupted and resumed, becomes a
// message, is accepted, and leaves.
func receive(t *testing.T, d *twin.Disk, mode BarrierMode) *received {
	r := &received{partial: NewID(time.Unix(1, 0)), message: NewID(time.Unix(2, 0)), confirmed: never, retired: never, accepted: never, removed: never}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	s, l := openOn(t, d.Root(), mode, d)
	defer s.Close()
	defer l.f.Close()
	activity := PartialRecord{Kind: PartialActivity, Peer: "MTA-B", Activity: []byte{2, 1, 1}}
	p, err := s.CreatePartial(r.partial, activity)
	must(err)
	_, err = p.Write([]byte(securedOctets))
	must(err)
	must(p.Append(PartialRecord{Kind: PartialSecured, Serial: 1, Octets: int64(len(securedOctets))}))
	must(s.Barrier(&Batch{Partials: []ID{r.partial}}))
	r.confirmed = d.Len()
	_, err = p.Write([]byte("what nobody confirmed"))
	must(err)
	must(p.Close()) // the association is lost

	activity.Serial, activity.Octets = 1, int64(len(securedOctets))
	p, past, err := s.ResumePartial(r.partial, activity.Octets, activity)
	must(err)
	must(past.Close())
	_, err = p.Write([]byte(laterOctets))
	must(err)
	w, err := s.CreateInPlace(Ref{ID: r.message, Priority: Normal})
	must(err)
	_, err = w.Write([]byte(securedOctets + laterOctets))
	must(err)
	must(w.Finish(&Envelope{Kind: KindMessage, Originator: "/C=GB/", Accepted: time.Unix(2, 0), Recipients: []Recipient{{N: 1, Address: "/C=GB/"}}}))
	must(p.Append(PartialRecord{Kind: PartialMessage, Message: r.message}))
	r.retired = d.Len()
	must(p.Retire())
	must(s.Barrier(&Batch{Refs: []Ref{w.Ref()}}))
	must(w.Close())
	r.accepted = d.Len()
	must(p.Accept(PartialRecord{}))
	must(s.Barrier(&Batch{Partials: []ID{r.partial}}))
	r.removed = d.Len()
	must(s.Remove(w.Ref()))
	must(s.Barrier(nil))
	must(s.RemoveLog(w.Ref()))
	must(s.Barrier(nil))
	must(s.RemovePartial(r.partial))
	return r
}

// judge starts on what a cut at k has left. Nobody hears that an object was accepted whose
// message is not there and was never durable; what is to be resumed from a checkpoint is
// what was secured; and a checkpoint that was confirmed is there while the object is not.
func (r *received) judge(tb twin.Fataler, dir string, mode BarrierMode, k int) {
	s, l := openOn(tb, dir, mode, durable.OS{})
	defer s.Close()
	defer l.f.Close()
	there := false
	err := s.Load(func(i Item) error {
		there = there || i.Ref.ID == r.message && i.Envelope != nil
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	records, err := s.ReadPartial(r.partial)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		tb.Fatal(err)
	}
	octets, err := os.ReadFile(s.partialPath(r.partial))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		tb.Fatal(err)
	}
	accepted := slices.ContainsFunc(records, func(r PartialRecord) bool { return r.Kind == PartialAccepted })
	resumable := slices.ContainsFunc(records, func(p PartialRecord) bool {
		return p.Kind == PartialSecured && bytes.HasPrefix(octets, []byte(securedOctets))
	})
	switch {
	case accepted && !there && !happened(r.removed, k):
		tb.Fatalf("its sender hears that it was accepted, and it is nowhere: %+v", records)
	case happened(r.accepted, k) && !there && !happened(r.removed, k):
		tb.Fatal("accepted and lost")
	case happened(r.confirmed, k) && !happened(r.retired, k) && !resumable && !there:
		tb.Fatalf("the checkpoint was confirmed, and there is %q, %+v", octets, records)
	}
	s.Check(CheckOptions{ReadData: true}, func(f Finding) {
		if f.Kind != FoundBad && f.Kind != FoundTorn {
			tb.Fatalf("after a start: %+v", f)
		}
	})
}

// A transfer is cut everywhere.
func TestCutTransfer(t *testing.T) {
	for _, mode := range []BarrierMode{BarrierSyncfs, BarrierFsync} {
		scratch := twin.Dir(t)
		dir := filepath.Join(scratch, "spool")
		if err := Init(dir); err != nil {
			t.Fatal(err)
		}
		d := twin.New(t, dir)
		d.Subsets = 5
		r := receive(t, d, mode)
		states, image := 0, filepath.Join(scratch, "image")
		for k := range d.Len() + 1 {
			d.StatesOf(k, []string{"all", "none", "zeroed head", "second half"}, func(s *twin.State) {
				states++
				fatal := &where{t, s.String()}
				s.Write(fatal, image)
				r.judge(fatal, image, mode, k)
				os.RemoveAll(image)
			})
		}
		t.Logf("proof\treceive, resume\t%s\t%d operations\t%d cuts\t0 violations", mode, d.Len(), states)
	}
}

// A channel that begins finds what one before it has left, and the holder has run no barrier
// since: what it takes for accepted, and tells the peer, no cut takes away.
func TestCutAfterSettling(t *testing.T) {
	scratch := twin.Dir(t)
	dir := filepath.Join(scratch, "spool")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	d := twin.New(t, dir)
	s, err := OpenOn(d, dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	partial, message := NewID(time.Unix(1, 0)), Ref{ID: NewID(time.Unix(2, 0)), Priority: Normal}
	p, err := s.CreatePartial(partial, PartialRecord{Kind: PartialActivity, Peer: "MTA-B", Activity: []byte{2, 1, 1}})
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.CreateInPlace(message)
	if err != nil {
		t.Fatal(err)
	}
	env := &Envelope{Kind: KindMessage, Originator: "/C=GB/", Accepted: time.Unix(2, 0), Recipients: []Recipient{{N: 1, Address: "/C=GB/"}}}
	if err := errors.Join(w.Finish(env), p.Append(PartialRecord{Kind: PartialMessage, Message: message.ID}), p.Retire(), p.Close()); err != nil {
		t.Fatal(err)
	}
	d.Release() // it dies
	if err := s.ClearPartial(partial); err != nil {
		t.Fatal(err)
	}
	records, err := s.ReadPartial(partial)
	if err != nil || records[len(records)-1].Kind != PartialAccepted {
		t.Fatalf("not accepted: %+v, %v", records, err)
	}
	image := filepath.Join(scratch, "image")
	d.States(d.Len(), func(st *twin.State) {
		st.Write(t, image)
		left, l := openOn(t, image, BarrierSyncfs, durable.OS{})
		found := false
		if err := left.Load(func(i Item) error { found = found || i.Envelope != nil; return nil }); err != nil {
			t.Fatal(err)
		}
		if !found {
			t.Fatalf("%v: the peer was told that it was accepted", st)
		}
		l.f.Close()
		left.Close()
		os.RemoveAll(image)
	})
}
