package x400p1

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/spool"
)

// message is one that is being written, of which the object that arrives is made.
func (b *books) message(second int64) *spool.Writer {
	b.t.Helper()
	w, err := b.host.Spool.CreateInPlace(spool.Ref{ID: spool.NewID(time.Unix(second, 0)), Priority: spool.Normal})
	if err == nil {
		_, err = io.WriteString(w, "content")
	}
	if err != nil {
		b.t.Fatal(err)
	}
	return w
}

// commit makes it whole, and durable.
func (b *books) commit(w *spool.Writer) {
	b.t.Helper()
	if err := errors.Join(w.Finish(&spool.Envelope{Kind: spool.KindMessage, Recipients: []spool.Recipient{{N: 1}}}), w.Close()); err != nil {
		b.t.Fatal(err)
	}
}

// whole has the object that is arriving come whole.
func (b *books) whole(k *peerKeeper) {
	b.t.Helper()
	if err := k.Whole(); err != nil {
		b.t.Fatal(err)
	}
}

// arriving is an object that has come whole over an association, as the message w.
func (b *books) arriving(k *peerKeeper, a rtse.ActivityName, w *spool.Writer) rtse.Kept {
	b.t.Helper()
	k.Begin(a)
	k.Becomes(w.ID())
	kept := k.Keep(a)
	if kept == nil {
		b.t.Fatal("not kept")
	}
	for i := range 2 {
		if _, err := fmt.Fprintf(kept, "piece %03d\n", i); err != nil {
			b.t.Fatal(err)
		}
		if err := kept.Secure([]rtse.Mark{{Serial: session.SerialNumber(i + 1), Octets: int64(10 * (i + 1))}}); err != nil {
			b.t.Fatal(err)
		}
	}
	return kept
}

// An object whose message is in the spool when the process ends, or the machine, was
// accepted: who resumes it hears that, and does not send it again.
func TestAcceptedOutlivesProcess(t *testing.T) {
	for _, test := range []struct {
		name   string
		until  func(b *books, k *peerKeeper, kept rtse.Kept, w *spool.Writer)
		repeat bool
	}{
		{"before it was whole", func(*books, *peerKeeper, rtse.Kept, *spool.Writer) {}, false},
		{"before its message was", func(b *books, k *peerKeeper, _ rtse.Kept, _ *spool.Writer) { b.whole(k) }, false},
		{"before it was noted", func(b *books, k *peerKeeper, _ rtse.Kept, w *spool.Writer) { b.whole(k); b.commit(w) }, true},
		{"when it was noted", func(b *books, k *peerKeeper, kept rtse.Kept, w *spool.Writer) {
			b.whole(k)
			b.commit(w)
			kept.Accepted()
			k.Settled()
			// And the message has gone on since.
			if err := b.host.Spool.RemovePartial(w.ID()); err != nil {
				b.t.Fatal(err)
			}
		}, true},
	} {
		for _, long := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, long %v", test.name, long), func(t *testing.T) {
				b := openBooks(t)
				if !long {
					b.unsecured = time.Minute
				}
				k, w := b.keeper("MTA-B"), b.message(50)
				kept := b.arriving(k, activity("x", 1), w).(*kept)
				test.until(b, k, kept, w)
				_ = kept.file.Close() // as the kernel does
				_ = w.Close()
				b.reopen()
				r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 2)
				if r.Repeated != test.repeat {
					t.Errorf("repeated %v", r.Repeated)
				}
				// What has not been accepted is resumed, but for the copy of what the message had.
				if resumed := r.Kept != nil; resumed && test.repeat || !resumed && !test.repeat && (long || test.name == "before it was whole") {
					t.Errorf("resumed %v", resumed)
				}
			})
		}
	}
}

