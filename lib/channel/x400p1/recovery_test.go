package x400p1

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/spool"
)

// books is a recovery with a spool of its own, whose barriers succeed at once.
type books struct {
	*recovery
	t    *testing.T
	host *channel.Host
	time time.Time
}

func openBooks(t *testing.T) *books {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "spool")
	if err := spool.Init(dir); err != nil {
		t.Fatal(err)
	}
	s, err := spool.Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	b := &books{t: t, host: &channel.Host{Name: "p1", Spool: s}, time: time.Unix(1000, 0)}
	b.reopen()
	return b
}

// reopen is what the next process finds.
func (b *books) reopen() {
	b.t.Helper()
	r, err := newRecovery(b.t.Context(), b.host, func() time.Time { return b.time })
	if err != nil {
		b.t.Fatal(err)
	}
	r.secure = func(context.Context, spool.ID) error { return nil }
	r.unsecured = 0
	r.configure(time.Minute, 10000)
	b.recovery = r
}

// newBooks is a recovery that keeps nothing on the disk.
func newBooks(age time.Duration) *recovery {
	return &recovery{now: time.Now, age: age, names: map[string]*partial{}, accounts: map[string]*account{}}
}

// keeper is that of an association.
func (b *books) keeper(peer string) *peerKeeper {
	return &peerKeeper{recovery: b.recovery, peer: peer, calls: "192.0.2.1"}
}

func (b *books) files() int {
	b.t.Helper()
	names, err := filepath.Glob(filepath.Join(b.host.Spool.Dir(), "partial/*"))
	if err != nil {
		b.t.Fatal(err)
	}
	return len(names)
}

// activity is the n-th one of an association.
func activity(association string, n byte) rtse.ActivityName {
	return rtse.ActivityName{Activity: []byte{2, 1, n}, Connection: session.ConnectionIdentifier{
		CallingReference: []byte{4, 1, 'B'}, CommonReference: []byte("\x17\x0d261127043000Z"), AdditionalReference: []byte(association)}}
}

// arrive keeps three pieces of ten octets, with a checkpoint behind each of the first two.
func (b *books) arrive(a rtse.ActivityName) rtse.Kept {
	b.t.Helper()
	k := b.keeper("MTA-B").Keep(a)
	if k == nil {
		b.t.Fatal("not kept")
	}
	for i := range 3 {
		if _, err := fmt.Fprintf(k, "piece %03d\n", i); err != nil {
			b.t.Fatal(err)
		}
		if i < 2 {
			if err := k.Secure([]rtse.Mark{{Serial: session.SerialNumber(i + 1), Octets: int64(10 * (i + 1))}}); err != nil {
				b.t.Fatal(err)
			}
		}
	}
	return k
}

func (b *books) resume(peer string, old, now rtse.ActivityName, serial session.SerialNumber) rtse.Resumed {
	return b.keeper(peer).Resume(old, now, serial)
}

// A process removes what one before it has left that nobody can resume, and nothing that
// somebody writes or that another channel has.
func TestRecoveryClearsWhatNobodyResumes(t *testing.T) {
	b := openBooks(t)
	begin := func(n byte) *kept {
		k := b.keeper("MTA-B").Keep(activity("x", n))
		if _, err := k.Write([]byte("piece 000\n")); err != nil {
			t.Fatal(err)
		}
		return k.(*kept)
	}
	if err := begin(1).file.Close(); err != nil {
		t.Fatal(err)
	}
	writing := begin(2)
	b.host.Name = "other"
	b.reopen()
	if err := begin(3).file.Close(); err != nil {
		t.Fatal(err)
	}
	b.host.Name = "p1"
	b.reopen()
	if got := b.files(); got != 4 {
		t.Errorf("%d files, want those of what is written and of the other channel", got)
	}
	if err := writing.file.Close(); err != nil {
		t.Fatal(err)
	}
	b.reopen()
	if got := b.files(); got != 2 {
		t.Errorf("%d files, want those of the other channel", got)
	}
}

