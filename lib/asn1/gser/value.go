package gser

import (
	"strconv"
	"strings"
)

// Kind is what a Value is.
type Kind uint8

// The kinds of values; RFC 3641 §3 tells what each is written for.
const (
	Word     Kind = iota // an identifier, TRUE, FALSE, NULL, a number or an object identifier
	Text                 // a character string, or a distinguished name (RFC 3642 §3)
	Octets               // an OCTET STRING, 'FF'H
	Sequence             // a SEQUENCE or SET: components, each with its identifier
	List                 // a SEQUENCE OF or SET OF
	Choice               // a CHOICE: one component
)

// Value is an ASN.1 value. Text holds a Word, a Text or Octets; Components is of a Sequence
// and of a Choice, which has one, and of a List, where they have no Name.
type Value struct {
	Kind       Kind
	Text       string
	Components []Component
}

// Component is a value in another.
type Component struct {
	Name  string
	Value Value
}

// String returns a Text.
func String(s string) Value { return Value{Kind: Text, Text: s} }

// Integer returns a Word.
func Integer(n int64) Value { return Value{Text: strconv.FormatInt(n, 10)} }

// Boolean returns a Word.
func Boolean(b bool) Value { return Value{Text: strings.ToUpper(strconv.FormatBool(b))} }

// Identifier returns a Word: of an enumeration, or the name of an object identifier.
func Identifier(name string) Value { return Value{Text: name} }

// Alternative returns a Choice.
func Alternative(name string, v Value) Value {
	return Value{Kind: Choice, Components: []Component{{name, v}}}
}

// ListOf returns a List.
func ListOf(all ...Value) Value {
	v := Value{Kind: List}
	for _, one := range all {
		v.Components = append(v.Components, Component{Value: one})
	}
	return v
}

// With adds a component to a Sequence.
func (v Value) With(name string, component Value) Value {
	v.Kind = Sequence
	v.Components = append(v.Components, Component{name, component})
	return v
}

// String returns the text that Parse reads as v. An empty Sequence is written as an empty
// List is.
func (v Value) String() string {
	var b strings.Builder
	v.write(&b)
	return b.String()
}

func (v *Value) write(b *strings.Builder) {
	switch v.Kind {
	case Text:
		b.WriteByte('"')
		b.WriteString(strings.ReplaceAll(v.Text, `"`, `""`))
		b.WriteByte('"')
	case Octets:
		const digits = "0123456789ABCDEF"
		b.WriteByte('\'')
		for i := range len(v.Text) {
			b.WriteByte(digits[v.Text[i]>>4])
			b.WriteByte(digits[v.Text[i]&15])
		}
		b.WriteString("'H")
	case Sequence, List:
		b.WriteByte('{')
		for i := range v.Components {
			if i > 0 {
				b.WriteByte(',')
			}
			b.WriteByte(' ')
			if v.Kind == Sequence {
				b.WriteString(v.Components[i].Name)
				b.WriteByte(' ')
			}
			v.Components[i].Value.write(b)
		}
		b.WriteString(" }")
	case Choice:
		b.WriteString(v.Components[0].Name)
		b.WriteByte(':')
		v.Components[0].Value.write(b)
	default:
		b.WriteString(v.Text)
	}
}
