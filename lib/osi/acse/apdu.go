package acse

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// AbstractSyntax is the abstract syntax of the ACSE APDUs, version 1: joint-iso-
// itu-t association-control(2) abstractSyntax(1) apdus(0) version1(1).
const AbstractSyntax asn1.OID = "2.2.1.0.1"

// Result is the result of an AARE APDU (X.227 §9.1).
type Result int64

// The results.
const (
	Accepted          Result = 0
	RejectedPermanent Result = 1
	RejectedTransient Result = 2
)

// String names the result.
func (r Result) String() string {
	switch r {
	case Accepted:
		return "accepted"
	case RejectedPermanent:
		return "rejected (permanent)"
	case RejectedTransient:
		return "rejected (transient)"
	}
	return fmt.Sprintf("result %d", int64(r))
}

// UserDiagnostic is the acse-service-user diagnostic of an AARE (X.227 §9.1).
type UserDiagnostic int64

// The diagnostics of the ACSE service-user.
const (
	UserNull                               UserDiagnostic = 0
	UserNoReason                           UserDiagnostic = 1
	UserApplicationContextNameNotSupported UserDiagnostic = 2
	UserCallingAPTitleNotRecognized        UserDiagnostic = 3
	UserCallingAPInvocationIDNotRecognized UserDiagnostic = 4
	UserCallingAEQualifierNotRecognized    UserDiagnostic = 5
	UserCallingAEInvocationIDNotRecognized UserDiagnostic = 6
	UserCalledAPTitleNotRecognized         UserDiagnostic = 7
	UserCalledAPInvocationIDNotRecognized  UserDiagnostic = 8
	UserCalledAEQualifierNotRecognized     UserDiagnostic = 9
	UserCalledAEInvocationIDNotRecognized  UserDiagnostic = 10
	UserMechanismNameNotRecognized         UserDiagnostic = 11
	UserMechanismNameRequired              UserDiagnostic = 12
	UserAuthenticationFailure              UserDiagnostic = 13
	UserAuthenticationRequired             UserDiagnostic = 14
)

var userDiagnosticNames = [...]string{
	"null", "no reason given", "application context name not supported",
	"calling AP title not recognized", "calling AP invocation-identifier not recognized",
	"calling AE qualifier not recognized", "calling AE invocation-identifier not recognized",
	"called AP title not recognized", "called AP invocation-identifier not recognized",
	"called AE qualifier not recognized", "called AE invocation-identifier not recognized",
	"authentication mechanism name not recognized", "authentication mechanism name required",
	"authentication failure", "authentication required",
}

// String names the diagnostic.
func (d UserDiagnostic) String() string {
	if d >= 0 && int(d) < len(userDiagnosticNames) {
		return userDiagnosticNames[d]
	}
	return fmt.Sprintf("user diagnostic %d", int64(d))
}

// ProviderDiagnostic is the acse-service-provider diagnostic of an AARE (X.227
// §9.1).
type ProviderDiagnostic int64

// The diagnostics of the ACSE service-provider.
const (
	ProviderNull                ProviderDiagnostic = 0
	ProviderNoReason            ProviderDiagnostic = 1
	ProviderNoCommonACSEVersion ProviderDiagnostic = 2
)

// String names the diagnostic.
func (d ProviderDiagnostic) String() string {
	switch d {
	case ProviderNull:
		return "null"
	case ProviderNoReason:
		return "no reason given"
	case ProviderNoCommonACSEVersion:
		return "no common ACSE version"
	}
	return fmt.Sprintf("provider diagnostic %d", int64(d))
}

// ReleaseReason is the reason of an RLRQ or RLRE APDU (X.227 §9.1).
type ReleaseReason int64

// The release reasons. Urgent is a request's, NotFinished a response's.
const (
	ReleaseNormal      ReleaseReason = 0
	ReleaseUrgent      ReleaseReason = 1
	ReleaseNotFinished ReleaseReason = 1
	ReleaseUserDefined ReleaseReason = 30
)

