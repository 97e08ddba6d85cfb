package conf

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// A secret is the first line of its file, as long as it may be and not empty; what is in the
// file is in no error.
func TestReadSecret(t *testing.T) {
	path := filepath.Join(t.TempDir(), "secret")
	long := strings.Repeat("s", MaxSecret)
	for _, c := range []struct{ text, want, why string }{
		{"word", "word", ""},
		{"word\n", "word", ""},
		{"word\r\nmore\n", "word", ""},
		{" word\t\n", " word\t", ""},
		{"\rword\r", "\rword", ""},
		{long, long, ""},
		{long + "\r\n" + long, long, ""},
		{long + "s", "", "its first line is longer than 4096 octets"},
		{long + long, "", "its first line is longer than 4096 octets"},
		{"", "", "its first line is empty"},
		{"\nword\n", "", "its first line is empty"},
		{"\r\n", "", "its first line is empty"},
	} {
		if err := os.WriteFile(path, []byte(c.text), 0o600); err != nil {
			t.Fatal(err)
		}
		got, err := ReadSecret(path, MaxSecret)
		switch {
		case c.why == "":
			if got != c.want || err != nil {
				t.Errorf("%.20q: %.20q, %v", c.text, got, err)
			}
		case err == nil || err.Error() != path+": "+c.why || diag.KindOf(err) != diag.Config:
			t.Errorf("%.20q: %v", c.text, err)
		}
	}
	if err := os.WriteFile(path, []byte("sixteen octets .\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for most, right := range map[int]bool{16: true, 15: false, 1: false} {
		if _, err := ReadSecret(path, most); (err == nil) != right {
			t.Errorf("%d octets: %v", most, err)
		}
	}
}

// What is no file keeps nobody waiting.
func TestReadSecretOfNoFile(t *testing.T) {
	dir := t.TempDir()
	fifo := filepath.Join(dir, "fifo")
	if err := syscall.Mkfifo(fifo, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{dir, fifo, filepath.Join(dir, "none")} {
		if _, err := ReadSecret(path, MaxSecret); diag.KindOf(err) != diag.Config || !strings.Contains(err.Error(), path) {
			t.Errorf("%s: %v", path, err)
		}
	}
}

// A credential is a file in the directory that systemd names to the process.
func TestCredential(t *testing.T) {
	t.Setenv(CredentialsDirectory, "")
	if _, err := ReadSecret("credential:in", MaxSecret); diag.KindOf(err) != diag.Config || diag.HintOf(err) == "" ||
		err.Error() != "credential:in: CREDENTIALS_DIRECTORY is not set: this process has no credentials" {
		t.Errorf("%v", err)
	}
	dir := t.TempDir()
	t.Setenv(CredentialsDirectory, dir)
	if err := os.WriteFile(filepath.Join(dir, "in"), []byte("word"), 0o400); err != nil {
		t.Fatal(err)
	}
	if got, err := ReadSecret("credential:in", MaxSecret); got != "word" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
	if _, err := ReadSecret("credential:out", MaxSecret); err == nil || !strings.HasPrefix(err.Error(), "credential:out: open "+dir) {
		t.Errorf("%v", err)
	}
}

// The passwords of a peer come of where they are, and what is wrong with one is told of its
// key.
func TestWithPasswords(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	p := &Peer{Name: "MTA-B", PasswordIn: "in", PasswordOut: "out"}
	if got, err := p.WithPasswords(OpenFile); err != nil || got.PasswordIn != "in" || got.PasswordOut != "out" {
		t.Errorf("%+v, %v", got, err)
	}
	p = &Peer{Name: "MTA-B", PasswordInFile: file("in", "theirs\n"), PasswordOutFile: file("out", "ours\n")}
	if got, err := p.WithPasswords(OpenFile); err != nil || got.PasswordIn != "theirs" || got.PasswordOut != "ours" || p.PasswordIn != "" {
		t.Errorf("%+v, %v", got, err)
	}
	p.PasswordInFile, p.PasswordOutFile = file("long", strings.Repeat("p", 63)), file("latin", "s\xe4cret")
	_, err := p.WithPasswords(OpenFile)
	want := "password-in-file: " + dir + "/long: its first line is longer than 62 octets\npassword-out-file: " + dir + "/latin: its first line is not IA5 text"
	if err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// Paths are those of the machine from where its configuration is, and credentials are none.
func TestAbsoluteSecrets(t *testing.T) {
	c := sample()
	c.Directory.PasswordFile = "credential:directory"
	c.Peers[0].PasswordInFile, c.Peers[0].PasswordOutFile = "secrets/in", "./credential:out"
	c.Absolute("/etc/mta")
	if c.Directory.PasswordFile != "credential:directory" || c.Peers[0].PasswordInFile != "/etc/mta/secrets/in" || c.Peers[0].PasswordOutFile != "/etc/mta/credential:out" {
		t.Errorf("%+v %+v", c.Directory, c.Peers[0])
	}
}
