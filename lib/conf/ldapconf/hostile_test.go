package ldapconf

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
)

// startsTLS is what a server answers to the first request, if that is StartTLS: success.
var startsTLS = []byte{0x30, 0x0c, 0x02, 0x01, 0x01, 0x78, 0x07, 0x0a, 0x01, 0x00, 0x04, 0x00, 0x04, 0x00}

// listening calls serve for each connection to a port of its own, until the test is over.
func listening(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var conns sync.WaitGroup
	conns.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer conn.Close()
				serve(conn)
			})
		}
	})
	t.Cleanup(func() { _ = l.Close(); conns.Wait() })
	return l.Addr().String()
}

// silent is a server that answers its first request so, and then says nothing; what it hears is
// kept.
func silent(t *testing.T, answer []byte) (address string, heard func() []byte) {
	t.Helper()
	var mu sync.Mutex
	var all bytes.Buffer
	address = listening(t, func(conn net.Conn) {
		b := make([]byte, 4096)
		for first := true; ; first = false {
			n, err := conn.Read(b)
			mu.Lock()
			all.Write(b[:n])
			mu.Unlock()
			if err != nil {
				return
			}
			if first && answer != nil {
				if _, err := conn.Write(answer); err != nil {
					return
				}
			}
		}
	})
	return address, func() []byte {
		mu.Lock()
		defer mu.Unlock()
		return bytes.Clone(all.Bytes())
	}
}

const secretWord = "a-secret-word"

func withPassword(t *testing.T, url string) *conf.Config {
	t.Helper()
	f := file("MTA-A", url)
	f.Directory.Bind, f.Directory.BindDN = conf.BindSimple, "cn=x"
	f.Directory.PasswordFile = filepath.Join(t.TempDir(), "password")
	f.Directory.Timeout = conf.Duration(time.Second)
	if err := os.WriteFile(f.Directory.PasswordFile, []byte(secretWord), 0o600); err != nil {
		t.Fatal(err)
	}
	return f
}

// A server that says nothing, or nothing more in the handshake, is given up in time; and no
// password is heard by one that has not shown its certificate, however its scheme is written.
func TestSilentServer(t *testing.T) {
	for name, tt := range map[string]struct {
		scheme   string
		startTLS bool
		answer   []byte
	}{
		"no answer": {"ldap", false, nil}, "StartTLS": {"ldap", true, startsTLS}, "STARTTLS": {"LDAP", true, startsTLS},
		"no StartTLS": {"LDAP", true, nil}, "no TLS": {"ldaps", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			address, heard := silent(t, tt.answer)
			f := withPassword(t, tt.scheme+"://"+address)
			f.Directory.StartTLS = tt.startTLS
			ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
			defer cancel()
			if _, _, err := source(t, f).Load(ctx, false); err == nil || ctx.Err() != nil {
				t.Errorf("%v, %v", err, ctx.Err())
			}
			if secure := tt.startTLS || tt.scheme == "ldaps"; secure && bytes.Contains(heard(), []byte(secretWord)) {
				t.Error("the password went in clear")
			}
		})
	}
}

// Credentials go to where one server refers by the rules that hold for servers.
func TestReferralInClear(t *testing.T) {
	f := withPassword(t, "ldaps://192.0.2.1")
	f.Directory.Referrals = true
	for _, to := range []string{"ldap://192.0.2.2/cn=x,o=Example", "ldapi:///cn=x,o=Example", "http://192.0.2.2/cn=x,o=Example", "ldap://192.0.2.2/o=Other"} {
		if err := (&reading{Source: source(t, f)}).follow(t.Context(), to); err == nil || strings.Contains(err.Error(), "dial") {
			t.Errorf("%s: %v", to, err)
		}
	}
}

// The path of a socket has %2F for its slashes.
func TestEndpoint(t *testing.T) {
	for server, want := range map[string]string{
		"ldapi://%2Frun%2Fldapi": "unix /run/ldapi ldapi", "ldapi://": "unix /var/run/slapd/ldapi ldapi",
		"LDAPS://host": "tcp host:636 ldaps", "ldap://[2001:db8::1]:1389/": "tcp [2001:db8::1]:1389 ldap",
	} {
		network, address, scheme, err := endpoint(server)
		if got := network + " " + address + " " + scheme; err != nil || got != want {
			t.Errorf("%s: %s, %v", server, got, err)
		}
		f := file("MTA-A", server)
		f.Directory.StartTLS = true
		if faults := f.Faults(); len(faults) > 0 {
			t.Errorf("%s: %v", server, faults[0])
		}
	}
}

