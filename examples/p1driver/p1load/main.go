// Command p1load measures an MTA from outside: it transfers messages to it by P1 as
// one peer and takes them from it as another, and prints how many were relayed.
//
//	p1load --to 127.0.0.1:10102 --listen 127.0.0.1:10402 --messages 5000 --associations 10
//
// One line comes out: messages, relayed and accepted per second, and the time from the
// beginning of a transfer to the arrival at the sink, median and 99th percentile.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// Names of the two peers, as the configuration of the MTA has them, and passwords.
const (
	sourceName, sourcePassword = "SOURCE", "secret of SOURCE"
	sinkName, sinkPassword     = "SINK", "secret of SINK"
)

var (
	from = p1driver.Name{Domain: p1driver.Domain{Country: "GB", ADMD: "TEST", PRMD: "SOURCE"}, Organization: "Org", Surname: "Smith", GivenName: "Ann"}
	to   = p1driver.Name{Domain: p1driver.Domain{Country: "GB", ADMD: "TEST", PRMD: "SINK"}, Organization: "Org", Surname: "Jones", GivenName: "Bob"}
)

type options struct {
	to, tsel, password, listen string
	messages, associations     int
	size                       int
	old                        bool
	timeout                    time.Duration
}

func main() {
	var o options
	flag.StringVar(&o.to, "to", "127.0.0.1:10102", "listener of the MTA")
	flag.StringVar(&o.tsel, "tsel", "", "called transport selector")
	flag.StringVar(&o.password, "password", "secret of MTA-A", "what the MTA presents to both")
	flag.StringVar(&o.listen, "listen", "127.0.0.1:10402", "where the MTA sends to")
	flag.IntVar(&o.messages, "messages", 1000, "messages to relay")
	flag.IntVar(&o.associations, "associations", 10, "associations of the source")
	flag.IntVar(&o.size, "size", 1024, "octets of a content")
	flag.BoolVar(&o.old, "old", false, "indefinite lengths and constructed strings")
	flag.DurationVar(&o.timeout, "timeout", 5*time.Minute, "when to give up")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "p1load: error:", err)
		os.Exit(1)
	}
}

func run(o options) (err error) {
	if o.messages < 1 || o.messages > 1e6 || o.associations < 1 || o.associations > 200 || o.size < 0 || o.size > 1<<20 {
		return errors.New("1 to 1000000 messages, 1 to 200 associations, at most 1 MiB")
	}
	book := p1driver.NewBook()
	sink, err := p1driver.Listen(p1driver.SinkConfig{Listen: o.listen, Own: p1driver.Bind{MTA: sinkName, Password: sinkPassword},
		Peers: map[string]string{"MTA-A": o.password}, Book: book})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sink.Close()) }()
	source := p1driver.NewSource(p1driver.SourceConfig{Address: o.to, TSEL: o.tsel,
		Own: p1driver.Bind{MTA: sourceName, Password: sourcePassword}, PeerPassword: o.password, Associations: o.associations,
		Manner: func(int) p1driver.Manner {
			return p1driver.Manner{Old: o.old, Monologue: true, Checkpoint: 64, Window: 3}
		}})
	content := p1driver.Text(from, to, "load ", o.size)
	run := fmt.Sprintf("L%x.", time.Now().UnixNano())
	var made atomic.Int64
	ctx, cancel := context.WithTimeout(context.Background(), o.timeout)
	defer cancel()
	started := time.Now()
	err = source.Run(ctx, func() (*p1driver.Message, bool) {
		n := made.Add(1)
		return &p1driver.Message{Local: fmt.Sprint(run, n), Originator: from, Content: content,
			Recipients: []p1driver.Recipient{{Name: to, Request: p1driver.NonDelivery}}}, n <= int64(o.messages)
	})
	if err != nil {
		return fmt.Errorf("%w; %v", err, source.Failures())
	}
	if err := book.Wait(o.messages, time.Until(started.Add(o.timeout))); err != nil {
		return err
	}
	return summary(o, source, book, started)
}

// summary prints the line, or tells what is not as it must be.
func summary(o options, source *p1driver.Source, book *p1driver.Book, started time.Time) error {
	entries := source.Entries()
	var last time.Time
	var took []time.Duration
	first := map[string]bool{}
	for _, a := range book.Arrivals() {
		if e := entries[a.MTSID]; e != nil && !first[a.MTSID] {
			first[a.MTSID] = true
			took = append(took, a.Stored.Sub(e.Attempts[0].Started))
		}
		last = a.Stored
	}
	if len(first) != o.messages || book.Len() != o.messages {
		return fmt.Errorf("%d of %d messages arrived, %d transfers", len(first), o.messages, book.Len())
	}
	slices.Sort(took)
	fmt.Printf("messages %d\trelayed/s %.0f\taccepted/s %.0f\tp50 %.1f ms\tp99 %.1f ms\n", o.messages,
		float64(o.messages)/last.Sub(started).Seconds(),
		float64(o.messages)/source.LastAcknowledged().Sub(started).Seconds(),
		milliseconds(took[len(took)/2]), milliseconds(took[len(took)*99/100]))
	return nil
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
