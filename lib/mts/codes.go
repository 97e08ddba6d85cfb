package mts

import (
	"slices"
	"strconv"

	"github.com/mtakit/mtakit/lib/diag"
)

// ReasonCode is the X.411 NonDeliveryReasonCode, §8.3.1.2.1. A value that is
// not defined here is relayed as it came.
type ReasonCode int64

// The reasons.
const (
	TransferFailure ReasonCode = iota
	UnableToTransfer
	ConversionNotPerformed
	PhysicalRenditionNotPerformed
	PhysicalDeliveryNotPerformed
	RestrictedDelivery
	DirectoryOperationUnsuccessful
	DeferredDeliveryNotPerformed
	TransferFailureForSecurityReason
)

var reasonNames = [...]string{
	TransferFailure:                  "transfer-failure",
	UnableToTransfer:                 "unable-to-transfer",
	ConversionNotPerformed:           "conversion-not-performed",
	PhysicalRenditionNotPerformed:    "physical-rendition-not-performed",
	PhysicalDeliveryNotPerformed:     "physical-delivery-not-performed",
	RestrictedDelivery:               "restricted-delivery",
	DirectoryOperationUnsuccessful:   "directory-operation-unsuccessful",
	DeferredDeliveryNotPerformed:     "deferred-delivery-not-performed",
	TransferFailureForSecurityReason: "transfer-failure-for-security-reason",
}

// String returns X.411's name of the reason, or its number.
func (r ReasonCode) String() string { return named(int64(r), reasonNames[:]...) }

// named returns the nth name, or the number where there is none.
func named(n int64, names ...string) string {
	if n >= 0 && n < int64(len(names)) && names[n] != "" {
		return names[n]
	}
	return strconv.FormatInt(n, 10)
}

// numbered returns what named gave a name, or the number that a text is.
func numbered(text string, names ...string) (n int64, ok bool) {
	if i := slices.Index(names, text); i >= 0 && text != "" {
		return int64(i), true
	}
	n, err := strconv.ParseInt(text, 10, 16)
	return n, err == nil && n >= 0 // ub-reason-codes, ub-diagnostic-codes
}

// ParseReasonCode reads X.411's name of a reason, or its number.
func ParseReasonCode(text string) (ReasonCode, error) {
	n, ok := numbered(text, reasonNames[:]...)
	if !ok {
		return 0, diag.New("reason", diag.Data, strconv.Quote(text)+" is no name of X.411 §8.3.1.2.1 for a non-delivery-reason-code, nor its number")
	}
	return ReasonCode(n), nil
}

// ParseDiagnosticCode reads X.411's name of a diagnostic, or its number.
func ParseDiagnosticCode(text string) (DiagnosticCode, error) {
	n, ok := numbered(text, diagnosticNames[:]...)
	if !ok {
		return 0, diag.New("diagnostic", diag.Data, strconv.Quote(text)+" is no name of X.411 §8.3.1.2.1 for a non-delivery-diagnostic-code, nor its number")
	}
	return DiagnosticCode(n), nil
}

// DiagnosticCode is the X.411 NonDeliveryDiagnosticCode, §8.3.1.2.1. Those
// above UnableToCompleteTransfer came after the 1988 edition. A value that is
// not defined here is relayed as it came.
type DiagnosticCode int64

// The diagnostics.
const (
	UnrecognisedORName DiagnosticCode = iota
	AmbiguousORName
	MTSCongestion
	DiagnosticLoopDetected
	RecipientUnavailable
	MaximumTimeExpired
	EncodedInformationTypesUnsupported
	ContentTooLong
	ConversionImpractical
	ImplicitConversionProhibited
	ImplicitConversionNotSubscribed
	InvalidArguments
	ContentSyntaxError
	SizeConstraintViolation
	ProtocolViolation
	ContentTypeNotSupported
	TooManyRecipients
	NoBilateralAgreement
	UnsupportedCriticalFunction
	ConversionWithLossProhibited
	LineTooLong
	PageSplit
	PictorialSymbolLoss
	PunctuationSymbolLoss
	AlphabeticCharacterLoss
	MultipleInformationLoss
	RecipientReassignmentProhibited
	RedirectionLoopDetected
	DLExpansionProhibited
	NoDLSubmitPermission
	DLExpansionFailure
	PhysicalRenditionAttributesNotSupported
	UndeliverableMailPhysicalDeliveryAddressIncorrect
	UndeliverableMailPhysicalDeliveryOfficeIncorrectOrInvalid
	UndeliverableMailPhysicalDeliveryAddressIncomplete
	UndeliverableMailRecipientUnknown
	UndeliverableMailRecipientDeceased
	UndeliverableMailOrganizationExpired
	UndeliverableMailRecipientRefusedToAccept
	UndeliverableMailRecipientDidNotClaim
	UndeliverableMailRecipientChangedAddressPermanently
	UndeliverableMailRecipientChangedAddressTemporarily
	UndeliverableMailRecipientChangedTemporaryAddress
	UndeliverableMailNewAddressUnknown
	UndeliverableMailRecipientDidNotWantForwarding
	UndeliverableMailOriginatorProhibitedForwarding
	SecureMessagingError
	UnableToDowngrade
	UnableToCompleteTransfer
	TransferAttemptsLimitReached
	IncorrectNotificationType
	DLExpansionProhibitedBySecurityPolicy
	ForbiddenAlternateRecipient
	SecurityPolicyViolation
	SecurityServicesRefusal
	UnauthorisedDLMember
	UnauthorisedDLName
	UnauthorisedOriginallyIntendedRecipientName
	UnauthorisedOriginatorName
	UnauthorisedRecipientName
	UnreliableSystem
	AuthenticationFailureOnSubjectMessage
	DecryptionFailed
	DecryptionKeyUnobtainable
	DoubleEnvelopeCreationFailure
	DoubleEnvelopingMessageRestoringFailure
	FailureOfProofOfMessage
	IntegrityFailureOnSubjectMessage
	InvalidSecurityLabel
	KeyFailure
	MandatoryParameterAbsence
	OperationSecurityFailure
	RepudiationFailureOfMessage
	SecurityContextFailure
	TokenDecryptionFailed
	TokenError
	UnknownSecurityLabel
	UnsupportedAlgorithmIdentifier
	UnsupportedSecurityPolicy
)

