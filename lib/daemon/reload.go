package daemon

import (
	"context"
	"encoding/json"
	"errors"
	"net"
	"os"
	"slices"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/queue"
	"github.com/mtakit/mtakit/lib/sched"
)

// reload has the configuration read again, by one reader at a time: a directory may take
// long to answer.
func (c *core) reload(ctx context.Context) {
	if c.reading {
		c.reread = true
		return
	}
	c.reading = true
	// What the files are that it names, certificates and keys, only who asks knows.
	forced, asked := c.forced, c.asked
	c.forced, c.asked = false, false
	running := c.conf.Version
	go func() {
		cfg, err := c.loadConfig(ctx, asked)
		same := err == nil && !forced && cfg.Version == running
		var next *prepared
		if err == nil && !same {
			next, err = c.prepare(cfg)
		}
		c.post(func() {
			c.reading = false
			switch {
			case errors.Is(err, live.ErrAway):
				c.forced = c.forced || forced // when it can be had
			case same:
				c.accepted()
				c.lookAgain()
			default:
				c.reloaded(next, err)
			}
			if c.reread {
				c.reread = false
				c.reload(ctx)
			}
		})
	}()
}

// prepared is a configuration that can be changed over to at once.
type prepared struct {
	conf  *conf.Config
	given *conf.Given
	queue *queue.Prepared
	texts map[string][]byte
	// changes are those against the configuration before, in a line.
	changes string
}

// prepare does what takes long with a large configuration, beside the core.
func (c *core) prepare(cfg *conf.Config) (*prepared, error) {
	others, err := c.opt.Rights.check(cfg)
	if err == nil && others && !c.spool.Shared() {
		err = diag.New("[run]", diag.Config, "a spool that is nobody's but its user's is shared by the next start only")
	}
	if err != nil {
		return nil, err
	}
	given, err := c.readGiven(cfg)
	if err != nil {
		return nil, err
	}
	q, err := c.keeper.Prepare(cfg, given.Open)
	if err != nil {
		return nil, err
	}
	texts, err := textsOf(cfg)
	return &prepared{cfg, given, q, texts, conf.Changes(c.shared.Load(), cfg)}, err
}

// readGiven reads the files of [security], whoever may read them.
func (c *core) readGiven(cfg *conf.Config) (*conf.Given, error) {
	given, err := conf.ReadGiven(cfg, func(path string) (f *os.File, err error) {
		err = c.opt.Rights.use(func() error {
			f, err = conf.OpenFile(path)
			return err
		})
		return f, err
	})
	if err != nil {
		return nil, diag.E("[security]", diag.Config, err)
	}
	return &given, nil
}

// textsOf returns the configuration as the processes of each channel are given it, and under
// "" as those of a channel are that is there no more. Those that are given the same share one
// text.
func textsOf(cfg *conf.Config) (map[string][]byte, error) {
	var holders []string // the channels that are given any passwords
	for i := range cfg.Peers {
		if p := &cfg.Peers[i]; (p.PasswordIn != "" || p.PasswordOut != "") && !slices.Contains(holders, p.Channel) {
			holders = append(holders, p.Channel)
		}
	}
	texts := map[string][]byte{}
	names := []string{""}
	for i := range cfg.Channels {
		names = append(names, cfg.Channels[i].Name)
	}
	for _, name := range names {
		if name != "" && !slices.Contains(holders, name) {
			texts[name] = texts[""]
			continue
		}
		text, err := json.Marshal(cfg.For(name))
		if err != nil {
			return nil, diag.E("configuration", diag.Internal, err)
		}
		texts[name] = text
	}
	return texts, nil
}

// share has the spool be as the processes of channels need it: one that works there as
// somebody else shares it.
func (c *core) share() error {
	others, err := c.opt.Rights.check(c.conf)
	if err != nil {
		return err
	}
	if err := c.spool.MakeTokens(); err != nil || !others {
		return err
	}
	return c.spool.Share()
}

// reloaded takes over a configuration that was read; a bad one changes nothing.
func (c *core) reloaded(next *prepared, err error) {
	if c.failed != nil || c.drained {
		return
	}
	if err == nil {
		err = c.reconfigure(next)
	}
	if err != nil {
		c.opt.Config.Refuse(err)
		c.log.Error("configuration is wrong; the running one stays", "error", err)
		return
	}
	c.accepted()
	c.lookAgain()
	text := "configuration " + c.conf.Version
	if next.changes != "" {
		text += ": " + next.changes
	}
	c.keeper.Event(c.now(), audit.Record{Event: audit.Reloaded, Text: text})
	c.log.Info("configuration reloaded", "version", c.conf.Version, "changes", next.changes)
}

// lookAgain has what waits to be looked up tried again: the directory can be had, and has changed
// perhaps.
func (c *core) lookAgain() {
	if name := c.conf.ExpandChannel(); name != "" {
		c.step(sched.Retry{Channel: name})
	}
}

// accepted tells where the configuration comes from that the switch goes by it.
func (c *core) accepted() {
	version, dir := c.conf.Version, c.conf.Spool.Dir
	c.keeping.Go(func() {
		if err := c.opt.Config.Accept(version, dir); err != nil {
			c.log.Error("the configuration could not be kept for a start without the directory", "error", err)
		}
	})
}

func (c *core) reconfigure(p *prepared) (err error) {
	old, next := c.conf, p.conf
	if next.Spool.Dir != old.Spool.Dir {
		return diag.New("spool", diag.Config, "cannot be moved while mtarun runs")
	}
	var fresh map[string]net.Listener
	if !c.opt.Once && !c.draining {
		if fresh, err = c.open(next); err != nil {
			return err
		}
	}
	// A process has the configuration before it has work that comes of it, and one that
	// is started because of it begins with it.
	c.keeper.Reconfigure(c.now(), p.queue, func() {
		c.conf, c.texts = next, p.texts
		c.shared.Store(next)
		c.given.Store(p.given)
		c.test = newSelfTest(next, c.opt.Once, c.test, c.now())
		c.callers.Limit(callerLimits(next))
		for _, p := range c.processes {
			c.sendConfig(p)
		}
	})
	c.listen(fresh)
	if next.Spool.Barrier != old.Spool.Barrier || next.Events.Dir != old.Events.Dir || next.Identity.MTA != old.Identity.MTA {
		c.log.Warn("the kind of barrier, the directory of events and the name of the MTA in them change with the next start only")
	}
	return nil
}
