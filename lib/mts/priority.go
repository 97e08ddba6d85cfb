package mts

import (
	"fmt"
	"strconv"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
)

// Priority is the priority of a message, X.411 §8.2.1.1.1. The order of the
// numbers is not the order of transfer; Before is.
type Priority asn1.Enumerated

// ASN1Type implements ber.Typed.
func (Priority) ASN1Type() string { return "[APPLICATION 7] ENUMERATED" }

// The priorities.
const (
	Normal    Priority = 0
	NonUrgent Priority = 1
	Urgent    Priority = 2
)

var priorityNames = [...]string{Normal: "normal", NonUrgent: "non-urgent", Urgent: "urgent"}

// String returns X.411's name of the priority.
func (p Priority) String() string {
	if p >= 0 && int(p) < len(priorityNames) {
		return priorityNames[p]
	}
	return strconv.FormatInt(int64(p), 10)
}

// ParsePriority reads a name as String writes it.
func ParsePriority(s string) (Priority, error) {
	for p, name := range priorityNames {
		if s == name {
			return Priority(p), nil
		}
	}
	return Normal, diag.E("mts: priority", diag.Data,
		fmt.Errorf("%q is not one of urgent, normal, non-urgent", s))
}

// Before reports whether an object of priority p is dealt with before one of
// priority q: urgent, then normal, then non-urgent. A number X.411 does not
// define counts as normal.
func (p Priority) Before(q Priority) bool { return p.rank() < q.rank() }

func (p Priority) rank() int {
	switch p {
	case Urgent:
		return 0
	case NonUrgent:
		return 2
	}
	return 1
}

// Time is the X.411 Time, a UTCTime: YYMMDDhhmm[ss] with Z or a differential.
type Time = asn1.UTCTime
