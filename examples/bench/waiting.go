package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"time"

	"github.com/mtakit/mtakit/lib/load"
	"github.com/mtakit/mtakit/lib/measure"
)

// longest is how long a queue that drains is looked at.
const longest = time.Minute

// filled has the switch as new, with messages in its spool, and nothing of that in memory.
func (p *place) filled(messages int, priority string) error {
	if err := p.neither(); err != nil {
		return err
	}
	if err := errors.Join(p.mta.make(""), p.mta.fill(messages, priority)); err != nil {
		return err
	}
	return p.disk.Again()
}

// loaded starts the switch, with nobody to take what it has, and waits until it knows of all
// of it.
func (p *place) loaded(ctx context.Context, messages int) error {
	if _, err := p.mta.start(); err != nil {
		return err
	}
	return until(ctx, patience, func() (bool, error) {
		n, err := p.mta.queued()
		return n >= messages, err
	})
}

// list is how long it takes to tell what waits.
func (p *place) list(ctx context.Context) error {
	n := p.scale.list
	if err := p.filled(n, "normal"); err != nil {
		return err
	}
	if err := p.loaded(ctx, n); err != nil {
		return err
	}
	for range p.rounds {
		if err := p.lists(ours, exec.Command(filepath.Join(p.bin, "mtaqueue"), "-C", p.mta.config(), "list"), n); err != nil {
			return err
		}
	}
	p.mta.kill()
	if err := p.postfixFilled(ctx, n); err != nil {
		return err
	}
	if err := p.postfix.start(ctx); err != nil {
		return err
	}
	for range p.rounds {
		if err := p.lists(theirs, exec.Command("postqueue", "-c", p.postfix.etc, "-p"), n); err != nil {
			return err
		}
	}
	return p.postfix.stop()
}

// lists runs a command that prints at least so many lines.
func (p *place) lists(side string, cmd *exec.Cmd, messages int) error {
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := cmd.Start(); err != nil {
		return err
	}
	lines := 0
	for r := bufio.NewScanner(out); r.Scan(); {
		lines++
	}
	if err := cmd.Wait(); err != nil {
		return err
	}
	if lines < messages {
		return fmt.Errorf("%v lists %d lines of %d messages", cmd.Args[0], lines, messages)
	}
	return p.adds(side, map[string]float64{"list": time.Since(begun).Seconds()})
}

// urgent is how long urgent messages take that come while many others wait for the same
// peer and are on their way to it.
func (p *place) urgent(ctx context.Context) error {
	n := p.scale.backlog
	if err := p.filled(n, "non-urgent"); err != nil {
		return err
	}
	if err := p.loaded(ctx, n); err != nil {
		return err
	}
	defer p.mta.kill() // what is left need not go on
	sink, err := newSink()
	if err != nil {
		return err
	}
	defer sink.Close()
	id, err := p.someMessage()
	if err != nil {
		return err
	}
	// Nobody has listened so far: it is not to wait until it tries again.
	if _, err := command(filepath.Join(p.bin, "mtaqueue"), "-C", p.mta.config(), "retry", id); err != nil {
		return err
	}
	wait, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	if sink.Wait(wait, 100); wait.Err() != nil {
		return errors.New("the queue does not move")
	}
	for range p.rounds {
		s, err := p.urgentOver(ctx, sink)
		if err != nil {
			return err
		}
		left, err := p.mta.queued()
		if err != nil {
			return err
		}
		if err := p.adds(ours, map[string]float64{"overtake99": s.P99, "overtake50": s.P50, "overtakeleft": float64(left)}); err != nil {
			return err
		}
	}
	return nil
}

// someMessage is the identifier of a message that waits.
func (p *place) someMessage() (id string, err error) {
	err = filepath.WalkDir(filepath.Join(p.mta.dir, "spool", "q", "d"), func(_ string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			id = d.Name()
			return filepath.SkipAll
		}
		return err
	})
	if err == nil && id == "" {
		err = errors.New("nothing waits")
	}
	return id, err
}

// restart is a start with many messages in the spool: when the first is out, and how soon
// the others are.
func (p *place) restart(ctx context.Context) error {
	for i, n := range p.scale.restart {
		runs := p.rounds
		if i > 0 {
			runs = 1
		}
		for range runs {
			if err := p.restartOf(ctx, i, n); err != nil {
				return fmt.Errorf("of %d: %w", n, err)
			}
		}
		if i == 0 {
			if err := p.restartOfPostfix(ctx, n); err != nil {
				return fmt.Errorf("of %d: %w", n, err)
			}
		}
	}
	return p.mta.make("") // so many files are in nobody's way
}

