package token

import "fmt"

// Problem says what is wrong with strong credentials.
type Problem int

// The problems.
const (
	NoToken          Problem = iota // there is no bind-token
	UnknownToken                    // it is no asymmetric-token
	Malformed                       // it, or a certificate, cannot be read
	NoCertificate                   // none came, and none is known
	OtherCertificate                // it is not the one, or not of the one, that was expected
	Expired                         // a certificate is not valid at the time
	Untrusted                       // no authority that is trusted has issued it
	UnknownAlgorithm                // of the signature or of the key
	WeakAlgorithm                   // likewise
	WrongSignature                  // of the token
	WrongRecipient                  // it is for somebody else
	WrongTime                       // too old, or of the future
	NoNumber                        // it has no random number
	Encrypted                       // it has encrypted-data
	Unrelated                       // an answer that does not have the random number asked with
	Reflected                       // a call that has a random number of ours
	Replayed                        // it was taken before
	Forgotten                       // nobody knows any more whether it was
)

var problems = [...]string{"no-token", "unknown-token", "malformed", "no-certificate", "other-certificate", "expired", "untrusted",
	"unknown-algorithm", "weak-algorithm", "wrong-signature", "wrong-recipient", "wrong-time", "no-number", "encrypted", "unrelated",
	"reflected", "replayed", "forgotten"}

// String returns the name of the problem.
func (p Problem) String() string {
	if p >= 0 && int(p) < len(problems) {
		return problems[p]
	}
	return fmt.Sprint(int(p))
}

// Temporary reports whether the next token of the same sender may be taken: a later one
// has a later time.
func (p Problem) Temporary() bool { return p == Forgotten }

// Refusal is why strong credentials were not taken.
type Refusal struct {
	Problem Problem
	Err     error
}

func (r *Refusal) Error() string { return r.Err.Error() }
func (r *Refusal) Unwrap() error { return r.Err }

func refuse(p Problem, err error) error { return &Refusal{p, err} }

func refusef(p Problem, format string, args ...any) error {
	return refuse(p, fmt.Errorf(format, args...))
}
