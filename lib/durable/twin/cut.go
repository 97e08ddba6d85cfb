package twin

import (
	"crypto/sha256"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/sys/unix"
)

// Survivors are the changes of names that survive a cut, by operation.
type Survivors []bool

// names tells whether the operation changes names, and touches whether in the directory.
func (o *Op) names() bool { return o.Kind < Write }

func (o *Op) touches(dir string) bool {
	return o.names() && (filepath.Dir(o.Path) == dir || o.To != "" && filepath.Dir(o.To) == dir)
}

// touchesName tells whether two changes concern one name.
func (o *Op) touchesName(p *Op) bool {
	return o.Path == p.Path || o.Path == p.To || o.To != "" && (o.To == p.Path || o.To == p.To)
}

// forced are the changes of names among the first k operations that were synced.
func (d *Disk) forced(k int) Survivors {
	keep := make(Survivors, k)
	for i := range d.ops[:k] {
		switch op := &d.ops[i]; op.Kind {
		case Syncfs:
			for j := range i {
				keep[j] = d.ops[j].names()
			}
		case SyncDir:
			for j := i - 1; j >= 0; j-- {
				if d.ops[j].touches(op.Path) {
					d.force(keep, j)
				}
			}
		}
	}
	return keep
}

// force keeps a change and those of the same names before it.
func (d *Disk) force(keep Survivors, i int) {
	if keep[i] {
		return
	}
	keep[i] = true
	for j := i - 1; j >= 0; j-- {
		if d.ops[j].names() && d.ops[j].touchesName(&d.ops[i]) {
			d.force(keep, j)
		}
	}
}

// Closed takes a wish and returns the changes of names among the first k operations that
// can survive together: what was synced does, and what follows on a change that does not,
// does not.
func (d *Disk) Closed(k int, wish func(i int) bool) Survivors {
	return d.closed(d.forced(k), wish)
}

func (d *Disk) closed(forced Survivors, wish func(i int) bool) Survivors {
	keep := slices.Clone(forced)
	for i := range keep {
		if keep[i] || !d.ops[i].names() || !wish(i) {
			continue
		}
		keep[i] = true
		for j := range i {
			if d.ops[j].names() && !keep[j] && d.ops[j].touchesName(&d.ops[i]) {
				keep[i] = false
			}
		}
	}
	return keep
}

// Cuts returns what may be left of the changes of names when the power is cut before
// operation k, without repetition: every legal combination; of more than Subsets
// changes every beginning of the sequence, all but one or two, and one or two alone.
func (d *Disk) Cuts(k int) []Survivors {
	forced := d.forced(k)
	var open []int
	for i := range k {
		if !forced[i] && d.ops[i].names() {
			open = append(open, i)
		}
	}
	var all []Survivors
	seen := make(map[string]bool)
	add := func(wish func(n int) bool) {
		keep := d.closed(forced, func(i int) bool { return wish(slices.Index(open, i)) })
		if key := fmt.Sprint(keep); !seen[key] {
			seen[key] = true
			all = append(all, keep)
		}
	}
	if len(open) <= d.Subsets {
		for set := range 1 << len(open) {
			add(func(n int) bool { return set>>n&1 == 1 })
		}
		return all
	}
	for i := range len(open) + 1 {
		add(func(n int) bool { return n < i })
		for j := range i + 1 {
			add(func(n int) bool { return n != i && n != j })
			add(func(n int) bool { return n == i || n == j })
		}
	}
	return all
}

// Loss decides what is left of data that were written and not synced.
type Loss func(unsynced []byte) []byte

