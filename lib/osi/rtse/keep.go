package rtse

import (
	"bufio"
	"errors"
	"io"
	"slices"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// An ActivityName names an activity for another association: by the session
// connection it is, or was, on (X.225 §8.3.30).
type ActivityName struct {
	Connection session.ConnectionIdentifier
	Activity   []byte
}

// A Keeper keeps what has been received of activities up to a checkpoint, so that
// they can be resumed after an interrupt or the loss of an association (X.228 §7.8).
// Its methods may be called from several goroutines, and hold up the association
// they are called for.
type Keeper interface {
	// Begin hears that an activity is started under a name, before anything of it is
	// confirmed. Whatever had the name before cannot be resumed by it any more.
	Begin(name ActivityName)
	// Keep begins with an activity at its first checkpoint; nil if it is not to be
	// kept.
	Keep(name ActivityName) Kept
	// Resume gives back what was kept of an activity, up to a checkpoint, under the
	// name it has from now on. Whoever had it before has it no more.
	Resume(old, now ActivityName, serial session.SerialNumber) Resumed
}

// Resumed is what a Keeper knows of an activity; the zero value is nothing.
type Resumed struct {
	// Kept takes what goes on behind the checkpoint; nil if nothing is known.
	Kept Kept
	// Past is what came before the checkpoint, Octets so much. It ends with io.EOF only
	// if it is whole.
	Past   io.ReadCloser
	Octets int64
	// Repeated says that the APDU has been accepted: what comes is dropped, and
	// accepted again.
	Repeated bool
	// Undecided says that it is not known yet whether the APDU has been accepted: the
	// association is aborted, and the peer may ask again.
	Undecided bool
}

// Kept is what is kept of one activity.
type Kept interface {
	// Write appends the octets of RTTRs. An error ends the keeping, and not the
	// transfer.
	io.Writer
	// Secure makes durable what was written before the marks, in ascending order; the
	// last is confirmed to the peer when it returns. It may be called while Write is. An
	// error ends the keeping, and not the transfer; one of kind diag.Unavailable says
	// that the association will end as well, with no checkpoint confirmed any more and
	// what was secured before left.
	Secure(marks []Mark) error
	// Accepted, Left and Dropped end the keeping: the APDU has been accepted, or it
	// may be resumed, or it will not be. The first of them counts, but Accepted may
	// come after Left: the APDU was whole when the association ended, and has been
	// secured since.
	Accepted()
	Left()
	Dropped()
}

// A Mark is a checkpoint: so many octets of the activity came before it.
type Mark struct {
	Serial session.SerialNumber
	Octets int64
}

const (
	// maxMarks is how many checkpoints may wait to be secured. A peer that sends
	// more has no octets between them; the oldest are confirmed with the others.
	maxMarks = 64
	// maxHead is what an activity may have before its first checkpoint to be kept: a
	// checkpoint size is not larger where memory is bounded.
	maxHead = 1 << 20
)

// keeping keeps one activity. Its fields are guarded by the mutex of the Conn, but for
// head and written, which belong to the goroutine that reads the APDU.
type keeping struct {
	keeper Keeper
	name   ActivityName
	kept   Kept
	over   bool // nothing is kept any more
	fate   fate

	head    []byte // what came before the first checkpoint
	written int64

	marks []Mark // to be secured
	busy  bool   // a goroutine is at it
}

// write keeps octets, outside the mutex of the Conn.
func (k *keeping) write(c *Conn, octets []byte) {
	k.written += int64(len(octets))
	c.mu.Lock()
	kept, over := k.kept, k.over
	c.mu.Unlock()
	switch {
	case over:
		k.head = nil
	case kept != nil:
		if _, err := kept.Write(octets); err != nil {
			k.giveUp(c)
		}
	case len(k.head)+len(octets) > maxHead:
		k.giveUp(c)
	default:
		k.head = append(k.head, octets...)
	}
}

func (k *keeping) giveUp(c *Conn) {
	c.mu.Lock()
	k.end(asDropped)
	c.mu.Unlock()
}

// fate is how a keeping ends.
type fate uint8

const (
	asAccepted fate = iota + 1
	asLeft
	asDropped
)

// end ends the keeping. The mutex of the Conn is held.
func (k *keeping) end(f fate) {
	if k == nil {
		return
	}
	if k.kept != nil && (!k.over || k.fate == asLeft && f == asAccepted) {
		k.fate = f
		switch f {
		case asLeft:
			k.kept.Left()
		case asAccepted:
			k.kept.Accepted()
		case asDropped:
			k.kept.Dropped()
		}
	}
	k.over = true
}

// checkpoint passes a checkpoint that the reader of the APDU has come to, outside the
// mutex of the Conn.
func (in *inbound) checkpoint(m Mark) {
	c, k := in.conn, in.keep
	m.Octets = k.written
	c.mu.Lock()
	begin := k.kept == nil && !k.over
	c.mu.Unlock()
	if begin {
		kept := k.keeper.Keep(k.name)
		if kept != nil {
			if _, err := kept.Write(k.head); err != nil {
				kept.Dropped()
				kept = nil
			}
		}
		k.head = nil
		c.mu.Lock()
		if kept != nil && k.over {
			// The association has ended meanwhile, with nothing confirmed.
			kept.Dropped()
		}
		k.kept = kept
		k.over = k.over || kept == nil
		c.mu.Unlock()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(k.marks) == maxMarks {
		k.marks = slices.Delete(k.marks, 0, 1)
	}
	k.marks = append(k.marks, m)
	if !k.busy {
		k.busy = true
		go in.secure()
	}
}

// secure is the goroutine that has checkpoints secured and then confirms them: all
// that have come while it was at the last.
func (in *inbound) secure() {
	c, k := in.conn, in.keep
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(k.marks) > 0 {
		marks := k.marks
		k.marks = nil
		if !k.over {
			c.mu.Unlock()
			err := k.kept.Secure(marks)
			c.mu.Lock()
			if diag.KindOf(err) == diag.Unavailable {
				k.end(asLeft)
				return // busy for ever
			}
			if err != nil {
				k.end(asDropped)
			}
		}
		in.confirm(marks[len(marks)-1].Serial)
	}
	k.busy = false
}

// confirm confirms the checkpoints up to one. c.mu is held.
func (in *inbound) confirm(serial session.SerialNumber) {
	c := in.conn
	if c.in != in || in.err != nil || serial <= in.confirmed {
		return
	}
	in.confirmed = serial
	// It is out of place only when the activity is over.
	_ = c.step(rtSecured{Serial: serial})
}

// beginInbound begins an activity of the peer's. c.mu is held.
func (c *Conn) beginInbound(activity []byte) {
	c.in = &inbound{conn: c, activity: slices.Clone(activity)}
	if c.keeper != nil {
		name := c.activityName(c.in.activity)
		c.keeper.Begin(name)
		c.in.keep = &keeping{keeper: c.keeper, name: name, over: c.machine.checkpoint == 0}
	}
}

func (c *Conn) activityName(activity []byte) ActivityName {
	return ActivityName{Connection: c.identifier(), Activity: activity}
}

// resumeInbound goes on with an activity of the peer's, or says that nothing is known
// of it. c.mu is held.
func (c *Conn) resumeInbound(a rtResumeInd) (answer event) {
	unknown := rtReject{Reason: session.ExceptionUnrecoverable}
	if c.keeper == nil {
		return unknown
	}
	old := c.activityName(slices.Clone(a.Old))
	if a.Connection != nil {
		old.Connection = *a.Connection
	}
	now := c.activityName(slices.Clone(a.Activity))
	r := c.keeper.Resume(old, now, a.Serial)
	switch {
	case r.Repeated:
		c.in = &inbound{conn: c, activity: now.Activity, repeated: true}
		return rtRepeated{}
	case r.Undecided:
		return rtAbort{Reason: TemporaryProblem, Err: errUndecided}
	case r.Kept == nil:
		return unknown
	}
	c.in = &inbound{
		conn: c, activity: now.Activity, confirmed: a.Serial,
		past: &past{Reader: bufio.NewReaderSize(r.Past, 64<<10), file: r.Past},
		keep: &keeping{keeper: c.keeper, name: now, kept: r.Kept, written: r.Octets},
	}
	return nil
}

// errUndecided is why the association of who resumes is over.
var errUndecided = errors.New("it is not known yet whether the object that is resumed was accepted")

// identifier is that of the session connection, with the references of both sides.
func (c *Conn) identifier() session.ConnectionIdentifier {
	switch {
	case c.answer != nil:
		return c.answer.Remote.Identifier
	case c.opened != nil:
		return c.opened.Remote.Identifier
	}
	return session.ConnectionIdentifier{}
}

// past is what was kept of an activity that is resumed.
type past struct {
	*bufio.Reader
	file io.Closer
	over bool
}

// pastError is a failure to read it: no fault of the peer's.
type pastError struct{ err error }

func (p *pastError) Error() string { return "what was kept of the activity: " + p.err.Error() }
func (p *pastError) Unwrap() error { return p.err }

func (p *past) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	return n, p.judge(err)
}

func (p *past) ReadByte() (byte, error) {
	b, err := p.Reader.ReadByte()
	return b, p.judge(err)
}

// judge closes the file at its end.
func (p *past) judge(err error) error {
	if err == nil {
		return nil
	}
	p.over = true
	_ = p.file.Close() // it was only read
	if err == io.EOF {
		return err
	}
	return &pastError{err}
}

// forget closes the file of what nobody is going to read. It may be called while
// somebody reads it.
func (p *past) forget() {
	if p != nil {
		_ = p.file.Close() // it was only read
	}
}
