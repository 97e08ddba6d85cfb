package sched

import (
	"slices"

	"github.com/mtakit/mtakit/lib/spool"
)

// Times inside the scheduler are Unix nanoseconds; 0 is none.

// kinds lets a message say what it is in one octet.
var kinds = [...]spool.Kind{"", spool.KindMessage, spool.KindProbe, spool.KindReport}

// message is a message with a recipient that is not final yet.
type message struct {
	id                          spool.ID
	accepted, deferred, expires int64
	again                       int64 // when those whose alternate is next are given up; 0: never
	size                        int64
	recipients                  []recipient // ascending by n
	lists                       *mlist      // its mlists, linked by sibling
	chain                       *message    // of Scheduler.messages
	prev, next                  *message    // all messages, by arrival here
	left                        int32       // recipients not final
	hash                        uint32      // of id, in Scheduler.messages
	pos                         int32       // in Scheduler.expiring, by the first of those times or when it is late
	letter                      spool.Priority
	priority                    uint8 // letter as an index
	kind                        uint8 // index in kinds
	passOn                      bool  // deferred is for who is delivered here
	latest                      bool  // expires is the originator's latest-delivery-time
	late                        bool  // and said so
	done                        bool  // every recipient is final, and it is forgotten

	// What most messages have of these is one, and in one piece with them.
	one  [1]recipient
	list mlist // in use while its msg is set
}

func (m *message) place() *int32 { return &m.pos }

func (m *message) ref() spool.Ref { return spool.Ref{ID: m.id, Priority: m.letter} }

// expired reports whether the time of some recipient may be over.
func (m *message) expired(now int64) bool {
	return m.expires != 0 && m.expires <= now || m.again != 0 && m.again <= now
}

// over reports whether the time of a recipient is over. Whose alternate is next has been
// given up once, and has another.
func (m *message) over(r *recipient, now int64) bool {
	end := m.expires
	if r.alternate == alternateNext {
		end = m.again
	}
	return end != 0 && end <= now
}

// recipient is kept small: there are a million of them.
type recipient struct {
	hops     *hopset // nil: nowhere to go, and in no list
	list     *mlist
	text     string // last reason
	until    int64  // Waiting: not before
	n        int32
	next     int32 // index of the next recipient of its mlist, -1 at the end
	attempts uint16
	state    State
	wish     wish
	doubts   uint8 // attempts in doubt in a row
	doubt    bool  // an attempt was not answered for, and none has settled it since
	doubtAt  uint8 // index plus one in hops of the only peer such an attempt was made at; 0: not known, or several

	alternate alternate
}

// wish is what an operator wants of a recipient in flight, should it come back,
// or of one without a hop, should it get one.
type wish uint8

const (
	wishNone wish = iota
	wishHold
	wishExpire
	wishDelete
	wishReject // as job.rejected says
)

var wishNames = [...]string{"", "hold", "expire", "delete", "reject"}

func (w wish) String() string { return wishNames[w] }

// doubted is the only peer that may have got the message and has not said so, nil if it is
// not known or not the only one.
func (r *recipient) doubted() *peer {
	if r.doubtAt == 0 {
		return nil
	}
	return r.hops.peers[r.doubtAt-1]
}

// setDoubt notes that a peer may have got the message.
func (r *recipient) setDoubt(p *peer) {
	at := r.hops.at(p)
	if r.doubt && r.doubtAt != at {
		at = 0
	}
	r.doubt, r.doubtAt = true, at
}

// hopset is a list of alternate hops, shared by all recipients that have it.
type hopset struct {
	key   string
	peers []*peer
	refs  int
}

// at is the index plus one of a peer among the first of the hops, else 0.
func (h *hopset) at(p *peer) uint8 {
	if h == nil || p == nil {
		return 0
	}
	return uint8(slices.Index(h.peers[:min(len(h.peers), 1<<8-1)], p) + 1)
}

// mlist is the recipients of one message for one peer.
type mlist struct {
	msg              *message
	peer             *peer
	sibling          *mlist
	prev, next       *mlist // in peer.ready of its priority, while ready
	allPrev, allNext *mlist // in peer.all, by arrival there
	job              *job   // while InFlight
	due              int64  // earliest until of a Waiting recipient; in Scheduler.waiting while not 0
	seq              uint64 // of its arrival at the peer
	first, last      int32  // its recipients, linked by recipient.next
	pos              int32  // in Scheduler.waiting
	state            State  // Queued: ready; Waiting, Held: nothing to try now; InFlight; Finished: in no queue
	unsettled        bool   // in Scheduler.unsettled
	alternates       bool   // one of its recipients could go elsewhere
}

