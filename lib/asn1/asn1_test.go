package asn1_test

import (
	"encoding/json"
	"errors"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"pgregory.net/rapid"
)

func TestTagString(t *testing.T) {
	tests := []struct {
		tag  asn1.Tag
		want string
	}{
		{asn1.App(3), "[APPLICATION 3]"},
		{asn1.Context(2), "[2]"},
		{asn1.Tag{Class: asn1.Private, Number: 1 << 31}, "[PRIVATE 2147483648]"},
		{asn1.Univ(asn1.NumberSequence), "SEQUENCE"},
		{asn1.Univ(14), "[UNIVERSAL 14]"},
		{asn1.Univ(4294967295), "[UNIVERSAL 4294967295]"},
		{asn1.Tag{}, "end-of-contents"},
	}
	for _, tt := range tests {
		if got := tt.tag.String(); got != tt.want {
			t.Errorf("%#v is written %s, want %s", tt.tag, got, tt.want)
		}
	}
	if b, err := json.Marshal(asn1.App(3)); err != nil || string(b) != `"[APPLICATION 3]"` {
		t.Errorf("in JSON %s, %v", b, err)
	}
}

func TestOIDValid(t *testing.T) {
	for oid, want := range map[asn1.OID]bool{
		"0.0": true, "1.39": true, "2.6.0.2.7": true, "2.999.1": true, "1.3.26.0.4406.0.4.1": true,
		"2.25.329800735698586629295641978511506172918": true,
		"": false, "1": false, "3.1": false, "1.40": false, "0.100": false, "1.": false, ".1": false,
		"1..2": false, "1.02": false, "1.2 ": false, "1.-2": false, "2.x": false, "10.1": false,
	} {
		if err := oid.Valid(); (err == nil) != want {
			t.Errorf("%q: %v", string(oid), err)
		}
	}
}

func TestOIDHasPrefix(t *testing.T) {
	for _, tt := range []struct {
		oid, prefix asn1.OID
		want        bool
	}{
		{"2.6.3", "2.6", true}, {"2.6", "2.6", true}, {"2.60", "2.6", false}, {"2.6", "2.6.3", false},
	} {
		if got := tt.oid.HasPrefix(tt.prefix); got != tt.want {
			t.Errorf("%s below %s: %t", tt.oid, tt.prefix, got)
		}
	}
}

func TestRepertoires(t *testing.T) {
	tests := []struct {
		name string
		err  error
		ok   bool
	}{
		{"IA5", asn1.IA5String("a\x00\x7f").Valid(), true},
		{"IA5 with eight bits", asn1.IA5String("a\x80").Valid(), false},
		{"printable", asn1.PrintableString("Az09 '()+,-./:=?").Valid(), true},
		{"printable with an at sign", asn1.PrintableString("a@b").Valid(), false},
		{"printable with an underscore", asn1.PrintableString("a_b").Valid(), false},
		{"printable with an asterisk", asn1.PrintableString("a*b").Valid(), false},
		{"numeric", asn1.NumericString("0 9").Valid(), true},
		{"numeric with a sign", asn1.NumericString("+1").Valid(), false},
		{"visible", asn1.VisibleString(" ~").Valid(), true},
		{"visible with a tab", asn1.VisibleString("\t").Valid(), false},
	}
	for _, tt := range tests {
		if tt.ok && tt.err != nil || !tt.ok && !errors.Is(tt.err, asn1.ErrRepertoire) {
			t.Errorf("%s: %v", tt.name, tt.err)
		}
	}
}

func TestUTCTime(t *testing.T) {
	for text, want := range map[asn1.UTCTime]string{
		"261124043000Z":     "2026-11-24T04:30:00Z",
		"2611240430Z":       "2026-11-24T04:30:00Z",
		"2611240430+0130":   "2026-11-24T03:00:00Z",
		"261124233059-0130": "2026-11-25T01:00:59Z",
		"491231235959Z":     "2049-12-31T23:59:59Z",
		"500101000000Z":     "1950-01-01T00:00:00Z",
		"000229000000Z":     "2000-02-29T00:00:00Z",
		"":                  "", "Z": "", "261124Z": "", "261124043000": "", "261324043000Z": "", "260230000000Z": "",
		"261124043060Z": "", "261124043000z": "", "26112404300Z": "", "261124043000+01": "2026-11-24T03:30:00Z",
		"261124043000+2400": "", "261124043000+01300": "", "2611240430-+100": "", "+61124043000Z": "", "261124043000ZZ": "",
	} {
		checkTime(t, string(text), text.Time, want)
	}
}

