package cms

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/rfc822"
)

const received = "Received: from a by b; Sat, 28 Nov 2026 09:00:00 +0000\r\n"

// letter is a message that has what headers have: folding, a field that relays add, two of
// one name.
const letter = received +
	"From: Ann Smith <ann@example.org>\r\n" +
	"To: bob@example.org,\r\n\tcarol@example.org\r\n" +
	"Subject: =?utf-8?q?gr=C3=BC=C3=9Fe?= (and\r\n more)\r\n" +
	"Comments: one\r\nComments: two\r\n" +
	"Message-ID: <1@example.org>\r\n" +
	"MIME-Version: 1.0\r\n" +
	"Content-Type: multipart/mixed; boundary=\"b\"\r\n" +
	"\r\npreamble\r\n--b\r\n\r\nfirst\r\n--b\r\nContent-Type: text/html\r\n\r\n<p>second</p>\r\n--bb\r\n--b--\r\nepilogue\r\n"

var (
	shapes = []Shape{Multipart, Opaque}
	forms  = []rfc822.Form{rfc822.Unprotected, rfc822.RFC9788, rfc822.Wrapped}
)

func read(t testing.TB, octets []byte) *Message {
	t.Helper()
	m, err := Read(octets, Limits{})
	if err != nil {
		t.Fatalf("%v in\n%s", err, octets)
	}
	return m
}

func TestMail(t *testing.T) {
	_, ann := people(t)
	for _, shape := range shapes {
		for _, form := range forms {
			t.Run(string(shape)+" "+string(form), func(t *testing.T) {
				signed, err := ann.signing(t, How{Label: label}).Mail([]byte(letter), shape, form)
				if err != nil {
					t.Fatal(err)
				}
				m := read(t, signed)
				v := m.Verify(nil, ann.options(), false)
				valid(t, &v.Verdict)
				if v.Shape != shape || v.Headers != form || v.Label == nil {
					t.Errorf("%+v", v)
				}
				covered := map[string]string{}
				for _, f := range v.Fields {
					covered[f.Name] = f.Outer
				}
				if (covered["Subject"] == "same") != (form != rfc822.Unprotected) || (covered["Received"] != "") != (form == rfc822.Wrapped) {
					t.Errorf("covered: %v", covered)
				}
				stripped, err := m.Strip()
				if err != nil {
					t.Fatal(err)
				}
				want := letter
				if form == rfc822.RFC9788 {
					// It is the message that was signed: without what relays add.
					want = strings.Replace(strings.TrimPrefix(letter, received), `boundary="b"`, `boundary="b"; hp="clear"`, 1)
				}
				if string(stripped) != want {
					t.Errorf("stripped:\n%q, not\n%q", stripped, want)
				}

				// OpenSSL reads it, and gives out what we have signed.
				dir := files(t, map[string][]byte{"mail": signed, "root.pem": certificatePEM(ann.root())})
				args := []string{"cms", "-verify", "-inform", "SMIME", "-in", "mail", "-CAfile", "root.pem"}
				if shape == Opaque {
					args = append(args, "-binary") // of a multipart it takes part of the delimiter then
				}
				out, err := openssl(t, dir, args...)
				if err != nil || !bytes.Equal(rfc822.Canonical(out), m.Content()) {
					t.Errorf("openssl: %v, %q", err, out)
				}

				// A file of Unix has it with other line ends, and means the same.
				local := read(t, bytes.ReplaceAll(signed, []byte("\r\n"), []byte("\n")))
				lv := local.Verify(nil, ann.options(), false)
				valid(t, &lv.Verdict)

				// What is changed is seen, wherever it is signed.
				for _, change := range []string{"first", "Subject: =?utf-8?q?gr", "text/html"} {
					at := bytes.LastIndex(signed, []byte(change))
					if shape != Multipart || at < 0 || change[0] == 'S' && form == rfc822.Unprotected {
						continue
					}
					changed := slices.Clone(signed)
					changed[at+len(change)-1]++
					cv := read(t, changed).Verify(nil, ann.options(), false)
					only(t, &cv.Verdict, WrongDigest)
				}
			})
		}
	}
}

