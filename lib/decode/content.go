package decode

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

func (d *decoder) mtsAPDU(s span) (Node, int) {
	return d.explain(s, MTSAPDU, "MTS-APDU", p1.MTSAPDU{}, "")
}

func (d *decoder) ipm(s span) (Node, int) {
	return d.explain(s, IPM, "information-object", ipms.InformationObject{}, "")
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

// content shows a component of n that is a content, if the content type in typed
// is one of which more is known.
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
	layer := Layer("")
	switch {
	case contentType.Equal(mts.NewContentType(mts.InterpersonalMessaging1984)),
		contentType.Equal(mts.NewContentType(mts.InterpersonalMessaging1988)):
		layer = IPM
	case contentType.Equal(mts.NewExtendedContentType(mts.ContentInnerEnvelope)):
		layer = MTSAPDU
	default:
		return
	}
	v, ok := octetsOf(content, s)
	if !ok || len(v.b) == 0 {
		return
	}
	shown := &out.Children[at]
	shown.Value, shown.Hex = fmt.Sprintf("%v, %d octets", contentType, len(v.b)), nil
	for len(v.b) > 0 {
		one, size := d.element(v, layer)
		shown.Children = append(shown.Children, one)
		v = v.from(size)
	}
}
