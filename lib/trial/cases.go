package trial

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/policy"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// defaultTime is when a case is judged that does not say when, in the week of the test: it says
// tomorrow what it says today.
const defaultTime = "Mon 12:00"

// Case is a message, and what the rules are to decide about each of its recipients.
type Case struct {
	Name string `toml:"name"`
	Facts
	Expect Expect `toml:"expect"`

	question submit.Question
}

// Expect is what is to be decided. What has the zero value may be anything.
type Expect struct {
	Decision string    `toml:"decision"`
	Rule     string    `toml:"rule"` // as of submit.RuleName
	Text     string    `toml:"text"`
	To       string    `toml:"to"`  // of a redirection
	Add      *[]string `toml:"add"` // all of them
	Require  *string   `toml:"require"`
	Ways     *[]string `toml:"ways"`
}

// file is one of tests.
type file struct {
	Defaults Facts  `toml:"defaults"`
	Cases    []Case `toml:"case"`
}

// Read reads a file of tests for a configuration; name is what errors call it. They have kind
// Config, and tell the lines.
func Read(text []byte, name string, cfg *conf.Config, door *submit.Door, now time.Time) ([]Case, error) {
	var f file
	err := tableconf.Decode(text, name, &f, func() []*conf.Fault { return f.check(cfg, door, week(now)) })
	return f.Cases, err
}

func (f *file) check(cfg *conf.Config, door *submit.Door, monday time.Time) (all []*conf.Fault) {
	if len(f.Cases) == 0 {
		return []*conf.Fault{{Index: -1, Err: errors.New("there is no [[case]], and nothing to test")}}
	}
	names := map[string]bool{}
	for i := range f.Cases {
		c := &f.Cases[i]
		fault := func(key string, err error) {
			all = append(all, &conf.Fault{Table: "case", Index: i, Name: c.Name, Key: key, Err: err})
		}
		switch {
		case c.Name == "":
			fault("name", errors.New("is required"))
		case names[c.Name]:
			fault("name", errors.New("another case has it"))
		}
		names[c.Name] = true
		c.or(f.Defaults)
		c.or(Facts{Time: defaultTime})
		c.required(fault)
		c.question = c.Question(cfg, door, nil, monday, fault)
		c.Expect.check(fault)
	}
	return all
}

func (e *Expect) check(fault Fault) {
	switch e.Decision {
	case rule.Allow.String(), rule.Refuse.String(), rule.Hold.String(), rule.Redirect.String():
	case "":
		fault("expect.decision", errors.New("is required"))
	default:
		fault("expect.decision", fmt.Errorf("%q is not allow, refuse, hold or redirect", e.Decision))
	}
	address := func(key string, text *string) {
		a, err := oraddr.Parse(*text)
		if err != nil {
			fault(key, err)
			return
		}
		*text = a.String()
	}
	if e.To != "" {
		address("expect.to", &e.To)
	}
	if e.Add != nil {
		for i := range *e.Add {
			address("expect.add", &(*e.Add)[i])
		}
	}
}

// Result is what came of a case.
type Result struct {
	Case       string      `json:"case"`
	Right      bool        `json:"right"`
	Wrong      []string    `json:"wrong,omitempty"`
	Recipients []Recipient `json:"recipients"`
}

// Untested is a rule that has matched in no case.
type Untested struct {
	Rule string `json:"untested"` // SET/RULE
	Line int    `json:"line"`

	Set  string `json:"-"`
	Name string `json:"-"`
}

// Run asks a door what it decides of each case, and returns the rules that matched in none.
func Run(door *submit.Door, cfg *conf.Config, cases []Case, result func(Result) error) ([]Untested, error) {
	matched := map[string]bool{}
	for i := range cases {
		c := &cases[i]
		all, err := door.Explain(c.question)
		if err != nil {
			return nil, err
		}
		r := Result{Case: c.Name, Recipients: []Recipient{}}
		for is := range all {
			for _, text := range c.Expect.wrong(&is) {
				if len(c.To) > 1 {
					text = is.Address + ": " + text
				}
				r.Wrong = append(r.Wrong, text)
			}
			for _, w := range is.Ways {
				for _, s := range w.Steps {
					if s.Matches == policy.Yes {
						matched[s.Set+"/"+s.Rule] = true
					}
				}
			}
			r.Recipients = append(r.Recipients, NewRecipient(&is, nil))
		}
		r.Right = len(r.Wrong) == 0
		if err := result(r); err != nil {
			return nil, err
		}
	}
	return untested(cfg, matched)
}

func untested(cfg *conf.Config, matched map[string]bool) (all []Untested, err error) {
	sets := slices.SortedFunc(slices.Values(cfg.RuleSets), func(a, b conf.RuleSet) int { return cmp.Compare(a.Name, b.Name) })
	for _, s := range sets {
		rules, err := rule.Parse(s.Rules)
		if err != nil {
			return nil, err
		}
		for _, r := range rules {
			if name := s.Name + "/" + r.Name; !matched[name] {
				all = append(all, Untested{Rule: name, Line: r.Line, Set: s.Name, Name: r.Name})
			}
		}
	}
	return all, nil
}

// wrong tells what is not as it is expected of a recipient.
func (e *Expect) wrong(is *submit.Explained) (all []string) {
	if is.Fail != nil {
		return []string{"there is no way to the recipient, which is not judged then: " + is.Fail.Text}
	}
	differs := func(what, is, want string) {
		if want != "" && is != want {
			all = append(all, fmt.Sprintf("%s is %s, not %s", what, cmp.Or(is, "none"), want))
		}
	}
	v := &is.Verdict
	differs("decision", v.Decision.String(), e.Decision)
	differs("rule", submit.RuleName(v), e.Rule)
	differs("text", v.Text, e.Text)
	to := ""
	if v.To != nil {
		to = v.To.String()
	}
	differs("to", to, e.To)
	set := func(what string, is []string, want *[]string) {
		if want == nil {
			return
		}
		a, b := slices.Sorted(slices.Values(is)), slices.Sorted(slices.Values(*want))
		if !slices.Equal(a, slices.Compact(b)) {
			all = append(all, fmt.Sprintf("%s: %s, not %s", what, cmp.Or(strings.Join(a, ", "), "none"), cmp.Or(strings.Join(b, ", "), "none")))
		}
	}
	set("add", addressesOf(v), e.Add)
	if e.Require != nil && v.Require != *e.Require {
		all = append(all, fmt.Sprintf("require is %s, not %s", cmp.Or(v.Require, "none"), cmp.Or(*e.Require, "none")))
	}
	ways := make([]string, len(is.Left))
	for i, h := range is.Left {
		ways[i] = WayText(h)
	}
	set("ways", ways, e.Ways)
	return all
}

func addressesOf(v *policy.Verdict) (all []string) {
	for i := range v.Add {
		all = append(all, v.Add[i].String())
	}
	return all
}

// WayText is a way in a word: "CHANNEL/PEER", or the channel where there is no peer.
func WayText(h spool.Hop) string {
	return strings.TrimSuffix(h.Channel+"/"+h.Peer, "/")
}
