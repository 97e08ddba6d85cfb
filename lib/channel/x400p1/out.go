package x400p1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// everyone gives all recipients of a job one outcome.
func everyone(j channel.Job, r channel.Result) []channel.Result {
	all := make([]channel.Result, len(j.Recipients))
	for i, n := range j.Recipients {
		all[i] = r
		all[i].N = n
	}
	return all
}

// soon is when a job is tried again that met an association without the turn: nobody
// is at fault, it was given away while the job was on its way.
const soon = time.Second

var errTransferTime = errors.New("the transfer took longer than transfer-time")

// transfer transfers one message to the peer and tells the outcome.
func (a *association) transfer(j channel.Job) {
	host := a.channel.host
	begun := a.step(p1.TransferRequest, p1.Transfer)
	a.used()
	if !begun {
		host.Results(j, everyone(j, channel.Result{Outcome: channel.OutcomeDeferred, Text: "the turn of the association was given away",
			Until: a.channel.now().Add(soon)})...)
		return
	}
	results := a.send(j)
	// The scheduler must hear that the turn is gone before it hears that the job is
	// done, or it would send the next one into the void.
	if a.conn.TurnWanted() {
		a.requested()
	}
	a.step(p1.TransferConfirm)
	host.Results(j, results...)
	a.step(p1.OutcomeTold)
}

func (a *association) send(j channel.Job) []channel.Result {
	all := func(r channel.Result) []channel.Result { return everyone(j, r) }
	later := func(err error) channel.Result {
		return channel.Result{Outcome: channel.OutcomeDeferred, Text: err.Error()}
	}
	m, err := a.channel.host.Spool.OpenWhole(j.Ref)
	if err != nil {
		return all(later(err))
	}
	defer func() { _ = m.Close() }() // it was only read
	own := a.channel.settings().Identity
	content := m.Content()
	o := outward{content: content, size: m.Envelope.Size}
	if m.Envelope.Kind != spool.KindMessage && o.size == 0 {
		o.size = p1.NoContent
	}
	if o.envelope, err = outgoing(m.Envelope, own, j.Recipients, a.peer.Name); err != nil {
		return all(channel.Result{Outcome: channel.OutcomeFailed, Reason: int(mts.UnableToTransfer), Diagnostic: int(mts.ProtocolViolation), Text: err.Error()})
	}
	if err := a.as84(&o, own); err != nil {
		return all(failure(err))
	}
	prefix, total, err := p1.NewAPDU(o.envelope, o.size)
	if err != nil {
		return all(channel.Result{Outcome: channel.OutcomeFailed, Reason: int(mts.UnableToTransfer), Diagnostic: int(mts.ProtocolViolation), Text: err.Error()})
	}
	object := &object{prefix: prefix, content: o.content, derived: o.content != content}
	options := a.resumption(j, object, total)
	ctx, cancel := context.WithTimeoutCause(a.channel.ctx, a.channel.settings().own.TransferTime.D(), errTransferTime)
	defer cancel()
	result, err := a.conn.TransferWith(ctx, io.NewSectionReader(object, 0, total), total, options)
	a.remember(j, object, total, options.Resume, result)
	switch {
	case result.Confirmed:
		text := o.without
		if r := options.Resume; r != nil && result.Resumed {
			text = strings.TrimPrefix(fmt.Sprintf("%s; resumed behind checkpoint %d, octet %d", text, r.Serial, r.Octets), "; ")
		}
		return o.outcomes(j, channel.Result{Outcome: channel.OutcomeTransferred, Text: text, Resumed: result.Resumed})
	case result.InDoubt:
		return o.outcomes(j, channel.Result{Outcome: channel.OutcomeInDoubt, Text: errors.Join(err, result.Err).Error(), Lost: err != nil})
	case err != nil:
		return o.outcomes(j, channel.Result{Outcome: channel.OutcomeDeferred, Text: err.Error(), PeerFault: true, Lost: true})
	case result.Err != nil:
		return o.outcomes(j, later(result.Err))
	}
	return o.outcomes(j, channel.Result{Outcome: channel.OutcomeDeferred, Text: "the peer did not take it: " + result.Reason.String()})
}
