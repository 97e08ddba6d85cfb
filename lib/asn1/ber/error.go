package ber

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// Causes that an Error wraps; compare with errors.Is.
var (
	ErrSyntax     = errors.New("malformed encoding")                // X.690 broken
	ErrTruncated  = errors.New("truncated")                         // the input ends inside an element
	ErrLimit      = errors.New("limit exceeded")                    // one of Limits
	ErrUnexpected = errors.New("unexpected element")                // a tag the type has no place for
	ErrMissing    = errors.New("mandatory element missing")         // a component neither OPTIONAL nor DEFAULT
	ErrDuplicate  = errors.New("element repeated or out of place")  // a component met twice
	ErrRange      = errors.New("value out of range")                // the Go type cannot hold the value
	ErrValue      = errors.New("value cannot be encoded")           // a Go value no encoding stands for
	ErrType       = errors.New("type cannot be compiled to a plan") // a mistake in a Go type
	// ErrEnd is returned by Reader.Next, bare, at the end of the constructed
	// element entered last. The end of the whole input is io.EOF.
	ErrEnd = errors.New("ber: end of the constructed element")
)

// Error is a failure to decode or encode.
type Error struct {
	// Path names the component, "message.envelope.priority", in the spelling of
	// the ASN.1 module; empty when there is no type to take names from.
	Path string
	// Offset is that of the first octet of the element at fault, from the start of
	// the input; -1 when there is no input (encoding).
	Offset int64
	// Err is the cause; it wraps one of the causes above, or is the error of the
	// io.Reader beneath.
	Err error

	kind diag.Kind
}

func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString("ber: ")
	b.WriteString(e.Path)
	if e.Offset >= 0 {
		if e.Path != "" {
			b.WriteByte(' ')
		}
		b.WriteString("at octet ")
		b.WriteString(strconv.FormatInt(e.Offset, 10))
	}
	if b.Len() > len("ber: ") {
		b.WriteString(": ")
	}
	b.WriteString(e.Err.Error())
	return b.String()
}

func (e *Error) Unwrap() error { return e.Err }

// As lets diag.KindOf see malformed input as diag.Data; failures of a source and
// mistakes of ours keep the kind of their cause.
func (e *Error) As(target any) bool {
	d, ok := target.(**diag.Error)
	if !ok || e.kind == diag.Internal {
		return false
	}
	*d = &diag.Error{Kind: e.kind, Err: e}
	return true
}

func malformed(offset int64, err error) *Error {
	return &Error{Offset: offset, Err: err, kind: diag.Data}
}

func malformedf(offset int64, format string, args ...any) *Error {
	return malformed(offset, fmt.Errorf(format, args...))
}

func unencodable(format string, args ...any) *Error {
	return &Error{Offset: -1, Err: fmt.Errorf(format, args...)}
}

// under prefixes the path of an error on its way out of a component.
func (e *Error) under(name string) *Error {
	switch {
	case name == "":
	case e.Path == "":
		e.Path = name
	case e.Path[0] == '[':
		e.Path = name + e.Path
	default:
		e.Path = name + "." + e.Path
	}
	return e
}

func (e *Error) underIndex(i int) *Error {
	return e.under("[" + strconv.Itoa(i) + "]")
}
