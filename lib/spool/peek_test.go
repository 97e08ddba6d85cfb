package spool

import (
	"bytes"
	"testing"
	"time"
)

// TestPeek: what was written can be seen before the file is whole, in the buffer and beyond it,
// and the file is the same as without that.
func TestPeek(t *testing.T) {
	for _, size := range []int{0, 10, bufferSize - 1, bufferSize, bufferSize + 1, 3*bufferSize + 7} {
		s := openSpool(t)
		id := NewID(time.Now())
		w, err := s.CreateNew(id)
		if err != nil {
			t.Fatal(err)
		}
		content := bytes.Repeat([]byte("content"), size/7+1)[:size]
		for _, part := range [][]byte{content[:size/2], content[size/2:]} {
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
			for _, n := range []int64{0, 1, 5000, 1 << 20} {
				got, err := w.Peek(n)
				want := content[:min(n, w.Size())]
				if err != nil || !bytes.Equal(got, want) {
					t.Fatalf("%d octets of %d: %d, %v", n, w.Size(), len(got), err)
				}
			}
		}
		env := &Envelope{Kind: KindMessage, Priority: Normal, Recipients: []Recipient{{N: 1}}}
		if err := w.Finish(env); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Peek(1); err == nil {
			t.Error("a finished file can be peeked at")
		}
		if err := w.Commit(); err != nil {
			t.Fatal(err)
		}
		m, err := s.OpenMessage(Ref{ID: id})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.VerifyContent(); err != nil {
			t.Errorf("%d octets: %v", size, err)
		}
		if err := m.Close(); err != nil {
			t.Error(err)
		}
	}
}
