package presentation

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// arrived gives User-data to a machine in parts of size octets, 0 for all at once, and
// returns the values it tells of, joined, or why it aborts.
func arrived(t *testing.T, b []byte, size int) (values []PDV, err error) {
	t.Helper()
	m := initiator(t)
	if size == 0 {
		size = max(len(b), 1)
	}
	open := false
	for at := 0; at == 0 || at < len(b); at += size {
		end := min(at+size, len(b))
		part := session.SDataIndication{Enclosure: session.EnclosureWhole.Part(at == 0, end == len(b)), UserData: b[at:end]}
		for _, a := range indicate(m, part) {
			switch a := a.(type) {
			case PDataIndication:
				if a.Enclosure.Begins() == open {
					t.Fatalf("parts of %d: value begins %v amid another %v", size, a.Enclosure, open)
				}
				if a.Enclosure.Begins() {
					values = append(values, PDV{Context: a.Context, TransferSyntax: a.TransferSyntax, Octets: []byte{}})
				}
				v := &values[len(values)-1]
				if v.Context != a.Context || v.TransferSyntax != a.TransferSyntax {
					t.Fatalf("parts of %d: context %d, and then %d", size, v.Context, a.Context)
				}
				v.Octets = append(v.Octets, a.Octets...)
				open = !a.Enclosure.Ends()
			case PPAbortIndication:
				return nil, a.Err
			}
		}
	}
	if open {
		t.Fatalf("parts of %d: a value does not end", size)
	}
	return values, nil
}

func same(a, b []PDV) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i].Context != b[i].Context || a[i].TransferSyntax != b[i].TransferSyntax || !bytes.Equal(a[i].Octets, b[i].Octets) {
			return false
		}
	}
	return true
}

// User-data that come in parts are what they are whole, and that is what the general
// decoder makes of them, wherever they are cut.
func FuzzUserDataArrive(f *testing.F) {
	for _, s := range []string{
		`61 0A 30 08 02 01 03 A0 03 02 01 04`, `61 0A 30 08 02 01 03 81 03 02 01 04`, `40 03 02 01 04`, ``, `61 00`, `61 80 00 00`,
		`61 80 30 80 02 01 03 A0 80 02 01 04 00 00 00 00 00 00`, `61 0D 30 0B 02 01 03 A0 06 02 01 04 02 01 05`,
		`61 81 0A 30 81 08 02 01 03 A0 03 02 01 04`, `61 0C 30 0A 02 01 03 A0 05 24 80 04 00 00`,
		`61 80 30 80 06 02 51 01 02 01 03 A0 80 24 80 24 80 04 02 00 00 00 00 04 82 00 01 41 00 00 00 00 00 00 00 00`,
		`61 0E 30 0C 02 01 03 A1 07 04 01 41 24 02 04 00`, `61 0B 30 09 02 01 03 82 04 00 04 01 41`, `61 0B 30 09 02 01 03 82 04 01 04 01 40`,
		`61 80 30 80 02 01 03 A2 80 03 02 00 04 03 03 00 01 41 00 00 00 00 00 00`, `61 80 30 80 02 01 03 A2 80 03 00 00 00 00 00 00 00`,
		`61 10 30 06 02 01 03 81 01 04 30 06 02 01 05 81 01 04`, `61 0A 30 08 02 01 07 A0 03 02 01 04`, `61 07 30 05 02 01 03 A0 00`,
		`61 05 30 03 02 01 03`, `61 0A 30 08 02 01 03 A0 03 02 01 04 00`, `61 80 30 80 02 01 03 A0 80 1F 81 00 01 00 00 00 00 00 00 00`,
		`61 80 30 80 02 01 03 A0 80 00 01`, `61 0A 30 08 02 01 03 A0 03 30 01 30`, `61 0A 30 0C 02 01 03 A0 03 02 01 04`,
	} {
		f.Add(unhex(f, s), 1)
		f.Add(unhex(f, s), 3)
	}
	f.Fuzz(func(t *testing.T, b []byte, size int) {
		m := initiator(t)
		want, wantErr := decodeUserData(b, m.contexts)
		if wantErr == nil && len(want) == 0 {
			wantErr = errors.New("nothing")
		}
		for _, n := range []int{0, 1, 2, max(size, 1)} {
			got, err := arrived(t, b, n)
			switch {
			case wantErr == nil && err != nil && errors.Is(err, errTooSmall):
				return // nobody needs as much
			case wantErr == nil && err != nil, wantErr == nil && !same(got, want):
				t.Fatalf("parts of %d: %+v, %v; whole %+v", n, got, err, want)
			case wantErr != nil && err == nil && n != 0:
				// What is malformed within a value is for its own decoder to find.
				all, allErr := arrived(t, b, 0)
				if allErr != nil || !same(got, all) {
					t.Fatalf("parts of %d: %+v; at once %+v, %v", n, got, all, allErr)
				}
			}
		}
	})
}

