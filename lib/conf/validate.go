package conf

import (
	"errors"
	"fmt"
	"net"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
	"github.com/mtakit/mtakit/lib/rule"
)

// Bounds of X.411 (MTSUpperBounds) and of this implementation.
const (
	MaxMTAName        = 32              // ub-mta-name-length
	MaxPassword       = 62              // ub-password-length
	MaxRecipients     = 32767           // ub-recipients
	MaxContentLength  = 1<<31 - 1       // ub-content-length
	MaxSupplementary  = 256             // ub-supplementary-info-length
	MaxCode           = 32767           // ub-reason-codes, ub-diagnostic-codes
	MaxSessionSel     = 16              // X.225 §8.3.1: session selector
	MaxCheckpointSize = 1024            // units of 1024 octets; an RTTR is in memory whole
	MaxWindowSize     = 32              // unconfirmed checkpoints
	MaxAlternates     = 32              // peers of a route
	MaxEnvelope       = 256 * mib       // octets held in memory for one envelope
	maxExpiry         = 24 * 366 * hour // no schedule outlives a year
)

// Fault is one thing wrong with a configuration, and where.
type Fault struct {
	Table string // "peer"
	Index int    // which [[peer]], from 0; -1 for a table that occurs once
	Name  string // what the entry calls itself; may be empty
	Key   string // "addresses[0].host", from 0; empty if the fault is of the entry
	Err   error
}

// Path returns the place in dotted form: peer[1].addresses[0].host.
func (f *Fault) Path() string {
	p := f.Table
	if f.Index >= 0 {
		p += "[" + strconv.Itoa(f.Index) + "]"
	}
	if f.Key != "" && p != "" {
		p += "."
	}
	return p + f.Key
}

func (f *Fault) Error() string {
	var b strings.Builder
	switch {
	case f.Table == "":
	case f.Index < 0:
		fmt.Fprintf(&b, "[%s]: ", f.Table)
	case f.Name != "":
		fmt.Fprintf(&b, "[[%s]] %s: ", f.Table, quote([]byte(f.Name)))
	default:
		fmt.Fprintf(&b, "[[%s]] number %d: ", f.Table, f.Index+1)
	}
	if f.Key != "" {
		b.WriteString(Place(f.Key) + ": ")
	}
	b.WriteString(f.Err.Error())
	return b.String()
}

func (f *Fault) Unwrap() error { return f.Err }

// Place writes a key for people, who count the members of a list from 1 as they do the
// entries of a table: "addresses number 1: host" for addresses[0].host.
func Place(key string) string {
	name, rest, ok := strings.Cut(key, "[")
	index, rest, closed := strings.Cut(rest, "]")
	n, err := strconv.Atoi(index)
	if !ok || !closed || err != nil {
		return key
	}
	return strings.TrimSuffix(name+" number "+strconv.Itoa(n+1)+": "+strings.TrimPrefix(rest, "."), ": ")
}

// Validate tells whether the configuration can be worked with. The error has kind
// Config and joins every Fault.
func (c *Config) Validate() error {
	faults := c.Faults()
	errs := make([]error, len(faults))
	for i, f := range faults {
		errs[i] = f
	}
	return diag.E("", diag.Config, errors.Join(errs...))
}

// Faults returns everything wrong with the configuration, in the order of the
// tables on mta.toml(5); nil if it is valid.
func (c *Config) Faults() []*Fault {
	v := &validator{c: c, kinds: map[string]string{}, local: len(c.channelsOf(KindLocal)) > 0}
	v.directory()
	if c.InDirectory() {
		v.spool()
		v.alone()
		return v.faults
	}
	for _, ch := range c.Channels {
		v.kinds[ch.Name] = ch.Kind
	}
	v.identity()
	v.spool()
	v.limits()
	v.schedule()
	v.selfTest()
	v.security()
	v.listeners()
	v.channels()
	v.peers()
	v.routes()
	v.nodes()
	v.users()
	v.lists()
	v.steps()
	v.ruleSets()
	return v.faults
}

// validator collects faults; table, index and name are of the entry being looked
// at.
type validator struct {
	c      *Config
	faults []*Fault
	kinds  map[string]string // of channels, by name
	local  bool              // whether one is of kind local
	table  string
	index  int
	name   string
}