// The memory of an object that was accepted ends when the peer shows that it knows.
func TestAcceptedUntilHeard(t *testing.T) {
	for name, hear := range map[string]func(*peerKeeper){
		"the next object":      func(k *peerKeeper) { k.Begin(activity("x", 2)) },
		"one resumed":          func(k *peerKeeper) { k.Resume(activity("x", 7), activity("x", 2), 1) },
		"the turn, or the end": func(k *peerKeeper) { k.Heard() },
	} {
		b := openBooks(t)
		k, w := b.keeper("MTA-B"), b.message(50)
		kept := b.arriving(k, activity("x", 1), w)
		b.whole(k)
		b.commit(w)
		kept.Accepted()
		k.Settled()
		if b.files() != 1 || len(b.names) != 1 {
			t.Errorf("%s: %d files, %d names before", name, b.files(), len(b.names))
		}
		hear(k)
		if b.files() != 0 || len(b.names) != 0 || b.octets != 0 {
			t.Errorf("%s: %d files, %d names, %d octets after", name, b.files(), len(b.names), b.octets)
		}
	}
}

// Who resumes an object that is being secured hears what becomes of it.
func TestResumedWhileSecured(t *testing.T) {
	for _, accepted := range []bool{true, false} {
		for _, how := range []string{"loss not known", "loss known", "loss known before it is whole"} {
			known, late := how != "loss not known", how == "loss known before it is whole"
			synctest.Test(t, func(t *testing.T) {
				b := openBooks(t)
				k, w := b.keeper("MTA-B"), b.message(50)
				kept := b.arriving(k, activity("x", 1), w)
				if !late {
					b.whole(k)
				}
				if known {
					kept.Left()
				}
				if late {
					b.whole(k)
				}
				got := make(chan rtse.Resumed, 1)
				go func() { got <- b.resume("MTA-B", activity("x", 1), activity("y", 1), 2) }()
				synctest.Wait()
				if len(got) > 0 {
					t.Fatalf("%+v, before it is known", <-got)
				}
				if accepted {
					b.commit(w)
					kept.Accepted()
				} else if err := w.Abort(); err != nil {
					t.Fatal(err)
				}
				k.Settled()
				if r := <-got; r.Repeated != accepted || (r.Kept == nil) != accepted {
					t.Errorf("accepted %v, %s: %+v", accepted, how, r)
				}
			})
		}
	}
}

// If that takes too long the peer is told to ask again, and nothing is forgotten for it.
func TestResumedWhileUndecided(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := openBooks(t)
		k, w := b.keeper("MTA-B"), b.message(50)
		kept := b.arriving(k, activity("x", 1), w)
		b.whole(k)
		kept.Left()
		if r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 2); !r.Undecided {
			t.Errorf("%+v, before it is known", r)
		}
		b.commit(w)
		kept.Accepted()
		k.Settled()
		if r := b.resume("MTA-B", activity("x", 1), activity("z", 1), 2); !r.Repeated {
			t.Errorf("%+v, when it is", r)
		}
	})
}

// While a process takes over from another that is still at work, the log says what that one
// has accepted; and while it does not, and the other has the object, nobody else gets it.
func TestResumedFromProcessAtWork(t *testing.T) {
	b := openBooks(t)
	k, w := b.keeper("MTA-B"), b.message(50)
	kept := b.arriving(k, activity("x", 1), w)
	b.reopen()
	if r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 2); !r.Undecided {
		t.Errorf("%+v, while the other process has it", r)
	}
	b.whole(k)
	if r := b.resume("MTA-B", activity("x", 1), activity("y", 2), 2); !r.Undecided {
		t.Errorf("%+v, while the other process secures it", r)
	}
	b.commit(w)
	kept.Accepted()
	k.Settled()
	if r := b.resume("MTA-B", activity("x", 1), activity("y", 3), 2); !r.Repeated {
		t.Errorf("%+v, when the other process has accepted it", r)
	}
}

// While the disk is waited for because two associations have the same references, nobody
// else waits: a new configuration is taken, and who brings it may be who says that the disk
// is done.
func TestSharedReferencesHoldNobody(t *testing.T) {
	b := openBooks(t)
	b.arriving(b.keeper("MTA-B"), activity("x", 1), b.message(50))
	waited := false
	b.secure = func(context.Context, spool.ID) error {
		b.configure(time.Minute, 10000)
		waited = true
		return nil
	}
	b.keeper("MTA-B").Begin(activity("x", 1))
	if !waited {
		t.Error("nothing was secured")
	}
}

