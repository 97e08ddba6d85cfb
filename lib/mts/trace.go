package mts

import (
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// TraceInformation is the path of an object through the management domains,
// oldest first, X.411 §12.2.1.1.1 and §12.3.1. It has at most UbTransfers
// elements.
type TraceInformation []TraceInformationElement

// ASN1Type implements ber.Typed.
func (TraceInformation) ASN1Type() string { return "[APPLICATION 9]" }

// TraceInformationElement is what one domain did.
type TraceInformationElement struct {
	_                         ber.Sequence
	GlobalDomainIdentifier    GlobalDomainIdentifier
	DomainSuppliedInformation DomainSuppliedInformation
	Unknown                   []ber.Raw `ber:"..."`
}

// DomainSuppliedInformation is the X.411 type of that name. Its components stand
// in the order DER gives a SET.
type DomainSuppliedInformation struct {
	_                                ber.Set
	AttemptedDomain                  *GlobalDomainIdentifier  `ber:"OPTIONAL"`
	ConvertedEncodedInformationTypes *EncodedInformationTypes `ber:"OPTIONAL"`
	ArrivalTime                      Time                     `ber:"[0]"`
	DeferredTime                     Time                     `ber:"[1] OPTIONAL"`
	RoutingAction                    RoutingAction            `ber:"[2]"`
	OtherActions                     OtherActions             `ber:"[3] DEFAULT"`
	Unknown                          []ber.Raw                `ber:"..."`
}

// InternalTraceInformation is the path of an object through the MTAs, oldest
// first. It has a meaning inside one domain; at its border it may be dropped or
// kept by local rule.
type InternalTraceInformation []InternalTraceInformationElement

// InternalTraceInformationElement is what one MTA did.
type InternalTraceInformationElement struct {
	_                      ber.Sequence
	GlobalDomainIdentifier GlobalDomainIdentifier
	MTAName                MTAName
	MTASuppliedInformation MTASuppliedInformation
	Unknown                []ber.Raw `ber:"..."`
}

// MTASuppliedInformation is the X.411 type of that name. Its components stand in
// the order DER gives a SET.
type MTASuppliedInformation struct {
	_                                ber.Set
	Attempted                        *Attempted               `ber:"OPTIONAL"`
	ConvertedEncodedInformationTypes *EncodedInformationTypes `ber:"OPTIONAL"`
	ArrivalTime                      Time                     `ber:"[0]"`
	DeferredTime                     Time                     `ber:"[1] OPTIONAL"`
	RoutingAction                    RoutingAction            `ber:"[2]"`
	OtherActions                     OtherActions             `ber:"[3] DEFAULT"`
	Unknown                          []ber.Raw                `ber:"..."`
}

// Attempted is the next MTA or domain that a transfer was tried to in vain.
type Attempted struct {
	_      ber.Choice
	MTA    *MTAName
	Domain *GlobalDomainIdentifier
}

// RoutingAction is the X.411 type of that name.
type RoutingAction asn1.Enumerated

// The routing actions.
const (
	Relayed  RoutingAction = 0
	Rerouted RoutingAction = 1
)

// ASN1Type implements ber.Typed.
func (RoutingAction) ASN1Type() string { return "ENUMERATED" }

// String returns X.411's name of the action.
func (r RoutingAction) String() string {
	if r == Rerouted {
		return "rerouted"
	}
	return "relayed"
}

// OtherActions is the X.411 type of that name.
type OtherActions asn1.BitString

// ASN1Type implements ber.Typed.
func (OtherActions) ASN1Type() string { return "BIT STRING" }

// NewOtherActions returns the given actions.
func NewOtherActions(redirected, dlOperation bool) OtherActions {
	var b asn1.BitString
	if redirected {
		b.Set(0)
	}
	if dlOperation {
		b.Set(1)
	}
	return OtherActions(b)
}

// Redirected reports whether a recipient was redirected.
func (o OtherActions) Redirected() bool { return asn1.BitString(o).At(0) }

// DLOperation reports whether a distribution list was expanded.
func (o OtherActions) DLOperation() bool { return asn1.BitString(o).At(1) }

// String returns the names of the actions, separated by commas.
func (o OtherActions) String() string {
	return bitNames(asn1.BitString(o), "redirected", "dl-operation")
}

// union returns the actions of o and p together.
func (o OtherActions) union(p OtherActions) OtherActions {
	b := asn1.BitString(o).Clone()
	for i := range asn1.BitString(p).BitLength {
		if asn1.BitString(p).At(i) {
			b.Set(i)
		}
	}
	return OtherActions(b)
}

// AdditionalActions is what a domain or an MTA may do to an object besides
// passing it on, X.411 figure 4. A zero field is an action not done.
type AdditionalActions struct {
	DeferredTime                     Time
	ConvertedEncodedInformationTypes *EncodedInformationTypes
	OtherActions                     OtherActions
}

// AppendTrace returns the trace of an object that arrives in domain own at the
// given time, X.411 §12.3.1: with an element for own at the end, unless the last
// element is own's already, as it is when the object came from another MTA of
// the domain. The submission of an object is an arrival too. The trace given is
// not changed.
func AppendTrace(t TraceInformation, own GlobalDomainIdentifier, arrival time.Time) TraceInformation {
	if len(t) > 0 && t[len(t)-1].GlobalDomainIdentifier.Equal(own) {
		return t
	}
	return append(slices.Clip(t), TraceInformationElement{
		GlobalDomainIdentifier:    own,
		DomainSuppliedInformation: DomainSuppliedInformation{ArrivalTime: asn1.NewUTCTime(arrival)},
	})
}

// RecordTrace returns the trace with actions added to the last element of own;
// a trace without one is returned as it is. The trace given is not changed.
func RecordTrace(t TraceInformation, own GlobalDomainIdentifier, a AdditionalActions) TraceInformation {
	i := lastIndex(t, func(e *TraceInformationElement) bool { return e.GlobalDomainIdentifier.Equal(own) })
	if i < 0 {
		return t
	}
	t = slices.Clone(t)
	s := &t[i].DomainSuppliedInformation
	a.record(&s.DeferredTime, &s.ConvertedEncodedInformationTypes, &s.OtherActions)
	return t
}

// RerouteTrace returns the trace with a further element of own, which says that
// a transfer to the domain attempted, nil if it is not known, failed and another way
// is taken, X.411 §12.3.1. The trace given is not changed.
func RerouteTrace(t TraceInformation, own GlobalDomainIdentifier, attempted *GlobalDomainIdentifier, arrival time.Time) TraceInformation {
	return append(slices.Clip(t), TraceInformationElement{
		GlobalDomainIdentifier: own,
		DomainSuppliedInformation: DomainSuppliedInformation{
			ArrivalTime:     asn1.NewUTCTime(arrival),
			RoutingAction:   Rerouted,
			AttemptedDomain: attempted,
		},
	})
}

// LoopDetected reports whether an object with trace t, as it arrives and before
// AppendTrace, is caught in a loop between domains, X.411 §14. It is when own has
// been visited before and no element after that visit shows a reason to come back: a
// rerouting, a redirection or the expansion of a list. Elements of own's at the end
// are not a visit before but the present one: the object came from another MTA of
// the domain. That MTA may have let it in all the same, so what is older is judged
// again; else a domain whose border MTAs look away would loop for ever.
// A trace without room for another element counts as a loop.
//
// A message in a loop is not delivered for unable-to-transfer and loop-detected;
// a report is discarded.
func LoopDetected(t TraceInformation, own GlobalDomainIdentifier) bool {
	mine := func(e *TraceInformationElement) bool { return e.GlobalDomainIdentifier.Equal(own) }
	n := len(t)
	for n > 0 && mine(&t[n-1]) {
		n--
	}
	if n == len(t) && n >= UbTransfers {
		return true
	}
	i := lastIndex(t[:n], mine)
	if i < 0 {
		return false
	}
	for j := i + 1; j < n; j++ {
		s := &t[j].DomainSuppliedInformation
		if sendsBack(s.RoutingAction, s.OtherActions) {
			return false
		}
	}
	return true
}

// AppendInternalTrace returns the internal trace of an object that arrives at
// the MTA name of domain own: with an element for it at the end. Every MTA adds
// one, the submitting one included. The trace given is not changed.
func AppendInternalTrace(t InternalTraceInformation, own GlobalDomainIdentifier, name MTAName, arrival time.Time) InternalTraceInformation {
	return append(slices.Clip(t), InternalTraceInformationElement{
		GlobalDomainIdentifier: own,
		MTAName:                name,
		MTASuppliedInformation: MTASuppliedInformation{ArrivalTime: asn1.NewUTCTime(arrival)},
	})
}

// RecordInternalTrace is RecordTrace for the internal trace.
func RecordInternalTrace(t InternalTraceInformation, own GlobalDomainIdentifier, name MTAName, a AdditionalActions) InternalTraceInformation {
	i := lastIndex(t, func(e *InternalTraceInformationElement) bool { return e.is(own, name) })
	if i < 0 {
		return t
	}
	t = slices.Clone(t)
	s := &t[i].MTASuppliedInformation
	a.record(&s.DeferredTime, &s.ConvertedEncodedInformationTypes, &s.OtherActions)
	return t
}

// RerouteInternalTrace is RerouteTrace for the internal trace; attempted is the
// next MTA or domain that could not be reached.
func RerouteInternalTrace(t InternalTraceInformation, own GlobalDomainIdentifier, name MTAName, attempted Attempted, arrival time.Time) InternalTraceInformation {
	return append(slices.Clip(t), InternalTraceInformationElement{
		GlobalDomainIdentifier: own,
		MTAName:                name,
		MTASuppliedInformation: MTASuppliedInformation{
			ArrivalTime:   asn1.NewUTCTime(arrival),
			RoutingAction: Rerouted,
			Attempted:     &attempted,
		},
	})
}

// InternalLoopDetected reports whether an object with internal trace t, as it
// arrives and before AppendInternalTrace, is caught in a loop between the MTAs of
// a domain: it has passed the MTA name of own more than tolerated times since an
// element last showed a reason to come back. X.411 tolerates none; since
// elements of rerouting are not everywhere written, some passes should be. A
// trace without room for another element counts as a loop.
func InternalLoopDetected(t InternalTraceInformation, own GlobalDomainIdentifier, name MTAName, tolerated int) bool {
	if len(t) >= UbTransfers {
		return true
	}
	passes := 0
	for i := range t {
		s := &t[i].MTASuppliedInformation
		mine := t[i].is(own, name)
		switch {
		case mine && s.RoutingAction != Rerouted:
			passes++
		case !mine && sendsBack(s.RoutingAction, s.OtherActions):
			passes = 0
		}
	}
	return passes > tolerated
}

func (e *InternalTraceInformationElement) is(own GlobalDomainIdentifier, name MTAName) bool {
	return e.MTAName == name && e.GlobalDomainIdentifier.Equal(own)
}

// sendsBack reports whether an element shows a reason for an object to come
// where it has been.
func sendsBack(r RoutingAction, o OtherActions) bool {
	return r == Rerouted || o.Redirected() || o.DLOperation()
}

func (a AdditionalActions) record(deferred *Time, eits **EncodedInformationTypes, other *OtherActions) {
	if a.DeferredTime != "" {
		*deferred = a.DeferredTime
	}
	if a.ConvertedEncodedInformationTypes != nil {
		*eits = a.ConvertedEncodedInformationTypes
	}
	*other = other.union(a.OtherActions)
}

func lastIndex[S ~[]E, E any](s S, match func(*E) bool) int {
	for i := len(s) - 1; i >= 0; i-- {
		if match(&s[i]) {
			return i
		}
	}
	return -1
}
