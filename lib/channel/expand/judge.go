package expand

import (
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/report"
	"github.com/mtakit/mtakit/lib/route"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// judge decides what becomes of recipients. It does not change, moves nothing and may
// be used by several goroutines.
type judge struct {
	router   *route.Router
	door     *submit.Door
	identity conf.Identity
	submit   map[*conf.List]*permissions
	policies map[*conf.List]p1.Policy
	look     route.Look
}

func newJudge(cfg *conf.Config, door *submit.Door, look route.Look) (*judge, error) {
	j := &judge{door: door, look: look, identity: cfg.Identity, submit: map[*conf.List]*permissions{}, policies: map[*conf.List]p1.Policy{}}
	var err error
	if j.router, err = route.New(cfg); err != nil {
		return nil, err
	}
	lists := make(map[string]*conf.List, len(cfg.Lists))
	for i := range cfg.Lists {
		if a, err := oraddr.Parse(cfg.Lists[i].Address); err == nil { // as the router has found
			lists[a.Key()] = &cfg.Lists[i]
		}
	}
	for _, l := range lists {
		j.policies[l] = policyOf(l)
		if j.submit[l], err = permissionsOf(l, lists); err != nil {
			return nil, diag.E("list "+l.Address, diag.Config, err)
		}
	}
	return j, nil
}

// subject is what is decided about: a recipient of a message, probe or report.
type subject struct {
	env     *spool.Envelope
	common  *p1.Original
	to      spool.Recipient // as the spool has it
	n       int             // in the spool: the place in the envelope, from 1
	address string          // in the spool
	now     time.Time
	// diverted says that it has failed, and goes to the alternate that its originator asked for:
	// its own way is no question any more.
	diverted bool
	// released are the reasons for which it was held, and is no more.
	released []string
	// advise says that others like an address that there is not may be looked for.
	advise bool
}

// fields is what the X.411 envelope says of the recipient; nil in a report.
func (s *subject) fields() *mts.PerRecipientMessageTransferFields {
	if s.n < 1 || s.n > len(s.common.Recipients) {
		return nil
	}
	return &s.common.Recipients[s.n-1]
}

// decision is an outcome, and with a step the child that must be made before.
type decision struct {
	result   channel.Result
	step     string
	envelope ber.Raw
	priority *mts.Priority // of the child; nil: that of its parent
	also     string        // another step is to be done with the child, for this address
	list     string        // that is expanded
	denied   string        // by which rule it is refused and why, for operators
	// otherwise is what is decided if that child cannot be; nil: nothing.
	otherwise *decision
}

func fail(d mts.DiagnosticCode, text string) decision {
	return decision{result: channel.Never(mts.UnableToTransfer, d, text)}
}

// failed is the outcome of a recipient that was refused as it came, or that has failed since.
func failed(as *spool.Failure) channel.Result {
	if as == nil {
		return fail(mts.RecipientUnavailable, "it could not be reached").result
	}
	return channel.Result{Outcome: channel.OutcomeFailed, Reason: as.Reason, Diagnostic: as.Diagnostic, Text: as.Text}
}

// ends is the end of a recipient that nobody is told of.
func ends(text string) decision {
	return decision{result: channel.Result{Outcome: channel.OutcomeMoved, Text: text}}
}

// decide tells what becomes of a recipient.
func (j *judge) decide(s *subject) decision {
	a, err := oraddr.Parse(s.address)
	if err != nil {
		return fail(mts.UnrecognisedORName, err.Error())
	}
	if s.to.Copy {
		return j.copied(s, a)
	}
	if s.common.Kind != p1.Report && s.fields() == nil {
		return fail(mts.InvalidArguments, fmt.Sprintf("no recipient %d", s.n))
	}
	if s.diverted || s.to.Fail != nil { // whatever its own way: that was refused, or has come to nothing
		return j.unreachable(s, nil, decision{result: failed(s.to.Fail)})
	}
	if s.to.Redirect != "" {
		to, err := nameOf(s.to.Redirect)
		if err != nil {
			return fail(mts.UnrecognisedORName, err.Error())
		}
		return j.redirect(s, to, mts.RecipientMDAssignedAlternateRecipient)
	}
	to := j.door.Decide(submit.Asked{Envelope: s.env, To: &s.to, Released: s.released, Address: a, Fields: s.fields(), Look: j.look, Advise: s.advise})
	var d decision
	switch {
	case to.Unavailable != "":
		return decision{result: channel.Result{Outcome: channel.OutcomeDeferred, Text: to.Unavailable}}
	case (to.LookedUp || to.Judged) && to.Fail == nil && to.List == nil && to.Alternate == nil:
		return decision{result: channel.Result{Outcome: channel.OutcomeRouted, Hops: spoolHops(to.Hops), Hold: to.Hold, Text: "by " + to.Rule}}
	case to.List != nil && s.common.Kind == p1.Report:
		return j.forward(s, to.List)
	case to.Fail != nil && s.common.Kind == p1.Report:
		return j.back(s, to.Fail.Text)
	case to.List != nil:
		d = j.list(s, to.List)
		d.list = to.List.Address
	case to.Fail != nil:
		no := decision{result: channel.Result{Outcome: channel.OutcomeFailed, Reason: to.Fail.Reason, Diagnostic: to.Fail.Diagnostic, Text: report.Try(to.Fail.Text, to.Fail.Alternatives)}}
		d = j.unreachable(s, j.router.DomainAlternate(to.Decision), no)
		d.denied = to.Why
		return d
	case to.Alternate != nil:
		d = j.assigned(s, to.Alternate)
	default:
		return j.unreachable(s, nil, nothing(s.now))
	}
	if d.result.Outcome == channel.OutcomeFailed {
		return j.unreachable(s, nil, d)
	}
	return d
}

func spoolHops(of []route.Hop) []spool.Hop {
	hops := make([]spool.Hop, len(of))
	for i, h := range of {
		hops[i] = spool.Hop{Channel: h.Channel, Peer: h.Peer}
	}
	return hops
}

// listOf is the list that an address is, "" if it is none.
func (j *judge) listOf(address string) string {
	a, err := oraddr.Parse(address)
	if err != nil {
		return ""
	}
	if l := j.router.Route(a).List; l != nil {
		return l.Address
	}
	return ""
}

// nothing is decided of what was to be expanded or redirected by another configuration:
// the queue is about to be routed again.
func nothing(now time.Time) decision {
	return decision{result: channel.Result{Outcome: channel.OutcomeDeferred, Text: "there is nothing to be expanded or redirected any more", Until: now.Add(soon)}}
}

func (j *judge) action(s *subject) p1.Action {
	return p1.Action{Domain: mts.NewGlobalDomainIdentifier(j.identity.Domain), MTA: mts.MTAName(j.identity.MTA), Arrived: s.env.Accepted, Now: s.now, Made: s.env.Parent != ""}
}
