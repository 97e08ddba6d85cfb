// Package downgrade is the way between the 1988 and later editions of X.400 and
// that of 1984: X.419 Annex B, and RFC 1328 where the annex loses more than it
// must.
//
// Transfer takes the envelope part and the content of a message, probe or report
// and returns what an MTA of 1984 can read, with a list of what it had no place
// for, or says why there is nothing to send (unable-to-transfer,
// unable-to-downgrade). A content is not held in memory: it is planned, as a list
// of octets of its own and of stretches of the old content, and its size is known
// before the first octet is sent. Upgrade is the way back, for envelopes alone.
//
// What is lost, and what ends in a non-delivery, is told to operators in
// mta-1984(7); the two are to agree.
package downgrade

import (
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/mts"
)

// Impossible says that an object, or a recipient of it, has no 1984 form. It is
// not delivered for Reason and Diagnostic.
type Impossible struct{ What string }

func (i *Impossible) Error() string { return "unable to downgrade: " + i.What }

// Reason is what a report of the non-delivery says, X.419 Annex B.
func (i *Impossible) Reason() mts.ReasonCode { return mts.UnableToTransfer }

// Diagnostic is what a report of the non-delivery says, X.419 Annex B.
func (i *Impossible) Diagnostic() mts.DiagnosticCode { return mts.UnableToDowngrade }

func impossible(format string, args ...any) error {
	return &Impossible{fmt.Sprintf(format, args...)}
}

// losses collects what a 1984 form has no place for, each once.
type losses []string

func (l *losses) add(what string) {
	if !slices.Contains(*l, what) {
		*l = append(*l, what)
	}
}
