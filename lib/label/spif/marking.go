package spif

import (
	"fmt"
	"slices"
	"strings"
	"unicode"

	"github.com/mtakit/mtakit/lib/label"
)

// A Carrier is where a marking is displayed: the marking codes of the policy that
// are places.
type Carrier uint32

// The carriers.
const (
	PageTop Carrier = 1 << iota
	PageBottom
	DocumentStart
	DocumentEnd
	FirstLineOfText
	LastLineOfText
	Subject
	XHeader
	PortionMarking
	InputTitle
	WaterMark
)

var carriers = []struct {
	name    string
	carrier Carrier
}{
	{"pageTop", PageTop}, {"pageBottom", PageBottom}, {"documentStart", DocumentStart}, {"documentEnd", DocumentEnd},
	{"firstLineOfText", FirstLineOfText}, {"lastLineOfText", LastLineOfText}, {"subject", Subject}, {"xHeader", XHeader},
	{"portionMarking", PortionMarking}, {"inputTitle", InputTitle}, {"waterMark", WaterMark},
}

// String returns the name the schema has for the carrier.
func (c Carrier) String() string {
	for _, each := range carriers {
		if each.carrier == c {
			return each.name
		}
	}
	return "no carrier"
}

// Carriers returns all carriers.
func Carriers() []Carrier {
	list := make([]Carrier, len(carriers))
	for i, each := range carriers {
		list[i] = each.carrier
	}
	return list
}

// ParseCarrier returns the carrier of a name.
func ParseCarrier(name string) (Carrier, bool) {
	for _, each := range carriers {
		if each.name == name {
			return each.carrier, true
		}
	}
	return 0, false
}

// behaviour is the marking codes that are no places.
type behaviour uint8

const (
	noNameDisplay behaviour = 1 << iota
	noMarkingDisplay
	suppressClassName
	replacePolicy
)

var behaviours = map[string]behaviour{
	"noNameDisplay": noNameDisplay, "noMarkingDisplay": noMarkingDisplay,
	"suppressClassName": suppressClassName, "replacePolicy": replacePolicy,
}

// markings are the markingData and markingQualifiers of one component.
type markings struct {
	data       []markingData
	qualifiers []markingQualifier
}

type markingData struct {
	phrase string
	given  bool // a phrase is there, perhaps empty
	lang   string
	places Carrier // 0: everywhere
	does   behaviour
}

type markingQualifier struct {
	places Carrier // 0: everywhere
	lang   string
	code   string // prefix, suffix, separator
	text   string
}

// fallbacks are the carriers whose entries serve for one that has none: a policy
// older than schema 2.0 knows pages and documents only.
func fallbacks(c Carrier) [3]Carrier { return [3]Carrier{c, PageTop, DocumentStart} }

// ranges are a language and those it is a kind of, the policy's own last: fr-CA, fr
// and "" (RFC 4647 §3.4).
func ranges(lang string) []string {
	list := []string{lang}
	for lang != "" {
		lang = lang[:max(strings.LastIndexByte(lang, '-'), 0)]
		list = append(list, lang)
	}
	return list
}

// phrase returns what is displayed of a component of a name, if anything.
func (m *markings) phrase(c Carrier, lang, name string) (string, bool) {
	noName := false
	for _, d := range m.data {
		if d.does&noNameDisplay != 0 && (d.places == 0 || d.places&c != 0) {
			noName = true
		}
	}
	for _, place := range fallbacks(c) {
		for _, in := range ranges(lang) {
			for _, d := range m.data {
				switch {
				case d.lang != in, d.does&(noMarkingDisplay|replacePolicy) != 0:
				case d.places&place == 0 && !(d.places == 0 && d.given):
				case d.given:
					return d.phrase, strings.TrimSpace(d.phrase) != ""
				default:
					return name, !noName
				}
			}
		}
	}
	return name, !noName
}

// does reports whether an entry for a carrier has a behaviour, and its phrase.
func (m *markings) does(b behaviour, c Carrier, lang string) (phrase string, ok bool) {
	for _, in := range ranges(lang) {
		for _, d := range m.data {
			if d.does&b != 0 && d.lang == in && (d.places == 0 || d.places&c != 0) {
				return d.phrase, true
			}
		}
	}
	return "", false
}

// qualifier returns the prefix, suffix or separator for a carrier.
func (m *markings) qualifier(code string, c Carrier, lang string) (string, bool) {
	places := fallbacks(c)
	for _, place := range []Carrier{c, 0, places[1], places[2]} {
		for _, in := range ranges(lang) {
			for _, q := range m.qualifiers {
				if q.code == code && q.lang == in && (q.places == place || q.places&place != 0) {
					return q.text, true
				}
			}
		}
	}
	return "", false
}

// around puts a prefix and a suffix around a text.
func (m *markings) around(text string, c Carrier, lang string) string {
	prefix, _ := m.qualifier("prefix", c, lang)
	suffix, _ := m.qualifier("suffix", c, lang)
	return prefix + text + suffix
}

