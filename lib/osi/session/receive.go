package session

import (
	"bytes"
	"errors"
	"fmt"
)

// A TSDU comes in parts when it is long. Only DT makes it so for a reason: what else there
// is has two SPDUs of limited length. A DT is passed on part by part; anything else waits
// until it is whole.

// maxWithoutData is the octets of a TSDU before the user information of a DT, or without:
// two SPDUs of the length that X.225 §6.3.5 allows.
const maxWithoutData = 2 * 65539

// arriving is a TSDU that is not whole yet.
type arriving struct {
	how    how
	octets []byte    // heading: what has come; flowing: what is before the user information
	item   Enclosure // flowing: of the DT
	before SPDU      // flowing: taken when the TSDU is whole (X.225 §6.3.7.1); nil if there is none
}

type how uint8

const (
	between  how = iota // no TSDU has begun
	heading             // it waits to be whole, or for a DT to be recognized
	flowing             // the user information of a DT
	skipping            // nothing of it counts any more
)

// receive takes a TSDU, or a part of one, which goes on if there is more.
func (m *Machine) receive(octets []byte, more bool) {
	if m.state == STA01 {
		return
	}
	switch m.tsdu.how {
	case flowing:
		m.flow(octets, more)
	case skipping:
	default:
		m.arrive(octets, more)
	}
	switch {
	case !more:
		m.tsdu = arriving{}
	case m.Closed():
		m.tsdu = arriving{how: skipping}
	}
}

// arrive takes octets that begin a TSDU, or go on with one that waits.
func (m *Machine) arrive(octets []byte, more bool) {
	tsdu := octets
	if m.tsdu.how == heading {
		m.tsdu.octets = append(m.tsdu.octets, octets...)
		tsdu = m.tsdu.octets
	}
	var spdus []SPDU
	var err error
	switch m.state {
	case STA01C, STA01D, STA02A, STA02B:
		// Selectors, references and user data of establishment are kept for
		// as long as the connection lasts.
		if !more {
			tsdu = bytes.Clone(tsdu)
		}
	}
	spdus, err = decode(tsdu)
	if more && (err != nil || !isDT(spdus)) {
		if len(tsdu) > maxWithoutData {
			m.protocolError(tsdu, fmt.Errorf("%w: tsdu of more than %d octets that carries no data", errTooMuch, maxWithoutData))
			m.tsdu = arriving{how: skipping}
			return
		}
		if m.tsdu.how == between {
			m.tsdu = arriving{how: heading, octets: bytes.Clone(tsdu)}
		}
		return
	}
	switch {
	case err != nil:
		m.protocolError(tsdu, err)
		return
	case len(spdus) > 2:
		m.protocolError(tsdu, fmt.Errorf("%d spdus: extended concatenation was not agreed to", len(spdus)))
		return
	case more:
		dt := spdus[len(spdus)-1].(*DT)
		m.tsdu = arriving{how: flowing, octets: bytes.Clone(tsdu[:len(tsdu)-len(dt.UserInformation)]), item: dt.Enclosure}
		if len(spdus) > 1 {
			m.tsdu.before = spdus[0]
		}
		m.takeAll(tsdu, &DT{Enclosure: dt.Enclosure.Part(true, false), UserInformation: dt.UserInformation})
		return
	}
	m.takeAll(tsdu, spdus...)
}

// flow takes octets of the user information of a DT.
func (m *Machine) flow(octets []byte, more bool) {
	dt := &DT{Enclosure: m.tsdu.item.Part(false, !more), UserInformation: octets}
	if more || m.tsdu.before == nil {
		m.takeAll(m.tsdu.octets, dt)
	} else {
		m.takeAll(m.tsdu.octets, m.tsdu.before, dt)
	}
}

// isDT reports whether the last SPDU of a TSDU, whose user information runs to its end, is
// a DT.
func isDT(spdus []SPDU) bool {
	_, ok := spdus[len(spdus)-1].(*DT)
	return ok
}

