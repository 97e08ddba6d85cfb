package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
)

// cutDisk is a disk that records what is done to it and can say what a cut of
// the power at any moment may have left. Its rules are those that mtaspool(5)
// demands of a file system and no better. Changes of names survive or not,
// each for itself; only those of one name keep their order, and a rename is one
// change. An fsync of a directory makes the changes in it durable, an fsync of
// a file its data and no name. Of data that were not synced any part may be
// there, be missing, or be zero.
type cutDisk struct {
	osDisk
	root  string              // of the real files, which are what the running programs see
	base  map[string]baseFile // files that were durable at the beginning
	dirs  []string            // directories likewise
	ops   []cutOp
	inode map[string]int // what the paths name now
	count int

	calls int                  // that change something
	fault func(call int) error // if set, what the n-th of them fails with
}

// try says what the next call fails with.
func (d *cutDisk) try() error {
	d.calls++
	if d.fault == nil {
		return nil
	}
	return d.fault(d.calls)
}

type baseFile struct {
	inode int
	data  []byte
}

type cutOp struct {
	kind     cutKind
	path, to string
	inode    int
	data     []byte
}

type cutKind byte

const (
	opCreate cutKind = iota
	opMkdir
	opRename
	opUnlink
	opWrite
	opSync
	opSyncDir
	opSyncfs
)

// newCutDisk takes everything below root as durable.
func newCutDisk(tb fataler, root string) *cutDisk {
	d := &cutDisk{root: root, base: make(map[string]baseFile), inode: make(map[string]int)}
	err := filepath.WalkDir(root, func(path string, e fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case e.IsDir():
			d.dirs = append(d.dirs, path)
		case e.Type().IsRegular():
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			d.base[path] = baseFile{d.next(), data}
			d.inode[path] = d.count
		}
		return nil
	})
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

type fataler interface {
	Fatal(args ...any)
	Fatalf(format string, args ...any)
}

func (d *cutDisk) next() int { d.count++; return d.count }

func (d *cutDisk) note(op cutOp) { d.ops = append(d.ops, op) }

type cutFile struct {
	file
	d     *cutDisk
	inode int
}

func (d *cutDisk) create(path string) (file, error) {
	if err := d.try(); err != nil {
		return nil, err
	}
	f, err := d.osDisk.create(path)
	if err != nil {
		return nil, err
	}
	d.inode[path] = d.next()
	d.note(cutOp{kind: opCreate, path: path, inode: d.inode[path]})
	return cutFile{f, d, d.inode[path]}, nil
}

func (d *cutDisk) appendTo(path string) (file, error) {
	if err := d.try(); err != nil {
		return nil, err
	}
	_, err := os.Lstat(path)
	isNew := errors.Is(err, fs.ErrNotExist)
	f, err := d.osDisk.appendTo(path)
	if err != nil {
		return nil, err
	}
	if isNew {
		d.inode[path] = d.next()
		d.note(cutOp{kind: opCreate, path: path, inode: d.inode[path]})
	}
	return cutFile{f, d, d.inode[path]}, nil
}

// Write writes half of it if it fails, as a disk does that becomes full.
func (f cutFile) Write(p []byte) (int, error) {
	failure := f.d.try()
	if failure != nil {
		p = p[:len(p)/2]
	}
	n, err := f.file.Write(p)
	if err == nil {
		err = failure
	}
	f.d.note(cutOp{kind: opWrite, inode: f.inode, data: slices.Clone(p[:n])})
	return n, err
}

func (f cutFile) Sync() error {
	if err := f.d.try(); err != nil {
		return err
	}
	f.d.note(cutOp{kind: opSync, inode: f.inode})
	return nil
}

func (d *cutDisk) rename(from, to string) error {
	if err := d.try(); err != nil {
		return err
	}
	if err := d.osDisk.rename(from, to); err != nil {
		return err
	}
	d.inode[to] = d.inode[from]
	delete(d.inode, from)
	d.note(cutOp{kind: opRename, path: from, to: to, inode: d.inode[to]})
	return nil
}

func (d *cutDisk) unlink(path string) error {
	if err := d.try(); err != nil {
		return err
	}
	if err := d.osDisk.unlink(path); err != nil {
		return err
	}
	delete(d.inode, path)
	d.note(cutOp{kind: opUnlink, path: path})
	return nil
}

func (d *cutDisk) mkdir(path string) error {
	if err := d.try(); err != nil {
		return err
	}
	if err := d.osDisk.mkdir(path); err != nil {
		return err
	}
	d.note(cutOp{kind: opMkdir, path: path})
	return nil
}

func (d *cutDisk) sync(path string) error {
	if err := d.try(); err != nil {
		return err
	}
	st, err := os.Stat(path)
	if err != nil {
		return err
	}
	if st.IsDir() {
		d.note(cutOp{kind: opSyncDir, path: path})
	} else {
		d.note(cutOp{kind: opSync, inode: d.inode[path]})
	}
	return nil
}

func (d *cutDisk) syncfs(*os.File) error {
	if err := d.try(); err != nil {
		return err
	}
	d.note(cutOp{kind: opSyncfs})
	return nil
}

// isName says whether the operation changes names, and touches says whether in
// the directory dir.
func (o *cutOp) isName() bool { return o.kind <= opUnlink }

func (o *cutOp) touches(dir string) bool {
	return o.isName() && (filepath.Dir(o.path) == dir || o.to != "" && filepath.Dir(o.to) == dir)
}

