package gser

import (
	"encoding/hex"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/diag"
)

// Bounds of a value, far above what an attribute of a directory needs.
const (
	MaxSize  = 1 << 20 // octets
	maxDepth = 16      // values in values
)

// Parse reads the text of one value. The error has kind Data and says at which octet, from
// 1, what is wrong.
func Parse(text string) (Value, error) {
	if len(text) > MaxSize {
		return Value{}, diag.E("gser", diag.Data, fmt.Errorf("%d octets; a value has at most %d", len(text), MaxSize))
	}
	if !utf8.ValidString(text) {
		return Value{}, diag.New("gser", diag.Data, "is not UTF-8")
	}
	p := parser{text: text}
	p.spaces()
	v, err := p.value(0)
	if err == nil {
		if p.spaces(); p.at < len(text) {
			err = p.errorf("something follows the value")
		}
	}
	if err != nil {
		return Value{}, err
	}
	return v, nil
}

type parser struct {
	text string
	at   int
}

func (p *parser) errorf(format string, args ...any) error {
	return diag.E("gser", diag.Data, fmt.Errorf("octet %d: "+format, append([]any{p.at + 1}, args...)...))
}

func (p *parser) peek() byte {
	if p.at < len(p.text) {
		return p.text[p.at]
	}
	return 0
}

func (p *parser) spaces() {
	for p.peek() == ' ' {
		p.at++
	}
}

func (p *parser) value(depth int) (Value, error) {
	if depth == maxDepth {
		return Value{}, p.errorf("values in values more than %d deep", maxDepth)
	}
	switch p.peek() {
	case '"':
		s, err := p.quoted()
		return Value{Kind: Text, Text: s}, err
	case '\'':
		return p.octets()
	case '{':
		return p.braces(depth)
	}
	word := p.word()
	if word == "" {
		return Value{}, p.errorf("a value is missing")
	}
	if p.peek() != ':' {
		return Value{Text: word}, nil
	}
	if !isIdentifier(word) {
		return Value{}, p.errorf("%q is no identifier", word)
	}
	p.at++
	v, err := p.value(depth + 1)
	return Alternative(word, v), err
}

// word reads what has neither blanks nor punctuation.
func (p *parser) word() string {
	from := p.at
	for c := p.peek(); c == '-' || c == '.' || c == ';' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9'; c = p.peek() {
		p.at++
	}
	return p.text[from:p.at]
}

// isIdentifier tells whether a word is an identifier: of letters, digits and single
// hyphens, a small letter first.
func isIdentifier(word string) bool {
	return 'a' <= word[0] && word[0] <= 'z' && !strings.ContainsAny(word, ".;") && !strings.Contains(word, "--") && !strings.HasSuffix(word, "-")
}

func (p *parser) quoted() (string, error) {
	var b strings.Builder
	for p.at++; ; {
		end := strings.IndexByte(p.text[p.at:], '"')
		if end < 0 {
			p.at = len(p.text)
			return "", p.errorf("the closing quotation mark is missing")
		}
		b.WriteString(p.text[p.at : p.at+end])
		p.at += end + 1
		if p.peek() != '"' {
			return b.String(), nil
		}
		b.WriteByte('"')
		p.at++
	}
}

func (p *parser) octets() (Value, error) {
	end := strings.Index(p.text[p.at+1:], "'H")
	if end < 0 {
		return Value{}, p.errorf("octets are written '…'H")
	}
	octets, err := hex.DecodeString(p.text[p.at+1 : p.at+1+end])
	if err != nil {
		return Value{}, p.errorf("octets: %w", err)
	}
	p.at += end + len("''H")
	return Value{Kind: Octets, Text: string(octets)}, nil
}

// braces reads a Sequence or a List: in one, an identifier stands before each value.
func (p *parser) braces(depth int) (Value, error) {
	v := Value{Kind: List}
	p.at++
	p.spaces()
	for p.peek() != '}' {
		if len(v.Components) > 0 {
			if p.peek() != ',' {
				return v, p.errorf("a comma or } is missing")
			}
			p.at++
			p.spaces()
		}
		c, err := p.component(depth)
		if err != nil {
			return v, err
		}
		if len(v.Components) == 0 && c.Name != "" {
			v.Kind = Sequence
		}
		if (c.Name != "") != (v.Kind == Sequence) {
			return v, p.errorf("some of the components have an identifier, and some have not")
		}
		v.Components = append(v.Components, c)
		p.spaces()
	}
	p.at++
	return v, nil
}

func (p *parser) component(depth int) (c Component, err error) {
	start := p.at
	if word := p.word(); word != "" && isIdentifier(word) && p.peek() == ' ' {
		p.spaces()
		if next := p.peek(); next != ',' && next != '}' && next != 0 {
			c.Name = word
			start = p.at
		}
	}
	p.at = start
	c.Value, err = p.value(depth + 1)
	return c, err
}
