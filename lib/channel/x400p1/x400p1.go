// Package x400p1 is the channel that transfers messages, probes and reports to and
// from other MTAs by the P1 protocol (X.411 §12, X.419). One process holds many
// associations, of both directions: those it opened and those that peers opened.
//
// An inbound object is acknowledged (RT-TRANSFER positive confirm) only when it is
// durable in the spool; an outbound one is the peer's responsibility only when the
// peer has acknowledged it.
package x400p1

import (
	"context"
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// Channel is the body of an x400p1 channel process.
type Channel struct {
	host *channel.Host
	now  func() time.Time

	ctx         context.Context
	cancel      context.CancelCauseFunc
	opening     context.Context // over when nothing is opened any more, by either side
	stopOpening context.CancelCauseFunc
	callers     *channel.Callers // those who have not come to the bind
	addresses   addressBook
	tasks       sync.WaitGroup
	recovery    *recovery
	seen        *memory

	mu           sync.Mutex
	conf         *settings
	associations map[uint64]*association
	lastInbound  uint64
	standing     int            // associations that are opened by us or bound, until they have ended
	inbound      map[string]int // those of them a peer has opened
	draining     bool
}

// settings is a configuration, and what is made of it. It does not change.
type settings struct {
	*conf.Config
	own  conf.Channel
	door *submit.Door
	tls  answerers

	files    files
	trusts   *trusts
	unproved map[string]error // by peer: why its passwords are not known
}

var (
	errAborted  = errors.New("the channel was stopped")
	errDraining = errors.New("the channel is stopping")
)

// New makes the channel.
func New(h *channel.Host, cfg *conf.Config, now func() time.Time) (channel.Kind, error) {
	c := &Channel{host: h, now: now, associations: map[uint64]*association{}, inbound: map[string]int{},
		addresses: addressBook{good: map[string]goodAddress{}}, seen: newMemory(filepath.Join(h.Spool.Dir(), spool.TokensDir), now())}
	c.seen.mode = h.Spool.FileMode()
	c.callers = channel.NewCallers(callerLimits(cfg), c.crowded)
	c.ctx, c.cancel = context.WithCancelCause(context.Background())
	c.opening, c.stopOpening = context.WithCancelCause(c.ctx)
	var err error
	if c.recovery, err = newRecovery(c.ctx, h, now); err != nil {
		return nil, err
	}
	return c, c.Configure(cfg)
}

// Configure takes a configuration: it counts for what begins from now on. Passwords that are
// in files are read. Associations with peers that are gone, disabled, or known by another
// password or token, or by none that can be read, in another mode or by other certificates now
// are released, and none that was lost with these is recovered.
func (c *Channel) Configure(cfg *conf.Config) error {
	door, err := submit.NewDoor(cfg, c.host, c.now, c.host.Files.Open)
	if err != nil {
		return err
	}
	open := files(c.host.Files.Open)
	s := &settings{door: door, files: open, trusts: newTrusts(open)}
	s.Config, s.unproved = withPasswords(conf.Opener(open), cfg, c.host.Name)
	if own, ok := cfg.Channel(c.host.Name); ok {
		s.own = *own
	}
	s.tls = open.newAnswerers(cfg, c.host.Name, c.now)
	c.callers.Limit(callerLimits(cfg))
	c.mu.Lock()
	defer c.mu.Unlock()
	if was := c.conf; was != nil {
		c.recovery.distrust(func(peer string) bool {
			p, ok := was.Peer(peer)
			return !ok || !s.knows(p)
		})
	}
	c.conf = s
	c.recovery.configure(s.own.RecoveryTime.D(), int64(s.own.RecoverySize))
	for _, a := range c.associations {
		if !s.knows(&a.peer) {
			c.tasks.Go(a.release)
		}
	}
	return nil
}

func callerLimits(cfg *conf.Config) channel.CallerLimits {
	return channel.CallerLimits{Most: cfg.Limits.Unbound, PerSource: cfg.Limits.UnboundPerSource}
}

// crowded tells of connections that were closed because others wanted their places.
func (c *Channel) crowded(crowd channel.Crowd) {
	c.host.Event(audit.Record{Time: c.now(), Event: audit.AssociationRefused, Layer: string(rtse.LayerTransport), Text: crowd.String()})
}

// knows tells whether a peer that has bound would still be let in.
func (s *settings) knows(was *conf.Peer) bool {
	p, ok := s.Peer(was.Name)
	return ok && p.Enabled && s.unproved[p.Name] == nil && p.Channel == s.own.Name && p.PasswordIn == was.PasswordIn && p.Mode == was.Mode &&
		p.TLS == was.TLS && p.TLSCA == was.TLSCA && p.TLSName == was.TLSName && slices.Equal(p.TLSPin, was.TLSPin) &&
		classOf(p) == classOf(was) && (!isNone(p) || slices.Equal(p.Sources(), was.Sources())) && p.TokenCA == was.TokenCA && p.TokenPeer == was.TokenPeer && p.TokenSubject == was.TokenSubject &&
		p.TokenWeak == was.TokenWeak
}

func (c *Channel) settings() *settings {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.conf
}

// Capacity is what the configuration allows.
func (c *Channel) Capacity() channel.Capacity {
	s := c.settings()
	return channel.Capacity{Jobs: s.own.MostJobs(), Associations: s.own.MaxAssociations}
}

// Accept takes an association a peer opens: the octets read hold its CR TPDU, unless
// the listener has TLS and has read nothing.
func (c *Channel) Accept(conn net.Conn, listener string, read []byte) {
	nc, ok := conn.(*net.TCPConn)
	if !ok {
		_ = conn.Close() // nothing mtarun listens at gives one
		return
	}
	c.mu.Lock()
	c.lastInbound++
	id := channel.InboundBase + c.lastInbound
	c.mu.Unlock()
	caller := c.callers.Enter(nc)
	c.tasks.Go(func() { c.respond(id, caller, listener, read) })
}

// Open opens an association to a peer.
func (c *Channel) Open(id uint64, peer string) {
	c.tasks.Go(func() { c.initiate(id, peer) })
}

// Close releases an association.
func (c *Channel) Close(id uint64) {
	if a := c.find(id); a != nil {
		c.tasks.Go(a.release)
	}
}

// Turn asks the peer for the turn.
func (c *Channel) Turn(id uint64, p spool.Priority) {
	if a := c.find(id); a != nil {
		c.tasks.Go(func() { a.please(p) })
	}
}

// turnPriority is the priority of RT-TURN-PLEASE; 0 announces a release (X.218
// §9.4.1.1).
func turnPriority(p spool.Priority) int64 {
	switch p {
	case spool.Urgent:
		return 1
	case spool.NonUrgent:
		return 3
	}
	return 2
}

// Do transfers a message over an association.
func (c *Channel) Do(j channel.Job) {
	a := c.find(j.Assoc)
	if a == nil {
		c.host.Results(j, everyone(j, channel.Result{Outcome: channel.OutcomeDeferred, Text: "the association is gone", Until: c.now().Add(soon)})...)
		return
	}
	c.tasks.Go(func() { a.transfer(j) })
}

// Drain lets what is in progress end and releases every association. Those that do
// not stand yet are given up.
func (c *Channel) Drain(ctx context.Context) {
	c.mu.Lock()
	c.draining = true
	var all []*association
	for _, a := range c.associations {
		all = append(all, a)
	}
	c.mu.Unlock()
	c.stopOpening(errDraining)
	for _, a := range all {
		c.tasks.Go(a.release)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.tasks.Wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
	}
}

// Abort ends every association at once.
func (c *Channel) Abort() {
	c.cancel(errAborted)
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, a := range c.associations {
		go a.conn.Abort(rtse.LocalSystemProblem)
	}
}

func (c *Channel) find(id uint64) *association {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.associations[id]
}

// initiate opens an association and serves it.
func (c *Channel) initiate(id uint64, name string) {
	s := c.settings()
	peer, ok := s.Peer(name)
	if !ok {
		c.host.Association(channel.Line{Assoc: id, Peer: name, State: channel.StateFailed, Reason: "no such peer in the configuration"})
		return
	}
	c.mu.Lock()
	c.standing++
	c.mu.Unlock()
	defer c.leave("")
	ordered := *peer
	ordered.Address, ordered.Addresses = "", c.addresses.order(peer, c.now())
	keeper := c.keeper(peer, "")
	was := c.recovery.reclaim(peer)
	d := dialler{cfg: s.Config, files: s.files, peer: &ordered, now: c.now(), seen: c.seen, lost: was, unproved: s.unproved[name], set: func(cfg *rtse.Config) {
		cfg.AdditionalReference, cfg.NextActivity, cfg.Keeper = c.recovery.reference(), c.recovery.nextActivity, keeper.orNone()
	}}
	call, err := d.call(c.opening)
	c.addresses.answered(peer, call, c.now())
	if d.lost != nil {
		c.loseOurs(peer, *d.lost) // nobody has answered
	}
	if err != nil {
		layer := LayerOf(err)
		c.host.Association(channel.Line{Assoc: id, Peer: name, State: channel.StateFailed, Layer: layer, Reason: err.Error()})
		c.host.Event(audit.Record{Time: c.now(), Event: audit.AssociationRefused, Peer: name, Assoc: id, Layer: layer, Text: err.Error()})
		return
	}
	a := newAssociation(c, id, *peer, call.Conn, keeper, false, call.Subject)
	a.remote = addressOf(call.Remote)
	switch {
	case call.Recovered:
		a.remark = remarkRecovered
	case call.Unrecovered != nil:
		a.remark = "not recovered: " + abbreviated(call.Unrecovered.Error())
	}
	c.serve(a)
}

// remarkRecovered is about an association that takes the place of one that was lost.
const remarkRecovered = "recovered"

// respond answers an association and serves it.
func (c *Channel) respond(id uint64, caller *channel.Caller, listener string, read []byte) {
	s := c.settings()
	from := caller.RemoteAddr().String()
	b := binder{channel: c}
	conn, err := c.answer(s, &b, caller, listener, read)
	if b.place {
		defer c.leave(b.peer.Name)
	}
	switch {
	case err != nil && b.err == nil && caller.Crowded():
		return // which is told
	case err != nil:
		c.host.Event(audit.Record{Time: c.now(), Event: audit.AssociationRefused, Peer: b.name, Assoc: id,
			Layer: LayerOf(err), Text: "from " + from + ": " + err.Error()})
		return
	}
	a := newAssociation(c, id, b.peer, conn, b.keeper, true, b.subject())
	a.remote = addressOf(caller.RemoteAddr())
	if b.recovered {
		a.remark = remarkRecovered
	}
	c.serve(a)
}

// answer answers an association, up to and including the bind. Whoever is not let in
// keeps its place among the callers until its connection is closed: no more of those
// are open than of the others.
func (c *Channel) answer(s *settings, b *binder, caller *channel.Caller, listener string, read []byte) (*rtse.Conn, error) {
	ctx, cancel := context.WithTimeout(c.opening, s.own.OpenTimeout.D())
	defer cancel()
	tc, err := c.transport(ctx, s, b, caller, listener, read)
	if err != nil {
		_ = caller.Close() // there is no association to say it on
		return nil, err
	}
	cfg := answering(s.Config, &s.own, c.now())
	cfg.NextActivity = c.recovery.nextActivity
	conn, err := rtse.Accept(ctx, tc, cfg, func(ind rtse.OpenIndication) rtse.Decision {
		begun := time.Now()
		d := b.decide(s, ind)
		switch {
		case d.Accept:
			caller.Leave()
			tc.SetMaxTSDU(0)
		case !b.proved:
			c.linger(caller, begun)
		}
		return d
	})
	err = told(err)
	switch {
	case b.err != nil:
		return nil, b.err
	case errors.Is(err, context.DeadlineExceeded):
		return nil, fmt.Errorf("did not come to the bind within %v", s.own.OpenTimeout.D())
	case err != nil && LayerOf(err) == string(rtse.LayerPresentation):
		// Who called has given no name yet.
		if names := unanswered(s.Config, &s.own, cfg.ApplicationProtocols); names != "" {
			err = fmt.Errorf("%w; not enabled: %s", err, abbreviated(names))
		}
	}
	return conn, err
}

// transport answers the transport connection, and TLS before it where the listener has
// that.
func (c *Channel) transport(ctx context.Context, s *settings, b *binder, caller *channel.Caller, listener string, read []byte) (*tp.Conn, error) {
	nc, state, err := s.answerTLS(ctx, caller, listener)
	if err != nil {
		return nil, err
	}
	b.tls = state
	if state != nil {
		if read, err = s.readCR(ctx, nc, listener); err != nil {
			return nil, err
		}
	}
	tc, cr, err := tp.Accept(nc, read, tp.Params{MaxTSDU: maxOpening, Timeout: s.own.OpenTimeout.D()})
	if err == nil {
		b.tsel = cr.CallingTSEL
	}
	return tc, err
}

// readCR reads what mtarun reads where there is no TLS.
func (s *settings) readCR(ctx context.Context, nc net.Conn, listener string) ([]byte, error) {
	end, _ := ctx.Deadline()
	if err := nc.SetReadDeadline(end); err != nil {
		return nil, err
	}
	cr, octets, err := tp.PeekCR(nc)
	if err == nil {
		err = nc.SetReadDeadline(time.Time{})
	}
	if err != nil {
		return nil, err
	}
	if _, ok := s.ListenerChannel(listener, cr.CalledTSEL); !ok {
		_ = tp.Refuse(nc, cr, tp.ReasonAddressUnknown) // whoever called may have gone
		return nil, diag.New("tp", diag.Denied, "called transport selector unknown")
	}
	return octets, nil
}

// guessPause is how long somebody waits who has not proved to be a peer: passwords are
// not to be found out by trying, and names not by how long it takes to judge a token.
const guessPause = time.Second

// linger lets guessPause pass since the bind came, unless somebody else wants the place.
func (c *Channel) linger(caller *channel.Caller, begun time.Time) {
	select {
	case <-time.After(guessPause - time.Since(begun)):
	case <-caller.Gone():
	case <-c.opening.Done():
	}
}

// enter gives an association that a peer opens a place among the standing ones.
func (c *Channel) enter(s *settings, peer *conf.Peer) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	most, has, may := s.own.MaxAssociations, c.inbound[peer.Name], s.own.MaxPerPeer
	if peer.MaxAssociations > 0 {
		may = peer.MaxAssociations
	}
	switch {
	case c.draining:
		return errDraining
	case has > may: // one more may be for an urgent message
		return fmt.Errorf("it has opened %d associations; the limit is %d, and one more", has, may)
	case c.standing >= most:
		return fmt.Errorf("there are %d associations; the limit is max-associations", c.standing)
	case has > 0 && c.standing >= most-(most+3)/4:
		return fmt.Errorf("it has opened %d of %d associations; the last quarter of max-associations is for peers that have none", has, c.standing)
	}
	c.standing++
	c.inbound[peer.Name]++
	return nil
}