// takeAll takes the SPDUs of a TSDU. What is of category 2 comes before what it is
// concatenated with (X.225 §6.3.7.1).
func (m *Machine) takeAll(tsdu []byte, spdus ...SPDU) {
	for i := len(spdus) - 1; i >= 0; i-- {
		if empty(spdus[i]) {
			continue
		}
		if err := m.take(spdus[i], tsdu, i); err != nil {
			m.protocolError(tsdu, fmt.Errorf("%s: %w", spdus[i].info().name, err))
			return
		}
	}
}

// empty tells of a GT or PT that says nothing. Alone it is as good as nothing,
// although X.225 §8.3.16.6 wants another SPDU behind it.
func empty(s SPDU) bool {
	switch s := s.(type) {
	case *GT:
		return s.Tokens == 0 && s.UserData == nil && s.Enclosure == EnclosureNone
	case *PT:
		return s.Tokens == 0 && s.UserData == nil && s.Enclosure == EnclosureNone
	}
	return false
}

// take takes one SPDU, number i of its TSDU.
func (m *Machine) take(s SPDU, tsdu []byte, i int) error {
	g := segmentOf(s)
	if _, cdo := s.(*CDO); g.data != nil && !cdo && m.state != STA16 {
		var err error
		if s, err = m.reassemble(s, g, tsdu, i); s == nil {
			return err
		}
	}
	in := m.inputFor(s)
	r, err := m.find(&in)
	if err != nil {
		return err
	}
	if r.do != nil {
		if m.dt.open && !mayInterrupt(in.kind) {
			return errAmid
		}
		if err := r.do(m, &in); err != nil {
			return err
		}
	}
	if r.next != stay {
		m.state = r.next
	}
	return nil
}

// mayInterrupt reports whether an SPDU may come between the segments of an S-DATA unit:
// the next of them, what the peer's user may do at any time, and what ends the activity
// or the connection.
func mayInterrupt(k incoming) bool {
	switch k {
	case inMIP, inAE, inAS, inAR, inGT, inGTC, inFN:
		return false
	}
	return true
}

// reassemble returns the SPDU with its whole user data, or nil until there is
// the last segment (X.225 §7.37.3).
func (m *Machine) reassemble(s SPDU, g segment, tsdu []byte, i int) (SPDU, error) {
	e := *g.enclosure
	if _, abort := s.(*AB); m.begun != nil && abort && e.Begins() {
		// Only an abort may come between the segments of another.
		m.begun = nil
	}
	switch {
	case m.begun == nil && e.Begins() && e.Ends():
		return s, nil
	case m.begun == nil && e.Begins():
		m.begun = again(tsdu, i)
		// Cut to its length so that appending leaves the TSDU alone.
		data := segmentOf(m.begun).data
		*data = (*data)[:len(*data):len(*data)]
		return nil, m.bound(len(*data))
	case m.begun == nil:
		return nil, errors.New("segment without a beginning")
	case e.Begins() || s.info() != m.begun.info():
		return nil, fmt.Errorf("amid the segments of %s", m.begun.info().name)
	}
	whole := segmentOf(m.begun)
	if err := m.bound(len(*whole.data) + len(*g.data)); err != nil {
		return nil, err
	}
	*whole.data = append(*whole.data, *g.data...)
	if !e.Ends() {
		return nil, nil
	}
	*whole.enclosure = EnclosureNone
	s, m.begun = m.begun, nil
	return s, nil
}

// again decodes SPDU i of a TSDU from a copy of the TSDU.
func again(tsdu []byte, i int) SPDU {
	spdus, err := decode(bytes.Clone(tsdu))
	if err != nil || i >= len(spdus) {
		return nil
	}
	return spdus[i]
}

// errTooMuch is the cause when the peer sends more than Params allow.
var errTooMuch = errors.New("more user data than are taken")

func (m *Machine) bound(n int) error {
	if n > m.params.MaxUserData {
		return fmt.Errorf("%w: limit %d octets", errTooMuch, m.params.MaxUserData)
	}
	return nil
}