func TestGeneralizedTime(t *testing.T) {
	for text, want := range map[asn1.GeneralizedTime]string{
		"20261124043000Z":           "2026-11-24T04:30:00Z",
		"20261124043000.5Z":         "2026-11-24T04:30:00.5Z",
		"20261124043000,25":         "2026-11-24T04:30:00.25Z",
		"2026112404.5Z":             "2026-11-24T04:30:00Z",
		"202611240430.1+0100":       "2026-11-24T03:30:06Z",
		"2026112404":                "2026-11-24T04:00:00Z",
		"20261124043000.Z":          "",
		"20261124043000.x":          "",
		"20261124043000.1234567890": "",
		"20261124":                  "",
		"2026112404300":             "",
	} {
		checkTime(t, string(text), text.Time, want)
	}
}

func checkTime(t *testing.T, text string, parse func() (time.Time, error), want string) {
	t.Helper()
	got, err := parse()
	switch {
	case want == "":
		if !errors.Is(err, asn1.ErrTime) {
			t.Errorf("%q: %v, %v", text, got, err)
		}
	case err != nil || got.Format(time.RFC3339Nano) != want:
		t.Errorf("%q: %v, %v, want %s", text, got, err, want)
	}
}

func TestTimeRoundTrip(t *testing.T) {
	first := time.Date(1950, 1, 1, 0, 0, 0, 0, time.UTC).Unix()
	last := time.Date(2049, 12, 31, 23, 59, 59, 0, time.UTC).Unix()
	rapid.Check(t, func(t *rapid.T) {
		want := time.Unix(rapid.Int64Range(first, last).Draw(t, "t"), 0)
		zone := time.FixedZone("", rapid.IntRange(-12, 14).Draw(t, "hours")*3600)
		if got, err := asn1.NewUTCTime(want.In(zone)).Time(); err != nil || !got.Equal(want) {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
		if got, err := asn1.NewGeneralizedTime(want.In(zone)).Time(); err != nil || !got.Equal(want) {
			t.Fatalf("%v, %v, want %v", got, err, want)
		}
	})
}

func FuzzTimeNeverPanics(f *testing.F) {
	f.Add("261124043000Z")
	f.Add("20261124043000.5+0100")
	f.Fuzz(func(t *testing.T, s string) {
		if got, err := asn1.UTCTime(s).Time(); err == nil {
			if again, err := asn1.NewUTCTime(got).Time(); err == nil && got.Year() >= 1950 && got.Year() < 2050 && !again.Equal(got) {
				t.Errorf("%q is %v, then %v", s, got, again)
			}
		}
		_, _ = asn1.GeneralizedTime(s).Time()
	})
}

func TestBitString(t *testing.T) {
	b := asn1.Bits(0, 2, 9)
	if got, want := b.String(), "'1010000001'B"; got != want {
		t.Errorf("%s, want %s", got, want)
	}
	for i, want := range map[int]bool{-1: false, 0: true, 1: false, 2: true, 9: true, 10: false, 1000: false} {
		if b.At(i) != want {
			t.Errorf("bit %d is %t", i, b.At(i))
		}
	}
	c := b.Clone()
	c.Clear(0)
	c.Clear(1000)
	c.Set(15)
	if !b.At(0) || c.At(0) || c.String() != "'0010000001000001'B" {
		t.Errorf("%v and its changed clone %v", b, c)
	}
	if (asn1.BitString{}).String() != "''B" {
		t.Error("empty")
	}
	short := asn1.BitString{BitLength: 100, Bytes: []byte{0xff}}
	if short.At(8) {
		t.Error("a bit without an octet is one")
	}
}
