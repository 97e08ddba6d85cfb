package rtse

import (
	"errors"
	"fmt"
	"io"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/presentation"
)

// The octets of the RTTRs of one activity, joined, are one EXTERNAL (X.228 §7.3,
// normal mode): the presentation context of the user's abstract syntax, and the
// APDU.

// appendExternal appends what comes before an APDU of size octets in an EXTERNAL
// of the context, all lengths definite.
func appendExternal(dst []byte, context, size int64) ([]byte, error) {
	id, err := ber.Marshal(context)
	if err != nil {
		return dst, err
	}
	n := int64(len(id)+ber.HeaderLen(tagSingleASN1, size)) + size
	dst = ber.AppendHeader(dst, tagExternal, true, n)
	dst = append(dst, id...)
	return ber.AppendHeader(dst, tagSingleASN1, true, size), nil
}

// header is what comes before an APDU of size octets in an activity. It is nothing in
// X.410-1984 mode, where the joined octets are the APDU.
func (r Remote) header(syntax asn1.OID, size int64) ([]byte, error) {
	if r.ApplicationProtocol != 0 {
		return nil, nil
	}
	context, err := presentation.Find(r.Contexts, syntax)
	if err != nil {
		return nil, diag.E("", diag.Usage, err)
	}
	return appendExternal(nil, context.ID, size)
}

// syntaxOf returns the abstract syntax of an accepted context.
func (r Remote) syntaxOf(id int64) (asn1.OID, bool) {
	for _, c := range r.Contexts {
		if c.ID == id && c.Result == presentation.Acceptance {
			return c.AbstractSyntax, true
		}
	}
	return "", false
}

// source is what the octets of an activity are read from. It is read octet by
// octet where headers are, so that nothing is taken that belongs to the APDU.
type source interface {
	io.Reader
	io.ByteReader
}

// counted counts what has been read of a source.
type counted struct {
	source
	n int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.source.Read(p)
	c.n += int64(n)
	return n, err
}

func (c *counted) ReadByte() (byte, error) {
	b, err := c.source.ReadByte()
	if err == nil {
		c.n++
	}
	return b, err
}

var (
	errNotExternal = errors.New("not an EXTERNAL")
	errNoContext   = errors.New("EXTERNAL without an indirect reference")
	errEncoding    = errors.New("EXTERNAL in neither single-ASN1-type nor octet-aligned encoding")
	errTrailing    = errors.New("octets behind the EXTERNAL")
	errLength      = errors.New("lengths of the EXTERNAL and its encoding do not agree")
)

// externalError names the offset in the octets of the activity.
func externalError(offset int64, err error) error {
	return fmt.Errorf("EXTERNAL at octet %d: %w", offset, err)
}

// openExternal reads the EXTERNAL up to its data value and returns its context and
// a reader of the value. The reader gives io.EOF only when everything up to the
// end of the activity was as it should be. Both forms of length are taken, and the
// encodings single-ASN1-type and octet-aligned.
func openExternal(s source) (context int64, apdu io.Reader, err error) {
	src := &counted{source: s}
	r := ber.NewReader(src, ber.Limits{})
	outer, err := r.Next()
	if err != nil {
		return 0, nil, externalError(src.n, noEOF(err))
	}
	if outer.Tag != tagExternal || !outer.Constructed {
		return 0, nil, externalError(outer.Offset, errNotExternal)
	}
	end := int64(-1)
	if outer.Length >= 0 {
		end = src.n + outer.Length
	}
	if err := r.Enter(); err != nil {
		return 0, nil, externalError(src.n, err)
	}
	found := false
	for {
		h, err := r.Next()
		switch {
		case err == ber.ErrEnd:
			return 0, nil, externalError(src.n, errEncoding)
		case err != nil:
			return 0, nil, externalError(src.n, noEOF(err))
		case h.Tag == tagInteger && !found:
			if err := r.Decode(&context, ""); err != nil {
				return 0, nil, externalError(h.Offset, err)
			}
			found = true
		case h.Tag.Class == asn1.Universal:
			// A direct reference or a data value descriptor says nothing here.
		case !found:
			return 0, nil, externalError(h.Offset, errNoContext)
		case h.Tag == tagSingleASN1 && h.Constructed:
			return context, single(src, h, end), nil
		case h.Tag == tagAligned:
			return context, &aligned{r: r, value: r.OctetString(), src: src, end: end}, nil
		default:
			return 0, nil, externalError(h.Offset, errEncoding)
		}
	}
}

