package conf

import (
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Duration is a length of time whose text form is that of time.Duration: "5m",
// "1h30m".
type Duration time.Duration

// D returns d as a time.Duration.
func (d Duration) D() time.Duration { return time.Duration(d) }

// String returns the shortest text that UnmarshalText reads as d.
func (d Duration) String() string {
	s := time.Duration(d).String()
	if strings.HasSuffix(s, "m0s") {
		s = s[:len(s)-2]
	}
	if strings.HasSuffix(s, "h0m") {
		s = s[:len(s)-2]
	}
	return s
}

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler. Lengths below zero are
// refused.
func (d *Duration) UnmarshalText(text []byte) error {
	v, err := time.ParseDuration(string(text))
	if err != nil || v < 0 {
		return fmt.Errorf("%s is not a duration such as \"5m\" or \"1h30m\"", quote(text))
	}
	*d = Duration(v)
	return nil
}

// MTSExtension is an extension of X.411 by its name there, or a private one by its object
// identifier, as mts.ExtensionType.String has them. The number of one will do in a text.
type MTSExtension string

// UnmarshalText implements encoding.TextUnmarshaler.
func (x *MTSExtension) UnmarshalText(text []byte) error {
	t, err := mts.ParseExtensionType(string(text))
	if err != nil {
		return fmt.Errorf("%s is neither the name or number of an extension of X.411 nor an object identifier", quote(text))
	}
	*x = MTSExtension(t.String())
	return nil
}

// MaxSelector is the longest selector accepted, in octets.
const MaxSelector = 32

// Selector holds the octets of a transport, session or presentation selector. Its
// text form is that of RFC 1278, the quotation marks of "IA5" optional:
// '4D5441'H, #591, MTA-A. The empty Selector is an absent one.
type Selector string

// String returns the selector as text that UnmarshalText reads back.
func (s Selector) String() string {
	plain := s != "" && s[0] != '\'' && s[0] != '#' && s[0] != '"'
	for i := 0; plain && i < len(s); i++ {
		plain = ' ' < s[i] && s[i] < 0x7f
	}
	if plain || s == "" {
		return string(s)
	}
	return "'" + strings.ToUpper(hex.EncodeToString([]byte(s))) + "'H"
}

// MarshalText implements encoding.TextMarshaler.
func (s Selector) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (s *Selector) UnmarshalText(text []byte) error {
	v, err := parseSelector(string(text))
	switch {
	case err != nil:
		return err
	case len(v) > MaxSelector:
		return fmt.Errorf("a selector of %d octets; the limit is %d", len(v), MaxSelector)
	}
	*s = Selector(v)
	return nil
}

func parseSelector(t string) (string, error) {
	quoted := len(t) >= 2 && t[0] == '"' && t[len(t)-1] == '"'
	if strings.HasPrefix(t, "'") || strings.HasPrefix(t, "#") || quoted {
		b, err := oraddr.ParseSelector(t)
		if err != nil {
			return "", fmt.Errorf("%s: %w", quote([]byte(t)), err)
		}
		t = string(b)
		if !quoted {
			return t, nil
		}
	}
	for i := 0; i < len(t); i++ {
		if t[i] < ' ' || t[i] > '~' {
			return "", fmt.Errorf("octet number %d of the selector is not printable IA5; write it '…'H", i+1)
		}
	}
	return t, nil
}

// quote shows a value of outside origin in an error, however long it is.
func quote(b []byte) string {
	const most = 64
	if len(b) > most {
		return strconv.Quote(string(b[:most])) + "…"
	}
	return strconv.Quote(string(b))
}
