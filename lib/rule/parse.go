package rule

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// reserved are the words of the language, which name no rule.
var reserved = []string{"if", "then", "and", "or", "not", "in", "continue", "allow", "refuse", "hold", "redirect", "add", "by", "require"}

// Parse reads the text of rules. The error has kind Data and joins a *SyntaxError for every
// rule that has a fault, up to a number that people can read.
func Parse(text string) ([]Rule, error) {
	if len(text) > MaxText {
		return nil, diag.New("rules", diag.Data, fmt.Sprintf("%d octets; the limit is %d", len(text), MaxText))
	}
	p := &parser{scanner: scanner{text: text, line: 1}}
	p.advance()
	p.advance()
	var rules []Rule
	var faults []error
	seen := map[string]int{}
	for p.token.kind != end {
		r, err := p.rule()
		if err == nil && seen[r.Name] != 0 {
			err = p.faultAt(token{line: r.Line, column: 1}, "there is a rule of that name on line %d", seen[r.Name])
		}
		switch {
		case err != nil:
			faults = append(faults, err)
			p.recover()
		case len(rules) == MaxRules:
			return nil, diag.E("", diag.Data, p.faultAt(token{line: r.Line, column: 1}, "more than %d rules", MaxRules))
		default:
			seen[r.Name] = r.Line
			rules = append(rules, r)
		}
		if len(faults) == maxFaults {
			faults = append(faults, errors.New("there may be more faults"))
			break
		}
		p.name = ""
	}
	if len(faults) > 0 {
		return nil, diag.E("", diag.Data, errors.Join(faults...))
	}
	return rules, nil
}

// parser reads rules with one token of look-ahead.
type parser struct {
	scanner
	token, after token
	name         string // of the rule that is being read
	depth        int
}

func (p *parser) advance() { p.token, p.after = p.after, p.next() }

// take goes past a word or a sign, if it is the next.
func (p *parser) take(text string) bool {
	if p.token.text != text || p.token.kind != word && p.token.kind != sign {
		return false
	}
	p.advance()
	return true
}

func (p *parser) faultAt(t token, format string, args ...any) error {
	return &SyntaxError{Line: t.line, Column: t.column, Rule: p.name, Err: fmt.Errorf(format, args...)}
}

// wants is the fault that something else was to come.
func (p *parser) wants(what string) error {
	if p.token.kind == nonsense {
		return p.faultAt(p.token, "%s", p.token.text)
	}
	return p.faultAt(p.token, "%s, where %s should be", p.token.shown(), what)
}

// recover goes to where the next rule seems to begin.
func (p *parser) recover() {
	for p.depth = 0; p.token.kind != end; p.advance() {
		if p.begins() && p.token.column == 1 {
			return
		}
	}
}

// begins tells whether a rule begins here.
func (p *parser) begins() bool {
	return p.token.kind == word && p.after.kind == sign && p.after.text == ":"
}

func (p *parser) rule() (r Rule, err error) {
	if !p.begins() {
		err := p.wants("the name of a rule and a colon")
		p.advance()
		return r, err
	}
	r.Name, r.Line = p.token.text, p.token.line
	switch {
	case slices.Contains(reserved, r.Name):
		err = p.faultAt(p.token, "%s is a word of the language, and no name", r.Name)
	case len(r.Name) > MaxName:
		err = p.faultAt(p.token, "a name of %d octets; the limit is %d", len(r.Name), MaxName)
	default:
		p.name = r.Name
	}
	p.advance()
	p.advance()
	if err != nil {
		return r, err
	}
	if p.take("if") {
		if r.When, err = p.either(); err != nil {
			return r, err
		}
	}
	if !p.take("then") {
		return r, p.wants(`"then"`)
	}
	r.Action, err = p.action()
	switch {
	case err != nil || p.token.kind == end || p.begins():
	case p.token.kind == word && len(r.Action.Text) == 0 && (r.Action.Decision == Refuse || r.Action.Decision == Hold):
		err = p.wants("a comma, the next rule, or a text in quotation marks")
	default:
		err = p.wants("a comma or the next rule")
	}
	return r, err
}

// either reads conditions joined by or.
func (p *parser) either() (*Condition, error) { return p.joined(Or, "or", p.both) }

// both reads conditions joined by and.
func (p *parser) both() (*Condition, error) { return p.joined(And, "and", p.one) }

