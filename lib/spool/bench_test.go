package spool_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// BenchmarkAccept is a message in place without its barrier, which is the
// disk's and not ours.
func BenchmarkAccept(b *testing.B) {
	for _, size := range []int{1 << 10, 100 << 10} {
		b.Run(fmt.Sprintf("%dKiB", size>>10), func(b *testing.B) {
			s := openSpool(b)
			octets := make([]byte, size)
			b.ReportAllocs()
			b.SetBytes(int64(size))
			for b.Loop() {
				w, err := s.CreateInPlace(spool.Ref{ID: spool.NewID(time.Now()), Priority: spool.Normal})
				if err != nil {
					b.Fatal(err)
				}
				w.Write(octets)
				if err := w.Finish(envelope()); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkLoad is the start of a switch, by message.
func BenchmarkLoad(b *testing.B) {
	s := openSpool(b)
	lock(b, s)
	const messages = 2000
	for range messages {
		ref := spool.Ref{ID: spool.NewID(time.Now()), Priority: spool.Normal}
		accept(b, s, ref, make([]byte, 1024), envelope())
		if err := s.Append(ref, records(2)...); err != nil {
			b.Fatal(err)
		}
	}
	b.ResetTimer()
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		err := s.Load(func(i spool.Item) error { n++; return i.Damaged })
		if err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Microseconds())/float64(n), "µs/message")
}
