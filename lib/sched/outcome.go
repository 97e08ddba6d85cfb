package sched

import (
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// Kind is what became of a recipient in one attempt. The set is closed.
type Kind uint8

// The outcomes. All but Deferred and InDoubt are final.
const (
	Transferred Kind = iota + 1 // responsibility passed to the next MTA; no report is owed for it
	Delivered                   // delivered here; Outcome.Time is the message-delivery-time
	Redirected                  // sent on to another recipient; Outcome.Child carries it
	Expanded                    // a distribution list; Outcome.Child carries its members
	Moved                       // continues in another message of ours; Outcome.Child carries it
	Deferred                    // not now; Outcome.Until, or the back-off, says when
	Failed                      // never; Outcome.Reason and Diagnostic say why (X.411 §8.3.1.2.1)
	InDoubt                     // sent without an answer: resumed or sent again, counted, and not given up before it is known
	Deleted                     // removed by an operator; no report is owed for it
)

var kindNames = [...]string{
	Transferred: "transferred",
	Delivered:   "delivered",
	Redirected:  "redirected",
	Expanded:    "expanded",
	Moved:       "moved",
	Deferred:    "deferred",
	Failed:      "failed",
	InDoubt:     "in-doubt",
	Deleted:     "deleted",
}

// String returns the outcome's name as logs and the channel protocol spell it.
func (k Kind) String() string {
	if k >= Transferred && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return "unknown"
}

// ParseKind returns the outcome that String spells name.
func ParseKind(name string) (Kind, bool) {
	for k := Transferred; int(k) < len(kindNames); k++ {
		if kindNames[k] == name {
			return k, true
		}
	}
	return 0, false
}

// Final reports whether the recipient is done with.
func (k Kind) Final() bool { return k != Deferred && k != InDoubt && k != 0 }

// Outcome is the result of one attempt for one recipient. It is a value and may
// be compared with ==.
type Outcome struct {
	Kind       Kind
	Reason     int       // Failed: non-delivery-reason-code
	Diagnostic int       // Failed: non-delivery-diagnostic-code, or spool.NoDiagnostic
	Text       string    // Deferred, Failed, InDoubt: for people; Failed: supplementary-information
	Until      time.Time // Deferred: not before; zero leaves it to the back-off
	Time       time.Time // Delivered: message-delivery-time
	Child      spool.ID  // Redirected, Expanded, Moved
	PeerFault  bool      // Deferred: the peer could not be reached, so the peer waits, not the message
	Lost       bool      // InDoubt, Deferred: the association is over, and AssociationDown will tell
	Resumed    bool      // Transferred: as what was sent before
	Again      bool      // of a Final: the recipient was sent it before, without an answer, and may have it twice
}

// Result is the outcome of one recipient of a job.
type Result struct {
	N int // the recipient's number in its message
	Outcome
	Hops []spool.Hop // Deferred: it goes on by these, at once, and this was no attempt
	Hold string      // with Hops: why it is held instead, until it is released
}
