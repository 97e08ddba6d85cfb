package label

import (
	"fmt"
	"strconv"
	"strings"
)

// split takes a text into elements.
func split(text string) ([]element, error) {
	s := splitter{text: text}
	var all []element
	for s.blanks(); s.at < len(text); s.blanks() {
		if len(all) == maxElements {
			return nil, s.errorf("more than %d elements", maxElements)
		}
		e, err := s.element()
		if err != nil {
			return nil, err
		}
		all = append(all, e)
	}
	return all, nil
}

type splitter struct {
	text string
	at   int
}

func (s *splitter) errorf(format string, args ...any) error {
	return fmt.Errorf("at octet %d: %w", s.at+1, fmt.Errorf(format, args...))
}

func (s *splitter) blanks() {
	for s.at < len(s.text) && strings.IndexByte(" \t\r\n", s.text[s.at]) >= 0 {
		s.at++
	}
}

// next consumes one of the characters given, and returns it, or 0.
func (s *splitter) next(of string) byte {
	if s.at < len(s.text) && strings.IndexByte(of, s.text[s.at]) >= 0 {
		s.at++
		return s.text[s.at-1]
	}
	return 0
}

func (s *splitter) element() (element, error) {
	var e element
	for {
		w, err := s.word(":=<;,")
		if err != nil {
			return e, err
		}
		if w.text == "" && !w.quoted {
			return e, s.errorf("a name is missing before this")
		}
		e.words = append(e.words, w)
		if s.next(":") == 0 || len(e.words) == 4 {
			break
		}
	}
	if s.next("<") != 0 {
		e.upTo = true
		if e.key() != "class" {
			return e, s.errorf("<= is for class alone")
		}
	}
	if s.next("=") == 0 {
		return e, s.errorf("a = is missing")
	}
	for {
		w, err := s.word(",;")
		if err != nil {
			return e, err
		}
		if e.values = append(e.values, w); len(e.values) > maxValues {
			return e, s.errorf("more than %d values", maxValues)
		}
		if s.next(",") == 0 {
			break
		}
	}
	s.next(";")
	return e, nil
}

// word reads up to one of the characters given, or what is quoted. Blanks around it
// do not count.
func (s *splitter) word(ends string) (word, error) {
	s.blanks()
	w := word{at: s.at}
	if s.next(`"`) != 0 {
		text, err := s.quoted()
		if err != nil {
			return w, err
		}
		w.text, w.quoted = text, true
		s.blanks()
		if s.at < len(s.text) && strings.IndexByte(ends, s.text[s.at]) < 0 {
			return w, s.errorf("%q after a quoted text", s.text[s.at])
		}
		return w, nil
	}
	end := strings.IndexAny(s.text[s.at:], ends+`"`)
	if end < 0 {
		end = len(s.text) - s.at
	}
	w.text = strings.TrimRight(s.text[s.at:s.at+end], " \t\r\n")
	if s.at += end; s.at < len(s.text) && s.text[s.at] == '"' {
		return w, s.errorf("a quotation mark within a word: quote it whole")
	}
	return w, nil
}

// quoted reads up to the closing quotation mark. Within, \" and \\ are the
// characters, and \x with two digits is an octet.
func (s *splitter) quoted() (string, error) {
	var b strings.Builder
	for s.at < len(s.text) {
		c := s.text[s.at]
		s.at++
		switch c {
		case '"':
			return b.String(), nil
		case '\\':
			switch rest := s.text[s.at:]; {
			case strings.HasPrefix(rest, `"`), strings.HasPrefix(rest, `\`):
				b.WriteByte(rest[0])
				s.at++
			case strings.HasPrefix(rest, "x") && len(rest) >= 3:
				n, err := strconv.ParseUint(rest[1:3], 16, 8)
				if err != nil {
					return "", s.errorf(`%q is no octet after \x`, rest[1:3])
				}
				b.WriteByte(byte(n))
				s.at += 3
			default:
				return "", s.errorf(`\ stands before ", \ or x and two hexadecimal digits`)
			}
		default:
			b.WriteByte(c)
		}
	}
	return "", s.errorf("the closing quotation mark is missing")
}
