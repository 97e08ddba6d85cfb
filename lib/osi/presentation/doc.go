// Package presentation implements the connection-oriented presentation protocol,
// X.226 (ISO/IEC 8823-1), kernel functional unit: one context set for the whole
// connection, BER as the transfer syntax.
//
// The PPDU types encode and decode through asn1/ber, in normal mode and in
// X.410-1984 mode, which has neither contexts nor selectors and leaves the octets
// of the data phase alone. Machine is the presentation protocol machine: pure, events in
// and actions out. Above it speaks P- primitives; below it takes and gives the
// primitives of package session, so that a connection is this machine stacked on
// a session.Machine.
package presentation
