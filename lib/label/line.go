package label

import (
	"errors"
	"strings"
)

// A Frame says how a marking stands in a line of text, such as a subject: before or
// after the rest, between two strings. The zero Frame has it before, in brackets:
//
//	[ALLIANCE SECRET] Plan of tomorrow
type Frame struct {
	Open, Close string // "" and "" stand for "[" and "]"
	After       bool
}

func (f Frame) ends() (string, string) {
	if f.Open == "" && f.Close == "" {
		return "[", "]"
	}
	return f.Open, f.Close
}

// ErrUnmarkable is returned for a marking that its frame would cut elsewhere than
// where it ends, or that has more than one line.
var ErrUnmarkable = errors.New("label: the marking contains what ends a marking there")

// Put returns the line with the marking in its place; a blank stands between them.
func (f Frame) Put(line, marking string) (string, error) {
	open, closing := f.ends()
	put := strings.TrimRight(open+marking+closing+" "+line, " ")
	if f.After {
		put = strings.TrimLeft(line+" "+open+marking+closing, " ")
	}
	back, _, ok := f.Cut(put)
	if !ok || back != marking || strings.ContainsAny(marking, "\r\n") {
		return "", ErrUnmarkable
	}
	return put, nil
}

// Cut takes a line apart into the marking and the rest, and reports whether there
// is a marking: what stands there, not whether any policy has it. Before the rest
// it is from Open to the first Close, after it from the last Open on.
func (f Frame) Cut(line string) (marking, rest string, ok bool) {
	open, closing := f.ends()
	line = strings.TrimSpace(line)
	if f.After {
		inner, found := strings.CutSuffix(line, closing)
		at := strings.LastIndex(inner, open)
		if !found || at < 0 || open == "" {
			return "", line, false
		}
		marking, rest = inner[at+len(open):], inner[:at]
	} else {
		inner, found := strings.CutPrefix(line, open)
		before, after, closed := strings.Cut(inner, closing)
		if !found || !closed || closing == "" {
			return "", line, false
		}
		marking, rest = before, after
	}
	marking, rest = strings.TrimSpace(marking), strings.TrimSpace(rest)
	if marking == "" {
		return "", line, false
	}
	return marking, rest, true
}

// PutFirstLine returns a text with the marking as its first line, and an empty line
// after it (RFC 7444 §1.1). Lines end in CR LF if the first of the text does.
func PutFirstLine(text, marking string) (string, error) {
	if strings.ContainsAny(marking, "\r\n") || strings.TrimSpace(marking) == "" {
		return "", ErrUnmarkable
	}
	end := "\n"
	if i := strings.IndexByte(text, '\n'); i < 0 || i > 0 && text[i-1] == '\r' {
		end = "\r\n"
	}
	return marking + end + end + text, nil
}

// CutFirstLine takes the first line of a text that is not blank for a marking, and
// returns the text after it and after one empty line.
func CutFirstLine(text string) (marking, rest string, ok bool) {
	for {
		line, after, more := strings.Cut(text, "\n")
		if line = strings.TrimSpace(line); line != "" {
			next, body, _ := strings.Cut(after, "\n")
			if strings.TrimSpace(next) == "" {
				after = body
			}
			return line, after, true
		}
		if !more {
			return "", "", false
		}
		text = after
	}
}
