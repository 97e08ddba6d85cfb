package mts

import (
	"slices"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
)

func TestContentTypeText(t *testing.T) {
	for _, c := range []struct {
		in   string
		want ContentType
		text string
	}{
		{"p22", NewContentType(22), "p22"},
		{"P2", NewContentType(2), "p2"},
		{"22", NewContentType(22), "p22"},
		{"35", NewContentType(EDIMessaging), "p35"},
		{"0", NewContentType(0), "unidentified"},
		{"99", NewContentType(99), "99"},
		{"p772", NewExtendedContentType(ContentP772), "p772"},
		{"1.3.26.0.4406.0.4.1", NewExtendedContentType(ContentP772), "p772"},
		{"2.6.3.3.1", NewExtendedContentType(ContentInnerEnvelope), "inner-envelope"},
		{"1.2.840.113549.1.9.16.1.6", NewExtendedContentType("1.2.840.113549.1.9.16.1.6"), "1.2.840.113549.1.9.16.1.6"},
	} {
		got, err := ParseContentType(c.in)
		if err != nil || !got.Equal(c.want) {
			t.Errorf("ParseContentType(%q) = %v, %v", c.in, got, err)
		}
		if got.String() != c.text {
			t.Errorf("%q prints as %q, want %q", c.in, got, c.text)
		}
	}
	for _, bad := range []string{"", "p23", "-1", "32768", "1.99", "mail"} {
		if got, err := ParseContentType(bad); err == nil {
			t.Errorf("ParseContentType(%q) = %v, want an error", bad, got)
		}
	}
	if NewContentType(22).Equal(NewContentType(2)) || NewContentType(22).Equal(NewExtendedContentType("2.2.2")) {
		t.Error("different content types are equal")
	}
}

func TestEncodedInformationTypes(t *testing.T) {
	e := NewEncodedInformationTypes("2.6.3.4.2", "1.0.10021.7.1.0.100", "2.6.3.4.5")
	if !e.BuiltInEncodedInformationTypes.At(EITIA5Text) || !e.BuiltInEncodedInformationTypes.At(EITTeletex) {
		t.Errorf("built-in types are %v", e.BuiltInEncodedInformationTypes)
	}
	want := []asn1.OID{"2.6.3.4.2", "2.6.3.4.5", "1.0.10021.7.1.0.100"}
	if got := e.Types(); !slices.Equal(got, want) {
		t.Errorf("Types = %v, want %v", got, want)
	}
	if got := e.String(); got != "ia5-text,teletex,1.0.10021.7.1.0.100" {
		t.Errorf("String = %q", got)
	}
	// A sender may name a built-in type both ways.
	e.ExtendedEncodedInformationTypes = append(e.ExtendedEncodedInformationTypes, "2.6.3.4.2")
	if got := e.Types(); !slices.Equal(got, want) {
		t.Errorf("Types = %v, want each once", got)
	}
	if got := (*EncodedInformationTypes)(nil).Types(); got != nil {
		t.Errorf("absent types are %v", got)
	}
}
