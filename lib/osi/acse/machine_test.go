package acse

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/presentation"
)

const mtsTransfer asn1.OID = "2.6.0.1.6"

const (
	rtorq = `B0 23 80 01 3F 81 01 03 82 01 01 A3 18 A0 16 B0 14
		A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`
	rtoac = `B1 20 80 01 3F 81 01 03 A2 18 A0 16 B1 14 A1 12 80 05 4D 54 41 2D 42 A1 09 16 07 73 65 63 72 65 74 42`
)

func contexts() []presentation.Context {
	return []presentation.Context{
		{ID: 1, AbstractSyntax: AbstractSyntax, TransferSyntaxes: []asn1.OID{presentation.BasicEncoding}},
		{ID: 3, AbstractSyntax: "2.6.0.2.12", TransferSyntaxes: []asn1.OID{presentation.BasicEncoding}},
	}
}

func pdv(octets []byte) []presentation.PDV { return []presentation.PDV{{Context: 1, Octets: octets}} }

func only[T any](t testing.TB, actions []Action) T {
	t.Helper()
	if len(actions) != 1 {
		t.Fatalf("%d actions: %+v", len(actions), actions)
	}
	return as[T](t, actions[0])
}

func as[T any](t testing.TB, a Action) T {
	t.Helper()
	var v any = a
	if p, ok := a.(ToPresentation); ok {
		v = p.Primitive
	}
	got, ok := v.(T)
	if !ok {
		t.Fatalf("%T %+v, want %T", v, v, got)
	}
	return got
}

func indicate(m *Machine, p presentation.Action) []Action {
	return m.Step(FromPresentation{Primitive: p})
}

func associateRequest(t testing.TB) AAssociateRequest {
	return AAssociateRequest{
		ApplicationContext: mtsTransfer,
		UserInformation:    []External{NewExternal(3, unhex(t, rtorq))},
		Presentation:       presentation.PConnectRequest{Contexts: contexts(), CalledSelector: []byte("P")},
	}
}

// awaiting is an initiator that has asked, asked a responder that has been, and
// associated one that is.
func awaiting(t testing.TB) *Machine {
	m := New()
	only[presentation.PConnectRequest](t, m.Step(associateRequest(t)))
	return m
}

func asked(t testing.TB) *Machine {
	m := New()
	only[AAssociateIndication](t, indicate(m, presentation.PConnectIndication{Contexts: contexts(), UserData: pdv(unhex(t, octetsAARQ))}))
	return m
}

func associated(t testing.TB) *Machine {
	m := awaiting(t)
	only[AAssociateConfirm](t, indicate(m, presentation.PConnectConfirm{UserData: pdv(unhex(t, octetsAARE))}))
	return m
}

func TestAssociate(t *testing.T) {
	i, r := New(), New()
	connect := only[presentation.PConnectRequest](t, i.Step(associateRequest(t)))
	if len(connect.UserData) != 1 || connect.UserData[0].Context != 1 || !bytes.Equal(connect.UserData[0].Octets, unhex(t, octetsAARQ)) {
		t.Errorf("AARQ % X", connect.UserData)
	}
	if string(connect.CalledSelector) != "P" {
		t.Error("the presentation parameters are lost")
	}
	ind := only[AAssociateIndication](t, indicate(r, presentation.PConnectIndication{Contexts: contexts(), UserData: connect.UserData}))
	if ind.AARQ.ApplicationContextName != mtsTransfer || !bytes.Equal(ind.AARQ.UserInformation[0].Octets(), unhex(t, rtorq)) {
		t.Errorf("indication %+v", ind.AARQ)
	}
	response := only[presentation.PConnectResponse](t, r.Step(AAssociateResponse{
		ApplicationContext: mtsTransfer, UserInformation: []External{NewExternal(3, unhex(t, rtoac))},
	}))
	if !bytes.Equal(response.UserData[0].Octets, unhex(t, octetsAARE)) {
		t.Errorf("AARE % X", response.UserData[0].Octets)
	}
	confirm := only[AAssociateConfirm](t, indicate(i, presentation.PConnectConfirm{UserData: response.UserData}))
	if confirm.Accepted == nil || confirm.AARE.Result != Accepted {
		t.Errorf("confirm %+v", confirm)
	}
	if i.State() != Associated || r.State() != Associated {
		t.Errorf("%s and %s", i.State(), r.State())
	}
}

