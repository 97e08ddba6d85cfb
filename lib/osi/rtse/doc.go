// Package rtse implements the reliable transfer service, X.218, with the protocol
// of X.228 in normal mode and in X.410-1984 mode, both roles. A Conn is an
// association: it opens, moves APDUs of any size with checkpoints, passes the turn,
// and closes.
//
// An APDU is never in memory: it is streamed from an io.Reader and into one. The
// receiving user reads an APDU to its end, secures it, and only then says
// TransferIndication.Accept; that is the moment at which the responsibility for
// it passes to this side, and no acknowledgement leaves earlier.
//
// The protocol is pure. A machine, the RTPM, has the association's state; below it a
// lower, presentation on session, carries its APDUs. What differs between the two modes is
// a mode of the lower: association control and the coding of the APDUs. An initiator has
// its mode from its Config, a responder from its caller. Time, streams and goroutines are
// the Conn's, whose mutex is around all of that: conn.go and service.go, with transfer.go
// for what is sent, indication.go for what arrives and keep.go for what is kept of it.
//
// A transfer that is interrupted, by the peer or by the loss of the association, may
// be resumed behind the last checkpoint confirmed (X.228 §7.8): by ACTIVITY RESUME
// with the linking information, on the same association or on any other with the
// peer. The sender has that in TransferResult.Interrupted; the receiver has a Keeper.
// Without either, and where the peer knows nothing of the activity, the APDU is sent
// again from its beginning. Recovery of an association as such, which is RT-OPEN with
// the name of the old one, is not needed for that: it is not begun here, and the user
// decides on it where Config.Recoverable has it asked.
package rtse
