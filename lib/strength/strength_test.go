package strength

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"math/big"
	"strings"
	"testing"
)

func TestKey(t *testing.T) {
	const all = RSA | ECDSA | P224 | Ed25519
	bits := func(n int) crypto.PublicKey {
		return &rsa.PublicKey{N: new(big.Int).SetBit(new(big.Int), n-1, 1), E: 65537}
	}
	curve := func(c elliptic.Curve) crypto.PublicKey { return &ecdsa.PublicKey{Curve: c} }
	for _, c := range []struct {
		key   crypto.PublicKey
		kinds Kinds
		weak  bool
		want  string // "": taken
		short bool
	}{
		{bits(2048), all, false, "", false},
		{bits(8192), all, false, "", false},
		{bits(8193), all, true, "of 8193 bits; at most 8192", false},
		{bits(2047), all, false, "of 2047 bits; at least 2048", true},
		{bits(2047), all, true, "", false},
		{bits(1024), all, true, "", false},
		{bits(1023), all, true, "of 1023 bits; at least 1024", true},
		{bits(2048), all &^ RSA, false, "*rsa.PublicKey", false},
		{curve(elliptic.P256()), ECDSA, false, "", false},
		{curve(elliptic.P384()), ECDSA, false, "", false},
		{curve(elliptic.P521()), ECDSA, false, "", false},
		{curve(elliptic.P224()), all &^ P224, true, "curve P-224", false},
		{curve(elliptic.P224()), P224, false, "", false},
		{curve(elliptic.P256()), all &^ ECDSA, false, "curve P-256", false},
		{ed25519.PublicKey(make([]byte, 32)), Ed25519, false, "", false},
		{ed25519.PublicKey(make([]byte, 32)), all &^ Ed25519, false, "ed25519.PublicKey; RSA and ECDSA are taken", false},
		{struct{}{}, all, true, "struct {}; RSA, ECDSA and Ed25519 are taken", false},
		{nil, all, true, "<nil>", false},
	} {
		f := Key(c.key, c.kinds, c.weak)
		switch {
		case f == nil && c.want == "":
		case f == nil || c.want == "" || !strings.Contains(f.Error(), c.want) || f.Weak != c.short:
			t.Errorf("%T, kinds %b, weak %v: %v; want %q", c.key, c.kinds, c.weak, f, c.want)
		}
	}
}
