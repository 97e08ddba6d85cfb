package x400p1

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts/token"
	"github.com/mtakit/mtakit/lib/osi/rtse"
)

// Call is an association that was opened, and how.
type Call struct {
	Conn        *rtse.Conn
	Address     conf.Address // that answered
	Remote      net.Addr     // the network address that is
	Mode        string       // conf.ModeNormal and its like
	Credentials string       // of the peer: conf.CredentialsSimple and its like
	Subject     string       // of the peer's certificate, with strong ones
	Steps       Steps
	Failed      []error // of the addresses tried before
	Recovered   bool    // the association takes the place of one that was lost; there was no bind
	Unrecovered error   // why it does not, though that was asked for
}

// Steps are how long the layers took. What comes after the transport connection,
// session, presentation, ACSE, RTSE and the bind, goes in one exchange.
type Steps struct {
	Connect     time.Duration // TCP, and the name of the host
	TLS         time.Duration // 0: none
	Transport   time.Duration // CR to CC
	Association time.Duration // CONNECT to ACCEPT
}

// Dial opens an association with a peer and binds: its addresses are tried in order
// until one is reached, each for an equal share of what is left of open-timeout. The error
// is that of the address that got furthest; LayerOf tells how far.
func Dial(ctx context.Context, cfg *conf.Config, peer *conf.Peer, now time.Time) (*Call, error) {
	with, err := peer.WithPasswords(conf.OpenFile)
	return (&dialler{cfg: cfg, files: here, peer: with, now: now, unproved: err}).call(ctx)
}

// dialler is Dial, with what a configuration does not know of.
type dialler struct {
	cfg  *conf.Config
	peer *conf.Peer
	now  time.Time
	set  func(*rtse.Config) // nil: nothing
	seen *memory            // nil: none
	lost *lost              // to be recovered, until somebody has answered; nil: none

	files    files
	unproved error // why the passwords of the peer are not known
}

func (d *dialler) call(ctx context.Context) (*Call, error) {
	if d.unproved != nil {
		return nil, &refusal{d.unproved}
	}
	p, err := d.files.newProof(d.cfg, d.peer)
	if err != nil {
		return nil, &refusal{err}
	}
	addresses := d.peer.Calls()
	if len(addresses) == 0 {
		return nil, diag.New("peer "+d.peer.Name, diag.Config, "has no address to call")
	}
	c := calling(d.cfg, d.peer, d.now)
	if d.set != nil {
		d.set(&c)
	}
	ctx, cancel := context.WithTimeout(ctx, c.Timers.Open)
	defer cancel()
	begun := time.Now()
	clock := func() time.Time { return d.now.Add(time.Since(begun)) }
	var failed []error
	for i, address := range addresses {
		call, err := d.within(ctx, len(addresses)-i, c, address, p, clock)
		if err == nil {
			call.Failed = failed
			return call, nil
		}
		err = fmt.Errorf("%s: %w", address.Host, unrepeated(err, address.Host))
		// A peer that answered, and refused, says more than one that did not.
		if layer := LayerOf(err); layer != string(rtse.LayerTransport) && layer != layerTLS {
			return nil, err
		}
		failed = append(failed, err)
	}
	return nil, allFailed(failed)
}

// allFailed is why none of the addresses of a peer was reached.
type allFailed []error

func (a allFailed) Error() string {
	texts := make([]string, len(a))
	for i, err := range a {
		texts[i] = err.Error()
	}
	return strings.Join(texts, "; ")
}

func (a allFailed) Unwrap() []error { return a }

// unrepeated gives an error of the network, whose text names the address, or what it was
// looked up as, a text without: whoever reports it has named the address already.
func unrepeated(err error, host string) error {
	var op *net.OpError
	if !errors.As(err, &op) || op.Op != "dial" {
		return err
	}
	var dns *net.DNSError
	switch {
	case errors.As(err, &dns) && dns.Server != "":
		return &retold{err, "lookup on " + dns.Server + ": " + dns.Err}
	case errors.As(err, &dns):
		return &retold{err, dns.Err}
	case op.Addr != nil && op.Addr.String() == host:
		return &retold{err, op.Err.Error()}
	}
	return err // the address is another: what the name of the host stands for
}

