package label

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"slices"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// The signed attributes of RFC 2634 §3.2 and §3.4 that are labels.
const (
	AttributeSecurityLabel    asn1.OID = "1.2.840.113549.1.9.16.2.2"
	AttributeEquivalentLabels asn1.OID = "1.2.840.113549.1.9.16.2.9"
)

// Bounds of one label or clearance. Those of X.411 and RFC 2634 are
// ub-security-categories 64, ub-privacy-mark-length 128 and ub-integer-options 256.
const (
	maxOctets         = 64 << 10
	maxCategories     = 256
	ubCategories      = 64
	ubPrivacyMark     = 128
	ubClassification  = 256
	maxPrivacyMark    = 4096
	maxEquivalent     = 64
	maxClassification = 1<<31 - 1
)

// Decode reads one label, of X.411, RFC 2634 or X.841, in BER: its components may
// stand in any order. Its categories are taken apart where their syntax is known;
// one that does not keep to its syntax is an error, as is a negative
// classification, a bit beyond MaxBit or more than 64 KiB. Errors are of kind
// Data.
func Decode(octets []byte) (*Label, error) {
	if len(octets) > maxOctets {
		return nil, diag.E("label", diag.Data, fmt.Errorf("%w: %d octets", ber.ErrLimit, len(octets)))
	}
	var w mts.SecurityLabel
	if err := whole(octets, &w, ""); err != nil {
		return nil, diag.E("label", diag.Data, err)
	}
	return FromMTS(&w)
}

// DecodeESS reads the value of the signed attribute of a label, RFC 2634 §3.2,
// which must name its policy.
func DecodeESS(octets []byte) (*Label, error) {
	l, err := Decode(octets)
	if err == nil && l.Policy == "" {
		return nil, diag.New("label", diag.Data, "an ESS label without a policy")
	}
	return l, err
}

// DecodeEquivalent reads the value of the signed attribute of equivalent labels,
// RFC 2634 §3.4: each has a policy of its own. Whether they may be believed is for
// the caller to know: only if the policy of the label itself is unknown, and from
// a signer whose word on it is trusted.
func DecodeEquivalent(octets []byte) ([]*Label, error) {
	const op = "equivalent labels"
	if len(octets) > maxOctets {
		return nil, diag.E(op, diag.Data, fmt.Errorf("%w: %d octets", ber.ErrLimit, len(octets)))
	}
	var raws []ber.Raw
	if err := whole(octets, &raws, ""); err != nil {
		return nil, diag.E(op, diag.Data, err)
	}
	if len(raws) > maxEquivalent {
		return nil, diag.E(op, diag.Data, fmt.Errorf("%w: %d labels", ber.ErrLimit, len(raws)))
	}
	labels := make([]*Label, len(raws))
	for i, raw := range raws {
		l, err := DecodeESS(raw)
		if err != nil {
			return nil, diag.E(fmt.Sprintf("equivalent label %d", i+1), diag.Data, err)
		}
		labels[i] = l
	}
	return labels, nil
}

// FromMTS returns the label that an envelope carries, as Decode does.
func FromMTS(w *mts.SecurityLabel) (*Label, error) {
	l, err := fromMTS(w)
	return l, diag.E("label", diag.Data, err)
}

func fromMTS(w *mts.SecurityLabel) (*Label, error) {
	l := &Label{Policy: w.SecurityPolicyIdentifier, PrivacyMark: string(w.PrivacyMark)}
	if w.ESSPrivacyMark != "" {
		if w.PrivacyMark != "" {
			return nil, errors.New("two privacy marks")
		}
		l.PrivacyMark = string(w.ESSPrivacyMark)
	}
	size := len(l.PrivacyMark)
	if size > maxPrivacyMark {
		return nil, fmt.Errorf("%w: privacy mark of %d octets", ber.ErrLimit, size)
	}
	if c := w.SecurityClassification; c != nil {
		if *c < 0 || *c > maxClassification {
			return nil, fmt.Errorf("%w: classification %d", ber.ErrRange, int64(*c))
		}
		l.Classification = new(*c)
	}
	for _, u := range w.Unknown {
		if size += len(u); size > maxOctets {
			return nil, fmt.Errorf("%w: more than %d octets", ber.ErrLimit, maxOctets)
		}
		l.Unknown = append(l.Unknown, slices.Clone(u))
	}
	var err error
	if l.Categories, err = categories(w.SecurityCategories, size); err != nil {
		return nil, err // not a label with fewer restrictions
	}
	return l, nil
}

// categories takes those of a label or a clearance apart, of which size octets
// have been seen.
func categories(wire []mts.SecurityCategory, size int) ([]Category, error) {
	if len(wire) > maxCategories {
		return nil, fmt.Errorf("%w: %d categories", ber.ErrLimit, len(wire))
	}
	var r reading
	var all []Category
	for i, c := range wire {
		if size += len(c.Value); size > maxOctets {
			return nil, fmt.Errorf("%w: more than %d octets", ber.ErrLimit, maxOctets)
		}
		one, err := r.category(c.Type, c.Value)
		if err != nil {
			return nil, fmt.Errorf("category %d, %s: %w", i+1, c.Type, err)
		}
		all = append(all, one)
	}
	return all, nil
}

// OfMessage returns the message-security-label, extension 20, of those of a message,
// probe or report, or nil where there is none.
func OfMessage(extensions []mts.ExtensionField) (*Label, error) {
	w, ok, err := mts.Ext(extensions, mts.ExtMessageSecurityLabel)
	if err != nil || !ok {
		return nil, err
	}
	return FromMTS(&w)
}

