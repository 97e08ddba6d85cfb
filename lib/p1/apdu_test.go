package p1

import (
	"bytes"
	"strings"
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

// What ReadAPDU takes apart NewAPDU puts together again: in one form, whatever
// form it came in.
func TestNewAPDU(t *testing.T) {
	returning := `A1 80 ` + reportEnvelopeOctets + `31 80 ` + messageID + contentP22 + `81 03 01 02 03 ` + reportRecipients + `00 00 00 00`
	for _, c := range []struct{ name, apdu, want string }{
		{"message", messageOctets, messageOctets},
		{"message in segments", `A0 80 ` + envelopeOctets + segmented(t) + `00 00`, messageOctets},
		{"probe", probeOctets, probeOctets},
		{"report", reportOctets, reportOctets},
		{"report with returned content", returning, `A1 82 01 92 ` + reportEnvelopeOctets +
			`31 81 E0 ` + messageID + contentP22 + reportRecipients + `81 03 01 02 03`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, content, err := whole(octets(t, c.apdu), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			size := int64(NoContent)
			if in.HasContent {
				size = int64(len(content))
			}
			prefix, total, err := NewAPDU(in.Envelope, size)
			if err != nil {
				t.Fatal(err)
			}
			got := append(bytes.Clone(prefix), content...)
			if total != int64(len(got)) {
				t.Errorf("total %d, want %d", total, len(got))
			}
			if !bytes.Equal(got, octets(t, c.want)) {
				t.Errorf("APDU\n% X\nwant\n% X", got, octets(t, c.want))
			}
		})
	}
}

// The size of a content beyond 4 GiB is counted and not its octets.
func TestNewAPDUOfLargeContent(t *testing.T) {
	const size = 5 << 30
	prefix, total, err := NewAPDU(octets(t, envelopeOctets), size)
	if err != nil {
		t.Fatal(err)
	}
	want := append(octets(t, `A0 85 01 40 00 01 0C`), octets(t, envelopeOctets+`04 85 01 40 00 00 00`)...)
	if !bytes.Equal(prefix, want) || total != int64(len(want))+size {
		t.Errorf("prefix\n% X\nwant\n% X; total %d", prefix, want, total)
	}
}

func TestNewAPDURefuses(t *testing.T) {
	for _, c := range []struct {
		name, envelope string
		size           int64
	}{
		{"nothing", ``, 0},
		{"another element", `05 00`, 0},
		{"message without content", envelopeOctets, NoContent},
		{"probe with content", probeOctets, 0},
		{"report with two contents", `A1 0A 31 00 31 06 81 00 64 02 05 00`, 1},
		{"report of one part", `A1 02 31 00`, 1},
		{"report of three parts", `A1 06 31 00 31 00 31 00`, 1},
		{"report cut short", `A1 06 31 00 31 00`, 1},
	} {
		if prefix, _, err := NewAPDU(octets(t, c.envelope), c.size); err == nil {
			t.Errorf("%s: % X", c.name, prefix)
		}
	}
}

func TestDecodeEnvelopeParts(t *testing.T) {
	m, err := DecodeMessageEnvelope(octets(t, envelopeOctets), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	again, err := EncodeMessageEnvelope(m)
	if err != nil || !bytes.Equal(again, octets(t, envelopeOctets)) {
		t.Errorf("message: % X, %v", again, err)
	}
	p, err := DecodeProbe(octets(t, probeOctets), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err = EncodeProbe(p); err != nil || !bytes.Equal(again, octets(t, probeOctets)) {
		t.Errorf("probe: % X, %v", again, err)
	}
	r, err := DecodeReport(octets(t, reportOctets), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if again, err = EncodeReport(r); err != nil || !bytes.Equal(again, octets(t, reportOctets)) {
		t.Errorf("report: % X, %v", again, err)
	}
	if _, err := DecodeMessageEnvelope(octets(t, envelopeOctets+`00`), Limits{}); err == nil {
		t.Error("an octet after the envelope is accepted")
	}
}

// A decoded APDU shows every element by the name X.411 gives it.
func TestExplain(t *testing.T) {
	for _, c := range []struct {
		name, octets, params string
		value                any
		want                 []string
	}{
		{"message", messageOctets, "", MTSAPDU{}, []string{
			`message-identifier MTSIdentifier [APPLICATION 4]`,
			`local-identifier IA5String "MTA-A.0001"`,
			`built-in BuiltInContentType [APPLICATION 6] 22`,
			`routing-action RoutingAction [2] 0 relayed`,
			`standard-extension ExtensionNumber [0] 38 internal-trace-information`,
			`per-recipient-indicators PerRecipientIndicators [1] '11010000'B responsible, MTA report, originator report`,
			`content OCTET STRING`,
		}},
		{"report", reportOctets, "", MTSAPDU{}, []string{
			`non-delivery-reason-code ReasonCode [0] 1 unable-to-transfer`,
			`non-delivery-diagnostic-code DiagnosticCode [1] 0 unrecognised-OR-name`,
			`type-of-MTS-user TypeOfMTSUser [1] 0 public`,
		}},
		{"probe", probeOctets, "", MTSAPDU{}, []string{`content-length INTEGER [0] 1024`}},
		{"bind", bindArgumentOctets, "[16] EXPLICIT", mts.MTABindArgument{}, []string{`initiator-name IA5String [0] "MTA-A"`}},
	} {
		node, err := ber.Explain(octets(t, c.octets), c.value, c.params, ber.Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.name, err)
			continue
		}
		var text strings.Builder
		if err := node.WriteText(&text); err != nil {
			t.Fatal(err)
		}
		for _, want := range c.want {
			if !strings.Contains(text.String(), want) {
				t.Errorf("%s: no line has %q in\n%s", c.name, want, text.String())
			}
		}
	}
}

func TestTypesAreUnambiguous(t *testing.T) {
	if err := ber.Check(MTSAPDU{}); err != nil {
		t.Error(err)
	}
}
