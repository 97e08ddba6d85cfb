package decode

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/edims"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

func (d *decoder) mtsAPDU(s span) (Node, int) {
	return d.explain(s, MTSAPDU, "MTS-APDU", p1.MTSAPDU{}, "")
}

// envelope shows the envelope part of an MTS-APDU: that of a message is its transfer
// envelope, without a tag that would tell it from a part of another kind.
func (d *decoder) envelope(s span) (Node, int) {
	if ber.Raw(s.b).Tag().Class == asn1.ContextSpecific {
		return d.mtsAPDU(s)
	}
	return d.explain(s, Envelope, "message-transfer-envelope", mts.MessageTransferEnvelope{}, "")
}

// orName shows an ORName or, by its tag, an ORAddress.
func (d *decoder) orName(s span) (Node, int) {
	if ber.Raw(s.b).Tag() == asn1.Univ(asn1.NumberSequence) {
		return d.explain(s, ORName, "OR-address", oraddr.ORAddress{}, "")
	}
	return d.explain(s, ORName, "OR-name", oraddr.ORName{}, "")
}

// inMTSAPDU shows the contents and the values of extensions in MTS-APDUs.
func (d *decoder) inMTSAPDU(n *ber.Node, s span, out *Node) {
	switch n.Type {
	case "Message":
		if envelope, _ := child(n, "envelope"); envelope != nil {
			d.content(n, envelope, "content", s, out)
		}
	case "ReportTransferContent":
		d.content(n, n, "returned-content", s, out)
	case "ExtensionField":
		d.extension(n, s, out)
	default:
		d.inSecurity(n, s, out)
	}
}

// content shows a component of n that is a content, of the content type in typed.
func (d *decoder) content(n, typed *ber.Node, name string, s span, out *Node) {
	content, at := child(n, name)
	kind, _ := child(typed, "content-type")
	if content == nil || kind == nil {
		return
	}
	var contentType mts.ContentType
	if _, err := ber.Unmarshal(kind.Raw, &contentType, d.lim.codec(len(kind.Raw))); err != nil {
		return
	}
	if v, ok := octetsOf(content, s); ok {
		d.asContent(contentType, v, &out.Children[at])
	}
}

// asContent shows the octets of a content in its node. One of a type that is not
// known is shown as BER if it is all of one element, else it stays octets.
func (d *decoder) asContent(t mts.ContentType, v span, shown *Node) {
	if len(v.b) == 0 {
		return
	}
	var list []Node
	layer := contentLayer(t)
	switch {
	case layer != "":
		list = d.inLayer(v, layer)
	case t.Equal(mts.NewContentType(mts.External)):
		one, size := d.explain(v, IPM, "external-content", ipms.External{}, "")
		list = []Node{one}
		if size < len(v.b) {
			list = append(list, d.inLayer(v.from(size), BER)...)
		}
	default:
		if list = d.tryUntyped(v); list == nil {
			return
		}
	}
	shown.Value, shown.Hex = fmt.Sprintf("%v, %d octets", t, len(v.b)), nil
	shown.Children = append(shown.Children, list...)
}

// inLayer shows elements of a layer one after the other.
func (d *decoder) inLayer(v span, layer Layer) (list []Node) {
	for len(v.b) > 0 {
		one, size := d.element(v, layer)
		list = append(list, one)
		v = v.from(size)
	}
	return list
}

func extended(o asn1.OID) mts.ContentType { return mts.NewExtendedContentType(o) }

// contentLayer returns the layer of contents of a type; "" where it is not known.
func contentLayer(t mts.ContentType) Layer {
	switch {
	case t.BuiltIn != nil:
		switch *t.BuiltIn {
		case mts.InterpersonalMessaging1984, mts.InterpersonalMessaging1988:
			return IPM
		case mts.EDIMessaging:
			return EDIM
		}
	case t.Extended != nil:
		switch *t.Extended {
		case ipms.ContentP2, ipms.ContentP22, mts.ContentP772:
			return IPM
		case edims.ContentPedi:
			return EDIM
		case mts.ContentInnerEnvelope:
			return MTSAPDU
		}
	}
	return ""
}