// MTS returns the label as one of the envelope, its components in the order of
// DER. The privacy mark is a PrintableString where its characters and its length
// allow that and else a UTF8String, which X.411 does not know: see ForX411.
func (l *Label) MTS() (mts.SecurityLabel, error) {
	w := mts.SecurityLabel{SecurityPolicyIdentifier: l.Policy, Unknown: slices.Clone(l.Unknown)}
	if l.Classification != nil {
		w.SecurityClassification = new(*l.Classification)
	}
	mark := asn1.PrintableString(l.PrivacyMark)
	switch {
	case len(mark) <= ubPrivacyMark && mark.Valid() == nil:
		w.PrivacyMark = mark
	case utf8.ValidString(l.PrivacyMark):
		w.ESSPrivacyMark = asn1.UTF8String(l.PrivacyMark)
	default:
		return w, diag.New("label", diag.Data, "the privacy mark is not UTF-8")
	}
	var err error
	w.SecurityCategories, err = wireCategories(l.Categories)
	return w, diag.E("label", diag.Data, err)
}

// wireCategories encodes categories, in the order of DER.
func wireCategories(all []Category) ([]mts.SecurityCategory, error) {
	type sortable struct {
		wire mts.SecurityCategory
		raw  []byte
	}
	var list []sortable
	for i := range all {
		value, err := all[i].encoded()
		if err != nil {
			return nil, fmt.Errorf("category %d: %w", i+1, err)
		}
		c := mts.SecurityCategory{Type: all[i].Type, Value: value}
		raw, err := ber.Marshal(c)
		if err != nil {
			return nil, fmt.Errorf("category %d: %w", i+1, err)
		}
		list = append(list, sortable{c, raw})
	}
	slices.SortFunc(list, func(a, b sortable) int { return bytes.Compare(a.raw, b.raw) })
	var wire []mts.SecurityCategory
	for _, s := range list {
		wire = append(wire, s.wire)
	}
	return wire, nil
}

// DER returns the label in DER; of what is not understood the octets are those
// that came.
func (l *Label) DER() ([]byte, error) {
	w, err := l.MTS()
	if err != nil {
		return nil, err
	}
	octets, err := ber.Marshal(w)
	if err != nil {
		return nil, diag.E("label", diag.Data, err)
	}
	if len(w.Unknown) > 0 {
		octets = sorted(octets)
	}
	return octets, nil
}

// sorted puts the elements of a SET into the order of DER, X.690 §10.3 and X.680
// §8.6: by class and number of their tags.
func sorted(set ber.Raw) []byte {
	var elements []ber.Raw
	for rest := []byte(set.Contents()); len(rest) > 0; {
		var one ber.Raw
		after, err := ber.Unmarshal(rest, &one, limits)
		if err != nil {
			return set // it was encoded a moment ago
		}
		elements, rest = append(elements, one), after
	}
	slices.SortStableFunc(elements, func(a, b ber.Raw) int {
		s, t := a.Tag(), b.Tag()
		return cmp.Or(cmp.Compare(s.Class, t.Class), cmp.Compare(s.Number, t.Number))
	})
	joined := slices.Concat(elements...)
	return append(ber.AppendHeader(nil, asn1.Univ(asn1.NumberSet), true, int64(len(joined))), joined...)
}

// ForESS returns the value of the signed attribute, RFC 2634 §3.2, which must name
// a policy: a label without one gets the given one, which may be empty where that
// is an error.
func (l *Label) ForESS(policy asn1.OID) ([]byte, error) {
	m := *l
	if m.Policy == "" {
		m.Policy = policy
	}
	if m.Policy == "" {
		return nil, diag.New("label", diag.Data, "an ESS label needs a policy, and this one has none")
	}
	if err := m.bounded(); err != nil {
		return nil, err
	}
	return m.DER()
}

// ForX411 returns the label as message-security-label, X.411 §8.5. What X.411 has
// no place for, and restricts nobody, is left out and named in lost: a privacy
// mark that is no PrintableString of 128 characters. A restriction that it has no
// place for is an error.
func (l *Label) ForX411() (w mts.SecurityLabel, lost []string, err error) {
	m := *l
	if err := m.bounded(); err != nil {
		return w, nil, err
	}
	mark := asn1.PrintableString(m.PrivacyMark)
	if err := mark.Valid(); err != nil {
		lost = append(lost, fmt.Sprintf("privacy mark %q: not a PrintableString", clip(m.PrivacyMark)))
		m.PrivacyMark = ""
	} else if len(mark) > ubPrivacyMark {
		lost = append(lost, fmt.Sprintf("privacy mark %q: %d characters, X.411 has room for %d", clip(m.PrivacyMark), len(mark), ubPrivacyMark))
		m.PrivacyMark = ""
	}
	w, err = m.MTS()
	return w, lost, err
}

// CarriedAs reports whether the label of an envelope says what X.411 has a place for of this one,
// which came by another way: the same, but for a privacy mark that ForX411 leaves out.
func (l *Label) CarriedAs(envelope *Label) bool {
	if l.Equal(envelope) {
		return true
	}
	if l == nil || envelope == nil {
		return false
	}
	w, lost, err := l.ForX411()
	if err != nil || len(lost) == 0 {
		return false
	}
	carried, err := FromMTS(&w)
	return err == nil && carried.Equal(envelope)
}

// bounded holds a label that leaves to the upper bounds of X.411.
func (l *Label) bounded() error {
	switch {
	case l.Classification != nil && (*l.Classification < 0 || *l.Classification > ubClassification):
		return diag.E("label", diag.Data, fmt.Errorf("classification %d is beyond %d", int64(*l.Classification), ubClassification))
	case len(l.Categories) > ubCategories:
		return diag.E("label", diag.Data, fmt.Errorf("%d categories, of which X.411 has room for %d", len(l.Categories), ubCategories))
	}
	return nil
}
