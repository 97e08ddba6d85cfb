package main

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel/x400p1"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/policy"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/spool"
)

// configCheck answers whether the configuration is right.
func configCheck(c *ucli.Context) error {
	if c.NArg() > 1 {
		return cli.Usage("config check wants one file")
	}
	path := c.Args().First()
	if path == "" {
		var err error
		if path, err = cli.ConfigPath(c); err != nil {
			return err
		}
	}
	cfg, err := tableconf.Load(path)
	if err != nil && diag.KindOf(err) != diag.Config {
		return err
	}
	if err == nil && cfg.InDirectory() {
		if _, wrong := ldapconf.NewSource(cfg, "/", time.Now); wrong != nil {
			err = fmt.Errorf("%s: %w", path, wrong)
		}
	}
	if err == nil && !cfg.InDirectory() {
		if _, wrong := policy.New(cfg, conf.OpenFile); wrong != nil {
			err = fmt.Errorf("%s: %w", path, wrong)
		}
	}
	p, v := cli.NewPrinter(c), verdict{Path: path, Right: err == nil, Errors: []string{}, Remarks: []string{}}
	if err != nil {
		v.Errors = strings.Split(err.Error(), "\n")
	} else {
		v.Version = cfg.Version
		if cfg.InDirectory() {
			v.Remarks = append(v.Remarks, directoryRemarks(cfg, path)...)
			// There is none before mtarun has read one, or for whoever may not read it.
			if kept, err := live.Config(path); err == nil {
				for _, text := range fileRemarks(kept) {
					v.Remarks = append(v.Remarks, fmt.Sprintf("%s: remark: %s", path, text))
				}
			}
		}
		running := asRunning(cfg)
		if running != nil {
			v.Running = running.ConfigVersion
		}
		switch {
		case cfg.InDirectory() && running != nil && running.Config != nil && running.Config.Trouble != "":
			v.Remarks = append(v.Remarks, fmt.Sprintf("%s: remark: what the directory says is not what mtarun goes by: %s", path, running.Config.Trouble))
		case cfg.InDirectory():
		default:
			v.Remarks = append(v.Remarks, remarks(cfg, path)...)
			if v.Running != "" && v.Running != v.Version {
				v.Remarks = append(v.Remarks, fmt.Sprintf("%s: remark: %s", path, notRunning(v.Version, v.Running)))
			}
		}
	}
	if p.JSON() {
		err = p.Record(v)
	} else {
		for _, line := range slices.Concat(v.Errors, v.Remarks) {
			p.Text("%s\n", line)
		}
		err = nil
	}
	if err := errors.Join(err, p.Flush()); err != nil || v.Right {
		return err
	}
	return cli.ErrNo
}

// verdict is what config check --json prints.
type verdict struct {
	Path    string   `json:"path"`
	Right   bool     `json:"right"`
	Version string   `json:"version,omitempty"` // of a right one
	Running string   `json:"runningVersion,omitempty"`
	Errors  []string `json:"errors"`
	Remarks []string `json:"remarks"`
}

// asRunning is how the daemon of the spool is; nil where none runs, or none that tells who
// asks.
func asRunning(cfg *conf.Config) (row *queue.StatusRow) {
	if queue.AskDaemon(cfg, queue.Request{Verb: queue.VerbStatus}, func(a queue.Answer) error {
		row = a.Status
		return nil
	}) != nil {
		return nil
	}
	return row
}

// notRunning tells that the file is not what the daemon goes by, which nobody sees who
// forgot the signal, or has not read in the log that it was refused.
func notRunning(file, running string) string {
	return fmt.Sprintf("mtarun goes by version %s and the file is version %s: SIGHUP has it read, and if it stays the log says why", running, file)
}

// status answers whether the daemon runs.
func status(c *ucli.Context) error {
	if c.NArg() > 0 {
		return cli.Usage("status takes no operand")
	}
	cfg, err := cli.Running(c)
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	err = queue.AskDaemon(cfg, queue.Request{Verb: queue.VerbStatus}, func(a queue.Answer) error {
		s := condition{StatusRow: a.Status}
		if s.ConfigVersion != cfg.Version {
			s.FileVersion = cfg.Version
			cli.Warn(c, notRunning(cfg.Version, s.ConfigVersion))
		}
		return p.Record(s, s.MTA, s.Domain, "running", s.PID, s.Since, s.ConfigVersion, s.Urgent, s.Normal, s.NonUrgent, s.Recipients, s.Active, selfTested(s.SelfTest))
	})
	if errors.Is(err, queue.ErrNotRunning) {
		s := stopped{MTA: cfg.Identity.MTA, Domain: cfg.Identity.Domain.String(), ConfigVersion: cfg.Version}
		return errors.Join(p.Record(s, s.MTA, s.Domain, "stopped"), p.Flush(), cli.ErrNo)
	}
	return errors.Join(err, p.Flush())
}

