package tp

import (
	"encoding/binary"
	"fmt"

	"github.com/mtakit/mtakit/lib/diag"
)

// A TPDU is one of *CR, *CC, *DR, *DT and *ER (X.224 §13).
type TPDU interface {
	// Append appends the encoded TPDU, without TPKT header, to dst. It fails
	// when the header does not fit the length indicator (X.224 §13.2.1).
	Append(dst []byte) ([]byte, error)
}

// CR is the connection request TPDU (X.224 §13.3).
type CR struct {
	SourceReference uint16
	Class           uint8 // preferred class, 0 to 4
	Options         uint8 // the low four bits of the class octet
	Parameters
	// Alternatives are the classes of the alternative protocol class(es)
	// parameter, in its order.
	Alternatives []uint8
	UserData     []byte // ignored on receipt (X.225 §6.1.4)
}

// CC is the connection confirm TPDU (X.224 §13.4).
type CC struct {
	DestinationReference uint16
	SourceReference      uint16
	Class                uint8 // selected class
	Options              uint8
	Parameters
	UserData []byte // ignored on receipt (X.225 §6.1.4)
}

// Parameters are the parameters of CR and CC that mean something in class 0. A
// nil selector is absent; an empty one is present and empty.
type Parameters struct {
	CallingTSEL []byte
	CalledTSEL  []byte // in a CC the responding selector
	// TPDUSize is the value of the TPDU size parameter, the exponent of two: 7
	// (128 octets) to 13 (8192 octets); zero means absent. X.224 §13.3.4 b)
	// keeps 12 and 13 from class 0, but over RFC 1006 they are common.
	TPDUSize uint8
	// PreferredTPDUSize is the preferred maximum TPDU size in units of 128
	// octets; zero means absent.
	PreferredTPDUSize uint32
	// AdditionalOptions is the additional options parameter; nil means absent.
	AdditionalOptions []byte
}

// DR is the disconnect request TPDU (X.224 §13.5). In class 0 it refuses a CR.
type DR struct {
	DestinationReference uint16
	SourceReference      uint16 // zero when a CR is refused
	Reason               Reason
	AdditionalInfo       []byte // nil means absent
}

// DT is the data TPDU of class 0 (X.224 §13.7).
type DT struct {
	EndOfTSDU bool
	Data      []byte
}

// ER is the TPDU error TPDU (X.224 §13.12).
type ER struct {
	DestinationReference uint16
	Cause                uint8
	// Invalid is the rejected TPDU up to and including the octet in question.
	Invalid []byte
}

// TPDU codes, in the high four bits of the second octet (X.224 §13.1).
const (
	codeED = 0x10
	codeER = 0x70
	codeDR = 0x80
	codeCC = 0xd0
	codeCR = 0xe0
	codeDT = 0xf0
)

// Parameter codes (X.224 §13.3.4, §13.5.4, §13.12.4).
const (
	paramTPDUSize          = 0xc0
	paramCallingTSEL       = 0xc1
	paramCalledTSEL        = 0xc2
	paramAdditionalOptions = 0xc6
	paramAlternatives      = 0xc7
	paramPreferredTPDUSize = 0xf0
	paramInvalidTPDU       = 0xc1
	paramAdditionalInfo    = 0xe0
)

const (
	eot         = 0x80
	maxLI       = 254
	minExponent = 7
	maxExponent = 13
)

// undefinedIn0 are the parameters X.224 defines for CR and CC that have no
// meaning once class 0 is selected (X.224 §13.3.4): acknowledgement time,
// throughput, residual error rate, priority, transit delay, reassignment time,
// checksum, version, protection, inactivity timer.
var undefinedIn0 = [256]bool{
	0x85: true, 0x86: true, 0x87: true, 0x88: true, 0x89: true, 0x8b: true,
	0xc3: true, 0xc4: true, 0xc5: true, 0xf2: true,
}

// Decode decodes one TPDU, the contents of a TPKT. Slices of the result are
// parts of b. An expedited TPDU is an error: its use is never agreed to.
//
// Its errors are of kind diag.Protocol and name the TPDU, the parameter and the
// octet, counted from 1 as X.224 does.
func Decode(b []byte) (TPDU, error) {
	t, err := decode(b)
	if err != nil {
		return nil, diag.E("tp", diag.Protocol, err)
	}
	return t, nil
}

