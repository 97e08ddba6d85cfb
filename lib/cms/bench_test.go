package cms

import (
	"crypto/x509"
	"testing"
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
