package sched

import (
	"cmp"
	"maps"
	"slices"
)

func (c *channel) process(number int) *process {
	for _, p := range c.processes {
		if p.number == number {
			return p
		}
	}
	return nil
}

// channelUp gives a channel a process. One it has already finishes its jobs and
// goes: that is how a channel takes a new configuration without a gap.
func (s *Scheduler) channelUp(ev ChannelUp) {
	c := s.channel(ev.Channel)
	if c.process(ev.Process) != nil {
		return
	}
	c.starting, c.replace = false, false
	s.stopProcesses(c)
	proc := &process{
		channel: c, number: ev.Process, maxJobs: ev.MaxJobs, maxAssocs: ev.MaxAssociations, since: s.now,
		assocs: map[uint64]*assoc{},
	}
	c.processes = append(c.processes, proc)
	if s.draining || c.off() {
		s.stop(proc)
		return
	}
	c.current = proc
	s.out.add(Notice{Kind: NoticeChannelUp, Channel: c.name, Process: proc.number})
}

// channelDown takes a process that has ended away. What it did not answer is in
// doubt; no peer is blamed for it.
func (s *Scheduler) channelDown(ev ChannelDown) {
	c := s.byName[ev.Channel]
	if c == nil {
		return
	}
	defer s.dropChannel(c)
	proc := c.process(ev.Process)
	asked := false
	if proc == nil {
		if !c.starting {
			return
		}
		c.starting = false
	} else {
		asked = proc.stopping
		if s.lasts(proc) <= s.now {
			s.setFailures(c, 0)
		}
		c.processes = slices.DeleteFunc(c.processes, func(p *process) bool { return p == proc })
		if c.current == proc {
			c.current = nil
		}
		proc.stopping = true // its associations take no more work
		for _, a := range sorted(proc.assocs) {
			s.dropAssoc(a)
		}
		for _, j := range s.jobs.all() {
			if j.process == proc {
				s.doubt(j, ev.Why)
			}
		}
	}
	if asked {
		return
	}
	if ev.Failed || proc == nil {
		s.setFailures(c, c.failures+1)
		c.reason = cut(ev.Why)
	}
	c.restartAt = s.later(s.config.ChannelBackoff.Delay(max(c.failures, 1)))
	s.out.add(Notice{
		Kind: NoticeChannelDown, Channel: c.name, Process: ev.Process,
		Text: cut(ev.Why), Until: timeOf(c.restartAt), Count: c.failures,
	})
}

// lasts is when a process has lived for so long that those before it that failed are
// forgotten.
func (s *Scheduler) lasts(p *process) int64 { return p.since + int64(s.config.ChannelBackoff.Ceiling) }

// setFailures counts the failures of a channel's processes in a row. After so many its
// peers are down.
func (s *Scheduler) setFailures(c *channel, n int) {
	if (c.failures >= channelGivenUp) != (n >= channelGivenUp) {
		for _, p := range c.peers {
			s.touch(p)
		}
	}
	c.failures = n
}

// sorted returns the values of a map in the order of their keys: nothing may
// depend on the order of a map.
func sorted[V any](m map[uint64]V) []V {
	all := make([]V, 0, len(m))
	for _, k := range slices.SortedFunc(maps.Keys(m), cmp.Compare[uint64]) {
		all = append(all, m[k])
	}
	return all
}

// stop asks a process to end. Its associations take no more work and are closed
// by itself.
func (s *Scheduler) stop(proc *process) {
	if proc.stopping {
		return
	}
	proc.stopping = true
	if proc.channel.current == proc {
		proc.channel.current = nil
	}
	s.out.add(StopChannel{Channel: proc.channel.name, Process: proc.number})
	for _, a := range sorted(proc.assocs) {
		if a.state == assocUp {
			s.setClosing(a)
		}
	}
}

func (s *Scheduler) stopProcesses(c *channel) {
	for _, proc := range c.processes {
		s.stop(proc)
	}
}

// wantsProcess reports whether a channel has a reason for a process it does not
// have.
func (s *Scheduler) wantsProcess(c *channel) bool {
	if s.draining || c.starting || c.off() {
		return false
	}
	// What goes elsewhere as it has failed would not find out that it works again.
	return c.replace || c.current == nil && (c.config.Listens || c.ready > 0 || c.wanters > 0 || c.failures >= channelGivenUp)
}

// drain ends all work: nothing new, and every process is asked to finish.
func (s *Scheduler) drain() {
	s.draining = true
	for _, c := range s.channels {
		s.stopProcesses(c)
	}
}

func (s *Scheduler) checkDrained() {
	if s.drained {
		return
	}
	for _, c := range s.channels {
		if len(c.processes) > 0 || c.starting {
			return
		}
	}
	s.drained = true
	s.out.add(Drained{})
}
