package cms

import (
	"fmt"
	"strconv"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
)

// Identifier octets, X.690 §8.1.2.
const (
	idBoolean         = 0x01
	idInteger         = 0x02
	idBitString       = 0x03
	idOctetString     = 0x04
	idNull            = 0x05
	idOID             = 0x06
	idEnumerated      = 0x0a
	idUTF8String      = 0x0c
	idPrintableString = 0x13
	idUTCTime         = 0x17
	idGeneralizedTime = 0x18
	idSequence        = 0x30
	idSet             = 0x31
)

// context is the identifier of a context-specific tag below 31, constructed or not.
func context(n byte) byte     { return 0xa0 | n }
func contextPrim(n byte) byte { return 0x80 | n }

// cursor reads elements that DER has returned, one after the other. The first fault stops
// it and every cursor inside the same object: what is read after it is zero.
type cursor struct {
	b     []byte
	path  string
	fault *error
}

func newCursor(b []byte, path string) cursor { return cursor{b, path, new(error)} }

func (c *cursor) err() error { return *c.fault }

func (c *cursor) failf(format string, args ...any) {
	if *c.fault == nil {
		*c.fault = diag.E(c.path, diag.Data, fmt.Errorf(format, args...))
	}
}

func (c *cursor) more() bool { return *c.fault == nil && len(c.b) > 0 }

// next is the identifier of the next element, 0 if there is none.
func (c *cursor) next() byte {
	if !c.more() {
		return 0
	}
	return c.b[0]
}

// take returns the next element whole, and its contents.
func (c *cursor) take(name string) (whole, contents []byte) {
	if *c.fault != nil {
		return nil, nil
	}
	b := c.b
	if len(b) < 2 {
		c.failf("%s is missing", name)
		return nil, nil
	}
	n, head := int(b[1]), 2
	if n >= 0x80 {
		head += n & 0x7f
		if head > 2+4 || head == 2 || head > len(b) {
			c.failf("%s: a length that is not DER", name)
			return nil, nil
		}
		n = 0
		for _, o := range b[2:head] {
			n = n<<8 | int(o)
		}
	}
	if b[0]&0x1f == 0x1f || n > len(b)-head {
		c.failf("%s: truncated", name)
		return nil, nil
	}
	c.b = b[head+n:]
	return b[: head+n : head+n], b[head : head+n : head+n]
}

// expect is take of an element with that identifier.
func (c *cursor) expect(name string, identifier byte) (whole, contents []byte) {
	if got := c.next(); got != identifier && got != 0 {
		c.failf("%s: identifier %#02x where %#02x belongs", name, got, identifier)
		return nil, nil
	}
	return c.take(name)
}

// enter returns a cursor on what is inside the next element.
func (c *cursor) enter(name string, identifier byte) cursor {
	_, contents := c.expect(name, identifier)
	return c.inside(name, contents)
}

func (c *cursor) inside(name string, contents []byte) cursor {
	path := name
	if c.path != "" {
		path = c.path + "." + name
	}
	return cursor{contents, path, c.fault}
}

func (c *cursor) index(i int) string { return "[" + strconv.Itoa(i) + "]" }

// end says that nothing more belongs here.
func (c *cursor) end() {
	if c.more() {
		c.failf("%d octets after the last component", len(c.b))
	}
}

// integer is a small INTEGER that is not negative.
func (c *cursor) integer(name string) int {
	_, b := c.expect(name, idInteger)
	switch {
	case *c.fault != nil:
		return 0
	case len(b) == 0 || len(b) > 4 || b[0] >= 0x80:
		c.failf("%s: an integer of %d octets, or a negative one", name, len(b))
		return 0
	}
	n := 0
	for _, o := range b {
		n = n<<8 | int(o)
	}
	return n
}

// oid is an OBJECT IDENTIFIER.
func (c *cursor) oid(name string) asn1.OID {
	_, b := c.expect(name, idOID)
	if *c.fault != nil {
		return ""
	}
	o, ok := parseOID(b)
	if !ok {
		c.failf("%s: not an object identifier", name)
	}
	return o
}

// maxOID bounds the octets of an object identifier.
const maxOID = 64

func parseOID(b []byte) (asn1.OID, bool) {
	if len(b) == 0 || len(b) > maxOID || b[len(b)-1] >= 0x80 {
		return "", false
	}
	var text []byte
	var n uint64
	begin := true
	for _, o := range b {
		if begin && o == 0x80 || n > 1<<56 {
			return "", false
		}
		n = n<<7 | uint64(o&0x7f)
		if begin = o < 0x80; !begin {
			continue
		}
		if text == nil {
			first := min(n/40, 2)
			text = append(strconv.AppendUint(nil, first, 10), '.')
			n -= 40 * first
		} else {
			text = append(text, '.')
		}
		text = strconv.AppendUint(text, n, 10)
		n = 0
	}
	return asn1.OID(text), true
}

// time is a Time of X.509: UTCTime or GeneralizedTime in the forms of DER.
func (c *cursor) time(name string) time.Time {
	identifier := c.next()
	_, b := c.take(name)
	if *c.fault != nil {
		return time.Time{}
	}
	var t time.Time
	err := fmt.Errorf("identifier %#02x is no time", identifier)
	switch identifier {
	case idUTCTime:
		t, err = asn1.UTCTime(b).Time()
	case idGeneralizedTime:
		t, err = asn1.GeneralizedTime(b).Time()
	}
	if err != nil {
		c.failf("%s: %w", name, err)
	}
	return t
}

// Algorithm is an AlgorithmIdentifier, RFC 5280 §4.1.1.2.
type Algorithm struct {
	OID        asn1.OID
	Parameters []byte // an element in DER; nil: absent
}

func (c *cursor) algorithm(name string) Algorithm {
	return c.algorithmAs(name, idSequence)
}

func (c *cursor) algorithmAs(name string, identifier byte) Algorithm {
	s := c.enter(name, identifier)
	a := Algorithm{OID: s.oid("algorithm")}
	if s.more() {
		a.Parameters, _ = s.take("parameters")
	}
	s.end()
	return a
}

// absent tells whether there are no parameters; NULL stands for none (RFC 5754 §2).
func (a Algorithm) absent() bool {
	return len(a.Parameters) == 0 || len(a.Parameters) == 2 && a.Parameters[0] == idNull && a.Parameters[1] == 0
}

// equal compares as RFC 6211 §4 does, NULL and absent parameters being one.
func (a Algorithm) equal(b Algorithm) bool {
	return a.OID == b.OID && (a.absent() && b.absent() || string(a.Parameters) == string(b.Parameters))
}

// der is the identifier as an element.
func (a Algorithm) der() []byte { return element(idSequence, oidDER(a.OID), a.Parameters) }
