package mts

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// ExtensionField is an extension in an envelope, X.411 §9.1. One that nobody
// here understands is relayed as it came, private ones included.
type ExtensionField struct {
	_           ber.Sequence
	Type        ExtensionType
	Criticality Criticality `ber:"[1] DEFAULT"`
	Value       ber.Raw     `ber:"[2] DEFAULT"` // absent stands for NULL
	Unknown     []ber.Raw   `ber:"..."`
}

// ExtensionType identifies an extension, X.411 §9.1: one that X.411, X.413 or
// X.420 numbers, or a private one.
type ExtensionType struct {
	_                 ber.Choice
	StandardExtension *ExtensionNumber `ber:"[0]"`
	PrivateExtension  *asn1.OID        `ber:"[3]"`
}

// ExtensionNumber is the number of a standard extension.
type ExtensionNumber int64

// Known reports whether a Recommendation gives the number a meaning.
func (n ExtensionNumber) Known() bool { return n >= 1 && int64(n) < int64(len(extensionNames)) }

// String returns the Recommendation's name, "message-security-label", or, where
// there is none, "extension 99".
func (n ExtensionNumber) String() string {
	if n.Known() {
		return extensionNames[n]
	}
	return "extension " + strconv.FormatInt(int64(n), 10)
}

// StandardExtension returns the type of extension n.
func StandardExtension(n ExtensionNumber) ExtensionType { return ExtensionType{StandardExtension: &n} }

// PrivateExtension returns the type of the private extension o.
func PrivateExtension(o asn1.OID) ExtensionType { return ExtensionType{PrivateExtension: &o} }

// Equal reports whether t and u are the same type.
func (t ExtensionType) Equal(u ExtensionType) bool {
	switch {
	case t.StandardExtension != nil && u.StandardExtension != nil:
		return *t.StandardExtension == *u.StandardExtension
	case t.PrivateExtension != nil && u.PrivateExtension != nil:
		return *t.PrivateExtension == *u.PrivateExtension
	}
	return false
}

// Known reports whether the type is one that the Recommendations number.
func (t ExtensionType) Known() bool {
	return t.StandardExtension != nil && t.StandardExtension.Known()
}

// String returns the name of a standard extension, or the object identifier of a
// private one.
func (t ExtensionType) String() string {
	switch {
	case t.StandardExtension != nil:
		return t.StandardExtension.String()
	case t.PrivateExtension != nil:
		return string(*t.PrivateExtension)
	}
	return ""
}

// ParseExtensionType reads what String writes, and the number of a standard extension alone. The
// error has kind Data.
func ParseExtensionType(s string) (ExtensionType, error) {
	for n, name := range extensionNames {
		if n > 0 && strings.EqualFold(s, name) {
			return StandardExtension(ExtensionNumber(n)), nil
		}
	}
	if n, err := strconv.ParseUint(strings.TrimPrefix(s, "extension "), 10, 31); err == nil {
		return StandardExtension(ExtensionNumber(n)), nil
	}
	o := asn1.OID(s)
	if err := o.Valid(); err != nil {
		return ExtensionType{}, diag.E("mts: extension", diag.Data, fmt.Errorf("%q is neither a name, a number nor an object identifier", s))
	}
	return PrivateExtension(o), nil
}

var extensionNames = [...]string{
	1: "recipient-reassignment-prohibited", 2: "originator-requested-alternate-recipient",
	3: "dl-expansion-prohibited", 4: "conversion-with-loss-prohibited",
	5: "latest-delivery-time", 6: "requested-delivery-method",
	7: "physical-forwarding-prohibited", 8: "physical-forwarding-address-request",
	9: "physical-delivery-modes", 10: "registered-mail-type",
	11: "recipient-number-for-advice", 12: "physical-rendition-attributes",
	13: "originator-return-address", 14: "physical-delivery-report-request",
	15: "originator-certificate", 16: "message-token",
	17: "content-confidentiality-algorithm-identifier", 18: "content-integrity-check",
	19: "message-origin-authentication-check", 20: "message-security-label",
	21: "proof-of-submission-request", 22: "proof-of-delivery-request",
	23: "content-correlator", 24: "probe-origin-authentication-check",
	25: "redirection-history", 26: "dl-expansion-history",
	27: "physical-forwarding-address", 28: "recipient-certificate",
	29: "proof-of-delivery", 30: "originator-and-DL-expansion-history",
	31: "reporting-DL-name", 32: "reporting-MTA-certificate",
	33: "report-origin-authentication-check", 34: "originating-MTA-certificate",
	35: "proof-of-submission", 36: "forwarding-request",
	37: "trace-information", 38: "internal-trace-information",
	39: "reporting-MTA-name", 40: "multiple-originator-certificates",
	41: "blind-copy-recipients", 42: "dl-exempted-recipients",
	43: "body-part-encryption-token", 44: "forwarded-content-token",
	45: "certificate-selectors", 46: "certificate-selectors-override",
}