// Every octet of a message that is signed twice comes back when the signatures are taken off
// again, one after the other.
func TestLayers(t *testing.T) {
	ca, ann := people(t)
	bob := issue(t, ca, "rsa", "bob")
	for _, inner := range shapes {
		for _, outer := range shapes {
			first, err := ann.signing(t, How{}).Mail([]byte(letter), inner, rfc822.Wrapped)
			if err != nil {
				t.Fatal(err)
			}
			second, err := bob.signing(t, How{Label: label}).Mail(first, outer, rfc822.Wrapped)
			if err != nil {
				t.Fatal(err)
			}
			m := read(t, second)
			v := m.Verify(nil, ann.options(), true)
			valid(t, &v.Verdict)
			if v.Signers[0].Subject != "CN=bob,O=Org" || v.Inner != "message/rfc822" {
				t.Errorf("%+v", v)
			}
			// Another outer layer, and the same inside.
			carol := issue(t, ca, "ed25519", "carol")
			third, err := carol.signing(t, How{}).Replace(m, nil)
			if err != nil {
				t.Fatal(err)
			}
			r := read(t, third)
			rv := r.Verify(nil, ann.options(), true)
			valid(t, &rv.Verdict)
			if rv.Signers[0].Subject != "CN=carol,O=Org" || rv.Label != nil || !bytes.Equal(r.Content(), m.Content()) {
				t.Errorf("%+v", rv)
			}
			stripped, err := r.Strip()
			if err != nil || !bytes.Equal(stripped, first) {
				t.Errorf("%s in %s: %v\n%s", inner, outer, err, stripped)
			}
			if stripped, err = read(t, stripped).Strip(); err != nil || string(stripped) != letter {
				t.Errorf("%s in %s: %v\n%s", inner, outer, err, stripped)
			}
		}
	}
}

// A triple wrap of OpenSSL's (sign, encrypt, sign): the outer signature is verified and
// replaced without the key to what is inside, which stays as it is.
func TestTripleWrap(t *testing.T) {
	ca, ann := people(t)
	bob := issue(t, ca, "rsa", "bob")
	dir := files(t, map[string][]byte{"letter": []byte(letter), "key.pem": keyPEM(t, ann.key), "cert.pem": certificatePEM(ann.cert),
		"bob.pem": certificatePEM(bob.cert), "bob.key": keyPEM(t, bob.key)})
	run := func(args ...string) {
		t.Helper()
		if _, err := openssl(t, dir, args...); err != nil {
			t.Fatal(err)
		}
	}
	run("cms", "-sign", "-in", "letter", "-signer", "cert.pem", "-inkey", "key.pem", "-out", "inner", "-nodetach")
	run("cms", "-encrypt", "-in", "inner", "-aes256", "-out", "middle", "bob.pem")
	run("cms", "-sign", "-in", "middle", "-signer", "cert.pem", "-inkey", "key.pem", "-out", "outer", "-nodetach", "-from", "ann@example.org")
	outer, err := openssl(t, dir, "cms", "-sign", "-in", "middle", "-signer", "cert.pem", "-inkey", "key.pem", "-nodetach", "-from", "ann@example.org")
	if err != nil {
		t.Fatal(err)
	}
	m := read(t, outer)
	v := m.Verify(nil, ann.options(), false)
	valid(t, &v.Verdict)
	if v.Inner != "application/pkcs7-mime" {
		t.Errorf("inside is %s", v.Inner)
	}
	replaced, err := bob.signing(t, How{Label: label}).Replace(m, nil)
	if err != nil {
		t.Fatal(err)
	}
	r := read(t, replaced)
	rv := r.Verify(nil, ann.options(), true)
	valid(t, &rv.Verdict)
	if !bytes.Equal(r.Content(), m.Content()) || rv.Label == nil {
		t.Error("what is inside has changed")
	}
	dir2 := files(t, map[string][]byte{"inside": r.Content(), "bob.pem": certificatePEM(bob.cert), "bob.key": keyPEM(t, bob.key)})
	inside, err := openssl(t, dir2, "cms", "-decrypt", "-in", "inside", "-recip", "bob.pem", "-inkey", "bob.key")
	if err != nil {
		t.Fatal(err)
	}
	iv := read(t, inside).Verify(nil, ann.options(), true)
	valid(t, &iv.Verdict)
	ev := read(t, r.Content()).Verify(nil, ann.options(), true)
	only(t, &ev.Verdict, NoSigner)
}

