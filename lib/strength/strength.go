// Package strength says which public keys are taken, whatever they have signed: with one that is
// short anybody signs, and one that is long costs too much to verify with for whoever asks.
package strength

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"fmt"
	"strings"
)

// Kinds is a set of kinds of keys.
type Kinds uint8

// The kinds.
const (
	RSA   Kinds = 1 << iota // of 2048 to MaxRSA bits
	ECDSA                   // on P-256, P-384 or P-521
	P224                    // ECDSA on that curve
	Ed25519
)

// String names the kinds, as in "RSA and ECDSA".
func (k Kinds) String() string {
	var all []string
	for _, n := range []struct {
		kind Kinds
		name string
	}{{RSA, "RSA"}, {ECDSA, "ECDSA"}, {Ed25519, "Ed25519"}} {
		if k&n.kind != 0 {
			all = append(all, n.name)
		}
	}
	if len(all) < 2 {
		return strings.Join(all, "")
	}
	return strings.Join(all[:len(all)-1], ", ") + " and " + all[len(all)-1]
}

// Sizes of RSA keys in bits.
const (
	minRSA     = 2048
	minWeakRSA = 1024
	MaxRSA     = 8192
)

// Fault is why a key is not taken.
type Fault struct {
	Weak bool // it is too short; else it is of no kind that is taken
	text string
}

func (f *Fault) Error() string { return f.text }

// Key tells why a key is of none of the kinds; weak takes RSA from 1024 bits.
func Key(key crypto.PublicKey, kinds Kinds, weak bool) *Fault {
	switch key := key.(type) {
	case *rsa.PublicKey:
		least, bits := minRSA, key.N.BitLen()
		if weak {
			least = minWeakRSA
		}
		switch {
		case kinds&RSA == 0:
		case bits < least:
			return &Fault{Weak: true, text: fmt.Sprintf("an RSA key of %d bits; at least %d are wanted", bits, least)}
		case bits > MaxRSA:
			return &Fault{text: fmt.Sprintf("an RSA key of %d bits; at most %d are taken", bits, MaxRSA)}
		default:
			return nil
		}
	case *ecdsa.PublicKey:
		switch key.Curve {
		case elliptic.P256(), elliptic.P384(), elliptic.P521():
			if kinds&ECDSA != 0 {
				return nil
			}
		case elliptic.P224():
			if kinds&P224 != 0 {
				return nil
			}
		}
		return &Fault{text: fmt.Sprintf("an ECDSA key of curve %s, which is not taken", key.Curve.Params().Name)}
	case ed25519.PublicKey:
		if kinds&Ed25519 != 0 {
			return nil
		}
	}
	return &Fault{text: fmt.Sprintf("a key of type %T; %v are taken", key, kinds)}
}
