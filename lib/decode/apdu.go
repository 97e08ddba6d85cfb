package decode

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/p1"
)

func (d *decoder) acse(s span) (Node, int) {
	return d.explain(s, ACSE, "ACSE-apdu", acse.APDU{}, "")
}

func (d *decoder) rtse(s span) (Node, int) {
	return d.explain(s, RTSE, "RTSE-apdu", rtse.APDU{}, "")
}

// external shows the value in an EXTERNAL, in place of what an open type shows.
func (d *decoder) external(n *ber.Node, s span, out *Node) {
	context, known := childInteger(n, "indirect-reference")
	encoding, at := child(n, "encoding")
	if encoding == nil || len(encoding.Children) == 0 {
		return
	}
	if list := d.values(&encoding.Children[0], s, context, known); list != nil {
		out.Children[at].Children[0] = withChildren(out.Children[at].Children[0], list)
	}
}

// connectionData shows the CHOICE in RTORQ and RTOAC, and the bind in it (X.228
// §9). apdu is the name of the APDU.
func (d *decoder) connectionData(n *ber.Node, s span, apdu string, out *Node) {
	data, at := child(n, "connection-data")
	if data == nil || len(data.Children) != 1 {
		return
	}
	alternative := &data.Children[0]
	shown := &out.Children[at].Children[0]
	out.Children[at].Type = "ConnectionData"
	switch alternative.Tag {
	case asn1.Context(1):
		part := s.from(int(alternative.Offset)).to(int(alternative.Length))
		*shown, _ = d.explain(part, RTSE, "recover", rtse.SessionConnectionIdentifier{}, "[1]")
	case asn1.Context(0):
		shown.Name = "open"
		if len(alternative.Children) == 1 {
			shown.Type = ""
			d.bind(&alternative.Children[0], s, apdu, &shown.Children[0])
		}
	}
}

// bind shows the argument, result or error of an MTA-bind. P3 and P7 put others
// in the same place; these stay as they are.
func (d *decoder) bind(n *ber.Node, s span, apdu string, out *Node) {
	name, v, params := "", any(nil), ""
	switch {
	case n.Tag == asn1.Context(16):
		name, v, params = "bind-argument", mts.MTABindArgument{}, "[16] EXPLICIT"
	case n.Tag == asn1.Context(17):
		name, v, params = "bind-result", mts.MTABindResult{}, "[17] EXPLICIT"
	case n.Tag == asn1.Context(18):
		name, v, params = "bind-error", mts.MTABindError(0), "[18] EXPLICIT"
	case d.assoc.x410() && apdu == "RTORQ": // X.410 mode does without the tags
		name, v = "bind-argument", mts.MTABindArgument{}
	case d.assoc.x410() && apdu == "RTOAC":
		name, v = "bind-result", mts.MTABindResult{}
	default:
		return
	}
	part := s.from(int(n.Offset)).to(int(n.Length))
	if d.assoc.rtse != rtse.SyntaxMTARTSE {
		if _, err := ber.Explain(part.b, v, params, d.lim.codec(len(part.b))); err != nil {
			return
		}
	}
	*out, _ = d.explain(part, MTSAPDU, name, v, params)
}

// userDataRJ shows the bind error in an RTORJ.
func (d *decoder) userDataRJ(n *ber.Node, s span, out *Node) {
	data, at := child(n, "user-data")
	if data == nil || len(data.Children) != 1 {
		return
	}
	d.bind(&data.Children[0], s, "RTORJ", &out.Children[at].Children[0])
}

// rttr keeps a piece of the APDU of an activity.
func (d *decoder) rttr(n *ber.Node, s span) {
	if v, ok := octetsOf(n, s); ok {
		d.activity.add(v.b)
	}
}

// activity is the APDU that RTTRs carry in pieces, from ACTIVITY START to ACTIVITY
// END (X.228 §7.3).
type activity struct {
	pieces
	// begun tells that the beginning was seen: then what does not make an APDU is
	// malformed, not just cut.
	begun bool
}

func (a *activity) start(resumed bool) { *a = activity{begun: !resumed} }
func (a *activity) stop()              { *a = activity{} }

var errNotAPDU = errors.New("neither an EXTERNAL nor an MTS-APDU")

// apdu shows the APDU of the activity that ends here.
func (d *decoder) apdu() (Node, bool) {
	begun := d.activity.begun
	d.activity.begun = false
	if !d.activity.open || !begun && !d.wholeAPDU() {
		d.activity.stop()
		return Node{}, false
	}
	return d.joinedAPDU(), true
}

// apduAtEnd shows the APDU of an activity whose end is not in the input, if it is
// complete.
func (d *decoder) apduAtEnd() (Node, bool) {
	if !d.activity.open || !d.wholeAPDU() {
		return Node{}, false
	}
	return d.joinedAPDU(), true
}

// wholeAPDU reports whether the octets of the activity are what they should be.
func (d *decoder) wholeAPDU() bool {
	b := d.activity.b
	rest, err := ber.Unmarshal(b, &acse.External{}, d.lim.codec(len(b)))
	return err == nil && len(rest) == 0 || d.isMTSAPDU(span{b: b})
}

// isMTSAPDU reports whether all of s is one MTS-APDU.
func (d *decoder) isMTSAPDU(s span) bool {
	rest, err := ber.Unmarshal(s.b, &p1.MTSAPDU{}, d.lim.codec(len(s.b)))
	return err == nil && len(rest) == 0
}

func (d *decoder) joinedAPDU() Node {
	s, count := d.activity.take()
	d.activity.begun = false
	n := Node{
		Name: "APDU", Length: int64(len(s.b)),
		Value: fmt.Sprintf("joined from %s, %d octets", counted(count, "RTTR"), len(s.b)),
	}
	for len(s.b) > 0 {
		var one Node
		size := 0
		switch t := ber.Raw(s.b).Tag(); {
		case t == asn1.Univ(asn1.NumberExternal):
			one, size = d.explain(s, RTSE, "", acse.External{}, "")
		case t.Class == asn1.ContextSpecific && t.Number <= 2:
			one, size = d.mtsAPDU(s)
		default:
			d.fail(s, RTSE, "", 0, errNotAPDU)
			one, size = undecoded(s, 0, errNotAPDU), len(s.b)
		}
		n.Children = append(n.Children, one)
		s = s.from(size)
	}
	return n
}
