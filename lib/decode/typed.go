package decode

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

var errLayers = errors.New("too many encodings within one another")

// explain takes the element at the start of s apart as the type of v and returns
// how many octets it is; with a fault of unknown extent, all of them. The node has
// the name unless the type gives it one.
func (d *decoder) explain(s span, layer Layer, name string, v any, params string) (Node, int) {
	if d.depth == d.lim.Layers {
		d.fail(s, layer, "", 0, errLayers)
		return undecoded(s, 0, errLayers), len(s.b)
	}
	d.depth++
	defer func() { d.depth-- }()
	top, err := ber.Explain(s.b, v, params, d.bounds(len(s.b)))
	size := int(top.Length)
	if size == 0 {
		size = len(s.b)
	}
	var fault *Error
	at := 0
	if err != nil {
		fault, at = d.failBER(s, layer, err)
	}
	out := d.node(&top, s, layer)
	if name != "" {
		out.Name = name
	}
	if fault != nil {
		if top.Length == 0 {
			out = Node{Name: name, Offset: s.base, Length: int64(size)}
		}
		if errors.Is(err, ber.ErrMissing) {
			at = endOf(&top, at)
		}
		out.Children = append(out.Children, undecoded(s.to(max(size, at)), at, fault.Err))
	}
	return out, size
}

// endOf returns where the element at offset i ends if the tree shows it, else i.
// What lacks a component is shown all the same.
func endOf(n *ber.Node, i int) int {
	for {
		if int(n.Offset) == i && n.Length > 0 {
			return i + int(n.Length)
		}
		if len(n.Children) == 0 {
			return i
		}
		n = &n.Children[len(n.Children)-1]
	}
}

// failBER notes an error of the codec and returns its offset in s.
func (d *decoder) failBER(s span, layer Layer, err error) (*Error, int) {
	var e *ber.Error
	if !errors.As(err, &e) || e.Offset < 0 || e.Offset > int64(len(s.b)) {
		return d.fail(s, layer, "", 0, err), 0
	}
	return d.fail(s, layer, e.Path, e.Offset, e.Err), int(e.Offset)
}

// node makes a Node of what the codec found, and shows the encodings in it.
func (d *decoder) node(n *ber.Node, s span, layer Layer) Node {
	d.left--
	out := Node{Name: n.Name, Type: n.Type, Offset: s.base + n.Offset, Length: n.Length, Value: n.Value}
	if out.Type == "" {
		out.Type = n.Tag.String()
	}
	if out.Name != "" {
		out.Name = fullName(layer, n)
	}
	if len(n.Children) == 0 {
		leaf(n, s, &out)
	} else {
		out.Children = make([]Node, len(n.Children))
		for i := range n.Children {
			out.Children[i] = d.node(&n.Children[i], s, layer)
		}
	}
	out.Value = named(layer, n, out.Value)
	switch layer {
	case PPDU:
		d.inPPDU(n, s, &out)
	case ACSE, RTSE:
		d.inAPDU(n, s, &out)
	case MTSAPDU, Envelope, IPM, EDIM:
		d.inMTSAPDU(n, s, &out)
		d.inIPM(n, s, layer, &out)
	}
	d.inAny(n, s, layer, &out)
	return out
}

// inPPDU shows what the components of PPDUs carry.
func (d *decoder) inPPDU(n *ber.Node, s span, out *Node) {
	switch n.Type {
	case "ModeSelector":
		mode, err := decodeAs[struct {
			_    ber.Set `ber:"..."`
			Mode int64   `ber:"[0]"`
		}](n, d.lim)
		if err == nil {
			d.assoc.learnMode(mode.Mode)
		}
	case "ContextDefinition":
		d.learnContext(n)
	case "PDVList":
		context, known := childInteger(n, "context")
		values, at := child(n, "values")
		if values == nil || len(values.Children) == 0 {
			return
		}
		if list := d.values(&values.Children[0], s, context, known); list != nil {
			out.Children[at].Children[0] = withChildren(out.Children[at].Children[0], list)
		}
	case "CP", "CPA", "CPR", "ARU":
		if x410, at := child(n, "x410"); x410 != nil {
			out.Children[at] = d.x410Part(n.Type, x410, s)
		}
	}
}

