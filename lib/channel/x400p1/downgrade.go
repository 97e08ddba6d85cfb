package x400p1

import (
	"errors"
	"io"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/downgrade"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
)

// outward is an object as the peer is to get it.
type outward struct {
	envelope ber.Raw
	content  *io.SectionReader
	size     int64                  // of the content, or p1.NoContent
	refused  map[int]channel.Result // recipients that cannot be written for the peer, by their number
	without  string                 // what was left out
}

// as84 makes an object one of 1984, if that is what the association carries.
func (a *association) as84(o *outward, own conf.Identity) error {
	if a.mode != conf.Mode1984 {
		return nil
	}
	size := max(o.size, 0)
	made, err := downgrade.Transfer(o.envelope, o.content, size, downgrade.Peer{Domain: own.Domain, TakesP22: a.peer.Content1984 == conf.ContentP22})
	if err != nil {
		return err
	}
	if made.Content != nil {
		o.content, o.size = made.Content.Of(o.content), made.Content.Size()
	}
	o.envelope = made.Envelope
	for _, r := range made.Refused {
		o.refuse(r.Place+1, r.Err)
	}
	if len(made.Lost) > 0 {
		o.without = "as of 1984, without " + strings.Join(made.Lost, ", ")
	}
	return nil
}

// refuse gives a recipient an outcome of its own.
func (o *outward) refuse(n int, err error) {
	if o.refused == nil {
		o.refused = map[int]channel.Result{}
	}
	f := failure(err)
	f.N = n
	o.refused[n] = f
}

// outcomes are those of a job: one for all, but for the recipients refused.
func (o *outward) outcomes(j channel.Job, r channel.Result) []channel.Result {
	all := everyone(j, r)
	for i := range all {
		if f, ok := o.refused[all[i].N]; ok {
			all[i] = f
		}
	}
	return all
}

// failure is the outcome of what cannot be sent, or not now.
func failure(err error) channel.Result {
	var no *downgrade.Impossible
	switch {
	case errors.As(err, &no):
		return channel.Result{Outcome: channel.OutcomeFailed, Reason: int(no.Reason()), Diagnostic: int(no.Diagnostic()), Text: no.Error()}
	case diag.KindOf(err) == diag.Data:
		return channel.Result{Outcome: channel.OutcomeFailed, Reason: int(mts.UnableToTransfer), Diagnostic: int(mts.ProtocolViolation), Text: err.Error()}
	}
	return channel.Result{Outcome: channel.OutcomeDeferred, Text: err.Error()}
}

// upgrade makes what a peer of 1984 sent an object of the later editions; of what any
// other sent, the addresses that this switch has given to peers of 1984.
func (a *association) upgrade(in *p1.Incoming, own conf.Identity) error {
	if a.mode != conf.Mode1984 {
		return downgrade.Unwrap(in, own.Domain)
	}
	return downgrade.Upgrade(in, own.Domain)
}
