package cms

import (
	"bytes"
	"encoding/pem"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// A file of which a part cannot be read is not one with less in it: a list that is left out
// revokes nobody.
func TestDamagedPEM(t *testing.T) {
	ca, ann := people(t)
	list := pem.EncodeToMemory(&pem.Block{Type: pemList, Bytes: ca.list(t, nil).Raw})
	certificate := pem.EncodeToMemory(&pem.Block{Type: pemCertificate, Bytes: ann.cert.Raw})
	lists := func(octets []byte) (int, error) {
		all, err := ReadLists(octets)
		return len(all), err
	}
	certificates := func(octets []byte) (int, error) {
		all, err := ReadCertificates(octets)
		return len(all), err
	}
	for _, of := range []struct {
		read func([]byte) (int, error)
		one  []byte
	}{{lists, list}, {certificates, certificate}} {
		damaged := bytes.Replace(of.one, []byte("\nMI"), []byte("\nM?"), 1)
		for _, c := range []struct {
			octets []byte
			want   int
		}{
			{of.one, 1},
			{slices.Concat([]byte("of the year 2026\n"), of.one, []byte("and\n"), of.one), 2},
			{slices.Concat(list, certificate, []byte("\n")), 1},
			{slices.Concat(of.one, of.one[:len(of.one)-30]), 0},
			{slices.Concat(of.one, []byte("-----BEGIN X509 C")), 0},
			{slices.Concat(damaged, of.one), 0},
			{slices.Concat(of.one, damaged), 0},
			{damaged, 0},
		} {
			n, err := of.read(c.octets)
			if n != c.want || (err == nil) != (c.want > 0) || err != nil && diag.KindOf(err) != diag.Config {
				t.Errorf("%d, %v; want %d in\n%s", n, err, c.want, c.octets)
			}
		}
	}
	two := slices.Concat(ca.list(t, nil).Raw, ca.list(t, nil).Raw)
	if _, err := ReadLists(two); err == nil || !strings.Contains(err.Error(), "octets after it") {
		t.Errorf("two lists in DER: %v", err)
	}
}