func (l *mlist) place() *int32 { return &l.pos }

func (l *mlist) append(i int32) {
	l.msg.recipients[i].list = l
	l.msg.recipients[i].next = -1
	if l.first < 0 {
		l.first = i
	} else {
		l.msg.recipients[l.last].next = i
	}
	l.last = i
}

// queue is a FIFO of ready mlists.
type queue struct {
	first, last *mlist
	n           int
}

func (q *queue) push(l *mlist) {
	l.prev, l.next = q.last, nil
	if q.last != nil {
		q.last.next = l
	} else {
		q.first = l
	}
	q.last = l
	q.n++
}

func (q *queue) remove(l *mlist) {
	if l.prev != nil {
		l.prev.next = l.next
	} else {
		q.first = l.next
	}
	if l.next != nil {
		l.next.prev = l.prev
	} else {
		q.last = l.prev
	}
	l.prev, l.next = nil, nil
	q.n--
}

// seat is a peer's place in one of its channel's heaps.
type seat struct {
	peer  *peer
	was   share // when it was given its place, or later; it may have had more since
	taken bool  // else it is only still there
	pos   int32
}

func (s *seat) before(other *seat) bool {
	if s.was == other.was {
		return s.peer.number < other.peer.number
	}
	return s.was.less(other.was)
}

func (s *seat) place() *int32 { return &s.pos }

// before is the order of seats, as of now.
func (p *peer) before(other *peer) bool {
	if a, b := p.share(), other.share(); a != b {
		return a.less(b)
	}
	return p.number < other.number
}

// share is what a peer has had of the places of its channel.
type share struct {
	inProgress int
	served     uint64
}

func (p *peer) share() share { return share{p.jobs + p.opening, p.served} }

// less puts the peer with the least in progress first, then the one served
// longest ago: a peer with a long queue cannot shut out one with a short queue.
func (s share) less(other share) bool {
	if s.inProgress != other.inProgress {
		return s.inProgress < other.inProgress
	}
	return s.served < other.served
}

// peer is a peer MTA of a channel. A channel without associations has one peer
// without a name, or as many as its recipients' hops name.
type peer struct {
	channel *channel
	name    string
	number  uint64 // order of appearance
	config  PeerConfig
	known   bool // in the configuration

	all       struct{ first, last *mlist }
	ready     [priorities]queue
	lists     [priorities]int // mlists by priority
	states    [Finished]int   // mlists by state
	volume    int64           // content octets of its mlists
	late      int             // those of its mlists whose message is late
	hopsets   []*hopset       // that name it
	elsewhere int             // mlists with an alternate hop
	recent    *mlist          // the last one made, if it still is

	assocs          []*assoc // up, with it, not closing
	idle            []*assoc // those of assocs a job can go to now
	usable          int      // those of assocs that can carry our messages, now or with the turn
	askable         int      // those of assocs whose turn is the peer's and can be asked for
	opening         int
	reserved        int // associations for urgent messages only, being opened or up
	idleReserved    int // those of idle
	usableReserved  int // those of usable
	askableReserved int // those of askable
	closing         int // of all its associations, gone from assocs
	jobs            int
	served          uint64

	failures     int    // in a row
	reason       string // of the last failure
	times        timetable
	shut         bool   // outside its windows
	windowAt     int64  // when that changes
	due          bool   // a call with nothing to send
	callAt       int64  // when it is due next
	contact      int64  // when the last association with it ended; 0: there has been none
	blockedUntil int64  // after a failure nothing is tried before
	delayed      int64  // nor before this, by order
	connect      bool   // it is to be called, by order
	missed       bool   // it has failed, and something took a later hop for that
	order        order  // what operators want of it
	host         *host  // nil: nobody else is counted with it
	hostWaits    bool   // for a place there
	hostWork     bool   // for an association more there
	crowdedUntil int64  // it refuses more associations than it has
	asked        *assoc // whose turn was asked for
	askedFor     int    // priority of the request
	turnUntil    int64  // how long its answer is awaited

	run, want, probe [priorities]seat // places in the channel's heaps
	passed           [priorities]passed
	wanting          bool             // has a seat among want or probe
	was              [priorities]rank // when it was looked at last
	dirty            bool             // in Scheduler.dirty
	wake             int64            // earliest of the times above; in Scheduler.wakes while not 0
	wakePos          int32
	sweep            sweep
}

func (p *peer) place() *int32 { return &p.wakePos }

