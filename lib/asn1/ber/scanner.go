package ber

import (
	"fmt"
	"math"
)

// TokenKind says what a Scanner has found.
type TokenKind uint8

// The kinds of tokens.
const (
	NeedMore   TokenKind = iota // the octets given are used up
	Begin                       // of an element: its identifier and length octets
	Octets                      // contents octets of the primitive element begun last
	ElementEnd                  // of the element begun last and not ended yet
)

// Token is what a Scanner finds: of so many octets, which may be none at the end of an
// element.
type Token struct {
	Kind   TokenKind
	Size   int
	Header Header // of Begin
}

// Scanner is a Reader turned round, for those that may not wait for what comes next: it
// is handed the octets of an encoding as they arrive, cut anywhere, and tells what they
// are, element by element, one beside or within the other. It keeps the header octets
// that came last and the ends of the elements open, and nothing else; a primitive element
// may have any length. The zero value is at the beginning of an encoding.
//
// What it takes for malformed is what Reader does. The first error ends the scan, and is
// returned again.
type Scanner struct {
	// Depth bounds the levels of constructed elements within one another; zero is that
	// of DefaultLimits.
	Depth int

	off       int64
	stack     []frame
	primitive bool  // a primitive element is open
	left      int64 // octets of its contents to come
	head      [maxHeader]byte
	headLen   int // octets of a header that was cut
	err       error
}

// Reset starts at the beginning of another encoding.
func (s *Scanner) Reset() {
	*s = Scanner{Depth: s.Depth, stack: s.stack[:0]}
}

// Offset returns how many octets have been scanned.
func (s *Scanner) Offset() int64 { return s.off }

// Open returns how many elements are open.
func (s *Scanner) Open() int {
	if s.primitive {
		return len(s.stack) + 1
	}
	return len(s.stack)
}

// Complete reports whether the octets scanned are whole elements.
func (s *Scanner) Complete() bool { return s.Open() == 0 && s.headLen == 0 && s.err == nil }

// Next returns the token b begins with. The caller goes on behind its octets, with what is
// left of b; after NeedMore with what comes next.
func (s *Scanner) Next(b []byte) (Token, error) {
	if s.err != nil {
		return Token{}, s.err
	}
	if s.primitive {
		return s.contents(b), nil
	}
	bound, indefinite := int64(-1), false
	if n := len(s.stack); n > 0 {
		f := &s.stack[n-1]
		if bound, indefinite = f.bound, f.end < 0; !indefinite && s.headLen == 0 && s.off == f.end {
			s.stack = s.stack[:n-1]
			return Token{Kind: ElementEnd}, nil
		}
	}
	var t token
	start := s.off - int64(s.headLen)
	size := 0
	for t.size == 0 {
		if bound >= 0 && start+int64(s.headLen) >= bound {
			return Token{}, s.fail(malformed(start, errOutside))
		}
		// Nearly every header lies in one piece and is parsed where it is; of one that
		// does not as many octets are kept as have come.
		whole := b
		if s.headLen > 0 {
			if size == len(b) {
				return s.used(size), nil
			}
			s.head[s.headLen] = b[size]
			s.headLen++
			size++
			whole = s.head[:s.headLen]
		}
		switch {
		case len(whole) == 0:
			return Token{}, nil
		case indefinite && whole[0] == 0 && len(whole) > 1 && whole[1] == 0:
			if s.headLen == 0 {
				size = 2
			}
			if bound >= 0 && start+2 > bound {
				return Token{}, s.fail(malformed(start, errOutside))
			}
			s.stack = s.stack[:len(s.stack)-1]
			s.headLen = 0
			s.off += int64(size)
			return Token{Kind: ElementEnd, Size: size}, nil
		case indefinite && whole[0] == 0 && len(whole) == 1:
			// The first of two, or nothing valid.
		default:
			if cause := parseToken(&t, whole); cause != nil {
				return Token{}, s.fail(malformedf(start, "%w: %w", ErrSyntax, cause))
			}
		}
		if t.size == 0 && s.headLen == 0 {
			// parseToken wants no more than maxHeader octets.
			size, s.headLen = len(b), copy(s.head[:], b)
			if bound >= 0 && start+int64(s.headLen) > bound {
				return Token{}, s.fail(malformed(start, errOutside))
			}
			return s.used(size), nil
		}
	}
	if s.headLen == 0 {
		size = t.size
	}
	s.headLen = 0
	s.off += int64(size)
	return s.begin(t, start, bound, size)
}

// Opaque has the constructed element begun last, of definite length, taken for a primitive
// one: what it is made of is not looked at.
func (s *Scanner) Opaque() {
	f := s.stack[len(s.stack)-1]
	s.stack = s.stack[:len(s.stack)-1]
	s.primitive, s.left = true, f.end-s.off
}

// used takes octets of a header that goes on in the next piece.
func (s *Scanner) used(size int) Token {
	s.off += int64(size)
	return Token{Size: size}
}

// contents goes on in the primitive element that is open.
func (s *Scanner) contents(b []byte) Token {
	switch {
	case s.left == 0:
		s.primitive = false
		return Token{Kind: ElementEnd}
	case len(b) == 0:
		return Token{}
	}
	n := int(min(s.left, int64(len(b))))
	s.left -= int64(n)
	s.off += int64(n)
	return Token{Kind: Octets, Size: n}
}

// begin opens an element whose header ends at the present offset.
func (s *Scanner) begin(t token, start, bound int64, size int) (Token, error) {
	switch {
	case t.length > math.MaxInt64-s.off:
		return Token{}, s.fail(malformedf(start, "%w: %w", ErrSyntax, errLength))
	case bound >= 0 && (s.off > bound || t.length > bound-s.off):
		return Token{}, s.fail(malformed(start, errOutside))
	}
	h := Header{Tag: t.tag, Constructed: t.constructed, Length: t.length, Offset: start}
	if !t.constructed {
		s.primitive, s.left = true, t.length
		return Token{Kind: Begin, Size: size, Header: h}, nil
	}
	depth := s.Depth
	if depth <= 0 {
		depth = DefaultLimits().Depth
	}
	if len(s.stack) >= depth {
		return Token{}, s.fail(malformed(start, errDepth))
	}
	f := frame{start: start, end: -1, bound: bound}
	if t.length >= 0 {
		f.end = s.off + t.length
		f.bound = f.end
	}
	s.stack = append(s.stack, f)
	return Token{Kind: Begin, Size: size, Header: h}, nil
}

func (s *Scanner) fail(err error) error {
	s.err = err
	return err
}

// Truncated is the error of an encoding that ends where the scanner is, and should not.
func (s *Scanner) Truncated() error {
	return malformed(s.off, fmt.Errorf("%w: %d elements open", ErrTruncated, s.Open()))
}
