package x400p1

import (
	"errors"
	"io"
	"net"
	"net/netip"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// malformed is an object that is no MTS-APDU, or one that nobody can answer for.
type malformed struct{ err error }

func (m *malformed) Error() string { return m.err.Error() }
func (m *malformed) Unwrap() error { return m.err }

// take takes one object from the peer. It says yes only when the object is durable.
// An error ends the association; a refusal for the time being does not.
func (a *association) take(ind *rtse.TransferIndication) error {
	defer a.keeper.Settled()
	a.answered = nil // the peer has gone on, and so has heard of it
	tx, discarded, err := a.store(ind)
	if err == nil {
		if discarded != "" {
			a.note(audit.Failed, tx.Envelope(), discarded)
		}
		if err = ind.Accept(); err != nil {
			a.note(audit.Unconfirmed, tx.Envelope(), err.Error())
		} else if tx.Discarded == "" {
			env := tx.Envelope()
			// Not all of it: who is idle should not keep the recipients.
			a.answered, a.answeredAt = &spool.Envelope{ID: env.ID, MTSID: env.MTSID, Kind: env.Kind}, a.channel.now()
		}
		if gone(err) {
			return nil // receive hears the end of the association by itself
		}
		return err
	}
	var discard *rtse.Discarded
	if errors.As(err, &discard) {
		a.note(audit.Deferred, nil, "inbound object not taken: "+err.Error())
		return nil
	}
	var bad *malformed
	var aborted *rtse.Abort
	switch {
	case errors.As(err, &aborted), gone(err):
		return nil // likewise
	case errors.As(err, &bad):
		a.conn.Abort(rtse.ProtocolError)
		return err
	}
	// The disk is full, or the scheduler has gone: not now.
	a.note(audit.Deferred, nil, "inbound object not taken: "+err.Error())
	if err := ind.Reject(session.ExceptionJeopardized); err != nil && !gone(err) {
		return err
	}
	return nil
}

// unheard notes what was accepted last over an association that is lost soon after: the
// yes may be lost with it.
func (a *association) unheard(end error) {
	if a.answered == nil || end == nil || a.channel.ctx.Err() != nil ||
		a.channel.now().Sub(a.answeredAt) > a.channel.settings().own.TransferTimeout.D() {
		return
	}
	a.note(audit.Unconfirmed, a.answered, "answered, and then: "+end.Error())
}

// note writes an event about what comes from the peer; env is nil if that is not known.
func (a *association) note(event string, env *spool.Envelope, text string) {
	r := audit.Record{Time: a.channel.now(), Event: event, Peer: a.peer.Name, Assoc: a.id, Text: text}
	if env != nil {
		r.MTSID, r.Kind = env.MTSID, string(env.Kind)
		if event == audit.Unconfirmed {
			r.ID = string(env.ID) // of the others nothing is in the spool
		}
	}
	a.channel.host.Event(r)
}

// gone tells of an object or an association that the peer has given up.
func gone(err error) bool {
	var discarded *rtse.Discarded
	var aborted *rtse.Abort
	return errors.As(err, &discarded) || errors.As(err, &aborted)
}

// source is where what comes over the association comes from.
func (a *association) source() spool.Source {
	src := spool.Source{Channel: a.channel.host.Name, Peer: a.peer.Name, Identity: a.peer.Name, Mechanism: a.peer.Credentials}
	if a.remote.IsValid() {
		src.Client = a.remote.String()
	}
	return src
}

// addressOf is the IP address of a network address; the zero Addr if it has none.
func addressOf(a net.Addr) netip.Addr {
	if tcp, ok := a.(*net.TCPAddr); ok {
		return tcp.AddrPort().Addr().Unmap().WithZone("")
	}
	return netip.Addr{}
}

// store reads an object into the spool and makes it durable.
func (a *association) store(ind *rtse.TransferIndication) (tx *submit.Tx, discarded string, err error) {
	s := a.channel.settings()
	in, err := p1.ReadAPDU(ind.APDU, p1.Limits{Envelope: int(s.Limits.EnvelopeOctets)})
	if err != nil {
		return nil, "", asMalformed(err)
	}
	if err := a.upgrade(in, s.Identity); err != nil {
		return nil, "", asMalformed(err)
	}
	src := a.source()
	switch in.Kind {
	case p1.Message:
		tx, err = s.door.Message(src, in.Envelope, in.Message)
	case p1.Probe:
		tx, err = s.door.Probe(src, in.Envelope, in.Probe)
	default:
		tx, err = s.door.Report(src, in.Envelope, in.Report, nil)
	}
	if err != nil {
		return nil, "", asMalformed(err)
	}
	if tx.Discarded == "" {
		a.keeper.Becomes(tx.Envelope().ID)
	}
	if err := copyContent(tx, in); err != nil {
		return nil, "", errors.Join(err, tx.Abort())
	}
	if in.Kind == p1.Report {
		if err := a.upgrade(in, s.Identity); err != nil {
			return nil, "", errors.Join(asMalformed(err), tx.Abort())
		}
		if err := tx.CompleteReport(in.Envelope, in.Report); err != nil {
			return nil, "", err
		}
	}
	switch err := a.keeper.Whole(); {
	case errors.Is(err, errAccepted):
		a.note(audit.Repeated, tx.Envelope(), err.Error())
		return tx, "", tx.Abort() // there is a yes to be said, and nothing to be taken
	case err != nil:
		return nil, "", errors.Join(err, tx.Abort())
	}
	if _, err := tx.Commit(a.channel.ctx); err != nil {
		return nil, "", err
	}
	if in.Kind == p1.Report && tx.Discarded != "" {
		// Nobody is delivered it; what this MTA asked for itself it is to hear all the same.
		if r, ok := report.AuditEvent(in.Report, p1.NoContent); ok {
			r.Time, r.Peer, r.Assoc = a.channel.now(), a.peer.Name, a.id
			a.channel.host.Event(r)
		}
	}
	return tx, tx.Discarded, nil
}

// copyContent streams the content to the disk.
func copyContent(tx *submit.Tx, in *p1.Incoming) error {
	w := &errWriter{w: tx}
	if _, err := io.Copy(w, in.Content); err != nil {
		if w.err != nil {
			return w.err
		}
		return asMalformed(err)
	}
	if err := in.Finish(); err != nil {
		return asMalformed(err)
	}
	return nil
}

// errWriter tells an error of writing from one of reading.
type errWriter struct {
	w   io.Writer
	err error
}

func (e *errWriter) Write(p []byte) (int, error) {
	n, err := e.w.Write(p)
	e.err = err
	return n, err
}

// asMalformed marks what the peer has encoded wrongly; other errors stay.
func asMalformed(err error) error {
	if k := diag.KindOf(err); k == diag.Data || k == diag.Protocol {
		return &malformed{err}
	}
	return err
}
