package x400p1

import (
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// outgoing is the envelope as the next MTA, peer, gets it (X.411 §14.6): responsible
// for the recipients of this job and no others, and with the trace of this domain and
// this MTA. Everything else keeps its octets.
func outgoing(env *spool.Envelope, own conf.Identity, recipients []int, peer string) (ber.Raw, error) {
	e, err := p1.DecodeCommon(env.Wire, p1.Limits{})
	if err != nil {
		return nil, err
	}
	domain, mta := mts.NewGlobalDomainIdentifier(own.Domain), mts.MTAName(own.MTA)
	trace := mts.AppendTrace(e.Trace, domain, env.Accepted)
	internal, _, err := mts.Ext(e.Extensions, mts.ExtInternalTraceInformation)
	unread := err != nil // others' business: it goes on as it came
	internal = channel.InternalTrace(internal, env, own)
	if env.Deferred.After(env.Accepted) && !env.PassOn {
		held := mts.AdditionalActions{DeferredTime: asn1.NewUTCTime(env.Deferred)}
		trace = mts.RecordTrace(trace, domain, held)
		internal = mts.RecordInternalTrace(internal, domain, mta, held)
	}
	if first := passedOver(env, recipients, peer); first != "" {
		// Whoever gets the message back because of it must not take it for a loop.
		attempted := mts.MTAName(first)
		trace = mts.RerouteTrace(trace, domain, nil, env.Accepted)
		internal = mts.RerouteInternalTrace(internal, domain, mta, mts.Attempted{MTA: &attempted}, env.Accepted)
	}
	if unread {
		internal = nil
	}
	responsible := make(map[int]bool, len(recipients)) // up to 32767 of them
	for _, n := range recipients {
		responsible[n] = true
	}
	return p1.Relay(env.Wire, p1.Edit{
		Responsible:   func(index, _ int) bool { return responsible[index+1] },
		Trace:         trace,
		InternalTrace: internal,
	})
}

// passedOver is the peer that the route of one of the recipients prefers to this one,
// which it names as an alternate; "" if there is none.
func passedOver(env *spool.Envelope, recipients []int, peer string) string {
	for i := range env.Recipients {
		r := &env.Recipients[i]
		alternate := func(h spool.Hop) bool { return h.Peer == peer }
		if slices.IndexFunc(r.Hops, alternate) > 0 && slices.Contains(recipients, r.N) {
			return r.Hops[0].Peer
		}
	}
	return ""
}
