package daemon

import (
	"net"
	"os"
	"syscall"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// What a supervisor is to do about it differs: wait, give a right, or have somebody
// look at the configuration.
func TestCannotListen(t *testing.T) {
	for errno, want := range map[syscall.Errno]diag.Kind{
		syscall.EADDRINUSE:    diag.Unavailable,
		syscall.EACCES:        diag.Denied,
		syscall.EADDRNOTAVAIL: diag.Config,
	} {
		err := cannotListen(&net.OpError{Op: "listen", Net: "tcp", Err: os.NewSyscallError("bind", errno)})
		if got := diag.KindOf(err); got != want {
			t.Errorf("%v: %v, want %v", errno, got, want)
		}
	}
}
