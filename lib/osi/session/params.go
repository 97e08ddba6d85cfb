package session

import (
	"fmt"
	"strconv"
)

// The PGI and PI codes of X.225 §8.3.
const (
	pgiConnectionIdentifier  = 1
	pgiConnectAcceptItem     = 5
	pgiLinkingInformation    = 33
	pgiUserData              = 193
	pgiExtendedUserData      = 194
	piCalledReference        = 9
	piCallingReference       = 10
	piCommonReference        = 11
	piAdditionalReference    = 12
	piSyncType               = 15
	piTokenItem              = 16
	piTransportDisconnect    = 17
	piProtocolOptions        = 19
	piRequirements           = 20
	piMaxTSDU                = 21
	piVersion                = 22
	piInitialSerial          = 23
	piPrepareType            = 24
	piEnclosure              = 25
	piTokenSetting           = 26
	piResyncType             = 27
	piActivityIdentifier     = 41
	piSerialNumber           = 42
	piMIAUserData            = 46
	piReflectedValues        = 49
	piReasonCode             = 50
	piCallingSSEL            = 51
	piCalledSSEL             = 52
	piDataOverflow           = 60
	maxReference             = 64
	maxAdditionalReference   = 4
	maxSSEL                  = 16
	maxActivityIdentifier    = 6
	maxReflected             = 9
	maxSerialDigits          = 6
	maxConnectUserData       = 512
	maxExtendedUserData      = 10240
	maxExpedited             = 14
	maxParameter             = 65535
	maxVersion1UserData      = 512
	maxVersion1AbortUserData = 9
)

// notActivityEnd is the bit of the sync type item that makes SI 41 a MAJOR SYNC
// POINT; without it, or without the item, it is an ACTIVITY END.
const notActivityEnd = 1

// presence tells when a parameter is sent and whether it must be there.
type presence uint8

const (
	optional  presence = iota // sent when it differs from what its absence means
	always                    // sent, but may be absent on receipt
	mandatory                 // sent, and must be there
)

// fields visits the parameter field of one SPDU, in one of two directions. The
// visiting methods do nothing once err is set.
type fields struct {
	encode bool
	dst    []byte // encoding: what has been appended
	src    []byte // decoding: the parameter field
	base   int    // decoding: the offset of src in the TSDU
	// continued tells that this is not the first SPDU of its SSDU: then there
	// are an enclosure item and user data, and nothing else (X.225 §8.4.2).
	continued bool
	// probe, when set, is all that is wanted: where the enclosure item and the
	// user data are kept.
	probe *segment
	err   error
}

// skip tells a visiting method that there is nothing for it to do.
func (f *fields) skip() bool { return f.err != nil || f.continued || f.probe != nil }

func (f *fields) fail(code byte, at int, format string, args ...any) {
	if f.err == nil {
		where := ""
		if !f.encode {
			where = fmt.Sprintf(" at octet %d", at)
		}
		f.err = fmt.Errorf("parameter %d%s: %w", code, where, fmt.Errorf(format, args...))
	}
}

// check judges the structure of the parameter field before anything is read
// from it.
func (f *fields) check() {
	for off := 0; off < len(f.src) && f.err == nil; {
		n, size, ok := length(f.src[off+1:])
		switch {
		case !ok:
			f.fail(f.src[off], f.base+off, "no length")
		case n > len(f.src)-off-1-size:
			f.fail(f.src[off], f.base+off, "length %d with %d octets left", n, len(f.src)-off-1-size)
		}
		off += 1 + size + n
	}
}

// find returns the value of a parameter; one of length zero counts as absent
// (X.225 §8.2.6). It finds nothing in a field that check has rejected.
func (f *fields) find(code byte) (v []byte, at int) {
	for off := 0; off < len(f.src) && f.err == nil; {
		n, size, _ := length(f.src[off+1:])
		begin := off + 1 + size
		if f.src[off] == code {
			if v != nil {
				f.fail(code, f.base+off, "given twice")
			}
			if n > 0 {
				v, at = f.src[begin:begin+n:begin+n], f.base+off
			}
		}
		off = begin + n
	}
	return v, at
}

// length decodes a length indicator (X.225 §8.2.5).
func length(b []byte) (n, size int, ok bool) {
	switch {
	case len(b) >= 1 && b[0] < 255:
		return int(b[0]), 1, true
	case len(b) >= 3:
		return int(b[1])<<8 | int(b[2]), 3, true
	}
	return 0, 0, false
}