// What is said twice, or of something that is not there, is a fault, and not the last of them
// by chance.
func TestContradictions(t *testing.T) {
	tree := `
dn: cn=open,ou=trees,o=Example
objectClass: routingTreeRoot

dn: PRMD=B,ADMD=T,c=GB,cn=open,ou=trees,o=Example
objectClass: pRMD
`
	uses := strings.Replace(switchA, "globalDomainID", "routingTreeList: { \"CN=OPEN,OU=TREES,O=EXAMPLE\" }\nglobalDomainID", 1) + tree
	for name, tt := range map[string]struct{ text, want string }{
		"two of a name": {uses + "\ndn: cn=other,ou=mtas,o=Example\nobjectClass: mtakitMTA\nmTAName: MTA-B\n",
			`cn=other,ou=mtas,o=Example: mTAName: "MTA-B" is that of cn=MTA-B,ou=mtas,o=Example, too`},
		"two reasons": {uses + "nonDeliveryInfo: { reason 1 }\nnonDeliveryInfo: { reason 2 }\n",
			"PRMD=B,ADMD=T,c=GB,cn=open,ou=trees,o=Example: nonDeliveryInfo: 2 values; it has one"},
		"an alias of nothing": {uses + "objectClass: alias\n", "aliasedObjectName: is missing, or may not be read"},
		"a filter of nothing": {uses + "objectClass: routedUA\nredirect: { { or-name \"x\", reason alias, filter min-size:0 } }\n", "filter: min-size: \"0\" is no size"},
		"a filter of no text": {uses + "objectClass: routedUA\nredirect: { { or-name \"x\", reason alias, filter content:{ } } }\n", "filter: content: \"{ }\" is no text"},
		"an MTA nobody knows": {uses + "mTAInfo: { name \"cn=MTA-X,ou=mtas,o=Example\" }\n", `mTAInfo: number 1: name: there is no [[peer]] "MTA-X"`},
		"a table in the wrong place": {uses + "\ndn: cn=1,ou=users,cn=MTA-A,ou=mtas,o=Example\nobjectClass: mtakitUser\n",
			`cn=1,ou=users,cn=MTA-A,ou=mtas,o=Example: is a mtakitUser, and stands in "users"`},
	} {
		if _, err := decoded(t, tt.text); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, not %s", name, err, tt.want)
		}
	}
	// Letter case names the same entry; an MTA that is no neighbour is not used; and weights
	// have names.
	c, err := decoded(t, uses+"mTAInfo: { name \"cn=mta-b,ou=MTAS,o=example\", weight backup }\nmTAInfo: { name \"cn=MTA-C,ou=mtas,o=Example\" }\n")
	if err != nil {
		t.Fatal(err)
	}
	if n := c.Nodes[0]; len(c.Nodes) != 1 || len(n.MTAs) != 1 || n.MTAs[0] != (conf.MTAInfo{Name: "MTA-B", Weight: 10}) || n.Tree != "open" || c.Identity.Trees[0] != "open" {
		t.Errorf("%+v, %v", c.Nodes, c.Identity.Trees)
	}
	// What is wrong in a tree that is not used stops nothing; somebody else's entries are let be.
	if _, err := decoded(t, switchA+tree+"mTAInfo: garbage\n\ndn: cn=staff,ou=user,cn=MTA-A,ou=mtas,o=Example\nobjectClass: groupOfNames\nmember: cn=x\njpegPhoto:: /9j/4AAQ\n"); err != nil {
		t.Error(err)
	}
}

// A country of digits is named by its letters, which its class wants.
func TestNumericCountry(t *testing.T) {
	l, err := NewLayout("o=Example", "MTA-A")
	if err != nil {
		t.Fatal(err)
	}
	at, err := l.node("open", "/ADMD=X/C=310/")
	if err != nil || text(at) != "ADMD=X,c=US,cn=open,ou=trees,o=Example" {
		t.Errorf("%v, %v", at, err)
	}
}
