// Package twin is the recording twin of durable.Disk, for tests. It does what it is told
// to do to real files, keeps a record of it, can be made to fail at any call, and says
// what a cut of the power at any moment may have left.
//
// Its rules are those that mtaspool(5) demands of a file system and no better. Changes of
// names survive or not, each for itself; only those of one name keep their order, and a
// rename is one change. An fsync of a directory makes the changes in it durable, an fsync
// of a file its data and no name. Of data that were not synced any part may be there, be
// missing, or be zero.
package twin

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/durable"
)

// Disk is the twin. It is used from one goroutine.
type Disk struct {
	durable.OS
	// Fault says what a call, numbered from 1 and named as errors name it, fails with. It
	// may panic, as if the process were killed there.
	Fault func(call int, name, path string) error
	// Subsets bounds how many changes of names are kept and lost in every combination.
	Subsets int

	root  string              // of the real files, which are what the running programs see
	base  map[string]baseFile // files that were durable at the beginning
	dirs  []string            // directories likewise
	fifos []string            // which no cut concerns
	ops   []Op
	inode map[string]int // what the paths name now
	size  map[int]int64
	count int
	calls int
	open  []durable.File
}

type baseFile struct {
	inode int
	data  []byte
}

// Op is one recorded operation that was done.
type Op struct {
	Kind     Kind
	Path, To string // below the root; of data, the name the file had
	inode    int
	data     []byte
	size     int64
}

// Kind is what an operation does.
type Kind byte

// The kinds. Those before Write change names.
const (
	Create Kind = iota
	Mkdir
	Rename
	Unlink
	Write
	Truncate
	Overwrite
	Sync
	SyncDir
	Syncfs
	Nothing // of Without
)

func (k Kind) String() string {
	return [...]string{"create", "mkdir", "rename", "unlink", "write", "truncate", "overwrite", "fsync", "fsync", "syncfs", "nothing"}[k]
}

func (o Op) String() string {
	return strings.Join(slices.DeleteFunc([]string{o.Kind.String(), o.Path, o.To}, func(s string) bool { return s == "" }), " ")
}

// Syncs tells whether it makes something durable.
func (o Op) Syncs() bool { return o.Kind >= Sync && o.Kind <= Syncfs }

// Fataler is what a test has.
type Fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

