package sched

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
	"pgregory.net/rapid"
)

var randomPeers = []spool.Hop{
	{Channel: "p1", Peer: "A"}, {Channel: "p1", Peer: "B"}, {Channel: "p1", Peer: "C"},
	{Channel: "smtp", Peer: "X"}, {Channel: "smtp", Peer: "Y"}, {Channel: "local"},
}

func randomConfig(t *rapid.T) Config {
	small := rapid.IntRange(0, 3)
	channel := func(name string, associations bool) ChannelConfig {
		c := ChannelConfig{
			Name: name, Associations: associations, Listens: rapid.Bool().Draw(t, "listens"),
			MaxJobs: rapid.IntRange(3, 6).Draw(t, "jobs"), ReservedUrgent: 1, ReservedNormal: 1,
			MaxPerPeer: small.Draw(t, "per peer"), MaxTransfers: small.Draw(t, "transfers"), Quantum: small.Draw(t, "quantum"),
			StartInterval: time.Duration(small.Draw(t, "start")) * 10 * time.Second,
			LightInterval: time.Duration(small.Draw(t, "light")) * time.Minute,
			EndedInterval: time.Duration(small.Draw(t, "ended")) * time.Minute,
		}
		if associations {
			c.MaxAssociations = rapid.IntRange(3, 6).Draw(t, "associations")
			c.Threshold = small.Draw(t, "threshold")
			c.MaxPerHost = small.Draw(t, "per host")
		}
		return c
	}
	cfg := Config{
		Generation: 7,
		Channels:   []ChannelConfig{channel("p1", true), channel("smtp", false), channel("local", false)},
		Peers: []PeerConfig{
			{Channel: "p1", Name: "A", Host: "one", Passive: rapid.Bool().Draw(t, "passive"),
				Permanent: rapid.Bool().Draw(t, "permanent"), Windows: randomWindows(t)},
			{Channel: "p1", Name: "B", Host: "one", Permanent: rapid.Bool().Draw(t, "permanent"), Windows: randomWindows(t),
				UrgentAnyTime: rapid.Bool().Draw(t, "urgent any time")},
			{Channel: "p1", Name: "C", Host: "one", Permanent: rapid.Bool().Draw(t, "permanent"), CallEvery: time.Duration(small.Draw(t, "every")) * 10 * time.Minute},
			{Channel: "smtp", Name: "X", Windows: randomWindows(t)},
		},
		Expiry:     [3]time.Duration{2 * time.Hour, 4 * time.Hour, 8 * time.Hour},
		DoubtAfter: time.Duration(small.Draw(t, "doubt")) * time.Minute,
		Starvation: time.Duration(small.Draw(t, "starvation")) * time.Minute,
		Warn:       [3]time.Duration{time.Hour, time.Duration(small.Draw(t, "warn")) * time.Hour, 3 * time.Hour},
	}
	if rapid.Bool().Draw(t, "balance") {
		cfg.MaxJobs, cfg.ReservedUrgent, cfg.ReservedNormal = 4, 1, 1
	}
	if rapid.Bool().Draw(t, "alternates") {
		cfg.AlternateChannel = "local"
	}
	return cfg
}

// randomWindows are none, or a part of every hour.
func randomWindows(t *rapid.T) (all []Span) {
	minutes := rapid.IntRange(0, 50).Draw(t, "window")
	if minutes > 40 {
		return nil
	}
	for at := time.Duration(0); at < week; at += time.Hour {
		start := at + time.Duration(minutes)*time.Minute
		all = append(all, Span{start, start + 35*time.Minute})
	}
	return all
}

func randomHops(t *rapid.T) []spool.Hop {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(randomPeers), 0, 3, func(h spool.Hop) spool.Hop { return h }).Draw(t, "hops")
}

