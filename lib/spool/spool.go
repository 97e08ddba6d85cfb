package spool

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/durable"
	"golang.org/x/sys/unix"
)

// formatLine is the whole of the file format.
const formatLine = "mtaspool 1\n"

// directories of a spool, in the order in which Init makes them.
func directories() []string {
	return []string{"ctl", "new", "q", "q/u", "q/n", "q/d", "partial", "tmp", "bad"}
}

// TokensDir is the directory of a spool in which channels keep which bind-tokens were
// taken. The holder makes it, as no channel may make one in the spool.
const TokensDir = "tokens"

// ConfigName is the file of a spool with the configuration that its switch had from a
// directory last.
const ConfigName = "ctl/config.json"

// DirectoryName is the file of a spool with the entries that was made of, as LDIF.
const DirectoryName = "ctl/directory.ldif"

// Spool is an open spool.
type Spool struct {
	dir  string
	disk durable.Disk
	root *os.File // open from the beginning: syncfs reports what was lost since
	mode BarrierMode
	uid  int // the user this process acts as

	shared bool // with the group of the directory

	buffers sync.Pool // *[]byte of writers
	begun   begun     // the transfers begun last

	syncing sync.Mutex // held while a barrier runs, so that there is one at a time

	mu      sync.Mutex
	lock    *Lock           // nil unless this process is the holder
	pending pending         // changed here and not yet under a barrier
	failed  error           // the barrier that failed; no later one succeeds
	synced  map[string]bool // shards whose own names are known to be durable
}

// Init makes an empty spool in dir, durably; what is there already stays, so
// that an Init that was interrupted can be repeated. It refuses a directory
// that holds a spool of another format.
func Init(dir string) error { return initOn(durable.OS{}, dir) }

func initOn(disk durable.Disk, dir string) error {
	if err := durable.MkdirAll(dir, 0o700); err != nil {
		return fail("init "+dir, err)
	}
	if err := checkFormat(dir); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err := furnish(disk, dir); err != nil {
		return fail("init "+dir, err)
	}
	if _, err := makeLock(disk, dir, wordClean); err != nil {
		return fail("init "+dir, err)
	}
	// The format comes last: a directory with it is a whole spool.
	return fail("init "+dir, durable.WriteFile(filepath.Join(dir, "format"), []byte(formatLine), 0o644))
}

// MakeLock makes the file of the lock if the spool has lost it, durably, and says whether it
// did. Its word is that nobody has let go in order. Whoever had the lock when its file was
// removed has it still, and nobody can see that.
func (s *Spool) MakeLock() (made bool, err error) {
	if err := s.owned("make lock"); err != nil {
		return false, err
	}
	made, err = makeLock(s.disk, s.dir, wordOpen)
	return made, fail("make lock", err)
}

