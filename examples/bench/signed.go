package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/load"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/mts"
)

// kinds are the keys that are signed with, as `openssl req -newkey` has them.
var kinds = []struct{ name, newkey string }{{"p256", "ec:P-256"}, {"rsa", "rsa:2048"}}

// keys are those of whoever sends and of the switch, which trusts the first, and of a stranger,
// each a certificate that is its own root.
type keys struct{ dir string }

func (k keys) certificate(name string) string { return filepath.Join(k.dir, name+".pem") }
func (k keys) key(name string) string         { return filepath.Join(k.dir, name+".key") }

func newKeys(dir, newkey string) (keys, error) {
	k := keys{dir}
	if err := errors.Join(os.RemoveAll(dir), os.Mkdir(dir, 0o700)); err != nil {
		return k, err
	}
	algorithm, parameter, _ := strings.Cut(newkey, ":")
	options := []string{"-newkey", newkey}
	if algorithm == "ec" {
		options = []string{"-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:" + parameter}
	}
	for _, name := range []string{"sender", "gate", "stranger"} {
		_, err := command("openssl", append([]string{"req", "-x509", "-nodes", "-days", "2", "-subj", "/CN=" + name, "-keyout", k.key(name), "-out", k.certificate(name),
			"-addext", "keyUsage=digitalSignature,keyCertSign", "-addext", "basicConstraints=critical,CA:true"}, options...)...)
		if err != nil {
			return k, err
		}
	}
	return k, nil
}

// signing signs interpersonal messages with one of them.
func (k keys) signing(name string) (*cms.Signing, error) {
	certificate, err := os.ReadFile(k.certificate(name))
	if err != nil {
		return nil, err
	}
	chain, err := cms.ReadCertificates(certificate)
	if err != nil {
		return nil, err
	}
	octets, err := os.ReadFile(k.key(name))
	if err != nil {
		return nil, err
	}
	key, _, err := cms.ReadKey(octets, "")
	if err != nil {
		return nil, err
	}
	return cms.NewSigning(key, chain, cms.How{ContentType: cms.P22})
}

// border is the configuration that has the signature on a content verified, taken off, and that
// of the switch made.
func (k keys) border() string {
	return fmt.Sprintf(`
[[route]]
match = "/PRMD=SOURCE/ADMD=TEST/C=GB/"
peers = ["SINK"]

[[channel]]
name = "secure"
kind = "secure"

[security]
roots = [%q]

[[step]]
name = "out"
strip = true
certificate = %q
key = %q

[[ruleset]]
name = "border"
rules = '''
bad:  if signature = invalid then hold "the signature is not valid"
good: if signature = valid then allow, require "out"
'''
`, k.certificate("sender"), k.certificate("gate"), k.key("gate"))
}

// wrapped signs contents, each once, so that it takes nobody's time while something is measured.
type wrapped struct {
	sign func([]byte) ([]byte, error)

	mu   sync.Mutex
	made map[uint64][]byte
	last []byte // that has arrived
}

func (w *wrapped) wrapping() *load.Wrapping {
	return &load.Wrapping{Type: mts.NewExtendedContentType(cms.Info), Wrap: w.wrap, Unwrap: w.unwrap}
}

func (w *wrapped) wrap(n uint64, content []byte) ([]byte, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if made, ok := w.made[n]; ok {
		return made, nil
	}
	made, err := w.sign(content)
	w.made[n] = made
	return made, err
}

