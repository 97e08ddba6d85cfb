package decode_test

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

// contents are vectors of contents, or of MTS-APDUs where they have no content type,
// with what Wireshark, whose decoders are from the modules and not from us, must see in
// some of the fields: the values of all objects of the vector in a row.
var contents = []struct {
	file        string
	contentType mts.ContentType
	want        map[string]string
}{
	{"extensions.mts-apdu.hex", mts.ContentType{}, map[string]string{
		"p1.standard_extension":              "1,3,4,5,13,15,17,19,20,23,26,38,40,42,45,2,6,7,8,9,10,11,12,14,16,18,22,25,28,41,43,44,46,20,25,30,31,32,33,38,39,23,25,27,28,29,1,24,21,34,35,36,37,99",
		"p1.RecipientReassignmentProhibited": "1,0",
		"p1.LatestDeliveryTime":              "26-11-24 12:00:00 (UTC)",
		"p1.RequestedDeliveryMethod_item":    "2,1",
		"p1.RegisteredMailType":              "1",
		"p1.PhysicalDeliveryModes":           "21",
		"p1.RecipientNumberForAdvice":        "12",
		"p1.PhysicalRenditionAttributes":     "2.6.3.5.1",
		"p1.PhysicalDeliveryReportRequest":   "2",
		"p1.security_classification":         "4,4,4",
		"p1.privacy_mark":                    "EYES,EYES,EYES",
		"p1.ia5text":                         "corr",
		"p1.octets":                          "0102",
		"p1.redirection_reason":              "2,4,0",
		"p1.redirection_time":                "26-11-24 12:00:00 (UTC),26-11-24 12:00:00 (UTC),26-11-24 12:00:00 (UTC)",
		"p1.dl_expansion_time":               "26-11-24 12:00:00 (UTC)",
		"p1.origination_or_expansion_time":   "26-11-24 12:00:00 (UTC),26-11-24 12:00:00 (UTC)",
		"p1.token_type_identifier":           "2.6.3.6.0",
		"p1.message_sequence_number":         "7",
		"p1.ProofOfDeliveryRequest":          "1",
		"p1.other_actions":                   "c0,c0",
		"p1.ExtendedCertificate":             "0,1",
	}},
	{"alternatives.mts-apdu.hex", mts.ContentType{}, map[string]string{
		"p1.private_extension":         "1.3.6.1.4.1.453.7.3.3.1",
		"p1.supplementary_information": "no such user, try /G=Ann/S=Jones/O=Org/PRMD=BRAVO/ADMD=TEST/C=GB/,expired",
	}},
	{"military.ipm.hex", mts.NewExtendedContentType(mts.ContentP772), map[string]string{
		"p772.PrimaryPrecedence":         "4,5",
		"p772.CopyPrecedence":            "1",
		"p772.identifier":                "EXERCISE BOLD",
		"p772.notificationRequest":       "2",
		"p772.ExtendedAuthorisationInfo": "26-11-24 04:30:00 (UTC)",
		"p772.Sic":                       "ABC,XYZ",
		"p772.dist_type":                 "1.2.3",
		"p772.MilitaryString":            "HANDLE WITH CARE,ZNR UUUUU,BY HAND",
		"p772.CodressMessage":            "120",
		"p772.OriginatorReference":       "REF 17",
		"p772.designator":                "COMSUBPAC",
		"p772.pilotPrecedence":           "3",
		"p772.Acp127MessageIdentifier":   "RBDAB 0001 3280430",
		"p772.OriginatorPlad":            "HMS TEST",
		"p772.body_part_sequence_number": "1",
		"p772.Acp127NotificationType":    "a0",
		"p772.ADatP3Parameters":          "1,2",
		"p772.lineOriented":              "EXER/BOLD//",
		"p772.setOriented_item":          "EXER/BOLD,MSGID/X",
		"p772.CorrectionsData":           "for ABC read XYZ",
		"p772.ForwardedEncryptedData":    "abc0",
		"p772.ACP127DataParameters":      "4",
		"p772.acp127_notification_type":  "40",
		"p772.acp127_recipient":          "RBDAB",
		"p772.acp127_supp_info":          "sent",
		"p22.user_relative_identifier":   "0001 261124043000Z,1,0003 261124043000Z,0001 261124043000Z",
		"p22.ia5text.data":               `Hello\r\n,Hello\r\n,Hello\r\n`,
	}},
	{"bodyparts.ipm.hex", mts.NewContentType(mts.InterpersonalMessaging1988), map[string]string{
		"p22.basic":                       "0,3,4,5,6,7,8,9,0,11,14,0",
		"p22.G3FacsimileData_item":        "aa,a0",
		"p22.TeletexData_item":            "page 1,page 2,p1",
		"p22.EncryptedData":               "f0",
		"p22.CharacterSetRegistration":    "1,6,100",
		"p22.application_cross_reference": "0102",
		"p22.explicit_relationship":       "2",
		"p22.document_type_name":          "1.0.8571.5.3",
		"p22.user_visible_string_item":    "a picture",
		"p22.compression_algorithm_id":    "1.2.5",
		"p22.identity.actual-values":      "Ann",
		"p22.voice_message_duration":      "3",
		"p22.voice_encoding_type":         "1.2.7",
		"p22.VoiceData":                   "ffffff",
	}},
	{"headings.ipm.hex", mts.NewContentType(mts.InterpersonalMessaging1988), map[string]string{
		"p22.NotificationRequests.suppress.an": "1",
		"p22.Precedence":                       "5",
		"p22.RecipientSecurityRequest":         "d0",
		"p22.subject":                          "Grüße",
		"p22.importance":                       "2",
		"p22.sensitivity":                      "3",
		"p22.Language":                         "de,en-gb",
		"p22.AutoSubmitted":                    "1",
		"p22.body_part_number":                 "1",
		"p22.BodyPartSecurityLabel":            "0,1",
		"p22.checked":                          "0,1,2",
		"p22.oid_code":                         "1.2.3",
		"p22.reference":                        "1.2.3",
		"p22.PrecedencePolicyIdentifier":       "1.2.3",
	}},
	{"notifications.ipm.hex", mts.NewContentType(mts.InterpersonalMessaging1988), map[string]string{
		"p22.choice":                   "1,0,2,2",
		"p22.suppl_receipt_info":       "read by Bob",
		"p22.non_receipt_reason":       "0",
		"p22.discard_reason":           "3",
		"p22.auto_forward_comment":     "moved",
		"p22.security_diagnostic_code": "24",
		"p22.next_available":           "26-12-01 00:00:00 (UTC),26-12-01 00:00:00 (UTC)",
		"p22.effective_from":           "26-12-01 00:00:00 (UTC)",
	}},
}

