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
	if err := s.Check(CheckOptions{}, func(f Finding) { found[f.Path] = f.Kind }); err != nil {
		t.Fatal(err)
	}
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
