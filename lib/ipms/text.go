package ipms

import (
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Type returns the name of the body part's type in X.420; of an extended one the
// name of its data type, or its object identifier where X.420 has no name for it.
func (b BodyPart) Type() string {
	switch {
	case b.IA5Text != nil:
		return "ia5-text"
	case b.G3Facsimile != nil:
		return "g3-facsimile"
	case b.G4Class1 != nil:
		return "g4-class1"
	case b.Teletex != nil:
		return "teletex"
	case b.Videotex != nil:
		return "videotex"
	case b.NationallyDefined != nil:
		return "nationally-defined"
	case b.Encrypted != nil:
		return "encrypted"
	case b.Message != nil:
		return "message"
	case b.MixedMode != nil:
		return "mixed-mode"
	case b.BilaterallyDefined != nil:
		return "bilaterally-defined"
	case b.Extended != nil:
		return DataName(b.Extended.Data.DirectReference)
	}
	return b.Unknown.Tag().String()
}

// Text returns the text of a body part that is one: ia5-text, teletex (pages
// separated by form feeds) or general-text, basic or extended. Octets that mean
// nothing in the part's repertoire appear as {nnn}, in decimal.
func (b BodyPart) Text() (string, bool) {
	switch {
	case b.IA5Text != nil:
		return charset.DecodeIA5([]byte(b.IA5Text.Data)), true
	case b.Teletex != nil:
		return pages(b.Teletex.Data), true
	case b.Extended != nil:
		return b.Extended.text()
	}
	return "", false
}

func pages(all []asn1.TeletexString) string {
	text := make([]string, len(all))
	for i, page := range all {
		text[i] = charset.DecodeT61([]byte(page))
	}
	return strings.Join(text, "\f")
}

func (x *ExtendedBodyPart) text() (string, bool) {
	switch x.Data.DirectReference {
	case DataIA5Text:
		s, ok := decodeValue[asn1.IA5String](&x.Data)
		return charset.DecodeIA5([]byte(s)), ok
	case DataTeletex:
		all, ok := decodeValue[[]asn1.TeletexString](&x.Data)
		return pages(all), ok
	case DataGeneralText:
		s, ok := decodeValue[asn1.GeneralString](&x.Data)
		if !ok {
			return "", false
		}
		return charset.DecodeGeneral([]byte(s), x.registrations()), true
	}
	return "", false
}

// registrations returns the registered character sets of a general-text.
func (x *ExtendedBodyPart) registrations() []int {
	sets, _ := decodeValue[GeneralTextParameters](x.Parameters)
	return sets
}

// Forwarded returns the message within a body part that forwards one: a message,
// basic or extended, or a content of a type of X.420 or of military messages.
func (b BodyPart) Forwarded() (*IPM, bool) {
	switch {
	case b.Message != nil:
		return &b.Message.Data, true
	case b.Extended != nil && b.Extended.Data.DirectReference == DataMessage:
		m, ok := decodeValue[IPM](&b.Extended.Data)
		return &m, ok
	}
	switch contentType, content, ok := b.Content(); {
	case !ok:
	case contentType == ContentP2, contentType == ContentP22, contentType == mts.ContentP772:
		if o, err := Decode(content); err == nil && o.IPM != nil {
			return o.IPM, true
		}
	}
	return nil, false
}

// deliveryTime returns when a forwarded message had been delivered; "" where it is
// not told.
func (b BodyPart) deliveryTime() asn1.UTCTime {
	switch {
	case b.Message != nil:
		return b.Message.Parameters.DeliveryTime
	case b.Extended == nil:
	case b.Extended.Data.DirectReference == DataMessage:
		p, _ := decodeValue[MessageParameters](b.Extended.Parameters)
		return p.DeliveryTime
	default:
		p, _ := decodeValue[ForwardedContentParameters](b.Extended.Parameters)
		return p.DeliveryTime
	}
	return ""
}

// Content returns a forwarded content, octets of whatever content-type is named
// (X.420 content-body-part).
func (b BodyPart) Content() (contentType asn1.OID, content []byte, ok bool) {
	if b.Extended == nil {
		return "", nil, false
	}
	rest, ok := strings.CutPrefix(string(b.Extended.Data.DirectReference), string(DataContent)+".")
	if !ok {
		return "", nil, false
	}
	if content, ok = decodeValue[[]byte](&b.Extended.Data); ok {
		return asn1.OID(rest), content, true
	}
	// It is an OCTET STRING (X.420 Annex B); Wireshark takes the content itself, and so
	// may others.
	raw, ok := b.Extended.Data.value()
	if ok && raw.Tag().Class == asn1.ContextSpecific {
		return asn1.OID(rest), raw, true
	}
	return asn1.OID(rest), nil, false
}

// SubjectText returns the subject as UTF-8: that of the extended-subject
// extension where there is one, else that of the heading.
func (h Heading) SubjectText() string {
	for _, e := range h.Extensions {
		if e.Type == ExtExtendedSubject {
			if s, ok := universal(e.Value); ok {
				return s
			}
		}
	}
	if h.Subject == nil {
		return ""
	}
	return charset.DecodeT61([]byte(*h.Subject))
}

func universal(raw ber.Raw) (string, bool) {
	u, ok := decodeRaw[UniversalOrBMPString](raw)
	return u.String(), ok && (u.Two != nil || u.Four != nil)
}

// String returns the string.
func (u UniversalOrBMPString) String() string {
	switch {
	case u.Two != nil:
		return string(*u.Two)
	case u.Four != nil:
		return string(*u.Four)
	}
	return ""
}

// Name returns what a person calls the user: the free-form name if there is one,
// else the O/R address, else the telephone number.
func (d ORDescriptor) Name() string {
	switch {
	case d.FreeFormName != "":
		return charset.DecodeT61([]byte(d.FreeFormName))
	case d.FormalName != nil:
		return address(d.FormalName)
	}
	return string(d.TelephoneNumber)
}

// String returns all a descriptor says: free-form name, address in angle
// brackets, telephone number in parentheses.
func (d ORDescriptor) String() string {
	var parts []string
	if d.FreeFormName != "" {
		parts = append(parts, charset.DecodeT61([]byte(d.FreeFormName)))
	}
	if d.FormalName != nil {
		a := address(d.FormalName)
		if d.FreeFormName != "" {
			a = "<" + a + ">"
		}
		parts = append(parts, a)
	}
	if d.TelephoneNumber != "" {
		parts = append(parts, "("+string(d.TelephoneNumber)+")")
	}
	return strings.Join(parts, " ")
}

// address shows an O/R name: its address, or that it has a directory name only, or
// that the address is malformed.
func address(n *oraddr.ORName) string {
	a, err := n.Address()
	switch s := a.String(); {
	case err != nil:
		return "(" + err.Error() + ")"
	case s != "":
		return s
	case n.DirectoryName != nil:
		return "(directory name)"
	}
	return "(no address)"
}

// String shows an identifier: the local part and the user's address.
func (id IPMIdentifier) String() string {
	if id.User == nil {
		return string(id.UserRelativeIdentifier)
	}
	return string(id.UserRelativeIdentifier) + " " + address(id.User)
}