// Extension describes an extension whose value is a T.
type Extension[T any] struct {
	kind        ExtensionType
	params      string
	recommended Criticality
}

// NewStandardExtension describes a standard extension, for those that another
// Recommendation defines. params is as for NewPrivateExtension.
func NewStandardExtension[T any](n ExtensionNumber, params string, critical ...Stage) Extension[T] {
	return Extension[T]{StandardExtension(n), params, NewCriticality(critical...)}
}

// NewPrivateExtension describes a private extension. The words of a ber field
// tag in params say what the Go type T does not: "[3]", "ENUMERATED".
func NewPrivateExtension[T any](o asn1.OID, params string, critical ...Stage) Extension[T] {
	return Extension[T]{PrivateExtension(o), params, NewCriticality(critical...)}
}

// Type returns the extension's type.
func (e Extension[T]) Type() ExtensionType { return e.kind }

// Params returns the words of a ber field tag that describe its value beside T.
func (e Extension[T]) Params() string { return e.params }

// String returns the extension's name.
func (e Extension[T]) String() string { return e.kind.String() }

// RecommendedCriticality returns the criticality that X.411 recommends, with
// which SetExt sends the extension.
func (e Extension[T]) RecommendedCriticality() Criticality { return e.recommended }

// Find returns the index in fields of the first extension of type t, or -1.
func Find(fields []ExtensionField, t ExtensionType) int {
	return slices.IndexFunc(fields, func(f ExtensionField) bool { return f.Type.Equal(t) })
}

// Ext returns the value of extension e in fields and whether it is there. An
// extension that is there but whose value is not a T is an error of kind
// diag.Data; what follows depends on its criticality.
func Ext[T any](fields []ExtensionField, e Extension[T]) (value T, ok bool, err error) {
	i := Find(fields, e.kind)
	if i < 0 {
		return value, false, nil
	}
	raw := fields[i].Value
	if len(raw) == 0 {
		raw = ber.Raw{0x05, 0x00} // DEFAULT NULL
	}
	rest, err := ber.UnmarshalWith(raw, &value, e.params, ber.Limits{})
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d octets after the value", len(rest))
	}
	if err != nil {
		var zero T
		return zero, true, diag.E("mts: extension "+e.String(), diag.Data, err)
	}
	return value, true, nil
}

// SetExt returns fields with extension e set to value. One that is there keeps
// its place and its criticality; a new one comes last with the recommended
// criticality. The slice given is not changed.
func SetExt[T any](fields []ExtensionField, e Extension[T], value T) ([]ExtensionField, error) {
	raw, err := ber.MarshalWith(value, e.params)
	if err != nil {
		return nil, diag.E("mts: extension "+e.String(), diag.Data, err)
	}
	out := slices.Clone(fields)
	if i := Find(out, e.kind); i >= 0 {
		out[i].Value = raw
		return out, nil
	}
	return append(out, ExtensionField{Type: e.kind, Criticality: e.recommended, Value: raw}), nil
}

// RemoveExt returns fields without the extensions of the given types. The slice
// given is not changed.
func RemoveExt(fields []ExtensionField, types ...ExtensionType) []ExtensionField {
	var out []ExtensionField
	for _, f := range fields {
		if !slices.ContainsFunc(types, f.Type.Equal) {
			out = append(out, f)
		}
	}
	return out
}
