package presentation

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

var (
	tagFullyEncoded = asn1.Tag{Class: asn1.Application, Number: 1}
	tagSequence     = asn1.Tag{Class: asn1.Universal, Number: 16}
	tagInteger      = asn1.Tag{Class: asn1.Universal, Number: 2}
	tagSingleASN1   = asn1.Tag{Class: asn1.ContextSpecific, Number: 0}
)

// appendHeader appends the octets of fully encoded user data with one PDV-list
// that come before its single ASN.1 value of n octets (X.226 §8.4.2).
func appendHeader(dst []byte, context, n int64) []byte {
	id := appendInteger(nil, context)
	list := int64(len(id)+ber.HeaderLen(tagSingleASN1, n)) + n
	full := int64(ber.HeaderLen(tagSequence, list)) + list
	dst = ber.AppendHeader(dst, tagFullyEncoded, true, full)
	dst = ber.AppendHeader(dst, tagSequence, true, list)
	dst = append(dst, id...)
	return ber.AppendHeader(dst, tagSingleASN1, true, n)
}

// appendInteger appends v as an INTEGER.
func appendInteger(dst []byte, v int64) []byte {
	n := 1
	for x := v; x > 127 || x < -128; x >>= 8 {
		n++
	}
	dst = ber.AppendHeader(dst, tagInteger, false, int64(n))
	for n--; n >= 0; n-- {
		dst = append(dst, byte(v>>(8*n)))
	}
	return dst
}

// fullyEncode puts values, each one complete BER value, into PDV-lists.
func fullyEncode(pdvs []PDV) *UserData {
	if len(pdvs) == 0 {
		return nil
	}
	u := &UserData{Full: make([]PDVList, len(pdvs))}
	for i, v := range pdvs {
		u.Full[i] = PDVList{
			TransferSyntax: v.TransferSyntax,
			Context:        v.Context,
			Values:         PDVValues{SingleASN1: ber.Raw(v.Octets)},
		}
	}
	return u
}

// encodeUserData encodes bare User-data, as the PPDUs of the data phase are; nil
// when there is none.
func encodeUserData(pdvs []PDV) ([]byte, error) {
	u := fullyEncode(pdvs)
	if u == nil {
		return nil, nil
	}
	return ber.Marshal(u)
}

// contextError is the context of a PDV-list that is not in the defined context set.
type contextError int64

func (e contextError) Error() string {
	return fmt.Sprintf("user-data: context %d is not in the defined context set", int64(e))
}

var errSimple = errors.New("user-data: simply encoded, but the defined context set does not have exactly one member")

// values returns the PDV-lists of u. A nil set of contexts accepts every context.
func (u *UserData) values(defined []Context) ([]PDV, error) {
	if u == nil {
		return nil, nil
	}
	if u.Simple != nil {
		if len(defined) != 1 {
			return nil, errSimple
		}
		return []PDV{{Context: defined[0].ID, Octets: u.Simple}}, nil
	}
	pdvs := make([]PDV, len(u.Full))
	for i, l := range u.Full {
		if !isDefined(defined, l.Context) {
			return nil, contextError(l.Context)
		}
		octets := []byte(l.Values.SingleASN1)
		switch {
		case l.Values.OctetAligned != nil:
			octets = l.Values.OctetAligned
		case l.Values.Arbitrary != nil:
			if l.Values.Arbitrary.BitLength%8 != 0 {
				return nil, errors.New("user-data: arbitrary presentation data of a broken octet")
			}
			octets = l.Values.Arbitrary.Bytes
		}
		pdvs[i] = PDV{Context: l.Context, TransferSyntax: l.TransferSyntax, Octets: octets}
	}
	return pdvs, nil
}

func isDefined(defined []Context, id int64) bool {
	if defined == nil {
		return true
	}
	for _, c := range defined {
		if c.ID == id && c.Result == Acceptance {
			return true
		}
	}
	return false
}

// decodeUserData decodes bare User-data. Without octets there is none.
func decodeUserData(b []byte, defined []Context) ([]PDV, error) {
	if len(b) == 0 {
		return nil, nil
	}
	var u UserData
	rest, err := ber.Unmarshal(b, &u, ber.Limits{Octets: len(b)})
	if err != nil {
		return nil, err
	}
	if len(rest) != 0 {
		return nil, fmt.Errorf("user-data: %d octets behind the PPDU at offset %d", len(rest), len(b)-len(rest))
	}
	return u.values(defined)
}
