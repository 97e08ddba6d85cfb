package audit

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/spool"
)

// What a peer's last event said counts, over midnight too; a start forgets what was
// before it, because the new mtarun knew nothing of it.
func TestDown(t *testing.T) {
	peer := func(day int, event, name string, attempt int) Record {
		return Record{Time: noon.AddDate(0, 0, day).Add(time.Duration(attempt) * time.Second), Event: event, Channel: "p1", Peer: name, Attempt: attempt}
	}
	for _, c := range []struct {
		name    string
		records []Record
		want    []string
	}{
		{"nothing", nil, nil},
		{"the last counts", []Record{peer(0, PeerDown, "B", 1), peer(0, PeerDown, "B", 2), peer(0, PeerDown, "C", 3)}, []string{"B 2", "C 3"}},
		{"up again", []Record{peer(0, PeerDown, "B", 1), peer(1, PeerUp, "B", 0)}, nil},
		{"of days ago", []Record{{Time: noon, Event: Started}, peer(0, PeerDown, "B", 1), peer(2, PeerDown, "C", 1)}, []string{"B 1", "C 1"}},
		{"before the start", []Record{peer(0, PeerDown, "B", 1), {Time: noon.AddDate(0, 0, 1), Event: Started}, peer(2, PeerDown, "C", 1)}, []string{"C 1"}},
		{"before the start of one day", []Record{peer(0, PeerDown, "B", 1), {Time: noon.Add(time.Hour), Event: Started}}, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			write(t, dir, c.records...)
			down, err := Down(dir)
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, r := range down {
				got = append(got, r.Peer+" "+string(rune('0'+r.Attempt)))
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
	if down, err := Down(t.TempDir() + "/none"); err != nil || down != nil {
		t.Errorf("no log: %v, %v", down, err)
	}
}

// The trouble of a peer belongs to the messages that wait for it, from the last failure
// before they came until they are gone, and to no others.
func TestTrackTellsOfPeers(t *testing.T) {
	dir := t.TempDir()
	hops := func(peers ...string) (all []spool.Hop) {
		for _, p := range peers {
			all = append(all, spool.Hop{Channel: "p1", Peer: p})
		}
		return all
	}
	down := func(peer, text string) Record {
		return Record{Time: noon, Event: PeerDown, Channel: "p1", Peer: peer, Text: text}
	}
	write(t, dir,
		down("MTA-B", "of another mtarun"),
		Record{Time: noon, Event: Started},
		down("MTA-B", "once"), down("MTA-B", "twice"), down("MTA-C", "once"),
		Record{Time: noon, Event: PeerUp, Channel: "p1", Peer: "MTA-C"},
		Record{Time: noon, Event: Submitted, ID: "aaaa1", Hops: hops("MTA-B", "MTA-C")},
		Record{Time: noon, Event: Submitted, ID: "bbbb1", Hops: hops("MTA-D")},
		down("MTA-B", "thrice"), down("MTA-D", "once"),
		Record{Time: noon, Event: Rerouted, ID: "aaaa1", Hops: hops("MTA-D")},
		Record{Time: noon, Event: PeerUp, Channel: "p1", Peer: "MTA-B"},
		Record{Time: noon, Event: Removed, ID: "aaaa1"},
		down("MTA-B", "later"),
	)
	records, err := Track(dir, time.Time{}, "aaaa1")
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range records {
		got = append(got, r.Event+" "+r.Peer+r.ID+" "+r.Text)
	}
	want := []string{"peer-down MTA-B twice", "submitted aaaa1 ", "peer-down MTA-B thrice", "peer-down MTA-D once",
		"rerouted aaaa1 ", "peer-up MTA-B ", "removed aaaa1 "}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