// TestWiresharkReadsContents puts the vectors into associations and has Wireshark read
// them: without fault, and as they were meant.
func TestWiresharkReadsContents(t *testing.T) {
	dir := t.TempDir()
	run := func(name string, arg ...string) string {
		t.Helper()
		var out, said bytes.Buffer
		cmd := exec.Command(name, arg...)
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, said.String())
		}
		return out.String()
	}
	merge := []string{"-a", "-w", filepath.Join(dir, "all.pcap")}
	var owners []int // of the conversations, the vector each is of
	for i, v := range contents {
		b, _ := vector(t, v.file)
		for len(b) > 0 {
			var one ber.Raw
			rest, err := ber.Unmarshal(b, &one, ber.Limits{})
			if err != nil {
				t.Fatal(err)
			}
			b = rest
			text := filepath.Join(dir, fmt.Sprint(len(owners)))
			apdu := []byte(one)
			if v.contentType.String() != "" {
				apdu = message(t, v.contentType, one)
			}
			if err := os.WriteFile(text, conversation(t, apdu), 0o600); err != nil {
				t.Fatal(err)
			}
			run("text2pcap", "-q", "-D", "-T", fmt.Sprintf("%d,102", firstPort+len(owners)), text, text+".pcap")
			merge = append(merge, text+".pcap")
			owners = append(owners, i)
		}
	}
	run("mergecap", merge...)
	var fields []string
	for _, v := range contents {
		for f := range v.want {
			if !slices.Contains(fields, f) {
				fields = append(fields, f)
			}
		}
	}
	slices.Sort(fields)
	args := []string{"-r", merge[2], "-o", "tcp.analyze_sequence_numbers:FALSE", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=,",
		"-e", "tcp.srcport", "-e", "tcp.dstport", "-e", "_ws.expert.message", "-e", "_ws.malformed"}
	for _, f := range fields {
		args = append(args, "-e", f)
	}
	got := make([]map[string]string, len(contents))
	for i := range got {
		got[i] = map[string]string{}
	}
	for line := range strings.Lines(run("tshark", args...)) {
		f := strings.Split(strings.TrimSuffix(line, "\n"), "\t")
		var source, destination int
		if _, err := fmt.Sscan(f[0], &source); err != nil {
			t.Fatal(err)
		}
		if _, err := fmt.Sscan(f[1], &destination); err != nil {
			t.Fatal(err)
		}
		owner := owners[max(source, destination)-firstPort]
		if f[3] != "" || strings.Contains(f[2], "BER Error") {
			t.Errorf("%s: Wireshark: %s", contents[owner].file, f[2])
		}
		for i, value := range f[4:] {
			if value != "" {
				got[owner][fields[i]] = strings.TrimPrefix(got[owner][fields[i]]+","+value, ",")
			}
		}
	}
	for i, v := range contents {
		for field, want := range v.want {
			if got[i][field] != want {
				t.Errorf("%s: %s is %q to Wireshark, want %q", v.file, field, got[i][field], want)
			}
		}
	}
}

