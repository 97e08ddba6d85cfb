package session

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"
)

// pair is two machines and the transport connection between them.
type pair struct {
	t     rapid.TB
	sides [2]*Machine
	wires [2][]Event  // what the transport has for each side
	users [2][]Action // what the users were told and have not looked at
	timer [2]bool
}

func newPair(t rapid.TB) *pair {
	return &pair{t: t, sides: [2]*Machine{New(Params{Role: Initiator}), New(Params{Role: Responder})}}
}

// do steps one side and carries out the actions.
func (p *pair) do(side int, ev Event) {
	for _, a := range p.sides[side].Step(ev) {
		switch a := a.(type) {
		case TDataRequest:
			p.wires[1-side] = append(p.wires[1-side], TDataIndication{TSDU: bytes.Join(a.TSDU, nil), More: a.More})
		case TDisconnectRequest:
			p.wires[1-side] = append(p.wires[1-side], TDisconnectIndication{})
			p.wires[side] = nil
		case StartTimer:
			if p.timer[side] {
				p.t.Fatalf("side %d: TIM started twice", side)
			}
			p.timer[side] = true
		case StopTimer:
			if !p.timer[side] {
				p.t.Fatalf("side %d: TIM stopped, which was not running", side)
			}
			p.timer[side] = false
		case SPAbortIndication:
			if a.Reason != AbortTransportDisconnect {
				p.t.Fatalf("side %d in %v: %v: %v", side, p.sides[side].State(), a.Reason, a.Err)
			}
			p.users[side] = append(p.users[side], a)
		default:
			p.users[side] = append(p.users[side], a)
		}
	}
	if c := p.sides[side].Closed(); c && p.sides[side].State() == STA16 != p.timer[side] {
		p.t.Fatalf("side %d: in %v with TIM running %v", side, p.sides[side].State(), p.timer[side])
	}
}

// deliver hands one side the next thing from its transport.
func (p *pair) deliver(side int) {
	ev := p.wires[side][0]
	p.wires[side] = p.wires[side][1:]
	p.do(side, ev)
}

// told takes the last thing a user was told.
func told[A Action](p *pair, side int) A {
	n := len(p.users[side])
	if n == 0 {
		p.t.Fatalf("side %d was told nothing", side)
	}
	a, ok := p.users[side][n-1].(A)
	if !ok {
		p.t.Fatalf("side %d was told %#v", side, p.users[side][n-1])
	}
	p.users[side] = p.users[side][:n-1]
	return a
}

// connect opens the session connection.
func (p *pair) connect(units FunctionalUnits) {
	p.do(0, SConnectRequest{Requirements: units})
	p.deliver(1)
	told[SConnectIndication](p, 1)
	p.do(1, SConnectResponse{Requirements: units})
	p.deliver(0)
	told[SConnectConfirm](p, 0)
}

// TestLongUserDataArrives takes user data of every length that is a limit through
// CN, CDO and AC.
func TestLongUserDataArrives(t *testing.T) {
	for _, n := range []int{0, 1, 512, 513, 10240, 10241, 65000, 65001, 65536} {
		p := newPair(t)
		want := bytes.Repeat([]byte("0123456789"), 1+n/10)[:n]
		p.do(0, SConnectRequest{Requirements: Duplex, UserData: want})
		for len(p.wires[0])+len(p.wires[1]) > 0 {
			for side := range 2 {
				if len(p.wires[side]) > 0 {
					p.deliver(side)
				}
			}
		}
		if got := told[SConnectIndication](p, 1); !bytes.Equal(got.UserData, want) {
			t.Errorf("%d octets: indicated %d", n, len(got.UserData))
		}
		p.do(1, SConnectResponse{Requirements: Duplex, UserData: want})
		for len(p.wires[0]) > 0 {
			p.deliver(0)
		}
		if got := told[SConnectConfirm](p, 0); !bytes.Equal(got.UserData, want) {
			t.Errorf("%d octets: confirmed %d", n, len(got.UserData))
		}
		if p.sides[0].Version() != Version2 || p.sides[1].Version() != Version2 {
			t.Errorf("%d octets: versions %v and %v", n, p.sides[0].Version(), p.sides[1].Version())
		}
	}
}

// TestDataAreNotCopied: the octets of S-DATA go out as the user's and come in as
// the transport's.
func TestDataAreNotCopied(t *testing.T) {
	p := newPair(t)
	p.connect(ForRTSE)
	data := []byte("data")
	actions := p.sides[0].Step(SDataRequest{UserData: [][]byte{data}})
	out := actions[0].(TDataRequest).TSDU
	if &out[len(out)-1][0] != &data[0] {
		t.Error("copied on the way out")
	}
	tsdu := bytes.Join(out, nil)
	in := p.sides[1].Step(TDataIndication{TSDU: tsdu})[0].(SDataIndication).UserData
	if &in[0] != &tsdu[len(tsdu)-len(data)] {
		t.Error("copied on the way in")
	}
}