// off reports whether the peer or its channel is not to be used.
func (p *peer) off() bool { return p.config.Disabled || p.order.disabled || p.channel.off() }

// rank is how good a hop a peer is.
type rank uint8

const (
	works    rank = iota // as far as is known
	retried              // before long, by ourselves
	shut                 // until its window opens or it calls
	disabled             // or its channel is
)

// ranks is how good a hop the peer is for messages of each priority.
func (p *peer) ranks() (all [priorities]rank) {
	if p.off() {
		return [priorities]rank{disabled, disabled, disabled}
	}
	if !p.shut && p.order.held == 0 && !p.troubled() && p.delayed == 0 && p.channel.failures < channelGivenUp && !p.awaited() {
		return [priorities]rank{works, works, works}
	}
	for q := range all {
		all[q] = p.rank(q)
	}
	return all
}

// troubled reports whether there is reason to think that the peer does not work. The next
// message finds out when its wait is over, if that needs no association to be opened.
func (p *peer) troubled() bool {
	return p.failures > 0 && (p.blockedUntil != 0 || p.channel.config.Associations && p.usable == 0)
}

// rank is how good a hop the peer is for a message of a priority.
func (p *peer) rank(priority int) rank {
	switch {
	case p.off():
		return disabled
	case p.awaited() || p.withheld(priority):
		return shut
	case p.troubled() || p.delayed != 0 || p.channel.failures >= channelGivenUp:
		return retried
	}
	return works
}

// best returns the most urgent priority the peer has work of that is ready and may go
// now, or priorities if it has none.
func (p *peer) best() int {
	for q := range p.ready {
		if p.ready[q].n > 0 && !p.withheld(q) {
			return q
		}
	}
	return priorities
}

// readyLists is how much work that is ready and may go now the peer has.
func (p *peer) readyLists() (n int) {
	for q := range p.ready {
		if !p.withheld(q) {
			n += p.ready[q].n
		}
	}
	return n
}

// idleFor is how many associations a job of a priority can go to now.
func (p *peer) idleFor(priority int) int {
	if priority == urgent {
		return len(p.idle)
	}
	return len(p.idle) - p.idleReserved
}

// serves is how many associations can carry messages of a priority, now or with the turn.
func (p *peer) serves(priority int) int {
	if priority == urgent {
		return p.usable
	}
	return p.usable - p.usableReserved
}

// lacks reports whether a permanent peer has no association, nor one on the way.
func (p *peer) lacks() bool {
	return p.config.Permanent && !p.passive() && p.usable == 0 && p.opening == 0
}

// keeps reports whether a permanent peer would lack one if an association were closed.
func (p *peer) keeps() bool { return p.config.Permanent && p.usable <= 1 && !p.off() && !p.shut }

// passive reports whether only the peer opens associations.
func (p *peer) passive() bool { return p.config.Passive }

// awaited reports whether nothing can be done for the peer until it calls, if that is to
// take messages, too.
func (p *peer) awaited() bool { return p.passive() && p.usable == 0 && p.opening == 0 }

func (p *peer) maxAtOnce() int {
	most := p.config.MaxPerPeer
	if most <= 0 {
		most = p.channel.config.MaxPerPeer
	}
	if most <= 0 {
		most = int(^uint(0) >> 1)
	}
	return most
}

// channel is a channel with its peers and processes.
type channel struct {
	name       string
	number     uint64
	config     ChannelConfig
	limits     limits  // of its jobs
	openLimits limits  // of its associations, where its process has none of its own
	known      bool    // in the configuration
	peers      []*peer // by order of appearance
	byName     map[string]*peer

	current   *process   // takes work
	processes []*process // with those that finish their jobs
	starting  bool       // StartChannel not answered yet
	replace   bool       // a new process is wanted although there is one
	failures  int        // of processes, in a row
	reason    string     // of the last failure
	restartAt int64

	ready   int // mlists to be tried now
	jobs    places
	busy    places // those of jobs over associations of ours
	openFor places // associations being opened, by the priority they are wanted for
	probes  int    // jobs or openings that find out whether a failed peer is back
	assocs  int    // ours: opening, up, closing
	closing int    // those of assocs being closed
	wanters int    // peers that want an association or a probe
	idle    heap[*assoc]
	lent    heap[*loan]

	run, want, probe [priorities]seats
	passed           [priorities]heap[*passed] // of its peers, longest first, who need but a place
	unserved         [priorities]heap[*passed] // and who need an association
	overdue          int                       // jobs that went because they had been passed over
	wake             int64                     // when something that has to wait may be opened

	disabled    bool   // by order
	disabledWhy string // said with it
	hosts       []*host
	hostWaiters int // peers that wait for a place at their host
	served      uint64
	opened      int64 // when an association was last begun to be opened
	ended       int64 // when the last of ours ended
}

