package conf

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/mts"
)

// The words of the policy of a list (X.402, mhs-dl-policy).
const (
	Unchanged = "unchanged"

	ReportWheneverRequested = "whenever-requested"
	ReportWhenNoPropagation = "when-no-propagation"

	PolicyNoReport      = "no-report"
	PolicyReport        = "report"
	PolicyNonDelivery   = "non-delivery-report"
	PolicyAuditedReport = "audited-report"

	PolicyRequested    = "requested"
	PolicyNotRequested = "not-requested"
	PolicyProhibited   = "prohibited"
	PolicyAllowed      = "allowed"

	ProofByMembers = "dl-members"
	ProofByNobody  = "neither"

	// MethodsRemoved is the only one of List.DeliveryMethods that is no method.
	MethodsRemoved = "removed"
)

// maxMethods bounds the delivery methods of a list: there are ten.
const maxMethods = 10

// policyWord is a component of the policy with the words that it may be.
type policyWord struct {
	key   string
	is    string
	words []string
}

func (l *List) policyWords() []policyWord {
	allowed := []string{Unchanged, PolicyProhibited, PolicyAllowed}
	return []policyWord{
		{"report-from-dl", l.ReportFromDL, []string{ReportWheneverRequested, ReportWhenNoPropagation}},
		{"originating-mta-report", l.OriginatingMTAReport, []string{Unchanged, PolicyReport, PolicyNonDelivery, PolicyAuditedReport}},
		{"originator-report", l.OriginatorReport, []string{Unchanged, PolicyNoReport, PolicyReport, PolicyNonDelivery}},
		{"return-of-content", l.ReturnOfContent, []string{Unchanged, PolicyNotRequested, PolicyRequested}},
		{"priority", l.Priority, []string{Unchanged, mts.Normal.String(), mts.NonUrgent.String(), mts.Urgent.String()}},
		{"disclosure-of-other-recipients", l.Disclosure, allowed},
		{"implicit-conversion", l.ImplicitConversion, allowed},
		{"conversion-with-loss", l.ConversionWithLoss, allowed},
		{"proof-of-delivery", l.ProofOfDelivery, []string{ProofByMembers, ProofByNobody}},
	}
}

// policy checks the policy of a list.
func (v *validator) policy(l *List) {
	for _, w := range l.policyWords() {
		if !slices.Contains(w.words, w.is) {
			v.faultf(w.key, "%s is none of %s", quote([]byte(w.is)), strings.Join(w.words, ", "))
		}
	}
	const key = "requested-delivery-method"
	if len(l.DeliveryMethods) > maxMethods {
		v.faultf(key, "%d methods; there are %d", len(l.DeliveryMethods), maxMethods)
	}
	for i, m := range l.DeliveryMethods {
		at := key + "[" + strconv.Itoa(i) + "]"
		switch _, ok := mts.ParseDeliveryMethod(m); {
		case m == MethodsRemoved && len(l.DeliveryMethods) > 1:
			v.faultf(key, "%s is there by itself", MethodsRemoved)
		case m == MethodsRemoved:
		case !ok:
			v.faultf(at, "%s is no delivery method", quote([]byte(m)))
		case slices.Contains(l.DeliveryMethods[:i], m):
			v.faultf(at, "%s twice", quote([]byte(m)))
		}
	}
}

// SaysNothing tells whether the list leaves it to its members to tell whoever it has the
// message from what has become of that.
func (l *List) SaysNothing() bool {
	return l.ReportFromDL == ReportWhenNoPropagation && (l.Reports == ReportsToOriginator || l.Reports == ReportsToBoth)
}
