// Package label is the security label: of X.411 §8.5, of RFC 2634 (ESS) and of
// X.841, which are the same octets, and the clearance of X.501 and RFC 5755 that
// it is held against. A Label has its categories taken apart into tags and
// values; what is not understood is kept bit for bit. There are its forms for
// carriers that have no place for octets, too: SIO-Label (RFC 7444), a subject, a
// first line of text, a field of a header, and a text form for command lines and
// configuration files.
//
// What the numbers in a label mean, which labels are valid, which clearance
// reaches which of them, and how a label reads, is for the policy to say: package
// spif.
package label

import (
	"cmp"
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// A Label is a security label. The zero value has no component, which an encoding
// may have and no policy accepts.
type Label struct {
	Policy         asn1.OID                    // "" where the label has none
	Classification *mts.SecurityClassification // nil where the label has none
	PrivacyMark    string                      // the octets of the string; UTF-8 where the label is well made
	Categories     []Category
	Unknown        []ber.Raw // elements of the SET that no standard knows
}

// A Category is one SecurityCategory of a label or clearance: its tags, where Type
// is a syntax known here, or else Value.
type Category struct {
	Type   asn1.OID // the syntax
	Policy asn1.OID // the policy that a category of SDN.801 names for itself, mostly ""
	Tags   []Tag    // nil where the syntax is not known
	Value  ber.Raw  // nil where Tags says it all
}

// A Tag is a set of values of one kind, out of one tag set.
type Tag struct {
	Set    asn1.OID
	Kind   Kind
	Values []Value // ascending, each once
}

// NewTag returns a tag with its values put in order.
func NewTag(set asn1.OID, kind Kind, values ...Value) Tag {
	values = slices.Clone(values)
	slices.SortFunc(values, Value.Compare)
	return Tag{Set: set, Kind: kind, Values: slices.Compact(values)}
}

// Has reports whether the tag has a value.
func (t *Tag) Has(v Value) bool {
	_, found := slices.BinarySearchFunc(t.Values, v, Value.Compare)
	return found
}

// Kind is what a tag does to access, and how its values are encoded (ACP 145(A),
// SDN.801). The numbers have no meaning outside the program.
type Kind uint8

// The kinds.
const (
	Restrictive           Kind = iota + 1 // bits; a clearance must have all
	EnumeratedRestrictive                 // integers; likewise
	Permissive                            // bits; a clearance must have one at least
	EnumeratedPermissive                  // integers; likewise
	Enumerated                            // integers of SDN.801, of which the policy knows whether all or one
	Informative                           // bits that decide nothing
	EnumeratedInformative                 // integers that decide nothing
)

var kindNames = [...]string{"", "restrictive", "enumerated-restrictive", "permissive", "enumerated-permissive",
	"enumerated", "informative", "enumerated-informative"}

// String returns the name the text form has for a kind.
func (k Kind) String() string {
	if k > 0 && int(k) < len(kindNames) {
		return kindNames[k]
	}
	return fmt.Sprintf("kind %d", uint8(k))
}

// ParseKind returns the kind of a name.
func ParseKind(name string) (Kind, bool) {
	i := slices.Index(kindNames[1:], name)
	return Kind(i + 1), i >= 0
}

// Bits reports whether the values are positions of bits.
func (k Kind) Bits() bool { return k == Restrictive || k == Permissive || k == Informative }

// Decides reports whether tags of the kind count in a decision on access.
func (k Kind) Decides() bool { return k != Informative && k != EnumeratedInformative }

// MaxBit is the highest position of a bit that is accepted, in categories and in
// the classifications of a clearance: hostile ones would cost memory.
const MaxBit = 1<<14 - 1

// maxInteger bounds the contents octets of an enumerated value, and maxValue is the
// greatest that they hold: 2 to the power of 255, less 1.
const (
	maxInteger       = 32
	maxValue   Value = "57896044618658097711785492504343953926634992332820282019728792003956564819967"
)

// A Value is a value of a tag, the label and certificate value (lacv) of X.841: a
// non-negative integer in decimal, without leading zeros. It may exceed 64 bits.
type Value string

// NewValue returns the value of a number.
func NewValue(n uint64) Value { return Value(strconv.FormatUint(n, 10)) }

// ParseValue reads a decimal number; leading zeros, which policies are fond of, do
// not count. As an INTEGER it has up to 32 octets, which is up to 77 digits.
func ParseValue(text string) (Value, error) {
	digits := strings.TrimLeft(text, "0")
	for _, c := range []byte(digits) {
		if c < '0' || c > '9' {
			return "", fmt.Errorf("%q is no whole number", clip(text))
		}
	}
	switch {
	case text == "":
		return "", fmt.Errorf("a number is missing")
	case digits == "":
		return "0", nil
	case Value(digits).Compare(maxValue) > 0:
		return "", fmt.Errorf("%s is greater than %s", clip(digits), maxValue)
	}
	return Value(digits), nil
}

// Compare orders values as numbers.
func (v Value) Compare(w Value) int {
	return cmp.Or(cmp.Compare(len(v), len(w)), cmp.Compare(v, w))
}

// Values returns how many values there are in all tags.
func (l *Label) Values() (n int) {
	for i := range l.Categories {
		for _, t := range l.Categories[i].Tags {
			n += len(t.Values)
		}
	}
	return n
}

// Has reports whether the label has a value of a tag set, of the given kind. An
// Enumerated tag counts as either kind of enumerated tag that decides.
func (l *Label) Has(set asn1.OID, kind Kind, v Value) bool { return has(l.Categories, set, kind, v) }

func has(categories []Category, set asn1.OID, kind Kind, v Value) bool {
	for i := range categories {
		for j := range categories[i].Tags {
			t := &categories[i].Tags[j]
			if t.Set == set && t.Kind.stands(kind) && t.Has(v) {
				return true
			}
		}
	}
	return false
}

// stands reports whether a tag of kind k may be one of kind other: of the same, or
// one whose side SDN.801 leaves to the policy.
func (k Kind) stands(other Kind) bool {
	return k == other || k == Enumerated && (other == EnumeratedPermissive || other == EnumeratedRestrictive)
}

// Equal reports whether two labels say the same: the same policy, classification,
// privacy mark and tags, in whatever order and category syntax. What is not
// understood is equal if its octets are. Two labels that are absent are equal.
func (l *Label) Equal(m *Label) bool {
	if l == nil || m == nil {
		return l == m
	}
	if l.Policy != m.Policy || l.PrivacyMark != m.PrivacyMark || (l.Classification == nil) != (m.Classification == nil) {
		return false
	}
	if l.Classification != nil && *l.Classification != *m.Classification {
		return false
	}
	return slices.Equal(sayings(l.Categories, l.Unknown), sayings(m.Categories, m.Unknown))
}

// sayings is a list of everything in categories and unknown elements, in order.
func sayings(categories []Category, unknown []ber.Raw) []string {
	var all []string
	for _, c := range categories {
		if c.Tags == nil {
			all = append(all, fmt.Sprintf("%s %x", c.Type, []byte(c.Value)))
		}
		for _, t := range c.Tags {
			all = append(all, fmt.Sprintf("%s|%s %v %q", c.Policy, t.Set, t.Kind, t.Values))
		}
	}
	for _, u := range unknown {
		all = append(all, fmt.Sprintf("? %x", []byte(u)))
	}
	slices.Sort(all)
	return all
}

// Base64 returns the encoding of DER in base64, as a field of a header has it.
func (l *Label) Base64() (string, error) {
	octets, err := l.DER()
	return base64.StdEncoding.EncodeToString(octets), err
}

// clip shortens what an error repeats of outside text.
func clip(text string) string {
	if len(text) <= 40 {
		return text
	}
	return text[:40] + "…"
}
