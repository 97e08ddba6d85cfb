package ipms

import (
	"bytes"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/charset"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

func parsed(t testing.TB, s string) oraddr.Address {
	t.Helper()
	a, err := oraddr.Parse(s)
	if err != nil {
		t.Fatal(err)
	}
	return a
}

func draft(t testing.TB) Message {
	high := High
	return Message{
		ThisIPM:    "1",
		Originator: parsed(t, "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"),
		To:         []Recipient{{Address: parsed(t, "/G=Bob/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/"), Name: "Bob Jønes", Notify: Requests(RequestRN, RequestNRN)}},
		Subject:    "Hello",
		Text:       "Hello world\n",
		Importance: &high,
	}
}

func composed(t testing.TB, m Message) InformationObject {
	t.Helper()
	c, err := Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(c)
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != c.Size() {
		t.Fatalf("%d octets, Size said %d", len(b), c.Size())
	}
	o, err := Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	again, err := o.Encode()
	if err != nil || !bytes.Equal(again, b) {
		t.Fatalf("%x re-encoded as %x, %v", b, again, err)
	}
	return o
}

// TestComposeText proves which body part a text becomes.
func TestComposeText(t *testing.T) {
	for _, c := range []struct {
		name, text, want, kind string
		eits                   []asn1.OID
	}{
		{"ascii", "Hello\nworld\r\n", "Hello\r\nworld\r\n", "ia5-text", nil},
		{"empty", "", "", "ia5-text", nil},
		{"latin 1", "Grüße", "Grüße", "general-text", []asn1.OID{"1.0.10021.7.1.0.1", "1.0.10021.7.1.0.6", "1.0.10021.7.1.0.100"}},
		{"latin 2", "Łódź", "Łódź", "general-text", []asn1.OID{"1.0.10021.7.1.0.1", "1.0.10021.7.1.0.6", "1.0.10021.7.1.0.101"}},
		{"greek", "αβγ", "αβγ", "general-text", []asn1.OID{"1.0.10021.7.1.0.1", "1.0.10021.7.1.0.6", "1.0.10021.7.1.0.126"}},
		{"cyrillic", "Привет", "Привет", "general-text", []asn1.OID{"1.0.10021.7.1.0.1", "1.0.10021.7.1.0.6", "1.0.10021.7.1.0.144"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := draft(t)
			m.Text = c.text
			o := composed(t, m)
			part := o.IPM.Body[0]
			if part.Type() != c.kind {
				t.Errorf("a %s, want %s", part.Type(), c.kind)
			}
			if text, ok := part.Text(); !ok || text != c.want {
				t.Errorf("text %q, %v", text, ok)
			}
			content, _ := Compose(m)
			eits := content.EncodedInformationTypes()
			if d := cmp.Diff(c.eits, eits.ExtendedEncodedInformationTypes); d != "" {
				t.Error(d)
			}
			if eits.BuiltInEncodedInformationTypes.At(2) != (c.kind == "ia5-text") {
				t.Error("bit 2, ia5-text, is wrong")
			}
		})
	}
}

func TestComposeSubject(t *testing.T) {
	long := strings.Repeat("é", 100)
	for _, c := range []struct {
		name, subject, teletex string
		extended               bool
	}{
		{"none", "", "", false},
		{"ascii", "Hello", "Hello", false},
		{"accents", "Über $1", "\xc8Uber \xa41", false},
		{"beyond T.61", "100 € {net}", "100 ? ?net?", true},
		{"too long", long, strings.Repeat("\xc2e", 64), true},
		{"beyond the basic plane", "🙂", "?", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := draft(t)
			m.Subject = c.subject
			h := composed(t, m).IPM.Heading
			if got := h.SubjectText(); got != c.subject {
				t.Errorf("subject %q", got)
			}
			if c.subject == "" {
				if h.Subject != nil {
					t.Error("an empty subject is there")
				}
				return
			}
			if string(*h.Subject) != c.teletex {
				t.Errorf("teletex %q, want %q", *h.Subject, c.teletex)
			}
			if (len(h.Extensions) > 0) != c.extended {
				t.Error("extended-subject", h.Extensions)
			}
		})
	}
}

