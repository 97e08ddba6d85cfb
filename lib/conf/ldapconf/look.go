package ldapconf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// Bounds of what is looked up.
const (
	maxLooked  = 100_000   // nodes remembered, those that are not there among them
	maxOctets  = 128 << 20 // of them
	maxNode    = 64 << 10  // octets of one
	maxIdle    = 4         // connections kept for the next look
	maxAsking  = 8         // at once
	leaveAlone = 5 * time.Second
	perNode    = 500 // octets of one that says nothing
)

// looker looks up nodes of trees that are not held, and remembers them for a while, and longer
// than that if they cannot be had anew. Its methods may be called from several goroutines.
type looker struct {
	*Source
	now   func() time.Time
	known *recent[looked] // by key of the name
	turns chan struct{}   // of who asks a server

	mu     sync.Mutex
	idle   []link
	failed time.Time // when no server could be had; zero: one could
	why    error
}

// link is a connection that waits for the next look.
type link struct {
	*ldap.Conn
	server string
}

// looked is what was known of a node at a time.
type looked struct {
	at      time.Time
	node    *conf.Node // nil: there is none
	matched int        // then: so many components of its name are there
	octets  int
}

func newLooker(s *Source, now func() time.Time) *looker {
	return &looker{Source: s, now: now, known: newRecent(maxLooked, maxOctets, func(l looked) int { return perNode + l.octets }), turns: make(chan struct{}, maxAsking)}
}

// Look returns what there is in a tree, which is conf.OnDemand, on the way to the nodes of the
// given names, which are what PathNames returns: of the one that leads farthest the root of the
// tree, and each node below it as far as there is one (RFC 1801 §14). The
// error tells what could not be had, or is wrong with it.
func (s *Source) Look(ctx context.Context, tree string, names []string) ([]conf.Node, error) {
	is := s.names.Load()
	switch {
	case is == nil:
		return nil, diag.New(tree, diag.Unavailable, "the directory has not been read since the start")
	case !conf.OnDemand(tree):
		return nil, diag.New(tree, diag.Usage, "is no routing tree that is looked up")
	case len(names) == 0 || len(names) > maxNames:
		return nil, diag.New(tree, diag.Usage, fmt.Sprintf("%d names to look up", len(names)))
	}
	root, err := s.layout.tree(tree)
	if err != nil {
		return nil, diag.E("routing tree", diag.Config, err)
	}
	var longest []conf.Node
	for _, name := range names {
		rel, err := rootOrDN(name)
		if err != nil {
			return nil, diag.E(tree, diag.Usage, err)
		}
		way, err := s.looks.way(ctx, is, tree, root, rel.RDNs)
		if err != nil {
			return nil, diag.E("routing tree "+tree, diag.Unavailable, err)
		}
		if len(way) > len(longest) {
			longest = way
		}
	}
	return longest, nil
}

// Root tells whether the root of a tree that is looked up is there, by what was decoded last.
func (s *Source) Root(ctx context.Context, tree string) (bool, error) {
	root, err := s.layout.tree(tree)
	is := s.decoded.Load()
	if err != nil || is == nil {
		return false, err
	}
	one, err := s.looks.node(ctx, is, root)
	return one.node != nil, err
}