// An object that has been accepted while it was sent again is not taken a second time.
func TestAcceptedWhileResumed(t *testing.T) {
	b := openBooks(t)
	first := b.arrive(activity("x", 1))
	k := b.keeper("MTA-B")
	r := k.Resume(activity("x", 1), activity("y", 1), 2)
	if r.Kept == nil {
		t.Fatal("not resumed")
	}
	first.Accepted()
	if err := k.Whole(); !errors.Is(err, errAccepted) {
		t.Errorf("not known to have been accepted: %v", err)
	}
	r.Kept.Accepted()
	k.Settled()
	if r := b.resume("MTA-B", activity("y", 1), activity("z", 1), 2); !r.Repeated || b.files() != 1 {
		t.Errorf("%+v, %d files", r, b.files())
	}
}

// Nor is what came over an association that was lost, though it has come whole, while it
// is being resumed over another.
func TestWholeWhileResumed(t *testing.T) {
	b := openBooks(t)
	k := b.keeper("MTA-B")
	w := b.message(50)
	b.arriving(k, activity("x", 1), w)
	r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 2)
	if r.Kept == nil {
		t.Fatal("not resumed")
	}
	if err := k.Whole(); !errors.Is(err, errElsewhere) {
		t.Errorf("%v", err)
	}
	k.Settled()
	r.Kept.Left()
	if r := b.resume("MTA-B", activity("y", 1), activity("z", 1), 2); r.Kept == nil {
		t.Error("not to be resumed any more")
	}
	if err := w.Abort(); err != nil {
		t.Fatal(err)
	}
}

// The checkpoints of a short transfer wait for no barrier; those of a long one do, and so
// do those of one that was resumed.
func TestUnsecured(t *testing.T) {
	b := openBooks(t)
	barriers := 0
	b.secure = func(context.Context, spool.ID) error { barriers++; return nil }
	b.unsecured = 5 * time.Second
	k := b.arrive(activity("x", 1))
	if barriers != 0 {
		t.Errorf("%d barriers in the first seconds", barriers)
	}
	b.time = b.time.Add(5 * time.Second)
	if err := k.Secure([]rtse.Mark{{Serial: 3, Octets: 30}}); err != nil || barriers != 1 {
		t.Errorf("%d barriers, %v", barriers, err)
	}
	k.Left()
	r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 2)
	if _, err := r.Kept.Write([]byte("piece 002\n")); err != nil {
		t.Fatal(err)
	}
	if err := r.Kept.Secure([]rtse.Mark{{Serial: 3, Octets: 30}}); err != nil || barriers != 2 {
		t.Errorf("%d barriers, %v", barriers, err)
	}
}

// A name that was given to two activities names neither, until the peer cannot come back
// with it any more; also if the one has been accepted, and if there are many.
func TestNamesGivenTwice(t *testing.T) {
	for name, first := range map[string]func(*books) rtse.Kept{
		"interrupted": func(b *books) rtse.Kept { k := b.arrive(activity("x", 1)); k.Left(); return k },
		"accepted":    func(b *books) rtse.Kept { k := b.arrive(activity("x", 1)); k.Accepted(); return k },
		"under way":   func(b *books) rtse.Kept { return b.arrive(activity("x", 1)) },
	} {
		b := openBooks(t)
		kept := first(b)
		for range 2 {
			k := b.keeper("MTA-B")
			k.Begin(activity("x", 1))
			if k.Keep(activity("x", 1)) != nil {
				t.Errorf("%s: an activity of the same name is kept", name)
			}
			if r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 1); r.Repeated || r.Kept != nil {
				t.Errorf("%s: %+v was resumed by the name of two", name, r)
			}
		}
		kept.Accepted() // too late to be told
		if r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 1); r.Repeated || b.files() != 0 {
			t.Errorf("%s: repeated %v, %d files", name, r.Repeated, b.files())
		}
		b.time = b.time.Add(2 * time.Minute)
		b.configure(time.Minute, 10000)
		if len(b.accounts) != 0 {
			t.Errorf("%s: %d accounts", name, len(b.accounts))
		}
		b.arrive(activity("x", 1)).Dropped()
	}
	b := openBooks(t)
	for i := range maxTwice + 1 {
		b.ambiguous("MTA-B", fmt.Sprint(i))
	}
	if b.keeper("MTA-B").Keep(activity("x", 1)) != nil {
		t.Error("kept, though not all the names are known that were given twice")
	}
	if b.keeper("MTA-C").Keep(activity("x", 1)) == nil {
		t.Error("nothing is kept of another peer")
	}
}