// selfTested is the self-test in a column: whether anything is measured, and what was moved.
func selfTested(row *queue.SelfTestRow) string {
	if row == nil {
		return "off"
	}
	moved := []string{}
	for _, l := range row.Limits {
		if m := l.Moved(); m != "" {
			moved = append(moved, l.Channel+" "+m)
		}
	}
	if len(moved) == 0 {
		return "on"
	}
	return strings.Join(moved, ", ")
}

// stopped is what status --json prints of a switch that does not run: nobody has counted
// what waits.
type stopped struct {
	MTA           string `json:"mta"`
	Domain        string `json:"domain"`
	Running       bool   `json:"running"`
	ConfigVersion string `json:"configVersion"`
}

// condition is what status --json prints of a switch that runs.
type condition struct {
	*queue.StatusRow
	FileVersion string `json:"fileVersion,omitempty"` // where it is another
}

// track tells what the event log knows of messages and of what was made from them.
func track(c *ucli.Context) error {
	ids, err := cli.Operands(c)
	if err != nil {
		return err
	}
	if c.NArg() == 0 || slices.Contains(ids, "") {
		return cli.Usage("track wants identifiers")
	}
	since, err := sinceTime(c.String("since"))
	if err != nil {
		return err
	}
	cfg, err := cli.Running(c)
	if err != nil {
		return err
	}
	p := cli.NewPrinter(c)
	var unknown error
	for _, id := range ids {
		records, err := audit.Track(cfg.Events.Dir, since, id)
		if errors.Is(err, fs.ErrNotExist) || err == nil && len(records) == 0 {
			records, err = unrecorded(cfg, since, id, err)
		}
		if err != nil {
			return errors.Join(err, p.Flush())
		}
		if len(records) == 0 {
			unknown = cli.ErrNo
			if text := id + ": nothing is known of it"; p.JSON() {
				cli.Warn(c, text)
			} else {
				fmt.Fprintf(c.App.ErrWriter, "mtactl: %s\n", text)
			}
		}
		for _, r := range records {
			if err := p.Record(r, r.Time, r.Event, r.ID, numbers(r.N), r.Channel, r.Peer, r.Summary()); err != nil {
				return err
			}
		}
	}
	return errors.Join(p.Flush(), unknown)
}

// unrecorded tells of messages that are in the spool and not yet in the event log, which
// has given nothing but perhaps trouble, what the log will tell of them. Who may read the
// log and not the spool hears of the log.
func unrecorded(cfg *conf.Config, since time.Time, id string, trouble error) (all []audit.Record, err error) {
	sp, err := spool.Open(cfg.Spool.Dir)
	switch diag.KindOf(err) {
	case diag.NoInput, diag.Denied:
		return nil, trouble
	}
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	refs, err := sp.Find(id)
	if diag.KindOf(err) == diag.Usage {
		return nil, nil // another kind of identifier
	}
	if err != nil {
		return nil, err
	}
	for _, ref := range refs {
		m, err := sp.OpenMessage(ref)
		if errors.Is(err, fs.ErrNotExist) || diag.KindOf(err) == diag.Data {
			continue // gone meanwhile, or never accepted
		}
		if err != nil {
			return nil, err
		}
		if env := m.Envelope; !env.Accepted.Before(since) {
			for _, r := range audit.Describe(env, audit.Arrival(env)) {
				r.Time, r.MTA = env.Accepted.UTC(), cfg.Identity.MTA
				all = append(all, r)
			}
		}
		if err := m.Close(); err != nil {
			return nil, err
		}
	}
	return all, nil
}

func sinceTime(text string) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	for _, layout := range []string{time.RFC3339, time.DateOnly} {
		if t, err := time.Parse(layout, text); err == nil {
			return t, nil
		}
	}
	return time.Time{}, cli.Usage("--since %q is neither a date nor an RFC 3339 time", text)
}

func numbers(n []int) string {
	s := ""
	for i, v := range n {
		if i > 0 {
			s += ","
		}
		s += fmt.Sprint(v)
	}
	return s
}

// finding is what check --json prints.
type finding struct {
	Kind string `json:"kind"`
	Path string `json:"path"` // below the spool
	Text string `json:"text"`
	// Repaired says that it was so, and is not any more.
	Repaired bool `json:"repaired,omitempty"`
}

