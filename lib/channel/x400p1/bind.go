package x400p1

import (
	"cmp"
	"crypto/tls"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/mts/token"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/p1"
)

// maxOpening bounds a TSDU of somebody who has not bound yet: a CN SPDU with 10240 octets of
// user data (X.225 §8.3.1), and what is around it. Nothing bounds those of a peer, whose
// RTTRs may be whole messages and are read in parts.
const maxOpening = 32 << 10

// layerP1 is where an object is malformed that all layers below carried well.
const layerP1 = "p1"

// calling is what associations with a peer are opened with.
func calling(cfg *conf.Config, peer *conf.Peer, now time.Time) rtse.Config {
	own, ok := cfg.Channel(peer.Channel)
	if !ok {
		own = new(conf.Channel) // the timers have defaults
	}
	c := common(own, now)
	c.CheckpointSize, c.WindowSize = peer.CheckpointSize, peer.WindowSize
	if peer.CheckpointSize == 0 {
		c.CheckpointSize = -1 // none; 0 is the default there
	}
	c.TwoWayAlternate = peer.TwoWay
	if p := protocolOf(peer); p != 0 {
		c.ApplicationProtocols = []int64{p}
	}
	c.CallingReference = cfg.MTAName(peer)
	c.Transport.CallingTSEL = octets(peer.OurTSEL)
	c.CallingSSEL, c.CallingPSEL = octets(peer.OurSSEL), octets(peer.OurPSEL)
	return c
}

// answering is what associations that peers open are answered with, before it is known who
// calls.
func answering(cfg *conf.Config, own *conf.Channel, now time.Time) rtse.Config {
	c := common(own, now)
	c.CallingReference = cfg.Identity.MTA
	c.Recoverable = true
	for i := range cfg.Peers {
		peer := &cfg.Peers[i]
		if p := protocolOf(peer); p != 0 && peer.Enabled && peer.Channel == own.Name && !slices.Contains(c.ApplicationProtocols, p) {
			c.ApplicationProtocols = append(c.ApplicationProtocols, p)
		}
	}
	return c
}

// unanswered names the peers because of which a mode of X.410 would be answered if they were
// enabled; "" for none.
func unanswered(cfg *conf.Config, own *conf.Channel, answered []int64) string {
	var names []string
	for i := range cfg.Peers {
		peer := &cfg.Peers[i]
		if p := protocolOf(peer); p != 0 && !peer.Enabled && peer.Channel == own.Name && !slices.Contains(answered, p) {
			names = append(names, fmt.Sprintf("%s (mode %s)", peer.Name, peer.Mode))
		}
	}
	return strings.Join(names, ", ")
}

// protocolOf is the application protocol a peer is called with; 0 is normal mode.
func protocolOf(peer *conf.Peer) int64 {
	switch peer.Mode {
	case conf.ModeX410:
		return p1.ApplicationProtocol1988
	case conf.Mode1984:
		return p1.ApplicationProtocol1984
	}
	return 0
}

// modeOf is the mode of an association, in the words of the configuration.
func modeOf(r rtse.Remote) string {
	switch r.ApplicationProtocol {
	case 0:
		return conf.ModeNormal
	case p1.ApplicationProtocol1984:
		return conf.Mode1984
	}
	return conf.ModeX410
}

func common(own *conf.Channel, now time.Time) rtse.Config {
	c := p1.AssociationConfig()
	c.Now = now
	c.Timers.Open, c.Timers.Transfer, c.Timers.Idle = own.OpenTimeout.D(), own.TransferTimeout.D(), own.TransferTimeout.D()
	return c
}

// octets is the selector, nil if there is none.
func octets(s conf.Selector) []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

// refusal is an association that the bind ended, on either side; LayerOf says that it was
// the bind.
type refusal struct{ err error }

func (r *refusal) Error() string { return r.err.Error() }
func (r *refusal) Unwrap() error { return r.err }