// Losses are the ways in which data are lost: each is the worst for some reader. With
// "all" nothing is left of a truncation either.
func Losses() map[string]Loss {
	zero := func(from, to func(n int) int) Loss {
		return func(b []byte) []byte {
			out := slices.Clone(b)
			clear(out[from(len(b)):to(len(b))])
			return out
		}
	}
	at := func(num, den int) func(int) int { return func(n int) int { return n * num / den } }
	return map[string]Loss{
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

// content is what is known of the data of one file.
type content struct {
	synced    []byte
	cut       int64 // what it was shortened to since
	shortened bool
	unsynced  []byte
	replaced  []byte // by an Overwrite
}

func (c *content) sync() {
	if c.shortened {
		c.synced = slices.Clone(c.synced[:min(c.cut, int64(len(c.synced)))])
	}
	c.synced = append(slices.Clone(c.synced), c.unsynced...)
	if c.replaced != nil {
		c.synced = c.replaced
	}
	c.shortened, c.unsynced, c.replaced = false, nil, nil
}

func (c *content) open() bool { return c.shortened || len(c.unsynced) > 0 || c.replaced != nil }

// after is what a loss leaves of it.
func (c *content) after(way string, lose Loss) []byte {
	switch {
	case !c.open():
		return c.synced
	case way == "all":
		return c.synced
	case c.replaced != nil: // within a sector
		return c.replaced
	}
	b := slices.Clone(c.synced)
	if c.shortened {
		b = b[:min(c.cut, int64(len(b)))]
	}
	return append(b, lose(c.unsynced)...)
}

// left is what names a cut leaves, and what is known of the data they lead to.
type left struct {
	dirs  []string
	files map[string]*content
}

func (d *Disk) left(k int, keep Survivors) *left {
	names, data := make(map[string]int), make(map[int]*content)
	for path, f := range d.base {
		names[path], data[f.inode] = f.inode, &content{synced: f.data}
	}
	dirs := slices.Clone(d.dirs)
	for i := range d.ops[:k] {
		op := &d.ops[i]
		if op.names() && !keep[i] {
			if op.Kind == Create {
				data[op.inode] = new(content)
			}
			continue
		}
		switch op.Kind {
		case Create:
			names[op.Path], data[op.inode] = op.inode, new(content)
		case Mkdir:
			dirs = append(dirs, op.Path)
		case Rename:
			names[op.To] = op.inode
			delete(names, op.Path)
		case Unlink:
			delete(names, op.Path)
		case Write:
			c := data[op.inode]
			c.unsynced = append(c.unsynced, op.data...)
		case Truncate:
			c := data[op.inode]
			if n := op.size - int64(len(c.synced)); n >= 0 {
				c.unsynced = c.unsynced[:n]
			} else {
				c.unsynced, c.shortened, c.cut = nil, true, op.size
			}
		case Overwrite:
			data[op.inode].replaced = op.data
		case Sync:
			data[op.inode].sync()
		case Syncfs:
			for _, c := range data {
				c.sync()
			}
		}
	}
	l := &left{files: make(map[string]*content)}
	slices.Sort(dirs)
	made := make(map[string]bool)
	for _, path := range dirs {
		if path == "." || made[filepath.Dir(path)] {
			made[path] = true
			l.dirs = append(l.dirs, path)
		}
	}
	for path, inode := range names {
		if made[filepath.Dir(path)] { // a file in a directory that is lost is lost
			l.files[path] = data[inode]
		}
	}
	return l
}

// State is what one cut leaves.
type State struct {
	At   int // the cut was before this operation
	d    *Disk
	keep Survivors
	lose map[string]string // way in which the data of a file are lost; "": the others
	dirs []string
	data map[string][]byte
}

func (s *State) String() string {
	lost := []string{}
	for i, kept := range s.keep {
		if op := &s.d.ops[i]; op.names() && !kept {
			lost = append(lost, op.String())
		}
	}
	return fmt.Sprintf("cut before %d of %d, changes of names lost %q, data lost %v", s.At, len(s.d.ops), lost, s.lose)
}

// Key tells states apart by what is there.
func (s *State) Key() [sha256.Size]byte {
	h := sha256.New()
	for _, path := range s.dirs {
		fmt.Fprintf(h, "%q\n", path)
	}
	for _, path := range slices.Sorted(maps.Keys(s.data)) {
		fmt.Fprintf(h, "%q %d\n", path, len(s.data[path]))
		h.Write(s.data[path])
	}
	return [sha256.Size]byte(h.Sum(nil))
}

// Write makes it below dir.
func (s *State) Write(tb Fataler, dir string) {
	for _, path := range s.dirs {
		if err := os.MkdirAll(filepath.Join(dir, path), 0o700); err != nil {
			tb.Fatal(err)
		}
	}
	for path, data := range s.data {
		if err := os.WriteFile(filepath.Join(dir, path), data, 0o600); err != nil {
			tb.Fatal(err)
		}
	}
	for _, path := range s.d.fifos {
		if err := unix.Mkfifo(filepath.Join(dir, path), 0o600); err != nil {
			tb.Fatal(err)
		}
	}
}

// State is what is left by a cut before operation k with the changes of names that keep
// says, and way to decide about the data of each file.
func (d *Disk) State(k int, keep Survivors, way func(path string) string) *State {
	return d.state(k, keep, d.left(k, keep), way)
}

func (d *Disk) state(k int, keep Survivors, l *left, way func(path string) string) *State {
	s := &State{At: k, d: d, keep: keep, dirs: l.dirs, data: make(map[string][]byte, len(l.files)), lose: map[string]string{}}
	ways := Losses()
	for _, path := range slices.Sorted(maps.Keys(l.files)) {
		c := l.files[path]
		if !c.open() {
			s.data[path] = c.synced
			continue
		}
		s.lose[path] = way(path)
		s.data[path] = c.after(s.lose[path], ways[s.lose[path]])
	}
	return s
}

// States visits every state that a cut before operation k may leave, each once: every
// combination of Cuts, and every one of Losses for each of up to two files whose data are
// open. Of more files each is lost in every way while the others are lost, or kept, or
// all are lost the same way.
func (d *Disk) States(k int, visit func(*State)) {
	d.StatesOf(k, slices.Sorted(maps.Keys(Losses())), visit)
}

// StatesOf is States with some of the Losses.
func (d *Disk) StatesOf(k int, ways []string, visit func(*State)) {
	seen := make(map[[sha256.Size]byte]bool)
	for _, keep := range d.Cuts(k) {
		l := d.left(k, keep)
		var open []string
		for _, path := range slices.Sorted(maps.Keys(l.files)) {
			if l.files[path].open() {
				open = append(open, path)
			}
		}
		try := func(way func(path string) string) {
			s := d.state(k, keep, l, way)
			if key := s.Key(); !seen[key] {
				seen[key] = true
				visit(s)
			}
		}
		for _, a := range ways {
			try(func(string) string { return a })
			for _, one := range open {
				others := []string{"all", "none"}
				if len(open) == 2 {
					others = ways
				}
				for _, b := range others {
					try(func(path string) string {
						if path == one {
							return a
						}
						return b
					})
				}
			}
		}
	}
}

// Print writes the record, one operation a line.
func (d *Disk) Print(w io.Writer) {
	for i, op := range d.ops {
		fmt.Fprintf(w, "%3d %v\n", i, op)
	}
}
