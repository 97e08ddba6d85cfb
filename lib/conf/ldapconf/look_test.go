package ldapconf

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf/slapdtest"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// public is a tree of somebody else: PRMD=ALPHA is looked after by MTA-A, and by an MTA that
// nobody here knows; PRMD=BETA is another name of it; what PRMD=WRONG says is wrong.
const public = `
dn: o=Public
changetype: add
objectClass: organization
objectClass: routingInformation
o: Public
mTAInfo: { name "cn=MTA-C,ou=mtas,o=Example" }

dn: c=GB,o=Public
changetype: add
objectClass: mHSCountry
c: GB

dn: ADMD=TEST,c=GB,o=Public
changetype: add
objectClass: aDMD
ADMD: TEST

dn: PRMD=ALPHA,ADMD=TEST,c=GB,o=Public
changetype: add
objectClass: pRMD
objectClass: routingInformation
PRMD: ALPHA
mTAInfo: { name "cn=MTA-A,ou=mtas,o=Example" }
mTAInfo: { name "cn=relay,o=Elsewhere", weight 10 }
accessMD: PRMD=ALPHA,ADMD=TEST,c=GB

dn: MHS-O=Näme,PRMD=ALPHA,ADMD=TEST,c=GB,o=Public
changetype: add
objectClass: mHSOrganization
objectClass: routingInformation
MHS-O: Näme
mTAInfo: { name "cn=MTA-B,ou=mtas,o=Example" }

dn: PRMD=BETA,ADMD=TEST,c=GB,o=Public
changetype: add
objectClass: alias
objectClass: extensibleObject
PRMD: BETA
aliasedObjectName: PRMD=ALPHA,ADMD=TEST,c=GB,o=Public

dn: PRMD=WRONG,ADMD=TEST,c=GB,o=Public
changetype: add
objectClass: pRMD
objectClass: routingInformation
PRMD: WRONG
routingFilter: { attribute-type mHSX121Address, regex-match "(", node "o=Public" }
`

// community is the open community tree.
const community = `
dn: c=GB
changetype: add
objectClass: mHSCountry
c: GB

dn: ADMD=TEST,c=GB
changetype: add
objectClass: aDMD
objectClass: routingInformation
ADMD: TEST
mTAInfo: { name "cn=MTA-B,ou=mtas,o=Example" }
`

// clock is a time that a test sets.
type clock struct{ at time.Time }

func (c *clock) now() time.Time { return c.at }

