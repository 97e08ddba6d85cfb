package tp

import (
	"fmt"
	"math/bits"
	"slices"
)

// defaultTPDUSize is the TPDU size when nobody names one (RFC 1006 §5).
const defaultTPDUSize = maxTPDU

// size returns the TPDU size in octets p stands for.
func (p Parameters) size() int {
	switch {
	case p.PreferredTPDUSize != 0:
		// No DT can be longer than its TPKT allows, whatever was agreed.
		return min(int(min(p.PreferredTPDUSize, maxTPKT))*128, maxTPDU)
	case p.TPDUSize != 0:
		return 1 << p.TPDUSize
	}
	return defaultTPDUSize
}

// exponent returns the largest value of the TPDU size parameter that is not
// beyond size octets.
func exponent(size int) uint8 {
	return uint8(min(bits.Len(uint(size))-1, maxExponent))
}

// propose makes the CR of an initiator. The default size is proposed by silence;
// any other by the TPDU size parameter, with the preferred size beside it when
// the former cannot express it (X.224 §6.5.4 k, note 10).
func propose(p Params, reference uint16) *CR {
	cr := &CR{SourceReference: reference}
	cr.CallingTSEL, cr.CalledTSEL = p.CallingTSEL, p.CalledTSEL
	if p.TPDUSize != defaultTPDUSize {
		cr.TPDUSize = exponent(p.TPDUSize)
		if 1<<cr.TPDUSize != p.TPDUSize && p.TPDUSize/128 > 1<<cr.TPDUSize/128 {
			cr.PreferredTPDUSize = uint32(p.TPDUSize / 128)
		}
	}
	return cr
}

// class0 tells whether class 0 is a valid response to the classes a CR proposes
// (X.224 §6.5.4, Table 3).
func class0(cr *CR) bool {
	switch cr.Class {
	case 0, 1:
		return true
	case 2:
		return slices.Contains(cr.Alternatives, 0)
	default:
		return slices.Contains(cr.Alternatives, 0) || slices.Contains(cr.Alternatives, 1)
	}
}

// answer makes the CC of a responder, or says why there can be none.
func answer(cr *CR, p Params, reference uint16) (*CC, *Refused) {
	if !class0(cr) {
		return nil, &Refused{Reason: ReasonNegotiationFailed}
	}
	cc := &CC{DestinationReference: cr.SourceReference, SourceReference: reference}
	cc.CallingTSEL, cc.CalledTSEL = cr.CallingTSEL, p.CalledTSEL
	if cc.CalledTSEL == nil {
		cc.CalledTSEL = cr.CalledTSEL
	}
	size := min(cr.size(), p.TPDUSize)
	switch {
	case cr.PreferredTPDUSize != 0:
		cc.PreferredTPDUSize = uint32(min(size/128, int(min(cr.PreferredTPDUSize, maxTPKT))))
	case cr.TPDUSize != 0 || size < defaultTPDUSize:
		// Never silent when a size was proposed: silence would mean the
		// default, more than was proposed (RFC 2126 §6.4).
		cc.TPDUSize = exponent(size)
	}
	return cc, nil
}

// confirm judges the CC against the CR it answers and returns the TPDU size
// agreed on.
func confirm(cr *CR, cc *CC) (int, error) {
	if cc.DestinationReference != cr.SourceReference {
		return 0, fmt.Errorf("cc: destination reference %04x: want %04x", cc.DestinationReference, cr.SourceReference)
	}
	if cc.Class != 0 {
		return 0, fmt.Errorf("cc: class %d: class 0 was proposed", cc.Class)
	}
	if cc.PreferredTPDUSize != 0 && cr.PreferredTPDUSize == 0 {
		return 0, fmt.Errorf("cc: preferred maximum tpdu size: none was proposed")
	}
	proposed := cr.size()
	if cc.PreferredTPDUSize == 0 && cr.TPDUSize != 0 {
		// A responder that ignores the preferred size takes the other one.
		proposed = 1 << cr.TPDUSize
	}
	if cc.TPDUSize == 0 && cc.PreferredTPDUSize == 0 {
		// A responder that leaves the size out ought to mean the default;
		// what was proposed is the most it may send all the same.
		return proposed, nil
	}
	if cc.size() > proposed {
		return 0, fmt.Errorf("cc: tpdu size %d: %d was proposed", cc.size(), proposed)
	}
	return cc.size(), nil
}
