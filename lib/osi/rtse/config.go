package rtse

import (
	"errors"
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// Config is what an association is opened or answered with.
type Config struct {
	// Transport is used by Open; a responder has its transport connection.
	Transport tp.Params
	// Connected is called by Open when the transport connection stands; nil is not.
	Connected func()

	// CallingSSEL, CalledSSEL, CallingPSEL and CalledPSEL are the session and
	// presentation selectors. The called ones are, at a responder, its own:
	// nil answers to any, and others are refused.
	CallingSSEL, CalledSSEL []byte
	CallingPSEL, CalledPSEL []byte

	// ApplicationContext is the application context name. A responder refuses
	// another one; empty accepts any.
	ApplicationContext asn1.OID
	// ApplicationProtocols are the numbers that stand for the application context
	// in X.410-1984 mode. An initiator that has one opens the association in that
	// mode, with the first; a responder answers these, and refuses the mode if it
	// has none.
	ApplicationProtocols []int64
	// RTSESyntax is the abstract syntax of the RTSE APDUs and the bind.
	RTSESyntax asn1.OID
	// UserSyntax is the abstract syntax of the APDUs transferred. OtherSyntaxes
	// are more of them, where an application context has several.
	UserSyntax    asn1.OID
	OtherSyntaxes []asn1.OID

	// CheckpointSize is the most data between two checkpoints, in units of 1024
	// octets; zero means 63, which keeps an RTTR in one TPDU of RFC 1006. The
	// responder's is an upper limit. A negative value proposes none, as an initiator,
	// and leaves the initiator's as it is, as a responder: there are no checkpoints
	// where neither side has a size (X.228 §7.1).
	CheckpointSize int
	// WindowSize is how many checkpoints may be unconfirmed; zero means 3.
	WindowSize int
	// TwoWayAlternate proposes that both sides transfer, in turn.
	TwoWayAlternate bool
	// InitialTurn is the side that has the turn first.
	InitialTurn Turn

	// CallingReference is this side's SS-user reference, text of at most 62
	// octets; at a responder it is the called one.
	CallingReference string
	// AdditionalReference tells apart associations that an initiator opens within
	// one second: text of at most 2 octets (X.225 §8.3.1.4). An activity can be
	// resumed on another association only if its own has a name of its own.
	AdditionalReference string
	// NextActivity gives the identifiers of activities, of which 31 bits count. nil
	// counts from 1: that is only unique on one association, and where associations
	// have the same references, which the peer chooses if it opens them, an activity of
	// the one would be resumed as that of the other.
	NextActivity func() uint32
	// Now becomes the common reference. Zero means the time of the call.
	Now time.Time
	// SessionVersions are the session protocol versions offered or accepted;
	// zero means both.
	SessionVersions session.Versions

	// Recover has an initiator ask for an association that was lost to be recovered, by the
	// identifier it has in its Remote (X.228 §7.8.3). There is no bind then: neither side
	// says who it is. Nil asks for a new association.
	Recover *session.ConnectionIdentifier
	// Recoverable has a responder asked about associations that are to recover one that
	// was lost; otherwise they are refused.
	Recoverable bool
	// Keeper keeps what arrives up to a checkpoint, so that the peer can resume it;
	// nil keeps nothing. That of a responder comes with its Decision.
	Keeper Keeper

	Timers Timers
}

// Timers are the limits on waiting for the peer (X.218 §9; all of them are local
// matters). Zero stands for the default.
type Timers struct {
	Open       time.Duration // for an association to stand, each layer's part included; 60 s
	Transfer   time.Duration // for an answer within RT-TRANSFER: checkpoint, end, discard; 10 min
	Idle       time.Duration // for the peer to go on with an APDU, and to take what is written; 2 min
	Release    time.Duration // for the answer to RT-CLOSE, and for the turn before it; 60 s
	Disconnect time.Duration // TIM of X.225 §7.9.2: for the transport connection to be closed; 5 s
}

const (
	defaultCheckpoint = 63
	defaultWindow     = 3
	checkpointUnit    = 1024
	maxReference      = 62 // X.225 §8.3.1.4 has 64 octets, of which BER takes two
	maxAdditional     = 2  // and 4 there
	// maxCheckpoint is the greatest checkpoint size that is kept to: an RTTR between two
	// checkpoints is in memory.
	maxCheckpoint = 1024
	// partSize is how much of an RTTR is in memory where there are no checkpoints: the
	// whole APDU is one then (X.228 §7.3), and of any length.
	partSize = 128 << 10
)

func (c Config) complete() (Config, error) {
	if c.CheckpointSize == 0 {
		c.CheckpointSize = defaultCheckpoint
	}
	if c.WindowSize <= 0 {
		c.WindowSize = defaultWindow
	}
	c.CheckpointSize = max(c.CheckpointSize, 0)
	for _, d := range []struct {
		p *time.Duration
		d time.Duration
	}{
		{&c.Timers.Open, time.Minute}, {&c.Timers.Transfer, 10 * time.Minute}, {&c.Timers.Idle, 2 * time.Minute},
		{&c.Timers.Release, time.Minute}, {&c.Timers.Disconnect, 5 * time.Second},
	} {
		if *d.p <= 0 {
			*d.p = d.d
		}
	}
	if c.Now.IsZero() {
		c.Now = time.Now()
	}
	var err error
	switch {
	case len(c.CallingReference) > maxReference:
		err = fmt.Errorf("calling reference of %d octets: want at most %d", len(c.CallingReference), maxReference)
	case len(c.AdditionalReference) > maxAdditional:
		err = fmt.Errorf("additional reference of %d octets: want at most %d", len(c.AdditionalReference), maxAdditional)
	case c.Recover != nil && !nameable(*c.Recover):
		err = errors.New("the association to recover has no references that name it")
	case c.RTSESyntax.Valid() != nil:
		err = fmt.Errorf("RTSE syntax %q: %w", c.RTSESyntax, c.RTSESyntax.Valid())
	case c.UserSyntax.Valid() != nil:
		err = fmt.Errorf("user syntax %q: %w", c.UserSyntax, c.UserSyntax.Valid())
	}
	return c, diag.E("rtse", diag.Usage, err)
}

// ownLimit is the most data between two checkpoints, in their unit, that this side
// sends whatever size has been agreed on.
func (c Config) ownLimit() int64 {
	if c.CheckpointSize == 0 {
		return maxCheckpoint
	}
	return int64(c.CheckpointSize)
}

// userSyntaxes lists the abstract syntaxes an APDU may be in.
func (c Config) userSyntaxes() []asn1.OID {
	return append([]asn1.OID{c.UserSyntax}, c.OtherSyntaxes...)
}
