package oraddr

import (
	"strconv"
	"strings"
)

// terminals are the values of terminal-type, X.411: what RFC 2156 §4.1.1 calls
// them, and the name of the module.
var terminals = [...]struct {
	number      int
	short, name string
}{
	{3, "tlx", "telex"},
	{4, "ttx", "teletex"},
	{5, "g3fax", "g3-facsimile"},
	{6, "g4fax", "g4-facsimile"},
	{7, "ia5", "ia5-terminal"},
	{8, "vtx", "videotex"},
}

func terminalText(n int) string {
	for _, t := range terminals {
		if t.number == n {
			return t.short
		}
	}
	return strconv.Itoa(n)
}

// terminalName returns the short name for any name of a terminal type; a text
// that is none it returns as it is.
func terminalName(s string) string {
	if n, ok := terminalType(s); ok {
		return terminalText(n)
	}
	return s
}

func terminalType(s string) (int, bool) {
	for _, t := range terminals {
		if strings.EqualFold(s, t.short) || strings.EqualFold(s, t.name) {
			return t.number, true
		}
	}
	n, err := strconv.ParseInt(s, 10, 32)
	return int(n), err == nil
}