// inAPDU shows what the components of ACSE and RTSE APDUs carry.
func (d *decoder) inAPDU(n *ber.Node, s span, out *Node) {
	switch n.Type {
	case "External":
		d.external(n, s, out)
	case "RTORQ", "RTOAC":
		d.connectionData(n, s, n.Type, out)
	case "RTORJ":
		d.userDataRJ(n, s, out)
	case "RLRQ", "RLRE":
		if reason, at := child(n, "reason"); reason != nil && reason.Value == "1" {
			out.Children[at].Value = map[string]string{"RLRQ": "1 urgent", "RLRE": "1 not-finished"}[n.Type]
		}
	case "APDU":
		if rttr, at := child(n, "RTTR"); rttr != nil {
			d.rttr(rttr, s)
			if v, ok := octetsOf(rttr, s); ok {
				out.Children[at].Value = counted(len(v.b), "octet")
			}
		}
	}
}

// inAny gives the types of every layer their text.
func (d *decoder) inAny(n *ber.Node, s span, layer Layer, out *Node) {
	var err error
	switch n.Type {
	case "ORName":
		err = describe(n, d.lim, out, func(v oraddr.ORName) (string, error) { return address(v.Address()) })
	case "ORAddress":
		err = describe(n, d.lim, out, func(v oraddr.ORAddress) (string, error) { return address(v.Address()) })
	case "GlobalDomainIdentifier":
		err = describe(n, d.lim, out, func(v mts.GlobalDomainIdentifier) (string, error) { return v.String(), nil })
	case "MTSIdentifier":
		err = describe(n, d.lim, out, func(v mts.MTSIdentifier) (string, error) { return v.String(), nil })
	case "EncodedInformationTypes":
		err = describe(n, d.lim, out, func(v mts.EncodedInformationTypes) (string, error) { return v.String(), nil })
	case "ContentType":
		var v mts.ContentType
		if _, e := ber.Unmarshal(n.Raw, &v, d.lim.codec(len(n.Raw))); e == nil {
			out.Value = v.String()
		}
	}
	if err != nil {
		d.fail(s, layer, n.Name, n.Offset, err)
	}
}

func address(a oraddr.Address, err error) (string, error) {
	if err != nil {
		return "", bare(err)
	}
	return a.String(), nil
}

// describe gives out the text of its value as a T. An element that is no T has
// been found out already; an error is that of text.
func describe[T any](n *ber.Node, lim Limits, out *Node, text func(T) (string, error)) error {
	v, err := decodeAs[T](n, lim)
	if err != nil {
		return nil
	}
	out.Value, err = text(v)
	return err
}

// decodeAs decodes an element as a T that is no CHOICE, whatever its tag.
func decodeAs[T any](n *ber.Node, lim Limits) (v T, err error) {
	params := ""
	if n.Tag.Class != asn1.Universal {
		params = n.Tag.String()
	}
	_, err = ber.UnmarshalWith(n.Raw, &v, params, lim.codec(len(n.Raw)))
	return v, err
}

// child returns the child of that name and its index; nil if there is none.
func child(n *ber.Node, name string) (*ber.Node, int) {
	for i := range n.Children {
		if n.Children[i].Name == name {
			return &n.Children[i], i
		}
	}
	return nil, 0
}

// childValue returns the value of a child; "" if there is none.
func childValue(n *ber.Node, name string) string {
	if c, _ := child(n, name); c != nil {
		return c.Value
	}
	return ""
}

// childInteger returns the value of a child that is an INTEGER.
func childInteger(n *ber.Node, name string) (int64, bool) {
	v, err := strconv.ParseInt(childValue(n, name), 10, 64)
	return v, err == nil
}

// withChildren puts what is in an encoding in place of its octets.
func withChildren(n Node, list []Node) Node {
	n.Value, n.Hex, n.Children = "", nil, list
	return n
}