// The forms of messages signed and not encrypted in RFC 9788 appendix C, and those of older
// practice, all as OpenSSL signs them.
func TestFormsOfRFC9788(t *testing.T) {
	_, ann := people(t)
	const head = "Subject: smime-hp\r\nMessage-ID: <hp@example>\r\nFrom: Ann <ann@example.org>\r\nTo: Bob <bob@example.org>\r\n" +
		"Date: Sat, 20 Feb 2021 10:09:02 -0500\r\nUser-Agent: Sample MUA Version 1.0\r\n"
	const plain = "This is a message.\r\n\r\n--\r\nAnn\r\n"
	const complexBody = "--6a2\r\nMIME-Version: 1.0\r\nContent-Type: multipart/alternative; boundary=\"bcd\"\r\n\r\n" +
		"--bcd\r\nContent-Type: text/plain; charset=\"us-ascii\"\r\n\r\ntext\r\n--bcd\r\nContent-Type: text/html; charset=\"us-ascii\"\r\n\r\n<p>text</p>\r\n--bcd--\r\n" +
		"\r\n--6a2\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\niVBORw0KGgo=\r\n\r\n--6a2--\r\n"
	const text = "Content-Type: text/plain; charset=\"utf-8\""
	const mixed = "Content-Type: multipart/mixed; boundary=\"6a2\""
	inner := "MIME-Version: 1.0\r\n" + head + mixed + "\r\n\r\n" + complexBody
	for _, c := range []struct {
		name, payload, outer string
		want                 rfc822.Form
		inside               string // what strip gives; "": the payload below the outer header
	}{
		{"C.1.2, C.1.3: simple, no protection", text + "\r\n\r\n" + plain, head, rfc822.Unprotected, ""},
		{"C.1: complex, no protection", mixed + "\r\n\r\n" + complexBody, head, rfc822.Unprotected, ""},
		{"C.2.1, C.2.2: simple", "MIME-Version: 1.0\r\n" + head + text + "; hp=\"clear\"\r\n\r\n" + plain, head, rfc822.RFC9788, "payload"},
		{"C.2.3, C.2.4: complex", "MIME-Version: 1.0\r\n" + head + mixed + "; hp=\"clear\"\r\n\r\n" + complexBody, head, rfc822.RFC9788, "payload"},
		{"C.2.5, C.2.6: RFC8551HP", "MIME-Version: 1.0\r\nContent-Type: message/rfc822\r\n\r\n" + inner, head, rfc822.Wrapped, inner},
		{"C.3.1.2: the inside of an encrypted one", "MIME-Version: 1.0\r\n" + head + "HP-Outer: Subject: [...]\r\n" + text + "; hp=\"cipher\"\r\n\r\n" + plain,
			strings.Replace(head, "smime-hp", "[...]", 1), rfc822.RFC9788, "payload"},
		{"forwarded=no", "Content-Type: message/rfc822; forwarded=no\r\n\r\n" + inner, head, rfc822.Wrapped, inner},
		{"forwarded=NO, another header around it", "Content-Type: message/rfc822; forwarded=NO\r\n\r\n" + inner, "From: Ann <ann@example.org>\r\n", rfc822.Wrapped, inner},
		{"protected-headers=v1", head + text + "; protected-headers=\"v1\"\r\n\r\n" + plain, head, rfc822.Draft, "payload"},
		{"sent on: marked", "Content-Type: message/rfc822; forwarded=yes\r\n\r\n" + inner, head, rfc822.Unprotected, ""},
		{"sent on: of another", "Content-Type: message/rfc822\r\n\r\n" + strings.Replace(inner, "ann@", "bob@", 1), head, rfc822.Unprotected, ""},
		{"sent on: another message", "Content-Type: message/rfc822\r\n\r\n" + strings.Replace(inner, "<hp@", "<other@", 1), head, rfc822.Unprotected, ""},
		{"sent on: signed itself", "Content-Type: message/rfc822\r\n\r\n" + head + "Content-Type: application/pkcs7-mime\r\n\r\nMIIB\r\n", head, rfc822.Unprotected, ""},
		{"sent on: protected itself", "Content-Type: message/rfc822\r\n\r\n" + strings.Replace(inner, mixed, mixed+"; hp=clear", 1), head, rfc822.Unprotected, ""},
	} {
		for _, args := range [][]string{{"-nodetach"}, nil} {
			t.Run(fmt.Sprint(c.name, args), func(t *testing.T) {
				dir := files(t, map[string][]byte{"payload": []byte(c.payload), "key.pem": keyPEM(t, ann.key), "cert.pem": certificatePEM(ann.cert)})
				out, err := openssl(t, dir, append([]string{"cms", "-sign", "-in", "payload", "-signer", "cert.pem", "-inkey", "key.pem", "-crlfeol"}, args...)...)
				if err != nil {
					t.Fatal(err)
				}
				m := read(t, append([]byte(c.outer), out...))
				v := m.Verify(nil, ann.options(), false)
				valid(t, &v.Verdict)
				if v.Headers != c.want {
					t.Errorf("%s, not %s", v.Headers, c.want)
				}
				stripped, err := m.Strip()
				if err != nil {
					t.Fatal(err)
				}
				want := c.inside
				switch want {
				case "payload":
					want = c.payload
				case "":
					want = c.outer + "MIME-Version: 1.0\r\n" + c.payload
				}
				if string(stripped) != want {
					t.Errorf("stripped %q\nnot %q", stripped, want)
				}
				for _, f := range v.Fields {
					if f.Name == "Subject" && f.Value != "smime-hp" || f.Name == "HP-Outer" {
						t.Errorf("%+v", f)
					}
				}
			})
		}
	}
}

