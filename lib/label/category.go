package label

import (
	"bytes"
	"fmt"
	"math/big"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// The syntaxes of categories that are taken apart. SyntaxACP145 is the arc of
// those of ACP 145(A), one for each kind; SyntaxSDN801 carries any number of tags,
// and SyntaxSDN801Clearance is its form in clearances.
const (
	SyntaxACP145          asn1.OID = "2.16.840.1.101.2.1.8.3"
	SyntaxSDN801          asn1.OID = "2.16.840.1.101.2.1.8.1"
	SyntaxSDN801Clearance asn1.OID = "2.16.840.1.101.2.1.8.2"

	syntaxRestrictive           = SyntaxACP145 + ".0"
	syntaxEnumeratedPermissive  = SyntaxACP145 + ".1"
	syntaxPermissive            = SyntaxACP145 + ".2"
	syntaxInformative           = SyntaxACP145 + ".3"
	syntaxEnumeratedRestrictive = SyntaxACP145 + ".4"
)

// natoCategories are the names STANAG 4406 has for categories below
// 1.3.26.0.4406.0.6. No public text gives the syntax of their values, which are
// kept as they came.
var natoCategories = [...]string{"", "atomal", "cryptosecurity", "special-handling-intel", "us-siop-esi",
	"eyes-only", "exclusive", "information-label"}

// SyntaxName returns what a syntax is called, or "" for one that is not known.
func SyntaxName(syntax asn1.OID) string {
	switch syntax {
	case SyntaxSDN801:
		return "SDN.801"
	case SyntaxSDN801Clearance:
		return "SDN.801 clearance"
	case syntaxRestrictive, syntaxEnumeratedPermissive, syntaxPermissive, syntaxInformative, syntaxEnumeratedRestrictive:
		return "ACP 145(A)"
	}
	for n, name := range natoCategories {
		if name != "" && string(syntax) == fmt.Sprintf("1.3.26.0.4406.0.6.%d", n) {
			return "STANAG 4406 " + name
		}
	}
	return ""
}

// The values of ACP 145(A): RestrictiveTag and PermissiveTag, EnumeratedTag,
// InformativeTag.
type bitsTag struct {
	_              ber.Sequence
	TagName        asn1.OID
	AttributeFlags asn1.BitString
}

type enumeratedTag struct {
	_             ber.Sequence
	TagName       asn1.OID
	AttributeList []ber.Raw `ber:"SET"` // INTEGER, perhaps beyond 64 bits
}

type informativeTag struct {
	_       ber.Sequence
	TagName asn1.OID
	Field   freeForm
}

type freeForm struct {
	_                  ber.Choice
	BitSetAttributes   *asn1.BitString
	SecurityAttributes []ber.Raw `ber:"SET"`
}

// The values of SDN.801, of labels and of clearances. An implicit tag of CHOICE
// or ANY, as [7] would have, is an explicit one.
type sdnCategories struct {
	_     ber.Choice
	Lrbac *sdnLrbac
	Prbac []sdnTagSet `ber:"SET"`
}

type sdnLrbac struct {
	_          ber.Sequence
	Policy     asn1.OID
	Categories []sdnTagSet `ber:"SET"`
}

type sdnTagSet struct {
	_            ber.Sequence
	TagSetName   asn1.OID
	SecurityTags []sdnTag
}

type sdnTag struct {
	_                    ber.Choice
	RestrictiveBitMap    *sdnBits       `ber:"[1]"`
	EnumeratedAttributes *sdnEnumerated `ber:"[2]"`
	PermissiveBitMap     *sdnBits       `ber:"[6]"`
	FreeFormField        *freeForm      `ber:"[7]"`
}

type sdnBits struct {
	_              ber.Sequence
	SecurityLevel  *int64 `ber:"OPTIONAL"`
	AttributeFlags asn1.BitString
}

type sdnEnumerated struct {
	_              ber.Sequence
	SecurityLevel  *int64    `ber:"OPTIONAL"`
	AttributeFlags []ber.Raw `ber:"SET"`
}

type sdnPrivileges struct {
	_                     ber.Sequence
	TagSetName            asn1.OID
	SecurityTagPrivileges []sdnPrivilege
}

type sdnPrivilege struct {
	_                    ber.Choice
	RestrictiveBitMap    *asn1.BitString `ber:"[1]"`
	EnumeratedAttributes []ber.Raw       `ber:"[2] SET"`
	PermissiveBitMap     *asn1.BitString `ber:"[6]"`
}

// reading takes categories apart and counts what they hold.
type reading struct{ values, tags int }

// maxValues and maxTags bound the values in all tags of a label or a clearance, and the tags
// themselves: each is held against what others require and exclude, and against every clearance.
const (
	maxValues = 8192
	maxTags   = 256
)

// limits bound one encoding of a label, a clearance, or a part of one.
var limits = ber.Limits{Depth: 16, Elements: 2 * maxValues, Octets: maxOctets}

// category takes apart what a syntax known here has in it.
func (r *reading) category(syntax asn1.OID, value ber.Raw) (Category, error) {
	c := Category{Type: syntax}
	var err error
	switch syntax {
	case syntaxRestrictive:
		err = r.acpBits(&c, value, Restrictive)
	case syntaxPermissive:
		err = r.acpBits(&c, value, Permissive)
	case syntaxEnumeratedRestrictive:
		err = r.acpEnumerated(&c, value, EnumeratedRestrictive)
	case syntaxEnumeratedPermissive:
		err = r.acpEnumerated(&c, value, EnumeratedPermissive)
	case syntaxInformative:
		var w informativeTag
		if err = whole(value, &w, ""); err == nil {
			err = r.freeForm(&c, w.TagName, &w.Field)
		}
	case SyntaxSDN801:
		err = r.sdn(&c, value)
	case SyntaxSDN801Clearance:
		err = r.privileges(&c, value)
	default:
		c.Value = slices.Clone(value)
	}
	return c, err
}

// whole decodes an encoding that has nothing after it.
func whole(octets []byte, v any, params string) error {
	rest, err := ber.UnmarshalWith(octets, v, params, limits)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d octets too many, at octet %d", len(rest), len(octets)-len(rest))
	}
	return err
}