func (p *parser) joined(op Operator, by string, read func() (*Condition, error)) (*Condition, error) {
	first, err := read()
	if err != nil {
		return nil, err
	}
	all := &Condition{Operator: op, Of: []*Condition{first}}
	for p.take(by) {
		next, err := read()
		if err != nil {
			return nil, err
		}
		all.Of = append(all.Of, next)
	}
	if len(all.Of) == 1 {
		return first, nil
	}
	return all, nil
}

// one reads a test, a negation or what is in parentheses.
func (p *parser) one() (*Condition, error) {
	if p.depth++; p.depth > MaxDepth {
		return nil, p.faultAt(p.token, "%w", errTooDeep)
	}
	defer func() { p.depth-- }()
	switch {
	case p.take("not"):
		c, err := p.one()
		if err != nil {
			return nil, err
		}
		return &Condition{Operator: Not, Of: []*Condition{c}}, nil
	case p.take("("):
		c, err := p.either()
		if err == nil && !p.take(")") {
			err = p.wants(`"and", "or" or a closing parenthesis`)
		}
		return c, err
	}
	t, err := p.test()
	return &Condition{Test: t}, err
}

func (p *parser) test() (*Test, error) {
	if p.token.kind != word {
		return nil, p.wants("a condition")
	}
	of, ok := parseTerm(p.token.text)
	if !ok {
		return nil, p.faultAt(p.token, "there is no term %s, but %s", p.token.shown(), list(names(Terms())))
	}
	t := &Test{Term: of, Line: p.token.line}
	p.advance()
	if of.Sort() == Flag {
		return t, nil
	}
	not := p.token.kind == word && p.token.text == "not" && p.after.text == "in"
	if not {
		p.advance()
		t.Comparison = NotEqual
	}
	if p.take("in") {
		if !p.take("(") {
			return nil, p.wants("an opening parenthesis")
		}
		for {
			if len(t.Values) == MaxValues {
				return nil, p.faultAt(p.token, "more than %d values", MaxValues)
			}
			if err := p.value(t); err != nil {
				return nil, err
			}
			if p.take(")") {
				return t, nil
			}
			if !p.take(",") {
				return nil, p.wants("a comma or a closing parenthesis")
			}
		}
	}
	at := slices.Index(comparisons[:], p.token.text)
	if p.token.kind != sign || at < 0 {
		return nil, p.wants(`a comparison, "in" or "not in"`)
	}
	if t.Comparison = Comparison(at); t.Comparison > NotEqual && !of.Sort().ordered() {
		return nil, p.faultAt(p.token, "%s is equal to a value or not, and neither greater nor less", of)
	}
	p.advance()
	return t, p.value(t)
}

// value reads one value of a test.
func (p *parser) value(t *Test) error {
	s := t.Term.Sort()
	bare := s == Number || s == Octets || s == Word || s == Rank
	switch {
	case bare && p.token.kind == quoted:
		return p.faultAt(p.token, "%s is compared with a word without quotation marks", t.Term)
	case bare && p.token.kind != word:
		return p.wants("a word or a number")
	case !bare && p.token.kind == word:
		return p.faultAt(p.token, "%s is compared with a string: %s", t.Term, clip(quote(p.token.text)))
	case !bare && p.token.kind != quoted:
		return p.wants("a string")
	}
	v, err := readValue(t.Term, p.token.text)
	if err != nil {
		return p.faultAt(p.token, "%s: %w", t.Term, err)
	}
	t.Values = append(t.Values, v)
	p.advance()
	return nil
}

