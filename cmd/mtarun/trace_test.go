package main

import (
	"bytes"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// traced are the system calls a proof needs: those that read and write sockets and
// files, that make, name and sync files, and that end a process.
const traced = "read,readv,pread64,recvfrom,recvmsg,write,writev,pwrite64,pwritev,pwritev2,sendto,sendmsg,sendfile,splice,copy_file_range," +
	"ftruncate,fallocate,openat,mkdir,mkdirat,rename,renameat,renameat2,unlink,unlinkat,fsync,fdatasync,syncfs,sync,exit_group"

// straced is the command line that runs something under strace, its trace in a file.
// -x prints what is not text in hexadecimal, -y descriptors with their paths.
func straced(path string, more ...string) []string {
	return append([]string{"strace", "-f", "-ttt", "-y", "-x", "-s", "1000000", "-e", "signal=none", "-e", "trace=" + traced, "-o", path}, more...)
}

// call is one system call of a trace.
//
// begin and end are positions in the trace. strace stops a thread before the call and
// after it, and writes a line, or its part of one, at each stop, so the kernel did the
// work somewhere between the two. Of two calls x and y of any processes under the same
// strace, x was therefore over before y began if x.end <= y.begin; a clock is not
// needed. Where calls overlap nothing is concluded from them.
type call struct {
	process    int
	name       string
	args       string
	path       string   // of its first descriptor
	texts      []string // the strings among its arguments
	ret        int
	failed     bool
	begin, end int
}

// trace is the system calls of a process and all its children, in the order of their
// beginnings.
type trace struct {
	calls []*call
	exits map[int]int // process to status
}

var (
	traceLine    = regexp.MustCompile(`^(\d+) +(\d+\.\d+) (.*)$`)
	traceCall    = regexp.MustCompile(`^(\w+)\((.*)$`)
	traceResumed = regexp.MustCompile(`^<\.\.\. (\w+) resumed>(.*)$`)
	traceResult  = regexp.MustCompile(`^(.*)\) += (-?\d+|\?)(.*)$`)
	traceExit    = regexp.MustCompile(`^\+\+\+ exited with (\d+) \+\+\+$`)
	traceFD      = regexp.MustCompile(`^\d+<([^>]*)>`)
)

const unfinished = " <unfinished ...>"

// readTrace reads what strace has written.
func readTrace(t *testing.T, path string) *trace {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	tr := &trace{exits: map[int]int{}}
	open := map[int]*call{}
	end := func(c *call, at int) {
		m := traceResult.FindStringSubmatch(c.args)
		if m == nil {
			t.Fatalf("%s:%d: no result: %.200s", path, at+1, c.args)
		}
		c.args, c.end = m[1], at
		c.ret, err = strconv.Atoi(m[2])
		c.failed = err != nil || c.ret < 0
		if fd := traceFD.FindStringSubmatch(c.args); fd != nil {
			c.path = fd[1]
		}
		c.texts = quoted(c.args)
	}
	for i, line := range strings.Split(string(text), "\n") {
		m := traceLine.FindStringSubmatch(line)
		if m == nil {
			if line != "" {
				t.Fatalf("%s:%d: %.200q", path, i+1, line)
			}
			continue
		}
		process, _ := strconv.Atoi(m[1]) // the pattern says digits
		rest := m[3]
		switch {
		case strings.HasPrefix(rest, "+++"):
			if e := traceExit.FindStringSubmatch(rest); e != nil {
				tr.exits[process], _ = strconv.Atoi(e[1])
			}
		case strings.HasPrefix(rest, "---"), strings.HasPrefix(rest, "???"): // a signal; a call cut off by the end
		case strings.HasPrefix(rest, "<..."):
			r := traceResumed.FindStringSubmatch(rest)
			c := open[process]
			if r == nil || c == nil || c.name != r[1] {
				continue // begun before strace came
			}
			delete(open, process)
			c.args += r[2]
			end(c, i)
		default:
			r := traceCall.FindStringSubmatch(rest)
			if r == nil {
				t.Fatalf("%s:%d: %.200q", path, i+1, line)
			}
			c := &call{process: process, name: r[1], args: r[2], begin: i, end: math.MaxInt, failed: true}
			tr.calls = append(tr.calls, c)
			if before, ok := strings.CutSuffix(c.args, unfinished); ok {
				c.args = before
				open[process] = c
				continue
			}
			end(c, i)
		}
	}
	for _, c := range open { // it was killed in it
		if fd := traceFD.FindStringSubmatch(c.args); fd != nil {
			c.path = fd[1]
		}
		c.texts = quoted(c.args)
	}
	return tr
}

// quoted is the strings in a line of strace.
func quoted(s string) (all []string) {
	in := false
	var one []byte
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && in:
			all = append(all, string(one))
			in = false
		case s[i] == '"':
			in, one = true, nil
		case !in:
		case s[i] != '\\':
			one = append(one, s[i])
		default:
			c, n := unescape(s[i:])
			one = append(one, c)
			i += n - 1
		}
	}
	return all
}

