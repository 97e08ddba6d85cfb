package local

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	// programTime bounds a delivery program.
	programTime = 10 * time.Minute
	// programEnd is what it gets to end after that, before it is killed.
	programEnd = 5 * time.Second
	// programText bounds what is kept of its standard error.
	programText = 512
	// maxVariable bounds a variable of its environment; Linux refuses to start a
	// program that is given one of 128 KiB.
	maxVariable = 100 << 10
)

// intoProgram gives the content to the standard input of a program and the delivery
// envelope to its environment. Exit status 0 is delivered; the temporary ones of
// sysexits are later; every other is never.
func (c *Channel) intoProgram(argv []string, m *spool.Message, d *Delivery, now time.Time) channel.Result {
	env, err := environment(d)
	if err != nil {
		return channel.Later(err)
	}
	ctx, cancel := context.WithTimeout(c.Ctx, c.programTime)
	defer cancel()
	said := &head{most: programText}
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Stdin = m.Content()
	cmd.Stderr = said
	cmd.Env = append(os.Environ(), env...)
	cmd.Cancel = func() error { return unix.Kill(-cmd.Process.Pid, unix.SIGINT) }
	cmd.WaitDelay = c.programEnd
	// Should this process be killed, the message is given to another at once: the kernel
	// then kills the program. It takes the thread that has started it for its parent, so
	// that thread is kept.
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err = cmd.Run()
	if err != nil && ctx.Err() != nil && cmd.Process != nil {
		_ = unix.Kill(-cmd.Process.Pid, unix.SIGKILL) // whatever it has started, if anything is left
	}
	var exit *exec.ExitError
	switch {
	case err == nil, errors.Is(err, exec.ErrWaitDelay) && cmd.ProcessState.Success():
		// A child it has left behind may hold its standard error open: it is done.
		return done(now, "")
	case c.Ctx.Err() != nil:
		return channel.Later(errStopped)
	case ctx.Err() != nil:
		// What it says when it is interrupted is no verdict.
		return channel.Later(fmt.Errorf("%s: not done within %v", argv[0], c.programTime))
	case !errors.As(err, &exit), !exit.Exited():
		return channel.Later(fmt.Errorf("%s: %w", argv[0], err))
	}
	why := fmt.Sprintf("delivery program: exit status %d", exit.ExitCode())
	if line, _, _ := strings.Cut(strings.TrimSpace(said.buf.String()), "\n"); line != "" {
		why += ": " + line
	}
	switch exit.ExitCode() {
	case 69, 71, 73, 74, 75: // EX_UNAVAILABLE, EX_OSERR, EX_CANTCREAT, EX_IOERR, EX_TEMPFAIL
		return channel.Later(errors.New(why))
	}
	return channel.Never(mts.UnableToTransfer, spool.NoDiagnostic, why)
}

// environment tells a program what it is given. No variable may be longer than
// maxVariable: of an envelope with thousands of recipients the octets as they came
// are left out, then the other recipients.
func environment(d *Delivery) ([]string, error) {
	short := *d
	text, err := json.Marshal(short)
	if err == nil && len(text) > maxVariable {
		short.Wire = nil
		text, err = json.Marshal(short)
	}
	if err == nil && len(text) > maxVariable {
		short.Others = nil
		text, err = json.Marshal(short)
	}
	if err != nil {
		return nil, err
	}
	env := []string{"MTA_ID=" + d.ID, "MTA_MTSID=" + d.MTSID, "MTA_ORIGINATOR=" + d.Originator,
		"MTA_RECIPIENT=" + d.Recipient, "MTA_CONTENT_TYPE=" + d.ContentType, "MTA_KIND=" + d.Kind}
	if len(text) <= maxVariable {
		env = append(env, "MTA_ENVELOPE="+string(text))
	}
	for i := range env {
		// An identifier may hold NUL (IA5String), an environment may not.
		env[i] = strings.ReplaceAll(env[i], "\x00", "")
	}
	return env, nil
}

// head keeps the beginning of what is written to it.
type head struct {
	buf  bytes.Buffer
	most int
}

func (h *head) Write(p []byte) (int, error) {
	h.buf.Write(p[:min(len(p), h.most-h.buf.Len())])
	return len(p), nil
}
