package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/queue"
)

// Where everything listens.
const (
	switchAt   = "127.0.0.1:11102"
	sinkAt     = "127.0.0.1:11402"
	postfixAt  = "127.0.0.1:10825"
	smtpSinkAt = "127.0.0.1:10826"
)

// mta is the switch.
type mta struct {
	bin, dir string
	log      string // what it says on standard error
	group    *group
	cmd      *exec.Cmd // nil: it does not run
	begun    time.Time
}

func (s *mta) config() string { return filepath.Join(s.dir, "mta.toml") }

// make makes the switch and its configuration, anew, with more in it.
func (s *mta) make(more string) error {
	if err := os.RemoveAll(s.dir); err != nil {
		return err
	}
	if _, err := command(filepath.Join(s.bin, "mtactl"), "init", "--name", "MTA-A", "--domain", "/PRMD=ALPHA/ADMD=TEST/C=GB/",
		"--listen", switchAt, s.dir); err != nil {
		return err
	}
	text, err := os.ReadFile(s.config())
	if err != nil {
		return err
	}
	channel := "kind = \"x400p1\"\n"
	changed := strings.Replace(string(text), channel, channel+"max-jobs = 20\nmax-per-peer = 20\nmax-associations = 128\n", 1)
	if changed == string(text) || strings.Contains(changed, "\n[limits]\n") {
		return errors.New("mtactl init writes another configuration than this program knows")
	}
	changed += fmt.Sprintf(`
[limits]
message-size = "512MiB"

[[peer]]
name = "SOURCE"
channel = "p1"
max-associations = 64
password-out = "secret of MTA-A"
password-in = "secret of SOURCE"

[[peer]]
name = "SINK"
channel = "p1"
addresses = [{ host = %q }]
password-out = "secret of MTA-A"
password-in = "secret of SINK"

[[route]]
match = "/PRMD=SINK/ADMD=TEST/C=GB/"
peers = ["SINK"]
`, sinkAt) + more
	return os.WriteFile(s.config(), []byte(changed), 0o600)
}

const patience = 10 * time.Minute

// start starts mtarun and returns how long it took to serve.
func (s *mta) start() (time.Duration, error) {
	ready, write, err := os.Pipe()
	if err != nil {
		return 0, err
	}
	defer func() { _ = ready.Close() }() // it was only read
	stderr, err := os.OpenFile(s.log, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600)
	if err != nil {
		return 0, err
	}
	cmd := s.group.command(filepath.Join(s.bin, "mtarun"), "-C", s.config(), "--ready-fd", "3")
	cmd.Dir, cmd.Stderr, cmd.ExtraFiles = "/", stderr, []*os.File{write}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	s.begun = time.Now()
	if err := errors.Join(cmd.Start(), write.Close(), stderr.Close(), ready.SetReadDeadline(s.begun.Add(patience))); err != nil {
		return 0, err
	}
	s.cmd = cmd
	line := make([]byte, 64)
	if n, err := ready.Read(line); err != nil || string(line[:n]) != "READY=1\n" {
		return 0, fmt.Errorf("mtarun does not become ready: %q, %w", line[:n], err)
	}
	return time.Since(s.begun), nil
}

// stop ends mtarun in order.
func (s *mta) stop() error {
	if s.cmd == nil {
		return nil
	}
	err := s.cmd.Process.Signal(syscall.SIGTERM)
	if err == nil {
		err = s.cmd.Wait()
	}
	s.cmd = nil
	return err
}

// kill ends it without a word.
func (s *mta) kill() {
	if s.cmd != nil {
		_ = syscall.Kill(-s.cmd.Process.Pid, syscall.SIGKILL) // they may have ended
		_ = s.cmd.Wait()                                      // of a signal
		s.cmd = nil
	}
}

// queued is how many messages it knows of.
func (s *mta) queued() (n int, err error) {
	cfg := conf.New()
	cfg.Spool.Dir = filepath.Join(s.dir, "spool")
	err = queue.AskDaemon(cfg, queue.Request{Verb: queue.VerbStatus}, func(a queue.Answer) error {
		n = a.Status.Urgent + a.Status.Normal + a.Status.NonUrgent
		return nil
	})
	return n, err
}