// leave gives back a place, and the one of the peer that opened the association.
func (c *Channel) leave(peer string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.standing--
	if peer == "" {
		return
	}
	if c.inbound[peer]--; c.inbound[peer] == 0 {
		delete(c.inbound, peer)
	}
}

// serve is the life of an association.
func (c *Channel) serve(a *association) {
	c.mu.Lock()
	c.associations[a.id] = a
	unwanted := c.draining || !c.conf.knows(&a.peer)
	c.mu.Unlock()
	a.tell()
	c.host.Event(audit.Record{Time: c.now(), Event: audit.AssociationUp, Peer: a.peer.Name, Assoc: a.id, Text: a.from()})
	if unwanted {
		c.tasks.Go(a.release)
	}
	end := a.receive()
	c.forget(a, end)
	line := channel.Line{Assoc: a.id, Peer: a.peer.Name, Inbound: a.inbound, State: channel.StateDown}
	event := audit.Record{Time: c.now(), Event: audit.AssociationDown, Peer: a.peer.Name, Assoc: a.id, Text: "released"}
	if end != nil {
		line.Aborted, line.Layer, line.Reason = true, LayerOf(end), end.Error()
		event.Layer, event.Text = line.Layer, line.Reason
	}
	a.finish() // the outcomes of its jobs go before its end
	c.mourn(a, end)
	c.host.Association(line)
	c.host.Event(event)
}

// forget takes an association off those that stand. One that is lost is among those that
// may be recovered from the same moment on: its initiator may be asking already.
func (c *Channel) forget(a *association, end error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.associations, a.id)
	if end != nil && a.inbound && a.peer.Recovery && !a.replaced && c.conf.knows(&a.peer) {
		r := a.conn.Remote()
		c.recovery.lose(lost{connection: r.Identifier, peer: a.peer.Name, host: hostOf(r.Addr), at: c.now()})
	}
}
