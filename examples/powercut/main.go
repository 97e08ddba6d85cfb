// Command powercut cuts the power of a switch again and again while messages cross it,
// and accounts for every message it said yes to.
//
//	powercut --bin bin --cuts 100 --fs ext4,ext4:dioread_lock,xfs
//
// The switch lies whole, configuration, spool, event log and mailboxes, on a file system
// of its own on a loop device. A cut is FS_IOC_SHUTDOWN: from that moment on nothing more
// reaches the device, either not even the journal that is in memory (nolog) or the
// journal but no data (log). The switch runs on for a moment, so that it may lie, and is
// killed; the file system is mounted anew, which replays its journal, and the switch
// started again. Source and sink are outside, of the other make, and keep what they were
// told: what the switch acknowledged to the source must arrive, whole, at every recipient,
// be told of once where a report is owed, and be in the event log.
//
// It wants root, a loop device, mkfs.ext4 and mkfs.xfs. It does its work in a namespace of
// its own, so that no process and no mount outlives it, however it ends. One line for each file system, kind of
// barrier and kind of cut comes out, and what is wrong; the exit status is 1 if something is.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/mtakit/mtakit/examples/loopdisk"
	"github.com/mtakit/mtakit/examples/p1driver"
)

// systems are cut off by default. ext4 is as it comes, and as mta-performance(7) wants it.
var systems = []string{"ext4", "ext4:dioread_lock", "xfs"}

// imageSize suffices for what is on its way.
const imageSize = 320 << 20

type options struct {
	bin, dir     string
	fs           []string
	barriers     []string
	cuts         int           // shared by all of them
	wait         time.Duration // at most, before a cut
	associations int
	seed         uint64
	verbose      bool
}

func main() {
	var o options
	var fs, barriers string
	flag.StringVar(&o.bin, "bin", "bin", "where the commands are")
	flag.StringVar(&o.dir, "dir", "/var/tmp", "where the images are made")
	flag.StringVar(&fs, "fs", strings.Join(systems, ","), "file systems, each with its options of mount(8) behind a colon")
	flag.StringVar(&barriers, "barrier", "syncfs,fsync", "kinds of barrier, of mta.toml(5)")
	flag.IntVar(&o.cuts, "cuts", 100, "cuts, shared by file systems, barriers and the two kinds of cut")
	flag.DurationVar(&o.wait, "wait", 600*time.Millisecond, "the longest time before the next cut")
	flag.IntVar(&o.associations, "associations", 8, "associations of the source")
	flag.Uint64Var(&o.seed, "seed", uint64(time.Now().UnixNano()), "when the power is cut")
	flag.BoolVar(&o.verbose, "v", false, "say when the power is cut")
	flag.Parse()
	if os.Getenv(inside) == "" {
		os.Exit(apart())
	}
	o.fs, o.barriers = strings.Split(fs, ","), strings.Split(barriers, ",")
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	good, err := run(ctx, o)
	if err != nil {
		fmt.Fprintln(os.Stderr, "powercut: error:", err)
	}
	if err != nil || !good {
		os.Exit(1)
	}
}

// inside is set in the environment of whoever is in the namespace.
const inside = "MTAKIT_POWERCUT_INSIDE"

// apart does it all in a namespace of mounts and processes, and returns the exit status.
func apart() int {
	if os.Geteuid() != 0 {
		fmt.Fprintln(os.Stderr, "powercut: error: to mount a file system and to cut it off one must be root")
		return 1
	}
	self := exec.Command("/proc/self/exe", os.Args[1:]...)
	self.Stdin, self.Stdout, self.Stderr = os.Stdin, os.Stdout, os.Stderr
	self.Env = append(os.Environ(), inside+"=1")
	self.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID, Unshareflags: syscall.CLONE_NEWNS, Pdeathsig: syscall.SIGKILL}
	signal.Ignore(syscall.SIGINT) // it ends by itself
	runtime.LockOSThread()        // it dies with the thread that started it
	err := self.Run()
	var ended *exec.ExitError
	if err != nil && !errors.As(err, &ended) {
		fmt.Fprintln(os.Stderr, "powercut: error:", err)
		return 1
	}
	return self.ProcessState.ExitCode() & 1
}

func run(ctx context.Context, o options) (good bool, err error) {
	if o.wait < 20*time.Millisecond || o.cuts < 1 || o.cuts > 1e6 || o.associations < 1 || o.associations > 100 {
		return false, errors.New("1 to 1000000 cuts, 20 ms or more between them, 1 to 100 associations")
	}
	if o.bin, err = filepath.Abs(o.bin); err != nil {
		return false, err
	}
	fmt.Printf("seed %d\n%s\n", o.seed, strings.Join(columns, "\t"))
	random := rand.New(rand.NewPCG(o.seed, 0))
	var runs []setting
	for _, system := range o.fs {
		for _, barrier := range o.barriers {
			runs = append(runs, setting{system, barrier, noLog}, setting{system, barrier, log})
		}
	}
	good = true
	for i, what := range runs {
		n := o.cuts*(i+1)/len(runs) - o.cuts*i/len(runs)
		if n == 0 {
			continue
		}
		r, err := cutting(ctx, o, what, n, random)
		if err != nil {
			return false, fmt.Errorf("%v: %w", what, err)
		}
		fmt.Println(strings.Join(r.cells(what), "\t"))
		for _, fault := range r.faults {
			fmt.Println("\t" + fault)
			good = false
		}
	}
	return good, nil
}