// retold is an error in other words.
type retold struct {
	error
	text string
}

func (r *retold) Error() string { return r.text }
func (r *retold) Unwrap() error { return r.error }

// within gives an address an equal share of the time that is left for so many.
func (d *dialler) within(ctx context.Context, share int, c rtse.Config, to conf.Address, p *proof, clock func() time.Time) (*Call, error) {
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/time.Duration(share))
		defer cancel()
	}
	return d.dial(ctx, c, to, p, clock)
}

func (d *dialler) dial(ctx context.Context, c rtse.Config, to conf.Address, p *proof, clock func() time.Time) (*Call, error) {
	call, answered, err := d.recover(ctx, c, to)
	if err == nil && call != nil {
		return call, nil
	}
	if err != nil && !answered {
		return nil, err
	}
	unrecovered := err
	call, err = d.bind(ctx, c, to, p, clock)
	if err == nil {
		call.Unrecovered = unrecovered
	}
	return call, err
}

// recover opens an association that takes the place of the one that was lost. answered says
// that the transport connection stood: then the peer is not asked again. Without an
// association and an error there is nothing to recover.
func (d *dialler) recover(ctx context.Context, c rtse.Config, to conf.Address) (call *Call, answered bool, err error) {
	if d.lost == nil {
		return nil, false, nil
	}
	// A peer that says nothing leaves as much time for a bind.
	if end, ok := ctx.Deadline(); ok {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Until(end)/2)
		defer cancel()
	}
	c.Recover = &d.lost.connection
	if d.set != nil {
		d.set(&c) // references of its own: a bind may follow in the same second
	}
	s, err := d.connect(ctx, &c, to)
	if err != nil {
		return nil, false, err
	}
	conn, _, err := s.open(ctx, c, nil)
	if s.confirmed {
		d.lost = nil
	}
	if err != nil {
		return nil, s.confirmed, err
	}
	s.step(&s.call.Steps.Association)
	s.call.Conn, s.call.Mode, s.call.Recovered = conn, modeOf(conn.Remote()), true
	return s.call, true, nil
}

// stream is what an association is opened over.
type stream struct {
	nc        net.Conn
	peer      *conf.Peer
	call      *Call
	last      time.Time
	confirmed bool // the transport connection
}

// step notes how long something took that has just ended.
func (s *stream) step(d *time.Duration) {
	now := time.Now()
	*d, s.last = now.Sub(s.last), now
}

// connect reaches an address: TCP, and TLS where the peer has it.
func (d *dialler) connect(ctx context.Context, c *rtse.Config, to conf.Address) (*stream, error) {
	s := &stream{peer: d.peer, call: &Call{Address: to}, last: time.Now()}
	c.Transport.CalledTSEL, c.CalledSSEL, c.CalledPSEL = octets(to.TSEL), octets(to.SSEL), octets(to.PSEL)
	c.Connected = func() { s.confirmed = true; s.step(&s.call.Steps.Transport) }
	nc, err := network.DialContext(ctx, "tcp", to.Host)
	if err != nil {
		return nil, diag.E("", diag.Unavailable, err)
	}
	s.step(&s.call.Steps.Connect)
	s.call.Remote = nc.RemoteAddr()
	if d.peer.TLS == conf.TLSRequire {
		secured, err := d.files.secure(ctx, nc, d.peer, to.Host, c.Now)
		if err != nil {
			return nil, errors.Join(err, nc.Close())
		}
		nc = secured
		s.step(&s.call.Steps.TLS)
	}
	s.nc = nc
	return s, nil
}

