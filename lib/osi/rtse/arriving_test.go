package rtse

import (
	"bytes"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/presentation"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// rttrs gives a presentation data value to the layer below the RTPM, in parts of size
// octets, 0 for all at once, and returns the octets of the RTTRs in it.
func rttrs(t *testing.T, value []byte, size int) (octets []byte, malformed error) {
	t.Helper()
	n := newLower(testConfig("A"), false)
	n.rtse = 3
	if size == 0 {
		size = max(len(value), 1)
	}
	for at := 0; at == 0 || at < len(value); at += size {
		end := min(at+size, len(value))
		part := presentation.PDataIndication{Enclosure: session.EnclosureWhole.Part(at == 0, end == len(value))}
		part.Context, part.Octets = 3, value[at:end]
		n.begin()
		n.dataIndication(part)
		n.deliver()
		for i, ev := range n.out.up {
			switch ev := ev.(type) {
			case upData:
				if i > 0 {
					t.Fatalf("parts of %d: told twice of one", size)
				}
				octets = append(octets, ev.Octets...)
			case upMalformed:
				return nil, ev.Err
			}
		}
	}
	return octets, nil
}

func TestRTTRs(t *testing.T) {
	long := append([]byte{0x04, 0x82, 0x01, 0x00}, make([]byte, 256)...)
	for _, tt := range []struct {
		name   string
		in     []byte
		octets int
		bad    bool
	}{
		{"nothing", nil, 0, false},
		{"short", []byte{4, 2, 1, 2}, 2, false},
		{"another behind it", []byte{4, 1, 1, 4, 0, 4, 1, 2}, 2, false},
		{"long", long, 256, false},
		{"long, truncated", long[:200], 0, true},
		{"length cut off", []byte{4, 0x84, 0, 0}, 0, true},
		{"length of five octets", []byte{4, 0x85, 0, 0, 0, 0, 1, 9}, 1, false},
		{"constructed", []byte{0x24, 0x80, 4, 1, 7, 0x24, 3, 4, 1, 8, 0, 0}, 2, false},
		{"constructed of another type", []byte{0x24, 3, 2, 1, 8}, 0, true},
		{"constructed, shorter than what is in it", []byte{0x24, 3, 4, 2, 8, 8}, 0, true},
		{"nested too deep", bytes.Repeat([]byte{0x24, 0x80}, 49), 0, true},
		{"without end-of-contents", []byte{0x24, 0x80, 4, 1, 7}, 0, true},
		{"primitive and indefinite", []byte{4, 0x80, 0, 0}, 0, true},
		{"another type", []byte{2, 1, 7}, 0, true},
		{"another type behind it", []byte{4, 0, 2, 1, 7}, 0, true},
	} {
		for _, size := range []int{0, 1, 2, 3} {
			octets, err := rttrs(t, tt.in, size)
			if (err != nil) != tt.bad || len(octets) != tt.octets {
				t.Errorf("%s, parts of %d: %d octets, %v", tt.name, size, len(octets), err)
			}
		}
	}
}

// A single piece is the TSDU's own octets, and more than one are joined in a buffer that
// is no longer than they are.
func TestRTTRsAreNotCopied(t *testing.T) {
	n := newLower(testConfig("A"), false)
	n.rtse = 3
	value := append([]byte{4, 0x83, 1, 0, 0}, make([]byte, 1<<16)...)
	for range 3 {
		n.begin()
		part := presentation.PDataIndication{}
		part.Context, part.Octets = 3, value
		n.dataIndication(part)
		n.deliver()
		if got := n.out.up[0].(upData).Octets; &got[0] != &value[5] || len(got) != 1<<16 {
			t.Errorf("%d octets, copied", len(got))
		}
	}
	if cap(n.data.joined) > 0 {
		t.Errorf("%d octets of buffer", cap(n.data.joined))
	}
}

// Whatever a value has, and wherever it is cut, its RTTRs are the OCTET STRINGs that the
// general decoder finds in it.
func FuzzRTTRs(f *testing.F) {
	for _, s := range []string{`04 02 01 02`, `04 81 01 02 04 00`, `24 80 04 01 07 00 00`, `04 80 00 00`, `24 05 24 80 04 00 00`, `24 80 24 80 00 00 00 00 04 01 41`} {
		f.Add(unhex(f, s), 1)
		f.Add(unhex(f, s), 3)
	}
	f.Fuzz(func(t *testing.T, value []byte, size int) {
		var want []byte
		var wantErr error
		for rest := value; len(rest) > 0 && wantErr == nil; {
			var one []byte
			rest, wantErr = ber.Unmarshal(rest, &one, ber.Limits{Octets: len(rest)})
			want = append(want, one...)
		}
		for _, n := range []int{0, 1, max(size, 1)} {
			got, err := rttrs(t, value, n)
			if (err == nil) != (wantErr == nil) || err == nil && !bytes.Equal(got, want) {
				t.Fatalf("parts of %d: %x, %v; want %x, %v", n, got, err, want, wantErr)
			}
		}
	})
}
