// Package diag holds the one error type of mtakit. An error says which
// operation failed, what kind of failure it is, and why; the kind alone decides
// what a program does about it: its exit status here, and for the callers that
// need one a temporary or a permanent refusal.
//
// Outcomes of a delivery (transferred, deferred, failed …) are not errors; they
// are values of the packages that produce them.
package diag

import (
	"errors"
	"io/fs"
	"syscall"
)

// Kind classifies a failure. The set is closed: a new kind needs a row in
// every table of this package and in mta-exit(7).
type Kind uint8

// The kinds, in the order of mta-exit(7).
const (
	Internal    Kind = iota // a bug of ours; also what an unclassified error counts as
	Usage                   // the command line or the call is wrong
	Data                    // the input is malformed
	NoInput                 // the input does not exist or cannot be read
	NoUser                  // the recipient is unknown here
	NoRoute                 // no route leads to the recipient
	Unavailable             // a service (the daemon, a peer) cannot be reached
	System                  // the operating system refused
	CantCreate              // an output file cannot be made
	IO                      // reading or writing failed, a barrier included
	Temporary               // try again later
	Protocol                // the peer broke the protocol
	Denied                  // not permitted
	Config                  // the configuration is wrong
	Permanent               // trying again will not help
)

var kinds = [...]struct {
	name string
	exit int
}{
	Internal:    {"internal", 70},
	Usage:       {"usage", 64},
	Data:        {"data", 65},
	NoInput:     {"no-input", 66},
	NoUser:      {"no-user", 67},
	NoRoute:     {"no-route", 68},
	Unavailable: {"unavailable", 69},
	System:      {"system", 71},
	CantCreate:  {"cant-create", 73},
	IO:          {"io", 74},
	Temporary:   {"temporary", 75},
	Protocol:    {"protocol", 76},
	Denied:      {"denied", 77},
	Config:      {"config", 78},
	Permanent:   {"permanent", 65},
}

// String returns the kind's name as logs and --json print it.
func (k Kind) String() string {
	if int(k) < len(kinds) {
		return kinds[k].name
	}
	return "internal"
}

// ExitStatus returns the sysexits status of the kind, as mta-exit(7) lists it.
func (k Kind) ExitStatus() int {
	if int(k) < len(kinds) {
		return kinds[k].exit
	}
	return kinds[Internal].exit
}

// Kinds returns every kind, in the order of mta-exit(7).
func Kinds() []Kind {
	all := make([]Kind, len(kinds))
	for i := range all {
		all[i] = Kind(i)
	}
	return all
}

// Error is a failure with its operation and kind. It prints as "op: cause".
type Error struct {
	Op   string // "spool: commit 0dk3…", "conf: mta.toml:14"
	Kind Kind
	Err  error
	Hint string // the command or the change one probably wants; may be empty
}

// E makes an error of kind k. A nil err gives nil, so that a call can be wrapped
// without asking first.
func E(op string, k Kind, err error) error {
	if err == nil {
		return nil
	}
	return &Error{Op: op, Kind: k, Err: err}
}

// New makes an error of kind k from a text.
func New(op string, k Kind, text string) error {
	return &Error{Op: op, Kind: k, Err: errors.New(text)}
}

// WithHint adds advice to an error; a nil err gives nil. The kind stays.
func WithHint(err error, hint string) error {
	if err == nil {
		return nil
	}
	return &Error{Kind: KindOf(err), Err: err, Hint: hint}
}

func (e *Error) Error() string {
	if e.Op == "" {
		return e.Err.Error()
	}
	return e.Op + ": " + e.Err.Error()
}

func (e *Error) Unwrap() error { return e.Err }

// KindOf returns the kind of the outermost Error in err's chain. Errors of the
// file system that nobody classified are classified here, so that a full disk is
// temporary wherever it is met.
func KindOf(err error) Kind {
	var e *Error
	switch {
	case errors.As(err, &e):
		return e.Kind
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT), errors.Is(err, syscall.EFBIG),
		errors.Is(err, syscall.EMFILE), errors.Is(err, syscall.ENFILE):
		return Temporary
	case errors.Is(err, fs.ErrNotExist):
		return NoInput
	case errors.Is(err, fs.ErrPermission):
		return Denied
	case errors.Is(err, syscall.EIO):
		return IO
	}
	return Internal
}

// HintOf returns the first hint in err's chain, or "".
func HintOf(err error) string {
	for err != nil {
		// Not errors.As: an error may pass for an *Error that holds it again.
		if e, ok := err.(*Error); ok && e.Hint != "" {
			return e.Hint
		}
		switch u := err.(type) {
		case interface{ Unwrap() error }:
			err = u.Unwrap()
		case interface{ Unwrap() []error }:
			for _, each := range u.Unwrap() {
				if hint := HintOf(each); hint != "" {
					return hint
				}
			}
			return ""
		default:
			return ""
		}
	}
	return ""
}
