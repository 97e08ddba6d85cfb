package decode

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/acse"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

// association is what the PPDUs seen so far say about those to come.
type association struct {
	contexts map[int64]asn1.OID // abstract syntaxes by presentation context
	mode     presentation.Mode
	known    bool // mode has been said
	// rtse is the abstract syntax the RTSE APDU at hand belongs to; "" when it is
	// not known.
	rtse asn1.OID
}

func (a *association) x410() bool { return a.known && a.mode == presentation.ModeX410 }

func (a *association) learnMode(m int64) { a.mode, a.known = presentation.Mode(m), true }

// presentation shows the SS-user data of an SPDU, all of them (X.226 §7).
func (d *decoder) presentation(s span, spdu string) []Node {
	var list []Node
	for len(s.b) > 0 {
		var n Node
		size := 0
		switch {
		case spdu == "DT" && d.bareData(s):
			n = hexNode(s, 0, len(s.b), "RTTR")
			n.Value = counted(len(s.b), "octet")
			d.activity.add(s.b)
			size = len(s.b)
		case d.bareAPDU(s, spdu):
			n, size = d.rtse(s)
		default:
			n, size = d.ppdu(s, spdu)
		}
		list = append(list, n)
		s = s.from(size)
	}
	return list
}

// bareData reports whether the user information of a DT is a piece of an APDU and
// nothing else, as X.410-1984 mode has it (X.226 §8.4.3.2). Where no CP has told
// the mode, whatever is no User-data is taken for one.
func (d *decoder) bareData(s span) bool {
	if d.assoc.known {
		return d.assoc.x410()
	}
	rest, err := ber.Unmarshal(s.b, &presentation.UserData{}, d.lim.codec(len(s.b)))
	return err != nil || len(rest) > 0
}

// bareAPDU reports whether the user data of an SPDU other than DT are an RTSE APDU and
// nothing else, as X.410-1984 mode has them. Where no CP has told the mode, the INTEGER
// of RTTP tells it: User-data begin otherwise.
func (d *decoder) bareAPDU(s span, spdu string) bool {
	switch spdu {
	case "CN", "AC", "RF", "AB":
		return false
	}
	return d.assoc.x410() || !d.assoc.known && spdu == "PT" && ber.Raw(s.b).Tag() == asn1.Univ(asn1.NumberInteger)
}

// ppdu takes the PPDU at the start of s apart; spdu is what carries it, "" where
// that is not known.
func (d *decoder) ppdu(s span, spdu string) (Node, int) {
	switch ppduOf(s, spdu, d.lim) {
	case "CP":
		d.assoc = association{contexts: map[int64]asn1.OID{}}
		return d.explain(s, PPDU, "CP", presentation.CP{}, "")
	case "CPA":
		return d.explain(s, PPDU, "CPA", presentation.CPA{}, "")
	case "CPR":
		return d.explain(s, PPDU, "CPR", presentation.CPR{}, "")
	case "abort":
		return d.explain(s, PPDU, "", presentation.Abort{}, "")
	}
	return d.explain(s, PPDU, "user-data", presentation.UserData{}, "")
}

// ppduOf says which PPDU s begins with. Some can be told apart only by what
// carries them or by the parameters in them.
func ppduOf(s span, spdu string, lim Limits) string {
	switch spdu {
	case "CN", "CDO":
		return "CP"
	case "AC":
		return "CPA"
	case "RF":
		return "CPR"
	case "AB":
		return "abort"
	case "":
	default:
		return "TD"
	}
	var top ber.Node
	if len(s.b) > 0 {
		top, _ = ber.Explain(s.b, ber.Raw{}, "", lim.codec(len(s.b)))
	}
	parts := map[asn1.Tag]ber.Node{}
	for _, c := range top.Children {
		parts[c.Tag] = c
	}
	switch top.Tag {
	case asn1.Context(0):
		return "abort"
	case asn1.Univ(asn1.NumberSequence):
		// ARP has [0] and [1] only; the [0] of CPR is a BIT STRING.
		for t, c := range parts {
			if t.Number > 1 || t.Class != asn1.ContextSpecific || t.Number == 0 && c.Length > 3 {
				return "CPR"
			}
		}
		return "abort"
	case asn1.Univ(asn1.NumberSet):
		return connectPPDU(parts)
	}
	return "TD"
}

