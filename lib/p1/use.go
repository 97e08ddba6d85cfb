package p1

import "fmt"

// Turn says which MTA may transfer, X.218 §9.4.
type Turn uint8

// Whose the turn is.
const (
	TurnTheirs Turn = iota
	TurnOurs
	TurnGiving // RT-TURN-GIVE is requested and not done yet
)

// String returns "their turn", "our turn" or "giving".
func (t Turn) String() string { return [...]string{"their turn", "our turn", "giving"}[t] }

// Phase is how far an association that stands has come towards its end.
type Phase uint8

// The phases.
const (
	Bound     Phase = iota // MTA-bind has been confirmed
	Draining               // this MTA will end it; what is in transit goes first
	Unbinding              // MTA-unbind is requested; the peer may still have something to send
	Sealed                 // this MTA aborts it; nothing is taken any more
	Over                   // it has ended; something is still to be told
	Ended
)

// String returns the name of the phase.
func (p Phase) String() string {
	return [...]string{"bound", "draining", "unbinding", "sealed", "over", "ended"}[p]
}

// Association is the use of one association between two MTAs, from the confirmed
// MTA-bind to its end (X.411 §12.1, X.218 §9): who has the turn, what is in transit,
// and who ends it. It is pure; the zero Association is a responder's without the turn.
type Association struct {
	Unbinds   bool // this MTA may unbind: it is the initiator (X.218 §9.2), and the peer does not keep the turn
	Turn      Turn
	Wanted    bool // the peer has asked for the turn
	Sending   bool // an object is in transit to the peer
	Untold    int  // objects that were in transit to the peer, whose outcome has not been told
	Receiving bool // an object is in transit from the peer
	Phase     Phase
}

// AssociationEvent is what happens to an association.
type AssociationEvent uint8

// The events. A request is this MTA's, an indication the peer's.
const (
	TransferRequest    AssociationEvent = iota // there is an object for the peer
	TransferConfirm                            // the object is no longer in transit
	OutcomeTold                                // and what became of it has been told
	TransferIndication                         // an object begins to arrive
	TransferResponse                           // it has been taken, refused or given up
	TurnPlease                                 // the peer asks for the turn
	TurnGiven                                  // the peer has given it
	TurnGone                                   // this MTA has given it
	UnbindRequest                              // this MTA wants the association to end
	UnbindFailed                               // the peer keeps the turn
	End                                        // the association has been released or aborted
)

// String returns the name of the event.
func (e AssociationEvent) String() string {
	return [...]string{
		"transfer request", "transfer confirm", "outcome told", "transfer indication", "transfer response",
		"turn please", "turn given", "turn gone", "unbind request", "unbind failed", "end",
	}[e]
}

// AssociationAction is what an MTA does upon an event.
type AssociationAction uint8

// The actions.
const (
	Transfer  AssociationAction = iota // the object asked for; its confirm follows
	NotNow                             // no transfer: there is no turn, or something else is in transit
	Take                               // the object that arrives; the response follows
	Leave                              // the object that arrives: the peer will have to send it again
	GiveTurn                           // to the peer; TurnGone follows
	Unbind                             // MTA-unbind; UnbindFailed or End follows
	Abort                              // End follows
	Tell                               // whoever schedules: the turn has changed
	Terminate                          // nothing is open any more, the end can be told
)

// String returns the name of the action.
func (a AssociationAction) String() string {
	return [...]string{"transfer", "not now", "take", "leave", "give turn", "unbind", "abort", "tell", "terminate"}[a]
}

// Step takes an event and returns what is to be done, in order. An event without a
// row in the table changes nothing: both sides act at once, and what the one has
// done the other may not have seen.
func (m *Association) Step(ev AssociationEvent) []AssociationAction {
	var do []AssociationAction
	switch ev {
	case TransferRequest:
		if m.Turn != TurnOurs || m.Sending || m.Phase != Bound {
			return []AssociationAction{NotNow}
		}
		m.Sending = true
		do = append(do, Transfer)
	case TransferConfirm:
		if m.Sending {
			m.Sending = false
			m.Untold++
		}
	case OutcomeTold:
		m.Untold = max(m.Untold-1, 0)
	case TransferIndication:
		if m.Phase >= Sealed || m.Receiving || m.Turn == TurnOurs {
			return []AssociationAction{Leave}
		}
		do = append(m.theirs(), Take)
		m.Receiving = true
	case TransferResponse:
		m.Receiving = false
	case TurnPlease:
		// Of one who asks twice, or when it is on its way already, nothing is owed.
		m.Wanted = m.Turn == TurnOurs && m.Phase == Bound
	case TurnGiven:
		if m.Phase < Sealed && m.Turn != TurnOurs && !m.Receiving {
			m.Turn = TurnOurs
			do = append(do, Tell)
		}
	case TurnGone:
		do = m.theirs()
	case UnbindRequest:
		if m.Phase == Bound {
			m.Phase, m.Wanted = Draining, false
		}
	case UnbindFailed:
		if m.Phase == Unbinding {
			m.Phase, m.Unbinds = Draining, false
		}
	case End:
		if m.Phase < Over {
			*m = Association{Phase: Over, Sending: m.Sending, Untold: m.Untold, Receiving: m.Receiving}
		}
	default:
		panic(fmt.Sprintf("p1: event %d", ev))
	}
	return append(do, m.settle()...)
}

// theirs notes that the turn has arrived where it was given. The peer may use it
// before this side has noticed that it is gone.
func (m *Association) theirs() []AssociationAction {
	if m.Turn != TurnGiving {
		return nil
	}
	m.Turn = TurnTheirs
	return []AssociationAction{Tell}
}

// settle does what the state allows now.
func (m *Association) settle() []AssociationAction {
	open := m.Sending || m.Untold > 0 || m.Receiving
	switch {
	case m.Phase == Over && !open:
		*m = Association{Phase: Ended}
		return []AssociationAction{Terminate}
	case m.Phase == Draining && !open && m.Turn != TurnGiving && m.Unbinds:
		m.Phase = Unbinding
		return []AssociationAction{Unbind}
	case m.Phase == Draining && !open && m.Turn != TurnGiving:
		*m = Association{Phase: Sealed}
		return []AssociationAction{Abort}
	case m.Wanted && !m.Sending:
		m.Wanted, m.Turn = false, TurnGiving
		return []AssociationAction{GiveTurn}
	}
	return nil
}
