package ipms

import (
	"bytes"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// TestBodyParts decodes one body part of every kind, says what it is, and encodes
// it again bit for bit.
func TestBodyParts(t *testing.T) {
	for _, c := range []struct {
		name, octets, kind, text string
		file                     string
		shown                    string
	}{
		{"ia5-text", "A0 0A 31 03 80 01 05 16 03 61 62 63", "ia5-text", "abc", "", "abc"},
		{"ia5-text of ITA2", "A0 0A 31 03 80 01 02 16 03 41 42 43", "ia5-text", "ABC", "", "ABC"},
		{"g3", "A3 0A 31 03 80 01 01 30 03 03 01 00", "g3-facsimile", "", "", "(g3-facsimile, 0 octets)"},
		{"g4", "A4 02 05 00", "g4-class1", "", "", "(g4-class1, 4 octets)"},
		{"teletex", "A5 0D 31 03 80 01 02 30 06 14 01 61 14 01 E1", "teletex", "a\fÆ", "", "a{012}Æ"},
		{"videotex", "A6 05 31 00 15 01 41", "videotex", "", "", "(videotex, 1 octets)"},
		{"nationally-defined", "A7 02 05 00", "nationally-defined", "", "", "(nationally-defined, 4 octets)"},
		{"encrypted", "A8 0B 31 05 30 03 06 01 2A 03 02 00 01", "encrypted", "", "", "(encrypted, 1 octets)"},
		{"mixed-mode", "AB 00", "mixed-mode", "", "", "(mixed-mode, 2 octets)"},
		{"bilaterally-defined", "8E 03 01 02 03", "bilaterally-defined", "", "\x01\x02\x03", "(file of 3 octets)"},
		{"unknown", "B2 02 05 00", "[18]", "", "", "([18], 4 octets)"},
		{"unknown of high number", "9F 81 00 01 FF", "[128]", "", "", "([128], 5 octets)"},
		{"extended, unknown", "AF 0D 28 0B 06 03 2A 03 04 A0 04 13 02 68 69", "1.2.3.4", "", "", "(1.2.3.4, 4 octets)"},
		{"extended ia5-text", "AF 0D 28 0B 06 04 56 01 04 00 A0 03 16 01 41", "ia5-text", "A", "", "A"},
		{"general-text",
			"AF 1E A0 11 06 04 56 01 0B 0B A0 09 31 07 02 01 06 02 02 00 64 28 09 06 04 56 01 04 0B 81 01 00",
			"general-text", "", "", "(general-text, 1 octets)"},
		{"general-text of latin 1",
			"AF 23 A0 11 06 04 56 01 0B 0B A0 09 31 07 02 01 06 02 02 00 64 28 0E 06 04 56 01 04 0B A0 06 1B 04 61 E9 DF 0A",
			"general-text", "aéß\n", "", "aéß"},
		{"general-text, octet-aligned",
			"AF 0E 28 0C 06 04 56 01 04 0B 81 04 1B 02 68 69", "general-text", "hi", "", "hi"},
		{"file of two values",
			"AF 23 28 21 06 04 56 01 04 0C A0 19 30 17 28 08 06 03 28 02 04 81 01 41 28 0B 06 03 28 02 04 A0 04 04 02 42 43",
			"file-transfer", "", "ABC", "(file of 3 octets)"},
		{"content",
			"AF 15 28 13 06 0C 56 01 04 11 01 03 1A 00 A2 36 00 04 A0 03 04 01 FF",
			"content 1.3.26.0.4406.0.4", "", "", "(content 1.3.26.0.4406.0.4, 1 octets)"},
		{"content without its OCTET STRING", "AF 11 28 0F 06 07 56 01 04 11 01 02 03 A0 04 A0 02 05 00",
			"content 1.2.3", "", "", "(content 1.2.3, 4 octets)"},
		{"file with the pathname of ISO 8571", "AF 2C A0 14 06 04 56 01 0B 0C A0 0C 30 0A A4 08 77 06 19 01 61 19 01 62 28 14 06 04 56 01 04 0C A0 0C 30 0A 28 08 06 03 28 02 04 81 01 41",
			"file-transfer", "", "A", "(file \"b\" of 1 octets)"},
	} {
		t.Run(c.name, func(t *testing.T) {
			octets := unhex(t, c.octets)
			var b BodyPart
			if rest, err := ber.Unmarshal(octets, &b, ber.Limits{}); err != nil || len(rest) > 0 {
				t.Fatal(err, rest)
			}
			if b.Type() != c.kind {
				t.Errorf("a %s, want %s", b.Type(), c.kind)
			}
			if text, ok := b.Text(); text != c.text || ok != (c.text != "") {
				t.Errorf("text %q, %v", text, ok)
			}
			if f, ok := b.File(); string(f.Data) != c.file || ok != (c.file != "") {
				t.Errorf("file %q, %v", f.Data, ok)
			}
			if again, err := ber.Marshal(b); err != nil || !bytes.Equal(again, octets) {
				t.Errorf("re-encoded as %x, %v", again, err)
			}
			var shown strings.Builder
			if err := Render(&shown, InformationObject{IPM: &IPM{Body: []BodyPart{b}}}, Dialect{}); err != nil {
				t.Fatal(err)
			}
			if shown.String() != "\n"+c.shown+"\n" {
				t.Errorf("shown as %q, want %q", shown.String(), c.shown)
			}
		})
	}
}

// TestForwarded shows a message within a message, both as the basic body part and
// as the extended one.
func TestForwarded(t *testing.T) {
	inner := unhex(t, hello)[3:] // the contents of [0]: heading and body
	basic := element(asn1.Context(9), unhex(t, "31 0F 80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A"),
		element(asn1.Univ(asn1.NumberSequence), inner))
	extended := element(asn1.Context(15), element(asn1.Univ(asn1.NumberExternal), unhex(t, "06 04 56 01 04 07"),
		element(asn1.Context(0), element(asn1.Univ(asn1.NumberSequence), inner))))
	for _, c := range []struct {
		name, delivered string
		part            []byte
	}{{"basic", "Delivered: 2026-11-24 04:30:00Z\n", basic}, {"extended", "", extended}} {
		t.Run(c.name, func(t *testing.T) {
			outer := element(asn1.Context(0), unhex(t, "31 05 6B 03 13 01 32"), element(asn1.Univ(asn1.NumberSequence), c.part))
			o, err := Decode(outer)
			if err != nil {
				t.Fatal(err)
			}
			m, ok := o.IPM.Body[0].Forwarded()
			if !ok || m.Heading.SubjectText() != "Hello" {
				t.Fatal(m, ok)
			}
			var shown strings.Builder
			if err := Render(&shown, o, Dialect{}); err != nil {
				t.Fatal(err)
			}
			want := "This-IPM: 2\n\n" + c.delivered + `| To: /G=Bob/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/
| Subject: Hello
| This-IPM: 1 /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/
| 
| Hello world
`
			if d := cmp.Diff(want, shown.String()); d != "" {
				t.Error(d)
			}
		})
	}
}

func element(tag asn1.Tag, contents ...[]byte) []byte {
	all := bytes.Join(contents, nil)
	return append(ber.AppendHeader(nil, tag, true, int64(len(all))), all...)
}

func TestNotifications(t *testing.T) {
	const subject = "6B 03 13 01 31"
	for _, c := range []struct{ name, octets, want string }{
		{"receipt notification", "A1 1B " + subject + " A0 14 A1 12 80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 81 01 01",
			"Receipt notification\nAbout: 1\nReceived: 2026-11-24 04:30:00Z\nAcknowledged: automatic\n"},
		{"non-receipt notification", "A1 12 " + subject + " A0 0B A0 09 80 01 00 81 01 01 82 01 78",
			"Non-receipt notification\nAbout: 1\nReason: ipm-discarded\nDiscarded: ipm-obsoleted\nComment: x\n"},
		{"reason unknown", "A1 0C " + subject + " A0 05 A0 03 80 01 07", "Non-receipt notification\nAbout: 1\nReason: 7\n"},
		{"other", "A1 0E " + subject + " A0 07 A2 05 30 03 06 01 2A", "Other notification\nAbout: 1\n1.2: 0 octets\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			octets := unhex(t, c.octets)
			o, err := Decode(octets)
			if err != nil {
				t.Fatal(err)
			}
			var shown strings.Builder
			if err := Render(&shown, o, Dialect{}); err != nil || shown.String() != c.want {
				t.Errorf("%q, %v", shown.String(), err)
			}
			if again, err := o.Encode(); err != nil || !bytes.Equal(again, octets) {
				t.Errorf("re-encoded as %x, %v", again, err)
			}
		})
	}
}

