package policy

import (
	"crypto"
	"crypto/x509"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/cms"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

// Steps are the steps of one channel, with their keys. Its methods may be called from several
// goroutines.
type Steps struct {
	security *security
	open     conf.Opener

	mu sync.Mutex
	of map[string]*step
}

// step is a conf.Step as it is done.
type step struct {
	conf.Step
	to      *spif.Policy // nil: the label stays
	signer  *signer      // nil: nothing is signed
	trouble error        // why it cannot be done, of kind Config
}

// signer is a key with its certificate, and those above that.
type signer struct {
	key   crypto.Signer
	chain []*x509.Certificate
}

// maxKey bounds the file of a key, and that of a certificate and those above it.
const maxKey = 1 << 20

// Made is a message that a step has made.
type Made struct {
	Content     []byte
	ContentType mts.ContentType
	Label       *mts.SecurityLabel // of the envelope; nil: that which there is, or none
	Text        string             // what was done, for people
}

// NewSteps reads the keys of the steps of a channel. One whose key or certificate cannot be used
// keeps none of the others from being done: whoever requires it waits. The error, of what all
// steps need, has kind Config.
func NewSteps(cfg *conf.Config, channel string, now time.Time, open conf.Opener) (*Steps, error) {
	s, err := newSecurity(cfg, open)
	if err != nil {
		return nil, err
	}
	all := &Steps{security: s, open: open, of: map[string]*step{}}
	for i := range cfg.Steps {
		if one := &cfg.Steps[i]; one.Channel == channel {
			all.of[one.Name] = newStep(one, s, now, open)
		}
	}
	return all, nil
}

// CheckSteps returns what will not work of the steps of a configuration: of the keys and
// certificates on this machine, read now.
func CheckSteps(cfg *conf.Config, now time.Time) (all []error) {
	s, err := newSecurity(cfg, conf.OpenFile)
	if err != nil {
		return []error{err}
	}
	for i := range cfg.Steps {
		if err := newStep(&cfg.Steps[i], s, now, conf.OpenFile).trouble; err != nil {
			all = append(all, err)
		}
	}
	return all
}

// ready returns a step that can be done. What kept one from it may have been mended meanwhile, and
// a certificate whose time is over replaced.
func (s *Steps) ready(name string, now time.Time) (*step, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	of := s.of[name]
	if of == nil {
		return nil, fmt.Errorf("there is no step %s any more", name)
	}
	if of.trouble != nil || of.signer != nil && of.signer.valid(now) != nil {
		of = newStep(&of.Step, s.security, now, s.open)
		s.of[name] = of
	}
	return of, of.trouble
}

// newStep reads the key of a step.
func newStep(of *conf.Step, s *security, now time.Time, open conf.Opener) *step {
	out := &step{Step: *of}
	if of.ToPolicy != "" {
		out.to = s.policyNamed(of.ToPolicy) // Policy has asked whether it is known
	}
	if of.Key != "" {
		var err error
		if out.signer, err = readSigner(of, now, open); err != nil {
			out.trouble = diag.E("[[step]] "+of.Name, diag.Config, err)
		}
	}
	return out
}

// readSigner reads the key and the certificate of a step that signs.
func readSigner(of *conf.Step, now time.Time, open conf.Opener) (*signer, error) {
	octets, err := open.ReadFile(of.Certificate, maxKey)
	if err != nil {
		return nil, err
	}
	chain, err := cms.ReadCertificates(octets)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.Certificate, err)
	}
	passphrase := ""
	if of.PassphraseFile != "" {
		if passphrase, err = open.ReadSecret(of.PassphraseFile, conf.MaxSecret); err != nil {
			return nil, err
		}
	}
	if octets, err = open.ReadFile(of.Key, maxKey); err != nil {
		return nil, err
	}
	key, _, err := cms.ReadKey(octets, passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.Key, err)
	}
	out := &signer{key, chain}
	if _, err := out.sign(cms.How{}); err != nil { // the certificate is that of the key
		return nil, err
	}
	return out, out.valid(now)
}

func (s *signer) sign(how cms.How) (*cms.Signing, error) {
	return cms.NewSigning(s.key, s.chain, how)
}

