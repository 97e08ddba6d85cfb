package main

import (
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
)

var (
	reloadMessages = flag.Int("reload.messages", 1500, "messages TestReloadUnderLoad sends while the configuration changes")
	reloadChanges  = flag.Int("reload.changes", 15, "how often it changes")
)

// A configuration that changes again and again under load loses nothing: every message
// arrives once, at a peer that its address was led to by one of the configurations that were
// there between its acceptance and its transfer.
func TestReloadUnderLoad(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	sides := [2]string{"LEFT", "RIGHT"}
	var books [2]*p1driver.Book
	for i, side := range sides {
		books[i] = p1driver.NewBook()
		a.sink(side, p1driver.SinkConfig{Book: books[i], Resume: true})
	}
	a.configure("\n[[peer]]\nname = \"SOURCE\"\nchannel = \"p1\"\npassword-in = \"secret of SOURCE\"\npassword-out = \"secret\"\n")
	common, err := os.ReadFile(a.config())
	if err != nil {
		t.Fatal(err)
	}
	version := func() string {
		var s struct {
			ConfigVersion string `json:"configVersion"`
		}
		if err := json.Unmarshal([]byte(n.run("mtactl", "-C", a.config(), "status", "--json")), &s); err != nil {
			t.Fatal(err)
		}
		return s.ConfigVersion
	}
	// lead leads to one side, from some moment after it is called to some before another lead
	// returns.
	lead := func(change int) {
		text := fmt.Sprintf("%s\n# change %d\n[[route]]\nmatch = \"/PRMD=MOVING/ADMD=TEST/C=GB/\"\npeers = [%q]\n", common, change, sides[change%2])
		if err := os.WriteFile(a.config()+".new", []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(a.config()+".new", a.config()); err != nil {
			t.Fatal(err)
		}
	}
	lead(0)
	a.start()

	type window struct{ from, to time.Time }
	var mu sync.Mutex
	windows := make([]window, *reloadChanges+1) // in which a change may have been what counts
	windows[0].from = time.Now()
	source := p1driver.NewSource(p1driver.SourceConfig{Address: a.address, TSEL: a.name, Associations: 8,
		Own: p1driver.Bind{MTA: "SOURCE", Password: "secret of SOURCE"}, PeerPassword: "secret"})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	sent, changing := 0, true
	ended := make(chan error, 1)
	go func() {
		ended <- source.Run(ctx, func() (*p1driver.Message, bool) {
			mu.Lock()
			defer mu.Unlock()
			if sent >= *reloadMessages && !changing || ctx.Err() != nil {
				return nil, false
			}
			sent++
			return &p1driver.Message{Local: fmt.Sprintf("R.%d", sent), Originator: person("SOURCE", "Ann", "Smith"), Content: []byte{0xa0, 0},
				Recipients: []p1driver.Recipient{{Name: person("MOVING", "Mo", "Ving"), Request: p1driver.NonDelivery}}}, true
		})
	}()
	for change := 1; change <= *reloadChanges; change++ {
		at := change * *reloadMessages / (*reloadChanges + 1)
		n.until("more have arrived", func() bool { return books[0].Len()+books[1].Len() >= at })
		was := version()
		windows[change].from = time.Now()
		lead(change)
		a.signal(syscall.SIGHUP)
		n.until("it goes by the change", func() bool { return version() != was })
		windows[change-1].to = time.Now()
	}
	mu.Lock()
	changing = false
	mu.Unlock()
	if err := <-ended; err != nil {
		t.Fatal(err, source.Failures())
	}
	n.until("everything has arrived", func() bool { return books[0].Len()+books[1].Len() >= sent })
	a.stop()
	a.check()
	windows[*reloadChanges].to = time.Now()

	arrived := map[string]int{}
	var moments []time.Time
	for side, book := range books {
		for _, arrival := range book.Arrivals() {
			if arrival.Report != nil {
				t.Errorf("a report arrived at %s", sides[side])
				continue
			}
			arrived[arrival.MTSID]++
			moments = append(moments, arrival.Stored)
			entry := source.Entries()[arrival.MTSID]
			led := false
			for change, w := range windows {
				led = led || change%2 == side && !entry.Attempts[0].Started.After(w.to) && !w.from.After(arrival.Stored)
			}
			if !led {
				t.Errorf("%s was sent to %s, where no configuration of its time led", arrival.MTSID, sides[side])
			}
		}
	}
	for id, entry := range source.Entries() {
		if entry.Acknowledged() && arrived[id] != 1 {
			t.Errorf("%s arrived %d times", id, arrived[id])
		}
	}
	slices.SortFunc(moments, time.Time.Compare)
	longest := time.Duration(0)
	for i := 1; i < len(moments); i++ {
		longest = max(longest, moments[i].Sub(moments[i-1]))
	}
	took := moments[len(moments)-1].Sub(moments[0])
	t.Logf("%d messages in %v (%.0f/s), %d changes: every one arrived once; at most %v between two; %s %d, %s %d",
		sent, took.Round(time.Millisecond), float64(sent)/took.Seconds(), *reloadChanges, longest.Round(time.Millisecond),
		sides[0], books[0].Len(), sides[1], books[1].Len())
	if books[0].Len() == 0 || books[1].Len() == 0 {
		t.Error("nothing went one of the ways: the test has tested nothing")
	}
}
