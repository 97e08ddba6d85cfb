package p1

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// whole reads an MTS-APDU to its end, as a channel does.
func whole(apdu []byte, lim Limits) (*Incoming, []byte, error) {
	in, err := ReadAPDU(bytes.NewReader(apdu), lim)
	if err != nil {
		return nil, nil, err
	}
	content, err := io.ReadAll(in.Content)
	if err != nil {
		return nil, nil, err
	}
	return in, content, in.Finish()
}

// segmented is the content as a constructed OCTET STRING of indefinite length,
// with a string inside a string and an empty one.
func segmented(t testing.TB) string {
	content := octets(t, contentOctets)
	one := func(b []byte) []byte {
		return append(ber.AppendHeader(nil, tagOctetString, false, int64(len(b))), b...)
	}
	inner := append(one(content[3:100]), one(nil)...)
	inner = append(ber.AppendHeader(nil, tagOctetString, true, int64(len(inner))), inner...)
	return fmt.Sprintf("24 80 % X % X % X 00 00 ", one(content[:3]), inner, one(content[100:]))
}

func TestReadMessage(t *testing.T) {
	envelope, content := octets(t, envelopeOctets), octets(t, contentOctets)
	for _, c := range []struct{ name, apdu string }{
		{"definite", messageOctets},
		{"indefinite message", `A0 80 ` + envelopeOctets + `04 81 8A ` + contentOctets + `00 00`},
		{"constructed content", `A0 80 ` + envelopeOctets + segmented(t) + `00 00`},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, got, err := whole(octets(t, c.apdu), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if in.Kind != Message || !in.HasContent || !bytes.Equal(in.Envelope, envelope) {
				t.Errorf("kind %v, envelope\n% X\nwant\n% X", in.Kind, in.Envelope, envelope)
			}
			if !bytes.Equal(got, content) {
				t.Errorf("content\n% X\nwant\n% X", got, content)
			}
			if id := in.Message.MessageIdentifier.String(); id != "[/PRMD=ALPHA/ADMD=TEST/C=GB/;MTA-A.0001]" {
				t.Errorf("message-identifier %s", id)
			}
		})
	}
}

// However the octets arrive, the message is the same.
func TestReadInSmallPieces(t *testing.T) {
	apdu := octets(t, `A0 80 `+envelopeOctets+segmented(t)+`00 00`)
	for name, r := range map[string]io.Reader{
		"one by one":            iotest.OneByteReader(bytes.NewReader(apdu)),
		"by halves":             iotest.HalfReader(bytes.NewReader(apdu)),
		"the end with the data": iotest.DataErrReader(bytes.NewReader(apdu)),
	} {
		in, err := ReadAPDU(r, Limits{})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		content, err := io.ReadAll(iotest.OneByteReader(in.Content))
		if err == nil {
			err = in.Finish()
		}
		if err != nil || !bytes.Equal(content, octets(t, contentOctets)) {
			t.Errorf("%s: % X, %v", name, content, err)
		}
	}
}

