package conf

import (
	"crypto/subtle"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// Config is the whole configuration. The zero Config is not valid; New gives one
// with every default in place.
type Config struct {
	// Version is a digest of the octets the configuration was read from. Jobs
	// and channel processes carry it, so that nobody mixes two configurations.
	Version string `json:"version" toml:"-"`

	Identity  Identity   `json:"identity" toml:"identity"`
	Spool     Spool      `json:"spool" toml:"spool"`
	Events    Events     `json:"events" toml:"events"`
	Run       Run        `json:"run" toml:"run"`
	Directory Directory  `json:"directory" toml:"directory"`
	Limits    Limits     `json:"limits" toml:"limits"`
	Schedule  Schedule   `json:"schedule" toml:"schedule"`
	SelfTest  SelfTest   `json:"selftest" toml:"selftest"`
	Security  Security   `json:"security" toml:"security"`
	Listeners []Listener `json:"listener,omitempty" toml:"listener"`
	Channels  []Channel  `json:"channel,omitempty" toml:"channel"`
	Peers     []Peer     `json:"peer,omitempty" toml:"peer"`
	Routes    []Route    `json:"route,omitempty" toml:"route"`
	Nodes     []Node     `json:"node,omitempty" toml:"node"`
	Users     []User     `json:"user,omitempty" toml:"user"`
	Lists     []List     `json:"list,omitempty" toml:"list"`
	RuleSets  []RuleSet  `json:"ruleset,omitempty" toml:"ruleset"`
	Steps     []Step     `json:"step,omitempty" toml:"step"`
}

// Identity is the MTA's own name, as X.411 §12.1.1 gives it to trace information,
// message identifiers and binds.
type Identity struct {
	MTA    string        `json:"mta" toml:"mta"`       // MTAName, 1 to 32 IA5 characters
	Domain oraddr.Domain `json:"domain" toml:"domain"` // GlobalDomainIdentifier
	// Alternate is the O/R address of the recipient-MD-assigned-alternate-recipient,
	// who gets what is addressed to nobody here and may be given to another; empty: nobody.
	Alternate string `json:"alternate,omitempty" toml:"alternate"`
	// Trees are the routing trees in the order they are used (RFC 1801 §9), Tables perhaps
	// among them; nil is Tables alone.
	Trees []string `json:"trees" toml:"trees"`

	// Communities are the transport communities this MTA is in (RFC 1801 §18.1); empty: any.
	Communities []Community `json:"communities,omitempty" toml:"communities"`

	TokenCertificate string `json:"token-certificate,omitempty" toml:"token-certificate"` // PEM, with its chain
	TokenKey         string `json:"token-key,omitempty" toml:"token-key"`                 // PEM
}

// The values of Spool.Barrier.
const (
	BarrierSyncfs = "syncfs" // one call for the whole file system of the spool
	BarrierFsync  = "fsync"  // file by file
)

// Spool says where accepted messages live and how they are made durable.
type Spool struct {
	Dir     string `json:"dir" toml:"dir"`
	Barrier string `json:"barrier" toml:"barrier"`
}

// Events says where the event log lives.
type Events struct {
	Dir string `json:"dir" toml:"dir"`
}

// Limits bounds what is accepted, from whomever.
type Limits struct {
	MessageSize    quantity.Octets `json:"message-size" toml:"message-size"`   // content
	Recipients     int             `json:"recipients" toml:"recipients"`       // per message
	EnvelopeOctets quantity.Octets `json:"envelope-size" toml:"envelope-size"` // X.411 envelope
	// Connections that have not come to the bind: waiting for the CR TPDU, and again
	// in each channel.
	Unbound          int `json:"unbound" toml:"unbound"`
	UnboundPerSource int `json:"unbound-per-source" toml:"unbound-per-source"`
}

// Schedule says how long and how often delivery is tried.
type Schedule struct {
	BackoffMessage Backoff `json:"backoff-message" toml:"backoff-message"`
	BackoffPeer    Backoff `json:"backoff-peer" toml:"backoff-peer"`
	BackoffChannel Backoff `json:"backoff-channel" toml:"backoff-channel"` // of a process that has failed
	Expiry         Expiry  `json:"expiry" toml:"expiry"`
	Warn           Expiry  `json:"warn" toml:"warn"`                   // until a message is late; 0: never
	HoldDeferred   bool    `json:"hold-deferred" toml:"hold-deferred"` // what peers have not held until its deferred-delivery-time

	// Places of all channels together, and those of them that are reserved; 0: no limit.
	MaxJobs        int `json:"max-jobs" toml:"max-jobs"`
	ReservedUrgent int `json:"reserved-urgent" toml:"reserved-urgent"`
	ReservedNormal int `json:"reserved-normal" toml:"reserved-normal"`

	Starvation Duration `json:"starvation" toml:"starvation"` // of messages passed over; 0: for ever
}

// Backoff is a linear delay: First after the first failure, Step more after each
// further one, never more than Ceiling.
type Backoff struct {
	First   Duration `json:"first" toml:"first"`
	Step    Duration `json:"step" toml:"step"`
	Ceiling Duration `json:"ceiling" toml:"ceiling"`
}

// Expiry is the time from acceptance until a message is given up (X.411 §8.2.1.1.1.8), or
// said to be late, by priority.
type Expiry struct {
	Urgent    Duration `json:"urgent" toml:"urgent"`
	Normal    Duration `json:"normal" toml:"normal"`
	NonUrgent Duration `json:"non-urgent" toml:"non-urgent"`
}

// Listener is a local address associations arrive at. Listeners of the same
// address share it, told apart by called transport selector.
type Listener struct {
	Address string     `json:"address" toml:"address"` // host:port
	Channel string     `json:"channel" toml:"channel"`
	TSEL    []Selector `json:"tsel,omitempty" toml:"tsel"` // empty: whatever no other listener takes

	TLS            string `json:"tls" toml:"tls"`                                   // TLSOff or TLSRequire
	TLSCertificate string `json:"tls-certificate,omitempty" toml:"tls-certificate"` // PEM, with its chain
	TLSKey         string `json:"tls-key,omitempty" toml:"tls-key"`                 // PEM
	TLSCA          string `json:"tls-ca,omitempty" toml:"tls-ca"`                   // PEM: callers need a certificate of these
}

// The values of Listener.TLS and Peer.TLS.
const (
	TLSOff     = "off"
	TLSRequire = "require"
)

// The values of Channel.Kind.
const (
	KindX400P1 = "x400p1" // P1 over RTSE, X.419
	KindLocal  = "local"  // delivery to the users of this MTA
	KindExpand = "expand" // expansion of distribution lists, redirection
	KindSecure = "secure" // signing, taking off signatures, other labels
)

// Channel is a process that moves messages.
type Channel struct {
	Name            string `json:"name" toml:"name"`
	Kind            string `json:"kind" toml:"kind"`
	Enabled         bool   `json:"enabled" toml:"enabled"`
	MaxJobs         int    `json:"max-jobs" toml:"max-jobs"`
	ReservedUrgent  int    `json:"reserved-urgent" toml:"reserved-urgent"` // of MaxJobs
	ReservedNormal  int    `json:"reserved-normal" toml:"reserved-normal"` // of MaxJobs
	MaxAssociations int    `json:"max-associations" toml:"max-associations"`
	MaxPerPeer      int    `json:"max-per-peer" toml:"max-per-peer"`
	MaxPerHost      int    `json:"max-per-host" toml:"max-per-host"`             // 0: no limit
	MaxTransfers    int    `json:"max-transfers" toml:"max-transfers"`           // of one association; 0: no limit
	GiveWay         int    `json:"give-way" toml:"give-way"`                     // transfers before others may have the place
	Threshold       int    `json:"parallel-threshold" toml:"parallel-threshold"` // messages waiting
	// Between two associations opened from here; 0: none.
	StartInterval   Duration        `json:"start-interval,omitempty" toml:"start-interval"`
	StartLight      Duration        `json:"start-interval-light,omitempty" toml:"start-interval-light"`
	StartEnded      Duration        `json:"start-interval-ended,omitempty" toml:"start-interval-ended"`
	IdleTime        Duration        `json:"idle-time" toml:"idle-time"`
	OpenTimeout     Duration        `json:"open-timeout" toml:"open-timeout"`
	TransferTimeout Duration        `json:"transfer-timeout" toml:"transfer-timeout"` // without progress
	TransferTime    Duration        `json:"transfer-time" toml:"transfer-time"`       // of one object, progress or not
	RecoveryTime    Duration        `json:"recovery-time" toml:"recovery-time"`       // from the last octet of what may be resumed
	RecoverySize    quantity.Octets `json:"recovery-size" toml:"recovery-size"`       // of all of it

	// Bounds within which the self-test moves the limits; 0 and 0: it does not.
	MaxJobsLeast    int `json:"max-jobs-least" toml:"max-jobs-least"`
	MaxJobsMost     int `json:"max-jobs-most" toml:"max-jobs-most"`
	MaxPerPeerLeast int `json:"max-per-peer-least" toml:"max-per-peer-least"`
	MaxPerPeerMost  int `json:"max-per-peer-most" toml:"max-per-peer-most"`

	Clearance []string `json:"clearance,omitempty" toml:"clearance"` // of the way; see package label
}

// The values of Peer.Mode.
const (
	ModeNormal = "normal" // P1 of 1988 and later, application context mts-transfer
	ModeX410   = "x410"   // the same in X.410-1984 mode: application protocol 12
	Mode1984   = "1984"   // P1 of 1984 in X.410-1984 mode: application protocol 1
)

// The values of Peer.Content1984.
const (
	ContentP2  = "p2"  // the peer's users read P2 alone
	ContentP22 = "p22" // they read P22 as well
)

// Peer is another MTA, under the MTA name it gives in the bind.
type Peer struct {
	Name           string    `json:"name" toml:"name"`
	Channel        string    `json:"channel" toml:"channel"`
	Address        string    `json:"address,omitempty" toml:"address"`     // an oraddr.PresentationAddress, tried before Addresses
	Addresses      []Address `json:"addresses,omitempty" toml:"addresses"` // in the order to try; see Calls
	OurMTA         string    `json:"our-mta,omitempty" toml:"our-mta"`     // empty: Identity.MTA
	OurTSEL        Selector  `json:"our-tsel,omitempty" toml:"our-tsel"`
	OurSSEL        Selector  `json:"our-ssel,omitempty" toml:"our-ssel"`
	OurPSEL        Selector  `json:"our-psel,omitempty" toml:"our-psel"`
	PasswordIn     string    `json:"password-in,omitempty" toml:"password-in"`   // the peer's
	PasswordOut    string    `json:"password-out,omitempty" toml:"password-out"` // ours
	CheckpointSize int       `json:"checkpoint-size" toml:"checkpoint-size"`     // units of 1024 octets
	WindowSize     int       `json:"window-size" toml:"window-size"`             // checkpoints
	TwoWay         bool      `json:"two-way" toml:"two-way"`
	Mode           string    `json:"mode" toml:"mode"`                 // of associations, whoever opens them
	Content1984    string    `json:"content-1984" toml:"content-1984"` // with Mode1984
	Recovery       bool      `json:"recovery" toml:"recovery"`
	// RecoverAssociations takes RT-OPEN with recover, which has no credentials.
	RecoverAssociations bool `json:"recover-associations" toml:"recover-associations"`
	Enabled             bool `json:"enabled" toml:"enabled"`

	MaxAssociations int  `json:"max-associations" toml:"max-associations"` // 0: the channel's MaxPerPeer
	Permanent       bool `json:"permanent" toml:"permanent"`               // one association stands always

	CallEvery    Duration             `json:"call-every,omitempty" toml:"call-every"` // without an association; 0: not for that
	CallAt       []quantity.TimeOfDay `json:"call-at,omitempty" toml:"call-at"`
	Window       []quantity.Window    `json:"window,omitempty" toml:"window"`     // empty: always
	WindowUrgent bool                 `json:"window-urgent" toml:"window-urgent"` // urgent messages go at any time

	TLS            string          `json:"tls" toml:"tls"`                                   // TLSOff or TLSRequire
	TLSCA          string          `json:"tls-ca,omitempty" toml:"tls-ca"`                   // PEM: the peer's certificate comes from these
	TLSPin         []string        `json:"tls-pin,omitempty" toml:"tls-pin"`                 // SHA-256 of the peer's certificate; empty: any
	TLSName        string          `json:"tls-name,omitempty" toml:"tls-name"`               // in the peer's certificate; empty: the host called
	TLSCertificate string          `json:"tls-certificate,omitempty" toml:"tls-certificate"` // ours, PEM
	TLSKey         string          `json:"tls-key,omitempty" toml:"tls-key"`
	MaxSize        quantity.Octets `json:"max-size,omitempty" toml:"max-size"`           // 0: Limits.MessageSize
	ContentTypes   []string        `json:"content-types,omitempty" toml:"content-types"` // empty: any
	EITs           []string        `json:"eits,omitempty" toml:"eits"`                   // empty: any
	// Communities are the transport communities the peer is in; empty: any.
	Communities []Community `json:"communities,omitempty" toml:"communities"`
	// Extensions are those that may be critical (RFC 1801 §18.3); empty: any.
	Extensions []MTSExtension `json:"supported-extensions,omitempty" toml:"supported-extensions"`
	// WillRoute is what the peer routes, each by itself; none: everything.
	WillRoute []WillRoute `json:"will-route,omitempty" toml:"will-route"`

	Callers          []Caller `json:"callers,omitempty" toml:"callers"`                     // with CredentialsNone; see Sources
	Credentials      string   `json:"credentials" toml:"credentials"`                       // CredentialsSimple, CredentialsStrong or CredentialsNone, of both sides
	PasswordInFile   string   `json:"password-in-file,omitempty" toml:"password-in-file"`   // where PasswordIn is instead, for ReadSecret
	PasswordOutFile  string   `json:"password-out-file,omitempty" toml:"password-out-file"` // likewise
	TokenCA          string   `json:"token-ca,omitempty" toml:"token-ca"`                   // PEM: the peer's certificate comes from these
	TokenPeer        string   `json:"token-peer,omitempty" toml:"token-peer"`               // PEM: the peer's certificate; empty: the one it sends
	TokenSubject     string   `json:"token-subject,omitempty" toml:"token-subject"`         // of the peer's certificate
	TokenCertificate string   `json:"token-certificate,omitempty" toml:"token-certificate"` // ours, PEM; empty: Identity's
	TokenKey         string   `json:"token-key,omitempty" toml:"token-key"`
	TokenShow        bool     `json:"token-show" toml:"token-show"`           // our certificate goes along
	TokenTolerance   Duration `json:"token-tolerance" toml:"token-tolerance"` // of the time of a token
	TokenRelated     bool     `json:"token-related" toml:"token-related"`     // the random number of an answer
	TokenWeak        bool     `json:"token-weak" toml:"token-weak"`           // SHA-1 will do

	Clearance []string `json:"clearance,omitempty" toml:"clearance"` // of the MTA and whoever is behind it
}

// Address is a presentation address of a peer (X.200 §5.4), its network part an
// RFC 1006 host and port.
type Address struct {
	Host string   `json:"host" toml:"host"` // host:port
	TSEL Selector `json:"tsel,omitempty" toml:"tsel"`
	SSEL Selector `json:"ssel,omitempty" toml:"ssel"`
	PSEL Selector `json:"psel,omitempty" toml:"psel"`
}

// Route says where recipients that match go: to Peers, to this MTA's own users
// (Local), or nowhere (Reject). lib/route tells which of several decides.
type Route struct {
	Match      string   `json:"match" toml:"match"` // an oraddr.Pattern
	Peers      []string `json:"peers,omitempty" toml:"peers"`
	Local      bool     `json:"local,omitempty" toml:"local"`
	Reject     string   `json:"reject,omitempty" toml:"reject"`
	Reason     int      `json:"reason" toml:"reason"`
	Diagnostic int      `json:"diagnostic" toml:"diagnostic"` // NoDiagnostic: none
	Comment    string   `json:"comment,omitempty" toml:"comment"`
}

// NoDiagnostic is the Diagnostic of a route that rejects without one; X.411 makes
// the diagnostic code optional beside the reason code.
const NoDiagnostic = -1

// User is a recipient of this MTA, delivered to either a mailbox directory or a
// program, or redirected to an alternate recipient.
type User struct {
	Address      string          `json:"address" toml:"address"`                       // O/R address
	Channel      string          `json:"channel,omitempty" toml:"channel"`             // empty: the only local one; Complete fills it in
	Mailbox      string          `json:"mailbox,omitempty" toml:"mailbox"`             // directory
	Program      []string        `json:"program,omitempty" toml:"program"`             // argv
	MaxSize      quantity.Octets `json:"max-size,omitempty" toml:"max-size"`           // 0: Limits.MessageSize
	ContentTypes []string        `json:"content-types,omitempty" toml:"content-types"` // empty: any
	EITs         []string        `json:"eits,omitempty" toml:"eits"`                   // empty: any
	Alternate    string          `json:"alternate,omitempty" toml:"alternate"`         // O/R address of the recipient-assigned-alternate-recipient
	// Extensions are those that may be critical for delivery (RFC 1801 §11); empty: any.
	Extensions []MTSExtension `json:"supported-extensions,omitempty" toml:"supported-extensions"`

	Clearance []string `json:"clearance,omitempty" toml:"clearance"` // see package label
}

// Acceptance is what a user or a peer takes: the deliverable-maximum-content-length,
// deliverable-content-types and deliverable-encoded-information-types of X.411
// §8.4.1.1.1. Zero members restrict nothing.
type Acceptance struct {
	MaxSize      int64
	ContentTypes []mts.ContentType
	EITs         []asn1.OID
	Extensions   []MTSExtension // that may be critical
}

// IsZero tells that everything is taken.
func (a *Acceptance) IsZero() bool {
	return a.MaxSize == 0 && len(a.ContentTypes) == 0 && len(a.EITs) == 0 && len(a.Extensions) == 0
}

// String says what is taken, for people: "takes content types p22; at most 1KiB"; it is
// empty if everything is.
func (a *Acceptance) String() string {
	var parts []string
	if len(a.ContentTypes) > 0 {
		var names []string
		for _, t := range a.ContentTypes {
			names = append(names, t.String())
		}
		parts = append(parts, "content types "+strings.Join(names, ", "))
	}
	if len(a.EITs) > 0 {
		var names []string
		for _, o := range a.EITs {
			names = append(names, mts.EITName(o))
		}
		parts = append(parts, "encoded information types "+strings.Join(names, ", "))
	}
	if len(a.Extensions) > 0 {
		names := make([]string, len(a.Extensions))
		for i, x := range a.Extensions {
			names[i] = string(x)
		}
		parts = append(parts, "critical extensions "+strings.Join(names, ", "))
	}
	if a.MaxSize > 0 {
		parts = append(parts, "at most "+quantity.Octets(a.MaxSize).String())
	}
	if len(parts) == 0 {
		return ""
	}
	return "takes " + strings.Join(parts, "; ")
}

// Acceptance returns what the peer takes; the error has kind Data.
func (p *Peer) Acceptance() (Acceptance, error) {
	return acceptance(p.MaxSize, p.ContentTypes, p.EITs, p.Extensions)
}

// Acceptance returns what the user takes; the error has kind Data.
func (u *User) Acceptance() (Acceptance, error) {
	return acceptance(u.MaxSize, u.ContentTypes, u.EITs, u.Extensions)
}

func acceptance(size quantity.Octets, types, eits []string, extensions []MTSExtension) (a Acceptance, err error) {
	a.MaxSize, a.Extensions = int64(size), extensions
	for _, text := range types {
		t, err := mts.ParseContentType(text)
		if err != nil {
			return Acceptance{}, err
		}
		a.ContentTypes = append(a.ContentTypes, t)
	}
	for _, text := range eits {
		o, err := mts.ParseEIT(text)
		if err != nil {
			return Acceptance{}, err
		}
		a.EITs = append(a.EITs, o)
	}
	return a, nil
}

// Peer returns the peer of the given MTA name.
func (c *Config) Peer(name string) (*Peer, bool) {
	for i := range c.Peers {
		if c.Peers[i].Name == name {
			return &c.Peers[i], true
		}
	}
	return nil, false
}

// NamedPeer is Peer for a name that somebody has given: the error, of kind NoInput, has a
// hint with the names there are.
func (c *Config) NamedPeer(name string) (*Peer, error) {
	if p, ok := c.Peer(name); ok {
		return p, nil
	}
	hint := "it has none: mta.toml(5) tells how [[peer]] is written"
	if len(c.Peers) > 0 {
		names := make([]string, len(c.Peers))
		for i := range c.Peers {
			names[i] = c.Peers[i].Name
		}
		hint = "it has " + strings.Join(names, ", ")
	}
	return nil, diag.WithHint(diag.New(name, diag.NoInput, "no such peer in the configuration"), hint)
}

// Channel returns the channel of the given name.
func (c *Config) Channel(name string) (*Channel, bool) {
	for i := range c.Channels {
		if c.Channels[i].Name == name {
			return &c.Channels[i], true
		}
	}
	return nil, false
}

// ListenAddresses returns the local addresses to open, each once, in the order of
// the listeners: those for whom there is a channel that is enabled.
func (c *Config) ListenAddresses() []string {
	var all []string
	seen := map[string]bool{}
	for _, l := range c.Listeners {
		if !seen[l.Address] && c.takes(l) {
			seen[l.Address] = true
			all = append(all, l.Address)
		}
	}
	return all
}

// ListenerChannel returns the channel that takes an association which arrived at
// the local address for the called transport selector tsel (empty if the CR TPDU
// had none). A listener that names the selector goes before one that names none.
func (c *Config) ListenerChannel(address string, tsel []byte) (channel string, ok bool) {
	for _, l := range c.Listeners {
		if l.Address != address || !c.takes(l) {
			continue
		}
		if len(l.TSEL) == 0 {
			channel, ok = l.Channel, true
			continue
		}
		for _, s := range l.TSEL {
			if string(s) == string(tsel) {
				return l.Channel, true
			}
		}
	}
	return channel, ok
}

// takes tells whether the channel of a listener is enabled.
func (c *Config) takes(l Listener) bool {
	ch, ok := c.Channel(l.Channel)
	return !ok || ch.Enabled
}

// SecureListener returns the listener of a local address where TLS comes before
// everything else. It has the address to itself: the called transport selector is not
// known when a channel has to be chosen.
func (c *Config) SecureListener(address string) (*Listener, bool) {
	for i := range c.Listeners {
		if l := &c.Listeners[i]; l.Address == address && l.TLS == TLSRequire {
			return l, true
		}
	}
	return nil, false
}

// MTAName returns the MTA name to give in the bind with peer p.
func (c *Config) MTAName(p *Peer) string {
	if p.OurMTA != "" {
		return p.OurMTA
	}
	return c.Identity.MTA
}

// CheckPassword tells whether the peer presented its password, in time that does
// not depend on where the two differ.
func (p *Peer) CheckPassword(presented []byte) bool {
	return subtle.ConstantTimeCompare([]byte(p.PasswordIn), presented) == 1
}

// Redacted returns a copy with every password replaced by stars, for people to
// look at. Of one that is in a file the name of that stays.
func (c *Config) Redacted() *Config {
	r := *c
	r.Peers = append([]Peer(nil), c.Peers...)
	for i := range r.Peers {
		for _, p := range []*string{&r.Peers[i].PasswordIn, &r.Peers[i].PasswordOut} {
			if *p != "" {
				*p = "***"
			}
		}
	}
	return &r
}
