package daemon

import (
	"os"

	sd "github.com/coreos/go-systemd/v22/daemon"
)

// TellReady says that the switch serves: a line on descriptor fd, unless it is
// negative, and a message to the socket NOTIFY_SOCKET names. Nobody has to listen.
func TellReady(fd int) {
	if fd >= 0 {
		f := os.NewFile(uintptr(fd), "ready")
		_, _ = f.WriteString("READY=1\n") // whoever asked may have gone
		_ = f.Close()
	}
	_, _ = sd.SdNotify(false, sd.SdNotifyReady) // likewise
}
