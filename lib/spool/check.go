package spool

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// FindingKind says what Check has found, in the words of mtaspool(5).
type FindingKind string

// What can be found.
const (
	FoundIncomplete FindingKind = "incomplete" // not whole, and no living writer has it
	FoundDamaged    FindingKind = "damaged"    // a wrong digest, an unreadable envelope or file
	FoundTorn       FindingKind = "torn"       // records of a log with a wrong checksum
	FoundOrphan     FindingKind = "orphan"     // a log without a message
	FoundUnnamed    FindingKind = "unnamed"    // a child whose parent is there and does not name it
	FoundMissing    FindingKind = "missing"    // a file or directory every spool has
	FoundMisplaced  FindingKind = "misplaced"  // where its identifier does not lead, or in two places
	FoundForeign    FindingKind = "foreign"    // not of a spool
	FoundBad        FindingKind = "bad"        // in bad/
	FoundLeft       FindingKind = "left"       // in tmp/ or partial/, its writer dead, and of no use
)

// Finding is one thing that is not as it should be.
type Finding struct {
	Kind FindingKind
	Path string // below the spool
	Text string
}

// CheckOptions says how far a check goes.
type CheckOptions struct {
	ReadData bool // read every content and compare its digest
}

// Check looks at everything in the spool and reports what is not as
// mtaspool(5) says. It changes nothing and needs no lock.
func (s *Spool) Check(opts CheckOptions, report func(Finding)) {
	c := &checker{s: s, opts: opts, report: report, at: make(map[ID]Ref), astray: make(map[ID]bool), children: make(map[ID][]*Envelope)}
	for _, part := range []func(){c.top, c.queue, c.fresh, c.tmp, c.partial, c.bad, c.families, c.orphans} {
		part()
	}
}

type checker struct {
	s        *Spool
	opts     CheckOptions
	report   func(Finding)
	at       map[ID]Ref         // where the messages are
	astray   map[ID]bool        // those that lie where they do not belong
	alone    []Ref              // logs without a message beside them
	children map[ID][]*Envelope // by parent
}

func (c *checker) found(kind FindingKind, path, format string, args ...any) {
	c.report(Finding{Kind: kind, Path: path, Text: fmt.Sprintf(format, args...)})
}

// gone says whether a path has gone while the check was at work.
func (c *checker) gone(path string) bool {
	_, err := os.Lstat(c.s.dir + "/" + path)
	return errors.Is(err, fs.ErrNotExist)
}

// names lists a directory below the spool, sorted, as far as it can be read.
func (c *checker) names(path string) []string {
	names, err := readNames(c.s.dir + "/" + path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) { // what must be there is looked for by itself
		c.found(FoundDamaged, path, "the directory cannot be read: %v", err)
	}
	slices.Sort(names)
	return names
}

// Missing is the finding that a spool does not have what every spool has.
func Missing(path string) Finding {
	return Finding{Kind: FoundMissing, Path: path, Text: "every spool has it"}
}

func (c *checker) top() {
	ours := append(directories(), "format", "lock", "ctl/wake")
	for _, path := range ours {
		if c.gone(path) {
			c.report(Missing(path))
		}
	}
	for _, dir := range []string{".", "q"} {
		for _, name := range c.names(dir) {
			path := strings.TrimPrefix(dir+"/"+name, "./")
			if !slices.Contains(ours, path) && path != TokensDir && path != begunName {
				c.found(FoundForeign, path, "not of a spool")
			}
		}
	}
}

func (c *checker) queue() {
	for _, p := range Priorities() {
		top := "q/" + string(p)
		for _, shard := range c.names(top) {
			path := top + "/" + shard
			if !isShard(shard) {
				c.found(FoundForeign, path, "not the end of an identifier")
				continue
			}
			names := c.names(path)
			for _, name := range names {
				c.queued(p, path, name, names)
			}
		}
	}
}

// queued looks at one name in q/P/XX/.
func (c *checker) queued(p Priority, dir, name string, names []string) {
	path := dir + "/" + name
	id, isLog := strings.CutSuffix(name, ".log")
	if !isID(id) {
		c.found(FoundForeign, path, "not an identifier")
		return
	}
	ref := Ref{ID: ID(id), Priority: p}
	switch {
	case !strings.HasPrefix(ref.String(), dir+"/"):
		c.astray[ref.ID] = c.astray[ref.ID] || !isLog
		c.found(FoundMisplaced, path, "belongs to %s", ref)
	case isLog:
		c.log(ref, path, names)
	default:
		c.message(ref, path)
	}
}

