package audit

import (
	"bytes"
	"cmp"
	"maps"
	"slices"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// Down returns the last PeerDown of every peer that was down when the event log below
// dir ends, oldest first: what the last mtarun knew and took with it. It reads the
// files from the newest back to the one with the last Started. A log that does not
// exist tells of none.
func Down(dir string) ([]Record, error) {
	names, err := files(dir)
	if err != nil {
		if diag.KindOf(err) == diag.NoInput {
			return nil, nil
		}
		return nil, err
	}
	last := map[spool.Hop]Record{} // PeerDown or PeerUp
	for _, name := range slices.Backward(names) {
		day := map[spool.Hop]Record{}
		started := false
		if _, err := scanFile(name, aboutPeers, func(r Record) error {
			switch r.Event {
			case Started:
				started = true
				clear(day)
			case PeerDown, PeerUp:
				day[r.hop()] = r
			}
			return nil
		}); err != nil {
			return nil, err
		}
		maps.Copy(day, last)
		last = day
		if started {
			break
		}
	}
	down := slices.Collect(maps.Values(last))
	down = slices.DeleteFunc(down, func(r Record) bool { return r.Event != PeerDown })
	slices.SortFunc(down, func(a, b Record) int {
		return cmp.Or(a.Time.Compare(b.Time), cmp.Compare(a.Channel, b.Channel), cmp.Compare(a.Peer, b.Peer))
	})
	return down, nil
}

// aboutPeers tells whether a line may be of an event that Down looks at: of a day with a
// million messages these are few.
func aboutPeers(line []byte) bool {
	_, event, found := bytes.Cut(line, []byte(`"event":"`))
	return !found || bytes.HasPrefix(event, []byte("peer-")) || bytes.HasPrefix(event, []byte(Started))
}

func (r Record) hop() spool.Hop { return spool.Hop{Channel: r.Channel, Peer: r.Peer} }

// waits follows which peers the messages of a story wait for: what befalls a peer is
// part of it.
type waits struct {
	down map[spool.Hop]Record // the last PeerDown of those that are down, told once
	of   map[string]map[spool.Hop]bool
}

// peer takes an event of a peer and says whether a message waits for it.
func (w *waits) peer(r Record) bool {
	awaited := false
	for _, hops := range w.of {
		awaited = awaited || hops[r.hop()]
	}
	delete(w.down, r.hop())
	if r.Event == PeerDown && !awaited {
		w.down[r.hop()] = r
	}
	return awaited
}

// message takes an event of a message of the story. It returns what happened before to
// the peers it waits for from now on.
func (w *waits) message(r Record) []Record {
	if r.Event == Removed {
		delete(w.of, r.ID)
		return nil
	}
	var before []Record
	for _, h := range r.Hops {
		if w.of[r.ID] == nil {
			w.of[r.ID] = map[spool.Hop]bool{}
		}
		w.of[r.ID][h] = true
		if d, ok := w.down[h]; ok {
			before = append(before, d)
			delete(w.down, h)
		}
	}
	return before
}
