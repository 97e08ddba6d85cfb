package rfc822

import (
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

func TestProtect(t *testing.T) {
	const message = "Received: x\r\nFrom: a\r\nBcc: secret\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8;\r\n name=x ;\r\nContent-Language: en\r\nTo: b\r\n\r\nbody\r\n"
	for _, c := range []struct {
		form           Form
		message, inner string
	}{
		{Unprotected, message, "Content-Type: text/plain; charset=utf-8;\r\n name=x ;\r\nContent-Language: en\r\n\r\nbody\r\n"},
		{RFC9788, message, "From: a\r\nMIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8;\r\n name=x; hp=\"clear\"\r\nContent-Language: en\r\nTo: b\r\n\r\nbody\r\n"},
		{Wrapped, message, "Content-Type: message/rfc822; forwarded=no\r\n\r\n" + message},
		{RFC9788, "From: a\r\n\r\n", "From: a\r\nContent-Type: text/plain; charset=\"us-ascii\"; hp=\"clear\"\r\n\r\n"},
		{RFC9788, "From: a\r\nContent-Type: text/html; HP=\"cipher\"\r\n\r\n", "From: a\r\nContent-Type: text/html; hp=clear\r\n\r\n"},
		{RFC9788, "From: a\r\nContent-Type: text/html; protected-headers=\"v1\"\r\n\r\n", "From: a\r\nContent-Type: text/html; hp=clear\r\n\r\n"},
		{RFC9788, "From: a\r\nContent-Type: text/html (never closed\r\n\r\n", "From: a\r\nContent-Type: text/html; hp=clear\r\n\r\n"},
		{RFC9788, "From: a\r\nContent-Type: text/html; hp=\"\"\r\n\r\n", "From: a\r\nContent-Type: text/html; hp=clear\r\n\r\n"},
	} {
		outer, payload, err := Protect(mustParse(t, c.message), c.form)
		if err != nil || string(payload) != c.inner {
			t.Errorf("%s: %q, %v; want %q", c.form, payload, err, c.inner)
		}
		for _, f := range outer {
			if f.Structural() && !f.Is("MIME-Version") {
				t.Errorf("%s: %s is outside, too", c.form, f.Name)
			}
		}
	}
	if _, _, err := Protect(mustParse(t, "Content-Type: ?\r\n\r\n"), RFC9788); err == nil {
		t.Error("a Content-Type that is none is taken")
	}
}

// What a layer of its own says of its header is for nobody: RFC 9788 looks inside the last one.
func TestNoProtectionOnLayers(t *testing.T) {
	for _, kind := range []string{"multipart/signed; boundary=b; ", "multipart/encrypted; boundary=b; ", "application/pkcs7-mime; ", "application/x-pkcs7-mime; "} {
		for _, mark := range []string{"hp=clear", "hp=cipher", "protected-headers=v1"} {
			payload := mustParse(t, "From: eve\r\nContent-Type: "+kind+mark+"\r\n\r\n")
			p, err := Protected(mustParse(t, "From: ann\r\n\r\n"), payload)
			if err != nil || p.Form != Unprotected || p.Message != nil {
				t.Errorf("%s%s: %+v, %v", kind, mark, p, err)
			}
		}
		m := mustParse(t, "From: ann\r\nContent-Type: "+kind+"\r\n\r\n")
		if _, _, err := Protect(m, RFC9788); err == nil || diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %v", kind, err)
		}
		if _, _, err := Protect(m, Wrapped); err != nil {
			t.Error(err)
		}
	}
}

func TestOuterFields(t *testing.T) {
	for in, want := range map[string]string{"a b": "same", "a\r\n\tb": "same", "a  b ": "same", "a\u2028b": "differs", "a\x0bb": "differs", "ab": "differs"} {
		p, err := Protected(mustParse(t, "Subject: "+in+"\r\n\r\n"), mustParse(t, "Subject: a b\r\nContent-Type: text/plain; hp=clear\r\n\r\n"))
		if err != nil || p.Fields[0].Outer != want {
			t.Errorf("%q: %+v, %v; want %s", in, p, err, want)
		}
	}
	outer := mustParse(t, "Subject: a  folded\r\n\tsubject\r\nFrom: eve\r\nComments: 1\r\nReceived: x\r\nReply-To: eve\r\n\r\n")
	payload := mustParse(t, "Subject: a folded subject\r\nFrom: ann\r\nTo: bob\r\nComments: 1\r\nComments: 2\r\nHP-Outer: From: ann\r\nContent-Type: text/plain; hp=clear\r\n\r\n")
	p, err := Protected(outer, payload)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, f := range p.Fields {
		got = append(got, f.Name+" "+f.Outer)
	}
	if want := "Subject same,From differs,To absent,Comments differs,Comments differs,Reply-To added"; strings.Join(got, ",") != want {
		t.Errorf("%v, not %s", got, want)
	}
}

// As many fields of one name as a header may have, and as long, cost no more than others do.
func TestCostOfManyFields(t *testing.T) {
	fields := strings.Repeat("X: "+strings.Repeat("a ", 250)+"\r\n", maxFields-1)
	outer, payload := mustParse(t, fields), mustParse(t, fields+"Content-Type: text/plain; hp=clear\r\n")
	begin := time.Now()
	p, err := Protected(outer, payload)
	if err != nil || len(p.Fields) != maxFields-1 {
		t.Fatalf("%d fields, %v", len(p.Fields), err)
	}
	if took := time.Since(begin); took > 2*time.Second {
		t.Errorf("%v", took)
	}
}
