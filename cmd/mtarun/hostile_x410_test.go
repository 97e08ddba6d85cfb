package main

import (
	"bytes"
	"slices"
)

// A good beginning in X.410-1984 mode.
func connectX410(version byte, cp []byte) []byte {
	return item(13, []byte{5, 6, 19, 1, 0, 22, 1, version, 20, 2, 2, 0x49}, item(193, cp))
}

func cpX410(components ...[]byte) []byte {
	return el(0x31, []byte{0xa0, 3, 0x80, 1, 0}, el(0xa1, components...))
}

// rtorqX410 are the components of RTORQ: two-way alternate, application protocol 12.
func rtorqX410(bind []byte) []byte {
	return slices.Concat([]byte{0x80, 1, 1, 0x81, 1, 3, 0x82, 1, 1}, el(0xa3, el(0xa0, bind)), []byte{0x84, 1, 12})
}

// boundX410 sends TSDUs over an association that stands in X.410-1984 mode.
func boundX410(tsdus ...[]byte) func(*hostile) string {
	return func(h *hostile) string {
		tc, _ := h.connect(0)
		if err := tc.WriteTSDU(connectX410(1, cpX410(rtorqX410(bind("OLD", "secret of OLD"))))); err != nil {
			h.t.Fatal(err)
		}
		if ac, _, err := tc.ReadTSDU(); err != nil || ac[0] != 14 {
			h.t.Fatalf("instead of ACCEPT: %x, %v", ac, err)
		}
		for _, b := range tsdus {
			_ = tc.WriteTSDU(b) // it may be closed meanwhile
		}
		return answer(tc)
	}
}

// attacksX410 is what somebody does in X.410-1984 mode.
func attacksX410() []attack {
	const (
		ppm     = `AB SPDU ABORT.* ARP ARP.* unrecognized PPDU`
		invalid = `AB SPDU ABORT.* ARP ARP.* invalid PPDU parameter value`
		rtpm    = `AB SPDU ABORT.* x410-mode-parameters RTAB.* abortReason AbortReason 4 protocolError`
		refused = `RF SPDU REFUSE.* x410-mode-parameters RTORJ.* refuseReason RefuseReason 2 validationFailure`
		normal  = `RF SPDU REFUSE.* AARE AARE.* RTORJ RTORJ.* MTABindError .*authentication-error`
		version = `RF SPDU REFUSE.* 132 protocol versions not supported`
	)
	user := func(components ...[]byte) func(*hostile) string {
		return tsdu(connectX410(1, cpX410(components...))...)
	}
	as := func(name, password string) func(*hostile) string { return user(rtorqX410(bind(name, password))) }
	after := func(spdu ...byte) []byte { return append([]byte{1, 0}, spdu...) }
	start, end := after(item(45, item(41, []byte{2, 1, 1}))...), after(item(41, item(42, []byte("1")))...)
	dt := func(octets ...byte) []byte { return append(after(1, 0), octets...) }
	sent := func(octets func(*hostile) []byte) func(*hostile) string {
		return func(h *hostile) string { return boundX410(start, dt(octets(h)...), end)(h) }
	}
	return []attack{
		{"X.410-1984 mode without parameters", tsdu(connectX410(1, el(0x31, []byte{0xa0, 3, 0x80, 1, 0}))...), "presentation", `CP: no parameters of x410-1984 mode`, invalid},
		{"a deep CP in X.410-1984 mode", tsdu(connectX410(1, append([]byte{0x31, 0x80, 0xa0, 3, 0x80, 1, 0, 0xa1, 0x80}, nested(0xa3, 200)...))...), "presentation", `CP.* at octet \d+: limit exceeded: nested too deeply`, ppm},
		{"session version 2 in X.410-1984 mode", tsdu(connectX410(2, cpX410(rtorqX410(bind("OLD", "secret of OLD"))))...), "session", `without session version 1`, version},
		{"the application protocol of nobody", user([]byte{0xa3, 4, 0xa0, 2, 5, 0, 0x84, 1, 7}), "presentation", `application protocol 7 is not ours`, refused},
		{"components of no RTORQ", user([]byte{0x80, 1, 1}), "rtse", `RTORQ.*mandatory element missing`, rtpm},
		{"a malformed RTORQ in X.410-1984 mode", user([]byte{0x81, 0, 0xa3, 4, 0xa0, 2, 5, 0, 0x84, 1, 12}), "rtse", `RTORQ.window-size at octet \d+: malformed encoding`, rtpm},

		{"no bind in X.410-1984 mode", user(rtorqX410([]byte{0x30, 3, 2, 1, 5})), "bind", `MTA-bind-argument at octet 0: unexpected element`, refused},
		{"a wrong password in X.410-1984 mode", as("OLD", "secret of EVIL"), "bind", `refused ."OLD.".*wrong credentials`, refused},
		{"an unknown peer in X.410-1984 mode", as("NOBODY", "secret of OLD"), "bind", `refused ."NOBODY.".*unknown peer`, refused},
		{"X.410-1984 mode from a peer of normal mode", as("EVIL", "secret of EVIL"), "bind", `mode x410, where the peer is configured for normal`, refused},
		{"normal mode from a peer of X.410-1984 mode", tsdu(connectSPDU(cp(aarq(rtorq(bind("OLD", "secret of OLD")))))...), "bind", `mode normal, where the peer is configured for x410`, normal},

		{"no RTTP", boundX410([]byte{21, 0}, []byte{2, 6, 16, 1, 1, 193, 1, 9}), "rtse", `RTTP`, rtpm},
		{"no MTS-APDU in X.410-1984 mode", boundX410(start, dt(0x30, 3, 2, 1, 5), end), "p1", `mts-apdu at octet 0: no message, report or probe`, rtpm},
		{"an activity of nothing", boundX410(start, end), "p1", `read APDU: unexpected EOF`, rtpm},
		{"a deep envelope in X.410-1984 mode", boundX410(start, dt(slices.Concat([]byte{0xa0, 0x80, 0x31, 0x80}, nested(0x30, 1000))...), end), "p1", `octet 96: limit exceeded: nested too deeply`, rtpm},
		{"octets behind the APDU", sent(func(h *hostile) []byte { return append(h.message(nil), 5, 0) }), "p1", `octet \d+: octets after the element`, rtpm},
		{"half an APDU and its end", sent(func(h *hostile) []byte { return bytes.TrimSuffix(h.message(nil), []byte("tent")) }), "p1", `octet \d+: truncated`, rtpm},
	}
}
