package main

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/cli/clitest"
)

// TestNotifySocket: what --ready-fd gets goes to the socket NOTIFY_SOCKET names too, for
// systemd.
func TestNotifySocket(t *testing.T) {
	bin := clitest.Build(t)
	dir, err := os.MkdirTemp("", "mta") // the name of a socket is short
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = os.RemoveAll(dir) }()
	if out, err := exec.Command(filepath.Join(bin, "mtactl"), "init", "--listen", "127.0.0.1:0", dir).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	socket := filepath.Join(dir, "notify")
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: socket, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	var said strings.Builder
	cmd := exec.Command(filepath.Join(bin, "mtarun"), "-C", filepath.Join(dir, "mta.toml"))
	cmd.Env = append(os.Environ(), "NOTIFY_SOCKET="+socket)
	cmd.Stderr = &said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	buf := make([]byte, 100)
	if err := conn.SetReadDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Fatal(err)
	}
	n, err := conn.Read(buf)
	if got := string(buf[:n]); err != nil || got != "READY=1" {
		t.Errorf("systemd heard %q, %v", got, err)
	}
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Errorf("%v\n%s", err, said.String())
	}
}