func (r *reading) acpBits(c *Category, value ber.Raw, kind Kind) error {
	var w bitsTag
	if err := whole(value, &w, ""); err != nil {
		return err
	}
	return r.bits(c, w.TagName, kind, &w.AttributeFlags)
}

func (r *reading) acpEnumerated(c *Category, value ber.Raw, kind Kind) error {
	var w enumeratedTag
	if err := whole(value, &w, ""); err != nil {
		return err
	}
	return r.integers(c, w.TagName, kind, w.AttributeList)
}

func (r *reading) freeForm(c *Category, set asn1.OID, f *freeForm) error {
	if f.BitSetAttributes != nil {
		return r.bits(c, set, Informative, f.BitSetAttributes)
	}
	return r.integers(c, set, EnumeratedInformative, f.SecurityAttributes)
}

// sdn reads the categories of SDN.801. One with a security level of its own is
// left as it came: a level is a restriction that nothing here could honour.
func (r *reading) sdn(c *Category, value ber.Raw) error {
	var w sdnCategories
	if err := whole(value, &w, ""); err != nil {
		return err
	}
	sets := w.Prbac
	if w.Lrbac != nil {
		c.Policy, sets = w.Lrbac.Policy, w.Lrbac.Categories
	}
	c.Tags = []Tag{}
	for _, set := range sets {
		for _, t := range set.SecurityTags {
			var err error
			level := false
			switch {
			case t.RestrictiveBitMap != nil:
				level = t.RestrictiveBitMap.SecurityLevel != nil
				err = r.bits(c, set.TagSetName, Restrictive, &t.RestrictiveBitMap.AttributeFlags)
			case t.EnumeratedAttributes != nil:
				level = t.EnumeratedAttributes.SecurityLevel != nil
				err = r.integers(c, set.TagSetName, Enumerated, t.EnumeratedAttributes.AttributeFlags)
			case t.PermissiveBitMap != nil:
				level = t.PermissiveBitMap.SecurityLevel != nil
				err = r.bits(c, set.TagSetName, Permissive, &t.PermissiveBitMap.AttributeFlags)
			default:
				err = r.freeForm(c, set.TagSetName, t.FreeFormField)
			}
			if err != nil {
				return fmt.Errorf("tag set %s: %w", set.TagSetName, err)
			}
			if level {
				*c = Category{Type: c.Type, Value: slices.Clone(value)}
				return nil
			}
		}
	}
	return nil
}

