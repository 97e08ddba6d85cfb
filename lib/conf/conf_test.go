package conf

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// sample returns a valid configuration with one of everything.
func sample() *Config {
	c := New()
	c.Version = "0123456789abcdef"
	c.Identity = Identity{MTA: "MTA-A", Domain: oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"}}
	c.Listeners = []Listener{{Address: "127.0.0.1:10102", Channel: "p1", TLS: TLSOff}}
	p1, local := NewChannel(), NewChannel()
	p1.Name, p1.Kind = "p1", KindX400P1
	local.Name, local.Kind = "local", KindLocal
	c.Channels = []Channel{p1, local}
	b := NewPeer()
	b.Name, b.Channel, b.PasswordIn, b.PasswordOut = "MTA-B", "p1", "bravo", "alpha"
	b.Addresses = []Address{{Host: "192.0.2.2", TSEL: "\x00\x07"}}
	c.Peers = []Peer{b}
	bravo, closed := NewRoute(), NewRoute()
	bravo.Match, bravo.Peers = "/PRMD=BRAVO/ADMD=TEST/C=GB/", []string{"MTA-B"}
	closed.Match, closed.Reject = "/PRMD=DELTA/ADMD=TEST/C=GB/", "closed"
	c.Routes = []Route{bravo, closed}
	c.Users = []User{{Address: "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", Mailbox: "/m/ann"}}
	c.Complete()
	return c
}

// strong gives the peer of the sample strong credentials.
func strong(c *Config) *Peer {
	p := &c.Peers[0]
	p.Credentials, p.PasswordIn, p.PasswordOut = CredentialsStrong, "", ""
	p.TokenCA, p.TokenCertificate, p.TokenKey = "ca.pem", "cert.pem", "key.pem"
	return p
}

// none leaves the peer of the sample without credentials.
func none(c *Config) *Peer {
	p := &c.Peers[0]
	p.Credentials, p.PasswordIn, p.PasswordOut = CredentialsNone, "", ""
	return p
}

// The certificate for the tokens that a peer gets is its own or everybody's.
func TestToken(t *testing.T) {
	c := sample()
	p := strong(c)
	if err := c.Validate(); err != nil {
		t.Error(err)
	}
	c.Identity.TokenCertificate, c.Identity.TokenKey = "all.pem", "all.key"
	if certificate, key := c.Token(p); certificate != "cert.pem" || key != "key.pem" {
		t.Errorf("%s, %s", certificate, key)
	}
	p.TokenCertificate, p.TokenKey = "", ""
	if certificate, key := c.Token(p); certificate != "all.pem" || key != "all.key" || c.Validate() != nil {
		t.Errorf("%s, %s: %v", certificate, key, c.Validate())
	}
}

func TestComplete(t *testing.T) {
	c := sample()
	if got := c.Users[0].Channel; got != "local" {
		t.Errorf("channel of the user: %q", got)
	}
	for in, want := range map[string]string{
		"":               "",
		"mta.example":    "mta.example:102",
		"[2001:db8::1]":  "[2001:db8::1]:102",
		"mta.example:1":  "mta.example:1",
		"[2001:db8::1]:": "[2001:db8::1]:",
		":102":           ":102",
	} {
		if got := withPort(in); got != want {
			t.Errorf("withPort(%q) = %q, want %q", in, got, want)
		}
	}
}

func TestValidateAcceptsSample(t *testing.T) {
	if err := sample().Validate(); err != nil {
		t.Fatal(err)
	}
}

// TestConfigSurvivesJSON: channel processes get the configuration as JSON.
func TestConfigSurvivesJSON(t *testing.T) {
	want := sample()
	want.Peers[0].CallAt, want.Peers[0].Window = []quantity.TimeOfDay{{Days: 3, Minute: 1}}, []quantity.Window{{Days: 64, From: 1, To: 2}}
	text, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	got := new(Config)
	if err := json.Unmarshal(text, got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-sent +received:\n%s", diff)
	}
}

func TestValidateNamesTableAndKey(t *testing.T) {
	for _, tt := range []struct {
		name   string
		change func(*Config)
		want   string
	}{
		{"no MTA name", func(c *Config) { c.Identity.MTA = "" }, `[identity]: mta: required`},
		{"long MTA name", func(c *Config) { c.Identity.MTA = strings.Repeat("m", 33) },
			`[identity]: mta: 33 characters; an MTA name has at most 32`},
		{"MTA name beyond IA5", func(c *Config) { c.Identity.MTA = "MTÄ" }, `[identity]: mta: octet number 3 is not IA5`},
		{"no domain", func(c *Config) { c.Identity.Domain = oraddr.Domain{} }, `[identity]: domain: required`},
		{"domain without country", func(c *Config) { c.Identity.Domain.C = "" }, `[identity]: domain: no country name (C)`},
		{"barrier", func(c *Config) { c.Spool.Barrier = "none" }, `[spool]: barrier: "none" is neither syncfs nor fsync`},
		{"spool", func(c *Config) { c.Spool.Dir = "" }, `[spool]: dir: required`},
		{"events", func(c *Config) { c.Events.Dir = "" }, `[events]: dir: required`},
		{"content beyond X.411", func(c *Config) { c.Limits.MessageSize = 1 << 31 },
			`[limits]: message-size: 2147483648 is not between 1 and 2147483647`},
		{"no recipients", func(c *Config) { c.Limits.Recipients = 0 }, `[limits]: recipients: 0 is not between 1 and 32767`},
		{"envelope", func(c *Config) { c.Limits.EnvelopeOctets = 1 }, `[limits]: envelope-size: 1 is not between 4096 and 268435456`},
		{"back-off never", func(c *Config) { c.Schedule.BackoffPeer.First = 0 },
			`[schedule]: backoff-peer.first: 0s is not more than 0s and at most 8784h`},
		{"ceiling", func(c *Config) { c.Schedule.BackoffMessage.Ceiling = minute },
			`[schedule]: backoff-message.ceiling: 1m is less than first, 5m`},
		{"negative step", func(c *Config) { c.Schedule.BackoffMessage.Step = -1 },
			`[schedule]: backoff-message.step: -1ns is not between 0s and 8784h`},
		{"expiry", func(c *Config) { c.Schedule.Expiry.NonUrgent = 9000 * hour },
			`[schedule]: expiry.non-urgent: 9000h is not more than 0s and at most 8784h`},
		{"listener address", func(c *Config) { c.Listeners[0].Address = "one:two:three" },
			`[[listener]] "one:two:three": address: "one:two:three" is not host:port`},
		{"listener port", func(c *Config) { c.Listeners[0].Address = "127.0.0.1:0" },
			`[[listener]] "127.0.0.1:0": address: "0" is not a port, 1 to 65535`},
		{"listener of a local channel", func(c *Config) { c.Listeners[0].Channel = "local" },
			`[[listener]] "127.0.0.1:10102": channel: [[channel]] "local" is of kind local, not x400p1`},
		{"listener with a certificate and no TLS", func(c *Config) { c.Listeners[0].TLSCertificate, c.Listeners[0].TLSKey = "c", "k" },
			`[[listener]] "127.0.0.1:10102": tls: "off", but there are certificates`},
		{"listener with TLS and no certificate", func(c *Config) { c.Listeners[0].TLS = TLSRequire },
			`[[listener]] "127.0.0.1:10102": tls-certificate: required with tls = "require"`},
		{"listener beside one with TLS", func(c *Config) {
			c.Listeners = append(c.Listeners, c.Listeners[0])
			l := &c.Listeners[1]
			l.TSEL, l.TLS, l.TLSCertificate, l.TLSKey = []Selector{"X"}, TLSRequire, "c", "k"
		}, `[[listener]] "127.0.0.1:10102": address: "127.0.0.1:10102" has TLS, and one listener therefore: the selector is not known before`},
		{"peer with TLS and nobody's certificate", func(c *Config) { c.Peers[0].TLS = TLSRequire },
			`[[peer]] "MTA-B": tls: "require" needs tls-ca or tls-pin: whose certificate would do?`},
		{"peer with a pin and no TLS", func(c *Config) { c.Peers[0].TLSPin = []string{strings.Repeat("0a", 32)} },
			`[[peer]] "MTA-B": tls: "off", but there are certificates`},
		{"certificate without key", func(c *Config) {
			c.Peers[0].TLS, c.Peers[0].TLSCA, c.Peers[0].TLSCertificate = TLSRequire, "a", "c"
		}, `[[peer]] "MTA-B": tls-key: a certificate and its key go together`},
		{"pin", func(c *Config) { c.Peers[0].TLS, c.Peers[0].TLSPin = TLSRequire, []string{"0a0b"} },
			`[[peer]] "MTA-B": tls-pin number 1: "0a0b" is not a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons, and no other text`},
		{"interval", func(c *Config) { c.Peers[0].CallEvery = 1 }, `[[peer]] "MTA-B": call-every: 1ns is not between 1s and 8784h`},
		{"calls of a peer that cannot be called", func(c *Config) { c.Peers[0].CallEvery, c.Peers[0].Addresses = hour, nil },
			`[[peer]] "MTA-B": call-every: the peer has no address to call`},
		{"calls that fetch nothing", func(c *Config) { c.Peers[0].CallAt, c.Peers[0].TwoWay = []quantity.TimeOfDay{{}}, false },
			`[[peer]] "MTA-B": call-at: the peer could send nothing: two-way is false`},
		{"call outside the windows", func(c *Config) {
			c.Peers[0].CallAt, c.Peers[0].Window = []quantity.TimeOfDay{{Days: 1, Minute: 60}}, []quantity.Window{{Days: 64, From: 0, To: 1440}, {Days: 1, From: 61, To: 1440}}
		}, `[[peer]] "MTA-B": call-at number 1: Mon 01:00 is not in a window on Mon`},
		{"too many windows", func(c *Config) { c.Peers[0].Window = make([]quantity.Window, 101) },
			`[[peer]] "MTA-B": window: 101 of them; a peer has at most 100`},
		{"exempt of nothing", func(c *Config) { c.Peers[0].WindowUrgent = true }, `[[peer]] "MTA-B": window-urgent: there is no window`},
		{"tls", func(c *Config) { c.Peers[0].TLS = "yes" }, `[[peer]] "MTA-B": tls: "yes" is neither off nor require`},
		{"key of tokens without a certificate", func(c *Config) { c.Identity.TokenKey = "k" },
			`[identity]: token-key: a certificate and its key go together`},
		{"credentials", func(c *Config) { c.Peers[0].Credentials = "protected" }, `[[peer]] "MTA-B": credentials: "protected" is neither simple, strong nor none`},
		{"no credentials and authorities", func(c *Config) { none(c).TokenCA = "ca" },
			`[[peer]] "MTA-B": credentials: "none", but there is something for tokens`},
		{"no credentials and passwords", func(c *Config) { none(c).PasswordIn = "x" },
			`[[peer]] "MTA-B": credentials: "none", but there are passwords`},
		{"callers that have credentials", func(c *Config) { c.Peers[0].Callers = []Caller{{Network: "192.0.2.1"}} },
			`[[peer]] "MTA-B": callers: with credentials = "simple" it is these that tell who calls`},
		{"too many callers", func(c *Config) { none(c).Callers = slices.Repeat([]Caller{{Network: "192.0.2.1"}}, 101) },
			`[[peer]] "MTA-B": callers: 101 of them; a peer has at most 100`},
		{"caller without a network", func(c *Config) { none(c).Callers = []Caller{{TSEL: "x"}} },
			`[[peer]] "MTA-B": callers number 1: network: required`},
		{"caller by name", func(c *Config) { none(c).Callers = []Caller{{Network: "example.org"}} },
			`[[peer]] "MTA-B": callers number 1: network: "example.org" is neither an IP address nor a network as 192.0.2.0/28`},
		{"session selector of a caller", func(c *Config) { none(c).Callers = []Caller{{Network: "::1", SSEL: Selector(strings.Repeat("s", 17))}} },
			`[[peer]] "MTA-B": callers number 1: ssel: 17 octets; the limit is 16`},
		{"presentation selector of a caller of 1984", func(c *Config) {
			p := none(c)
			p.Mode, p.Callers = Mode1984, []Caller{{Network: "::1", PSEL: "P"}}
		}, `[[peer]] "MTA-B": callers number 1: psel: mode 1984 has no presentation selectors`},
		{"simple credentials with authorities", func(c *Config) { c.Peers[0].TokenCA = "ca" },
			`[[peer]] "MTA-B": credentials: "simple", but there is something for tokens`},
		{"strong credentials without a key", func(c *Config) { strong(c).TokenCertificate, c.Peers[0].TokenKey = "", "" },
			`[[peer]] "MTA-B": token-certificate: required with credentials = "strong", here or in [identity]`},
		{"strong credentials without their key", func(c *Config) { strong(c).TokenKey = "" },
			`[[peer]] "MTA-B": token-key: a certificate and its key go together`},
		{"strong credentials of anybody", func(c *Config) { strong(c).TokenCA = "" },
			`[[peer]] "MTA-B": credentials: "strong" needs token-ca or token-peer: whose certificate would do?`},
		{"strong credentials and passwords", func(c *Config) { strong(c).PasswordOut = "x" },
			`[[peer]] "MTA-B": credentials: "strong", but there are passwords`},
		{"strong credentials of 1984", func(c *Config) { strong(c).Mode = Mode1984 },
			`[[peer]] "MTA-B": credentials: "strong", which the edition of 1984 does not have`},
		{"strong credentials and associations without", func(c *Config) { strong(c).RecoverAssociations = true },
			`[[peer]] "MTA-B": recover-associations: takes an association without credentials: with credentials = "strong" it needs tls = "require"`},
		{"tolerance", func(c *Config) { c.Peers[0].TokenTolerance = 0 }, `[[peer]] "MTA-B": token-tolerance: 0s is not between 1s and 24h`},
		{"listener twice", func(c *Config) { c.Listeners = append(c.Listeners, c.Listeners[0]) },
			`[[listener]] "127.0.0.1:10102": tsel: [[listener]] number 1 takes selector "" of this address already`},
		{"empty selector in a list", func(c *Config) { c.Listeners[0].TSEL = []Selector{"A", ""} },
			`[[listener]] "127.0.0.1:10102": tsel: an empty selector among others`},
		{"places of all channels", func(c *Config) { c.Schedule.MaxJobs = 2 },
			`[schedule]: max-jobs: 2 leaves non-urgent messages no place beside 2 reserved ones`},
		{"warning", func(c *Config) { c.Schedule.Warn.Urgent = -1 }, `[schedule]: warn.urgent: -1ns is not between 0s and 8784h`},
		{"starvation", func(c *Config) { c.Schedule.Starvation = 9000 * hour }, `[schedule]: starvation: 9000h is not between 0s and 8784h`},
		{"channel back-off", func(c *Config) { c.Schedule.BackoffChannel.First = 0 }, `[schedule]: backoff-channel.first: 0s is not more than 0s and at most 8784h`},
		{"start interval", func(c *Config) { c.Channels[0].StartLight = -second }, `[[channel]] "p1": start-interval-light: -1s is not between 0s and 8784h`},
		{"giving way", func(c *Config) { c.Channels[0].GiveWay = 0 }, `[[channel]] "p1": give-way: 0 is not between 1 and 1000000`},
		{"channel name", func(c *Config) { c.Channels[1].Name, c.Users[0].Channel = "Local", "Local" },
			`[[channel]] "Local": name: "Local" is not 1 to 32 of a-z, 0-9 and -`},
		{"channel twice", func(c *Config) { c.Channels = append(c.Channels, c.Channels[0]) },
			`[[channel]] "p1": name: "p1" is also the name of [[channel]] number 1`},
		{"channel kind", func(c *Config) {
			c.Channels = append(c.Channels, c.Channels[0])
			last := &c.Channels[len(c.Channels)-1]
			last.Name, last.Kind = "x", "smtp"
		},
			`[[channel]] "x": kind: "smtp" is not x400p1, local, expand or secure`},
		{"channel that nobody needs to name", func(c *Config) { c.Channels[2].Kind = "local"; c.Users = nil },
			`[[channel]] expand is of kind local, and there is none of kind expand`},
		{"limit below its bounds", func(c *Config) { c.Channels[0].MaxJobsLeast, c.Channels[0].MaxJobsMost = 9, 12 },
			`[[channel]] "p1": max-jobs: 8 is not from max-jobs-least, 9, to max-jobs-most, 12`},
		{"one bound", func(c *Config) { c.Channels[0].MaxPerPeerMost = 12 },
			`[[channel]] "p1": max-per-peer-least: 0 is not between 1 and 10000`},
		{"no place for non-urgent at the bound", func(c *Config) { c.Channels[0].MaxJobsLeast, c.Channels[0].MaxJobsMost = 2, 12 },
			`[[channel]] "p1": max-jobs-least: 2 leaves non-urgent messages no place beside 2 reserved ones`},
		{"interval of the self-test", func(c *Config) { c.SelfTest.Interval = 0 },
			`[selftest]: interval: 0s is not from 1s to 1h`},
		{"no place for non-urgent", func(c *Config) { c.Channels[0].MaxJobs = 2 },
			`[[channel]] "p1": max-jobs: 2 leaves non-urgent messages no place beside 2 reserved ones`},
		{"associations", func(c *Config) { c.Channels[0].MaxAssociations = 0 },
			`[[channel]] "p1": max-associations: 0 is not between 1 and 10000`},
		{"peer without name", func(c *Config) { c.Peers = append(c.Peers, c.Peers[0]); c.Peers[1].Name = "" },
			`[[peer]] number 2: name: required`},
		{"peer twice", func(c *Config) { c.Peers = append(c.Peers, c.Peers[0]) },
			`[[peer]] "MTA-B": name: "MTA-B" is also the name of [[peer]] number 1`},
		{"peer of no channel", func(c *Config) { c.Peers[0].Channel = "p2" },
			`[[peer]] "MTA-B": channel: there is no [[channel]] "p2"`},
		{"permanent and never called", func(c *Config) { c.Peers[0].Permanent, c.Peers[0].Addresses = true, nil },
			`[[peer]] "MTA-B": permanent: the peer has no address to call`},
		{"presentation address", func(c *Config) { c.Peers[0].Address = `"T"/127.0.0.1:102` },
			`[[peer]] "MTA-B": address: a network address is Internet=host+port or NS+hexadecimal`},
		{"presentation address of another network", func(c *Config) { c.Peers[0].Address = `"T"/NS+4700AB` },
			`[[peer]] "MTA-B": address: NS+4700AB is no address of RFC 1006 over TCP`},
		{"session selector of a presentation address", func(c *Config) { c.Peers[0].Address = `"12345678901234567"/"T"/Internet=a` },
			`[[peer]] "MTA-B": address: ssel: 17 octets; the limit is 16`},
		{"peer address", func(c *Config) { c.Peers[0].Addresses[0].Host = ":102" },
			`[[peer]] "MTA-B": addresses number 1: host: ":102" names no host`},
		{"peer host", func(c *Config) { c.Peers[0].Addresses[0].Host = "a b:102" },
			`[[peer]] "MTA-B": addresses number 1: host: "a b" is not a host`},
		{"session selector", func(c *Config) { c.Peers[0].Addresses[0].SSEL = Selector(strings.Repeat("s", 17)) },
			`[[peer]] "MTA-B": addresses number 1: ssel: 17 octets; the limit is 16`},
		{"our session selector", func(c *Config) { c.Peers[0].OurSSEL = Selector(strings.Repeat("s", 17)) },
			`[[peer]] "MTA-B": our-ssel: 17 octets; the limit is 16`},
		{"password", func(c *Config) { c.Peers[0].PasswordIn = strings.Repeat("p", 63) },
			`[[peer]] "MTA-B": password-in: 63 characters; a password has at most 62`},
		{"password and a file with it", func(c *Config) { c.Peers[0].PasswordOutFile = "out" },
			`[[peer]] "MTA-B": password-out-file: password-out is there, too: it stands in one place`},
		{"credential elsewhere", func(c *Config) { c.Peers[0].PasswordIn, c.Peers[0].PasswordInFile = "", "credential:../in" },
			`[[peer]] "MTA-B": password-in-file: "../in" is no name of a credential: a name of a file, without slashes`},
		{"credential without a name", func(c *Config) { c.Peers[0].PasswordIn, c.Peers[0].PasswordInFile = "", "credential:" },
			`[[peer]] "MTA-B": password-in-file: "" is no name of a credential: a name of a file, without slashes`},
		{"credential of a long name", func(c *Config) {
			c.Peers[0].PasswordIn, c.Peers[0].PasswordInFile = "", "credential:"+strings.Repeat("n", 256)
		}, `[[peer]] "MTA-B": password-in-file: 256 octets; the name of a credential has at most 255`},
		{"strong credentials and a file with a password", func(c *Config) { strong(c).PasswordInFile = "in" },
			`[[peer]] "MTA-B": credentials: "strong", but there are passwords`},
		{"mode", func(c *Config) { c.Peers[0].Mode = "1988" }, `[[peer]] "MTA-B": mode: "1988" is neither normal, x410 nor 1984`},
		{"content-1984", func(c *Config) { c.Peers[0].Content1984 = "p772" }, `[[peer]] "MTA-B": content-1984: "p772" is neither p2 nor p22`},
		{"checkpoints", func(c *Config) { c.Peers[0].CheckpointSize = 1025 }, `[[peer]] "MTA-B": checkpoint-size: 1025 is not between 0 and 1024`},
		{"window", func(c *Config) { c.Peers[0].WindowSize = 0 }, `[[peer]] "MTA-B": window-size: 0 is not between 1 and 32`},
		{"route to nobody", func(c *Config) { c.Routes[0].Peers = []string{"MTA-X"} },
			`[[route]] "/PRMD=BRAVO/ADMD=TEST/C=GB/": peers number 1: there is no [[peer]] "MTA-X"`},
		{"route to the same twice", func(c *Config) { c.Routes[0].Peers = []string{"MTA-B", "MTA-B"} },
			`[[route]] "/PRMD=BRAVO/ADMD=TEST/C=GB/": peers number 2: "MTA-B" twice`},
		{"route to too many", func(c *Config) { c.Routes[0].Peers = make([]string, 33) },
			`[[route]] "/PRMD=BRAVO/ADMD=TEST/C=GB/": peers: 33 peers; a route has at most 32`},
		{"route with two ends", func(c *Config) { c.Routes[0].Reject = "no" },
			`[[route]] "/PRMD=BRAVO/ADMD=TEST/C=GB/": has 2 of peers, local and reject; exactly one is needed`},
		{"route with no end", func(c *Config) { c.Routes[0].Peers = nil },
			`[[route]] "/PRMD=BRAVO/ADMD=TEST/C=GB/": has 0 of peers, local and reject; exactly one is needed`},
		{"route without match", func(c *Config) { c.Routes[0].Match = "" }, `[[route]] number 1: match: required`},
		{"supplementary information", func(c *Config) { c.Routes[1].Reject = "cl@sed" },
			`[[route]] "/PRMD=DELTA/ADMD=TEST/C=GB/": reject: "cl@sed" is not 1 to 256 printable-string characters`},
		{"diagnostic", func(c *Config) { c.Routes[1].Diagnostic = -2 },
			`[[route]] "/PRMD=DELTA/ADMD=TEST/C=GB/": diagnostic: -2 is not between -1 and 32767`},
		{"user twice", func(c *Config) {
			u := c.Users[0]
			u.Address = "G=ann; S=SMITH; O=Org; P=ALPHA; A=TEST; C=GB"
			c.Users = append(c.Users, u)
		}, `[[user]] "G=ann; S=SMITH; O=Org; P=ALPHA; A=TEST; C=GB": address: equals the address of [[user]] number 1`},
		{"user without end", func(c *Config) { c.Users[0].Mailbox = "" },
			`[[user]] "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/": needs one of mailbox and program, not both`},
		{"user with empty program", func(c *Config) { c.Users[0].Mailbox, c.Users[0].Program = "", []string{""} },
			`[[user]] "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/": program: names no program`},
		{"user with both ends and an alternate", func(c *Config) { c.Users[0].Program, c.Users[0].Alternate = []string{"p"}, "S=X; A= ; C=GB" },
			`[[user]] "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/": needs one of mailbox and program, not both`},
		{"alternate of a user", func(c *Config) {
			c.Users[0].Mailbox, c.Users[0].Alternate = "", "S=Smith; G=ANN; O=Org; P=ALPHA; A=TEST; C=GB"
		},
			`[[user]] "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/": alternate: is the user`},
		{"list with the address of a user", func(c *Config) { withList(c, func(l *List) { l.Address = c.Users[0].Address }) },
			`[[list]] "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/": address: equals the address of [[user]] number 1`},
		{"list with too many members", func(c *Config) { withList(c, func(l *List) { l.Members = make([]string, 32768) }) },
			`[[list]] "CN=L; A=T; C=GB": members: 32768 members; a list has at most 32767, and may have lists for members`},
		{"list that reports to all", func(c *Config) { withList(c, func(l *List) { l.Reports = "all" }) },
			`[[list]] "CN=L; A=T; C=GB": reports: "all" is not originator, owner, both or none`},
		{"list without the owner it reports to", func(c *Config) { withList(c, func(l *List) { l.Reports = "both" }) },
			`[[list]] "CN=L; A=T; C=GB": reports: both, and the list has no owner`},
		{"list of another policy", func(c *Config) { withList(c, func(l *List) { l.OriginatorReport = "audited-report" }) },
			`[[list]] "CN=L; A=T; C=GB": originator-report: "audited-report" is none of unchanged, no-report, report, non-delivery-report`},
		{"list that proves", func(c *Config) { withList(c, func(l *List) { l.ProofOfDelivery = "both" }) },
			`[[list]] "CN=L; A=T; C=GB": proof-of-delivery: "both" is none of dl-members, neither`},
		{"list with a method that is none", func(c *Config) { withList(c, func(l *List) { l.DeliveryMethods = []string{"mhs-delivery", "pigeon"} }) },
			`[[list]] "CN=L; A=T; C=GB": requested-delivery-method number 2: "pigeon" is no delivery method`},
		{"list with a method twice", func(c *Config) {
			withList(c, func(l *List) { l.DeliveryMethods = []string{"mhs-delivery", "mhs-delivery"} })
		}, `[[list]] "CN=L; A=T; C=GB": requested-delivery-method number 2: "mhs-delivery" twice`},
		{"list with a method and none", func(c *Config) {
			withList(c, func(l *List) { l.DeliveryMethods = []string{"mhs-delivery", "removed"} })
		},
			`[[list]] "CN=L; A=T; C=GB": requested-delivery-method: removed is there by itself`},
		{"list for the members of none", func(c *Config) {
			withList(c, func(l *List) { l.Submit = []string{"member-of-dl:CN=l; A=T; C=GB", "member-of-dl:/CN=M/ADMD=T/C=GB/"} })
		}, `[[list]] "CN=L; A=T; C=GB": submit number 2: there is no [[list]] "/CN=M/ADMD=T/C=GB/"`},
		{"channel named as what tools submit by", func(c *Config) {
			ch := NewChannel()
			ch.Name, ch.Kind = "submit", KindSecure
			c.Channels = append(c.Channels, ch)
		}, `[[channel]] "submit": name: "submit" is what rules call the way by which the tools of this MTA submit`},
		{"list for a group", func(c *Config) { withList(c, func(l *List) { l.Submit = []string{"member-of-group:cn=Staff,o=Org"} }) },
			`[[list]] "CN=L; A=T; C=GB": submit number 1: "member-of-group:cn=Staff,o=Org" is not for this MTA, which reads no groups: member-of-dl:, individual: or a pattern`},
		{"list for half of somebody", func(c *Config) { withList(c, func(l *List) { l.Submit = []string{"individual:/C=GB/"} }) },
			`[[list]] "CN=L; A=T; C=GB": submit number 1: oraddr: invalid address: nothing in it names a user: an address needs O, OU, S, CN, DD, UA-ID, X121 or a postal attribute`},
		{"user by P1", func(c *Config) { c.Users[0].Channel = "p1" },
			`[[user]] "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/": channel: [[channel]] "p1" is of kind x400p1, not local`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			c := sample()
			tt.change(c)
			err := c.Validate()
			if err == nil {
				t.Fatal("valid")
			}
			if diff := cmp.Diff(tt.want, err.Error()); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			if k := diag.KindOf(err); k != diag.Config {
				t.Errorf("kind %v", k)
			}
		})
	}
}

