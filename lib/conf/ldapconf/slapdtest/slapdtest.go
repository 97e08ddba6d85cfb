// Package slapdtest runs OpenLDAP's slapd for tests, on loopback, with the schema of
// examples/ldap.
package slapdtest

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/osi/tp"
)

// What a Server has.
const (
	Suffix   = "o=Example"
	Admin    = "cn=admin," + Suffix
	Password = "secret"
)

// start is how long the server may take to answer.
const start = 20 * time.Second

// Server is a slapd with one database.
type Server struct {
	Address string // host:port
	dir     string
	cmd     *exec.Cmd
	log     bytes.Buffer
}

// Options say what the server does.
type Options struct {
	Sync   bool     // content synchronisation
	Access []string // values of olcAccess; none: everybody reads
	TLS    string   // directory with cert.pem and key.pem, for StartTLS
}

// New configures a server in dir with examples, which is examples/ldap, and starts it.
func New(dir, examples string, o Options) (*Server, error) {
	s := &Server{dir: dir}
	var err error
	if s.Address, err = tp.UnusedAddress("127.0.0.1"); err != nil {
		return nil, err
	}
	for _, sub := range []string{"config", "data", "public", "country"} {
		if err := os.MkdirAll(filepath.Join(dir, sub), 0o700); err != nil {
			return nil, err
		}
	}
	ldapDir, err := filepath.Abs(examples)
	if err != nil {
		return nil, err
	}
	template, err := os.ReadFile(filepath.Join(ldapDir, "server.ldif"))
	if err != nil {
		return nil, err
	}
	text := strings.NewReplacer("@DIR@", dir, "@LDAP@", ldapDir).Replace(string(template))
	if !o.Sync {
		text, _, _ = strings.Cut(text, "# It tells of changes.")
	}
	for _, rule := range o.Access {
		text = strings.Replace(text, "olcSizeLimit:", "olcAccess: "+rule+"\nolcSizeLimit:", 1)
	}
	if o.TLS != "" {
		text = strings.Replace(text, "cn: config\n", "cn: config\nolcTLSCertificateFile: "+o.TLS+"/cert.pem\nolcTLSCertificateKeyFile: "+o.TLS+"/key.pem\n", 1)
	}
	add := exec.Command("/usr/sbin/slapadd", "-n0", "-F", filepath.Join(dir, "config"))
	add.Stdin = strings.NewReader(text)
	if out, err := add.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("slapadd: %w\n%s", err, out)
	}
	return s, s.Start()
}

// URL is that of the server.
func (s *Server) URL() string { return "ldap://" + s.Address }

// Start starts a server that was stopped.
func (s *Server) Start() error {
	s.cmd = exec.Command("/usr/sbin/slapd", "-d", "0", "-F", filepath.Join(s.dir, "config"), "-h", s.URL())
	s.cmd.Stdout, s.cmd.Stderr = &s.log, &s.log
	s.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := s.cmd.Start(); err != nil {
		return err
	}
	for end := time.Now().Add(start); ; time.Sleep(20 * time.Millisecond) {
		conn, err := ldap.DialURL(s.URL())
		if err == nil {
			return conn.Close()
		}
		if time.Now().After(end) {
			s.Stop()
			return fmt.Errorf("slapd does not answer: %w\n%s", err, s.log.String())
		}
	}
}

// Stop ends the server, as when its machine fails.
func (s *Server) Stop() {
	if s.cmd != nil {
		_ = s.cmd.Process.Kill() // it may have ended
		_ = s.cmd.Wait()         // of the signal
		s.cmd = nil
	}
}

// Freeze has the server do nothing until it is thawed: it still has its connections.
func (s *Server) Freeze() error { return s.cmd.Process.Signal(syscall.SIGSTOP) }

// Thaw lets it go on.
func (s *Server) Thaw() error { return s.cmd.Process.Signal(syscall.SIGCONT) }

// Add adds entries, as ldapadd does.
func (s *Server) Add(ldif io.Reader) error { return s.run("ldapadd", Suffix, ldif) }

// Modify makes changes, as ldapmodify does.
func (s *Server) Modify(changes string) error {
	return s.ModifyAt(Suffix, changes)
}

// ModifyAt is Modify for what is below another suffix.
func (s *Server) ModifyAt(suffix, changes string) error {
	return s.run("ldapmodify", suffix, strings.NewReader(changes))
}

func (s *Server) run(tool, suffix string, in io.Reader) error {
	cmd := exec.Command(tool, "-x", "-H", s.URL(), "-D", "cn=admin,"+suffix, "-w", Password)
	cmd.Stdin = in
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w\n%s", tool, err, out)
	}
	return nil
}
