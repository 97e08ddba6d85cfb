package x400p1

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
)

// Passwords in files are those of the bind in both directions. Of a file that cannot be read
// nothing will do, not the empty password either; the peer hears that it is not to blame, and
// nobody what was in the file.
func TestPasswordsInFiles(t *testing.T) {
	s := start(t)
	dir := t.TempDir()
	in, out := filepath.Join(dir, "in"), filepath.Join(dir, "out")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	bind := func(password string) error {
		t.Helper()
		argument, err := p1.BindArgument("MTA-B", password, 0)
		if err != nil {
			t.Fatal(err)
		}
		conn, _, err := s.openWith(argument, nil)
		if err == nil {
			if up := s.next(channel.TypeAssoc); up.State != channel.StateUp {
				t.Fatalf("%+v", up)
			}
			if err := conn.Close(context.Background()); err != nil {
				t.Error(err)
			}
			s.down()
		}
		return err
	}
	files := func(p *conf.Peer) { p.PasswordIn, p.PasswordOut, p.PasswordInFile, p.PasswordOutFile = "", "", in, out }
	write(in, "their secret\n")
	write(out, "our secret\n")
	s.reload(files, 0)
	if err := bind("their secret"); err != nil {
		t.Error(err)
	}
	for _, wrong := range []string{"", "our secret"} {
		if err := bind(wrong); !errors.Is(err, mts.AuthenticationError) {
			t.Errorf("%q: %v", wrong, err)
		}
		s.event(audit.AssociationRefused)
	}
	for name, spoil := range map[string]func(){
		"password-in-file: " + in + ": its first line is empty":                 func() { write(in, "\n") },
		"password-in-file: open " + in + ": no such file or directory":          func() { _ = os.Remove(in) },
		"password-in-file: " + in + ": its first line is longer than 62 octets": func() { write(in, strings.Repeat("s3cret", 11)) },
		"password-out-file: " + out + ": its first line is not IA5 text":        func() { write(in, "their secret"); write(out, "gehäim") },
	} {
		write(in, "their secret\n")
		write(out, "our secret\n")
		spoil()
		s.reload(files, 0)
		if err := bind(""); !errors.Is(err, mts.Busy) {
			t.Errorf("%s: %v", name, err)
		}
		if r := s.event(audit.AssociationRefused); !strings.HasSuffix(r.Text, `refused "MTA-B": busy: `+name) || r.Peer != "MTA-B" {
			t.Errorf("%s: %+v", name, r)
		}
		s.send(channel.Line{Type: channel.TypeOpen, Assoc: 7, Peer: "MTA-B"})
		if l := s.next(channel.TypeAssoc); l.State != channel.StateFailed || l.Layer != "bind" || l.Reason != name {
			t.Errorf("%s: %+v", name, l)
		}
		if _, err := Dial(context.Background(), s.conf, &s.conf.Peers[0], time.Now()); err == nil || err.Error() != name || diag.KindOf(err) != diag.Config {
			t.Errorf("%s: %v", name, err)
		}
	}
	// Read again: there is no other way back.
	write(in, "their secret\n")
	write(out, "our secret\n")
	if err := bind("their secret"); !errors.Is(err, mts.Busy) {
		t.Error(err)
	}
	s.reload(files, 0)
	if err := bind("their secret"); err != nil {
		t.Error(err)
	}
}
