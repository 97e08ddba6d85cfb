package tableconf

import (
	"bytes"
	"errors"
	"strconv"
	"strings"
)

// Bounds of the text, far above what any table of mta.toml(5) needs: the TOML
// library recurses once a level and copies a key once a part.
const (
	maxDepth = 4    // arrays and inline tables inside each other
	maxParts = 4    // parts of a dotted key
	maxKey   = 1024 // octets of a key
)

// lines knows where the keys of a file are.
type lines struct {
	line    int             // while scanning: where it is
	exact   map[string]int  // peer[1].name → line
	values  map[string]span // likewise → octets of its value
	headers map[string]int  // peer[1] → octet behind its header's line
}

// span is from an octet up to another.
type span struct{ from, to int }

// at returns the line of a path such as peer[1].addresses[0].host, or of the
// nearest table around it that is in the file, or 0.
func (l *lines) at(path string) int {
	for path != "" {
		if n, ok := l.exact[path]; ok {
			return n
		}
		cut := strings.LastIndexAny(path, ".[")
		if cut < 0 {
			break
		}
		path = path[:cut]
	}
	return 0
}

// add notes that path is at the current line, unless it was seen before.
func (l *lines) add(path string) {
	if _, dup := l.exact[path]; !dup {
		l.exact[path] = l.line
	}
}

func withoutIndexes(path string) string {
	var b strings.Builder
	for {
		open := strings.IndexByte(path, '[')
		if open < 0 {
			b.WriteString(path)
			return b.String()
		}
		b.WriteString(path[:open])
		end := strings.IndexByte(path[open:], ']')
		if end < 0 {
			return b.String()
		}
		path = path[open+end+1:]
	}
}

// scan finds the line of every key, and refuses what is nested too deeply. It
// reads only as much TOML as that needs and takes no notice of what is malformed
// otherwise: the library reports that.
func scan(text []byte) (*lines, error) {
	s := &scanner{
		text:   text,
		lines:  &lines{line: 1, exact: map[string]int{}, values: map[string]span{}, headers: map[string]int{}},
		counts: map[string]int{},
	}
	for s.pos < len(s.text) {
		if err := s.statement(); err != nil {
			return s.lines, err
		}
	}
	return s.lines, nil
}

type scanner struct {
	text   []byte
	pos    int
	lines  *lines
	table  string         // path of the table statements belong to
	counts map[string]int // array of tables → entries so far
}

// frame is an array or inline table that is open.
type frame struct {
	array bool
	path  string
	n     int  // element of an array
	key   bool // a key is next
}

// element returns the path of the value that stands next in the frame.
func (f *frame) element() string { return f.path + "[" + strconv.Itoa(f.n) + "]" }

func (s *scanner) peek(ahead int) byte {
	if s.pos+ahead < len(s.text) {
		return s.text[s.pos+ahead]
	}
	return 0
}

// next steps over one octet and counts lines.
func (s *scanner) next() {
	if s.text[s.pos] == '\n' {
		s.lines.line++
	}
	s.pos++
}

func (s *scanner) comment() {
	for s.pos < len(s.text) && s.text[s.pos] != '\n' {
		s.pos++
	}
}

// statement reads a table header or a key with its value, or steps over one octet
// that begins neither.
func (s *scanner) statement() error {
	switch c := s.text[s.pos]; {
	case c == '#':
		s.comment()
	case c == ' ', c == '\t', c == '\r', c == '\n':
		s.next()
	case c == '[':
		return s.header()
	case keyStart(c):
		path, err := s.key(s.table, true)
		if err != nil {
			return err
		}
		s.blanks()
		if s.peek(0) == '=' {
			s.pos++
			s.blanks()
			at := span{from: s.pos}
			at.to, err = s.value(path)
			if _, twice := s.lines.values[path]; !twice {
				s.lines.values[path] = at
			}
			return err
		}
	default:
		s.next()
	}
	return nil
}

func keyStart(c byte) bool {
	return c == '"' || c == '\'' || bareKey(c)
}

func bareKey(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '_' || c == '-' || c >= 0x80
}

func (s *scanner) blanks() {
	for s.peek(0) == ' ' || s.peek(0) == '\t' {
		s.pos++
	}
}

