// Package mts holds the values of the Message Transfer System's abstract
// service, X.411: messages, probes and reports as they pass from MTA to MTA, the
// envelopes around them, the extensions in those envelopes, trace, and the
// arguments of the MTA-bind.
//
// Every type is written once, in the order and with the tags of the ASN.1
// modules MTSAbstractService and MTAAbstractService (1999), and package ber
// decodes, encodes and prints it. Elements of a SET that this package does not
// know are kept bit for bit in the field Unknown and are encoded again;
// extensions it does not know stay in Extensions with their very octets.
//
// Identifiers are strict where envelopes are not: an MTSIdentifier or a
// GlobalDomainIdentifier with a foreign element in it has no defined identity,
// and identity is what tracing and reports live on, so such a value is an error.
//
// Nothing here reads a clock, a file or a socket. The trace procedures are
// functions from one trace to the next.
package mts
