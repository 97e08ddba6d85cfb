package conf

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// CredentialsDirectory is the variable of the environment with the directory in which
// systemd has the credentials of a process.
const CredentialsDirectory = "CREDENTIALS_DIRECTORY"

// credential begins what names a credential of the process and no path.
const credential = "credential:"

const (
	// MaxSecret bounds a secret that nothing else does.
	MaxSecret = 4096
	// maxCredential is the longest name of a file.
	maxCredential = 255
	// secretTime is how long whoever writes into a pipe may take.
	secretTime = 5 * time.Second
)

// Credential returns the name of the credential of the process that a secret is, if it is
// one and not a file.
func Credential(secret string) (name string, ok bool) { return strings.CutPrefix(secret, credential) }

// SecretFile returns the path of a secret. The error has kind Config: nobody has given
// credentials to this process.
func SecretFile(secret string) (string, error) {
	name, ok := Credential(secret)
	if !ok {
		return secret, nil
	}
	dir := os.Getenv(CredentialsDirectory)
	if dir == "" {
		return "", diag.WithHint(diag.New(secret, diag.Config, CredentialsDirectory+" is not set: this process has no credentials"),
			"systemd gives them to what it starts: LoadCredential= in the unit, or systemd-run -p LoadCredential=")
	}
	return filepath.Join(dir, name), nil
}

// Opener opens files that a configuration names, without waiting for the writer of a pipe.
type Opener func(path string) (*os.File, error)

// OpenFile is the Opener of a process that reaches the files itself.
func OpenFile(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// ReadSecret is Opener.ReadSecret of a process that reaches the files itself.
func ReadSecret(secret string, most int) (string, error) {
	return Opener(OpenFile).ReadSecret(secret, most)
}

// ReadSecret returns a secret, the first line of its file, of at most so many octets. The
// error has kind Config and says nothing of what is in the file.
func (open Opener) ReadSecret(secret string, most int) (string, error) {
	path, err := SecretFile(secret)
	if err != nil {
		return "", err
	}
	line, err := open.firstLine(path, most)
	if err != nil {
		if path != secret {
			err = fmt.Errorf("%s: %w", secret, err)
		}
		return "", diag.E("", diag.Config, err)
	}
	return line, nil
}

// firstLine is that of a file, without its end. It may be a pipe, but nobody waits long for
// one.
func (open Opener) firstLine(path string, most int) (string, error) {
	f, err := open(path)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()                  // it was only read
	_ = f.SetReadDeadline(time.Now().Add(secretTime)) // a file on a disk has none
	line, err := bufio.NewReaderSize(f, max(most+len("\r\n"), 16)).ReadSlice('\n')
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, bufio.ErrBufferFull) {
		return "", err
	}
	line = bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
	switch {
	case len(line) == 0:
		return "", fmt.Errorf("%s: its first line is empty", path)
	case len(line) > most:
		return "", fmt.Errorf("%s: its first line is longer than %d octets", path, most)
	}
	return string(line), nil
}

// WithPasswords returns a copy of the peer with the passwords of the bind, those in files
// read now. The error has kind Config; nothing is wrong with another peer.
func (p *Peer) WithPasswords(open Opener) (*Peer, error) {
	with := *p
	var errs []error
	for _, s := range []struct {
		key, secret string
		to          *string
	}{{"password-in-file", p.PasswordInFile, &with.PasswordIn}, {"password-out-file", p.PasswordOutFile, &with.PasswordOut}} {
		if s.secret == "" {
			continue
		}
		text, err := open.ReadSecret(s.secret, MaxPassword)
		if err == nil && strings.ContainsFunc(text, func(r rune) bool { return r >= 0x80 }) {
			err = diag.New(s.secret, diag.Config, "its first line is not IA5 text")
		}
		if err != nil {
			errs = append(errs, diag.E(s.key, diag.Config, err))
			continue
		}
		*s.to = text
	}
	return &with, errors.Join(errs...)
}

// hasPasswords tells whether the bind with the peer has one of either side.
func (p *Peer) hasPasswords() bool {
	return p.PasswordIn != "" || p.PasswordOut != "" || p.PasswordInFile != "" || p.PasswordOutFile != ""
}

// secret checks where a secret is.
func (v *validator) secret(key, secret string) {
	name, ok := Credential(secret)
	switch {
	case !ok:
	case name == "" || name == "." || name == ".." || strings.ContainsAny(name, "/\x00"):
		v.faultf(key, "%s is no name of a credential: a name of a file, without slashes", quote([]byte(name)))
	case len(name) > maxCredential:
		v.faultf(key, "%d octets; the name of a credential has at most %d", len(name), maxCredential)
	}
}

// passwords checks those of a peer, and where they are.
func (v *validator) passwords(p *Peer) {
	v.password("password-in", p.PasswordIn)
	v.password("password-out", p.PasswordOut)
	for _, f := range []struct{ key, password, secret string }{
		{"password-in", p.PasswordIn, p.PasswordInFile}, {"password-out", p.PasswordOut, p.PasswordOutFile},
	} {
		v.secret(f.key+"-file", f.secret)
		if f.password != "" && f.secret != "" {
			v.faultf(f.key+"-file", "%s is there, too: it stands in one place", f.key)
		}
	}
}
