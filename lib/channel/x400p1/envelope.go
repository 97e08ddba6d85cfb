package x400p1

import (
	"slices"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// outgoing is the envelope as the next MTA gets it (X.411 §14.6): responsible for
// the recipients of this job and no others, and with the trace of this domain and
// this MTA. Everything else keeps its octets.
func outgoing(env *spool.Envelope, own conf.Identity, recipients []int) (ber.Raw, error) {
	e, err := p1.DecodeCommon(env.Wire, p1.Limits{})
	if err != nil {
		return nil, err
	}
	domain := mts.NewGlobalDomainIdentifier(own.Domain)
	internal, _, err := mts.Ext(e.Extensions, mts.ExtInternalTraceInformation)
	if err != nil {
		return nil, err
	}
	return p1.Relay(env.Wire, p1.Edit{
		Responsible:   func(index, _ int) bool { return slices.Contains(recipients, index+1) },
		Trace:         mts.AppendTrace(e.Trace, domain, env.Accepted),
		InternalTrace: mts.AppendInternalTrace(internal, domain, mts.MTAName(own.MTA), env.Accepted),
	})
}
