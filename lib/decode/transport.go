package decode

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/osi/tp"
)

const (
	tpktVersion = 3 // RFC 1006 §6; no TPDU of class 0 has this length indicator
	tpktHeader  = 4
	minTPKT     = 7
)

// transport emits the TPKTs of s, or the one TPDU s is.
func (d *decoder) transport(s span) error {
	d.left = d.lim.Elements
	if s.b[0] != tpktVersion {
		return d.emit(d.tpdu(s))
	}
	for len(s.b) > 0 {
		d.left = d.lim.Elements
		n, size := d.tpkt(s)
		if err := d.emit(n); err != nil {
			return err
		}
		s = s.from(size)
	}
	return nil
}

// tpkt takes one TPKT apart. Where its length cannot be trusted, all that is left
// belongs to it.
func (d *decoder) tpkt(s span) (Node, int) {
	n := Node{Name: "TPKT", Offset: s.base, Length: int64(len(s.b))}
	broken := func(err error) (Node, int) {
		d.fail(s, TPDU, "TPKT", 0, err)
		n.Children = append(n.Children, undecoded(s, 0, err))
		return n, len(s.b)
	}
	if len(s.b) < tpktHeader {
		return broken(fmt.Errorf("%d octets: too short for a header", len(s.b)))
	}
	size := int(binary.BigEndian.Uint16(s.b[2:]))
	switch {
	case s.b[0] != tpktVersion:
		return broken(fmt.Errorf("version %d: want %d", s.b[0], tpktVersion))
	case size < minTPKT:
		return broken(fmt.Errorf("length %d: want %d or more", size, minTPKT))
	case size > len(s.b):
		return broken(fmt.Errorf("length %d with %d octets left", size, len(s.b)))
	}
	n.Length = int64(size)
	n.Value = fmt.Sprintf("version %d, length %d", s.b[0], size)
	n.Children = []Node{d.tpdu(s.to(size).from(tpktHeader))}
	return n, size
}

var tpduNames = map[byte][2]string{
	0xe0: {"CR", "connection request"},
	0xd0: {"CC", "connection confirm"},
	0x80: {"DR", "disconnect request"},
	0xf0: {"DT", "data"},
	0x10: {"ED", "expedited data"},
	0x70: {"ER", "TPDU error"},
}

var errHeader = errors.New("the length indicator does not fit the TPDU")

// tpdu takes the TPDU that s is apart (X.224 §13).
func (d *decoder) tpdu(s span) Node {
	n := Node{Name: "TPDU", Offset: s.base, Length: int64(len(s.b))}
	if len(s.b) < 2 || s.b[0] < 1 || 1+int(s.b[0]) > len(s.b) {
		d.fail(s, TPDU, "TPDU", 0, errHeader)
		n.Children = append(n.Children, undecoded(s, 0, errHeader))
		return n
	}
	header := s.to(1 + int(s.b[0]))
	code := s.b[1] & 0xf0
	if name, ok := tpduNames[code]; ok {
		n.Name, n.Type, n.Value = name[0], "TPDU", name[1]
	}
	before := d.err
	switch code {
	case 0xe0, 0xd0, 0x80:
		n.Children = d.connection(header, code)
	case 0x70:
		n.Children = d.tpduError(header)
	case 0xf0:
		if len(header.b) == 3 {
			return d.dt(n, s)
		}
		fallthrough
	default:
		n.Children = []Node{hexNode(header, 1, len(header.b)-1, "header")}
	}
	if rest := len(s.b) - len(header.b); rest > 0 {
		n.Children = append(n.Children, hexNode(s, len(header.b), rest, "user-data"))
	}
	// What fields say together is for the layer itself to judge.
	if _, err := tp.Decode(s.b); err != nil && d.err == before {
		d.fail(s, TPDU, n.Name, 0, bare(err))
	}
	return n
}