// The signer is held against From: that of the header that is covered, if one is.
func TestSender(t *testing.T) {
	ca, ann := people(t)
	eve := issue(t, ca, "p256", "eve")
	signed := func(who *identity, message string, form rfc822.Form) *Message {
		t.Helper()
		octets, err := who.signing(t, How{}).Mail([]byte(message), Multipart, form)
		if err != nil {
			t.Fatal(err)
		}
		return read(t, octets)
	}
	for _, form := range forms {
		v := signed(eve, letter, form).Verify(nil, ann.options(), false)
		only(t, &v.Verdict, WrongSigner)
		v = signed(eve, letter, form).Verify(nil, ann.options(), true)
		valid(t, &v.Verdict)
		v = signed(ann, strings.Replace(letter, "From: Ann Smith <ann@example.org>", "From: eve@example.org\r\nSender: ann@example.org", 1), form).Verify(nil, ann.options(), false)
		only(t, &v.Verdict, WrongSigner)
		v = signed(ann, strings.Replace(letter, "<ann@example.org>", "<ann@EXAMPLE.org>", 1), form).Verify(nil, ann.options(), false)
		valid(t, &v.Verdict)
		v = signed(ann, strings.Replace(letter, "Ann Smith", "=?iso-2022-jp?B?GyRCJUYlOSVIGyhC?= =?windows-1252?Q?J=FCrgen?=", 1), form).Verify(nil, ann.options(), false)
		valid(t, &v.Verdict)
		// RFC 6854 has groups in From, and groups of nobody, whom nobody can speak for.
		for _, nobody := range []string{"ann@example.org:;", `"Ann <ann@example.org>": ;`, "Ann: , ;", "a:;, b:;"} {
			v = signed(eve, strings.Replace(letter, "Ann Smith <ann@example.org>", nobody, 1), form).Verify(nil, ann.options(), false)
			only(t, &v.Verdict, WrongSigner)
		}
		v = signed(ann, strings.Replace(letter, "Ann Smith <ann@example.org>", "Staff: Ann Smith <ann@example.org>;", 1), form).Verify(nil, ann.options(), false)
		valid(t, &v.Verdict)
		// Whoever writes another beside herself signs for herself alone.
		v = signed(eve, strings.Replace(letter, "<ann@example.org>", "<ann@example.org>, eve@example.org", 1), form).Verify(nil, ann.options(), false)
		only(t, &v.Verdict, WrongSigner)
		v = signed(ann, strings.Replace(letter, "From:", "From: eve@example.org\r\nFrom:", 1), form).Verify(nil, ann.options(), false)
		only(t, &v.Verdict, WrongSigner)
		v = signed(ann, strings.Replace(letter, "From:", "X-From:", 1), form).Verify(nil, ann.options(), false)
		only(t, &v.Verdict, WrongSigner)
		o := ann.options()
		o.Originators.Mail = []string{"bob@example.org"}
		v = signed(ann, letter, form).Verify(nil, o, false)
		only(t, &v.Verdict, WrongSigner)
	}
	// Who changes the header around it is seen.
	m := signed(ann, letter, rfc822.RFC9788)
	changed := read(t, bytes.Replace(m.Header.Octets, []byte("From: Ann Smith <ann@"), []byte("From: Eve Smith <eve@"), 1))
	v := changed.Verify(nil, ann.options(), false)
	valid(t, &v.Verdict)
	for _, f := range v.Fields {
		if (f.Outer == "differs") != (f.Name == "From") {
			t.Errorf("%+v", f)
		}
	}
	more := read(t, append([]byte("Reply-To: eve@example.org\r\nReceived: from c by d\r\n"), m.Header.Octets...))
	v = more.Verify(nil, ann.options(), false)
	valid(t, &v.Verdict)
	if f := v.Fields[len(v.Fields)-1]; f != (rfc822.ProtectedField{Name: "Reply-To", Value: "eve@example.org", Outer: "added"}) {
		t.Errorf("%+v", f)
	}
	changed = read(t, bytes.Replace(signed(ann, letter, rfc822.Unprotected).Header.Octets, []byte("ann@example.org"), []byte("eve@example.org"), 1))
	v = changed.Verify(nil, ann.options(), false)
	only(t, &v.Verdict, WrongSigner)
}

