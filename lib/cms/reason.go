package cms

import "fmt"

// Word says what is wrong with a signature, for a program to compare. Words are added,
// never changed.
type Word string

// The words.
const (
	Malformed         Word = "malformed"          // a part of the object cannot be read
	NoSigner          Word = "no-signer"          // nobody has signed
	NoContent         Word = "no-content"         // what is signed is not there
	NoCertificate     Word = "no-certificate"     // that of the signer is not there
	UnknownAlgorithm  Word = "unknown-algorithm"  // of the digest, the signature or the key
	WeakAlgorithm     Word = "weak-algorithm"     // likewise
	NoAttributes      Word = "no-attributes"      // the signature is over the content itself
	WrongDigest       Word = "wrong-digest"       // the content is not what was signed
	WrongSignature    Word = "wrong-signature"    // it is not by the key of the certificate
	WrongContentType  Word = "wrong-content-type" // the one signed is not that of the content
	WrongCertificate  Word = "wrong-certificate"  // another was signed by, or what it is for is another
	WrongProtection   Word = "wrong-protection"   // the algorithms signed are not those used
	WrongTime         Word = "wrong-time"         // the signing time cannot be true
	WrongLabel        Word = "wrong-label"        // signers differ in the security label, or it cannot be read
	Untrusted         Word = "untrusted"          // no path to a root
	Expired           Word = "expired"            // a certificate is not in force
	Revoked           Word = "revoked"            // a certificate
	RevocationUnknown Word = "revocation-unknown" // of a certificate
	WrongUsage        Word = "wrong-usage"        // the certificate is not for signatures on mail
	WrongSigner       Word = "wrong-signer"       // it is not the originator's
)

// Reason is why a signature is not taken.
type Reason struct {
	Word Word   `json:"word"`
	Text string `json:"text"`
}

func (r Reason) String() string { return string(r.Word) + ": " + r.Text }

func reasonf(w Word, format string, args ...any) *Reason {
	return &Reason{w, fmt.Sprintf(format, args...)}
}