// setting is what is cut, and how.
type setting struct {
	system, barrier string
	mode            mode
}

// cutting lets messages cross a switch, cuts its power n times, and takes the account.
func cutting(ctx context.Context, o options, what setting, n int, random *rand.Rand) (r *account, err error) {
	disk, err := loopdisk.New(o.dir, what.system, imageSize)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, disk.Remove()) }()

	reports, beyond := p1driver.NewBook(), p1driver.NewBook()
	s := &mta{bin: o.bin, barrier: what.barrier, dir: filepath.Join(disk.Mount, "switch")}
	for _, neighbour := range []struct {
		name string
		book *p1driver.Book
	}{{"SOURCE", reports}, {"SINK", beyond}} {
		sink, err := p1driver.Listen(p1driver.SinkConfig{Listen: "127.0.0.1:0", Resume: true, Book: neighbour.book,
			Own:   p1driver.Bind{MTA: neighbour.name, Password: "secret of " + neighbour.name},
			Peers: map[string]string{mtaName: "secret of " + mtaName}})
		if err != nil {
			return nil, err
		}
		defer func() { err = errors.Join(err, sink.Close()) }()
		s.peers = append(s.peers, [2]string{neighbour.name, sink.Addr()})
	}
	if err := s.make(ctx); err != nil {
		return nil, err
	}
	syscall.Sync()
	defer s.kill()
	if _, err := s.start(ctx); err != nil {
		return nil, err
	}

	source := p1driver.NewSource(p1driver.SourceConfig{Address: s.address, TSEL: mtaName, Book: reports,
		Own: p1driver.Bind{MTA: "SOURCE", Password: "secret of SOURCE"}, PeerPassword: "secret of " + mtaName,
		Associations: o.associations,
		Manner: func(i int) p1driver.Manner {
			return p1driver.Manner{Checkpoint: 1 + 63*(i%2), Window: 3, Resume: i%4 < 2}
		}})
	traffic := &traffic{}
	sending, cancel := context.WithCancel(ctx)
	defer cancel()
	sent := make(chan error, 1)
	go func() { sent <- source.Run(sending, traffic.next) }()

	r = &account{cuts: n}
	for i := range n {
		time.Sleep(20*time.Millisecond + time.Duration(random.Int64N(int64(o.wait))))
		if err := cut(disk, what.mode); err != nil {
			return nil, err
		}
		// What it says from now on it says without a disk.
		time.Sleep(time.Duration(random.IntN(150)) * time.Millisecond)
		s.kill()
		if err := disk.Again(); err != nil {
			return nil, err
		}
		ready, err := s.start(ctx)
		if err != nil {
			return nil, fmt.Errorf("after cut %d: %w", i+1, err)
		}
		r.service = append(r.service, ready)
		if o.verbose {
			fmt.Fprintf(os.Stderr, "cut %d of %d, ready after %v\n", i+1, n, ready)
		}
	}
	traffic.end()
	if err := <-sent; err != nil {
		return nil, fmt.Errorf("the source: %w; %v", err, source.Failures())
	}
	if err := s.drained(ctx); err != nil {
		r.faults = append(r.faults, err.Error())
	}
	if err := s.stop(ctx); err != nil {
		r.faults = append(r.faults, err.Error())
	}
	return r, r.take(s, source, reports, beyond)
}

// traffic is the messages of the source: some for a user of the switch, some for
// somebody behind it, some for both.
type traffic struct {
	mu   sync.Mutex
	made int
	over bool
}

var (
	from   = person("SOURCE", "Ann", "Smith")
	here   = person("ALPHA", "Ann", "Smith")
	behind = person("SINK", "Bob", "Jones")
)

func person(prmd, given, surname string) p1driver.Name {
	return p1driver.Name{Domain: p1driver.Domain{Country: "GB", ADMD: "TEST", PRMD: prmd},
		Organization: "Org", Surname: surname, GivenName: given}
}

func (t *traffic) end() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.over = true
}

func (t *traffic) next() (*p1driver.Message, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.over {
		return nil, false
	}
	t.made++
	m := &p1driver.Message{Local: fmt.Sprintf("CUT.%d", t.made), Originator: from, Priority: p1driver.Priority(t.made % 3)}
	if t.made%3 != 1 {
		m.Recipients = append(m.Recipients, p1driver.Recipient{Name: here, Request: p1driver.Delivery})
	}
	if t.made%3 != 2 {
		m.Recipients = append(m.Recipients, p1driver.Recipient{Name: behind, Request: p1driver.NonDelivery})
	}
	size := t.made * t.made * 131 % 6000
	if t.made%25 == 0 {
		size = 150_000 // more than a checkpoint
	}
	m.Content = p1driver.Text(from, m.Recipients[0].Name, m.Local+" ", size)
	return m, true
}

// median and longest of some times.
func spread(times []time.Duration) string {
	if len(times) == 0 {
		return "-"
	}
	slices.Sort(times)
	return fmt.Sprintf("%.2f/%.2f", times[len(times)/2].Seconds(), times[len(times)-1].Seconds())
}