// HeaderName returns the name of the field of a header that the policy has for
// its marking, or "": the prefix of the marking as a whole for xHeader.
func (p *Policy) HeaderName() string {
	for _, q := range p.whole.qualifiers {
		if q.code == "prefix" && q.places&XHeader != 0 {
			return strings.TrimRight(strings.TrimSpace(q.text), ":")
		}
	}
	return ""
}

// Marking returns how a label reads on a carrier, in a language such as "fr"; ""
// is the policy's own. Components are those of the label in the order of the
// policy: its name, the classification, the categories of each tag, the privacy
// mark, all on one line. A label with components that the policy does not know has
// no marking, and the verdict says which they are. What decides on access and is not
// displayed there is remarked upon: whoever reads the marking cannot know of it.
func (p *Policy) Marking(l *label.Label, c Carrier, lang string) (string, Verdict) {
	lang = strings.ToLower(lang)
	j := judge{p: p}
	j.components(l)
	if v := j.verdict(); !v.Allowed {
		return "", v
	}
	m := marker{judge: &j, p: p, c: c, lang: lang}
	k := p.classOf[*l.Classification]
	m.policy(l, k)
	m.class(l, k)
	for _, t := range p.tags {
		m.tag(l, t)
	}
	without := len(m.parts)
	listed := m.privacyMark(l.PrivacyMark)
	text := m.text()
	if len(m.parts) > without && !listed {
		// A mark of that kind is never read: if the text can be, the mark reads like something else,
		// such as one more value of the tag before it.
		if _, err := p.Parse(text, c); err == nil {
			m.parts = m.parts[:without]
			text = m.text()
			j.remark(Reason{Word: Discarded, Text: fmt.Sprintf("the privacy mark %q reads like something else in the label, and restricts nobody", clip(l.PrivacyMark))})
		}
	}
	return text, j.verdict()
}

// text is the marking of the parts that there are.
func (m *marker) text() string {
	text := strings.Join(m.parts, m.separator())
	if m.c == XHeader {
		// The prefix is the name of the field.
		suffix, _ := m.p.whole.qualifier("suffix", m.c, m.lang)
		return oneLine(text + suffix)
	}
	return oneLine(m.p.whole.around(text, m.c, m.lang))
}

// oneLine makes blanks of what could end a line, turns text around or is no text: privacy marks come
// from outside, and markings go into headers and are read by people.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r == '\u2028' || r == '\u2029' || unicode.Is(unicode.Bidi_Control, r) {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
}

type marker struct {
	judge    *judge
	p        *Policy
	c        Carrier
	lang     string
	parts    []string
	replaced *markings // whose phrase stands for the policy
}

// replaces reports whether the phrase of a category stands for the policy, and so is
// displayed after all.
func (m *marker) replaces(c *category) bool { return m.replaced == &c.marking }

func (m *marker) separator() string {
	if s, ok := m.p.whole.qualifier("separator", m.c, m.lang); ok {
		return s
	}
	return " "
}

func (m *marker) add(text string) {
	if strings.TrimSpace(text) != "" {
		m.parts = append(m.parts, text)
	}
}

// policy adds the name of the policy, or what replaces it.
func (m *marker) policy(l *label.Label, k *class) {
	for _, replaced := range m.replacements(l, k) {
		if phrase, ok := replaced.does(replacePolicy, m.c, m.lang); ok {
			m.add(phrase)
			m.replaced = replaced
			return
		}
	}
	if phrase, ok := m.p.own.phrase(m.c, m.lang, m.p.name); ok {
		m.add(m.p.own.around(phrase, m.c, m.lang))
	}
}

// replacements are the markings of what may replace the name of the policy.
func (m *marker) replacements(l *label.Label, k *class) []*markings {
	list := []*markings{&m.p.whole, &m.p.own, &k.marking}
	m.p.eachCategory(l, func(c *category) { list = append(list, &c.marking) })
	return list
}

func (m *marker) class(l *label.Label, k *class) {
	suppressed := false
	m.p.eachCategory(l, func(c *category) {
		if _, ok := c.marking.does(suppressClassName, m.c, m.lang); ok {
			suppressed = true
		}
	})
	_, suppresses := k.marking.does(suppressClassName, m.c, m.lang)
	phrase, ok := k.marking.phrase(m.c, m.lang, k.Name)
	if !ok || suppressed || suppresses {
		m.judge.remark(Reason{Word: Hidden, Classification: k.Name, Text: fmt.Sprintf("the classification %s is not displayed on %v", k.Name, m.c)})
		return
	}
	m.add(k.marking.around(phrase, m.c, m.lang))
}

