package rtse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/osi/session"
)

// memory is a keeper that forgets nothing.
type memory struct {
	gate chan struct{} // nil: Secure waits for nobody

	mu    sync.Mutex
	kept  map[string]*remembered
	fates []string
}

type remembered struct {
	memory   *memory
	octets   []byte
	marks    []Mark
	accepted bool
}

func nameOf(a ActivityName) string {
	return fmt.Sprintf("%x %x %x %x", a.Connection.CallingReference, a.Connection.CommonReference, a.Connection.AdditionalReference, a.Activity)
}

func (m *memory) Begin(name ActivityName) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.kept, nameOf(name))
}

func (m *memory) Keep(name ActivityName) Kept {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := &remembered{memory: m}
	m.kept[nameOf(name)] = r
	return r
}

func (m *memory) Resume(old, now ActivityName, serial session.SerialNumber) Resumed {
	m.mu.Lock()
	defer m.mu.Unlock()
	r := m.kept[nameOf(old)]
	if r == nil {
		return Resumed{}
	}
	if r.accepted {
		return Resumed{Repeated: true}
	}
	for _, mark := range r.marks {
		if mark.Serial == serial {
			next := &remembered{memory: m, octets: bytes.Clone(r.octets[:mark.Octets]), marks: []Mark{mark}}
			m.kept[nameOf(old)], m.kept[nameOf(now)] = next, next
			return Resumed{Kept: next, Past: io.NopCloser(bytes.NewReader(next.octets)), Octets: mark.Octets}
		}
	}
	return Resumed{}
}

func (r *remembered) Write(b []byte) (int, error) {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.octets = append(r.octets, b...)
	return len(b), nil
}

func (r *remembered) Secure(marks []Mark) error {
	if r.memory.gate != nil {
		<-r.memory.gate
	}
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.marks = append(r.marks, marks...)
	return nil
}

func (r *remembered) fate(s string) {
	r.memory.mu.Lock()
	defer r.memory.mu.Unlock()
	r.memory.fates = append(r.memory.fates, s)
	r.accepted = r.accepted || s == "accepted"
}

func (r *remembered) Accepted() { r.fate("accepted") }
func (r *remembered) Left()     { r.fate("left") }
func (r *remembered) Dropped()  { r.fate("dropped") }

func newMemory() *memory { return &memory{kept: map[string]*remembered{}} }

// meter counts what is written to a stream, and cuts it when that is more than a
// limit.
type meter struct {
	net.Conn
	mu    sync.Mutex
	n     int64
	limit int64
}

func (m *meter) Write(b []byte) (int, error) {
	m.mu.Lock()
	m.n += int64(len(b))
	over := m.limit > 0 && m.n > m.limit
	m.mu.Unlock()
	if over {
		return 0, m.Conn.Close()
	}
	return m.Conn.Write(b)
}

func (m *meter) count() int64 {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.n
}

// keepingPair associates two sides of which the responder keeps; the initiator is cut
// after so many octets, unless that is 0.
func keepingPair(t *testing.T, keeper Keeper, additional string, limit int64) (a, b *Conn, m *meter) {
	t.Helper()
	ctx := testContext(t)
	i, r := pipe(t)
	m = &meter{Conn: i, limit: limit}
	ci, cr := testConfig("A"), testConfig("B")
	ci.CheckpointSize, ci.AdditionalReference = 4, additional
	a, b = between(ctx, t, m, ci, r, cr, keeper)
	return a, b, m
}

// between opens an association between two ends of a connection, kept by keeper at the
// responder.
func between(ctx context.Context, t *testing.T, i net.Conn, ci Config, r net.Conn, cr Config, keeper Keeper) (a, b *Conn) {
	t.Helper()
	failed := make(chan error, 1)
	go func() {
		var err error
		b, err = acceptOn(ctx, r, cr, func(OpenIndication) Decision {
			return Decision{Accept: true, UserData: bindResult, Keeper: keeper}
		})
		failed <- err
	}()
	a, _, err := Open(ctx, i, ci, bindArgument)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		a.Abort(UserError)
		b.Abort(UserError)
	})
	return a, b
}

func resumable(t *testing.T, c *Conn, apdu []byte, from *Resumption) <-chan transferred {
	ctx := testContext(t)
	done := make(chan transferred, 1)
	go func() {
		r, err := c.TransferWith(ctx, bytes.NewReader(apdu), int64(len(apdu)), TransferOptions{Resumable: true, Resume: from})
		done <- transferred{r, err}
	}()
	return done
}

// interrupted transfers an APDU over an association that is lost in the middle, and
// returns where it may be resumed.
func interrupted(t *testing.T, keeper Keeper, apdu []byte) *Resumption {
	t.Helper()
	a, b, _ := keepingPair(t, keeper, "x1", int64(len(apdu))/2)
	done := resumable(t, a, apdu, nil)
	ind := receive[*TransferIndication](t, b)
	if _, err := io.ReadAll(ind.APDU); err == nil {
		t.Fatal("the APDU arrived whole")
	}
	r := await(t, done)
	if r.err == nil || r.Confirmed || r.InDoubt || r.Interrupted == nil {
		t.Fatalf("%+v", r)
	}
	return r.Interrupted
}

