package decode

import (
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/edims"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/ipms/p772"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

func boolean(v bool) string {
	if v {
		return "TRUE"
	}
	return "FALSE"
}

// text returns octets that are all graphic characters as such; else "".
func text(b []byte) string {
	for _, c := range b {
		if c < 0x20 || c > 0x7e {
			return ""
		}
	}
	return string(b)
}

// nameOf returns the nth name; "" where there is none.
func nameOf(n int64, names []string) string {
	if n >= 0 && n < int64(len(names)) {
		return names[n]
	}
	return ""
}

// withName puts a name after a number.
func withName(n int64, name string) string {
	s := strconv.FormatInt(n, 10)
	if name == "" || name == s {
		return s
	}
	return s + " " + name
}

// counted writes a number of things, whose plural ends in s.
func counted(n int, thing string) string {
	if n != 1 {
		thing += "s"
	}
	return strconv.Itoa(n) + " " + thing
}

// bits names the bits of b that are one, the least significant first.
func bits(b byte, names ...string) string {
	var words []string
	for i := range 8 {
		switch {
		case b&(1<<i) == 0:
		case i < len(names):
			words = append(words, names[i])
		default:
			words = append(words, "bit "+strconv.Itoa(i+1))
		}
	}
	if len(words) == 0 {
		return "none"
	}
	return strings.Join(words, ", ")
}

// named adds to the value of an element what the Recommendation calls it.
func named(layer Layer, n *ber.Node, value string) string {
	switch {
	case value == "":
		return ""
	case n.Type == "OBJECT IDENTIFIER", n.Type == "OID":
		if name := oidName(asn1.OID(value)); name != "" {
			return value + " " + name
		}
		return value
	case strings.HasPrefix(value, "'") && strings.HasSuffix(value, "'B"):
		names := bitNames[n.Type]
		if names == nil {
			names = bitNames[n.Name]
		}
		return nameBits(value, names)
	}
	names := valueNames[valueKind{layer, n.Type}]
	if number, err := strconv.ParseInt(value, 10, 64); err == nil && names != nil {
		return withName(number, names[number])
	}
	return value
}

// nameBits puts names after a bit string in the notation '1010'B.
func nameBits(value string, names []string) string {
	var words []string
	for i, c := range value[1 : len(value)-2] {
		if c == '1' && i < len(names) && names[i] != "" {
			words = append(words, names[i])
		}
	}
	if len(words) == 0 {
		return value
	}
	return value + " " + strings.Join(words, ", ")
}

// bitNames are the named bits of types, or of components of the type BIT STRING.
var bitNames = map[string][]string{
	"protocol-version":          {"version-1"},
	"presentation-requirements": {"context-management", "restoration"},
	"user-session-requirements": {
		"half-duplex", "duplex", "expedited-data", "minor-synchronize", "major-synchronize", "resynchronize",
		"activity-management", "negotiated-release", "capability-data", "exceptions", "typed-data",
		"symmetric-synchronize", "data-separation",
	},
	"sender-ACSE-requirements":    {"authentication"},
	"responder-ACSE-requirements": {"authentication"},
	"built-in-encoded-information-types": {
		"unknown", "telex", "ia5-text", "g3-facsimile", "g4-class-1", "teletex", "videotex", "voice", "sfd", "mixed-mode",
	},
	"NotificationRequests": {"rn", "nrn", "ipm-return", "an-supported", "suppress-an"},
	"delivery-flags":       {"", "implicit-conversion-prohibited"},
	"non-basic-parameters": g3Parameters,
	"g3-facsimile":         g3Parameters,
	"permitted-actions": {
		"read", "insert", "replace", "extend", "erase", "read-attribute", "change-attribute", "delete-object",
		"traversal", "reverse-traversal", "random-order", "pass", "link",
	},
}

// g3Parameters are the bits of G3FacsimileNonBasicParameters, X.411 §8.2.1.1.1.
var g3Parameters = []string{
	8: "two-dimensional", 9: "fine-resolution", 20: "unlimited-length", 21: "b4-length", 22: "a3-width", 23: "b4-width",
	25: "t6-coding", 30: "uncompressed", 37: "width-middle-864-of-1728", 38: "width-middle-1216-of-1728",
	44: "resolution-type", 45: "resolution-400x400", 46: "resolution-300x300", 47: "resolution-8x15",
	49: "edi", 50: "dtm", 51: "bft", 58: "mixed-mode", 60: "character-mode", 65: "twelve-bits", 66: "preferred-huffmann",
	67: "full-colour", 68: "jpeg", 71: "processable-mode-26",
}

type fieldKind struct {
	layer Layer
	name  string // of the component or, where that says too little, of its type
}

// fullNames are the Recommendation's names of components that the types of the
// layer call by shorter ones.
var fullNames = map[fieldKind]string{
	{PPDU, "ModeSelector"}:         "mode-selector",
	{PPDU, "Mode"}:                 "mode-value",
	{PPDU, "normal"}:               "normal-mode-parameters",
	{PPDU, "x410"}:                 "x410-mode-parameters",
	{PPDU, "calling-selector"}:     "calling-presentation-selector",
	{PPDU, "called-selector"}:      "called-presentation-selector",
	{PPDU, "responding-selector"}:  "responding-presentation-selector",
	{PPDU, "identifier"}:           "presentation-context-identifier",
	{PPDU, "abstract-syntax"}:      "abstract-syntax-name",
	{PPDU, "transfer-syntax"}:      "transfer-syntax-name",
	{PPDU, "transfer-syntaxes"}:    "transfer-syntax-name-list",
	{PPDU, "event"}:                "event-identifier",
	{PPDU, "reason"}:               "provider-reason",
	{PPDU, "simple"}:               "simply-encoded-data",
	{PPDU, "full"}:                 "fully-encoded-data",
	{PPDU, "context"}:              "presentation-context-identifier",
	{PPDU, "values"}:               "presentation-data-values",
	{PPDU, "single-ASN1"}:          "single-ASN1-type",
	{ACSE, "single-ASN1"}:          "single-ASN1-type",
	{RTSE, "single-ASN1"}:          "single-ASN1-type",
	{IPM, "single-ASN1"}:           "single-ASN1-type",
	{ACSE, "SourceDiagnostic"}:     "result-source-diagnostic",
	{ACSE, "AbortSource"}:          "abort-source",
	{RTSE, "checkpoint-size"}:      "checkpointSize",
	{RTSE, "window-size"}:          "windowSize",
	{RTSE, "dialogue-mode"}:        "dialogueMode",
	{RTSE, "connection-data"}:      "connectionData",
	{RTSE, "application-protocol"}: "applicationProtocol",
	{RTSE, "refuse-reason"}:        "refuseReason",
	{RTSE, "reflected-parameter"}:  "reflectedParameter",
	{RTSE, "reason"}:               "abortReason",
}

func fullName(layer Layer, n *ber.Node) string {
	if name := fullNames[fieldKind{layer, n.Type}]; name != "" {
		return name
	}
	if name := fullNames[fieldKind{layer, n.Name}]; name != "" {
		return name
	}
	return n.Name
}

type valueKind struct {
	layer    Layer
	typeName string
}

// valueNames are the named values of types that have no text of their own.
var valueNames = map[valueKind]map[int64]string{
	{PPDU, "Result"}: {0: "acceptance", 1: "user-rejection", 2: "provider-rejection"},
	{PPDU, "ContextReason"}: {
		0: "reason-not-specified", 1: "abstract-syntax-not-supported",
		2: "proposed-transfer-syntaxes-not-supported", 3: "local-limit-on-DCS-exceeded",
	},
	{PPDU, "EventID"}: {
		0: "cp-PPDU", 1: "cpa-PPDU", 2: "cpr-PPDU", 3: "aru-PPDU", 4: "arp-PPDU", 5: "ac-PPDU", 6: "aca-PPDU",
		7: "td-PPDU", 8: "ttd-PPDU", 9: "te-PPDU", 10: "tc-PPDU", 11: "tcc-PPDU", 12: "rs-PPDU", 13: "rsa-PPDU",
		14: "s-release-indication", 15: "s-release-confirm", 16: "s-token-give-indication",
		17: "s-token-please-indication", 18: "s-control-give-indication",
		19: "s-sync-minor-indication", 20: "s-sync-minor-confirm",
		21: "s-sync-major-indication", 22: "s-sync-major-confirm",
		23: "s-p-exception-report-indication", 24: "s-u-exception-report-indication",
		25: "s-activity-start-indication", 26: "s-activity-resume-indication",
		27: "s-activity-interrupt-indication", 28: "s-activity-interrupt-confirm",
		29: "s-activity-discard-indication", 30: "s-activity-discard-confirm",
		31: "s-activity-end-indication", 32: "s-activity-end-confirm",
	},
	{ACSE, "ReleaseReason"}: {0: "normal", 30: "user-defined"},
	{ACSE, "AbortDiagnostic"}: {
		1: "no-reason-given", 2: "protocol-error", 3: "authentication-mechanism-name-not-recognized",
		4: "authentication-mechanism-name-required", 5: "authentication-failure", 6: "authentication-required",
	},
	{IPM, "Repertoire"}: {2: "ita2", 5: "ia5"},
}

// OIDName returns what an object identifier of messages is called, or the identifier
// itself where nobody knows it.
func OIDName(o asn1.OID) string {
	if name := oidName(o); name != "" {
		return name
	}
	return string(o)
}

// oidName returns what an object identifier is called; "" where nobody knows it.
func oidName(o asn1.OID) string {
	if name := oidNames[o]; name != "" {
		return name
	}
	for _, name := range [...]string{p772.Name(o), edims.Name(o), ipms.DataName(o), ipms.ParametersName(o)} {
		if name != "" && name != string(o) {
			return name
		}
	}
	if set, ok := strings.CutPrefix(string(o), generalText+"."); ok {
		return "general-text character set ISO-IR " + set
	}
	if o.HasPrefix(mts.EITs) {
		if name := mts.EITName(o); name != string(o) {
			return name
		}
	}
	return ""
}

// generalText is the arc of the encoded information types that are character sets by
// their registration number, RFC 1502.
const generalText = "1.0.10021.7.1.0"

// The arcs of PKCS #7, PKCS #9, S/MIME and the algorithms of NIST, whose objects
// contents and tokens carry.
const (
	pkcs1 = "1.2.840.113549.1.1."
	pkcs7 = "1.2.840.113549.1.7."
	pkcs9 = "1.2.840.113549.1.9."
	smime = pkcs9 + "16."
	nist  = "2.16.840.1.101.3.4."
	ecdsa = "1.2.840.10045.4.3."
)

var oidNames = map[asn1.OID]string{
	pkcs7 + "1": "data", pkcs7 + "2": "signed-data", pkcs7 + "3": "enveloped-data", pkcs7 + "6": "encrypted-data",
	smime + "1.1": "receipt", smime + "1.6": "content-info", smime + "1.9": "compressed-data", smime + "1.23": "auth-enveloped-data",
	pkcs9 + "3": "content-type", pkcs9 + "4": "message-digest", pkcs9 + "5": "signing-time", pkcs9 + "15": "smime-capabilities",
	smime + "2.1": "receipt-request", smime + "2.2": "security-label", smime + "2.3": "ml-expansion-history",
	smime + "2.9": "equivalent-labels", smime + "2.12": "signing-certificate", smime + "2.47": "signing-certificate-v2",
	smime + "10.1": "enveloped", smime + "10.2": "signed", smime + "10.3": "certs-only", smime + "10.4": "receipt",
	smime + "10.5": "enveloped-x400", smime + "10.6": "signed-x400", smime + "10.7": "compressed",
	pkcs1 + "1": "rsa", pkcs1 + "7": "rsa-oaep", pkcs1 + "10": "rsa-pss", pkcs1 + "11": "sha256-with-rsa",
	nist + "2.1": "sha256", nist + "2.2": "sha384", nist + "2.3": "sha512",
	nist + "1.2": "aes128-cbc", nist + "1.42": "aes256-cbc", nist + "1.6": "aes128-gcm", nist + "1.46": "aes256-gcm",
	ecdsa + "2": "ecdsa-with-sha256", ecdsa + "3": "ecdsa-with-sha384", ecdsa + "4": "ecdsa-with-sha512",

	presentation.BasicEncoding: "basic-encoding",
	acse.AbstractSyntax:        "acse",
	"2.3.2":                    "rtse",

	"2.6.0.1.0":  "mts-access-88",
	"2.6.0.1.1":  "mts-forced-access-88",
	"2.6.0.1.2":  "mts-reliable-access-88",
	"2.6.0.1.3":  "mts-forced-reliable-access-88",
	"2.6.0.1.4":  "ms-access-88",
	"2.6.0.1.5":  "ms-reliable-access-88",
	"2.6.0.1.6":  "mts-transfer",
	"2.6.0.1.7":  "mts-access-94",
	"2.6.0.1.8":  "mts-forced-access-94",
	"2.6.0.1.9":  "mts-reliable-access-94",
	"2.6.0.1.10": "mts-forced-reliable-access-94",
	"2.6.0.1.11": "ms-access-94",
	"2.6.0.1.12": "ms-reliable-access-94",

	"2.6.0.2.1":        "msse",
	"2.6.0.2.2":        "mdse-88",
	"2.6.0.2.5":        "mrse-88",
	"2.6.0.2.6":        "mase-88",
	rtse.SyntaxMTSE:    "mtse",
	rtse.SyntaxMTSRTSE: "mts-rtse",
	"2.6.0.2.9":        "ms-88",
	rtse.SyntaxMSRTSE:  "ms-rtse",
	"2.6.0.2.11":       "mts",
	rtse.SyntaxMTARTSE: "mta-rtse",
	"2.6.0.2.13":       "ms-msse",
	"2.6.0.2.14":       "mdse-94",
	"2.6.0.2.15":       "mrse-94",
	"2.6.0.2.16":       "mase-94",
	"2.6.0.2.17":       "ms-94",

	mts.ContentUnidentified:  "unidentified",
	mts.ContentInnerEnvelope: "inner-envelope",
	mts.ContentP772:          "p772",
	mts.TokenAsymmetric:      "asymmetric-token",
	"2.6.3.5.0":              "physical-rendition-basic",
	"2.6.3.5.1":              "physical-rendition-no-cover-page",

	ipms.EITFileTransfer: "file-transfer",
	ipms.EITVoice:        "voice",
	ipms.ContentP2:       "p2",
	ipms.ContentP22:      "p22",

	ipms.ExtIncompleteCopy:             "incomplete-copy",
	ipms.ExtLanguages:                  "languages",
	ipms.ExtAutoSubmitted:              "auto-submitted",
	ipms.ExtBodyPartSignatures:         "body-part-signatures",
	ipms.ExtIPMSecurityLabel:           "ipm-security-label",
	ipms.ExtAuthorizationTime:          "authorization-time",
	ipms.ExtCirculationList:            "circulation-list-recipients",
	ipms.ExtDistributionCodes:          "distribution-codes",
	ipms.ExtExtendedSubject:            "extended-subject",
	ipms.ExtInformationCategory:        "information-category",
	ipms.ExtManualHandlingInstructions: "manual-handling-instructions",
	ipms.ExtOriginatorsReference:       "originators-reference",
	ipms.ExtPrecedencePolicyIdentifier: "precedence-policy-identifier",
	ipms.ExtCirculationListIndicator:   "circulation-list-indicator",
	ipms.ExtPrecedence:                 "precedence",
	ipms.ExtRecipientSecurityRequest:   "recipient-security-request",
	ipms.ExtIPNSecurityResponse:        "ipn-security-response",
	ipms.ExtAbsenceAdvice:              "absence-advice",
	ipms.ExtChangeOfAddressAdvice:      "change-of-address-advice",
	ipms.ExtRFC822FieldList:            "rfc-822-field-list",
}
