package main

import (
	"errors"
	"fmt"
	"path/filepath"
	"reflect"
	"runtime"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/bench"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/tune"
)

// What one measurement of the disk writes at most, and with how many at once.
const (
	testFiles = 20_000
	testSize  = 1 << 10
)

var testWriters = [...]int{1, 4, 16, 64}

// tested is what selftest --json prints.
type tested struct {
	Spool    string          `json:"spool"`
	Barrier  string          `json:"barrier"`
	CPUs     int             `json:"cpus"`
	Hash     float64         `json:"hashMicroseconds"`
	Loopback measure.Summary `json:"loopback"`
	Disk     []testedDisk    `json:"disk"`
	Limits   []fitting       `json:"limits"`
}

// testedDisk is what a disk did for so many at once.
type testedDisk struct {
	Writers            int             `json:"writers"`
	Messages           int64           `json:"messages"`
	MessagesPerSecond  float64         `json:"messagesPerSecond"`
	Accept             measure.Summary `json:"accept"`
	BarriersPerMessage float64         `json:"barriersPerMessage"`
}

// fitting is a limit that fits what was measured.
type fitting struct {
	Channel    string `json:"channel"`
	Limit      string `json:"limit"`
	Configured int    `json:"configured"`
	Fits       int    `json:"fits"`
	Reason     string `json:"reason"`
}

func selfTest(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("selftest takes no operand")
	}
	if err := span(c, "duration", time.Millisecond, time.Minute); err != nil {
		return err
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	if err := mayWrite(cfg.Spool.Dir); err != nil {
		return err
	}
	t := tested{Spool: cfg.Spool.Dir, Barrier: cfg.Spool.Barrier, CPUs: runtime.GOMAXPROCS(0), Hash: measure.Round(float64(bench.Hash())/1e3, 3)}
	if t.Loopback, err = bench.Loopback(); err != nil {
		return err
	}
	for _, n := range testWriters {
		r, err := bench.Spool(bench.SpoolConfig{Dir: filepath.Join(cfg.Spool.Dir, "tmp"), Writers: n, Size: testSize, Duration: c.Duration("duration"),
			Rounds: 1, Barrier: spool.BarrierMode(cfg.Spool.Barrier), Files: testFiles, Alone: true})
		if err != nil {
			return err
		}
		t.Disk = append(t.Disk, testedDisk{r.Writers, r.Messages, r.MessagesPerSecond, r.Accept, r.BarriersPerMessage})
	}
	t.fit(cfg)
	return t.print(c)
}

// mayWrite says whether this user may write into the spool.
func mayWrite(dir string) error {
	s, err := spool.Open(dir)
	if err != nil {
		return err
	}
	w, err := s.CreateNew(spool.NewID(time.Now()))
	if err == nil {
		err = w.Abort()
	}
	return errors.Join(err, s.Close())
}

// fit finds the limits that fit.
func (t *tested) fit(cfg *conf.Config) {
	duration := func(milliseconds float64) time.Duration {
		return time.Duration(milliseconds * float64(time.Millisecond))
	}
	var points []tune.Point
	for _, d := range t.Disk {
		points = append(points, tune.Point{Writers: d.Writers, PerSecond: d.MessagesPerSecond, P50: duration(d.Accept.P50), P99: duration(d.Accept.P99)})
	}
	best, why := tune.Fit(points, cfg.SelfTest.Barrier.D())
	near := best.P50 + duration(t.Loopback.P50)
	for i := range cfg.Channels {
		ch := &cfg.Channels[i]
		reserved := ch.ReservedUrgent + ch.ReservedNormal
		reason := why
		if reserved > 0 {
			reason += fmt.Sprintf("; and %d reserved", reserved)
		}
		jobs := min(best.Writers+reserved, 1000)
		t.Limits = append(t.Limits, fitting{ch.Name, tune.Jobs.String(), ch.MaxJobs, jobs, reason})
		if ch.Kind != conf.KindX400P1 {
			continue
		}
		const far = 50 * time.Millisecond
		t.Limits = append(t.Limits, fitting{ch.Name, tune.PerPeer.String(), ch.MaxPerPeer, min(tune.PeerFit(best.PerSecond, near), ch.MaxAssociations, jobs),
			fmt.Sprintf("a near peer with such a disk answers in %s; one that is %s away would need %d for as much", near.Round(time.Microsecond*10), far, tune.PeerFit(best.PerSecond, near+far))})
	}
}

// print prints an object, or a line for each figure and each limit.
func (t *tested) print(c *ucli.Context) error {
	p := cli.NewPrinter(c)
	if p.JSON() {
		return errors.Join(p.Record(t), p.Flush())
	}
	print := func(prefix string, v any) error {
		names, values := figures(prefix, reflect.ValueOf(v))
		for i, name := range names {
			if reflect.TypeOf(values[i]).Kind() == reflect.Slice {
				continue
			}
			if err := p.Record(nil, name, plain(values[i])); err != nil {
				return err
			}
		}
		return nil
	}
	err := print("", *t)
	for _, d := range t.Disk {
		err = errors.Join(err, print(fmt.Sprintf("disk.%d.", d.Writers), d))
	}
	for _, l := range t.Limits {
		err = errors.Join(err, p.Record(nil, "limit", l.Channel, l.Limit, l.Configured, l.Fits, l.Reason))
	}
	return errors.Join(err, p.Flush())
}
