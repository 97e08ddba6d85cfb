package lib

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
)

const module = "github.com/mtakit/mtakit/"

// floors lists every package under lib, ground first. A package may import only
// packages on earlier lines.
var floors = []struct{ pkg, reason string }{
	{"diag", "the error type stands under everything"},
	{"measure", "statistics know nothing of what is measured"},
	{"graph", "a picture knows nothing of what it shows"},
	{"durable", "files that outlive power know nothing of mail"},
	{"durable/twin", "only tests import it"},
	{"charset", "repertoires are facts, not mail"},
	{"asn1", "types of the notation"},
	{"asn1/ber", "one codec for every layer"},
	{"asn1/gser", "a notation knows no types"},
	{"wild", "patterns know nothing of what they are of"},
	{"strength", "a key is as strong as it is, whatever it signs"},
	{"oraddr", "values: no I/O"},
	{"mts", "values: no I/O"},
	{"mts/token", "a verifier is pure: keys and time come from outside"},
	{"ipms", "values: no I/O"},
	{"ipms/p772", "values: no I/O"},
	{"edims", "values: no I/O"},
	{"quantity", "quantities are words"},
	{"rfc822", "values: no I/O"},
	{"label", "values: no I/O"},
	{"label/spif", "reads its files, and answers without I/O"},
	{"cms", "a verifier is pure: keys, roots and time come from outside"},
	{"rule", "a language: what it asks about comes from above"},
	{"osi/tp", "a wire knows no spool and no routing"},
	{"osi/session", "a wire knows no spool and no routing"},
	{"osi/presentation", "a wire knows no spool and no routing"},
	{"osi/acse", "a wire knows no spool and no routing"},
	{"osi/rtse", "a wire knows no spool and no routing"},
	{"p1", "p1 knows no spool: a channel joins them"},
	{"spool", "the spool knows no protocol"},
	{"conf", "the model knows no file format"},
	{"conf/tableconf", "loads the model"},
	{"conf/ldapconf", "loads the model"},
	{"conf/ldapconf/slapdtest", "only tests import it"},
	{"conf/live", "knows where the model is loaded from"},
	{"confine", "what a process may reach is a matter of the configuration"},
	{"audit", "records what the floors above do"},
	{"downgrade", "judgement moves nothing"},
	{"rtree", "judgement moves nothing"},
	{"route", "judgement moves nothing"},
	{"policy", "judgement moves nothing"},
	{"report", "judgement moves nothing"},
	{"submit", "the single door into the spool"},
	{"trial", "asks at the door, and passes nothing through it"},
	{"sched", "the mind has no file, socket or clock"},
	{"tune", "a rule is told what was measured, and measures nothing"},
	{"simulate", "a simulated day is as pure as the mind it happens to"},
	{"channel", "between scheduler and channel processes"},
	{"channel/channeltest", "what the channels' tests share"},
	{"channel/expand", "channels never import each other"},
	{"channel/local", "channels never import each other"},
	{"channel/secure", "channels never import each other"},
	{"channel/x400p1", "channels never import each other"},
	{"queue", "one interface to a live or a quiet spool"},
	{"daemon", "owns sockets, processes and time"},
	{"load", "a generator and a sink know no spool"},
	{"bench", "measures parts from outside, like any user of them"},
	{"decode", "shows any layer; commands use it"},
	{"cli", "glue for the five commands"},
	{"cli/clitest", "what the commands' tests share"},
	{"cli/clitest", "only tests import it"},
}

// TestFloors holds the house to its plan: every import goes down, every package
// has its line, and the scheduler's mind stays pure.
func TestFloors(t *testing.T) {
	level := map[string]int{}
	for i, f := range floors {
		level[module+"lib/"+f.pkg] = i
	}
	out, err := exec.Command("go", "list", "-json=ImportPath,Imports", "../lib/...", "../cmd/...").Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	seen := map[string]bool{}
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p struct {
			ImportPath string
			Imports    []string
		}
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		seen[p.ImportPath] = true
		command := strings.HasPrefix(p.ImportPath, module+"cmd/")
		own, known := level[p.ImportPath]
		if !known && !command && p.ImportPath != module+"lib" {
			t.Errorf("%s has no floor: give it a line in floors and in doc.go", p.ImportPath)
			continue
		}
		for _, imp := range p.Imports {
			if !strings.HasPrefix(imp, module) || command {
				continue
			}
			if level[imp] >= own {
				t.Errorf("%s imports %s, which stands above it: %s", p.ImportPath, imp, floors[own].reason)
			}
			if strings.HasPrefix(p.ImportPath, module+"lib/channel/") && strings.HasPrefix(imp, module+"lib/channel/") {
				t.Errorf("%s imports %s: channels never import each other", p.ImportPath, imp)
			}
		}
		if strings.HasSuffix(p.ImportPath, "lib/sched") {
			for _, imp := range p.Imports {
				if imp == "os" || imp == "net" || imp == "sync" || imp == "log/slog" {
					t.Errorf("sched imports %s: the mind has no file, socket, lock or log", imp)
				}
			}
		}
	}
	for _, f := range floors {
		if !seen[module+"lib/"+f.pkg] {
			t.Errorf("lib/%s is on a floor but does not exist", f.pkg)
		}
	}
}

// card lists the modules the project may require directly, and what for.
var card = map[string]string{
	"github.com/BurntSushi/toml":          "configuration files",
	"github.com/coreos/go-systemd/v22":    "readiness",
	"github.com/elastic/go-seccomp-bpf":   "what a process may reach: system calls",
	"github.com/go-asn1-ber/asn1-ber":     "what go-ldap reads: its bounds",
	"github.com/go-ldap/ldap/v3":          "directories",
	"github.com/google/go-cmp":            "tests",
	"github.com/google/renameio/v2":       "atomic replacement",
	"github.com/landlock-lsm/go-landlock": "what a process may reach: files",
	"github.com/rogpeppe/go-internal":     "test scripts",
	"github.com/urfave/cli/v2":            "command lines",
	"go.mozilla.org/pkcs7":                "signatures of mail: made by it, never read",
	"golang.org/x/crypto":                 "OCSP",
	"golang.org/x/sys":                    "system calls",
	"golang.org/x/text":                   "ISO 8859",
	"pgregory.net/rapid":                  "property tests",
	"software.sslmate.com/src/go-pkcs12":  "private keys in PKCS #12",
}

// TestCard fails on a new direct module that nobody decided on.
func TestCard(t *testing.T) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{if not .Indirect}}{{.Path}}{{end}}", "all").Output()
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range strings.Fields(string(out)) {
		if path+"/" != module && card[path] == "" {
			t.Errorf("%s is required directly but not on the card", path)
		}
	}
}
