package conf

import (
	"errors"
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
)

// Bounds of a regular expression: of the text, and of what a range of occurrences may ask
// for (RFC 1801, appendix E).
const (
	maxRegex   = 256 // octets
	maxRepeats = 255
)

// CompileRegex compiles a regular expression of RFC 1801, appendix E: that of egrep,
// without regard to the case of letters. A circumflex and a dollar sign are special only
// at the start and the end of an expression, a backslash only before a special character
// and not between square brackets, and a newline is an alternation. Matching takes time
// linear in the text whatever the expression.
func CompileRegex(expression string) (*regexp.Regexp, error) {
	if len(expression) > maxRegex {
		return nil, fmt.Errorf("%d octets; a regular expression has at most %d", len(expression), maxRegex)
	}
	text, err := posix(expression)
	if err != nil {
		return nil, err
	}
	parsed, err := syntax.Parse(text, syntax.FoldCase)
	if err != nil {
		var why *syntax.Error
		if errors.As(err, &why) {
			return nil, fmt.Errorf("%s: %s", why.Code, quote([]byte(why.Expr)))
		}
		return nil, err
	}
	return regexp.Compile(parsed.String())
}

// posix writes what the appendix means so that the library, too, means it.
func posix(e string) (string, error) {
	var b strings.Builder
	start := true // of an expression
	for i := 0; i < len(e); i++ {
		c := e[i]
		next := byte(0)
		if i+1 < len(e) {
			next = e[i+1]
		}
		begins := false
		switch {
		case c == '\\':
			if next == 0 || !strings.ContainsRune(special, rune(next)) {
				return "", fmt.Errorf("octet number %d: a backslash stands before none of %s", i+1, special)
			}
			b.WriteByte('\\')
			b.WriteByte(next)
			i++
		case c == '[':
			end, err := brackets(&b, e[i:])
			if err != nil {
				return "", fmt.Errorf("octet number %d: %w", i+1, err)
			}
			i += end
		case c == '\n', c == '|':
			b.WriteByte('|')
			begins = true
		case c == '(':
			b.WriteByte('(')
			begins = true
			if next == '?' {
				return "", fmt.Errorf("octet number %d: nothing is there to be repeated", i+2)
			}
		case c == '^':
			if !start {
				b.WriteByte('\\')
			}
			b.WriteByte('^')
			begins = start
		case c == '$':
			if next != 0 && next != ')' && next != '|' && next != '\n' {
				b.WriteByte('\\')
			}
			b.WriteByte('$')
		case c == '{':
			var low, high int
			end := strings.IndexByte(e[i:], '}')
			if end < 0 {
				return "", fmt.Errorf("octet number %d: a brace that is not closed", i+1)
			}
			within := e[i+1 : i+end]
			first, last, isRange := strings.Cut(within, ",")
			if !number(first, &low) || isRange && last != "" && !number(last, &high) {
				return "", fmt.Errorf("octet number %d: {%s} is no range of occurrences from 0 to %d", i+1, within, maxRepeats)
			}
			b.WriteString(e[i : i+end+1])
			i += end
		case strings.IndexByte("*+?", c) >= 0 && strings.IndexByte("*+?{", next) >= 0 && next != 0:
			return "", fmt.Errorf("octet number %d: two closures in a row", i+2)
		default:
			b.WriteByte(c)
		}
		start = begins
	}
	return b.String(), nil
}

// special are the characters a backslash makes ordinary.
const special = `\.^$[]*+?{}|()`

// brackets copies a character class and returns where it ends in e.
func brackets(b *strings.Builder, e string) (int, error) {
	i := 1
	b.WriteByte('[')
	if i < len(e) && e[i] == '^' {
		b.WriteByte('^')
		i++
	}
	for first := i; i < len(e); i++ {
		switch c := e[i]; {
		case c == ']' && i > first:
			b.WriteByte(']')
			return i, nil
		case c == ']', c == '[', c == '\\', c == '^', c == '-' && (i == first || i+1 < len(e) && e[i+1] == ']'):
			b.WriteByte('\\')
			b.WriteByte(c)
		default:
			b.WriteByte(c)
		}
	}
	return 0, errors.New("a square bracket that is not closed")
}

// number reads a number of occurrences.
func number(s string, n *int) bool {
	if s == "" || len(s) > 3 {
		return false
	}
	*n = 0
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
		*n = *n*10 + int(s[i]-'0')
	}
	return *n <= maxRepeats
}
