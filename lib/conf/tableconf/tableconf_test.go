package tableconf

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
)

// small is the least a configuration can be.
const small = `[identity]
mta = "MTA-A"
domain = "/PRMD=ALPHA/ADMD=TEST/C=GB/"
[[channel]]
name = "p1"
kind = "x400p1"
[[channel]]
name = "local"
kind = "local"
`

func parse(t *testing.T, text string) *conf.Config {
	t.Helper()
	c, err := Parse([]byte(text), "mta.toml", "/etc/mta")
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func TestParseReadsEveryTable(t *testing.T) {
	c := parse(t, small+`
[spool]
dir = "/var/spool/mta"
barrier = "fsync"
[limits]
message-size = "2MiB"
envelope-size = 65536
unbound = 1000
unbound-per-source = 20
recipients = 100
[schedule]
backoff-peer = { first = "10s", ceiling = "10m" }
[schedule.expiry]
urgent = "1h"
[[listener]]
address = ":102"
channel = "p1"
tsel = ["MTA-A", "#591"]
[[listener]]
address = ":10102"
channel = "p1"
tls = "require"
tls-certificate = "cert.pem"
tls-key = "/key.pem"
tls-ca = "ca.pem"
[[peer]]
name = "MTA-B"
channel = "p1"
addresses = [
  { host = "192.0.2.2", tsel = "'4D5441'H" }, # the usual one
  { host = "192.0.2.3:10102" },
]
checkpoint-size = 0
two-way = false
communities = ["tc-internet", "1.3.6.1.4.1.453.4.6", "1.2.3"]
[[peer]]
name = "MTA-C"
channel = "p1"
call-every = "15m"
call-at = ["06:00", "Sat-Sun 18:30"]
window = ["Mon-Fri 20:00-06:00", "06:00-24:00"]
window-urgent = true
[[peer.addresses]]
host = "c.example"
ssel = "S"
[[peer]]
name = "MTA-D"
channel = "p1"
tls = "require"
tls-ca = "ca.pem"
tls-pin = ["AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB:AB"]
tls-name = "d.example"
tls-certificate = "/cert.pem"
tls-key = "key.pem"
[[peer]]
name = "MTA-E"
channel = "p1"
credentials = "strong"
token-ca = "ca.pem"
token-peer = "e.pem"
token-subject = "CN=MTA-E,O=Org"
token-certificate = "/cert.pem"
token-key = "key.pem"
token-show = false
token-tolerance = "30s"
token-related = false
token-weak = true
[[route]]
match = "/PRMD=BRAVO/ADMD=TEST/C=GB/"
peers = ["MTA-B", "MTA-C"]
[[route]]
match = "/PRMD=DELTA/ADMD=TEST/C=GB/"
reject = "closed"
reason = 1
diagnostic = -1
[[node]]
tree = "org"
at = "/PRMD=ECHO/ADMD=TEST/C=GB/"
subtree-information = "all-children-present"
routing-filter = [{ attribute = "X121", regex-match = "^9", weight = 0, node = { tree = "org" } }]
mta-info = [{ name = "MTA-B" }, { name = "MTA-C", weight = 10 }]
access-md = [{ tree = "org", at = "/S=Gone/PRMD=ECHO/ADMD=TEST/C=GB/" }]
routing-failure-action = "stop"
bad-address-search-point = [{ tree = "tables" }, { tree = "org", at = "/PRMD=ECHO/ADMD=TEST/C=GB/" }]
bad-address-search-attributes = ["S", "CN"]
[[node]]
tree = "org"
[[node]]
tree = "org"
at = "/S=Gone/PRMD=ECHO/ADMD=TEST/C=GB/"
routed-ua = true
redirect = [{ to = "/S=Robot/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", min-size = "1KiB" }]
reject = "gone"
[[node]]
tree = "org"
at = "/S=Away/PRMD=ECHO/ADMD=TEST/C=GB/"
alias = { tree = "org", at = "/S=Gone/PRMD=ECHO/ADMD=TEST/C=GB/" }
[[user]]
address = "G=Ann; S=Smith; O=Org; P=ALPHA; A=TEST; C=GB"
mailbox = "mailbox/ann"
[[user]]
address = "/S=Robot/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
program = ["bin/robot", "-v"]
max-size = "1KiB"
supported-extensions = ["latest-delivery-time", "1.2.3", "99", "6"]
[[list]]
address = "/CN=Staff/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
members = ["G=Ann; S=Smith; O=Org; P=ALPHA; A=TEST; C=GB"]
submit = ["/PRMD=ALPHA/ADMD=TEST/C=GB/"]
`)
	want := conf.New()
	want.Version = c.Version
	want.Identity = conf.Identity{MTA: "MTA-A", Domain: oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"}, Trees: []string{conf.Tables}}
	want.Spool = conf.Spool{Dir: "/var/spool/mta", Barrier: "fsync"}
	want.Events.Dir = "/etc/mta/log"
	want.Limits = conf.Limits{MessageSize: 2 << 20, EnvelopeOctets: 65536, Recipients: 100, Unbound: 1000, UnboundPerSource: 20}
	want.Schedule.BackoffPeer.First = conf.Duration(10 * time.Second)
	want.Schedule.BackoffPeer.Ceiling = conf.Duration(10 * time.Minute)
	want.Schedule.Expiry.Urgent = conf.Duration(time.Hour)
	want.Listeners = []conf.Listener{{Address: ":102", Channel: "p1", TSEL: []conf.Selector{"MTA-A", "\x02\x4f"}, TLS: conf.TLSOff},
		{Address: ":10102", Channel: "p1", TLS: conf.TLSRequire, TLSCertificate: "/etc/mta/cert.pem", TLSKey: "/key.pem", TLSCA: "/etc/mta/ca.pem"}}
	p1, local := conf.NewChannel(), conf.NewChannel()
	p1.Name, p1.Kind, local.Name, local.Kind = "p1", "x400p1", "local", "local"
	expand := conf.NewChannel()
	expand.Name, expand.Kind = "expand", "expand" // made by default
	want.Channels = []conf.Channel{p1, local, expand}
	b, cc := conf.NewPeer(), conf.NewPeer()
	b.Name, b.Channel, b.CheckpointSize, b.TwoWay = "MTA-B", "p1", 0, false
	b.Communities = []conf.Community{"tc-internet", "tc-janet", "1.2.3"}
	b.Addresses = []conf.Address{{Host: "192.0.2.2:102", TSEL: "MTA"}, {Host: "192.0.2.3:10102"}}
	cc.Name, cc.Channel = "MTA-C", "p1"
	cc.CallEvery, cc.CallAt = conf.Duration(15*time.Minute), []quantity.TimeOfDay{{Minute: 360}, {Days: 0x60, Minute: 1110}}
	cc.Window, cc.WindowUrgent = []quantity.Window{{Days: 0x1f, From: 1200, To: 360}, {From: 360, To: 1440}}, true
	cc.Addresses = []conf.Address{{Host: "c.example:102", SSEL: "S"}}
	d := conf.NewPeer()
	d.Name, d.Channel, d.TLS, d.TLSName = "MTA-D", "p1", conf.TLSRequire, "d.example"
	d.TLSCA, d.TLSCertificate, d.TLSKey = "/etc/mta/ca.pem", "/cert.pem", "/etc/mta/key.pem"
	d.TLSPin = []string{strings.Repeat("AB:", 31) + "AB"}
	e := conf.NewPeer()
	e.Name, e.Channel, e.Credentials, e.TokenSubject, e.TokenTolerance = "MTA-E", "p1", conf.CredentialsStrong, "CN=MTA-E,O=Org", conf.Duration(30*time.Second)
	e.TokenCA, e.TokenPeer, e.TokenCertificate, e.TokenKey = "/etc/mta/ca.pem", "/etc/mta/e.pem", "/cert.pem", "/etc/mta/key.pem"
	e.TokenShow, e.TokenRelated, e.TokenWeak = false, false, true
	want.Peers = []conf.Peer{b, cc, d, e}
	want.Routes = []conf.Route{
		{Match: "/PRMD=BRAVO/ADMD=TEST/C=GB/", Peers: []string{"MTA-B", "MTA-C"}, Reason: 1},
		{Match: "/PRMD=DELTA/ADMD=TEST/C=GB/", Reject: "closed", Reason: 1, Diagnostic: conf.NoDiagnostic},
	}
	echo, root, gone, away := conf.NewNode(), conf.NewNode(), conf.NewNode(), conf.NewNode()
	echo.Tree, echo.At, root.Tree = "org", "/PRMD=ECHO/ADMD=TEST/C=GB/", "org"
	gone.Tree, gone.At, away.Tree, away.At = "org", "/S=Gone/PRMD=ECHO/ADMD=TEST/C=GB/", "org", "/S=Away/PRMD=ECHO/ADMD=TEST/C=GB/"
	echo.Subtree, echo.Failure = conf.AllChildren, conf.Stop
	echo.Filters = []conf.Filter{{Attribute: "X121", Regex: "^9", Node: conf.NodeName{Tree: "org"}}}
	echo.MTAs = []conf.MTAInfo{{Name: "MTA-B", Weight: 5}, {Name: "MTA-C", Weight: 10}}
	echo.AccessMD = []conf.NodeName{{Tree: "org", At: gone.At}}
	echo.SearchPoints = []conf.NodeName{{Tree: conf.Tables}, {Tree: "org", At: echo.At}}
	echo.SearchAttributes = []conf.NamingAttribute{"S", "CN"}
	gone.UA, gone.Reject = true, "gone"
	gone.Redirects = []conf.Redirect{{To: "/S=Robot/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", Reason: "recipient", MinSize: 1024}}
	away.Alias = conf.NodeName{Tree: "org", At: gone.At}
	want.Nodes = []conf.Node{echo, root, gone, away}
	want.Users = []conf.User{
		{Address: "G=Ann; S=Smith; O=Org; P=ALPHA; A=TEST; C=GB", Channel: "local", Mailbox: "/etc/mta/mailbox/ann"},
		{Address: "/S=Robot/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", Channel: "local", Program: []string{"/etc/mta/bin/robot", "-v"}, MaxSize: 1024,
			Extensions: []conf.MTSExtension{"latest-delivery-time", "1.2.3", "extension 99", "requested-delivery-method"}},
	}
	staff := conf.NewList()
	staff.Address, staff.Members = "/CN=Staff/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", []string{"G=Ann; S=Smith; O=Org; P=ALPHA; A=TEST; C=GB"}
	staff.Submit = []string{"/PRMD=ALPHA/ADMD=TEST/C=GB/"}
	want.Lists = []conf.List{staff}
	if diff := cmp.Diff(want, c); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

func TestVersionIsOfTheOctets(t *testing.T) {
	a, b, c := parse(t, small), parse(t, small), parse(t, small+"# a remark\n")
	if a.Version == "" || a.Version != b.Version || a.Version == c.Version {
		t.Errorf("versions %q, %q, %q", a.Version, b.Version, c.Version)
	}
}

func TestErrorsNameLineTableAndKey(t *testing.T) {
	at := strings.Count(small, "\n") + 1 // the first line after small
	for _, tt := range []struct {
		name, text string
		want       []string // %d is the line number relative to at
	}{
		{"syntax", "[spool\n", []string{fmt.Sprintf("mta.toml:%d: expected '.' or ']' to end table name, but got '\\n' instead", at+1)}},
		{"misspelt key", "[spool]\ndirectory = \"x\"\n", []string{fmt.Sprintf("mta.toml:%d: [spool]: directory: unknown key", at+1)}},
		{"misspelt key in each entry", "[[peer]]\nname = \"B\"\nchannel = \"p1\"\ncolour = 1\n[[peer]]\nname = \"C\"\nchannel = \"p1\"\ncolour = 2\n",
			[]string{fmt.Sprintf("mta.toml:%d: [[peer]] number 1: colour: unknown key", at+3), fmt.Sprintf("mta.toml:%d: [[peer]] number 2: colour: unknown key", at+7)}},
		{"misspelt key in an inline table", "[[peer]]\nname = \"B\"\nchannel = \"p1\"\naddresses = [\n{ host = \"h\" },\n{ host = \"h\", port = 1 } ]\n",
			[]string{fmt.Sprintf("mta.toml:%d: [[peer]] number 1: addresses number 2: port: unknown key", at+5)}},
		{"unknown table, said once", "[gateway]\na = 1\nb = 2\n", []string{fmt.Sprintf("mta.toml:%d: unknown table or key gateway", at)}},
		{"letter case", "[spool]\nDir = \"x\"\n", []string{fmt.Sprintf("mta.toml:%d: [spool]: Dir: unknown key", at+1)}},
		{"table for array of tables", "[peer]\nname = \"B\"\n", []string{fmt.Sprintf("mta.toml:%d: [peer]: may be repeated and is written [[peer]]", at)}},
		{"array of tables for table", "[[spool]]\ndir = \"B\"\n", []string{fmt.Sprintf("mta.toml:%d: [spool]: occurs once; it is not written [[spool]]", at)}},
		{"value for table", "spool = 1\n", []string{fmt.Sprintf("mta.toml:%d: [[channel]] number 2: spool: unknown key", at)}},
		{"type", "[limits]\nrecipients = \"many\"\n", []string{fmt.Sprintf("mta.toml:%d: [limits]: recipients: is a string, not an integer", at+1)}},
		{"two types in one table", "[limits]\nrecipients = \"many\"\nmessage-size = true\n", []string{
			fmt.Sprintf("mta.toml:%d: [limits]: recipients: is a string, not an integer", at+1),
			fmt.Sprintf("mta.toml:%d: [limits]: message-size: \"true\" is not a size", at+2)}},
		{"value for a list", "[[peer]]\naddresses = \"h\"\n", []string{fmt.Sprintf("mta.toml:%d: [[peer]] number 1: addresses: is a string, not a list", at+1)}},
		{"value for a table", "schedule.expiry = 4\n", []string{fmt.Sprintf("mta.toml:%d: [[channel]] number 2: schedule: unknown key", at)}},
		{"number for a table", "[schedule]\nexpiry = 4\n", []string{fmt.Sprintf("mta.toml:%d: [schedule]: expiry: is an integer, not a table", at+1)}},
		{"domain", "[[peer]]\nour-mta = 1979-05-27\n", []string{fmt.Sprintf("mta.toml:%d: [[peer]] number 1: our-mta: is a date, not a string", at+1)}},
		{"type in the first of two entries", "[[peer]]\nname = 1\n[[peer]]\nname = \"B\"\nchannel = \"p1\"\n",
			[]string{fmt.Sprintf("mta.toml:%d: [[peer]] number 1: name: is an integer, not a string", at+1)}},
		{"time of day", "[[peer]]\nname = \"B\"\ncall-at = [\"06:00\",\n\"6:00\"]\n", []string{
			fmt.Sprintf("mta.toml:%d: [[peer]] number 1: call-at: \"6:00\" is not a time such as", at+2)}},
		{"two bad values in two tables", "[limits]\nmessage-size = \"big\"\n[schedule.expiry]\nurgent = \"soon\"\n", []string{
			fmt.Sprintf("mta.toml:%d: [limits]: message-size: \"big\" is not a size such as 4096 or \"10MiB\"", at+1),
			fmt.Sprintf("mta.toml:%d: [schedule]: expiry.urgent: \"soon\" is not a duration such as \"5m\" or \"1h30m\"", at+3)}},
		{"reference", "[[peer]]\nname = \"B\"\nchannel = \"p1\"\n[[peer]]\nname = \"C\"\nchannel = \"p2\"\n",
			[]string{fmt.Sprintf("mta.toml:%d: [[peer]] \"C\": channel: there is no [[channel]] \"p2\"", at+5)}},
		{"what is missing is said at its table", "[[channel]]\nname = \"other\"\nkind = \"x400p1\"\n[[peer]]\nname = \"B\"\n", []string{fmt.Sprintf("mta.toml:%d: [[peer]] \"B\": channel: required", at+3)}},
		{"inside an array", "[[peer]]\nname = \"B\"\nchannel = \"p1\"\naddresses = [\n{ host = \"h\" },\n{ host = \"h:x\" },\n]\n",
			[]string{fmt.Sprintf("mta.toml:%d: [[peer]] \"B\": addresses number 2: host: \"x\" is not a port, 1 to 65535", at+5)}},
		{"inside an array of tables", "[[peer]]\nname = \"B\"\nchannel = \"p1\"\n[[peer.addresses]]\nhost = \"h\"\n[[peer.addresses]]\nhost = \"h:x\"\n",
			[]string{fmt.Sprintf("mta.toml:%d: [[peer]] \"B\": addresses number 2: host: \"x\" is not a port, 1 to 65535", at+6)}},
		{"after strings that look like tables", "[[route]]\nmatch = '''\n[[route]]\n'''\n[spool]\nbarrier = \"# [x\"\n",
			[]string{fmt.Sprintf("mta.toml:%d: [[route]]", at), fmt.Sprintf("mta.toml:%d: [spool]: barrier: \"# [x\" is neither syncfs nor fsync", at+5)}},
		{"nesting", "[limits]\nrecipients = [[[[[[[[[1]]]]]]]]]\n", []string{fmt.Sprintf("mta.toml:%d: arrays or tables inside each other more than 4 deep", at+1)}},
		{"dotted key", "a.b.c.d.e = 1\n", []string{fmt.Sprintf("mta.toml:%d: a key of more than 4 parts or 1024 octets", at)}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse([]byte(small+tt.text), "mta.toml", "/etc/mta")
			if err == nil {
				t.Fatal("accepted")
			}
			if k := diag.KindOf(err); k != diag.Config {
				t.Errorf("kind %v", k)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error\n%v\nlacks\n%s", err, want)
				}
			}
			if len(tt.want) == 1 && strings.Contains(err.Error(), "\n") {
				t.Errorf("more than one error:\n%v", err)
			}
		})
	}
}

func TestErrorsAreBounded(t *testing.T) {
	_, err := Parse([]byte(small+"[spool]\n"+strings.Repeat("\n[[user]]\n", 1000)), "mta.toml", "/")
	if err == nil {
		t.Fatal("accepted")
	}
	if n := strings.Count(err.Error(), "\n") + 1; n != maxErrors+1 {
		t.Errorf("%d lines", n)
	}
	if _, err := Parse(make([]byte, MaxSize+1), "mta.toml", "/"); diag.KindOf(err) != diag.Config {
		t.Errorf("a file beyond the limit: %v", err)
	}
}

func TestLoadStartsRelativePathsAtTheFile(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "mta.toml")
	if err := os.WriteFile(path, []byte(small), 0o600); err != nil {
		t.Fatal(err)
	}
	c, err := Load(path)
	if err != nil {
		t.Fatal(err)
	}
	if want := filepath.Join(dir, "spool"); c.Spool.Dir != want {
		t.Errorf("spool is %s, want %s", c.Spool.Dir, want)
	}
	t.Chdir(dir)
	if c, err = Load("mta.toml"); err != nil || c.Events.Dir != filepath.Join(dir, "log") {
		t.Errorf("from its own directory: %v, %v", c, err)
	}
	if _, err := Load(filepath.Join(dir, "none.toml")); diag.KindOf(err) != diag.NoInput {
		t.Errorf("a file that is not there: %v", err)
	}
}

