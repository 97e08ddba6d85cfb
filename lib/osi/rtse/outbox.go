package rtse

import (
	"net"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// outbox is what a Conn has to write. It is written by a goroutine of its own, so that
// neither side can wait for the other to read what it cannot write. The mutex of the Conn
// guards it.
type outbox struct {
	queue    []outgoing  // TSDUs to be written, and the end of the connection
	batch    []outgoing  // those being written …
	octets   []tp.Octets // … and what of them is: both are the writer's
	held     bool        // what is queued waits for what follows it at once
	queued   uint64      // how many were ever queued …
	written  uint64      // … and written
	writeErr error
	toWrite  sync.Cond // for the writer: there is something to write, or no more
	wrote    sync.Cond // for who waits until it is written
}

// outgoing is a TSDU, or a part of one, or the T-DISCONNECT request.
type outgoing struct {
	octets     tp.Octets
	disconnect bool
}

// maxQueue is how many TSDUs may wait to be written before no more are read that
// might ask for answers.
const maxQueue = 16

// enqueue queues a TSDU, or the end. c.mu is held.
func (c *Conn) enqueue(o outgoing) {
	if c.dead {
		c.dropped(o)
		return
	}
	c.queue = append(c.queue, o)
	c.queued++
	if o.disconnect {
		c.held = false
	}
	c.toWrite.Signal()
}

// letGo has what was held written. c.mu is held.
func (c *Conn) letGo() {
	if c.held {
		c.held = false
		c.toWrite.Signal()
	}
}

// dropped notes that a TSDU will not be written. c.mu is held.
func (c *Conn) dropped(o outgoing) {
	if !o.disconnect && c.writeErr == nil {
		c.writeErr = diag.E("", diag.Unavailable, net.ErrClosed)
	}
}

// flush waits until what is queued now is written, or an error says that not all of it
// was; the octets of its segments may be changed after that, not before.
func (c *Conn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.letGo()
	for ticket := c.queued; c.written < ticket; {
		c.wrote.Wait()
	}
	return c.writeErr
}

// write is the goroutine that writes the transport connection. What is queued when it
// comes to it, it writes together: the peer is woken once for it.
func (c *Conn) write() {
	c.mu.Lock()
	defer c.mu.Unlock()
	for {
		for (len(c.queue) == 0 || c.held) && !c.dead {
			c.toWrite.Wait()
		}
		if len(c.queue) == 0 {
			return
		}
		c.batch, c.queue = c.queue, c.batch[:0]
		if len(c.batch) > maxQueue {
			c.notify() // no more is read until then
		}
		limit := c.cfg.Timers.Idle
		if c.over() != nil {
			limit = c.cfg.Timers.Disconnect
		}
		last := c.writeErr != nil || c.dead
		c.octets = c.octets[:0]
		for _, o := range c.batch {
			if last = last || o.disconnect; last {
				c.dropped(o)
				continue
			}
			c.octets = append(c.octets, o.octets)
		}
		c.mu.Unlock()
		var err error
		if len(c.octets) > 0 {
			if err = c.tc.SetWriteDeadline(time.Now().Add(limit)); err == nil {
				err = c.tc.Write(c.octets...)
			}
		}
		c.mu.Lock()
		if err != nil {
			c.writeErr = err
			c.notify()
		}
		if last || err != nil {
			// The reader meets the end of the connection and reports it.
			c.mu.Unlock()
			c.tc.Close()
			c.mu.Lock()
		}
		c.written += uint64(len(c.batch))
		// Nothing of it may stay reachable from here.
		clear(c.batch)
		clear(c.octets)
		c.wrote.Broadcast()
	}
}