func TestPlace(t *testing.T) {
	for key, want := range map[string]string{
		"name": "name", "expiry.urgent": "expiry.urgent", "addresses[0].host": "addresses number 1: host", "members[9]": "members number 10",
		"a[x]": "a[x]", "a[1": "a[1", "a]1[": "a]1[",
	} {
		if got := Place(key); got != want {
			t.Errorf("%s: %q, want %q", key, got, want)
		}
	}
}

// TestValidateReportsAll: one pass of an operator over the errors is enough.
func TestValidateReportsAll(t *testing.T) {
	c := sample()
	c.Identity.MTA, c.Spool.Barrier, c.Peers[0].Channel = "", "x", "y"
	if n := len(c.Faults()); n != 3 {
		t.Errorf("%d faults, want 3: %v", n, c.Faults())
	}
	if got := New().Faults(); len(got) != 3 {
		t.Errorf("an empty configuration lacks mta, domain and a channel; faults: %v", got)
	}
}

func TestListenerChannelPrefersNamedSelector(t *testing.T) {
	c := sample()
	c.Listeners = []Listener{
		{Address: "a:1", Channel: "any"},
		{Address: "a:1", Channel: "one", TSEL: []Selector{"X", "\x00\x01"}},
		{Address: "b:1", Channel: "two", TSEL: []Selector{"X"}},
	}
	for _, tt := range []struct{ address, tsel, want string }{
		{"a:1", "", "any"}, {"a:1", "X", "one"}, {"a:1", "\x00\x01", "one"}, {"a:1", "Y", "any"},
		{"b:1", "X", "two"}, {"b:1", "Y", ""}, {"b:1", "", ""}, {"c:1", "X", ""},
	} {
		got, ok := c.ListenerChannel(tt.address, []byte(tt.tsel))
		if got != tt.want || ok != (tt.want != "") {
			t.Errorf("ListenerChannel(%q, %q) = %q, %v; want %q", tt.address, tt.tsel, got, ok, tt.want)
		}
	}
	if diff := cmp.Diff([]string{"a:1", "b:1"}, c.ListenAddresses()); diff != "" {
		t.Errorf("addresses:\n%s", diff)
	}
}

