package spool

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
)

// LastLineSize is the length of the last line of a message file in octets.
const LastLineSize = len("mta1 ") + contentDigits + 1 + envelopeDigits + 1 + 2*(2*sha256.Size+1)

const (
	contentDigits  = 20
	envelopeDigits = 10
)

// lastLine is the end of every whole message file: what was written, and the
// digests by which it is known again.
type lastLine struct {
	content, envelope             int64 // octets
	contentDigest, envelopeDigest [sha256.Size]byte
}

// String prints the line with its newline.
func (l *lastLine) String() string {
	return fmt.Sprintf("mta1 %020d %010d %x %x\n", l.content, l.envelope, l.contentDigest, l.envelopeDigest)
}

// parseLastLine reads exactly what String prints.
func parseLastLine(b []byte) (l lastLine, ok bool) {
	if len(b) != LastLineSize || string(b[:5]) != "mta1 " || b[LastLineSize-1] != '\n' {
		return l, false
	}
	b = b[5:]
	l.content, ok = digits(b[:contentDigits])
	if !ok || b[contentDigits] != ' ' {
		return l, false
	}
	b = b[contentDigits+1:]
	l.envelope, ok = digits(b[:envelopeDigits])
	if !ok || b[envelopeDigits] != ' ' {
		return l, false
	}
	b = b[envelopeDigits+1:]
	const width = 2 * sha256.Size
	if !lowerHex(b[:width]) || b[width] != ' ' || !lowerHex(b[width+1:2*width+1]) {
		return l, false
	}
	hex.Decode(l.contentDigest[:], b[:width])
	hex.Decode(l.envelopeDigest[:], b[width+1:2*width+1])
	return l, true
}

func digits(b []byte) (n int64, ok bool) {
	for _, c := range b {
		if c < '0' || c > '9' || n > (1<<63-1-9)/10 {
			return 0, false
		}
		n = 10*n + int64(c-'0')
	}
	return n, true
}

func lowerHex(b []byte) bool {
	for _, c := range b {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

// resemblesLastLine says whether b, the last LastLineSize octets of a file, are
// the end of a message file that something has happened to, or of a later
// format, rather than the middle of one whose end was never written.
func resemblesLastLine(b []byte) bool {
	return len(b) == LastLineSize && b[LastLineSize-1] == '\n' &&
		string(b[:3]) == "mta" && b[3] >= '0' && b[3] <= '9' && b[4] == ' '
}
