package sched

import (
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// Event is something that happened; [Scheduler.Step] takes one. The set is
// closed.
type Event interface{ event() }

// Accepted tells of a message that is durable in the spool and eligible: a new
// one, or one found there at start. A message already known is left as it is.
type Accepted struct{ Message Message }

// Message is what the scheduler needs to know of a message, probe or report.
type Message struct {
	Ref        spool.Ref
	Kind       spool.Kind
	Accepted   time.Time // when responsibility was taken
	Deferred   time.Time // deferred-delivery-time: not tried before; zero is none
	PassOn     bool      // Deferred holds up only who is delivered here, not who a peer is tried for
	Expires    time.Time // latest time, if it is before that of Config.Expiry; zero is none
	Size       int64     // content octets
	Recipients []Recipient
}

// Recipient is one recipient as the envelope and the log of its message tell.
type Recipient struct {
	N    int         // its number in the message, unique there
	Hops []spool.Hop // ordered alternates; the first is tried first

	// Fail, if not nil, was decided at submission: the recipient is final at
	// once, and said so.
	Fail *spool.Failure

	// Alternate says that the originator requested an alternate recipient: if this one
	// fails, it goes to Config.AlternateChannel. Diverted is when it did, zero
	// if it did not; Hops leads there, and Fail does not count any more.
	Alternate bool
	Diverted  time.Time

	State    State     // Queued, Held or Finished
	Until    time.Time // not tried before, from an earlier deferral
	Attempts int       // attempts so far
	Text     string    // the last reason
	Doubt    bool      // an attempt was not answered for, and none has settled it since
}

// State is where a recipient stands.
type State uint8

// The states of a recipient.
const (
	Queued   State = iota // to be tried as soon as its peer and priority allow
	Waiting               // to be tried at a certain time
	InFlight              // being tried
	Held                  // not to be tried before it is released
	Finished              // final
)

var stateNames = [...]string{"queued", "waiting", "in-flight", "held", "finished"}

// String returns the state's name as lists print it.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return "unknown"
}

// Tick is nothing but time going by; it is due at [Scheduler.Next].
type Tick struct{}

// ChannelUp tells that a process of a channel has said hello. Process is a
// number the caller never gives twice. If the channel has a process already, the
// new one takes over: the old one is stopped and finishes its jobs.
type ChannelUp struct {
	Channel         string
	Process         int
	MaxJobs         int // its capacity; 0 is no limit of its own
	MaxAssociations int
}

// ChannelDown tells that a process has ended, or could not be started (Process
// is then not known yet). Its jobs are in doubt, its associations gone. Failed
// says that it was not asked to end; it is then started again after a back-off.
type ChannelDown struct {
	Channel string
	Process int
	Failed  bool
	Why     string
}

// AssociationUp tells of an association that is established, ours (Assoc is the
// number from OpenAssociation) or the peer's (Inbound; the number is the
// channel's). TwoWay says that the turn can pass (dialogue-mode two-way
// alternate); Turn that we hold it. An association that is up already is only
// told about its turn.
type AssociationUp struct {
	Channel string
	Process int
	Assoc   uint64
	Peer    string
	Inbound bool
	TwoWay  bool
	Turn    bool
}

// AssociationDown tells of the end of an association. A job on it that was not
// answered is in doubt. Failed says that it was aborted rather than released.
type AssociationDown struct {
	Channel string
	Process int
	Assoc   uint64
	Failed  bool
	Why     string
}

// AssociationFailed tells that an association we wanted could not be opened.
type AssociationFailed struct {
	Channel string
	Process int
	Assoc   uint64
	Why     string
}

// JobOutcome tells what became of recipients of a job. A job may report in
// pieces; it is over when each of its recipients is reported. An answer for
// another generation, or for a job that is over, is ignored.
type JobOutcome struct {
	Job        uint64
	Generation uint64
	Results    []Result
}

// Hold keeps recipients from being tried until they are released. One in flight
// is held if it comes back. N nil means every recipient.
type Hold struct {
	ID  spool.ID
	N   []int
	Why string
}

// Release ends Hold. The recipients are tried at once. N nil means every
// recipient.
type Release struct {
	ID spool.ID
	N  []int
}

