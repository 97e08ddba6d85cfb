package ldapconf

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	ber "github.com/go-asn1-ber/asn1-ber"
	"github.com/go-ldap/ldap/v3"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/ldapconf/slapdtest"
	"github.com/mtakit/mtakit/lib/diag"
)

// fake is a server that answers each search below the base as answer does: with the entries that
// it sends, as long as somebody takes them, and the cookie of a next page.
func fake(t *testing.T, answer func(send func(*ber.Packet) bool) (cookie string)) (url string) {
	t.Helper()
	return "ldap://" + listening(t, func(conn net.Conn) {
		for serve(conn, answer) {
		}
	})
}

// serve answers one request; of what the server is nothing is known.
func serve(conn net.Conn, answer func(func(*ber.Packet) bool) string) bool {
	req, err := ber.ReadPacket(conn)
	if err != nil || len(req.Children) < 2 || req.Children[1].Tag != ldap.ApplicationSearchRequest {
		return false
	}
	send := func(op *ber.Packet, controls ...*ber.Packet) bool {
		p := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
		p.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagInteger, req.Children[0].Value, ""))
		p.AppendChild(op)
		for _, c := range controls {
			p.AppendChild(c)
		}
		_, err := conn.Write(p.Bytes())
		return err == nil
	}
	done := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultDone, nil, "")
	done.AppendChild(ber.NewInteger(ber.ClassUniversal, ber.TypePrimitive, ber.TagEnumerated, 0, ""))
	done.AppendChild(octets(""))
	done.AppendChild(octets(""))
	if req.Children[1].Children[0].Value == "" {
		return send(done)
	}
	cookie := answer(func(op *ber.Packet) bool { return send(op) })
	if cookie == "" {
		return send(done)
	}
	paging := ldap.NewControlPaging(0)
	paging.SetCookie([]byte(cookie))
	controls := ber.Encode(ber.ClassContext, ber.TypeConstructed, 0, nil, "")
	controls.AppendChild(paging.Encode())
	return send(done, controls)
}

func octets(text string) *ber.Packet {
	return ber.NewString(ber.ClassUniversal, ber.TypePrimitive, ber.TagOctetString, text, "")
}

// entryOf is an entry with an attribute of so many octets.
func entryOf(name string, length int) *ber.Packet {
	values := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSet, nil, "")
	values.AppendChild(octets(strings.Repeat("x", length)))
	one := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	one.AppendChild(octets("mTAName"))
	one.AppendChild(values)
	all := ber.Encode(ber.ClassUniversal, ber.TypeConstructed, ber.TagSequence, nil, "")
	all.AppendChild(one)
	p := ber.Encode(ber.ClassApplication, ber.TypeConstructed, ldap.ApplicationSearchResultEntry, nil, "")
	p.AppendChild(octets(name))
	p.AppendChild(all)
	return p
}

// What a server answers is bounded, whether it comes in entries, octets or pages, and all at once
// or not: no more is taken than that.
func TestServerWithoutEnd(t *testing.T) {
	for name, c := range map[string]struct {
		answer func(func(*ber.Packet) bool) string
		want   string
	}{
		"pages": {func(func(*ber.Packet) bool) string { return "more" }, "more than 50 pages"},
		"entries": {func(send func(*ber.Packet) bool) string {
			for i := 0; send(entryOf(fmt.Sprintf("cn=%d,o=Example", i), 1)); i++ {
			}
			return ""
		}, "more than 1000 entries"},
		"octets": {func(send func(*ber.Packet) bool) string {
			for i := 0; send(entryOf(fmt.Sprintf("cn=%d,o=Example", i), 10_000)); i++ {
			}
			return ""
		}, "or 1000000 octets"},
		"a packet": {func(send func(*ber.Packet) bool) string {
			send(entryOf("cn=large,o=Example", maxPacket))
			return ""
		}, "greater than maximum"},
	} {
		t.Run(name, func(t *testing.T) {
			s := source(t, file("MTA-A", fake(t, c.answer)))
			s.bounds = bounds{entries: 1000, octets: 1_000_000, pages: 50}
			if _, _, err := s.Load(t.Context(), false); diag.KindOf(err) != diag.Unavailable || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v; want %s", err, c.want)
			}
		})
	}
}

// A copy of the directory that lacks changes which were read elsewhere is not gone by: who was
// added meanwhile is somebody. Who asks for what there is gets it.
func TestCopyBehind(t *testing.T) {
	old := slapd(t, slapdtest.Options{Sync: true})
	current := slapd(t, slapdtest.Options{Sync: true})
	s := source(t, file("MTA-A", current.URL(), old.URL()))
	_, state := load(t, s)
	if len(state.CSN) == 0 {
		t.Fatal("the server does not tell what it has")
	}
	current.Stop()
	if _, _, err := s.Load(t.Context(), false); diag.KindOf(err) != diag.Unavailable || !strings.Contains(err.Error(), "is behind") {
		t.Errorf("%v", err)
	}
	if _, state, err := s.Load(t.Context(), true); err != nil || state.Server != old.URL() {
		t.Errorf("asked for: %v from %s", err, state.Server)
	}
	if err := old.Modify("dn: cn=MTA-B,ou=mtas,o=Example\nchangetype: modify\nreplace: description\ndescription: new\n"); err != nil {
		t.Fatal(err)
	}
	if _, state, err := s.Load(t.Context(), false); err != nil || state.Server != old.URL() {
		t.Errorf("caught up: %v from %s", err, state.Server)
	}
}

