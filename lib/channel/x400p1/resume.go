package x400p1

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"slices"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/spool"
)

// object is an MTS-APDU to be sent: what comes before the content, and the content,
// which ends it.
type object struct {
	prefix  []byte
	content *io.SectionReader
	derived bool // the content is not the one in the spool, which never changes
	sum     string
}

// ReadAt implements io.ReaderAt.
func (o *object) ReadAt(p []byte, off int64) (int, error) {
	n := 0
	if off < int64(len(o.prefix)) {
		n = copy(p, o.prefix[off:])
	}
	if n == len(p) {
		return n, nil
	}
	m, err := o.content.ReadAt(p[n:], off+int64(n)-int64(len(o.prefix)))
	return n + m, err
}

// digest is that of what might be other octets when the object is sent again: what comes
// before the content, and the content if it was derived.
func (o *object) digest() (string, error) {
	if o.sum == "" {
		h := sha256.New()
		h.Write(o.prefix)
		if o.derived {
			if _, err := io.Copy(h, io.NewSectionReader(o.content, 0, o.content.Size())); err != nil {
				return "", err
			}
		}
		o.sum = hex.EncodeToString(h.Sum(nil))
	}
	return o.sum, nil
}

// resumption is how a job is transferred: from where it was interrupted when it was last
// tried with this peer, if it is the same object still.
func (a *association) resumption(j channel.Job, o *object, size int64) rtse.TransferOptions {
	if !a.peer.Recovery {
		return rtse.TransferOptions{}
	}
	a.channel.recovery.sentAgain(a.peer.Name, j.Ref.ID)
	options := rtse.TransferOptions{Resumable: true, Progress: func(r rtse.Resumption) {
		a.channel.host.Transfer(j, transferOf(&r, o, size))
	}}
	if j.Fresh {
		return options
	}
	records, _, err := a.channel.host.Spool.ReadLog(j.Ref)
	if err != nil {
		return options // it begins anew
	}
	for _, r := range slices.Backward(records) {
		if r.Kind != spool.RecordTransfer || r.Peer != a.peer.Name || !slices.Equal(r.Recipients, j.Recipients) {
			continue
		}
		t := r.Transfer
		if t == nil || t.Size != size {
			break
		}
		if sum, err := o.digest(); err == nil && sum == t.Digest {
			options.Resume = &rtse.Resumption{
				Connection: &session.ConnectionIdentifier{CalledReference: t.Called, CallingReference: t.Calling,
					CommonReference: t.Common, AdditionalReference: t.Additional},
				Old: t.Activity, Serial: session.SerialNumber(t.Serial), Octets: t.Octets, Header: t.Header, Ended: t.Ended, Tries: t.Tries,
			}
		}
		break
	}
	return options
}

// remember has the log of the message remember where a transfer was interrupted, or that
// it cannot be resumed where it was before, if that was known.
func (a *association) remember(j channel.Job, o *object, size int64, was *rtse.Resumption, result rtse.TransferResult) {
	a.interrupt(j.Ref.ID, !result.Confirmed && result.Interrupted != nil)
	if result.Confirmed || result.Interrupted == nil && was == nil {
		return
	}
	a.channel.host.Transfer(j, transferOf(result.Interrupted, o, size))
}

func transferOf(r *rtse.Resumption, o *object, size int64) *spool.Transfer {
	if r == nil || r.Connection == nil {
		return nil
	}
	c := r.Connection
	sum, err := o.digest()
	if err != nil {
		return nil // nor could it be read to be resumed
	}
	return &spool.Transfer{
		Called: c.CalledReference, Calling: c.CallingReference, Common: c.CommonReference, Additional: c.AdditionalReference,
		Activity: r.Old, Serial: int64(r.Serial), Octets: r.Octets, Ended: r.Ended, Header: r.Header,
		Size: size, Digest: sum, Tries: r.Tries,
	}
}