// action reads what a rule does.
func (p *parser) action() (a Action, err error) {
	decided := false
	for {
		at := p.token
		if p.token.kind != word {
			return a, p.wants("an action")
		}
		p.advance()
		switch at.text {
		case "continue", "allow", "refuse", "hold", "redirect":
			if decided {
				return a, p.faultAt(at, "a rule decides one thing")
			}
			decided = true
			a.Decision = Decision(slices.Index(decisions[:], at.text))
			err = p.decision(&a)
		case "add":
			err = p.added(&a)
		case "by":
			err = p.by(&a)
		case "require":
			switch {
			case p.token.kind != quoted || p.token.text == "":
				err = p.wants("the name of a step as a string")
			case a.Require != "":
				err = p.faultAt(p.token, "a rule requires one step")
			default:
				a.Require = p.token.text
				p.advance()
			}
		default:
			return a, p.faultAt(at, "there is no action %s, but %s, add, by, require", at.shown(), list(decisions[:]))
		}
		if err != nil {
			return a, err
		}
		if !p.take(",") {
			break
		}
	}
	if len(a.Channels)+len(a.Peers) > 0 && a.Decision > Allow {
		return a, p.faultAt(p.token, "what is not allowed goes by no channel and no peer")
	}
	if a.Require != "" && (a.Decision == Refuse || a.Decision == Redirect) {
		return a, p.faultAt(p.token, "a step is for what goes to the recipient")
	}
	if len(a.Add) > 0 && a.Decision == Refuse {
		return a, p.faultAt(p.token, "nobody gets what is refused, not even who is added")
	}
	return a, nil
}

// decision reads what follows the word of a decision.
func (p *parser) decision(a *Action) error {
	if (a.Decision == Refuse || a.Decision == Hold) && p.token.kind == quoted {
		a.Text = p.token.text
		p.advance()
	}
	switch a.Decision {
	case Refuse:
		return p.codes(a)
	case Redirect:
		if !p.take("to") {
			return p.wants(`"to", and an address`)
		}
		to, err := p.address()
		a.To = &to
		return err
	}
	return nil
}

// codes reads the reason and the diagnostic of a refusal.
func (p *parser) codes(a *Action) (err error) {
	a.Reason, a.Diagnostic = DefaultReason, DefaultDiagnostic
	given := false
	if p.token.text == "reason" && !p.begins() && p.take("reason") {
		given = true
		a.Diagnostic = NoDiagnostic
		if a.Reason, err = mts.ParseReasonCode(p.token.text); err != nil || p.token.kind != word {
			return p.wants("a non-delivery-reason-code of X.411 §8.3.1.2.1, its name or number,")
		}
		p.advance()
	}
	if p.token.text == "diagnostic" && !p.begins() && p.take("diagnostic") {
		switch {
		case p.token.kind == word && p.token.text == none:
			a.Diagnostic = NoDiagnostic
		default:
			if a.Diagnostic, err = mts.ParseDiagnosticCode(p.token.text); err != nil || p.token.kind != word {
				return p.wants("a non-delivery-diagnostic-code of X.411 §8.3.1.2.1, its name or number, or none,")
			}
		}
		if !given {
			a.Reason = mts.UnableToTransfer
		}
		p.advance()
	}
	return nil
}

func (p *parser) added(a *Action) error {
	if len(a.Add) == MaxAdd {
		return p.faultAt(p.token, "more than %d recipients added", MaxAdd)
	}
	to, err := p.address()
	a.Add = append(a.Add, to)
	return err
}

// address reads the O/R address of a recipient.
func (p *parser) address() (oraddr.Address, error) {
	if p.token.kind != quoted {
		return oraddr.Address{}, p.wants("an address as a string")
	}
	a, err := oraddr.Parse(p.token.text)
	if err == nil {
		err = a.Valid()
	}
	if err != nil {
		return a, p.faultAt(p.token, "%w", err)
	}
	p.advance()
	return a, nil
}

// by reads by what a recipient may be reached.
func (p *parser) by(a *Action) error {
	var to *[]string
	switch {
	case p.take("channel"):
		to = &a.Channels
	case p.take("peer"):
		to = &a.Peers
	default:
		return p.wants(`"channel" or "peer"`)
	}
	switch {
	case p.token.kind != quoted:
		return p.wants("a name as a string")
	case p.token.text == "" || slices.Contains(*to, p.token.text):
		return p.faultAt(p.token, "%s is no name, or there already", p.token.shown())
	case len(*to) == MaxValues:
		return p.faultAt(p.token, "more than %d names", MaxValues)
	}
	*to = append(*to, p.token.text)
	p.advance()
	return nil
}

// list names some words for people.
func list(words []string) string { return strings.Join(words, ", ") }

func names(terms []Term) []string {
	all := make([]string, len(terms))
	for i, t := range terms {
		all[i] = t.String()
	}
	return all
}

func number(text string) (int64, error) {
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil || n < 0 {
		return 0, fmt.Errorf("%s is no number from 0 on", clip(text))
	}
	return n, nil
}
