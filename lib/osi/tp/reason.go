package tp

import "fmt"

// Reason is the reason of a DR (X.224 §13.5.3).
type Reason uint8

// The reasons that may be used in every class, and the one class negotiation
// needs.
const (
	ReasonUnspecified       Reason = 0
	ReasonCongestion        Reason = 1
	ReasonNotAttached       Reason = 2 // session entity not attached to the TSAP
	ReasonAddressUnknown    Reason = 3
	ReasonNegotiationFailed Reason = 128 + 2
)

var reasonNames = map[Reason]string{
	ReasonUnspecified:       "reason not specified",
	ReasonCongestion:        "congestion at TSAP",
	ReasonNotAttached:       "session entity not attached to TSAP",
	ReasonAddressUnknown:    "address unknown",
	128 + 0:                 "normal disconnect",
	128 + 1:                 "remote transport entity congested",
	ReasonNegotiationFailed: "connection negotiation failed",
	128 + 3:                 "duplicate source reference",
	128 + 4:                 "mismatched references",
	128 + 5:                 "protocol error",
	128 + 7:                 "reference overflow",
	128 + 8:                 "connection request refused on this network connection",
	128 + 10:                "header or parameter length invalid",
}

// String names the reason.
func (r Reason) String() string {
	if s, ok := reasonNames[r]; ok {
		return s
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Persistent tells whether trying again will be answered the same way (X.224
// §13.5.3, the reasons marked persistent).
func (r Reason) Persistent() bool {
	switch r {
	case ReasonNotAttached, ReasonAddressUnknown, ReasonNegotiationFailed:
		return true
	}
	return false
}

// Refused is the error of Connect when the peer answered the CR with a DR, and of
// Accept when it refused the CR itself.
type Refused struct {
	Reason         Reason
	AdditionalInfo []byte
}

func (r *Refused) Error() string { return "refused: " + r.Reason.String() }
