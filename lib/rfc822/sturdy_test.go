package rfc822

import (
	"bytes"
	"strings"
	"testing"
)

func TestSturdy(t *testing.T) {
	for _, c := range []struct{ name, in, want string }{
		{"sturdy", "A: b\r\n\r\nbody\r\n", "A: b\r\n\r\nbody\r\n"},
		{"white space in a header", "A: b \r\n c\t\r\n \r\n\t\r\nB: \r\n \r\n\r\nbody\r\n", "A: b\r\n c\r\nB:\r\n\r\nbody\r\n"},
		{"a header alone", "Content-Type: message/rfc822\r\n\r\nA: ", "Content-Type: message/rfc822\r\n\r\nA:"},
		{"text of 8 bits", "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\nA: b\r\n\r\n\xc3\xbc\r\nx \r\nFrom y\r\n",
			"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\nA: b\r\n\r\n=C3=BC\r\nx=20\r\n=46rom y\r\n"},
		{"without a header", "\r\nFrom x", "Content-Transfer-Encoding: quoted-printable\r\n\r\n=46rom x"},
		{"no text", "Content-Type: image/png\r\n\r\n\xff", "Content-Type: image/png\r\nContent-Transfer-Encoding: base64\r\n\r\n/w==\r\n"},
		{"line ends of its own", "Content-Transfer-Encoding: binary\r\n\r\na\xff\nb", "Content-Transfer-Encoding: base64\r\n\r\nYf8KYg==\r\n"},
		{"a part", "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\npre\r\n--b\r\n\r\nx \r\n--b \r\n\r\ny\r\n--b--\r\n",
			""},
		{"a part, and nothing else", "Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 8bit\r\n\r\npre\r\n--b\r\n\r\nx \r\n--b\r\n\r\ny\r\n--b--\r\n",
			"Content-Type: multipart/mixed; boundary=b\r\nContent-Transfer-Encoding: 7bit\r\n\r\npre\r\n--b\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nx=20\r\n--b\r\n\r\ny\r\n--b--\r\n"},
		{"a message", "Content-Type: message/rfc822\r\n\r\nSubject: x \r\n\r\nx \r\n",
			"Content-Type: message/rfc822\r\n\r\nSubject: x\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\nx=20\r\n"},
	} {
		got, err := Sturdy([]byte(c.in))
		if c.want == "" {
			if err == nil || !strings.Contains(err.Error(), "between its parts") {
				t.Errorf("%s: %q, %v", c.name, got, err)
			}
			continue
		}
		if err != nil || string(got) != c.want {
			t.Errorf("%s: %q, %v; want %q", c.name, got, err, c.want)
		}
	}
	deep := "x \r\n"
	for range maxDepth + 1 {
		deep = "Content-Type: message/rfc822\r\n\r\n" + deep
	}
	for in, want := range map[string]string{
		"Subject: \xfc\r\n\r\n": "a header has octets of more than 7 bits",
		"Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\nx \r\n--b--": "multipart/signed has white space",
		"Content-Type: application/pkcs7-mime\r\n\r\n\xff":                         "application/pkcs7-mime has octets",
		deep: "more than 16 entities",
	} {
		if got, err := Sturdy([]byte(in)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.40q: %q, %v; want %q", in, got, err, want)
		}
	}
}

// What is made sturdy is so, and stays as it is then.
func FuzzSturdyIsSturdy(f *testing.F) {
	f.Add([]byte("Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nx \r\n--b--\r\n"))
	f.Add([]byte("Content-Type: message/rfc822\r\n\r\nA: b\r\n\r\n\xff"))
	f.Add([]byte("\r\nFrom x"))
	f.Fuzz(func(t *testing.T, in []byte) {
		in = Canonical(in)
		out, err := Sturdy(in)
		if err != nil {
			return
		}
		e, err := Parse(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		if why := fragile(e.Body, false); why != "" {
			t.Fatalf("%q became %q, which has %s", in, out, why)
		}
		if again, err := Sturdy(out); err != nil || !bytes.Equal(again, out) {
			t.Fatalf("%q became %q, then %q, %v", in, out, again, err)
		}
		was, err := Parse(in)
		if err != nil {
			t.Fatal(err)
		}
		if mt, err := was.ContentType(); err != nil || mt.Multipart() || mt.Type == "message/rfc822" {
			return
		}
		a, err := was.Content(len(in))
		b, err2 := e.Content(len(in))
		if err != nil || err2 != nil || !bytes.Equal(a, b) {
			t.Fatalf("%q became %q: %v, %v", a, b, err, err2)
		}
	})
}
