package spif

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// Bounds of a policy file. The largest that are known have a megabyte.
const (
	maxFile        = 16 << 20
	maxDepth       = 32
	maxElements    = 200000
	maxAttributes  = 64
	maxElementText = 4096 // octets
)

const (
	namespace    = "http://www.xmlspif.org/spif"
	xmlNamespace = "http://www.w3.org/XML/1998/namespace"
)

// element is one of the file, with its line.
type element struct {
	name     string // "" of another namespace
	line     int
	attrs    []attribute
	children []*element
	text     string
}

type attribute struct {
	space, name, value string
	used               bool
}

// file is what is being read.
type file struct {
	name     string
	warnings []string
}

func (f *file) errorf(line int, format string, args ...any) error {
	return diag.E(fmt.Sprintf("%s:%d", f.name, line), diag.Data, fmt.Errorf(format, args...))
}

func (f *file) warnf(line int, format string, args ...any) {
	if len(f.warnings) < 1000 {
		f.warnings = append(f.warnings, fmt.Sprintf("%s:%d: %s", f.name, line, fmt.Sprintf(format, args...)))
	}
}

// tree reads the elements of a file, within the bounds and without a document type,
// whose entities could make a small file a large one.
func (f *file) tree(r io.Reader) (*element, error) {
	source := &source{r: r, left: maxFile + 1}
	dec := xml.NewDecoder(source)
	var root *element
	var open []*element
	count := 0
	for {
		line, _ := dec.InputPos()
		tok, err := dec.Token()
		if source.left <= 0 {
			return nil, f.errorf(line, "a policy of more than %d octets", maxFile)
		}
		var syntax *xml.SyntaxError
		switch {
		case errors.Is(err, io.EOF):
			if root == nil {
				return nil, f.errorf(line, "no element at all")
			}
			return root, nil
		case errors.As(err, &syntax):
			return nil, f.errorf(syntax.Line, "XML: %s", syntax.Msg)
		case source.err != nil:
			return nil, diag.E(f.name, diag.IO, source.err)
		case err != nil:
			return nil, f.errorf(line, "%w", err)
		}
		switch tok := tok.(type) {
		case xml.Directive:
			return nil, f.errorf(line, "a document type, or another <!…>: none is accepted")
		case xml.StartElement:
			if count++; count > maxElements || len(open) == maxDepth || len(tok.Attr) > maxAttributes {
				return nil, f.errorf(line, "more than %d elements, %d levels or %d attributes", maxElements, maxDepth, maxAttributes)
			}
			e := f.start(tok, line)
			if len(open) > 0 {
				above := open[len(open)-1]
				above.children = append(above.children, e)
			} else if root == nil && tok.Name.Space == namespace {
				root = e
			} else {
				return nil, f.errorf(line, "<%s> where <SPIF> of %s belongs", tok.Name.Local, namespace)
			}
			open = append(open, e)
		case xml.EndElement:
			open = open[:len(open)-1]
		case xml.CharData:
			if text := strings.TrimSpace(string(tok)); text != "" && len(open) > 0 {
				e := open[len(open)-1]
				if e.text += text; len(e.text) > maxElementText {
					return nil, f.errorf(line, "a text of more than %d octets in <%s>", maxElementText, e.name)
				}
			}
		}
	}
}

// source is a reader that keeps its error, and ends after so many octets.
type source struct {
	r    io.Reader
	left int
	err  error
}

func (s *source) Read(b []byte) (int, error) {
	if s.left <= 0 {
		return 0, io.EOF
	}
	n, err := s.r.Read(b[:min(len(b), s.left)])
	s.left -= n
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

func (f *file) start(tok xml.StartElement, line int) *element {
	e := &element{name: tok.Name.Local, line: line}
	switch tok.Name.Space {
	case namespace:
	case "":
		// Well-known files forget the prefix; a rule that is forgotten would permit.
		f.warnf(line, "<%s> has no namespace, and is taken for one of %s", e.name, namespace)
	default:
		e.name = ""
	}
	for _, a := range tok.Attr {
		if a.Name.Space == "xmlns" || a.Name.Local == "xmlns" {
			continue
		}
		e.attrs = append(e.attrs, attribute{space: a.Name.Space, name: a.Name.Local, value: a.Value})
	}
	return e
}

// attr returns an attribute without a namespace.
func (e *element) attr(name string) (string, bool) {
	for i := range e.attrs {
		if a := &e.attrs[i]; a.space == "" && a.name == name {
			a.used = true
			return a.value, true
		}
	}
	return "", false
}

// lang is xml:lang, "" where there is none.
func (e *element) lang() string {
	for i := range e.attrs {
		if a := &e.attrs[i]; a.space == xmlNamespace && a.name == "lang" {
			a.used = true
			return strings.ToLower(a.value)
		}
	}
	return ""
}

// need returns an attribute that must be there and say something.
func (f *file) need(e *element, name string) (string, error) {
	value, ok := e.attr(name)
	if !ok || strings.TrimSpace(value) == "" {
		return "", f.errorf(e.line, "<%s> has no %s", e.name, name)
	}
	return value, nil
}

// unused warns of attributes that nobody asked for.
func (f *file) unused(e *element) {
	for _, a := range e.attrs {
		if !a.used && a.space == "" {
			f.warnf(e.line, "attribute %s of <%s> is not known, and does nothing", a.name, e.name)
		}
	}
}

// each hands the children of an element to whoever knows them by name. One that
// nobody knows is refused, for it may restrict; one of another namespace is not,
// for there anything may stand.
func (f *file) each(e *element, known map[string]func(*element) error) error {
	for _, c := range e.children {
		if c.name == "" {
			f.warnf(c.line, "an element of another namespace does nothing")
			continue
		}
		do, ok := known[c.name]
		if !ok {
			return f.errorf(c.line, "<%s> is not known in <%s>", c.name, e.name)
		}
		if do == nil {
			continue
		}
		if err := do(c); err != nil {
			return err
		}
		f.unused(c)
	}
	return nil
}