// What was secured is given back, up to the checkpoint and no further, to the peer it
// came from, in this process or the next; also while the association it came over is not
// known to be lost.
func TestRecoveryGivesBack(t *testing.T) {
	for title, lose := range map[string]func(*books, rtse.Kept){
		"left":     func(_ *books, k rtse.Kept) { k.Left() },
		"killed":   func(b *books, k rtse.Kept) { _ = k.(*kept).file.Close(); b.reopen() },
		"standing": func(*books, rtse.Kept) {},
	} {
		t.Run(title, func(t *testing.T) {
			b := openBooks(t)
			k := b.arrive(activity("x", 1))
			lose(b, k)
			if r := b.resume("MTA-C", activity("x", 1), activity("y", 1), 1); r.Kept != nil {
				t.Error("another peer resumed it")
			}
			r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 1)
			if r.Kept == nil || r.Octets != 10 {
				t.Fatalf("%+v", r)
			}
			got, err := io.ReadAll(r.Past)
			if err != nil || string(got) != "piece 000\n" {
				t.Errorf("%q, %v", got, err)
			}
			if _, err := k.Write([]byte("late")); err == nil {
				t.Error("the association that was lost still writes")
			}
			if _, err := r.Kept.Write([]byte("other 001\n")); err != nil {
				t.Fatal(err)
			}
			if err := r.Kept.Secure([]rtse.Mark{{Serial: 2, Octets: 20}}); err != nil {
				t.Fatal(err)
			}
			r.Kept.Left()
			// Under its second name, and under its first; the checkpoint is the new one.
			for i, old := range []rtse.ActivityName{activity("y", 1), activity("x", 1)} {
				r := b.resume("MTA-B", old, activity(fmt.Sprint("z", i), 1), 2)
				if r.Kept == nil {
					t.Fatal("not given back again")
				}
				if got, err := io.ReadAll(r.Past); err != nil || string(got) != "piece 000\nother 001\n" {
					t.Errorf("%q, %v", got, err)
				}
				r.Kept.Left()
			}
			r = b.resume("MTA-B", activity("z1", 1), activity("z2", 1), 2)
			_ = r.Past.Close()
			r.Kept.Accepted()
			if n := b.files(); n != 1 {
				t.Errorf("%d files are left of an object that was accepted", n)
			}
			if r := b.resume("MTA-B", activity("z2", 1), activity("z3", 1), 2); !r.Repeated {
				t.Error("it is not known to have been accepted")
			}
			b.reopen()
			if r := b.resume("MTA-B", activity("z3", 1), activity("z4", 1), 2); !r.Repeated {
				t.Error("it is not known any more to have been accepted")
			}
			heard := b.keeper("MTA-B")
			heard.last = b.names[name("MTA-B", activity("z4", 1))]
			heard.Heard()
			if n := b.files(); n != 0 || b.octets != 0 || len(b.names) != 0 {
				t.Errorf("%d files, %d octets, %d names", n, b.octets, len(b.names))
			}
		})
	}
}