// bindError words the bind error an rtse.Refusal carries, or the reason that stands
// for one.
func bindError(err error) error {
	var r *rtse.Refusal
	if !errors.As(err, &r) {
		return err
	}
	var e mts.MTABindError
	switch {
	case r.UserData != nil:
		var decodeErr error
		if e, decodeErr = p1.DecodeBindError(r.UserData); decodeErr != nil {
			return err
		}
	case r.RefuseReason != nil:
		var known bool
		if e, known = p1.RefusedBind(*r.RefuseReason); !known {
			return err
		}
	default:
		return err
	}
	kind := diag.Denied
	if e.Temporary() {
		kind = diag.Temporary
	}
	err = diag.E("refused by the peer", kind, named(e))
	if e == mts.AuthenticationError {
		err = diag.WithHint(err, "the peer tells nobody else why: ask who runs it what its log says of this bind")
	}
	return &refusal{err}
}

// named is a bind error with X.411's name of it alone for a text, where refused has been
// said already.
func named(e mts.MTABindError) error { return &retold{e, e.String()} }

// LayerOf names the layer that refused, aborted or could not be reached.
func LayerOf(err error) string {
	var bound *refusal
	var r *rtse.Refusal
	var a *rtse.Abort
	var p *malformed
	switch {
	case errors.As(err, &bound):
		return "bind"
	case errors.As(err, &p):
		return layerP1
	case isTLS(err):
		return layerTLS
	case errors.As(err, &r):
		return string(r.Layer)
	case errors.As(err, &a):
		return string(a.Layer)
	}
	return string(rtse.LayerTransport)
}

// binder decides on an association that a peer opens, and keeps why.
type binder struct {
	channel   *Channel
	name      string // as the peer gives it
	peer      conf.Peer
	tls       *tls.ConnectionState // nil: without
	tsel      []byte               // the calling one
	strong    *token.Taken         // of the peer; nil: simple credentials
	proved    bool                 // who binds is the peer
	recovered bool                 // by the peer, without a bind
	place     bool                 // has one among the associations, to be given back
	keeper    *peerKeeper
	err       error
}

func (b *binder) decide(s *settings, ind rtse.OpenIndication) rtse.Decision {
	refuse := func(e mts.MTABindError, why error) rtse.Decision {
		b.err = &refusal{diag.E(fmt.Sprintf("refused %q", b.name), diag.Denied, fmt.Errorf("%w: %w", named(e), why))}
		reason := p1.RefuseReason(e)
		return rtse.Decision{Transient: e.Temporary(), UserData: p1.BindError(e), RefuseReason: &reason}
	}
	if ind.Recover != nil {
		return b.recover(s, ind)
	}
	argument, err := argumentOf(ind.UserData)
	if err != nil {
		return refuse(mts.AuthenticationError, err)
	}
	peer, barred := b.caller(s, ind, &argument)
	known := peer != nil
	if !known {
		peer = &conf.Peer{Name: "unknown"} // compared all the same: time tells nothing
	}
	if e, err := b.authenticate(s, peer, known, &argument); err != nil {
		return refuse(e, cmp.Or(barred, err))
	}
	if mode := modeOf(ind.Remote); mode != peer.Mode {
		return refuse(mts.AuthenticationError, fmt.Errorf("mode %s, where the peer is configured for %s", mode, peer.Mode))
	}
	if err := s.checkTLS(peer, b.tls, b.channel.now()); err != nil {
		return refuse(mts.AuthenticationError, err)
	}
	b.proved = true
	if ind.Remote.Mode == rtse.TwoWayAlternate && !peer.TwoWay {
		return refuse(mts.UnacceptableDialogueMode, errors.New("two-way, where the peer is configured for one way"))
	}
	if b.strong != nil && len(argument.Authenticated.SecurityContext) > 0 {
		return refuse(mts.UnacceptableSecurityContext, errors.New("a security context, which would not be observed"))
	}
	result, err := b.result(s, peer, ind.Remote.ApplicationProtocol)
	if err == nil {
		err = b.channel.enter(s, peer)
	}
	if err != nil {
		return refuse(mts.Busy, err)
	}
	b.peer, b.place, b.keeper = *peer, true, b.channel.keeper(peer, hostOf(ind.Remote.Addr))
	return b.accept(result)
}