// open is T-CONNECT to RT-OPEN; the error says what is known of its cause.
func (s *stream) open(ctx context.Context, c rtse.Config, argument ber.Raw) (*rtse.Conn, ber.Raw, error) {
	conn, result, err := rtse.Open(ctx, s.nc, c, argument)
	err = told(err)
	if isTLS(err) {
		// The other side judges our certificate after this side has finished.
		err = &tlsError{diag.E("refused by the peer", diag.Denied, err)}
	}
	if err != nil && !s.confirmed && s.peer.TLS != conf.TLSRequire && hungUp(err) {
		err = diag.WithHint(err, `the peer said nothing and closed the connection: it may want TLS, which is tls = "require" in its [[peer]]`)
	}
	return conn, result, err
}

func (d *dialler) bind(ctx context.Context, c rtse.Config, to conf.Address, p *proof, clock func() time.Time) (*Call, error) {
	peer := d.peer
	s, err := d.connect(ctx, &c, to)
	if err != nil {
		return nil, err
	}
	call := s.call
	// For each address a token of its own: one is taken once.
	argument, number, err := p.argument(protocolOf(peer), clock())
	if err != nil {
		return nil, errors.Join(&refusal{err}, s.nc.Close())
	}
	conn, result, err := s.open(ctx, c, argument)
	if err != nil {
		return nil, bindError(err)
	}
	answer, err := resultOf(result)
	if err != nil {
		conn.Abort(rtse.UserError)
		return nil, &refusal{diag.E("result", diag.Protocol, err)}
	}
	taken, err := d.files.checkAnswer(d.cfg, peer, &answer, number, d.seen, clock())
	if err != nil {
		conn.Abort(rtse.UserError)
		kind := diag.Denied
		switch {
		case temporary(err):
			kind = diag.Temporary
		case diag.KindOf(err) == diag.Config:
			kind = diag.Config // what the peer is judged by cannot be read: the peer is not at fault
		}
		// Nobody refused: this side did.
		return nil, &refusal{diag.E("refused here", kind, err)}
	}
	if taken != nil {
		call.Subject = token.Subject(taken.Certificate)
	}
	s.step(&call.Steps.Association)
	call.Conn, call.Mode, call.Credentials = conn, modeOf(conn.Remote()), answer.Class()
	return call, nil
}

// network reaches hosts, looked up without the C library: that loads others of its kind for
// it, which a confined process may not.
var network = net.Dialer{Resolver: &net.Resolver{PreferGo: true}}

// hungUp tells whether the other side has closed the connection.
func hungUp(err error) bool {
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// goodTime is how long an address that has answered is preferred to those before it in
// the configuration.
const goodTime = 10 * time.Minute

// addressBook remembers which address of a peer has answered, where that is not the
// first: whoever has to call again need not wait for the others to fail.
type addressBook struct {
	mu   sync.Mutex
	good map[string]goodAddress // by peer
}

type goodAddress struct {
	address conf.Address
	until   time.Time
}

// order returns the addresses of a peer as they are to be tried now.
func (b *addressBook) order(peer *conf.Peer, now time.Time) []conf.Address {
	b.mu.Lock()
	defer b.mu.Unlock()
	good, ok := b.good[peer.Name]
	if !ok || !now.Before(good.until) {
		delete(b.good, peer.Name)
		return peer.Calls()
	}
	var first, others []conf.Address
	for _, a := range peer.Calls() {
		if a == good.address {
			first = append(first, a)
			continue
		}
		others = append(others, a)
	}
	return append(first, others...)
}

// answered notes which address of a peer has answered; nil, that none has.
func (b *addressBook) answered(peer *conf.Peer, call *Call, now time.Time) {
	all := peer.Calls()
	b.mu.Lock()
	defer b.mu.Unlock()
	switch {
	case call == nil || len(all) < 2 || call.Address == all[0]:
		delete(b.good, peer.Name)
	default:
		// The time runs from the first answer: then the preferred ones are tried again.
		if good, ok := b.good[peer.Name]; !ok || good.address != call.Address {
			b.good[peer.Name] = goodAddress{call.Address, now.Add(goodTime)}
		}
	}
}