// A file of Unix is read as what was signed; a line end that somebody has changed is a change.
func TestLineEnds(t *testing.T) {
	_, ann := people(t)
	signed, err := ann.signing(t, How{}).Mail([]byte(letter), Multipart, rfc822.Unprotected)
	if err != nil {
		t.Fatal(err)
	}
	v := read(t, bytes.ReplaceAll(signed, []byte("\r\n"), []byte("\n"))).Verify(nil, ann.options(), false)
	valid(t, &v.Verdict)
	for _, where := range []string{"first\r\n", "<p>second</p>\r\n", "preamble\r\n"} {
		v = read(t, bytes.Replace(signed, []byte(where), []byte(strings.TrimSuffix(where, "\r\n")+"\n"), 1)).Verify(nil, ann.options(), false)
		only(t, &v.Verdict, WrongDigest)
	}
}

// Fields in the header of what is signed, and not marked as those of the message, mean nothing
// there: where the signature is taken off they must not begin to.
func TestStripMakesNoFields(t *testing.T) {
	_, ann := people(t)
	outer := []rfc822.Field{{Name: "From", Raw: []byte("From: ann@example.org\r\n")}}
	for _, c := range []struct{ payload, want string }{
		{"From: admiral@example.com\r\nContent-Type: text/plain\r\nSubject: sail\r\n\r\nat dawn\r\n", "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nat dawn\r\n"},
		{"From: admiral@example.com", "MIME-Version: 1.0\r\n"},
		{"MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nat dawn\r\n", "MIME-Version: 1.0\r\nContent-Type: text/plain\r\n\r\nat dawn\r\n"},
		{"\r\nFrom: admiral@example.com\r\n", "MIME-Version: 1.0\r\n\r\nFrom: admiral@example.com\r\n"},
	} {
		signed, err := ann.signing(t, How{}).around(outer, []byte(c.payload), Opaque)
		if err != nil {
			t.Fatal(err)
		}
		m := read(t, signed)
		v := m.Verify(nil, ann.options(), false)
		valid(t, &v.Verdict)
		if got, err := m.Strip(); err != nil || string(got) != "From: ann@example.org\r\n"+c.want {
			t.Errorf("%q: %q, %v", c.payload, got, err)
		}
	}
}