func TestReject(t *testing.T) {
	refusal := only[presentation.PConnectRefusal](t, asked(t).Step(AAssociateResponse{
		ApplicationContext: mtsTransfer, Result: RejectedPermanent, Diagnostic: UserNoReason,
		UserInformation: []External{NewExternal(3, unhex(t, `B2 07 A1 05 B2 03 02 01 02`))},
	}))
	if !bytes.Equal(refusal.UserData[0].Octets, unhex(t, octetsAAREj)) {
		t.Errorf("AARE % X", refusal.UserData[0].Octets)
	}
	refused := func(p presentation.PConnectRefused) AAssociateConfirm {
		return only[AAssociateConfirm](t, indicate(awaiting(t), p))
	}
	got := refused(presentation.PConnectRefused{Source: presentation.RefusedByUser, UserData: refusal.UserData})
	if got.Accepted != nil || got.AARE.Result != RejectedPermanent || got.AARE.Source.String() != "ACSE service-user: no reason given" {
		t.Errorf("%+v", got)
	}
	if got := refused(presentation.PConnectRefused{Source: presentation.RefusedByProvider}); got.AARE != nil || got.Refused == nil {
		t.Errorf("%+v", got)
	}
	only[AAbortIndication](t, indicate(awaiting(t), presentation.PConnectRefused{Source: presentation.RefusedByUser, UserData: pdv(unhex(t, octetsAARE))}))
	only[AAbortIndication](t, indicate(awaiting(t), presentation.PConnectRefused{Source: presentation.RefusedByUser, UserData: pdv([]byte{0x61})}))
}

// A peer without version 1 is rejected by the provider.
func TestVersion(t *testing.T) {
	m := New()
	actions := indicate(m, presentation.PConnectIndication{Contexts: contexts(), UserData: pdv(unhex(t, `60 0C 80 02 06 40 A1 06 06 04 56 00 01 06`))})
	refusal := as[presentation.PConnectRefusal](t, actions[0])
	as[AAbortIndication](t, actions[1])
	if want := unhex(t, `61 14 A1 06 06 04 56 00 01 06 A2 03 02 01 01 A3 05 A2 03 02 01 02`); !bytes.Equal(refusal.UserData[0].Octets, want) {
		t.Errorf("AARE % X", refusal.UserData[0].Octets)
	}
}

func TestRelease(t *testing.T) {
	i := associated(t)
	request := only[presentation.PReleaseRequest](t, i.Step(AReleaseRequest{}))
	if !bytes.Equal(request.UserData[0].Octets, unhex(t, octetsRLRQ)) {
		t.Errorf("RLRQ % X", request.UserData[0].Octets)
	}
	r := associated(t)
	only[AReleaseIndication](t, indicate(r, presentation.PReleaseIndication(request)))
	response := only[presentation.PReleaseResponse](t, r.Step(AReleaseResponse{}))
	if !bytes.Equal(response.UserData[0].Octets, unhex(t, octetsRLRE)) {
		t.Errorf("RLRE % X", response.UserData[0].Octets)
	}
	confirm := only[AReleaseConfirm](t, indicate(i, presentation.PReleaseConfirm(response)))
	if confirm.Reason != ReleaseNormal || i.State() != Closed || r.State() != Closed {
		t.Errorf("%+v, %s, %s", confirm, i.State(), r.State())
	}
}

func TestAbort(t *testing.T) {
	m := associated(t)
	request := only[presentation.PUAbortRequest](t, m.Step(AAbortRequest{UserInformation: []External{NewExternal(3, unhex(t, `B6 03 80 01 04`))}}))
	if !bytes.Equal(request.UserData[0].Octets, unhex(t, octetsABRT)) || len(request.Contexts) != 1 || request.Contexts[0] != 3 {
		t.Errorf("%+v", request)
	}
	ind := only[AAbortIndication](t, indicate(associated(t), presentation.PUAbortIndication{UserData: request.UserData}))
	if ind.Source != AbortServiceUser || len(ind.UserInformation) != 1 || ind.Err != nil {
		t.Errorf("%+v", ind)
	}
	if ind := only[AAbortIndication](t, indicate(associated(t), presentation.PUAbortIndication{})); ind.Source != AbortServiceUser {
		t.Errorf("%+v", ind)
	}
	if ind := only[AAbortIndication](t, indicate(associated(t), presentation.PUAbortIndication{UserData: pdv([]byte{1})})); ind.Err == nil {
		t.Errorf("%+v", ind)
	}
	only[APAbortIndication](t, indicate(associated(t), presentation.PPAbortIndication{}))
	only[APAbortIndication](t, indicate(New(), presentation.PPAbortIndication{}))
	only[ServiceError](t, New().Step(AAbortRequest{}))
}

