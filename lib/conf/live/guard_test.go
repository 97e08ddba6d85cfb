package live

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf/slapdtest"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// users are so many.
func users(n int) (all []conf.User) {
	for i := range n {
		all = append(all, conf.User{Address: fmt.Sprintf("/S=U%d/ADMD=T/C=GB/", i)})
	}
	return all
}

// What is lost at once is told, and what comes and goes is not.
func TestLost(t *testing.T) {
	peer := func(name, password string) conf.Peer {
		p := conf.NewPeer()
		p.Name, p.PasswordIn = name, password
		return p
	}
	strong := peer("MTA-S", "")
	strong.Credentials = conf.CredentialsStrong
	node := func(tree string) conf.Node { return conf.Node{Tree: tree} }
	inTree := func(nodes ...conf.Node) *conf.Config {
		return &conf.Config{Identity: conf.Identity{Trees: []string{"one"}}, Nodes: nodes}
	}
	for name, c := range map[string]struct {
		was, is *conf.Config
		want    string
	}{
		"nothing":               {&conf.Config{}, &conf.Config{}, ""},
		"the only user":         {&conf.Config{Users: users(1)}, &conf.Config{}, "1 of the 1 users"},
		"one of many":           {&conf.Config{Users: users(100)}, &conf.Config{Users: users(99)}, ""},
		"a few":                 {&conf.Config{Users: users(12)}, &conf.Config{Users: users(2)}, ""},
		"most":                  {&conf.Config{Users: users(30)}, &conf.Config{Users: users(14)}, "16 of the 30 users"},
		"half":                  {&conf.Config{Users: users(30)}, &conf.Config{Users: users(15)}, ""},
		"all, for others":       {&conf.Config{Users: users(3)}, &conf.Config{Users: []conf.User{{Address: "/S=X/ADMD=T/C=GB/"}}}, "3 of the 3 users"},
		"more than there were":  {&conf.Config{Users: users(3)}, &conf.Config{Users: users(300)}, ""},
		"lists":                 {&conf.Config{Lists: []conf.List{{Address: "x"}}}, &conf.Config{}, "lists"},
		"routes":                {&conf.Config{Routes: []conf.Route{{Match: "x"}}}, &conf.Config{}, "routes"},
		"peers":                 {&conf.Config{Peers: []conf.Peer{peer("x", "")}}, &conf.Config{}, "peers"},
		"another port":          {&conf.Config{Listeners: []conf.Listener{{Address: "x"}}}, &conf.Config{Listeners: []conf.Listener{{Address: "y"}}}, ""},
		"the members of a list": {&conf.Config{Lists: []conf.List{{Address: "x", Members: []string{"y"}}}}, &conf.Config{Lists: []conf.List{{Address: "x"}}}, "lists that have members"},
		"what nodes say":        {inTree(conf.Node{Tree: "one", MTAs: []conf.MTAInfo{{Name: "x"}}}), inTree(node("one")), "nodes that lead anywhere of the tree one"},
		"the trees": {&conf.Config{Identity: conf.Identity{Trees: []string{conf.Tables, "cn=x"}}}, &conf.Config{Identity: conf.Identity{Trees: []string{conf.Tables}}},
			"the list of routing trees, tables, cn=x"},
		"one tree of several": {&conf.Config{Identity: conf.Identity{Trees: []string{conf.Tables, "cn=x", "cn=y"}}},
			&conf.Config{Identity: conf.Identity{Trees: []string{conf.Tables, "cn=y"}}}, ""},
		"a tree":                   {inTree(node("one"), node("two")), inTree(node("two")), "nodes of the tree one"},
		"a tree that is not asked": {inTree(node("one"), node("two")), inTree(node("one")), ""},
		"a password":               {&conf.Config{Peers: []conf.Peer{peer("x", "secret")}}, &conf.Config{Peers: []conf.Peer{peer("x", "")}}, "x has no password any more"},
		"another password":         {&conf.Config{Peers: []conf.Peer{peer("x", "secret")}}, &conf.Config{Peers: []conf.Peer{peer("x", "other")}}, ""},
		"strong credentials":       {&conf.Config{Peers: []conf.Peer{strong}}, &conf.Config{Peers: []conf.Peer{peer("MTA-S", "")}}, "MTA-S has no password any more"},
	} {
		t.Run(name, func(t *testing.T) {
			err := lost(c.was, c.is)
			if (err == nil) != (c.want == "") || err != nil && (!strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "SIGHUP") || diag.KindOf(err) != diag.Config) {
				t.Errorf("%v; want %q", err, c.want)
			}
		})
	}
}

