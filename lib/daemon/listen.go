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
	// maxCallers bounds the connections that have not sent their CR TPDU yet.
	maxCallers = 256
	// maxWaiting bounds the connections that wait for a channel process: to start, or
	// to take what it was handed.
	maxWaiting = 64
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
		l, err := net.Listen("tcp", address)
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
		caller := c.callers.Enter(conn)
		go c.caller(conn.(*net.TCPConn), caller, address)
	}
}

var errCrowded = errors.New("nothing was said, and others wanted the place")

// caller reads the CR TPDU, which names the called transport selector, and hands
// the connection to the core with the octets read.
func (c *core) caller(conn *net.TCPConn, place *channel.Caller, address string) {
	from := conn.RemoteAddr().String()
	// The channel goes on with a copy of the descriptor; this one is closed.
	defer func() { _ = conn.Close() }()
	err := conn.SetReadDeadline(c.now().Add(crTimeout))
	var cr *tp.CR
	var octets []byte
	if err == nil {
		cr, octets, err = tp.PeekCR(conn)
	}
	if place.Leave() {
		err = errCrowded
	}
	if err != nil {
		c.log.Warn("connection refused", "from", from, "layer", "transport", "error", err)
		return
	}
	f, err := conn.File()
	if err != nil {
		c.log.Warn("connection", "from", from, "error", err)
		return
	}
	line := channel.Line{Type: channel.TypeAccept, Read: octets, From: from}
	c.post(func() { c.arrived(address, accepted{line: line, file: f, cr: cr}) })
}

// arrived picks the channel that takes a connection.
func (c *core) arrived(address string, a accepted) {
	name, ok := c.conf.ListenerChannel(address, a.cr.CalledTSEL)
	p := c.serving[name]
	switch {
	case c.draining:
		c.drop(a.file, a.line.From, "stopping")
	case !ok:
		// Nobody here has this selector; the transport user would say DR 3.
		c.refuse(a, address)
	case p == nil:
		c.drop(a.file, a.line.From, "channel "+name+" is not running")
	case p.up && p.stream.Files() < maxWaiting:
		c.hand(p, a)
	case !p.up && len(p.waiting) < maxWaiting:
		p.waiting = append(p.waiting, a)
	default:
		c.drop(a.file, a.line.From, "channel "+name+" is not ready")
	}
}

// refuse answers a CR TPDU for a selector nobody has with a DR TPDU.
func (c *core) refuse(a accepted, address string) {
	c.log.Warn("connection refused", "from", a.line.From, "layer", "transport", "address", address, "why", "called transport selector unknown")
	go func() {
		conn, err := net.FileConn(a.file)
		if err = errors.Join(err, a.file.Close()); err != nil {
			return
		}
		defer func() { _ = conn.Close() }()
		// The caller may have gone; then nobody is left to be told.
		if conn.SetWriteDeadline(c.now().Add(crTimeout)) == nil {
			_ = tp.Refuse(conn, a.cr, tp.ReasonAddressUnknown)
		}
	}()
}