// watching is a Watch whose calls a test can wait for.
type watching struct {
	t       *testing.T
	changed chan struct{}
	trouble chan error
}

func watch(t *testing.T, s *Source, since State) *watching {
	w := &watching{t, make(chan struct{}, 100), make(chan error, 100)}
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		s.Watch(ctx, since, func() { w.changed <- struct{}{} }, func(err error) { w.trouble <- err })
	}()
	t.Cleanup(func() { stop(); <-ended })
	return w
}

// hears waits until changed has been called after everything that was heard before.
func (w *watching) hears(what string) {
	w.t.Helper()
	select {
	case <-w.changed:
	case <-time.After(20 * time.Second):
		w.t.Fatalf("%s is not heard of", what)
	}
}

// quiet waits until nothing more is heard.
func (w *watching) quiet() {
	for {
		select {
		case <-w.changed:
		case <-time.After(2 * settleMost):
			return
		}
	}
}

// A server that is stopped in the middle of the synchronisation is missed, and another one watched;
// when it is there again it is gone back to.
func TestFrozenServer(t *testing.T) {
	second := slapd(t, slapdtest.Options{Sync: true})
	first := slapd(t, slapdtest.Options{Sync: true})
	f := file("MTA-A", first.URL(), second.URL())
	f.Directory.Poll, f.Directory.Timeout = conf.Duration(time.Second), conf.Duration(time.Second)
	s := source(t, f)
	s.backAgain = time.Second
	_, state := load(t, s)
	w := watch(t, s, state)
	w.hears("the end of the refreshment")
	w.quiet()
	// The second catches up, and goes ahead.
	if err := second.Modify("dn: cn=MTA-B,ou=mtas,o=Example\nchangetype: modify\nreplace: description\ndescription: new\n"); err != nil {
		t.Fatal(err)
	}
	if err := first.Freeze(); err != nil {
		t.Fatal(err)
	}
	w.hears("the other server")
	if at := s.watched.Load(); at == nil || *at != second.URL() {
		t.Errorf("the other server is not watched")
	}
	if err := first.Thaw(); err != nil {
		t.Fatal(err)
	}
	if err := first.Modify("dn: cn=MTA-B,ou=mtas,o=Example\nchangetype: modify\nreplace: description\ndescription: newer\n"); err != nil {
		t.Fatal(err)
	}
	w.quiet()
	for end := time.Now().Add(20 * time.Second); ; {
		if at := s.watched.Load(); at != nil && *at == first.URL() {
			return
		}
		if time.Now().After(end) {
			t.Fatal("the first server is not gone back to")
		}
		w.quiet()
	}
}

// What may not be read any more is told by no server, and noticed; and where none tells when an
// entry was changed, what it says counts.
func TestWhatIsNotTold(t *testing.T) {
	const hides = "{0}to attrs=entryCSN,modifyTimestamp by * none"
	server := slapd(t, slapdtest.Options{Access: []string{hides, "{1}to * by * read"}})
	f := file("MTA-A", server.URL())
	f.Directory.Poll = conf.Duration(time.Second)
	s := source(t, f)
	_, state := load(t, s)
	w := watch(t, s, state)
	for _, weight := range []string{"6", "7"} { // within one second
		if err := server.Modify("dn: PRMD=BRAVO,ADMD=TEST,c=GB,cn=network,ou=trees,o=Example\nchangetype: modify\nreplace: mTAInfo\nmTAInfo: { name \"cn=MTA-B,ou=mtas,o=Example\", weight " + weight + " }\n"); err != nil {
			t.Fatal(err)
		}
	}
	w.hears("a change without a stamp")
}

// A copy in the synchronisation is looked at all the same, now and then.
func TestLooksAgain(t *testing.T) {
	server := slapd(t, slapdtest.Options{Sync: true})
	f := file("MTA-A", server.URL())
	f.Directory.Poll = conf.Duration(time.Second)
	s := source(t, f)
	s.lookAgain = time.Second
	_, state := load(t, s)
	state.Digest = "as it was before a rule of access was changed"
	w := &watcher{Source: s, stamp: state.Digest, changed: func() {}}
	heard := make(chan struct{}, 1)
	w.changed = func() { heard <- struct{}{} }
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- w.attend(ctx, server.URL()) }()
	select {
	case <-heard:
	case <-time.After(20 * time.Second):
		t.Error("nobody looks")
	}
	stop()
	<-ended
}