func (m *marker) tag(l *label.Label, t *tag) {
	var phrases []string
	for _, c := range t.categories {
		if !c.Has(l) {
			continue
		}
		if phrase, ok := c.marking.phrase(m.c, m.lang, c.Name); ok {
			phrases = append(phrases, c.marking.around(phrase, m.c, m.lang))
		} else if c.Kind.Decides() && !m.replaces(c) {
			m.judge.remark(Reason{Word: Hidden, Category: c.called(), Text: fmt.Sprintf("%s is not displayed on %v", c.called(), m.c)})
		}
	}
	if len(phrases) == 0 {
		return
	}
	if t.kind.Decides() && !isRestrictive(t.kind) && m.p.times(l, t) > 1 {
		m.judge.remark(Reason{Word: Hidden, Category: t.called(), Text: fmt.Sprintf("the label has %s more than once, all of which are needed, and a marking cannot say so", t.called())})
	}
	separator, ok := t.marking.qualifier("separator", m.c, m.lang)
	if !ok {
		separator = "/"
	}
	m.add(t.marking.around(strings.Join(phrases, separator), m.c, m.lang))
}

// times is how many tags of a label have values of one of the policy.
func (p *Policy) times(l *label.Label, of *tag) int {
	n := 0
	for i := range l.Categories {
		for j := range l.Categories[i].Tags {
			t := &l.Categories[i].Tags[j]
			if t.Set == of.set.id && slices.ContainsFunc(t.Values, func(v label.Value) bool {
				c, _ := of.set.find(t.Kind, v)
				return c != nil && c.tag == of
			}) {
				n++
			}
		}
	}
	return n
}

// privacyMark adds the mark, and reports whether the policy lists it.
func (m *marker) privacyMark(mark string) (listed bool) {
	if mark == "" {
		return false
	}
	for _, known := range m.p.privacy.marks {
		if known.name == mark {
			if phrase, ok := known.marking.phrase(m.c, m.lang, known.name); ok {
				m.add(m.p.privacy.marking.around(known.marking.around(phrase, m.c, m.lang), m.c, m.lang))
			}
			return true
		}
	}
	m.add(m.p.privacy.marking.around(mark, m.c, m.lang))
	return false
}

// eachCategory calls do for each category of a label that the policy knows.
func (p *Policy) eachCategory(l *label.Label, do func(*category)) {
	for i := range l.Categories {
		for j := range l.Categories[i].Tags {
			t := &l.Categories[i].Tags[j]
			s := p.setOf[t.Set]
			if s == nil {
				continue
			}
			for _, v := range t.Values {
				for c, _ := s.find(t.Kind, v); c != nil; c = c.next {
					do(c)
				}
			}
		}
	}
}

// markingData and markingQualifier read those elements.
func (c *compiler) markingData(to *markings) func(*element) error {
	return func(e *element) error {
		d := markingData{lang: e.lang()}
		d.phrase, d.given = e.attr("phrase")
		err := c.each(e, map[string]func(*element) error{"code": func(code *element) error {
			b := behaviours[code.text]
			places, ok := places(code.text)
			if b == 0 && !ok {
				return c.errorf(code.line, "marking code %q is not known", code.text)
			}
			d.does |= b
			d.places |= places
			return nil
		}})
		if len(d.phrase) > maxPhrase {
			return c.errorf(e.line, "a phrase of %d octets", len(d.phrase))
		}
		to.data = append(to.data, d)
		return err
	}
}

func (c *compiler) markingQualifier(to *markings) func(*element) error {
	return func(e *element) error {
		var where Carrier
		if code, ok := e.attr("markingCode"); ok {
			known := false
			if where, known = places(code); !known {
				return c.errorf(e.line, "markingCode %q is no place", code)
			}
		}
		lang := e.lang()
		return c.each(e, map[string]func(*element) error{"qualifier": func(q *element) error {
			text, ok := q.attr("markingQualifier")
			if !ok {
				return c.errorf(q.line, "<qualifier> has no markingQualifier")
			}
			code, err := c.need(q, "qualifierCode")
			if err != nil {
				return err
			}
			if code != "prefix" && code != "suffix" && code != "separator" || len(text) > maxPhrase {
				return c.errorf(q.line, "qualifierCode %q is none of prefix, suffix, separator, or its text is too long", code)
			}
			in := lang
			if own := q.lang(); own != "" {
				in = own
			}
			to.qualifiers = append(to.qualifiers, markingQualifier{places: where, lang: in, code: code, text: text})
			return nil
		}})
	}
}

// maxPhrase bounds phrases and qualifiers, which the schema does to 256 characters.
const maxPhrase = 1024

// places returns the carriers of a marking code.
func places(code string) (Carrier, bool) {
	if code == "pageTopBottom" {
		return PageTop | PageBottom, true
	}
	return ParseCarrier(code)
}

// fold is how names and phrases are compared: without regard to letter case and to
// more blanks than one.
func fold(text string) string {
	return strings.ToUpper(strings.Join(strings.Fields(text), " "))
}
