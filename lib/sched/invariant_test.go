package sched

import "pgregory.net/rapid"

// checkTree holds the tree to what it is always between two steps, by counting
// everything anew.
func checkTree(t rapid.TB, s *Scheduler) {
	t.Helper()
	if len(s.unsettled) > 0 || len(s.dirty) > 0 {
		t.Fatalf("%d lists unsettled, %d peers dirty", len(s.unsettled), len(s.dirty))
	}
	recipients, messages, due, expiring := 0, 0, 0, 0
	lists := map[*peer][Finished]int{}
	for m := s.all.first; m != nil; m = m.next {
		messages++
		if s.message(m.id) != m {
			t.Fatalf("%s is not in the table", m.id)
		}
		left, inLists := 0, 0
		for i := range m.recipients {
			if m.recipients[i].state != Finished {
				left++
			}
			if m.recipients[i].list == nil && m.recipients[i].state != Finished && m.recipients[i].hops != nil {
				t.Fatalf("recipient %d of %s is in no list", m.recipients[i].n, m.id)
			}
		}
		if left != int(m.left) || left == 0 {
			t.Fatalf("%s has %d recipients left, counts %d", m.id, left, m.left)
		}
		recipients += left
		if m.pos != 0 {
			expiring++
		}
		seen := map[*peer]bool{}
		for l := m.lists; l != nil; l = l.sibling {
			if seen[l.peer] {
				t.Fatalf("%s has two lists for %s", m.id, l.peer.name)
			}
			seen[l.peer] = true
			n := lists[l.peer]
			n[l.state]++
			lists[l.peer] = n
			if (l.due != 0) != (l.pos != 0) {
				t.Fatalf("%s: due %d but place %d", m.id, l.due, l.pos)
			}
			if l.pos != 0 {
				due++
			}
			inLists += checkList(t, s, l)
		}
		for i := range m.recipients {
			if m.recipients[i].list != nil {
				inLists--
			}
		}
		if inLists != 0 {
			t.Fatalf("%s: lists and recipients differ by %d", m.id, inLists)
		}
	}
	if recipients != s.counts.Recipients || messages != s.messages.n || due != len(s.waiting) || expiring != len(s.expiring) {
		t.Fatalf("counted %d recipients, %d messages, %d due, %d expiring; have %d, %d, %d, %d", recipients, messages,
			due, expiring, s.counts.Recipients, s.messages.n, len(s.waiting), len(s.expiring))
	}
	unmarked := 0
	for j := s.unmarked.first; j != nil; j = j.newer {
		if unmarked++; j.marked || s.jobs.find(j.id) != j || j.newer != nil && j.newer.older != j || j.newer == nil && s.unmarked.last != j {
			t.Fatalf("job %d is to be marked: %+v", j.id, j)
		}
	}
	for _, j := range s.jobs.all() {
		if !j.marked {
			unmarked--
		}
	}
	if unmarked != 0 {
		t.Fatalf("%d jobs too many are to be marked", unmarked)
	}
	for _, c := range s.channels {
		for _, p := range c.peers {
			if p.states != lists[p] {
				t.Fatalf("%s/%s: states %v, counted %v", c.name, p.name, p.states, lists[p])
			}
		}
		checkChannel(t, s, c)
	}
}

func checkList(t rapid.TB, s *Scheduler, l *mlist) (n int) {
	t.Helper()
	flying := 0
	for i := l.first; i >= 0; i = l.msg.recipients[i].next {
		n++
		r := &l.msg.recipients[i]
		if r.list != l {
			t.Fatalf("recipient %d of %s is in another list", r.n, l.msg.id)
		}
		if r.state == InFlight {
			flying++
		}
		if name := s.config.AlternateChannel; r.alternate == alternateNext && name != "" && l.state == Queued && r.state == Queued &&
			len(s.sweeping) == 0 && l.peer.channel.name != name {
			t.Fatalf("recipient %d of %s is to be redirected, and waits at %s", r.n, l.msg.id, l.peer.channel.name)
		}
	}
	if priority := int(l.msg.priority); l.state == Queued && len(s.sweeping) == 0 && l.peer.rank(priority) != works {
		for i := l.first; i >= 0; i = l.msg.recipients[i].next {
			r := &l.msg.recipients[i]
			if p := choose(l.msg, r); r.state == Queued && p.rank(priority) < l.peer.rank(priority) {
				t.Fatalf("recipient %d of %s waits at %s, and %s is better", r.n, l.msg.id, l.peer.name, p.name)
			}
		}
	}
	switch {
	case l.state == InFlight && (l.job == nil || l.job.left != flying || flying == 0):
		t.Fatalf("%s is in flight with %d recipients", l.msg.id, flying)
	case l.state != InFlight && (flying > 0 || l.job != nil || n == 0):
		t.Fatalf("%s is %v with %d of %d in flight", l.msg.id, l.state, flying, n)
	}
	return n
}