// way looks up the nodes on the way to one. The name itself comes first, then what of it the
// server says is there, then what is above that.
func (l *looker) way(ctx context.Context, is *decoder, tree string, root *ldap.DN, rel []*ldap.RelativeDN) ([]conf.Node, error) {
	depth := 0
	for depth < len(rel) && depth <= maxDepth {
		if _, err := addressOf(rel[len(rel)-depth-1:]); err != nil {
			break // an alias has led to where no address goes on so
		}
		depth++
	}
	var way []conf.Node
	for depth >= 0 {
		if depth == 0 && len(root.RDNs) == 0 {
			n := conf.NewNode()
			n.Tree = tree
			way = append(way, n)
			break
		}
		at := below(root, rel[len(rel)-depth:]...)
		one, err := l.node(ctx, is, at)
		switch {
		case err != nil:
			return nil, err
		case one.node != nil:
			way = append(way, *one.node)
			depth--
		case len(way) > 0:
			// It may not be read, and something below it may.
			n := conf.NewNode()
			n.Tree = tree
			if depth > 0 {
				if n.At, err = addressOf(rel[len(rel)-depth:]); err != nil {
					return nil, err
				}
			}
			way = append(way, n)
			depth--
		default:
			depth = min(depth-1, one.matched-len(root.RDNs))
		}
	}
	slices.Reverse(way)
	return way, nil
}

// maxDepth bounds the name of a node: no address has more components.
const maxDepth = 17

// node is what is known of a node, or what a server says.
func (l *looker) node(ctx context.Context, is *decoder, dn *ldap.DN) (looked, error) {
	k := key(dn)
	was, known := l.known.get(k)
	now := l.now()
	if known && now.Sub(was.at) < l.file.Directory.Cache.D() && !was.at.Before(is.since) {
		return was, nil
	}
	said, err := looked{}, l.away()
	if err == nil {
		said, err = l.ask(ctx, is, dn)
	}
	var away *awayError
	switch {
	case errors.As(err, &away) && known:
		return was, nil
	case err != nil:
		return looked{}, err
	}
	said.at = now
	l.known.put(k, said)
	return said, nil
}

// away is why no server could be asked, if that is not long ago.
func (l *looker) away() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.failed.IsZero() || l.now().Sub(l.failed) >= leaveAlone {
		return nil
	}
	return l.why
}

// heal notes that the directory can be had.
func (l *looker) heal() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.failed, l.why = time.Time{}, nil
}

// awayError says that no server could be asked, or that none had the time for an answer.
type awayError struct{ err error }

func (e *awayError) Error() string { return e.err.Error() }
func (e *awayError) Unwrap() error { return e.err }

// ask asks a server for an entry. A connection that was left idle may have ended meanwhile.
func (l *looker) ask(ctx context.Context, is *decoder, dn *ldap.DN) (one looked, err error) {
	select {
	case l.turns <- struct{}{}:
		defer func() { <-l.turns }()
	case <-ctx.Done():
		return looked{}, &awayError{ctx.Err()}
	}
	if err := l.away(); err != nil { // it was found out while others had their turns
		return looked{}, err
	}
	defer func() {
		var away *awayError
		l.mu.Lock()
		defer l.mu.Unlock()
		if l.failed, l.why = (time.Time{}), nil; errors.As(err, &away) {
			l.failed, l.why = l.now(), err
		}
	}()
	req := ldap.NewSearchRequest(text(dn), ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, int(l.file.Directory.Timeout.D()/time.Second), false,
		"(objectClass=*)", []string{"*"}, nil)
	for {
		conn, fresh, err := l.connection(ctx)
		if err != nil {
			return looked{}, &awayError{err}
		}
		stop := context.AfterFunc(ctx, func() { _ = conn.Close() }) // it ends what is under way
		result, err := conn.Search(req)
		stop()
		var said *ldap.Error
		lost := err != nil && (!errors.As(err, &said) || said.ResultCode >= ldap.ErrorNetwork)
		if lost {
			_ = conn.Close() // it is of no use any more
			if !fresh && ctx.Err() == nil {
				continue
			}
			return looked{}, &awayError{err}
		}
		l.back(conn)
		return l.answer(is, dn, result, said)
	}
}