// unescape reads one escape of C, and says how long it is.
func unescape(s string) (byte, int) {
	if len(s) < 2 {
		return '\\', 1
	}
	if i := strings.IndexByte("abfnrtv", s[1]); i >= 0 {
		return "\a\b\f\n\r\t\v"[i], 2
	}
	if s[1] == 'x' && len(s) >= 4 {
		if v, err := strconv.ParseUint(s[2:4], 16, 8); err == nil {
			return byte(v), 4
		}
	}
	n := 1
	for n < len(s) && n < 4 && s[n] >= '0' && s[n] <= '7' {
		n++
	}
	if v, err := strconv.ParseUint(s[1:n], 8, 8); err == nil {
		return byte(v), n
	}
	return s[1], 2
}

// text is one of the strings; "" if there are fewer: a call cut off by the end of its
// process may lack them.
func (c *call) text(i int) string {
	if i >= len(c.texts) {
		return ""
	}
	return c.texts[i]
}

// data is the octets the call moves.
func (c *call) data() []byte { return []byte(strings.Join(c.texts, "")) }

// changes tells whether the call changes the content of the file of its first
// descriptor.
func (c *call) changes() bool {
	switch c.name {
	case "write", "writev", "pwrite64", "pwritev", "pwritev2", "sendfile", "copy_file_range", "ftruncate", "fallocate":
		return true
	}
	return false
}

// sends and receives tell whether it moves octets of the stream of its first
// descriptor.
func (c *call) sends() bool {
	return slices.Contains([]string{"write", "writev", "sendto", "sendmsg"}, c.name)
}

func (c *call) receives() bool {
	return slices.Contains([]string{"read", "readv", "recvfrom", "recvmsg"}, c.name)
}

// A TPKT is "03 00", its length, and a DT TPDU, "02 F0 80", with a TSDU.
const tpktHeader = 4 + 3

// Beginnings of a TSDU: GIVE TOKENS and ACTIVITY START, with which a transfer begins;
// PLEASE TOKENS and ACTIVITY END ACK, the positive acknowledgement of one (X.225
// §8.3.17, §8.3.20; X.228 §7.4.2). A peer who has it forgets the message.
var (
	activityStart  = []byte{0x01, 0x00, 0x2D}
	activityEndAck = []byte{0x02, 0x00, 0x2A}
)

// tpkts takes the TPKTs of one direction of a connection apart.
type tpkts struct {
	rest  []byte
	begin int // of the call that brought the first octet of rest
}

// add appends octets, and hands each whole TPKT and the beginning of the call that
// brought its first octet to f.
func (s *tpkts) add(octets []byte, begin int, f func(tpkt []byte, begin int)) {
	if len(s.rest) == 0 {
		s.begin = begin
	}
	s.rest = append(s.rest, octets...)
	for len(s.rest) >= 4 && s.rest[0] == 3 {
		length := int(s.rest[2])<<8 | int(s.rest[3])
		if length < 4 || len(s.rest) < length {
			return
		}
		f(s.rest[:length], s.begin)
		s.rest, s.begin = s.rest[length:], begin
	}
}

func tsduBegins(tpkt, with []byte) bool {
	return len(tpkt) > tpktHeader && bytes.HasPrefix(tpkt[tpktHeader:], with)
}

// acknowledgement is a positive acknowledgement of a transfer.
type acknowledgement struct {
	local string // local-identifier of the message acknowledged
	file  string // the message in the spool
	at    *call  // the call that moved the first octet of it
}

var (
	spoolFile = regexp.MustCompile(`^.*/spool/(q/[und]/[0-9a-v]{2}|new|tmp)/[0-9a-v]{20}$`)
	mtsID     = regexp.MustCompile(`"mtsId":"\[[^"]*;([^"]*)\]"`)
)

// files are the messages written into the spool or read from it, by local-identifier.
func (tr *trace) files() map[string]string {
	files := map[string]string{}
	content := map[string][]byte{}
	for _, c := range tr.calls {
		if spoolFile.MatchString(c.path) {
			content[c.path] = append(content[c.path], c.data()...)
			if m := mtsID.FindSubmatch(content[c.path]); m != nil {
				files[string(m[1])] = c.path
			}
		}
	}
	return files
}