func (v *validator) in(table string) { v.table, v.index, v.name = table, -1, "" }
func (v *validator) entry(table string, index int, name string) {
	v.table, v.index, v.name = table, index, name
}

func (v *validator) fault(key string, err error) {
	v.faults = append(v.faults, &Fault{v.table, v.index, v.name, key, err})
}

func (v *validator) faultf(key, format string, args ...any) {
	v.fault(key, fmt.Errorf(format, args...))
}

func (v *validator) between(key string, n, low, high int64) {
	if n < low || n > high {
		v.faultf(key, "%d is not between %d and %d", n, low, high)
	}
}

func (v *validator) required(key, value string) bool {
	if value == "" {
		v.faultf(key, "required")
	}
	return value != ""
}

func (v *validator) mtaName(key, name string) {
	if len(name) > MaxMTAName {
		v.faultf(key, "%d characters; an MTA name has at most %d", len(name), MaxMTAName)
	}
	v.ia5(key, name)
}

func (v *validator) ia5(key, text string) {
	for i := 0; i < len(text); i++ {
		if text[i] >= 0x80 {
			v.faultf(key, "octet number %d is not IA5", i+1)
			return
		}
	}
}

// once reports the second use of a name as a fault.
func (v *validator) once(seen map[string]int, key, name string) {
	if first, dup := seen[name]; dup {
		v.faultf(key, "%s is also the %s of [[%s]] number %d", quote([]byte(name)), key, v.table, first+1)
		return
	}
	seen[name] = v.index
}

func (v *validator) identity() {
	v.in("identity")
	if v.required("mta", v.c.Identity.MTA) {
		v.mtaName("mta", v.c.Identity.MTA)
	}
	switch d := v.c.Identity.Domain; {
	case d.IsZero():
		v.faultf("domain", "required")
	case d.C == "":
		v.faultf("domain", "no country name (C)")
	default:
		if _, err := oraddr.ParseDomain(d.String()); err != nil {
			v.fault("domain", err)
		}
	}
	if a := v.c.Identity.Alternate; a != "" {
		v.recipient("alternate", a)
	}
	v.communities(v.c.Identity.Communities)
	v.tokenKey(v.c.Identity.TokenCertificate, v.c.Identity.TokenKey)
}

func (v *validator) spool() {
	v.in("spool")
	v.required("dir", v.c.Spool.Dir)
	if b := v.c.Spool.Barrier; b != BarrierSyncfs && b != BarrierFsync {
		v.faultf("barrier", "%s is neither %s nor %s", quote([]byte(b)), BarrierSyncfs, BarrierFsync)
	}
	v.in("events")
	v.required("dir", v.c.Events.Dir)
}

func (v *validator) limits() {
	v.in("limits")
	l := v.c.Limits
	v.between("message-size", int64(l.MessageSize), 1, MaxContentLength)
	v.between("recipients", int64(l.Recipients), 1, MaxRecipients)
	v.between("envelope-size", int64(l.EnvelopeOctets), 4*kib, MaxEnvelope)
	v.between("unbound", int64(l.Unbound), 1, 10000)
	v.between("unbound-per-source", int64(l.UnboundPerSource), 1, 10000)
}

func (v *validator) schedule() {
	v.in("schedule")
	s := v.c.Schedule
	v.backoff("backoff-message", s.BackoffMessage)
	v.backoff("backoff-peer", s.BackoffPeer)
	v.backoff("backoff-channel", s.BackoffChannel)
	for _, w := range []struct {
		key  string
		warn Duration
	}{{"warn.urgent", s.Warn.Urgent}, {"warn.normal", s.Warn.Normal}, {"warn.non-urgent", s.Warn.NonUrgent}, {"starvation", s.Starvation}} {
		v.durationOrNone(w.key, w.warn)
	}
	v.between("max-jobs", int64(s.MaxJobs), 0, 100000)
	v.between("reserved-urgent", int64(s.ReservedUrgent), 0, 100000)
	v.between("reserved-normal", int64(s.ReservedNormal), 0, 100000)
	if s.MaxJobs > 0 {
		v.placesLeft(s.MaxJobs, s.ReservedUrgent, s.ReservedNormal)
	}
	v.duration("expiry.urgent", s.Expiry.Urgent)
	v.duration("expiry.normal", s.Expiry.Normal)
	v.duration("expiry.non-urgent", s.Expiry.NonUrgent)
}

