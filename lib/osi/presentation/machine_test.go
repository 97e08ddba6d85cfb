package presentation

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

var (
	aarq = `60 36 A1 06 06 04 56 00 01 06 BE 2C 28 2A 02 01 03 A0 25
		B0 23 80 01 3F 81 01 03 82 01 01 A3 18 A0 16 B0 14
		A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`
	rttp = PDV{Context: 3, Octets: []byte{2, 1, 4}}
)

func proposal() []Context {
	var all []Context
	for i, s := range []asn1.OID{"2.2.1.0.1", "2.6.0.2.12", "2.6.0.2.7"} {
		all = append(all, Context{ID: int64(2*i + 1), AbstractSyntax: s, TransferSyntaxes: []asn1.OID{BasicEncoding}})
	}
	return all
}

func connectRequest(t testing.TB) PConnectRequest {
	return PConnectRequest{
		CallingSelector: []byte{0, 1}, CalledSelector: []byte{0, 1},
		Contexts: proposal(),
		Session:  session.SConnectRequest{CallingSSEL: []byte("S")},
		UserData: []PDV{{Context: 1, Octets: unhex(t, aarq)}},
	}
}

// only returns the one action there is, as a T.
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
	if s, ok := a.(ToSession); ok {
		v = s.Primitive
	}
	got, ok := v.(T)
	if !ok {
		t.Fatalf("%T %+v, want %T", v, v, got)
	}
	return got
}

func indicate(m *Machine, p session.Action) []Action { return m.Step(FromSession{Primitive: p}) }

// initiator and responder are machines that are connected.
func initiator(t testing.TB) *Machine {
	m := New(Params{})
	m.Step(connectRequest(t))
	ind := indicate(m, session.SConnectConfirm{UserData: unhex(t, octetsCPA)})
	only[PConnectConfirm](t, ind)
	return m
}

func TestConnect(t *testing.T) {
	i, r := New(Params{}), New(Params{Selector: []byte{0, 1}})
	request := only[session.SConnectRequest](t, i.Step(connectRequest(t)))
	if !bytes.Equal(request.UserData, unhex(t, octetsCP)) {
		t.Errorf("CP % X", request.UserData)
	}
	if string(request.CallingSSEL) != "S" {
		t.Error("the session parameters are lost")
	}
	ind := only[PConnectIndication](t, indicate(r, session.SConnectIndication{UserData: request.UserData}))
	if ind.Mode != ModeNormal || len(ind.Contexts) != 3 || !bytes.Equal(ind.CalledSelector, []byte{0, 1}) ||
		len(ind.UserData) != 1 || ind.UserData[0].Context != 1 || !bytes.Equal(ind.UserData[0].Octets, unhex(t, aarq)) {
		t.Errorf("indication %+v", ind)
	}
	aare := unhex(t, octetsCPA)[len(unhex(t, octetsCPA))-65:]
	response := only[session.SConnectResponse](t, r.Step(PConnectResponse{
		RespondingSelector: []byte{0, 1}, UserData: []PDV{{Context: 1, Octets: aare}},
	}))
	if !bytes.Equal(response.UserData, unhex(t, octetsCPA)) {
		t.Errorf("CPA % X", response.UserData)
	}
	confirm := only[PConnectConfirm](t, indicate(i, session.SConnectConfirm{UserData: response.UserData}))
	if !bytes.Equal(confirm.RespondingSelector, []byte{0, 1}) || !bytes.Equal(confirm.UserData[0].Octets, aare) {
		t.Errorf("confirm %+v", confirm)
	}
	if i.State() != Connected || r.State() != Connected {
		t.Errorf("%s and %s", i.State(), r.State())
	}
	if c, err := Find(confirm.Contexts, "2.6.0.2.7"); err != nil || c.ID != 5 || c.TransferSyntax != BasicEncoding {
		t.Errorf("context %+v, %v", c, err)
	}
}

