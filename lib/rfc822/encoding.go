package rfc822

import (
	"bytes"
	"encoding/base64"
	"io"
	"mime/quotedprintable"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// Content returns what the body stands for, its transfer encoding undone (RFC 2045 §6), of
// at most so many octets. A body that is not encoded is not copied.
func (e *Entity) Content(most int) ([]byte, error) {
	encoding, err := e.encoding()
	if err != nil {
		return nil, err
	}
	var out []byte
	switch encoding {
	case "7bit", "8bit", "binary":
		out = e.Body
	case "base64":
		out, err = Base64(e.Body, most)
	case "quoted-printable":
		out, err = io.ReadAll(io.LimitReader(quotedprintable.NewReader(bytes.NewReader(e.Body)), int64(most)+1))
		err = diag.E("quoted-printable", diag.Data, err)
	default:
		return nil, malformed("Content-Transfer-Encoding: %.80q is not known", encoding)
	}
	if err == nil && len(out) > most {
		err = malformed("a body of more than %d octets", most)
	}
	if err != nil {
		return nil, err
	}
	return out, nil
}

// encoding is the transfer encoding in small letters.
func (e *Entity) encoding() (string, error) {
	switch fields := e.All("Content-Transfer-Encoding"); len(fields) {
	case 0:
		return "7bit", nil
	case 1:
		return strings.ToLower(withoutComments(fields[0].Value())), nil
	default:
		return "", malformed("Content-Transfer-Encoding: there are %d of them", len(fields))
	}
}

// Base64 decodes text of at most so many octets (RFC 2045 §6.8). White space in it is
// skipped, and anything else that does not belong is an error, though the RFC would have it
// skipped, too: there is no reading of it but that somebody has damaged the text.
func Base64(b []byte, most int) ([]byte, error) {
	packed := make([]byte, 0, len(b))
	for _, c := range b {
		if c != '\r' && c != '\n' && c != ' ' && c != '\t' {
			packed = append(packed, c)
		}
	}
	if len(packed)/4*3 > most+2 {
		return nil, malformed("base64: more than %d octets", most)
	}
	out, err := base64.StdEncoding.AppendDecode(nil, packed)
	if err != nil {
		return nil, diag.E("base64", diag.Data, err)
	}
	if len(out) > most {
		return nil, malformed("base64: more than %d octets", most)
	}
	return out, nil
}

// EncodeBase64 returns octets as lines of 76 characters that end in CRLF.
func EncodeBase64(b []byte) []byte {
	const line = 57
	out := make([]byte, 0, (len(b)+line-1)/line*78)
	for len(b) > 0 {
		n := min(line, len(b))
		out = base64.StdEncoding.AppendEncode(out, b[:n])
		out = append(out, "\r\n"...)
		b = b[n:]
	}
	return out
}
