// Package session implements the connection-oriented session protocol, X.225
// (ISO/IEC 8327-1), as the reliable transfer of X.228 and the remote operations
// of X.229 use it over a class 0 transport: the kernel, half-duplex, duplex,
// minor synchronize, activity management, exceptions and typed data functional
// units.
//
// Decode and Append translate between a TSDU and its SPDUs. Machine is the
// session protocol machine: it holds the state of one connection and is pure, so
// that events (service requests, TSDUs, a timer) go in and actions (service
// indications, TSDUs, orders to the timer and to the transport) come out. It
// starts no goroutine and knows no clock.
//
// The machine is used for one session connection and begins with the transport
// connection open (STA 01C of X.225 Annex A); a transport connection is not used
// again for a second session connection (X.225 §6.2 makes that optional).
package session