// leaf shows the octets of an element without children whose value the codec has
// written in hexadecimal, cut short if they are many, or not at all.
func leaf(n *ber.Node, s span, out *Node) {
	whole := bodyOf(n, s)
	v, ok := octetsOf(n, s)
	if !ok || isHex(n.Value, whole.b) {
		v = whole // not what a string may be: as it is on the wire
	}
	bits := v.b
	if len(bits) > 0 {
		bits = bits[1:]
	}
	switch {
	case len(v.b) == 0:
	case n.Value == "", isHex(n.Value, v.b):
		out.Value = ""
	case isHex(n.Value, bits):
		out.Value = fmt.Sprintf("BIT STRING, %d bits unused", v.b[0])
		v = v.from(1)
	case strings.HasSuffix(n.Value, " octets") && strings.Contains(n.Value, "… "):
		v = whole // cut short all the same: a bit string in segments
	default:
		return
	}
	if len(v.b) > 2 && len(v.b) <= shownOctets && out.Value == "" {
		out.Value = text(v.b)
	}
	out.Hex, out.at = v.b, v.base
	if v.joined && !s.joined {
		out.at = -1
	}
}

// bodyOf returns what follows the header of an element of s.
func bodyOf(n *ber.Node, s span) span {
	raw := s.from(int(n.Offset)).to(len(n.Raw))
	return raw.from(min(headerSize(raw.b), len(raw.b)))
}

// shownOctets is how many octets the codec writes of a longer string.
const shownOctets = 64

// isHex reports whether value is how the codec writes the octets.
func isHex(value string, b []byte) bool {
	if len(b) > shownOctets {
		return strings.HasPrefix(value, Hex(b[:shownOctets]).String()+"…")
	}
	return len(b) > 0 && value == Hex(b).String()
}

// octetsOf returns the contents octets of an element of s that is a string: those
// of its segments joined, where it has several, and those inside its explicit
// tags.
func octetsOf(n *ber.Node, s span) (span, bool) {
	var segments []span
	raw := s.from(int(n.Offset)).to(len(n.Raw))
	if _, ok := collect(raw, &segments, 0); !ok {
		return span{}, false
	}
	switch len(segments) {
	case 0:
		return raw.to(0), true
	case 1:
		return segments[0], true
	}
	joined := span{joined: true}
	for _, g := range segments {
		joined.b = append(joined.b, g.b...)
	}
	return joined, true
}

// collect finds the primitive elements in the one at the start of s, and returns
// where it ends.
func collect(s span, to *[]span, depth int) (int, bool) {
	head := headerSize(s.b)
	if head > len(s.b) || depth > DefaultLimits().Depth {
		return 0, false
	}
	length, indefinite := contentsLength(s.b[:head])
	end := len(s.b)
	if !indefinite {
		if length > len(s.b)-head {
			return 0, false
		}
		end = head + length
	}
	if s.b[0]&0x20 == 0 {
		*to = append(*to, s.from(head).to(end-head))
		return end, !indefinite
	}
	at := head
	for at < end {
		if indefinite && end-at >= 2 && s.b[at] == 0 && s.b[at+1] == 0 {
			return at + 2, true
		}
		n, ok := collect(s.to(end).from(at), to, depth+1)
		if !ok {
			return 0, false
		}
		at += n
	}
	return at, !indefinite
}

// headerSize returns the size of the identifier and length octets b begins with;
// more than there are octets where it does not end within b.
func headerSize(b []byte) int {
	if len(b) < 2 {
		return len(b) + 1
	}
	i := 1
	if b[0]&0x1f == 0x1f {
		for i < len(b) && b[i] >= 0x80 {
			i++
		}
		i++
	}
	if i >= len(b) {
		return len(b) + 1
	}
	if b[i] > 0x80 {
		i += int(b[i] & 0x7f)
	}
	return i + 1
}

// contentsLength reads the length octets that end a header.
func contentsLength(header []byte) (length int, indefinite bool) {
	i := 1
	if header[0]&0x1f == 0x1f {
		for header[i] >= 0x80 {
			i++
		}
		i++
	}
	if header[i] <= 0x80 {
		return int(header[i]), header[i] == 0x80
	}
	for _, c := range header[i+1:] {
		if length > 1<<32 {
			return length, false // more than any input
		}
		length = length<<8 | int(c)
	}
	return length, false
}
