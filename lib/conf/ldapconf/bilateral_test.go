package ldapconf

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/conf"
)

// decoded is what the entries of a text are for MTA-A.
func decoded(t *testing.T, text string) (*conf.Config, error) {
	t.Helper()
	l, err := NewLayout("o=Example", "MTA-A")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := ReadLDIF(strings.NewReader(text), "text")
	if err != nil {
		t.Fatal(err)
	}
	c := conf.New()
	return c, Decode(c, entries, l, "/")
}

const switchA = `
dn: cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitMTA
mTAName: MTA-A
globalDomainID: /PRMD=ALPHA/ADMD=TEST/C=GB/
mtakitAddress: "MTA-A"/Internet=192.0.2.1+102
mtakitMaxSize: 5MiB

dn: cn=p1,ou=channel,cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitChannel
cn: p1
mtakitKind: x400p1

dn: cn=MTA-B,ou=mtas,o=Example
objectClass: mtakitMTA
mtakitTokenKey: /etc/b.key
mTAName: MTA-B
mtakitAddress: "MTA-B"/Internet=192.0.2.2+102
mtakitMaxSize: 1MiB
mtakitContentTypes: p2
mtakitContentTypes: p22
mtakitAlternate: /S=Postmaster/PRMD=B/ADMD=TEST/C=GB/

dn: cn=MTA-C,ou=mtas,o=Example
objectClass: mtakitMTA
mTAName: MTA-C
`

// RFC 1801 §15, §16: an MTA is named by its entry, whose attributes are what others know of
// it. One without an address is no neighbour, and the switch is none of its own.
func TestSection15NamingMTAs(t *testing.T) {
	c, err := decoded(t, switchA)
	if err != nil {
		t.Fatal(err)
	}
	if c.Identity.MTA != "MTA-A" || c.Identity.Domain.PRMD != "ALPHA" {
		t.Errorf("%+v", c.Identity)
	}
	want := conf.NewPeer()
	want.Name, want.Channel, want.Address = "MTA-B", "p1", `"MTA-B"/Internet=192.0.2.2+102`
	want.MaxSize, want.ContentTypes = 1<<20, []string{"p2", "p22"}
	if diff := cmp.Diff([]conf.Peer{want}, c.Peers); diff != "" {
		t.Error(diff)
	}
}

// RFC 1801 §17: what two MTAs have agreed on, in the bilateral table of one, goes before what
// the other says of itself; and it makes a neighbour of one that says nothing.
func TestSection17BilateralTable(t *testing.T) {
	c, err := decoded(t, switchA+`
dn: cn=b,ou=peer,cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitPeer
mTAName: MTA-B
mtakitMaxSize: 2MiB
mtakitPasswordOut: secret
mtakitTwoWay: FALSE

dn: cn=c,ou=peer,cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitPeer
mTAName: MTA-C
mtakitPasswordIn: other secret

dn: cn=a,ou=peer,cn=MTA-B,ou=mtas,o=Example
objectClass: mtakitPeer
mTAName: MTA-A
mtakitMaxSize: 3MiB
`)
	if err != nil {
		t.Fatal(err)
	}
	b := conf.NewPeer()
	b.Name, b.Channel, b.Address = "MTA-B", "p1", `"MTA-B"/Internet=192.0.2.2+102`
	b.MaxSize, b.ContentTypes, b.PasswordOut, b.TwoWay = 2<<20, []string{"p2", "p22"}, "secret", false
	other := conf.NewPeer()
	other.Name, other.Channel, other.PasswordIn = "MTA-C", "p1", "other secret"
	if diff := cmp.Diff([]conf.Peer{b, other}, c.Peers); diff != "" {
		t.Error(diff)
	}
}

// A file with a password is named by whoever has it; what two have agreed on is in it also
// where the other says a password of itself.
func TestSection17PasswordsInFiles(t *testing.T) {
	c, err := decoded(t, strings.Replace(switchA, "mtakitTokenKey: /etc/b.key", `mtakitPasswordIn: in
mtakitPasswordOut: out
mtakitPasswordInFile: /etc/theirs`, 1)+`
dn: cn=b,ou=peer,cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitPeer
mTAName: MTA-B
mtakitPasswordOutFile: secrets/b

dn: cn=c,ou=peer,cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitPeer
mTAName: MTA-C
mtakitPasswordInFile: credential:c
`)
	if err != nil {
		t.Fatal(err)
	}
	if p := c.Peers[0]; p.PasswordIn != "in" || p.PasswordInFile != "" || p.PasswordOut != "" || p.PasswordOutFile != "/secrets/b" {
		t.Errorf("%+v", p)
	}
	if p := c.Peers[1]; p.PasswordInFile != "credential:c" {
		t.Errorf("%+v", p)
	}
	_, err = decoded(t, switchA+`
dn: cn=b,ou=peer,cn=MTA-A,ou=mtas,o=Example
objectClass: mtakitPeer
mTAName: MTA-B
mtakitPasswordIn: in
mtakitPasswordInFile: /in
`)
	if want := "cn=b,ou=peer,cn=MTA-A,ou=mtas,o=Example: mtakitPasswordInFile: password-in is there, too: it stands in one place"; err == nil || err.Error() != want {
		t.Errorf("%v", err)
	}
}

// An attribute of ours where it means nothing is a fault, at its entry; any other is let be.
func TestAttributesThatMeanNothing(t *testing.T) {
	_, err := decoded(t, strings.Replace(switchA, "mtakitKind: x400p1", "mtakitKind: x400p1\nmtakitMailbox: /x\ndescription: ours\ntelephoneNumber: 1", 1))
	if err == nil || err.Error() != "cn=p1,ou=channel,cn=MTA-A,ou=mtas,o=Example: mtakitMailbox: is none of a channel" {
		t.Errorf("%v", err)
	}
}