func (c *checker) log(ref Ref, path string, names []string) {
	_, torn, err := c.s.ReadLog(ref)
	if err != nil {
		c.found(FoundDamaged, path, "%v", err)
		return
	}
	if torn > 0 {
		c.found(FoundTorn, path, "%d records", torn)
	}
	if _, beside := slices.BinarySearch(names, string(ref.ID)); !beside {
		c.alone = append(c.alone, ref)
	}
}

// orphans looks for logs whose messages are nowhere.
func (c *checker) orphans() {
	for _, ref := range c.alone {
		path := ref.String() + ".log"
		if !c.astray[ref.ID] && c.gone(ref.String()) && c.gone(Ref{ID: ref.ID}.String()) && !c.gone(path) {
			c.found(FoundOrphan, path, "its message is gone")
		}
	}
}

// message looks at one message file, in q/ or new/.
func (c *checker) message(ref Ref, path string) {
	f, err := openRead(c.s.dir + "/" + path)
	if errors.Is(err, fs.ErrNotExist) {
		return
	}
	if err != nil {
		c.found(FoundDamaged, path, "%v", err)
		return
	}
	defer f.Close()
	if other, twice := c.at[ref.ID]; twice && !c.gone(other.String()) && !c.gone(path) {
		c.found(FoundMisplaced, path, "also at %s", other)
	}
	c.at[ref.ID] = ref
	m, err := newMessage(f, ref)
	if err == nil && c.opts.ReadData {
		err = m.VerifyContent()
	}
	switch {
	case err == nil:
		if parent := m.Envelope.Parent; parent != "" {
			c.children[parent] = append(c.children[parent], m.Envelope)
		}
	case c.gone(path):
	case errors.Is(err, ErrIncomplete):
		if !alive(f) {
			// The writer may have finished since.
			if _, err = newMessage(f, ref); errors.Is(err, ErrIncomplete) {
				c.found(FoundIncomplete, path, "%v", err)
			}
		}
	default:
		c.found(FoundDamaged, path, "%v", err)
	}
}

func (c *checker) fresh() { c.flat("new", c.message) }

func (c *checker) tmp() {
	c.flat("tmp", func(ref Ref, path string) {
		f, err := openRead(c.s.dir + "/" + path)
		if err != nil {
			return
		}
		defer f.Close()
		if !alive(f) && !c.gone(path) {
			c.found(FoundLeft, path, "its writer has died")
		}
	})
}

// partial looks for what no transfer can be resumed from.
func (c *checker) partial() {
	last := ""
	for _, name := range c.names("partial") {
		path := "partial/" + name
		id, _ := strings.CutSuffix(name, ".log")
		if !isID(id) {
			c.found(FoundForeign, path, "not an identifier")
			continue
		}
		why := ""
		if id != last {
			why = c.s.partialFault(ID(id))
		}
		last = id
		if why == "" {
			continue
		}
		if f, err := openRead(c.s.partialPath(ID(id))); err == nil {
			busy := alive(f)
			f.Close()
			if busy {
				continue
			}
		}
		if !c.gone(path) {
			c.found(FoundLeft, path, "%s", why)
		}
	}
}

// flat looks at a directory that holds nothing but message files.
func (c *checker) flat(dir string, look func(ref Ref, path string)) {
	for _, name := range c.names(dir) {
		path := dir + "/" + name
		if !isID(name) {
			c.found(FoundForeign, path, "not an identifier")
			continue
		}
		look(Ref{ID: ID(name)}, path)
	}
}

func (c *checker) bad() {
	for _, name := range c.names("bad") {
		path := "bad/" + name
		id, _, _ := strings.Cut(name, ".")
		switch id = strings.TrimRight(id, "+"); {
		case !isID(id):
			c.found(FoundForeign, path, "not an identifier")
		case !strings.Contains(name, "."):
			why, err := os.ReadFile(c.s.dir + "/" + path + ".why")
			if err != nil {
				why = []byte("nobody has written down why")
			}
			c.found(FoundBad, path, "%s", firstLine(why))
		}
	}
}

// maxWhy bounds what is told of a reason in bad/, in octets.
const maxWhy = 1000

func firstLine(why []byte) string {
	line, _, _ := strings.Cut(strings.TrimSpace(string(why)), "\n")
	if len(line) > maxWhy {
		line = line[:maxWhy] + "…"
	}
	return line
}

// families looks for children that the log of their parent does not name.
func (c *checker) families() {
	for parent, children := range c.children {
		ref, there := c.at[parent]
		if !there || ref.Priority == 0 {
			continue
		}
		records, _, err := c.s.ReadLog(ref)
		if err != nil {
			continue // reported with the log
		}
		for _, child := range children {
			path := c.at[child.ID].String()
			if !names(records, child) && !c.gone(path) && !c.gone(ref.String()) {
				c.found(FoundUnnamed, path, "%s does not name it", parent)
			}
		}
	}
}
