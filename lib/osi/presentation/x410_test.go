package presentation

import (
	"bytes"
	"slices"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// components are the elements of the x410-mode-parameters in a CP or CPA PPDU.
func components(t testing.TB, ppdu string) []ber.Raw {
	t.Helper()
	var cp CP
	if _, err := ber.Unmarshal(unhex(t, ppdu), &cp, ber.Limits{}); err != nil {
		t.Fatal(err)
	}
	return cp.X410.Elements
}

// connectedX410 is an initiator that is connected in X.410-1984 mode.
func connectedX410(t testing.TB) *Machine {
	m := New(Params{})
	m.Step(PConnectRequest{X410: components(t, octetsCPX410)})
	only[PConnectConfirm](t, indicate(m, session.SConnectConfirm{UserData: unhex(t, octetsCPAX410)}))
	return m
}

func equalRaw(a, b []ber.Raw) bool {
	return slices.EqualFunc(a, b, func(x, y ber.Raw) bool { return bytes.Equal(x, y) })
}

// A connection in X.410-1984 mode from its request to its confirm has the octets of
// the transcript, and tells each side what stands for user data.
func TestConnectX410(t *testing.T) {
	i, r := New(Params{}), New(Params{Selector: []byte("P")})
	request := only[session.SConnectRequest](t, i.Step(PConnectRequest{
		X410: components(t, octetsCPX410), Session: session.SConnectRequest{CallingSSEL: []byte("S")},
	}))
	if !bytes.Equal(request.UserData, unhex(t, octetsCPX410)) || string(request.CallingSSEL) != "S" {
		t.Errorf("CP % X of %q", request.UserData, request.CallingSSEL)
	}
	ind := only[PConnectIndication](t, indicate(r, session.SConnectIndication{UserData: request.UserData}))
	if ind.Mode != ModeX410 || !equalRaw(ind.X410, components(t, octetsCPX410)) {
		t.Errorf("indication %+v", ind)
	}
	response := only[session.SConnectResponse](t, r.Step(PConnectResponse{X410: components(t, octetsCPAX410)}))
	if !bytes.Equal(response.UserData, unhex(t, octetsCPAX410)) {
		t.Errorf("CPA % X", response.UserData)
	}
	confirm := only[PConnectConfirm](t, indicate(i, session.SConnectConfirm{UserData: response.UserData}))
	if !equalRaw(confirm.X410, components(t, octetsCPAX410)) || i.State() != Connected || r.State() != Connected {
		t.Errorf("confirm %+v: %s and %s", confirm, i.State(), r.State())
	}
}

// In the data phase of X.410-1984 mode the octets are bare, in both directions and in
// every primitive, and nothing is read into them.
func TestTransferX410(t *testing.T) {
	for _, octets := range [][]byte{{0x61, 0x00}, {0x00}, []byte("not BER at all")} {
		m := connectedX410(t)
		if s := only[session.SDataRequest](t, m.Step(PDataRequest{Value: [][]byte{octets}})); !bytes.Equal(bytes.Join(s.UserData, nil), octets) {
			t.Errorf("S-DATA % X", s.UserData)
		}
		if p := only[PDataIndication](t, indicate(m, session.SDataIndication{UserData: octets})); p.Enclosure != session.EnclosureNone || !bytes.Equal(p.Octets, octets) {
			t.Errorf("P-DATA %+v", p)
		}
		if s := only[session.STokenPleaseRequest](t, m.Step(PTokenPleaseRequest{UserData: []PDV{{Octets: octets}}})); !bytes.Equal(s.UserData, octets) {
			t.Errorf("S-TOKEN-PLEASE % X", s.UserData)
		}
		if p := only[PTokenPleaseIndication](t, indicate(m, session.STokenPleaseIndication{UserData: octets})); len(p.UserData) != 1 || !bytes.Equal(p.UserData[0].Octets, octets) {
			t.Errorf("P-TOKEN-PLEASE %+v", p)
		}
	}
	m := connectedX410(t)
	for _, e := range []session.Enclosure{session.EnclosureBeginning, session.EnclosureMiddle, session.EnclosureEnd} {
		if p := only[PDataIndication](t, indicate(m, session.SDataIndication{Enclosure: e, UserData: []byte{0x61}})); p.Enclosure != e || len(p.Octets) != 1 {
			t.Errorf("P-DATA %+v", p)
		}
	}
	for rest := int64(2); rest >= 0; rest-- {
		s := only[session.SDataRequest](t, m.Step(PDataRequest{Value: [][]byte{{0x61}}, Rest: rest}))
		if s.Enclosure.Begins() != (rest == 2) || s.Enclosure.Ends() != (rest == 0) || len(bytes.Join(s.UserData, nil)) != 1 {
			t.Errorf("S-DATA %+v", s)
		}
	}
	if p := only[PDataIndication](t, indicate(m, session.SDataIndication{})); len(p.Octets) != 0 {
		t.Errorf("P-DATA of nothing: %+v", p)
	}
	if s := only[session.SReleaseRequest](t, m.Step(PReleaseRequest{})); s.UserData != nil {
		t.Errorf("S-RELEASE % X", s.UserData)
	}
	m = connectedX410(t)
	s := only[session.SUAbortRequest](t, m.Step(PUAbortRequest{X410: []ber.Raw{{0x80, 1, 4}}}))
	if !bytes.Equal(s.UserData, unhex(t, `31 03 80 01 04`)) {
		t.Errorf("ARU % X", s.UserData)
	}
	m = connectedX410(t)
	if a := only[PUAbortIndication](t, indicate(m, session.SUAbortIndication(s))); !equalRaw(a.X410, []ber.Raw{{0x80, 1, 4}}) {
		t.Errorf("P-U-ABORT %+v", a)
	}
}

// A CPA of the other mode, or one without what the mode needs, is answered with ARP.
func TestConfirmOfAnotherMode(t *testing.T) {
	for _, tt := range []struct {
		request PConnectRequest
		cpa     string
	}{
		{connectRequest(t), octetsCPAX410},
		{PConnectRequest{X410: components(t, octetsCPX410)}, octetsCPA},
		{PConnectRequest{X410: components(t, octetsCPX410)}, `31 05 A0 03 80 01 00`},
	} {
		m := New(Params{})
		m.Step(tt.request)
		actions := indicate(m, session.SConnectConfirm{UserData: unhex(t, tt.cpa)})
		if abort := as[session.SUAbortRequest](t, actions[0]); !bytes.Equal(abort.UserData, unhex(t, `30 06 80 01 06 81 01 01`)) {
			t.Errorf("ARP % X", abort.UserData)
		}
	}
}
