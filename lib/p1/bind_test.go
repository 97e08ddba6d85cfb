package p1

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

func TestBindOctets(t *testing.T) {
	argument, err := BindArgument("MTA-A", "secretA", 0)
	if err != nil || !bytes.Equal(argument, octets(t, bindArgumentOctets)) {
		t.Errorf("argument % X, %v", argument, err)
	}
	result, err := BindResult("MTA-B", "secretB", 0)
	if err != nil || !bytes.Equal(result, octets(t, bindResultOctets)) {
		t.Errorf("result % X, %v", result, err)
	}
	if got := BindError(mts.AuthenticationError); !bytes.Equal(got, octets(t, bindErrorOctets)) {
		t.Errorf("error % X", got)
	}
	if argument, err = BindArgument("", "", 0); err != nil || !bytes.Equal(argument, []byte{0xB0, 2, 5, 0}) {
		t.Errorf("unauthenticated argument % X, %v", argument, err)
	}
	if result, err = BindResult("", "", 0); err != nil || !bytes.Equal(result, []byte{0xB1, 2, 5, 0}) {
		t.Errorf("unauthenticated result % X, %v", result, err)
	}
}

// In X.410 mode nothing is around what a bind carries, and a reason stands for its
// error.
func TestX410Bind(t *testing.T) {
	argument, err := BindArgument("MTA-A", "secretA", ApplicationProtocol1988)
	if err != nil || !bytes.Equal(argument, octets(t, bindArgumentOctets)[2:]) {
		t.Errorf("argument % X, %v", argument, err)
	}
	result, err := BindResult("MTA-B", "secretB", ApplicationProtocol1984)
	if err != nil || !bytes.Equal(result, octets(t, bindResultOctets)[2:]) {
		t.Errorf("result % X, %v", result, err)
	}
	for e, want := range map[mts.MTABindError]rtse.RefuseReason{
		mts.Busy: rtse.RefuseBusy, mts.AuthenticationError: rtse.RefuseValidationFailure,
		mts.UnacceptableDialogueMode: rtse.RefuseUnacceptableDialog, mts.UnacceptableSecurityContext: rtse.RefuseValidationFailure,
	} {
		if got := RefuseReason(e); got != want {
			t.Errorf("%v: %v, want %v", e, got, want)
		}
	}
	for reason, want := range map[rtse.RefuseReason]mts.MTABindError{
		rtse.RefuseBusy: mts.Busy, rtse.RefuseValidationFailure: mts.AuthenticationError, rtse.RefuseUnacceptableDialog: mts.UnacceptableDialogueMode,
	} {
		if got, ok := RefusedBind(reason); !ok || got != want {
			t.Errorf("%v: %v", reason, got)
		}
	}
	if e, ok := RefusedBind(rtse.RefuseCannotRecover); ok {
		t.Errorf("cannotRecover stands for %v", e)
	}
}

func TestBindBounds(t *testing.T) {
	for _, c := range []struct{ name, password string }{
		{strings.Repeat("M", 33), ""}, {"MTA-A", strings.Repeat("p", 63)}, {"MTA-Ä", "x"}, {"MTA-A", "pässword"},
	} {
		if _, err := BindArgument(c.name, c.password, 0); diag.KindOf(err) != diag.Config {
			t.Errorf("argument of %q: %v", c.name, err)
		} else if c.password != "" && strings.Contains(err.Error(), c.password) && len(c.password) > 1 {
			t.Errorf("%v shows the password", err)
		}
		if _, err := BindResult(c.name, c.password, 0); diag.KindOf(err) != diag.Config {
			t.Errorf("result of %q: %v", c.name, err)
		}
	}
}

