// Package tp implements the transport service over TCP: the TPKT of RFC 1006 and
// RFC 2126 and the class 0 transport protocol of X.224.
//
// Decode and the Append methods translate TPDUs; Conn is a transport connection
// over a net.Conn. A listener reads the first TPDU with PeekCR, decides, and
// hands the descriptor with the octets read to whoever calls Accept, in this
// process or another.
package tp