// The provider refuses what it cannot serve, the user what it will not.
func TestRefuse(t *testing.T) {
	cp := func(change func(*CPNormal)) []byte {
		var v CP
		if _, err := ber.Unmarshal(unhex(t, octetsCP), &v, ber.Limits{}); err != nil {
			t.Fatal(err)
		}
		change(v.Normal)
		b, err := ber.Marshal(&v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	for _, tt := range []struct {
		name   string
		params Params
		cp     []byte
		want   ProviderReason
	}{
		{"selector", Params{Selector: []byte("P")}, unhex(t, octetsCP), RefusedAddressUnknown},
		{"no selector called", Params{Selector: []byte("P")}, cp(func(n *CPNormal) { n.CalledSelector = nil }), RefusedAddressUnknown},
		{"version", Params{}, cp(func(n *CPNormal) { v := asn1.Bits(1); n.ProtocolVersion = &v }), RefusedVersion},
		{"default context", Params{}, cp(func(n *CPNormal) {
			n.DefaultContextName = &DefaultContext{AbstractSyntax: "2.6.0.2.7", TransferSyntax: BasicEncoding}
		}), RefusedDefaultContext},
		{"user data", Params{}, cp(func(n *CPNormal) { n.UserData = &UserData{Simple: []byte{5, 0}} }), RefusedUserDataNotReadable},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := New(tt.params)
			actions := indicate(r, session.SConnectIndication{UserData: tt.cp})
			refusal := as[session.SConnectRefusal](t, actions[0])
			as[PPAbortIndication](t, actions[1])
			if refusal.Reason != session.RefuseUserData || r.State() != Closed {
				t.Errorf("%+v in %s", refusal, r.State())
			}
			i := New(Params{})
			i.Step(connectRequest(t))
			got := only[PConnectRefused](t, indicate(i, session.SConnectRefused{Reason: session.RefuseUserData, UserData: refusal.UserData}))
			if got.Source != RefusedByProvider || got.ProviderReason != tt.want || i.State() != Closed {
				t.Errorf("%+v, want %s", got, tt.want)
			}
		})
	}

	i := New(Params{})
	i.Step(connectRequest(t))
	got := only[PConnectRefused](t, indicate(i, session.SConnectRefused{Reason: session.RefuseUserData, UserData: unhex(t, octetsCPR)}))
	if got.Source != RefusedByUser || len(got.UserData) != 1 || len(got.Contexts) != 3 {
		t.Errorf("by the user: %+v", got)
	}
	i = New(Params{})
	i.Step(connectRequest(t))
	got = only[PConnectRefused](t, indicate(i, session.SConnectRefused{Reason: session.RefuseSelectorUnknown}))
	if got.Source != RefusedBySession || got.Session.Reason != session.RefuseSelectorUnknown {
		t.Errorf("by session: %+v", got)
	}
	i = New(Params{})
	i.Step(connectRequest(t))
	got = only[PConnectRefused](t, indicate(i, session.SConnectRefused{Reason: session.RefuseUserData, UserData: unhex(t, octetsCPRX410)}))
	if got.Source != RefusedByUser || len(got.X410) != 1 {
		t.Errorf("in X.410-1984 mode: %+v", got)
	}
}

// Contexts that are not supported are rejected one by one, and data in them are an
// error.
func TestContextResults(t *testing.T) {
	r := New(Params{Syntaxes: []asn1.OID{"2.2.1.0.1", "2.6.0.2.12"}})
	ind := only[PConnectIndication](t, indicate(r, session.SConnectIndication{UserData: unhex(t, octetsCP)}))
	if c := ind.Contexts[2]; c.Result != ProviderRejection || c.Reason != ContextAbstractSyntaxUnsupported {
		t.Errorf("context %+v", c)
	}
	ind.Contexts[1].Result = UserRejection
	response := only[session.SConnectResponse](t, r.Step(PConnectResponse{Contexts: ind.Contexts}))
	i := New(Params{})
	i.Step(connectRequest(t))
	confirm := only[PConnectConfirm](t, indicate(i, session.SConnectConfirm{UserData: response.UserData}))
	var results []Result
	for _, c := range confirm.Contexts {
		results = append(results, c.Result)
	}
	if len(results) != 3 || results[0] != Acceptance || results[1] != UserRejection || results[2] != ProviderRejection {
		t.Errorf("results %v", results)
	}
	only[ServiceError](t, i.Step(PDataRequest{Context: 5, Value: [][]byte{{5, 0}}}))
	if _, err := Find(confirm.Contexts, "2.6.0.2.7"); !errors.Is(err, errRejected) {
		t.Errorf("find: %v", err)
	}
}