func (v *validator) backoff(key string, b Backoff) {
	v.duration(key+".first", b.First)
	if b.Step < 0 || b.Step > maxExpiry {
		v.faultf(key+".step", "%s is not between 0s and %s", b.Step, maxExpiry)
	}
	v.duration(key+".ceiling", b.Ceiling)
	if b.Ceiling < b.First {
		v.faultf(key+".ceiling", "%s is less than first, %s", b.Ceiling, b.First)
	}
}

// duration wants a length that is neither nothing nor longer than a year: no
// program may spin, none may forget.
func (v *validator) duration(key string, d Duration) {
	if d <= 0 || d > maxExpiry {
		v.faultf(key, "%s is not more than 0s and at most %s", d, maxExpiry)
	}
}

// durationOrNone wants a length that is not longer than a year; nothing is none.
func (v *validator) durationOrNone(key string, d Duration) {
	if d < 0 || d > maxExpiry {
		v.faultf(key, "%s is not between 0s and %s", d, maxExpiry)
	}
}

// placesLeft wants a place that is not reserved.
func (v *validator) placesLeft(most, urgent, normal int) {
	if urgent >= 0 && normal >= 0 && urgent+normal >= most {
		v.faultf("max-jobs", "%d leaves non-urgent messages no place beside %d reserved ones", most, urgent+normal)
	}
}

func (v *validator) endpoint(key, hostport string, hostRequired bool) {
	if !v.required(key, hostport) {
		return
	}
	host, port, err := net.SplitHostPort(hostport)
	if err != nil {
		v.faultf(key, "%s is not host:port", quote([]byte(hostport)))
		return
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		v.faultf(key, "%s is not a port, 1 to 65535", quote([]byte(port)))
	}
	if hostRequired && host == "" {
		v.faultf(key, "%s names no host", quote([]byte(hostport)))
	}
	if strings.ContainsFunc(host, func(r rune) bool { return r <= ' ' || r == '/' || r == 0x7f }) {
		v.faultf(key, "%s is not a host", quote([]byte(host)))
	}
}

// channelOf checks that a reference leads to a channel of the kind.
func (v *validator) channelOf(key, name, kind string) {
	if !v.required(key, name) {
		return
	}
	switch is, ok := v.kinds[name]; {
	case !ok:
		v.faultf(key, "there is no [[channel]] %s", quote([]byte(name)))
	case is != kind:
		v.faultf(key, "[[channel]] %s is of kind %s, not %s", quote([]byte(name)), is, kind)
	}
}

func (v *validator) listeners() {
	type place struct{ address, tsel string }
	seen := map[place]int{}
	for i, l := range v.c.Listeners {
		v.entry("listener", i, l.Address)
		v.endpoint("address", l.Address, false)
		v.channelOf("channel", l.Channel, KindX400P1)
		v.listenerTLS(&l)
		if other, shared := v.c.SecureListener(l.Address); shared && other != &v.c.Listeners[i] {
			v.faultf("address", "%s has TLS, and one listener therefore: the selector is not known before", quote([]byte(l.Address)))
		}
		tsels := l.TSEL
		if len(tsels) == 0 {
			tsels = []Selector{""}
		} else if slices.Contains(tsels, "") {
			v.faultf("tsel", "an empty selector among others")
			continue
		}
		for _, s := range tsels {
			p := place{l.Address, string(s)}
			if first, dup := seen[p]; dup {
				v.faultf("tsel", "[[listener]] number %d takes selector %q of this address already", first+1, s.String())
				continue
			}
			seen[p] = i
		}
	}
}