func (w *wrapped) unwrap(_ uint64, content []byte) ([]byte, error) {
	m, err := cms.Parse(content, cms.Limits{})
	if err != nil {
		return nil, err
	}
	if m.Signed == nil {
		return nil, errors.New("it is not signed")
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.last = content
	return m.Signed.Content, nil
}

// source makes messages ready, signed.
func (w *wrapped) source(messages, associations int, rate float64, size string) (*load.Source, error) {
	s, err := newSource(func(c *load.SourceConfig) {
		c.Messages, c.Associations, c.Rate, c.Wrapping = uint64(messages), associations, rate, w.wrapping()
	}, size, "normal")
	for n := 1; err == nil && n <= messages; n++ {
		_, _, err = s.APDU(uint64(n), time.Now())
	}
	return s, err
}

func newWrapped(sign func([]byte) ([]byte, error)) *wrapped {
	return &wrapped{sign: sign, made: map[uint64][]byte{}}
}

// signedSessions is how many associations signed messages come over.
const signedSessions = 10

// signed is messages whose signature is verified and replaced, by the switch and by openssl,
// each process of which does one thing with one message; and what bad ones do to the others.
func (p *place) signed(ctx context.Context) error {
	for _, kind := range kinds {
		if err := p.neither(); err != nil {
			return err
		}
		k, err := newKeys(filepath.Join(p.disk.Mount, "keys"), kind.newkey)
		if err != nil {
			return err
		}
		by, err := k.signing("sender")
		if err != nil {
			return err
		}
		sign := func(content []byte) ([]byte, error) { return by.Sign(content, false) }
		// As they come, without rules: what of it is not the signatures.
		if err := p.crossed(ctx, "plain"+kind.name, "", newWrapped(sign), k); err != nil {
			return err
		}
		w := newWrapped(sign)
		if err := p.crossed(ctx, "signed"+kind.name, k.border(), w, k); err != nil {
			return err
		}
		if err := p.besideBad(ctx, kind.name, sign, k); err != nil {
			return err
		}
		if err := p.byOpenSSL(ctx, "signed"+kind.name, w, k); err != nil {
			return err
		}
	}
	return p.neither()
}

// renewed starts a switch as new, and warm.
func (p *place) renewed(ctx context.Context, more string, sign func([]byte) ([]byte, error)) error {
	if err := errors.Join(p.mta.stop(), p.mta.make(more)); err != nil {
		return err
	}
	if _, err := p.mta.start(); err != nil {
		return err
	}
	const few = 300
	source, err := newWrapped(sign).source(few, signedSessions, 0, "1KiB")
	if err != nil {
		return err
	}
	_, err = p.through(ctx, source, few)
	return err
}

// through has all messages of a source cross the switch.
func (p *place) through(ctx context.Context, source *load.Source, messages int) (*load.Relayed, error) {
	sink, err := newSink()
	if err != nil {
		return nil, err
	}
	defer sink.Close()
	r, err := load.Relay(ctx, source, sink, time.Minute)
	if err == nil && (r.Arrived != int64(messages) || r.Taken.Messages != int64(messages) || r.Missing+r.Altered+r.Refused+r.InDoubt > 0) {
		err = fmt.Errorf("of %d messages %d were accepted, %d arrived as they were sent, %d as something else, %d did not, %d were refused, %d in doubt, and %d came in all",
			messages, r.Accepted, r.Arrived, r.Altered, r.Missing, r.Refused, r.InDoubt, r.Taken.Messages)
	}
	return r, err
}

// crossed measures messages that cross the switch as fast as they go. What a border has made is
// verified by openssl.
func (p *place) crossed(ctx context.Context, key, more string, w *wrapped, k keys) error {
	if err := p.renewed(ctx, more, w.sign); err != nil {
		return err
	}
	source, err := w.source(p.scale.signed, signedSessions, 0, "1KiB")
	if err != nil {
		return err
	}
	time.Sleep(settled)
	before, err := p.cost(p.mta.group)
	if err != nil {
		return err
	}
	r, err := p.through(ctx, source, p.scale.signed)
	if err != nil {
		return err
	}
	time.Sleep(settled)
	after, err := p.cost(p.mta.group)
	if err != nil {
		return err
	}
	if more != "" {
		arrived := filepath.Join(k.dir, "arrived")
		if err := os.WriteFile(arrived, w.last, 0o600); err != nil {
			return err
		}
		if _, err := command("openssl", "cms", "-verify", "-inform", "DER", "-in", arrived, "-CAfile", k.certificate("gate"), "-purpose", "any", "-out", "/dev/null"); err != nil {
			return err
		}
	}
	return p.adds(ours, map[string]float64{
		key + "rate": measure.PerSecond(r.Arrived, r.Taken.Last.Sub(r.Begun)),
		key + "cpu":  float64(after.cpu-before.cpu) / float64(time.Millisecond) / float64(p.scale.signed),
	})
}

// byOpenSSL measures the same messages, verified and signed by openssl: a process for each, and
// as many at once as there are processors here. Nothing is synced.
func (p *place) byOpenSSL(ctx context.Context, key string, w *wrapped, k keys) (err error) {
	in, out := filepath.Join(k.dir, "in"), filepath.Join(k.dir, "out")
	if err := errors.Join(os.Mkdir(in, 0o700), os.Mkdir(out, 0o700)); err != nil {
		return err
	}
	for n, octets := range w.made {
		if err := os.WriteFile(filepath.Join(in, fmt.Sprint(n)), octets, 0o600); err != nil {
			return err
		}
	}
	g, err := newGroup("openssl")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.remove()) }()
	const workers = 2
	begun, failed := time.Now(), make(chan error, workers)
	for i := range workers {
		const script = `set -e; cd "$0"; n=$1
while [ -e in/$n ]; do
	openssl cms -verify -inform DER -in in/$n -CAfile sender.pem -purpose any -out inner.$1 2>/dev/null
	openssl cms -sign -binary -nodetach -outform DER -econtent_type 2.6.1.10.1 -signer gate.pem -inkey gate.key -in inner.$1 -out out/$n
	n=$((n + $2))
done`
		cmd := g.command("/bin/sh", "-c", script, k.dir, fmt.Sprint(i+1), fmt.Sprint(workers))
		go func() {
			said, err := cmd.CombinedOutput()
			if err != nil {
				err = fmt.Errorf("openssl: %w: %s", err, bytes.TrimSpace(said))
			}
			failed <- err
		}()
	}
	for range workers {
		err = errors.Join(err, <-failed)
	}
	took := time.Since(begun)
	if err != nil {
		return err
	}
	made, err := os.ReadDir(out)
	if err != nil || len(made) != p.scale.signed {
		return fmt.Errorf("of %d messages openssl has signed %d, %w", p.scale.signed, len(made), err)
	}
	cpu, err := g.cpu()
	if err != nil {
		return err
	}
	return p.adds(openssl, map[string]float64{
		key + "rate": measure.PerSecond(int64(p.scale.signed), took),
		key + "cpu":  float64(cpu) / float64(time.Millisecond) / float64(p.scale.signed),
	})
}