// TestPartsArrive: an SSDU, sent whole, in parts, or in segments, over a transport
// connection that cuts its TSDU anywhere, is indicated as it comes, and once; and a part of
// a TSDU is not copied.
func TestPartsArrive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(t)
		p.connect(ForRTSE)
		want := rapid.SliceOfN(rapid.Byte(), 1, 40).Draw(t, "ssdu")
		var tsdus [][]byte
		if rapid.Bool().Draw(t, "segments") {
			for rest := want; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "segment")
				first, last := len(rest) == len(want), n == len(rest)
				b, err := Append(nil, &GT{}, &DT{Enclosure: EnclosureWhole.Part(first, last), UserInformation: rest[:n]})
				if err != nil {
					t.Fatal(err)
				}
				tsdus, rest = append(tsdus, b), rest[n:]
			}
		} else {
			var tsdu []byte
			for rest := want; len(rest) > 0; {
				n := rapid.IntRange(1, len(rest)).Draw(t, "part")
				e := EnclosureWhole.Part(len(rest) == len(want), n == len(rest))
				for _, a := range p.sides[0].Step(SDataRequest{Enclosure: e, UserData: [][]byte{rest[:n]}}) {
					r := a.(TDataRequest)
					if tsdu = append(tsdu, bytes.Join(r.TSDU, nil)...); r.More == e.Ends() {
						t.Fatalf("%v: more %v", e, r.More)
					}
				}
				rest = rest[n:]
			}
			tsdus = [][]byte{tsdu}
		}
		var got []byte
		begun, ended := 0, 0
		for _, tsdu := range tsdus {
			for more := true; more; {
				n := rapid.IntRange(0, len(tsdu)).Draw(t, "octets")
				piece := tsdu[:n:n]
				tsdu = tsdu[n:]
				more = len(tsdu) > 0 || rapid.Bool().Draw(t, "more")
				for _, a := range p.sides[1].Step(TDataIndication{TSDU: piece, More: more}) {
					ind, ok := a.(SDataIndication)
					if !ok {
						t.Fatal(printAction(a))
					}
					if ind.Enclosure.Begins() {
						begun++
					}
					if ind.Enclosure.Ends() {
						ended++
					}
					if begun != 1 || ended > 0 != (len(got)+len(ind.UserData) == len(want) && !more) && len(tsdus) == 1 {
						t.Fatalf("begun %d, ended %d, after %d octets", begun, ended, len(got)+len(ind.UserData))
					}
					got = append(got, ind.UserData...)
				}
			}
		}
		if begun != 1 || ended != 1 || !bytes.Equal(got, want) {
			t.Fatalf("begun %d, ended %d: %x", begun, ended, got)
		}
	})
}

// TestConnectIndicationIsDetached: what is told of the peer outlives the TSDU.
func TestConnectIndicationIsDetached(t *testing.T) {
	m := New(Params{Role: Responder})
	tsdu := octets(t, connectTSDU)
	ind := m.Step(TDataIndication{TSDU: tsdu})[0].(SConnectIndication)
	clear(tsdu)
	if string(ind.Identifier.CallingReference) != "\x04\x05MTA-A" || !bytes.Equal(ind.CalledSSEL, []byte{0, 1}) || ind.UserData[0] != 0x31 {
		t.Errorf("%+v", ind)
	}
}

// TestTwoUsers lets two users of reliable transfer do whatever their machines
// allow, at any time, over transport connections of any delay. What one machine
// allows, the other must understand: no protocol error, no deadlock, and both
// agree on where the tokens are and what has been confirmed.
func TestTwoUsers(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := newPair(t)
		p.connect(ForRTSE)
		for range rapid.SampledFrom([]int{5, 30, 200}).Draw(t, "steps") {
			side := rapid.IntRange(0, 1).Draw(t, "side")
			m := p.sides[side]
			if m.Closed() {
				break
			}
			switch what := rapid.IntRange(0, 9).Draw(t, "what"); {
			case what == 0:
				p.settle()
				p.agree()
			case what < 5 && len(p.wires[side]) > 0:
				p.deliver(side)
			default:
				p.do(side, drawRequest(t, m))
			}
			p.respond(side)
		}
		p.settle()
		p.agree()
	})
}

