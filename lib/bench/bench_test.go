package bench

import (
	"math"
	"os"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// Writers share barriers, both figures are there, and nothing is left behind.
func TestSpool(t *testing.T) {
	for _, mode := range []spool.BarrierMode{spool.BarrierSyncfs, spool.BarrierFsync} {
		dir := t.TempDir()
		r, err := Spool(SpoolConfig{Dir: dir, Writers: 4, Size: 1000, Duration: time.Millisecond, Rounds: 3, Barrier: mode})
		if err != nil {
			t.Fatal(err)
		}
		if r.Messages < 4 || r.MessagesPerSecond <= 0 || r.PlainPerSecond <= 0 || r.Accept.Max <= 0 || r.Plain.Max <= 0 {
			t.Errorf("%s: %+v", mode, r)
		}
		if want := r.MessagesPerSecond / r.PlainPerSecond; math.Abs(r.Ratio-want) > 0.01 {
			t.Errorf("%s: the ratio is %v, not %v", mode, r.Ratio, want)
		}
		if r.BarriersPerMessage <= 0 || r.BarriersPerMessage > 1 {
			t.Errorf("%s: %v barriers per message", mode, r.BarriersPerMessage)
		}
		left, err := os.ReadDir(dir)
		if err != nil || len(left) > 0 {
			t.Errorf("%s: %v is left, %v", mode, left, err)
		}
	}
	if _, err := Spool(SpoolConfig{Dir: t.TempDir() + "/none", Writers: 1, Rounds: 1, Barrier: spool.BarrierSyncfs}); diag.KindOf(err) != diag.CantCreate {
		t.Error(err)
	}
}

// A measurement ends with what it may write, even if it has time.
func TestSpoolIsBounded(t *testing.T) {
	cfg := SpoolConfig{Writers: 2, Size: maxOctets / 4, Duration: time.Hour}
	n := 0
	turn := make(chan struct{}, 1)
	p, err := cfg.writers(func() error {
		turn <- struct{}{}
		n++
		<-turn
		return nil
	})
	if err != nil || n != 4 || p.count != 4 {
		t.Errorf("%d files, %+v, %v", n, p, err)
	}
}

func TestSched(t *testing.T) {
	r, err := Sched(20_000, 5000)
	if err != nil {
		t.Fatal(err)
	}
	if r.Queued != 20_000 || r.Events < 5000 || r.EventsPerSecond <= 0 || r.CPUPerEvent <= 0 {
		t.Errorf("%+v", r)
	}
	// More than its identifier, less than ten times what the scheduler promises.
	if r.OctetsPerRecipient < 50 || r.OctetsPerRecipient > 4000 {
		t.Errorf("a recipient takes %v octets", r.OctetsPerRecipient)
	}
	if r, err := Sched(0, 1); err != nil || r.OctetsPerRecipient != 0 || r.Events < 1 {
		t.Errorf("%+v, %v", r, err)
	}
}
