package channel

import (
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

// InternalTrace is the internal trace of an object that leaves this MTA, or is delivered
// by it: with this MTA's element (X.411 §12.3.1). What was made here of another object
// has it already, with what was done.
func InternalTrace(t mts.InternalTraceInformation, env *spool.Envelope, own conf.Identity) mts.InternalTraceInformation {
	domain, mta := mts.NewGlobalDomainIdentifier(own.Domain), mts.MTAName(own.MTA)
	if n := len(t); env.Parent != "" && n > 0 && t[n-1].MTAName == mta && t[n-1].GlobalDomainIdentifier.Equal(domain) {
		return t
	}
	return mts.AppendInternalTrace(t, domain, mta, env.Accepted)
}