func TestPeerLookups(t *testing.T) {
	c := sample()
	p, ok := c.Peer("MTA-B")
	if !ok || p != &c.Peers[0] {
		t.Fatal("MTA-B not found")
	}
	if _, ok := c.Peer("mta-b"); ok {
		t.Error("MTA names are compared octet by octet")
	}
	if got := c.MTAName(p); got != "MTA-A" {
		t.Errorf("our name: %s", got)
	}
	p.OurMTA = "ALIAS"
	if got := c.MTAName(p); got != "ALIAS" {
		t.Errorf("our name: %s", got)
	}
	for in, want := range map[string]bool{"bravo": true, "Bravo": false, "": false, "bravo ": false} {
		if p.CheckPassword([]byte(in)) != want {
			t.Errorf("CheckPassword(%q) is %v", in, !want)
		}
	}
	r := c.Redacted()
	if text, _ := json.Marshal(r); strings.Contains(string(text), "bravo") || strings.Contains(string(text), `"alpha"`) {
		t.Errorf("redacted configuration holds a password: %s", text)
	}
	if c.Peers[0].PasswordIn != "bravo" {
		t.Error("Redacted changed its receiver")
	}
}

// withList adds a list that is changed.
func withList(c *Config, change func(*List)) {
	l := NewList()
	l.Address = "CN=L; A=T; C=GB"
	change(&l)
	c.Lists = append(c.Lists, l)
}

