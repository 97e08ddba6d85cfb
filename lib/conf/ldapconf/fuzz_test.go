package ldapconf

import (
	"bytes"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// What a directory says is a configuration or an error of kind Config, never anything worse;
// and what is read of LDIF is written as what is read again.
func FuzzDecode(f *testing.F) {
	network, err := os.ReadFile(examples + "network.ldif")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(network)
	for _, seed := range []string{
		"dn: cn=MTA-A,ou=mtas,o=Example\nmTAName: MTA-A\nglobalDomainID: /C=GB/\nroutingTreeList: { \"cn=MTA-A,ou=mtas,o=Example\" }\n",
		"version: 1\ndn:: Y249TVRBLUEsb3U9bXRhcyxvPUV4YW1wbGU=\nobjectClass: alias\n aliased\n# x\n",
		"dn: MHS-G=A+MHS-S=B,MHS-OU=\\20,ADMD=\\20,c=GB,cn=x,ou=trees,o=Example\nmTAInfo: { name \"cn=MTA-A,ou=mtas,o=Example\", weight 5 }\nredirect: { { or-name \"x\", reason alias, filter min-size:1 } }\n",
		"dn: cn=1,ou=list,cn=MTA-A,ou=mtas,o=Example\nobjectClass: mtakitList\nmhs-dl-submit-permissions: member-of-dl:/CN=L/ADMD=A/C=GB/\nmhs-dl-policy: { report-propagation 1, requested-delivery-method replaced:{ 1, mhs-delivery }, further-dl-expansion-allowed FALSE }\n",
		"dn: 2.5.4.3=x+cn=y,ou=trees,o=Example\nnonDeliveryInfo: { reason 1 }\naccessMD: cn=x,ou=trees,o=Example\n",
	} {
		f.Add([]byte(seed))
	}
	l, err := NewLayout("o=Example", "MTA-A")
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		entries, err := ReadLDIF(bytes.NewReader(text), "fuzz")
		if err != nil {
			if diag.KindOf(err) != diag.Data {
				t.Fatalf("%v is of kind %v", err, diag.KindOf(err))
			}
			return
		}
		var written bytes.Buffer
		if err := WriteLDIF(&written, entries); err != nil {
			t.Fatal(err)
		}
		again, err := ReadLDIF(bytes.NewReader(written.Bytes()), "again")
		if err != nil {
			t.Fatalf("%v in %q", err, written.String())
		}
		if diff := cmp.Diff(plainEntries(entries), plainEntries(again)); diff != "" {
			t.Fatal(diff)
		}
		if err := Decode(conf.New(), entries, l, "/"); err != nil && diag.KindOf(err) != diag.Config {
			t.Fatalf("%v is of kind %v", err, diag.KindOf(err))
		}
	})
}

// plainEntries are entries as they are written.
func plainEntries(entries []Entry) (all []string) {
	for i := range entries {
		lines := []string{key(entries[i].DN)}
		for _, a := range entries[i].Attributes {
			for _, v := range a.Values {
				lines = append(lines, a.Name+"="+v)
			}
		}
		all = append(all, strings.Join(lines, "\n"))
	}
	return all
}
