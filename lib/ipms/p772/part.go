package p772

import (
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/ipms"
)

// Text returns the text of an adatp3, corrections or acp127-data body part.
func Text(x *ipms.ExtendedBodyPart) (string, bool) {
	switch x.Data.DirectReference {
	case DataADatP3:
		v, ok := value[ADatP3Data](x)
		switch {
		case !ok:
			return "", false
		case v.LineOriented != nil:
			return charset.DecodeIA5([]byte(*v.LineOriented)), true
		}
		sets := make([]string, len(*v.SetOriented))
		for i, s := range *v.SetOriented {
			sets[i] = charset.DecodeIA5([]byte(s))
		}
		return strings.Join(sets, "\n"), true
	case DataCorrections, DataACP127:
		if s, ok := value[asn1.IA5String](x); ok {
			return charset.DecodeIA5([]byte(s)), true
		}
	}
	return "", false
}

// Forwarded returns the message in an mm-message body part.
func Forwarded(x *ipms.ExtendedBodyPart) (*ipms.IPM, bool) {
	if x.Data.DirectReference != DataMMMessage {
		return nil, false
	}
	m, ok := value[ipms.IPM](x)
	return &m, ok
}

// value decodes the data of a body part.
func value[T any](x *ipms.ExtendedBodyPart) (v T, ok bool) {
	raw := x.Data.Encoding.SingleASN1
	if octets := x.Data.Encoding.OctetAligned; octets != nil {
		raw = *octets
	}
	rest, err := ber.Unmarshal(raw, &v, ber.Limits{Octets: max(len(raw), 1)})
	return v, err == nil && len(rest) == 0
}
