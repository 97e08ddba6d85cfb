package conf

import (
	"reflect"
	"time"
)

// The port of the ISO transport service on top of TCP (RFC 1006 §5).
const defaultPort = "102"

const (
	kib = 1 << 10
	mib = 1 << 20

	second = Duration(time.Second)
	minute = Duration(time.Minute)
	hour   = Duration(time.Hour)
)

// New returns a Config with the default of every member of its tables, and no
// listener, channel, peer, route or user.
func New() *Config {
	return &Config{
		Identity: Identity{Trees: []string{Tables}},
		Spool:    Spool{Dir: "spool", Barrier: BarrierSyncfs},
		Events:   Events{Dir: "log"}, Directory: newDirectory(),
		Limits: Limits{MessageSize: 100 * mib, Recipients: MaxRecipients, EnvelopeOctets: 4 * mib,
			Unbound: 256, UnboundPerSource: 32},
		Schedule: Schedule{
			BackoffMessage: Backoff{First: 5 * minute, Step: 5 * minute, Ceiling: hour},
			BackoffPeer:    Backoff{First: 30 * second, Step: 30 * second, Ceiling: 15 * minute},
			// Urgent mail that is four hours late has lost its purpose; a
			// weekday of trouble must not lose the rest.
			Expiry:         Expiry{Urgent: 4 * hour, Normal: 24 * hour, NonUrgent: 36 * hour},
			BackoffChannel: Backoff{First: second, Step: 2 * second, Ceiling: minute},
			// While something can still be done about it.
			Warn:           Expiry{Urgent: 10 * minute, Normal: 4 * hour, NonUrgent: 12 * hour},
			ReservedUrgent: 1, ReservedNormal: 1,
			Starvation: 10 * minute,
		},
		SelfTest: newSelfTest(),
		Security: NewSecurity(),
	}
}

// NewListener returns a Listener with the defaults.
func NewListener() Listener { return Listener{TLS: TLSOff} }

// NewChannel returns a Channel with the defaults.
func NewChannel() Channel {
	return Channel{
		Enabled: true,
		MaxJobs: 8, ReservedUrgent: 1, ReservedNormal: 1,
		MaxAssociations: 64, MaxPerPeer: 4, GiveWay: 32, Threshold: 1,
		IdleTime: minute, OpenTimeout: minute, TransferTimeout: 5 * minute,
		TransferTime: 24 * hour, RecoveryTime: 4 * hour, RecoverySize: 1024 * mib,
	}
}

// NewPeer returns a Peer with the defaults.
func NewPeer() Peer {
	return Peer{CheckpointSize: 64, WindowSize: 3, TwoWay: true, Mode: ModeNormal, Content1984: ContentP2, Recovery: true, Enabled: true, TLS: TLSOff,
		Credentials: CredentialsSimple, TokenShow: true, TokenTolerance: 5 * minute, TokenRelated: true}
}

// NewRoute returns a Route with the defaults: unable-to-transfer,
// unrecognised-OR-name if it rejects.
func NewRoute() Route { return Route{Reason: 1} }

// NewUser returns a User with the defaults.
func NewUser() User { return User{} }

// Fresh returns an entry of a list of tables, of the type t, with its defaults.
func Fresh(t reflect.Type) reflect.Value {
	switch t {
	case reflect.TypeFor[Listener]():
		return reflect.ValueOf(NewListener())
	case reflect.TypeFor[Channel]():
		return reflect.ValueOf(NewChannel())
	case reflect.TypeFor[Peer]():
		return reflect.ValueOf(NewPeer())
	case reflect.TypeFor[Route]():
		return reflect.ValueOf(NewRoute())
	case reflect.TypeFor[Node]():
		return reflect.ValueOf(NewNode())
	case reflect.TypeFor[User]():
		return reflect.ValueOf(NewUser())
	case reflect.TypeFor[List]():
		return reflect.ValueOf(NewList())
	case reflect.TypeFor[RuleSet]():
		return reflect.ValueOf(NewRuleSet())
	}
	if d, ok := reflect.Zero(t).Interface().(interface{ Default() any }); ok {
		return reflect.ValueOf(d.Default())
	}
	return reflect.Zero(t)
}
