package spif

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
)

// Bounds of the reading of a marking: its octets, and the comparisons of a phrase
// with a place in it, lest a policy with phrases within phrases cost time.
const (
	maxMarking = 2048
	maxTries   = 500000
)

// Parse returns the label that a text is the marking of, on a carrier, in any
// language of the policy. Names will do for phrases, the name of the policy may be
// missing, and letter case and blanks do not count; but each word of the text must
// be one that the policy knows. A text that is no marking, or of two labels, is an
// error of kind Data: there is no guess. The label need not be valid.
func (p *Policy) Parse(text string, c Carrier) (*label.Label, error) {
	r, err := p.read(text, c)
	if err != nil {
		return nil, err
	}
	own := &Set{list: []*Policy{p}, of: map[asn1.OID]*Policy{p.id: p}}
	return own.one(text, []*reader{r})
}

// Parse returns the label that a text is the marking of in one of the policies.
// One that two of them have is an error, unless it names the policy.
func (s *Set) Parse(text string, c Carrier) (*label.Label, error) {
	var readers []*reader
	for _, p := range s.Policies() {
		r, err := p.read(text, c)
		if err != nil {
			return nil, err
		}
		readers = append(readers, r)
	}
	return s.one(text, readers)
}

// one returns the only label that readers have found.
func (s *Set) one(text string, readers []*reader) (*label.Label, error) {
	var found []*label.Label
	var farthest *reader
	for _, r := range readers {
		found = append(found, r.found...)
		if farthest == nil || r.farthest > farthest.farthest {
			farthest = r
		}
	}
	var list []string
	for _, p := range s.Policies() {
		list = append(list, p.name)
	}
	names := strings.Join(list, ", ")
	switch {
	case len(found) == 1:
		return found[0], nil
	case len(found) > 1:
		return nil, diag.E("marking", diag.Data, fmt.Errorf("%q is ambiguous: it may be %s, or %s", clip(text), found[0].Text(s), found[1].Text(s)))
	case farthest == nil:
		return nil, diag.New("marking", diag.Data, "no policy is loaded")
	case farthest.farthest >= len(farthest.text):
		return nil, diag.E("marking", diag.Data, fmt.Errorf("%q says too little: there is no label of %s that reads so", clip(text), names))
	}
	return nil, diag.E("marking", diag.Data, fmt.Errorf("%q is nothing that stands there in a marking of %s", clip(farthest.text[farthest.farthest:]), names))
}

func clip(text string) string {
	if len(text) <= 60 {
		return text
	}
	return text[:60] + "…"
}

// grammar is what markings on a carrier, in a language, are made of, folded.
type grammar struct {
	prefix, suffix, separator string
	policy                    []phrase
	classes                   []phrase
	tags                      []tagGrammar
	marks                     []phrase
}

// phrase is a text and what it stands for.
type phrase struct {
	text     string
	class    *class
	category *category
	mark     string
}

type tagGrammar struct {
	prefix, suffix, separator string
	phrases                   []phrase
}

// grammars returns those of a carrier, one for each language, made when they are
// first asked for.
func (p *Policy) grammars(c Carrier) []*grammar { return p.grammarsOf[c]() }

// prepare makes the reading of markings possible.
func (p *Policy) prepare() {
	p.grammarsOf = map[Carrier]func() []*grammar{}
	for _, each := range carriers {
		p.grammarsOf[each.carrier] = sync.OnceValue(func() []*grammar {
			var list []*grammar
			for _, lang := range p.languages() {
				list = append(list, p.grammar(each.carrier, lang))
			}
			return list
		})
	}
}

// languages are "" and those of the markings.
func (p *Policy) languages() []string {
	list := []string{""}
	p.eachMarking(func(m *markings) {
		for _, d := range m.data {
			list = append(list, d.lang)
		}
		for _, q := range m.qualifiers {
			list = append(list, q.lang)
		}
	})
	slices.Sort(list)
	return slices.Compact(list)
}

