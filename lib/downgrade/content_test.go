package downgrade

import (
	"bytes"
	"encoding/hex"
	"errors"
	"io"
	"runtime"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
)

// octets reads hexadecimal with spaces, line ends and comments after a semicolon.
func octets(t testing.TB, text string) []byte {
	t.Helper()
	var digits strings.Builder
	for line := range strings.Lines(text) {
		line, _, _ = strings.Cut(line, ";")
		digits.WriteString(strings.Join(strings.Fields(line), ""))
	}
	b, err := hex.DecodeString(digits.String())
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// element returns an element; its length is definite.
func element(identifier byte, contents ...[]byte) []byte {
	body := bytes.Join(contents, nil)
	out := ber.AppendHeader(nil, ber.Raw{identifier, 0}.Tag(), identifier&0x20 != 0, int64(len(body)))
	return append(out, body...)
}

// planned returns the new content and the plan.
func planned(t testing.TB, old []byte, prohibited bool) ([]byte, *Content, error) {
	t.Helper()
	plan, err := planContent(bytes.NewReader(old), int64(len(old)), gateway, prohibited)
	if err != nil {
		return nil, nil, err
	}
	b, err := io.ReadAll(plan.Of(bytes.NewReader(old)))
	if err != nil {
		t.Fatal(err)
	}
	if int64(len(b)) != plan.Size() {
		t.Fatalf("%d octets, announced %d", len(b), plan.Size())
	}
	if err := iotest.TestReader(plan.Of(bytes.NewReader(old)), b); err != nil {
		t.Fatal(err)
	}
	return b, plan, nil
}

const (
	// IPM { heading { this-IPM { "1" } }, …
	headingOctets = "31 05 6b 03 13 01 31"
	ia5Part       = "a0 07 31 00 16 03 61 62 63"
)

func TestContent(t *testing.T) {
	message := func(heading, body []byte) []byte { return element(0xa0, heading, element(0x30, body)) }
	heading := octets(t, headingOctets)
	external := func(kind byte, parameters, data []byte) []byte {
		var set []byte
		if parameters != nil {
			set = element(0xa0, element(0x06, []byte{0x56, 0x01, 0x0b, kind}), element(0xa0, parameters))
		}
		return element(0xaf, set, element(0x28, element(0x06, []byte{0x56, 0x01, 0x04, kind}), element(0xa0, data)))
	}
	ia5 := octets(t, ia5Part)
	parts84 := octets(t, "a0 05 3100 160161 a1 02 3100 a2 02 3100 a3 04 3100 3000 a4 00 a5 04 3100 3000 a6 02 3100 a7 02 0500 a8 02 3100 aa 02 3100 ab 00")
	for _, c := range []struct {
		name      string
		old, want []byte // want nil: impossible
		lost      string
	}{
		{"nothing of 1988", message(heading, ia5), message(heading, ia5), ""},
		{"every part of 1984", message(heading, parts84), message(heading, parts84), ""},
		{"heading extension", message(octets(t, "31 11 6b03130131 af0a 3008 060456010500 0500"), ia5), message(heading, ia5), "heading extension incomplete-copy"},
		{"bilaterally-defined", message(heading, octets(t, "8e 01 00")), nil, ""},
		{"a tag nobody knows", message(heading, octets(t, "90 01 00")), nil, ""},
		{"extended ia5-text", message(heading, external(0, octets(t, "31 03 80 01 05"), octets(t, "16 03 616263"))),
			message(heading, octets(t, "a0 0a 31 03 80 01 05 16 03 616263")), ""},
		{"extended ia5-text without parameters", message(heading, external(0, nil, octets(t, "16 03 616263"))), message(heading, ia5), ""},
		{"extended g3-facsimile", message(heading, external(2, octets(t, "31 03 800101"), octets(t, "30 04 03 02 00 ff"))),
			message(heading, octets(t, "a3 0b 31 03 800101 30 04 03 02 00 ff")), ""},
		{"extended g4-class1, indefinite", message(heading, external(3, nil, octets(t, "30 80 05 00 00 00"))), message(heading, octets(t, "a4 02 05 00")), ""},
		{"extended nationally-defined", message(heading, external(10, nil, octets(t, "0c 01 61"))), message(heading, octets(t, "a7 03 0c 01 61")), ""},
		{"extended voice", message(heading, external(16, octets(t, "3100"), octets(t, "0400"))), nil, ""},
		{"file-transfer", message(heading, external(12, octets(t, "3000"), octets(t, "3000"))), nil, ""},
		{"ASCII as general-text", message(heading, external(11, octets(t, "31 09 020101 020106 020164"), octets(t, "1b 03 616263"))), message(heading, ia5), ""},
		{"ASCII as general-text in segments", message(heading, external(11, octets(t, "31 03 020106"), octets(t, "3b 80 24 80 04 01 61 00 00 04 02 62 63 00 00"))), message(heading, ia5), ""},
		{"Latin-1 as general-text", message(heading, external(11, octets(t, "31 09 020101 020106 020164"), octets(t, "1b 03 6162e9"))), nil, ""},
		{"an escape in general-text", message(heading, external(11, octets(t, "31 06 020101 020106"), octets(t, "1b 03 1b2842"))), nil, ""},
		{"Greek as general-text", message(heading, external(11, octets(t, "31 03 020102"), octets(t, "1b 03 616263"))), nil, ""},
		{"two of a kind", message(heading, append(bytes.Clone(ia5), external(0, nil, octets(t, "16 03 616263"))...)), message(heading, append(bytes.Clone(ia5), ia5...)), ""},
		{"forwarded", message(heading, element(0xa9, octets(t, "3100"), element(0x30, heading, element(0x30, external(0, nil, octets(t, "16 03 616263")))))),
			message(heading, element(0xa9, octets(t, "3100"), element(0x30, heading, element(0x30, ia5)))), ""},
		{"forwarded as extended", message(heading, external(7, octets(t, "3100"), element(0x30, heading, element(0x30, ia5)))),
			message(heading, element(0xa9, octets(t, "3100"), element(0x30, heading, element(0x30, ia5)))), ""},
		{"forwarded with a file", message(heading, element(0xa9, octets(t, "3100"), element(0x30, heading, element(0x30, external(12, nil, octets(t, "3000")))))), nil, ""},
		{"non-receipt", octets(t, "a1 11 6b03130131 a0 0a a0 08 800100 810102 a400"),
			octets(t, "a1 0f 6b03130131 a0 08 a0 06 800100 810102"), "extensions of the notification"},
		{"receipt", octets(t, "a1 0f 6b03130131 a0 08 a1 06 8004 32303236"), octets(t, "a1 0f 6b03130131 a0 08 a1 06 8004 32303236"), ""},
		{"other notification", octets(t, "a1 09 6b03130131 a0 02 a2 00"), nil, ""},
		{"empty", nil, nil, ""},
		{"no body", element(0xa0, heading), nil, ""},
		{"more than a message", append(message(heading, ia5), 5, 0), nil, ""},
		{"cut", message(heading, ia5)[:12], nil, ""},
		{"nonsense", []byte("hello"), nil, ""},
	} {
		got, plan, err := planned(t, c.old, false)
		var no *Impossible
		switch {
		case c.want == nil && !errors.As(err, &no):
			t.Errorf("%s: %x, %v", c.name, got, err)
		case c.want == nil:
		case err != nil:
			t.Errorf("%s: %v", c.name, err)
		case !bytes.Equal(got, c.want):
			t.Errorf("%s:\n%x, want\n%x", c.name, got, c.want)
		case strings.Join(plan.lost, "; ") != c.lost:
			t.Errorf("%s: lost %q, want %q", c.name, plan.lost, c.lost)
		}
	}
}

// Conversion is another thing than another form.
func TestConversionProhibited(t *testing.T) {
	text := ipms.InformationObject{IPM: &ipms.IPM{Heading: ipms.Heading{ThisIPM: ipms.IPMIdentifier{UserRelativeIdentifier: "1"}},
		Body: []ipms.BodyPart{{Extended: generalText(t, "abc")}}}}
	b, err := text.Encode()
	if err != nil {
		t.Fatal(err)
	}
	var no *Impossible
	if _, _, err := planned(t, b, true); !errors.As(err, &no) {
		t.Errorf("converted all the same: %v", err)
	}
	if _, plan, err := planned(t, b, false); err != nil || !plan.converted {
		t.Errorf("%v, %+v", err, plan)
	}
}

func generalText(t *testing.T, s string) *ipms.ExtendedBodyPart {
	t.Helper()
	data, err := ber.Marshal(asn1.GeneralString(s))
	if err != nil {
		t.Fatal(err)
	}
	return &ipms.ExtendedBodyPart{
		Parameters: &ipms.External{DirectReference: "2.6.1.11.11", Encoding: ipms.ExternalEncoding{SingleASN1: ber.Raw{0x31, 3, 2, 1, 6}}},
		Data:       ipms.External{DirectReference: ipms.DataGeneralText, Encoding: ipms.ExternalEncoding{SingleASN1: data}},
	}
}

// The heading of a message, with everything in it that names somebody, and that of
// one forwarded in it.
func TestHeading(t *testing.T) {
	cn := name(t, "/CN=Postmaster/O=A/ADMD=B/C=GB/")
	common := "/DD.Common=Postmaster/O=A/ADMD=B/C=GB/"
	descriptor := ipms.ORDescriptor{FormalName: &cn, FreeFormName: "Post"}
	identifier := ipms.IPMIdentifier{User: &cn, UserRelativeIdentifier: "1"}
	recipient := ipms.RecipientSpecifier{Recipient: descriptor, NotificationRequests: ipms.Requests(ipms.RequestRN, ipms.SuppressIPNs),
		RecipientExtensions: []ipms.Extension{{Type: ipms.ExtPrecedence, Value: ber.Raw{2, 1, 5}}}}
	heading := ipms.Heading{
		ThisIPM: identifier, Originator: &descriptor, AuthorizingUsers: []ipms.ORDescriptor{descriptor},
		PrimaryRecipients: []ipms.RecipientSpecifier{recipient}, CopyRecipients: []ipms.RecipientSpecifier{recipient},
		BlindCopyRecipients: []ipms.RecipientSpecifier{recipient},
		RepliedToIPM:        &identifier, ObsoletedIPMs: []ipms.IPMIdentifier{identifier}, RelatedIPMs: []ipms.IPMIdentifier{identifier},
		ReplyRecipients: []ipms.ORDescriptor{descriptor},
		Extensions:      []ipms.Extension{{Type: ipms.ExtLanguages, Value: ber.Raw{0x31, 0}}},
	}
	inner := ipms.IPM{Heading: heading}
	old, err := ipms.InformationObject{IPM: &ipms.IPM{Heading: heading, Body: []ipms.BodyPart{{Message: &ipms.MessageBodyPart{
		Parameters: ipms.MessageParameters{DeliveryTime: "261127000000Z", DeliveryEnvelope: &ipms.OtherMessageDeliveryFields{
			ContentType: ipms.DeliveredContentType{BuiltIn: new(mts.InterpersonalMessaging1988)}, OriginatorName: cn, ThisRecipientName: cn, MessageSubmissionTime: "261127000000Z",
			ContentIdentifier: "x",
		}},
		Data: inner}}}}}.Encode()
	if err != nil {
		t.Fatal(err)
	}
	b, plan, err := planned(t, old, false)
	if err != nil {
		t.Fatal(err)
	}
	o, err := ipms.Decode(b)
	if err != nil {
		t.Fatal(err)
	}
	forwarded := o.IPM.Body[0].Message
	for _, h := range []ipms.Heading{o.IPM.Heading, forwarded.Data.Heading} {
		names := []ipms.ORDescriptor{*h.Originator, h.AuthorizingUsers[0], h.ReplyRecipients[0],
			h.PrimaryRecipients[0].Recipient, h.CopyRecipients[0].Recipient, h.BlindCopyRecipients[0].Recipient}
		for _, i := range []ipms.IPMIdentifier{h.ThisIPM, *h.RepliedToIPM, h.ObsoletedIPMs[0], h.RelatedIPMs[0]} {
			names = append(names, ipms.ORDescriptor{FormalName: i.User})
		}
		for i, d := range names {
			if got := textOf(t, *d.FormalName); got != common {
				t.Errorf("name %d: %s", i, got)
			}
		}
		r := h.PrimaryRecipients[0]
		if len(r.RecipientExtensions) > 0 || len(h.Extensions) > 0 || asn1.BitString(r.NotificationRequests).BitLength != 3 || !r.NotificationRequests.At(ipms.RequestRN) {
			t.Errorf("%+v", h)
		}
	}
	if d := forwarded.Parameters.DeliveryEnvelope; textOf(t, d.OriginatorName) != common || textOf(t, d.ThisRecipientName) != common || d.ContentIdentifier != "" {
		t.Errorf("%+v", d)
	}
	if got, want := strings.Join(plan.lost, "; "), "recipient extension 2.6.1.20.1; notification-requests beyond the third; heading extension languages; content-identifier of a forwarded message"; got != want {
		t.Errorf("lost %q, want %q", got, want)
	}
}

// What cannot be read is not what cannot be downgraded: it is tried again.
func TestUnreadableContent(t *testing.T) {
	trouble := errors.New("disk on fire")
	_, err := planContent(readerAt{iotest.ErrReader(trouble)}, 100, gateway, false)
	var no *Impossible
	if errors.As(err, &no) || !errors.Is(err, trouble) {
		t.Errorf("%v", err)
	}
}

type readerAt struct{ io.Reader }

func (r readerAt) ReadAt(b []byte, _ int64) (int, error) { return r.Read(b) }

// A forwarded text of 300 MB is planned and sent through little memory.
func TestLargeContentIsNotHeld(t *testing.T) {
	const size = 300 << 20
	head := octets(t, "a0 80 31056b03130131 30 80 af 80 28 80 06 04 56010407 a0 80 30 80 31056b03130131 30 80 a0 80 3100")
	head = append(head, ber.AppendHeader(nil, asn1.Univ(asn1.NumberIA5String), false, size)...)
	old := sparse{head, size, make([]byte, 2*8)}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	plan, err := planContent(old, old.size(), gateway, false)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, plan.Of(old))
	if err != nil || n != plan.Size() || n < size {
		t.Fatalf("%d octets of %d, %v", n, plan.Size(), err)
	}
	runtime.ReadMemStats(&after)
	if used := after.TotalAlloc - before.TotalAlloc; used > 1<<20 {
		t.Errorf("%d octets allocated", used)
	}
}

// sparse is a content with that many zeros in it.
type sparse struct {
	head  []byte
	zeros int64
	tail  []byte
}

func (s sparse) size() int64 { return int64(len(s.head)+len(s.tail)) + s.zeros }

func (s sparse) ReadAt(b []byte, off int64) (n int, err error) {
	for n < len(b) && off < s.size() {
		k := 0
		switch at := off - int64(len(s.head)); {
		case at < 0:
			k = copy(b[n:], s.head[off:])
		case at < s.zeros:
			k = int(min(int64(len(b)-n), s.zeros-at))
			clear(b[n : n+k])
		default:
			k = copy(b[n:], s.tail[at-s.zeros:])
		}
		n += k
		off += int64(k)
	}
	if n < len(b) {
		err = io.EOF
	}
	return n, err
}
