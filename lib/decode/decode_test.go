package decode_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/diag"
)

var update = flag.Bool("update", false, "write the golden files")

// vector reads testdata/NAME.LAYER.hex.
func vector(t testing.TB, file string) ([]byte, decode.Layer) {
	t.Helper()
	f, err := os.Open(filepath.Join("testdata", filepath.Base(file)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	b, err := decode.ReadHex(f, 0)
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	parts := strings.Split(filepath.Base(file), ".")
	layer, err := decode.ParseLayer(parts[1])
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return b, layer
}

// show decodes to text, the error last.
func show(b []byte, layer decode.Layer, lim decode.Limits) (string, error) {
	var out bytes.Buffer
	err := decode.Decode(b, layer, lim, func(n decode.Node) error { return n.WriteText(&out) })
	if err != nil {
		fmt.Fprintf(&out, "error: %v\n", err)
	}
	return out.String(), err
}

// TestGolden decodes every vector of testdata. Those whose golden text ends in an
// error are malformed.
func TestGolden(t *testing.T) {
	files, err := filepath.Glob("testdata/*.hex")
	if err != nil || len(files) == 0 {
		t.Fatal(len(files), err)
	}
	for _, file := range files {
		t.Run(filepath.Base(file), func(t *testing.T) {
			b, layer := vector(t, file)
			got, err := show(b, layer, decode.Limits{})
			if err != nil && diag.KindOf(err) != diag.Data {
				t.Errorf("kind %v: %v", diag.KindOf(err), err)
			}
			golden := strings.TrimSuffix(file, "hex") + "txt"
			if *update {
				if err := os.WriteFile(golden, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestText holds a few lines to what they must say, whatever the golden files do.
func TestText(t *testing.T) {
	for _, c := range []struct {
		file string
		want []string
	}{
		{"association.tpdu.hex", []string{
			"CR TPDU: connection request",
			"TPDU-size: 8192 octets",
			"CN SPDU: CONNECT",
			"session-user-requirements: half-duplex+minor-sync+activity+exceptions",
			"abstract-syntax-name OBJECT IDENTIFIER: 2.6.0.2.7 mtse",
			"application-context-name OBJECT IDENTIFIER: 2.6.0.1.6 mts-transfer",
			"dialogueMode DialogueMode: 1 two-way alternate",
			"initiator-name IA5String: MTA-A",
			"RTTR OCTET STRING: 208 octets",
			"APDU: joined from 2 RTTRs, 417 octets",
			"originator-name ORName: /G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/",
			"per-recipient-indicators PerRecipientIndicators: '11010000'B responsible, MTA report, originator report",
			"subject TeletexString: Hello",
			`data IA5String: "Hello world\r\n"`,
			"RTTP INTEGER: 4",
			"GTC SPDU: GIVE TOKENS CONFIRM",
			"RLRE",
		}},
		{"report.mts-apdu.hex", []string{
			"non-delivery-diagnostic-code DiagnosticCode: 0 unrecognised-OR-name",
			"standard-extension ExtensionNumber: 39 reporting-MTA-name",
		}},
		{"x410.tpdu.hex", []string{
			"x410-mode-parameters RTORQ", "bind-argument MTABindArgument", "APDU: joined from 2 RTTRs, 406 octets",
		}},
		{"contents.mts-apdu.hex", []string{
			"content OCTET STRING: p772, 104 octets", "value Precedence: 4 flash", "token-type-identifier OBJECT IDENTIFIER: 2.6.3.6.0 asymmetric-token",
			"content OCTET STRING: p35, 63 octets", "EDI-body-part OCTET STRING: UNB 554e42", "external-content External",
			"content OCTET STRING: inner-envelope, 278 octets",
		}},
		{"bodyparts.ipm.hex", []string{"syntax VideotexSyntax: 1 data-syntax1", "explicit ExplicitRelationship: 2 replacement"}},
		{"segments.tpdu.hex", []string{"TSDU: joined from 2 TPDUs", "SSDU: joined from 3 SPDUs"}},
		{"refusal.tpdu.hex", []string{"bind-error MTABindError: 2 authentication-error", "reason: 3 address unknown"}},
	} {
		b, layer := vector(t, c.file)
		got, err := show(b, layer, decode.Limits{})
		if err != nil {
			t.Errorf("%s: %v", c.file, err)
		}
		for _, line := range c.want {
			if !strings.Contains(got, " "+line+"\n") {
				t.Errorf("%s: no line %q", c.file, line)
			}
		}
	}
}

// TestJSON reads back what is printed: one object a PDU, with hex for octets.
func TestJSON(t *testing.T) {
	b, layer := vector(t, "elements.ber.hex")
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	if err := decode.Decode(b, layer, decode.Limits{}, func(n decode.Node) error { return enc.Encode(n) }); err != nil {
		t.Fatal(err)
	}
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	want := `{"type":"SEQUENCE","offset":0,"length":24,"children":[` +
		`{"type":"INTEGER","offset":2,"length":3,"value":"5"},` +
		`{"type":"[APPLICATION 200]","offset":5,"length":7,"children":[{"type":"UTF8String","offset":9,"length":3,"value":"a"}]},` +
		`{"type":"OCTET STRING","offset":12,"length":10,"children":[` +
		`{"type":"OCTET STRING","offset":14,"length":4,"hex":"4142"},` +
		`{"type":"OCTET STRING","offset":18,"length":4,"hex":"4344"}]}]}`
	if len(lines) != 5 || lines[0] != want {
		t.Errorf("%d lines, the first\n%s\nwant\n%s", len(lines), lines[0], want)
	}
	var last decode.Node
	if err := json.Unmarshal([]byte(lines[4]), &last); err != nil {
		t.Fatal(err)
	}
	if len(last.Hex) != 70 || last.Hex[69] != 69 {
		t.Errorf("hex of 70 octets: %v", last.Hex)
	}
}

// TestFault names layer, path and offset, and goes on behind the fault.
func TestFault(t *testing.T) {
	for _, c := range []struct {
		file string
		want decode.Error
	}{
		{"rtorq.tpdu.hex", decode.Error{Layer: decode.RTSE, Path: "APDU.RTORQ.checkpoint-size", Offset: 169}},
		{"cut.tpdu.hex", decode.Error{Layer: decode.TPDU, Path: "TPKT", Offset: 16}},
		{"spdus.spdu.hex", decode.Error{Layer: decode.SPDU, Path: "AS", Offset: 4}},
		{"junk.ber.hex", decode.Error{Layer: decode.BER, Offset: 5}},
		{"trailing.mts-apdu.hex", decode.Error{Layer: decode.MTSAPDU, Path: "MTSAPDU.probe.per-recipient-fields"}},
	} {
		b, layer := vector(t, c.file)
		_, err := show(b, layer, decode.Limits{})
		var got *decode.Error
		if !errors.As(err, &got) {
			t.Errorf("%s: %v", c.file, err)
			continue
		}
		if got.Layer != c.want.Layer || got.Path != c.want.Path || got.Offset != c.want.Offset {
			t.Errorf("%s: %s %q %d", c.file, got.Layer, got.Path, got.Offset)
		}
		if diag.KindOf(err) != diag.Data {
			t.Errorf("%s: kind %v", c.file, diag.KindOf(err))
		}
	}
	b, layer := vector(t, "rtorq.tpdu.hex")
	if got, _ := show(b, layer, decode.Limits{}); !strings.Contains(got, "GTC SPDU") {
		t.Error("the TPKT behind the fault is not shown")
	}
}

// TestJoinedFault says that the offset counts in joined octets.
func TestJoinedFault(t *testing.T) {
	b, layer := vector(t, "association.tpdu.hex")
	// Within the second RTTR: the tag of the recipient's number becomes one that
	// must not be there twice.
	at := bytes.Index(b, []byte{0x80, 0x01, 0x01, 0x81, 0x02, 0x00, 0xd0})
	b = bytes.Clone(b)
	b[at+3] = 0x80
	got, err := show(b, layer, decode.Limits{})
	var fault *decode.Error
	if !errors.As(err, &fault) || !strings.HasPrefix(fault.Path, "joined:") || fault.Layer != decode.MTSAPDU {
		t.Fatalf("%v\n%s", err, got)
	}
}

// TestIncomplete shows pieces whose last is missing, and says so.
func TestIncomplete(t *testing.T) {
	b, layer := vector(t, "segments.tpdu.hex")
	got, err := show(b[:132], layer, decode.Limits{})
	if err != nil || !strings.Contains(got, "TSDU: incomplete: 125 octets in 1 piece\n") {
		t.Errorf("%v\n%s", err, got)
	}
	got, err = show(b[:len(b)-19], layer, decode.Limits{})
	if err != nil || !strings.Contains(got, "SSDU: incomplete: 9 octets in 2 pieces\n") {
		t.Errorf("%v\n%s", err, got)
	}
	b, layer = vector(t, "association.tpdu.hex")
	if got, err = show(b[:688], layer, decode.Limits{}); err != nil || strings.Contains(got, "joined") {
		t.Errorf("half an activity: %v\n%s", err, got)
	}
	// An activity whose beginning is not in the input is no fault.
	if got, err = show(b[688:], layer, decode.Limits{}); err != nil || strings.Contains(got, "joined") {
		t.Errorf("the other half: %v\n%s", err, got)
	}
	// One whose end is not in the input is shown after it.
	got, err = show(b[440:937], layer, decode.Limits{})
	if err != nil || !strings.Contains(got, "\n      0     417  APDU: joined from 2 RTTRs, 417 octets\n") {
		t.Errorf("%v\n%s", err, got)
	}
}

// TestLimits refuses what is too much.
func TestLimits(t *testing.T) {
	nested := []byte{0x05, 0x00}
	for range 70 {
		nested = append([]byte{0x30, 0x81, byte(len(nested))}, nested...)
		if len(nested) > 200 {
			break
		}
	}
	many := append([]byte{0x30, 0x82, 0x02, 0x00}, bytes.Repeat([]byte{0x05, 0x00}, 256)...)
	for _, c := range []struct {
		name string
		b    []byte
		lim  decode.Limits
		want string
	}{
		{"octets", make([]byte, 9), decode.Limits{Octets: 8}, "at most 8 are taken"},
		{"elements", many, decode.Limits{Elements: 100}, "too many elements"},
		{"depth", nested, decode.Limits{Depth: 10}, "nested too deeply"},
		{"nothing", nil, decode.Limits{}, "no octets"},
	} {
		if _, err := show(c.b, decode.BER, c.lim); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v", c.name, err)
		}
	}
	b, layer := vector(t, "association.tpdu.hex")
	if _, err := show(b, layer, decode.Limits{Layers: 3}); err == nil || !strings.Contains(err.Error(), "within one another") {
		t.Errorf("layers: %v", err)
	}
	if _, err := show(b, layer, decode.Limits{Elements: 20}); err == nil || !strings.Contains(err.Error(), "too many elements") {
		t.Errorf("elements over all layers: %v", err)
	}
}

func TestReadHex(t *testing.T) {
	for _, c := range []struct{ in, want, err string }{
		{"02 01 05", "020105", ""},
		{"0 2\t01\r\n# all of this FF is not there\n0 # half\n5\n", "020105", ""},
		{"aBcD", "abcd", ""},
		{"", "", ""},
		{"02 0", "", "line 1: an odd number of digits"},
		{"02\n0x01", "", "line 2: 'x' is no hexadecimal digit"},
		{"00 11 22", "", "more than 2 octets"},
	} {
		max := 0
		if strings.HasPrefix(c.err, "more") {
			max = 2
		}
		got, err := decode.ReadHex(strings.NewReader(c.in), max)
		switch {
		case c.err == "" && (err != nil || decode.Hex(got).String() != c.want):
			t.Errorf("%q: %x, %v", c.in, got, err)
		case c.err != "" && (err == nil || !strings.Contains(err.Error(), c.err) || diag.KindOf(err) != diag.Data):
			t.Errorf("%q: %v", c.in, err)
		}
	}
	if _, err := decode.Read(strings.NewReader("123"), 2); diag.KindOf(err) != diag.Data {
		t.Errorf("Read past its limit: %v", err)
	}
}

func TestParseLayer(t *testing.T) {
	for _, l := range decode.Layers() {
		if got, err := decode.ParseLayer(string(l)); got != l || err != nil {
			t.Errorf("%s: %v, %v", l, got, err)
		}
	}
	if _, err := decode.ParseLayer("sdu"); diag.KindOf(err) != diag.Usage {
		t.Errorf("sdu: %v", err)
	}
}

// TestEmitStops returns the error of emit as it is.
func TestEmitStops(t *testing.T) {
	b, layer := vector(t, "association.tpdu.hex")
	stop, calls := errors.New("stop"), 0
	err := decode.Decode(b, layer, decode.Limits{}, func(decode.Node) error { calls++; return stop })
	if err != stop || calls != 1 {
		t.Errorf("%v after %d calls", err, calls)
	}
}

// TestNothingDropped looks for the octets of elements that cannot be taken apart
// and of those nested too deeply to be.
func TestNothingDropped(t *testing.T) {
	// An EXTERNAL of an open type whose contents are no elements.
	odd := bytes.Repeat([]byte{0x7f}, 100)
	ext := append([]byte{0x28, 0x66 + 5, 0x02, 0x01, 0x09, 0xa0, 0x66, 0x30, 0x64}, odd...)
	ext[1] = byte(len(ext) - 2)
	apdu := append([]byte{0x64, 0, 0x80, 0x01, 0x00, 0xbe, byte(len(ext))}, ext...)
	apdu = append(apdu[:1], append([]byte{0x81, byte(len(apdu) - 2)}, apdu[2:]...)...)
	got, _ := show(apdu, decode.ACSE, decode.Limits{})
	if n := strings.Count(strings.Join(strings.Fields(got), ""), "7f7f"); n < 49 {
		t.Errorf("%d pairs of octets of 50\n%s", n, got)
	}
	// Many elements, shown as octets once there are too many.
	many := bytes.Repeat([]byte{0x05, 0x00}, 50)
	apdu = append([]byte{0xb1, 0x81, 0x69, 0xa2, 0x67, 0xa0, 0x65, 0x30, 0x63}, many[:99]...)
	got, _ = show(apdu, decode.RTSE, decode.Limits{Elements: 20})
	if n := strings.Count(strings.Join(strings.Fields(got), ""), "0500"); n < 45 {
		t.Errorf("%d elements of 49\n%s", n, got)
	}
}
