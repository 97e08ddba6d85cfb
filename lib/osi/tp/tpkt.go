package tp

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"

	"github.com/mtakit/mtakit/lib/diag"
)

// The TPKT of RFC 1006 §6.
const (
	tpktVersion = 3
	tpktHeader  = 4
	minTPKT     = 7
	maxTPKT     = 65535
	maxTPDU     = maxTPKT - tpktHeader
	// maxCR is what a TPKT with a CR may take: X.224 §13.3 allows the CR 128
	// octets.
	maxCR = tpktHeader + 128

	// What a TLS client sends first, a record with a handshake (RFC 8446 §5.1).
	tlsHandshake = 22
	tlsMajor     = 3
)

// readTPKT reads one TPKT of at most max octets, header included, and nothing after it.
// The length is judged before anything is allocated. The end of the stream before the
// first octet is io.EOF, later io.ErrUnexpectedEOF; with an error it returns the octets
// that were read.
func readTPKT(r io.Reader, max int) ([]byte, error) {
	var h [tpktHeader]byte
	n, err := io.ReadFull(r, h[:])
	if err != nil {
		if errors.Is(err, io.EOF) {
			return nil, err
		}
		return h[:n:n], fmt.Errorf("tpkt header: %w", err)
	}
	size, err := tpktSize(h, max)
	if err != nil {
		return h[:], err
	}
	octets := make([]byte, size)
	copy(octets, h[:])
	if n, err = io.ReadFull(r, octets[tpktHeader:]); err != nil {
		return octets[:tpktHeader+n], fmt.Errorf("tpkt of %d octets: after %d: %w", size, tpktHeader+n, unexpected(err))
	}
	return octets, nil
}

// tpktSize judges a TPKT header. The reserved octet is ignored.
func tpktSize(h [tpktHeader]byte, max int) (int, error) {
	if h[0] == tlsHandshake && h[1] == tlsMajor {
		return 0, fmt.Errorf("tpkt: version %d: want %d: it is TLS, which is not expected here", h[0], tpktVersion)
	}
	if h[0] != tpktVersion {
		return 0, fmt.Errorf("tpkt: version %d: want 3", h[0])
	}
	size := int(binary.BigEndian.Uint16(h[2:]))
	if size < minTPKT || size > max {
		return 0, fmt.Errorf("tpkt: length %d: want %d to %d", size, minTPKT, max)
	}
	return size, nil
}

// appendTPKT appends the TPKT of t.
func appendTPKT(dst []byte, t TPDU) ([]byte, error) {
	start := len(dst)
	dst, err := t.Append(append(dst, tpktVersion, 0, 0, 0))
	if err != nil {
		return dst[:start], err
	}
	size := len(dst) - start
	if size > maxTPKT {
		return dst[:start], fmt.Errorf("tp: tpkt of %d octets: at most %d fit", size, maxTPKT)
	}
	binary.BigEndian.PutUint16(dst[start+2:], uint16(size))
	return dst, nil
}

// classify gives an error of reading its kind. A clean end of the stream stays
// what it is.
func classify(err error) error {
	if err == nil || err == io.EOF {
		return err
	}
	var ne net.Error
	kind := diag.Protocol
	if errors.As(err, &ne) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe) {
		kind = diag.Unavailable
	}
	return diag.E("tp", kind, err)
}

func unexpected(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

// PeekCR reads exactly one TPKT of at most 132 octets, which must hold a CR, and
// returns the CR with the octets read, so that a listener can hand both the
// descriptor and the octets to the process that calls Accept. With an error the
// octets are what was read before it. The caller bounds the wait.
func PeekCR(r io.Reader) (cr *CR, octets []byte, err error) {
	octets, err = readTPKT(r, maxCR)
	if err != nil {
		return nil, octets, classify(err)
	}
	cr, err = parseCR(octets)
	return cr, octets, classify(err)
}

// parseCR decodes a whole TPKT with a CR.
func parseCR(octets []byte) (*CR, error) {
	if len(octets) < minTPKT {
		return nil, fmt.Errorf("tpkt of %d octets: too short for a cr", len(octets))
	}
	size, err := tpktSize([tpktHeader]byte(octets), maxCR)
	if err != nil {
		return nil, err
	}
	if size != len(octets) {
		return nil, fmt.Errorf("tpkt: length %d with %d octets", size, len(octets))
	}
	t, err := decode(octets[tpktHeader:])
	if err != nil {
		return nil, err
	}
	cr, ok := t.(*CR)
	if !ok {
		return nil, fmt.Errorf("%s: want cr first", name(t))
	}
	return cr, nil
}

func name(t TPDU) string {
	switch t.(type) {
	case *CR:
		return "cr"
	case *CC:
		return "cc"
	case *DR:
		return "dr"
	case *DT:
		return "dt"
	case *ER:
		return "er"
	}
	return "tpdu"
}