// What is wrong or out of place is answered with ABRT of the provider.
func TestProtocolErrors(t *testing.T) {
	for _, tt := range []struct {
		name string
		m    *Machine
		p    presentation.Action
		err  string
	}{
		{"no context", New(), presentation.PConnectIndication{Contexts: contexts()[1:]}, "no context of 2.2.1.0.1"},
		{"no AARQ", New(), presentation.PConnectIndication{Contexts: contexts()}, "AARQ: the APDU is missing"},
		{"another APDU", New(), presentation.PConnectIndication{Contexts: contexts(), UserData: pdv(unhex(t, octetsRLRE))}, "AARQ: the APDU is missing"},
		{"an APDU cut off", New(), presentation.PConnectIndication{Contexts: contexts(), UserData: pdv(unhex(t, `60 10 A1`))}, "AARQ: ber: APDU"},
		{"something behind it", New(), presentation.PConnectIndication{Contexts: contexts(), UserData: pdv(unhex(t, `60 08 A1 06 06 04 56 00 01 06 05 00`))}, "2 octets behind the APDU at offset 10"},
		{"no AARE", awaiting(t), presentation.PConnectConfirm{}, "AARE: the APDU is missing"},
		{"rejected and accepted", awaiting(t), presentation.PConnectConfirm{UserData: pdv(unhex(t, octetsAAREj))}, "on an accepted connection"},
		{"no RLRQ", associated(t), presentation.PReleaseIndication{}, "RLRQ: the APDU is missing"},
		{"release before", asked(t), presentation.PReleaseIndication{}, "PReleaseIndication in STA2"},
		{"confirm out of place", associated(t), presentation.PReleaseConfirm{}, "PReleaseConfirm in STA5"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			actions := indicate(tt.m, tt.p)
			if len(actions) != 2 {
				t.Fatalf("%+v", actions)
			}
			as[presentation.PUAbortRequest](t, actions[0])
			ind := as[AAbortIndication](t, actions[1])
			if ind.Source != AbortServiceProvider || ind.Err == nil || !strings.Contains(ind.Err.Error(), tt.err) {
				t.Errorf("%+v, want %q", ind, tt.err)
			}
			if tt.m.State() != Closed || len(indicate(tt.m, tt.p)) != 0 {
				t.Error("it goes on")
			}
		})
	}
}

func TestRequestsOutOfPlace(t *testing.T) {
	for _, ev := range []Event{AAssociateResponse{}, AReleaseRequest{}, AReleaseResponse{}, AAssociateRequest{}} {
		m := New()
		only[ServiceError](t, m.Step(ev))
		if m.State() != Idle {
			t.Errorf("%T: %s", ev, m.State())
		}
	}
}

// Octets in any presentation primitive lead to one end at most.
func FuzzMachine(f *testing.F) {
	for kind := range uint8(6) {
		for _, s := range []string{octetsAARQ, octetsAARE, octetsAAREj, octetsABRT, octetsRLRQ, octetsRLRE, octetsFull} {
			f.Add(kind, unhex(f, s))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		var m *Machine
		var p presentation.Action
		switch kind % 6 {
		case 0:
			m, p = New(), presentation.PConnectIndication{Contexts: contexts(), UserData: pdv(b)}
		case 1:
			m, p = awaiting(t), presentation.PConnectConfirm{UserData: pdv(b)}
		case 2:
			m, p = awaiting(t), presentation.PConnectRefused{Source: presentation.RefusedByUser, UserData: pdv(b)}
		case 3:
			m, p = associated(t), presentation.PReleaseIndication{UserData: pdv(b)}
		case 4:
			m, p = associated(t), presentation.PUAbortIndication{UserData: pdv(b)}
		case 5:
			m, p = associated(t), presentation.PReleaseIndication{UserData: pdv(b)}
			m.Step(AReleaseRequest{})
		}
		ends := 0
		for _, a := range indicate(m, p) {
			switch a := a.(type) {
			case AAbortIndication, APAbortIndication:
				ends++
			case AAssociateConfirm:
				if a.Accepted != nil && a.AARE.Result != Accepted {
					t.Error("accepted by a rejection")
				}
			case AAssociateIndication:
				if _, err := ber.Marshal(&APDU{AARQ: &a.AARQ}); err != nil {
					t.Errorf("an AARQ that cannot be encoded: %v", err)
				}
			}
		}
		if ends > 1 || ends == 1 && m.State() != Closed {
			t.Errorf("%d ends in %s", ends, m.State())
		}
	})
}
