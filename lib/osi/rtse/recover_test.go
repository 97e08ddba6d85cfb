package rtse

import (
	"bytes"
	"errors"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// An association to recover is refused without asking the user.
func TestRecoverRefused(t *testing.T) {
	peer, _, failed := rawPeer(t, testConfig("B"), func(OpenIndication) Decision { panic("asked") })
	cn := bytes.Clone(tsdus(t, 'I', "CN")[0])
	cn = bytes.Replace(cn, unhex(t, `A3 18 A0 16 B0 14 A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`),
		unhex(t, `A3 18 A1 16 04 05 4D 54 41 2D 41 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A`), 1)
	write(t, peer, cn)
	if err := <-failed; !errors.Is(err, errRecover) {
		t.Errorf("error %v", err)
	}
	if b := tsdu(t, peer); b[0] != 0x0c || !bytes.Contains(b, unhex(t, `A2 03 02 01 01`)) || !bytes.HasSuffix(b, unhex(t, `B2 00`)) {
		t.Errorf("sent % X", b)
	}
}

// Where the user wants to be asked it decides, and the answer names what is recovered.
func TestRecoverAccepted(t *testing.T) {
	id := unhex(t, `A1 16 04 05 4D 54 41 2D 41 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A`)
	for _, accept := range []bool{true, false} {
		cfg := testConfig("B")
		cfg.Recoverable = true
		peer, conns, failed := rawPeer(t, cfg, func(ind OpenIndication) Decision {
			lost := session.ConnectionIdentifier{CallingReference: id[2:9], CommonReference: id[9:]}
			if ind.Recover == nil || !ind.Recover.Names(lost) || ind.UserData != nil {
				t.Errorf("asked about %+v", ind)
			}
			lost.AdditionalReference = unhex(t, `14 01 30`)
			if ind.Recover.Names(lost) {
				t.Error("another association is named")
			}
			return Decision{Accept: accept}
		})
		cn := bytes.Clone(tsdus(t, 'I', "CN")[0])
		cn = bytes.Replace(cn, unhex(t, `A3 18 A0 16 B0 14 A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`),
			append(unhex(t, `A3 18`), id...), 1)
		write(t, peer, cn)
		b := tsdu(t, peer)
		if !accept {
			if err := <-failed; !errors.Is(err, ErrRefused) || b[0] != 0x0c {
				t.Errorf("%v, sent % X", err, b)
			}
			continue
		}
		<-conns
		if b[0] != 0x0e || !bytes.Contains(b, append(unhex(t, `A2 18`), id...)) {
			t.Errorf("sent % X", b)
		}
	}
}

// lostConnection names a session connection as its S-CONNECT did.
func lostConnection(x410 bool) *session.ConnectionIdentifier {
	calling := []byte{4, 5, 'M', 'T', 'A', '-', 'A'}
	if x410 {
		calling[0] = 0x14
	}
	return &session.ConnectionIdentifier{CalledReference: []byte{4, 1, 'B'}, CallingReference: calling,
		CommonReference: append([]byte{0x17, 13}, "261124043000Z"...), AdditionalReference: []byte{0x14, 2, '0', '1'}}
}

// Who asks for an association to be recovered names it as it was, the types of the
// references included, and gives no user data; the new one has references of its own. A
// peer that knows nothing of it says so, in the words of its mode.
func TestRecoverBegun(t *testing.T) {
	const rest = `05 4D 54 41 2D 41 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 80 02 30 31`
	for _, x410 := range []bool{false, true} {
		for _, known := range []bool{true, false} {
			config := func(reference string) Config {
				if x410 {
					return x410Config(reference, 12)
				}
				return testConfig(reference)
			}
			i, r := pipe(t)
			rr := &recorder{Conn: i}
			theirs, ours := config("A"), config("B")
			theirs.Recover, theirs.AdditionalReference, ours.Recoverable = lostConnection(x410), "02", known
			answered := make(chan *Conn, 1)
			go func() {
				conn, _ := acceptOn(testContext(t), r, ours, func(ind OpenIndication) Decision {
					if ind.Recover == nil || !ind.Recover.Names(*lostConnection(x410)) || ind.UserData != nil {
						t.Errorf("asked about %+v", ind)
					}
					return Decision{Accept: true}
				})
				answered <- conn
			}()
			conn, result, err := Open(testContext(t), rr, theirs, nil)
			want := unhex(t, `A3 1C A1 1A 04 `+rest)
			if x410 {
				want[4] = 0x14
			}
			if cn := tpkts(t, rr.octets())[1]; !bytes.Contains(cn, want) || !bytes.Contains(cn, unhex(t, `0C 04 14 02 30 32`)) {
				t.Errorf("X.410 %v: sent % X, want % X in it, and a reference of its own", x410, cn, want)
			}
			if known {
				if err != nil || result != nil {
					t.Fatalf("X.410 %v: %v", x410, err)
				}
				send(t, conn, <-answered, value(3000))
				continue
			}
			<-answered
			refusal := within[*Refusal](err)
			if conn != nil || refusal == nil || refusal.Layer != LayerRTSE || !refusal.Persistent {
				t.Fatalf("X.410 %v: %v", x410, err)
			}
			if reason := refusal.RefuseReason; x410 != (reason != nil && *reason == RefuseCannotRecover) {
				t.Errorf("X.410 %v: %v", x410, err)
			}
		}
	}
	// What cannot be named cannot be asked for.
	i, _ := pipe(t)
	c := testConfig("A")
	c.Recover = &session.ConnectionIdentifier{CallingReference: []byte{4, 1, 'A'}}
	if _, _, err := Open(testContext(t), i, c, nil); diag.KindOf(err) != diag.Usage {
		t.Errorf("without a common reference: %v", err)
	}
}
