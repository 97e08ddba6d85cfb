package conf

import "time"

// The values of Peer.Credentials, X.411 §8.1.1.1.
const (
	CredentialsSimple = "simple" // name and password
	CredentialsStrong = "strong" // bind-token and certificate
	CredentialsNone   = "none"   // nor a name (X.411 §12.1.1.1)
)

// maxTolerance bounds how far clocks may be apart.
const maxTolerance = Duration(24 * time.Hour)

// Token returns the files of our certificate and its key for the bind-tokens that peer p
// gets; both are empty if there are none.
func (c *Config) Token(p *Peer) (certificate, key string) {
	if p.TokenCertificate != "" {
		return p.TokenCertificate, p.TokenKey
	}
	return c.Identity.TokenCertificate, c.Identity.TokenKey
}

// tokenKey checks what the identity and peers have in common.
func (v *validator) tokenKey(certificate, key string) {
	if (certificate == "") != (key == "") {
		v.faultf("token-key", "a certificate and its key go together")
	}
}

func (v *validator) peerCredentials(p *Peer) {
	v.tokenKey(p.TokenCertificate, p.TokenKey)
	if p.TokenTolerance < second || p.TokenTolerance > maxTolerance {
		v.faultf("token-tolerance", "%s is not between 1s and %s", p.TokenTolerance, maxTolerance)
	}
	v.callers(p)
	passwords := p.hasPasswords()
	switch p.Credentials {
	case CredentialsSimple, CredentialsNone:
		if p.TokenCA != "" || p.TokenPeer != "" || p.TokenSubject != "" || p.TokenCertificate != "" {
			v.faultf("credentials", "%q, but there is something for tokens", p.Credentials)
		}
		if p.Credentials == CredentialsNone && passwords {
			v.faultf("credentials", "%q, but there are passwords", p.Credentials)
		}
		return
	case CredentialsStrong:
	default:
		v.faultf("credentials", "%s is neither %s, %s nor %s", quote([]byte(p.Credentials)), CredentialsSimple, CredentialsStrong, CredentialsNone)
		return
	}
	certificate, _ := v.c.Token(p)
	switch {
	case p.Mode == Mode1984:
		v.faultf("credentials", "%q, which the edition of 1984 does not have", CredentialsStrong)
	case passwords:
		v.faultf("credentials", "%q, but there are passwords", CredentialsStrong)
	case certificate == "":
		v.faultf("token-certificate", "required with credentials = %q, here or in [identity]", CredentialsStrong)
	case p.TokenCA == "" && p.TokenPeer == "":
		v.faultf("credentials", "%q needs token-ca or token-peer: whose certificate would do?", CredentialsStrong)
	case p.RecoverAssociations && p.TLS != TLSRequire:
		v.faultf("recover-associations", "takes an association without credentials: with credentials = %q it needs tls = %q", CredentialsStrong, TLSRequire)
	}
}
