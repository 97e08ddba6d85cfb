package channel

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"net"
	"os"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/diag"
)

// maxPath is the longest path that is asked for, as Linux has it (PATH_MAX).
const maxPath = 4096

// fileOpened is the answer that a descriptor comes with. Every other is why there is none.
const fileOpened = "opened"

// Files opens the files of certificates, keys and passwords that a configuration names for a
// channel. mtarun does it for its channel processes, which need not be able to reach any of
// them; a nil *Files, of a process started by hand, opens them itself. Its methods may be
// called from several goroutines.
type Files struct {
	mu   sync.Mutex
	conn *net.UnixConn
}

// NewFiles returns Files that asks whoever serves the other end of a socket with ServeFiles.
func NewFiles(c *net.UnixConn) *Files { return &Files{conn: c} }

// Open opens a file for reading, without waiting for the writer of a pipe. The error is an
// *fs.PathError; that of another process is told as text.
func (f *Files) Open(path string) (*os.File, error) {
	if f == nil {
		return os.OpenFile(path, os.O_RDONLY|unix.O_NONBLOCK, 0)
	}
	fd, err := f.ask(path)
	if err != nil {
		return nil, &fs.PathError{Op: "open", Path: path, Err: err}
	}
	return os.NewFile(uintptr(fd), path), nil
}

func (f *Files) ask(path string) (fd int, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if _, err := f.conn.Write([]byte(path)); err != nil {
		return -1, err
	}
	text, oob := make([]byte, maxPath), make([]byte, unix.CmsgSpace(4))
	n, oobn, _, _, err := f.conn.ReadMsgUnix(text, oob)
	if err == nil && n == 0 {
		err = io.EOF
	}
	if err != nil {
		return -1, err
	}
	if text = text[:n]; string(text) != fileOpened {
		return -1, errors.New(string(text))
	}
	messages, err := unix.ParseSocketControlMessage(oob[:oobn])
	if err != nil || len(messages) != 1 {
		return -1, errors.New("no descriptor came with the answer")
	}
	fds, err := unix.ParseUnixRights(&messages[0])
	if err != nil || len(fds) != 1 {
		return -1, errors.New("no descriptor came with the answer")
	}
	return fds[0], nil // Go has the kernel set close-on-exec
}

// ServeFiles opens files for a process at the other end of c, until that end is closed. The
// process is not trusted: it is given the files that may is true of, and of these none that
// is neither regular nor a pipe.
func ServeFiles(c *net.UnixConn, may func(path string) bool, open func(path string) (int, error)) {
	defer func() { _ = c.Close() }() // nothing is on its way
	path := make([]byte, maxPath+1)
	for {
		n, err := c.Read(path) // descriptors that come along are closed by the kernel
		if err != nil || n == 0 {
			return
		}
		if err := serveFile(c, string(path[:n]), may, open); err != nil {
			return
		}
	}
}

// serveFile answers one request.
func serveFile(c *net.UnixConn, path string, may func(string) bool, open func(string) (int, error)) error {
	fd, err := -1, error(nil)
	if len(path) > maxPath || !may(path) {
		err = errors.New("the configuration does not name it for this channel")
	} else {
		fd, err = open(path)
	}
	if err != nil {
		_, err = c.Write(bytes.TrimSpace([]byte(err.Error())))
		return err
	}
	_, _, err = c.WriteMsgUnix([]byte(fileOpened), unix.UnixRights(fd), nil)
	return errors.Join(err, unix.Close(fd))
}

// OpenFile opens a file for ServeFiles. The descriptor does not wait for the writer of a pipe.
func OpenFile(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_CLOEXEC|unix.O_NOCTTY, 0)
	if err != nil {
		return -1, err
	}
	var st unix.Stat_t
	err = unix.Fstat(fd, &st)
	if kind := st.Mode & unix.S_IFMT; err == nil && kind != unix.S_IFREG && kind != unix.S_IFIFO {
		err = errors.New("neither a regular file nor a pipe")
	}
	if err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

// inheritedFiles returns the way to files that mtarun has given this process.
func inheritedFiles() (*Files, error) {
	kind, err := unix.GetsockoptInt(FilesFD, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil || kind != unix.SOCK_SEQPACKET {
		return nil, diag.New("channel: files", diag.Protocol, "mtarun has given no socket for them")
	}
	f := os.NewFile(FilesFD, "files")
	c, err := net.FileConn(f)
	if err = errors.Join(err, f.Close()); err != nil {
		return nil, diag.E("channel: files", diag.System, err)
	}
	return NewFiles(c.(*net.UnixConn)), nil
}
