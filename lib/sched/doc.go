// Package sched decides what a switch does next with the messages it is
// responsible for: which recipients are tried now, over which association, in
// which order, and when those that failed are tried again.
//
// The scheduler is a tree, channel → peer MTA → mlist, an mlist being the
// recipients of one message for one peer. It is a pure machine: an [Event] and a
// time go in, [Action] values come out. It opens no file, starts no goroutine
// and reads no clock, so a day of traffic can be simulated in a second and every
// decision can be repeated. Nothing depends on the order of a map.
//
// # Policies
//
// mta-sched(7) names each, with its reason; testdata has a transcript of each.
//
// Priority comes first, and strictly but for what has been passed over for longer than
// Starvation: one job of that at a time. A channel runs at most MaxJobs jobs; of those
// places ReservedUrgent are kept for urgent messages and ReservedNormal for
// normal ones, so urgent traffic never queues behind a crowd of others. Among
// peers with work of the same priority the one with the least in progress is
// served, then the one served longest ago. No order is promised within a
// priority: associations are parallel.
//
// A peer that cannot be reached waits by itself, with a linear back-off up to a
// ceiling; its messages go to their alternate hop if they have one. While it has
// not recovered it is probed by one attempt at a time, with nothing to send if all that it
// had went elsewhere, and all such probes
// together never take more than a quarter of the channel's associations. Any
// association with it, whoever opened it, ends the wait at once. A message that
// fails waits by itself in the same manner, without delaying its neighbours.
//
// All channels together may have fewer places than each, which are then shared; peers at
// one host share associations; and associations are opened at intervals, if that is wished.
// Operators limit traffic by priority, and take channels and peers out of service.
//
// Associations are objects of the scheduler. Work is offered to any association
// with the peer whose turn is ours, whoever opened it; without one the turn is
// asked for, or an association opened, slowly at first: as many at a time as are
// up already, and a further one when enough messages wait for those that are.
// Idle associations are closed after a while, or earlier when another peer needs
// the place.
//
// An urgent message never waits for a transfer in progress: if all associations
// that a peer may have are busy, one more is opened, and is for urgent messages
// only as long as it stands. With a permanent peer one association stands with
// work or without; when it is lost it is opened again, with the back-off of a peer
// that cannot be reached.
//
// A peer may be called at intervals or times of the week with nothing to send, so that it
// can send what waits there; and it may have windows, outside which nothing is sent to it
// and nothing opened, urgent messages exempt or not. What has an alternate hop takes that
// meanwhile, at once or as soon as that can be tried. An association of ours whose turn the peer keeps for as long as an idle one
// is kept is asked back, as it could not be released without.
//
// What cannot be written for a peer goes to the next hop of its way, and fails when there
// is none. A recipient that has failed, and whose originator has requested an alternate,
// goes to the channel that redirects, and has the time of the message again for that.
//
// What was sent, and not answered for, is sent again until an answer comes. It is not given
// up before, when its time is over, by an operator's word or because another peer of its way
// refuses it: the originator would hear that it was not delivered, and perhaps that it was.
// Of a job that takes long the log says so in time for a restart.
//
// Hold stops the clock of a recipient: it is neither tried nor expired until it
// is released.
//
// # Cost
//
// An event costs O(log n) for n queued recipients plus O(c) for c channels; an
// event that names many recipients costs that much for each, and a clock that is
// put back for each peer. What touches a whole peer (re-routing when it fails,
// retrying it) is done a bounded portion per step, [Scheduler.Next] being due at
// once until it is finished. What is over, messages, jobs and the actions of every
// message, leaves its memory to the next: what passes by is no work for the garbage
// collector. A queued recipient of its own message takes less than
// 400 octets beyond its texts.
package sched
