package spool

import (
	"errors"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/durable"
)

// A child that may be named or not, the log of its parent not being readable, is not
// handed out; nor is any other of the family.
func TestFamilyWaitsForTheLog(t *testing.T) {
	dir := newSpool(t)
	parent := NewID(time.Unix(1, 0))
	log := filepath.Join(dir, put(t, dir, &Envelope{ID: parent}).String()+".log")
	put(t, dir, &Envelope{ID: ChildID(parent, "report", []int{1}), Parent: parent, Step: "report", ParentRecipients: []int{1}})
	if err := os.Mkdir(log, 0o700); err != nil {
		t.Fatal(err)
	}
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	backlog, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []int{0, 2} {
		good := 0
		if err := backlog.Load(func(i Item) error {
			if i.Damaged == nil {
				good++
			}
			return nil
		}); err != nil || good != want || backlog.Unread() != 2-want {
			t.Errorf("%d are handed out, %d are left, %v", good, backlog.Unread(), err)
		}
		if err := os.RemoveAll(log); err != nil {
			t.Fatal(err)
		}
	}
}

// What a channel has left is taken in one by one: what cannot be taken now keeps nothing
// else, and what is in bad/ is told of whatever follows.
func TestReclaimGoesOn(t *testing.T) {
	dir := newSpool(t)
	var all []Ref
	for n := range 3 {
		all = append(all, put(t, dir, &Envelope{ID: NewID(time.Unix(int64(n+1), 0))}))
	}
	damaged := put(t, dir, &Envelope{ID: NewID(time.Unix(9, 0))})
	text, err := os.ReadFile(filepath.Join(dir, damaged.String()))
	if err != nil {
		t.Fatal(err)
	}
	text[len(text)-2] ^= 1
	if err := os.WriteFile(filepath.Join(dir, damaged.String()), text, 0o600); err != nil {
		t.Fatal(err)
	}
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	s.disk = &deafDisk{}
	defer s.Close()
	defer l.f.Close()
	var seen []Ref
	nobody := func(Ref) bool { return false }
	if err := s.Reclaim(nobody, func(i Item) error { seen = append(seen, i.Ref); return nil }); !errors.Is(err, ErrBarrier) {
		t.Errorf("the barrier fails: %v", err)
	}
	if !slices.Equal(seen, []Ref{damaged}) {
		t.Errorf("before a barrier that fails %v are told of, and not %v", seen, damaged)
	}
	s.failed = nil // as in another process
	seen = nil
	later := errors.New("not now")
	if err := s.Reclaim(nobody, func(i Item) error { seen = append(seen, i.Ref); return later }); !errors.Is(err, later) {
		t.Errorf("none is taken: %v", err)
	}
	slices.SortFunc(seen, Ref.Compare)
	if !slices.Equal(seen, all) {
		t.Errorf("offered are %v of %v", seen, all)
	}
}

// fullLater is a disk on which some logs can be written before it is full.
type fullLater struct {
	durable.OS
	room, barriers int
}

func (d *fullLater) AppendTo(path string) (durable.File, error) {
	if d.room--; d.room < 0 {
		return nil, syscall.ENOSPC
	}
	return d.OS.AppendTo(path)
}

func (d *fullLater) Syncfs(root *os.File) error {
	d.barriers++
	return d.OS.Syncfs(root)
}

