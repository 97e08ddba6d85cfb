// Package asn1 holds the vocabulary of X.680 that wire types are written in:
// tags, object identifiers, and the string, time and bit string types. It knows
// no encoding; package ber does that.
package asn1

import "strconv"

// Class is a tag class, X.680 §8.1. Its value is the one of bits 8 and 7 of the
// identifier octet, X.690 §8.1.2.2.
type Class uint8

// The tag classes.
const (
	Universal Class = iota
	Application
	ContextSpecific
	Private
)

// String returns the class as a tag is written with it.
func (c Class) String() string {
	switch c {
	case Universal:
		return "UNIVERSAL"
	case Application:
		return "APPLICATION"
	case ContextSpecific:
		return "CONTEXT"
	}
	return "PRIVATE"
}

// Tag is a tag, X.680 §8: a class and a number.
type Tag struct {
	Class  Class
	Number uint32
}

// Context returns the context-specific tag [n].
func Context(n uint32) Tag { return Tag{ContextSpecific, n} }

// App returns the tag [APPLICATION n].
func App(n uint32) Tag { return Tag{Application, n} }

// Univ returns the tag [UNIVERSAL n].
func Univ(n uint32) Tag { return Tag{Universal, n} }

// Numbers of the universal class, X.680 table 1.
const (
	NumberEndOfContents    uint32 = 0
	NumberBoolean          uint32 = 1
	NumberInteger          uint32 = 2
	NumberBitString        uint32 = 3
	NumberOctetString      uint32 = 4
	NumberNull             uint32 = 5
	NumberOID              uint32 = 6
	NumberObjectDescriptor uint32 = 7
	NumberExternal         uint32 = 8
	NumberReal             uint32 = 9
	NumberEnumerated       uint32 = 10
	NumberEmbeddedPDV      uint32 = 11
	NumberUTF8String       uint32 = 12
	NumberRelativeOID      uint32 = 13
	NumberSequence         uint32 = 16
	NumberSet              uint32 = 17
	NumberNumericString    uint32 = 18
	NumberPrintableString  uint32 = 19
	NumberTeletexString    uint32 = 20
	NumberVideotexString   uint32 = 21
	NumberIA5String        uint32 = 22
	NumberUTCTime          uint32 = 23
	NumberGeneralizedTime  uint32 = 24
	NumberGraphicString    uint32 = 25
	NumberVisibleString    uint32 = 26
	NumberGeneralString    uint32 = 27
	NumberUniversalString  uint32 = 28
	NumberCharacterString  uint32 = 29
	NumberBMPString        uint32 = 30
)

var universalNames = [...]string{
	NumberEndOfContents:    "end-of-contents",
	NumberBoolean:          "BOOLEAN",
	NumberInteger:          "INTEGER",
	NumberBitString:        "BIT STRING",
	NumberOctetString:      "OCTET STRING",
	NumberNull:             "NULL",
	NumberOID:              "OBJECT IDENTIFIER",
	NumberObjectDescriptor: "ObjectDescriptor",
	NumberExternal:         "EXTERNAL",
	NumberReal:             "REAL",
	NumberEnumerated:       "ENUMERATED",
	NumberEmbeddedPDV:      "EMBEDDED PDV",
	NumberUTF8String:       "UTF8String",
	NumberRelativeOID:      "RELATIVE-OID",
	NumberSequence:         "SEQUENCE",
	NumberSet:              "SET",
	NumberNumericString:    "NumericString",
	NumberPrintableString:  "PrintableString",
	NumberTeletexString:    "TeletexString",
	NumberVideotexString:   "VideotexString",
	NumberIA5String:        "IA5String",
	NumberUTCTime:          "UTCTime",
	NumberGeneralizedTime:  "GeneralizedTime",
	NumberGraphicString:    "GraphicString",
	NumberVisibleString:    "VisibleString",
	NumberGeneralString:    "GeneralString",
	NumberUniversalString:  "UniversalString",
	NumberCharacterString:  "CHARACTER STRING",
	NumberBMPString:        "BMPString",
}

// String returns the tag as a module writes it, "[APPLICATION 3]" or "[2]"; a
// universal tag is named by its type, "SEQUENCE".
func (t Tag) String() string {
	switch t.Class {
	case Universal:
		if int64(t.Number) < int64(len(universalNames)) && universalNames[t.Number] != "" {
			return universalNames[t.Number]
		}
	case ContextSpecific:
		return "[" + strconv.FormatUint(uint64(t.Number), 10) + "]"
	}
	return "[" + t.Class.String() + " " + strconv.FormatUint(uint64(t.Number), 10) + "]"
}

// MarshalText gives the tag as String does, so that JSON shows it as written.
func (t Tag) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
