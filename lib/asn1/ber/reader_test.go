package ber_test

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// readMessage reads an APDU the way a channel does: the envelope into memory, the
// content as a stream.
func readMessage(src io.Reader) (envelope ber.Raw, content []byte, err error) {
	r := ber.NewReader(src, ber.Limits{})
	if _, err = r.Next(); err != nil {
		return nil, nil, err
	}
	if err = r.Enter(); err != nil {
		return nil, nil, err
	}
	if _, err = r.Next(); err != nil {
		return nil, nil, err
	}
	if envelope, err = r.Raw(4096); err != nil {
		return nil, nil, err
	}
	if _, err = r.Next(); err != nil {
		return nil, nil, err
	}
	if content, err = io.ReadAll(r.OctetString()); err != nil {
		return nil, nil, err
	}
	if _, err = r.Next(); err != ber.ErrEnd {
		return nil, nil, errors.New("no end of the message")
	}
	if err = r.Leave(); err != nil {
		return nil, nil, err
	}
	if _, err = r.Next(); err != io.EOF {
		return nil, nil, errors.New("no end of the stream")
	}
	return envelope, content, nil
}

func TestReaderStreamsContent(t *testing.T) {
	in := unhex(t, message)
	var apdu APDU
	if _, err := ber.Unmarshal(in, &apdu, ber.Limits{}); err != nil {
		t.Fatal(err)
	}
	want := apdu.Message.Content
	tests := map[string][]byte{
		"definite":   in,
		"indefinite": indefinite(t, in, 100),
		"segmented":  indefinite(t, in, 3),
	}
	for name, in := range tests {
		for source, wrap := range map[string]func(io.Reader) io.Reader{
			"whole": func(r io.Reader) io.Reader { return r },
			"octet": iotest.OneByteReader,
			"eof":   iotest.DataErrReader,
		} {
			t.Run(name+"/"+source, func(t *testing.T) {
				envelope, content, err := readMessage(wrap(bytes.NewReader(in)))
				if err != nil {
					t.Fatal(err)
				}
				if !bytes.Equal(content, want) {
					t.Errorf("content %x", content)
				}
				var got Envelope
				if rest, err := ber.Unmarshal(envelope, &got, ber.Limits{}); err != nil || len(rest) > 0 {
					t.Errorf("envelope: %d octets left, %v", len(rest), err)
				}
				if diff := cmp.Diff(apdu.Message.Envelope, got, sameRaw); diff != "" {
					t.Error(diff)
				}
			})
		}
	}
}

func TestReaderSkipsWhatIsNotDealtWith(t *testing.T) {
	for name, in := range map[string][]byte{
		"definite":   unhex(t, "30 0B  04 01 AA  A0 03 02 01 07  05 00  02 01 09"),
		"indefinite": unhex(t, "30 80  24 80 04 01 AA 00 00  A0 80 02 01 07 00 00  05 00 00 00  02 01 09"),
	} {
		t.Run(name, func(t *testing.T) {
			if name == "definite" {
				in[1] = byte(len(in) - 2 - 3)
			}
			r := ber.NewReader(bytes.NewReader(in), ber.Limits{})
			var tags []string
			next := func() error {
				h, err := r.Next()
				if err == nil {
					tags = append(tags, h.Tag.String())
				}
				return err
			}
			if err := next(); err != nil {
				t.Fatal(err)
			}
			if err := r.Enter(); err != nil {
				t.Fatal(err)
			}
			if err := next(); err != nil { // the string, begun and given up
				t.Fatal(err)
			}
			s := r.OctetString()
			if _, err := s.Read(nil); err != nil {
				t.Fatal(err)
			}
			if err := next(); err != nil { // [0], never looked at
				t.Fatal(err)
			}
			if _, err := s.Read(make([]byte, 1)); err == nil {
				t.Error("a string was read after the reader had moved on")
			}
			if err := next(); err != nil { // NULL
				t.Fatal(err)
			}
			for range 2 {
				if err := next(); err != ber.ErrEnd {
					t.Fatalf("at the end: %v", err)
				}
			}
			if err := r.Leave(); err != nil {
				t.Fatal(err)
			}
			if err := next(); err != nil {
				t.Fatal(err)
			}
			if err := next(); err != io.EOF {
				t.Fatalf("at the very end: %v", err)
			}
			want := "SEQUENCE OCTET STRING [0] NULL INTEGER"
			if got := strings.Join(tags, " "); got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			if r.Offset() != int64(len(in)) {
				t.Errorf("offset %d of %d", r.Offset(), len(in))
			}
		})
	}
}