func TestMultipartThatIsNoSignature(t *testing.T) {
	_, ann := people(t)
	whole, err := ann.signing(t, How{}).Mail([]byte(letter), Multipart, rfc822.Unprotected)
	if err != nil {
		t.Fatal(err)
	}
	m := read(t, whole)
	inside, err := ann.signing(t, How{}).Sign(m.Part, false)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(whole, []byte("MII"))
	for _, c := range []struct {
		name, want string
		octets     []byte
	}{
		// The part shown is one, the content verified another.
		{"a content of its own", "has a content of its own", bytes.Replace(slices.Concat(whole[:at], rfc822.EncodeBase64(inside), whole[bytes.LastIndex(whole, []byte("--smime-")):]),
			[]byte("first"), []byte("other"), 1)},
		{"three parts", "of 3 parts", bytes.Replace(whole, []byte("\r\n--smime-"), []byte(fmt.Sprintf("\r\n--%s\r\n\r\nmore\r\n--smime-", boundaryOf(t, m))), 1)},
		{"cut short", "no closing delimiter", whole[:len(whole)-10]},
		{"another object", "is data, not signedData", slices.Concat(whole[:at], rfc822.EncodeBase64(element(idSequence, oidDER(Data), element(context(0), element(idOctetString, content)))),
			whole[bytes.LastIndex(whole, []byte("--smime-")):])},
		{"a field that is none to some", "blanks after \"X-Note\"", append([]byte("X-Note : pay eve\r\n"), whole...)},
		{"two types", "there are 2", append([]byte("Content-Type: text/plain\r\n"), whole...)},
		{"not a signature", "not a signature", bytes.ReplaceAll(whole, []byte("Content-Type: application/pkcs7-signature"), []byte("Content-Type: application/octet-stream"))},
	} {
		if _, err := Read(c.octets, Limits{}); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v; want %q", c.name, err, c.want)
		}
	}
	for _, text := range []string{letter, "X-Note : x\r\n" + letter, strings.Replace(letter, "multipart/mixed", `multipart/signed; protocol="application/pgp-signature"`, 1),
		strings.Replace(letter, "multipart/mixed", "multipart/signed", 1)} {
		v := read(t, []byte(text)).Verify(nil, ann.options(), false)
		only(t, &v.Verdict, NoSigner)
	}
}

func boundaryOf(t *testing.T, m *Message) string {
	t.Helper()
	mt, err := m.Header.ContentType()
	if err != nil {
		t.Fatal(err)
	}
	return mt.Params["boundary"]
}

// What relays would change is signed in another encoding, in the clear; opaque, and where a
// signature is replaced, it stays as it is.
func TestWhatRelaysWouldChange(t *testing.T) {
	ca, ann := people(t)
	bob := issue(t, ca, "p256", "bob")
	for _, body := range []string{"gr\xc3\xbc\xc3\x9fe\r\n", "blank at the end \r\n", "From here\r\nFrom there\r\n", strings.Repeat("x", 999) + "\r\n", "NUL\x00\r\n", "ends\nalone\r\n"} {
		text := []byte("From: ann@example.org\r\n\r\n" + body)
		for _, form := range forms {
			clear, err := ann.signing(t, How{}).Mail(text, Multipart, form)
			if err != nil {
				t.Fatal(err)
			}
			m := read(t, clear)
			v := m.Verify(nil, ann.options(), false)
			valid(t, &v.Verdict)
			stripped, err := m.Strip()
			if err != nil {
				t.Fatal(err)
			}
			e, err := rfc822.Parse(stripped)
			if err != nil {
				t.Fatal(err)
			}
			want := string(rfc822.Canonical([]byte(body)))
			if got, err := e.Content(len(stripped)); err != nil || string(got) != want {
				t.Errorf("%.20q: %.60q, %v", body, got, err)
			}
		}
		opaque, err := ann.signing(t, How{}).Mail(text, Opaque, rfc822.Wrapped)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := read(t, opaque).Strip(); err != nil || !bytes.Equal(got, text) {
			t.Errorf("%.20q: %.60q, %v", body, got, err)
		}
		// Somebody has signed it all the same.
		outer, payload, err := rfc822.Protect(read(t, rfc822.Canonical(text)).Header, rfc822.Unprotected)
		if err != nil {
			t.Fatal(err)
		}
		fragile, err := ann.signing(t, How{}).around(outer, payload, Multipart)
		if err != nil {
			t.Fatal(err)
		}
		replaced, err := bob.signing(t, How{}).Replace(read(t, fragile), nil)
		if err != nil {
			t.Fatal(err)
		}
		if m := read(t, replaced); !bytes.Equal(m.Content(), payload) {
			t.Errorf("%.20q: %.60q", payload, m.Content())
		}
	}
}

