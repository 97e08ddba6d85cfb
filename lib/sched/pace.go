package sched

// host is where several peers of a channel are, who share a number of associations.
type host struct {
	peers   []*peer
	assocs  int // opened from here: being opened, up or being closed
	closing int // those of them being closed
	waiting int // of peers, those that wait for a place here
	wanting int // of peers, those with work for an association more
}

// setHosts works out anew which peers of a channel share a host.
func (s *Scheduler) setHosts(c *channel) {
	c.hosts, c.hostWaiters = nil, 0
	byName := map[string]*host{}
	for _, p := range c.peers {
		p.host, p.hostWaits, p.hostWork = nil, false, false
		name := p.config.Host
		if name == "" || c.config.MaxPerHost <= 0 {
			continue
		}
		h := byName[name]
		if h == nil {
			h = new(host)
			byName[name] = h
			c.hosts = append(c.hosts, h)
		}
		h.peers = append(h.peers, p)
		p.host = h
	}
	for _, proc := range c.processes {
		for _, a := range proc.assocs {
			if h := a.peer.host; h != nil && !a.inbound {
				h.assocs++
				if a.state == assocClosing {
					h.closing++
				}
			}
		}
	}
}

// countHost keeps the number of associations with a host.
func (s *Scheduler) countHost(a *assoc, by int) {
	h := a.peer.host
	if h == nil || a.inbound {
		return
	}
	h.assocs += by
	for _, p := range h.peers {
		s.touch(p)
	}
}

// hostFull reports whether no association more may be opened with the host of a peer.
func (p *peer) hostFull() bool {
	return p.host != nil && p.host.assocs >= p.channel.config.MaxPerHost
}

// givesWay reports whether a peer that wants an association to stand, and has nothing to
// send, leaves the places that its host has to others who do: the one it would take would
// have to make room at once, and it would want it again.
func (p *peer) givesWay() bool {
	return p.host != nil && p.channel.config.MaxPerHost-p.host.assocs <= p.host.wanting
}

// setHostWork notes whether a peer has work for an association more.
func (s *Scheduler) setHostWork(p *peer, work bool) {
	if p.hostWork == work || p.host == nil {
		return
	}
	p.hostWork = work
	if work {
		p.host.wanting++
	} else {
		p.host.wanting--
	}
	for _, other := range p.host.peers {
		if other != p && (other.config.Permanent || other.callDue()) {
			s.touch(other)
		}
	}
}

func (s *Scheduler) setHostWaits(p *peer, waits bool) {
	if p.hostWaits == waits {
		return
	}
	by := 1
	if !waits {
		by = -1
	}
	p.hostWaits = waits
	p.host.waiting += by
	p.channel.hostWaiters += by
}

// makeRoomAtHosts closes idle associations with hosts that are full and have peers who
// wait for a place.
func (s *Scheduler) makeRoomAtHosts(c *channel) {
	if c.hostWaiters == 0 || !c.up() {
		return
	}
	for _, h := range c.hosts {
		for h.closing < h.waiting && s.makeRoomAt(h) {
		}
	}
}

func (s *Scheduler) makeRoomAt(h *host) bool {
	var first *peer
	for _, p := range h.peers {
		if p.hostWaits && (first == nil || p.best() < first.best() ||
			p.best() == first.best() && p.before(first)) {
			first = p
		}
	}
	q := first.best()
	if q == priorities {
		q = normal // it is to be called
	}
	if at := first.channel.mayOpen(); q != urgent && at > s.now {
		first.channel.look(at)
		return false
	}
	var longest *assoc
	for _, p := range h.peers {
		for _, a := range p.idle {
			if (p != first || a.reserved && q != urgent) && !a.inbound && (longest == nil || a.before(longest)) && s.yields(a, first, q) {
				longest = a
			}
		}
	}
	if longest == nil {
		return false
	}
	s.close(longest)
	return true
}

// mayOpen tells when an association that is not for an urgent message may be opened, by
// the intervals of its channel; it may have passed.
func (c *channel) mayOpen() int64 {
	at := int64(0)
	if c.opened != 0 {
		pause := c.config.StartInterval
		if c.light() {
			pause = max(pause, c.config.LightInterval)
		}
		at = c.opened + int64(pause)
	}
	if c.ended != 0 && c.assocs == 0 {
		at = max(at, c.ended+int64(c.config.EndedInterval))
	}
	return at
}