// AbortSource is the abort-source of an ABRT APDU (X.227 §9.1).
type AbortSource int64

// The abort sources.
const (
	AbortServiceUser     AbortSource = 0
	AbortServiceProvider AbortSource = 1
)

// String names the source.
func (s AbortSource) String() string {
	switch s {
	case AbortServiceUser:
		return "ACSE service-user"
	case AbortServiceProvider:
		return "ACSE service-provider"
	}
	return fmt.Sprintf("source %d", int64(s))
}

// AbortDiagnostic is the abort-diagnostic of an ABRT APDU (X.227 §9.1).
type AbortDiagnostic int64

// The abort diagnostics.
const (
	AbortNoReason                   AbortDiagnostic = 1
	AbortProtocolError              AbortDiagnostic = 2
	AbortAuthMechanismNotRecognized AbortDiagnostic = 3
	AbortAuthMechanismRequired      AbortDiagnostic = 4
	AbortAuthenticationFailure      AbortDiagnostic = 5
	AbortAuthenticationRequired     AbortDiagnostic = 6
)

// APDU is the ACSE-apdu (X.227 §9.1).
type APDU struct {
	_    ber.Choice
	AARQ *AARQ
	AARE *AARE
	RLRQ *RLRQ
	RLRE *RLRE
	ABRT *ABRT
}

// AARQ is the AARQ APDU, A-ASSOCIATE request (X.227 §9.1). Titles, qualifiers and
// the authentication value are kept as they are encoded: MHS does not use them.
type AARQ struct {
	_                         ber.Sequence       `ber:"[APPLICATION 0]"`
	ProtocolVersion           *asn1.BitString    `ber:"[0] OPTIONAL"` // absent means version1
	ApplicationContextName    asn1.OID           `ber:"[1] EXPLICIT"`
	CalledAPTitle             ber.Raw            `ber:"[2] OPTIONAL"`
	CalledAEQualifier         ber.Raw            `ber:"[3] OPTIONAL"`
	CalledAPInvocationID      *int64             `ber:"[4] EXPLICIT OPTIONAL"`
	CalledAEInvocationID      *int64             `ber:"[5] EXPLICIT OPTIONAL"`
	CallingAPTitle            ber.Raw            `ber:"[6] OPTIONAL"`
	CallingAEQualifier        ber.Raw            `ber:"[7] OPTIONAL"`
	CallingAPInvocationID     *int64             `ber:"[8] EXPLICIT OPTIONAL"`
	CallingAEInvocationID     *int64             `ber:"[9] EXPLICIT OPTIONAL"`
	SenderACSERequirements    *asn1.BitString    `ber:"[10] OPTIONAL"`
	MechanismName             asn1.OID           `ber:"[11] OPTIONAL"`
	CallingAuthentication     ber.Raw            `ber:"[12] OPTIONAL"`
	ImplementationInformation asn1.GraphicString `ber:"[29] OPTIONAL"`
	UserInformation           []External         `ber:"[30] OPTIONAL"`
	Unknown                   []ber.Raw          `ber:"..."`
}

// AARE is the AARE APDU, A-ASSOCIATE response (X.227 §9.1).
type AARE struct {
	_                         ber.Sequence       `ber:"[APPLICATION 1]"`
	ProtocolVersion           *asn1.BitString    `ber:"[0] OPTIONAL"`
	ApplicationContextName    asn1.OID           `ber:"[1] EXPLICIT"`
	Result                    Result             `ber:"[2] EXPLICIT"`
	Source                    SourceDiagnostic   `ber:"[3]"`
	RespondingAPTitle         ber.Raw            `ber:"[4] OPTIONAL"`
	RespondingAEQualifier     ber.Raw            `ber:"[5] OPTIONAL"`
	RespondingAPInvocationID  *int64             `ber:"[6] EXPLICIT OPTIONAL"`
	RespondingAEInvocationID  *int64             `ber:"[7] EXPLICIT OPTIONAL"`
	ResponderACSERequirements *asn1.BitString    `ber:"[8] OPTIONAL"`
	MechanismName             asn1.OID           `ber:"[9] OPTIONAL"`
	RespondingAuthentication  ber.Raw            `ber:"[10] OPTIONAL"`
	ImplementationInformation asn1.GraphicString `ber:"[29] OPTIONAL"`
	UserInformation           []External         `ber:"[30] OPTIONAL"`
	Unknown                   []ber.Raw          `ber:"..."`
}

