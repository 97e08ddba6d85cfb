package label

import (
	"encoding/base64"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/mts"
)

// String returns the text form without names.
func (l *Label) String() string { return l.Text(nil) }

// Text returns the text form, which Parse reads, with the names of a policy where
// it has some. Names may be nil.
func (l *Label) Text(names Names) string {
	f := formatter{names: names, policy: l.Policy}
	f.policyElement()
	if l.Classification != nil {
		f.element("class", f.class(*l.Classification))
	}
	f.categories(l.Categories)
	if l.PrivacyMark != "" {
		f.element("mark", quote(l.PrivacyMark))
	}
	for _, u := range l.Unknown {
		f.element("unknown", quote(base64.StdEncoding.EncodeToString(u)))
	}
	return strings.Join(f.parts, "; ")
}

// String returns the text form without names.
func (c *Clearance) String() string { return c.Text(nil) }

// Text returns the text form, which ParseClearance reads, as Label.Text does.
func (c *Clearance) Text(names Names) string {
	f := formatter{names: names, policy: c.Policy}
	f.policyElement()
	classes := make([]string, len(c.Classes))
	for i, n := range c.Classes {
		classes[i] = f.class(n)
	}
	f.element("class", classes...)
	f.categories(c.Categories)
	return strings.Join(f.parts, "; ")
}

type formatter struct {
	names  Names
	policy asn1.OID
	parts  []string
}

// element appends an element, key being quoted already.
func (f *formatter) element(key string, values ...string) {
	f.parts = append(f.parts, key+"="+strings.Join(values, ","))
}

func (f *formatter) policyElement() {
	if f.policy == "" {
		return
	}
	name := ""
	if f.names != nil {
		name = f.names.PolicyName(f.policy)
		if back, err := f.names.Policy(name); name == "" || err != nil || back != f.policy {
			name = ""
		}
	}
	if name == "" {
		name = string(f.policy)
	}
	f.element("policy", quote(name))
}

// class is the name of a classification; a number that is also a name has a # before.
func (f *formatter) class(n mts.SecurityClassification) string {
	number := strconv.FormatInt(int64(n), 10)
	if f.names == nil {
		return number
	}
	if name := f.names.ClassName(f.policy, n); name != "" {
		if back, err := f.names.Class(f.policy, name); err == nil && back == n {
			return quote(name)
		}
	}
	if _, err := f.names.Class(f.policy, number); err == nil {
		return "#" + number
	}
	return number
}

func (f *formatter) categories(all []Category) {
	for _, c := range all {
		if c.Tags == nil {
			f.element("type:"+string(c.Type), quote(base64.StdEncoding.EncodeToString(c.Value)))
			continue
		}
		for _, t := range c.Tags {
			f.tag(&c, &t)
		}
	}
}

// tag appends a tag by its names if every value has one that leads back to it, and
// if the policy's syntax is that of the category.
func (f *formatter) tag(c *Category, t *Tag) {
	if f.named(c, t) {
		return
	}
	key := string(t.Set) + ":" + t.Kind.String()
	switch {
	case c.Policy != "":
		key = "sdn801/" + string(c.Policy) + ":" + key
	case c.Type == SyntaxSDN801 || c.Type == SyntaxSDN801Clearance:
		key = "sdn801:" + key
	}
	values := make([]string, len(t.Values))
	for i, v := range t.Values {
		values[i] = string(v)
	}
	f.element(key, values...)
}

func (f *formatter) named(c *Category, t *Tag) bool {
	if f.names == nil || c.Policy != "" || len(t.Values) == 0 {
		return false
	}
	ofLabels, ofClearances := f.names.Syntax(f.policy)
	acp := c.Type != SyntaxSDN801 && c.Type != SyntaxSDN801Clearance
	if c.Type != ofLabels && c.Type != ofClearances && !(acp && ofLabels != SyntaxSDN801 && ofClearances != SyntaxSDN801Clearance) {
		return false
	}
	var set, tag string
	values := make([]string, len(t.Values))
	for i, v := range t.Values {
		s, g, name := f.names.CategoryName(f.policy, t.Set, t.Kind, v)
		if s == "" || name == "" || i > 0 && (s != set || g != tag) || strings.Trim(name, "*") == "" {
			return false
		}
		back, err := f.names.Category(f.policy, s, g, name)
		if err != nil || back.Set != t.Set || !t.Kind.stands(back.Kind) || len(back.Values) != 1 || back.Values[0] != v {
			return false
		}
		set, tag, values[i] = s, g, quote(name)
	}
	key := quote(set)
	if slices.Contains(keywords, set) || strings.HasPrefix(set, "sdn801/") || asn1.OID(set).Valid() == nil {
		key = forced(set)
	}
	if tag != "" && tag != set {
		key += ":" + quote(tag)
	}
	f.element(key, values...)
	return true
}

// quote returns a word as it is where that reads back as it is, or else quoted.
func quote(text string) string {
	plain := text != "" && text == strings.TrimSpace(text) && utf8.ValidString(text) &&
		!strings.ContainsAny(text, `;:=,<"\`) &&
		strings.IndexFunc(text, func(r rune) bool { return !unicode.IsPrint(r) }) < 0
	if plain {
		return text
	}
	return forced(text)
}

func forced(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for i := 0; i < len(text); {
		r, n := utf8.DecodeRuneInString(text[i:])
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r == utf8.RuneError && n <= 1 || !unicode.IsPrint(r):
			for _, c := range []byte(text[i : i+n]) {
				fmt.Fprintf(&b, `\x%02x`, c)
			}
		default:
			b.WriteRune(r)
		}
		i += n
	}
	b.WriteByte('"')
	return b.String()
}