func (p *Policy) eachMarking(do func(*markings)) {
	do(&p.whole)
	do(&p.own)
	for _, k := range p.classes {
		do(&k.marking)
	}
	for _, t := range p.tags {
		do(&t.marking)
		for _, c := range t.categories {
			do(&c.marking)
		}
	}
	do(&p.privacy.marking)
	for i := range p.privacy.marks {
		do(&p.privacy.marks[i].marking)
	}
}

func (p *Policy) grammar(c Carrier, lang string) *grammar {
	get := func(m *markings, code string) string {
		text, _ := m.qualifier(code, c, lang)
		return fold(text)
	}
	g := &grammar{prefix: get(&p.whole, "prefix"), suffix: get(&p.whole, "suffix"), separator: get(&p.whole, "separator")}
	if c == XHeader {
		g.prefix = ""
	}
	of := func(m *markings, name string, as phrase) []phrase {
		var list []phrase
		add := func(text string) {
			if as.text = fold(text); as.text != "" && !slices.Contains(list, as) {
				list = append(list, as)
			}
		}
		if text, ok := m.phrase(c, lang, name); ok {
			add(m.around(text, c, lang))
		}
		if _, hidden := m.does(noNameDisplay, c, lang); !hidden {
			add(name)
		}
		return list
	}
	replaced := func(m *markings, as phrase) {
		if text, ok := m.does(replacePolicy, c, lang); ok && fold(text) != "" {
			as.text = fold(text)
			g.policy = append(g.policy, as)
		}
	}
	g.policy = of(&p.own, p.name, phrase{})
	replaced(&p.whole, phrase{})
	replaced(&p.own, phrase{})
	for _, k := range p.classes {
		g.classes = append(g.classes, of(&k.marking, k.Name, phrase{class: k})...)
		replaced(&k.marking, phrase{class: k})
	}
	for _, t := range p.tags {
		tg := tagGrammar{prefix: get(&t.marking, "prefix"), suffix: get(&t.marking, "suffix"), separator: get(&t.marking, "separator")}
		if _, given := t.marking.qualifier("separator", c, lang); !given {
			tg.separator = "/"
		}
		for _, k := range t.categories {
			if k.Kind == 0 {
				continue // no label carries it
			}
			tg.phrases = append(tg.phrases, of(&k.marking, k.Name, phrase{category: k})...)
			replaced(&k.marking, phrase{category: k})
		}
		g.tags = append(g.tags, tg)
	}
	for i := range p.privacy.marks {
		m := &p.privacy.marks[i]
		for _, one := range of(&m.marking, m.name, phrase{mark: m.name}) {
			one.text = fold(p.privacy.marking.around(one.text, c, lang))
			g.marks = append(g.marks, one)
		}
	}
	return g
}

// reader finds the labels that a text may be the marking of.
type reader struct {
	p        *Policy
	g        *grammar
	text     string
	tries    int
	farthest int
	found    []*label.Label
}

// partial is what has been read up to a place.
type partial struct {
	replacedBy phrase // of the policy's name, which asks for a class or says a category
	class      *class
	categories []*category
	used       []bool // tags
	mark       string
}

func (p *Policy) read(text string, c Carrier) (*reader, error) {
	r := &reader{p: p, text: fold(text)}
	if len(text) > maxMarking {
		return nil, diag.E("marking", diag.Data, fmt.Errorf("a text of %d octets", len(text)))
	}
	if _, known := ParseCarrier(c.String()); !known {
		return nil, diag.New("marking", diag.Internal, "no such carrier")
	}
	for _, g := range p.grammars(c) {
		r.g = g
		r.begin()
	}
	if r.tries > maxTries {
		return nil, diag.E("marking", diag.Data, fmt.Errorf("%q may be read in too many ways", clip(text)))
	}
	return r, nil
}

// blank returns the place after a blank.
func (r *reader) blank(at int) int {
	if at < len(r.text) && r.text[at] == ' ' {
		at++
	}
	return at
}