// channelGivenUp is after how many failures of its process a channel's peers
// count as unreachable.
const channelGivenUp = 3

func (c *channel) off() bool { return !c.known || c.config.Disabled || c.disabled }

// up reports whether the channel takes work.
func (c *channel) up() bool { return c.current != nil && !c.off() }

// maxProbes keeps dead peers from taking all the places: a quarter, at least one.
func (c *channel) maxProbes() int {
	most := c.config.MaxJobs
	if c.config.Associations {
		most = c.config.MaxAssociations
	}
	return max(most/4, 1)
}

// configure gives the channel its configuration.
func (c *channel) configure(cfg ChannelConfig) {
	c.config = cfg
	c.limits = newLimits(cfg.MaxJobs, cfg.ReservedUrgent, cfg.ReservedNormal)
	c.openLimits = newLimits(cfg.MaxAssociations, cfg.ReservedUrgent, cfg.ReservedNormal)
}

func (c *channel) assocLimits() limits {
	if c.current == nil || c.current.maxAssocs <= 0 || c.current.maxAssocs >= c.config.MaxAssociations {
		return c.openLimits
	}
	return newLimits(c.current.maxAssocs, c.config.ReservedUrgent, c.config.ReservedNormal)
}

// sweep is the walk over all mlists of a peer, a portion a step.
type sweep struct {
	active bool
	retry  bool   // end the waits of what is met
	again  bool   // once more when it is through
	cursor *mlist // the next to look at
	limit  uint64 // those that came later are not looked at
	moved  int
}

// process is a process of a channel.
type process struct {
	channel   *channel
	number    int
	maxJobs   int
	maxAssocs int
	stopping  bool
	since     int64
	jobs      int
	assocs    map[uint64]*assoc
}

// assoc is an association.
type assoc struct {
	process   *process
	peer      *peer
	id        uint64
	state     assocState
	inbound   bool
	twoWay    bool
	turn      bool
	probe     bool // opened to find out whether the peer is back
	reserved  bool // for urgent messages only
	call      bool // opened with nothing to send, and has not sent anything
	lost      bool // its job has told that it is over
	overdue   bool // opened for messages that had been passed over
	priority  int  // it was opened for
	done      int  // jobs done
	job       *job
	since     int64 // established
	idleSince int64
	at        int   // in peer.assocs
	idleAt    int   // in peer.idle, -1 if not
	pos       int32 // in channel.idle
	loan      loan
}

// loan is an association of ours whose turn is the peer's and has not been asked back.
type loan struct {
	assoc *assoc
	since int64
	pos   int32 // in channel.lent
}

func (l *loan) before(other *loan) bool {
	if l.since != other.since {
		return l.since < other.since
	}
	return l.assoc.id < other.assoc.id
}

func (l *loan) place() *int32 { return &l.pos }

type assocState uint8

const (
	assocOpening assocState = iota
	assocUp
	assocClosing
	assocClosed
)

func (a *assoc) before(other *assoc) bool {
	if a.idleSince != other.idleSince {
		return a.idleSince < other.idleSince
	}
	return a.id < other.id
}

func (a *assoc) place() *int32 { return &a.pos }

// canSend reports whether the association can carry our messages, now or when
// the turn comes.
func (a *assoc) canSend() bool { return a.turn || a.twoWay }

// work is the most urgent priority of what the association could carry now, priorities if
// there is nothing.
func (a *assoc) work() int {
	p := a.peer
	if p.off() || p.delayed != 0 || p.blockedUntil != 0 {
		return priorities
	}
	if best := p.best(); best == urgent || !a.reserved {
		return best
	}
	return priorities
}

// job is an mlist in flight.
type job struct {
	id       uint64
	list     *mlist
	process  *process
	assoc    *assoc // nil where the channel has none
	priority int
	started  int64
	left     int  // recipients not answered
	probe    bool // finds out whether the peer is back
	overdue  bool // started because its like had been passed over
	fault    bool // the peer was at fault, or is in doubt
	lost     bool // the association is over

	rejected map[int32]Outcome // of recipients that are to be, should they come back

	chain        *job // of Scheduler.jobs
	older, newer *job // those that are not marked, by their start
	marked       bool // the log says that it may have been sent
}
