// Package wild compares texts with patterns in which an asterisk stands for any characters, or
// none.
package wild

import "strings"

// Match tells whether a text consists of the parts, which a pattern is cut into at its
// asterisks, with anything between them. It takes time proportional to the length of the text
// for each part.
func Match(parts []string, s string) bool {
	last := len(parts) - 1
	if last == 0 {
		return s == parts[0]
	}
	s, ok := strings.CutPrefix(s, parts[0])
	if !ok || !strings.HasSuffix(s, parts[last]) {
		return false
	}
	s = s[:len(s)-len(parts[last])]
	for _, part := range parts[1:last] {
		if _, s, ok = strings.Cut(s, part); !ok {
			return false
		}
	}
	return true
}
