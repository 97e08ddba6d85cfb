package downgrade

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
)

// basic says how an extended body part is put in the basic form of the same type,
// X.420 §7.4: the tag of the latter, and what its parts are.
var basic = map[asn1.OID]struct {
	tag  uint32
	form basicForm
	data asn1.Tag // of the value
}{
	ipms.DataIA5Text:           {0, withParameters, asn1.Univ(asn1.NumberIA5String)},
	ipms.DataG3Facsimile:       {3, withParameters, tagSequence},
	ipms.DataG4Class1:          {4, retagged, tagSequence},
	ipms.DataTeletex:           {5, withParameters, tagSequence},
	ipms.DataVideotex:          {6, withParameters, asn1.Univ(asn1.NumberVideotexString)},
	ipms.DataNationallyDefined: {7, wrapped, asn1.Tag{}},
	ipms.DataEncrypted:         {8, withParameters, asn1.Univ(asn1.NumberBitString)},
	ipms.DataMessage:           {9, forwarded, tagSequence},
	ipms.DataMixedMode:         {11, retagged, tagSequence},
	ipms.DataGeneralText:       {0, text, asn1.Univ(asn1.NumberGeneralString)},
}

type basicForm uint8

const (
	withParameters basicForm = iota // a SET of parameters and the value
	retagged                        // the contents of the value under another tag
	wrapped                         // the value under another tag
	forwarded                       // parameters and an IPM
	text                            // ia5-text, if that is what it is
)

var (
	tagExternal   = asn1.Univ(asn1.NumberExternal)
	tagOID        = asn1.Univ(asn1.NumberOID)
	tagSingleASN1 = asn1.Context(0)
)

// extended is an extended body part: it becomes a basic one, or there is none.
func (p *planner) extended() (out parts, err error) {
	var parameters *ipms.External
	done := false
	err = p.each(func(h ber.Header) error {
		var err error
		switch {
		case h.Tag == asn1.Context(0) && parameters == nil && !done:
			parameters = &ipms.External{}
			err = p.hold(h, "[0]", parameters)
		case h.Tag == tagExternal && !done:
			done = true
			out, err = p.data(parameters)
		default:
			p.lost().add("an unknown element")
		}
		return err
	})
	if err == nil && !done {
		err = impossible("an extended body part without data")
	}
	return out, err
}

// hold decodes the element announced.
func (p *planner) hold(h ber.Header, params string, v any) error {
	raw, err := p.r.Raw(p.left)
	if err != nil {
		return err
	}
	if rest, err := ber.UnmarshalWith(raw, v, params, limits); err != nil || len(rest) > 0 {
		return impossible("at octet %d of the content: %v", h.Offset, err)
	}
	return nil
}

// data is the EXTERNAL that holds the data of an extended body part.
func (p *planner) data(parameters *ipms.External) (out parts, err error) {
	var oid asn1.OID
	done := false
	err = p.each(func(h ber.Header) error {
		var err error
		switch {
		case h.Tag == tagOID && oid == "":
			err = p.hold(h, "", &oid)
		case h.Tag == tagSingleASN1 && oid != "" && !done:
			done = true
			out, err = p.value(oid, parameters)
		case h.Tag == asn1.Univ(asn1.NumberObjectDescriptor):
		default:
			err = impossible("a body part is %s, not encoded as a single ASN.1 type", ipms.DataName(oid))
		}
		return err
	})
	if err == nil && !done {
		err = impossible("an extended body part without data")
	}
	return out, err
}

// value is the value in such an EXTERNAL.
func (p *planner) value(oid asn1.OID, parameters *ipms.External) (out parts, err error) {
	b, known := basic[oid]
	if !known {
		return out, impossible("a body part is %s", ipms.DataName(oid))
	}
	var set ber.Raw = emptySet
	if parameters != nil {
		if set = parameters.Encoding.SingleASN1; set.Tag() != tagSet {
			return out, impossible("a body part is %s, with parameters that are none", ipms.DataName(oid))
		}
	}
	tag := asn1.Context(b.tag)
	n := 0
	err = p.each(func(h ber.Header) error {
		if n++; n > 1 || b.data != (asn1.Tag{}) && h.Tag != b.data {
			return impossible("a body part is %s, with other data", ipms.DataName(oid))
		}
		var one parts
		var err error
		switch b.form {
		case withParameters:
			out.own(slices.Clone(set))
			if p.left -= len(set); p.left < 0 {
				return impossible("the parameters of the body parts are too large")
			}
			one, err = p.keep(h)
		case retagged:
			one, err = p.keepContents()
		case wrapped:
			one, err = p.keep(h)
		case forwarded:
			if out, err = p.forwarded(set); err == nil {
				one, err = p.ipm(tagSequence)
			}
		case text:
			out.own(slices.Clone(emptySet))
			one, err = p.text(h, set)
		}
		out.add(one)
		return err
	})
	if err == nil && n == 0 {
		err = impossible("a body part is %s, without data", ipms.DataName(oid))
	}
	return out.within(tag), err
}

