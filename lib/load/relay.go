package load

import (
	"context"
	"time"
)

// Relayed is what became of what a Source sent to an MTA between it and a Sink.
type Relayed struct {
	Sent
	Taken   Taken
	Arrived int64 // messages of the source, each once
	Missing int64 // accepted by the MTA, and not at the sink
	Twice   int64 // arrived more than once
	Altered int64 // arrived as something else: another content, identifier or recipient
}

// Relay runs the source and waits until everything that the MTA has accepted is at the
// sinks, together, or nothing has arrived for so long; or ctx is over, once that is so,
// too. It closes the sink.
func Relay(ctx context.Context, source *Source, sink *Sink, patience time.Duration) (*Relayed, error) {
	sink.Watch(source)
	sent, err := source.Run(ctx)
	for ctx.Err() == nil {
		sink.mu.Lock()
		missing, changed := sent.accepted.without(&sink.runs[source.run].arrived), sink.changed
		sink.mu.Unlock()
		if missing == 0 {
			break
		}
		timer := time.NewTimer(patience)
		select {
		case <-ctx.Done():
		case <-changed:
			timer.Stop()
			continue
		case <-timer.C:
		}
		timer.Stop()
		break
	}
	r := &Relayed{Sent: *sent, Taken: sink.Close()}
	run := sink.runs[source.run]
	r.Arrived, r.Twice, r.Altered, r.Missing = run.arrived.count, run.twice, run.altered, sent.accepted.without(&run.arrived)
	return r, err
}