func randomMessage(t *rapid.T, now time.Time) Message {
	m := Message{Kind: spool.KindMessage, Size: 1}
	m.Ref.Priority = rapid.SampledFrom([]spool.Priority{spool.Urgent, spool.Normal, spool.NonUrgent}).Draw(t, "priority")
	if rapid.IntRange(0, 7).Draw(t, "deferred") == 0 {
		m.Deferred = now.Add(30 * time.Minute)
	}
	for n := range rapid.IntRange(1, 4).Draw(t, "recipients") {
		r := Recipient{N: n + 1, Hops: randomHops(t)}
		if rapid.IntRange(0, 15).Draw(t, "fail") == 0 {
			r.Fail = &spool.Failure{Reason: 1}
		}
		r.Alternate = rapid.IntRange(0, 3).Draw(t, "alternate") == 0
		r.Doubt = rapid.IntRange(0, 7).Draw(t, "doubt") == 0
		m.Recipients = append(m.Recipients, r)
	}
	return m
}

func randomOutcome(t *rapid.T, now time.Time) Outcome {
	o := Outcome{Kind: rapid.SampledFrom([]Kind{
		Transferred, Transferred, Delivered, Redirected, Expanded, Moved, Deferred, Deferred, Failed, InDoubt,
	}).Draw(t, "outcome")}
	if o.Kind == Deferred {
		o.PeerFault = rapid.Bool().Draw(t, "peer fault")
		if rapid.Bool().Draw(t, "until") {
			o.Until = now.Add(time.Duration(rapid.IntRange(-60, 3600).Draw(t, "seconds")) * time.Second)
		}
	}
	if o.Kind == Failed {
		o.Reason = reasonUnableToTransfer
		o.Diagnostic = rapid.SampledFrom([]int{diagnosticUnableToDowngrade, 18}).Draw(t, "diagnostic")
	}
	if o.Kind == InDoubt || o.PeerFault {
		o.Lost = rapid.Bool().Draw(t, "lost")
	}
	return o
}

