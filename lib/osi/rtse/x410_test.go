package rtse

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// x410Config is testConfig in X.410-1984 mode: an initiator opens with the first of
// the application protocols, a responder takes all.
func x410Config(reference string, protocols ...int64) Config {
	c := testConfig(reference)
	c.ApplicationProtocols = protocols
	return c
}

// An association in X.410-1984 mode does what one in normal mode does: proposal around
// the checkpoints, the turn, a refused APDU, release. The responder answers the other
// mode on the same configuration.
func TestX410Association(t *testing.T) {
	cr := x410Config("B", 12, 1)
	ci := x410Config("A", 1)
	ci.CheckpointSize = 2
	a, b := associate(t, ci, cr)
	for _, n := range []int{2, 100, 2047, 2048, 2049, 4096, 300000} {
		send(t, a, b, value(n))
	}
	for _, c := range []*Conn{a, b} {
		r := c.Remote()
		if r.ApplicationProtocol != 1 || r.Version != session.Version1 || r.Contexts != nil || r.Checkpoint != 2 || r.Mode != TwoWayAlternate {
			t.Errorf("agreed on %+v", r)
		}
	}
	if got := referenceText(b.Remote().Identifier.CallingReference); got != "A" {
		t.Errorf("calling reference %q", got)
	}
	if err := b.PleaseTurn(2); err != nil {
		t.Fatal(err)
	}
	if p := receive[TurnRequested](t, a).Priority; p != 2 {
		t.Errorf("priority %d", p)
	}
	if err := a.GiveTurn(); err != nil {
		t.Fatal(err)
	}
	receive[TurnGiven](t, b)
	send(t, b, a, value(5000))

	done := transfer(t, b, value(100_000))
	if err := receive[*TransferIndication](t, a).Reject(session.ExceptionJeopardized); err != nil {
		t.Fatal(err)
	}
	if r := await(t, done); r.err != nil || r.Confirmed || r.Reason != session.ExceptionJeopardized {
		t.Errorf("rejected: %+v", r)
	}
	if err := b.GiveTurn(); err != nil {
		t.Fatal(err)
	}
	receive[TurnGiven](t, a)
	if err := a.Close(testContext(t)); err != nil {
		t.Error(err)
	}
	receive[Closed](t, b)

	a, b = associate(t, testConfig("A"), cr)
	send(t, a, b, value(5000))
	if r := b.Remote(); r.ApplicationProtocol != 0 || r.Version != session.Version2 {
		t.Errorf("normal mode: agreed on %+v", r)
	}
}

// A refusal in X.410-1984 mode has a reason and no user data, and both sides know it.
func TestX410Refusals(t *testing.T) {
	dialogue := RefuseUnacceptableDialog
	for _, tt := range []struct {
		name       string
		decision   Decision
		want       RefuseReason
		persistent bool
	}{
		{"permanently", Decision{UserData: bindError}, RefuseValidationFailure, true},
		{"for now", Decision{Transient: true, UserData: bindError}, RefuseBusy, false},
		{"dialogue mode", Decision{RefuseReason: &dialogue}, RefuseUnacceptableDialog, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, r := pipe(t)
			rr := &recorder{Conn: r}
			failed := make(chan error, 1)
			go func() {
				_, err := acceptOn(testContext(t), rr, x410Config("B", 12), func(OpenIndication) Decision { return tt.decision })
				failed <- err
			}()
			_, _, err := Open(testContext(t), i, x410Config("A", 12), bindArgument)
			refusal := within[*Refusal](err)
			if refusal == nil || refusal.Layer != LayerRTSE || refusal.RefuseReason == nil ||
				*refusal.RefuseReason != tt.want || refusal.Persistent != tt.persistent || refusal.UserData != nil {
				t.Errorf("%+v, %v", refusal, err)
			}
			if err := <-failed; !errors.Is(err, ErrRefused) {
				t.Errorf("responder: %v", err)
			}
			want := append(unhex(t, `32 06 02 31 03 80 01`), byte(tt.want))
			if rf := tpkts(t, rr.octets())[1]; rf[7] != 0x0c || !bytes.HasSuffix(rf, want) {
				t.Errorf("sent % X", rf)
			}
		})
	}
}

// The components of an RTORQ, and a CN with them.
const (
	opening  = `A3 16 A0 14 A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`
	proposal = `80 01 3F 81 01 03 82 01 01`
)

func connectX410(t testing.TB, versions byte, components string) []byte {
	t.Helper()
	c := unhex(t, components)
	cp := append([]byte{0x31, byte(len(c) + 7), 0xa0, 3, 0x80, 1, 0, 0xa1, byte(len(c))}, c...)
	cn := append([]byte{0x05, 9, 0x13, 1, 0, 0x16, 1, versions, 0x1a, 1, 0, 0x14, 2, 2, 0x49, 0xc1, byte(len(cp))}, cp...)
	return append([]byte{0x0d, byte(len(cn))}, cn...)
}

