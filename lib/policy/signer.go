package policy

import (
	"fmt"
	"slices"
	"strings"

	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/wild"
)

// signerPattern is what a rule calls a signer by: a subject, an e-mail address or an O/R address.
// Each is held against names of its own kind alone, so that nobody gets a name of another kind
// into his certificate that reads like it.
type signerPattern struct {
	anybody       bool
	subject       []string        // between the wild cards; nil: it is an address
	local, domain []string        // of an e-mail address; the domain in small letters
	address       *oraddr.Pattern // of an O/R address
}

func signerPatterns(values []rule.Value) ([]signerPattern, error) {
	all := make([]signerPattern, len(values))
	for i := range values {
		text := values[i].Text
		local, domain, mail := cutMail(text)
		switch {
		case strings.Trim(text, "*") == "":
			all[i].anybody = true
		case strings.HasPrefix(text, "/"):
			p, err := oraddr.ParsePattern(text)
			if err != nil {
				return nil, fmt.Errorf("signer: %w", err)
			}
			all[i].address = &p
		case mail && !strings.Contains(text, "=") && (local == "" || domain == ""):
			return nil, fmt.Errorf("signer: %q is no pattern of e-mail addresses such as \"ann@example.com\" or \"*@example.com\"", text)
		case mail && !strings.Contains(text, "="):
			all[i].local, all[i].domain = strings.Split(local, "*"), strings.Split(strings.ToLower(domain), "*")
		default:
			all[i].subject = strings.Split(text, "*")
		}
	}
	return all, nil
}

// cutMail parts an e-mail address at its last @.
func cutMail(text string) (local, domain string, ok bool) {
	at := strings.LastIndexByte(text, '@')
	if at < 0 {
		return "", "", false
	}
	return text[:at], text[at+1:], true
}

// is tells whether a signer is called so.
func (p *signerPattern) is(s *spool.Signer) bool {
	switch {
	case p.anybody:
		return true
	case p.subject != nil:
		return s.Subject != "" && wild.Match(p.subject, s.Subject)
	}
	return slices.ContainsFunc(s.Addresses, func(text string) bool {
		if p.address != nil {
			a, err := oraddr.Parse(text)
			return strings.HasPrefix(text, "/") && err == nil && p.address.Matches(a)
		}
		local, domain, mail := cutMail(text)
		return mail && !strings.HasPrefix(text, "/") && wild.Match(p.local, local) && wild.Match(p.domain, strings.ToLower(domain))
	})
}

// signedBy tells whether somebody whom a test names has signed. A signature that is not valid is
// nobody's.
func (t *test) signedBy(s *spool.Signature) truth {
	if s == nil || !s.Valid {
		return fails
	}
	return truthOf(slices.ContainsFunc(t.signers, func(p signerPattern) bool {
		return slices.ContainsFunc(s.Signers, func(by spool.Signer) bool { return p.is(&by) })
	}))
}

// signers are the names of those who have signed, for people: subjects and addresses.
func signers(s *spool.Signature) []string {
	if s == nil || !s.Valid {
		return nil
	}
	var all []string
	for i := range s.Signers {
		if s.Signers[i].Subject != "" {
			all = append(all, s.Signers[i].Subject)
		}
		all = append(all, s.Signers[i].Addresses...)
	}
	return all
}