// The record that names a child is durable before the child is handed out, also when it
// was written by an attempt at the family that came to nothing.
func TestNamesOfAnEarlierAttemptAreDurable(t *testing.T) {
	dir := newSpool(t)
	parent := NewID(time.Unix(1, 0))
	put(t, dir, &Envelope{ID: parent})
	var children []Ref
	for n := range 2 {
		children = append(children, put(t, dir, &Envelope{ID: ChildID(parent, "expand", []int{n}), Parent: parent, Step: "expand", ParentRecipients: []int{n}}))
	}
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	disk := &fullLater{room: 1}
	s.disk = disk
	defer s.Close()
	defer l.Close()
	backlog, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	load := func() (good int) {
		t.Helper()
		disk.barriers = 0
		if err := backlog.Load(func(i Item) error {
			if i.Damaged == nil {
				good++
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		return good
	}
	if good := load(); good != 0 {
		t.Fatalf("%d are handed out while one cannot be named", good)
	}
	named := 1 // the other has gone when there is room
	if log, _, err := s.ReadLog(Ref{ID: parent, Priority: Normal}); err != nil || len(log) != 1 {
		t.Fatalf("%v, %v", log, err)
	} else if log[0].Child == children[0].ID {
		named = 0
	}
	if err := s.Remove(children[1-named]); err != nil {
		t.Fatal(err)
	}
	if good := load(); good != 2 || disk.barriers != 1 {
		t.Errorf("%d are handed out after %d barriers", good, disk.barriers)
	}
}

// What is not whole is removed at start; what has been made anew in between is not.
func TestSweepIncomplete(t *testing.T) {
	dir := newSpool(t)
	whole := put(t, dir, &Envelope{ID: NewID(time.Unix(1, 0))})
	begun := put(t, dir, &Envelope{ID: NewID(time.Unix(2, 0))})
	if err := os.Truncate(filepath.Join(dir, begun.String()), 10); err != nil {
		t.Fatal(err)
	}
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	for ref, want := range map[Ref]bool{whole: false, begun: true, {ID: NewID(time.Unix(3, 0)), Priority: Normal}: false} {
		swept, err := s.sweepIncomplete(ref)
		_, there := os.Lstat(s.path(ref))
		if err != nil || swept != want || (there == nil) != (ref == whole) {
			t.Errorf("%s: swept %v, %v; there: %v", ref, swept, err, there == nil)
		}
	}
}

// A message in new/, its adoption having been taken back by a cut, knows its child as soon
// as it can be adopted.
func TestParentInNewKnowsItsChild(t *testing.T) {
	dir := newSpool(t)
	parent := put(t, dir, &Envelope{ID: NewID(time.Unix(1, 0))})
	child := put(t, dir, &Envelope{ID: ChildID(parent.ID, "expand", []int{1}), Parent: parent.ID, Step: "expand", ParentRecipients: []int{1}})
	if err := os.Rename(filepath.Join(dir, parent.String()), filepath.Join(dir, "new", string(parent.ID))); err != nil {
		t.Fatal(err)
	}
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	backlog, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	item, err := s.Adopt(parent.ID)
	if err != nil || !names(item.Log, &Envelope{ID: child.ID, ParentRecipients: []int{1}}) {
		t.Errorf("adopted with %+v, %v", item, err)
	}
	good := 0
	if err := backlog.Load(func(i Item) error {
		if i.Ref == child && i.Damaged == nil {
			good++
		}
		return nil
	}); err != nil || good != 1 {
		t.Errorf("the child is handed out %d times, %v", good, err)
	}
}

// A writer that dies while the next holder starts leaves a file that is looked at again.
func TestWriterDiesDuringLoad(t *testing.T) {
	dir := newSpool(t)
	if err := os.WriteFile(filepath.Join(dir, "lock"), []byte(wordOpen), 0o600); err != nil {
		t.Fatal(err)
	}
	dying, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer dying.Close()
	w, err := dying.CreateInPlace(Ref{ID: NewID(time.Unix(1, 0)), Priority: Normal})
	if err != nil {
		t.Fatal(err)
	}
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	backlog, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	var items []Item
	load := func() {
		if err := backlog.Load(func(i Item) error { items = append(items, i); return nil }); err != nil {
			t.Fatal(err)
		}
	}
	load()
	if len(items) > 0 || backlog.Unread() != 1 {
		t.Errorf("while its writer lives: %+v, %d to be looked at again", items, backlog.Unread())
	}
	w.f.Close()
	load()
	if len(items) != 1 || !items[0].Removed || backlog.Unread() > 0 {
		t.Errorf("afterwards: %+v", items)
	}
}

// Of what lies in tmp/ that goes whose writer began long ago and has died.
func TestSweepTmp(t *testing.T) {
	s, l := openOn(t, newSpool(t), BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	old, fresh, alive := NewID(time.Unix(100, 0)), NewID(time.Unix(300, 0)), NewID(time.Unix(100, 0))
	for _, id := range []ID{old, fresh} {
		if err := os.WriteFile(s.tmpPath(id), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	w, err := s.CreateNew(alive)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := s.SweepTmp(time.Unix(200, 0)); err != nil {
		t.Fatal(err)
	}
	for id, want := range map[ID]bool{old: false, fresh: true, alive: true} {
		if _, err := os.Lstat(s.tmpPath(id)); (err == nil) != want {
			t.Errorf("%s of %v: %v", id, id.Time(), err)
		}
	}
}

// While the disk does not give a child nobody knows whether its parent names it: the family waits.
// One whose parent it does not give, or that a log names, is no secret.
func TestLoadWaitsForAChildThatCannotBeRead(t *testing.T) {
	for name, c := range map[string]struct {
		named  bool
		hidden string
		good   map[string]bool // at first
	}{
		"a child":                   {false, "child", map[string]bool{"parent": false, "child": false, "other": true}},
		"a child that has its name": {true, "child", map[string]bool{"parent": true, "child": false, "other": true}},
		"a parent":                  {true, "parent", map[string]bool{"parent": false, "child": true, "other": true}},
	} {
		t.Run(name, func(t *testing.T) {
			dir := newSpool(t)
			ids := map[string]ID{"parent": NewID(time.Unix(1, 0)), "other": NewID(time.Unix(2, 0))}
			ids["child"] = ChildID(ids["parent"], "shape", []int{1})
			refs := map[string]Ref{}
			child := &Envelope{ID: ids["child"], Parent: ids["parent"], Step: "shape", ParentRecipients: []int{1}}
			for name, env := range map[string]*Envelope{"parent": {ID: ids["parent"]}, "other": {ID: ids["other"]}, "child": child} {
				refs[name] = put(t, dir, env)
			}
			s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
			defer s.Close()
			defer l.Close()
			if c.named {
				if err := s.Append(refs["parent"], ChildRecord(child, time.Unix(1, 0))); err != nil {
					t.Fatal(err)
				}
			}
			path := s.path(refs[c.hidden])
			err := errors.Join(os.Rename(path, path+".away"), os.Symlink(path+".away", path))
			if err != nil {
				t.Fatal(err)
			}
			backlog, err := s.Recover()
			if err != nil {
				t.Fatal(err)
			}
			var log []Record
			load := func() map[string]bool {
				got := map[string]bool{}
				if err := backlog.Load(func(i Item) error {
					for name, ref := range refs {
						if ref == i.Ref {
							got[name] = i.Damaged == nil
						}
					}
					if i.Ref == refs["parent"] {
						log = i.Log
					}
					return nil
				}); err != nil {
					t.Fatal(err)
				}
				return got
			}
			if got := load(); !maps.Equal(got, c.good) {
				t.Errorf("good: %v, want %v", got, c.good)
			}
			if err := os.Rename(path+".away", path); err != nil {
				t.Fatal(err)
			}
			for name, good := range load() {
				if !good || c.good[name] {
					t.Errorf("%s: good %v when it can be read", name, good)
				}
			}
			if !names(log, child) {
				t.Errorf("the parent does not name its child: %v", log)
			}
		})
	}
}

// A family whose memory cannot be completed is left alone, and said so; everybody else
// is served.
func TestLoadGoesOnPastAFamilyInTrouble(t *testing.T) {
	dir := newSpool(t)
	parent, other := NewID(time.Unix(1, 0)), NewID(time.Unix(2, 0))
	child := ChildID(parent, "report", []int{1})
	for _, env := range []*Envelope{{ID: parent}, {ID: other}, {ID: child, Parent: parent, Step: "report", ParentRecipients: []int{1}}} {
		put(t, dir, env)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	lock, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	defer lock.Close()
	s.disk = full{}
	got := map[ID]bool{}
	if err := s.Load(func(i Item) error {
		got[i.Ref.ID] = i.Damaged == nil
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if len(got) != 3 || !got[other] || got[parent] || got[child] {
		t.Errorf("good: %v", got)
	}
	s.disk = durable.OS{}
	if err := s.Load(func(i Item) error {
		got[i.Ref.ID] = i.Damaged == nil
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	if !got[parent] || !got[child] {
		t.Errorf("good when there is room: %v", got)
	}
}
