package mts

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// BuiltInContentType is a content type that X.411 numbers, §8.2.1.1.1.
type BuiltInContentType int64

// The built-in content types.
const (
	Unidentified               BuiltInContentType = 0
	External                   BuiltInContentType = 1 // the content is an EXTERNAL, which names its type itself
	InterpersonalMessaging1984 BuiltInContentType = 2
	InterpersonalMessaging1988 BuiltInContentType = 22
	EDIMessaging               BuiltInContentType = 35
	VoiceMessaging             BuiltInContentType = 40
)

var builtInContentTypeNames = [...]string{
	Unidentified: "unidentified", External: "external",
	InterpersonalMessaging1984: "interpersonal-messaging-1984", InterpersonalMessaging1988: "interpersonal-messaging-1988",
	EDIMessaging: "edi-messaging", VoiceMessaging: "voice-messaging",
}

// String returns X.411's name of the content type, or its number.
func (n BuiltInContentType) String() string { return named(int64(n), builtInContentTypeNames[:]...) }

// Content types identified by object identifiers.
const (
	ContentUnidentified  asn1.OID = "2.6.3.3.0" // for the Directory and the message store
	ContentInnerEnvelope asn1.OID = "2.6.3.3.1" // the content is an MTS-APDU
	ContentP772          asn1.OID = "1.3.26.0.4406.0.4.1"
)

// ContentType says what a content is, X.411 §8.2.1.1.1. A type that is not
// known is relayed untouched.
type ContentType struct {
	_        ber.Choice
	BuiltIn  *BuiltInContentType `ber:"[APPLICATION 6]"`
	Extended *asn1.OID
}

// NewContentType returns the content type of a built-in number.
func NewContentType(n BuiltInContentType) ContentType { return ContentType{BuiltIn: &n} }

// NewExtendedContentType returns the content type of an object identifier.
func NewExtendedContentType(o asn1.OID) ContentType { return ContentType{Extended: &o} }

// The content types of X.420 as object identifiers, which mean the same as the numbers.
const (
	contentP2  asn1.OID = "2.6.1.10.0"
	contentP22 asn1.OID = "2.6.1.10.1"
)

// Canonical returns the one of the content types that mean the same which X.411 numbers, if it
// numbers one.
func (c ContentType) Canonical() ContentType {
	if c.Extended != nil {
		switch *c.Extended {
		case contentP2:
			return NewContentType(InterpersonalMessaging1984)
		case contentP22:
			return NewContentType(InterpersonalMessaging1988)
		}
	}
	return c
}

// contentNames are the short names of the protocols whose contents these are.
var contentNames = []struct {
	builtIn  BuiltInContentType
	extended asn1.OID
	name     string
}{
	{Unidentified, "", "unidentified"},
	{External, "", "external"},
	{InterpersonalMessaging1984, "", "p2"},
	{InterpersonalMessaging1988, "", "p22"},
	{EDIMessaging, "", "p35"},
	{VoiceMessaging, "", "voice"},
	{0, ContentInnerEnvelope, "inner-envelope"},
	{0, ContentP772, "p772"},
}

// String returns the short name of the content type ("p2", "p22", "p35", "p772"
// …), or its number or object identifier.
func (c ContentType) String() string {
	for _, n := range contentNames {
		switch {
		case n.extended != "":
			if c.Extended != nil && *c.Extended == n.extended {
				return n.name
			}
		case c.BuiltIn != nil && *c.BuiltIn == n.builtIn:
			return n.name
		}
	}
	switch {
	case c.BuiltIn != nil:
		return strconv.FormatInt(int64(*c.BuiltIn), 10)
	case c.Extended != nil:
		return string(*c.Extended)
	}
	return ""
}

// Equal reports whether c and d are the same content type.
func (c ContentType) Equal(d ContentType) bool {
	switch {
	case c.BuiltIn != nil && d.BuiltIn != nil:
		return *c.BuiltIn == *d.BuiltIn
	case c.Extended != nil && d.Extended != nil:
		return *c.Extended == *d.Extended
	}
	return false
}

// ParseContentType reads a short name as String writes it, the number of a
// built-in content type, or an object identifier in dotted decimal.
func ParseContentType(s string) (ContentType, error) {
	for _, n := range contentNames {
		if !strings.EqualFold(s, n.name) {
			continue
		}
		if n.extended != "" {
			return NewExtendedContentType(n.extended), nil
		}
		return NewContentType(n.builtIn), nil
	}
	if n, err := strconv.ParseUint(s, 10, 16); err == nil && n <= UbBuiltInContentType {
		return NewContentType(BuiltInContentType(n)), nil
	}
	if o := asn1.OID(s); o.Valid() == nil {
		return NewExtendedContentType(o), nil
	}
	return ContentType{}, diag.E("mts: content type", diag.Data,
		fmt.Errorf("%q is neither a name, a number up to %d nor an object identifier", s, UbBuiltInContentType))
}

// ContentIdentifier is the X.411 ContentIdentifier, §8.2.1.1.1: at most
// UbContentIDLength printable characters that the originator chose.
type ContentIdentifier = asn1.PrintableString

// ContentCorrelator is the X.411 ContentCorrelator, §8.2.1.1.1: what the
// originator wants returned with a report to find its message again.
type ContentCorrelator struct {
	_       ber.Choice
	IA5Text *asn1.IA5String
	Octets  *[]byte
}

// String returns the text, or the octets in hexadecimal.
func (c ContentCorrelator) String() string {
	switch {
	case c.IA5Text != nil:
		return string(*c.IA5Text)
	case c.Octets != nil:
		return hex.EncodeToString(*c.Octets)
	}
	return ""
}

