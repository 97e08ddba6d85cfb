package ldapconf

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// MaxLDIF is the largest LDIF file accepted, in octets: a million entries of a routing tree
// have some 300 MB.
const MaxLDIF = 1 << 30

// maxLine bounds a line of LDIF, unfolded: the value of an attribute and what it costs in
// base64.
const maxLine = 64 << 20

// WriteLDIF writes entries as LDIF content records (RFC 2849). Lines are not folded.
func WriteLDIF(w io.Writer, entries []Entry) error {
	b := bufio.NewWriter(w)
	_, _ = b.WriteString("version: 1\n") // kept for Flush
	for i := range entries {
		_ = b.WriteByte('\n') // kept for Flush
		writeLine(b, "dn", text(entries[i].DN))
		for _, a := range entries[i].Attributes {
			for _, v := range a.Values {
				writeLine(b, a.Name, v)
			}
		}
	}
	return diag.E("ldif", diag.IO, b.Flush())
}

func writeLine(b *bufio.Writer, name, value string) {
	_, _ = b.WriteString(name) // as all here: kept for Flush
	if isSafe(value) {
		_, _ = b.WriteString(": " + value + "\n")
		return
	}
	_, _ = b.WriteString(":: " + base64.StdEncoding.EncodeToString([]byte(value)) + "\n")
}

// isSafe tells whether a value may stand as it is (RFC 2849, SAFE-STRING; one that ends
// with a space should not).
func isSafe(value string) bool {
	if value == "" {
		return true
	}
	if strings.ContainsAny(value[:1], " :<") || value[len(value)-1] == ' ' {
		return false
	}
	return !strings.ContainsFunc(value, func(r rune) bool { return r == 0 || r == '\r' || r == '\n' || r > '~' })
}

// ReadLDIF reads LDIF content records. Values at a URL are not fetched, and changes are
// refused. The error has kind Data and names the line.
func ReadLDIF(r io.Reader, name string) ([]Entry, error) {
	p := &ldifReader{in: bufio.NewReader(io.LimitReader(r, MaxLDIF+1))}
	var all []Entry
	for {
		e, err := p.record()
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, diag.E(fmt.Sprintf("%s:%d", name, p.first), diag.Data, err)
		}
		all = append(all, *e)
	}
}

type ldifReader struct {
	in    *bufio.Reader
	line  int // lines read
	first int // line where the logical line read last begins
	total int
	ahead []byte // a line that is read and not used
	seen  bool   // a record or the version
}

// physical returns a line without its end; io.EOF after the last.
func (p *ldifReader) physical() ([]byte, error) {
	if p.ahead != nil {
		line := p.ahead
		p.ahead = nil
		return line, nil
	}
	var line []byte
	for {
		part, err := p.in.ReadSlice('\n')
		line = append(line, part...)
		if p.total += len(part); p.total > MaxLDIF {
			return nil, fmt.Errorf("more than %d octets", MaxLDIF)
		}
		if len(line) > maxLine {
			return nil, fmt.Errorf("a line of more than %d octets", maxLine)
		}
		switch {
		case errors.Is(err, bufio.ErrBufferFull):
			continue
		case errors.Is(err, io.EOF) && len(line) == 0:
			return nil, io.EOF
		case err != nil && !errors.Is(err, io.EOF):
			return nil, err
		}
		p.line++
		line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
		return append(make([]byte, 0, len(line)), line...), nil
	}
}

// logical returns a line with those that continue it; comments are passed over.
func (p *ldifReader) logical() ([]byte, error) {
	for {
		line, err := p.physical()
		if err != nil {
			return nil, err
		}
		p.first = p.line
		for {
			next, err := p.physical()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				return nil, err
			}
			if len(next) == 0 || next[0] != ' ' {
				p.ahead = next
				break
			}
			if line = append(line, next[1:]...); len(line) > maxLine {
				return nil, fmt.Errorf("a line of more than %d octets", maxLine)
			}
		}
		if len(line) == 0 || line[0] != '#' {
			return line, nil
		}
	}
}

// record returns the next entry.
func (p *ldifReader) record() (*Entry, error) {
	var e *Entry
	for {
		line, err := p.logical()
		if errors.Is(err, io.EOF) && e != nil || err == nil && len(line) == 0 && e != nil {
			return e, nil
		}
		if err != nil {
			return nil, err
		}
		if len(line) == 0 {
			continue
		}
		name, value, err := attrval(line)
		if err != nil {
			return nil, err
		}
		switch {
		case e == nil && strings.EqualFold(name, "version") && !p.seen:
			if p.seen = true; value != "1" {
				return nil, fmt.Errorf("version %s; only 1 is known", clip(value))
			}
		case e == nil && strings.EqualFold(name, "dn"):
			name, err := dn(value)
			if err != nil {
				return nil, fmt.Errorf("dn: %w", err)
			}
			e, p.seen = &Entry{DN: name}, true
		case e == nil:
			return nil, fmt.Errorf("%s stands where dn should", clip(name))
		case is(name, "changetype", "control"):
			return nil, fmt.Errorf("%s: a file of changes, not of entries", name)
		case value == "":
			// No attribute that means anything here has an empty value.
		default:
			e.add(name, value)
		}
	}
}

// attrval reads "name: value" and "name:: base64".
func attrval(line []byte) (name, value string, err error) {
	head, rest, ok := bytes.Cut(line, []byte(":"))
	if !ok || len(head) == 0 {
		return "", "", fmt.Errorf("%s is not name: value", clip(string(line)))
	}
	switch {
	case bytes.HasPrefix(rest, []byte("<")):
		return "", "", fmt.Errorf("%s: a value at a URL is not fetched", head)
	case bytes.HasPrefix(rest, []byte(":")):
		octets, err := base64.StdEncoding.DecodeString(string(bytes.TrimLeft(rest[1:], " ")))
		if err != nil {
			return "", "", fmt.Errorf("%s: %w", head, err)
		}
		rest = octets
	default:
		rest = bytes.TrimLeft(rest, " ")
	}
	return string(head), string(rest), nil
}