func decode(b []byte) (TPDU, error) {
	if len(b) < 2 {
		return nil, fmt.Errorf("tpdu of %d octets: too short", len(b))
	}
	li := int(b[0])
	if li > maxLI || 1+li > len(b) || li < 1 {
		return nil, fmt.Errorf("tpdu of %d octets: length indicator %d", len(b), li)
	}
	header, data := b[:1+li], b[1+li:]
	switch code := b[1]; {
	case code&0xf0 == codeDT:
		return decodeDT(header, data)
	case code&0xf0 == codeCR:
		return decodeCR(header, data)
	case code&0xf0 == codeCC:
		return decodeCC(header, data)
	case code == codeDR:
		return decodeDR(header)
	case code == codeER:
		return decodeER(header)
	case code == codeED:
		return nil, fmt.Errorf("expedited data tpdu: not agreed to")
	default:
		return nil, fmt.Errorf("tpdu code %02x: unknown", code)
	}
}

func decodeDT(header, data []byte) (*DT, error) {
	if len(header) != 3 {
		return nil, fmt.Errorf("dt: length indicator %d: want 2 in class 0", header[0])
	}
	return &DT{EndOfTSDU: header[2]&eot != 0, Data: data}, nil
}

func decodeCR(header, data []byte) (*CR, error) {
	if len(header) < 7 {
		return nil, fmt.Errorf("cr: length indicator %d: want 6 or more", header[0])
	}
	c := &CR{
		SourceReference: binary.BigEndian.Uint16(header[4:]),
		Class:           header[6] >> 4,
		Options:         header[6] & 0x0f,
		UserData:        data,
	}
	if c.Class > 4 {
		return nil, fmt.Errorf("cr: octet 7: class %d: unknown", c.Class)
	}
	err := eachParameter(header, 7, func(code byte, v []byte) error {
		if code == paramAlternatives {
			c.Alternatives = make([]uint8, 0, len(v))
			for _, o := range v {
				if o>>4 > 4 {
					return fmt.Errorf("alternative class %d: unknown", o>>4)
				}
				c.Alternatives = append(c.Alternatives, o>>4)
			}
			return nil
		}
		_, err := c.set(code, v)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cr: %w", err)
	}
	return c, nil
}

func decodeCC(header, data []byte) (*CC, error) {
	if len(header) < 7 {
		return nil, fmt.Errorf("cc: length indicator %d: want 6 or more", header[0])
	}
	c := &CC{
		DestinationReference: binary.BigEndian.Uint16(header[2:]),
		SourceReference:      binary.BigEndian.Uint16(header[4:]),
		Class:                header[6] >> 4,
		Options:              header[6] & 0x0f,
		UserData:             data,
	}
	err := eachParameter(header, 7, func(code byte, v []byte) error {
		known, err := c.set(code, v)
		if err == nil && !known && !undefinedIn0[code] {
			// Only a CR may hold parameters nobody has heard of
			// (X.224 §13.2.3).
			err = fmt.Errorf("unknown")
		}
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("cc: %w", err)
	}
	return c, nil
}

func decodeDR(header []byte) (*DR, error) {
	if len(header) < 7 {
		return nil, fmt.Errorf("dr: length indicator %d: want 6 or more", header[0])
	}
	d := &DR{
		DestinationReference: binary.BigEndian.Uint16(header[2:]),
		SourceReference:      binary.BigEndian.Uint16(header[4:]),
		Reason:               Reason(header[6]),
	}
	err := eachParameter(header, 7, func(code byte, v []byte) error {
		if code == paramAdditionalInfo {
			d.AdditionalInfo = v
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("dr: %w", err)
	}
	return d, nil
}

func decodeER(header []byte) (*ER, error) {
	if len(header) < 5 {
		return nil, fmt.Errorf("er: length indicator %d: want 4 or more", header[0])
	}
	e := &ER{DestinationReference: binary.BigEndian.Uint16(header[2:]), Cause: header[4]}
	err := eachParameter(header, 5, func(code byte, v []byte) error {
		if code == paramInvalidTPDU {
			e.Invalid = v
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("er: %w", err)
	}
	return e, nil
}

// eachParameter calls f for the parameters of a variable part that begins at
// offset off of header. Of a duplicated parameter the last value counts (X.224
// §13.2.3), which is what calling f in order comes to.
func eachParameter(header []byte, off int, f func(code byte, value []byte) error) error {
	for off < len(header) {
		if len(header)-off < 2 {
			return fmt.Errorf("octet %d: parameter without length", off+1)
		}
		code, n := header[off], int(header[off+1])
		if n > len(header)-off-2 {
			return fmt.Errorf("parameter %02x at octet %d: length %d runs past the header", code, off+1, n)
		}
		end := off + 2 + n
		if err := f(code, header[off+2:end:end]); err != nil {
			return fmt.Errorf("parameter %02x at octet %d: %w", code, off+1, err)
		}
		off = end
	}
	return nil
}

// set takes one parameter common to CR and CC and tells whether it knew it.
func (p *Parameters) set(code byte, v []byte) (known bool, err error) {
	switch code {
	case paramTPDUSize:
		if len(v) != 1 || v[0] < minExponent || v[0] > maxExponent {
			return true, fmt.Errorf("tpdu size % x: want 07 to 0d", v)
		}
		p.TPDUSize = v[0]
	case paramPreferredTPDUSize:
		var n uint32
		for _, o := range v {
			n = n<<8 | uint32(o)
		}
		if len(v) > 4 || n == 0 {
			return true, fmt.Errorf("preferred maximum tpdu size % x: want 1 to 4 octets, not zero", v)
		}
		p.PreferredTPDUSize = n
	case paramCallingTSEL:
		p.CallingTSEL = v
	case paramCalledTSEL:
		p.CalledTSEL = v
	case paramAdditionalOptions:
		p.AdditionalOptions = v
	default:
		return false, nil
	}
	return true, nil
}

// Append implements TPDU.
func (c *CR) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 0, codeCR, 0, 0)
	dst = binary.BigEndian.AppendUint16(dst, c.SourceReference)
	dst = append(dst, c.Class<<4|c.Options&0x0f)
	dst = c.appendTo(dst)
	if c.Alternatives != nil {
		dst = append(dst, paramAlternatives, byte(len(c.Alternatives)))
		for _, a := range c.Alternatives {
			dst = append(dst, a<<4)
		}
	}
	return finish(dst, start, "cr", c.UserData)
}

// Append implements TPDU.
func (c *CC) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 0, codeCC)
	dst = binary.BigEndian.AppendUint16(dst, c.DestinationReference)
	dst = binary.BigEndian.AppendUint16(dst, c.SourceReference)
	dst = append(dst, c.Class<<4|c.Options&0x0f)
	dst = c.appendTo(dst)
	return finish(dst, start, "cc", c.UserData)
}

// Append implements TPDU.
func (d *DR) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 0, codeDR)
	dst = binary.BigEndian.AppendUint16(dst, d.DestinationReference)
	dst = binary.BigEndian.AppendUint16(dst, d.SourceReference)
	dst = append(dst, byte(d.Reason))
	if d.AdditionalInfo != nil {
		dst = appendParameter(dst, paramAdditionalInfo, d.AdditionalInfo)
	}
	return finish(dst, start, "dr", nil)
}