// makeLock never replaces a file: whoever waits for the lock has it open.
func makeLock(disk durable.Disk, dir, word string) (made bool, err error) {
	f, err := os.OpenFile(filepath.Join(dir, "lock"), os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	_, err = f.WriteString(word)
	if err = errors.Join(err, f.Sync(), f.Close()); err != nil {
		return true, err
	}
	return true, disk.Sync(dir)
}

// Furnish makes durable again what every spool has and this one has lost, but for its format
// and its lock: directories and the FIFO. The caller has the lock.
func (s *Spool) Furnish() error {
	if err := s.holding("furnish"); err != nil {
		return err
	}
	return fail("furnish "+s.dir, furnish(s.disk, s.dir))
}

// MakeTokens makes TokensDir, durably, unless it is there. The caller has the lock.
func (s *Spool) MakeTokens() error {
	if err := s.holding("make tokens"); err != nil {
		return err
	}
	err := s.disk.Mkdir(filepath.Join(s.dir, TokensDir))
	if errors.Is(err, os.ErrExist) {
		return nil
	}
	if err == nil {
		err = s.disk.Sync(s.dir)
	}
	return fail("make tokens", err)
}

func furnish(disk durable.Disk, dir string) error {
	for _, name := range directories() {
		if err := os.Mkdir(filepath.Join(dir, name), 0o700); err != nil && !errors.Is(err, os.ErrExist) {
			return err
		}
	}
	if err := unix.Mkfifo(filepath.Join(dir, "ctl/wake"), 0o600); err != nil && err != unix.EEXIST {
		return fmt.Errorf("ctl/wake: %w", err)
	}
	for _, name := range append(directories(), ".") {
		if err := disk.Sync(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

func checkFormat(dir string) error {
	path := filepath.Join(dir, "format")
	got, err := os.ReadFile(path)
	if err != nil {
		return fail("open "+dir, err)
	}
	if !bytes.Equal(got, []byte(formatLine)) {
		return diag.New("spool: open "+dir, diag.Config, fmt.Sprintf("format is %q, this program writes %q",
			clip(strings.TrimSpace(string(got))), strings.TrimSpace(formatLine)))
	}
	return nil
}

// Open opens the spool in dir. It takes no lock and changes nothing; kind
// NoInput says that there is no spool, Config that it has another format.
func Open(dir string) (*Spool, error) { return OpenOn(durable.OS{}, dir) }

// OpenOn is Open of a spool that disk changes.
func OpenOn(disk durable.Disk, dir string) (*Spool, error) { return open(disk, dir, true) }

// OpenToRepair is Open of a spool that may have lost directories.
func OpenToRepair(dir string) (*Spool, error) { return open(durable.OS{}, dir, false) }

func open(disk durable.Disk, dir string, whole bool) (*Spool, error) {
	if err := checkFormat(dir); err != nil {
		switch diag.KindOf(err) {
		case diag.NoInput:
			return nil, diag.WithHint(err, "mtactl init makes a spool, with -C that of a configuration; or is its disk not mounted?")
		case diag.Denied:
			return nil, diag.WithHint(err, "only the user the spool belongs to may use it")
		}
		return nil, err
	}
	root, err := os.Open(dir)
	if err != nil {
		return nil, fail("open "+dir, err)
	}
	s := &Spool{
		dir:    filepath.Clean(dir),
		disk:   disk,
		root:   root,
		mode:   BarrierSyncfs,
		uid:    os.Geteuid(),
		synced: make(map[string]bool),
	}
	if err := s.oneFileSystem(whole); err != nil {
		root.Close()
		return nil, err
	}
	if s.shared = shared(s.dir); s.shared {
		if _, ok := disk.(durable.OS); ok {
			s.disk = durable.Shared{}
		}
	}
	s.buffers.New = func() any { b := make([]byte, 0, 4<<10); return &b }
	return s, nil
}

// oneFileSystem refuses a spool that renames and syncfs cannot reach over, and, if it is to
// be whole, one without a directory.
func (s *Spool) oneFileSystem(whole bool) error {
	var top, st unix.Stat_t
	if err := unix.Fstat(int(s.root.Fd()), &top); err != nil {
		return fail("open "+s.dir, err)
	}
	for _, name := range directories() {
		err := unix.Stat(filepath.Join(s.dir, name), &st)
		if err == unix.ENOENT && !whole {
			continue
		}
		if err != nil {
			return fail("open "+s.dir, fmt.Errorf("%s: %w", name, err))
		}
		if st.Dev != top.Dev {
			return diag.New("spool: open "+s.dir, diag.Config, name+" lies on another file system")
		}
	}
	return nil
}

// owned refuses to write for anybody but the user the spool belongs to. The super-user
// could, but would leave files that the daemon may neither read nor remove.
func (s *Spool) owned(op string) error {
	var st unix.Stat_t
	if err := unix.Fstat(int(s.root.Fd()), &st); err != nil {
		return fail(op, err)
	}
	if owner := int(st.Uid); owner != s.uid {
		return diag.WithHint(diag.New("spool: "+op, diag.Denied,
			fmt.Sprintf("%s belongs to user %d, and this is user %d", s.dir, owner, s.uid)),
			fmt.Sprintf("run it as that user: sudo -u '#%d'", owner))
	}
	return nil
}

// Close closes the spool. It does not let go of the lock.
func (s *Spool) Close() error { return errors.Join(s.begun.close(), s.root.Close()) }

// Dir returns the directory of the spool.
func (s *Spool) Dir() string { return s.dir }

func (s *Spool) path(ref Ref) string    { return s.dir + "/" + ref.String() }
func (s *Spool) logPath(ref Ref) string { return s.path(ref) + ".log" }
func (s *Spool) shardPath(ref Ref) string {
	return s.dir + "/q/" + string(ref.Priority) + "/" + ref.ID.shard()
}
func (s *Spool) newPath(id ID) string { return s.dir + "/new/" + string(id) }
func (s *Spool) tmpPath(id ID) string { return s.dir + "/tmp/" + string(id) }

// makeShard makes the directory of a reference. Its name becomes durable with
// the first barrier that concerns a file in it.
func (s *Spool) makeShard(ref Ref) error {
	if err := s.disk.Mkdir(s.shardPath(ref)); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return nil
}

// keepShard is makeShard for a file that is durable elsewhere and about to be
// renamed: it must not go to a directory that a cut could take away.
func (s *Spool) keepShard(ref Ref) error {
	path := s.shardPath(ref)
	s.mu.Lock()
	durable := s.synced[path]
	s.mu.Unlock()
	if durable {
		return nil
	}
	if err := s.makeShard(ref); err != nil {
		return err
	}
	if err := s.syncNow(parentDir(path)); err != nil {
		return err
	}
	s.isDurable(path)
	return nil
}

// isDurable notes that a shard has its name for good.
func (s *Spool) isDurable(shard string) {
	s.mu.Lock()
	s.synced[shard] = true
	s.mu.Unlock()
}

// fail wraps an error of the file system. What nobody has a better word for is
// a failure of reading or writing.
func fail(op string, err error) error {
	if err == nil {
		return nil
	}
	kind := diag.KindOf(err)
	if kind == diag.Internal {
		kind = diag.IO
	}
	if errors.Is(err, syscall.EROFS) {
		kind = diag.CantCreate
	}
	return diag.E("spool: "+op, kind, err)
}