func TestDecodeBind(t *testing.T) {
	// In X.410 mode the argument comes without the tag of the bind.
	for _, text := range []string{bindArgumentOctets, bindArgumentOctets[6:]} {
		a, err := DecodeBindArgument(octets(t, text))
		if err != nil || a.Authenticated == nil || a.Authenticated.InitiatorName != "MTA-A" {
			t.Errorf("%s: %+v, %v", text, a, err)
		}
	}
	for _, text := range []string{bindResultOctets, bindResultOctets[6:]} {
		r, err := DecodeBindResult(octets(t, text))
		if err != nil || r.Authenticated == nil || r.Authenticated.ResponderName != "MTA-B" {
			t.Errorf("%s: %+v, %v", text, r, err)
		}
	}
	for text, want := range map[string]mts.MTABindError{bindErrorOctets: mts.AuthenticationError, `02 01 00`: mts.Busy, `B2 03 02 01 09`: 9} {
		if got, err := DecodeBindError(octets(t, text)); err != nil || got != want {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	for _, bad := range []string{``, `B0 00`, `B0 02 05`, bindArgumentOctets + `00`, `B0 04 A1 02 80 00`, `B0 03 02 01 00`, bindResultOctets} {
		if a, err := DecodeBindArgument(octets(t, bad)); diag.KindOf(err) != diag.Data {
			t.Errorf("%q: %+v, %v; want an error of kind data", bad, a, err)
		}
	}
}

func TestPeer(t *testing.T) {
	b := []byte("secretA")
	strong := &mts.StrongCredentials{}
	simple := func(name string, p mts.Password) mts.MTABindArgument {
		return mts.MTABindArgument{Authenticated: &mts.MTAInitiator{
			InitiatorName: mts.MTAName(name), InitiatorCredentials: mts.Credentials{Simple: &p},
		}}
	}
	peer := Peer{Name: "MTA-A", Password: "secretA"}
	for _, c := range []struct {
		name     string
		argument mts.MTABindArgument
		peer     Peer
		want     error
	}{
		{"right", simple("MTA-A", mts.NewPassword("secretA")), peer, nil},
		{"right, as octets", simple("MTA-A", mts.Password{OctetString: &b}), peer, nil},
		{"wrong password", simple("MTA-A", mts.NewPassword("secretB")), peer, mts.AuthenticationError},
		{"no password", simple("MTA-A", mts.NewPassword("")), peer, mts.AuthenticationError},
		{"part of the password", simple("MTA-A", mts.NewPassword("secret")), peer, mts.AuthenticationError},
		{"wrong name", simple("mta-a", mts.NewPassword("secretA")), peer, mts.AuthenticationError},
		{"unauthenticated", mts.MTABindArgument{Unauthenticated: &asn1.Null{}}, peer, mts.AuthenticationError},
		{"strong", mts.MTABindArgument{Authenticated: &mts.MTAInitiator{
			InitiatorName: "MTA-A", InitiatorCredentials: mts.Credentials{Strong: strong}}}, peer, mts.AuthenticationError},
		{"strong where no password is agreed on", mts.MTABindArgument{Authenticated: &mts.MTAInitiator{
			InitiatorName: "MTA-A", InitiatorCredentials: mts.Credentials{Strong: strong}}}, Peer{Name: "MTA-A"}, mts.AuthenticationError},
		{"empty password agreed on", simple("MTA-A", mts.NewPassword("")), Peer{Name: "MTA-A"}, nil},
		{"nobody", mts.MTABindArgument{Unauthenticated: &asn1.Null{}}, Peer{}, mts.AuthenticationError},
		{"nobody with an empty name", simple("", mts.NewPassword("")), Peer{}, mts.AuthenticationError},
	} {
		if got := c.peer.CheckInitiator(c.argument); !errors.Is(got, c.want) || (c.want == nil) != (got == nil) {
			t.Errorf("%s: %v, want %v", c.name, got, c.want)
		}
	}
	result, err := DecodeBindResult(octets(t, bindResultOctets))
	if err != nil {
		t.Fatal(err)
	}
	if err := (Peer{Name: "MTA-B", Password: "secretB"}).CheckResponder(result); err != nil {
		t.Error(err)
	}
	if err := peer.CheckResponder(result); !errors.Is(err, mts.AuthenticationError) {
		t.Errorf("another responder: %v", err)
	}
}

// Strong credentials are kept as they came, whatever is in them.
func TestStrongCredentialsSurvive(t *testing.T) {
	const text = `B0 1F A1 1D 80 05 4D 54 41 2D 41 A1 14 A0 12 A0 0B 80 02 2A 03 A1 05 30 03 02 01 07 A1 03 02 01 01`
	a, err := DecodeBindArgument(octets(t, text))
	if err != nil {
		t.Fatal(err)
	}
	if a.Authenticated.InitiatorCredentials.Strong == nil {
		t.Fatal("no strong credentials")
	}
	got, err := ber.MarshalWith(a, "[16] EXPLICIT")
	if err != nil || !bytes.Equal(got, octets(t, text)) {
		t.Errorf("encoded again % X, %v", got, err)
	}
}
