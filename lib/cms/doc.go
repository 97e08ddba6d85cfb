// Package cms reads, judges and makes the signed objects of the Cryptographic Message
// Syntax (RFC 5652) as mail uses them: S/MIME (RFC 8551) with the security label of
// RFC 2634, and contents of X.400 messages that are themselves CMS objects (RFC 3854,
// STANAG 4406).
//
// Parse takes an object apart, SignedData.Verify judges it, a Signing makes one. Read
// and Signing.Mail do the same for messages of the Internet. Roots, lists of what is revoked,
// keys and the time to judge at come in as values, and nothing is read or written; a
// signature alone is made with the time of the clock and random octets of the system, which
// package pkcs7 takes itself.
//
// What others send is bounded and brought into DER before anything else looks at it (der.go);
// package pkcs7 signs, and sees octets of ours alone.
//
// A verdict is a value. It lists every signer and, in words a program can compare, every
// reason why one is not taken; an object is valid if all its signers are. An error means
// that there is nothing to judge: its kind is diag.Data.
//
// Decided against: the time a signer claims never decides which certificates are in force,
// for whoever has the key of one that is not can claim any; a signature without signed
// attributes is not taken, for the attributes of another can be passed off as its content;
// DSA, MD5, MD2, RC2 are named and not verified.
package cms
