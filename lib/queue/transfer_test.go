package queue

import (
	"slices"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// A checkpoint is confirmed only after a barrier that covers the partial, and never when
// one has failed.
func TestSecureWaitsForABarrier(t *testing.T) {
	w := newWorld(t)
	w.start()
	defer w.kill()
	var heard []error
	secure := func() spool.ID {
		id := spool.NewID(w.now)
		p, err := w.spool.CreatePartial(id, spool.PartialRecord{Time: w.now, Kind: spool.PartialActivity})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = p.Close() })
		w.keeper.Secure(id, func(err error) { heard = append(heard, err) })
		return id
	}
	id := secure()
	if len(heard) > 0 || !w.keeper.Waiting() {
		t.Fatalf("heard %v before the barrier", heard)
	}
	if got := w.keeper.batch.Partials; !slices.Equal(got, []spool.ID{id}) {
		t.Errorf("the barrier is for %v", got)
	}
	run, settle := w.keeper.Begin()
	secure() // after this barrier has begun
	settle(run())
	if len(heard) != 1 || heard[0] != nil {
		t.Fatalf("heard %v after a barrier that covers the first", heard)
	}
	w.keeper.Secure("../lock", func(err error) {
		if diag.KindOf(err) != diag.Protocol {
			t.Errorf("no identifier: %v", err)
		}
	})
	_, settle = w.keeper.Begin()
	settle(diag.New("syncfs", diag.IO, "input/output error"))
	secure()
	if len(heard) != 3 || diag.KindOf(heard[1]) != diag.IO || diag.KindOf(heard[2]) != diag.IO {
		t.Fatalf("heard %v after a failed barrier", heard)
	}
}

// The log of a message remembers how far a transfer got; nothing is written for a message
// that is not in the queue.
func TestTransferIsRemembered(t *testing.T) {
	w := newWorld(t)
	w.start()
	defer w.kill()
	ref := spool.Ref{ID: spool.NewID(w.now), Priority: spool.Normal}
	record := spool.Record{Recipients: []int{1}, Peer: "MTA-B", Transfer: &spool.Transfer{Activity: []byte{2, 1, 1}, Serial: 7, Octets: 7000}}
	w.keeper.Transfer(w.now, ref, record)
	if records, _, err := w.spool.ReadLog(ref); err != nil || len(records) > 0 {
		t.Errorf("%+v, %v", records, err)
	}
	f, err := w.spool.CreateInPlace(ref)
	if err != nil {
		t.Fatal(err)
	}
	env := &spool.Envelope{Kind: spool.KindMessage, Priority: spool.Normal, Originator: ann, Accepted: w.now,
		Recipients: []spool.Recipient{{N: 1, Address: ann, Hops: []spool.Hop{{Channel: "p1", Peer: "MTA-B"}}}}}
	if err := f.Finish(env); err != nil {
		t.Fatal(err)
	}
	w.keeper.Commit(w.now, env, func(error) {})
	run, settle := w.keeper.Begin()
	settle(run())
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if !w.keeper.Fresh(ref.ID) {
		t.Error("a message nobody has written a log for is said to have one")
	}
	w.keeper.Transfer(w.now, ref, record)
	if w.keeper.Fresh(ref.ID) {
		t.Error("who sends it would not look how far it got")
	}
	w.keeper.Transfer(w.now, spool.Ref{ID: ref.ID}, record) // which no log could take, and which others would wait behind
	if len(w.keeper.unlogged) > 0 {
		t.Error("a record without a log is waited for")
	}
	records, torn, err := w.spool.ReadLog(ref)
	if err != nil || torn > 0 || len(records) != 1 {
		t.Fatalf("%+v, %d torn, %v", records, torn, err)
	}
	w.kill()
	w.start()
	if w.keeper.Fresh(ref.ID) {
		t.Error("the next instance knows of no log")
	}
	if r := records[0]; r.Kind != spool.RecordTransfer || r.Peer != "MTA-B" || r.Transfer == nil || r.Transfer.Serial != 7 {
		t.Errorf("%+v", r)
	}
}