// forwarded edits the parameters of a message as an extended body part.
func (p *planner) forwarded(set ber.Raw) (out parts, err error) {
	var m ipms.MessageParameters
	if rest, err := ber.Unmarshal(set, &m, limits); err != nil || len(rest) > 0 {
		return out, impossible("the parameters of a forwarded message: %v", err)
	}
	if _, err := p.messageParameters(&m); err != nil {
		return out, err
	}
	b, err := ber.Marshal(m)
	if p.left -= len(b); p.left < 0 {
		return out, impossible("the parameters of the body parts are too large")
	}
	out.own(b)
	return out, err
}

// asciiSets are the registrations with which octets below 128 are ASCII as long as
// no escape says otherwise: C0, ASCII itself, C1, and sets of 96 characters, which
// stand on the right (ISO 8859, and 142 and 156 of ISO 6937).
var asciiSets = []int{1, 6, 77, 100, 101, 109, 110, 126, 127, 138, 142, 144, 148, 156, 157, 179, 199, 203}

const (
	regASCII = 6
	esc      = 0x1b
	shiftOut = 0x0e
	shiftIn  = 0x0f
)

// text makes general-text ia5-text where all of it is ASCII.
func (p *planner) text(h ber.Header, parameters ber.Raw) (out parts, err error) {
	if p.prohibited {
		return out, impossible("a body part is general-text, and implicit conversion is prohibited")
	}
	var sets []int
	if rest, err := ber.UnmarshalWith(parameters, &sets, "SET", limits); err != nil || len(rest) > 0 {
		return out, impossible("the character sets of general-text: %v", err)
	}
	if len(sets) > 0 && !slices.Contains(sets, regASCII) || slices.ContainsFunc(sets, func(n int) bool { return !slices.Contains(asciiSets, n) }) {
		return out, impossible("a body part is general-text of the character sets %s", strings.Trim(fmt.Sprint(sets), "[]"))
	}
	if h.Constructed {
		err = p.segments(&out)
	} else {
		err = p.segment(h, &out)
	}
	p.plan.converted = true
	return out.element(asn1.Univ(asn1.NumberIA5String), false), err
}

// segments takes over the segments of a constructed string.
func (p *planner) segments(out *parts) error {
	return p.each(func(h ber.Header) error {
		switch {
		case h.Tag != asn1.Univ(asn1.NumberOctetString):
			return impossible("at octet %d of the content: no segment of a string", h.Offset)
		case h.Constructed:
			return p.segments(out)
		}
		return p.segment(h, out)
	})
}

var errNotASCII = &Impossible{"a body part is general-text, and not all of it is ASCII"}

// segment takes over the octets of a primitive string.
func (p *planner) segment(h ber.Header, out *parts) error {
	at := p.r.Offset() // nothing but the header has been read
	if _, err := io.CopyBuffer(onlyASCII{}, p.r.OctetString(), p.buffer[:]); err != nil {
		if errors.Is(err, errNotASCII) {
			return errNotASCII
		}
		return err
	}
	out.old(at, h.Length)
	return nil
}

// onlyASCII refuses what is not text of ASCII.
type onlyASCII struct{}

func (onlyASCII) Write(b []byte) (int, error) {
	for i, c := range b {
		if c >= 0x80 || c == esc || c == shiftOut || c == shiftIn {
			return i, errNotASCII
		}
	}
	return len(b), nil
}

// isGeneralText reports whether an encoded information type is a character set of
// general-text (X.420 §7.4.11; RFC 1502 gives the arc).
func isGeneralText(o asn1.OID) bool { return strings.HasPrefix(string(o), "1.0.10021.7.1.0.") }
