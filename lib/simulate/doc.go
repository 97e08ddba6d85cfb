// Package simulate lets a described day of traffic happen to the scheduler of a switch,
// in virtual time, and tells what became of it: how long queues grew, how long messages
// waited, what was used of each limit.
//
// The scheduler is the one mtarun runs, [sched.Scheduler], and nothing of it is imitated.
// What is imitated is the world around it: processes that start, peers that are so far
// away and take so many octets a second, and are out of order at times. Everything is
// pure: a [Day] and a configuration of the scheduler go in, [Figures] come out, the same
// ones for the same seed.
//
// Each traffic and each link has random numbers of its own. What is changed in one leaves
// the others as they were, so that two runs differ by what was changed alone.
package simulate