// What a responder makes of a CN, whoever wrote it.
func TestX410Connect(t *testing.T) {
	for _, tt := range []struct {
		name       string
		versions   byte
		components string
		answer     string // what the SPDU ends with
		err        string // empty: the association stands
	}{
		{"all of it", 1, proposal + opening + `84 01 0C`, `31 0B A0 03 80 01 00 A1 04 A2 02 80 00`, ""},
		{"both versions of session", 3, proposal + opening + `84 01 0C`, `31 0B A0 03 80 01 00 A1 04 A2 02 80 00`, ""},
		{"the defaults", 1, opening, ``, ""},
		{"a component nobody knows", 1, opening + `84 01 0C 85 01 01`, ``, ""},
		{"another application protocol", 1, proposal + opening + `84 01 03`, `32 06 02 31 03 80 01 02`, "application protocol 3"},
		{"version 2 alone", 2, proposal + opening + `84 01 0C`, `32 01 84`, "without session version 1"},
		{"recovery", 1, proposal + `A3 16 A1 14 14 05 4D 54 41 2D 41 17 0B 32 36 31 31 32 34 30 34 33 30 5A 84 01 0C`, `32 06 02 31 03 80 01 01`, "recover"},
		{"no connectionData", 1, proposal, `C1 05 31 03 80 01 04`, "RTORQ"},
		{"a negative window", 1, `81 01 FF` + opening, `C1 05 31 03 80 01 01`, "windowSize -1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer, conns, failed := rawPeer(t, x410Config("", 12, 1), func(ind OpenIndication) Decision {
				return Decision{Accept: true}
			})
			write(t, peer, connectX410(t, tt.versions, tt.components))
			answer := tsdu(t, peer)
			if tt.err == "" {
				conn := <-conns
				want := int64(applicationProtocolAbsent)
				if strings.Contains(tt.components, `84 01 0C`) {
					want = 12
				}
				if r := conn.Remote(); r.ApplicationProtocol != want || r.Version != session.Version1 {
					t.Errorf("agreed on %+v", r)
				}
				if answer[0] != 0x0e || !bytes.Contains(answer, unhex(t, `16 01 01`)) {
					t.Errorf("sent % X", answer)
				}
				return
			}
			if err := <-failed; !strings.Contains(err.Error(), tt.err) {
				t.Errorf("error %v", err)
			}
			if !bytes.HasSuffix(answer, unhex(t, tt.answer)) {
				t.Errorf("sent % X, want % X at its end", answer, unhex(t, tt.answer))
			}
		})
	}
}

// The octets of an activity are the APDU and nothing else: in whatever pieces they
// come, and with what does not belong there left to their reader.
func TestX410Octets(t *testing.T) {
	peer, conns, _ := rawPeer(t, x410Config("B", 12), accepting)
	write(t, peer, connectX410(t, 1, proposal+opening+`84 01 0C`))
	tsdu(t, peer)
	conn := <-conns
	for i, dts := range [][]string{
		{`30 03 02 01 07`},
		{`30`, `03 02`, ``, `01 07`},
		{`30 80 02 01 07 00 00`},
		{`61 0A 30 08 02 01 03 A0 03 02 01 04`}, // looks like presentation data
		{`24 80 04 01 01`, `00 00`},             // and like an RTTR
		{},
	} {
		write(t, peer, unhex(t, fmt.Sprintf(`01 00 2D 05 29 03 02 01 %02X`, i+1)))
		var want []byte
		for _, dt := range dts {
			write(t, peer, append([]byte{1, 0, 1, 0}, unhex(t, dt)...))
			want = append(want, unhex(t, dt)...)
		}
		write(t, peer, unhex(t, `01 00 29 03 2A 01 31`))
		ind := receive[*TransferIndication](t, conn)
		if got, err := io.ReadAll(ind.APDU); err != nil || !bytes.Equal(got, want) {
			t.Errorf("read % X, %v: want % X", got, err, want)
		}
		if err := ind.Accept(); err != nil {
			t.Error(err)
		}
		if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, `02 00 2A 03 2A 01 31`)) {
			t.Errorf("sent % X, want AEA", b)
		}
	}
	for _, tt := range []struct{ please, want string }{
		{`02 08 10 01 01 C1 03 02 01 02`, "2"},
		{`02 03 10 01 01`, "0"},
	} {
		// The turn is not here: a request for it means nothing, and harms nobody.
		write(t, peer, unhex(t, tt.please))
	}
	write(t, peer, unhex(t, `15 00`))
	receive[TurnGiven](t, conn)
	if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, `16 00`)) {
		t.Errorf("sent % X, want GTA", b)
	}
	write(t, peer, unhex(t, `02 08 10 01 01 C1 03 02 01 03`))
	if p := receive[TurnRequested](t, conn).Priority; p != 3 {
		t.Errorf("priority %d", p)
	}
	write(t, peer, unhex(t, `02 06 10 01 01 C1 01 05`)) // no RTTP
	if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, `19 0A 11 01 03 C1 05 31 03 80 01 04`)) {
		t.Errorf("sent % X, want AB", b)
	}
}

