// Package rtse implements the reliable transfer service, X.218, with the protocol
// of X.228 in normal mode, both roles. A Conn is an association: it opens, moves
// APDUs of any size with checkpoints, passes the turn, and closes.
//
// An APDU is never in memory: it is streamed from an io.Reader and into one. The
// receiving user reads an APDU to its end, secures it, and only then says
// TransferIndication.Accept; that is the moment at which the responsibility for
// it passes to this side, and no acknowledgement leaves earlier.
//
// Everything but conn.go is pure. A machine, the RTPM, has the association's
// state; below it a lower, the stack of association control, presentation and
// session, carries its APDUs. X.410-1984 mode needs another lower and no other
// machine: today a peer that asks for it is refused, in its own terms. Recovery
// of an association and resumption of an activity are refused likewise, which
// X.228 permits at any time: the peer sends the APDU again from its beginning.
package rtse
