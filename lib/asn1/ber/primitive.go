package ber

import (
	"errors"
	"fmt"
	"reflect"

	"github.com/mtakit/mtakit/lib/asn1"
)

// primitive decodes the types that contain no elements of their own.
func (d *decoder) primitive(p *plan, h *header, v reflect.Value) (int, *Error) {
	switch p.kind {
	case kindText:
		if !h.constructed {
			v.SetString(d.keepString(h.body, h.stop))
			return h.stop, nil
		}
		octets, next, err := d.segments(p.number, h)
		if err == nil {
			v.SetString(string(octets))
		}
		return next, err
	case kindOctets:
		if p.number == asn1.NumberInteger && (h.constructed || h.stop == h.body) {
			return 0, malformedf(int64(h.start), "%w: INTEGER without contents octets", ErrSyntax)
		}
		if !h.constructed {
			v.SetBytes(d.keepOctets(h.body, h.stop))
			return h.stop, nil
		}
		octets, next, err := d.segments(p.number, h)
		if err == nil {
			v.SetBytes(octets)
		}
		return next, err
	case kindWide:
		octets, next := d.in[h.body:h.stop], h.stop
		if h.constructed {
			var err *Error
			if octets, next, err = d.segments(p.number, h); err != nil {
				return 0, err
			}
		}
		text, err := decodeWide(p.number, octets)
		if err != nil {
			return 0, malformedf(int64(h.start), "%w: %w", ErrSyntax, err)
		}
		v.SetString(text)
		return next, nil
	case kindBitString:
		var bits asn1.BitString
		next, err := d.bitString(&bits, h)
		if err == nil {
			v.Field(0).SetBytes(bits.Bytes)
			v.Field(1).SetInt(int64(bits.BitLength))
		}
		return next, err
	}
	if h.constructed {
		return 0, malformedf(int64(h.start), "%w: %w", ErrSyntax, errNotPrim)
	}
	contents := d.in[h.body:h.stop]
	switch p.kind {
	case kindBoolean:
		if len(contents) != 1 {
			return 0, malformedf(int64(h.start), "%w: BOOLEAN of %d octets", ErrSyntax, len(contents))
		}
		v.SetBool(contents[0] != 0)
	case kindInteger:
		n, err := parseInt(contents)
		if err == nil && v.OverflowInt(n) {
			err = fmt.Errorf("%w: %d in %v", ErrRange, n, p.goType)
		}
		if err != nil {
			return 0, malformed(int64(h.start), err)
		}
		v.SetInt(n)
	case kindUnsigned:
		n, err := parseUint(contents)
		if err == nil && v.OverflowUint(n) {
			err = fmt.Errorf("%w: %d in %v", ErrRange, n, p.goType)
		}
		if err != nil {
			return 0, malformed(int64(h.start), err)
		}
		v.SetUint(n)
	case kindNull:
		if len(contents) != 0 {
			return 0, malformedf(int64(h.start), "%w: NULL of %d octets", ErrSyntax, len(contents))
		}
	case kindOID:
		oid, err := decodeOID(contents)
		if err != nil {
			return 0, malformed(int64(h.start), err)
		}
		v.SetString(string(oid))
	}
	return h.stop, nil
}

// segments joins the segments of a constructed string, X.690 §8.7.3 and §8.21.
// They are OCTET STRINGs; segments with the tag of the string type itself, which
// old encoders send, are accepted too.
func (d *decoder) segments(number uint32, h *header) ([]byte, int, *Error) {
	joined := []byte{}
	next, err := d.join(&joined, number, h)
	return joined, next, err
}

func (d *decoder) join(joined *[]byte, number uint32, h *header) (int, *Error) {
	if err := d.enter(h); err != nil {
		return 0, err
	}
	var inner header
	for off := h.body; ; {
		more, next, err := d.more(h, off)
		if err != nil {
			return 0, err
		}
		if !more {
			d.depth++
			return next, nil
		}
		if err := d.header(&inner, next, h.stop); err != nil {
			return 0, err
		}
		if inner.tag != asn1.Univ(asn1.NumberOctetString) && inner.tag != asn1.Univ(number) {
			return 0, malformedf(int64(next), "%w: %v as a segment of a string", ErrUnexpected, inner.tag)
		}
		if inner.constructed {
			off, err = d.join(joined, number, &inner)
			if err != nil {
				return 0, err
			}
			continue
		}
		*joined = append(*joined, d.in[inner.body:inner.stop]...)
		off = inner.stop
	}
}

// bitString decodes a bit string of either form, X.690 §8.6. Unused bits are
// made zero, as asn1.BitString has them.
func (d *decoder) bitString(bits *asn1.BitString, h *header) (int, *Error) {
	if !h.constructed {
		n, err := bitSegment(d.in[h.body:h.stop])
		if err != nil {
			return 0, malformedf(int64(h.start), "%w: %w", ErrSyntax, err)
		}
		bits.Bytes, bits.BitLength = d.keepOctets(h.body+1, h.stop), n
		maskUnused(bits)
		return h.stop, nil
	}
	bits.Bytes = []byte{}
	next, err := d.joinBits(bits, h)
	return next, err
}

func (d *decoder) joinBits(bits *asn1.BitString, h *header) (int, *Error) {
	if err := d.enter(h); err != nil {
		return 0, err
	}
	var inner header
	for off := h.body; ; {
		more, next, err := d.more(h, off)
		if err != nil {
			return 0, err
		}
		if !more {
			d.depth++
			return next, nil
		}
		if err := d.header(&inner, next, h.stop); err != nil {
			return 0, err
		}
		if inner.tag != asn1.Univ(asn1.NumberBitString) {
			return 0, malformedf(int64(next), "%w: %v as a segment of a BIT STRING", ErrUnexpected, inner.tag)
		}
		if bits.BitLength%8 != 0 {
			return 0, malformedf(int64(next), "%w: unused bits before the last segment", ErrSyntax)
		}
		if inner.constructed {
			if off, err = d.joinBits(bits, &inner); err != nil {
				return 0, err
			}
			continue
		}
		n, cause := bitSegment(d.in[inner.body:inner.stop])
		if cause != nil {
			return 0, malformedf(int64(next), "%w: %w", ErrSyntax, cause)
		}
		bits.Bytes = append(bits.Bytes, d.in[inner.body+1:inner.stop]...)
		bits.BitLength += n
		maskUnused(bits)
		off = inner.stop
	}
}

// bitSegment returns the number of bits in the contents of a primitive BIT
// STRING, X.690 §8.6.2.
func bitSegment(contents []byte) (int, error) {
	switch {
	case len(contents) == 0:
		return 0, errors.New("BIT STRING without contents octets")
	case contents[0] > 7, contents[0] > 0 && len(contents) == 1:
		return 0, fmt.Errorf("BIT STRING of %d octets with %d unused bits", len(contents), contents[0])
	}
	return (len(contents)-1)*8 - int(contents[0]), nil
}

func maskUnused(bits *asn1.BitString) {
	if unused := bits.BitLength % 8; unused != 0 {
		bits.Bytes[len(bits.Bytes)-1] &= 0xff << (8 - unused)
	}
}