// agree compares the sides when nothing is under way.
func (p *pair) agree() {
	a, b := p.sides[0], p.sides[1]
	if a.Closed() != b.Closed() {
		p.t.Fatalf("one side in %v, the other in %v", a.State(), b.State())
	}
	if a.Closed() || a.State() != STA713 || b.State() != STA713 {
		return
	}
	if a.owned&b.owned != 0 || a.owned|b.owned != a.available {
		p.t.Fatalf("one side owns %v, the other %v", a.owned, b.owned)
	}
	if a.vact != b.vact {
		p.t.Fatalf("in an activity: %v and %v", a.vact, b.vact)
	}
	if a.vact && (a.vm != b.vm || a.va != b.va) {
		p.t.Fatalf("V(A), V(M): %d, %d and %d, %d", a.va, a.vm, b.va, b.vm)
	}
}

// drawRequest is one of the requests of reliable transfer; the machine may refuse
// it.
func drawRequest(t *rapid.T, m *Machine) Event {
	serial := SerialNumber(rapid.IntRange(int(m.va)-1, int(m.vm)).Draw(t, "serial"))
	requests := []Event{
		SDataRequest{Enclosure: rapid.SampledFrom(enclosures).Draw(t, "enclosure"), UserData: [][]byte{[]byte("data")}},
		SSyncMinorRequest{},
		SSyncMinorResponse{Serial: serial},
		SActivityStartRequest{Activity: []byte{2, 1, 1}},
		SActivityResumeRequest{Activity: []byte{2, 1, 2}, OldActivity: []byte{2, 1, 1}, Serial: serial},
		SActivityInterruptRequest{},
		SActivityDiscardRequest{},
		SActivityEndRequest{},
		SUExceptionReportRequest{Reason: ExceptionJeopardized},
		STokenPleaseRequest{Tokens: TokenData},
		SControlGiveRequest{},
		SReleaseRequest{},
	}
	// Transfers are what it is about, and the release would soon end them.
	weights := []int{0, 0, 0, 1, 1, 1, 2, 2, 3, 3, 3, 4, 5, 6, 7, 7, 7, 8, 9, 9, 10, 10, 10}
	if rapid.IntRange(0, 50).Draw(t, "release") == 50 {
		return requests[11]
	}
	return requests[rapid.SampledFrom(weights).Draw(t, "request")]
}

var enclosures = []Enclosure{EnclosureNone, EnclosureBeginning, EnclosureMiddle, EnclosureEnd, EnclosureWhole}

// respond gives the responses that are due.
func (p *pair) respond(side int) {
	for len(p.users[side]) > 0 {
		a := p.users[side][0]
		p.users[side] = p.users[side][1:]
		switch a := a.(type) {
		case SSyncMinorIndication:
			if a.Serial%2 == 0 {
				p.do(side, SSyncMinorResponse{Serial: a.Serial})
			}
		case SActivityInterruptIndication:
			p.do(side, SActivityInterruptResponse{})
		case SActivityDiscardIndication:
			p.do(side, SActivityDiscardResponse{})
		case SActivityEndIndication:
			if a.Serial%3 == 0 {
				p.do(side, SUExceptionReportRequest{})
			} else {
				p.do(side, SActivityEndResponse{})
			}
		case SUExceptionReportIndication:
			p.do(side, SActivityDiscardRequest{})
		case SReleaseIndication:
			p.do(side, SReleaseResponse{})
		}
	}
}

// settle delivers what is under way and answers it.
func (p *pair) settle() {
	for n := 0; len(p.wires[0])+len(p.wires[1]) > 0; n++ {
		if n > 1000 {
			p.t.Fatalf("no end: %v, %v", p.sides[0].State(), p.sides[1].State())
		}
		for side := range 2 {
			if len(p.wires[side]) > 0 {
				p.deliver(side)
				p.respond(side)
			}
		}
	}
}

