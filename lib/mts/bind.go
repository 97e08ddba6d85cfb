package mts

import (
	"strconv"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// MTABindArgument is the argument of the MTA-bind, X.411 §12.1.1.
type MTABindArgument struct {
	_               ber.Choice
	Unauthenticated *asn1.Null
	Authenticated   *MTAInitiator `ber:"[1]"`
}

// MTAInitiator is the initiator's name and how it proves it.
type MTAInitiator struct {
	_                    ber.Set
	InitiatorName        MTAName         `ber:"[0]"`
	InitiatorCredentials Credentials     `ber:"[1]"`
	SecurityContext      []SecurityLabel `ber:"[2] SET OPTIONAL"`
	Unknown              []ber.Raw       `ber:"..."`
}

// MTABindResult is the result of the MTA-bind, X.411 §12.1.1.
type MTABindResult struct {
	_               ber.Choice
	Unauthenticated *asn1.Null
	Authenticated   *MTAResponder `ber:"[1]"`
}

// MTAResponder is the responder's name and how it proves it.
type MTAResponder struct {
	_                    ber.Set
	ResponderName        MTAName     `ber:"[0]"`
	ResponderCredentials Credentials `ber:"[1]"`
	Unknown              []ber.Raw   `ber:"..."`
}

// Class names the class of the responder's credentials.
func (r *MTABindResult) Class() string {
	if r.Authenticated == nil {
		return "none"
	}
	return r.Authenticated.ResponderCredentials.Class()
}

// Class names the class of the credentials (X.411 §8.1.1.1).
func (c *Credentials) Class() string {
	switch {
	case c.Simple != nil:
		return "simple"
	case c.Strong != nil:
		return "strong"
	case c.Protected != nil:
		return "protected"
	}
	return "none"
}

// MTABindError is the error of the MTA-bind, X.411 §12.1.1.
type MTABindError int64

// The errors.
const (
	Busy                                 MTABindError = 0
	AuthenticationError                  MTABindError = 2
	UnacceptableDialogueMode             MTABindError = 3
	UnacceptableSecurityContext          MTABindError = 4
	InadequateAssociationConfidentiality MTABindError = 5
)

// String returns X.411's name of the error, or its number.
func (e MTABindError) String() string {
	switch e {
	case Busy:
		return "busy"
	case AuthenticationError:
		return "authentication-error"
	case UnacceptableDialogueMode:
		return "unacceptable-dialogue-mode"
	case UnacceptableSecurityContext:
		return "unacceptable-security-context"
	case InadequateAssociationConfidentiality:
		return "inadequate-association-confidentiality"
	}
	return strconv.FormatInt(int64(e), 10)
}

// Error makes a bind error an error.
func (e MTABindError) Error() string { return "mts: bind refused: " + e.String() }

// Temporary reports whether the same bind may succeed later: only busy passes by
// itself.
func (e MTABindError) Temporary() bool { return e == Busy }