func checkChannel(t rapid.TB, s *Scheduler, c *channel) {
	t.Helper()
	var jobs, openFor places
	ready, wanters, ours, closing, probes, idle, lent := 0, 0, 0, 0, 0, 0, 0
	for _, j := range s.jobs.all() {
		if j.list.peer.channel == c {
			jobs[j.priority]++
			if j.probe {
				probes++
			}
			if j.assoc != nil && j.assoc.reserved && j.priority != urgent {
				t.Fatalf("job %d is not urgent and has a place that is", j.id)
			}
			if j.assoc != nil && j.assoc.job != j {
				t.Fatalf("job %d is not its association's", j.id)
			}
		}
	}
	for _, proc := range c.processes {
		for _, a := range proc.assocs {
			if !a.inbound {
				ours++
			}
			if a.state == assocOpening {
				openFor[a.priority]++
				if a.probe {
					probes++
				}
			}
			if a.state == assocClosing && !a.inbound {
				closing++
			}
			if a.pos != 0 {
				idle++
			}
			if a.idleAt >= 0 && (a.job != nil || a.state != assocUp || !a.turn || a.peer.idle[a.idleAt] != a) {
				t.Fatalf("association %d is not idle", a.id)
			}
			if a.loan.pos != 0 {
				if lent++; a.state != assocUp || a.inbound || !a.twoWay || a.turn || a.job != nil {
					t.Fatalf("association %d is not lent", a.id)
				}
			}
			if a.idleAt < 0 && a.job == nil && a.state == assocUp && a.turn {
				t.Fatalf("association %d is idle and not offered", a.id)
			}
		}
	}
	for _, p := range c.peers {
		for q := range priorities {
			ready += p.ready[q].n
		}
		if open, until := p.times.open(s.now); p.shut == open || p.windowAt != until {
			t.Fatalf("%s: shut %v until %d, yet its window is open: %v until %d", p.name, p.shut, p.windowAt, open, until)
		}
		if p.due && (len(p.assocs) > 0 || !p.times.calls()) {
			t.Fatalf("%s is to be called with %d associations up", p.name, len(p.assocs))
		}
		if p.wanting {
			wanters++
		}
		usable, askable, reserved, idleReserved := 0, 0, 0, 0
		usableReserved, askableReserved := 0, 0
		for _, proc := range c.processes {
			for _, a := range proc.assocs {
				if a.peer == p && a.reserved {
					reserved++
				}
			}
		}
		for _, a := range p.idle {
			if a.reserved {
				idleReserved++
			}
		}
		if reserved != p.reserved || idleReserved != p.idleReserved || reserved > 1 {
			t.Fatalf("%s: %d reserved, %d of them idle; counted %d, %d", p.name, p.reserved, p.idleReserved, reserved, idleReserved)
		}
		for i, a := range p.assocs {
			if a.at != i {
				t.Fatalf("association %d is at %d", a.id, i)
			}
			if a.canSend() {
				usable++
			}
			if a.twoWay && !a.turn {
				askable++
			}
			if a.reserved && a.canSend() {
				usableReserved++
			}
			if a.reserved && a.twoWay && !a.turn {
				askableReserved++
			}
		}
		if usableReserved != p.usableReserved || askableReserved != p.askableReserved {
			t.Fatalf("%s: %d usable and reserved, %d askable; counted %d, %d", p.name, p.usableReserved, p.askableReserved, usableReserved, askableReserved)
		}
		if usable != p.usable || askable != p.askable {
			t.Fatalf("%s: %d usable, %d askable; counted %d, %d", p.name, p.usable, p.askable, usable, askable)
		}
	}
	running := places{}
	for _, j := range s.jobs.all() {
		running[j.priority]++
	}
	if running != s.running {
		t.Fatalf("%v jobs of all channels, counted %v", running, s.running)
	}
	checkPace(t, s, c)
	if jobs != c.jobs || openFor != c.openFor || ready != c.ready || wanters != c.wanters || ours != c.assocs ||
		closing != c.closing || probes != c.probes || idle != len(c.idle) || lent != len(c.lent) {
		t.Fatalf("%s counts jobs %v open %v ready %d wanters %d associations %d closing %d probes %d idle %d; "+
			"there are %v %v %d %d %d %d %d %d", c.name, c.jobs, c.openFor, c.ready, c.wanters, c.assocs, c.closing, c.probes, len(c.idle),
			jobs, openFor, ready, wanters, ours, closing, probes, idle)
	}
}