var diagnosticNames = [...]string{
	"unrecognised-OR-name", "ambiguous-OR-name", "mts-congestion", "loop-detected",
	"recipient-unavailable", "maximum-time-expired", "encoded-information-types-unsupported",
	"content-too-long", "conversion-impractical", "implicit-conversion-prohibited",
	"implicit-conversion-not-subscribed", "invalid-arguments", "content-syntax-error",
	"size-constraint-violation", "protocol-violation", "content-type-not-supported",
	"too-many-recipients", "no-bilateral-agreement", "unsupported-critical-function",
	"conversion-with-loss-prohibited", "line-too-long", "page-split", "pictorial-symbol-loss",
	"punctuation-symbol-loss", "alphabetic-character-loss", "multiple-information-loss",
	"recipient-reassignment-prohibited", "redirection-loop-detected", "dl-expansion-prohibited",
	"no-dl-submit-permission", "dl-expansion-failure",
	"physical-rendition-attributes-not-supported",
	"undeliverable-mail-physical-delivery-address-incorrect",
	"undeliverable-mail-physical-delivery-office-incorrect-or-invalid",
	"undeliverable-mail-physical-delivery-address-incomplete",
	"undeliverable-mail-recipient-unknown", "undeliverable-mail-recipient-deceased",
	"undeliverable-mail-organization-expired", "undeliverable-mail-recipient-refused-to-accept",
	"undeliverable-mail-recipient-did-not-claim",
	"undeliverable-mail-recipient-changed-address-permanently",
	"undeliverable-mail-recipient-changed-address-temporarily",
	"undeliverable-mail-recipient-changed-temporary-address",
	"undeliverable-mail-new-address-unknown",
	"undeliverable-mail-recipient-did-not-want-forwarding",
	"undeliverable-mail-originator-prohibited-forwarding",
	"secure-messaging-error", "unable-to-downgrade", "unable-to-complete-transfer",
	"transfer-attempts-limit-reached", "incorrect-notification-type",
	"dl-expansion-prohibited-by-security-policy", "forbidden-alternate-recipient",
	"security-policy-violation", "security-services-refusal", "unauthorised-dl-member",
	"unauthorised-dl-name", "unauthorised-originally-intended-recipient-name",
	"unauthorised-originator-name", "unauthorised-recipient-name", "unreliable-system",
	"authentication-failure-on-subject-message", "decryption-failed",
	"decryption-key-unobtainable", "double-envelope-creation-failure",
	"double-enveloping-message-restoring-failure", "failure-of-proof-of-message",
	"integrity-failure-on-subject-message", "invalid-security-label", "key-failure",
	"mandatory-parameter-absence", "operation-security-failure",
	"repudiation-failure-of-message", "security-context-failure", "token-decryption-failed",
	"token-error", "unknown-security-label", "unsupported-algorithm-identifier",
	"unsupported-security-policy",
}

// String returns X.411's name of the diagnostic, or its number.
func (d DiagnosticCode) String() string { return named(int64(d), diagnosticNames[:]...) }

// TypeOfMTSUser is the X.411 TypeOfMTSUser, §8.3.1.2.1.
type TypeOfMTSUser int64

// The kinds of MTS-user a delivery report may name.
const (
	UserPublic TypeOfMTSUser = iota
	UserPrivate
	UserMS
	UserDL
	UserPDAU
	UserPhysicalRecipient
	UserOther
)

var userNames = [...]string{"public", "private", "ms", "dl", "pdau", "physical-recipient", "other"}

// String returns X.411's name of the kind of user, or its number.
func (u TypeOfMTSUser) String() string { return named(int64(u), userNames[:]...) }
