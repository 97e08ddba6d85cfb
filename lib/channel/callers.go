package channel

import (
	"container/list"
	"fmt"
	"net"
	"net/netip"
	"sync"
	"time"
)

// CallerLimits bound the connections of those who have not said yet who they are.
// Neither may be less than one.
type CallerLimits struct {
	Most      int // at once
	PerSource int // of them from one source: an IPv4 address, or an IPv6 network of 64 bits
}

// Callers holds the connections of those who have not said yet who they are, within
// CallerLimits. Who is in earnest says so at once. So when a source has all its places
// taken it is its own connection that has waited longest which is closed, and when
// there is no place at all it is the longest waiting one of the source that has the
// most. Whoever opens connections to say nothing over them can thus not shut out the
// others, from however few addresses or many.
type Callers struct {
	report func(Crowd)

	mu      sync.Mutex
	limits  CallerLimits
	n       int
	entered uint64
	sources map[netip.Prefix]*source
	crowd   Crowd // not reported yet
	counted map[netip.Prefix]bool
	resting bool // a report was made within crowdInterval
}

// source is where some callers come from.
type source struct {
	prefix netip.Prefix
	all    list.List // of *Caller, the longest waiting first
}

// Caller is a connection among the Callers. To close it gives its place back.
type Caller struct {
	*net.TCPConn
	callers *Callers
	from    *source
	place   *list.Element // nil: has none any more
	number  uint64        // they are numbered as they enter
	crowded bool
	gone    chan struct{} // closed when it has to go because of others
}

// Crowd tells of connections that were closed because others wanted their places.
type Crowd struct {
	Connections int
	Sources     int // as far as they were told apart
	From        string
}

func (c Crowd) String() string {
	return fmt.Sprintf("%d that had not said who they are, from %d sources, one of them %s, and others wanted the place",
		c.Connections, c.Sources, c.From)
}

// crowdInterval is the least time between two reports: whoever opens connections by
// the thousand shall not fill a log by it.
const crowdInterval = time.Second

// NewCallers makes an empty hall. To report is given what was closed, the first at
// once, and then not more often than once a second.
func NewCallers(limits CallerLimits, report func(Crowd)) *Callers {
	return &Callers{report: report, limits: limits, sources: map[netip.Prefix]*source{}, counted: map[netip.Prefix]bool{}}
}

// Limit changes the limits; they count from the next caller on.
func (c *Callers) Limit(limits CallerLimits) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.limits = limits
}

// Enter gives a connection a place; Leave, or Close, gives it back.
func (c *Callers) Enter(conn *net.TCPConn) *Caller {
	prefix := sourceOf(conn.RemoteAddr())
	c.mu.Lock()
	defer c.mu.Unlock()
	if s := c.sources[prefix]; s != nil && s.all.Len() >= c.limits.PerSource {
		c.evict(s)
	}
	if c.n >= c.limits.Most {
		c.evict(c.largest())
	}
	s := c.sources[prefix]
	if s == nil {
		s = &source{prefix: prefix}
		c.sources[prefix] = s
	}
	c.entered++
	caller := &Caller{TCPConn: conn, callers: c, from: s, number: c.entered, gone: make(chan struct{})}
	caller.place = s.all.PushBack(caller)
	c.n++
	return caller
}

// sourceOf is the source of a caller. Whoever has an IPv6 address has all of its
// network.
func sourceOf(a net.Addr) netip.Prefix {
	t, ok := a.(*net.TCPAddr)
	if !ok {
		return netip.Prefix{} // gone already
	}
	ip := t.AddrPort().Addr().Unmap().WithZone("")
	bits := 32
	if ip.Is6() {
		bits = 64
	}
	p, _ := ip.Prefix(bits) // fails for no address only
	return p
}

// largest is the source with the most callers.
func (c *Callers) largest() *source {
	var most *source
	for _, s := range c.sources {
		if most == nil || s.all.Len() > most.all.Len() || s.all.Len() == most.all.Len() && s.first().number < most.first().number {
			most = s
		}
	}
	return most
}

func (s *source) first() *Caller { return s.all.Front().Value.(*Caller) }

// evict closes the connection of a source that has waited longest.
func (c *Callers) evict(s *source) {
	first := s.first()
	first.leave()
	first.crowded = true
	close(first.gone)
	_ = first.TCPConn.Close() // whoever reads it hears of it
	c.crowd.Connections++
	c.crowd.From = first.RemoteAddr().String()
	if len(c.counted) < c.limits.Most {
		c.counted[s.prefix] = true
	}
	if !c.resting {
		c.tell()
	}
}

// tell reports the crowd and rests. c.mu is held.
func (c *Callers) tell() {
	crowd := c.crowd
	crowd.Sources = len(c.counted)
	c.crowd = Crowd{}
	clear(c.counted)
	c.resting = true
	go c.report(crowd)
	time.AfterFunc(crowdInterval, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.resting = false
		if c.crowd.Connections > 0 {
			c.tell()
		}
	})
}

// Leave gives the place back: the caller is known now.
func (c *Caller) Leave() {
	c.callers.mu.Lock()
	defer c.callers.mu.Unlock()
	c.leave()
}

// Close closes the connection and gives the place back.
func (c *Caller) Close() error {
	c.Leave()
	return c.TCPConn.Close()
}

// Crowded tells whether the connection was closed because others wanted its place.
func (c *Caller) Crowded() bool {
	c.callers.mu.Lock()
	defer c.callers.mu.Unlock()
	return c.crowded
}

// Gone is closed when the connection is closed because others wanted its place.
func (c *Caller) Gone() <-chan struct{} { return c.gone }

func (c *Caller) leave() {
	if c.place == nil {
		return
	}
	c.from.all.Remove(c.place)
	c.place = nil
	c.callers.n--
	if c.from.all.Len() == 0 {
		delete(c.callers.sources, c.from.prefix)
	}
}
