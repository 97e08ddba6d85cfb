// Package ber is the Basic Encoding Rules of X.690: Go types that mirror ASN.1
// types are compiled once into plans, and the plans decode, encode and print.
// For contents that must not enter memory there is a Reader of tokens.
//
// # Types
//
// The exported fields of a struct are the components of a SEQUENCE, in the
// order of the module. A blank first field says otherwise or gives the type a
// tag of its own:
//
//	_ ber.Sequence                          SEQUENCE, the default
//	_ ber.Set `ber:"[APPLICATION 5]"`       [APPLICATION 5] SET
//	_ ber.Choice                            CHOICE: pointers, slices or Raw,
//	                                        exactly one of them not nil
//	_ ber.Sequence `ber:"..."`              extensible; unknown elements are dropped
//
// bool is BOOLEAN, the integer kinds INTEGER, []byte OCTET STRING, a slice
// SEQUENCE OF, Raw any type at all (an open type); the types of package asn1 are
// those of the same name. A pointer stands for the type it points to. A type
// that is not a struct gets a tag or a built-in type by implementing Typed.
//
// # Field tags
//
// The words of a field tag are ASN.1's own, separated by spaces:
//
//	[3]  [APPLICATION 5]    a tag. It replaces the outermost tag of the type
//	                        (IMPLICIT TAGS); a CHOICE or open type without a tag
//	                        is wrapped, as X.680 §31.2.7 demands
//	EXPLICIT                after a tag: it wraps
//	OPTIONAL                absent while nil; a string while empty; a BIT STRING or
//	                        CHOICE held by value while it is the zero value
//	DEFAULT                 absent while it is the Go zero value (or has no elements)
//	DEFAULT 3, TRUE, {}     likewise with a value
//	SET                     a slice is a SET OF
//	OF …                    the words after it describe the elements of a slice
//	ENUMERATED, IA5String … the built-in type of an integer, string or []byte
//	COMPONENTS OF           an embedded struct lends its components
//	...                     on a []Raw: unknown elements, kept bit for bit;
//	                        on the Raw of a CHOICE: an unknown alternative
//	-                       not on the wire
//
// # Decoding
//
// What X.690 leaves to the sender is accepted: either form of length, lengths
// longer than need be, constructed strings, any order in a SET. Limits bound the
// work before it is done. An Error names the component and the octet.
//
// # Encoding
//
// Lengths are definite and minimal, strings primitive, components in the order
// of the type; values equal to their DEFAULT are left out. Encoding runs from the
// last octet to the first, so that every length is known when it is written.
package ber

// Set, Sequence and Choice mark a struct as the type of that name when one of
// them is the type of its blank first field.
type (
	Set      struct{}
	Sequence struct{}
	Choice   struct{}
)

// Typed is implemented by types that are not structs and need a tag or a
// built-in type that their Go kind does not say. ASN1Type is called on the zero
// value and returns words of a field tag:
//
//	type Priority int
//	func (Priority) ASN1Type() string { return "[APPLICATION 7] ENUMERATED" }
type Typed interface{ ASN1Type() string }
