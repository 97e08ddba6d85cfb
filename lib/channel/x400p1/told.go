package x400p1

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"

	"github.com/mtakit/mtakit/lib/osi/rtse"
)

// told is why no association came about, in the words of whoever reads them beside the
// name of the layer and of the peer: without the layers the error came through.
func told(err error) error {
	if err == nil {
		return nil
	}
	var a *rtse.Abort
	var r *rtse.Refusal
	switch {
	case errors.As(err, &r):
		return &retold{err, r.Error()}
	case errors.As(err, &a):
		return &retold{err, aborted(a)}
	case errors.Is(err, context.DeadlineExceeded):
		return &retold{err, "no answer in time"}
	}
	return &retold{err, plain(err)}
}

// aborted words an abort: what the peer has done, or what was wrong with it.
func aborted(a *rtse.Abort) string {
	var said []string
	switch {
	case a.Local && a.Layer != rtse.LayerTransport:
		said = append(said, a.Reason)
	case a.Layer != rtse.LayerTransport:
		said = append(said, "aborted by the peer", a.Reason)
	case a.Err == nil:
		said = append(said, "the peer closed the connection")
	}
	if a.Err != nil {
		said = append(said, plain(a.Err))
	}
	return strings.Join(said, ": ")
}

// layers are the beginnings of errors that name where they were found.
var layers = [...]string{"rtse: accept: ", "rtse: open: ", "rtse: ", "acse: ", "presentation: ", "session: ", "tp: "}

// plain is the text of an error without the layers in front of it, and without the
// addresses of a connection, which is named already.
func plain(err error) string {
	text := err.Error()
	var op *net.OpError
	if errors.As(err, &op) && (op.Op == "read" || op.Op == "write") {
		why := op.Err
		var call *os.SyscallError
		if errors.As(why, &call) {
			why = call.Err
		}
		text = strings.Replace(text, op.Error(), why.Error(), 1)
	}
	for _, layer := range layers {
		text = strings.TrimPrefix(text, layer)
	}
	return text
}
