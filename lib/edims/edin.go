package edims

import (
	"strconv"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// CommonFields are those of every EDI notification.
type CommonFields struct {
	_                            ber.Sequence
	SubjectEDIM                  EDIMIdentifier    `ber:"[1]"`
	EDINOriginator               oraddr.ORName     `ber:"[2]"`
	FirstRecipient               *oraddr.ORName    `ber:"[3] OPTIONAL"`
	NotificationTime             asn1.UTCTime      `ber:"[4]"`
	NotificationSecurityElements *SecurityElements `ber:"[5] OPTIONAL"`
	EDINInitiator                Initiator         `ber:"[6]"`
	NotificationsExtensions      []EDIMExtension   `ber:"[7] SET OPTIONAL"`
	Unknown                      []ber.Raw         `ber:"..."`
}

// SecurityElements prove what the notification is about.
type SecurityElements struct {
	_                              ber.Sequence
	OriginalContent                *[]byte                      `ber:"[0] OPTIONAL"`
	OriginalContentIntegrityCheck  *mts.Signature               `ber:"[1] OPTIONAL"`
	EDIApplicationSecurityElements *ApplicationSecurityElements `ber:"[2] OPTIONAL"`
	SecurityExtensions             []EDIMExtension              `ber:"[3] SET OPTIONAL"`
}

// Initiator says what made a notification.
type Initiator asn1.Enumerated

// ASN1Type is that of the module.
func (Initiator) ASN1Type() string { return "ENUMERATED" }

// String returns the name of the module, or the number.
func (i Initiator) String() string {
	return named(int64(i), "internal-ua", "external-ua", "internal-ms")
}

// named returns the nth name, or the number where there is none.
func named(n int64, names ...string) string {
	if n >= 0 && n < int64(len(names)) && names[n] != "" {
		return names[n]
	}
	return strconv.FormatInt(n, 10)
}

// PositiveNotification says that the recipient has taken responsibility.
type PositiveNotification struct {
	_                        ber.Sequence
	CommonFields             CommonFields       `ber:"[0]"`
	SupplementaryInformation asn1.TeletexString `ber:"[1] OPTIONAL"`
	Extensions               []EDIMExtension    `ber:"[2] SET OPTIONAL"`
	Unknown                  []ber.Raw          `ber:"..."`
}

// NegativeNotification says that the recipient could not take responsibility.
type NegativeNotification struct {
	_                        ber.Sequence
	CommonFields             CommonFields       `ber:"[0]"`
	ReasonCode               NNReason           `ber:"[1]"`
	SupplementaryInformation asn1.TeletexString `ber:"[2] OPTIONAL"`
	Extensions               []EDIMExtension    `ber:"[3] SET OPTIONAL"`
	Unknown                  []ber.Raw          `ber:"..."`
}

// ForwardedNotification says that the message was passed on to another, with the
// responsibility for it.
type ForwardedNotification struct {
	_                        ber.Sequence
	CommonFields             CommonFields       `ber:"[0]"`
	ForwardedTo              oraddr.ORName      `ber:"[1]"`
	ReasonCode               FNReason           `ber:"[2]"`
	SupplementaryInformation asn1.TeletexString `ber:"[3] OPTIONAL"`
	Extensions               []EDIMExtension    `ber:"[4] SET OPTIONAL"`
	Unknown                  []ber.Raw          `ber:"..."`
}

// NNReason is the reason of a NegativeNotification, of whoever made it.
type NNReason struct {
	_    ber.Choice
	UAMS *NNUAMSReason `ber:"[0]"`
	User *NNUserReason `ber:"[1]"`
	PDAU *NNPDAUReason `ber:"[2]"`
}

// NNUAMSReason is the reason of a user agent or message store.
type NNUAMSReason struct {
	_          ber.Sequence
	BasicCode  NNUAMSBasicCode   `ber:"[0]"`
	Diagnostic *NNUAMSDiagnostic `ber:"[1] OPTIONAL"`
}

// NNUAMSBasicCode is what a user agent or message store could not do.
type NNUAMSBasicCode int64

// String returns the name of the module, or the number.
func (c NNUAMSBasicCode) String() string {
	return named(int64(c), "unspecified", "cannot-deliver-to-user", "delivery-timeout", "message-discarded",
		"subscription-terminated", "forwarding-error", "security-error")
}

// NNUAMSDiagnostic says more about an NNUAMSBasicCode.
type NNUAMSDiagnostic int64

// String returns the name of the module, or the number.
func (d NNUAMSDiagnostic) String() string {
	return named(int64(d), "", "protocol-violation", "edim-originator-unknown", "edim-recipient-unknown",
		"edim-recipient-ambiguous", "action-request-not-supported", "edim-expired", "edim-obsoleted", "duplicate-edim",
		"unsupported-extension", "incomplete-copy-rejected", "edim-too-large-for-application",
		"forwarded-edim-not-delivered", "forwarded-edim-delivery-time-out", "forwarding-loop-detected",
		"unable-to-accept-responsibility", "interchange-sender-unknown", "interchange-recipient-unknown",
		"invalid-heading-field", "invalid-bodypart-type", "invalid-message-type", "invalid-syntax-id",
		"message-integrity-failure", "forwarded-message-integrity-failure", "unsupported-algorithm", "decryption-failed",
		"token-error", "unable-to-sign-notification", "unable-to-sign-message-receipt", "authentication-failure",
		"security-context-failure", "message-sequence-failure", "message-security-labelling-failure",
		"repudiation-failure", "proof-service-failure", "compression-unsupported")
}

// NNUserReason is the reason of a user.
type NNUserReason struct {
	_          ber.Sequence
	BasicCode  NNUserBasicCode   `ber:"[0]"`
	Diagnostic *NNUserDiagnostic `ber:"[1] OPTIONAL"`
}

// NNUserBasicCode is what a user found wrong.
type NNUserBasicCode int64

// String returns the name of the module, or the number.
func (c NNUserBasicCode) String() string {
	return named(int64(c), "unspecified", "syntax-error", "interchange-sender-unknown", "interchange-recipient-unknown",
		"invalid-heading-field", "invalid-bodypart-type", "invalid-message-type", "functional-group-not-supported",
		"subscription-terminated", "no-bilateral-agreement", "user-defined-reason")
}

// NNUserDiagnostic says more about an NNUserBasicCode.
type NNUserDiagnostic int64

// String returns the name of the module, or the number.
func (d NNUserDiagnostic) String() string { return named(int64(d), "", "compression-unsupported") }

// NNPDAUReason is the reason of a physical delivery access unit.
type NNPDAUReason struct {
	_          ber.Sequence
	BasicCode  NNPDAUBasicCode     `ber:"[0]"`
	Diagnostic *mts.DiagnosticCode `ber:"[1] OPTIONAL"` // those of X.411, as far as they are of physical delivery
}

// NNPDAUBasicCode is what a physical delivery access unit could not do.
type NNPDAUBasicCode int64

// String returns the name of the module, or the number.
func (c NNPDAUBasicCode) String() string {
	return named(int64(c), "unspecified", "undeliverable-mail", "physical-rendition-not-performed")
}

// FNReason is the reason of a ForwardedNotification, of whoever made it.
type FNReason struct {
	_    ber.Choice
	UAMS *FNUAMSReason `ber:"[0]"`
	User *FNUserReason `ber:"[1]"`
	PDAU *FNPDAUReason `ber:"[2]"`
}

// FNUAMSReason is the reason of a user agent or message store.
type FNUAMSReason struct {
	_             ber.Sequence
	BasicCode     FNUAMSBasicCode   `ber:"[0]"`
	Diagnostic    *FNUAMSDiagnostic `ber:"[1] OPTIONAL"`
	SecurityCheck bool              `ber:"[2] DEFAULT"`
}

// FNUAMSBasicCode is why a user agent or message store forwarded.
type FNUAMSBasicCode int64

// String returns the name of the module, or the number.
func (c FNUAMSBasicCode) String() string {
	return named(int64(c), "unspecified", "onward-routing", "edim-recipient-unknown", "edim-originator-unknown", "forwarded-by-edi-ms")
}

// FNUAMSDiagnostic says more about an FNUAMSBasicCode.
type FNUAMSDiagnostic int64

// String returns the name of the module, or the number.
func (d FNUAMSDiagnostic) String() string {
	return named(int64(d), "", "recipient-name-changed", "recipient-name-deleted")
}

// FNUserReason is the reason of a user.
type FNUserReason struct {
	_          ber.Sequence
	BasicCode  FNUserBasicCode `ber:"[0]"`
	Diagnostic *int64          `ber:"[1] OPTIONAL"`
}

// FNUserBasicCode is why a user forwarded.
type FNUserBasicCode int64

// String returns the name of the module, or the number.
func (c FNUserBasicCode) String() string {
	return named(int64(c), "unspecified", "forwarded-for-archiving", "forwarded-for-information",
		"forwarded-for-additional-action", "subscription-changed", "heading-field-not-supported",
		"bodypart-type-not-supported", "message-type-not-supported", "syntax-identifier-not-supported",
		"interchange-sender-unknown", "user-defined-reason")
}

// FNPDAUReason is the reason of a physical delivery access unit.
type FNPDAUReason struct {
	_          ber.Sequence
	BasicCode  FNPDAUBasicCode `ber:"[0]"`
	Diagnostic *int64          `ber:"[1] OPTIONAL"`
}

// FNPDAUBasicCode is why a physical delivery access unit forwarded.
type FNPDAUBasicCode int64

// String returns the name of the module, or the number.
func (c FNPDAUBasicCode) String() string {
	return named(int64(c), "unspecified", "forwarded-for-physical-rendition-and-delivery")
}