func TestReaderLeavesHalfRead(t *testing.T) {
	in := unhex(t, "30 80 A0 80 30 03 02 01 01 30 80 00 00 00 00 04 00 00 00 05 00")
	r := ber.NewReader(bytes.NewReader(in), ber.Limits{})
	for range 3 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if err := r.Enter(); err != nil {
			t.Fatal(err)
		}
	}
	for range 3 {
		if err := r.Leave(); err != nil {
			t.Fatal(err)
		}
	}
	if h, err := r.Next(); err != nil || h.Tag != asn1.Univ(asn1.NumberNull) {
		t.Errorf("after leaving: %v, %v", h.Tag, err)
	}
}

func TestReaderRefuses(t *testing.T) {
	tests := []struct {
		name, in string
		lim      ber.Limits
		want     error
		offset   int64
	}{
		{"truncated header", "30", ber.Limits{}, ber.ErrTruncated, 1},
		{"truncated contents", "04 05 01", ber.Limits{}, ber.ErrTruncated, 3},
		{"no end-of-contents", "30 80 05 00", ber.Limits{}, ber.ErrTruncated, 4},
		{"child longer than parent", "30 03 04 05 00 00 00 00 00", ber.Limits{}, ber.ErrSyntax, 2},
		{"end-of-contents in definite", "30 02 00 00", ber.Limits{}, ber.ErrSyntax, 2},
		{"header across the end", "30 80 30 01 04 00 00 00", ber.Limits{}, ber.ErrSyntax, 4},
		{"primitive of indefinite length", "04 80 00 00", ber.Limits{}, ber.ErrSyntax, 0},
		{"deep", "30 80 30 80 30 80 00 00 00 00 00 00", ber.Limits{Depth: 2}, ber.ErrLimit, 4},
		{"many", "30 80 05 00 05 00 05 00 00 00", ber.Limits{Elements: 3}, ber.ErrLimit, 6},
		{"huge", "04 84 7F FF FF FF 00", ber.Limits{}, ber.ErrLimit, 0},
		{"huge indefinite", "24 80 04 02 00 00 04 02 00 00 00 00", ber.Limits{Octets: 8}, ber.ErrLimit, 8},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ber.NewReader(bytes.NewReader(unhex(t, tt.in)), tt.lim)
			err := drain(r)
			var e *ber.Error
			if !errors.Is(err, tt.want) || !errors.As(err, &e) || e.Offset != tt.offset {
				t.Fatalf("got %v, want %v at %d", err, tt.want, tt.offset)
			}
			if diag.KindOf(err) != diag.Data {
				t.Errorf("kind %v", diag.KindOf(err))
			}
			if _, again := r.Next(); again != err {
				t.Errorf("then %v", again)
			}
		})
	}
}

// drain walks everything: constructed elements are entered, except that those
// whose tag is a string's are read whole.
func drain(r *ber.Reader) error {
	for {
		h, err := r.Next()
		switch {
		case err == io.EOF:
			return nil
		case err == ber.ErrEnd:
			err = r.Leave()
		case err != nil:
		case h.Constructed && h.Tag != asn1.Univ(asn1.NumberOctetString):
			err = r.Enter()
		default:
			_, err = r.Raw(1 << 30)
		}
		if err != nil {
			return err
		}
	}
}