// valid tells why the certificate is not in force: what is signed with it nobody would take.
func (s *signer) valid(now time.Time) error {
	switch c := s.chain[0]; {
	case now.Before(c.NotBefore):
		return fmt.Errorf("the certificate of %s is not valid before %s", cms.Subject(c), c.NotBefore.UTC().Format(time.RFC3339))
	case now.After(c.NotAfter):
		return fmt.Errorf("the certificate of %s was valid until %s", cms.Subject(c), c.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}

// contentTypes are the types of contents that may be signed, by how X.411 and CMS call them.
var contentTypes = []struct {
	is  mts.ContentType
	oid asn1.OID
}{
	{mts.NewContentType(mts.InterpersonalMessaging1984), cms.P2},
	{mts.NewContentType(mts.InterpersonalMessaging1988), cms.P22},
	{mts.NewExtendedContentType(mts.ContentP772), cms.P772},
}

// Refusal is why a message cannot be made into what is required. The failure is what its originator
// hears, which says nothing of the security policies that are known here.
type Refusal struct {
	spool.Failure
	Why string // for operators
}

// refused is a refusal for reasons of security: as its originator is told, and what is said to
// operators besides.
func refused(d mts.DiagnosticCode, told, format string, args ...any) *Refusal {
	r := &Refusal{spool.Failure{Reason: int(mts.TransferFailureForSecurityReason), Diagnostic: int(d), Text: told}, told}
	if more := fmt.Sprintf(format, args...); more != "" {
		r.Why += ": " + more
	}
	return r
}

// Do does a step with a content. A failure is that of the recipient: the message cannot be made
// into what is required. An error is one of this MTA, and passes perhaps.
func (s *Steps) Do(name string, env *spool.Envelope, content []byte, now time.Time) (*Made, *Refusal, error) {
	of, err := s.ready(name, now)
	if err != nil {
		return nil, nil, err
	}
	made := &Made{Content: content}
	if made.ContentType, err = mts.ParseContentType(env.ContentType); err != nil {
		return nil, refused(mts.ContentTypeNotSupported, "the content type is not known", "%v", err), nil
	}
	l, err := decodeLabel(env.Label)
	if err != nil {
		return nil, refused(mts.InvalidSecurityLabel, "the label cannot be used", "%v", err), nil
	}
	made.ContentType = made.ContentType.Canonical()
	var did []string
	if of.Strip {
		signed, fail := s.strip(made, now)
		if fail != nil {
			return nil, fail, nil
		}
		switch {
		case signed != nil && l != nil && !signed.CarriedAs(l):
			return nil, refused(mts.InvalidSecurityLabel, "the label of the envelope is not the one that was signed", ""), nil
		case signed != nil:
			l = signed
		}
		did = append(did, "a signature is taken off")
	}
	own := l != nil
	if !own {
		l = s.security.fallback
	}
	if of.to != nil {
		var fail *Refusal
		if l, fail = s.convert(l, of.to, now); fail != nil {
			return nil, fail, nil
		}
		did = append(did, "the label is "+l.Text(s.security.policies))
	}
	// What is signed says its label inside, and the envelope says the same to whoever looks there.
	if l != nil && (of.to != nil || of.signer != nil || of.Strip && own) {
		w, lost, err := l.ForX411()
		if err != nil {
			return nil, refused(mts.InvalidSecurityLabel, "the label cannot be used", "%v", err), nil
		}
		made.Label = &w
		if len(lost) > 0 {
			did = append(did, "without "+strings.Join(lost, ", "))
		}
	}
	if of.signer != nil {
		if fail, err := of.signed(made, l); fail != nil || err != nil {
			return nil, fail, err
		}
		did = append(did, "it is signed")
	}
	made.Text = strings.Join(did, "; ")
	return made, nil, nil
}

// strip takes a valid signature off the content, and returns the label that was signed; nil if
// none was.
func (s *Steps) strip(made *Made, now time.Time) (*label.Label, *Refusal) {
	if !signable(made.ContentType) {
		return nil, refused(mts.SecureMessagingError, "the content is not signed", "")
	}
	m, err := cms.Read(made.Content, cms.Limits{})
	if err != nil {
		return nil, refused(mts.ContentSyntaxError, "the signed content cannot be read", "%v", err)
	}
	trust := s.security.trust
	trust.Time = now
	v := m.Verify(nil, &trust, true)
	if !v.Valid {
		var why []string
		for _, r := range v.All() {
			why = append(why, r.String())
		}
		return nil, refused(mts.AuthenticationFailureOnSubjectMessage, "the signature is not valid", "%s", strings.Join(why, "; "))
	}
	inner := m.Object.Signed.ContentType
	for _, t := range contentTypes {
		if t.oid == inner {
			made.Content, made.ContentType = m.Object.Signed.Content, t.is
			l, err := decodeLabel(v.Label)
			if err != nil {
				return nil, refused(mts.InvalidSecurityLabel, "the label cannot be used", "%v", err)
			}
			return l, nil
		}
	}
	return nil, refused(mts.ContentTypeNotSupported, "what is signed is no content that goes on by itself", "%s", cms.Name(inner))
}

// convert makes a label one of another policy.
func (s *Steps) convert(l *label.Label, to *spif.Policy, now time.Time) (*label.Label, *Refusal) {
	if l == nil {
		return nil, refused(mts.InvalidSecurityLabel, "the message has no label", "")
	}
	if l.Policy == to.ID() {
		if v := s.security.policies.Validate(l, now); !v.Allowed {
			return nil, refused(mts.InvalidSecurityLabel, "the label is not valid", "%s", because(v))
		}
		return l, nil
	}
	out, v := s.security.policies.Convert(l, to.ID(), spif.Encrypt, now)
	if !v.Allowed {
		return nil, refused(mts.UnsupportedSecurityPolicy, "the label has no equivalent where the message goes", "in the policy %s: %s", to.Name(), because(v))
	}
	return out, nil
}

// signed signs the content.
func (s *step) signed(made *Made, l *label.Label) (*Refusal, error) {
	how := cms.How{}
	for _, t := range contentTypes {
		if t.is.Equal(made.ContentType) {
			how.ContentType = t.oid
		}
	}
	if how.ContentType == "" {
		return refused(mts.ContentTypeNotSupported, "a content of this type is not signed here", "%s", made.ContentType), nil
	}
	if l != nil {
		var err error
		if how.Label, err = l.ForESS(""); err != nil {
			return refused(mts.InvalidSecurityLabel, "the label cannot be used", "%v", err), nil
		}
	}
	by, err := s.signer.sign(how)
	if err != nil {
		return nil, err
	}
	if made.Content, err = by.Sign(made.Content, false); err != nil {
		return nil, err
	}
	made.ContentType = mts.NewExtendedContentType(cms.Info)
	return nil, nil
}

func decodeLabel(octets []byte) (*label.Label, error) {
	if octets == nil {
		return nil, nil
	}
	return label.Decode(octets)
}