// light reports whether no association would have more than one message to carry.
func (c *channel) light() bool { return c.ready <= c.assocs }

// look looks at a channel again when something that has to wait may be opened.
func (c *channel) look(at int64) { c.wake = sooner(c.wake, at) }

// free reports whether one more job of a priority may be started among those of all
// channels.
func (s *Scheduler) free(priority int) bool {
	return s.config.MaxJobs <= 0 || s.running.free(priority, s.limits)
}

// needier reports whether a channel has less of its places in use than another, or as
// much and was served longer ago.
func (c *channel) needier(other *channel) bool {
	a, b := c.jobs.total()*other.config.MaxJobs, other.jobs.total()*c.config.MaxJobs
	if a != b {
		return a < b
	}
	return c.served < other.served
}

// passed is the messages of one priority for a peer that could go but for a place.
type passed struct {
	peer     *peer
	since    int64          // they are there, or the last of them went
	in       *heap[*passed] // of the channel; nil while no place alone would let them go
	pos      int32
	priority uint8
	waits    bool // there are any
}

func (w *passed) before(other *passed) bool {
	if w.since != other.since {
		return w.since < other.since
	}
	if w.peer != other.peer {
		return w.peer.number < other.peer.number
	}
	return w.priority < other.priority
}

func (w *passed) place() *int32 { return &w.pos }

// again counts the time of messages anew, as one of them goes.
func (w *passed) again(now int64) {
	if !w.waits {
		return
	}
	if w.since = now; w.in != nil {
		w.in.put(w)
	}
}

// setPassed notes whether messages of a priority could go but for a place, and whether all
// they need is that, or an association. Those whose host is full, say, stand in nobody's
// way meanwhile; their time goes on.
func (s *Scheduler) setPassed(p *peer, priority int, could, goes, opens bool) {
	w, c := &p.passed[priority], p.channel
	var in *heap[*passed]
	switch {
	case !could || s.config.Starvation <= 0:
		w.waits = false
	case goes:
		in = &c.passed[priority]
	case opens:
		in = &c.unserved[priority]
	}
	if could && !w.waits {
		w.waits, w.since = s.config.Starvation > 0, s.now
	}
	if w.in == in {
		return
	}
	if w.in != nil {
		w.in.drop(w)
	}
	if w.in = in; in != nil {
		in.put(w)
	}
}

// overlong returns those messages that have been passed over longest, if that is for too
// long and they may have a place for it: one at a time in a channel, never one that is
// reserved, nor the only one there is.
func (s *Scheduler) overlong(c *channel, among *[priorities]heap[*passed]) (first *passed) {
	if c.overdue > 0 || s.config.Starvation <= 0 || c.config.MaxJobs < 2 || s.config.MaxJobs == 1 {
		return nil
	}
	for q := normal; q < priorities; q++ {
		w := among[q].top()
		if w != nil && w.since+int64(s.config.Starvation) <= s.now && (first == nil || w.before(first)) && s.placeFor(c, q) {
			first = w
		}
	}
	return first
}

// startOverdue starts a job of those that have been passed over for too long.
func (s *Scheduler) startOverdue(c *channel) {
	w := s.overlong(c, &c.passed)
	if w == nil {
		return
	}
	s.startJob(w.peer, int(w.priority)).overdue = true
	c.overdue++
	s.reseatDirty()
}

// openOverdue opens an association for those that have been passed over for too long, if
// they have none.
func (s *Scheduler) openOverdue(c *channel) {
	w := s.overlong(c, &c.unserved)
	if w == nil {
		return
	}
	if at := c.mayOpen(); at > s.now {
		c.look(at)
		return
	}
	if a := s.open(c, w.peer, int(w.priority), urgent-1); a != nil {
		a.overdue = true
	}
	s.reseatDirty()
}

// clockBackPace brings back to now what was noted at a time that is to come again.
func (s *Scheduler) clockBackPace(c *channel) {
	c.opened, c.ended = min(c.opened, s.now), min(c.ended, s.now)
	for _, proc := range c.processes {
		proc.since = min(proc.since, s.now)
	}
	for _, p := range c.peers {
		for q := range p.passed {
			if w := &p.passed[q]; w.since > s.now {
				w.again(s.now)
			}
		}
	}
}
