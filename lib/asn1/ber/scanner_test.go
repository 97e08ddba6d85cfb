package ber_test

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// scanned tells, a line each, of what a Scanner finds in octets that it is given in
// pieces of size octets.
func scanned(in []byte, size int) (string, error) {
	var s ber.Scanner
	var b strings.Builder
	var contents []byte
	for len(in) > 0 || size == 0 {
		piece := in
		if size > 0 {
			piece = in[:min(size, len(in))]
		}
		in = in[len(piece):]
		for {
			t, err := s.Next(piece)
			if err != nil {
				return b.String(), err
			}
			if t.Size > len(piece) {
				return "", errors.New("token of more octets than there are")
			}
			switch t.Kind {
			case ber.Begin:
				fmt.Fprintf(&b, "%d %v %v\n", t.Header.Offset, t.Header.Tag, t.Header.Constructed)
				contents = contents[:0]
			case ber.Octets:
				contents = append(contents, piece[:t.Size]...)
			case ber.ElementEnd:
				fmt.Fprintf(&b, "end %x\n", contents)
				contents = contents[:0]
			}
			piece = piece[t.Size:]
			if t.Kind == ber.NeedMore {
				if len(piece) > 0 {
					return "", errors.New("more wanted before all is used")
				}
				break
			}
		}
		if size == 0 {
			break
		}
	}
	if !s.Complete() {
		return b.String(), s.Truncated()
	}
	return b.String(), nil
}

// walked tells the same of what a Reader finds.
func walked(in []byte) (string, error) {
	r := ber.NewReader(bytes.NewReader(in), ber.Limits{})
	var b strings.Builder
	depth := 0
	for {
		h, err := r.Next()
		switch {
		case err == io.EOF:
			return b.String(), nil
		case err == ber.ErrEnd:
			if err := r.Leave(); err != nil {
				return b.String(), err
			}
			b.WriteString("end \n")
			depth--
		case err != nil:
			return b.String(), err
		default:
			fmt.Fprintf(&b, "%d %v %v\n", h.Offset, h.Tag, h.Constructed)
			if h.Constructed {
				if err := r.Enter(); err != nil {
					return b.String(), err
				}
				depth++
				continue
			}
			contents, err := io.ReadAll(r.OctetString())
			if err != nil {
				return b.String(), err
			}
			fmt.Fprintf(&b, "end %x\n", contents)
		}
	}
}

// FuzzScannerFindsWhatReaderFinds: a Scanner finds in an encoding what a Reader does,
// wherever it is cut, and takes for malformed what that takes.
func FuzzScannerFindsWhatReaderFinds(f *testing.F) {
	for _, s := range []string{
		"", "30 01 41 02 30 30", "30 80 04 03 41 42 43 00 00", "24 80 24 80 04 01 41 00 00 24 02 04 00 00 00", "30 03 04 02 41",
		"30 03 04 02 41 42", "30 05 30 80 04 01 41", "04 84 00 00 00 03 41 42 43 02 01 05", "7F 81 01 02 04 00", "00 00", "30 80 00 01",
		"30 04 30 80 00 00", "30 03 30 80 00 00", "04 80", "04 FF", "3F 1F 00", "04 88 7F FF FF FF FF FF FF FF", "04 90 00 00 00 00 00 00 00 00 00 00 00 00 00 00 00 01 41",
		strings.Repeat("30 80 ", 48) + strings.Repeat("00 00 ", 48), strings.Repeat("30 80 ", 49),
	} {
		f.Add(unhex(f, s), 1)
		f.Add(unhex(f, s), 3)
	}
	f.Add(unhex(f, message), 5)
	f.Fuzz(func(t *testing.T, in []byte, size int) {
		want, wantErr := walked(in)
		for _, n := range []int{0, 1, 2, max(size, 1)} {
			got, err := scanned(in, n)
			if err == nil != (wantErr == nil) {
				t.Fatalf("pieces of %d: %v, of a Reader %v", n, err, wantErr)
			}
			if err == nil && got != want {
				t.Fatalf("pieces of %d:\n%s\nof a Reader:\n%s", n, got, want)
			}
		}
	})
}

// A primitive element of any length is scanned in the memory of its header.
func TestScannerOfLongElement(t *testing.T) {
	var s ber.Scanner
	piece := unhex(t, "30 80 04 85 02 00 00 00 00")
	var octets int64
	zeroes := make([]byte, 1<<20)
	for octets < 2<<32 {
		tok, err := s.Next(piece)
		if err != nil {
			t.Fatal(err)
		}
		piece = piece[tok.Size:]
		if tok.Kind == ber.Octets {
			octets += int64(tok.Size)
		}
		if tok.Kind == ber.NeedMore {
			piece = zeroes
		}
	}
	ends := 0
	for piece = []byte{0, 0}; ; {
		tok, err := s.Next(piece)
		if err != nil {
			t.Fatal(err)
		}
		if tok.Kind == ber.NeedMore {
			break
		}
		piece = piece[tok.Size:]
		ends++
	}
	if ends != 2 || !s.Complete() || s.Offset() != 2<<32+11 {
		t.Errorf("%d ends, complete %v at %d", ends, s.Complete(), s.Offset())
	}
}

// An element that is opaque is passed over, whatever it is made of.
func TestScannerOpaque(t *testing.T) {
	for _, size := range []int{1, 2, 7} {
		var s ber.Scanner
		var got []byte
		for in := unhex(t, "30 80 30 03 80 80 00 30 00 00 00"); len(in) > 0; {
			piece := in[:min(size, len(in))]
			in = in[len(piece):]
			for {
				tok, err := s.Next(piece)
				if err != nil {
					t.Fatal(err)
				}
				if tok.Kind == ber.NeedMore {
					break
				}
				if tok.Kind == ber.Begin && tok.Header.Length >= 0 {
					s.Opaque()
				}
				if tok.Kind == ber.Octets {
					got = append(got, piece[:tok.Size]...)
				}
				piece = piece[tok.Size:]
			}
		}
		if !s.Complete() || !bytes.Equal(got, []byte{0x80, 0x80, 0}) {
			t.Errorf("pieces of %d: % x, complete %v", size, got, s.Complete())
		}
	}
}
