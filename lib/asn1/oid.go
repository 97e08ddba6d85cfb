package asn1

import (
	"errors"
	"strings"
)

// OID is an object identifier value, X.680 §32, in dotted decimal without
// spaces or leading zeros: "2.6.0.2.7". As it is a string, a constant can be
// written as one and values compare with ==.
type OID string

var errOID = errors.New("asn1: object identifier is malformed")

// Valid reports whether the value can be encoded: two components at least, the
// first 0, 1 or 2, the second below 40 under 0 and 1 (X.660 §7.6).
func (o OID) Valid() error {
	n := 0
	rest := string(o)
	first := ""
	for more := true; more; n++ {
		var arc string
		arc, rest, more = strings.Cut(rest, ".")
		if !isNumber(arc) {
			return errOID
		}
		switch n {
		case 0:
			first = arc
			if len(arc) != 1 || arc[0] > '2' {
				return errOID
			}
		case 1:
			if first != "2" && (len(arc) > 2 || len(arc) == 2 && arc[0] > '3') {
				return errOID
			}
		}
	}
	if n < 2 {
		return errOID
	}
	return nil
}

// HasPrefix reports whether the value lies at or below prefix in the tree of
// object identifiers.
func (o OID) HasPrefix(prefix OID) bool {
	return o == prefix || len(o) > len(prefix) && o[len(prefix)] == '.' && o[:len(prefix)] == prefix
}

func isNumber(s string) bool {
	if s == "" || len(s) > 1 && s[0] == '0' {
		return false
	}
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return true
}
