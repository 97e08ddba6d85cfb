package decode

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// spduKind is what an SI stands for in its place.
type spduKind struct{ abbreviation, name string }

// firstSPDUs are the SPDUs a TSDU may begin with, those of categories 0 and 1
// (X.225 §6.3.7).
var firstSPDUs = map[byte]spduKind{
	1: {"GT", "GIVE TOKENS"}, 2: {"PT", "PLEASE TOKENS"}, 5: {"EX", "EXPEDITED DATA"},
	7: {"PR", "PREPARE"}, 8: {"NF", "NOT FINISHED"}, 9: {"FN", "FINISH"},
	10: {"DN", "DISCONNECT"}, 12: {"RF", "REFUSE"}, 13: {"CN", "CONNECT"}, 14: {"AC", "ACCEPT"},
	15: {"CDO", "CONNECT DATA OVERFLOW"}, 16: {"OA", "OVERFLOW ACCEPT"},
	21: {"GTC", "GIVE TOKENS CONFIRM"}, 22: {"GTA", "GIVE TOKENS ACK"},
	25: {"AB", "ABORT"}, 26: {"AA", "ABORT ACCEPT"}, 33: {"TD", "TYPED DATA"},
}

// nextSPDUs are those that follow one of category 0, of category 2.
var nextSPDUs = map[byte]spduKind{
	0: {"ER", "EXCEPTION REPORT"}, 1: {"DT", "DATA TRANSFER"},
	25: {"AI", "ACTIVITY INTERRUPT"}, 26: {"AIA", "ACTIVITY INTERRUPT ACK"},
	29: {"AR", "ACTIVITY RESUME"}, 34: {"RA", "RESYNCHRONIZE ACK"},
	41: {"AE", "ACTIVITY END"}, 42: {"AEA", "ACTIVITY END ACK"}, 45: {"AS", "ACTIVITY START"},
	48: {"ED", "EXCEPTION DATA"}, 49: {"MIP", "MINOR SYNC POINT"}, 50: {"MIA", "MINOR SYNC ACK"},
	53: {"RS", "RESYNCHRONIZE"}, 57: {"AD", "ACTIVITY DISCARD"}, 58: {"ADA", "ACTIVITY DISCARD ACK"},
	61: {"CD", "CAPABILITY DATA"}, 62: {"CDA", "CAPABILITY DATA ACK"},
}

var majorSync = spduKind{"MAP", "MAJOR SYNC POINT"}

var errLength = errors.New("length runs past the end")

// session takes the SPDUs of a TSDU apart (X.225 §8.2).
func (d *decoder) session(s span) []Node {
	var list []Node
	before, whole := d.err, s
	for first := true; len(s.b) > 0; first = false {
		n, size := d.spdu(s, first)
		list = append(list, n)
		s = s.from(size)
	}
	// What SPDUs and parameters say together is for the layer itself to judge.
	if _, err := session.Decode(whole.b); err != nil && d.err == before {
		d.fail(whole, SPDU, "", 0, bare(err))
	}
	return list
}

// spdu takes the SPDU at the start of s apart and returns how many octets it is.
func (d *decoder) spdu(s span, first bool) (Node, int) {
	n := Node{Name: "SPDU", Offset: s.base, Length: int64(len(s.b))}
	body, head, ok := unit(s)
	if !ok {
		d.fail(s, SPDU, "", 0, errLength)
		n.Children = []Node{undecoded(s, 0, errLength)}
		return n, len(s.b)
	}
	kind, known := firstSPDUs[s.b[0]]
	if !first {
		kind, known = nextSPDUs[s.b[0]]
	}
	if s.b[0] == 41 && !first && has(body, piSyncType) {
		kind = majorSync
	}
	if !known {
		kind = spduKind{"SPDU", fmt.Sprintf("SI %d, unknown in this place", s.b[0])}
	}
	size := head + len(body.b)
	n.Name, n.Type, n.Value, n.Length = kind.abbreviation, "SPDU", kind.name, int64(size)
	if n.Name == n.Type {
		n.Type = ""
	}
	u := user{spdu: kind.abbreviation}
	n.Children = d.parameters(body, &u, kind.abbreviation)
	switch kind.abbreviation {
	case "DT", "TD", "EX": // X.225 §8.2.1: the user information field
		u.data, u.present = s.from(size), true
		size = len(s.b)
		n.Length = int64(size)
		u.field = Node{Name: "user-information", Offset: u.data.base, Length: int64(len(u.data.b))}
	case "AS":
		d.activity.start(false)
	case "AR":
		d.activity.start(true)
	case "AD", "AI":
		d.activity.stop()
	}
	n.Children = append(n.Children, d.userData(u)...)
	if kind.abbreviation == "AE" {
		if apdu, ok := d.apdu(); ok {
			n.Children = append(n.Children, apdu)
		}
	}
	return n, size
}

