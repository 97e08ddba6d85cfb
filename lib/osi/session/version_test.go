package session

import "testing"

// A responder may want a lower version than the highest that both sides have, and
// none that they do not have.
func TestResponderChoosesVersion(t *testing.T) {
	for _, tt := range []struct{ offered, wanted, want Versions }{
		{Version1 | Version2, 0, Version2},
		{Version1 | Version2, Version1, Version1},
		{Version1, Version1, Version1},
		{Version1, 0, Version1},
		{Version2, Version1, 0},
	} {
		p := newPair(t)
		p.sides[0] = New(Params{Role: Initiator, Versions: tt.offered})
		p.do(0, SConnectRequest{Requirements: ForRTSE})
		p.deliver(1)
		if ind, ok := p.users[1][0].(SConnectIndication); !ok || ind.Versions != tt.offered {
			t.Fatalf("%+v", p.users[1])
		}
		p.do(1, SConnectResponse{Requirements: ForRTSE, Versions: tt.wanted})
		if tt.want == 0 {
			if _, ok := p.users[1][len(p.users[1])-1].(ServiceError); !ok || len(p.wires[0]) != 0 {
				t.Errorf("version %v of %v: %+v", tt.wanted, tt.offered, p.users[1])
			}
			continue
		}
		p.deliver(0)
		if a, b := p.sides[0].Version(), p.sides[1].Version(); a != tt.want || b != tt.want {
			t.Errorf("version %v of %v: %v and %v, want %v", tt.wanted, tt.offered, a, b, tt.want)
		}
	}
}