// noEOF makes an end of the activity within an element what it is.
func noEOF(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// atEnd reads what follows the value: so many pairs of end-of-contents octets, and
// then the end of the activity.
func atEnd(src *counted, pairs int) error {
	for range 2 * pairs {
		b, err := src.ReadByte()
		if err != nil {
			return externalError(src.n, noEOF(err))
		}
		if b != 0 {
			return externalError(src.n-1, errLength)
		}
	}
	switch _, err := src.ReadByte(); err {
	case io.EOF:
		return io.EOF
	case nil:
		return externalError(src.n-1, errTrailing)
	default:
		return err
	}
}

// aligned reads a value in octet-aligned encoding.
type aligned struct {
	r     *ber.Reader
	value io.Reader
	src   *counted
	end   int64 // of the EXTERNAL; -1 if its length is indefinite
}

func (a *aligned) Read(p []byte) (int, error) {
	n, err := a.value.Read(p)
	if err != io.EOF {
		return n, err
	}
	if _, err := a.r.Next(); err != ber.ErrEnd {
		if err == nil {
			err = errTrailing
		}
		return n, externalError(a.src.n, noEOF(err))
	}
	if err := a.r.Leave(); err != nil {
		return n, externalError(a.src.n, err)
	}
	return n, atEnd(a.src, 0)
}

// single returns a reader of a value in single-ASN1-type encoding: the octets
// inside [0], whose header h has been read.
func single(src *counted, h ber.Header, end int64) io.Reader {
	pairs := 0
	if end < 0 {
		pairs = 1
	}
	if h.Length < 0 {
		return &indefinite{src: src, end: end, pairs: pairs + 1}
	}
	if end >= 0 && src.n+h.Length != end {
		return failing{externalError(h.Offset, errLength)}
	}
	return &definite{src: src, left: h.Length, pairs: pairs}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// definite reads a value whose length is known.
type definite struct {
	src   *counted
	left  int64
	pairs int
}

func (d *definite) Read(p []byte) (int, error) {
	if d.left == 0 {
		return 0, atEnd(d.src, d.pairs)
	}
	n, err := d.src.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	if err == io.EOF {
		err = externalError(d.src.n, io.ErrUnexpectedEOF)
	}
	return n, err
}

// indefinite reads a value inside a [0] of indefinite length: one element, whose
// end has to be found by its headers. Elements of definite length are passed
// through unread, so that depth counts those of indefinite length only.
type indefinite struct {
	src   *counted
	end   int64
	pairs int

	header []byte // read and not yet passed on
	left   int64  // octets to pass through before the next header
	depth  int    // elements of indefinite length open
	whole  bool   // the element is complete
	err    error
}

// maxDepth bounds indefinite lengths within one another.
const maxDepth = 64

var errDepth = errors.New("indefinite lengths nested too deeply")

func (d *indefinite) Read(p []byte) (int, error) {
	if d.err != nil {
		return 0, d.err
	}
	if len(p) == 0 {
		return 0, nil
	}
	if len(d.header) == 0 && d.left == 0 {
		if d.whole {
			d.err = atEnd(d.src, d.pairs)
			if d.err == io.EOF && d.end >= 0 && d.src.n != d.end {
				d.err = externalError(d.src.n, errLength)
			}
			return 0, d.err
		}
		if err := d.next(); err != nil {
			d.err = externalError(d.src.n, noEOF(err))
			return 0, d.err
		}
	}
	if len(d.header) > 0 {
		n := copy(p, d.header)
		d.header = d.header[n:]
		return n, nil
	}
	n, err := d.src.Read(p[:min(int64(len(p)), d.left)])
	d.left -= int64(n)
	if err != nil {
		d.err = err
		if err == io.EOF {
			d.err = externalError(d.src.n, io.ErrUnexpectedEOF)
		}
	}
	if d.left == 0 && d.depth == 0 {
		d.whole = true
	}
	return n, d.err
}

// next reads one header, or the end-of-contents octets that stand in its place.
func (d *indefinite) next() error {
	d.header = d.header[:0]
	first, err := d.octet()
	if err != nil {
		return err
	}
	if first&0x1f == 0x1f {
		for more := true; more; {
			b, err := d.octet()
			if err != nil {
				return err
			}
			if len(d.header) > 6 {
				return ber.ErrSyntax
			}
			more = b&0x80 != 0
		}
	}
	l, err := d.octet()
	if err != nil {
		return err
	}
	switch {
	case first == 0 && l == 0 && d.depth > 0:
		d.depth--
	case first == 0:
		return ber.ErrSyntax
	case l == 0x80:
		if first&0x20 == 0 {
			return ber.ErrSyntax
		}
		if d.depth++; d.depth > maxDepth {
			return errDepth
		}
	case l < 0x80:
		d.left = int64(l)
	case l&0x7f > 8:
		return ber.ErrSyntax
	default:
		for range l & 0x7f {
			b, err := d.octet()
			if err != nil {
				return err
			}
			if d.left >= 1<<54 {
				return ber.ErrLimit
			}
			d.left = d.left<<8 | int64(b)
		}
	}
	d.whole = d.left == 0 && d.depth == 0
	return nil
}

func (d *indefinite) octet() (byte, error) {
	b, err := d.src.ReadByte()
	if err == nil {
		d.header = append(d.header, b)
	}
	return b, err
}