// TestRender shows every field of a heading, and nothing that could move a cursor.
func TestRender(t *testing.T) {
	m := draft(t)
	low, private := Low, Private
	m.From = "Ann S."
	m.Copy = []Recipient{{Address: m.Originator, ReplyRequested: true}}
	m.BlindCopy = m.Copy
	m.Subject = "Grüße €"
	m.Importance, m.Sensitivity = &low, &private
	m.RepliedTo = &IPMIdentifier{UserRelativeIdentifier: "0"}
	m.Related = []IPMIdentifier{{UserRelativeIdentifier: "00"}}
	m.Extensions = []Extension{
		{Type: ExtAutoSubmitted, Value: ber.Raw{10, 1, 2}},
		{Type: ExtLanguages, Value: ber.Raw{0x31, 8, 0x13, 2, 'd', 'e', 0x13, 2, 'e', 'n'}},
		{Type: ExtIncompleteCopy},
		{Type: "1.2.3", Value: ber.Raw{5, 0}},
	}
	m.Text = "one\ttwo\x1b[31m\u0007\nthree\n\n"
	m.Attachments = []Attachment{{Name: "a\"b.txt", Description: "an\x08 example", Size: 3, Data: strings.NewReader("abc")}}
	o := composed(t, m)
	o.IPM.Heading.AutoForwarded = true
	o.IPM.Heading.ExpiryTime = "tomorrow\x1b"
	var shown strings.Builder
	if err := Render(&shown, o, Dialect{}); err != nil {
		t.Fatal(err)
	}
	const want = `From: Ann S. </G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/>
To: Bob Jønes </G=Bob/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/> [asks for receipt notification, non-receipt notification]
Copy: /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/ [asks for reply]
Blind-Copy: /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/ [asks for reply]
Subject: Grüße €
This-IPM: 1 /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/
Replied-To: 0
Related: 00
Expires: tomorrow{027}
Importance: low
Sensitivity: private
Auto-Forwarded: yes
auto-submitted: auto-replied
languages: de, en
incomplete-copy: yes
1.2.3: 2 octets

--- part 1 of 2: ia5-text ---
one	two{027}[31m{007}
three


--- part 2 of 2: file-transfer ---
(file "a\"b.txt" of 3 octets)
an{008} example
`
	if d := cmp.Diff(want, shown.String()); d != "" {
		t.Error(d)
	}
}