// unit splits a code, a length indicator and what it covers off the start of s
// (X.225 §8.2.5).
func unit(s span) (body span, head int, ok bool) {
	head = 2
	if len(s.b) < head {
		return s, 0, false
	}
	size := int(s.b[1])
	if size == 255 {
		if head = 4; len(s.b) < head {
			return s, 0, false
		}
		size = int(s.b[2])<<8 | int(s.b[3])
	}
	if size > len(s.b)-head {
		return s, 0, false
	}
	return s.from(head).to(size), head, true
}

// has reports whether a parameter of that code is there.
func has(s span, code byte) bool {
	for len(s.b) > 0 {
		body, head, ok := unit(s)
		if !ok {
			return false
		}
		if s.b[0] == code && len(body.b) > 0 {
			return true
		}
		s = s.from(head + len(body.b))
	}
	return false
}

// Codes of X.225 §8.3 that decide how others are read.
const (
	piSyncType            = 15
	piTransportDisconnect = 17
	piEnclosure           = 25
	piMIAUserData         = 46
	piReasonCode          = 50
	piDataOverflow        = 60
	pgiUserData           = 193
	pgiExtendedUserData   = 194
)

// parameters shows the parameters of an SPDU or of a parameter group.
func (d *decoder) parameters(s span, u *user, path string) []Node {
	var list []Node
	for len(s.b) > 0 {
		body, head, ok := unit(s)
		if !ok {
			e := d.fail(s, SPDU, path, 0, errLength)
			return append(list, undecoded(s, 0, e.Err))
		}
		code := s.b[0]
		p, known := sessionParameters[code]
		if !known {
			p.name = fmt.Sprintf("parameter %d", code)
		}
		n := leafNode(s, 0, head+len(body.b), p.name, "")
		switch {
		case p.group:
			n.Children = d.parameters(body, u, path+"."+p.name)
		case code == pgiUserData, code == pgiExtendedUserData, code == piMIAUserData:
			u.data, u.present, u.field = body, true, n
			s = s.from(head + len(body.b))
			continue // the caller shows it, knowing the other parameters
		case code == piReasonCode && u.spdu == "RF":
			d.refuseReason(&n, body, u)
		default:
			u.learn(code, body.b)
			if p.show != nil {
				n.Value = p.show(body.b)
			}
			if n.Value == "" {
				n.Hex, n.at = body.b, body.base
			}
			if p.ber && len(body.b) > 0 {
				n.Children = d.tryUntyped(body)
			}
		}
		list = append(list, n)
		s = s.from(head + len(body.b))
	}
	return list
}

// refuseReason shows the reason code of RF: a reason, and perhaps user data
// (X.225 §8.3.5.10).
func (d *decoder) refuseReason(n *Node, body span, u *user) {
	if len(body.b) == 0 {
		return
	}
	r := session.RefuseReason(body.b[0])
	n.Value = withName(int64(r), r.String())
	rest := body.from(1)
	switch {
	case len(rest.b) == 0:
	case r == session.RefuseUserData:
		u.data, u.present = rest, true
		u.field = leafNode(rest, 0, len(rest.b), "user-data", "")
	default:
		n.Children = []Node{hexNode(rest, 0, len(rest.b), "octets")}
	}
}

// user is the SS-user data of an SPDU and what decides how they are read.
type user struct {
	spdu      string
	field     Node
	data      span
	present   bool
	enclosure byte // bit 1 beginning, bit 2 end of the SSDU; valid if enclosed
	enclosed  bool
	overflow  bool
}

func (u *user) learn(code byte, v []byte) {
	if len(v) != 1 {
		return
	}
	switch code {
	case piEnclosure:
		u.enclosure, u.enclosed = v[0]&3, true
	case piDataOverflow:
		u.overflow = v[0]&1 != 0
	}
}

// userData shows what an SPDU carries; SSDUs that come in pieces (X.225 §8.4.2)
// are shown whole with the last.
func (d *decoder) userData(u user) []Node {
	if !u.present {
		return nil
	}
	whole := !u.overflow && (!u.enclosed || u.enclosure == 3)
	if whole && !d.ssdu.open {
		u.field.Children = d.presentation(u.data, u.spdu)
		return []Node{u.field}
	}
	u.field.Hex, u.field.at = u.data.b, u.data.base
	d.ssdu.add(u.data.b)
	if u.overflow || u.enclosed && u.enclosure&2 == 0 {
		return []Node{u.field}
	}
	joined, count := d.ssdu.take()
	return []Node{u.field, {
		Name: "SSDU", Length: int64(len(joined.b)), Children: d.presentation(joined, u.spdu),
		Value: "joined from " + counted(count, "SPDU"),
	}}
}

// bare takes the operation off an error of a layer: the Error made of it names
// the layer.
func bare(err error) error {
	var e *diag.Error
	if errors.As(err, &e) {
		return e.Err
	}
	return err
}