// answer is what a server has said of an entry: RFC 1801 §14 tells what each error means.
func (l *looker) answer(is *decoder, dn *ldap.DN, result *ldap.SearchResult, said *ldap.Error) (looked, error) {
	above := len(dn.RDNs) - 1
	if said != nil {
		switch said.ResultCode {
		case ldap.LDAPResultNoSuchObject:
			if matched, err := rootOrDN(said.MatchedDN); err == nil && len(matched.RDNs) <= above && said.MatchedDN != "" {
				above = len(matched.RDNs)
			}
			return looked{matched: above}, nil
		case ldap.LDAPResultInsufficientAccessRights, ldap.LDAPResultAliasProblem, ldap.LDAPResultAliasDereferencingProblem:
			return looked{matched: above}, nil
		case ldap.LDAPResultReferral:
			return looked{}, fmt.Errorf("%s: is at another server, and no reference is followed for a look", text(dn))
		case ldap.LDAPResultInvalidDNSyntax, ldap.LDAPResultNamingViolation:
			// The server has no such attribute, so it has no such entry.
			return looked{matched: above}, nil
		}
		return looked{}, &awayError{fmt.Errorf("%s: %w", text(dn), said)}
	}
	if len(result.Entries) == 0 {
		return looked{matched: above}, nil // or it may not be read
	}
	e, octets, ok := entry(result.Entries[0])
	if !ok || octets > maxNode {
		return looked{}, fmt.Errorf("%s: more than %d octets, or a name that cannot be read", text(dn), maxNode)
	}
	n, err := is.alone(&e)
	return looked{node: n, octets: octets}, err
}

// connection takes one that is idle, or makes one to the first server that can be had and is not
// behind. One that is idle is to the server that is the first, or was when it could not be had: as
// soon as another is watched, or is tried anew because none is idle, that is forgotten.
func (l *looker) connection(ctx context.Context) (conn link, fresh bool, err error) {
	servers := l.servers()
	l.mu.Lock()
	for n := len(l.idle); n > 0 && conn.Conn == nil; n = len(l.idle) {
		conn = l.idle[n-1]
		if l.idle = l.idle[:n-1]; conn.IsClosing() || conn.server != servers[0] {
			_ = conn.Close() // it was only read from
			conn = link{}
		}
	}
	l.mu.Unlock()
	if conn.Conn != nil {
		return conn, false, nil
	}
	var errs []error
	for _, server := range servers {
		c, err := l.connect(ctx, server)
		if err == nil {
			if _, err = l.current(ctx, c); err == nil {
				return link{c, server}, true, nil
			}
			_ = c.Close() // it was only read from
		}
		errs = append(errs, fmt.Errorf("%s: %w", server, err))
		if ctx.Err() != nil {
			break
		}
	}
	return link{}, true, errors.Join(errs...)
}

// back leaves a connection idle that has answered.
func (l *looker) back(conn link) {
	l.mu.Lock()
	keep := len(l.idle) < maxIdle
	if keep {
		l.idle = append(l.idle, conn)
	}
	l.mu.Unlock()
	if !keep {
		_ = conn.Close() // it was only read from
	}
}

// Close closes what connections the source has kept.
func (s *Source) Close() {
	l := s.looks
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, conn := range l.idle {
		_ = conn.Close() // it was only read from
	}
	l.idle = nil
}

// alone reads one entry of a tree, by what is known of the MTAs of the network.
func (d *decoder) alone(e *Entry) (*conf.Node, error) {
	one := &decoder{Layout: d.Layout, conf: &conf.Config{}, mtaAs: d.mtaAs, treeAs: d.treeAs, peers: d.peers, origin: map[string]string{}, looked: true}
	name, err := one.nodeOf(e.DN)
	if err != nil {
		return nil, err
	}
	if !e.routes() {
		n := conf.NewNode()
		n.Tree, n.At = name.Tree, name.At
		return &n, nil
	}
	one.node(name, e)
	if err := one.err(); err != nil {
		return nil, err
	}
	n := &one.conf.Nodes[0]
	one.leadsTo(n)
	for _, f := range n.Faults() {
		one.fail(text(e.DN), inAttribute(f))
	}
	return n, one.err()
}