func (r *reading) privileges(c *Category, value ber.Raw) error {
	var w []sdnPrivileges
	if err := whole(value, &w, "SET"); err != nil {
		return err
	}
	c.Tags = []Tag{}
	for _, set := range w {
		for _, p := range set.SecurityTagPrivileges {
			var err error
			switch {
			case p.RestrictiveBitMap != nil:
				err = r.bits(c, set.TagSetName, Restrictive, p.RestrictiveBitMap)
			case p.PermissiveBitMap != nil:
				err = r.bits(c, set.TagSetName, Permissive, p.PermissiveBitMap)
			default:
				err = r.integers(c, set.TagSetName, Enumerated, p.EnumeratedAttributes)
			}
			if err != nil {
				return fmt.Errorf("tag set %s: %w", set.TagSetName, err)
			}
		}
	}
	return nil
}

// take counts n more values.
func (r *reading) take(n int) error {
	if r.values += n; r.values > maxValues {
		return fmt.Errorf("%w: more than %d values", ber.ErrLimit, maxValues)
	}
	return nil
}

// tag appends one more tag to a category.
func (r *reading) tag(c *Category, t Tag) error {
	if r.tags++; r.tags > maxTags {
		return fmt.Errorf("%w: more than %d tags", ber.ErrLimit, maxTags)
	}
	c.Tags = append(c.Tags, t)
	return nil
}

func (r *reading) bits(c *Category, set asn1.OID, kind Kind, b *asn1.BitString) error {
	ones, err := r.positions(b)
	if err != nil {
		return err
	}
	t := Tag{Set: set, Kind: kind, Values: make([]Value, len(ones))}
	for i, n := range ones {
		t.Values[i] = NewValue(uint64(n))
	}
	return r.tag(c, t)
}

// positions returns the bits that are one, in order.
func (r *reading) positions(b *asn1.BitString) ([]int, error) {
	var ones []int
	for i, octet := range b.Bytes {
		if octet == 0 {
			continue
		}
		for n := i * 8; n < i*8+8 && n < b.BitLength; n++ {
			if !b.At(n) {
				continue
			}
			if n > MaxBit {
				return nil, fmt.Errorf("%w: bit %d, beyond %d", ber.ErrLimit, n, MaxBit)
			}
			ones = append(ones, n)
		}
	}
	return ones, r.take(len(ones))
}

func (r *reading) integers(c *Category, set asn1.OID, kind Kind, raws []ber.Raw) error {
	if err := r.take(len(raws)); err != nil {
		return err
	}
	values := make([]Value, len(raws))
	for i, raw := range raws {
		v, err := integer(raw)
		if err != nil {
			return fmt.Errorf("value %d: %w", i+1, err)
		}
		values[i] = v
	}
	return r.tag(c, NewTag(set, kind, values...))
}

// integer reads an INTEGER that is not below zero.
func integer(raw ber.Raw) (Value, error) {
	contents := raw.Contents()
	switch {
	case raw.Tag() != asn1.Univ(asn1.NumberInteger) || raw[0]&0x20 != 0:
		return "", fmt.Errorf("%w: %v where an INTEGER belongs", ber.ErrUnexpected, raw.Tag())
	case len(contents) == 0 || len(contents) > maxInteger:
		return "", fmt.Errorf("%w: INTEGER of %d octets", ber.ErrRange, len(contents))
	case contents[0]&0x80 != 0:
		return "", fmt.Errorf("%w: INTEGER below zero", ber.ErrRange)
	}
	return Value(new(big.Int).SetBytes(contents).String()), nil
}

