package sched

import (
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// Action is something to be done. The set is closed. Actions are carried out in
// order. The slice they come in is reused by the next call of the scheduler, and so are
// the actions every message causes, which are pointers: [Keep] returns one that may be
// kept. The slices in an action may be kept, and are not to be written to.
type Action interface{ action() }

// Keep returns an action as it is now, whatever the scheduler is called for next.
func Keep(a Action) Action {
	switch a := a.(type) {
	case *StartJob:
		kept := *a
		return &kept
	case *Final:
		kept := *a
		return &kept
	case *Done:
		kept := *a
		return &kept
	}
	return a
}

// StartJob leases the recipients of one message for one peer to a channel
// process. Every recipient is to be answered by JobOutcome, with the same job and
// generation.
type StartJob struct {
	Job        uint64 // never used twice in a generation
	Attempt    int    // 1 for the first
	Generation uint64
	Version    string // of the configuration
	Channel    string
	Process    int
	Assoc      uint64 // 0 where the channel has no associations
	Peer       string
	Ref        spool.Ref
	Recipients []int
}

// OpenAssociation asks for an association with a peer; AssociationUp or
// AssociationFailed answers. Assoc is never used twice and below 1<<32.
type OpenAssociation struct {
	Channel string
	Process int
	Assoc   uint64
	Peer    string
}

// CloseAssociation asks for the release of an idle association of ours;
// AssociationDown answers.
type CloseAssociation struct {
	Channel string
	Process int
	Assoc   uint64
	Peer    string
}

// RequestTurn asks the peer for the turn of an association; AssociationUp
// answers, or nothing.
type RequestTurn struct {
	Channel  string
	Process  int
	Assoc    uint64
	Peer     string
	Priority spool.Priority
}

// StartChannel asks for a process of a channel; ChannelUp or ChannelDown answers.
type StartChannel struct{ Channel string }

// StopChannel asks a process to finish its jobs, release its associations and
// end; ChannelDown answers.
type StopChannel struct {
	Channel string
	Process int
}

// Final says that recipients of a message have their final outcome. It is for
// the log, and for the reports owed.
type Final struct {
	Ref     spool.Ref
	N       []int
	Outcome Outcome
	Channel string // where it was tried last; may be empty
	Peer    string
}

// Done says that every recipient of a message is final. The scheduler has
// forgotten it; it leaves the spool when the reports owed are eligible.
type Done struct {
	Ref      spool.Ref
	Accepted time.Time
}

// Log is a line for the log of a message: what a restart must know.
type Log struct {
	Ref      spool.Ref
	N        []int
	Change   Change
	Text     string
	Until    time.Time // ChangeDeferred, ChangeInDoubt: not tried before
	Attempts int       // ChangeDeferred, ChangeInDoubt: attempts so far
	Channel  string
	Peer     string
	Hops     []spool.Hop // ChangeRerouted

	Reason, Diagnostic int // ChangeDiverted: why the recipient failed
}

// Change is what a Log line remembers.
type Change uint8

// The changes.
const (
	ChangeDeferred Change = iota + 1
	ChangeInDoubt
	ChangeHeld
	ChangeReleased
	ChangeRetried
	ChangeRerouted
	ChangeDiverted // failed, and is to be redirected to the alternate its originator requested
	ChangeSent     // in progress, and may have been reached: for a restart only, until an outcome is logged
	ChangeLate     // has waited for longer than Config.Warn; for the event log, not for a restart
	ChangeNoHop    // held until Reroute gives it a hop; not for a restart, which may have one
)

var changeNames = [...]string{
	ChangeDeferred: "deferred",
	ChangeInDoubt:  "in-doubt",
	ChangeHeld:     "held",
	ChangeReleased: "released",
	ChangeRetried:  "retried",
	ChangeRerouted: "rerouted",
	ChangeDiverted: "diverted",
	ChangeSent:     "sent",
	ChangeLate:     "late",
	ChangeNoHop:    "no-hop",
}

// String returns the change's name as logs spell it.
func (c Change) String() string {
	if c >= ChangeDeferred && int(c) < len(changeNames) {
		return changeNames[c]
	}
	return "unknown"
}

// Notice is for the event log.
type Notice struct {
	Kind    NoticeKind
	Channel string
	Peer    string
	Process int
	Job     uint64
	Text    string
	Until   time.Time // not tried before
	Count   int       // PeerDown, ChannelDown: failures in a row; Rerouted: messages
}

// NoticeKind says what a Notice tells.
type NoticeKind uint8

// The notices.
const (
	NoticePeerDown    NoticeKind = iota + 1 // a peer waits after a failure
	NoticePeerUp                            // a peer that had failed was seen alive
	NoticeChannelDown                       // a process ended, or failed to start, unasked
	NoticeChannelUp                         // a process serves a channel
	NoticeRerouted                          // messages went to their alternate hops
	NoticeStale                             // an answer for a lease that is over was ignored
)

var noticeNames = [...]string{
	NoticePeerDown:    "peer-down",
	NoticePeerUp:      "peer-up",
	NoticeChannelDown: "channel-down",
	NoticeChannelUp:   "channel-up",
	NoticeRerouted:    "rerouted",
	NoticeStale:       "stale-outcome",
}

// String returns the notice's name as the event log spells it.
func (k NoticeKind) String() string {
	if k >= NoticePeerDown && int(k) < len(noticeNames) {
		return noticeNames[k]
	}
	return "unknown"
}

// Drained says that Drain has reached its end: no process is left.
type Drained struct{}

func (*StartJob) action()        {}
func (OpenAssociation) action()  {}
func (CloseAssociation) action() {}
func (RequestTurn) action()      {}
func (StartChannel) action()     {}
func (StopChannel) action()      {}
func (*Final) action()           {}
func (*Done) action()            {}
func (Log) action()              {}
func (Notice) action()           {}
func (Drained) action()          {}
