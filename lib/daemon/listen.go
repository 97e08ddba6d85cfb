package daemon

import (
	"errors"
	"io/fs"
	"net"
	"slices"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

const (
	// crTimeout is how long a caller may take to send its CR TPDU.
	crTimeout = 10 * time.Second
	// maxWaiting bounds the connections on their way to a channel process.
	maxWaiting = 64
	// handTimeout is how long a caller waits for a channel process: to start, or to
	// take what it was handed.
	handTimeout = 30 * time.Second
	// handPause is the rest between two looks at a channel process that is not ready.
	handPause = 20 * time.Millisecond
	// refuseTimeout bounds the writing of a DR TPDU.
	refuseTimeout = 10 * time.Millisecond
	// acceptPause is the rest taken when descriptors have run out.
	acceptPause = 100 * time.Millisecond
)

// open opens the listeners of a configuration that are not open, all or none.
func (c *core) open(cfg *conf.Config) (map[string]net.Listener, error) {
	fresh := map[string]net.Listener{}
	for _, address := range cfg.ListenAddresses() {
		if c.listeners[address] != nil {
			continue
		}
		var l net.Listener
		err := c.opt.Rights.use(func() (err error) {
			l, err = net.Listen("tcp", address)
			return err
		})
		if err != nil {
			c.closeListeners(fresh)
			return nil, cannotListen(err)
		}
		fresh[address] = l
	}
	return fresh, nil
}

// listen takes connections at fresh listeners, and closes those that the configuration
// no longer has.
func (c *core) listen(fresh map[string]net.Listener) {
	for address, l := range fresh {
		c.listeners[address] = l
		c.log.Info("listening", "address", address)
		go c.accept(l, address)
	}
	gone := map[string]net.Listener{}
	for address, l := range c.listeners {
		if !slices.Contains(c.conf.ListenAddresses(), address) {
			gone[address] = l
		}
	}
	c.closeListeners(gone)
}

// cannotListen tells an address somebody else has, or that is not for us to open, from
// one that makes no sense here.
func cannotListen(err error) error {
	switch {
	case errors.Is(err, unix.EADDRINUSE):
		return diag.E("listen", diag.Unavailable, err)
	case errors.Is(err, fs.ErrPermission):
		return diag.WithHint(diag.E("listen", diag.Denied, err), "a port below 1024 needs root or CAP_NET_BIND_SERVICE")
	}
	return diag.E("listen", diag.Config, err)
}

func (c *core) closeListeners(all map[string]net.Listener) {
	for address, l := range all {
		if err := l.Close(); err != nil {
			c.log.Warn("listener", "address", address, "error", err)
		}
		delete(c.listeners, address)
	}
}

// accept takes connections until the listener is closed.
func (c *core) accept(l net.Listener, address string) {
	for {
		conn, err := l.Accept()
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			c.log.Warn("accept", "address", address, "error", err)
			time.Sleep(acceptPause)
			continue
		}
		caller := c.callers.Enter(conn.(*net.TCPConn))
		go c.caller(caller, address)
	}
}

// callerLimits are those of a configuration.
func callerLimits(cfg *conf.Config) channel.CallerLimits {
	return channel.CallerLimits{Most: cfg.Limits.Unbound, PerSource: cfg.Limits.UnboundPerSource}
}

// crowded logs connections that were closed because others wanted their places.
func (c *core) crowded(crowd channel.Crowd) {
	c.log.Warn("connections refused", "layer", "transport", "error", crowd)
}

// caller reads the CR TPDU, which names the called transport selector, and hands
// the connection to a channel process with the octets read.
func (c *core) caller(caller *channel.Caller, address string) {
	// The channel goes on with a copy of the descriptor; this one is closed.
	defer func() { _ = caller.Close() }()
	a := arrival{caller: caller, address: address, from: caller.RemoteAddr().String()}
	var err error
	if _, a.secure = c.shared.Load().SecureListener(address); !a.secure {
		a.cr, a.octets, err = c.readCR(caller)
	}
	end := time.After(handTimeout)
	for err == nil {
		taken := make(chan bool, 1)
		c.post(func() { taken <- c.arrived(a) })
		if <-taken {
			return
		}
		select {
		case <-time.After(handPause):
		case <-caller.Gone():
			err = net.ErrClosed
		case <-end:
			c.drop(a.from, "its channel process is not ready")
			return
		}
	}
	if !caller.Crowded() { // else that is told
		c.log.Warn("connection refused", "from", a.from, "layer", "transport", "error", err)
	}
}

func (c *core) readCR(caller *channel.Caller) (*tp.CR, []byte, error) {
	if err := caller.SetReadDeadline(c.now().Add(crTimeout)); err != nil {
		return nil, nil, err
	}
	return tp.PeekCR(caller)
}

// arrival is a connection that has said which transport selector it wants, or will say
// so to a channel, after the TLS handshake.
type arrival struct {
	caller  *channel.Caller // which keeps its place until a process has it
	address string          // it came to
	from    string
	secure  bool   // TLS comes first: nothing has been read
	cr      *tp.CR // unless secure
	octets  []byte // read
}

// channelOf is the channel that takes an arrival. It is the configuration of now that
// says, and that may have put TLS before a connection that came without.
func (c *core) channelOf(a arrival) (name string, ok bool) {
	l, secure := c.conf.SecureListener(a.address)
	switch {
	case secure != a.secure:
		return "", false
	case secure:
		return l.Channel, true
	}
	return c.conf.ListenerChannel(a.address, a.cr.CalledTSEL)
}

// arrived hands a connection to the channel that takes it. It returns false if that is
// not ready.
func (c *core) arrived(a arrival) (settled bool) {
	name, ok := c.channelOf(a)
	p := c.serving[name]
	switch {
	case c.draining:
		c.drop(a.from, "stopping")
	case ok && c.keeper.Disabled(name):
		c.drop(a.from, "channel "+name+" is disabled")
	case !ok && a.secure:
		c.drop(a.from, "the listener has no TLS any more")
	case !ok:
		// Nobody here has this selector; the transport user would say DR 3.
		c.refuse(a)
	case p == nil || !p.up || p.stream.Files() >= maxWaiting:
		return false
	default:
		c.hand(p, a)
	}
	return true
}

// hand passes a connection to a channel process.
func (c *core) hand(p *process, a arrival) {
	f, err := a.caller.File()
	if err == nil {
		err = p.stream.SendFile(channel.Line{Type: channel.TypeAccept, Read: a.octets, From: a.from, Listener: a.address}, f)
	}
	if err != nil && !a.caller.Crowded() {
		c.log.Warn("connection cannot be handed over", "channel", p.channel, "from", a.from, "error", err)
	}
}

// drop says why a connection that finds no channel is closed; the peer will call again.
func (c *core) drop(from, why string) {
	c.log.Warn("connection dropped", "from", from, "why", why)
}

// refuse answers a CR TPDU for a selector nobody has with a DR TPDU.
func (c *core) refuse(a arrival) {
	c.log.Warn("connection refused", "from", a.from, "layer", "transport", "address", a.address, "why", "called transport selector unknown")
	// The caller may have gone; then nobody is left to be told. What it does not read
	// at once is so little that the kernel takes it.
	if a.caller.SetWriteDeadline(c.now().Add(refuseTimeout)) == nil {
		_ = tp.Refuse(a.caller, a.cr, tp.ReasonAddressUnknown)
	}
}
