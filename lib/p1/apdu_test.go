package p1

import (
	"bytes"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
)

// The octets that an independent decoder has confirmed decode into the types
// of package mts and are encoded from them again bit for bit.
func TestOctetsSurvive(t *testing.T) {
	for _, c := range []struct {
		name   string
		octets string
		params string
		value  any
	}{
		{"message", messageOctets, "", &MTSAPDU{}},
		{"report", reportOctets, "", &MTSAPDU{}},
		{"probe", probeOctets, "", &MTSAPDU{}},
		{"bind argument", bindArgumentOctets, "[16] EXPLICIT", &mts.MTABindArgument{}},
		{"bind result", bindResultOctets, "[17] EXPLICIT", &mts.MTABindResult{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			want := octets(t, c.octets)
			if err := decode(want, c.value, c.params, Limits{}); err != nil {
				t.Fatal(err)
			}
			got, err := ber.MarshalWith(c.value, c.params)
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("encoded again:\n% x\nwant\n% x", got, want)
			}
		})
	}
}
