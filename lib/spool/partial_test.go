package spool

import (
	"bytes"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

func activityRecord(serial, octets int64) PartialRecord {
	return PartialRecord{Time: time.Unix(1, 0).UTC(), Kind: PartialActivity, Channel: "p1", Peer: "MTA-B",
		Calling: []byte{4, 1, 'B'}, Common: []byte{0x17, 0}, Activity: []byte{2, 1, 1}, Serial: serial, Octets: octets}
}

func openSpool(t *testing.T) *Spool {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	return s
}

// Octets secured up to a checkpoint can be had again, by one at a time, and what came
// behind the checkpoint is gone then.
func TestPartial(t *testing.T) {
	s := openSpool(t)
	id := NewID(time.Unix(1, 0))
	p, err := s.CreatePartial(id, activityRecord(0, 0))
	if err != nil {
		t.Fatal(err)
	}
	secured := PartialRecord{Kind: PartialSecured, Serial: 1, Octets: 4, Digest: "x"}
	if _, err := p.Write([]byte("abcdef")); err != nil {
		t.Fatal(err)
	}
	if err := p.Append(secured); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ResumePartial(id, 4, activityRecord(1, 4)); diag.KindOf(err) != diag.Unavailable {
		t.Errorf("resumed while it was open: %v", err)
	}
	if err := s.RemovePartial(id); diag.KindOf(err) != diag.Unavailable {
		t.Errorf("removed while it was open: %v", err)
	}
	if err := p.Close(); err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.ResumePartial(id, 7, activityRecord(1, 7)); diag.KindOf(err) != diag.Data {
		t.Errorf("resumed behind its end: %v", err)
	}
	p, past, err := s.ResumePartial(id, 4, activityRecord(1, 4))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := p.Write([]byte("gh")); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(past)
	if err = errors.Join(err, past.Close()); err != nil || string(got) != "abcdgh" {
		t.Errorf("%q, %v", got, err)
	}
	records, err := s.ReadPartial(id)
	if err != nil || len(records) != 3 || records[1].Octets != 4 || records[2].Serial != 1 || !bytes.Equal(records[0].Calling, []byte{4, 1, 'B'}) {
		t.Errorf("%+v, %v", records, err)
	}
	if err := p.Remove(); err != nil {
		t.Error(err)
	}
	if all, err := s.Partials(); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// What nothing can be resumed from is found by a check, and goes at the next start.
func TestPartialLeft(t *testing.T) {
	s := openSpool(t)
	keep, useless, octets := NewID(time.Unix(1, 0)), NewID(time.Unix(2, 0)), NewID(time.Unix(3, 0))
	for _, id := range []ID{keep, useless} {
		p, err := s.CreatePartial(id, activityRecord(0, 0))
		if err != nil {
			t.Fatal(err)
		}
		if id == keep {
			_, err = p.Write([]byte("abc"))
			err = errors.Join(err, p.Append(PartialRecord{Kind: PartialSecured, Serial: 1, Octets: 3}))
		}
		if err = errors.Join(err, p.Close()); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.partialPath(octets), []byte("abc"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(s.dir+"/partial/other", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	found := map[string]FindingKind{}
	s.Check(CheckOptions{}, func(f Finding) { found[f.Path] = f.Kind })
	want := map[string]FindingKind{"partial/" + string(useless): FoundLeft, "partial/" + string(useless) + ".log": FoundLeft,
		"partial/" + string(octets): FoundLeft, "partial/other": FoundForeign}
	delete(want, "partial/"+string(useless)+".log") // one line for both
	if len(found) != len(want) {
		t.Errorf("found %v, want %v", found, want)
	}
	for path, kind := range want {
		if found[path] != kind {
			t.Errorf("%s: %q, want %q", path, found[path], kind)
		}
	}
	l, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	if all, err := s.Partials(); err != nil || len(all) != 1 || all[keep] == 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// What is known of an object that was accepted stays when its octets go. It is known of
// one whose message is there, whole, though nobody came to note it.
func TestPartialAccepted(t *testing.T) {
	s := openSpool(t)
	begin := func(second int64, becomes ID) *Partial {
		t.Helper()
		p, err := s.CreatePartial(NewID(time.Unix(second, 0)), activityRecord(0, 0))
		if err == nil {
			_, err = p.Write([]byte("abc"))
		}
		if err == nil {
			err = p.Append(PartialRecord{Kind: PartialSecured, Serial: 1, Octets: 3}, PartialRecord{Kind: PartialMessage, Message: becomes})
		}
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	message := func(second int64, whole bool) ID {
		t.Helper()
		w, err := s.CreateInPlace(Ref{ID: NewID(time.Unix(second, 0)), Priority: Normal})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte("content")); err != nil {
			t.Fatal(err)
		}
		if whole {
			if err := w.Finish(&Envelope{Kind: KindMessage, Recipients: []Recipient{{N: 1}}}); err != nil {
				t.Fatal(err)
			}
			if err := w.Close(); err != nil {
				t.Fatal(err)
			}
			return w.ID()
		}
		w.flush()
		return w.ID()
	}
	noted, there, half, gone := begin(1, ""), begin(2, message(10, true)), begin(3, message(11, false)), begin(4, NewID(time.Unix(12, 0)))
	committing := func() ID { // whole, and its writer has not heard yet
		w, err := s.CreateInPlace(Ref{ID: NewID(time.Unix(15, 0)), Priority: Normal})
		if err == nil {
			err = w.Finish(&Envelope{Kind: KindMessage, Recipients: []Recipient{{N: 1}}})
		}
		if err != nil {
			t.Fatal(err)
		}
		return w.ID()
	}
	pending := begin(7, committing())
	busy, retired := begin(5, message(13, true)), begin(6, message(14, true))
	if err := s.AcceptPartial(noted.ID(), PartialRecord{Time: time.Unix(9, 0)}); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(noted.Close(), retired.Retire(), retired.Close()); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*Partial{there, half, gone, pending} {
		if err := p.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s.Check(CheckOptions{}, func(f Finding) {
		if f.Kind == FoundLeft {
			t.Errorf("%s: %s", f.Path, f.Text)
		}
	})
	l, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	if _, err := s.Recover(); err != nil {
		t.Fatal(err)
	}
	for _, want := range []struct {
		what     string
		p        *Partial
		accepted bool
	}{{"noted", noted, true}, {"there", there, true}, {"there, without octets", retired, true}, {"half there", half, false}, {"gone", gone, false}, {"waiting for the barrier", pending, false}, {"being written", busy, false}} {
		records, err := s.ReadPartial(want.p.ID())
		if err != nil || len(records) == 0 {
			t.Fatalf("%s: %v", want.what, err)
		}
		accepted := records[len(records)-1].Kind == PartialAccepted
		_, err = os.Stat(s.partialPath(want.p.ID()))
		if accepted != want.accepted || (err == nil) == accepted {
			t.Errorf("%s: accepted %v, octets %v", want.what, accepted, err)
		}
	}
	if err := s.RemovePartial(noted.ID()); err != nil {
		t.Error(err)
	}
	if _, err := s.ReadPartial(noted.ID()); err == nil {
		t.Error("the log is still there")
	}
}
