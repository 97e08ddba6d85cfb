package conf

import (
	"reflect"
	"testing"
)

// A channel needs the files of its listeners and peers, those of the identity for strong
// credentials, and no other channel's.
func TestNamesFile(t *testing.T) {
	t.Setenv(CredentialsDirectory, "/run/credentials")
	c := New()
	c.Identity.TokenCertificate, c.Identity.TokenKey = "/own.pem", "/own.key"
	c.Listeners = []Listener{{Channel: "p1", TLSCertificate: "/l.pem", TLSKey: "/l.key", TLSCA: "/l.ca"}, {Channel: "other", TLSKey: "/other.l.key"}}
	peer := func(channel, prefix string) Peer {
		p := NewPeer()
		p.Name, p.Channel, p.TLSCA, p.TLSCertificate, p.TLSKey = prefix, channel, prefix+".ca", prefix+".pem", prefix+".key"
		return p
	}
	simple, strong, own, foreign := peer("p1", "/simple"), peer("p1", "/strong"), peer("p1", "/itself"), peer("other", "/foreign")
	simple.PasswordInFile, simple.PasswordOutFile = "/simple.in", "credential:out"
	simple.TokenKey = "/not-strong.key"
	strong.Credentials, strong.TokenCA, strong.TokenPeer = CredentialsStrong, "/strong.tca", "/strong.peer"
	own.Credentials, own.TokenCertificate, own.TokenKey = CredentialsStrong, "/its.pem", "/its.key"
	foreign.PasswordInFile = "/foreign.in"
	c.Peers = []Peer{simple, own, foreign}
	if c.NamesFile("p1", "/own.key") {
		t.Error("the key of the identity, which no peer needs")
	}
	c.Peers = append(c.Peers, strong)
	for _, path := range []string{"/l.pem", "/l.key", "/l.ca", "/simple.ca", "/simple.pem", "/simple.key", "/simple.in", "/run/credentials/out",
		"/strong.tca", "/strong.peer", "/own.pem", "/own.key", "/its.pem", "/its.key"} {
		if !c.NamesFile("p1", path) {
			t.Errorf("%s is not given", path)
		}
	}
	for _, path := range []string{"", "/other.l.key", "/foreign.key", "/foreign.in", "/not-strong.key", "credential:out", "/etc/passwd", "/l.key/../l.key"} {
		if c.NamesFile("p1", path) {
			t.Errorf("%s is given", path)
		}
	}
	if c.NamesFile("local", "/l.key") || !c.NamesFile("other", "/foreign.in") {
		t.Error("of other channels")
	}
}

// A channel is given the passwords of its own peers.
func TestFor(t *testing.T) {
	c := New()
	c.Peers = []Peer{{Name: "A", Channel: "p1", PasswordIn: "a"}, {Name: "B", Channel: "other", PasswordIn: "b", PasswordOut: "c"}, {Name: "C", Channel: "other"}}
	for channel, want := range map[string][]string{"p1": {"a", "", "", "", "", ""}, "other": {"", "", "b", "c", "", ""}, "local": make([]string, 6)} {
		var got []string
		for _, p := range c.For(channel).Peers {
			got = append(got, p.PasswordIn, p.PasswordOut)
		}
		if !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %q, want %q", channel, got, want)
		}
	}
	if c.Peers[1].PasswordIn != "b" || c.Peers[0].PasswordIn != "a" {
		t.Error("the configuration itself was changed")
	}
	c.Peers = c.Peers[:1]
	if c.For("p1") != c {
		t.Error("copied for nothing")
	}
}