// bad makes of a content what must not go through: each in another way.
func bad(sign, stranger func([]byte) ([]byte, error)) func([]byte) ([]byte, error) {
	var n int
	return func(content []byte) ([]byte, error) {
		n++
		switch n % 6 {
		case 0: // by nobody who is known
			return stranger(content)
		case 1: // it ends in the middle
			good, err := sign(content)
			return good[:len(good)/2], err
		case 2: // depths
			return bytes.Repeat([]byte{0x30, 0x80}, 100_000), nil
		case 3: // something long
			content = append(content, make([]byte, 4<<20)...)
		}
		good, err := sign(content)
		if err != nil {
			return nil, err
		}
		at := len(good) - 1 // the signature
		if n%6 == 4 {
			at = bytes.Index(good, content) + len(content)/2 // what is signed
		}
		good[at] ^= 1
		return good, nil
	}
}

// besideBad measures how long signed messages take that come one after the other, alone and then
// while bad ones come, too; none of which may go through.
func (p *place) besideBad(ctx context.Context, kind string, sign func([]byte) ([]byte, error), k keys) error {
	by, err := k.signing("stranger")
	if err != nil {
		return err
	}
	good, ill := p.scale.latency, p.scale.latency/2
	for _, beside := range []bool{false, true} {
		source, err := newWrapped(sign).source(good, signedSessions, perSecond, "1KiB")
		if err != nil {
			return err
		}
		key, over := "signed"+kind, make(chan error, 1)
		if beside {
			key += "bad"
			s, err := newWrapped(bad(sign, func(c []byte) ([]byte, error) { return by.Sign(c, false) })).source(ill, 1, perSecond/2, "1KiB")
			if err != nil {
				return err
			}
			go func() {
				sent, err := s.Run(ctx)
				if err == nil && sent.Accepted != int64(ill) {
					err = fmt.Errorf("of %d bad messages %d were taken", ill, sent.Accepted)
				}
				over <- err
			}()
		} else {
			over <- nil
		}
		r, err := p.through(ctx, source, good)
		if err := errors.Join(err, <-over); err != nil {
			return err
		}
		s := r.Taken.Arrival.Summary()
		if err := p.adds(ours, map[string]float64{key + "50": s.P50, key + "99": s.P99}); err != nil {
			return err
		}
		if !beside {
			continue
		}
		// What is held waits for an operator, and of the rest there are reports, which have come or
		// wait for the sink, one or the other of them perhaps both.
		held, err := p.mta.queued()
		if err != nil {
			return err
		}
		if held == 0 || held+int(r.Taken.Reports) < ill {
			return fmt.Errorf("of %d bad messages %d are held, and there are %d reports", ill, held, r.Taken.Reports)
		}
	}
	return nil
}