// connectPPDU tells the SETs apart: CP, CPA, and what of RTORJ and RTAB stands in
// X.410-1984 mode.
func connectPPDU(parts map[asn1.Tag]ber.Node) string {
	inner := func(t uint32, numbers ...uint32) bool {
		for _, c := range parts[asn1.Context(t)].Children {
			for _, n := range numbers {
				if c.Tag == asn1.Context(n) {
					return true
				}
			}
		}
		return false
	}
	mode, hasMode := parts[asn1.Context(0)]
	_, x410 := parts[asn1.Context(1)]
	_, normal := parts[asn1.Context(2)]
	switch {
	case !hasMode || len(mode.Children) == 0:
		if x410 || normal {
			return "abort" // RTAB: reflectedParameter, userdataAB
		}
		return "CPR" // RTORJ: refuseReason alone
	case normal && inner(2, 3, 5):
		return "CPA"
	case normal, inner(1, 3, 4):
		return "CP"
	}
	return "CPA"
}

// x410Part shows the components of an RTSE APDU that X.410-1984 mode puts into a
// PPDU (X.226 §8.2).
func (d *decoder) x410Part(ppdu string, n *ber.Node, s span) Node {
	params := "[UNIVERSAL 17]"
	if n.Tag.Class != asn1.Universal {
		params = n.Tag.String()
	}
	part := s.from(int(n.Offset)).to(int(n.Length))
	var v any
	switch ppdu {
	case "CP":
		v = rtse.RTORQ{}
	case "CPA":
		v = rtse.RTOAC{}
	case "CPR":
		v = rtse.RTORJ{}
	default:
		v = rtse.RTAB{}
	}
	d.assoc.rtse = ""
	out, _ := d.explain(part, RTSE, fullName(PPDU, n), v, params)
	return out
}

// learnContext keeps a context definition.
func (d *decoder) learnContext(n *ber.Node) {
	if id, ok := childInteger(n, "identifier"); ok && d.assoc.contexts != nil {
		d.assoc.contexts[id] = asn1.OID(childValue(n, "abstract-syntax"))
	}
}

// values shows the presentation data values of a PDV-list or EXTERNAL, whose
// alternative is the element n of s.
func (d *decoder) values(n *ber.Node, s span, context int64, known bool) []Node {
	v, ok := d.valueOctets(n, s)
	if !ok {
		return nil
	}
	var list []Node
	for len(v.b) > 0 {
		one, size := d.value(v, context, known)
		list = append(list, one)
		v = v.from(size)
	}
	return list
}

// valueOctets returns the encoding within single-ASN1-type, octet-aligned or
// arbitrary.
func (d *decoder) valueOctets(n *ber.Node, s span) (span, bool) {
	switch n.Name {
	case "single-ASN1":
		body := bodyOf(n, s)
		if n.Indefinite && len(body.b) >= 2 {
			body = body.to(len(body.b) - 2)
		}
		return body, true
	case "octet-aligned":
		return octetsOf(n, s)
	case "arbitrary":
		v, ok := octetsOf(n, s)
		if !ok || len(v.b) < 2 || v.b[0] != 0 {
			return span{}, false
		}
		return v.from(1), true
	}
	return span{}, false
}

// value shows the value at the start of s by the abstract syntax of its context,
// or, the context not having been defined, by its tag.
func (d *decoder) value(s span, context int64, known bool) (Node, int) {
	syntax := d.assoc.contexts[context]
	if !known {
		syntax = ""
	}
	switch syntax {
	case acse.AbstractSyntax:
		return d.acse(s)
	case rtse.SyntaxMTARTSE, rtse.SyntaxMTSRTSE, rtse.SyntaxMSRTSE:
		d.assoc.rtse = syntax
		return d.rtse(s)
	case rtse.SyntaxMTSE:
		return d.mtsAPDU(s)
	case "":
		d.assoc.rtse = ""
		return d.guess(s)
	}
	return d.untyped(s)
}

// guess shows a value of which only the tag tells the type.
func (d *decoder) guess(s span) (Node, int) {
	t := ber.Raw(s.b).Tag()
	switch {
	case t.Class == asn1.Application && t.Number <= 4:
		return d.acse(s)
	case t == asn1.Univ(asn1.NumberInteger), t == asn1.Univ(asn1.NumberOctetString),
		t.Class == asn1.ContextSpecific && (t.Number >= 16 && t.Number <= 18 || t.Number == 22):
		return d.rtse(s)
	case t.Class == asn1.ContextSpecific && t.Number <= 2:
		if d.isMTSAPDU(s) {
			return d.mtsAPDU(s)
		}
	}
	return d.untyped(s)
}
