// Package p1 is the MTS transfer protocol P1, X.419 §§11–13: MTS-APDUs on their
// way between MTAs, and the MTA-bind that opens an association for them.
//
// A content may be larger than memory, so an MTS-APDU is read and written in two
// parts. The envelope part is a ber.Raw: the MessageTransferEnvelope of a
// message; the whole APDU of a probe; the whole APDU of a report but for its
// returned content. The content part is a stream. ReadAPDU takes an APDU apart,
// NewAPDU says what to write before the content so that the two make an APDU
// again. Relay edits the envelope part as an MTA must that passes an object on,
// and leaves every octet alone that it need not change.
package p1
