package spool

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
	"github.com/mtakit/mtakit/lib/durable/twin"
)

// stopper makes the agent give up where a test would fail, as mtarun does when
// it meets an error it cannot answer for.
type stopper struct{}

type stopped struct{ text string }

func (stopper) Fatal(args ...any)                 { panic(stopped{fmt.Sprint(args...)}) }
func (stopper) Fatalf(format string, args ...any) { panic(stopped{fmt.Sprintf(format, args...)}) }

// run runs a life until it ends or the agent gives up, and says which.
func run(a *agent, live func(*agent)) (gaveUp bool) {
	defer func() {
		if p := recover(); p != nil {
			if _, ok := p.(stopped); !ok {
				panic(p)
			}
			gaveUp = true
		}
	}()
	a.tb = stopper{}
	live(a)
	return false
}

// Every call that changes the disk fails, once or from then on, in every life;
// then the switch stops, and starts again on what is there, and on what a cut at
// that moment may have left of it. Nothing that was promised is lost.
func TestFailAtEveryCall(t *testing.T) {
	for name, live := range lives() {
		for _, mode := range []BarrierMode{BarrierSyncfs, BarrierFsync} {
			for _, persistent := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s %s persistent=%v", name, mode, persistent), func(t *testing.T) {
					scratch := twin.Dir(t)
					failing, faults := true, 0
					for n := 1; failing; n++ {
						dir := filepath.Join(scratch, fmt.Sprint(n))
						a := newAgent(t, filepath.Join(dir, "spool"), mode)
						before := a.disk.Calls()
						a.disk.Fault = func(call int, _, _ string) error {
							if call == before+n || persistent && call > before+n {
								return syscall.EIO
							}
							return nil
						}
						run(a, live)
						failing = a.disk.Calls() >= before+n
						faults++
						end := a.disk.Len()
						a.die()
						a.disk.StatesOf(end, []string{"all", "none", "zeroed head"}, func(s *twin.State) {
							image := filepath.Join(dir, "image")
							fatal := &where{t, fmt.Sprintf("call %d fails, %v", n, s)}
							s.Write(fatal, image)
							a.truth.judge(fatal, image, mode, durable.OS{}, end)
							os.RemoveAll(image)
						})
						a.truth.judge(&where{t, fmt.Sprintf("call %d fails", n)}, a.disk.Root(), mode, durable.OS{}, end)
						os.RemoveAll(dir)
					}
					t.Logf("proof\tspool: %s\t%s\t%d calls\t%d faults\t0 violations", name, mode, faults-1, faults)
				})
			}
		}
	}
}

// A writer that meets an error leaves nothing, and says of what kind it was.
func TestWriterFails(t *testing.T) {
	dir := filepath.Join(twin.Dir(t), "spool")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	for n := 1; ; n++ {
		d := twin.New(t, dir)
		d.Fault = func(call int, _, _ string) error {
			if call == n {
				return syscall.ENOSPC
			}
			return nil
		}
		s, err := Open(dir)
		if err != nil {
			t.Fatal(err)
		}
		s.disk = d
		ref := Ref{ID: ID(fmt.Sprintf("1hqnpc7cucj8l%07d", n)), Priority: Normal}
		err = func() error {
			w, err := s.CreateNew(ref.ID)
			if err != nil {
				return err
			}
			defer w.Close()
			if _, err := w.Write(make([]byte, 3*bufferSize)); err != nil {
				if _, again := w.Write([]byte("x")); again == nil {
					t.Error("the writer goes on after an error")
				}
				return err
			}
			a := agent{clock: ref.ID.Time()}
			if err := w.Finish(a.envelope(1)); err != nil {
				return err
			}
			return w.Commit()
		}()
		s.Close()
		if err == nil {
			if d.Calls() >= n {
				t.Errorf("call %d failed and nobody was told", n)
			}
			if _, err := os.Lstat(s.newPath(ref.ID)); err != nil {
				t.Error(err)
			}
			break
		}
		if diag.KindOf(err) != diag.Temporary || !errors.Is(err, syscall.ENOSPC) {
			t.Errorf("call %d: %v", n, err)
		}
		for _, path := range []string{s.newPath(ref.ID), s.tmpPath(ref.ID)} {
			if _, err := os.Lstat(path); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("call %d leaves %s: %v", n, path, err)
			}
		}
	}
}