func TestFindFollowsTheOrder(t *testing.T) {
	t.Chdir(t.TempDir())
	t.Setenv("MTA_CONFIG", "")
	if _, err := os.Stat("/etc/mta/mta.toml"); os.IsNotExist(err) {
		if path, err := Find(""); diag.KindOf(err) != diag.NoInput || diag.HintOf(err) == "" {
			t.Errorf("nothing to find: %q, %v", path, err)
		}
	}
	if err := os.WriteFile("mta.toml", nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if path, err := Find(""); path != "mta.toml" || err != nil {
		t.Errorf("near file: %q, %v", path, err)
	}
	t.Setenv("MTA_CONFIG", "/from/environment")
	if path, err := Find(""); path != "/from/environment" || err != nil {
		t.Errorf("environment: %q, %v", path, err)
	}
	if path, err := Find("/from/flag"); path != "/from/flag" || err != nil {
		t.Errorf("flag: %q, %v", path, err)
	}
}

func TestDefaultWorks(t *testing.T) {
	for _, o := range []Options{
		{},
		{
			Domain: oraddr.Domain{C: "DE", ADMD: " ", PRMD: "BRAVO"}, Listen: "127.0.0.1:20102", Spool: "/tmp/\"spool\"",
			Events: "events", User: "/S=Braun/O=Org/PRMD=BRAVO/ADMD= /C=DE/", Mailbox: "braun",
		},
	} {
		text := Default(`MTA "B"`, o)
		c := parse(t, string(text))
		if c.Identity.MTA != `MTA "B"` || len(c.Users) != 1 || len(c.Listeners) != 1 || len(c.Peers) != 0 {
			t.Errorf("%+v", c)
		}
		if o.Listen != "" {
			if c.Identity.Domain != o.Domain || c.Spool.Dir != o.Spool || c.Listeners[0].Address != o.Listen ||
				c.Events.Dir != "/etc/mta/events" || c.Users[0].Address != o.User || c.Users[0].Mailbox != "/etc/mta/braun" {
				t.Errorf("an option was not taken: %+v", c)
			}
		}
		// What is commented out works as well.
		all := regexp.MustCompile(`(?m)^#([^ ])`).ReplaceAll(text, []byte("$1"))
		if c := parse(t, string(all)); len(c.Peers) != 1 || len(c.Routes) != 1 {
			t.Errorf("uncommented: %d peers, %d routes", len(c.Peers), len(c.Routes))
		}
	}
}

// TestPageExampleLoads: the example of mta.toml(5) is a configuration.
func TestPageExampleLoads(t *testing.T) {
	page, err := os.ReadFile("../../../man/mta.toml.5")
	if err != nil {
		t.Fatal(err)
	}
	_, text, _ := strings.Cut(string(page), ".Bd -literal -offset indent\n")
	text, _, ok := strings.Cut(text, ".Ed\n")
	if !ok {
		t.Fatal("the page has no example")
	}
	if c := parse(t, text); len(c.Peers) != 1 || len(c.Routes) != 1 || len(c.Users) != 1 {
		t.Errorf("%+v", c)
	}
}

// FuzzLoad: no text makes the loader panic, recurse without bound, or accept what
// Validate would refuse; an error names a line that exists; and where the spool is is told
// without the rest as with it.
func FuzzLoad(f *testing.F) {
	f.Add([]byte(small))
	f.Add(Default("MTA-A", Options{}))
	f.Add([]byte("[[peer]]\naddresses = [{ host = 'h' }, { host = \"\"\"h\\\n\"\"\" }]\n[[peer.addresses]]\n"))
	f.Add([]byte("a = [[[[[[[[[[1]]]]]]]]]]"))
	f.Add([]byte("a.b.c = {d = {e = [{f = 1}]}}"))
	f.Add([]byte("[[a]]\n[a.b]\n[[a.b.c]]\n[[a]]\n"))
	f.Add([]byte("a = '''\n[''']\n\"\\\"\" = 1\r\n#\r[x]"))
	f.Fuzz(func(t *testing.T, text []byte) {
		if len(text) > 1<<16 {
			return
		}
		c, err := Parse(text, "f", "/")
		dir, told := spoolDir(text)
		if err == nil {
			if told && filepath.Join("/", dir) != filepath.Clean(c.Spool.Dir) {
				t.Fatalf("the spool is %q, not %q", c.Spool.Dir, dir)
			}
			if err := c.Validate(); err != nil {
				t.Fatalf("accepted, but %v", err)
			}
			return
		}
		if k := diag.KindOf(err); k != diag.Config {
			t.Fatalf("kind %v: %v", k, err)
		}
		most := strings.Count(string(text), "\n") + 1
		for _, m := range regexp.MustCompile(`(?m)^f:([0-9]+): `).FindAllStringSubmatch(err.Error(), -1) {
			var n int
			if fmt.Sscan(m[1], &n); n < 1 || n > most+1 {
				t.Fatalf("line %d of %d: %v", n, most, err)
			}
		}
	})
}

// BenchmarkParse10kRoutes is what a reload of a large table costs.
func BenchmarkParse10kRoutes(b *testing.B) {
	var text strings.Builder
	text.WriteString(small + "[[peer]]\nname = \"B\"\nchannel = \"p1\"\n")
	for i := range 10000 {
		fmt.Fprintf(&text, "[[route]]\nmatch = \"/O=Org%d/PRMD=P%d/ADMD=TEST/C=GB/\"\npeers = [\"B\"]\n", i, i%100)
	}
	b.SetBytes(int64(text.Len()))
	for b.Loop() {
		if _, err := Parse([]byte(text.String()), "f", "/"); err != nil {
			b.Fatal(err)
		}
	}
}