func TestDecodeErrors(t *testing.T) {
	for _, c := range []struct{ name, octets string }{
		{"empty", ""},
		{"neither message nor notification", "A2 00"},
		{"no heading", "A0 02 30 00"},
		{"octets after it", hello + "00"},
		{"cut short", "A0 81 87 31 70 6B 31"},
		{"no kind of notification", "A1 05 6B 03 13 01 31"},
	} {
		if _, err := Decode(unhex(t, c.octets)); diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %v of kind %v", c.name, err, diag.KindOf(err))
		}
	}
	if _, err := DecodeLimited(unhex(t, hello), ber.Limits{Octets: 20}); err == nil {
		t.Error("the limit is not kept")
	}
}

// FuzzDecodeIPM: what Decode accepts can be shown and encodes to what decodes to
// the same again.
func FuzzDecodeIPM(f *testing.F) {
	f.Add(unhex(f, hello))
	f.Add(unhex(f, "A1 1B 6B 03 13 01 31 A0 14 A1 12 80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 81 01 01"))
	m := draft(f)
	m.Text, m.Subject = "Grüße", "100 €"
	m.Attachments = []Attachment{{Name: "é", Description: "d", Size: 3, Data: strings.NewReader("abc")}}
	c, err := Compose(m)
	if err != nil {
		f.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(b)
	f.Fuzz(func(t *testing.T, b []byte) {
		o, err := Decode(b)
		if err != nil {
			return
		}
		if err := Render(io.Discard, o, Dialect{}); err != nil {
			t.Fatal(err)
		}
		if o.IPM != nil {
			for i := range o.IPM.Body {
				b := &o.IPM.Body[i]
				_, text := b.Text()
				if _, forwarded := b.Forwarded(); !text && !forwarded && b.G3Facsimile == nil && b.Extended == nil && len(b.Pieces()) != 1 {
					t.Fatalf("body part %d, %s, is neither shown nor saved", i, b.Type())
				}
				b.Pieces()
			}
		}
		first, err := o.Encode()
		if err != nil {
			t.Fatalf("%x cannot be encoded again: %v", b, err)
		}
		o2, err := Decode(first)
		if err != nil {
			t.Fatalf("%x was encoded as %x: %v", b, first, err)
		}
		second, err := o2.Encode()
		if err != nil || !bytes.Equal(first, second) {
			t.Fatalf("%x was encoded as %x and then as %x, %v", b, first, second, err)
		}
	})
}

// The extensions of the envelope that X.420 defines, with the criticality it
// recommends.
func TestEnvelopeExtensions(t *testing.T) {
	for _, c := range []struct {
		kind        mts.ExtensionType
		criticality mts.Criticality
		want, stage string
	}{
		{ExtBlindCopyRecipients.Type(), ExtBlindCopyRecipients.RecommendedCriticality(), "blind-copy-recipients", ""},
		{ExtBodyPartEncryptionToken.Type(), ExtBodyPartEncryptionToken.RecommendedCriticality(), "body-part-encryption-token", "for-delivery"},
		{ExtForwardedContentToken.Type(), ExtForwardedContentToken.RecommendedCriticality(), "forwarded-content-token", "for-delivery"},
	} {
		if c.kind.String() != c.want || c.criticality.String() != c.stage {
			t.Errorf("%v, %v: want %s, %s", c.kind, c.criticality, c.want, c.stage)
		}
	}
	for _, v := range []any{BodyPartTokens{}, EncryptionToken{}, ForwardedContentToken{}} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

// A line that is shown is the line that was written, and not another for the eye.
func TestPrintable(t *testing.T) {
	for text, want := range map[string]string{
		"gpj.\u202eexe\u2066\u2069":      "gpj.{8238}exe{8294}{8297}",
		"\u200fשלום\u200e a\tb":          "\u200fשלום\u200e a\tb",
		"\x1b[31m\u009b\x7f \xff \ufffd": "{027}[31m{155}{127} {255} {239}",
	} {
		if got := printable(text); got != want {
			t.Errorf("%q: %q, not %q", text, got, want)
		}
	}
}