// After the loss of an association the APDU goes on behind the last checkpoint
// confirmed, and arrives as if nothing had happened.
func TestResumeOnAnotherAssociation(t *testing.T) {
	apdu, keeper := value(400_000), newMemory()
	from := interrupted(t, keeper, apdu)
	if from.Serial < 20 || from.Octets != int64(from.Serial)*4096 || from.Ended {
		t.Errorf("%+v", from)
	}
	a, b, m := keepingPair(t, keeper, "x2", 0)
	before := m.count()
	done := resumable(t, a, apdu, from)
	if got := take(t, b); !bytes.Equal(got, apdu) {
		t.Errorf("%d octets arrived, want %d", len(got), len(apdu))
	}
	if r := await(t, done); r.err != nil || !r.Confirmed || !r.Resumed {
		t.Errorf("%+v", r)
	}
	if sent, want := m.count()-before, int64(len(apdu))-from.Octets; sent > want+want/10+1000 {
		t.Errorf("%d octets went over the second association, of %d that were missing", sent, want)
	}
	// And the next is nothing special.
	send(t, a, b, value(50_000))
	if want := []string{"left", "accepted", "accepted"}; fmt.Sprint(keeper.fates) != fmt.Sprint(want) {
		t.Errorf("%q", keeper.fates)
	}
}

// A peer that knows nothing of the activity gets the APDU from its beginning.
func TestResumeUnknown(t *testing.T) {
	apdu := value(200_000)
	from := interrupted(t, newMemory(), apdu)
	for _, keeper := range []Keeper{nil, newMemory()} {
		a, b, _ := keepingPair(t, keeper, "x2", 0)
		done := resumable(t, a, apdu, from)
		if got := take(t, b); !bytes.Equal(got, apdu) {
			t.Errorf("%d octets arrived", len(got))
		}
		if r := await(t, done); r.err != nil || !r.Confirmed || r.Resumed {
			t.Errorf("%+v", r)
		}
	}
}

