// Command bench measures a switch and, beside it in the same run and on the same file
// system, Postfix, and writes the table of man/mta-performance.7.
//
//	bench --bin bin --out bench-results --fs ext4,xfs --runs 3
//
// Each file system is its own, journaled, in an image on a loop device that is wholly
// allocated and goes past the page cache of the file system it lies on. Everything is
// counted from outside the programs measured: messages where they arrive, where each is
// compared with what was sent (MTS identifier, recipient, SHA-256 of the content); CPU time
// by control groups, processes that have ended included; flushes by the loop device; memory
// by /proc. Both relays are as they come but for names, ports and limits of size, with 20
// transfers to one peer at a time, which is Postfix's default.
//
// It writes bench.md, bench.svg and raw/, where every single run is. Figures are medians of
// the runs. They compare the two with each other on this machine and this day; the machine's
// noise is in both.
//
// Signed messages, whose signatures are verified and replaced, are measured once on each file
// system, and beside them the same done by openssl.
//
// With --million N it lets N messages through one switch in one go instead, and draws what
// memory and descriptors its processes had meanwhile: memory.svg.
//
// It wants root, Postfix, mkfs.ext4, mkfs.xfs, and 127.0.0.1.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

type options struct {
	bin, out, dir string
	fs            []string
	rounds        int
	scale         scale
	only          map[string]bool // works; empty: all
	million       int
}

// scale is how much of everything.
type scale struct {
	relay   int   // messages over 10 and 50 associations; a quarter over one
	latency int   // messages, one after the other
	list    int   // messages in the queue that is listed
	backlog int   // non-urgent messages in the queue that urgent ones overtake
	restart []int // messages in the spool at a start; the first is what Postfix has, too
	big     int64 // octets of the large message
	urgent  int   // urgent messages, at 20 a second
	sched   []int // messages in the queue of the simulated scheduler
	events  int
	signed  int   // messages whose signature is verified and replaced
	image   int64 // octets of the file system
}

var (
	full = scale{relay: 6000, latency: 300, list: 100_000, backlog: 300_000, restart: []int{100_000, 1_000_000},
		big: 300_000_000, urgent: 300, sched: []int{10_000, 10_000_000}, events: 1_000_000, signed: 10_000, image: 12 << 30}
	quick = scale{relay: 1000, latency: 60, list: 5_000, backlog: 10_000, restart: []int{5_000, 20_000},
		big: 300_000_000, urgent: 60, sched: []int{10_000, 1_000_000}, events: 200_000, signed: 1_000, image: 4 << 30}
)

func main() {
	var o options
	var systems, only string
	var short bool
	flag.StringVar(&o.bin, "bin", "bin", "where the commands are")
	flag.StringVar(&o.out, "out", "bench-results", "where the results go")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the images are made")
	flag.StringVar(&systems, "fs", "ext4:dioread_lock,xfs", "file systems, each with its options of mount(8) behind a colon")
	flag.IntVar(&o.rounds, "runs", 3, "runs of each measurement")
	flag.BoolVar(&short, "quick", false, "less of everything, once")
	flag.StringVar(&only, "only", "", "works: "+strings.Join(workNames(), ","))
	flag.IntVar(&o.million, "million", 0, "messages to let through one switch in one go, instead")
	flag.Parse()
	o.fs, o.scale, o.only = strings.Split(systems, ","), full, map[string]bool{}
	if short {
		o.scale, o.rounds = quick, 1
	}
	for _, name := range strings.FieldsFunc(only, func(r rune) bool { return r == ',' }) {
		o.only[name] = true
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintln(os.Stderr, "bench: error:", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, o options) (err error) {
	if os.Getuid() != 0 {
		return errors.New("it wants root: for Postfix, loop devices and control groups")
	}
	if o.rounds < 1 || o.rounds > 100 || o.million < 0 || o.million > 10_000_000 {
		return errors.New("1 to 100 runs, at most 10000000 messages")
	}
	for name := range o.only {
		if !strings.Contains(","+strings.Join(workNames(), ",")+",", ","+name+",") {
			return fmt.Errorf("%q is not one of %s", name, strings.Join(workNames(), ", "))
		}
	}
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return err
	}
	raw := filepath.Join(o.out, "raw")
	if err := os.MkdirAll(raw, 0o755); err != nil {
		return err
	}
	if o.million > 0 {
		return million(ctx, o)
	}
	b := &bench{options: o}
	f, err := os.Create(filepath.Join(raw, "runs.jsonl"))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	b.raw = f
	b.machine = machine()
	for _, system := range o.fs {
		if err := b.on(ctx, system); err != nil {
			return fmt.Errorf("%s: %w", system, err)
		}
		// What there is so far: the whole takes long.
		if err := b.write(); err != nil {
			return err
		}
	}
	if b.wants("sched") {
		if err := b.sched(ctx); err != nil {
			return err
		}
	}
	if err := b.write(); err != nil {
		return err
	}
	text, err := os.ReadFile(filepath.Join(o.out, "bench.md"))
	if err == nil {
		_, err = os.Stdout.Write(text)
	}
	return err
}
