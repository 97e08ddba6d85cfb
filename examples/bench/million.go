package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/mtakit/mtakit/examples/loopdisk"
	"github.com/mtakit/mtakit/lib/load"
	"github.com/mtakit/mtakit/lib/measure"
)

// sample is what there was at a moment.
type sample struct {
	at      float64 // seconds
	arrived int64
	of      map[string]memory
}

// million lets messages through one switch in one go, and looks on from outside.
func million(ctx context.Context, o options) (err error) {
	system := o.fs[0]
	d, err := loopdisk.New(o.dir, system, full.image)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Remove()) }()
	s := &mta{bin: o.bin, dir: filepath.Join(d.Mount, "switch"), log: filepath.Join(o.out, "raw", "switch-million.log")}
	if s.group, err = newGroup("million"); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, s.group.remove()) }()
	defer s.kill()
	if err := s.make(""); err != nil {
		return err
	}
	if _, err := s.start(); err != nil {
		return err
	}
	const sessions = 20
	source, err := newSource(func(c *load.SourceConfig) { c.Messages, c.Associations = uint64(o.million), sessions }, "1KiB", "urgent,normal:8,non-urgent")
	if err != nil {
		return err
	}
	sink, err := newSink()
	if err != nil {
		return err
	}
	defer sink.Close()
	watching, stop := context.WithCancel(ctx)
	defer stop()
	samples := make(chan []sample, 1)
	begun := time.Now()
	go func() { samples <- watch(watching, s.group, sink, begun) }()
	r, err := load.Relay(ctx, source, sink, 2*time.Minute)
	stop()
	seen := <-samples
	if err != nil {
		return err
	}
	if err := until(ctx, time.Minute, func() (bool, error) {
		n, err := s.queued()
		return n == 0, err
	}); err != nil {
		return fmt.Errorf("the queue is not empty: %w", err)
	}
	if err := s.stop(); err != nil {
		return err
	}
	if out, err := command(filepath.Join(o.bin, "mtactl"), "-C", s.config(), "check"); err != nil || out != "" {
		return fmt.Errorf("mtactl check: %w: %s", err, out)
	}
	took := r.Taken.Last.Sub(r.Begun)
	text := fmt.Sprintf("%s messages on %s over %d sessions in %v, %.0f a second: accepted %d, arrived as sent %d, missing %d, twice %d, altered %d, refused %d, in doubt %d\n",
		thousands(int64(o.million)), system, sessions, took.Round(time.Second), measure.PerSecond(r.Arrived, took),
		r.Accepted, r.Arrived, r.Missing, r.Twice, r.Altered, r.Refused, r.InDoubt)
	for _, name := range names(seen) {
		text += growth(name, seen)
	}
	fmt.Print(text)
	if err := os.WriteFile(filepath.Join(o.out, "memory.txt"), []byte(text), 0o644); err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(o.out, "memory.svg"), []byte(drawn(text, seen)), 0o644); err != nil {
		return err
	}
	if r.Missing+r.Altered+r.InDoubt+r.Refused > 0 {
		return errors.New("messages are lost")
	}
	return nil
}

// watch samples until it is over.
func watch(ctx context.Context, g *group, sink *load.Sink, begun time.Time) (seen []sample) {
	for pause := time.Second; ; {
		at := time.Since(begun).Seconds()
		if all, err := g.memories(); err == nil {
			s := sample{at, sink.Taken().Messages, map[string]memory{}}
			for _, m := range all {
				s.of[m.name] = m
			}
			seen = append(seen, s)
		}
		select {
		case <-ctx.Done():
			return seen
		case <-time.After(pause):
		}
	}
}

func names(seen []sample) (all []string) {
	for _, s := range seen {
		for name := range s.of {
			if !slices.Contains(all, name) {
				all = append(all, name)
			}
		}
	}
	slices.Sort(all)
	return all
}

// growth compares the second quarter of the time with the last one.
func growth(name string, seen []sample) string {
	middle := func(from, to int, of func(memory) float64) float64 {
		var all []float64
		for _, s := range seen[from:to] {
			if m, ok := s.of[name]; ok {
				all = append(all, of(m))
			}
		}
		if len(all) == 0 {
			return 0
		}
		return median(all)
	}
	n := len(seen)
	resident := func(m memory) float64 { return float64(m.resident) / 1e6 }
	descriptors := func(m memory) float64 { return float64(m.descriptors) }
	return fmt.Sprintf("%s: %.1f MB in the second quarter of the time, %.1f MB in the last; %.0f and %.0f descriptors\n", name,
		middle(n/4, (n+1)/2, resident), middle(n*3/4, n, resident), middle(n/4, (n+1)/2, descriptors), middle(n*3/4, n, descriptors))
}

// drawn is the picture.
func drawn(title string, seen []sample) string {
	colours := []string{colourOurs, colourTheirs, "#4c9a4c", "#8d4bab"}
	var resident, descriptors []course
	for i, name := range names(seen) {
		r := course{name: name, colour: colours[i%len(colours)]}
		d := r
		for _, s := range seen {
			if m, ok := s.of[name]; ok {
				r.points = append(r.points, [2]float64{s.at, float64(m.resident) / 1e6})
				d.points = append(d.points, [2]float64{s.at, float64(m.descriptors)})
			}
		}
		resident, descriptors = append(resident, r), append(descriptors, d)
	}
	arrived := course{name: "arrived", colour: colourOurs}
	for _, s := range seen {
		arrived.points = append(arrived.points, [2]float64{s.at, float64(s.arrived)})
	}
	if i := slices.Index([]byte(title), ':'); i > 0 {
		title = title[:i]
	}
	return courses(title, []string{"resident memory, MB", "open descriptors", "messages at the sink"}, [][]course{resident, descriptors, {arrived}})
}
