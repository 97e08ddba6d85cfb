package session

import "fmt"

// A State is a state of X.225 Table A.2. The states of the functional units and
// of the transport expedited flow that this package does not offer are missing.
type State uint8

// The states.
const (
	STA01  State = iota // idle, no transport connection: the end
	STA01C              // idle, transport connected: the beginning
	STA01D              // wait for CDO
	STA02A              // wait for AC
	STA02B              // wait for OA
	STA03               // wait for DN
	STA04B              // wait for AEA
	STA05B              // wait for AIA
	STA05C              // wait for ADA
	STA08               // wait for the S-CONNECT response
	STA09               // wait for the S-RELEASE response
	STA10B              // wait for the S-ACTIVITY-END response
	STA11B              // wait for the S-ACTIVITY-INTERRUPT response
	STA11C              // wait for the S-ACTIVITY-DISCARD response
	STA16               // wait for the T-DISCONNECT indication
	STA18               // wait for GTA
	STA19               // wait for a recovery request or SPDU, having sent ED
	STA20               // wait for a recovery SPDU or request
	STA713              // data transfer
	states
)

var stateNames = [states]string{
	STA01: "STA 01", STA01C: "STA 01C", STA01D: "STA 01D", STA02A: "STA 02A", STA02B: "STA 02B",
	STA03: "STA 03", STA04B: "STA 04B", STA05B: "STA 05B", STA05C: "STA 05C", STA08: "STA 08",
	STA09: "STA 09", STA10B: "STA 10B", STA11B: "STA 11B", STA11C: "STA 11C", STA16: "STA 16",
	STA18: "STA 18", STA19: "STA 19", STA20: "STA 20", STA713: "STA 713",
}

// String returns the state's name in X.225.
func (s State) String() string {
	if s < states {
		return stateNames[s]
	}
	return fmt.Sprintf("STA %d", uint8(s))
}

// incoming is an incoming event of X.225 Table A.1.
type incoming uint8

// The incoming events: SPDUs, then the SS-user's.
const (
	inAA incoming = iota
	inAB
	inAC
	inAD
	inADA
	inAE
	inAEA
	inAI
	inAIA
	inAR
	inAS
	inCDO
	inCN
	inDN
	inDT
	inED
	inER
	inFN
	inGT
	inGTA
	inGTC
	inMIA
	inMIP
	inOA
	inPT
	inRF
	inTD
	inOther // an SPDU of a functional unit that is never selected, or no event at all

	inSACTDreq
	inSACTDrsp
	inSACTEreq
	inSACTErsp
	inSACTIreq
	inSACTIrsp
	inSACTRreq
	inSACTSreq
	inSCGreq
	inSCONreq
	inSCONrspPlus
	inSCONrspMinus
	inSDTreq
	inSGTreq
	inSPTreq
	inSRELreq
	inSRELrsp
	inSTDreq
	inSUABreq
	inSUERreq
	inSYNmreq
	inSYNmrsp
	incomings
)

// input is an incoming event with what the predicates and actions look at.
type input struct {
	kind    incoming
	spdu    SPDU         // of an SPDU, once its SSDU is whole
	data    []byte       // of an SPDU: the user data
	request Event        // of the SS-user's
	serial  SerialNumber // serial number quoted
	tokens  Tokens       // GT: tokens given; PT: tokens wanted (X.225 §A.5.3)
}

// A predicate is one of X.225 Table A.7 or a part of one; text says what it is
// that holds, for the error of whoever violates it.
type predicate struct {
	text  string
	holds func(m *Machine, in *input) bool
}

// A row is an entry of the state tables: in one of the states, when all the
// predicates hold, the action is taken and the next state entered. An action that
// fails leaves the state as it is; of an SPDU that is a protocol error.
type row struct {
	in   []State
	when []predicate
	do   func(m *Machine, in *input) error
	next State
}

// stay is the next state of a row that does not change it.
const stay = states

// find returns the row for an incoming event, or why there is none.
func (m *Machine) find(in *input) (*row, error) {
	var failed *predicate
rows:
	for i := range table[in.kind] {
		r := &table[in.kind][i]
		for _, s := range r.in {
			if s != m.state {
				continue
			}
			for j := range r.when {
				if !r.when[j].holds(m, in) {
					failed = &r.when[j]
					continue rows
				}
			}
			return r, nil
		}
	}
	if failed != nil {
		return nil, fmt.Errorf("in %v: %s", m.state, failed.text)
	}
	return nil, fmt.Errorf("in %v: not allowed", m.state)
}
