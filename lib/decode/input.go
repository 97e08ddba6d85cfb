package decode

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"github.com/mtakit/mtakit/lib/diag"
)

// Read reads all of r, at most max octets; 0 stands for DefaultLimits. A longer
// input is an error of kind diag.Data.
func Read(r io.Reader, max int) ([]byte, error) {
	max = maxOctets(max)
	b, err := io.ReadAll(io.LimitReader(r, int64(max)+1))
	if err != nil {
		return nil, diag.E("decode: read", diag.NoInput, err)
	}
	if len(b) > max {
		return nil, tooLong(max)
	}
	return b, nil
}

// ReadHex is Read of hexadecimal digits, two an octet. White space is ignored
// anywhere, and so is all between a # and the end of its line. Another character
// and half an octet are errors of kind diag.Data that name the line.
func ReadHex(r io.Reader, max int) ([]byte, error) {
	max = maxOctets(max)
	in := bufio.NewReader(r)
	var out []byte
	line, high, comment := 1, -1, false
	for {
		c, err := in.ReadByte()
		switch {
		case errors.Is(err, io.EOF):
			if high >= 0 {
				return nil, badHex(line, "an odd number of digits")
			}
			return out, nil
		case err != nil:
			return nil, diag.E("decode: read", diag.NoInput, err)
		case c == '\n':
			line, comment = line+1, false
			continue
		case comment:
			continue
		}
		digit := 0
		switch {
		case c == '#':
			comment = true
			continue
		case c == ' ', c == '\t', c == '\r', c == '\v', c == '\f':
			continue
		case '0' <= c && c <= '9':
			digit = int(c - '0')
		case 'a' <= c && c <= 'f':
			digit = int(c-'a') + 10
		case 'A' <= c && c <= 'F':
			digit = int(c-'A') + 10
		default:
			return nil, badHex(line, fmt.Sprintf("%q is no hexadecimal digit", rune(c)))
		}
		if high < 0 {
			high = digit
			continue
		}
		if len(out) == max {
			return nil, tooLong(max)
		}
		out = append(out, byte(high<<4|digit))
		high = -1
	}
}

func maxOctets(max int) int { return Limits{Octets: max}.orDefault().Octets }

func tooLong(max int) error {
	return diag.E("decode: read", diag.Data, fmt.Errorf("more than %d octets of input", max))
}

func badHex(line int, what string) error {
	return diag.E("decode: hexadecimal input", diag.Data, fmt.Errorf("line %d: %s", line, what))
}
