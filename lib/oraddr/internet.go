package oraddr

import (
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// RFC822 returns the Internet addresses, local-part@domain without a final dot, that
// domain-defined attributes RFC-822 hold in any of their variants: each once, and none if there
// are no such attributes. Values are read as RFC 2156 §3.4 encodes ASCII in a PrintableString;
// where a parenthesis begins no character of that encoding, it stands for itself.
//
// The error, of kind Data, tells that there is a value besides those returned whose address
// depends on who reads it: with a phrase, comment, route, quoted string or domain literal (RFC
// 822 §6.1), of other characters than those of ASCII, or in several attributes.
func (a *Address) RFC822() (all []string, err error) {
	for _, d := range a.DomainDefined() {
		if typ := d.Type.Printable; typ != "" && len(typ) < len("rfc-822") && d.Type == (Text{Printable: typ}) {
			continue // neither it nor one of those in which it goes on
		}
		is, goesOn := false, false
		for _, typ := range d.Type.folded() {
			is = is || typ == "rfc-822"
			goesOn = goesOn || slices.Contains(continuations, typ)
		}
		switch {
		case goesOn:
			err = diag.New("", diag.Data, "an Internet address goes on in a second domain-defined attribute")
			continue
		case !is:
			continue
		}
		for _, value := range d.Value.Variants() {
			text := asciiOf(value)
			switch mail := strings.TrimSuffix(text, "."); {
			case !plainMail(mail):
				err = diag.New("", diag.Data, strconv.Quote(text)+" is not an Internet address alone")
			case !slices.Contains(all, mail):
				all = append(all, mail)
			}
		}
	}
	return all, err
}

// continuations are the types of the attributes in which a long RFC-822 goes on, folded.
var continuations = []string{"rfc822c1", "rfc822c2", "rfc822c3"}

// plainMail tells whether a text is local-part@domain as everybody reads it: a dot-atom and a name.
func plainMail(mail string) bool {
	local, domain, _ := strings.Cut(mail, "@")
	if local == "" {
		return false
	}
	for _, c := range []byte(local) {
		if !inLocalPart[c] {
			return false
		}
	}
	for name := range strings.SplitSeq(domain, ".") {
		if name == "" {
			return false
		}
		for _, c := range []byte(name) {
			if !letterOrDigit(c) && c != '-' && c != '_' {
				return false
			}
		}
	}
	return true
}

// inLocalPart has the characters of a dot-atom (RFC 5322 §3.2.3).
var inLocalPart = func() (in [256]bool) {
	for c := range in {
		in[c] = letterOrDigit(byte(c)) || strings.IndexByte("!#$%&'*+-/=?^_`{|}~.", byte(c)) >= 0
	}
	return in
}()

func letterOrDigit(c byte) bool { return c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' }

// asciiOf decodes ps-encoded of RFC 2156 §3.4.
func asciiOf(s string) string {
	if !strings.Contains(s, "(") {
		return s
	}
	const letters, stand = "apbqulrAPBQULR", `@%!"_()@%!"_()`
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if rest := s[i:]; rest[0] == '(' && len(rest) >= 3 {
			if at := strings.IndexByte(letters, rest[1]); at >= 0 && rest[2] == ')' {
				b.WriteByte(stand[at])
				i += 2
				continue
			}
			if len(rest) >= 5 && rest[4] == ')' {
				if n, err := strconv.ParseUint(rest[1:4], 10, 7); err == nil {
					b.WriteByte(byte(n))
					i += 4
					continue
				}
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