// encoded returns the value of a category in DER, the elements of every SET OF in
// the order X.690 §11.6 demands.
func (c *Category) encoded() (ber.Raw, error) {
	if c.Tags == nil {
		if len(c.Value) == 0 {
			return nil, fmt.Errorf("category %s has no value", c.Type)
		}
		return c.Value, nil
	}
	switch c.Type {
	case SyntaxSDN801:
		return c.encodedSDN()
	case SyntaxSDN801Clearance:
		return c.encodedPrivileges()
	}
	if len(c.Tags) != 1 {
		return nil, fmt.Errorf("category %s with %d tags, which has one", c.Type, len(c.Tags))
	}
	t := &c.Tags[0]
	if syntaxOf(t.Kind) != c.Type {
		return nil, fmt.Errorf("category %s cannot carry %v tags", c.Type, t.Kind)
	}
	var w any
	var err error
	switch {
	case t.Kind.Bits():
		var bits asn1.BitString
		bits, err = bitString(t.Values)
		if w = (bitsTag{TagName: t.Set, AttributeFlags: bits}); t.Kind == Informative {
			w = informativeTag{TagName: t.Set, Field: freeForm{BitSetAttributes: &bits}}
		}
	default:
		var list []ber.Raw
		list, err = encodedIntegers(t.Values)
		if w = (enumeratedTag{TagName: t.Set, AttributeList: list}); t.Kind == EnumeratedInformative {
			w = informativeTag{TagName: t.Set, Field: freeForm{SecurityAttributes: list}}
		}
	}
	if err != nil {
		return nil, err
	}
	return ber.Marshal(w)
}

// syntaxOf is the syntax ACP 145(A) has for a kind.
func syntaxOf(k Kind) asn1.OID {
	switch k {
	case Restrictive:
		return syntaxRestrictive
	case EnumeratedRestrictive:
		return syntaxEnumeratedRestrictive
	case Permissive:
		return syntaxPermissive
	case EnumeratedPermissive:
		return syntaxEnumeratedPermissive
	case Informative, EnumeratedInformative:
		return syntaxInformative
	}
	return ""
}

// Carry returns categories of a syntax that carry tags: one with all of them for
// those of SDN.801, and otherwise one of ACP 145(A) for each. A kind that the
// syntax tells apart only by the policy, as SDN.801 does with enumerated ones, is
// replaced by the one that it has.
func Carry(syntax asn1.OID, tags []Tag) []Category {
	if len(tags) == 0 {
		return nil
	}
	if syntax == SyntaxSDN801 || syntax == SyntaxSDN801Clearance {
		c := Category{Type: syntax, Tags: slices.Clone(tags)}
		for i, t := range c.Tags {
			if t.Kind == EnumeratedPermissive || t.Kind == EnumeratedRestrictive {
				c.Tags[i].Kind = Enumerated
			}
		}
		return []Category{c}
	}
	all := make([]Category, len(tags))
	for i, t := range tags {
		all[i] = Category{Type: syntaxOf(t.Kind), Tags: []Tag{t}}
	}
	return all
}

func (c *Category) encodedSDN() (ber.Raw, error) {
	sets, err := bySet(c.Tags, func(set asn1.OID, tags []Tag) (any, error) {
		w := sdnTagSet{TagSetName: set}
		for _, t := range tags {
			bits, list, err := encodedValues(&t)
			if err != nil {
				return nil, err
			}
			var one sdnTag
			switch t.Kind {
			case Restrictive:
				one.RestrictiveBitMap = &sdnBits{AttributeFlags: bits}
			case Permissive:
				one.PermissiveBitMap = &sdnBits{AttributeFlags: bits}
			case Informative:
				one.FreeFormField = &freeForm{BitSetAttributes: &bits}
			case EnumeratedInformative:
				one.FreeFormField = &freeForm{SecurityAttributes: list}
			case Enumerated:
				one.EnumeratedAttributes = &sdnEnumerated{AttributeFlags: list}
			default:
				return nil, fmt.Errorf("SDN.801 cannot carry %v tags", t.Kind)
			}
			w.SecurityTags = append(w.SecurityTags, one)
		}
		return w, nil
	})
	if err != nil {
		return nil, err
	}
	if c.Policy == "" {
		return ber.MarshalWith(sets, "SET")
	}
	return ber.Marshal(struct {
		_          ber.Sequence
		Policy     asn1.OID
		Categories []ber.Raw `ber:"SET"`
	}{Policy: c.Policy, Categories: sets})
}

