package oraddr

import (
	"errors"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

func TestForm(t *testing.T) {
	for _, c := range []struct {
		text string
		form Form
	}{
		{"S=x; A=a; C=GB", Mnemonic},
		{"O=x; A=a; P=p; C=234", Mnemonic},
		{"CN=x; C=GB", Mnemonic},
		{"OU1=x; C=GB", Mnemonic},
		{"DDA:x=y; C=GB", Mnemonic},
		{"S=Müller; C=GB", Mnemonic},
		{"N-ID=1; DDA:x=y; C=GB", Numeric},
		{"X121=1; T-TY=ia5", Terminal},
		{"X121=1; DDA:x=y; C=GB", Terminal},
		{"E.164=441234; NET-SUB=1; C=GB", Terminal},
		{"PD-C=GB; PD-PC=AB1; PD-S=High Street 1; C=GB", Formatted},
		{"PD-C=GB; PD-A1=one; C=GB", Unformatted},
	} {
		a := mustParse(t, c.text)
		if err := a.Valid(); err != nil {
			t.Errorf("%s: %v", c.text, err)
		}
		if f := a.Form(); f != c.form {
			t.Errorf("%s is %v, want %v", c.text, f, c.form)
		}
	}
}

func TestInvalid(t *testing.T) {
	x := func(n int) string { return strings.Repeat("x", n) }
	for _, c := range []struct{ text, want string }{
		{"C=GB", "nothing in it names a user: an address needs O, OU, S, CN, DD, UA-ID, X121 or a postal attribute"},
		{"S=x; A=a", "C: missing in a mnemonic address"},
		{"S=x", "C: missing in a mnemonic address"},
		{"S=x; C=GBR", `C: "GBR" is neither two letters nor three digits`},
		{"S=x; C=G1", `C: "G1" is neither two letters nor three digits`},
		{"X121=1; P=p", "PRMD: without C and ADMD"},
		{"X121=1; A=a", "ADMD: without C"},
		{"S=x; X121=1; C=GB", "X121: a network address in a mnemonic address"},
		{"N-ID=1; S=x; C=GB", "O: organization, unit or personal attributes in a numeric address"},
		{"PD-PC=1; C=GB", "PD-C: missing in a formatted postal address"},
		{"PD-C=GB; PD-S=x; C=GB", "PD-CODE: missing in a formatted postal address"},
		{"PD-C=GB; PD-PC=1; N-ID=1; C=GB", "UA-ID: in a formatted postal address"},
		{"G=Ann; C=GB", "S: a personal name without a surname in the same variant"},
		{"NET-SUB=1; C=GB", "NET-SUB: a sub-address without a number"},
		{"S=a_b; C=GB", "S: asn1: character outside the repertoire of PrintableString: octet 0x5f at 1"},
		{"X121=12a", "X121: asn1: character outside the repertoire of NumericString: octet 0x61 at 2"},
		{"S=" + x(41) + "; C=GB", "S: 41 characters, the limit is 40"},
		{"S=x*" + x(41) + "; C=GB", "S: 41 octets of teletex, the limit is 40"},
		{"S=x**" + x(65) + "; C=GB", "S: 65 universal characters, the limit is 64"},
		{"S=x**y*eng; C=GB", `S: language "eng" has neither two nor five characters`},
		{"O=" + x(65) + "; C=GB", "O: 65 characters, the limit is 64"},
		{"OU1=" + x(33) + "; C=GB", "OU1: 33 characters, the limit is 32"},
		{"DDA:" + x(9) + "=v; C=GB", "DDA:xxxxxxxxx: 9 characters, the limit is 8"},
		{"DDA:t=" + x(129) + "; C=GB", "DDA:t: 129 characters, the limit is 128"},
		{"DDA:t=; C=GB", "DDA:t: the value is missing"},
		{"/OU=e/OU=d/OU=c/OU=b/OU=a/O=o/C=GB/", "OU: 5 units, the limit is 4"},
		{"/DD.e=1/DD.d=1/DD.c=1/DD.b=1/DD.a=1/C=GB/", "DD: 5 domain-defined attributes, the limit is 4"},
		{"OU1=*x; OU2=é; C=GB", "OU: no variant is complete: each member needs a printable value, or each another one"},
		{"T-TY=pigeon; X121=1", "T-TY: not one of tlx, ttx, g3fax, g4fax, ia5, vtx, nor a number"},
		{"/NET-PSAP=NS+01/NET-NUM=1/C=GB/", "NET-PSAP: an address has one extended network address only"},
		{"PD-C=GB; PD-A=a|b|c|d|e|f|g; C=GB", "PD-ADDRESS: 7 lines, the limit is 6"},
		{"PD-C=GB; PD-A=a||b; C=GB", "PD-ADDRESS: line 2 is empty"},
		{"PD-C=GB; PD-A1=" + x(31) + "; C=GB", "PD-A1: 31 characters, the limit is 30"},
		{"PD-C=GB; PD-PC=1; PD-S=" + x(31) + "; C=GB", "PD-STREET: 31 characters, the limit is 30"},
	} {
		err := mustParse(t, c.text).Valid()
		if err == nil || err.Error() != "oraddr: invalid address: "+c.want {
			t.Errorf("%s: %v, want %s", c.text, err, c.want)
			continue
		}
		var invalid *InvalidError
		if !errors.As(err, &invalid) || diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %v wraps no InvalidError of kind Data", c.text, err)
		}
	}
}