// acknowledgements finds every acknowledgement in the trace of a switch, those it has
// sent or those it has received, and the file of the message that it acknowledges: the
// one whose identifier is the first to be found in the octets of the transfer, which
// begin with that of the envelope.
func (tr *trace) acknowledgements(sent bool) (all []acknowledgement, err error) {
	files := tr.files()
	type connection struct {
		transfers, answers tpkts
		transfer           []byte
	}
	connections := map[string]*connection{}
	for _, c := range tr.calls {
		if c.failed || !strings.HasPrefix(c.path, "socket:") || !c.sends() && !c.receives() {
			continue
		}
		conn := connections[c.path]
		if conn == nil {
			conn = &connection{}
			connections[c.path] = conn
		}
		data := c.data()
		data = data[:min(c.ret, len(data))]
		if c.sends() != sent {
			conn.transfers.add(data, c.begin, func(tpkt []byte, _ int) {
				if tsduBegins(tpkt, activityStart) {
					conn.transfer = nil
				}
				conn.transfer = append(conn.transfer, tpkt...)
			})
			continue
		}
		conn.answers.add(data, c.begin, func(tpkt []byte, begin int) {
			if !tsduBegins(tpkt, activityEndAck) {
				return
			}
			first := -1
			var ack acknowledgement
			for local, file := range files {
				if i := bytes.Index(conn.transfer, []byte(local)); i >= 0 && (first < 0 || i < first) {
					first, ack = i, acknowledgement{local: local, file: file}
				}
			}
			if first < 0 {
				err = fmt.Errorf("line %d: an acknowledgement, and no file in the spool it could be about", begin+1)
				return
			}
			ack.at = tr.at(begin)
			all = append(all, ack)
			conn.transfer = nil
		})
	}
	return all, err
}

// at is the call that begins at a position.
func (tr *trace) at(begin int) *call {
	i, _ := slices.BinarySearchFunc(tr.calls, begin, func(c *call, at int) int { return c.begin - at })
	return tr.calls[i]
}

// vouched tells whether a file was durable when a call began, whatever the power did
// from then on.
//
// What makes a file durable is a barrier that began when the last call that changed it
// was over, that succeeded, and that was over when the yes began. A barrier in progress
// during the last write vouches for nothing: the kernel may have passed the page
// already. Neither does one that ended after the yes began. A barrier is either
//
//   - syncfs of the file system, which takes names and data along; or
//   - fsync of the file, and fsync of each directory that names it, or names such a
//     directory, begun after the name was made: by openat, mkdirat or renameat.
//
// The calls may be those of any process: a barrier is about the machine, and the trace
// orders them all.
func (tr *trace) vouched(file string, yes *call) error {
	last := -1
	for _, c := range tr.calls {
		if c.path == file && c.changes() {
			last = max(last, c.end)
		}
	}
	switch {
	case last < 0:
		return fmt.Errorf("nobody has written %s", file)
	case last > yes.begin:
		return fmt.Errorf("%s was changed after the yes", file)
	}
	syncfs := func(c *call) bool { return c.name == "syncfs" && strings.HasPrefix(file, c.path+"/") }
	if tr.synced(syncfs, last, yes) {
		return nil
	}
	return errors.Join(tr.content(file, yes), tr.named(file, yes))
}

// named tells whether a name, and those of the directories above it, were durable when
// a call began. A name that is older than the trace is.
func (tr *trace) named(path string, yes *call) error {
	for {
		made := -1
		for _, c := range tr.calls {
			if tr.makes(c, path) && c.begin < yes.begin {
				made = max(made, c.end)
			}
		}
		if made < 0 {
			return nil
		}
		dir := filepath.Dir(path)
		if !tr.synced(func(c *call) bool { return c.name == "fsync" && c.path == dir }, made, yes) {
			return fmt.Errorf("the directory %s was not synced between line %d, where %s got its name, and line %d", dir, made+1, filepath.Base(path), yes.begin+1)
		}
		path = dir
	}
}

// synced tells whether a barrier succeeded that began at from or later and was over
// when the yes began.
func (tr *trace) synced(barrier func(*call) bool, from int, yes *call) bool {
	return slices.ContainsFunc(tr.calls, func(c *call) bool {
		return barrier(c) && !c.failed && c.begin >= from && c.end <= yes.begin
	})
}

// makes tells whether a call makes a name.
func (tr *trace) makes(c *call, path string) bool {
	if c.failed || len(c.texts) == 0 || c.texts[len(c.texts)-1] != path {
		return false
	}
	return c.name == "openat" && strings.Contains(c.args, "O_CREAT") || strings.HasPrefix(c.name, "mkdir") || strings.HasPrefix(c.name, "rename")
}

// content tells whether what was written to a file was synced, all of it, when a call
// began.
func (tr *trace) content(path string, yes *call) error {
	last := -1
	for _, c := range tr.calls {
		if c.path == path && c.changes() && c.begin < yes.begin {
			last = max(last, c.end)
		}
	}
	if last < 0 {
		return fmt.Errorf("nobody has written %s", path)
	}
	if !tr.synced(func(c *call) bool { return c.name == "fsync" && c.path == path }, last, yes) {
		return fmt.Errorf("%s was not synced between the last write and line %d", path, yes.begin+1)
	}
	return nil
}