func TestReadProbe(t *testing.T) {
	in, content, err := whole(octets(t, probeOctets), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if in.Kind != Probe || in.HasContent || len(content) != 0 || !bytes.Equal(in.Envelope, octets(t, probeOctets)) {
		t.Errorf("kind %v, content % X, envelope % X", in.Kind, content, in.Envelope)
	}
	if in.Probe.ContentLength == nil || *in.Probe.ContentLength != 1024 {
		t.Errorf("content-length %v", in.Probe.ContentLength)
	}
}

func TestReadReport(t *testing.T) {
	head := reportEnvelopeOctets
	bare := octets(t, reportOctets)
	for _, c := range []struct {
		name, apdu, content string
		has                 bool
	}{
		{"without returned content", reportOctets, "", false},
		{"returned content in its place", `A1 80 ` + head + `31 80 ` + messageID + contentP22 + `81 03 01 02 03 ` + reportRecipients + `00 00 00 00`, "01 02 03", true},
		{"returned content first", `A1 80 ` + head + `31 80 81 01 07 ` + messageID + contentP22 + reportRecipients + `00 00 00 00`, "07", true},
		{"returned content last, in segments", `A1 80 ` + head + `31 80 ` + messageID + contentP22 + reportRecipients + `A1 80 04 01 01 04 01 02 00 00 00 00 00 00`, "01 02", true},
		{"empty returned content", `A1 80 ` + head + `31 80 ` + messageID + contentP22 + `81 00 ` + reportRecipients + `00 00 00 00`, "", true},
	} {
		t.Run(c.name, func(t *testing.T) {
			in, content, err := whole(octets(t, c.apdu), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if in.Kind != Report || in.HasContent != c.has || !bytes.Equal(content, octets(t, c.content)) {
				t.Errorf("kind %v, content %v % X", in.Kind, in.HasContent, content)
			}
			if !bytes.Equal(in.Envelope, bare) {
				t.Errorf("envelope part\n% X\nwant\n% X", in.Envelope, bare)
			}
			fields := in.Report.Content.PerRecipientFields
			if len(fields) != 2 || *fields[0].LastTraceInformation.ReportType.NonDelivery.NonDeliveryDiagnosticCode != mts.UnrecognisedORName ||
				fields[1].LastTraceInformation.ReportType.Delivery == nil {
				t.Errorf("per-recipient-fields %+v", fields)
			}
			decoded, err := DecodeReport(in.Envelope, Limits{})
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(in.Report, decoded); diff != "" {
				t.Errorf("the envelope part says something else: %s", diff)
			}
		})
	}
}

func TestReadRefuses(t *testing.T) {
	for _, c := range []struct{ name, apdu, want string }{
		{"nothing", ``, "EOF"},
		{"another tag", `A3 02 05 00`, "[3]"},
		{"primitive", `80 01 00`, "[0]"},
		{"empty message", `A0 00`, "not the elements"},
		{"message without content", `A0 82 01 05 ` + envelopeOctets, "not the elements"},
		{"content of another type", `A0 82 01 07 ` + envelopeOctets + `05 00`, "NULL"},
		{"something after the content", `A0 80 ` + envelopeOctets + `04 00 04 00 00 00`, "OCTET STRING"},
		{"something after the message", messageOctets + `05 00`, "after the element"},
		{"returned content twice", `A1 80 ` + reportEnvelopeOctets + `31 80 81 00 81 00 ` + messageID + contentP22 + reportRecipients + `00 00 00 00`, "twice"},
		{"report without content", `A1 81 AF ` + reportEnvelopeOctets, "not the elements"},
		{"report with three parts", `A1 80 ` + reportEnvelopeOctets + `31 80 ` + messageID + reportRecipients + `00 00 05 00 00 00`, "NULL"},
		{"envelope without trace", `A0 80 31 80 ` + messageID + annName + contentP22 + recipients + `00 00 04 00 00 00`, "trace-information"},
		{"something after the probe", probeOctets + `05 00`, "after the element"},
		{"segments of another type", `A0 80 ` + envelopeOctets + `24 80 05 00 00 00 00 00`, "segment"},
	} {
		t.Run(c.name, func(t *testing.T) {
			_, _, err := whole(octets(t, c.apdu), Limits{})
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Fatalf("got %v, want %q", err, c.want)
			}
			if diag.KindOf(err) != diag.Data {
				t.Errorf("kind of %v is %v, want data", err, diag.KindOf(err))
			}
		})
	}
}

// Wherever a stream is cut, the object has not been received.
func TestReadCutShort(t *testing.T) {
	for _, text := range []string{messageOctets, probeOctets, reportOctets} {
		apdu := octets(t, text)
		for n := range apdu {
			if _, _, err := whole(apdu[:n], Limits{}); err == nil {
				t.Fatalf("%d of %d octets are an APDU", n, len(apdu))
			} else if diag.KindOf(err) != diag.Data {
				t.Fatalf("cut at %d: kind of %v is %v, want data", n, err, diag.KindOf(err))
			}
		}
	}
}

// An error of the transport is not the peer's fault.
func TestReadFailingSource(t *testing.T) {
	broken := errors.New("connection reset")
	apdu := octets(t, messageOctets)
	for _, n := range []int{0, 1, 100, 300, len(apdu)} {
		in, err := ReadAPDU(io.MultiReader(bytes.NewReader(apdu[:n]), iotest.ErrReader(broken)), Limits{})
		if err == nil {
			if _, err = io.Copy(io.Discard, in.Content); err == nil {
				err = in.Finish()
			}
		}
		if !errors.Is(err, broken) || diag.KindOf(err) == diag.Data {
			t.Errorf("after %d octets: %v of kind %v", n, err, diag.KindOf(err))
		}
	}
}

func TestReadLimits(t *testing.T) {
	if _, _, err := whole(octets(t, messageOctets), Limits{Envelope: 261}); err != nil {
		t.Errorf("an envelope of just the size allowed: %v", err)
	}
	for _, c := range []struct{ name, apdu string }{
		{"message", messageOctets}, {"probe", probeOctets}, {"report", reportOctets},
	} {
		_, _, err := whole(octets(t, c.apdu), Limits{Envelope: 180})
		if !errors.Is(err, ber.ErrLimit) && !errors.Is(err, errTooLarge) {
			t.Errorf("%s: %v, want a limit", c.name, err)
		}
	}
	// A length that promises more than the limit is refused before it is believed.
	_, _, err := whole(octets(t, `A0 84 7F FF FF FF 31 84 7F FF FF F0 00`), Limits{})
	if !errors.Is(err, ber.ErrLimit) {
		t.Errorf("an envelope of 2 GiB: %v, want a limit", err)
	}
}

func TestFinishBeforeTheEnd(t *testing.T) {
	in, err := ReadAPDU(bytes.NewReader(octets(t, messageOctets)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, in.Content, 100); err != nil {
		t.Fatal(err)
	}
	if err := in.Finish(); !errors.Is(err, errNotConsumed) {
		t.Errorf("Finish = %v, want %v", err, errNotConsumed)
	}
	// Knowing the size and never asking for the end is as good.
	in, err = ReadAPDU(bytes.NewReader(octets(t, messageOctets)), Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.CopyN(io.Discard, in.Content, 138); err != nil {
		t.Fatal(err)
	}
	if err := in.Finish(); err != nil {
		t.Errorf("Finish = %v", err)
	}
}

// The offset in an error is that of the stream, and the path names the field.
func TestReadErrorSaysWhere(t *testing.T) {
	apdu := octets(t, messageOctets)
	apdu[127+1] = 0x17 // arrival-time runs over the element it is in
	_, _, err := whole(apdu, Limits{})
	if err == nil || !strings.Contains(err.Error(), "trace-information[0].domain-supplied-information") ||
		!strings.Contains(err.Error(), "octet 127") {
		t.Errorf("got %v", err)
	}
}
