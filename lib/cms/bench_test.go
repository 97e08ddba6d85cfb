package cms

import (
	"crypto/x509"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/rfc822"
)

func BenchmarkSign(b *testing.B) {
	_, ann := people(b)
	for _, kind := range []string{"rsa", "p256", "ed25519"} {
		who := issue(b, ann.up, kind, "bench")
		s := who.signing(b, How{Label: label})
		for name, body := range map[string][]byte{"1KiB": make([]byte, 1<<10), "10MiB": make([]byte, 10<<20)} {
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					if _, err := s.Sign(body, false); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}

func BenchmarkVerify(b *testing.B) {
	_, ann := people(b)
	for _, kind := range []string{"rsa", "p256", "ed25519"} {
		who := issue(b, ann.up, kind, "bench")
		for name, body := range map[string][]byte{"1KiB": make([]byte, 1<<10), "10MiB": make([]byte, 10<<20)} {
			der := who.sign(b, body, false, How{Label: label})
			o := &Options{Roots: []*x509.Certificate{who.root()}, Time: now()}
			b.Run(kind+"/"+name, func(b *testing.B) {
				b.SetBytes(int64(len(body)))
				b.ReportAllocs()
				for b.Loop() {
					object, err := Parse(der, Limits{})
					if err != nil {
						b.Fatal(err)
					}
					if v := object.Signed.Verify(nil, o); !v.Valid {
						b.Fatal(v.All())
					}
				}
			})
		}
	}
}

// What a gateway does with a message: verify the outer signature, and put its own there.
func BenchmarkVerifyAndReplace(b *testing.B) {
	_, ann := people(b)
	body := "From: ann@example.org\r\nSubject: x\r\n\r\n" + strings.Repeat("a line of a message\r\n", 200)
	for _, kind := range []string{"rsa", "p256"} {
		for _, shape := range shapes {
			who := issue(b, ann.up, kind, "ann")
			s := who.signing(b, How{Label: label})
			signed, err := s.Mail([]byte(body), shape, rfc822.RFC9788)
			if err != nil {
				b.Fatal(err)
			}
			o := &Options{Roots: []*x509.Certificate{who.root()}, Time: now()}
			b.Run(kind+"/"+string(shape), func(b *testing.B) {
				b.ReportAllocs()
				for b.Loop() {
					m, err := Read(signed, Limits{})
					if err != nil {
						b.Fatal(err)
					}
					if v := m.Verify(nil, o, false); !v.Valid {
						b.Fatal(v.All())
					}
					if _, err := s.Replace(m, nil); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
