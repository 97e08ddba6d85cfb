package rule

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// readValue reads what a term is compared with.
func readValue(t Term, text string) (v Value, err error) {
	v.Text = text
	switch t.Sort() {
	case Address:
		err = v.address(text)
	case Text, Texts, Class:
		if text == "" {
			err = errors.New("an empty string equals nothing")
		}
	case Word, Rank:
		err = v.word(t, text)
	case Number:
		v.Number, err = number(text)
	case Octets:
		var o quantity.Octets
		err = o.UnmarshalText([]byte(text))
		v.Number = int64(o)
	case Moment:
		if err = v.Window.UnmarshalText([]byte(text)); err == nil {
			v.Text = v.Window.String()
		}
	case Network:
		v.Prefix, err = prefix(text)
	}
	return v, err
}

// address reads a pattern of O/R addresses, or of Internet addresses: an @ stands in no O/R
// address outside a value.
func (v *Value) address(text string) error {
	if local, domain, ok := strings.Cut(text, "@"); ok && !strings.ContainsAny(text, "/=;") {
		if local == "" || domain == "" || strings.Contains(domain, "@") {
			return fmt.Errorf("%s is no pattern of Internet addresses such as \"ann@example.com\" or \"*@example.com\"", clip(quote(text)))
		}
		return nil
	}
	p, err := oraddr.ParsePattern(text)
	v.Pattern = &p
	return err
}

func (v *Value) word(t Term, text string) error {
	if words := t.Words(); words != nil {
		if v.Number = int64(slices.Index(words, text)); v.Number < 0 {
			return fmt.Errorf("%s is none of %s", clip(text), list(words))
		}
		return nil
	}
	c, err := mts.ParseContentType(text)
	if err == nil {
		v.Text = c.Canonical().String() // however it was written
	}
	return err
}

func prefix(text string) (netip.Prefix, error) {
	if a, err := netip.ParseAddr(text); err == nil && a.Zone() == "" {
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), nil
	}
	p, err := netip.ParsePrefix(text)
	switch {
	case err != nil:
		return p, fmt.Errorf("%s is neither an IP address nor a subnet such as \"192.0.2.0/24\"", clip(quote(text)))
	case p != p.Masked():
		return p, fmt.Errorf("%s has bits set beyond its length: %s", text, p.Masked())
	case p.Addr().Is4In6():
		return p, fmt.Errorf("%s: write the IPv4 subnet", text)
	}
	return p, nil
}
