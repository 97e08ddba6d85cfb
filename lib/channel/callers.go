package channel

import (
	"container/list"
	"net"
	"sync"
)

// Callers holds the connections of those who have not said yet who they are, at most
// so many. Who is in earnest says so at once; so when there is no place it is the one
// that has waited longest whose connection is closed. Whoever opens connections to say
// nothing over them can thus not shut out the others.
type Callers struct {
	most int
	mu   sync.Mutex
	all  list.List // of *Caller, the longest waiting first
}

// Caller is a connection among the Callers.
type Caller struct {
	net.Conn
	callers *Callers
	place   *list.Element // nil: has none any more
	crowded bool
}

// NewCallers makes an empty hall for at most so many.
func NewCallers(most int) *Callers { return &Callers{most: most} }

// Enter gives a connection a place; Leave gives it back.
func (c *Callers) Enter(conn net.Conn) *Caller {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.all.Len() >= c.most {
		first := c.all.Front().Value.(*Caller)
		first.leave()
		first.crowded = true
		_ = first.Close() // whoever reads it hears of it
	}
	caller := &Caller{Conn: conn, callers: c}
	caller.place = c.all.PushBack(caller)
	return caller
}

// Leave gives the place back; crowded says that the connection was closed because
// others wanted it.
func (c *Caller) Leave() (crowded bool) {
	c.callers.mu.Lock()
	defer c.callers.mu.Unlock()
	c.leave()
	return c.crowded
}

func (c *Caller) leave() {
	if c.place != nil {
		c.callers.all.Remove(c.place)
		c.place = nil
	}
}
