package conf

import (
	"fmt"
	"strings"
)

// Named are the names of the entries of one of the tables of which there may be many.
type Named struct {
	Table string
	Names []string
}

// Inventory returns the names of all listeners, channels, peers, routes, users, lists, rule sets, steps and nodes.
func (c *Config) Inventory() []Named {
	return []Named{
		{"listener", named(c.Listeners, func(l *Listener) string { return l.Address })},
		{"channel", named(c.Channels, func(ch *Channel) string { return ch.Name })},
		{"peer", named(c.Peers, func(p *Peer) string { return p.Name })},
		{"route", named(c.Routes, func(r *Route) string { return r.Match })},
		{"user", named(c.Users, func(u *User) string { return u.Address })},
		{"list", named(c.Lists, func(l *List) string { return l.Address })},
		{"ruleset", named(c.RuleSets, func(s *RuleSet) string { return s.Name })},
		{"step", named(c.Steps, func(s *Step) string { return s.Name })},
		{"node", named(c.Nodes, func(n *Node) string { return n.name().String() })},
	}
}

func named[T any](all []T, name func(*T) string) []string {
	texts := make([]string, len(all))
	for i := range all {
		texts[i] = name(&all[i])
	}
	return texts
}

// Missing counts the names that are not among others, and returns the first of them.
func Missing(names, others []string) (n int, first string) {
	there := make(map[string]bool, len(others))
	for _, name := range others {
		there[name] = true
	}
	for _, name := range names {
		if !there[name] {
			if n++; n == 1 {
				first = name
			}
		}
	}
	return n, first
}

// Changes tells in one line what a configuration has that the one before had not, and the other
// way round: "user: 2 more; node: 1 less (open /PRMD=P/ADMD=A/C=GB/)". It is empty if the names are
// the same, whatever else is different.
func Changes(was, is *Config) string {
	var all []string
	before := was.Inventory()
	for i, now := range is.Inventory() {
		more, _ := Missing(now.Names, before[i].Names)
		less, example := Missing(before[i].Names, now.Names)
		var parts []string
		if more > 0 {
			parts = append(parts, fmt.Sprintf("%d more", more))
		}
		if less > 0 {
			parts = append(parts, fmt.Sprintf("%d less (%s)", less, example))
		}
		if len(parts) > 0 {
			all = append(all, now.Table+": "+strings.Join(parts, ", "))
		}
	}
	return strings.Join(all, "; ")
}
