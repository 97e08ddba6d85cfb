package sched

import "time"

// Config is what the scheduler needs to know of a configuration.
type Config struct {
	Version    string // digest of the configuration, handed out with every job
	Generation uint64 // lease generation of this instance, from New; outcomes with another are ignored

	Channels []ChannelConfig
	Peers    []PeerConfig

	// MaxJobs is how many jobs all channels together run at once, of which places are kept
	// as in ChannelConfig. 0 is no limit.
	MaxJobs        int
	ReservedUrgent int
	ReservedNormal int

	// Starvation is how long the messages of a priority may be passed over at a peer for
	// more urgent ones before one of them goes all the same. Zero is for ever.
	Starvation time.Duration

	AlternateChannel string // redirects recipients that have failed to their alternates; empty: nobody does

	MessageBackoff Backoff // zero: 5 min, then 5 min more each time, at most 1 h
	PeerBackoff    Backoff // zero: 1 min, then 1 min more each time, at most 30 min
	ChannelBackoff Backoff // of a channel process that failed; zero: 1 s, 2 s more, at most 1 min

	// Expiry is how long after its acceptance, or its deferred-delivery-time if
	// that is later, a message that names no earlier time itself is given up, by
	// priority: urgent, normal, non-urgent. Zero is never.
	Expiry [3]time.Duration

	// Warn is how long after the same moment a message that is still here is said to be
	// late, by priority. Zero is never.
	Warn [3]time.Duration

	// DoubtAfter is how long a job is in progress before the log of its message says that
	// its recipients may have been reached, for a restart that does not hear its answer.
	// Zero is never.
	DoubtAfter time.Duration

	// TurnWait is how long a peer is given to answer a request for the turn
	// before an association of our own is opened. Zero is 30 s.
	TurnWait time.Duration
}

// ChannelConfig describes a channel.
type ChannelConfig struct {
	Name         string
	Associations bool // jobs need an association with the peer; false for local delivery
	Listens      bool // its process runs even without work, for those who call
	Makes        bool // its jobs send nothing and make messages, the same again if they are done again
	Disabled     bool // nothing is started; what is in progress ends

	MaxJobs        int // jobs at once; at least 1
	ReservedUrgent int // places of MaxJobs only urgent messages use
	ReservedNormal int // places of MaxJobs only urgent and normal messages use

	MaxAssociations int // associations opened by us at once; 0 is four times MaxJobs
	MaxPerPeer      int // associations usable by us with one peer, or jobs where there are none; 0 is no limit. One more is opened for an urgent message

	// Threshold is how many messages must wait for a peer it has an association with
	// before a further one is opened, and how many more for each that is being opened
	// already. Zero is 1. An urgent message is enough by itself.
	Threshold int

	// MaxPerHost is how many associations are opened by us at once with all peers of one
	// host. Zero is no limit.
	MaxPerHost int

	// MaxTransfers is how many jobs an association of ours does before it is released, and
	// another opened if there is more to do. Zero is no limit.
	MaxTransfers int

	// Quantum is how many jobs an association does before a peer that has none may take its
	// place, if both have work of the same priority. Zero is 32.
	Quantum int

	// StartInterval is how long after an association was begun to be opened the next one
	// is, LightInterval the same while no more messages are ready in the channel than it
	// has associations of ours, EndedInterval how long after the last of ours has ended.
	// For an urgent message there is no waiting. Zero is at once.
	StartInterval time.Duration
	LightInterval time.Duration
	EndedInterval time.Duration

	// IdleTime is how long an association of ours is kept without work. Zero is
	// 30 s.
	IdleTime time.Duration
}

// PeerConfig describes a peer MTA of a channel. A peer that is met in a
// recipient's hops but not here is served by its channel's defaults.
type PeerConfig struct {
	Channel  string
	Name     string
	Disabled bool // nothing is started for it; what has an alternate hop goes there

	Passive    bool   // only it opens associations: what is for it waits until it does
	MaxPerPeer int    // 0 is the channel's
	Host       string // shares MaxPerHost with others of the name; empty: with nobody

	// Permanent keeps an association with the peer up, with work or without; with
	// Windows, in these.
	Permanent bool

	// CallEvery and CallAt open an association with the peer, with work or without, so
	// that it can send what waits there: when there has been none for CallEvery, or since
	// the start, and at each of CallAt, counted from Monday 00:00 UTC, if there is none.
	// One that cannot be opened is opened as soon as it can be. 0 and nil are never.
	CallEvery time.Duration
	CallAt    []time.Duration

	// Windows are when messages are sent to the peer, turns asked for and associations
	// opened; nil is always. What is in progress when one ends goes on. UrgentAnyTime
	// exempts urgent messages, and the associations they need.
	Windows       []Span
	UrgentAnyTime bool
}

// Backoff is a linear back-off: First after the first failure, Step more after
// each further one, never more than Ceiling.
type Backoff struct {
	First   time.Duration
	Step    time.Duration
	Ceiling time.Duration // 0 is none
}

// Delay returns the wait after the given number of failures in a row.
func (b Backoff) Delay(failures int) time.Duration {
	if failures < 1 {
		return 0
	}
	ceiling := b.Ceiling
	if ceiling <= 0 {
		ceiling = maxDelay
	}
	// Dividing keeps the product from overflowing after many failures.
	more := time.Duration(failures - 1)
	if b.First >= ceiling || b.Step > 0 && more > (ceiling-b.First)/b.Step {
		return ceiling
	}
	return b.First + more*b.Step
}

const maxDelay = 365 * 24 * time.Hour

func (c Config) withDefaults() Config {
	if c.MessageBackoff == (Backoff{}) {
		c.MessageBackoff = Backoff{First: 5 * time.Minute, Step: 5 * time.Minute, Ceiling: time.Hour}
	}
	if c.PeerBackoff == (Backoff{}) {
		c.PeerBackoff = Backoff{First: time.Minute, Step: time.Minute, Ceiling: 30 * time.Minute}
	}
	if c.ChannelBackoff == (Backoff{}) {
		c.ChannelBackoff = Backoff{First: time.Second, Step: 2 * time.Second, Ceiling: time.Minute}
	}
	if c.TurnWait <= 0 {
		c.TurnWait = 30 * time.Second
	}
	return c
}

func (c ChannelConfig) withDefaults() ChannelConfig {
	c.MaxJobs = max(c.MaxJobs, 1)
	c.Threshold = max(c.Threshold, 1)
	if c.Quantum <= 0 {
		c.Quantum = 32
	}
	if c.MaxAssociations <= 0 {
		c.MaxAssociations = 4 * c.MaxJobs
	}
	if c.IdleTime <= 0 {
		c.IdleTime = 30 * time.Second
	}
	return c
}