// open begins a parameter and returns where; close sets its length.
func (f *fields) open(code byte) int {
	f.dst = append(f.dst, code, 0)
	return len(f.dst)
}

func (f *fields) close(code byte, start int) {
	n := len(f.dst) - start
	switch {
	case n > maxParameter:
		f.fail(code, 0, "%d octets: at most %d fit", n, maxParameter)
	case n > 254:
		f.dst = append(f.dst, 0, 0)
		copy(f.dst[start+2:], f.dst[start:])
		f.dst[start-1], f.dst[start], f.dst[start+1] = 255, byte(n>>8), byte(n)
	default:
		f.dst[start-1] = byte(n)
	}
}

// group visits a PGI unit. An empty one is left out.
func (f *fields) group(code byte, p presence, visit func(*fields)) {
	if f.skip() {
		return
	}
	if f.encode {
		start := f.open(code)
		visit(f)
		if len(f.dst) == start && p != mandatory {
			f.dst = f.dst[:start-2]
			return
		}
		f.close(code, start)
		return
	}
	v, at := f.find(code)
	if v == nil && p == mandatory {
		f.fail(code, f.base, "missing")
	}
	// An absent group is visited like an empty one, for the defaults.
	inner := fields{src: v, base: at + 1 + lengthSize(len(v)), err: f.err}
	inner.check()
	visit(&inner)
	f.err = inner.err
}

func lengthSize(n int) int {
	if n > 254 {
		return 3
	}
	return 1
}

// octets visits a parameter of 1 to max octets.
func (f *fields) octets(code byte, p presence, v *[]byte, max int) {
	if f.skip() {
		return
	}
	if f.encode {
		switch {
		case len(*v) > max:
			f.fail(code, 0, "%d octets: at most %d fit", len(*v), max)
		case len(*v) == 0 && p == mandatory:
			f.fail(code, 0, "missing")
		case len(*v) > 0:
			start := f.open(code)
			f.dst = append(f.dst, *v...)
			f.close(code, start)
		}
		return
	}
	b, at := f.find(code)
	switch {
	case b == nil && p == mandatory:
		f.fail(code, f.base, "missing")
	case len(b) > max:
		f.fail(code, at, "%d octets: at most %d fit", len(b), max)
	default:
		*v = b
	}
}

// data visits the user data of an SPDU that may be a segment.
func (f *fields) data(code byte, v *[]byte) {
	if f.probe != nil {
		f.probe.data = v
		return
	}
	was := f.continued
	f.continued = false
	f.octets(code, optional, v, maxParameter)
	f.continued = was
}

// octet visits a parameter of one octet, of which the bits of mask count; absent
// is what its absence means.
func octet[T ~uint8](f *fields, code byte, p presence, v *T, mask, absent T) {
	if f.skip() {
		return
	}
	if f.encode {
		if p != optional || *v != absent {
			f.dst = append(f.dst, code, 1, byte(*v&mask))
		}
		return
	}
	b, at := f.find(code)
	switch {
	case b == nil && p == mandatory:
		f.fail(code, f.base, "missing")
	case b == nil:
		*v = absent
	case len(b) != 1:
		f.fail(code, at, "%d octets: want 1", len(b))
	default:
		*v = T(b[0]) & mask
	}
}

// enclosure visits the enclosure item. On receipt it was read already, because
// it decides on what else there must be.
func (f *fields) enclosure(e *Enclosure) {
	if f.probe != nil {
		f.probe.enclosure = e
		return
	}
	if f.encode {
		f.continued = !e.Begins()
		if *e != EnclosureNone && f.err == nil {
			f.dst = append(f.dst, piEnclosure, 1, byte(*e-EnclosureMiddle))
		}
		return
	}
	*e = f.peekEnclosure()
}

func (f *fields) peekEnclosure() Enclosure {
	v, at := f.find(piEnclosure)
	switch {
	case v == nil:
		return EnclosureNone
	case len(v) != 1:
		f.fail(piEnclosure, at, "%d octets: want 1", len(v))
		return EnclosureNone
	}
	return EnclosureMiddle + Enclosure(v[0]&3)
}