// accept lets the peer in. It proposes, and what is configured of it is the limit.
func (b *binder) accept(result ber.Raw) rtse.Decision {
	d := rtse.Decision{Accept: true, UserData: result, Keeper: b.keeper.orNone(), CheckpointSize: b.peer.CheckpointSize, WindowSize: b.peer.WindowSize}
	if d.CheckpointSize == 0 {
		d.CheckpointSize = -1 // what the peer proposes, none among it
	}
	return d
}

// authenticate tells whether who calls is the peer, and which bind error it is if not.
func (b *binder) authenticate(s *settings, peer *conf.Peer, known bool, a *mts.MTABindArgument) (mts.MTABindError, error) {
	if known && isNone(peer) {
		if a.Authenticated != nil {
			return mts.AuthenticationError, whyNot(known, peer, a)
		}
		b.name = peer.Name // nobody else calls from there
		return 0, nil
	}
	if err := s.unproved[peer.Name]; known && err != nil {
		return mts.Busy, err // the peer is not at fault
	}
	if !known || !isStrong(peer) {
		if err := (p1.Peer{Name: peer.Name, Password: peer.PasswordIn}).CheckInitiator(*a); err != nil || !known {
			return mts.AuthenticationError, whyNot(known, peer, a)
		}
		return 0, nil
	}
	if a.Authenticated.InitiatorCredentials.Strong == nil {
		return mts.AuthenticationError, whyNot(known, peer, a)
	}
	taken, err := s.checkCall(peer, a.Authenticated.InitiatorCredentials.Strong, b.channel.seen, b.channel.now())
	var refused *token.Refusal
	switch {
	case temporary(err), err != nil && !errors.As(err, &refused): // the latter is a fault of ours
		return mts.Busy, err
	case err != nil:
		// Names in certificates that nobody vouches for may be as long as these.
		return mts.AuthenticationError, &retold{err, "wrong credentials: " + abbreviated(err.Error())}
	}
	b.strong = taken
	return 0, nil
}