// looking is a source that has read the network, with trees to look in.
func looking(t *testing.T, s *slapdtest.Server) (*Source, *clock) {
	t.Helper()
	for suffix, text := range map[string]string{"o=Public": public, "c=GB": community} {
		if err := s.ModifyAt(suffix, text); err != nil {
			t.Fatal(err)
		}
	}
	c := &clock{time.Now()}
	src, err := NewSource(file("MTA-A", s.URL()), "/etc/mta", c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(src.Close)
	accept(t, src)
	return src, c
}

// accept has a switch go by what there is.
func accept(t *testing.T, s *Source) {
	t.Helper()
	c, _ := load(t, s)
	s.Accepted(c.Version)
}

// look looks for an address, and returns the addresses of what is found and its MTAs.
func look(t *testing.T, s *Source, tree, address string) ([]string, error) {
	t.Helper()
	a, err := oraddr.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	path, _ := a.Path()
	nodes, err := s.Look(t.Context(), tree, PathNames(path))
	var all []string
	for _, n := range nodes {
		line := n.Tree + " " + n.At
		for _, m := range n.MTAs {
			line += " " + m.Name
		}
		if n.Alias != (conf.NodeName{}) {
			line += " alias " + n.Alias.String()
		}
		all = append(all, line)
	}
	return all, err
}

func found(t *testing.T, s *Source, tree, address string, want ...string) {
	t.Helper()
	got, err := look(t, s, tree, address)
	if err != nil {
		t.Error(err)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: %s", address, diff)
	}
}

// RFC 1801 §14: an entry that is found is returned, and of one that is not what is above it.
func TestRFC1801_14_EntryFoundOrNot(t *testing.T) {
	s, _ := looking(t, slapd(t, slapdtest.Options{}))
	above := []string{"o=Public  MTA-C", "o=Public /C=GB/", "o=Public /ADMD=TEST/C=GB/"}
	found(t, s, "o=Public", "/S=Smith/O=Org/PRMD=alpha/ADMD=Test/C=gb/", append(above, "o=Public /PRMD=ALPHA/ADMD=TEST/C=GB/ MTA-A cn=relay,o=Elsewhere")...)
	found(t, s, "o=Public", "/S=Smith/PRMD=GAMMA/ADMD=TEST/C=GB/", above...)
	found(t, s, "o=Public", "/S=Smith/ADMD=TEST/C=DE/", above[0])
	found(t, s, "o=Public", "/S=Smith/PRMD=BETA/ADMD=TEST/C=GB/", append(above, "o=Public /PRMD=BETA/ADMD=TEST/C=GB/ alias o=Public /PRMD=ALPHA/ADMD=TEST/C=GB/")...)
}

// RFC 2294 §1: a name with several variants is each of them, and the one that leads farthest
// counts.
func TestRFC2294_1_Variants(t *testing.T) {
	s, _ := looking(t, slapd(t, slapdtest.Options{}))
	a := oraddr.Address{C: "GB", ADMD: "TEST", PRMD: "ALPHA", O: "Naeme"}
	a.Universal.O, a.Teletex.O = oraddr.Localized{Text: "Näme"}, "N\xc8ame"
	path, _ := a.Path()
	names := PathNames(path)
	if len(names) != 3 {
		t.Errorf("names %q", names)
	}
	for i, want := range []string{"/PRMD=ALPHA/ADMD=TEST/C=GB/", "/O=Näme/PRMD=ALPHA/ADMD=TEST/C=GB/", "/O=Näme/PRMD=ALPHA/ADMD=TEST/C=GB/"} {
		nodes, err := s.Look(t.Context(), "o=Public", names[i:i+1])
		if err != nil || nodes[len(nodes)-1].At != want {
			t.Errorf("%s: %+v, %v", names[i], nodes, err)
		}
	}
	nodes, err := s.Look(t.Context(), "o=Public", names)
	if err != nil || nodes[len(nodes)-1].At != "/O=Näme/PRMD=ALPHA/ADMD=TEST/C=GB/" {
		t.Errorf("%+v, %v", nodes, err)
	}
	a.OU, a.Teletex.OU = []string{"ae", "oe", "ue"}, []asn1.TeletexString{"\xc8a", "\xc8o", "\xc8u"}
	path, _ = a.Path()
	if names := PathNames(path); len(names) > maxNames {
		t.Errorf("%d names", len(names))
	}
}

// RFC 1801 §8.2: the root of the open community tree is that of the directory.
func TestRFC1801_8_2_OpenCommunity(t *testing.T) {
	s, _ := looking(t, slapd(t, slapdtest.Options{}))
	found(t, s, conf.OpenCommunity, "/S=Smith/PRMD=ALPHA/ADMD=TEST/C=GB/",
		"open-community ", "open-community /C=GB/", "open-community /ADMD=TEST/C=GB/ MTA-B")
	found(t, s, conf.OpenCommunity, "/S=Smith/ADMD=TEST/C=DE/", "open-community ")
}

// RFC 1801 §14: an attribute that is wrong ends the search. Here it is told what is wrong, and
// where.
func TestRFC1801_14_AttributeError(t *testing.T) {
	s, _ := looking(t, slapd(t, slapdtest.Options{}))
	_, err := look(t, s, "o=Public", "/S=Smith/PRMD=WRONG/ADMD=TEST/C=GB/")
	if err == nil || !strings.Contains(err.Error(), "PRMD=WRONG,ADMD=TEST,c=GB,o=Public: routingFilter: ") {
		t.Errorf("error %v", err)
	}
	_, err = look(t, s, "o=Nobody", "/S=Smith/PRMD=ALPHA/ADMD=TEST/C=GB/")
	if err != nil {
		t.Errorf("a tree that is not there: %v; its way is empty, and the search ends with that", err)
	}
}

// RFC 1801 §14: with a service error nothing is known but what was known before.
func TestRFC1801_14_ServiceError(t *testing.T) {
	server := slapd(t, slapdtest.Options{})
	s, clock := looking(t, server)
	const known, unknown = "/S=Smith/PRMD=ALPHA/ADMD=TEST/C=GB/", "/S=Smith/PRMD=GAMMA/ADMD=TEST/C=GB/"
	before, err := look(t, s, "o=Public", known)
	if err != nil {
		t.Fatal(err)
	}
	server.Stop()
	clock.at = clock.at.Add(time.Hour)
	found(t, s, "o=Public", known, before...)
	if _, err = look(t, s, "o=Public", unknown); diag.KindOf(err) != diag.Unavailable {
		t.Errorf("error %v", err)
	}
	if err := server.Start(); err != nil {
		t.Fatal(err)
	}
	for range 5 { // and not longer because somebody asks
		if _, err = look(t, s, "o=Public", unknown); diag.KindOf(err) != diag.Unavailable {
			t.Errorf("error %v: it is left alone for a while", err)
		}
		clock.at = clock.at.Add(leaveAlone / 5)
	}
	found(t, s, "o=Public", unknown, before[:3]...)
}

// What was looked up counts for as long as directory.cache says, and until the directory has
// been read again.
func TestLookIsFresh(t *testing.T) {
	server := slapd(t, slapdtest.Options{})
	s, clock := looking(t, server)
	const address = "/PRMD=ALPHA/ADMD=TEST/C=GB/"
	mtas := func() string {
		t.Helper()
		all, err := look(t, s, "o=Public", address)
		if err != nil {
			t.Fatal(err)
		}
		_, mtas, _ := strings.Cut(all[len(all)-1], "/C=GB/ ")
		return mtas
	}
	change := func(mta string) {
		t.Helper()
		if err := server.ModifyAt("o=Public", "dn: PRMD=ALPHA,ADMD=TEST,c=GB,o=Public\nchangetype: modify\nreplace: mTAInfo\nmTAInfo: { name \"cn="+mta+",ou=mtas,o=Example\" }\n"); err != nil {
			t.Fatal(err)
		}
	}
	if got := mtas(); got != "MTA-A cn=relay,o=Elsewhere" {
		t.Errorf("at first %s", got)
	}
	change("MTA-B")
	if got := mtas(); got != "MTA-A cn=relay,o=Elsewhere" {
		t.Errorf("at once %s", got)
	}
	clock.at = clock.at.Add(time.Minute)
	if got := mtas(); got != "MTA-B" {
		t.Errorf("after a minute %s", got)
	}
	change("MTA-C")
	clock.at = clock.at.Add(time.Second)
	read, _ := load(t, s)
	if got := mtas(); got != "MTA-B" {
		t.Errorf("before that is accepted %s", got)
	}
	s.Accepted(read.Version)
	if got := mtas(); got != "MTA-C" {
		t.Errorf("when all has been read %s", got)
	}
}

// Nobody asks for what is not to be asked.
func TestLookRefuses(t *testing.T) {
	s, _ := looking(t, slapd(t, slapdtest.Options{}))
	for _, c := range []struct {
		tree  string
		names []string
	}{
		{"network", []string{"c=GB"}}, {"o=Example", []string{"c=GB"}}, {"ou=mtas,o=Example", []string{""}}, {"=", []string{""}},
		{"o=Public", nil}, {"o=Public", make([]string, maxNames+1)}, {"o=Public", []string{"c=GB,"}},
	} {
		if nodes, err := s.Look(t.Context(), c.tree, c.names); err == nil {
			t.Errorf("%s %q: %v", c.tree, c.names, nodes)
		}
	}
	deep := strings.Repeat("MHS-OU=x,", 1000) + "c=GB"
	if nodes, err := s.Look(t.Context(), "o=Public", []string{deep}); err != nil || len(nodes) > maxDepth {
		t.Errorf("%d nodes, %v", len(nodes), err)
	}
}

// Of what was looked up the latest is remembered, and no more than so many.
func TestRecent(t *testing.T) {
	r := newRecent(2, 100, func(n int) int { return n })
	r.put("a", 1)
	r.put("b", 2)
	r.put("a", 3)
	r.put("c", 4) // and b gives way
	for key, want := range map[string]int{"a": 3, "c": 4} {
		if got, ok := r.get(key); !ok || got != want {
			t.Errorf("%s: %d, %v", key, got, ok)
		}
	}
	if _, ok := r.get("b"); ok {
		t.Error("b is there")
	}
	r.get("a")
	r.put("d", 5) // and c gives way
	if _, ok := r.get("a"); !ok {
		t.Error("a is gone")
	}
	if _, ok := r.get("c"); ok || len(r.by) != 2 {
		t.Errorf("c is there: %v; %d remembered", ok, len(r.by))
	}
	r.put("e", 96) // and d is too large beside it and a
	if _, ok := r.get("e"); !ok || len(r.by) != 2 || r.all != 99 {
		t.Errorf("e is there: %v; %d remembered, of %d", ok, len(r.by), r.all)
	}
	r.put("e", 1)
	if r.all != 4 {
		t.Errorf("%d in all", r.all)
	}
}

// A copy that is behind is not looked in, and a server that stands before the one that was looked in
// is gone back to.
func TestLookNotBehind(t *testing.T) {
	old := slapd(t, slapdtest.Options{Sync: true})
	current := slapd(t, slapdtest.Options{Sync: true})
	for suffix, text := range map[string]string{"o=Public": public} {
		if err := current.ModifyAt(suffix, text); err != nil {
			t.Fatal(err)
		}
	}
	c := &clock{time.Now()}
	s, err := NewSource(file("MTA-A", current.URL(), old.URL()), "/etc/mta", c.now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	accept(t, s)
	current.Stop()
	const address = "/PRMD=ALPHA/ADMD=TEST/C=GB/"
	if all, err := look(t, s, "o=Public", address); diag.KindOf(err) != diag.Unavailable || !strings.Contains(err.Error(), "is behind") {
		t.Errorf("%v, %v", all, err)
	}
	if err := current.Start(); err != nil {
		t.Fatal(err)
	}
	c.at = c.at.Add(leaveAlone)
	if all, err := look(t, s, "o=Public", address); err != nil || len(all) != 4 {
		t.Errorf("%v, %v", all, err)
	}
	s.looks.mu.Lock()
	defer s.looks.mu.Unlock()
	if len(s.looks.idle) != 1 || s.looks.idle[0].server != current.URL() {
		t.Errorf("idle: %+v", s.looks.idle)
	}
}

// What is no UTF-8 is in no directory: what is above it is looked for.
func TestPathNamesNotUTF8(t *testing.T) {
	path := []oraddr.RDN{{Level: oraddr.LevelCountry, Value: oraddr.Text{Printable: "GB"}}, {Level: oraddr.LevelADMD, Value: oraddr.Text{Printable: "\xff"}},
		{Level: oraddr.LevelPRMD, Value: oraddr.Text{Printable: "P"}}}
	if names := PathNames(path); len(names) != 1 || names[0] != "c=GB" {
		t.Errorf("%q", names)
	}
}

// RFC 1801 §14 has a referral followed; here nothing is sent to another server for a look, and the
// search ends. Neither is a node taken that is larger than any should be.
func TestRFC1801_14_Referral(t *testing.T) {
	server := slapd(t, slapdtest.Options{})
	s, _ := looking(t, server)
	large := strings.Repeat("x", maxNode)
	if err := server.ModifyAt("o=Public", "dn: PRMD=AWAY,ADMD=TEST,c=GB,o=Public\nchangetype: add\nobjectClass: referral\nobjectClass: extensibleObject\nPRMD: AWAY\n"+
		"ref: ldap://127.0.0.1:1/PRMD=AWAY,ADMD=TEST,c=GB,o=Public\n\n"+
		"dn: PRMD=LARGE,ADMD=TEST,c=GB,o=Public\nchangetype: add\nobjectClass: pRMD\nobjectClass: routingInformation\nPRMD: LARGE\nnonDeliveryInfo: "+large+"\n"); err != nil {
		t.Fatal(err)
	}
	for address, want := range map[string]string{
		"/S=X/PRMD=AWAY/ADMD=TEST/C=GB/":  "is at another server",
		"/S=X/PRMD=LARGE/ADMD=TEST/C=GB/": "more than 65536 octets",
	} {
		if _, err := look(t, s, "o=Public", address); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v; want %s", address, err, want)
		}
	}
}

// A server is behind if it lacks a change of any other, and also if it has never heard of that.
func TestBehind(t *testing.T) {
	const early, late = "20261128000000.000000Z#000000#001#000000", "20261128000001.000000Z#000000#001#000000"
	for _, c := range []struct {
		has, seen csns
		want      bool
	}{
		{csns{"001": late}, csns{"001": late}, false}, {csns{"001": late}, csns{"001": early}, false}, {csns{"001": early}, csns{"001": late}, true},
		{csns{"002": late}, csns{"001": early}, true}, {csns{"001": early, "002": late}, csns{"001": early}, false}, {csns{}, csns{"001": early}, true},
		{csns{"001": early}, nil, false},
	} {
		if got := c.has.behind(c.seen); got != c.want {
			t.Errorf("%v behind %v: %v", c.has, c.seen, got)
		}
	}
	var n newest
	n.saw(csns{"001": late})
	n.saw(csns{"001": early, "002": early})
	if got := n.get(); got["001"] != late || got["002"] != early {
		t.Errorf("%v", got)
	}
	if n.forget(); len(n.get()) != 0 {
		t.Errorf("%v", n.get())
	}
}
