package rtse

import (
	"io"
	"runtime"
	"testing"
)

// eachMode is the configuration of each mode.
var eachMode = map[string][]int64{"normal mode": nil, "X.410-1984 mode": {12}}

// BenchmarkTransfer sends APDUs of 50 MB over the loopback interface.
func BenchmarkTransfer(b *testing.B) {
	for name, protocols := range eachMode {
		b.Run(name, func(b *testing.B) { benchmarkTransfer(b, 50<<20, 0, protocols) })
		b.Run(name+" without checkpoints", func(b *testing.B) { benchmarkTransfer(b, 50<<20, -1, protocols) })
	}
}

// BenchmarkSmallTransfer sends APDUs of 2000 octets.
func BenchmarkSmallTransfer(b *testing.B) {
	for name, protocols := range eachMode {
		b.Run(name, func(b *testing.B) { benchmarkTransfer(b, 2000, 0, protocols) })
	}
}

func benchmarkTransfer(b *testing.B, size int64, checkpoint int, protocols []int64) {
	ours, theirs := x410Config("A", protocols...), x410Config("B", protocols...)
	ours.CheckpointSize, theirs.CheckpointSize = checkpoint, checkpoint
	initiator, responder := associate(b, ours, theirs)
	done := make(chan error, 1)
	go func() {
		buf := make([]byte, 256<<10)
		for range b.N {
			ind, err := responder.Receive(testContext(b))
			if err == nil {
				t := ind.(*TransferIndication)
				if _, err = io.CopyBuffer(struct{ io.Writer }{io.Discard}, t.APDU, buf); err == nil {
					err = t.Accept()
				}
			}
			if err != nil {
				done <- err
				return
			}
		}
		done <- nil
	}()
	b.SetBytes(size)
	b.ReportAllocs()
	b.ResetTimer()
	for range b.N {
		if r, err := initiator.Transfer(testContext(b), zeroes{}, size); err != nil || !r.Confirmed {
			b.Fatal(r, err)
		}
	}
	b.StopTimer()
	if err := <-done; err != nil {
		b.Fatal(err)
	}
}

// What an APDU costs in memory does not depend on its size.
func TestConstantMemory(t *testing.T) {
	for name, protocols := range eachMode {
		t.Run(name, func(t *testing.T) { constantMemory(t, protocols) })
	}
}

func constantMemory(t *testing.T, protocols []int64) {
	a, b := associate(t, x410Config("A", protocols...), x410Config("B", protocols...))
	const size = 64 << 20
	done := make(chan transferred, 1)
	go func() {
		r, err := a.Transfer(testContext(t), zeroes{}, size)
		done <- transferred{r, err}
	}()
	ind := receive[*TransferIndication](t, b)
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	if n, err := io.Copy(io.Discard, ind.APDU); err != nil || n != size {
		t.Fatal(n, err)
	}
	if err := ind.Accept(); err != nil {
		t.Fatal(err)
	}
	if r := await(t, done); !r.Confirmed {
		t.Errorf("%+v", r)
	}
	runtime.ReadMemStats(&after)
	if got := after.TotalAlloc - before.TotalAlloc; got > size/8 {
		t.Errorf("%d octets were allocated for an APDU of %d", got, size)
	}
}