// check answers whether the spool is sound, now or after a repair.
func check(c *ucli.Context) (err error) {
	if c.NArg() > 0 {
		return cli.Usage("check takes no operand: it reads the spool of the configuration")
	}
	cfg, err := cli.Running(c)
	if err != nil {
		return err
	}
	if c.Bool("repair") && c.Bool("no-data") {
		return cli.Usage("--repair verifies every content")
	}
	before := make(map[spool.Finding]struct{})
	var unfinished error
	if c.Bool("repair") {
		unfinished = queue.Repair(cfg, func(f spool.Finding) { before[f] = struct{}{} })
		if diag.KindOf(unfinished) == diag.Unavailable || unfinished != nil && len(before) == 0 {
			return unfinished
		}
	}
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, sp.Close()) }()
	p := cli.NewPrinter(c)
	sound, bad := true, false
	var printed error
	tell := func(f spool.Finding, repaired bool) {
		text := f.Text
		if repaired {
			text = "repaired: " + text
		}
		printed = errors.Join(printed, p.Record(finding{string(f.Kind), f.Path, f.Text, repaired}, string(f.Kind), f.Path, text))
	}
	sp.Check(spool.CheckOptions{ReadData: !c.Bool("no-data")}, func(f spool.Finding) {
		sound, bad = false, bad || f.Kind == spool.FoundBad
		delete(before, f)
		tell(f, false)
	})
	mended := slices.Collect(maps.Keys(before))
	slices.SortFunc(mended, func(a, b spool.Finding) int { return strings.Compare(a.Path, b.Path) })
	for _, f := range mended {
		tell(f, true)
	}
	if err = errors.Join(unfinished, printed, p.Flush()); err != nil {
		return err
	}
	if bad && !cli.JSON(c) {
		fmt.Fprintf(c.App.ErrWriter, "mtactl: hint: nobody has been told of what is in bad/; mtasubmit --resubmit %s/bad/ID sends again what can be read\n", sp.Dir())
	}
	if !sound {
		return cli.ErrNo
	}
	return nil
}

// pong is what ping --json prints.
type pong struct {
	Peer       string `json:"peer"`
	Address    string `json:"address"`
	Mode       string `json:"mode"`
	Checkpoint int64  `json:"checkpointSize"`
	Window     int64  `json:"windowSize"`
	Millis     int64  `json:"milliseconds"`

	Called      string   `json:"presentationAddress"`
	Protocol    string   `json:"protocol"`
	Credentials string   `json:"credentials"`
	Steps       steps    `json:"steps"`
	Failed      []string `json:"failed,omitempty"`
}

// steps are the milliseconds the layers took.
type steps struct {
	Connect     float64 `json:"connect"`
	TLS         float64 `json:"tls"`
	Transport   float64 `json:"transport"`
	Association float64 `json:"association"`
}

func millis(d time.Duration) float64 {
	return float64(d.Round(100*time.Microsecond)) / float64(time.Millisecond)
}

// ping binds with a peer and releases the association.
func ping(c *ucli.Context) error {
	if c.NArg() != 1 {
		return cli.Usage("ping wants one peer")
	}
	cfg, err := cli.Config(c)
	if err != nil {
		return err
	}
	peer, err := cfg.NamedPeer(c.Args().First())
	if err != nil {
		return err
	}
	if len(peer.Calls()) == 0 {
		return diag.WithHint(diag.New(peer.Name, diag.Unavailable, "it has no address to call"),
			"it calls here: mtaqueue tree tells whether it has; mta.toml(5) tells how addresses are written")
	}
	ctx, cancel := context.WithTimeout(context.Background(), c.Duration("timeout"))
	defer cancel()
	start := time.Now()
	call, err := x400p1.Dial(ctx, cfg, peer, start)
	if err != nil {
		return diag.E(peer.Name+": "+x400p1.LayerOf(err), diag.KindOf(err), err)
	}
	took := time.Since(start)
	remote := call.Conn.Remote()
	if err := call.Conn.Close(ctx); err != nil {
		return diag.E(peer.Name+": release", diag.Protocol, err)
	}
	a := pong{Peer: peer.Name, Address: remote.Addr.String(), Mode: remote.Mode.String(), Checkpoint: remote.Checkpoint,
		Window: remote.Window, Millis: took.Milliseconds(), Called: call.Address.String(), Protocol: call.Mode, Credentials: call.Credentials,
		Steps: steps{millis(call.Steps.Connect), millis(call.Steps.TLS), millis(call.Steps.Transport), millis(call.Steps.Association)}}
	for _, err := range call.Failed {
		a.Failed = append(a.Failed, x400p1.LayerOf(err)+": "+err.Error())
		if !cli.JSON(c) {
			fmt.Fprintf(c.App.ErrWriter, "mtactl: %s: %s: %v\n", peer.Name, x400p1.LayerOf(err), err)
		}
	}
	p := cli.NewPrinter(c)
	return errors.Join(p.Record(a, a.Peer, a.Address, a.Mode, a.Checkpoint, a.Window, a.Millis, a.Protocol, a.Credentials,
		a.Steps.Connect, a.Steps.TLS, a.Steps.Transport, a.Steps.Association, a.Called), p.Flush())
}