// key reads a dotted key and returns its path below base. Unless it is a header,
// it notes the line of every part.
func (s *scanner) key(base string, note bool) (string, error) {
	path, start := base, s.pos
	for parts := 1; ; parts++ {
		if parts > maxParts || s.pos-start > maxKey {
			return "", errors.New("a key of more than " + strconv.Itoa(maxParts) + " parts or " + strconv.Itoa(maxKey) + " octets")
		}
		s.blanks()
		from := s.pos
		if q := s.peek(0); q == '"' || q == '\'' {
			s.quoted(q)
		} else {
			for s.pos < len(s.text) && bareKey(s.text[s.pos]) {
				s.pos++
			}
		}
		part := strings.Trim(string(s.text[from:s.pos]), `"'`)
		if path != "" {
			path += "."
		}
		path += part
		if note {
			s.lines.add(path)
		}
		s.blanks()
		if s.peek(0) != '.' {
			break
		}
		s.pos++
	}
	if s.pos-start > maxKey {
		return "", errors.New("a key of more than " + strconv.Itoa(maxKey) + " octets")
	}
	return path, nil
}

// header reads [table] or [[array of tables]].
func (s *scanner) header() error {
	array := s.peek(1) == '['
	s.pos++
	if array {
		s.pos++
	}
	path, err := s.key("", false)
	if err != nil {
		return err
	}
	s.table = s.entered(path, array)
	s.comment()
	s.lines.headers[s.table] = min(s.pos+1, len(s.text))
	return nil
}

// entered gives the parts of a header the numbers of the entries they are in, and
// begins a new entry of an array of tables.
func (s *scanner) entered(header string, array bool) string {
	path := ""
	parts := strings.Split(header, ".")
	for i, part := range parts {
		if path != "" {
			path += "."
		}
		path += part
		n, isArray := s.counts[path]
		if i == len(parts)-1 && array {
			if n == 0 {
				s.lines.add(path)
			}
			s.counts[path] = n + 1
			path += "[" + strconv.Itoa(n) + "]"
			s.lines.add(path)
			return path
		}
		if isArray {
			path += "[" + strconv.Itoa(n-1) + "]"
		}
		s.lines.add(path)
	}
	return path
}

// value steps over a value and what follows it on its line, noting the keys of inline
// tables, and returns where it ends.
func (s *scanner) value(path string) (end int, err error) {
	var stack []frame
	end = s.pos
	for s.pos < len(s.text) {
		var top *frame
		if len(stack) > 0 {
			top = &stack[len(stack)-1]
		}
		c := s.text[s.pos]
		switch {
		case c == '\n' && top == nil:
			return end, nil
		case c == '#':
			s.comment()
			continue
		case top != nil && top.key && keyStart(c):
			p, err := s.key(top.path, true)
			if err != nil {
				return end, err
			}
			path, top.key = p, false
		case c == '"' || c == '\'':
			s.quoted(c)
		case c == '[' || c == '{':
			if len(stack) == maxDepth {
				return end, errors.New("arrays or tables inside each other more than " + strconv.Itoa(maxDepth) + " deep")
			}
			if top != nil && top.array {
				path = top.element()
				s.lines.add(path)
			}
			stack = append(stack, frame{array: c == '[', path: path, key: c == '{'})
			s.pos++
		case c == ']' || c == '}':
			if top != nil {
				stack = stack[:len(stack)-1]
			}
			s.pos++
		case c == ',' && top != nil:
			top.n++
			top.key = !top.array
			s.pos++
		default:
			s.next()
		}
		if c != ' ' && c != '\t' && c != '\r' && c != '\n' {
			end = s.pos
		}
	}
	return end, nil
}

// quoted steps over a string of any of the four kinds. A string of one line that
// is not closed ends with its line, so that the lines after it keep their numbers.
func (s *scanner) quoted(q byte) {
	mark := []byte{q, q, q}
	if bytes.HasPrefix(s.text[s.pos:], mark) {
		s.pos += 3
		for s.pos < len(s.text) && !bytes.HasPrefix(s.text[s.pos:], mark) {
			if q == '"' && s.text[s.pos] == '\\' && s.pos+1 < len(s.text) {
				s.next()
			}
			s.next()
		}
		// Up to two more quotation marks belong to the string.
		for s.pos < len(s.text) && s.text[s.pos] == q {
			s.pos++
		}
		return
	}
	s.pos++
	for s.pos < len(s.text) && s.text[s.pos] != q && s.text[s.pos] != '\n' {
		if q == '"' && s.text[s.pos] == '\\' && s.pos+1 < len(s.text) && s.text[s.pos+1] != '\n' {
			s.pos++
		}
		s.pos++
	}
	if s.peek(0) == q && s.pos < len(s.text) {
		s.pos++
	}
}
