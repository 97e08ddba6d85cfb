package cms

import (
	"bytes"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"

	"software.sslmate.com/src/go-pkcs12"

	"github.com/mtakit/mtakit/lib/diag"
)

// Types of blocks of PEM.
const (
	pemCertificate = "CERTIFICATE"
	pemList        = "X509 CRL"
)

// blocks are what is of a type in PEM, or what is not PEM at all. Package pem passes over what is
// damaged, as the end of a file that was not copied to its end is: the list in it would
// revoke nobody.
func blocks(octets []byte, kind string) ([][]byte, error) {
	var all [][]byte
	begun := bytes.Count(octets, []byte("-----BEGIN "))
	if begun == 0 {
		return [][]byte{octets}, nil
	}
	for rest := octets; ; begun-- {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			break
		}
		if b.Type == kind {
			all = append(all, b.Bytes)
		}
	}
	if begun != 0 {
		return nil, diag.New("", diag.Config, "a part of the PEM in it is damaged, or cut off")
	}
	return all, nil
}

// ReadCertificates reads at least one certificate, in PEM, or one in DER. The error has kind
// diag.Config.
func ReadCertificates(octets []byte) ([]*x509.Certificate, error) {
	found, err := blocks(octets, pemCertificate)
	if err != nil {
		return nil, err
	}
	var all []*x509.Certificate
	for _, b := range found {
		c, err := x509.ParseCertificate(b)
		if err != nil {
			return nil, diag.E("", diag.Config, err)
		}
		all = append(all, c)
	}
	if len(all) == 0 {
		return nil, diag.New("", diag.Config, "no certificate in it")
	}
	return all, nil
}

// ReadLists reads at least one certificate revocation list, in PEM, or one in DER. The error
// has kind diag.Config.
func ReadLists(octets []byte) ([]*x509.RevocationList, error) {
	found, err := blocks(octets, pemList)
	if err != nil {
		return nil, err
	}
	var all []*x509.RevocationList
	for _, b := range found {
		l, err := ReadList(b)
		if err != nil {
			return nil, diag.E("", diag.Config, err)
		}
		all = append(all, l)
	}
	if len(all) == 0 {
		return nil, diag.New("", diag.Config, "no certificate revocation list in it")
	}
	return all, nil
}

// errEncrypted is of a key in PEM that the standard library does not decrypt.
var errEncrypted = errors.New("the key is encrypted")

// ReadKey reads a private key in PEM, or one in PKCS #12 with its certificates, that of the
// key first. The error has kind diag.Config and has nothing of the key in it.
func ReadKey(octets []byte, passphrase string) (crypto.Signer, []*x509.Certificate, error) {
	if !bytes.Contains(octets, []byte("-----BEGIN")) {
		return readPKCS12(octets, passphrase)
	}
	for rest := octets; ; {
		var b *pem.Block
		if b, rest = pem.Decode(rest); b == nil {
			return nil, nil, diag.New("", diag.Config, "no private key in it")
		}
		var key any
		var err error
		switch b.Type {
		case "PRIVATE KEY":
			key, err = x509.ParsePKCS8PrivateKey(b.Bytes)
		case "RSA PRIVATE KEY":
			key, err = x509.ParsePKCS1PrivateKey(b.Bytes)
		case "EC PRIVATE KEY":
			key, err = x509.ParseECPrivateKey(b.Bytes)
		case "ENCRYPTED PRIVATE KEY":
			err = errEncrypted
		default:
			continue
		}
		if b.Headers["DEK-Info"] != "" || errors.Is(err, errEncrypted) {
			return nil, nil, diag.WithHint(diag.E("", diag.Config, errEncrypted), "have it in PKCS #12: openssl pkcs12 -export -inkey KEY -in CERTIFICATE -out FILE")
		}
		if err != nil {
			// What package x509 says of a key it cannot read has none of it, but need not stay so.
			return nil, nil, diag.New("", diag.Config, "the private key in it cannot be read")
		}
		signer, err := signerOf(key)
		return signer, nil, err
	}
}

func readPKCS12(octets []byte, passphrase string) (crypto.Signer, []*x509.Certificate, error) {
	der, err := DER(octets, Limits{Octets: 1 << 20})
	if err != nil {
		return nil, nil, diag.New("", diag.Config, "neither a key in PEM nor PKCS #12")
	}
	key, leaf, above, err := pkcs12.DecodeChain(der, passphrase)
	if errors.Is(err, pkcs12.ErrIncorrectPassword) {
		return nil, nil, diag.New("", diag.Config, "the passphrase is not that of the PKCS #12")
	}
	if err != nil {
		return nil, nil, diag.E("PKCS #12", diag.Config, err)
	}
	signer, err := signerOf(key)
	return signer, append([]*x509.Certificate{leaf}, above...), err
}

func signerOf(key any) (crypto.Signer, error) {
	switch k := key.(type) {
	case *rsa.PrivateKey:
		return k, nil
	case *ecdsa.PrivateKey:
		return k, nil
	case ed25519.PrivateKey:
		return k, nil
	}
	return nil, diag.New("", diag.Config, fmt.Sprintf("a key of type %T, which does not sign mail here", key))
}
