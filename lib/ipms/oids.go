package ipms

import (
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Object identifiers of X.420, IPMSObjectIdentifiers.
const (
	idHeadingExtension   = "2.6.1.5."
	idRecipientExtension = "2.6.1.20."
	idData               = "2.6.1.4."  // id-et: body part types
	idParameters         = "2.6.1.11." // id-ep: their parameters

	// EITFileTransfer is the encoded information type of file-transfer body parts.
	EITFileTransfer asn1.OID = "2.6.1.12.0"
	// EITVoice is that of voice body parts.
	EITVoice asn1.OID = "2.6.1.12.1"
)

// The content types of X.420 as the message store and the Directory know them.
const (
	ContentP2  asn1.OID = "2.6.1.10.0" // of 1984
	ContentP22 asn1.OID = "2.6.1.10.1" // of 1988
)

// Data types of extended body parts.
const (
	DataIA5Text            asn1.OID = idData + "0"
	DataG3Facsimile        asn1.OID = idData + "2"
	DataG4Class1           asn1.OID = idData + "3"
	DataTeletex            asn1.OID = idData + "4"
	DataVideotex           asn1.OID = idData + "5"
	DataEncrypted          asn1.OID = idData + "6"
	DataMessage            asn1.OID = idData + "7"
	DataMixedMode          asn1.OID = idData + "8"
	DataBilaterallyDefined asn1.OID = idData + "9"
	DataNationallyDefined  asn1.OID = idData + "10"
	DataGeneralText        asn1.OID = idData + "11"
	DataFileTransfer       asn1.OID = idData + "12"
	DataReport             asn1.OID = idData + "14"
	DataNotification       asn1.OID = idData + "15"
	DataVoice              asn1.OID = idData + "16"
	DataContent            asn1.OID = idData + "17" // followed by the content-type
	DataPKCS7              asn1.OID = idData + "18"
)

// Types of the parameters of extended body parts; those of other data types have
// none.
const (
	ParametersIA5Text      asn1.OID = idParameters + "0"
	ParametersG3Facsimile  asn1.OID = idParameters + "2"
	ParametersTeletex      asn1.OID = idParameters + "4"
	ParametersVideotex     asn1.OID = idParameters + "5"
	ParametersEncrypted    asn1.OID = idParameters + "6"
	ParametersMessage      asn1.OID = idParameters + "7"
	ParametersGeneralText  asn1.OID = idParameters + "11"
	ParametersFileTransfer asn1.OID = idParameters + "12"
	ParametersNotification asn1.OID = idParameters + "15"
	ParametersVoice        asn1.OID = idParameters + "16"
	ParametersContent      asn1.OID = idParameters + "17" // followed by the content-type
)

// Heading extensions.
const (
	ExtIncompleteCopy             asn1.OID = idHeadingExtension + "0"
	ExtLanguages                  asn1.OID = idHeadingExtension + "1"
	ExtAutoSubmitted              asn1.OID = idHeadingExtension + "2"
	ExtBodyPartSignatures         asn1.OID = idHeadingExtension + "3"
	ExtIPMSecurityLabel           asn1.OID = idHeadingExtension + "4"
	ExtAuthorizationTime          asn1.OID = idHeadingExtension + "5"
	ExtCirculationList            asn1.OID = idHeadingExtension + "6"
	ExtDistributionCodes          asn1.OID = idHeadingExtension + "7"
	ExtExtendedSubject            asn1.OID = idHeadingExtension + "8"
	ExtInformationCategory        asn1.OID = idHeadingExtension + "9"
	ExtManualHandlingInstructions asn1.OID = idHeadingExtension + "10"
	ExtOriginatorsReference       asn1.OID = idHeadingExtension + "11"
	ExtPrecedencePolicyIdentifier asn1.OID = idHeadingExtension + "12"

	ExtCirculationListIndicator asn1.OID = idRecipientExtension + "0"
	ExtPrecedence               asn1.OID = idRecipientExtension + "1"

	ExtRecipientSecurityRequest asn1.OID = "2.6.1.18.0" // of a recipient
	ExtIPNSecurityResponse      asn1.OID = "2.6.1.18.1" // of a notification
	ExtAbsenceAdvice            asn1.OID = "2.6.1.19.0" // these are other notifications
	ExtChangeOfAddressAdvice    asn1.OID = "2.6.1.19.1"

	// ExtRFC822FieldList holds header fields of Internet mail that have no place in
	// a heading, RFC 2156.
	ExtRFC822FieldList asn1.OID = "1.3.6.1.7.1.3.2"
)

// Document type and abstract syntax of a file that is octets, ISO 8571-2: what a
// file-transfer body part holds unless it says otherwise.
const (
	unstructuredBinary       asn1.OID = "1.0.8571.5.3"
	unstructuredBinarySyntax asn1.OID = "1.0.8571.2.4"
)

// extensionNames are the names of the module, by the last number of the heading
// extension.
var extensionNames = [...]string{
	"incomplete-copy", "languages", "auto-submitted", "body-part-signatures", "ipm-security-label",
	"authorization-time", "circulation-list-recipients", "distribution-codes", "extended-subject",
	"information-category", "manual-handling-instructions", "originators-reference",
	"precedence-policy-identifier",
}

// dataNames are the names of the module, by the last number of the data type.
var dataNames = [...]string{
	"ia5-text", "", "g3-facsimile", "g4-class1", "teletex", "videotex", "encrypted", "message",
	"mixed-mode", "bilaterally-defined", "nationally-defined", "general-text", "file-transfer", "",
	"report", "notification", "voice", "content", "pkcs7",
}

// Name returns the name of a heading extension in the module, or the object
// identifier of any other.
func (x Extension) Name() string { return nameOf(x.Type, idHeadingExtension, extensionNames[:]) }

// DataName returns the name in the module of a data type of extended body parts, or
// the object identifier of any other.
func DataName(o asn1.OID) string { return nameOf(o, idData, dataNames[:]) }

// ParametersName returns what DataName does of a type of parameters, followed by
// "-parameters".
func ParametersName(o asn1.OID) string {
	rest, ok := strings.CutPrefix(string(o), idParameters)
	if !ok {
		return string(o)
	}
	if name := DataName(asn1.OID(idData + rest)); name != idData+rest {
		return name + "-parameters"
	}
	return string(o)
}

// nameOf returns the name an object identifier has under an arc, or the
// identifier itself.
func nameOf(oid asn1.OID, arc string, names []string) string {
	rest, ok := strings.CutPrefix(string(oid), arc)
	if ok && strings.HasPrefix(rest, "17.") && arc == idData {
		return "content " + rest[len("17."):]
	}
	for i, n := range names {
		if ok && n != "" && rest == itoa(i) {
			return n
		}
	}
	return string(oid)
}

func itoa(n int) string { return name(n) }
