package clitest

import (
	"os"
	"path/filepath"
	"strings"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/mtakit/mtakit/lib/conf/ldapconf/slapdtest"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// serverKey is under which a script's server is kept.
type serverKey struct{}

// server is the place for that of a script.
func server(ts *testscript.TestScript) **slapdtest.Server {
	s, ok := ts.Value(serverKey{}).(**slapdtest.Server)
	if !ok {
		ts.Fatalf("the script has no place for a server")
	}
	return s
}

func slapd(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 || args[0] != "start" && args[0] != "stop" {
		ts.Fatalf("usage: slapd start|stop")
	}
	s := server(ts)
	switch {
	case args[0] == "stop" && *s != nil:
		(*s).Stop()
		return
	case args[0] == "stop":
		ts.Fatalf("no slapd runs")
	case *s != nil:
		ts.Check((*s).Start())
		return
	}
	examples := filepath.Join(ts.Getenv("ROOT"), "examples", "ldap")
	network, err := os.ReadFile(filepath.Join(examples, "network.ldif"))
	ts.Check(err)
	listen, err := tp.UnusedAddress("127.0.0.1")
	ts.Check(err)
	*s, err = slapdtest.New(ts.MkAbs("slapd"), examples, slapdtest.Options{Sync: true})
	ts.Check(err)
	ts.Defer((*s).Stop)
	ts.Check((*s).Add(strings.NewReader(strings.ReplaceAll(string(network), "127.0.0.1:10421", listen))))
	ts.Setenv("LDAP", (*s).Address)
	ts.Setenv("LISTEN", listen)
}

func ldapmodify(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 && len(args) != 2 {
		ts.Fatalf("usage: ldapmodify FILE [SUFFIX]")
	}
	suffix := append(args, slapdtest.Suffix)[1]
	err := (*server(ts)).ModifyAt(suffix, ts.ReadFile(args[0]))
	if (err != nil) != neg {
		ts.Fatalf("ldapmodify: %v", err)
	}
}
