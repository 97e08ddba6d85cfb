package channel

import (
	"net"

	"github.com/mtakit/mtakit/lib/spool"
)

// Unassociated is the part of a Kind that has no associations, to be embedded: its
// jobs are done here and need no peer.
type Unassociated struct{ Host *Host }

// Accept closes the connection: nobody is served here.
func (Unassociated) Accept(conn net.Conn, _ string, _ []byte) {
	_ = conn.Close() // nothing was said on it
}

// Open tells that there are no associations.
func (u Unassociated) Open(assoc uint64, peer string) {
	u.Host.Association(Line{Assoc: assoc, Peer: peer, State: StateFailed, Reason: "channel " + u.Host.Name + " has no associations"})
}

// Close has nothing to release.
func (Unassociated) Close(uint64) {}

// Turn has nobody to ask.
func (Unassociated) Turn(uint64, spool.Priority) {}