// firstPort is the initiator's of the first conversation.
const firstPort = 40000

// conversation is an association that carries an MTS-APDU, as text2pcap reads it:
// that of association.tpdu.hex with another APDU.
func conversation(t *testing.T, apdu []byte) []byte {
	t.Helper()
	text, err := os.ReadFile("testdata/association.tpdu.hex")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	direction, sent := "", false
	for line := range strings.Lines(string(text)) {
		if rest, ok := strings.CutPrefix(line, "# "); ok {
			direction = "O"
			if strings.Contains(rest, "from the initiator") {
				direction = "I"
			}
			switch name, _, _ := strings.Cut(rest, ","); {
			case name == "PT":
				return out.Bytes()
			case name == "MIP", name == "MIA", name == "DT" && sent:
				direction = ""
			case name == "DT":
				sent = true
				dump(&out, direction, transfer(apdu))
				direction = ""
			}
			continue
		}
		if direction != "" {
			b, err := decode.ReadHex(strings.NewReader(line), 0)
			if err != nil {
				t.Fatal(err)
			}
			dump(&out, direction, b)
		}
	}
	return out.Bytes()
}

func dump(out *bytes.Buffer, direction string, tpkt []byte) {
	fmt.Fprintf(out, "%s\n", direction)
	for at := 0; at < len(tpkt); at += 16 {
		fmt.Fprintf(out, "%06x % x\n", at, tpkt[at:min(at+16, len(tpkt))])
	}
}

// message is an MTS-APDU with a content.
func message(t *testing.T, contentType mts.ContentType, content []byte) []byte {
	t.Helper()
	alpha := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"})
	a, err := oraddr.Parse("/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/")
	if err != nil {
		t.Fatal(err)
	}
	n, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := p1.EncodeMessageEnvelope(&mts.MessageTransferEnvelope{
		MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: alpha, LocalIdentifier: "MTA-A.0001"},
		OriginatorName:    n, ContentType: contentType,
		TraceInformation: mts.TraceInformation{{GlobalDomainIdentifier: alpha, DomainSuppliedInformation: mts.DomainSuppliedInformation{ArrivalTime: "261124043000Z"}}},
		PerRecipientFields: []mts.PerRecipientMessageTransferFields{{
			RecipientName: n, OriginallySpecifiedRecipientNumber: 1, PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportAlways, mts.ReportAlways),
		}},
	})
	if err != nil {
		t.Fatal(err)
	}
	prefix, _ := p1.NewMessageAPDU(envelope, int64(len(content)))
	return append(prefix, content...)
}

// transfer is the TPKT with the one RTTR of an MTS-APDU.
func transfer(apdu []byte) []byte {
	in := func(tag asn1.Tag, constructed bool, parts ...[]byte) []byte {
		body := bytes.Join(parts, nil)
		return append(ber.AppendHeader(nil, tag, constructed, int64(len(body))), body...)
	}
	five, three := []byte{0x02, 0x01, 0x05}, []byte{0x02, 0x01, 0x03}
	external := in(asn1.Univ(asn1.NumberExternal), true, five, in(asn1.Context(0), true, apdu))
	rttr := in(asn1.Univ(asn1.NumberOctetString), false, external)
	userData := in(asn1.App(1), true, in(asn1.Univ(asn1.NumberSequence), true, three, in(asn1.Context(0), true, rttr)))
	tpdu := append([]byte{0x02, 0xf0, 0x80, 0x01, 0x00, 0x01, 0x00}, userData...)
	size := len(tpdu) + 4
	return append([]byte{0x03, 0x00, byte(size >> 8), byte(size)}, tpdu...)
}