func (v *validator) channels() {
	seen := map[string]int{}
	if len(v.c.Channels) == 0 {
		v.in("")
		v.faultf("", "no [[channel]]: nothing could be moved")
	}
	for i, ch := range v.c.Channels {
		v.entry("channel", i, ch.Name)
		if v.required("name", ch.Name) {
			v.once(seen, "name", ch.Name)
			if len(ch.Name) > 32 || strings.Trim(ch.Name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" || ch.Name[0] == '-' {
				v.faultf("name", "%s is not 1 to 32 of a-z, 0-9 and -", quote([]byte(ch.Name)))
			}
			if ch.Name == rule.Submitted {
				v.faultf("name", "%s is what rules call the way by which the tools of this MTA submit", quote([]byte(ch.Name)))
			}
		}
		if ch.Kind != KindX400P1 && ch.Kind != KindLocal && ch.Kind != KindExpand && ch.Kind != KindSecure {
			v.faultf("kind", "%s is not %s, %s, %s or %s", quote([]byte(ch.Kind)), KindX400P1, KindLocal, KindExpand, KindSecure)
		}
		v.between("max-jobs", int64(ch.MaxJobs), 1, 1000)
		v.between("reserved-urgent", int64(ch.ReservedUrgent), 0, 1000)
		v.between("reserved-normal", int64(ch.ReservedNormal), 0, 1000)
		v.placesLeft(ch.MaxJobs, ch.ReservedUrgent, ch.ReservedNormal)
		v.between("max-associations", int64(ch.MaxAssociations), 1, 10000)
		v.between("max-per-peer", int64(ch.MaxPerPeer), 1, 10000)
		v.channelBounds(&ch)
		v.clearances(ch.Clearance)
		v.between("max-per-host", int64(ch.MaxPerHost), 0, 10000)
		v.between("max-transfers", int64(ch.MaxTransfers), 0, 1000000)
		v.between("give-way", int64(ch.GiveWay), 1, 1000000)
		v.between("parallel-threshold", int64(ch.Threshold), 1, 10000)
		v.durationOrNone("start-interval", ch.StartInterval)
		v.durationOrNone("start-interval-light", ch.StartLight)
		v.durationOrNone("start-interval-ended", ch.StartEnded)
		v.duration("idle-time", ch.IdleTime)
		v.duration("open-timeout", ch.OpenTimeout)
		v.duration("transfer-timeout", ch.TransferTimeout)
		v.duration("transfer-time", ch.TransferTime)
		v.duration("recovery-time", ch.RecoveryTime)
		v.between("recovery-size", int64(ch.RecoverySize), 0, 1<<40)
	}
}

func (v *validator) peers() {
	seen := map[string]int{}
	for i, p := range v.c.Peers {
		v.entry("peer", i, p.Name)
		if v.required("name", p.Name) {
			v.once(seen, "name", p.Name)
			v.mtaName("name", p.Name)
		}
		v.channelOf("channel", p.Channel, KindX400P1)
		v.address(p.Address)
		for k, a := range p.Addresses {
			key := func(s string) string { return "addresses[" + strconv.Itoa(k) + "]." + s }
			v.endpoint(key("host"), a.Host, true)
			v.selectors(key, a.TSEL, a.SSEL, a.PSEL)
		}
		v.mtaName("our-mta", p.OurMTA)
		v.selectors(func(s string) string { return "our-" + s }, p.OurTSEL, p.OurSSEL, p.OurPSEL)
		v.peerTLS(&p)
		v.clearances(p.Clearance)
		v.peerCredentials(&p)
		v.between("max-associations", int64(p.MaxAssociations), 0, 10000)
		if p.Permanent && len(p.Calls()) == 0 {
			v.faultf("permanent", "the peer has no address to call")
		}
		v.timetable(&p)
		v.passwords(&p)
		v.between("checkpoint-size", int64(p.CheckpointSize), 0, MaxCheckpointSize)
		v.between("window-size", int64(p.WindowSize), 1, MaxWindowSize)
		if m := p.Mode; m != ModeNormal && m != ModeX410 && m != Mode1984 {
			v.faultf("mode", "%s is neither %s, %s nor %s", quote([]byte(m)), ModeNormal, ModeX410, Mode1984)
		}
		if c := p.Content1984; c != ContentP2 && c != ContentP22 {
			v.faultf("content-1984", "%s is neither %s nor %s", quote([]byte(c)), ContentP2, ContentP22)
		}
		v.acceptance(p.MaxSize, p.ContentTypes, p.EITs, p.Extensions)
		v.willRoute(p.WillRoute)
		v.communities(p.Communities)
	}
}

func (v *validator) selectors(key func(string) string, t, s, p Selector) {
	v.selector(key("tsel"), t, MaxSelector)
	v.selector(key("ssel"), s, MaxSessionSel)
	v.selector(key("psel"), p, MaxSelector)
}

func (v *validator) selector(key string, s Selector, limit int) {
	if len(s) > limit {
		v.faultf(key, "%d octets; the limit is %d", len(s), limit)
	}
}

