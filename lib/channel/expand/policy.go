package expand

import (
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

// policyOf is what the policy of a list (X.402, mhs-dl-policy) changes for its members.
func policyOf(l *conf.List) p1.Policy {
	p := p1.Policy{NoFurtherExpansion: !l.FurtherExpansion, KeepAlternate: !l.AlternateRemoved, NoProofOfDelivery: l.ProofOfDelivery == conf.ProofByNobody,
		MTAReport: requests[l.OriginatingMTAReport], OriginatorReport: requests[l.OriginatorReport]}
	if priority, err := mts.ParsePriority(l.Priority); err == nil {
		p.Priority = &priority
	}
	for bit, one := range map[mts.MessageIndicator][2]bool{
		mts.BitContentReturnRequest:         {l.ReturnOfContent == conf.PolicyRequested, l.ReturnOfContent == conf.PolicyNotRequested},
		mts.BitDisclosureOfOtherRecipients:  {l.Disclosure == conf.PolicyAllowed, l.Disclosure == conf.PolicyProhibited},
		mts.BitImplicitConversionProhibited: {l.ImplicitConversion == conf.PolicyProhibited, l.ImplicitConversion == conf.PolicyAllowed},
	} {
		if one[0] {
			p.Set = append(p.Set, bit)
		}
		if one[1] {
			p.Clear = append(p.Clear, bit)
		}
	}
	switch loss := mts.Allowed; l.ConversionWithLoss {
	case conf.PolicyProhibited:
		loss = mts.Prohibited
		p.ConversionWithLoss = &loss
	case conf.PolicyAllowed:
		p.ConversionWithLoss = &loss
	}
	if len(l.DeliveryMethods) > 0 {
		methods := []mts.DeliveryMethod{}
		for _, text := range l.DeliveryMethods {
			if m, ok := mts.ParseDeliveryMethod(text); ok { // it is removed otherwise
				methods = append(methods, m)
			}
		}
		p.Methods = &methods
	}
	return p
}

// requests are the words for reports; those that are none leave the request as it is.
var requests = func() map[string]*mts.ReportRequest {
	all := map[string]*mts.ReportRequest{}
	for _, r := range []mts.ReportRequest{mts.ReportNone, mts.ReportNonDelivery, mts.ReportAlways, mts.ReportAudited} {
		all[r.String()] = &r
	}
	return all
}()

// permissions tell who may use a list.
type permissions struct {
	patterns []oraddr.Pattern
	names    map[string]bool // addresses by key: individuals, and members of lists
}

// permissionsOf are those of a list, nil for everybody.
func permissionsOf(l *conf.List, lists map[string]*conf.List) (*permissions, error) {
	if len(l.Submit) == 0 {
		return nil, nil
	}
	p := &permissions{names: map[string]bool{}}
	for _, text := range l.Submit {
		one, err := conf.ParsePermission(text)
		if err != nil {
			return nil, err
		}
		switch {
		case one.Individual != nil:
			p.names[one.Individual.Key()] = true
		case one.MemberOf != nil:
			p.members(one.MemberOf.Key(), lists, map[string]bool{})
		default:
			p.patterns = append(p.patterns, *one.Pattern)
		}
	}
	return p, nil
}

// members permits those of a list, and of each list among them that is one of this MTA.
func (p *permissions) members(of string, lists map[string]*conf.List, seen map[string]bool) {
	l := lists[of]
	if l == nil || seen[of] {
		return
	}
	seen[of] = true
	for _, text := range l.Members {
		if a, err := oraddr.Parse(text); err == nil { // which was validated
			p.names[a.Key()] = true
			p.members(a.Key(), lists, seen)
		}
	}
}

// allow tells whether the originator, or the list the message comes from, may use the list.
func (p *permissions) allow(sender oraddr.ORName) bool {
	if p == nil {
		return true
	}
	a, err := sender.Address()
	if err != nil {
		return false
	}
	if p.names[a.Key()] {
		return true
	}
	for i := range p.patterns {
		if ok, _ := p.patterns[i].Match(a); ok {
			return true
		}
	}
	return false
}
