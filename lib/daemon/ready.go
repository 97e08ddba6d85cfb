package daemon

import (
	"fmt"
	"os"

	sd "github.com/coreos/go-systemd/v22/daemon"
	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
)

// Readiness is how whoever started the switch hears that it serves.
type Readiness struct{ f *os.File }

// ReadyOn takes descriptor fd, which whoever started us has passed to hear by it;
// negative is none. It is to be called before anything is opened: a number that nobody
// passed is refused with kind Usage, and one that is refused later may be the spool's.
func ReadyOn(fd int) (*Readiness, error) {
	if fd < 0 {
		return &Readiness{}, nil
	}
	flags, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	if err != nil || flags&unix.FD_CLOEXEC != 0 { // what is ours does not outlive an exec, and so was not passed in one
		return nil, refuse(fd, "nobody has passed it")
	}
	if how, err := unix.FcntlInt(uintptr(fd), unix.F_GETFL, 0); err != nil || how&unix.O_ACCMODE == unix.O_RDONLY {
		return nil, refuse(fd, "it is not open for writing")
	}
	if fd == int(os.Stdin.Fd()) || fd == int(os.Stderr.Fd()) {
		return nil, refuse(fd, "it is standard input or error")
	}
	own, err := unix.FcntlInt(uintptr(fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, diag.E(fmt.Sprintf("descriptor %d", fd), diag.System, err)
	}
	// The reader waits for the end of it, so we may have no other; and the number of
	// standard output must not become that of a file.
	if fd != int(os.Stdout.Fd()) {
		err = unix.Close(fd)
	} else if null, e := os.OpenFile(os.DevNull, os.O_WRONLY, 0); e != nil {
		err = e
	} else {
		err = unix.Dup3(int(null.Fd()), fd, 0)
		_ = null.Close() // it was not written to
	}
	if err != nil {
		return nil, diag.E(fmt.Sprintf("descriptor %d", fd), diag.System, err)
	}
	return &Readiness{os.NewFile(uintptr(own), "ready")}, nil
}

func refuse(fd int, why string) error {
	return diag.New(fmt.Sprintf("descriptor %d to tell readiness on", fd), diag.Usage, why)
}

// Tell says that the switch serves: a line on the descriptor, if there is one, and a
// message to the socket NOTIFY_SOCKET names. Nobody has to listen.
func (r *Readiness) Tell() {
	if r.f != nil {
		_, _ = r.f.WriteString("READY=1\n") // whoever asked may have gone
		_ = r.f.Close()
	}
	_, _ = sd.SdNotify(false, sd.SdNotifyReady) // likewise
}
