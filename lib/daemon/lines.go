package daemon

import (
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/sched"
)

// lineOf translates an action that is for a channel process into its line.
func lineOf(a sched.Action) (process int, l channel.Line, ok bool) {
	switch a := a.(type) {
	case *sched.StartJob:
		return a.Process, channel.Line{Type: channel.TypeJob, Job: a.Job, Attempt: a.Attempt, Generation: a.Generation,
			ConfigVersion: a.Version, Assoc: a.Assoc, Peer: a.Peer, Ref: &a.Ref, Recipients: a.Recipients}, true
	case sched.OpenAssociation:
		return a.Process, channel.Line{Type: channel.TypeOpen, Assoc: a.Assoc, Peer: a.Peer}, true
	case sched.CloseAssociation:
		return a.Process, channel.Line{Type: channel.TypeClose, Assoc: a.Assoc, Peer: a.Peer}, true
	case sched.RequestTurn:
		return a.Process, channel.Line{Type: channel.TypeTurn, Assoc: a.Assoc, Peer: a.Peer, Priority: a.Priority.String()}, true
	}
	return 0, channel.Line{}, false
}
