package tableconf

import (
	_ "embed"
	"fmt"
	"strings"
	"text/template"

	"github.com/mtakit/mtakit/lib/oraddr"
)

// Options is what Default puts into a configuration. A member left zero has the
// value given here.
type Options struct {
	Domain  oraddr.Domain // /PRMD=ALPHA/ADMD=TEST/C=GB/
	Listen  string        // 127.0.0.1:10102
	Spool   string        // spool
	Events  string        // log
	User    string        // an O/R address; S=Smith, G=Ann, O=Org in Domain
	Mailbox string        // mailbox/ann, or mailbox/user with another User
}

//go:embed default.toml.tmpl
var defaultText string

// Default returns the text of a working configuration for the MTA of the given
// name, with comments: a listener, a channel for P1 and one for delivery, one
// user, and a peer with its route to be uncommented.
func Default(name string, o Options) []byte {
	if o.Domain.IsZero() {
		o.Domain = oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"}
	}
	or := func(s *string, value string) {
		if *s == "" {
			*s = value
		}
	}
	or(&o.Listen, "127.0.0.1:10102")
	or(&o.Spool, "spool")
	or(&o.Events, "log")
	if o.User == "" {
		a := o.Domain.Address()
		a.O, a.PN.S, a.PN.G = "Org", "Smith", "Ann"
		o.User = a.String()
		or(&o.Mailbox, "mailbox/ann")
	}
	or(&o.Mailbox, "mailbox/user")

	// The example of a peer is somebody else.
	peer, away := "MTA-B", "/PRMD=BRAVO/ADMD=TEST/C=GB/"
	if name == peer {
		peer = "MTA-A"
	}
	if o.Domain.String() == away {
		away = "/PRMD=ALPHA/ADMD=TEST/C=GB/"
	}

	// The template is part of the program and writes to memory: it cannot fail.
	t := template.Must(template.New("mta.toml").Funcs(template.FuncMap{"text": basicString}).Parse(defaultText))
	var b strings.Builder
	if err := t.Execute(&b, struct {
		Options
		Name, Domain, Peer, PeerDomain string
	}{o, name, o.Domain.String(), peer, away}); err != nil {
		return nil
	}
	return []byte(b.String())
}

// basicString writes a string of TOML.
func basicString(s string) string {
	var b strings.Builder
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case r == '"' || r == '\\':
			b.WriteByte('\\')
			b.WriteRune(r)
		case r < ' ' || r == 0x7f:
			fmt.Fprintf(&b, `\u%04X`, r)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('"')
	return b.String()
}
