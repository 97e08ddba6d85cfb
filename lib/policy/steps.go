package policy

import (
	"fmt"
	"strings"
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

// Steps are the steps of one channel, with their keys.
type Steps struct {
	security *security
	of       map[string]*step
}

// step is a conf.Step as it is done.
type step struct {
	conf.Step
	to   *spif.Policy // nil: the label stays
	sign func(how cms.How) (*cms.Signing, error)
}

// Made is a message that a step has made.
type Made struct {
	Content     []byte
	ContentType mts.ContentType
	Label       *mts.SecurityLabel // of the envelope; nil: that which there is, or none
	Text        string             // what was done, for people
}

// NewSteps reads the keys of the steps of a channel. The error has kind Config.
func NewSteps(cfg *conf.Config, channel string, open conf.Opener) (*Steps, error) {
	s, err := newSecurity(cfg, open)
	if err != nil {
		return nil, err
	}
	all := &Steps{s, map[string]*step{}}
	for i := range cfg.Steps {
		if cfg.Steps[i].Channel != channel {
			continue
		}
		one, err := newStep(cfg.Steps[i], s, open)
		if err != nil {
			return nil, diag.E("[[step]] "+cfg.Steps[i].Name, diag.Config, err)
		}
		all.of[one.Name] = one
	}
	return all, nil
}

func newStep(of conf.Step, s *security, open conf.Opener) (*step, error) {
	out := &step{Step: of}
	if of.ToPolicy != "" {
		if out.to = s.policyNamed(of.ToPolicy); out.to == nil {
			return nil, fmt.Errorf("there is no security policy %q", of.ToPolicy)
		}
	}
	if of.Key == "" {
		return out, nil
	}
	octets, err := read(open, of.Certificate)
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
	if octets, err = read(open, of.Key); err != nil {
		return nil, err
	}
	key, _, err := cms.ReadKey(octets, passphrase)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", of.Key, err)
	}
	out.sign = func(how cms.How) (*cms.Signing, error) { return cms.NewSigning(key, chain, how) }
	_, err = out.sign(cms.How{}) // the certificate is that of the key, and in force
	return out, err
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

// refused is a failure for reasons of security.
func refused(d mts.DiagnosticCode, format string, args ...any) *spool.Failure {
	return &spool.Failure{Reason: int(mts.TransferFailureForSecurityReason), Diagnostic: int(d), Text: fmt.Sprintf(format, args...)}
}

// Do does a step with a content. A failure is that of the recipient: the message cannot be made
// into what is required. An error is one of this MTA, and passes perhaps.
func (s *Steps) Do(name string, env *spool.Envelope, content []byte, now time.Time) (*Made, *spool.Failure, error) {
	of := s.of[name]
	if of == nil {
		return nil, nil, fmt.Errorf("there is no step %s any more", name)
	}
	made := &Made{Content: content}
	var err error
	if made.ContentType, err = mts.ParseContentType(env.ContentType); err != nil {
		return nil, refused(mts.ContentTypeNotSupported, "%v", err), nil
	}
	l, err := decodeLabel(env.Label)
	if err != nil {
		return nil, refused(mts.InvalidSecurityLabel, "%v", err), nil
	}
	made.ContentType = made.ContentType.Canonical()
	var did []string
	if of.Strip {
		signed, fail := s.strip(made, now)
		if fail != nil {
			return nil, fail, nil
		}
		switch {
		case signed != nil && l != nil && !signed.Equal(l):
			return nil, refused(mts.InvalidSecurityLabel, "the label of the envelope is not the one that was signed"), nil
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
		var fail *spool.Failure
		if l, fail = s.convert(l, of.to, now); fail != nil {
			return nil, fail, nil
		}
		did = append(did, "the label is "+l.Text(s.security.policies))
	}
	// What is signed says its label inside, and the envelope says the same to whoever looks there.
	if l != nil && (of.to != nil || of.sign != nil || of.Strip && own) {
		w, lost, err := l.ForX411()
		if err != nil {
			return nil, refused(mts.InvalidSecurityLabel, "%v", err), nil
		}
		made.Label = &w
		if len(lost) > 0 {
			did = append(did, "without "+strings.Join(lost, ", "))
		}
	}
	if of.sign != nil {
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
func (s *Steps) strip(made *Made, now time.Time) (*label.Label, *spool.Failure) {
	if !signable(made.ContentType) {
		return nil, refused(mts.SecureMessagingError, "the content is not signed")
	}
	m, err := cms.Read(made.Content, cms.Limits{})
	if err != nil {
		return nil, refused(mts.ContentSyntaxError, "%v", err)
	}
	trust := s.security.trust
	trust.Time = now
	v := m.Verify(nil, &trust, true)
	if !v.Valid {
		var why []string
		for _, r := range v.All() {
			why = append(why, r.String())
		}
		return nil, refused(mts.AuthenticationFailureOnSubjectMessage, "the signature is not valid: %s", strings.Join(why, "; "))
	}
	inner := m.Object.Signed.ContentType
	for _, t := range contentTypes {
		if t.oid == inner {
			made.Content, made.ContentType = m.Object.Signed.Content, t.is
			l, err := decodeLabel(v.Label)
			if err != nil {
				return nil, refused(mts.InvalidSecurityLabel, "%v", err)
			}
			return l, nil
		}
	}
	return nil, refused(mts.ContentTypeNotSupported, "what is signed, %s, is no content that goes on by itself", cms.Name(inner))
}

// convert makes a label one of another policy.
func (s *Steps) convert(l *label.Label, to *spif.Policy, now time.Time) (*label.Label, *spool.Failure) {
	if l == nil {
		return nil, refused(mts.InvalidSecurityLabel, "the message has no label")
	}
	if l.Policy == to.ID() {
		if v := s.security.policies.Validate(l, now); !v.Allowed {
			return nil, refused(mts.InvalidSecurityLabel, "the label is not valid%s", reasons(v))
		}
		return l, nil
	}
	out, v := s.security.policies.Convert(l, to.ID(), spif.Encrypt, now)
	if !v.Allowed {
		return nil, refused(mts.UnsupportedSecurityPolicy, "the label has no equivalent in the policy %s%s", to.Name(), reasons(v))
	}
	return out, nil
}

// signed signs the content.
func (s *step) signed(made *Made, l *label.Label) (*spool.Failure, error) {
	how := cms.How{}
	for _, t := range contentTypes {
		if t.is.Equal(made.ContentType) {
			how.ContentType = t.oid
		}
	}
	if how.ContentType == "" {
		return refused(mts.ContentTypeNotSupported, "a content of type %s is not signed here", made.ContentType), nil
	}
	if l != nil {
		var err error
		if how.Label, err = l.ForESS(""); err != nil {
			return refused(mts.InvalidSecurityLabel, "%v", err), nil
		}
	}
	by, err := s.sign(how)
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
