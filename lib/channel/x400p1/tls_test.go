package x400p1

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/channel"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// selfSigned writes a certificate for an hour and its key.
func selfSigned(t *testing.T) (certificate, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "MTA-A"},
		NotBefore: time.Now().Add(-time.Minute), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	certificate, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{certificate: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: keyDER}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return certificate, key
}

// startSecure is a channel with a listener that has TLS.
func startSecure(t *testing.T) *switch1 {
	s := start(t)
	l := conf.NewListener()
	l.Address, l.Channel, l.TLS = "secure:102", "p1", conf.TLSRequire
	l.TLSCertificate, l.TLSKey = selfSigned(t)
	s.conf.Listeners = append(s.conf.Listeners, l)
	s.conf.Channels[0].OpenTimeout = conf.Duration(500 * time.Millisecond)
	s.configure()
	return s
}

// callSecure connects as mtarun hands over what comes to that listener: unread.
func (s *switch1) callSecure() net.Conn {
	s.t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	caller, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { _ = caller.Close() })
	called, err := l.Accept()
	if err != nil {
		s.t.Fatal(err)
	}
	f, err := called.(*net.TCPConn).File()
	if err != nil {
		s.t.Fatal(err)
	}
	_ = called.Close()
	if err := s.stream.SendFile(channel.Line{Type: channel.TypeAccept, From: "test", Listener: "secure:102"}, f); err != nil {
		s.t.Fatal(err)
	}
	return caller
}

// Whoever does not get on before the bind is told to go after open-timeout, in every
// step of it; the log says which.
func TestSecureCallersAreTimed(t *testing.T) {
	for name, c := range map[string]struct {
		layer string
		do    func(net.Conn)
	}{
		"nothing":          {"tls", func(net.Conn) {}},
		"half a handshake": {"tls", func(nc net.Conn) { _, _ = nc.Write([]byte{22, 3, 1, 1, 0, 1}) }},
		"no CR TPDU": {"transport", func(nc net.Conn) {
			_ = tls.Client(nc, &tls.Config{InsecureSkipVerify: true}).Handshake()
		}},
		"no CONNECT SPDU": {"transport", func(nc net.Conn) {
			secure := tls.Client(nc, &tls.Config{InsecureSkipVerify: true})
			_, _ = tp.Connect(t.Context(), secure, tp.Params{})
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := startSecure(t)
			nc := s.callSecure()
			c.do(nc)
			if r := s.event(audit.AssociationRefused); r.Layer != c.layer {
				t.Errorf("%+v", r)
			}
		})
	}
}

// Connections in the middle of a handshake are callers like all others.
func TestSecureCallersGiveWay(t *testing.T) {
	s := startSecure(t)
	s.conf.Limits.UnboundPerSource = 2
	s.configure()
	first := s.callSecure()
	for range 2 {
		s.callSecure()
	}
	if r := s.event(audit.AssociationRefused); !strings.Contains(r.Text, "others wanted the place") {
		t.Errorf("%+v", r)
	}
	if err := first.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	if _, err := first.Read(make([]byte, 1)); err == nil || os.IsTimeout(err) {
		t.Errorf("whoever waited longest still has its place: %v", err)
	}
}