func (v *validator) password(key, p string) {
	if len(p) > MaxPassword {
		v.faultf(key, "%d characters; a password has at most %d", len(p), MaxPassword)
	}
	v.ia5(key, p)
}

func (v *validator) routes() {
	known := map[string]bool{}
	for _, p := range v.c.Peers {
		known[p.Name] = true
	}
	for i, r := range v.c.Routes {
		v.entry("route", i, r.Match)
		if v.required("match", r.Match) {
			if _, err := oraddr.ParsePattern(r.Match); err != nil {
				v.fault("match", err)
			}
		}
		ends := 0
		for _, has := range []bool{len(r.Peers) > 0, r.Local, r.Reject != ""} {
			if has {
				ends++
			}
		}
		if ends != 1 {
			v.faultf("", "has %d of peers, local and reject; exactly one is needed", ends)
		}
		if len(r.Peers) > MaxAlternates {
			v.faultf("peers", "%d peers; a route has at most %d", len(r.Peers), MaxAlternates)
			continue
		}
		for k, name := range r.Peers {
			key := "peers[" + strconv.Itoa(k) + "]"
			if !known[name] {
				v.faultf(key, "there is no [[peer]] %s", quote([]byte(name)))
			}
			if slices.Contains(r.Peers[:k], name) {
				v.faultf(key, "%s twice", quote([]byte(name)))
			}
		}
		if r.Local && !v.local {
			v.faultf("local", "there is no [[channel]] of kind local")
		}
		v.rejection(r.Reject, r.Reason, r.Diagnostic)
	}
}

// notPrintable tells whether r is outside the PrintableString repertoire (X.680).
func notPrintable(r rune) bool {
	switch {
	case 'A' <= r && r <= 'Z', 'a' <= r && r <= 'z', '0' <= r && r <= '9':
		return false
	}
	return !strings.ContainsRune(" '()+,-./:=?", r)
}

func (v *validator) users() {
	seen := map[string]int{}
	for i, u := range v.c.Users {
		v.entry("user", i, u.Address)
		if v.required("address", u.Address) {
			v.userAddress(seen, u.Address)
		}
		v.channelOf("channel", u.Channel, KindLocal)
		mailbox, program := u.Mailbox != "", len(u.Program) > 0
		switch {
		case mailbox && program, !mailbox && !program && u.Alternate == "":
			v.faultf("", "needs one of mailbox and program, not both")
		}
		if u.Alternate != "" {
			v.recipient("alternate", u.Alternate)
			if sameAddress(u.Alternate, u.Address) {
				v.faultf("alternate", "is the user")
			}
		}
		if len(u.Program) > 0 && u.Program[0] == "" {
			v.faultf("program", "names no program")
		}
		v.acceptance(u.MaxSize, u.ContentTypes, u.EITs, u.Extensions)
		v.clearances(u.Clearance)
	}
}

// acceptance checks what a peer or user takes.
func (v *validator) acceptance(size quantity.Octets, types, eits []string, extensions []MTSExtension) {
	v.between("max-size", int64(size), 0, MaxContentLength)
	for i, text := range types {
		if _, err := mts.ParseContentType(text); err != nil {
			v.fault("content-types["+strconv.Itoa(i)+"]", err)
		}
	}
	for i, text := range eits {
		if _, err := mts.ParseEIT(text); err != nil {
			v.fault("eits["+strconv.Itoa(i)+"]", err)
		}
	}
	for i, x := range extensions {
		if slices.Contains(extensions[:i], x) {
			v.faultf("supported-extensions["+strconv.Itoa(i)+"]", "%s twice", x)
		}
	}
	if len(types) > mts.UbContentTypes {
		v.faultf("content-types", "%d types; X.411 allows %d", len(types), mts.UbContentTypes)
	}
	if len(eits) > mts.UbEncodedInformationTypes {
		v.faultf("eits", "%d types; X.411 allows %d", len(eits), mts.UbEncodedInformationTypes)
	}
}

func (v *validator) userAddress(seen map[string]int, text string) {
	a, err := oraddr.Parse(text)
	if err == nil {
		err = a.Valid()
	}
	if err != nil {
		v.fault("address", err)
		return
	}
	if first, dup := seen[a.Key()]; dup {
		v.faultf("address", "equals the address of [[user]] number %d", first+1)
		return
	}
	seen[a.Key()] = v.index
}