// A presentation address comes before the tables, and is written as it is read.
func TestCalls(t *testing.T) {
	p := &Peer{Address: `'00'H/"S"/#591/Internet=mta.example_Internet=[2001:db8::1]+10102`, Addresses: []Address{{Host: "192.0.2.1:102", TSEL: "T"}}}
	want := []Address{
		{Host: "mta.example:102", PSEL: "\x00", SSEL: "S", TSEL: "\x02\x4f"},
		{Host: "[2001:db8::1]:10102", PSEL: "\x00", SSEL: "S", TSEL: "\x02\x4f"},
		{Host: "192.0.2.1:102", TSEL: "T"},
	}
	got := p.Calls()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
	for i, text := range []string{`'00'H/"S"/'024F'H/Internet=mta.example+102`, `'00'H/"S"/'024F'H/Internet=[2001:db8::1]+10102`, `"T"/Internet=192.0.2.1+102`} {
		if got[i].String() != text {
			t.Errorf("%s, not %s", got[i], text)
		}
	}
}

func TestDurationText(t *testing.T) {
	for in, want := range map[string]string{"5m": "5m", "90m": "1h30m", "1h0m0s": "1h", "36h": "36h", "500ms": "500ms", "0s": "0s", "61s": "1m1s"} {
		var d Duration
		if err := d.UnmarshalText([]byte(in)); err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if d.String() != want {
			t.Errorf("%s prints as %s, want %s", in, d, want)
		}
	}
	for _, in := range []string{"", "5", "-5m", "5 minutes", "1d"} {
		var d Duration
		if d.UnmarshalText([]byte(in)) == nil {
			t.Errorf("%q is taken as %s", in, d)
		}
	}
	if Duration(time.Hour).D() != time.Hour {
		t.Error("D changes the length")
	}
}