// A barrier that failed is never followed by one that does not, and the spool
// is not called clean.
func TestBarrierFailsForGood(t *testing.T) {
	for _, mode := range []BarrierMode{BarrierSyncfs, BarrierFsync} {
		a := newAgent(t, filepath.Join(twin.Dir(t), "spool"), mode)
		before := a.disk.Calls()
		a.disk.Fault = func(call int, _, _ string) error {
			if call == before+1 {
				return syscall.EIO
			}
			return nil
		}
		if err := a.s.Barrier(&Batch{Partials: []ID{NewID(time.Now())}}); diag.KindOf(err) != diag.IO {
			t.Errorf("%s: %v", mode, err)
		}
		for range 2 {
			if err := a.s.Barrier(nil); diag.KindOf(err) != diag.IO || !errors.Is(err, syscall.EIO) {
				t.Errorf("%s: after a failure: %v", mode, err)
			}
		}
		if _, err := a.s.Recover(); diag.KindOf(err) != diag.IO {
			t.Errorf("%s: recovery by who lost something: %v", mode, err)
		}
		if err := a.lock.Close(); err != nil {
			t.Error(err)
		}
		if word, err := os.ReadFile(filepath.Join(a.disk.Root(), "lock")); err != nil || string(word) != wordOpen {
			t.Errorf("%s: %q, %v", mode, word, err)
		}
		a.s.Close()
	}
	if err := new(Spool).SetBarrier("hope"); diag.KindOf(err) != diag.Config {
		t.Errorf("an unknown barrier: %v", err)
	}
}

// slowDisk tells the first who asks, and only that one, of a page that is lost.
type slowDisk struct {
	durable.OS
	asked, answer chan struct{}
	told          atomic.Bool
}

func (d *slowDisk) Syncfs(*os.File) error {
	if d.told.Swap(true) {
		return nil
	}
	d.asked <- struct{}{}
	<-d.answer
	return syscall.EIO
}

