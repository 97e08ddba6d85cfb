package session

import "fmt"

// Role tells which side of the transport connection a machine serves. Only the
// side that opened it may send CONNECT (X.225 §A.5.4.7, Vtca).
type Role uint8

// The roles.
const (
	Initiator Role = iota
	Responder
)

// Params are what is fixed for a connection before it begins.
type Params struct {
	Role Role
	// Versions are the protocol versions offered or accepted; zero means both.
	Versions Versions
	// MaxUserData bounds the user data of one SSDU other than S-DATA, after
	// reassembly; zero means 64 KiB.
	MaxUserData int
	// MaxSSDU bounds one reassembled S-DATA unit; zero means 16 MiB. An SSDU
	// in one SPDU is bounded by the transport's limit on a TSDU instead.
	MaxSSDU int
}

// A Machine is the session protocol machine of one session connection (X.225
// Annex A). It is not safe for concurrent use.
type Machine struct {
	params Params
}

// New returns a machine whose transport connection is open (STA 01C).
func New(p Params) *Machine { return &Machine{params: p} }

// Step takes one event and returns the actions it leads to. The slice is valid
// until the next call.
func (m *Machine) Step(ev Event) []Action {
	return []Action{ServiceError{Err: fmt.Errorf("session: %T: no row in the state table", ev)}}
}

// Selected returns the functional units both sides agreed on; zero before.
func (m *Machine) Selected() FunctionalUnits { return 0 }

// Version returns the protocol version agreed on; zero before.
func (m *Machine) Version() Versions { return 0 }

// Available returns the tokens the selected functional units bring with them.
func (m *Machine) Available() Tokens { return 0 }

// Owned returns the available tokens that are on this side.
func (m *Machine) Owned() Tokens { return 0 }

// ActivityInProgress tells whether an activity has been started or resumed and
// not yet ended, interrupted or discarded (Vact).
func (m *Machine) ActivityInProgress() bool { return false }

// NextSerial returns V(M): the number the next synchronization point gets.
func (m *Machine) NextSerial() SerialNumber { return 0 }

// Unconfirmed returns V(A): the lowest number not yet confirmed.
func (m *Machine) Unconfirmed() SerialNumber { return 0 }

// Closed tells that the session connection is over and that nothing but the end
// of the transport connection is still awaited, if that.
func (m *Machine) Closed() bool { return false }
