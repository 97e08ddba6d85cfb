package conf

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strconv"
	"strings"
)

// Fingerprint is the SHA-256 digest of a certificate.
type Fingerprint [sha256.Size]byte

// ParseFingerprint reads 64 hexadecimal digits, with or without colons, as openssl x509
// -fingerprint -sha256 prints them.
func ParseFingerprint(text string) (f Fingerprint, err error) {
	b, err := hex.DecodeString(strings.ReplaceAll(text, ":", ""))
	if err != nil || len(b) != len(f) {
		return f, fmt.Errorf("%s is not a SHA-256 fingerprint: 64 hexadecimal digits, with or without colons, and no other text", quote([]byte(text)))
	}
	return Fingerprint(b), nil
}

// String returns the fingerprint in hexadecimal digits.
func (f Fingerprint) String() string { return hex.EncodeToString(f[:]) }

// tls checks what listeners and peers have in common.
func (v *validator) tls(mode, certificate, key string) {
	if mode != TLSOff && mode != TLSRequire {
		v.faultf("tls", "%s is neither %s nor %s", quote([]byte(mode)), TLSOff, TLSRequire)
	}
	if (certificate == "") != (key == "") {
		v.faultf("tls-key", "a certificate and its key go together")
	}
}

func (v *validator) listenerTLS(l *Listener) {
	v.tls(l.TLS, l.TLSCertificate, l.TLSKey)
	switch {
	case l.TLS == TLSRequire && l.TLSCertificate == "":
		v.faultf("tls-certificate", "required with tls = %q", TLSRequire)
	case l.TLS == TLSOff && (l.TLSCertificate != "" || l.TLSCA != ""):
		v.faultf("tls", "%q, but there are certificates", TLSOff)
	}
}

func (v *validator) peerTLS(p *Peer) {
	v.tls(p.TLS, p.TLSCertificate, p.TLSKey)
	for i, text := range p.TLSPin {
		if _, err := ParseFingerprint(text); err != nil {
			v.fault("tls-pin["+strconv.Itoa(i)+"]", err)
		}
	}
	switch {
	case p.TLS == TLSRequire && p.TLSCA == "" && len(p.TLSPin) == 0:
		v.faultf("tls", "%q needs tls-ca or tls-pin: whose certificate would do?", TLSRequire)
	case p.TLS == TLSOff && (p.TLSCertificate != "" || p.TLSCA != "" || len(p.TLSPin) > 0 || p.TLSName != ""):
		v.faultf("tls", "%q, but there are certificates", TLSOff)
	}
}