func TestSelectorText(t *testing.T) {
	for in, want := range map[string]Selector{
		"": "", "MTA-B": "MTA-B", `"591"`: "591", "#591": "\x02\x4f", "'4D5441'H": "MTA", "''H": "", `'0a'H`: "\n",
	} {
		var s Selector
		if err := s.UnmarshalText([]byte(in)); err != nil || s != want {
			t.Errorf("%s: %q, %v", in, string(s), err)
		}
	}
	for _, in := range []string{"#65536", "#x", "'4D", "'4'H", "ÄH", "\n", strings.Repeat("x", 33)} {
		var s Selector
		if s.UnmarshalText([]byte(in)) == nil {
			t.Errorf("%q is taken as %q", in, string(s))
		}
	}
}

// FuzzSelectorTextRoundTrip: whatever is read prints as text that reads the same.
func FuzzSelectorTextRoundTrip(f *testing.F) {
	for _, s := range []string{"MTA-B", `"591"`, "#591", "'4D5441'H", `"'"`, `"#1"`, `" "`, `""""`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, in string) {
		var s, again Selector
		if s.UnmarshalText([]byte(in)) != nil {
			return
		}
		if err := again.UnmarshalText([]byte(s.String())); err != nil || again != s {
			t.Fatalf("%q → %q → %q → %q, %v", in, string(s), s.String(), string(again), err)
		}
	})
}

// A channel that is not enabled has nobody to take who calls: its listeners are not opened,
// and a selector of its own is nobody's.
func TestListenersOfChannelsThatAreNotEnabled(t *testing.T) {
	c := sample()
	other := NewChannel()
	other.Name, other.Kind, other.Enabled = "p2", KindX400P1, false
	c.Channels = append(c.Channels, other)
	c.Listeners = []Listener{{Address: "a:1", Channel: "p1"}, {Address: "a:1", Channel: "p2", TSEL: []Selector{"X"}}, {Address: "b:1", Channel: "p2"}}
	if diff := cmp.Diff([]string{"a:1"}, c.ListenAddresses()); diff != "" {
		t.Errorf("addresses (-want +got):\n%s", diff)
	}
	if name, ok := c.ListenerChannel("a:1", []byte("X")); name != "p1" || !ok {
		t.Errorf("the selector X leads to %q, %v", name, ok)
	}
	c.Channels[len(c.Channels)-1].Enabled = true
	if name, _ := c.ListenerChannel("a:1", []byte("X")); name != "p2" || len(c.ListenAddresses()) != 2 {
		t.Errorf("enabled, the selector X leads to %q, and there are %v", name, c.ListenAddresses())
	}
}
