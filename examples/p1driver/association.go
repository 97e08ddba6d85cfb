package p1driver

import (
	"errors"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// Presentation contexts, as the initiator numbers them.
const (
	contextACSE = 1
	contextRTSE = 3
	contextMTSE = 5
)

// Bind is what one side says in the MTA-bind.
type Bind struct{ MTA, Password string }

// Manner is how a source speaks.
type Manner struct {
	Old        bool // indefinite lengths, constructed strings, session version 1, small TPDUs
	Monologue  bool // the turn cannot pass
	Checkpoint int  // checkpoint size proposed, in 1024 octets; 0: none, so that an object is one RTTR
	Window     int
	Resume     bool                 // go on with what was interrupted
	Recover    bool                 // and over an association that recovers the one that was lost
	CutAt      int                  // close the connection when this checkpoint of an object is confirmed; 0: never
	Confirmed  func(checkpoint int) // called when one of an object is confirmed, before anything more is sent; may be nil
	AtEnd      func()               // called behind the end of an object, before the connection is closed without its answer; nil: it is not
	Protocol   int                  // application protocol of X.410-1984 mode; 0: normal mode
}

// association is an RTSE association; it is used from one goroutine.
type association struct {
	*wire
	style      style
	protocol   int // 0: normal mode
	checkpoint int // octets; 0: none
	window     int
	turn       bool               // ours
	wants      bool               // the peer has asked for it
	heard      func(priority int) // if set, hears with which priority
	activity   int
	peer       Bind
	called     []byte // the session connection identifier's parameter 9, and 10 to 12
	asked      []byte
	sent       int // octets of objects
	cutAt      int // as Manner has them, for the object that is being sent
	noted      func(checkpoint int)
	atEnd      func()
	recovers   bool // another association
}

// opened numbers the associations of this process, for their additional reference.
var opened atomic.Uint32

// identifier are the parameters that name a session connection, in those of an SPDU.
func identifier(params []byte, codes ...byte) []byte {
	var all []byte
	for _, code := range codes {
		if v := param(params, pgiIdentifier, code); len(v) > 0 {
			all = append(all, item(code, v)...)
		}
	}
	return all
}

var (
	ber  = oid(0x51, 0x01)
	acse = oid(0x52, 0x01, 0x00, 0x01)
	mtse = oid(0x56, 0x00, 0x02, 0x07)
	rtse = oid(0x56, 0x00, 0x02, 0x0c)
	p1AC = oid(0x56, 0x00, 0x01, 0x06) // mts-transfer
)

func (b Bind) tlv() tlv { return c(0xa1, text(0x80, b.MTA), c(0xa1, text(0x16, b.Password))) }

// reference is the session connection identifier's part that names one side.
// X.410-1984 mode has a T61String where normal mode has an OCTET STRING.
func reference(protocol int, code byte, name string, more ...[]byte) []byte {
	tag := byte(0x04)
	if protocol != 0 {
		tag = 0x14
	}
	value := item(code, append([]byte{tag, byte(len(name))}, name...))
	now := time.Now().UTC().Format("060102150405Z")
	return item(pgiIdentifier, append([][]byte{value, item(piCommon, append([]byte{0x17, byte(len(now))}, now...))}, more...)...)
}

func connectItem(version byte) []byte {
	return item(pgiItem, []byte{19, 1, 0, piVersion, 1, version, 26, 1, 0})
}

// initiate opens an association on a new connection; old names the one it recovers, nil
// if it recovers none.
func initiate(conn net.Conn, tsel string, own Bind, peerPassword string, m Manner, old []byte) (*association, error) {
	a := &association{wire: newWire(conn), protocol: m.Protocol, turn: true}
	n := opened.Add(1)
	additional := item(piAdditional, []byte{0x14, 2, 'a' + byte(n/26%26), 'a' + byte(n%26)})
	identity := reference(m.Protocol, piCalling, own.MTA, additional)
	a.asked = identity[2:]
	size, version := byte(tpdu8192), byte(2)
	if m.Old {
		size, version = tpdu1024, 1
		a.style = style{indefinite: true, chunk: 400}
	}
	if m.Protocol != 0 {
		version = 1
	}
	if err := a.call(size, own.MTA, tsel); err != nil {
		return nil, err
	}
	mode := 1
	if m.Monologue {
		mode = 0
	}
	context := func(id byte, abstract tlv) tlv { return c(0x30, p(2, id), abstract, c(0x30, ber)) }
	data := c(0xa0, c(0xb0, own.tlv()))
	if old != nil {
		data = recovers(old)
	}
	open := c(0xb0, number(0x80, m.Checkpoint), number(0x81, m.Window), number(0x82, mode), c(0xa3, data))
	cp := c(0x31, c(0xa0, p(0x80, 1)), c(0xa2, p(0x81, 0, 1), p(0x82, 0, 1),
		c(0xa4, context(contextACSE, acse), context(contextRTSE, rtse), context(contextMTSE, mtse)),
		c(0x61, c(0x30, p(2, contextACSE), c(0xa0, c(0x60, c(0xa1, p1AC), c(0xbe, c(0x28, p(2, contextRTSE), c(0xa0, open)))))))))
	if m.Protocol != 0 {
		cp = connectX410(own, m, mode)
	}
	a.send(item(siCN, identity, connectItem(version), []byte{20, 2, 2, 0x49, 51, 2, 0, 1, 52, 2, 0, 1},
		item(piUserData, a.style.append(nil, cp))))
	if err := a.flush(); err != nil {
		return nil, err
	}
	tsdu, err := a.receive()
	if err != nil {
		return nil, err
	}
	ac, err := parseSPDU(tsdu)
	if err != nil {
		return nil, err
	}
	if ac.si != siAC {
		return nil, fmt.Errorf("refused: SPDU %d % x", ac.si, ac.params)
	}
	a.called = identifier(ac.params, piCalled)
	t, _, err := parse(param(ac.params, piUserData), 0)
	if err != nil {
		return nil, err
	}
	switch {
	case old != nil:
		a.recovers = true
		return a, a.recovered(t, old)
	case m.Protocol != 0:
		err = a.acceptedX410(t)
	default:
		err = a.accepted(t)
	}
	if err != nil {
		return nil, err
	}
	if a.peer.Password != peerPassword {
		return nil, fmt.Errorf("%s gives a wrong password", a.peer.MTA)
	}
	return a, nil
}

// accepted reads the CPA of normal mode.
func (a *association) accepted(cpa tlv) error {
	accept, err := cpa.must(0xa2, 0x61, 0x30, 0xa0, 0x61, 0xbe, 0x28, 0xa0, 0xb1)
	if err != nil {
		return err
	}
	a.agree(accept, 0x80, 0x81)
	a.peer, err = readBind(accept, 0xa2, 0xa0, 0xb1)
	return err
}

// asks reads the CP of normal mode.
func (a *association) asks(cp tlv) error {
	open, err := cp.must(0xa2, 0x61, 0x30, 0xa0, 0x60, 0xbe, 0x28, 0xa0, 0xb0)
	if err != nil {
		return err
	}
	a.agree(open, 0x80, 0x81)
	a.peer, err = readBind(open, 0xa3, 0xa0, 0xb0)
	return err
}

// respond answers an association on a new connection, or refuses it. It answers in the
// mode of its protocol, and lets nobody in who calls in another.
func respond(conn net.Conn, own Bind, peers map[string]string, protocol int, verdict func(Moment) Verdict) (*association, error) {
	a := &association{wire: newWire(conn)}
	if err := a.answer(verdict(OnConnect) == Refuse); err != nil {
		return nil, err
	}
	tsdu, err := a.receive()
	if err != nil {
		return nil, err
	}
	cn, err := parseSPDU(tsdu)
	if err != nil {
		return nil, err
	}
	if cn.si != siCN {
		return nil, fmt.Errorf("SPDU %d instead of CN", cn.si)
	}
	a.asked = identifier(cn.params, piCalling, piCommon, piAdditional)
	t, _, err := parse(param(cn.params, piUserData), 0)
	if err != nil {
		return nil, err
	}
	mode, err := t.must(0xa0, 0x80)
	if err != nil {
		return nil, err
	}
	x410 := mode.int() == 0
	if x410 {
		err = a.calledX410(t)
	} else {
		err = a.asks(t)
	}
	if err != nil {
		return nil, err
	}
	version := byte(1)
	if v := param(cn.params, pgiItem, piVersion); len(v) == 1 && v[0]&2 != 0 && !x410 {
		version = 2
	}
	results := c(0xa5)
	for range 3 {
		results.parts = append(results.parts, c(0x30, p(0x80, 0), p(0x81, 0x51, 1)))
	}
	password, known := peers[a.peer.MTA]
	no := verdict(OnBind) == Refuse
	if !known || password != a.peer.Password || a.protocol != protocol || no {
		const busy = 0
		rejected := c(0x61, c(0xa1, p1AC), c(0xa2, p(2, 2)), c(0xa3, c(0xa1, p(2, 1))),
			c(0xbe, c(0x28, p(2, contextRTSE), c(0xa0, c(0xb2, c(0xa1, c(0xb2, p(2, busy))))))))
		cpr := style{}.append([]byte{2}, c(0x30, results, c(0x61, c(0x30, p(2, contextACSE), c(0xa0, rejected)))))
		if x410 {
			cpr = refuseX410(validationFailure)
			if no {
				cpr = refuseX410(rtsBusy)
			}
		}
		a.send(item(siRF, reference(a.protocol, 9, own.MTA), []byte{piDisconnect, 1, 1, piVersion, 1, version}, item(piReason, cpr)))
		return nil, errors.Join(fmt.Errorf("%s was refused", a.peer.MTA), a.flush())
	}
	accept := c(0xb1, number(0x80, a.checkpoint/1024), number(0x81, a.window), c(0xa2, c(0xa0, c(0xb1, own.tlv()))))
	aare := c(0x61, c(0xa1, p1AC), c(0xa2, p(2, 0)), c(0xa3, c(0xa1, p(2, 0))), c(0xbe, c(0x28, p(2, contextRTSE), c(0xa0, accept))))
	cpa := c(0x31, c(0xa0, p(0x80, 1)), c(0xa2, p(0x83, 0, 1), results, c(0x61, c(0x30, p(2, contextACSE), c(0xa0, aare)))))
	if x410 {
		cpa = a.acceptX410(own)
	}
	a.send(item(siAC, reference(a.protocol, 9, own.MTA), connectItem(version), []byte{20, 2, 2, 0x49, 52, 2, 0, 1},
		item(piUserData, style{}.append(nil, cpa))))
	return a, a.flush()
}

// agree takes checkpoint and window size from RTORQ or RTOAC.
func (a *association) agree(t tlv, checkpoint, window byte) {
	if v, ok := t.find(checkpoint); ok {
		a.checkpoint = v.int() * 1024
	}
	a.window = 3
	if v, ok := t.find(window); ok {
		a.window = max(1, v.int())
	}
}

func readBind(t tlv, path ...byte) (Bind, error) {
	b, err := t.must(append(path, 0xa1)...)
	if err != nil {
		return Bind{}, err
	}
	name, err := b.must(0x80)
	if err != nil {
		return Bind{}, err
	}
	password, err := b.must(0xa1)
	if err != nil || len(password.parts) != 1 {
		return Bind{}, errors.Join(errors.New("no simple credentials"), err)
	}
	return Bind{string(name.octets), string(password.parts[0].flat())}, nil
}

// next reads the next SPDU; an abort of the peer is an error.
func (a *association) next() (spdu, error) {
	tsdu, err := a.receive()
	if err != nil {
		return spdu{}, err
	}
	s, err := parseSPDU(tsdu)
	if err != nil {
		return s, err
	}
	if s.alone && s.si == siAB {
		a.send([]byte{siAA, 0})
		return s, errors.Join(fmt.Errorf("%w: % x", errAborted, s.params), a.flush())
	}
	if s.alone && s.si == siPT && len(s.params) > 0 {
		a.wants = true
		if a.heard != nil {
			a.heard(rttp(param(s.params, piUserData)))
		}
	}
	return s, nil
}

// rttp reads the priority of a request for the turn; 0 if there is none.
func rttp(user []byte) int {
	t, _, err := parse(user, 0)
	if err != nil {
		return 0
	}
	if priority, ok := t.find(0x30, 0xa0, 0x02); ok {
		return priority.int()
	}
	return t.int()
}

var errAborted = errors.New("the peer aborted")

// data puts a piece of an object into DT.
func (a *association) data(piece []byte) {
	a.sent += len(piece)
	if a.protocol != 0 {
		a.send(append(after(siGT, []byte{siDT, 0}), piece...))
		return
	}
	a.send(a.style.append(after(siGT, []byte{siDT, 0}), c(0x61, c(0x30, p(2, contextRTSE), c(0xa0, octetString(piece))))))
}

// piece is what a DT carries.
func (a *association) piece(user []byte) ([]byte, error) {
	if a.protocol != 0 {
		return user, nil
	}
	t, _, err := parse(user, 0)
	if err != nil {
		return nil, err
	}
	if aligned, ok := t.find(0x30, 0x81); ok {
		return aligned.flat(), nil
	}
	single, err := t.must(0x30, 0xa0)
	if err != nil || len(single.parts) != 1 {
		return nil, errors.Join(errors.New("DT without RTTR"), err)
	}
	return single.parts[0].flat(), nil
}

// giveTurn gives the turn.
func (a *association) giveTurn() error {
	a.wants = false
	a.send([]byte{siGTC, 0})
	if err := a.flush(); err != nil {
		return err
	}
	for {
		s, err := a.next()
		if err != nil {
			return err
		}
		if s.alone && s.si == siGTA {
			a.turn = false
			return nil
		}
	}
}

// askTurn asks for the turn with a priority.
func (a *association) askTurn(priority byte) error {
	if a.protocol != 0 {
		a.send([]byte{siPT, 8, piTokens, 1, 1, piUserData, 3, 2, 1, priority})
		return a.flush()
	}
	a.send([]byte{siPT, 17, piTokens, 1, 1, piUserData, 12, 0x61, 10, 0x30, 8, 2, 1, contextRTSE, 0xa0, 3, 2, 1, priority})
	return a.flush()
}

// release ends the association; its initiator does, with the turn.
func (a *association) release() error {
	rlrq := []byte{0x61, 12, 0x30, 10, 2, 1, contextACSE, 0xa0, 5, 0x62, 3, 0x80, 1, 0}
	if a.protocol != 0 {
		a.send(item(siFN, []byte{piDisconnect, 1, 1}))
	} else {
		a.send(item(siFN, []byte{piDisconnect, 1, 1}, item(piUserData, rlrq)))
	}
	if err := a.flush(); err != nil {
		return err
	}
	for {
		s, err := a.next()
		if err != nil {
			return err
		}
		if s.alone && s.si == siDN {
			return nil
		}
	}
}
