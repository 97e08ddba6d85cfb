package rtse

import (
	"errors"
	"fmt"
	"io"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// An Indication is what Conn.Receive returns: *TransferIndication, TurnGiven,
// TurnRequested, Closed or Aborted.
type Indication interface{ isIndication() }

// TurnGiven is the RT-TURN-GIVE indication: the turn is here now.
type TurnGiven struct{}

// TurnRequested is the RT-TURN-PLEASE indication: the peer asks for the turn. Of
// several requests that wait, the most urgent is told.
type TurnRequested struct {
	Priority int64 // 0 is the highest and announces a release (X.218 §9.4.1.1)
}

// Closed is the RT-CLOSE indication: the association was released, and this side
// has agreed to it. It is the last indication, and Receive repeats it.
type Closed struct{}

// Aborted is the RT-P-ABORT or RT-U-ABORT indication. It is the last indication,
// and Receive repeats it.
type Aborted struct{ *Abort }

// A TransferIndication is the RT-TRANSFER indication of an APDU that is arriving.
// Its user reads APDU to the end, secures it and then says Accept; or says Reject,
// at any time before. Until then no other APDU arrives.
type TransferIndication struct {
	Activity []byte   // the activity identifier
	Syntax   asn1.OID // the abstract syntax of the APDU; empty in X.410-1984 mode
	// APDU is the APDU, streamed: reading slowly slows the sender down. It ends
	// with io.EOF only when the APDU has arrived whole; *Discarded says that the
	// sender has given it up, *Abort that the association is gone.
	APDU io.Reader

	conn *Conn
	in   *inbound
}

func (*TransferIndication) isIndication() {}
func (TurnGiven) isIndication()           {}
func (TurnRequested) isIndication()       {}
func (Closed) isIndication()              {}
func (Aborted) isIndication()             {}

// Discarded is the error of reading or accepting an APDU that its sender has given
// up. The association goes on, and the sender may send the APDU again.
type Discarded struct {
	Interrupted bool // by an activity interrupt: the sender may resume it
	Reason      session.ExceptionReason
}

func (d *Discarded) Error() string {
	if d.Interrupted {
		return fmt.Sprintf("rtse: the sender interrupted the activity: %s", d.Reason)
	}
	return fmt.Sprintf("rtse: the sender discarded the activity: %s", d.Reason)
}

var (
	errRejected   = errors.New("rtse: the APDU has been rejected")
	errSettled    = errors.New("rtse: the APDU has been answered already")
	errIncomplete = errors.New("rtse: the APDU has not been read to its last octet")
)

// inbound is the stream of one activity of the peer's. The octets of an RTTR are
// handed from the goroutine that reads the transport connection to the one that
// reads the APDU, without a copy between: the former waits until the latter has
// taken them. All fields are guarded by the mutex of the Conn.
type inbound struct {
	conn     *Conn
	activity []byte
	chunk    []byte
	eof      bool  // the activity has ended
	err      error // why there will be no more; never nil once the activity is over without an end
	told     bool  // the user has been told of it

	keep      *keeping               // nil: nothing is kept of it
	fresh     bool                   // chunk has not been kept
	points    []session.SerialNumber // checkpoints in front of chunk
	confirmed session.SerialNumber   // the last checkpoint confirmed
	past      *past                  // what comes before chunk in an activity resumed
	repeated  bool                   // it has been accepted before
}

// point notes a checkpoint for the reader of the APDU to come to. Where several come
// without octets between them one stands for all.
func (in *inbound) point(serial session.SerialNumber) {
	if n := len(in.points); n == maxMarks {
		in.points = in.points[:n-1]
	}
	in.points = append(in.points, serial)
}

// pending reports whether octets wait to be read. There is nobody to read them
// once err is set.
func (in *inbound) pending() bool { return len(in.chunk) > 0 && in.err == nil }

// Read implements io.Reader.
func (in *inbound) Read(p []byte) (int, error) {
	if in.past != nil && !in.past.over {
		if n, err := in.past.Read(p); err != io.EOF {
			return n, in.orErr(err)
		}
	}
	c := in.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(p) == 0 {
		return 0, nil
	}
	if err := in.await(); err != nil {
		return 0, err
	}
	n := copy(p, in.chunk)
	in.take(n)
	return n, nil
}

// ReadByte implements io.ByteReader.
func (in *inbound) ReadByte() (byte, error) {
	if in.past != nil && !in.past.over {
		if b, err := in.past.ReadByte(); err != io.EOF {
			return b, in.orErr(err)
		}
	}
	c := in.conn
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := in.await(); err != nil {
		return 0, err
	}
	b := in.chunk[0]
	in.take(1)
	return b, nil
}

// orErr is why there will be no more, if that is known, instead of what became of
// reading.
func (in *inbound) orErr(err error) error {
	if err == nil {
		return nil
	}
	in.conn.mu.Lock()
	defer in.conn.mu.Unlock()
	if in.err != nil {
		return in.err
	}
	return err
}

// await waits for octets to read. What is kept is kept before it is read, and a
// checkpoint passed only when what came before it has been.
func (in *inbound) await() error {
	for len(in.chunk) == 0 || in.fresh || len(in.points) > 0 || in.err != nil {
		switch {
		case in.err != nil:
			return in.err
		case len(in.points) > 0:
			serial := in.points[0]
			in.points = in.points[1:]
			in.conn.mu.Unlock()
			in.checkpoint(Mark{Serial: serial})
			in.conn.mu.Lock()
			continue
		case in.fresh:
			octets := in.chunk
			in.fresh = false
			if in.keep != nil {
				in.conn.keeping = true
				in.conn.mu.Unlock()
				in.keep.write(in.conn, octets)
				in.conn.mu.Lock()
				in.conn.keeping = false
				in.conn.notify()
			}
			continue
		case in.eof:
			return io.EOF
		}
		in.conn.waitChange()
	}
	return nil
}

func (in *inbound) take(n int) {
	if in.chunk = in.chunk[n:]; len(in.chunk) == 0 {
		in.chunk = nil
		in.conn.notify()
	}
}

// apduReader is TransferIndication.APDU. What is malformed in the EXTERNAL around
// the APDU aborts the association.
type apduReader struct {
	in  *inbound
	r   io.Reader
	err error
}

func (a *apduReader) Read(p []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.r.Read(p)
	if err != nil {
		a.err = a.in.finish(err)
	}
	return n, a.err
}

// finish judges the error a reader of the APDU ended with.
func (in *inbound) finish(err error) error {
	c := in.conn
	c.mu.Lock()
	switch {
	case in.err != nil:
		err = in.err
	case err != io.EOF:
		reason := ProtocolError
		if errors.As(err, new(*pastError)) {
			reason = LocalSystemProblem
		}
		in.keep.end(asDropped)
		_ = c.step(rtAbort{Reason: reason, Err: err}) // refused only when it is over
		err = c.over()
	}
	c.mu.Unlock()
	return err
}

// Accept says that the APDU is secured: the responsibility for it has passed to
// this side, and the peer is told so (RT-TRANSFER confirm at its end). The APDU
// must have been read to its last octet; what Accept itself waits for is the end
// of the activity behind it. An error says that the peer was not told, or
// that it is not known; it will then send the APDU again.
func (t *TransferIndication) Accept() error {
	c := t.conn
	// A decoder stops at the last octet and has no reason to meet the end.
	n, err := t.APDU.Read(make([]byte, 1))
	if n > 0 {
		return errIncomplete
	}
	if err != io.EOF {
		return err
	}
	c.mu.Lock()
	t.in.keep.end(asAccepted)
	if err = t.settled(); err == nil {
		if err = c.step(rtAccept{}); err == nil {
			t.in.err = errSettled
			c.in = nil
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.flush()
}

// Reject says that the APDU cannot be taken: a user exception with the reason. The
// sender answers by discarding the activity; what still arrives of it is dropped.
func (t *TransferIndication) Reject(reason session.ExceptionReason) error {
	c := t.conn
	c.mu.Lock()
	err := t.settled()
	if err == nil {
		if err = c.step(rtReject{Reason: reason}); err == nil {
			t.in.err = errRejected
			t.in.past.forget()
			c.expect()
			c.notify()
		}
	}
	c.mu.Unlock()
	if err != nil {
		return err
	}
	return c.flush()
}

// settled tells why the indication cannot be answered any more.
func (t *TransferIndication) settled() error {
	if t.in.err != nil {
		return t.in.err
	}
	return t.conn.over()
}