func TestReaderKeepsErrorsOfTheSource(t *testing.T) {
	broken := errors.New("line is down")
	src := io.MultiReader(bytes.NewReader([]byte{0x04, 0x05, 1}), iotest.ErrReader(broken))
	r := ber.NewReader(src, ber.Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(r.OctetString())
	if !errors.Is(err, broken) || len(got) != 1 {
		t.Errorf("%x, %v", got, err)
	}
	if k := diag.KindOf(err); k != diag.Internal {
		t.Errorf("kind %v", k)
	}
}

func TestReaderDecodeReportsOffsetOfTheStream(t *testing.T) {
	r := ber.NewReader(bytes.NewReader(unhex(t, "05 00 30 04 02 02 40 00")), ber.Limits{})
	var v struct{ Number int8 }
	for range 2 {
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
	}
	err := r.Decode(&v, "")
	var e *ber.Error
	if !errors.As(err, &e) || e.Offset != 4 || e.Path != "number" || !errors.Is(err, ber.ErrRange) {
		t.Errorf("%v", err)
	}
}

func TestReaderStreamsWithoutHoldingTheContent(t *testing.T) {
	const segment, segments = 1 << 10, 64 << 10
	head := []byte{0x24, 0x80}
	one := ber.AppendHeader(nil, asn1.Univ(asn1.NumberOctetString), false, segment)
	one = append(one, make([]byte, segment)...)
	src := io.MultiReader(bytes.NewReader(head), &repeat{one, segments, 0}, bytes.NewReader([]byte{0, 0}))
	r := ber.NewReader(src, ber.Limits{Elements: 8, Octets: 1024})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, r.OctetString())
	if err != nil || n != segment*segments {
		t.Errorf("%d octets, %v", n, err)
	}
}

// repeat is n times the same octets.
type repeat struct {
	octets []byte
	n, at  int
}

func (r *repeat) Read(p []byte) (int, error) {
	if r.n == 0 {
		return 0, io.EOF
	}
	n := copy(p, r.octets[r.at:])
	if r.at += n; r.at == len(r.octets) {
		r.at, r.n = 0, r.n-1
	}
	return n, nil
}

func TestReaderOutOfTurn(t *testing.T) {
	tests := []struct {
		name string
		do   func(*ber.Reader) error
	}{
		{"Enter before Next", func(r *ber.Reader) error { return r.Enter() }},
		{"Leave before Enter", func(r *ber.Reader) error { return r.Leave() }},
		{"Skip before Next", func(r *ber.Reader) error { return r.Skip() }},
		{"Raw before Next", func(r *ber.Reader) error { _, err := r.Raw(10); return err }},
		{"Decode before Next", func(r *ber.Reader) error { return r.Decode(new(int), "") }},
		{"string before Next", func(r *ber.Reader) error { _, err := io.ReadAll(r.OctetString()); return err }},
		{"Enter a primitive element", func(r *ber.Reader) error {
			if _, err := r.Next(); err != nil {
				return nil
			}
			return r.Enter()
		}},
		{"Raw twice", func(r *ber.Reader) error {
			if _, err := r.Next(); err != nil {
				return nil
			}
			if _, err := r.Raw(10); err != nil {
				return nil
			}
			_, err := r.Raw(10)
			return err
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := ber.NewReader(bytes.NewReader([]byte{4, 1, 0, 5, 0}), ber.Limits{})
			err := tt.do(r)
			var e *ber.Error
			if !errors.As(err, &e) {
				t.Fatalf("got %v", err)
			}
			if _, again := r.Next(); again != err {
				t.Errorf("then %v", again)
			}
		})
	}
}

func TestReaderSkipsAStringHalfRead(t *testing.T) {
	r := ber.NewReader(bytes.NewReader(unhex(t, "24 80 04 03 41 42 43 24 80 04 01 44 00 00 00 00 05 00")), ber.Limits{})
	if _, err := r.Next(); err != nil {
		t.Fatal(err)
	}
	s := r.OctetString()
	if n, err := s.Read(make([]byte, 2)); n != 2 || err != nil {
		t.Fatal(n, err)
	}
	if err := r.Skip(); err != nil {
		t.Fatal(err)
	}
	if h, err := r.Next(); err != nil || h.Offset != 16 {
		t.Errorf("%+v, %v", h, err)
	}
	if n, err := s.Read(make([]byte, 2)); n != 0 || err == nil {
		t.Errorf("read %d octets too late", n)
	}
}

// Bit strings and integers are not what OctetString is for.
func TestReaderRefusesSegmentsOfOtherTypes(t *testing.T) {
	for _, in := range []string{"24 80 02 01 00 00 00", "A1 80 03 02 00 00 00 00", "24 03 80 01 00"} {
		r := ber.NewReader(bytes.NewReader(unhex(t, in)), ber.Limits{})
		if _, err := r.Next(); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(r.OctetString()); !errors.Is(err, ber.ErrUnexpected) {
			t.Errorf("%s: %v", in, err)
		}
	}
}
