package channel

import (
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// Later is the outcome of what went wrong here and may go right another time.
func Later(err error) Result {
	return Result{Outcome: OutcomeDeferred, Text: err.Error()}
}

// Never is the outcome of what will not go right: a non-delivery with its reason and diagnostic
// (X.411 §8.3.1.2.1).
func Never(r mts.ReasonCode, d mts.DiagnosticCode, text string) Result {
	return Result{Outcome: OutcomeFailed, Reason: int(r), Diagnostic: int(d), Text: text}
}

// All is one outcome for every recipient of the job.
func (j *Job) All(r Result) []Result {
	all := make([]Result, len(j.Recipients))
	for i, n := range j.Recipients {
		all[i] = r
		all[i].N = n
	}
	return all
}

// Original opens the message of a job, which the caller closes, and decodes its X.411 envelope. If
// that cannot be done there is no message, and an outcome of all recipients.
func (h *Host) Original(j *Job) (*spool.Message, *p1.Original, []Result) {
	m, err := h.Spool.OpenMessage(j.Ref)
	if err != nil {
		return nil, nil, j.All(Later(err))
	}
	o, err := p1.ReadOriginal(m.Envelope.Wire, p1.Limits{})
	if err != nil {
		_ = m.Close() // it was only read
		return nil, nil, j.All(Never(mts.UnableToTransfer, mts.ProtocolViolation, err.Error()))
	}
	return m, o, nil
}