// An abort carries RTAB, with a reason this mode has; one that arrives is read, in
// whichever of the forms there are.
func TestX410Aborts(t *testing.T) {
	for _, tt := range []struct {
		reason AbortReason
		want   string
	}{
		{TemporaryProblem, `19 0A 11 01 03 C1 05 31 03 80 01 03`},
		{UserError, `19 0A 11 01 03 C1 05 31 03 80 01 00`},
		{PermanentProblem, `19 0A 11 01 03 C1 05 31 03 80 01 00`},
	} {
		peer, conns, _ := rawPeer(t, x410Config("B", 12), accepting)
		write(t, peer, connectX410(t, 1, proposal+opening+`84 01 0C`))
		tsdu(t, peer)
		(<-conns).Abort(tt.reason)
		if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, tt.want)) {
			t.Errorf("%s: sent % X, want %s", tt.reason, b, tt.want)
		}
	}
	for _, tt := range []struct {
		spdu   string
		layer  Layer
		reason AbortReason
		text   string
	}{
		{`19 0A 11 01 03 C1 05 31 03 80 01 03`, LayerRTSE, TemporaryProblem, "temporaryProblem"},
		{`19 07 11 01 03 C1 02 31 00`, LayerRTSE, LocalSystemProblem, "localSystemProblem"},
		{`19 03 11 01 03`, LayerPresentation, 0, "no reason given"},
		{`19 0D 11 01 03 C1 08 30 06 80 01 02 81 01 07`, LayerPresentation, 0, "unexpected PPDU"},
		{`19 03 11 01 05`, LayerSession, 0, "protocol error"},
		{`19 06 11 01 03 C1 01 04`, LayerPresentation, 0, "unrecognized PPDU"},
	} {
		peer, conns, _ := rawPeer(t, x410Config("B", 12), accepting)
		write(t, peer, connectX410(t, 1, proposal+opening+`84 01 0C`))
		tsdu(t, peer)
		conn := <-conns
		write(t, peer, unhex(t, tt.spdu))
		if got := receive[Aborted](t, conn); got.Layer != tt.layer || got.RTAB != tt.reason || !strings.Contains(got.Reason, tt.text) {
			t.Errorf("%s: %+v", tt.spdu, got.Abort)
		}
	}
}

// acceptX410 is an AC.
func acceptX410(version byte, units, cpa string) string {
	n := len(strings.Fields(cpa))
	return fmt.Sprintf(`0E %02X 05 06 13 01 00 16 01 %02X 14 02 %s C1 %02X %s`, 14+n, version, units, n, cpa)
}

// An initiator hears an answer in the wrong mode, or of the wrong kind.
func TestX410Answers(t *testing.T) {
	for _, tt := range []struct {
		name, answer string
		refused      bool // or aborted
		layer        Layer
		err          string
	}{
		{"refused by session", `0C 06 11 01 01 32 01 81`, true, LayerSession, "selector"},
		{"refused in normal mode", `0C 0B 11 01 01 32 06 02 30 03 8A 01 01`, true, LayerPresentation, "congestion"},
		{"refused without a reason", `0C 08 11 01 01 32 03 02 31 00`, true, LayerRTSE, "refused"},
		{"accepted in normal mode", acceptX410(1, `02 49`, `31 07 A0 03 80 01 01 A2 00`), false, LayerPresentation, "normal mode"},
		{"without components", acceptX410(1, `02 49`, `31 07 A0 03 80 01 00 A1 00`), false, LayerRTSE, "RTOAC"},
		{"half the functional units", acceptX410(1, `02 01`, `31 0B A0 03 80 01 00 A1 04 A2 02 80 00`), false, LayerRTSE, "functional units"},
		{"version 2", acceptX410(2, `02 49`, `31 0B A0 03 80 01 00 A1 04 A2 02 80 00`), false, LayerSession, "version"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			i, r := pipe(t)
			go func() {
				tc, err := acceptTransport(r)
				if err != nil {
					return
				}
				if _, _, err := tc.ReadTSDU(); err != nil {
					return
				}
				_ = tc.WriteTSDU(unhex(t, tt.answer)) // the initiator says what it heard
				_, _, _ = tc.ReadTSDU()
			}()
			_, _, err := Open(testContext(t), i, x410Config("A", 12), ber.Raw{5, 0})
			refusal, abort := within[*Refusal](err), within[*Abort](err)
			if err == nil || (refusal != nil) != tt.refused || (abort != nil) == tt.refused || !strings.Contains(err.Error(), tt.err) {
				t.Fatalf("%v", err)
			}
			if refusal != nil && refusal.Layer != tt.layer || abort != nil && abort.Layer != tt.layer {
				t.Errorf("want layer %s: %v", tt.layer, err)
			}
		})
	}
}
