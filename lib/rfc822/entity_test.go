package rfc822

import (
	"bytes"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

func mustParse(t testing.TB, s string) *Entity {
	t.Helper()
	e, err := Parse([]byte(s))
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func TestHeader(t *testing.T) {
	if got := string(Unbox([]byte("From bob Sat Nov 28\r\nFrom: a\r\n\r\n"))); got != "From: a\r\n\r\n" {
		t.Errorf("%q", got)
	}
	if got := string(Unbox([]byte("From: a\r\n\r\n"))); got != "From: a\r\n\r\n" {
		t.Errorf("%q", got)
	}
	for in, want := range map[string]string{"A: \u2028b": "\u2028b", "A: b\x0c\n": "b\x0c", "A:\u0085b": "\u0085b", "A: \t b\t \n c \n": "b\t  c"} {
		if got := mustParse(t, in).Value("A"); got != want {
			t.Errorf("%q: %q, not %q", in, got, want)
		}
	}
	e := mustParse(t, "From: a\r\nTo: b,\r\n\tc\r\nX-Odd : d\nto:e\r\n\r\nbody\r\n")
	for name, want := range map[string]string{"from": "a", "TO": "b,\tc", "X-Odd": "d", "Cc": ""} {
		if got := e.Value(name); got != want {
			t.Errorf("%s is %q, not %q", name, got, want)
		}
	}
	if len(e.All("To")) != 2 || string(e.All("to")[0].Raw) != "To: b,\r\n\tc\r\n" || string(e.Body) != "body\r\n" {
		t.Errorf("%q, %q", e.Fields, e.Body)
	}
	if got := string(e.Header()); !strings.HasPrefix(got, "From: a") || !strings.HasSuffix(got, "to:e\r\n") {
		t.Errorf("header %q", got)
	}
	for in, want := range map[string]string{
		" a: b\n":          "line 1: a folded line",
		"A: b\nC d\n\n":    "line 2: no header field",
		"A: b\nC d: e\n":   "line 2: no header field",
		": b\n":            "line 1: no header field",
		"From b\nA: b\n\n": "line 1: no header field",
		"\x00: b\n":        "line 1: NUL",
		"A: b\n c\x00\n\n": "line 2: NUL",
		// Whose line ends are CR sees From twice, and Bob first.
		"Subject: a\rFrom: bob\r\nFrom: ann\r\n\r\n": "line 1: NUL, or CR alone",
		"A: b\r\r\nFrom: ann\r\n\r\n":                "line 1: NUL, or CR alone",
		"A: b\r":                                     "line 1: NUL, or CR alone",
		"A: b\r\n\r\r\n":                             "line 2: NUL, or CR alone",
		"A: " + strings.Repeat("b", 1<<20) + "\n\n":  "line 1: a header of more",
		strings.Repeat("A: b\n", 2001):               "line 2001: more than 2000",
	} {
		_, err := Parse([]byte(in))
		if err == nil || !strings.Contains(err.Error(), want) || diag.KindOf(err) != diag.Data {
			t.Errorf("%.20q: %v; want %q", in, err, want)
		}
	}
	if e := mustParse(t, "A: b"); e.Body != nil || e.Empty != nil {
		t.Errorf("a header alone has a body: %q", e.Body)
	}
	if e := mustParse(t, "\nA: b"); len(e.Fields) != 0 || string(e.Body) != "A: b" {
		t.Errorf("%+v", e)
	}
}

func TestMediaType(t *testing.T) {
	for in, want := range map[string]MediaType{
		`Text/Plain`:                             {"text/plain", map[string]string{}},
		`text/plain; Charset="us-ascii" (plain)`: {"text/plain", map[string]string{"charset": "us-ascii"}},
		`text/plain (a (b) \) c); charset=x;`:    {"text/plain", map[string]string{"charset": "x"}},
		`multipart/mixed; boundary="a(b)c\"d"`:   {"multipart/mixed", map[string]string{"boundary": `a(b)c"d`}},
		`a/b; name*0="x"; name*1="y"`:            {"a/b", map[string]string{"name": "xy"}},
		`a/b; name*=utf-8''gr%C3%BC%C3%9Fe`:      {"a/b", map[string]string{"name": "grüße"}},
		`a/b; name*0*=utf-8''gr%C3%BC; name*1=e`: {"a/b", map[string]string{"name": "grüe"}},
		`a/b; x="; c*0=d"; c=e;`:                 {"a/b", map[string]string{"x": "; c*0=d", "c": "e"}},
		`a/b(z);(a)c(b)=(c)d(e)`:                 {"a/b", map[string]string{"c": "d"}},
		`a/b; c*1=e; c*0="\";";`:                 {"a/b", map[string]string{"c": `";e`}},
	} {
		got, err := ParseMediaType(in)
		if err != nil || got.Type != want.Type || len(got.Params) != len(want.Params) {
			t.Errorf("%s: %v, %v", in, got, err)
		}
		for k, v := range want.Params {
			if got.Params[k] != v {
				t.Errorf("%s: %s is %q, not %q", in, k, got.Params[k], v)
			}
		}
	}
	for _, in := range []string{"", "text", "a/b/c", `a/b; c=d; c=e`, "a/b; c", strings.Repeat("a", 20000), "(text/plain",
		"a/b; boundary=A; boundary*0=B", "a/b; boundary*0=B; boundary=A", "a/b; boundary*=us-ascii''A; boundary=B", "a/b; BOUNDARY*0=A; boundary*=us-ascii''B",
		"a/b; name*0=a; name*0*=us-ascii''b", "a/b; name*0=a; name*2=c", "a/b; name*1=a", "a/b; name*0=a; name*01=b", "a/b; name*x=a", "a/b; name**=a",
		`a/b; x="\";c=d"; c*0=e; c=f`,
		"a/b;\u2028boundary=b", "a/b; \x0bboundary=b", "a/b; boundary=\x0cb", "a/b\u0085; boundary=b", "a/b; boundary=b\u3000",
		"te(x)xt/plain", "text/pla(x)in", "a/b; c(x)d=e"} {
		if mt, err := ParseMediaType(in); err == nil || diag.KindOf(err) != diag.Data {
			t.Errorf("%.20q: %v, %v", in, mt, err)
		}
	}
	two := mustParse(t, "Content-Type: a/b\nContent-Type: a/b\n\n")
	if _, err := two.ContentType(); err == nil {
		t.Error("two Content-Types are taken")
	}
}

func TestParts(t *testing.T) {
	const head = "Content-Type: multipart/mixed; boundary=\"b\"\r\n\r\n"
	for _, c := range []struct {
		name, body string
		want       []string
	}{
		{"two", "pre\r\n--b\r\nA: x\r\n\r\none\r\n--b\r\n\r\ntwo\r\n\r\n--b--\r\npost", []string{"A: x\r\n\r\none", "\r\ntwo\r\n"}},
		{"of LF", "--b\nA: x\n\none\n--b--\n", []string{"A: x\n\none"}},
		{"with blanks after the delimiter", "--b \t\r\n\r\none\r\n--b--  \r\n", []string{"\r\none"}},
		{"a longer boundary is another", "--b\r\n\r\n--bb\r\n--b--b\r\n--b x\r\n--b--", []string{"\r\n--bb\r\n--b--b\r\n--b x"}},
		{"nothing in it", "--b\r\n--b--", []string{""}},
		{"a header alone", "--b\r\nA: b\r\n--b--", []string{"A: b"}},
		{"what comes after is not looked at", "--b\r\n\r\none\r\n--b--\r\n--b\r\n\r\ntwo\r\n--b--", []string{"\r\none"}},
	} {
		parts, err := mustParse(t, head+c.body).Parts()
		if err != nil || len(parts) != len(c.want) {
			t.Errorf("%s: %d parts, %v", c.name, len(parts), err)
			continue
		}
		for i, p := range parts {
			if string(p.Octets) != c.want[i] {
				t.Errorf("%s: part %d is %q, not %q", c.name, i+1, p.Octets, c.want[i])
			}
		}
	}
	for in, want := range map[string]string{
		head + "--b\r\n\r\none":                "no closing delimiter",
		head + "none":                          "no closing delimiter",
		head + "--b--\r\n":                     "the closing delimiter comes first",
		head + "--b\r\nno field\r\n--b--":      "part 1: message: line 1",
		"Content-Type: text/plain\r\n\r\n":     "text/plain has no parts",
		"Content-Type: multipart/x\r\n\r\n":    "the boundary \"\" is none",
		head + strings.Repeat("--b\r\n", 1002): "more than 1000 parts",
		"Content-Transfer-Encoding: Base64 (x)\r\n" + head + "--b\r\n\r\none\r\n--b--":                                `encoding "base64"`,
		"Content-Transfer-Encoding: quoted-printable\r\n" + head + "--b\r\n\r\none\r\n--b--":                          `encoding "quoted-printable"`,
		"Content-Transfer-Encoding: 7bit\r\nContent-Transfer-Encoding: base64\r\n" + head + "--b\r\n\r\none\r\n--b--": `transfer encoding`,
		// Those to whom CR is a line end see another part before it, or the end of it.
		head + "\r--b\r\revil\r\n--b\r\n\r\none\r\n--b--":  "beside CR alone",
		head + "--b\r\n\r\none\r--b--\r\n\r\ntwo\r\n--b--": "beside CR alone",
		head + "--b\revil\r\n--b\r\n\r\none\r\n--b--":      "beside CR alone",
		// Those who take a backslash for what quotes see another.
		"Content-Type: multipart/x; boundary=\"a\\b\"\r\n\r\n--a\\b\r\n\r\none\r\n--a\\b--\r\n--ab\r\n\r\ntwo\r\n--ab--": "is none",
		"Content-Type: multipart/x; boundary=\"" + strings.Repeat("b", 71) + "\"\r\n\r\n":                                "is none",
	} {
		if _, err := mustParse(t, in).Parts(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: %v; want %q", in, err, want)
		}
	}
}

func TestContent(t *testing.T) {
	for _, c := range []struct{ encoding, body, want string }{
		{"", "a=41 ", "a=41 "},
		{"BINARY", "\x00\xff", "\x00\xff"},
		{"base64 (this)", "YWJj\r\n ZGU=\r\n", "abcde"},
		{"quoted-printable", "=41=\r\nb \r\nc", "Ab\r\nc"},
	} {
		e := &Entity{Body: []byte(c.body)}
		if c.encoding != "" {
			e.Fields = []Field{{"Content-Transfer-Encoding", []byte("Content-Transfer-Encoding: " + c.encoding)}}
		}
		got, err := e.Content(100)
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v", c.encoding, got, err)
		}
		if _, err := e.Content(len(c.want) - 1); err == nil || diag.KindOf(err) != diag.Data {
			t.Errorf("%s: more than asked for: %v", c.encoding, err)
		}
	}
	for encoding, body := range map[string]string{"base64": "YWJj!", "base64 ": "YWJ", "x-uuencode": "", "quoted-printable": "\x01"} {
		e := &Entity{Body: []byte(body), Fields: []Field{{"Content-Transfer-Encoding", []byte("C: " + encoding)}}}
		if got, err := e.Content(100); err == nil || diag.KindOf(err) != diag.Data {
			t.Errorf("%s of %q: %q, %v", encoding, body, got, err)
		}
	}
}

func TestCanonical(t *testing.T) {
	for in, want := range map[string]string{"": "", "a\nb\r\n\n": "a\r\nb\r\n\r\n", "\n": "\r\n", "a\rb": "a\rb"} {
		if got := string(Canonical([]byte(in))); got != want {
			t.Errorf("%q became %q, not %q", in, got, want)
		}
	}
	in := []byte("a\r\n")
	if out := Canonical(in); &in[0] != &out[0] {
		t.Error("a copy was made")
	}
}

// Reading changes nothing: header, empty line and body are the message, and the parts lie in
// it.
func FuzzEntityIsByteExact(f *testing.F) {
	f.Add([]byte("A: b\r\n c\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\n--b--"))
	f.Add([]byte("From x\nContent-Type: message/rfc822; forwarded=no\nContent-Transfer-Encoding: base64\n\nQTogYgo="))
	f.Fuzz(func(t *testing.T, in []byte) {
		e, err := Parse(in)
		if err != nil {
			return
		}
		fields := Join(e.Fields)
		if len(e.Empty) > 0 || bytes.HasSuffix(e.Octets, []byte("\n")) {
			if whole := bytes.Join([][]byte{fields, e.Empty, e.Body}, nil); !bytes.Equal(whole, e.Octets) {
				t.Fatalf("%q, not %q", whole, e.Octets)
			}
		}
		if parts, err := e.Parts(); err == nil {
			rest := e.Body
			for _, p := range parts {
				i := bytes.Index(rest, p.Octets)
				if i < 0 {
					t.Fatalf("part %q is not in %q", p.Octets, rest)
				}
				rest = rest[i+len(p.Octets):]
			}
		}
		if c, err := e.Content(100); err == nil && len(c) > 100 {
			t.Fatal("more than asked for")
		}
		if c := Canonical(in); !bytes.Equal(Canonical(c), c) {
			t.Fatal("not canonical")
		}
		if p, err := Protected(&Entity{}, e); err == nil && (p.Form == Unprotected) != (p.Message == nil) {
			t.Fatalf("%+v", p)
		}
		for _, form := range []Form{Unprotected, RFC9788, Wrapped} {
			canonical, err := Parse(Canonical(in))
			if err != nil {
				t.Fatal(err)
			}
			_, payload, err := Protect(canonical, form)
			if err != nil {
				continue
			}
			again, err := Parse(payload)
			if err != nil {
				t.Fatalf("%s: %v in %q", form, err, payload)
			}
			p, err := Protected(canonical, again)
			if form != Unprotected && (err != nil || p.Form != form) {
				t.Fatalf("%s: %+v, %v in %q", form, p, err, payload)
			}
			if form == Wrapped && !bytes.Equal(p.Message.Octets, canonical.Octets) {
				t.Fatalf("%q came back as %q", canonical.Octets, p.Message.Octets)
			}
		}
	})
}