// requirements visits the session user requirements.
func (f *fields) requirements(v *FunctionalUnits) {
	if f.skip() {
		return
	}
	if f.encode {
		f.dst = append(f.dst, piRequirements, 2, byte(*v>>8), byte(*v))
		return
	}
	b, at := f.find(piRequirements)
	switch len(b) {
	case 0:
		*v = functionalUnitsAbsent
	case 2:
		*v = (FunctionalUnits(b[0])<<8 | FunctionalUnits(b[1])) & functionalUnitsMask
	default:
		f.fail(piRequirements, at, "%d octets: want 2", len(b))
	}
}

// maxTSDU visits the TSDU maximum size.
func (f *fields) maxTSDU(v *MaxTSDU) {
	if f.skip() {
		return
	}
	if f.encode {
		if *v != (MaxTSDU{}) {
			f.dst = append(f.dst, piMaxTSDU, 4,
				byte(v.ToResponder>>8), byte(v.ToResponder), byte(v.ToInitiator>>8), byte(v.ToInitiator))
		}
		return
	}
	b, at := f.find(piMaxTSDU)
	switch len(b) {
	case 0:
		*v = MaxTSDU{}
	case 4:
		*v = MaxTSDU{uint16(b[0])<<8 | uint16(b[1]), uint16(b[2])<<8 | uint16(b[3])}
	default:
		f.fail(piMaxTSDU, at, "%d octets: want 4", len(b))
	}
}

// serial visits a serial number that must be there.
func (f *fields) serial(code byte, v *SerialNumber) {
	p := v
	f.optionalSerial(code, &p)
	switch {
	case f.skip():
	case p == nil:
		f.fail(code, f.base, "missing")
	default:
		*v = *p
	}
}

// optionalSerial visits a serial number: decimal digits, the leading zeros of
// which may be left out (X.225 §8.3.1.10).
func (f *fields) optionalSerial(code byte, v **SerialNumber) {
	if f.skip() {
		return
	}
	if f.encode {
		if *v == nil {
			return
		}
		if **v > MaxSerialNumber {
			f.fail(code, 0, "serial number %d: at most %d", **v, MaxSerialNumber)
			return
		}
		start := f.open(code)
		f.dst = strconv.AppendUint(f.dst, uint64(**v), 10)
		f.close(code, start)
		return
	}
	*v = nil
	b, at := f.find(code)
	if b == nil {
		return
	}
	if len(b) > maxSerialDigits {
		f.fail(code, at, "serial number of %d digits: at most %d", len(b), maxSerialDigits)
		return
	}
	var n SerialNumber
	for _, d := range b {
		if d < '0' || d > '9' {
			f.fail(code, at, "serial number %q: not a digit", b)
			return
		}
		n = n*10 + SerialNumber(d-'0')
	}
	*v = &n
}

// identifier visits the references of a session connection identifier.
func (f *fields) identifier(c *ConnectionIdentifier) {
	f.octets(piCalledReference, optional, &c.CalledReference, maxReference)
	f.octets(piCallingReference, optional, &c.CallingReference, maxReference)
	f.octets(piCommonReference, optional, &c.CommonReference, maxReference)
	f.octets(piAdditionalReference, optional, &c.AdditionalReference, maxAdditionalReference)
}

func (f *fields) connectionIdentifier(c *ConnectionIdentifier) {
	f.group(pgiConnectionIdentifier, optional, func(f *fields) { f.identifier(c) })
}

// connectAcceptItem visits the connect/accept item. The token setting is sent
// when a token is proposed, even if it says nothing but the default.
func (f *fields) connectAcceptItem(c *ConnectAcceptItem, units *FunctionalUnits) {
	f.group(pgiConnectAcceptItem, optional, func(f *fields) {
		options := uint8(0)
		if c.ExtendedConcatenation {
			options = 1
		}
		octet(f, piProtocolOptions, always, &options, 1, 0)
		c.ExtendedConcatenation = options == 1
		f.maxTSDU(&c.MaxTSDU)
		octet(f, piVersion, always, &c.Versions, Version1|Version2, Version1)
		f.optionalSerial(piInitialSerial, &c.InitialSerial)
		setting := optional
		if units.tokens() != 0 {
			setting = always
		}
		octet(f, piTokenSetting, setting, &c.Tokens, 0xff, AllTokens(InitiatorSide))
	})
}
