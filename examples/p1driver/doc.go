// Package p1driver is an MTA of the other make: a source that transfers messages
// over the MTS transfer protocol P1 and a sink that takes them. It shares no code with
// the switch, so that a mistake in the switch's codecs cannot cancel out; every layer
// is a few octets written by hand. It is for tests and measurements on loopback, and
// knows just enough: RFC 1006, the session, presentation, ACSE and RTSE octets of
// X.419's mts-transfer context in normal mode, the same without ACSE in X.410-1984
// mode with P1 of 1988 or of 1984, messages and reports of X.411.
//
// A source can speak as old stacks do: indefinite lengths and constructed OCTET
// STRINGs throughout, session version 1, small TPDUs, checkpoints every 1024 octets, or
// none, which makes an object one RTTR in one TSDU.
// Both ends keep books: the source of what was acknowledged to it and of what was in
// doubt, the sink of every arrival, with the digest of its content.
package p1driver