// SourceDiagnostic is the result-source-diagnostic of an AARE APDU: who decided,
// and why.
type SourceDiagnostic struct {
	_        ber.Choice
	User     *UserDiagnostic     `ber:"[1] EXPLICIT"`
	Provider *ProviderDiagnostic `ber:"[2] EXPLICIT"`
}

// String names source and diagnostic.
func (d SourceDiagnostic) String() string {
	switch {
	case d.User != nil:
		return "ACSE service-user: " + d.User.String()
	case d.Provider != nil:
		return "ACSE service-provider: " + d.Provider.String()
	}
	return "no diagnostic"
}

// RLRQ is the RLRQ APDU, A-RELEASE request (X.227 §9.1).
type RLRQ struct {
	_               ber.Sequence   `ber:"[APPLICATION 2]"`
	Reason          *ReleaseReason `ber:"[0] OPTIONAL"`
	UserInformation []External     `ber:"[30] OPTIONAL"`
	Unknown         []ber.Raw      `ber:"..."`
}

// RLRE is the RLRE APDU, A-RELEASE response (X.227 §9.1).
type RLRE struct {
	_               ber.Sequence   `ber:"[APPLICATION 3]"`
	Reason          *ReleaseReason `ber:"[0] OPTIONAL"`
	UserInformation []External     `ber:"[30] OPTIONAL"`
	Unknown         []ber.Raw      `ber:"..."`
}

// ABRT is the ABRT APDU, A-ABORT (X.227 §9.1).
type ABRT struct {
	_               ber.Sequence     `ber:"[APPLICATION 4]"`
	Source          AbortSource      `ber:"[0]"`
	Diagnostic      *AbortDiagnostic `ber:"[1] ENUMERATED OPTIONAL"`
	UserInformation []External       `ber:"[30] OPTIONAL"`
	Unknown         []ber.Raw        `ber:"..."`
}

// External is the ASN.1 EXTERNAL of a user information field (X.208 §34). Over
// presentation the indirect reference is the presentation context identifier.
type External struct {
	_                   ber.Sequence          `ber:"[UNIVERSAL 8]"`
	DirectReference     asn1.OID              `ber:"OPTIONAL"`
	IndirectReference   *int64                `ber:"OPTIONAL"`
	DataValueDescriptor asn1.ObjectDescriptor `ber:"OPTIONAL"`
	Encoding            ExternalEncoding
}

// ExternalEncoding is the encoding alternative of an EXTERNAL.
type ExternalEncoding struct {
	_            ber.Choice
	SingleASN1   ber.Raw         `ber:"[0]"`
	OctetAligned []byte          `ber:"[1]"`
	Arbitrary    *asn1.BitString `ber:"[2]"`
}

// NewExternal returns value, one complete BER value, as an EXTERNAL of the
// presentation context.
func NewExternal(context int64, value ber.Raw) External {
	return External{IndirectReference: &context, Encoding: ExternalEncoding{SingleASN1: value}}
}

// Octets returns the encoded value, whichever way it came; nil if it came as a
// bit string that is not whole octets.
func (e External) Octets() []byte {
	switch {
	case e.Encoding.SingleASN1 != nil:
		return e.Encoding.SingleASN1
	case e.Encoding.OctetAligned != nil:
		return e.Encoding.OctetAligned
	case e.Encoding.Arbitrary != nil && e.Encoding.Arbitrary.BitLength%8 == 0:
		return e.Encoding.Arbitrary.Bytes
	}
	return nil
}