// abbreviated bounds a text for the event log.
func abbreviated(text string) string {
	const most = 500
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// result is what the peer is answered.
func (b *binder) result(s *settings, peer *conf.Peer, protocol int64) (ber.Raw, error) {
	p, err := s.files.newProof(s.Config, peer)
	if err != nil {
		return nil, err
	}
	return p.result(protocol, b.strong, b.channel.now())
}

// subject is that of the peer's certificate; empty with simple credentials.
func (b *binder) subject() string {
	if b.strong == nil {
		return ""
	}
	return token.Subject(b.strong.Certificate)
}

// whyNot tells why somebody was not let in; who it was hears authentication-error and
// nothing else.
func whyNot(known bool, peer *conf.Peer, a *mts.MTABindArgument) error {
	why := "unknown peer"
	if known {
		why = "wrong credentials"
	}
	if a.Authenticated == nil {
		return fmt.Errorf("%s: %w", why, errNobody)
	}
	c := &a.Authenticated.InitiatorCredentials
	what := c.Class() + " ones"
	switch {
	case c.Strong != nil:
		what += ", " + partsOf(c.Strong)
	case c.Protected != nil:
		return errors.New(why + ": protected ones, which no MTA-bind may have")
	}
	if known && c.Class() != classOf(peer) {
		return fmt.Errorf("%s: %s, where the peer is configured for %s", why, what, ones(classOf(peer)))
	}
	if c.Strong != nil {
		return errors.New(why + ": " + what)
	}
	return errors.New(why)
}

// classOf is the class of the credentials that a peer is configured for.
func classOf(peer *conf.Peer) string { return cmp.Or(peer.Credentials, conf.CredentialsSimple) }

// partsOf names what strong credentials consist of.
func partsOf(c *mts.StrongCredentials) string {
	var parts []string
	if c.BindToken != nil {
		parts = append(parts, "bind-token of type "+string(c.BindToken.TokenTypeIdentifier))
	}
	if c.Certificate != nil {
		parts = append(parts, "certificate")
	}
	if c.CertificateSelector != nil {
		parts = append(parts, "certificate-selector")
	}
	if len(parts) == 0 {
		return "empty"
	}
	return strings.Join(parts, ", ")
}

// whyNotResponder tells in what the answer to our bind differs from what the
// configuration says of the peer.
func whyNotResponder(peer *conf.Peer, r *mts.MTABindResult) string {
	switch {
	case isNone(peer):
		return "the responder has " + r.Class() + " credentials, where the peer is configured for none"
	case r.Authenticated == nil:
		return "the responder gives neither name nor credentials"
	case string(r.Authenticated.ResponderName) != peer.Name:
		return fmt.Sprintf("the responder is %q, not %s", string(r.Authenticated.ResponderName), peer.Name)
	case r.Class() != classOf(peer):
		return "the responder has " + r.Class() + " credentials, where the peer is configured for " + ones(classOf(peer))
	}
	return "the responder gave another password than password-in"
}

var errRecover = errors.New("association recovery asked for, and nothing is known of the association")

// recover decides on an association that takes the place of one that was lost. There is
// no bind (X.228 §7.8.3): who calls is told by the name of the association that was
// lost, and by where it came from.
func (b *binder) recover(s *settings, ind rtse.OpenIndication) rtse.Decision {
	refuse := func(transient bool, why error) rtse.Decision {
		b.err = &refusal{diag.E(fmt.Sprintf("refused %q", b.name), diag.Denied, why)}
		return rtse.Decision{Transient: transient}
	}
	host := hostOf(ind.Remote.Addr)
	name, ok := b.channel.recoverable(ind.Recover, host)
	peer, known := s.Peer(name)
	twoWay := ind.Remote.Mode == rtse.TwoWayAlternate
	if !ok || !known || !peer.Enabled || peer.Channel != s.own.Name || !peer.Recovery || !peer.RecoverAssociations || modeOf(ind.Remote) != peer.Mode || twoWay && !peer.TwoWay {
		return refuse(false, errRecover)
	}
	b.name = name
	if err := s.checkTLS(peer, b.tls, b.channel.now()); err != nil {
		return refuse(false, err)
	}
	if isNone(peer) {
		// Its host may be that of others, and where it calls from is all that tells them apart.
		if from, err := s.unauthenticated(originOf(ind.Remote, b.tsel)); from == nil || from.Name != name {
			return refuse(false, cmp.Or(err, errRecover))
		}
	}
	if err := b.channel.enter(s, peer); err != nil {
		return refuse(true, err)
	}
	b.peer, b.place = *peer, true
	// Only now: whoever is refused must not have taken it from the peer.
	if !b.channel.replace(ind.Recover, host) {
		return refuse(false, errRecover)
	}
	b.keeper, b.recovered = b.channel.keeper(peer, host), true
	return b.accept(nil)
}

// recoverable gives the peer of an association that its initiator wants recovered; it is
// one whose loss is not known here yet, or one that was lost. Where two peers on one host
// have given theirs the same name nobody can tell who calls.
func (c *Channel) recoverable(id *rtse.SessionConnectionIdentifier, host string) (peer string, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	owners := c.recovery.owners(id, host)
	for _, a := range c.associations {
		if c.hasName(a, id, host) && !slices.Contains(owners, a.peer.Name) {
			owners = append(owners, a.peer.Name)
		}
	}
	if len(owners) != 1 {
		return "", false
	}
	return owners[0], true
}

// replace is for whoever may recover it: it is aborted, or is not among the lost any more.
func (c *Channel) replace(id *rtse.SessionConnectionIdentifier, host string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	a := c.named(id, host)
	if a == nil {
		return c.recovery.take(id, host)
	}
	a.replaced = true
	go a.conn.Abort(rtse.TemporaryProblem)
	return true
}

// named is the association that a peer has opened from a host by a name. c.mu is held.
func (c *Channel) named(id *rtse.SessionConnectionIdentifier, host string) *association {
	for _, a := range c.associations {
		if c.hasName(a, id, host) {
			return a
		}
	}
	return nil
}

// hasName reports whether a peer has opened an association from a host by a name, if it has
// not been replaced and the peer still has to show what it has shown. c.mu is held.
func (c *Channel) hasName(a *association, id *rtse.SessionConnectionIdentifier, host string) bool {
	r := a.conn.Remote()
	return a.inbound && !a.replaced && c.conf.knows(&a.peer) && hostOf(r.Addr) == host && id.Names(r.Identifier)
}