// touchesName says whether two changes concern one name.
func (o *cutOp) touchesName(p *cutOp) bool {
	return o.path == p.path || o.path == p.to || o.to != "" && (o.to == p.path || o.to == p.to)
}

// survivors are the changes of names that survive a cut, by operation.
type survivors []bool

// closed takes a wish and returns the changes of names among ops[:k] that can
// survive together: what was synced does, and what follows on a change that
// does not, does not.
func (d *cutDisk) closed(k int, wish func(i int) bool) survivors {
	keep := make(survivors, k)
	for i, op := range d.ops[:k] {
		switch op.kind {
		case opSyncfs:
			for j := range i {
				keep[j] = d.ops[j].isName()
			}
		case opSyncDir:
			for j := i - 1; j >= 0; j-- {
				if d.ops[j].touches(op.path) {
					d.force(keep, j)
				}
			}
		}
	}
	for i := range k {
		if keep[i] || !d.ops[i].isName() || !wish(i) {
			continue
		}
		keep[i] = true
		for j := range i {
			if d.ops[j].isName() && !keep[j] && d.ops[j].touchesName(&d.ops[i]) {
				keep[i] = false
			}
		}
	}
	return keep
}

// force keeps a change and those of the same names before it.
func (d *cutDisk) force(keep survivors, i int) {
	if keep[i] {
		return
	}
	keep[i] = true
	for j := i - 1; j >= 0; j-- {
		if d.ops[j].isName() && d.ops[j].touchesName(&d.ops[i]) {
			d.force(keep, j)
		}
	}
}

// cuts returns what may be left of the changes of names when the power is cut
// before operation k, without repetition: every beginning of the sequence, all
// but one, and what was synced with one more.
func (d *cutDisk) cuts(k int) []survivors {
	var all []survivors
	seen := make(map[string]bool)
	add := func(keep survivors) {
		if key := fmt.Sprint(keep); !seen[key] {
			seen[key] = true
			all = append(all, keep)
		}
	}
	for n := range k + 1 {
		add(d.closed(k, func(i int) bool { return i < n }))
		add(d.closed(k, func(i int) bool { return i != n }))
		add(d.closed(k, func(i int) bool { return i == n }))
	}
	return all
}

// loss decides what is left of data that were written and not synced.
type loss func(unsynced []byte) []byte

// losses are the ways in which a test loses data: each is the worst for some
// reader.
func losses() map[string]loss {
	zero := func(from, to func(n int) int) loss {
		return func(b []byte) []byte {
			out := slices.Clone(b)
			clear(out[from(len(b)):to(len(b))])
			return out
		}
	}
	at := func(num, den int) func(int) int { return func(n int) int { return n * num / den } }
	return map[string]loss{
		"all":         func([]byte) []byte { return nil },
		"none":        func(b []byte) []byte { return b },
		"second half": func(b []byte) []byte { return b[:len(b)/2] },
		"last octet":  func(b []byte) []byte { return b[:max(0, len(b)-1)] },
		"zeroes":      zero(at(0, 1), at(1, 1)),
		"first octet": zero(at(0, 1), func(n int) int { return min(n, 1) }),
		"zeroed head": zero(at(0, 1), at(1, 2)),
		"zeroed tail": zero(at(1, 2), at(1, 1)),
	}
}

// image makes below dir what is left when the power is cut before operation k,
// with the changes of names that keep says, and lose to decide about data.
func (d *cutDisk) image(tb fataler, dir string, k int, keep survivors, lose loss) {
	names := make(map[string]int)
	data, unsynced := make(map[int][]byte), make(map[int][]byte)
	for path, f := range d.base {
		names[path], data[f.inode] = f.inode, f.data
	}
	dirs := slices.Clone(d.dirs)
	for i, op := range d.ops[:k] {
		if op.isName() && !keep[i] {
			continue
		}
		switch op.kind {
		case opCreate:
			names[op.path] = op.inode
		case opMkdir:
			dirs = append(dirs, op.path)
		case opRename:
			names[op.to] = op.inode
			delete(names, op.path)
		case opUnlink:
			delete(names, op.path)
		case opWrite:
			unsynced[op.inode] = append(unsynced[op.inode], op.data...)
		case opSync:
			data[op.inode] = append(slices.Clone(data[op.inode]), unsynced[op.inode]...)
			delete(unsynced, op.inode)
		case opSyncfs:
			for inode, b := range unsynced {
				data[inode] = append(slices.Clone(data[inode]), b...)
			}
			clear(unsynced)
		}
	}
	slices.Sort(dirs)
	made := make(map[string]bool)
	for _, path := range dirs {
		if path != d.root && !made[filepath.Dir(path)] {
			continue
		}
		made[path] = true
		if err := os.MkdirAll(dir+strings.TrimPrefix(path, d.root), 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(names)) {
		if !made[filepath.Dir(path)] {
			continue // a file in a directory that is lost is lost
		}
		inode := names[path]
		b := data[inode]
		if rest := unsynced[inode]; len(rest) > 0 {
			b = append(slices.Clone(b), lose(rest)...)
		}
		if err := os.WriteFile(dir+strings.TrimPrefix(path, d.root), b, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	if err := syscall.Mkfifo(dir+"/ctl/wake", 0o600); err != nil {
		tb.Fatal(err)
	}
}

// memoryDir prefers a file system in memory for what is written and thrown
// away thousands of times.
func memoryDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "mtaspool")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}
