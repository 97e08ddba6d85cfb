package p1driver

import "fmt"

// SPDU identifiers, X.225 §8.3.
const (
	siGT  = 1 // give tokens, in front of what follows
	siPT  = 2 // please tokens, likewise
	siDT  = 1 // behind one of those
	siED  = 48
	siER  = 0
	siFN  = 9
	siDN  = 10
	siRF  = 12
	siCN  = 13
	siAC  = 14
	siGTC = 21
	siGTA = 22
	siAB  = 25 // alone
	siAI  = 25 // behind GT
	siAA  = 26 // alone
	siAIA = 26 // behind PT
	siAR  = 29
	siAE  = 41
	siAEA = 42
	siAS  = 45
	siMIP = 49
	siMIA = 50
	siAD  = 57
	siADA = 58
)

// Parameters of SPDUs.
const (
	piDisconnect  = 17
	piSerial      = 42
	piReason      = 50
	piActivity    = 41
	piTokens      = 16
	piVersion     = 22
	pgiItem       = 5
	pgiIdentifier = 1
	pgiLinking    = 33
	piCalled      = 9
	piCalling     = 10
	piCommon      = 11
	piAdditional  = 12
	piUserData    = 193
)

// spdu is the one SPDU of a TSDU that counts: the second, if there are two.
type spdu struct {
	si     byte
	alone  bool
	params []byte
	user   []byte
}

func parseSPDU(tsdu []byte) (spdu, error) {
	first, rest, err := takeSPDU(tsdu)
	if err != nil || len(rest) == 0 || first.si != siGT && first.si != siPT {
		first.alone, first.user = true, rest
		return first, err
	}
	second, rest, err := takeSPDU(rest)
	second.user = rest
	return second, err
}

func takeSPDU(b []byte) (spdu, []byte, error) {
	if len(b) < 2 {
		return spdu{}, nil, errShort
	}
	s := spdu{si: b[0]}
	n, rest, err := lengthIndicator(b[1:])
	if err != nil {
		return s, nil, err
	}
	s.params = rest[:n]
	return s, rest[n:], nil
}

// lengthIndicator reads a length, which is checked against what follows.
func lengthIndicator(b []byte) (int, []byte, error) {
	switch {
	case len(b) == 0, b[0] == 0xff && len(b) < 3:
		return 0, nil, errShort
	case b[0] == 0xff:
		n := int(b[1])<<8 | int(b[2])
		if b = b[3:]; n > len(b) {
			return 0, nil, errShort
		}
		return n, b, nil
	}
	n := int(b[0])
	if b = b[1:]; n > len(b) {
		return 0, nil, errShort
	}
	return n, b, nil
}

// param is the value of a parameter; in a group it is looked for in the group.
func param(params []byte, path ...byte) []byte {
	for len(params) >= 2 {
		code := params[0]
		n, rest, err := lengthIndicator(params[1:])
		if err != nil {
			return nil
		}
		if code == path[0] {
			if len(path) == 1 {
				return rest[:n]
			}
			return param(rest[:n], path[1:]...)
		}
		params = rest[n:]
	}
	return nil
}

// item encodes a parameter, a group of them, or an SPDU without user information.
func item(code byte, values ...[]byte) []byte {
	n := 0
	for _, v := range values {
		n += len(v)
	}
	b := []byte{code}
	if n < 0xff {
		b = append(b, byte(n))
	} else {
		b = append(b, 0xff, byte(n>>8), byte(n))
	}
	for _, v := range values {
		b = append(b, v...)
	}
	return b
}

// after puts an SPDU behind an empty give or please tokens.
func after(token byte, spdu []byte) []byte { return append([]byte{token, 0}, spdu...) }

func serial(n int) []byte { return item(piSerial, fmt.Append(nil, n)) }