// One peer cannot take the room from the others.
func TestRecoveryShare(t *testing.T) {
	b := openBooks(t)
	fill := func(peer string) int64 {
		k := b.keeper(peer).Keep(activity(peer, 1))
		if k == nil {
			return 0
		}
		for {
			if _, err := k.Write(make([]byte, 100)); err != nil {
				break
			}
		}
		return b.of(peer).octets
	}
	free := b.limit
	for _, peer := range []string{"MTA-B", "MTA-C", "MTA-D"} {
		got := fill(peer)
		if got < free/2-200 || got > free/2 {
			t.Errorf("%s has %d octets of %d", peer, got, free)
		}
		free -= got
	}

	b.configure(time.Minute, 1<<40)
	for i := range maxNames {
		if !b.roomForName("MTA-E") {
			break
		}
		b.call(&partial{peer: "MTA-E"}, fmt.Sprint(i))
	}
	if b.keeper("MTA-E").Keep(activity("x", 1)) != nil {
		t.Error("one more is kept")
	}
	if n := b.of("MTA-E").names; n < maxNames/2-10 || n > maxNames/2 {
		t.Errorf("one peer has %d names of %d", n, maxNames)
	}
	if b.keeper("MTA-F").Keep(activity("x", 1)) == nil {
		t.Error("nothing is kept of another peer")
	}
}

// The association over which an object came that may be resumed can be recovered from the
// next process, from the host it was opened from and no other.
func TestLostOutlivesProcess(t *testing.T) {
	b := openBooks(t)
	connection := activity("\x14\x01x", 1)
	b.arrive(connection).Left()
	id := &rtse.SessionConnectionIdentifier{CallingReference: rtse.CallingReference{OctetString: []byte("B")},
		CommonReference: asn1.UTCTime("261127043000Z"), AdditionalReference: "x"}
	if b.owners(id, "192.0.2.1") != nil {
		t.Error("to be recovered, though it is not known to be lost")
	}
	b.reopen()
	if b.owners(id, "192.0.2.2") != nil {
		t.Error("recovered from another host")
	}
	if peers := b.owners(id, "192.0.2.1"); !slices.Equal(peers, []string{"MTA-B"}) {
		t.Errorf("%q", peers)
	}
}

// One peer does not push the lost associations of the others out.
func TestLostShare(t *testing.T) {
	r := newBooks(time.Hour)
	r.lose(lost{peer: "MTA-C", host: "c", at: time.Now()})
	for range 2 * maxLost {
		r.lose(lost{peer: "MTA-B", host: "b", at: time.Now()})
	}
	if len(r.lost) != maxLost || r.lost[0].peer != "MTA-C" {
		t.Errorf("%d are remembered, of %s first", len(r.lost), r.lost[0].peer)
	}
}

// Activities of ours are counted over all associations, and from elsewhere in the next
// process.
func TestActivitiesOfOurs(t *testing.T) {
	b := openBooks(t)
	first := b.nextActivity()
	if b.nextActivity() != first+1 {
		t.Error("not the next one")
	}
	b.reopen()
	if next := b.nextActivity(); next-first < 10 { // once in 400 million
		t.Errorf("%d, then %d in the next process", first, next)
	}
}

