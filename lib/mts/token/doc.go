// Package token makes and judges the bind-tokens of strong credentials, X.411 §8.1.1.1:
// an AsymmetricToken (§8.5.8), which is the SIGNED of X.509 over who the token is for,
// when it was made and a random number.
//
// A Signer makes the credentials of this MTA, a Trust judges those of a peer, a Memory
// tells a token that comes again. All three are pure: keys, certificates, the time and
// random octets come from outside, and nothing is read or written here. Whatever a peer
// has sent is bounded before it reaches package x509, and why it was not taken is a
// value, a *Refusal.
//
// What is signed is the octets of the AsymmetricTokenData as they came, or, where a
// sender has signed DER and sent some other form of BER, their DER.
package token