// fill puts messages into its spool while it does not run.
func (s *mta) fill(messages int, priority string) error {
	_, err := command(filepath.Join(s.bin, "mtactl"), "-C", s.config(), "bench", "fill", "--peer", "SOURCE", "--from", from, "--recipient", to,
		"--messages", strconv.Itoa(messages), "--priority", priority)
	return err
}

const (
	from = "/S=Smith/PRMD=SOURCE/ADMD=TEST/C=GB/"
	to   = "/S=Jones/PRMD=SINK/ADMD=TEST/C=GB/"
)

// postfix is an instance of its own: the services of the distribution, not in a chroot,
// behind a port of ours.
type postfix struct {
	etc, data string
	group     *group
	runs      bool
}

// make makes the instance, anew.
func (p *postfix) make() error {
	if err := errors.Join(os.RemoveAll(p.etc), os.RemoveAll(p.data)); err != nil {
		return err
	}
	for _, dir := range []string{p.etc, p.data, p.data + "/spool", p.data + "/lib"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return err
		}
	}
	if _, err := command("chown", "postfix", p.data+"/lib"); err != nil {
		return err
	}
	commands, err := command("postconf", "-d", "-h", "command_directory")
	if err != nil {
		return err
	}
	daemons, err := command("postconf", "-d", "-h", "daemon_directory")
	if err != nil {
		return err
	}
	host, port, _ := strings.Cut(smtpSinkAt, ":")
	main := fmt.Sprintf(`compatibility_level = 3.6
command_directory = %s
daemon_directory = %s
queue_directory = %s/spool
data_directory = %s/lib
maillog_file = %s/log
maillog_file_prefixes = %s
multi_instance_enable = yes
multi_instance_name = postfix-bench
inet_interfaces = 127.0.0.1
inet_protocols = ipv4
myhostname = relay.test
mydestination =
local_recipient_maps =
alias_maps =
alias_database =
mynetworks = 127.0.0.0/8
relay_domains = sink.test
relayhost = [%s]:%s
smtp_dns_support_level = disabled
smtp_host_lookup = native
message_size_limit = 512000000
`, commands, daemons, p.data, p.data, p.data, p.data, host, port)
	if err := os.WriteFile(p.etc+"/main.cf", []byte(main), 0o644); err != nil {
		return err
	}
	master, err := os.ReadFile("/usr/share/postfix/master.cf.dist")
	if err != nil {
		return err
	}
	if err := os.WriteFile(p.etc+"/master.cf", master, 0o644); err != nil {
		return err
	}
	for _, change := range [][]string{{"-MX", "smtp/inet"}, {"-Me", postfixAt + "/inet = " + postfixAt + " inet n - n - - smtpd"}, {"-F", "*/*/chroot = n"}} {
		if _, err := command("postconf", append([]string{"-c", p.etc}, change...)...); err != nil {
			return err
		}
	}
	return nil
}

// run runs one of its commands.
func (p *postfix) run(name string, args ...string) (string, error) {
	cmd := p.group.command(name, append([]string{"-c", p.etc}, args...)...)
	cmd.Env = append(os.Environ(), "MAIL_CONFIG="+p.etc)
	out, err := cmd.CombinedOutput()
	if err != nil {
		err = fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
	}
	return string(out), err
}

func (p *postfix) start(ctx context.Context) error {
	p.runs = true
	if _, err := p.run("postfix", "start"); err != nil {
		return err
	}
	return until(ctx, time.Minute, func() (bool, error) { return answers(postfixAt), nil })
}

func (p *postfix) stop() error {
	if !p.runs {
		return nil
	}
	p.runs = false
	_, err := p.run("postfix", "stop")
	return err
}

// until tries until it is so.
func until(ctx context.Context, limit time.Duration, so func() (bool, error)) error {
	for end := time.Now().Add(limit); ; time.Sleep(20 * time.Millisecond) {
		done, err := so()
		switch {
		case err != nil || done:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(end):
			return fmt.Errorf("gave up after %v", limit)
		}
	}
}
