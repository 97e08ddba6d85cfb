package session

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/diag"
)

// maxConcatenated is the SPDUs of one TSDU, by X.225 Table 8.
const maxConcatenated = 4

// Decode decodes the SPDUs of one TSDU (X.225 §8.2). The same SI stands for
// different SPDUs by place: the first of a TSDU is of category 0 or 1, those that
// follow one of category 0 are of category 2 (X.225 §6.3.7). Which category 2
// SPDU follows which of the two of category 0 is not judged, because the tables
// of the editions contradict each other for ACTIVITY RESUME.
//
// Slices of the result are parts of tsdu. An error is of kind diag.Protocol and
// names the SPDU, the parameter code and its octet in the TSDU, counted from 0.
func Decode(tsdu []byte) ([]SPDU, error) {
	spdus, err := decode(tsdu)
	if err != nil {
		return nil, diag.E("session", diag.Protocol, err)
	}
	return spdus, nil
}

func decode(tsdu []byte) ([]SPDU, error) {
	spdus := make([]SPDU, 0, 2)
	for off := 0; ; {
		if len(spdus) == maxConcatenated {
			return nil, fmt.Errorf("octet %d: more than %d spdus", off, maxConcatenated)
		}
		s, n, err := decodeOne(tsdu, off, len(spdus) == 0)
		if err != nil {
			return nil, err
		}
		spdus = append(spdus, s)
		off += n
		if off == len(tsdu) {
			return spdus, nil
		}
		if err := mayPrecede(spdus[0], off); err != nil {
			return nil, err
		}
	}
}

// mayPrecede judges whether another SPDU may follow the first of a TSDU.
func mayPrecede(first SPDU, off int) error {
	switch s := first.(type) {
	case *GT:
		if s.UserData == nil {
			return nil
		}
	case *PT:
		if s.UserData == nil {
			return nil
		}
	default:
		return fmt.Errorf("%s: octet %d: another spdu follows", first.info().name, off)
	}
	return fmt.Errorf("%s: octet %d: another spdu follows user data", first.info().name, off)
}

// decodeOne decodes the SPDU at offset off and returns its length.
func decodeOne(tsdu []byte, off int, first bool) (SPDU, int, error) {
	b := tsdu[off:]
	if len(b) < 2 {
		return nil, 0, fmt.Errorf("octet %d: %d octets: too short for an spdu", off, len(b))
	}
	n, size, ok := length(b[1:])
	if !ok || n > len(b)-1-size {
		return nil, 0, fmt.Errorf("si %d at octet %d: length runs past the tsdu", b[0], off)
	}
	begin := 1 + size
	f := fields{src: b[begin : begin+n], base: off + begin}
	f.check()
	var s SPDU
	if first {
		s = firstSPDU(b[0])
	} else {
		s = nextSPDU(b[0], &f)
	}
	if s == nil {
		return nil, 0, fmt.Errorf("si %d at octet %d: unknown in this place", b[0], off)
	}
	if f.err == nil && segmentOf(s).data != nil {
		f.continued = !f.peekEnclosure().Begins()
	}
	s.fields(&f)
	n += begin
	if u := userInformation(s); u != nil && f.err == nil {
		if len(b) > n {
			*u = b[n:]
		}
		n = len(b)
		if _, ok := s.(*EX); ok && len(*u) > maxExpedited {
			f.err = fmt.Errorf("%d octets: at most %d fit", len(*u), maxExpedited)
		}
	}
	if f.err != nil {
		return nil, 0, fmt.Errorf("%s: %w", s.info().name, f.err)
	}
	return s, n, nil
}

// Append appends the SPDUs as one TSDU. It fails when a field does not fit the
// limits of X.225 §8.3, not when the concatenation makes no sense.
func Append(dst []byte, spdus ...SPDU) ([]byte, error) {
	start := len(dst)
	for _, s := range spdus {
		var err error
		if dst, err = appendHeader(dst, s); err != nil {
			return dst[:start], diag.E("session", diag.Usage, err)
		}
		if u := userInformation(s); u != nil {
			if _, ok := s.(*EX); ok && len(*u) > maxExpedited {
				return dst[:start], diag.New("session", diag.Usage, fmt.Sprintf("EX: %d octets: at most %d fit", len(*u), maxExpedited))
			}
			dst = append(dst, *u...)
		}
	}
	return dst, nil
}

// appendHeader appends an SPDU without its user information field.
func appendHeader(dst []byte, s SPDU) ([]byte, error) {
	i := s.info()
	f := fields{encode: true, dst: dst}
	start := f.open(i.si)
	s.fields(&f)
	if f.continued {
		// Found out on the way: again, without the parameters that come
		// before the enclosure item.
		f = fields{encode: true, dst: f.dst[:start], continued: true}
		s.fields(&f)
	}
	if f.err == nil {
		f.close(i.si, start)
	}
	if f.err != nil {
		return dst, fmt.Errorf("%s: %w", i.name, f.err)
	}
	return f.dst, nil
}

// firstSPDU returns an SPDU of category 0 or 1 by its SI.
func firstSPDU(si byte) SPDU {
	switch si {
	case 1:
		return new(GT)
	case 2:
		return new(PT)
	case 5:
		return new(EX)
	case 7:
		return new(PR)
	case 8:
		return new(NF)
	case 9:
		return new(FN)
	case 10:
		return new(DN)
	case 12:
		return new(RF)
	case 13:
		return new(CN)
	case 14:
		return new(AC)
	case 15:
		return new(CDO)
	case 16:
		return new(OA)
	case 21:
		return new(GTC)
	case 22:
		return new(GTA)
	case 25:
		return new(AB)
	case 26:
		return new(AA)
	case 33:
		return new(TD)
	}
	return nil
}

// nextSPDU returns an SPDU of category 2 by its SI. Only a parameter tells MAJOR SYNC
// POINT from ACTIVITY END, and what continues either does not have it: it is taken for
// the latter.
func nextSPDU(si byte, f *fields) SPDU {
	switch si {
	case 0:
		return new(ER)
	case 1:
		return new(DT)
	case 25:
		return new(AI)
	case 26:
		return new(AIA)
	case 29:
		return new(AR)
	case 34:
		return new(RA)
	case 41:
		if f.err == nil && f.peekEnclosure().Begins() {
			if v, _ := f.find(piSyncType); v != nil && (len(v) != 1 || v[0]&notActivityEnd != 0) {
				return new(MAP)
			}
		}
		return new(AE)
	case 42:
		return new(MAA)
	case 45:
		return new(AS)
	case 48:
		return new(ED)
	case 49:
		return new(MIP)
	case 50:
		return new(MIA)
	case 53:
		return new(RS)
	case 57:
		return new(AD)
	case 58:
		return new(ADA)
	case 61:
		return new(CD)
	case 62:
		return new(CDA)
	}
	return nil
}

// segment is what the SPDUs of one segmented SSDU have in common. Its fields are
// nil for an SPDU that carries its SSDU whole (X.225 §8.4), DT and TD apart.
type segment struct {
	enclosure *Enclosure
	data      *[]byte
}

func segmentOf(s SPDU) segment {
	var g segment
	f := fields{encode: true, probe: &g}
	s.fields(&f)
	return g
}

// userInformation returns the user information field, of the SPDUs that have one.
func userInformation(s SPDU) *[]byte {
	switch s := s.(type) {
	case *DT:
		return &s.UserInformation
	case *EX:
		return &s.UserInformation
	case *TD:
		return &s.UserInformation
	}
	return nil
}
