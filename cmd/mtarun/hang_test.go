package main

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/examples/p1driver"
	"github.com/mtakit/mtakit/lib/queue"
)

// A peer takes the connection and says nothing: why a message for it is still here is
// said before the call is given up.
func TestHangingPeerIsSaid(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	release := make(chan struct{})
	a.sink("SINK", p1driver.SinkConfig{Book: p1driver.NewBook(), Verdict: func(at p1driver.Moment) p1driver.Verdict {
		if at == p1driver.OnConnect {
			<-release
		}
		return p1driver.Refuse
	}})
	a.start()
	s := a.submit(strings.NewReader("hello\n"), "--from", a.addressOf("Ann", "Smith"), "--to", "/S=Smith/PRMD=SINK/ADMD=TEST/C=GB/")
	const opening = "an association is being opened"
	n.until("it is said", func() bool {
		r := a.row()
		return r != nil && r.State == queue.StateQueued && r.Reason == opening
	})
	for verb, want := range map[string]string{"tree": "\t0\t1\t0\t0\t0\t0\t", "retry": s.ID + "\tretry\t-\tqueued already: "} {
		args := []string{"-C", a.config(), verb}
		if verb == "retry" {
			args = append(args, s.ID)
		}
		if got := n.run("mtaqueue", args...); !strings.Contains(got, want) || !strings.Contains(got, opening) {
			t.Errorf("%s: %s", verb, got)
		}
	}
	close(release)
	n.until("the refusal is said", func() bool {
		r := a.row()
		return r != nil && r.State == queue.StateDeferred && strings.Contains(r.Reason, "transport")
	})
	a.stop()
}
