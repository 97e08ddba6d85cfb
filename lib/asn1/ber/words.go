package ber

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
)

// words is a field tag, read.
type words struct {
	tags       []tagWord
	optional   bool
	hasDefault bool
	defaultTo  string // "" for the Go zero value
	set        bool
	builtIn    uint32 // number of the universal class; 0: as the Go type says
	absent     bool   // "-"
	extension  bool   // "..."
	components bool   // COMPONENTS OF
	of         *words
}

type tagWord struct {
	tag      asn1.Tag
	explicit bool
}

// variant spells the words that change a plan rather than the place it is used
// in; it is part of the key under which plans are kept.
func (w *words) variant() string {
	if !w.set && w.builtIn == 0 && w.of == nil {
		return ""
	}
	s := strconv.FormatUint(uint64(w.builtIn), 10)
	if w.set {
		s += " SET"
	}
	if w.of != nil {
		s += " OF"
		for _, t := range w.of.tags {
			s += fmt.Sprintf(" %v %t", t.tag, t.explicit)
		}
		s += " " + w.of.variant()
	}
	return s
}

// typeWords are the names of built-in types a field tag may contain; those of
// two words are looked up by the first and end in the second.
var typeWords = map[string]struct {
	number uint32
	second string
}{
	"INTEGER":          {asn1.NumberInteger, ""},
	"ENUMERATED":       {asn1.NumberEnumerated, ""},
	"OCTET":            {asn1.NumberOctetString, "STRING"},
	"BIT":              {asn1.NumberBitString, "STRING"},
	"OBJECT":           {asn1.NumberOID, "IDENTIFIER"},
	"ObjectDescriptor": {asn1.NumberObjectDescriptor, ""},
	"UTF8String":       {asn1.NumberUTF8String, ""},
	"NumericString":    {asn1.NumberNumericString, ""},
	"PrintableString":  {asn1.NumberPrintableString, ""},
	"TeletexString":    {asn1.NumberTeletexString, ""},
	"VideotexString":   {asn1.NumberVideotexString, ""},
	"IA5String":        {asn1.NumberIA5String, ""},
	"UTCTime":          {asn1.NumberUTCTime, ""},
	"GeneralizedTime":  {asn1.NumberGeneralizedTime, ""},
	"GraphicString":    {asn1.NumberGraphicString, ""},
	"VisibleString":    {asn1.NumberVisibleString, ""},
	"GeneralString":    {asn1.NumberGeneralString, ""},
	"UniversalString":  {asn1.NumberUniversalString, ""},
	"BMPString":        {asn1.NumberBMPString, ""},
}

// splitWords splits at spaces outside brackets.
func splitWords(s string) []string {
	var all []string
	for s = strings.TrimSpace(s); s != ""; s = strings.TrimSpace(s) {
		end := strings.IndexByte(s, ' ')
		if s[0] == '[' {
			end = strings.IndexByte(s, ']') + 1
		}
		if end <= 0 {
			end = len(s)
		}
		all = append(all, s[:end])
		s = s[end:]
	}
	return all
}

func parseWords(s string) (words, error) {
	return readWords(s, splitWords(s))
}

func readWords(s string, list []string) (words, error) {
	var w words
	for i := 0; i < len(list); i++ {
		next := ""
		if i+1 < len(list) {
			next = list[i+1]
		}
		switch word := list[i]; word {
		case "IMPLICIT":
		case "EXPLICIT":
			if len(w.tags) == 0 {
				return w, fmt.Errorf("%w: %q: EXPLICIT without a tag before it", ErrType, s)
			}
			w.tags[len(w.tags)-1].explicit = true
		case "OPTIONAL":
			w.optional = true
		case "DEFAULT":
			w.hasDefault = true
			if next != "" && isValue(next) {
				w.defaultTo = next
				i++
			}
			if w.defaultTo == "{}" {
				w.defaultTo = ""
			}
		case "SET":
			w.set = true
		case "SEQUENCE":
		case "OF":
			of, err := readWords(s, list[i+1:])
			if err != nil {
				return w, err
			}
			if of.absent || of.extension || of.components {
				return w, fmt.Errorf("%w: %q: not a word for elements", ErrType, s)
			}
			// "SET OF INTEGER OPTIONAL": the component is optional, not its elements.
			w.optional = w.optional || of.optional
			w.hasDefault = w.hasDefault || of.hasDefault
			w.defaultTo += of.defaultTo
			of.optional, of.hasDefault, of.defaultTo = false, false, ""
			if len(of.tags) > 0 || of.variant() != "" {
				w.of = &of
			}
			i = len(list)
		case "COMPONENTS":
			if next != "OF" {
				return w, fmt.Errorf("%w: %q: COMPONENTS without OF", ErrType, s)
			}
			w.components = true
			i++
		case "-":
			w.absent = true
		case "...":
			w.extension = true
		default:
			if word[0] == '[' {
				tag, err := parseTag(word)
				if err != nil {
					return w, err
				}
				w.tags = append(w.tags, tagWord{tag: tag})
				continue
			}
			t, ok := typeWords[word]
			if !ok || t.second != "" && next != t.second {
				return w, fmt.Errorf("%w: %q: unknown word %q", ErrType, s, word)
			}
			if t.second != "" {
				i++
			}
			w.builtIn = t.number
		}
	}
	if w.optional && w.hasDefault {
		return w, fmt.Errorf("%w: %q: both OPTIONAL and DEFAULT", ErrType, s)
	}
	return w, nil
}

// isValue reports whether a word after DEFAULT is its value.
func isValue(word string) bool {
	if word == "TRUE" || word == "FALSE" || word == "{}" {
		return true
	}
	_, err := strconv.ParseInt(word, 10, 64)
	return err == nil
}

func parseTag(word string) (asn1.Tag, error) {
	inner, ok := strings.CutSuffix(strings.TrimPrefix(word, "["), "]")
	class := asn1.ContextSpecific
	if ok {
		for name, c := range map[string]asn1.Class{
			"UNIVERSAL ": asn1.Universal, "APPLICATION ": asn1.Application, "PRIVATE ": asn1.Private,
		} {
			if rest, found := strings.CutPrefix(inner, name); found {
				class, inner = c, rest
			}
		}
	}
	n, err := strconv.ParseUint(inner, 10, 32)
	if !ok || err != nil || class == asn1.Universal && n == 0 {
		return asn1.Tag{}, fmt.Errorf("%w: %q is no tag", ErrType, word)
	}
	return asn1.Tag{Class: class, Number: uint32(n)}, nil
}