// Append implements TPDU.
func (d *DT) Append(dst []byte) ([]byte, error) {
	last := byte(0)
	if d.EndOfTSDU {
		last = eot
	}
	dst = append(dst, 2, codeDT, last)
	return append(dst, d.Data...), nil
}

// Append implements TPDU.
func (e *ER) Append(dst []byte) ([]byte, error) {
	start := len(dst)
	dst = append(dst, 0, codeER)
	dst = binary.BigEndian.AppendUint16(dst, e.DestinationReference)
	dst = append(dst, e.Cause)
	// Mandatory in class 0 (X.224 §13.12.4).
	dst = appendParameter(dst, paramInvalidTPDU, e.Invalid)
	return finish(dst, start, "er", nil)
}

func (p *Parameters) appendTo(dst []byte) []byte {
	if p.TPDUSize != 0 {
		dst = append(dst, paramTPDUSize, 1, p.TPDUSize)
	}
	if p.CallingTSEL != nil {
		dst = appendParameter(dst, paramCallingTSEL, p.CallingTSEL)
	}
	if p.CalledTSEL != nil {
		dst = appendParameter(dst, paramCalledTSEL, p.CalledTSEL)
	}
	if p.AdditionalOptions != nil {
		dst = appendParameter(dst, paramAdditionalOptions, p.AdditionalOptions)
	}
	if n := p.PreferredTPDUSize; n != 0 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], n)
		v := b[:]
		for v[0] == 0 {
			v = v[1:]
		}
		dst = appendParameter(dst, paramPreferredTPDUSize, v)
	}
	return dst
}

// appendParameter leaves a value too long for its length octet to finish, which
// then finds the header too long.
func appendParameter(dst []byte, code byte, v []byte) []byte {
	dst = append(dst, code, byte(len(v)))
	return append(dst, v...)
}

// finish sets the length indicator of the header that begins at start.
func finish(dst []byte, start int, name string, data []byte) ([]byte, error) {
	li := len(dst) - start - 1
	if li > maxLI {
		return dst[:start], fmt.Errorf("tp: %s: header of %d octets: at most %d fit", name, li, maxLI)
	}
	dst[start] = byte(li)
	return append(dst, data...), nil
}
