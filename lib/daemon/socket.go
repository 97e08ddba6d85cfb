package daemon

import (
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/queue"
)

const (
	// maxRequest bounds a request of a tool: a million identifiers.
	maxRequest = 32 << 20
	// requestTime bounds how long a tool may take to put its request.
	requestTime = time.Minute
	// maxTools bounds the tools answered at once, and maxLooks those of them that have something
	// looked up: a directory may take long to answer.
	maxTools = 64
	maxLooks = 16
)

// serve opens the local socket tools ask at. Whoever may open the file may ask:
// its directory is the owner's.
func (c *core) serve() (net.Listener, error) {
	path := queue.SocketPath(c.conf.Spool.Dir)
	// The lock is ours, so a socket that is there has no listener.
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, diag.E("control socket", diag.CantCreate, err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, diag.E("control socket", diag.CantCreate, err)
	}
	if err := os.Chmod(path, 0o660); err != nil {
		return nil, errors.Join(diag.E("control socket", diag.CantCreate, err), l.Close())
	}
	go func() {
		places := make(chan struct{}, maxTools)
		for {
			conn, err := l.Accept()
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err != nil {
				c.log.Warn("control socket", "error", err)
				time.Sleep(acceptPause)
				continue
			}
			places <- struct{}{}
			go func() {
				defer func() { <-places }()
				c.tool(conn)
			}()
		}
	}()
	return l, nil
}

// tool answers one tool. A connection that closes without a word is somebody who
// wanted to know whether we are here.
func (c *core) tool(conn net.Conn) {
	defer func() { _ = conn.Close() }() // the answer has been written or cannot be
	if err := conn.SetReadDeadline(c.now().Add(requestTime)); err != nil {
		return
	}
	var q queue.Request
	if err := json.NewDecoder(io.LimitReader(conn, maxRequest)).Decode(&q); err != nil {
		return
	}
	if q.Verb == queue.VerbLook {
		c.lookFor(conn, &q)
		return
	}
	var lines []byte
	gone := false // what was asked for is done all the same
	write := func() {
		if len(lines) == 0 { // the tool must not take us for hung while nothing is found
			lines = append(lines, '\n')
		}
		gone = gone || conn.SetWriteDeadline(c.now().Add(requestTime)) != nil
		if !gone {
			_, err := conn.Write(lines)
			gone = err != nil
		}
	}
	var i *queue.Inquiry
	for more := true; more && (!gone || q.Acts()); {
		c.call(func() {
			if i == nil {
				i = c.keeper.Inquire(c.now(), q)
			}
			more = i.Look(c.now())
		})
		var err error
		lines, err = i.AppendLines(lines[:0])
		gone = gone || err != nil
		write()
	}
	end := make(chan []queue.Answer, 1)
	c.post(func() { i.Finish(func(answers []queue.Answer) { end <- answers }) })
	lines = lines[:0]
	for _, a := range append(<-end, queue.Answer{End: true}) {
		var err error
		lines, err = a.AppendLine(lines)
		gone = gone || err != nil
	}
	write()
}

// lookFor answers a tool that looks for nodes, which the core has nothing to do with.
func (c *core) lookFor(conn net.Conn, q *queue.Request) {
	var nodes []conf.Node
	err := diag.New("mtarun", diag.Temporary, "too much is looked up at once; try again")
	select {
	case c.looks <- struct{}{}:
		nodes, err = c.opt.Config.Look(q.Tree, q.Names)
		<-c.looks
	default:
	}
	a := queue.Answer{Nodes: nodes}
	if err != nil {
		a = queue.Troubled(err)
	}
	var lines []byte
	for _, a := range []queue.Answer{a, {End: true}} {
		if lines, err = a.AppendLine(lines); err != nil {
			return // the tool hears that the answer ended too early
		}
	}
	if conn.SetWriteDeadline(c.now().Add(requestTime)) == nil {
		_, _ = conn.Write(lines) // a tool that is gone needs no answer
	}
}

// call has the core do something and waits until it is done.
func (c *core) call(f func()) {
	done := make(chan struct{})
	c.post(func() {
		defer close(done)
		f()
	})
	<-done
}