// connection shows CR, CC and DR, which begin alike.
func (d *decoder) connection(h span, code byte) []Node {
	if len(h.b) < 7 {
		return []Node{hexNode(h, 1, len(h.b)-1, "header")}
	}
	list := []Node{
		leafNode(h, 2, 2, "destination-reference", fmt.Sprintf("%04x", binary.BigEndian.Uint16(h.b[2:]))),
		leafNode(h, 4, 2, "source-reference", fmt.Sprintf("%04x", binary.BigEndian.Uint16(h.b[4:]))),
	}
	if code == 0x80 {
		list = append(list, leafNode(h, 6, 1, "reason", withName(int64(h.b[6]), tp.Reason(h.b[6]).String())))
	} else {
		list = append(list, leafNode(h, 6, 1, "class-option", fmt.Sprintf("class %d, options %d", h.b[6]>>4, h.b[6]&0x0f)))
	}
	return append(list, d.variable(h, 7, code)...)
}

func (d *decoder) tpduError(h span) []Node {
	if len(h.b) < 5 {
		return []Node{hexNode(h, 1, len(h.b)-1, "header")}
	}
	causes := []string{"reason not specified", "invalid parameter code", "invalid TPDU type", "invalid parameter value"}
	list := []Node{
		leafNode(h, 2, 2, "destination-reference", fmt.Sprintf("%04x", binary.BigEndian.Uint16(h.b[2:]))),
		leafNode(h, 4, 1, "reject-cause", withName(int64(h.b[4]), nameOf(int64(h.b[4]), causes))),
	}
	return append(list, d.variable(h, 5, 0x70)...)
}

// variable shows the variable part of a header from offset i on.
func (d *decoder) variable(h span, i int, tpdu byte) []Node {
	var list []Node
	for i < len(h.b) {
		if len(h.b)-i < 2 || int(h.b[i+1]) > len(h.b)-i-2 {
			err := fmt.Errorf("parameter %02x: length runs past the header", h.b[i])
			d.fail(h, TPDU, tpduNames[tpdu][0], int64(i), err)
			return append(list, undecoded(h, i, err))
		}
		size := int(h.b[i+1])
		list = append(list, transportParameter(h.to(i+2+size), i, tpdu))
		i += 2 + size
	}
	return list
}

// transportParameter shows the parameter that ends s and begins at i.
func transportParameter(s span, i int, tpdu byte) Node {
	v := s.b[i+2:]
	n := leafNode(s, i, 2+len(v), fmt.Sprintf("parameter %02x", s.b[i]), "")
	switch code := s.b[i]; {
	case tpdu == 0x70 && code == 0xc1:
		n.Name = "invalid-TPDU"
	case tpdu == 0x80 && code == 0xe0:
		n.Name = "additional-information"
	case tpdu != 0xe0 && tpdu != 0xd0:
	case code == 0xc0:
		n.Name = "TPDU-size"
		if len(v) == 1 && v[0] >= 7 && v[0] <= 13 {
			n.Value = fmt.Sprintf("%d octets", 1<<v[0])
		}
	case code == 0xf0:
		n.Name = "preferred-maximum-TPDU-size"
		if len(v) <= 4 {
			size := uint64(0)
			for _, c := range v {
				size = size<<8 | uint64(c)
			}
			n.Value = fmt.Sprintf("%d octets", 128*size)
		}
	case code == 0xc1:
		n.Name = "calling-transport-selector"
	case code == 0xc2:
		n.Name = "called-transport-selector"
	case code == 0xc6:
		n.Name = "additional-options"
	case code == 0xc7:
		n.Name = "alternative-protocol-classes"
	}
	if n.Value == "" {
		n.Hex, n.at = v, s.base+int64(i+2)
		n.Value = text(v)
	}
	return n
}

// dt shows a DT and, at the end of a TSDU, what is in it.
func (d *decoder) dt(n Node, s span) Node {
	data := s.from(3)
	last := s.b[2]&0x80 != 0
	n.Children = []Node{leafNode(s, 2, 1, "end-of-TSDU", boolean(last))}
	if last && !d.tsdu.open {
		if len(data.b) > 0 {
			n.Children = append(n.Children, Node{
				Name: "TSDU", Offset: data.base, Length: int64(len(data.b)), Children: d.session(data),
			})
		}
		return n
	}
	n.Children = append(n.Children, hexNode(data, 0, len(data.b), "user-data"))
	d.tsdu.add(data.b)
	if last {
		joined, count := d.tsdu.take()
		n.Children = append(n.Children, Node{
			Name: "TSDU", Length: int64(len(joined.b)), Children: d.session(joined),
			Value: "joined from " + counted(count, "TPDU"),
		})
	}
	return n
}