// network runs a server with the example's network.
func network(t *testing.T) *slapdtest.Server {
	t.Helper()
	server, err := slapdtest.New(t.TempDir(), examples, slapdtest.Options{Sync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Stop)
	text, err := os.ReadFile(examples + "network.ldif")
	if err != nil {
		t.Fatal(err)
	}
	if err := server.Add(strings.NewReader(string(text))); err != nil {
		t.Fatal(err)
	}
	return server
}

// accepted is a switch that goes by what the directory has.
func accepted(t *testing.T, path, dir string) (*Live, *conf.Config) {
	t.Helper()
	l := New(path, time.Now, quiet())
	c, err := l.Load(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Accept(c.Version, dir); err != nil {
		t.Fatal(err)
	}
	return l, c
}

// When all users have gone from the directory the switch goes on with those it had, running or
// started anew, until somebody says that it is meant.
func TestUsersGone(t *testing.T) {
	server := network(t)
	path, dir := machine(t, server.URL())
	l, c := accepted(t, path, dir)
	if err := server.Modify("dn: cn=Ann Smith,ou=user,cn=MTA-A,ou=mtas,o=Example\nchangetype: delete\n"); err != nil {
		t.Fatal(err)
	}
	// Who asks for something else has not been told.
	for _, asked := range []bool{true, false} {
		if _, err := l.Load(t.Context(), asked); diag.KindOf(err) != diag.Config {
			t.Errorf("running, asked %v: %v", asked, err)
		}
	}
	if s := l.Status(); s.Version != c.Version || !strings.Contains(s.Trouble, "1 of the 1 users") {
		t.Errorf("%+v", s)
	}
	next := New(path, time.Now, quiet())
	again, err := next.Load(t.Context(), false)
	if err != nil || len(again.Users) != 1 {
		t.Fatalf("a start: %v, %+v", err, again)
	}
	if err := next.Accept(again.Version, dir); err != nil {
		t.Fatal(err)
	}
	if s := next.Status(); !s.Kept || !strings.Contains(s.Trouble, "1 of the 1 users") {
		t.Errorf("%+v", s)
	}
	asked, err := next.Load(t.Context(), true)
	if err != nil || len(asked.Users) != 0 {
		t.Fatalf("asked: %v", err)
	}
	if err := next.Accept(asked.Version, dir); err != nil || next.Status().Trouble != "" || next.Status().Kept {
		t.Errorf("%v, %+v", err, next.Status())
	}
	if kept, err := Config(path); err != nil || len(kept.Users) != 0 {
		t.Errorf("%v, %+v", err, kept)
	}
}

// What could not be kept is told of, and kept as soon as that can be.
func TestKeptLater(t *testing.T) {
	server := network(t)
	path, dir := machine(t, server.URL())
	ctl := filepath.Dir(filepath.Join(dir, spool.ConfigName))
	if err := os.Rename(ctl, ctl+".away"); err != nil {
		t.Fatal(err)
	}
	l := New(path, time.Now, quiet())
	c, err := l.Load(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Accept(c.Version, dir); err == nil {
		t.Error("it was kept nowhere")
	}
	if s := l.Status(); s.Version != c.Version || !strings.Contains(s.Trouble, "keep the configuration") {
		t.Errorf("%+v", s)
	}
	if err := os.Rename(ctl+".away", ctl); err != nil {
		t.Fatal(err)
	}
	left := filepath.Join(ctl, ".config.json12345")
	if err := os.WriteFile(left, []byte("a password"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := l.keep(); err != nil || l.Status().Trouble != "" {
		t.Errorf("%v, %+v", err, l.Status())
	}
	if kept, err := Config(path); err != nil || kept.Version != c.Version {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(left); err == nil {
		t.Error("what a killed program has left is there")
	}
}

// Of two configurations that are accepted the later one is kept, whichever is written first.
func TestLatestIsKept(t *testing.T) {
	server := network(t)
	path, dir := machine(t, server.URL())
	l, _ := accepted(t, path, dir)
	change := func(text string) *conf.Config {
		t.Helper()
		if err := server.Modify("dn: cn=MTA-B,ou=mtas,o=Example\nchangetype: modify\nreplace: mtakitWindowSize\nmtakitWindowSize: " + text + "\n"); err != nil {
			t.Fatal(err)
		}
		c, err := l.Load(t.Context(), false)
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	l.writing.Lock()
	first := change("3")
	done := make(chan error, 2)
	go func() { done <- l.Accept(first.Version, dir) }()
	for l.Status().Version != first.Version {
		time.Sleep(time.Millisecond)
	}
	second := change("4")
	go func() { done <- l.Accept(second.Version, dir) }()
	for l.Status().Version != second.Version {
		time.Sleep(time.Millisecond)
	}
	l.writing.Unlock()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if kept, err := Config(path); err != nil || kept.Version != second.Version {
		t.Errorf("%v: %v; want %s", err, kept.Version, second.Version)
	}
}

// What a program kept that knew other keys is read as the entries say, with this program's
// defaults.
func TestKeptByAnother(t *testing.T) {
	server := network(t)
	path, dir := machine(t, server.URL())
	_, c := accepted(t, path, dir)
	server.Stop()
	name := filepath.Join(dir, spool.ConfigName)
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var was struct {
		Keys   string         `json:"keys"`
		Config map[string]any `json:"config"`
	}
	if err := json.Unmarshal(data, &was); err != nil {
		t.Fatal(err)
	}
	was.Keys = "of another"
	for _, p := range was.Config["peer"].([]any) {
		for _, key := range []string{"enabled", "recovery", "window-size"} {
			delete(p.(map[string]any), key)
		}
	}
	if data, err = json.Marshal(was); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(name, data, 0o600); err != nil {
		t.Fatal(err)
	}
	kept, err := Config(path)
	if err != nil || !kept.Peers[0].Enabled || kept.Version != c.Version {
		t.Errorf("%v, %+v", err, kept)
	}
	if again, err := New(path, time.Now, quiet()).Load(t.Context(), false); err != nil || !again.Peers[0].Enabled {
		t.Errorf("a start: %v", err)
	}
}

// A directory that cannot be had, or in which something has changed, is looked at again, and
// changed is called for it.
func TestWatchDirectory(t *testing.T) {
	server := network(t)
	path, dir := machine(t, server.URL())
	l, _ := accepted(t, path, dir)
	changed := make(chan struct{}, 100)
	ended := make(chan struct{})
	l.retryFirst = 50 * time.Millisecond
	go func() {
		defer close(ended)
		l.Watch(t.Context(), func() { changed <- struct{}{} })
	}()
	hears := func(what string) {
		t.Helper()
		select {
		case <-changed:
		case <-time.After(20 * time.Second):
			t.Fatalf("%s is not heard of", what)
		}
	}
	hears("the end of the refreshment")
	server.Stop()
	if _, err := l.Load(t.Context(), false); err == nil {
		t.Fatal("the server is gone")
	}
	hears("the time to try again")
	t.Cleanup(func() { <-ended })
}

// A configuration that is refused decides nothing, nor what is looked up.
func TestRefusedDoesNotLook(t *testing.T) {
	server := network(t)
	if err := server.ModifyAt("o=Public", "dn: o=Public\nchangetype: add\nobjectClass: organization\nobjectClass: routingInformation\no: Public\nmTAInfo: { name \"cn=MTA-B,ou=mtas,o=Example\" }\n"); err != nil {
		t.Fatal(err)
	}
	path, dir := machine(t, server.URL())
	l, _ := accepted(t, path, dir)
	look := func(l *Live) string {
		t.Helper()
		nodes, err := l.Look("o=Public", []string{"c=GB"})
		if err != nil || len(nodes) != 1 || len(nodes[0].MTAs) != 1 {
			t.Fatalf("%+v, %v", nodes, err)
		}
		return nodes[0].MTAs[0].Name
	}
	if got := look(l); got != "MTA-B" {
		t.Errorf("at first by %s", got)
	}
	for _, change := range []string{
		"dn: cn=Ann Smith,ou=user,cn=MTA-A,ou=mtas,o=Example\nchangetype: delete\n",
		"dn: cn=MTA-B,ou=mtas,o=Example\nchangetype: modify\nreplace: mTAName\nmTAName: OTHER\n",
	} {
		if err := server.Modify(change); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := l.Load(t.Context(), false); diag.KindOf(err) != diag.Config {
		t.Fatalf("%v", err)
	}
	if got := look(l); got != "MTA-B" {
		t.Errorf("by what was refused %s", got)
	}
	// A start that goes by what was kept looks by that.
	next := New(path, time.Now, quiet())
	c, err := next.Load(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	if err := next.Accept(c.Version, dir); err != nil || !next.Status().Kept {
		t.Fatalf("%v, %+v", err, next.Status())
	}
	if got := look(next); got != "MTA-B" {
		t.Errorf("after a start by %s", got)
	}
}
