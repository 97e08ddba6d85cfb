package ber

import (
	"fmt"
	"reflect"

	"github.com/mtakit/mtakit/lib/asn1"
)

// maxSetComponents is how many components a SET may have: those seen are bits of
// one word. No SET of the message handling Recommendations comes near.
const maxSetComponents = 64

// structure compiles a struct: SEQUENCE, SET or CHOICE.
func (c *compiler) structure(p *plan) error {
	t := p.goType
	p.kind, p.number = kindSequence, asn1.NumberSequence
	builtIn := "SEQUENCE"
	var marker words
	start := 0
	if t.NumField() > 0 && t.Field(0).Name == "_" {
		f := t.Field(0)
		start = 1
		switch f.Type {
		case typeSequence:
		case typeSet:
			p.kind, p.number, builtIn = kindSet, asn1.NumberSet, "SET"
		case typeChoice:
			p.kind, p.number, builtIn = kindChoice, 0, "CHOICE"
		default:
			return fmt.Errorf("%w: %v: the blank first field is no marker", ErrType, t)
		}
		var err error
		if marker, err = parseWords(f.Tag.Get("ber")); err != nil {
			return err
		}
	}
	p.name = typeName(t, builtIn)
	p.extensible = marker.extension
	if p.kind != kindChoice {
		p.own = []asn1.Tag{asn1.Univ(p.number)}
	}
	p.own = retag(p.own, marker.tags)
	if err := c.components(p, t, start, nil); err != nil {
		return err
	}
	if p.kind == kindSet && len(p.fields) > maxSetComponents {
		return fmt.Errorf("%w: %v: more than %d components in a SET", ErrType, t, maxSetComponents)
	}
	for i := range p.fields {
		if p.fields[i].presence == byDefault && p.fields[i].defaultTo != 0 {
			p.defaulted = append(p.defaulted, i)
		}
	}
	return nil
}

// components adds the fields of t, which is the struct itself or one embedded as
// COMPONENTS OF.
func (c *compiler) components(p *plan, t reflect.Type, start int, path []int) error {
	for i := start; i < t.NumField(); i++ {
		sf := t.Field(i)
		text, tagged := sf.Tag.Lookup("ber")
		w, err := parseWords(text)
		switch {
		case err != nil:
			return fmt.Errorf("field %s: %w", sf.Name, err)
		case w.absent, !sf.IsExported() && !tagged:
			continue
		case !sf.IsExported():
			return fmt.Errorf("%w: field %s is not exported", ErrType, sf.Name)
		}
		index := append(append([]int(nil), path...), i)
		if w.components {
			inner := 0
			if sf.Type.Kind() != reflect.Struct {
				return fmt.Errorf("%w: field %s: COMPONENTS OF what is no struct", ErrType, sf.Name)
			}
			if sf.Type.NumField() > 0 && sf.Type.Field(0).Name == "_" {
				inner = 1
			}
			if err := c.components(p, sf.Type, inner, index); err != nil {
				return err
			}
			continue
		}
		f := field{name: componentName(sf.Name), index: index}
		if err := c.field(p, &f, sf.Type, &w); err != nil {
			return fmt.Errorf("field %s: %w", sf.Name, err)
		}
		p.fields = append(p.fields, f)
	}
	return nil
}

func (c *compiler) field(p *plan, f *field, t reflect.Type, w *words) error {
	if w.extension {
		f.presence = extension
		want := typeRaws
		if p.kind == kindChoice {
			want = typeRaw
		}
		if t != want || p.unknown >= 0 {
			return fmt.Errorf("%w: ... belongs once, on a %v", ErrType, want)
		}
		p.unknown = len(p.fields)
		// Unknown elements are shown and walked as what they are: open types.
		raw := typeRaw
		n, err := c.node(raw, &words{})
		f.node = n
		return err
	}
	n, err := c.node(t, w)
	if err != nil {
		return err
	}
	f.node = n
	switch {
	case w.optional:
		f.presence = optional
	case w.hasDefault:
		f.presence = byDefault
	}
	if p.kind == kindChoice {
		if f.presence != mandatory || !n.pointer && t.Kind() != reflect.Slice {
			return fmt.Errorf("%w: an alternative is a pointer, a slice or Raw, without OPTIONAL or DEFAULT", ErrType)
		}
		return nil
	}
	if f.presence == optional && !n.pointer && !showsAbsence(n.plan) {
		return fmt.Errorf("%w: OPTIONAL %v cannot be seen to be absent; use a pointer", ErrType, t)
	}
	if w.hasDefault {
		if n.pointer && w.defaultTo != "" {
			return fmt.Errorf("%w: a pointer that is nil has no DEFAULT value", ErrType)
		}
		f.defaultTo, err = parseDefault(n.kind, w.defaultTo)
		if err == nil && overflows(n.plan, f.defaultTo) {
			err = fmt.Errorf("%w: DEFAULT %s overflows %v", ErrType, w.defaultTo, t)
		}
		return err
	}
	return nil
}

// showsAbsence reports whether a value of the type can say that it is absent.
func showsAbsence(p *plan) bool {
	switch p.kind {
	case kindOctets, kindText, kindWide, kindBitString, kindOID, kindOf, kindChoice, kindRaw:
		return true
	}
	return false
}

func overflows(p *plan, n int64) bool {
	switch p.kind {
	case kindInteger:
		return reflect.Zero(p.goType).OverflowInt(n)
	case kindUnsigned:
		return reflect.Zero(p.goType).OverflowUint(uint64(n))
	}
	return false
}

// absent reports whether a component is left out when encoding.
func (f *field) absent(v reflect.Value) bool {
	if f.pointer {
		return f.presence != mandatory && v.IsNil()
	}
	switch f.presence {
	case optional:
		switch f.kind {
		case kindText, kindWide, kindOID:
			return v.Len() == 0
		case kindBitString, kindChoice:
			return v.IsZero()
		}
		return v.IsNil()
	case byDefault:
		switch f.kind {
		case kindBoolean:
			return v.Bool() == (f.defaultTo != 0)
		case kindInteger:
			return v.Int() == f.defaultTo
		case kindUnsigned:
			return v.Uint() == uint64(f.defaultTo)
		case kindOctets, kindText, kindWide, kindOID, kindOf, kindRaw:
			return v.Len() == 0
		case kindBitString:
			return v.Field(1).Int() == 0
		}
		return v.IsZero()
	}
	return false
}

// setDefault gives a field its DEFAULT value.
func (f *field) setDefault(v reflect.Value) {
	switch f.kind {
	case kindBoolean:
		v.SetBool(f.defaultTo != 0)
	case kindInteger:
		v.SetInt(f.defaultTo)
	case kindUnsigned:
		v.SetUint(uint64(f.defaultTo))
	}
}