// Numbers of the built-in encoded information types, which are also the last
// arcs of the object identifiers below EITs.
const (
	EITUnknown     = 0
	EITTelex       = 1
	EITIA5Text     = 2
	EITG3Facsimile = 3
	EITG4Class1    = 4
	EITTeletex     = 5
	EITVideotex    = 6
	EITVoice       = 7
	EITSFD         = 8
	EITMixedMode   = 9
)

// EITs is the arc id-eit below which every built-in encoded information type
// has an object identifier too, X.411 Annex A.
const EITs asn1.OID = "2.6.3.4"

// NewEIT returns the object identifier of a built-in encoded information type.
func NewEIT(n int) asn1.OID { return EITs + "." + asn1.OID(strconv.Itoa(n)) }

// EncodedInformationTypes says how the parts of a content are encoded, X.411
// §8.2.1.1.1.
type EncodedInformationTypes struct {
	_                               ber.Set                    `ber:"[APPLICATION 5]"`
	BuiltInEncodedInformationTypes  asn1.BitString             `ber:"[0]"`
	G3Facsimile                     asn1.BitString             `ber:"[1] DEFAULT"`
	Teletex                         *TeletexNonBasicParameters `ber:"[2] OPTIONAL"`
	ExtendedEncodedInformationTypes []asn1.OID                 `ber:"[4] SET OPTIONAL"`
	Unknown                         []ber.Raw                  `ber:"..."`
}

// TeletexNonBasicParameters is the X.411 type of that name.
type TeletexNonBasicParameters struct {
	_                                 ber.Set
	GraphicCharacterSets              asn1.TeletexString `ber:"[0] OPTIONAL"`
	ControlCharacterSets              asn1.TeletexString `ber:"[1] OPTIONAL"`
	PageFormats                       []byte             `ber:"[2] OPTIONAL"`
	MiscellaneousTerminalCapabilities asn1.TeletexString `ber:"[3] OPTIONAL"`
	PrivateUse                        []byte             `ber:"[4] OPTIONAL"`
	Unknown                           []ber.Raw          `ber:"..."`
}

// NewEncodedInformationTypes returns the value that names the given types. A
// type below EITs is sent as a built-in bit, where X.411 of 1984 looks for it;
// the others are sent as object identifiers.
func NewEncodedInformationTypes(types ...asn1.OID) *EncodedInformationTypes {
	e := &EncodedInformationTypes{}
	for _, o := range types {
		if n, ok := builtInEIT(o); ok {
			e.BuiltInEncodedInformationTypes.Set(n)
		} else {
			e.ExtendedEncodedInformationTypes = append(e.ExtendedEncodedInformationTypes, o)
		}
	}
	return e
}

func builtInEIT(o asn1.OID) (int, bool) {
	last, ok := strings.CutPrefix(string(o), string(EITs)+".")
	if !ok || len(last) != 1 || last[0] < '0' || last[0] > '9' {
		return 0, false
	}
	return int(last[0] - '0'), true
}

// Types returns every type e names as an object identifier, built-in ones
// first, each once.
func (e *EncodedInformationTypes) Types() []asn1.OID {
	if e == nil {
		return nil
	}
	var types []asn1.OID
	seen := map[asn1.OID]bool{}
	add := func(o asn1.OID) {
		if !seen[o] {
			seen[o] = true
			types = append(types, o)
		}
	}
	for n := range min(e.BuiltInEncodedInformationTypes.BitLength, UbBuiltInEncodedInformation) {
		if e.BuiltInEncodedInformationTypes.At(n) {
			add(NewEIT(n))
		}
	}
	for _, o := range e.ExtendedEncodedInformationTypes {
		add(o)
	}
	return types
}

var eitNames = [...]string{
	EITUnknown: "unknown", EITTelex: "telex", EITIA5Text: "ia5-text",
	EITG3Facsimile: "g3-facsimile", EITG4Class1: "g4-class-1", EITTeletex: "teletex",
	EITVideotex: "videotex", EITVoice: "voice", EITSFD: "sfd", EITMixedMode: "mixed-mode",
}

// EITName returns X.411's name of an encoded information type below EITs, or the
// object identifier itself.
func EITName(o asn1.OID) string {
	if n, ok := builtInEIT(o); ok {
		return eitNames[n]
	}
	return string(o)
}

// ParseEIT reads an encoded information type as EITName writes it, or any object
// identifier in dotted decimal.
func ParseEIT(s string) (asn1.OID, error) {
	for n, name := range eitNames {
		if strings.EqualFold(s, name) {
			return NewEIT(n), nil
		}
	}
	o := asn1.OID(s)
	if err := o.Valid(); err != nil {
		return "", diag.E("mts: encoded information type", diag.Data, fmt.Errorf("%q is neither a name nor an object identifier", s))
	}
	return o, nil
}

// PresentEITs returns the encoded information types a content has by now: those of
// its last conversion that the trace tells of, else the original ones (X.411
// §12.2.1.1.1.3).
func PresentEITs(original *EncodedInformationTypes, t TraceInformation) *EncodedInformationTypes {
	for i := len(t) - 1; i >= 0; i-- {
		if e := t[i].DomainSuppliedInformation.ConvertedEncodedInformationTypes; e != nil {
			return e
		}
	}
	return original
}

// String returns the names of the types, separated by commas.
func (e *EncodedInformationTypes) String() string {
	var names []string
	for _, o := range e.Types() {
		names = append(names, EITName(o))
	}
	return strings.Join(names, ",")
}