func (p *place) restartOf(ctx context.Context, which, n int) error {
	if err := p.filled(n, "normal"); err != nil {
		return err
	}
	sink, err := newSink()
	if err != nil {
		return err
	}
	defer sink.Close()
	defer p.mta.kill()
	ready, err := p.mta.start()
	if err != nil {
		return err
	}
	var known time.Duration // when it knew of all
	var taken load.Taken
	err = until(ctx, patience, func() (bool, error) {
		queued := 0
		if known == 0 {
			var err error
			if queued, err = p.mta.queued(); err != nil {
				return false, err
			}
		}
		taken = sink.Taken()
		if known == 0 && queued+int(taken.Messages) >= n {
			known = time.Since(p.mta.begun)
		}
		return taken.Messages >= int64(n) || known > 0 && time.Since(p.mta.begun) > longest, nil
	})
	if err != nil {
		return err
	}
	if taken.Twice > 0 {
		return fmt.Errorf("%d messages have come twice", taken.Twice)
	}
	figures := map[string]float64{"ready": ready.Seconds(), "first": taken.First.Sub(p.mta.begun).Seconds(),
		"loaded": float64(n) / known.Seconds(), "drained": measure.PerSecond(taken.Messages, taken.Last.Sub(taken.First))}
	for key, v := range figures {
		if err := p.add(p.system, key+strconv.Itoa(which), ours, v); err != nil {
			return err
		}
	}
	return nil
}

func (p *place) restartOfPostfix(ctx context.Context, n int) error {
	if err := p.neither(); err != nil {
		return err
	}
	if err := p.postfixFilled(ctx, n); err != nil {
		return err
	}
	if err := p.disk.Again(); err != nil {
		return err
	}
	sink, err := listenSMTP()
	if err != nil {
		return err
	}
	begun := time.Now()
	if err := errors.Join(p.postfix.start(ctx), flush(p.postfix)); err != nil {
		return errors.Join(err, sink.close())
	}
	err = until(ctx, patience, func() (bool, error) {
		messages, _, _ := sink.taken()
		return messages >= n || messages > 0 && time.Since(begun) > longest, nil
	})
	messages, first, last := sink.taken()
	if err := errors.Join(err, p.postfix.stop(), sink.close()); err != nil {
		return err
	}
	return p.adds(theirs, map[string]float64{"first0": first.Sub(begun).Seconds(), "drained0": measure.PerSecond(int64(messages), last.Sub(first))})
}

func flush(p *postfix) error {
	_, err := p.run("postqueue", "-f")
	return err
}

// postfixFilled has Postfix as new, with deferred messages in its queue: one that it has
// deferred, and copies, which postsuper gives their names as after a restore from a backup.
func (p *place) postfixFilled(ctx context.Context, n int) error {
	if err := errors.Join(p.postfix.stop(), p.postfix.make(), p.postfix.start(ctx)); err != nil {
		return err
	}
	source, err := dialSMTP()
	if err != nil {
		return err
	}
	if err := errors.Join(source.send(1024, time.Time{}), source.close()); err != nil {
		return err
	}
	deferred := filepath.Join(p.postfix.data, "spool", "deferred")
	var one string
	err = until(ctx, time.Minute, func() (bool, error) {
		err := filepath.WalkDir(deferred, func(path string, d fs.DirEntry, err error) error {
			if err == nil && d.Type().IsRegular() {
				one = path
			}
			return err
		})
		return one != "", err
	})
	if err != nil {
		return fmt.Errorf("it does not defer: %w", err)
	}
	if err := p.postfix.stop(); err != nil {
		return err
	}
	octets, err := os.ReadFile(one)
	if err != nil {
		return err
	}
	owner, err := user.Lookup("postfix")
	if err != nil {
		return err
	}
	uid, err := strconv.Atoi(owner.Uid)
	if err != nil {
		return err
	}
	for d := range 16 {
		dir := filepath.Join(deferred, fmt.Sprintf("%X", d))
		if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
			return err
		}
		if err := os.Chown(dir, uid, -1); err != nil {
			return err
		}
	}
	later := time.Now().Add(time.Hour) // until when it is deferred
	for i := range n - 1 {
		path := filepath.Join(deferred, fmt.Sprintf("%X", i%16), fmt.Sprintf("%X%09X", i%16, i))
		if err := os.WriteFile(path, octets, 0o700); err != nil {
			return err
		}
		if err := errors.Join(os.Chown(path, uid, -1), os.Chtimes(path, later, later)); err != nil {
			return err
		}
	}
	if _, err := command("sync", "-f", deferred); err != nil {
		return err
	}
	// postsuper works as that user, and writes to the log.
	if err := os.Chown(filepath.Join(p.postfix.data, "log"), uid, -1); err != nil {
		return err
	}
	_, err = p.postfix.run("postsuper", "-s")
	return err
}

// sched is the scheduler alone, with messages in its queue.
func (b *bench) sched(context.Context) error {
	b.alone = &system{runs: map[string]*sides{}}
	for range b.rounds {
		for i, queued := range b.scale.sched {
			out, err := command(filepath.Join(b.bin, "mtactl"), "bench", "sched", "--json", "--queued", strconv.Itoa(queued),
				"--events", strconv.Itoa(b.scale.events))
			if err != nil {
				return err
			}
			var r struct {
				PerSecond float64 `json:"eventsPerSecond"`
				CPU       float64 `json:"cpuNanosecondsPerEvent"`
				Octets    float64 `json:"octetsPerRecipient"`
			}
			if err := json.Unmarshal([]byte(out), &r); err != nil {
				return err
			}
			for key, v := range map[string]float64{"events": r.PerSecond, "event": r.CPU, "octets": r.Octets} {
				if err := b.add(b.alone, key+strconv.Itoa(i), ours, v); err != nil {
					return err
				}
			}
			if i == 1 {
				small := b.alone.runs["event0"].ours
				if err := b.add(b.alone, "dearer", ours, r.CPU/small[len(small)-1]); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
