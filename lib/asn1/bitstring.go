package asn1

import "strings"

// BitString is a bit string, X.680 §22. Bit 0 is the leading one: the most
// significant bit of the first octet. The bits of the last octet beyond
// BitLength are zero. Trailing zero bits are significant to BitLength; where a
// type has a named bit list they are not, and At does not see them.
type BitString struct {
	Bytes     []byte
	BitLength int
}

// Bits returns the shortest bit string in which exactly the given bits are one.
func Bits(ones ...int) BitString {
	var b BitString
	for _, i := range ones {
		b.Set(i)
	}
	return b
}

// At reports whether bit i is one. A bit beyond the end is zero, as X.680 §22.7
// has it for named bits.
func (b BitString) At(i int) bool {
	return i >= 0 && i < b.BitLength && i/8 < len(b.Bytes) && b.Bytes[i/8]&(0x80>>(i%8)) != 0
}

// Set makes bit i one, lengthening the string where it is too short. The octets
// are copied when the string has to grow in octets, never otherwise.
func (b *BitString) Set(i int) {
	b.extend(i + 1)
	b.Bytes[i/8] |= 0x80 >> (i % 8)
}

// Clear makes bit i zero; the length does not change.
func (b *BitString) Clear(i int) {
	if b.At(i) {
		b.Bytes[i/8] &^= 0x80 >> (i % 8)
	}
}

func (b *BitString) extend(bits int) {
	if octets := (bits + 7) / 8; octets > len(b.Bytes) {
		grown := make([]byte, octets)
		copy(grown, b.Bytes)
		b.Bytes = grown
	}
	b.BitLength = max(b.BitLength, bits)
}

// Clone returns a bit string that shares no octets with b.
func (b BitString) Clone() BitString {
	return BitString{append([]byte(nil), b.Bytes...), b.BitLength}
}

// String returns the value in ASN.1's notation, '1010'B.
func (b BitString) String() string {
	var s strings.Builder
	s.Grow(b.BitLength + 3)
	s.WriteByte('\'')
	for i := range b.BitLength {
		if b.At(i) {
			s.WriteByte('1')
		} else {
			s.WriteByte('0')
		}
	}
	s.WriteString("'B")
	return s.String()
}