// TestRandomTraffic lets a random world happen to a scheduler: processes come,
// crash and are replaced, peers answer, refuse and vanish, operators interfere.
// Whatever happens, no recipient is lost or final twice, no mlist is tried twice
// at once, places stay reserved, urgent goes first, what can start does, and two
// schedulers that hear the same do the same. When the world heals, everything is
// sent, and then there is rest.
func TestRandomTraffic(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, randomConfig(t))
		pick := func(list []worldPath) worldPath {
			if len(list) == 0 {
				t.Skip("none")
			}
			return rapid.SampledFrom(list).Draw(t, "which")
		}
		message := func() (spool.ID, []int) {
			ids := slices.Sorted(maps.Keys(w.owed))
			if len(ids) == 0 {
				t.Skip("none")
			}
			id := rapid.SampledFrom(ids).Draw(t, "message")
			if rapid.Bool().Draw(t, "all") {
				return id, nil
			}
			return id, []int{rapid.IntRange(1, 4).Draw(t, "n")}
		}
		numbers := func(id spool.ID, n []int) []int {
			if n != nil {
				return n
			}
			return slices.Sorted(maps.Keys(w.owed[id]))
		}
		hop := rapid.SampledFrom(randomPeers)
		accept := func(t *rapid.T) { w.accept(randomMessage(t, w.now)) }
		answer := func(t *rapid.T) {
			ids := w.jobIDs()
			if len(ids) == 0 {
				t.Skip("none")
			}
			j := w.jobs[rapid.SampledFrom(ids).Draw(t, "job")]
			var results []Result
			for _, n := range j.left[:rapid.IntRange(1, len(j.left)).Draw(t, "pieces")] {
				r := Result{N: n, Outcome: randomOutcome(t, w.now)}
				if r.Kind == Deferred && !r.PeerFault && rapid.Bool().Draw(t, "routed") {
					r.Hops = randomHops(t)
				}
				results = append(results, r)
			}
			w.answer(j.Job, results)
		}
		opening := func(a *worldAssoc) bool { return !a.up }
		up := func(a *worldAssoc) bool { return a.up }
		t.Repeat(map[string]func(*rapid.T){
			"":        func(*rapid.T) {},
			"accept":  accept,
			"accept2": accept,
			"answer":  answer,
			"answer2": answer,
			"time": func(t *rapid.T) {
				w.now = w.now.Add(time.Duration(rapid.IntRange(0, 120).Draw(t, "seconds")) * time.Second)
				w.step(Tick{})
			},
			"time back": func(t *rapid.T) {
				w.now = w.now.Add(-time.Duration(rapid.IntRange(0, 1200).Draw(t, "seconds")) * time.Second)
				w.step(Tick{})
			},
			"next": func(t *rapid.T) {
				if next := w.s.Next(); next.After(w.now) {
					w.now = next
				}
				w.step(Tick{})
			},
			"process up": func(t *rapid.T) {
				for _, c := range slices.Sorted(maps.Keys(w.starting)) {
					w.processUp(c)
				}
			},
			"process cannot start": func(t *rapid.T) {
				for _, c := range slices.Sorted(maps.Keys(w.starting)) {
					delete(w.starting, c)
					w.step(ChannelDown{Channel: c, Failed: true, Why: "no such program"})
				}
			},
			"process crashes": func(t *rapid.T) {
				p := pick(w.running(false))
				w.processDown(p.channel, p.process, rapid.Bool().Draw(t, "failed"))
			},
			"process ends": func(t *rapid.T) {
				p := pick(w.running(true))
				w.processDown(p.channel, p.process, false)
			},
			"restart": func(t *rapid.T) { w.step(RestartChannel{hop.Draw(t, "hop").Channel}) },
			"opened": func(t *rapid.T) {
				turn := rapid.Bool().Draw(t, "turn")
				w.assocUp(pick(w.paths(opening)), turn, rapid.Bool().Draw(t, "two-way") || !turn)
			},
			"opened all": func(t *rapid.T) {
				for _, p := range w.paths(opening) {
					if w.assocs[p] != nil {
						w.assocUp(p, true, false)
					}
				}
			},
			"not opened": func(t *rapid.T) { w.assocEnds(pick(w.paths(opening)), true) },
			"ended":      func(t *rapid.T) { w.assocEnds(pick(w.paths(up)), rapid.Bool().Draw(t, "failed")) },
			"closed": func(t *rapid.T) {
				w.assocEnds(pick(w.paths(func(a *worldAssoc) bool { return a.closing })), false)
			},
			"called": func(t *rapid.T) {
				p := worldPath{channel: "p1"}
				for _, r := range w.running(rapid.Bool().Draw(t, "stopping")) {
					if r.channel == "p1" {
						p.process = r.process
					}
				}
				if p.process == 0 {
					t.Skip("none")
				}
				p.assoc = 1<<32 + uint64(len(w.assocs)+w.messages*100)
				if w.assocs[p] != nil {
					t.Skip("taken")
				}
				w.assocs[p] = &worldAssoc{peer: rapid.SampledFrom([]string{"A", "B", "Z"}).Draw(t, "peer"), inbound: true}
				w.assocUp(p, rapid.Bool().Draw(t, "turn"), rapid.Bool().Draw(t, "two-way"))
			},
			"turn": func(t *rapid.T) {
				p := pick(w.paths(func(a *worldAssoc) bool { return a.up && a.twoWay && a.job == 0 }))
				w.turn(p, !w.assocs[p].turn)
			},
			"stale": func(t *rapid.T) {
				w.step(JobOutcome{Job: rapid.Uint64Range(0, 50).Draw(t, "job"), Generation: 6,
					Results: []Result{{N: 1, Outcome: Outcome{Kind: Transferred}}}})
			},
			"hold": func(t *rapid.T) {
				id, n := message()
				if w.held[id] == nil {
					w.held[id] = map[int]bool{}
				}
				for _, i := range numbers(id, n) {
					w.held[id][i] = true
				}
				w.step(Hold{id, n, "why"})
			},
			"release": func(t *rapid.T) {
				id, n := message()
				for _, i := range numbers(id, n) {
					delete(w.held[id], i)
				}
				w.step(Release{id, n})
			},
			"retry":  func(t *rapid.T) { id, n := message(); w.step(Retry{ID: id, N: n}) },
			"expire": func(t *rapid.T) { id, n := message(); delete(w.held, id); w.step(Expire{id, n}) },
			"reject": func(t *rapid.T) {
				id, n := message()
				delete(w.held, id)
				w.step(Reject{ID: id, N: n, Reason: 8, Diagnostic: spool.NoDiagnostic, Text: "no"})
			},
			"delete":  func(t *rapid.T) { id, n := message(); delete(w.held, id); w.step(Delete{id, n}) },
			"reroute": func(t *rapid.T) { id, n := message(); w.step(Reroute{id, n, randomHops(t)}) },
			"retry peer": func(t *rapid.T) {
				h := hop.Draw(t, "hop")
				w.step(Retry{Channel: h.Channel, Peer: &h.Peer})
			},
			"retry everything": func(t *rapid.T) { w.step(Retry{}) },
			"close":            func(*rapid.T) { w.step(CloseAssociations{}) },
			"limits": func(t *rapid.T) {
				w.config.Channels = slices.Clone(w.config.Channels)
				c := &w.config.Channels[rapid.IntRange(0, len(w.config.Channels)-1).Draw(t, "channel")]
				c.MaxJobs++
				w.step(SetLimits{Channel: c.Name, MaxJobs: c.MaxJobs, MaxPerPeer: rapid.IntRange(0, 5).Draw(t, "per peer")})
			},
			"minimize": func(t *rapid.T) {
				h := hop.Draw(t, "hop")
				ev := Minimize{Channel: h.Channel, Peer: &h.Peer, Through: priorityOf(rapid.IntRange(0, 2).Draw(t, "through")),
					Until: w.now.Add(time.Duration(rapid.IntRange(-1, 3600).Draw(t, "for")) * time.Second)}
				switch rapid.IntRange(0, 2).Draw(t, "of") {
				case 0:
					ev.Channel, ev.Peer = "", nil
				case 1:
					ev.Peer, ev.From = nil, w.now.Add(10*time.Minute)
				}
				w.step(ev)
			},
			"order": func(t *rapid.T) {
				h := hop.Draw(t, "hop")
				peer := &h.Peer
				if rapid.Bool().Draw(t, "channel") {
					peer = nil
				}
				switch rapid.IntRange(0, 4).Draw(t, "order") {
				case 0:
					w.disabled = append(w.disabled, Enable{h.Channel, peer})
					w.step(Disable{h.Channel, peer, "why"})
				case 1:
					w.step(Enable{h.Channel, peer})
				case 2:
					w.step(Delay{h.Channel, peer, w.now.Add(10 * time.Minute)})
				case 3:
					w.step(Connect{h.Channel, h.Peer})
				case 4:
					w.step(CloseAssociations{h.Channel, peer})
				}
			},
			"reconfigure": func(t *rapid.T) {
				cfg := w.config
				cfg.Channels, cfg.Peers = slices.Clone(cfg.Channels), slices.Clone(cfg.Peers)
				for i := range cfg.Peers {
					cfg.Peers[i].Disabled = rapid.IntRange(0, 3).Draw(t, "disabled peer") == 0
				}
				if rapid.Bool().Draw(t, "alternates") {
					cfg.AlternateChannel = rapid.SampledFrom([]string{"", "local", "smtp"}).Draw(t, "alternate channel")
				}
				for i := range cfg.Channels {
					cfg.Channels[i].MaxJobs++
					cfg.Channels[i].Disabled = rapid.IntRange(0, 3).Draw(t, "disabled") == 0
					if cfg.Channels[i].MaxAssociations > 0 {
						cfg.Channels[i].MaxAssociations++
					}
				}
				w.reconfigure(cfg)
			},
		})
		if rapid.IntRange(0, 4).Draw(t, "drain") == 0 {
			w.draining = true
			w.step(Drain{})
			for !w.drained {
				if !w.healOne() {
					t.Fatal("does not drain")
				}
			}
			return
		}
		cfg := w.config
		cfg.Channels, cfg.Peers = slices.Clone(cfg.Channels), slices.Clone(cfg.Peers)
		for i := range cfg.Channels {
			cfg.Channels[i].Disabled = false
		}
		for i := range cfg.Peers {
			cfg.Peers[i].Disabled = false
		}
		w.reconfigure(cfg)
		for _, ev := range w.disabled {
			w.step(ev)
		}
		w.heal()
		w.rest()
	})
}