// match returns the place after a token, which stands by itself: no letter or digit
// of it touches another.
func (r *reader) match(at int, token string) (int, bool) {
	r.tries++
	at = r.blank(at)
	if r.tries > maxTries || !strings.HasPrefix(r.text[at:], token) {
		return 0, false
	}
	end := at + len(token)
	if token != "" {
		before, _ := utf8.DecodeLastRuneInString(r.text[:at])
		first, _ := utf8.DecodeRuneInString(token)
		last, _ := utf8.DecodeLastRuneInString(token)
		after, _ := utf8.DecodeRuneInString(r.text[end:])
		if isWord(before) && isWord(first) || isWord(last) && isWord(after) {
			return 0, false
		}
	}
	return end, true
}

func isWord(c rune) bool { return c != utf8.RuneError && (unicode.IsLetter(c) || unicode.IsDigit(c)) }

// past returns the place after a token that may be missing.
func (r *reader) past(at int, token string) int {
	if token != "" {
		if end, ok := r.match(at, token); ok {
			return end
		}
	}
	return at
}

func (r *reader) begin() {
	at := r.past(0, r.g.prefix)
	r.class(at, partial{})
	for _, ph := range r.g.policy {
		if end, ok := r.match(at, ph.text); ok {
			r.class(r.past(end, r.g.separator), partial{replacedBy: ph})
		}
	}
}

func (r *reader) class(at int, so partial) {
	r.farthest = max(r.farthest, r.blank(at))
	for _, ph := range r.g.classes {
		if end, ok := r.match(at, ph.text); ok && (so.replacedBy.class == nil || so.replacedBy.class == ph.class) {
			so.class = ph.class
			so.used = make([]bool, len(r.g.tags))
			r.rest(end, so)
		}
	}
}

// rest reads tags and a privacy mark, in any order, up to the end.
func (r *reader) rest(at int, so partial) {
	r.farthest = max(r.farthest, r.blank(at))
	if end := r.blank(r.past(at, r.g.suffix)); end == len(r.text) {
		r.end(so)
		if r.blank(at) == end {
			return
		}
	}
	at = r.past(at, r.g.separator)
	for i := range r.g.tags {
		if so.used[i] {
			continue
		}
		if end, ok := r.match(at, r.g.tags[i].prefix); ok {
			next := so
			next.used = slices.Clone(so.used)
			next.used[i] = true
			r.values(end, i, next)
		}
	}
	if so.mark != "" {
		return
	}
	for _, ph := range r.g.marks {
		if end, ok := r.match(at, ph.text); ok {
			next := so
			next.mark = ph.mark
			r.rest(end, next)
		}
	}
}

// values reads the values of a tag, one at least.
func (r *reader) values(at, i int, so partial) {
	t := &r.g.tags[i]
	r.farthest = max(r.farthest, r.blank(at))
	for _, ph := range t.phrases {
		end, ok := r.match(at, ph.text)
		if !ok || slices.Contains(so.categories, ph.category) {
			continue
		}
		r.farthest = max(r.farthest, r.blank(end))
		next := so
		next.categories = append(slices.Clone(so.categories), ph.category)
		if after, ok := r.match(end, t.suffix); ok {
			r.rest(after, next)
		}
		if after, ok := r.match(end, t.separator); ok {
			r.values(after, i, next)
		}
	}
}

// end keeps a label that was read to the end, unless it has been found already.
func (r *reader) end(so partial) {
	if implied := so.replacedBy.category; implied != nil && !slices.Contains(so.categories, implied) {
		so.categories = append(slices.Clone(so.categories), implied)
	}
	l := &label.Label{Policy: r.p.id, Classification: new(so.class.Value), PrivacyMark: so.mark}
	var tags []label.Tag
	for _, c := range so.categories {
		i := slices.IndexFunc(tags, func(t label.Tag) bool { return t.Set == c.SetID && t.Kind == c.Kind })
		if i < 0 {
			tags = append(tags, label.NewTag(c.SetID, c.Kind, c.Value))
			continue
		}
		tags[i] = label.NewTag(c.SetID, c.Kind, append(tags[i].Values, c.Value)...)
	}
	l.Categories = label.Carry(r.p.labelSyntax, tags)
	if len(r.found) < 2 && !slices.ContainsFunc(r.found, l.Equal) {
		r.found = append(r.found, l)
	}
}