// A peer may propose a context for each of its transfer syntaxes: the one that has been
// accepted counts, wherever it stands.
func TestFindAccepted(t *testing.T) {
	const syntax, packed = "2.6.0.2.7", "2.1.3.0.0"
	m := New(Params{Syntaxes: []asn1.OID{syntax}})
	contexts := []Context{
		{ID: 1, AbstractSyntax: syntax, TransferSyntaxes: []asn1.OID{packed}},
		{ID: 3, AbstractSyntax: syntax, TransferSyntaxes: []asn1.OID{BasicEncoding}},
	}
	request := only[session.SConnectRequest](t, New(Params{}).Step(PConnectRequest{Contexts: contexts}))
	ind := only[PConnectIndication](t, indicate(m, session.SConnectIndication{UserData: request.UserData}))
	if c, err := Find(ind.Contexts, syntax); err != nil || c.ID != 3 {
		t.Errorf("found %+v, %v", c, err)
	}
	if c, err := Find(ind.Contexts[:1], syntax); !errors.Is(err, errRejected) || c.ID != 1 {
		t.Errorf("found %+v, %v", c, err)
	}
}

// What is wrong with a CP or a CPA is answered with ARP.
func TestConnectMalformed(t *testing.T) {
	for _, tt := range []struct{ name, cp, arp, err string }{
		{"nothing", ``, `30 03 80 01 01`, "CP"},
		{"another type", `30 00`, `30 03 80 01 01`, "CP"},
		{"normal mode without parameters", `31 05 A0 03 80 01 01`, `30 06 80 01 06 81 01 00`, "no parameters of normal mode"},
		{"a mode of its own", `31 07 A0 03 80 01 02 A2 00`, `30 06 80 01 06 81 01 00`, "mode 2"},
		{"no contexts", `31 07 A0 03 80 01 01 A2 00`, `30 06 80 01 06 81 01 00`, "0 contexts"},
		{"a context twice", `31 27 A0 03 80 01 01 A2 20 A4 1E
			30 0D 02 01 01 06 02 51 01 30 04 06 02 51 01 30 0D 02 01 01 06 02 51 01 30 04 06 02 51 01`, `30 06 80 01 06 81 01 00`, "defined twice"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			m := New(Params{})
			actions := indicate(m, session.SConnectIndication{UserData: unhex(t, tt.cp)})
			abort, ind := as[session.SUAbortRequest](t, actions[0]), as[PPAbortIndication](t, actions[1])
			if !bytes.Equal(abort.UserData, unhex(t, tt.arp)) {
				t.Errorf("ARP % X", abort.UserData)
			}
			if ind.Err == nil || !strings.Contains(ind.Err.Error(), tt.err) {
				t.Errorf("error %v", ind.Err)
			}
		})
	}
}

