package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/mtakit/mtakit/examples/loopdisk"
	"github.com/mtakit/mtakit/lib/measure"
)

// bench is what has been measured.
type bench struct {
	options
	raw     *os.File
	machine [][2]string
	systems []*system
	alone   *system // what no file system has a part in
}

// system is what has been measured on a file system.
type system struct {
	name    string
	flushes float64 // of one fsync of a new file
	runs    map[string]*sides
}

// sides are the runs of a figure.
type sides struct{ ours, theirs []float64 }

const (
	ours   = "mtakit"
	theirs = "postfix"
	// openssl is whose the figures beside ours are of signed messages.
	openssl = "openssl cms"
)

// add notes a figure of a run.
func (b *bench) add(s *system, key, side string, value float64) error {
	r := s.runs[key]
	if r == nil {
		r = &sides{}
		s.runs[key] = r
	}
	of := &r.theirs
	if side == ours {
		of = &r.ours
	}
	*of = append(*of, value)
	return json.NewEncoder(b.raw).Encode(struct {
		FS    string    `json:"fs,omitempty"`
		Key   string    `json:"figure"`
		Side  string    `json:"of"`
		Run   int       `json:"run"`
		Value float64   `json:"value"`
		Load  string    `json:"load"`
		Time  time.Time `json:"time"`
	}{s.name, key, side, len(*of), measure.Round(value, 6), load1(), time.Now().UTC().Truncate(time.Millisecond)})
}

// work is one kind of measurement.
type work struct {
	name string
	run  func(*place, context.Context) error
}

// works are those on a file system, in their order: relays that run, and then each alone.
var works = []work{
	{"relay", (*place).relay}, {"latency", (*place).latency}, {"large", (*place).large},
	{"list", (*place).list}, {"urgent", (*place).urgent}, {"restart", (*place).restart}, {"signed", (*place).signed},
}

func workNames() (names []string) {
	for _, w := range works {
		names = append(names, w.name)
	}
	return append(names, "sched")
}

func (b *bench) wants(name string) bool { return len(b.only) == 0 || b.only[name] }

// place is where it is measured: a file system, and both relays on it.
type place struct {
	*bench
	*system
	disk    *loopdisk.Disk
	mta     *mta
	postfix *postfix
}

// on measures on a file system.
func (b *bench) on(ctx context.Context, name string) (err error) {
	p := &place{bench: b, system: &system{name: name, runs: map[string]*sides{}}}
	if p.disk, err = loopdisk.New(b.dir, name, b.scale.image); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.disk.Remove()) }()
	if p.flushes, err = flushesOfOne(p.disk); err != nil {
		return err
	}
	b.systems = append(b.systems, p.system)
	p.mta = &mta{bin: b.bin, dir: filepath.Join(p.disk.Mount, "switch"), log: filepath.Join(b.out, "raw", "switch-"+strings.ReplaceAll(name, ":", "-")+".log")}
	p.postfix = &postfix{etc: filepath.Join(p.disk.Dir, "etc"), data: filepath.Join(p.disk.Mount, "postfix")}
	if p.mta.group, err = newGroup("mtakit"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.mta.group.remove()) }()
	if p.postfix.group, err = newGroup("postfix"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.postfix.group.remove()) }()
	defer p.mta.kill()
	defer func() { err = errors.Join(err, p.postfix.stop()) }()
	for _, w := range works {
		if !b.wants(w.name) {
			continue
		}
		begun := time.Now()
		if err := w.run(p, ctx); err != nil {
			return fmt.Errorf("%s: %w", w.name, err)
		}
		fmt.Fprintf(os.Stderr, "bench: %s, %s: %v\n", name, w.name, time.Since(begun).Round(time.Second))
	}
	return nil
}

// both has both relays as new, running, and warm.
func (p *place) both(ctx context.Context) error {
	if err := p.neither(); err != nil {
		return err
	}
	if err := errors.Join(p.mta.make(""), p.postfix.make()); err != nil {
		return err
	}
	if _, err := p.mta.start(); err != nil {
		return err
	}
	if err := p.postfix.start(ctx); err != nil {
		return err
	}
	const few, several = 500, 10
	if _, err := p.relayed(ctx, few, several, "1KiB", 0); err != nil {
		return err
	}
	_, err := p.relayedByPostfix(few, several)
	return err
}

// neither has none of them running.
func (p *place) neither() error { return errors.Join(p.mta.stop(), p.postfix.stop()) }

// machine tells where it is.
func machine() (facts [][2]string) {
	add := func(name, fact string) { facts = append(facts, [2]string{name, fact}) }
	if text, err := command("nproc"); err == nil {
		add("CPUs", text)
	}
	if text, err := os.ReadFile("/proc/cpuinfo"); err == nil {
		for line := range strings.Lines(string(text)) {
			if model, ok := strings.CutPrefix(line, "model name\t: "); ok {
				add("CPU", strings.TrimSpace(model))
				break
			}
		}
	}
	if text, err := os.ReadFile("/proc/meminfo"); err == nil {
		first, _, _ := strings.Cut(string(text), "\n")
		add("memory", strings.TrimSpace(strings.TrimPrefix(first, "MemTotal:")))
	}
	if text, err := command("uname", "-sr"); err == nil {
		add("kernel", text)
	}
	if text, err := command("postconf", "-d", "-h", "mail_version"); err == nil {
		add("Postfix", text)
	}
	if text, err := command("git", "rev-parse", "--short", "HEAD"); err == nil {
		add("mtakit", text)
	}
	add("begun", time.Now().UTC().Format(time.RFC3339)+", load "+load1())
	return facts
}

// load1 is how many wanted a CPU in the last minute: whether the machine was shared.
func load1() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return ""
	}
	first, _, _ := strings.Cut(string(text), " ")
	return first
}
