package p1

import (
	"errors"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

// The tags with which X.880 wraps what a bind carries. X.410 mode does without
// them, X.419 §11.
var (
	tagBindArgument = asn1.Context(16)
	tagBindResult   = asn1.Context(17)
	tagBindError    = asn1.Context(18)
)

// bindLimits bound the user data of an RT-OPEN: names, a password, perhaps
// certificates.
func bindLimits() Limits { return Limits{Envelope: 64 << 10, Elements: 4096, Depth: 32} }

// BindArgument returns the argument of an MTA-bind with simple credentials: in normal
// mode, for which the application protocol is 0, inside [16], alone in X.410 mode. An
// empty name gives the unauthenticated argument. The name is at most
// mts.UbMTANameLength characters long, the password mts.UbPasswordLength.
func BindArgument(name, password string, protocol int64) (ber.Raw, error) {
	c, err := simple(name, password)
	if err != nil {
		return nil, diag.E("p1: bind argument", diag.Config, err)
	}
	return BindArgumentWith(name, c, protocol)
}

// BindArgumentWith is BindArgument with any credentials.
func BindArgumentWith(name string, c mts.Credentials, protocol int64) (ber.Raw, error) {
	a := mts.MTABindArgument{Unauthenticated: &asn1.Null{}}
	if name != "" {
		if err := checkName(name); err != nil {
			return nil, diag.E("p1: bind argument", diag.Config, err)
		}
		a = mts.MTABindArgument{Authenticated: &mts.MTAInitiator{InitiatorName: mts.MTAName(name), InitiatorCredentials: c}}
	}
	b, err := ber.MarshalWith(a, wrapping(tagBindArgument, protocol))
	return b, wrap("p1: bind argument", err)
}

// BindResult returns the result of an MTA-bind with simple credentials, in normal mode
// inside [17]; otherwise like BindArgument.
func BindResult(name, password string, protocol int64) (ber.Raw, error) {
	c, err := simple(name, password)
	if err != nil {
		return nil, diag.E("p1: bind result", diag.Config, err)
	}
	return BindResultWith(name, c, protocol)
}

// BindResultWith is BindResult with any credentials.
func BindResultWith(name string, c mts.Credentials, protocol int64) (ber.Raw, error) {
	r := mts.MTABindResult{Unauthenticated: &asn1.Null{}}
	if name != "" {
		if err := checkName(name); err != nil {
			return nil, diag.E("p1: bind result", diag.Config, err)
		}
		r = mts.MTABindResult{Authenticated: &mts.MTAResponder{ResponderName: mts.MTAName(name), ResponderCredentials: c}}
	}
	b, err := ber.MarshalWith(r, wrapping(tagBindResult, protocol))
	return b, wrap("p1: bind result", err)
}

// wrapping returns the words for encoding what a bind carries.
func wrapping(t asn1.Tag, protocol int64) string {
	if protocol != 0 {
		return ""
	}
	return t.String() + " EXPLICIT"
}

// BindError returns the error of an MTA-bind, inside [18]. X.410 mode has RefuseReason
// in its place.
func BindError(e mts.MTABindError) ber.Raw {
	contents, err := ber.Marshal(int64(e))
	if err != nil {
		contents = []byte{0x02, 0x01, byte(mts.Busy)} // an INTEGER can always be encoded
	}
	return append(ber.AppendHeader(nil, tagBindError, true, int64(len(contents))), contents...)
}

// RefuseReason returns what stands for the error of an MTA-bind in X.410 mode (X.419
// §13).
func RefuseReason(e mts.MTABindError) rtse.RefuseReason {
	switch e {
	case mts.Busy:
		return rtse.RefuseBusy
	case mts.UnacceptableDialogueMode:
		return rtse.RefuseUnacceptableDialog
	}
	return rtse.RefuseValidationFailure
}

// RefusedBind returns the error of an MTA-bind that the reason stands for; false, if it
// stands for none.
func RefusedBind(r rtse.RefuseReason) (mts.MTABindError, bool) {
	for _, e := range []mts.MTABindError{mts.Busy, mts.AuthenticationError, mts.UnacceptableDialogueMode} {
		if RefuseReason(e) == r {
			return e, true
		}
	}
	return 0, false
}

// simple makes simple credentials of the password that goes with a name, if there is one.
func simple(name, password string) (mts.Credentials, error) {
	switch {
	case name == "":
		return mts.Credentials{}, nil
	case len(password) > mts.UbPasswordLength:
		return mts.Credentials{}, errors.New("the password is too long")
	case asn1.IA5String(password).Valid() != nil:
		return mts.Credentials{}, errors.New("the password has a character outside IA5")
	}
	p := mts.NewPassword(password)
	return mts.Credentials{Simple: &p}, nil
}

func checkName(name string) error {
	if len(name) > mts.UbMTANameLength {
		return errors.New("the MTA name is too long")
	}
	return mts.MTAName(name).Valid()
}

// DecodeBindArgument decodes the argument of an MTA-bind, inside [16] or, as
// X.410 mode has it, alone.
func DecodeBindArgument(raw ber.Raw) (mts.MTABindArgument, error) {
	var a mts.MTABindArgument
	err := decode(raw, &a, wrapper(raw, tagBindArgument), bindLimits())
	return a, wrap("p1: bind argument", err)
}

// DecodeBindResult decodes the result of an MTA-bind, inside [17] or alone.
func DecodeBindResult(raw ber.Raw) (mts.MTABindResult, error) {
	var r mts.MTABindResult
	err := decode(raw, &r, wrapper(raw, tagBindResult), bindLimits())
	return r, wrap("p1: bind result", err)
}

// DecodeBindError decodes the error of an MTA-bind, inside [18] or alone.
func DecodeBindError(raw ber.Raw) (mts.MTABindError, error) {
	var e mts.MTABindError
	err := decode(raw, &e, wrapper(raw, tagBindError), bindLimits())
	return e, wrap("p1: bind error", err)
}

// wrapper returns the words for decoding raw: the tag around it, if it is there.
func wrapper(raw ber.Raw, t asn1.Tag) string {
	if raw.Tag() == t {
		return wrapping(t, 0)
	}
	return ""
}

// Peer is who one expects at the other end of an association; the zero Peer is nobody.
type Peer struct {
	Name     string // compared octet for octet
	Password string
}

// CheckInitiator reports whether the argument of a bind is from the peer. It
// returns nil, or mts.AuthenticationError for an unknown name, a wrong password,
// or credentials other than simple ones, without saying which.
func (p Peer) CheckInitiator(a mts.MTABindArgument) error {
	if a.Authenticated == nil {
		return p.check("", mts.Credentials{})
	}
	return p.check(a.Authenticated.InitiatorName, a.Authenticated.InitiatorCredentials)
}

// CheckResponder is CheckInitiator for the result of a bind.
func (p Peer) CheckResponder(r mts.MTABindResult) error {
	if r.Authenticated == nil {
		return p.check("", mts.Credentials{})
	}
	return p.check(r.Authenticated.ResponderName, r.Authenticated.ResponderCredentials)
}

// check compares the password whether the name is right or not, so that time
// does not tell names apart.
func (p Peer) check(name mts.MTAName, c mts.Credentials) error {
	given := c.Simple
	if given == nil {
		given = &mts.Password{}
	}
	right := given.Equal(mts.NewPassword(p.Password))
	if p.Name == "" || c.Simple == nil || string(name) != p.Name || !right {
		return mts.AuthenticationError
	}
	return nil
}