// FuzzMachineStandsAnything: octets as a script of events for a machine. Whatever
// comes, there is no panic; what is sent decodes; after the end nothing is sent;
// a machine that waits for the end has its timer running; and a step leads to few
// actions.
func FuzzMachineStandsAnything(f *testing.F) {
	for _, s := range []string{
		"00" + "80 00" + "00 15 0E 13 05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49",
		"01" + "00 19 0D 17 05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49 33 02 00 01 34 02 00 02 81 00",
		"01" + "00 11 0D 0F 05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49 81 00 00 09 01 00 2D 05 29 03 02 01 01 00 05 01 00 01 00 41 00 07 01 00 31 03 2A 01 31 89 01 00 07 01 00 29 03 2A 01 32 93 00",
		"01" + "00 14 0D 12 05 06 13 01 00 16 01 02 14 02 00 02 3C 01 01 C2 01 41 00 08 0F 06 19 01 02 C1 01 43",
	} {
		f.Add(octets(f, s))
	}
	f.Fuzz(func(t *testing.T, script []byte) {
		if len(script) == 0 {
			return
		}
		m := New(Params{Role: Role(script[0] & 1), Versions: Versions(script[0] >> 1 & 3), MaxUserData: 300})
		running := false
		var sent []byte
		for script = script[1:]; len(script) >= 2; {
			var ev Event
			ev, script = nextEvent(script)
			before := m.State()
			actions := m.Step(ev)
			if len(actions) > 6 {
				t.Fatalf("%#v in %v: %d actions", ev, before, len(actions))
			}
			for _, a := range actions {
				switch a := a.(type) {
				case TDataRequest:
					if before == STA01 || before == STA16 {
						t.Fatalf("%#v in %v: %v", ev, before, printAction(a))
					}
					if sent = append(sent, bytes.Join(a.TSDU, nil)...); a.More {
						break
					}
					if _, err := Decode(sent); err != nil {
						t.Fatal(err)
					}
					sent = nil
				case StartTimer:
					running = true
				case StopTimer:
					running = false
				}
			}
			if _, expired := ev.(TimerExpired); expired {
				running = false
				if before == STA16 && m.State() == STA16 {
					t.Fatal("TIM has no effect")
				}
			}
			if m.State() == STA16 != running {
				t.Fatalf("%#v: %v to %v with TIM running %v", ev, before, m.State(), running)
			}
			if m.va > m.vm || m.vm > MaxSerialNumber+1 {
				t.Fatalf("V(A) %d, V(M) %d", m.va, m.vm)
			}
			if o := m.owned; !m.available.Has(o) {
				t.Fatalf("owns %v of %v", o, m.available)
			}
		}
	})
}

// nextEvent reads an event: below 80 hex the TSDU of as many octets as the next octet
// says, from 40 hex on the first of them only; else a request with a parameter.
func nextEvent(script []byte) (Event, []byte) {
	kind, n, rest := script[0], script[1], script[2:]
	if kind < 0x80 {
		size := min(int(n), len(rest))
		return TDataIndication{TSDU: rest[:size:size], More: kind >= 0x40}, rest[size:]
	}
	data := bytes.Repeat([]byte{'A'}, int(n)*3)
	units := []FunctionalUnits{ForRTSE, Duplex, HalfDuplex | MinorSync, ForRTSE | TypedData}[n%4]
	events := []Event{
		SConnectRequest{Requirements: units, Tokens: TokenSetting(n), UserData: data},
		SConnectResponse{Requirements: units, Tokens: TokenSetting(n), UserData: data},
		SConnectRefusal{Reason: RefuseReason(n), UserData: data},
		SDataRequest{Enclosure: enclosures[int(n)%len(enclosures)], UserData: [][]byte{data}},
		STypedDataRequest{UserData: [][]byte{data}},
		STokenGiveRequest{Tokens: Tokens(n)},
		STokenPleaseRequest{Tokens: Tokens(n), UserData: data},
		SControlGiveRequest{},
		SSyncMinorRequest{Type: SyncType(n)},
		SSyncMinorResponse{Serial: SerialNumber(n)},
		SActivityStartRequest{Activity: data[:min(len(data), 7)]},
		SActivityResumeRequest{Activity: []byte{n}, OldActivity: []byte{n}, Serial: SerialNumber(n) * 3922},
		SActivityInterruptRequest{Reason: ExceptionReason(n)},
		SActivityInterruptResponse{},
		SActivityDiscardRequest{Reason: ExceptionReason(n)},
		SActivityDiscardResponse{},
		SActivityEndRequest{UserData: data},
		SActivityEndResponse{UserData: data},
		SUExceptionReportRequest{Reason: ExceptionReason(n), UserData: data},
		SReleaseRequest{UserData: data},
		SReleaseResponse{UserData: data},
		SUAbortRequest{UserData: data},
		TimerExpired{},
		TDisconnectIndication{},
		nil,
	}
	return events[int(kind-0x80)%len(events)], rest
}

// TestNoEvent: what is no event of this package is refused.
func TestNoEvent(t *testing.T) {
	for _, ev := range []Event{nil, &SDataRequest{}} {
		actions := New(Params{}).Step(ev)
		if len(actions) != 1 {
			t.Fatalf("%#v: %d actions", ev, len(actions))
		}
		if _, ok := actions[0].(ServiceError); !ok {
			t.Errorf("%#v: %s", ev, fmt.Sprint(actions[0]))
		}
	}
}
