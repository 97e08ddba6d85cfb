package main

import (
	"context"
	"crypto/sha256"
	"fmt"
	"testing"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// A message of 20 MB crosses a switch between MTAs of another make that have no
// checkpoints: it comes as one RTTR in one TSDU and goes on as one, in either mode, with
// lengths of either form.
func TestSingleRTTRCrosses(t *testing.T) {
	for _, c := range []struct {
		name   string
		mode   string
		manner p1driver.Manner
	}{
		{"normal mode", "normal", p1driver.Manner{}},
		{"normal mode, indefinite lengths", "normal", p1driver.Manner{Old: true}},
		{"X.410-1984 mode", "x410", p1driver.Manner{Protocol: p1driver.P1of1988}},
		{"X.410-1984 mode, of 1984", "1984", p1driver.Manner{Protocol: p1driver.P1of1984, Old: true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			n := newNetwork(t)
			a := n.add("a", "ALPHA")
			book := p1driver.NewBook()
			for _, peer := range []string{"NEAR", "FAR"} {
				sink := a.listen(peer, p1driver.SinkConfig{Book: book, Protocol: c.manner.Protocol})
				a.neighbour(peer, fmt.Sprintf(`host = %q`, sink.Addr()), "checkpoint-size = 0", fmt.Sprintf("mode = %q", c.mode))
			}
			a.start()
			c.manner.Monologue = true
			from, tim := person("NEAR", "Nora", "Near"), person("FAR", "Tim", "Tall")
			content := p1driver.Text(from, tim, "long ", 20_000_000)
			source := p1driver.NewSource(p1driver.SourceConfig{Address: a.address, TSEL: a.name, Own: p1driver.Bind{MTA: "NEAR", Password: "secret of NEAR"},
				PeerPassword: "secret of " + a.name, Associations: 1, Manner: func(int) p1driver.Manner { return c.manner }})
			ctx, cancel := context.WithTimeout(context.Background(), patience)
			defer cancel()
			made := false
			if err := source.Run(ctx, func() (*p1driver.Message, bool) {
				again := made
				made = true
				return &p1driver.Message{Local: "M.1", Originator: from, Content: content,
					Recipients: []p1driver.Recipient{{Name: tim, Request: p1driver.NonDelivery}}}, !again
			}); err != nil || len(source.Failures()) > 0 {
				t.Fatal(err, source.Failures())
			}
			if err := book.Wait(1, patience); err != nil {
				t.Fatal(err)
			}
			arrival := book.Arrivals()[0]
			if arrival.Digest != sha256.Sum256(content) || arrival.Size != len(content) || arrival.RTTRs != 1 {
				t.Errorf("%d octets arrived of %d, in %d RTTRs", arrival.Size, len(content), arrival.RTTRs)
			}
			for _, e := range source.Entries() {
				t.Logf("came in %v, went on in %v", e.Attempts[0].Ended.Sub(e.Attempts[0].Started), arrival.Stored.Sub(arrival.Started))
			}
			n.until("the queue is empty", func() bool { return a.queued() == 0 })
			a.stop()
		})
	}
}