// The shapes an object alone comes in.
func TestRead(t *testing.T) {
	_, ann := people(t)
	der := ann.sign(t, content, false, How{ContentType: P772, Label: label})
	dir := files(t, map[string][]byte{"der": der})
	asPEM, err := openssl(t, dir, "cms", "-cmsout", "-inform", "DER", "-in", "der", "-outform", "PEM")
	if err != nil {
		t.Fatal(err)
	}
	for name, octets := range map[string][]byte{"DER": der, "PEM": asPEM, "base64": rfc822.EncodeBase64(der), "PKCS7": bytes.ReplaceAll(asPEM, []byte(" CMS-"), []byte(" PKCS7-"))} {
		m := read(t, octets)
		v := m.Verify(nil, ann.options(), false)
		valid(t, &v.Verdict)
		if m.Shape != Bare || v.Inner != "P772" || v.ContentType != "P772" {
			t.Errorf("%s: %+v", name, v)
		}
		if got, err := m.Strip(); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %q, %v", name, got, err)
		}
	}
	for name, octets := range map[string][]byte{"another": slices.Concat(asPEM, asPEM), "text": append(slices.Clone(asPEM), "and Eve"...),
		"one that is damaged before it": slices.Concat(bytes.Replace(asPEM, []byte("MI"), []byte("M?"), 1), asPEM)} {
		if _, err := Read(octets, Limits{}); err == nil || !strings.Contains(err.Error(), "PEM with more in it") {
			t.Errorf("PEM, and %s: %v", name, err)
		}
	}
	for in, want := range map[string]string{
		"":       "neither a CMS object nor a message",
		"\r\nx":  "neither a CMS object nor a message",
		"hello":  "line 1: no header field",
		"MIIB?":  "base64",
		"MIIBAA": "base64",
		"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n": "PEM that is no CMS object",
		"Content-Type: application/pkcs7-mime\n\nMIIBAA==\n":             "truncated",
		"0\x80\x00":   "truncated",
		"A: b\n c\nC": "line 3: no header field",
	} {
		if _, err := Read([]byte(in), Limits{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v; want %q", in, err, want)
		}
	}
}

// Whatever comes as a message is read within bounds, and what is valid is what ann has
// signed.
func FuzzMailNoAccidentalYes(f *testing.F) {
	var signed [][]byte
	h := sha256.New()
	for _, form := range forms {
		_, payload, err := rfc822.Protect(read(f, []byte(letter)).Header, form)
		if err != nil {
			f.Fatal(err)
		}
		h.Write(payload)
		signed = append(signed, payload)
	}
	// The key of her authority is by what she signs: the fuzzer keeps what other versions of this test have
	// had her sign.
	ann := issue(f, root(f, fmt.Sprintf("root-%x", h.Sum(nil))), "p256", "ann")
	for _, shape := range shapes {
		for _, form := range forms {
			octets, err := ann.signing(f, How{Label: label}).Mail([]byte(letter), shape, form)
			if err != nil {
				f.Fatal(err)
			}
			f.Add(octets)
		}
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		m, err := Read(in, Limits{Octets: 1 << 20, Depth: 24, Elements: 4096})
		if err != nil {
			return
		}
		v := m.Verify(nil, ann.options(), true)
		stripped, err := m.Strip()
		if err == nil && m.Header != nil && len(stripped) > 2*len(in)+2 {
			t.Fatalf("%d octets stripped of %d", len(stripped), len(in))
		}
		if v.Valid && !slices.ContainsFunc(signed, func(s []byte) bool {
			return bytes.Equal(rfc822.Canonical(m.Content()), rfc822.Canonical(s))
		}) {
			t.Fatalf("an accidental yes: %q", in)
		}
	})
}
