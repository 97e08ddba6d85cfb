package policy

import (
	"crypto/x509"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/wild"
)

// security is by what labels and signatures are judged.
type security struct {
	policies *spif.Set
	fallback *label.Label // what counts as the label of a message without one; nil: nothing
	// The clearances of users by the keys of their addresses, and of peers and channels.
	users, peers, channels map[string][]*label.Clearance

	trust cms.Options
	most  int64 // octets of a content that are verified
}

// newSecurity reads the files that a configuration names.
func newSecurity(cfg *conf.Config, open conf.Opener) (*security, error) {
	of := &cfg.Security
	s := &security{users: map[string][]*label.Clearance{}, peers: map[string][]*label.Clearance{}, channels: map[string][]*label.Clearance{}, most: int64(of.MaxSigned)}
	if len(cfg.RuleSets)+len(cfg.Steps) == 0 {
		return s, nil // nobody asks
	}
	fault := func(err error) error { return diag.E("[security]", diag.Config, err) }
	var err error
	if s.policies, err = readPolicies(of.Policies, open); err != nil {
		return nil, fault(err)
	}
	if of.DefaultLabel != "" {
		if s.fallback, err = label.ParseAny([]byte(of.DefaultLabel), s.policies); err != nil {
			return nil, fault(fmt.Errorf("default-label: %w", err))
		}
	}
	if err := s.readTrust(of, open); err != nil {
		return nil, fault(err)
	}
	for i := range cfg.Steps {
		if to := cfg.Steps[i].ToPolicy; to != "" && s.policyNamed(to) == nil {
			return nil, diag.New("[[step]] "+cfg.Steps[i].Name+": to-policy", diag.Config, fmt.Sprintf("there is no security policy %q", to))
		}
	}
	for i := range cfg.Users {
		u := &cfg.Users[i]
		a, err := oraddr.Parse(u.Address)
		if err == nil && len(u.Clearance) > 0 {
			s.users[a.Key()], err = s.clearances(u.Clearance)
		}
		if err != nil {
			return nil, diag.E("[[user]] "+u.Address, diag.Config, err)
		}
	}
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		if s.peers[p.Name], err = s.clearances(p.Clearance); err != nil {
			return nil, diag.E("[[peer]] "+p.Name, diag.Config, err)
		}
	}
	for i := range cfg.Channels {
		ch := &cfg.Channels[i]
		if s.channels[ch.Name], err = s.clearances(ch.Clearance); err != nil {
			return nil, diag.E("[[channel]] "+ch.Name, diag.Config, err)
		}
	}
	return s, nil
}

func (s *security) clearances(texts []string) (all []*label.Clearance, err error) {
	for _, text := range texts {
		c, err := label.ParseAnyClearance([]byte(text), s.policies)
		if err != nil {
			return nil, err // it says "clearance", which is the key
		}
		all = append(all, c)
	}
	return all, nil
}

func readPolicies(names []string, open conf.Opener) (*spif.Set, error) {
	var all []*spif.Policy
	for _, name := range names {
		f, err := open(name)
		if err != nil {
			return nil, err
		}
		p, err := spif.Read(f, name)
		if err = errors.Join(err, f.Close()); err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return spif.NewSet(all...)
}

// readTrust reads the certificates, lists and responses.
func (s *security) readTrust(of *conf.Security, open conf.Opener) error {
	s.trust.AllowSHA1 = of.SHA1
	if of.Revocation == conf.RevocationRequired {
		s.trust.Revocation = cms.RevocationRequired
	}
	for _, l := range []struct {
		files []string
		take  func(octets []byte) error
	}{
		{of.Roots, certificates(&s.trust.Roots)},
		{of.Intermediates, certificates(&s.trust.Intermediates)},
		{of.Lists, func(octets []byte) error {
			all, err := cms.ReadLists(octets)
			s.trust.Lists = append(s.trust.Lists, all...)
			return err
		}},
		{of.Responses, func(octets []byte) error {
			r, err := cms.ReadResponse(octets)
			s.trust.OCSP = append(s.trust.OCSP, r)
			return err
		}},
	} {
		for _, name := range l.files {
			octets, err := open.ReadFile(name, conf.MaxFile)
			if err != nil {
				return err
			}
			if err := l.take(octets); err != nil {
				return fmt.Errorf("%s: %w", name, err)
			}
		}
	}
	return nil
}

func certificates(to *[]*x509.Certificate) func(octets []byte) error {
	return func(octets []byte) error {
		all, err := cms.ReadCertificates(octets)
		*to = append(*to, all...)
		return err
	}
}

// clearancesOf are those of the user who has an address.
func (s *security) clearancesOf(a *oraddr.Address) []*label.Clearance {
	if a == nil || len(s.users) == 0 {
		return nil
	}
	return s.users[a.Key()]
}

// cleared tells whether one of the clearances reaches a label.
func (s *security) cleared(l *label.Label, now time.Time, clearances []*label.Clearance) bool {
	return len(clearances) > 0 && s.policies.Decide(l, now, clearances...).Allowed
}

// rank is the place of a classification of the policy of a label, and that of the label itself.
func (s *security) rank(l *label.Label, name string) (of, is int64, err error) {
	p := s.policies.Of(l.Policy)
	if p == nil {
		return 0, 0, unknownPolicy(l)
	}
	c, ok := p.ClassificationNamed(name)
	if !ok {
		return 0, 0, diag.New("", diag.Data, fmt.Sprintf("the policy %s has no classification %q", p.Name(), name))
	}
	if is, ok = p.Rank(l); !ok {
		return 0, 0, diag.New("", diag.Data, "the label has no classification that the policy "+p.Name()+" knows")
	}
	return c.Rank, is, nil
}

func unknownPolicy(l *label.Label) error {
	if l.Policy == "" {
		return diag.New("", diag.Data, "the label names no policy")
	}
	return diag.New("", diag.Data, "the policy of the label, "+string(l.Policy)+", is not known here")
}

// categories are the categories of a label as rules name them: "SET=NAME".
func (s *security) categories(l *label.Label) ([]string, error) {
	p := s.policies.Of(l.Policy)
	if p == nil {
		return nil, unknownPolicy(l)
	}
	var all []string
	for _, c := range p.Categories() {
		if c.Has(l) {
			all = append(all, c.Set+"="+c.Name)
		}
	}
	return all, nil
}

// knows tells whether a name that a rule has, or a pattern of categories, is of some policy: a
// misspelt one would match no label.
func (s *security) knows(classification, category string) bool {
	parts := strings.Split(category, "*")
	for _, p := range s.policies.Policies() {
		if classification != "" {
			if _, ok := p.ClassificationNamed(classification); ok {
				return true
			}
		}
		for _, c := range p.Categories() {
			if category != "" && wild.Match(parts, c.Set+"="+c.Name) {
				return true
			}
		}
	}
	return false
}

// policyNamed is the policy of a name or an object identifier; nil if it is not known.
func (s *security) policyNamed(name string) *spif.Policy {
	p, err := s.policies.Find(name)
	if err != nil {
		return nil
	}
	return p
}

// policyOf are the names of the policy of a label: its identifier, and its name if it is known.
func (s *security) policyOf(l *label.Label) []string {
	if l.Policy == "" {
		return nil
	}
	if p := s.policies.Of(l.Policy); p != nil {
		return []string{string(l.Policy), p.Name()}
	}
	return []string{string(l.Policy)}
}