// Whoever asks for a barrier while another fails is not told that all is well.
func TestBarrierBesideOneThatFails(t *testing.T) {
	s, l := openOn(t, newSpool(t), BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	d := &slowDisk{asked: make(chan struct{}), answer: make(chan struct{})}
	s.disk = d
	first, second := make(chan error, 1), make(chan error, 1)
	go func() { first <- s.Barrier(nil) }()
	<-d.asked
	go func() { second <- s.Barrier(nil) }()
	select {
	case err := <-second:
		t.Errorf("it does not wait for the one before: %v", err)
		second <- err
	case <-time.After(20 * time.Millisecond): // there is nothing else to be seen
	}
	close(d.answer)
	for _, c := range []chan error{first, second} {
		if err := <-c; !errors.Is(err, syscall.EIO) {
			t.Errorf("%v", err)
		}
	}
}

// A page that is lost while children are named is lost to everybody.
func TestBarrierFailsInLoad(t *testing.T) {
	dir := newSpool(t)
	parent := NewID(time.Unix(1, 0))
	child := ChildID(parent, "report", []int{1})
	put(t, dir, &Envelope{ID: parent})
	put(t, dir, &Envelope{ID: child, Parent: parent, Step: "report", ParentRecipients: []int{1}})
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	backlog, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	d := &slowDisk{asked: make(chan struct{}, 1), answer: make(chan struct{})}
	close(d.answer)
	s.disk = d
	err = backlog.Load(func(i Item) error {
		t.Errorf("%v is handed out", i.Ref)
		return nil
	})
	if !errors.Is(err, ErrBarrier) || !errors.Is(err, syscall.EIO) {
		t.Errorf("Load: %v", err)
	}
	if err := s.Barrier(nil); !errors.Is(err, ErrBarrier) || !errors.Is(err, syscall.EIO) {
		t.Errorf("a barrier after it: %v", err)
	}
}

// deafDisk fails to sync once, after so many calls that it has done.
type deafDisk struct {
	durable.OS
	after int
	asked []string
}

func (d *deafDisk) fails(what string) error {
	d.asked = append(d.asked, what)
	if d.after--; d.after == -1 {
		return syscall.EIO
	}
	return nil
}

func (d *deafDisk) Sync(path string) error     { return cmp.Or(d.fails(path), d.OS.Sync(path)) }
func (d *deafDisk) SyncOpen(f *os.File) error  { return cmp.Or(d.fails(f.Name()), d.OS.SyncOpen(f)) }
func (d *deafDisk) Syncfs(root *os.File) error { return cmp.Or(d.fails("all"), d.OS.Syncfs(root)) }

// A spool is there when every name in it is durable, and not before.
func TestInitIsDurable(t *testing.T) {
	for n := 0; ; n++ {
		dir := filepath.Join(twin.Dir(t), "spool")
		d := &deafDisk{after: n}
		err := initOn(d, dir)
		if err == nil {
			for _, name := range append(directories(), ".") {
				if !slices.Contains(d.asked, filepath.Join(dir, name)) {
					t.Errorf("%s is not synced", name)
				}
			}
			break
		}
		if _, e := Open(dir); !errors.Is(err, syscall.EIO) || !errors.Is(e, os.ErrNotExist) {
			t.Errorf("sync %d: %v; it opens: %v", n, err, e)
		}
	}
}

// The word of the lock is on the disk before its holder does anything, and as the last
// thing it does.
func TestWordIsDurable(t *testing.T) {
	dir := newSpool(t)
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.disk = &deafDisk{}
	if _, err := s.Lock(); !errors.Is(err, syscall.EIO) {
		t.Errorf("a holder whose word is not durable: %v", err)
	}
	l, err := s.Lock()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Load(nil); err != nil {
		t.Fatal(err)
	}
	d := &deafDisk{after: 1}
	s.disk = d
	if err := l.Close(); !errors.Is(err, syscall.EIO) || !slices.Equal(d.asked, []string{"all", dir + "/lock"}) {
		t.Errorf("%v, synced %v", err, d.asked)
	}
}

// Of two logs of one message that are joined the second goes when the first has it,
// durably.
func TestJoinedLogIsDurable(t *testing.T) {
	dir := newSpool(t)
	ref := put(t, dir, &Envelope{ID: NewID(time.Unix(1, 0))})
	s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
	defer s.Close()
	defer l.Close()
	other := Ref{ID: ref.ID, Priority: Urgent}
	for _, at := range []Ref{ref, other} {
		if err := s.Append(at, Record{Time: time.Unix(2, 0), Kind: RecordHold}); err != nil {
			t.Fatal(err)
		}
	}
	s.disk = &deafDisk{after: 1} // the first is Recover's own
	if _, err := s.Recover(); !errors.Is(err, ErrBarrier) {
		t.Errorf("%v", err)
	}
	if records, _, err := s.ReadLog(other); err != nil || len(records) != 1 {
		t.Errorf("%v, %v", records, err)
	}
}

// A writer whose file a sweeper has taken away before it was locked is told so: what it
// would write has no name.
func TestWriterWhoseFileIsGone(t *testing.T) {
	s, err := Open(newSpool(t))
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.disk = sweptDisk{}
	if _, err := s.CreateNew(NewID(time.Unix(1, 0))); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%v", err)
	}
}

// sweptDisk takes every new file away at once.
type sweptDisk struct{ durable.OS }

func (d sweptDisk) Create(path string) (durable.File, error) {
	f, err := d.OS.Create(path)
	if err == nil {
		err = d.Unlink(path)
	}
	return f, err
}