// Retry ends the waits after failures: of recipients of a message (ID, and N or
// every one), else of a peer (Channel and Peer) and what waits there, else of
// every peer of a channel (Channel), else of everything. A deferred-delivery-time
// and the windows of a peer stand.
type Retry struct {
	ID      spool.ID
	N       []int
	Channel string
	Peer    *string // nil: the whole channel; a channel without associations has the peer ""
}

// Expire gives recipients up as if their latest time had passed; held ones too.
// One in flight is given up if it comes back, and one that is in doubt is not. N nil means every recipient.
type Expire struct {
	ID spool.ID
	N  []int
}

// Reject gives recipients up for a reason that an operator says, as Expire does for time:
// held ones too; one in flight if it comes back, and one that is in doubt not. N nil means
// every recipient.
type Reject struct {
	ID         spool.ID
	N          []int
	Reason     int    // non-delivery-reason-code
	Diagnostic int    // non-delivery-diagnostic-code, or spool.NoDiagnostic
	Text       string // supplementary-information
}

// Delete removes recipients without a report. One in flight is removed if it
// comes back. N nil means every recipient.
type Delete struct {
	ID spool.ID
	N  []int
}

// Reroute gives recipients other hops, the routes having changed. One in flight
// takes them if it comes back; one that has these already is left as it is. N nil
// means every recipient.
type Reroute struct {
	ID   spool.ID
	N    []int
	Hops []spool.Hop
}

// RestartChannel asks for a new process that takes over from the present one.
type RestartChannel struct{ Channel string }

// PeerTrouble tells of a peer that failed before this scheduler was: how often in a
// row, and why the last time. It makes nobody wait; the next attempt tells anew. One
// that has failed here meanwhile, or is not known, is left as it is.
type PeerTrouble struct {
	Channel  string
	Peer     string
	Failures int
	Why      string
}

// CloseAssociations asks for the release of every association opened from here that has
// no job, whoever has its turn: with a peer (Channel and Peer), of a channel, or, without
// either, of all. What its peer still has to say comes first.
type CloseAssociations struct {
	Channel string
	Peer    *string
}

// Minimize limits traffic by priority, of a peer (Channel and Peer), else of a channel,
// else of every channel that has associations: what is less urgent than Through waits,
// from From until Until; zero is now, and until another Minimize of the same. Through
// NonUrgent lets everything go again. Urgent messages are never held back.
type Minimize struct {
	Channel     string
	Peer        *string
	Through     spool.Priority
	From, Until time.Time
	Why         string
}

// Disable stops a peer, or a whole channel, from being used, as its configuration may:
// nothing is started any more, and what has an alternate hop goes there. The process of a
// channel ends. Enable undoes it, though not what the configuration says.
type Disable struct {
	Channel string
	Peer    *string // nil: the whole channel
	Why     string
}

// Enable undoes Disable.
type Enable struct {
	Channel string
	Peer    *string
}

// Delay lets nothing be started for a peer, or for the peers a channel has, before Until;
// the zero time is the end of an earlier one, and so is Retry.
type Delay struct {
	Channel string
	Peer    *string
	Until   time.Time
}

// Connect has an association with a peer opened, with or without anything to send, if
// there is none. Its wait after a failure ends, its window and orders stand.
type Connect struct {
	Channel string
	Peer    string
}

// SetLimits gives a channel other limits, for what is begun from now on, until Reconfigure
// gives it its own again. 0 leaves one as it is.
type SetLimits struct {
	Channel    string
	MaxJobs    int
	MaxPerPeer int
}

// Drain asks for rest: nothing is started any more, every process is stopped
// when its jobs have ended, and Drained follows the last one. It cannot be taken
// back.
type Drain struct{}

func (Accepted) event()          {}
func (Tick) event()              {}
func (ChannelUp) event()         {}
func (ChannelDown) event()       {}
func (AssociationUp) event()     {}
func (AssociationDown) event()   {}
func (AssociationFailed) event() {}
func (JobOutcome) event()        {}
func (Hold) event()              {}
func (Release) event()           {}
func (Retry) event()             {}
func (Expire) event()            {}
func (Reject) event()            {}
func (Delete) event()            {}
func (Reroute) event()           {}
func (RestartChannel) event()    {}
func (PeerTrouble) event()       {}
func (CloseAssociations) event() {}
func (SetLimits) event()         {}
func (Minimize) event()          {}
func (Disable) event()           {}
func (Enable) event()            {}
func (Delay) event()             {}
func (Connect) event()           {}
func (Drain) event()             {}
