package spool

import (
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// A file of the super-user in the spool of another would be one that the daemon can
// neither read nor remove, so none is made.
func TestOnlyTheOwnerWrites(t *testing.T) {
	dir := t.TempDir() + "/spool"
	if err := Init(dir); err != nil {
		t.Fatal(err)
	}
	s, err := Open(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	s.uid++
	_, locked := s.Lock()
	_, created := s.CreateNew(NewID(time.Now()))
	for _, err := range []error{locked, created} {
		if diag.KindOf(err) != diag.Denied || !strings.Contains(diag.HintOf(err), "sudo -u") {
			t.Errorf("err = %v, hint %q", err, diag.HintOf(err))
		}
	}
}