// Nothing is given back that is not certain: a checkpoint nobody knows, octets that have
// changed, a name that was given twice.
func TestRecoveryDoubts(t *testing.T) {
	b := openBooks(t)
	b.arrive(activity("x", 1)).Left()
	if r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 3); r.Kept != nil {
		t.Error("resumed behind a checkpoint that was not secured")
	}
	if b.files() != 0 {
		t.Error("what cannot be resumed was kept")
	}

	b.arrive(activity("x", 2)).Left()
	paths, err := filepath.Glob(filepath.Join(b.host.Spool.Dir(), "partial/*"))
	if err != nil || len(paths) != 2 {
		t.Fatalf("%v, %v", paths, err)
	}
	if err := os.WriteFile(paths[0], []byte("piece X00\npiece 001\npiece 002\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r := b.resume("MTA-B", activity("x", 2), activity("y", 2), 2)
	// Whoever reads the object may not ask for more than its last octet.
	if got, err := io.ReadAll(io.LimitReader(r.Past, 20)); err == nil {
		t.Errorf("%q was given back", got)
	}
	r.Kept.Dropped()

	b.arrive(activity("x", 3)).Left()
	again := b.keeper("MTA-B")
	again.Begin(activity("x", 3))
	if k := again.Keep(activity("x", 3)); k != nil {
		t.Error("a name was taken a second time")
	}
	if r := b.resume("MTA-B", activity("x", 3), activity("y", 3), 1); r.Kept != nil || b.files() != 0 {
		t.Error("an activity was resumed whose name was given twice")
	}
	nameless := activity("x", 4)
	nameless.Connection = session.ConnectionIdentifier{}
	if k := b.keeper("MTA-B").Keep(nameless); k != nil {
		t.Error("an activity of a connection without a name was kept")
	}
}

// There is a limit to size and age.
func TestRecoveryLimits(t *testing.T) {
	b := openBooks(t)
	k := b.arrive(activity("x", 1))
	if _, err := k.Write(make([]byte, 5000-30-3*recordCost+1)); err == nil {
		t.Error("more was written than recovery-size allows")
	}
	k.Dropped()
	if b.octets != 0 || b.files() != 0 {
		t.Errorf("%d octets, %d files", b.octets, b.files())
	}
	b.arrive(activity("x", 2)).Left()
	b.time = b.time.Add(59 * time.Second)
	b.configure(time.Minute, 10000)
	if b.files() == 0 {
		t.Error("removed before its time")
	}
	b.time = b.time.Add(2 * time.Second)
	b.configure(time.Minute, 10000)
	if b.files() != 0 {
		t.Error("kept beyond its time")
	}
}

// Checkpoints, resumptions and objects that bring next to no octets count as well: a peer
// cannot fill the disk or the memory with them.
func TestRecoveryLimitsRecords(t *testing.T) {
	b := openBooks(t)
	k := b.arrive(activity("x", 1)).(*kept)
	for i := 3; ; i++ {
		if err := k.Secure([]rtse.Mark{{Serial: session.SerialNumber(i), Octets: 20}}); err != nil {
			break
		}
		if i*recordCost > 10000 {
			t.Fatalf("%d checkpoints", i)
		}
	}
	k.Dropped()

	b.configure(time.Minute, 10000000)
	b.arrive(activity("x", 2)).Left()
	for i := range 100 {
		r := b.resume("MTA-B", activity("x", 2), activity(fmt.Sprint("y", i), 1), 2)
		if r.Kept == nil {
			t.Fatalf("resumption %d", i)
		}
		_ = r.Past.Close()
		r.Kept.Left()
	}
	if len(b.names) != maxOwnNames {
		t.Errorf("%d names of one object", len(b.names))
	}
	r := b.resume("MTA-B", activity("y99", 1), activity("z", 1), 2)
	if r.Kept == nil {
		t.Fatal("the newest name is forgotten")
	}
	_ = r.Past.Close()
	r.Kept.Dropped()
	if len(b.names) != 0 || b.octets != 0 || b.files() != 0 {
		t.Errorf("%d names, %d octets, %d files", len(b.names), b.octets, b.files())
	}

	objects := 0
	b.configure(time.Minute, 10000)
	for i := range 100 {
		k := b.keeper("MTA-B").Keep(activity("z", byte(i)))
		if k == nil {
			break
		}
		objects++
		if _, err := k.Write([]byte("x")); err == nil {
			err = k.Secure([]rtse.Mark{{Serial: 1, Octets: 1}})
			if err != nil {
				k.Dropped()
				break
			}
		}
		k.Left()
	}
	if objects > 10000/recordCost {
		t.Errorf("%d objects are kept", objects)
	}
}

// An association is recovered once, and from the host it came from.
func TestRecoverOnce(t *testing.T) {
	b := openBooks(t)
	connection := activity("\x14\x01x", 1).Connection
	id := &rtse.SessionConnectionIdentifier{CallingReference: rtse.CallingReference{OctetString: []byte("B")},
		CommonReference: "261127043000Z", AdditionalReference: "x"}
	lose := func() {
		b.lose(lost{connection: connection, peer: "MTA-B", host: hostOf(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 7}), at: b.time})
	}
	lose()
	if b.owners(id, "192.0.2.2") != nil {
		t.Error("recovered from another host")
	}
	if peers := b.owners(id, "192.0.2.1"); !slices.Equal(peers, []string{"MTA-B"}) {
		t.Errorf("%q", peers)
	}
	if b.take(id, "192.0.2.2") || !b.take(id, "192.0.2.1") || b.take(id, "192.0.2.1") {
		t.Error("taken from another host, or twice, or never")
	}
	if b.owners(id, "192.0.2.1") != nil {
		t.Error("recovered twice")
	}
	lose()
	b.time = b.time.Add(2 * time.Minute)
	if b.owners(id, "192.0.2.1") != nil {
		t.Error("recovered after its time")
	}
}