// The session primitives of the data phase, down and up.
func TestTransfer(t *testing.T) {
	i := initiator(t)
	data := only[session.SDataRequest](t, i.Step(PDataRequest{Context: 3, Value: [][]byte{{4, 2}, {7, 8}}}))
	if got := bytes.Join(data.UserData, nil); !bytes.Equal(got, unhex(t, `61 0B 30 09 02 01 03 A0 04 04 02 07 08`)) {
		t.Errorf("TD % X", got)
	}
	please := only[session.STokenPleaseRequest](t, i.Step(PTokenPleaseRequest{Tokens: session.TokenData, UserData: []PDV{rttp}}))
	if !bytes.Equal(please.UserData, unhex(t, `61 0A 30 08 02 01 03 A0 03 02 01 04`)) {
		t.Errorf("token please % X", please.UserData)
	}
	only[session.SSyncMinorRequest](t, i.Step(PSyncMinorRequest{}))
	only[session.SSyncMinorResponse](t, i.Step(PSyncMinorResponse{Serial: 1}))
	only[session.SActivityStartRequest](t, i.Step(PActivityStartRequest{Activity: []byte{2, 1, 1}}))
	only[session.SActivityEndRequest](t, i.Step(PActivityEndRequest{}))
	only[session.SActivityEndResponse](t, i.Step(PActivityEndResponse{}))
	only[session.SActivityInterruptRequest](t, i.Step(PActivityInterruptRequest{}))
	only[session.SActivityInterruptResponse](t, i.Step(PActivityInterruptResponse{}))
	only[session.SActivityDiscardRequest](t, i.Step(PActivityDiscardRequest{}))
	only[session.SActivityDiscardResponse](t, i.Step(PActivityDiscardResponse{}))
	only[session.SUExceptionReportRequest](t, i.Step(PUExceptionReportRequest{Reason: session.ExceptionJeopardized}))
	only[session.SControlGiveRequest](t, i.Step(PControlGiveRequest{}))
	only[session.STypedDataRequest](t, i.Step(PTypedDataRequest{Context: 5, Value: [][]byte{{5, 0}}}))

	user := unhex(t, `61 0A 30 08 02 01 03 A0 03 02 01 04`)
	for _, tt := range []struct {
		p    session.Action
		data func(a Action) []PDV
	}{
		{session.SDataIndication{UserData: user}, func(a Action) []PDV { return []PDV{a.(PDataIndication).PDV} }},
		{session.STypedDataIndication{UserData: user}, func(a Action) []PDV { return a.(PTypedDataIndication).UserData }},
		{session.STokenGiveIndication{UserData: user}, func(a Action) []PDV { return a.(PTokenGiveIndication).UserData }},
		{session.STokenPleaseIndication{UserData: user}, func(a Action) []PDV { return a.(PTokenPleaseIndication).UserData }},
		{session.SControlGiveIndication{UserData: user}, func(a Action) []PDV { return a.(PControlGiveIndication).UserData }},
		{session.SSyncMinorIndication{UserData: user}, func(a Action) []PDV { return a.(PSyncMinorIndication).UserData }},
		{session.SSyncMinorConfirm{UserData: user}, func(a Action) []PDV { return a.(PSyncMinorConfirm).UserData }},
		{session.SActivityStartIndication{UserData: user}, func(a Action) []PDV { return a.(PActivityStartIndication).UserData }},
		{session.SActivityResumeIndication{UserData: user}, func(a Action) []PDV { return a.(PActivityResumeIndication).UserData }},
		{session.SActivityInterruptIndication{UserData: user}, func(a Action) []PDV { return a.(PActivityInterruptIndication).UserData }},
		{session.SActivityInterruptConfirm{UserData: user}, func(a Action) []PDV { return a.(PActivityInterruptConfirm).UserData }},
		{session.SActivityDiscardIndication{UserData: user}, func(a Action) []PDV { return a.(PActivityDiscardIndication).UserData }},
		{session.SActivityDiscardConfirm{UserData: user}, func(a Action) []PDV { return a.(PActivityDiscardConfirm).UserData }},
		{session.SActivityEndIndication{UserData: user}, func(a Action) []PDV { return a.(PActivityEndIndication).UserData }},
		{session.SActivityEndConfirm{UserData: user}, func(a Action) []PDV { return a.(PActivityEndConfirm).UserData }},
		{session.SUExceptionReportIndication{UserData: user}, func(a Action) []PDV { return a.(PUExceptionReportIndication).UserData }},
		{session.SReleaseIndication{UserData: user}, func(a Action) []PDV { return a.(PReleaseIndication).UserData }},
	} {
		m := initiator(t)
		actions := indicate(m, tt.p)
		if len(actions) != 1 {
			t.Errorf("%T: %+v", tt.p, actions)
			continue
		}
		if got := tt.data(actions[0]); len(got) != 1 || got[0].Context != 3 || !bytes.Equal(got[0].Octets, rttp.Octets) {
			t.Errorf("%T: %+v", tt.p, got)
		}
	}
	only[PPExceptionReportIndication](t, indicate(i, session.SPExceptionReportIndication{}))
}