// An APDU that was accepted, and whose sender has not heard of it, is accepted again
// and not taken twice.
func TestResumeAccepted(t *testing.T) {
	apdu, keeper := value(100_000), newMemory()
	a, b, _ := keepingPair(t, keeper, "x1", 0)
	done := resumable(t, a, apdu, nil)
	take(t, b)
	await(t, done)
	id := a.identifier()
	from := &Resumption{Connection: &id, Old: []byte{2, 1, 1}, Serial: 24, Octets: 24 * 4096, Ended: true, Header: a.sent.header}

	a, b, _ = keepingPair(t, keeper, "x2", 0)
	if r := await(t, resumable(t, a, apdu, from)); r.err != nil || !r.Confirmed {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if ind, err := b.Receive(ctx); err == nil {
		t.Errorf("received %T", ind)
	}
}

// An APDU that was whole when the association ended, and is accepted then, is not taken
// a second time.
func TestAcceptedAfterTheEnd(t *testing.T) {
	apdu, keeper := value(100_000), newMemory()
	a, b, m := keepingPair(t, keeper, "x1", 0)
	done := resumable(t, a, apdu, nil)
	ind := receive[*TransferIndication](t, b)
	if _, err := io.ReadAll(ind.APDU); err != nil {
		t.Fatal(err)
	}
	_ = m.Conn.Close() // the loss
	receive[Aborted](t, b)
	if err := ind.Accept(); err == nil {
		t.Error("accepted as if nothing had happened")
	}
	r := await(t, done)
	if !r.InDoubt || r.Interrupted == nil || !r.Interrupted.Ended {
		t.Fatalf("%+v", r)
	}

	a, b, _ = keepingPair(t, keeper, "x2", 0)
	if r := await(t, resumable(t, a, apdu, r.Interrupted)); r.err != nil || !r.Confirmed {
		t.Errorf("%+v", r)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	if ind, err := b.Receive(ctx); err == nil {
		t.Errorf("received %T", ind)
	}
	if want := []string{"left", "accepted"}; fmt.Sprint(keeper.fates) != fmt.Sprint(want) {
		t.Errorf("%q", keeper.fates)
	}
}

// A receiver with a problem that passes gets the APDU on the same association, behind
// the last checkpoint.
func TestResumeOnTheSameAssociation(t *testing.T) {
	apdu, keeper := value(400_000), newMemory()
	a, b, m := keepingPair(t, keeper, "x1", 0)
	done := resumable(t, a, apdu, nil)
	ind := receive[*TransferIndication](t, b)
	if _, err := io.ReadFull(ind.APDU, make([]byte, 300_000)); err != nil {
		t.Fatal(err)
	}
	if err := ind.Reject(session.ExceptionLocalUserError); err != nil {
		t.Fatal(err)
	}
	if got := take(t, b); !bytes.Equal(got, apdu) {
		t.Errorf("%d octets arrived, want %d", len(got), len(apdu))
	}
	if r := await(t, done); r.err != nil || !r.Confirmed {
		t.Errorf("%+v", r)
	}
	if m.count() > 450_000 {
		t.Errorf("%d octets were sent", m.count())
	}
}

// No checkpoint is confirmed before what came before it is secured.
func TestConfirmedOnlyWhenSecured(t *testing.T) {
	apdu, keeper := value(100_000), newMemory()
	keeper.gate = make(chan struct{})
	a, b, m := keepingPair(t, keeper, "x1", 0)
	done := resumable(t, a, apdu, nil)
	ind := receive[*TransferIndication](t, b)
	header, err := appendExternal(nil, 5, int64(len(apdu)))
	if err != nil {
		t.Fatal(err)
	}
	// A window of three: four RTTRs, and the checkpoints between them.
	got := make([]byte, 4*4096-len(header))
	if _, err := io.ReadFull(ind.APDU, got); err != nil {
		t.Fatal(err)
	}
	a.mu.Lock()
	if a.machine.issued != 3 || a.machine.confirmed != 0 || a.machine.windowOpen() {
		t.Errorf("%d checkpoints issued, %d confirmed with nothing secured", a.machine.issued, a.machine.confirmed)
	}
	a.mu.Unlock()
	// These, and what the association took.
	if n := m.count(); n > 4*4200+1000 {
		t.Errorf("%d octets were sent with nothing secured", n)
	}
	close(keeper.gate)
	rest, err := io.ReadAll(ind.APDU)
	if err != nil || !bytes.Equal(append(got, rest...), apdu) {
		t.Errorf("%d octets arrived, %v", len(got)+len(rest), err)
	}
	if err := ind.Accept(); err != nil {
		t.Error(err)
	}
	if r := await(t, done); r.err != nil || !r.Confirmed {
		t.Errorf("%+v", r)
	}
}

// A transfer whose time is over is interrupted; the turn is free for another APDU, and
// the transfer goes on later on the same association.
func TestTransferTimeInterrupts(t *testing.T) {
	apdu, keeper := value(300_000), newMemory()
	a, b, m := keepingPair(t, keeper, "x1", 0)
	ctx, cancel := context.WithCancelCause(testContext(t))
	done := make(chan transferred, 1)
	go func() {
		r, err := a.TransferWith(ctx, bytes.NewReader(apdu), int64(len(apdu)), TransferOptions{Resumable: true})
		done <- transferred{r, err}
	}()
	ind := receive[*TransferIndication](t, b)
	if _, err := io.ReadFull(ind.APDU, make([]byte, 200_000)); err != nil {
		t.Fatal(err)
	}
	over := errors.New("time is over")
	cancel(over)
	var d *Discarded
	if _, err := io.ReadAll(ind.APDU); !errors.As(err, &d) || !d.Interrupted {
		t.Errorf("read: %v", err)
	}
	r := await(t, done)
	if r.err != nil || r.Confirmed || !errors.Is(r.Err, over) || r.Interrupted == nil {
		t.Fatalf("%+v", r)
	}
	send(t, a, b, value(100))
	before := m.count()
	again := resumable(t, a, apdu, r.Interrupted)
	if got := take(t, b); !bytes.Equal(got, apdu) {
		t.Errorf("%d octets arrived", len(got))
	}
	if r := await(t, again); r.err != nil || !r.Confirmed || !r.Resumed {
		t.Errorf("%+v", r)
	}
	if m.count()-before > 130_000 {
		t.Errorf("%d octets were sent to resume it", m.count()-before)
	}
}

// Associations that the peer gives the same references have activities of their own all
// the same, where they are counted together.
func TestActivityIdentifiers(t *testing.T) {
	var last uint32
	seen := map[string]bool{}
	for range 2 {
		ci := testConfig("A")
		ci.NextActivity = func() uint32 { last++; return last }
		a, b := associate(t, ci, testConfig("B"))
		for range 2 {
			done := transfer(t, a, value(10))
			ind := receive[*TransferIndication](t, b)
			name := string(ind.Activity)
			if seen[name] {
				t.Errorf("identifier % x a second time", name)
			}
			seen[name] = true
			if _, err := io.ReadAll(ind.APDU); err != nil {
				t.Fatal(err)
			}
			if err := ind.Accept(); err != nil {
				t.Fatal(err)
			}
			await(t, done)
		}
	}
}

// What a peer starts under a name that it has used before cannot be resumed as what had
// the name then, though its first checkpoint comes before its first octet.
func TestBeginForgets(t *testing.T) {
	keeper := newMemory()
	interrupted(t, keeper, value(100_000))
	if len(keeper.kept) != 1 {
		t.Fatalf("%d are kept", len(keeper.kept))
	}
	a, b, _ := keepingPair(t, keeper, "x1", 0)
	done := transfer(t, a, value(10))
	take(t, b)
	await(t, done)
	if len(keeper.kept) != 0 {
		t.Error("the earlier activity is still kept under the name")
	}
}