// Two associations that have the same references, of which nothing was kept when the
// second began: what is accepted over one is not what is resumed of the other.
func TestAssociationsOfOneName(t *testing.T) {
	accept := func(b *books, k *peerKeeper, kept rtse.Kept, w *spool.Writer) {
		b.whole(k)
		b.commit(w)
		kept.Accepted()
		k.Settled()
	}
	for name, lost := range map[string]func(b *books){
		"the other has not come to a checkpoint": func(b *books) {
			other := b.keeper("MTA-B")
			other.Begin(activity("x", 1))
			k, w := b.keeper("MTA-B"), b.message(50)
			k.Begin(activity("x", 1))
			k.Becomes(w.ID())
			if kept := k.Keep(activity("x", 1)); kept != nil {
				accept(b, k, kept, w)
			}
			if other.Keep(activity("x", 1)) != nil {
				b.t.Error("the other is kept")
			}
		},
		"the other begins later": func(b *books) {
			k, w := b.keeper("MTA-B"), b.message(50)
			accept(b, k, b.arriving(k, activity("x", 1), w), w)
			other := b.keeper("MTA-B")
			other.Begin(activity("x", 2))
			other.Begin(activity("x", 1))
		},
		"the other begins after a restart": func(b *books) {
			k, w := b.keeper("MTA-B"), b.message(50)
			accept(b, k, b.arriving(k, activity("x", 1), w), w)
			b.reopen()
			barriers := 0
			b.secure = func(context.Context, spool.ID) error { barriers++; return nil }
			b.keeper("MTA-B").Begin(activity("x", 2))
			if barriers == 0 || b.files() != 0 {
				b.t.Errorf("%d barriers, %d files: a cut brings back what was accepted", barriers, b.files())
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			b := openBooks(t)
			lost(b)
			if r := b.resume("MTA-B", activity("x", 1), activity("y", 1), 1); r.Repeated || r.Kept != nil {
				t.Errorf("%+v", r)
			}
		})
	}
	b := openBooks(t)
	for i := range maxAssociations + 1 {
		b.keeper("MTA-B").Begin(activity(fmt.Sprint(i), 1))
	}
	if b.keeper("MTA-B").Keep(activity("x", 1)) != nil {
		t.Error("kept, though not all associations are known")
	}
	if b.keeper("MTA-C").Keep(activity("x", 1)) == nil {
		t.Error("nothing is kept of another peer")
	}
}

// What begins to arrive before the object before it is settled stays the object that is
// arriving.
func TestNextObjectBeforeTheLastIsSettled(t *testing.T) {
	b := openBooks(t)
	k, w, next := b.keeper("MTA-B"), b.message(50), b.message(60)
	first := b.arriving(k, activity("x", 1), w)
	b.whole(k)
	b.commit(w)
	first.Accepted()
	second := b.arriving(k, activity("x", 2), next).(*kept)
	k.Settled()
	b.whole(k)
	b.commit(next)
	_ = second.file.Close() // as the kernel does
	b.reopen()
	if r := b.resume("MTA-B", activity("x", 2), activity("y", 1), 2); !r.Repeated {
		t.Errorf("%+v: it was not known which message the second object became", r)
	}
}

// What has been accepted while nobody was left to hear it may come again, and the event
// log says why.
func TestUnconfirmed(t *testing.T) {
	s := start(t)
	apdu := message(t, "content")
	for range 100 { // until the abort is there before the yes
		conn := s.bound()
		s.next(channel.TypeAssoc)
		go func() { _, _ = conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu))) }() // it fails
		commit := s.next(channel.TypeCommit)
		conn.Abort(rtse.LocalSystemProblem)
		s.send(channel.Line{Type: channel.TypeDurable, Txn: commit.Txn})
		for down := false; !down; {
			l, ok := <-s.lines
			if !ok {
				t.Fatal("the channel ended")
			}
			var r audit.Record
			if l.Type == channel.TypeEvent {
				if err := json.Unmarshal(l.Event, &r); err != nil {
					t.Fatal(err)
				}
			}
			if r.Event == audit.Unconfirmed {
				if r.ID != string(commit.Envelope.ID) || r.MTSID == "" || r.Peer != "MTA-B" || r.Text == "" {
					t.Errorf("%+v", r)
				}
				return
			}
			down = l.Type == channel.TypeAssoc && l.State == channel.StateDown
		}
	}
	t.Error("the log never says that the peer has not heard")
}
