package live

import (
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// few is how many entries may go at once, however many there are.
const few = 10

// lost tells what a configuration from a directory has lost against the one before: all of
// something, more than half of it and more than a few, or what a peer proves itself with. Whoever
// is hidden by a rule of access, and what a copy of the directory does not have, looks like that,
// and messages for it would be returned. The error has kind Config; it is nil if nothing is
// remarkable.
func lost(was, is *conf.Config) error {
	var errs []error
	compare := func(what string, was, is []string) {
		gone, example := conf.Missing(was, is)
		if gone > 0 && (gone == len(was) || gone > few && gone > len(was)/2) {
			errs = append(errs, fmt.Errorf("%d of the %d %s are not in the directory any more, %s among them, or may not be read", gone, len(was), what, example))
		}
	}
	inventory := is.Inventory()
	for i, before := range was.Inventory() {
		if slices.Contains(guarded, before.Table) {
			compare(before.Table+"s", before.Names, inventory[i].Names)
		}
	}
	compare("lists that have members", full(was), full(is))
	for _, tree := range was.Identity.Trees {
		all := func(*conf.Node) bool { return true }
		compare("nodes of the tree "+tree, nodes(was, tree, all), nodes(is, tree, all))
		compare("nodes that lead anywhere of the tree "+tree, nodes(was, tree, leads), nodes(is, tree, leads))
	}
	if len(was.Identity.Trees) > 1 && slices.Equal(is.Identity.Trees, []string{conf.Tables}) {
		errs = append(errs, fmt.Errorf("the list of routing trees, %s, is not in the directory any more, or may not be read", strings.Join(was.Identity.Trees, ", ")))
	}
	for i := range was.Peers {
		before := &was.Peers[i]
		if now, ok := is.Peer(before.Name); ok && proves(before) && !proves(now) {
			errs = append(errs, fmt.Errorf("the peer %s has no password any more: what was agreed on with it is not in the directory, or may not be read", before.Name))
		}
	}
	if len(errs) == 0 {
		return nil
	}
	errs = append(errs, errors.New("if that is meant, SIGHUP has it taken"))
	return diag.E("", diag.Config, errors.Join(errs...))
}

// guarded are the tables that decide who is returned. Of listeners and channels nobody is.
var guarded = []string{"user", "list", "route", "peer"}

// full are the lists that have members.
func full(c *conf.Config) (all []string) {
	for _, l := range c.Lists {
		if len(l.Members) > 0 {
			all = append(all, l.Address)
		}
	}
	return all
}

// leads tells whether a node leads to an MTA or to another node.
func leads(n *conf.Node) bool {
	return len(n.MTAs)+len(n.Supporting)+len(n.Filters)+len(n.AccessMD)+len(n.Redirects) > 0 || n.Alias != (conf.NodeName{})
}

func nodes(c *conf.Config, tree string, these func(*conf.Node) bool) (at []string) {
	for i := range c.Nodes {
		if c.Nodes[i].Tree == tree && these(&c.Nodes[i]) {
			at = append(at, "node "+c.Nodes[i].At)
		}
	}
	return at
}

// proves tells whether a peer that calls has to prove who it is.
func proves(p *conf.Peer) bool {
	return p.Credentials == conf.CredentialsStrong || p.PasswordIn != "" || p.PasswordInFile != ""
}