func (c *Category) encodedPrivileges() (ber.Raw, error) {
	if c.Policy != "" {
		return nil, fmt.Errorf("category %s cannot name policy %s", c.Type, c.Policy)
	}
	sets, err := bySet(c.Tags, func(set asn1.OID, tags []Tag) (any, error) {
		w := sdnPrivileges{TagSetName: set}
		for _, t := range tags {
			bits, list, err := encodedValues(&t)
			if err != nil {
				return nil, err
			}
			var one sdnPrivilege
			switch t.Kind {
			case Restrictive:
				one.RestrictiveBitMap = &bits
			case Permissive:
				one.PermissiveBitMap = &bits
			case Enumerated:
				one.EnumeratedAttributes = list
			default:
				return nil, fmt.Errorf("a clearance of SDN.801 cannot carry %v tags", t.Kind)
			}
			w.SecurityTagPrivileges = append(w.SecurityTagPrivileges, one)
		}
		return w, nil
	})
	if err != nil {
		return nil, err
	}
	return ber.MarshalWith(sets, "SET")
}

// bySet encodes tags, those of one tag set together, as the elements of a SET OF.
func bySet(tags []Tag, wire func(asn1.OID, []Tag) (any, error)) ([]ber.Raw, error) {
	var order []asn1.OID
	of := map[asn1.OID][]Tag{}
	for _, t := range tags {
		if of[t.Set] == nil {
			order = append(order, t.Set)
		}
		of[t.Set] = append(of[t.Set], t)
	}
	sets := make([]ber.Raw, 0, len(order))
	for _, set := range order {
		w, err := wire(set, of[set])
		if err != nil {
			return nil, err
		}
		raw, err := ber.Marshal(w)
		if err != nil {
			return nil, err
		}
		sets = append(sets, raw)
	}
	inOrder(sets)
	return sets, nil
}

// inOrder puts the elements of a SET OF into the order of DER, X.690 §11.6.
func inOrder(raws []ber.Raw) {
	slices.SortFunc(raws, func(a, b ber.Raw) int { return bytes.Compare(a, b) })
}

func encodedValues(t *Tag) (bits asn1.BitString, list []ber.Raw, err error) {
	if t.Kind.Bits() {
		bits, err = bitString(t.Values)
	} else {
		list, err = encodedIntegers(t.Values)
	}
	return bits, list, err
}

func bitString(values []Value) (asn1.BitString, error) {
	ones := make([]int, len(values))
	for i, v := range values {
		n, err := v.position()
		if err != nil {
			return asn1.BitString{}, err
		}
		ones[i] = n
	}
	slices.Sort(ones)
	return asn1.Bits(ones...), nil
}

// position is a value as that of a bit.
func (v Value) position() (int, error) {
	n, ok := new(big.Int).SetString(string(v), 10)
	if !ok || n.Sign() < 0 || n.Cmp(big.NewInt(MaxBit)) > 0 {
		return 0, fmt.Errorf("%q is no position of a bit from 0 to %d", clip(string(v)), MaxBit)
	}
	return int(n.Int64()), nil
}

func encodedIntegers(values []Value) ([]ber.Raw, error) {
	list := make([]ber.Raw, len(values))
	for i, v := range values {
		if _, err := ParseValue(string(v)); err != nil {
			return nil, err
		}
		n, _ := new(big.Int).SetString(string(v), 10) // digits, as ParseValue found
		contents := n.Bytes()
		if len(contents) == 0 || contents[0]&0x80 != 0 {
			contents = append([]byte{0}, contents...)
		}
		list[i] = append(ber.AppendHeader(nil, asn1.Univ(asn1.NumberInteger), false, int64(len(contents))), contents...)
	}
	inOrder(list)
	return list, nil
}