// New takes everything below root as durable.
func New(tb Fataler, root string) *Disk {
	d := &Disk{Subsets: 7, root: root, base: make(map[string]baseFile), inode: make(map[string]int), size: make(map[int]int64)}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			d.dirs = append(d.dirs, d.below(path))
		case e.Type()&fs.ModeNamedPipe != 0:
			d.fifos = append(d.fifos, d.below(path))
		case e.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			d.base[d.below(path)] = baseFile{d.next(), data}
			d.named(path, d.count, int64(len(data)))
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

// below is the path as it is recorded: below the root, "." for the root itself.
func (d *Disk) below(path string) string {
	if path == d.root {
		return "."
	}
	return strings.TrimPrefix(path, d.root+"/")
}

func (d *Disk) named(path string, inode int, size int64) {
	d.inode[d.below(path)], d.size[inode] = inode, size
}

// Root is the directory the real files lie in.
func (d *Disk) Root() string { return d.root }

// Ops are the operations so far.
func (d *Disk) Ops() []Op { return d.ops }

// Len is how many operations there are.
func (d *Disk) Len() int { return len(d.ops) }

// Calls is how many calls there were, those that failed among them.
func (d *Disk) Calls() int { return d.calls }

// Without is the twin of a disk that did not do operation i, and said that it had; it is
// only to be asked what cuts leave.
func (d *Disk) Without(i int) *Disk {
	lied := *d
	lied.ops = slices.Clone(d.ops)
	lied.ops[i].Kind = Nothing
	return &lied
}

func (d *Disk) next() int { d.count++; return d.count }

func (d *Disk) note(op Op) { d.ops = append(d.ops, op) }

// try says what the next call fails with.
func (d *Disk) try(name, path string) error {
	d.calls++
	if d.Fault == nil {
		return nil
	}
	if err := d.Fault(d.calls, name, path); err != nil {
		return &fs.PathError{Op: name, Path: path, Err: err}
	}
	return nil
}

type file struct {
	durable.File
	d     *Disk
	path  string
	inode int
}

func (d *Disk) file(path string, f durable.File) file {
	d.open = append(d.open, f)
	return file{f, d, d.below(path), d.inode[d.below(path)]}
}

// Release closes the files that are open, as the kernel does when the process dies.
func (d *Disk) Release() {
	for _, f := range d.open {
		_ = f.Close() // twice does no harm
	}
	d.open = nil
}

// Create is that of durable.Disk, as are the others.
func (d *Disk) Create(path string) (durable.File, error) {
	if err := d.try("open", path); err != nil {
		return nil, err
	}
	f, err := d.OS.Create(path)
	if err != nil {
		return nil, err
	}
	d.named(path, d.next(), 0)
	d.note(Op{Kind: Create, Path: d.below(path), inode: d.count})
	return d.file(path, f), nil
}

// AppendTo opens a file, or makes it.
func (d *Disk) AppendTo(path string) (durable.File, error) {
	if err := d.try("open", path); err != nil {
		return nil, err
	}
	_, err := os.Lstat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	f, err := d.OS.AppendTo(path)
	if err != nil {
		return nil, err
	}
	if isNew {
		d.named(path, d.next(), 0)
		d.note(Op{Kind: Create, Path: d.below(path), inode: d.count})
	}
	return d.file(path, f), nil
}

// Write writes half of it if it fails, as a disk does that becomes full.
func (f file) Write(p []byte) (int, error) {
	failure := f.d.try("write", f.path)
	if failure != nil {
		p = p[:len(p)/2]
	}
	n, err := f.File.Write(p)
	if err == nil {
		err = failure
	}
	f.wrote(p[:n])
	return n, err
}

func (f file) wrote(p []byte) {
	f.d.note(Op{Kind: Write, Path: f.path, inode: f.inode, data: slices.Clone(p)})
	f.d.size[f.inode] += int64(len(p))
}

// CopyFrom copies by itself, so that there is a record of what.
func (f file) CopyFrom(src *os.File, offset, n int64) error {
	p := make([]byte, n)
	if _, err := io.ReadFull(io.NewSectionReader(src, offset, n), p); err != nil {
		return err
	}
	_, err := f.Write(p)
	return err
}

// Sync makes the data of the file durable.
func (f file) Sync() error {
	if err := f.d.try("sync", f.path); err != nil {
		return err
	}
	f.d.note(Op{Kind: Sync, Path: f.path, inode: f.inode})
	return nil
}

// Rename gives a file another name.
func (d *Disk) Rename(from, to string) error {
	if err := d.try("rename", from); err != nil {
		return err
	}
	if err := d.OS.Rename(from, to); err != nil {
		return err
	}
	d.inode[d.below(to)] = d.inode[d.below(from)]
	delete(d.inode, d.below(from))
	d.note(Op{Kind: Rename, Path: d.below(from), To: d.below(to), inode: d.inode[d.below(to)]})
	return nil
}

// Unlink removes a name.
func (d *Disk) Unlink(path string) error {
	if err := d.try("unlink", path); err != nil {
		return err
	}
	if err := d.OS.Unlink(path); err != nil {
		return err
	}
	delete(d.inode, d.below(path))
	d.note(Op{Kind: Unlink, Path: d.below(path)})
	return nil
}

// Mkdir makes a directory.
func (d *Disk) Mkdir(path string) error {
	if err := d.try("mkdir", path); err != nil {
		return err
	}
	if err := d.OS.Mkdir(path); err != nil {
		return err
	}
	d.note(Op{Kind: Mkdir, Path: d.below(path)})
	return nil
}

// Truncate shortens a file.
func (d *Disk) Truncate(path string, size int64) error {
	if err := d.try("truncate", path); err != nil {
		return err
	}
	if err := d.OS.Truncate(path, size); err != nil {
		return err
	}
	inode := d.inode[d.below(path)]
	d.size[inode] = size
	d.note(Op{Kind: Truncate, Path: d.below(path), inode: inode, size: size})
	return nil
}

// Overwrite replaces what a file has, which fits a sector.
func (d *Disk) Overwrite(f *os.File, data []byte) error {
	if err := d.try("write", f.Name()); err != nil {
		return err
	}
	if err := d.OS.Overwrite(f, data); err != nil {
		return err
	}
	d.note(Op{Kind: Overwrite, Path: d.below(f.Name()), inode: d.inode[d.below(f.Name())], data: slices.Clone(data)})
	return nil
}

// Sync makes a file or a directory durable.
func (d *Disk) Sync(path string) error {
	// It is opened and synced, and either may fail.
	if err := d.try("open", path); err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if err := d.try("sync", path); err != nil {
		return err
	}
	if st.IsDir() {
		d.note(Op{Kind: SyncDir, Path: d.below(path)})
	} else {
		d.note(Op{Kind: Sync, Path: d.below(path), inode: d.inode[d.below(path)]})
	}
	return nil
}

// SyncOpen makes an open file durable.
func (d *Disk) SyncOpen(f *os.File) error {
	if err := d.try("sync", f.Name()); err != nil {
		return err
	}
	d.note(Op{Kind: Sync, Path: d.below(f.Name()), inode: d.inode[d.below(f.Name())]})
	return nil
}

// Syncfs makes everything durable.
func (d *Disk) Syncfs(root *os.File) error {
	if err := d.try("syncfs", root.Name()); err != nil {
		return err
	}
	d.note(Op{Kind: Syncfs})
	return nil
}

// Dir makes a directory for what is written and thrown away thousands of times, in memory
// if there is a file system there, and removes it with cleanup.
func Dir(tb interface {
	Fataler
	Cleanup(func())
}) string {
	below := "/dev/shm"
	if _, err := os.Stat(below); err != nil {
		below = ""
	}
	dir, err := os.MkdirTemp(below, "mtakit-twin.")
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			tb.Fatal(fmt.Errorf("%s: %w", dir, err))
		}
	})
	return dir
}