// A value of any length passes as it comes, and its P-DATA is refused as soon as it is
// known to be amiss.
func TestUserDataArrive(t *testing.T) {
	value := append(ber.AppendHeader(nil, asn1.Tag{Number: 4}, false, 300_000), make([]byte, 300_000)...)
	definite := append(appendHeader(nil, 3, int64(len(value))), value...)
	indefinite := append(unhex(t, `61 80 30 80 02 01 03 A0 80`), append(bytes.Clone(value), unhex(t, `00 00 00 00 00 00`)...)...)
	for _, b := range [][]byte{definite, indefinite} {
		for _, size := range []int{0, 1, 7, 65524} {
			got, err := arrived(t, b, size)
			if err != nil || !same(got, []PDV{{Context: 3, Octets: value}}) {
				t.Errorf("parts of %d: %v", size, err)
			}
		}
	}
	for _, tt := range []struct {
		name   string
		octets []byte
		err    string
	}{
		{"octets behind it", append(bytes.Clone(definite), 0), "end-of-contents out of place"},
		{"a PPDU behind it", append(bytes.Clone(definite), definite...), "octets behind the PPDU at offset 300023"},
		{"cut", definite[:len(definite)-1], "truncated"},
		{"cut before the end-of-contents", indefinite[:len(indefinite)-2], "truncated"},
		{"nested too deep", append(unhex(t, `61 80 30 80 02 01 03 A0 80`), bytes.Repeat([]byte{0x24, 0x80}, 100)...), "nested too deeply"},
		{"longer within than without", append(unhex(t, `61 0A 30 08 02 01 03 A0 03 04 7F`), make([]byte, 200)...), "ends outside"},
		{"another context", append(appendHeader(nil, 7, int64(len(value))), value...), "context 7 is not in the defined context set"},
		{"a long context", append(unhex(t, `61 80 30 80 02 81 C8`), make([]byte, 200)...), "too long"},
		{"two values", append(unhex(t, `61 80 30 80 02 01 03 A0 80 04 00 04 82 FF FF`), make([]byte, 200)...), "two values"},
		{"nothing", nil, "without user data"},
	} {
		for _, size := range []int{0, 1, 5} {
			if got, err := arrived(t, tt.octets, size); err == nil || !strings.Contains(err.Error(), tt.err) {
				t.Errorf("%s, parts of %d: %d values, %v", tt.name, size, len(got), err)
			}
		}
	}
}

// A value that is requested in parts has one header, and nothing but what was announced
// follows.
func TestDataRequestInParts(t *testing.T) {
	m := initiator(t)
	first := only[session.SDataRequest](t, m.Step(PDataRequest{Context: 3, Value: [][]byte{{4, 5, 1}}, Rest: 4}))
	if got := bytes.Join(first.UserData, nil); first.Enclosure != session.EnclosureBeginning || !bytes.Equal(got, unhex(t, `61 0E 30 0C 02 01 03 A0 07 04 05 01`)) {
		t.Errorf("%v % X", first.Enclosure, got)
	}
	for _, wrong := range []PDataRequest{
		{Context: 3, Value: [][]byte{{2}}, Rest: 4}, {Context: 3, Value: [][]byte{{2}}}, {Context: 3, Value: [][]byte{{2, 3, 4, 5, 6}}, Rest: -1},
	} {
		only[ServiceError](t, m.Step(wrong))
	}
	middle := only[session.SDataRequest](t, m.Step(PDataRequest{Context: 3, Value: [][]byte{{2}}, Rest: 3}))
	if middle.Enclosure != session.EnclosureMiddle || len(middle.UserData) != 1 {
		t.Errorf("%+v", middle)
	}
	// An activity that ends takes it with it.
	only[session.SActivityDiscardRequest](t, m.Step(PActivityDiscardRequest{}))
	whole := only[session.SDataRequest](t, m.Step(PDataRequest{Context: 3, Value: [][]byte{{4, 0}}}))
	if whole.Enclosure != session.EnclosureNone || len(whole.UserData) != 2 {
		t.Errorf("%+v", whole)
	}
	first = only[session.SDataRequest](t, m.Step(PDataRequest{Context: 3, Value: [][]byte{{4, 0x85, 1, 0, 0, 0, 0}}, Rest: 1 << 32}))
	if got := bytes.Join(first.UserData, nil); !bytes.Equal(got, unhex(t, `61 85 01 00 00 00 18 30 85 01 00 00 00 11 02 01 03 A0 85 01 00 00 00 07 04 85 01 00 00 00 00`)) {
		t.Errorf("% X", got)
	}
}
