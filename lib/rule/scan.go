package rule

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SyntaxError is a fault of the text of rules, and where it is.
type SyntaxError struct {
	Line, Column int // from 1; the column counts octets
	Rule         string
	Err          error
}

func (e *SyntaxError) Error() string {
	place := "line " + strconv.Itoa(e.Line) + ", column " + strconv.Itoa(e.Column)
	if e.Rule != "" {
		place += ", rule " + e.Rule
	}
	return place + ": " + e.Err.Error()
}

func (e *SyntaxError) Unwrap() error { return e.Err }

// sort of a token.
type tokenKind uint8

const (
	end      tokenKind = iota
	word               // from, if, 10MiB
	quoted             // "…"
	sign               // ( ) , : and comparisons
	nonsense           // what is none; text says why
)

type token struct {
	kind         tokenKind
	text         string
	line, column int
}

// shown is the token for an error.
func (t token) shown() string {
	switch t.kind {
	case end:
		return "the end of the rules"
	case quoted:
		return "the string " + clip(quote(t.text))
	}
	return clip(strconv.Quote(t.text))
}

func clip(s string) string {
	const most = 64
	if len(s) > most {
		return strconv.Quote(strings.Trim(s[:most], `"`)) + "…"
	}
	return s
}

// scanner cuts the text into tokens.
type scanner struct {
	text       string
	at         int
	line, from int // from: where the line begins
}

func wordOctet(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_'
}

func (s *scanner) next() token {
	s.blanks()
	t := token{line: s.line, column: s.at - s.from + 1}
	if s.at == len(s.text) {
		return t
	}
	begin, c := s.at, s.text[s.at]
	switch {
	case c == '"':
		t.kind, t.text = s.quotedText()
		return t
	case wordOctet(c):
		for s.at < len(s.text) && wordOctet(s.text[s.at]) {
			s.at++
		}
		t.kind = word
	case strings.IndexByte("(),:=", c) >= 0:
		s.at++
		t.kind = sign
	case strings.IndexByte("<>!", c) >= 0:
		s.at++
		if s.at < len(s.text) && s.text[s.at] == '=' {
			s.at++
		}
		t.kind = sign
	default:
		_, size := utf8.DecodeRuneInString(s.text[s.at:])
		s.at += size
		t.kind, t.text = nonsense, fmt.Sprintf("%q begins no word, string or sign", s.text[begin:s.at])
		return t
	}
	t.text = s.text[begin:s.at]
	return t
}

// blanks passes over what has no meaning: blanks, ends of lines and comments.
func (s *scanner) blanks() {
	for ; s.at < len(s.text); s.at++ {
		switch s.text[s.at] {
		case '\n':
			s.line, s.from = s.line+1, s.at+1
		case ' ', '\t', '\r':
		case '#':
			for s.at+1 < len(s.text) && s.text[s.at+1] != '\n' {
				s.at++
			}
		default:
			return
		}
	}
}

// quotedText reads a string, whose first octet is a quotation mark.
func (s *scanner) quotedText() (tokenKind, string) {
	var b strings.Builder
	for s.at++; s.at < len(s.text); s.at++ {
		c := s.text[s.at]
		switch {
		case c == '"':
			s.at++
			switch text := b.String(); {
			case len(text) > MaxString:
				return nonsense, fmt.Sprintf("a string of %d octets; the limit is %d", len(text), MaxString)
			case !utf8.ValidString(text):
				return nonsense, "a string that is not UTF-8"
			default:
				return quoted, text
			}
		case c == '\n':
			return nonsense, "a string that does not end on its line"
		case c < ' ' && c != '\t':
			return nonsense, fmt.Sprintf("a string with the octet %02X", c)
		case c == '\\':
			if s.at++; s.at == len(s.text) {
				return nonsense, errOpen
			}
			switch s.text[s.at] {
			case '"', '\\':
				b.WriteByte(s.text[s.at])
			case 'n':
				b.WriteByte('\n')
			default:
				return nonsense, `in a string, \ stands before ", \ or n`
			}
		default:
			b.WriteByte(c)
		}
	}
	return nonsense, errOpen
}

const errOpen = "a string that does not end"

var errTooDeep = errors.New("nested deeper than " + strconv.Itoa(MaxDepth))
