package ldapconf

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf/slapdtest"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
)

const examples = "../../../examples/ldap/"

// slapd runs a server with the example's network in it.
func slapd(t *testing.T, o slapdtest.Options) *slapdtest.Server {
	t.Helper()
	s, err := slapdtest.New(t.TempDir(), examples, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	network, err := os.Open(examples + "network.ldif")
	if err != nil {
		t.Fatal(err)
	}
	defer network.Close()
	if err := s.Add(network); err != nil {
		t.Fatal(err)
	}
	return s
}

// file is the configuration of a machine.
func file(mta string, urls ...string) *conf.Config {
	c := conf.New()
	c.Directory.URLs, c.Directory.Base, c.Directory.MTA = urls, slapdtest.Suffix, mta
	return c
}

func source(t *testing.T, f *conf.Config) *Source {
	t.Helper()
	s, err := NewSource(f, "/etc/mta", time.Now)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func load(t *testing.T, s *Source) (*conf.Config, State) {
	t.Helper()
	c, state, err := s.Load(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	return c, state
}

// The example's network is what its comments say.
func TestExampleNetwork(t *testing.T) {
	s := slapd(t, slapdtest.Options{})
	c, state := load(t, source(t, file("MTA-A", s.URL())))
	if state.Server != s.URL() || len(state.Entries) == 0 {
		t.Errorf("%+v", state)
	}
	var peers []string
	for _, p := range c.Peers {
		peers = append(peers, p.Name+" "+p.Addresses[0].Host+" "+p.Channel)
	}
	if diff := cmp.Diff([]string{"MTA-B 127.0.0.1:10422 p1", "MTA-C 127.0.0.1:10423 p1"}, peers); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{conf.Tables, "network"}, c.Identity.Trees); diff != "" {
		t.Error(diff)
	}
	var nodes []string
	for _, n := range c.Nodes {
		if n.Tree != "network" {
			continue
		}
		for _, m := range n.MTAs {
			nodes = append(nodes, n.At+" "+m.String())
		}
	}
	if diff := cmp.Diff([]string{"/PRMD=ALPHA/ADMD=TEST/C=GB/ MTA-A weight 5", "/PRMD=BRAVO/ADMD=TEST/C=GB/ MTA-B weight 5",
		"/PRMD=BRAVO/ADMD=TEST/C=GB/ MTA-C weight 10", "/PRMD=CHARLIE/ADMD=TEST/C=GB/ MTA-C weight 5"}, nodes); diff != "" {
		t.Error(diff)
	}
	if c.Users[0].Mailbox != "/etc/mta/mailbox/ann" {
		t.Errorf("the mailbox is %s", c.Users[0].Mailbox)
	}
}

// What is exported from a file is the same configuration when a server has had it.
func TestExportedThroughServer(t *testing.T) {
	text, err := os.ReadFile("testdata/whole.toml")
	if err != nil {
		t.Fatal(err)
	}
	want, err := tableconf.Parse(text, "whole.toml", "/etc/mta")
	if err != nil {
		t.Fatal(err)
	}
	s, err := slapdtest.New(t.TempDir(), examples, slapdtest.Options{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Stop)
	l, err := NewLayout(slapdtest.Suffix, want.Identity.MTA)
	if err != nil {
		t.Fatal(err)
	}
	entries, err := Encode(want, l)
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := WriteLDIF(&b, entries); err != nil {
		t.Fatal(err)
	}
	if err := s.Add(strings.NewReader("dn: o=Example\nobjectClass: organization\no: Example\n\n" + strings.TrimPrefix(b.String(), "version: 1\n"))); err != nil {
		t.Fatalf("%v\n%s", err, b.String())
	}
	f := file(want.Identity.MTA, s.URL())
	f.Spool, f.Events = want.Spool, want.Events
	got, _ := load(t, source(t, f))
	sortSets(want)
	sortSets(got)
	byName := cmp.Options{cmpopts.EquateEmpty(), cmpopts.IgnoreFields(conf.Config{}, "Version", "Directory"),
		cmpopts.SortSlices(func(a, b conf.Peer) bool { return a.Name < b.Name }), cmpopts.SortSlices(func(a, b conf.Channel) bool { return a.Name < b.Name })}
	if diff := cmp.Diff(want, got, byName); diff != "" {
		t.Errorf("%s\n%s", diff, b.String())
	}
}

// Where the server tells of changes they are heard of within a second, and else with the
// next look.
func TestWatch(t *testing.T) {
	for name, o := range map[string]slapdtest.Options{"told": {Sync: true}, "asked": {}} {
		t.Run(name, func(t *testing.T) {
			server := slapd(t, o)
			f := file("MTA-A", server.URL())
			f.Directory.Poll = conf.Duration(time.Second)
			s := source(t, f)
			_, state := load(t, s)
			ctx, stop := context.WithCancel(t.Context())
			heard, trouble, ended := make(chan struct{}, 100), make(chan error, 100), make(chan struct{})
			go func() {
				s.Watch(ctx, state, func() { heard <- struct{}{} }, func(err error) { trouble <- err })
				close(ended)
			}()
			next := func(what string) {
				t.Helper()
				select {
				case <-heard:
				case err := <-trouble:
					t.Fatalf("%s: %v", what, err)
				case <-time.After(20 * time.Second):
					t.Fatalf("%s is not heard of", what)
				}
			}
			if o.Sync {
				next("the end of the refreshment")
			}
			for what, change := range map[string]string{
				"a change":   "dn: cn=MTA-B,ou=mtas,o=Example\nchangetype: modify\nreplace: mtakitAddresses\nmtakitAddresses: { { host \"127.0.0.1:1\" } }\n",
				"an entry":   "dn: PRMD=DELTA,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example\nchangetype: add\nobjectClass: pRMD\nPRMD: DELTA\n",
				"a deletion": "dn: PRMD=CHARLIE,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example\nchangetype: delete\n",
			} {
				if err := server.Modify(change); err != nil {
					t.Fatal(err)
				}
				next(what)
			}
			server.Stop()
			select {
			case err := <-trouble:
				if err == nil {
					t.Error("the server is gone, and all is well")
				}
			case <-time.After(20 * time.Second):
				t.Fatal("nobody misses the server")
			}
			if err := server.Start(); err != nil {
				t.Fatal(err)
			}
			select {
			case err := <-trouble:
				if err != nil {
					t.Errorf("the server is back: %v", err)
				}
			case <-time.After(20 * time.Second):
				t.Fatal("nobody noticed that the server is back")
			}
			stop()
			select {
			case <-ended:
			case <-time.After(20 * time.Second):
				t.Fatal("Watch does not end")
			}
		})
	}
}

// The next server is asked when one does not answer, and none that none does.
func TestFailover(t *testing.T) {
	second := slapd(t, slapdtest.Options{})
	const nobody = "ldap://127.0.0.1:1"
	if _, state := load(t, source(t, file("MTA-A", nobody, second.URL()))); state.Server != second.URL() {
		t.Errorf("read from %s", state.Server)
	}
	_, _, err := source(t, file("MTA-A", nobody)).Load(t.Context(), false)
	if diag.KindOf(err) != diag.Unavailable || !strings.Contains(err.Error(), nobody) {
		t.Errorf("%v", err)
	}
}

// What is wrong is told with the entry and the attribute, all of it at once.
func TestWrongDirectory(t *testing.T) {
	s := slapd(t, slapdtest.Options{})
	if err := s.Modify(`dn: cn=p1,ou=channel,cn=MTA-A,ou=mtas,o=Example
changetype: modify
add: mtakitIdleTime
mtakitIdleTime: soon

dn: PRMD=BRAVO,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example
changetype: modify
replace: mTAInfo
mTAInfo: { name "cn=MTA-B,ou=mtas,o=Example", weight 5 } and more

dn: cn=MTA-C,ou=mtas,o=Example
changetype: modify
replace: mTAWillRoute
mTAWillRoute: { to { "ou=mtas,o=Example" } }
`); err != nil {
		t.Fatal(err)
	}
	_, _, err := source(t, file("MTA-A", s.URL())).Load(t.Context(), false)
	if diag.KindOf(err) != diag.Config {
		t.Fatalf("%v", err)
	}
	for _, want := range []string{
		`cn=p1,ou=channel,cn=MTA-A,ou=mtas,o=Example: mtakitIdleTime: "soon" is not a duration`,
		`PRMD=BRAVO,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example: mTAInfo: gser: octet 49: something follows the value`,
		`cn=MTA-C,ou=mtas,o=Example: mTAWillRoute: to: `,
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%v\nhas no %s", err, want)
		}
	}
	if _, _, err := source(t, file("MTA-X", s.URL())).Load(t.Context(), false); diag.KindOf(err) != diag.Config || !strings.Contains(err.Error(), "cn=MTA-X,ou=mtas,o=Example: no such entry") {
		t.Errorf("%v", err)
	}
}

// A password is sent as bind-dn, and a wrong one is told of.
func TestSimpleBind(t *testing.T) {
	s := slapd(t, slapdtest.Options{Access: []string{"to * by dn.exact=" + slapdtest.Admin + " write by * auth"}})
	f := file("MTA-A", s.URL())
	_, _, err := source(t, f).Load(t.Context(), false)
	if err == nil {
		t.Error("anybody reads it")
	}
	f.Directory.Bind, f.Directory.BindDN = conf.BindSimple, slapdtest.Admin
	f.Directory.PasswordFile = filepath.Join(t.TempDir(), "password")
	for password, right := range map[string]bool{slapdtest.Password + "\n": true, "guess": false, "": false} {
		if err := os.WriteFile(f.Directory.PasswordFile, []byte(password), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, _, err := source(t, f).Load(t.Context(), false); (err == nil) != right {
			t.Errorf("password %q: %v", password, err)
		}
	}
	dir := t.TempDir()
	t.Setenv(conf.CredentialsDirectory, dir)
	if err := os.WriteFile(filepath.Join(dir, "directory"), []byte(slapdtest.Password+"\r\n"), 0o400); err != nil {
		t.Fatal(err)
	}
	f.Directory.PasswordFile = "credential:directory"
	if _, _, err := source(t, f).Load(t.Context(), false); err != nil {
		t.Errorf("a credential: %v", err)
	}
}

// A reference to another server is an error unless it may be followed.
func TestReferrals(t *testing.T) {
	other := slapd(t, slapdtest.Options{})
	s := slapd(t, slapdtest.Options{})
	if err := s.Modify("dn: PRMD=BRAVO,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example\nchangetype: delete\n\n" +
		"dn: PRMD=BRAVO,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\nPRMD: BRAVO\n" +
		"ref: " + other.URL() + "/PRMD=BRAVO,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example\n"); err != nil {
		t.Fatal(err)
	}
	f := file("MTA-A", s.URL())
	if _, _, err := source(t, f).Load(t.Context(), false); err == nil || !strings.Contains(err.Error(), "referrals are not followed") {
		t.Errorf("%v", err)
	}
	f.Directory.Referrals = true
	c, _ := load(t, source(t, f))
	if len(c.Nodes) != 4 {
		t.Errorf("%d nodes", len(c.Nodes))
	}
}
