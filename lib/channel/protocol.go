// Package channel is the protocol between the scheduler and a channel process,
// and the harness a channel process is built on.
//
// A channel process is started as "mtarun channel NAME" and speaks JSON lines
// over one stream: what it can take, associations coming and going, jobs,
// outcomes, messages it has written. Version 1; lines of unknown type and
// unknown members are ignored, so both sides can grow.
//
// Every job is a lease: it carries a number, an attempt and a generation, and an
// answer that does not match is ignored. When the stream ends, the process aborts
// its associations and exits; what it held is in doubt and the scheduler's again.
//
// A message that came in is written into its place in the spool by the channel
// and then told (Commit): the scheduler runs the barrier for everybody waiting
// and answers "durable". Only then may the channel say yes to its peer.
//
// mtarun(8) describes the lines, member by member, for those who write a channel
// in another language.
package channel

import (
	"encoding/json"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/spool"
)

// Version is the protocol version a channel announces in its hello line.
const Version = 1

// Descriptors of a channel process started by mtarun. Started by hand it has
// none, and speaks on standard input and output without descriptor passing.
const (
	ControlFD = 3 // the control stream, a Unix stream socket
	LockFD    = 4 // the spool's lock, held open so that a successor waits
	FilesFD   = 5 // a Unix socket of packets, for Files
)

// Line types. From scheduler to channel: config, accept, open, close, turn, job,
// durable, refused, looked, ping, stop. From channel to scheduler: hello, assoc, outcome,
// transfer, commit, secure, look, event, pong.
const (
	TypeHello    = "hello"
	TypeConfig   = "config"
	TypeAccept   = "accept"
	TypeOpen     = "open"
	TypeClose    = "close"
	TypeTurn     = "turn"
	TypeAssoc    = "assoc"
	TypeJob      = "job"
	TypeOutcome  = "outcome"
	TypeTransfer = "transfer"
	TypeCommit   = "commit"
	TypeSecure   = "secure"
	TypeDurable  = "durable"
	TypeRefused  = "refused"
	TypeLook     = "look"   // for nodes of a routing tree that is not held
	TypeLooked   = "looked" // what there is of them, or why it cannot be told
	TypeEvent    = "event"
	TypePing     = "ping" // from time to time; to be answered at once, while draining too
	TypePong     = "pong"
	TypeStop     = "stop"
)

// InboundBase is the smallest number of an association the channel accepted;
// the scheduler numbers those it asks for below it.
const InboundBase uint64 = 1 << 32

// Line is one line of the protocol: Type says which of the other members count.
type Line struct {
	Type string `json:"type"`

	// hello
	Version  int       `json:"version,omitempty"`
	Channel  string    `json:"channel,omitempty"`
	PID      int       `json:"pid,omitempty"`
	Capacity *Capacity `json:"capacity,omitempty"`

	// config
	ConfigVersion string          `json:"configVersion,omitempty"`
	Config        json.RawMessage `json:"config,omitempty"`

	// accept: one descriptor rides with the line
	Read     []byte `json:"read,omitempty"`     // octets the listener has read already
	From     string `json:"from,omitempty"`     // where the connection comes from
	Listener string `json:"listener,omitempty"` // the address it came to, as configured

	// open, close, turn, assoc, job
	Assoc uint64 `json:"assoc,omitempty"`
	Peer  string `json:"peer,omitempty"`

	// turn
	Priority string `json:"priority,omitempty"` // of the message that waits

	// assoc; an association that is up is told again when its turn changes
	State   string `json:"state,omitempty"` // up, down, failed
	Inbound bool   `json:"inbound,omitempty"`
	TwoWay  bool   `json:"twoWay,omitempty"`  // the turn can pass
	Turn    bool   `json:"turn,omitempty"`    // we hold it
	Aborted bool   `json:"aborted,omitempty"` // down: not released in order
	Layer   string `json:"layer,omitempty"`   // which layer ended or refused it
	Reason  string `json:"reason,omitempty"`  // why, for people

	// job, outcome, transfer
	Job        uint64     `json:"job,omitempty"`
	Attempt    int        `json:"attempt,omitempty"`
	Generation uint64     `json:"generation,omitempty"`
	Ref        *spool.Ref `json:"ref,omitempty"`
	Recipients []int      `json:"recipients,omitempty"`
	Results    []Result   `json:"results,omitempty"`
	Fresh      bool       `json:"fresh,omitempty"` // job: the message has no log

	// transfer: of the ref's recipients, to peer
	Transfer *spool.Transfer `json:"transfer,omitempty"`

	// commit, secure (the ref is that of a partial), durable, refused
	Txn      uint64      `json:"txn,omitempty"`
	Envelope *spool.Told `json:"envelope,omitempty"` // without Wire: the file has it
	Text     string      `json:"text,omitempty"`

	// look, looked (with txn; in looked a text says that the nodes cannot be had, and why)
	Tree  string      `json:"tree,omitempty"`
	Names []string    `json:"names,omitempty"` // of what is looked for, below the root of the tree
	Nodes []conf.Node `json:"nodes,omitempty"` // from the root downwards, as far as there are any

	// event
	Event json.RawMessage `json:"event,omitempty"`
}

// Capacity is what a channel process can take at once.
type Capacity struct {
	Jobs         int `json:"jobs"`
	Associations int `json:"associations"`
}

// States of an association in an assoc line.
const (
	StateUp     = "up"     // open and bound
	StateDown   = "down"   // was up and is gone; whatever it carried is in doubt
	StateFailed = "failed" // could not be opened
)

// Outcomes of a recipient in an outcome line.
const (
	OutcomeTransferred = "transferred" // the peer has taken responsibility
	OutcomeDelivered   = "delivered"   // delivered here
	OutcomeDeferred    = "deferred"    // later, not before Until if that is set
	OutcomeFailed      = "failed"      // never: Reason and Diagnostic of X.411
	OutcomeRouted      = "routed"      // goes on by Hops, at once
	OutcomeInDoubt     = "in-doubt"    // sent, no answer
	OutcomeExpanded    = "expanded"    // a distribution list: Child goes to its members, if there are any
	OutcomeRedirected  = "redirected"  // Child goes to another recipient
	OutcomeMoved       = "moved"       // Child goes on in its place; without Child it ends here, and nobody is told
)

// Result is the outcome of one recipient of a job.
type Result struct {
	N          int         `json:"n"`
	Outcome    string      `json:"outcome"`
	Reason     int         `json:"reason,omitempty"`
	Diagnostic int         `json:"diagnostic,omitempty"` // -1: none
	Text       string      `json:"text,omitempty"`
	Until      time.Time   `json:"until,omitzero"`
	Time       time.Time   `json:"time,omitzero"`       // of delivery
	Child      spool.ID    `json:"child,omitempty"`     // committed before, and durable
	Hops       []spool.Hop `json:"hops,omitempty"`      // routed: where to
	Hold       string      `json:"hold,omitempty"`      // routed: but not before an operator releases it, and why
	PeerFault  bool        `json:"peerFault,omitempty"` // deferred: the peer is the reason, not the message
	Lost       bool        `json:"lost,omitempty"`      // in doubt, deferred: the association is over, which will be told
	Resumed    bool        `json:"resumed,omitempty"`   // transferred: as what was sent before, which the peer had or has now, once
}