// checkViews compares what the two views say with each other: the tree counts
// what the messages show.
func checkViews(t rapid.TB, s *Scheduler) {
	t.Helper()
	type where struct{ channel, peer string }
	queued, flying, recipients := map[where]int{}, map[where]int{}, 0
	each(s, func(m MessageView) {
		here := map[where]bool{}
		for _, r := range m.Recipients {
			if r.State == Finished {
				continue
			}
			recipients++
			if r.Channel == "" {
				continue
			}
			here[where{r.Channel, r.Peer}] = here[where{r.Channel, r.Peer}] || r.State == InFlight
		}
		for at, inFlight := range here {
			queued[at]++
			if inFlight {
				flying[at]++
			}
		}
	})
	for _, c := range s.Tree() {
		for _, p := range c.Peers {
			at := where{c.Name, p.Name}
			if n := p.Queued[0] + p.Queued[1] + p.Queued[2]; n != queued[at] || p.InProgress != flying[at] {
				t.Fatalf("%v: the tree has %d messages, %d in progress; there are %d, %d", at, n, p.InProgress, queued[at], flying[at])
			}
			if n := p.Ready[0] + p.Ready[1] + p.Ready[2] + p.Waiting + p.Held + p.InProgress; n != queued[at] {
				t.Fatalf("%v: states add up to %d of %d", at, n, queued[at])
			}
		}
	}
	if n := s.Counts().Recipients; n != recipients {
		t.Fatalf("counts %d recipients of %d", n, recipients)
	}
}

// each calls f for every message in order of arrival.
func each(s *Scheduler, f func(MessageView)) {
	for m := s.all.first; m != nil; m = m.next {
		f(m.view(s.now))
	}
}

// checkPace holds the numbers of hosts and of those passed over to what there is.
func checkPace(t rapid.TB, s *Scheduler, c *channel) {
	t.Helper()
	waiters, passed, overdue := 0, 0, 0
	for _, h := range c.hosts {
		assocs, closing, waiting, wanting := 0, 0, 0, 0
		for _, p := range h.peers {
			if p.host != h {
				t.Fatalf("%s is at another host", p.name)
			}
			if p.hostWaits {
				waiting++
			}
			if p.hostWork {
				wanting++
			}
		}
		for _, proc := range c.processes {
			for _, a := range proc.assocs {
				if a.inbound || a.peer.host != h {
					continue
				}
				if assocs++; a.state == assocClosing {
					closing++
				}
			}
		}
		if assocs != h.assocs || closing != h.closing || waiting != h.waiting || wanting != h.wanting {
			t.Fatalf("a host counts %d, %d, %d, %d; there are %d, %d, %d, %d", h.assocs, h.closing, h.waiting, h.wanting, assocs, closing, waiting, wanting)
		}
		waiters += waiting
	}
	for _, p := range c.peers {
		late := 0
		for l := p.all.first; l != nil; l = l.allNext {
			if l.msg.late {
				late++
			}
		}
		if late != p.late {
			t.Fatalf("%s counts %d late, of %d", p.name, p.late, late)
		}
		for q := range p.passed {
			if p.passed[q].pos != 0 {
				passed++
			}
		}
	}
	for _, j := range s.jobs.all() {
		if j.overdue && j.list.peer.channel == c {
			overdue++
		}
	}
	counted := 0
	for q := range priorities {
		counted += len(c.passed[q]) + len(c.unserved[q])
	}
	if waiters != c.hostWaiters || passed != counted || overdue != c.overdue {
		t.Fatalf("%s counts %d waiting at hosts, %d passed over, %d overdue; there are %d, %d, %d", c.name, c.hostWaiters, counted,
			c.overdue, waiters, passed, overdue)
	}
}