func TestComposeAttachments(t *testing.T) {
	modified := time.Date(2026, 11, 24, 4, 30, 0, 0, time.UTC)
	for _, size := range []int{0, 1, 60, 100, 127, 128, 255, 256, 65500, 65536, 1 << 20} {
		data := bytes.Repeat([]byte("0123456789abcdef"), size/16+1)[:size]
		m := draft(t)
		m.Attachments = []Attachment{
			{Name: "Übung.bin", Description: "all of it", Modified: modified, Size: int64(size), Data: iotest.HalfReader(bytes.NewReader(data))},
			{Size: 3, Data: strings.NewReader("abc")},
		}
		o := composed(t, m)
		if len(o.IPM.Body) != 3 {
			t.Fatalf("%d body parts", len(o.IPM.Body))
		}
		f, ok := o.IPM.Body[1].File()
		if !ok {
			t.Fatal("no file in the second part")
		}
		if d := cmp.Diff(File{Name: "Übung.bin", Description: "all of it", Modified: modified, Data: data}, f, cmp.Transformer("text", func(b []byte) string { return string(b) })); d != "" {
			t.Error(d)
		}
		if f, ok := o.IPM.Body[2].File(); !ok || string(f.Data) != "abc" || f.Name != "" {
			t.Error(f, ok)
		}
	}
}

// zeros is an endless source; a content larger than memory is made of it.
type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

func TestComposeStreams(t *testing.T) {
	const size = 2_000_000_000
	m := draft(t)
	m.Attachments = []Attachment{{Name: "big", Size: size, Data: io.LimitReader(zeros{}, size)}}
	c, err := Compose(m)
	if err != nil {
		t.Fatal(err)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	n, err := c.WriteTo(io.Discard)
	if err != nil || n != c.Size() || n <= size {
		t.Fatalf("%d octets of %d, %v", n, c.Size(), err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d octets of memory for a content that is only passed on", used)
	}
}

func TestComposeRefuses(t *testing.T) {
	for _, c := range []struct {
		name   string
		change func(*Message)
		want   string
	}{
		{"no identifier", func(m *Message) { m.ThisIPM = "" }, "this-IPM: 0 characters, not 1 to 64"},
		{"identifier", func(m *Message) { m.ThisIPM = "a@b" }, "this-IPM: asn1: character outside the repertoire of PrintableString: octet 0x40 at 1"},
		{"text", func(m *Message) { m.Text = "Grüße 漢" }, `text: character '漢' at 8 is not in any one part of ISO 8859`},
		{"subject of lines", func(m *Message) { m.Subject = "a\nb" }, "subject: more than one line"},
		{"subject", func(m *Message) { m.Subject = strings.Repeat("x", 257) }, "subject: 257 characters, the limit is 256"},
		{"name", func(m *Message) { m.To[0].Name = strings.Repeat("x", 65) }, "primary recipient 1: free-form name: 65 octets, the limit is 64"},
		{"recipient", func(m *Message) { m.To[0].Address.TTY = "pigeon" }, "primary recipient 1: oraddr: encode: T-TY: not one of tlx, ttx, g3fax, g4fax, ia5, vtx, nor a number"},
		{"size", func(m *Message) { m.Attachments = []Attachment{{Size: 1 << 31, Data: zeros{}}} }, "attachment 1: 2147483648 octets, the limit is 2147483647"},
		{"no data", func(m *Message) { m.Attachments = []Attachment{{Size: 1}} }, "attachment 1: no data"},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := draft(t)
			c.change(&m)
			_, err := Compose(m)
			if err == nil || err.Error() != "ipms: compose: "+c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			if diag.KindOf(err) != diag.Data {
				t.Errorf("kind %v", diag.KindOf(err))
			}
		})
	}
	m := draft(t)
	m.Text = "漢"
	_, err := Compose(m)
	var r *charset.RepertoireError
	if !errors.As(err, &r) || r.Rune != '漢' {
		t.Errorf("%v is no RepertoireError of the character", err)
	}
}

// TestComposeSizes proves that an attachment of another size than announced fails
// the reading, since the lengths before it are already out.
func TestComposeSizes(t *testing.T) {
	for _, data := range []string{"abcd", "ab", ""} {
		m := draft(t)
		m.Attachments = []Attachment{{Name: "x", Size: 3, Data: strings.NewReader(data)}}
		c, err := Compose(m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadAll(c); diag.KindOf(err) != diag.IO {
			t.Errorf("%q read as 3 octets: %v", data, err)
		}
	}
}
