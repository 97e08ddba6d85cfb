package p1

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/mts"
)

// Object identifiers of the MTS transfer protocol, X.419 Annex A.
const (
	ApplicationContext asn1.OID = "2.6.0.1.6"  // mts-transfer
	TransferSyntax     asn1.OID = "2.6.0.2.7"  // id-as-mtse: the abstract syntax of MTS-APDUs
	RTSESyntax         asn1.OID = "2.6.0.2.12" // id-as-mta-rtse: that of RTSE APDUs and the MTA-bind
)

// ApplicationProtocol1984 and ApplicationProtocol1988 are the numbers that stand
// for the application context in X.410 mode, X.419 §11.
const (
	ApplicationProtocol1984 = 1
	ApplicationProtocol1988 = 12
)

// TurnRelease is the priority with which an MTA asks for the turn in order to
// release the association, X.218 §9.4.
const TurnRelease = 0

// TurnPriority returns the priority with which an MTA asks for the turn in order
// to transfer an object of priority p: 1 for urgent, 2 for normal, 3 for
// non-urgent.
func TurnPriority(p mts.Priority) int {
	switch p {
	case mts.Urgent:
		return 1
	case mts.NonUrgent:
		return 3
	}
	return 2
}