func TestRelease(t *testing.T) {
	i := initiator(t)
	rlrq := []PDV{{Context: 1, Octets: []byte{0x62, 3, 0x80, 1, 0}}}
	request := only[session.SReleaseRequest](t, i.Step(PReleaseRequest{UserData: rlrq}))
	if !bytes.Equal(request.UserData, unhex(t, `61 0C 30 0A 02 01 01 A0 05 62 03 80 01 00`)) {
		t.Errorf("RLRQ % X", request.UserData)
	}
	only[PReleaseConfirm](t, indicate(i, session.SReleaseConfirm{}))
	if i.State() != Closed {
		t.Error(i.State())
	}
	// What came with it cannot undo it, whether it can be read or not.
	for _, data := range []string{`61 0C 30 0A 02 01 01 A0 05`, `30 00`, `61 0C 30 0A 02 01 09 A0 05 63 03 80 01 00`} {
		i := initiator(t)
		i.Step(PReleaseRequest{UserData: rlrq})
		if c := only[PReleaseConfirm](t, indicate(i, session.SReleaseConfirm{UserData: unhex(t, data)})); c.UserData != nil {
			t.Errorf("%s: %+v", data, c)
		}
	}
	r := initiator(t)
	only[PReleaseIndication](t, indicate(r, session.SReleaseIndication(request)))
	only[session.SReleaseResponse](t, r.Step(PReleaseResponse{}))
	if r.State() != Closed {
		t.Error(r.State())
	}
	only[ServiceError](t, r.Step(PDataRequest{Context: 3, Value: [][]byte{{5, 0}}}))
}

func TestAbort(t *testing.T) {
	m := initiator(t)
	abrt := unhex(t, `64 11 80 01 00 BE 0C 28 0A 02 01 03 A0 05 B6 03 80 01 04`)
	request := only[session.SUAbortRequest](t, m.Step(PUAbortRequest{Contexts: []int64{3, 1, 9}, UserData: []PDV{{Context: 1, Octets: abrt}}}))
	if !bytes.Equal(request.UserData, unhex(t, octetsARU)) {
		t.Errorf("ARU % X", request.UserData)
	}
	if actions := indicate(m, session.SDataIndication{}); len(actions) != 0 {
		t.Errorf("after the abort: %+v", actions)
	}
	ind := only[PUAbortIndication](t, indicate(initiator(t), session.SUAbortIndication(request)))
	if len(ind.UserData) != 1 || !bytes.Equal(ind.UserData[0].Octets, abrt) {
		t.Errorf("%+v", ind)
	}
	arp := only[PPAbortIndication](t, indicate(initiator(t), session.SUAbortIndication{UserData: unhex(t, octetsARP)}))
	if arp.Reason != AbortUnexpectedPPDU || *arp.Event != EventTD || arp.Err != nil {
		t.Errorf("%+v", arp)
	}
	if x := only[PUAbortIndication](t, indicate(initiator(t), session.SUAbortIndication{UserData: unhex(t, `31 03 80 01 04`)})); len(x.X410) != 1 {
		t.Errorf("%+v", x)
	}
	only[PUAbortIndication](t, indicate(initiator(t), session.SUAbortIndication{}))
	if bad := only[PPAbortIndication](t, indicate(initiator(t), session.SUAbortIndication{UserData: []byte{9, 9}})); bad.Err == nil {
		t.Errorf("%+v", bad)
	}
	if p := only[PPAbortIndication](t, indicate(New(Params{}), session.SPAbortIndication{Reason: session.AbortProtocolError})); p.Session == nil {
		t.Errorf("%+v", p)
	}
}