// Names that the disk has refused once are not believed later.
func TestNamesRefusedOnce(t *testing.T) {
	dir := newSpool(t)
	env := &Envelope{ID: NewID(time.Unix(1, 0))}
	ref := put(t, dir, env)
	if err := os.Rename(filepath.Join(dir, ref.String()), filepath.Join(dir, "new", string(ref.ID))); err != nil {
		t.Fatal(err)
	}
	for name, do := range map[string]func(*Spool) error{
		"ScanNew": func(s *Spool) error { _, err := s.ScanNew(); return err },
		"Adopt":   func(s *Spool) error { _, err := s.Adopt(ref.ID); return err },
	} {
		s, l := openOn(t, dir, BarrierSyncfs, durable.OS{})
		s.disk = &deafDisk{}
		if err := do(s); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s: %v", name, err)
		}
		if err := do(s); !errors.Is(err, ErrBarrier) {
			t.Errorf("%s, the second time: %v", name, err)
		}
		if err := s.Barrier(nil); !errors.Is(err, ErrBarrier) {
			t.Errorf("%s: a barrier after it: %v", name, err)
		}
		l.Close()
		s.Close()
	}
}

// newSpool is an empty spool.
func newSpool(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(twin.Dir(t), "spool")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	return dir
}

// put writes a whole message into q/, as a channel does; it has one recipient if it has none.
func put(t *testing.T, dir string, env *Envelope) Ref {
	t.Helper()
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	env.Kind, env.Priority, env.Originator, env.Accepted = KindMessage, Normal, "/C=GB/", time.Unix(1, 0)
	if env.Recipients == nil {
		env.Recipients = []Recipient{{N: 1, Address: "/C=GB/"}}
	}
	w, err := s.CreateInPlace(Ref{ID: env.ID, Priority: Normal})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Finish(env), w.Close()); err != nil {
		t.Fatal(err)
	}
	return w.Ref()
}

// full is a disk on which no log can be written.
type full struct{ durable.OS }

func (full) AppendTo(string) (durable.File, error) { return nil, syscall.ENOSPC }

// A file that cannot be opened to be synced is not a page that was lost: the same barrier
// is begun again, and makes durable all that the first was to.
func TestBarrierWithoutDescriptors(t *testing.T) {
	a := newAgent(t, filepath.Join(twin.Dir(t), "spool"), BarrierFsync)
	defer a.die()
	a.begin(Normal)
	a.finish(1)
	w := a.waiting[0]
	a.must(a.s.Append(w.Ref(), Record{Kind: RecordHold}))
	batch := &Batch{Refs: []Ref{w.Ref()}}
	begun := 0
	for n := 1; ; n++ {
		opened := 0
		a.disk.Fault = func(_ int, name, _ string) error {
			if name == "open" {
				opened++
			}
			if name == "open" && opened == n {
				return syscall.EMFILE
			}
			return nil
		}
		begun = a.disk.Len()
		err := a.s.Barrier(batch)
		if err == nil {
			break
		}
		if diag.KindOf(err) != diag.Temporary {
			t.Fatalf("call %d: %v", n, err)
		}
	}
	synced := map[string]bool{}
	for _, op := range a.disk.Ops()[begun:] {
		synced[filepath.Join(a.disk.Root(), op.Path)] = op.Syncs()
	}
	for _, of := range []string{a.s.path(w.Ref()), a.s.logPath(w.Ref()), a.s.shardPath(w.Ref())} {
		if !synced[of] {
			t.Errorf("%v is not synced in the end: %v", of, synced)
		}
	}
}

// A barrier of syncfs reaches as far as the file system, and one of fsync no file that is
// not of the spool.
func TestCovers(t *testing.T) {
	dir := filepath.Join(twin.Dir(t), "spool")
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	beside, err := os.Create(dir + ".log")
	if err != nil {
		t.Fatal(err)
	}
	defer beside.Close()
	elsewhere, err := os.Open("/dev/null")
	if err != nil {
		t.Fatal(err)
	}
	defer elsewhere.Close()
	if !s.Covers(beside) || s.Covers(elsewhere) {
		t.Errorf("beside: %v, elsewhere: %v", s.Covers(beside), s.Covers(elsewhere))
	}
	if err := s.SetBarrier(BarrierFsync); err != nil {
		t.Fatal(err)
	}
	if s.Covers(beside) {
		t.Error("fsync of what is not of the spool")
	}
}