// A primitive a state does not expect is a protocol error.
func TestUnexpected(t *testing.T) {
	for _, p := range []session.Action{
		session.SDataIndication{}, session.SConnectConfirm{}, session.SReleaseConfirm{}, session.SActivityStartIndication{},
	} {
		m := New(Params{})
		actions := indicate(m, p)
		if len(actions) != 2 || !bytes.Equal(as[session.SUAbortRequest](t, actions[0]).UserData, unhex(t, `30 03 80 01 03`)) {
			t.Errorf("%T: %+v", p, actions)
		}
	}
	for _, ev := range []Event{
		PConnectResponse{}, PConnectRefusal{}, PDataRequest{}, PReleaseRequest{}, PUAbortRequest{}, PActivityEndResponse{},
		PConnectRequest{}, PConnectRequest{Contexts: append(proposal(), proposal()...)}, PConnectRequest{Contexts: []Context{{ID: 1}}},
	} {
		m := New(Params{})
		only[ServiceError](t, m.Step(ev))
		if m.State() != Idle {
			t.Errorf("%T: %s", ev, m.State())
		}
	}
}

// Octets in any session primitive lead to one end at most, and to none after it.
func FuzzMachine(f *testing.F) {
	for kind := range uint8(10) {
		for _, s := range []string{octetsCP, octetsCPA, octetsCPR, octetsARU, octetsARP, octetsCPX410, `61 0A 30 08 02 01 03 A0 03 02 01 04`} {
			f.Add(kind, unhex(f, s))
		}
	}
	f.Fuzz(func(t *testing.T, kind uint8, b []byte) {
		var m *Machine
		var p session.Action
		switch kind % 10 {
		case 0:
			m, p = New(Params{}), session.SConnectIndication{UserData: b}
		case 1:
			m, p = New(Params{}), session.SConnectConfirm{UserData: b}
			m.Step(connectRequest(t))
		case 2:
			m, p = New(Params{}), session.SConnectRefused{Reason: session.RefuseUserData, UserData: b}
			m.Step(connectRequest(t))
		case 3:
			m, p = initiator(t), session.SDataIndication{UserData: b}
		case 4:
			m, p = initiator(t), session.SUAbortIndication{UserData: b}
		case 5:
			m, p = initiator(t), session.STokenPleaseIndication{UserData: b}
		case 6:
			m, p = initiator(t), session.SReleaseIndication{UserData: b}
		case 7:
			m, p = New(Params{}), session.SUAbortIndication{UserData: b}
			m.Step(connectRequest(t))
		case 8:
			m, p = New(Params{}), session.SConnectConfirm{UserData: b}
			m.Step(PConnectRequest{X410: components(t, octetsCPX410)})
		case 9:
			m, p = connectedX410(t), session.SDataIndication{UserData: b}
		}
		ends := 0
		for _, a := range indicate(m, p) {
			switch a := a.(type) {
			case PPAbortIndication, PUAbortIndication, PConnectRefused:
				ends++
			case PConnectIndication:
				if a.Mode == ModeNormal && len(a.Contexts) == 0 {
					t.Error("indicated without contexts")
				}
			}
		}
		if ends > 1 || ends == 1 && m.State() != Closed {
			t.Errorf("%d ends in %s", ends, m.State())
		}
		if m.State() == Closed && len(indicate(m, session.SDataIndication{UserData: b})) != 0 {
			t.Error("something happens after the end")
		}
	})
}
