package main

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/decode"
)

// Three switches talk, and Wireshark, which has its decoders from the Recommendations
// and not from us, reads along: whatever crosses the wire must be, to it, without
// fault, and must say what our own tools say.
func TestCapture(t *testing.T) {
	n, a, b, c := chain(t)
	n.isolate()
	bob, carol := b.user("Bob", "Jones"), c.user("Carol", "Brown")
	ann, ghost := a.addressOf("Ann", "Smith"), c.addressOf("Gus", "Ghost")

	// Longer than a checkpoint, so that it comes in several pieces.
	picture := make([]byte, 100_000)
	_, _ = rand.NewChaCha8([32]byte{'c'}).Read(picture) // never fails
	file := filepath.Join(n.dir, "picture.bin")
	if err := os.WriteFile(file, picture, 0o600); err != nil {
		t.Fatal(err)
	}
	capture := n.capture()
	meeting := a.submit(strings.NewReader("Dear Carol, dear Bob,\n\nthe meeting is at noon.\n\nAnn\n"), "--from", ann, "--to", carol,
		"--to", bob, "--subject", "Meeting at noon", "--priority", "urgent", "--report", "delivery", "--attach", file)
	hello := a.submit(strings.NewReader("Are you there?\n"), "--from", ann, "--to", ghost, "--subject", "Hello")
	for _, m := range n.switches {
		m.start()
	}
	n.until("three reports", func() bool { return len(a.mailbox("ann")) == 3 })
	for _, m := range n.switches {
		n.until(m.name+" is empty", func() bool { return m.queued() == 0 })
	}
	if got := c.mailbox("carol"); len(got) != 1 || got[0].MTSID != meeting.MTSID {
		t.Errorf("Carol has %+v", got)
	}
	if got := b.mailbox("bob"); len(got) != 1 || got[0].MTSID != meeting.MTSID {
		t.Errorf("Bob has %+v", got)
	}
	for _, m := range n.switches {
		m.stop()
	}
	got := map[string][]apdu{}
	var files []string
	for _, d := range n.dissect(capture()) {
		files = append(files, d.files...)
		for _, finding := range d.findings {
			t.Errorf("Wireshark: %s: %s", d.names[false], finding)
		}
		if diff := gocmp.Diff(n.decode(d), d.apdus); diff != "" {
			t.Errorf("mtactl decode (-) and Wireshark (+) read the same octets differently:\n%s", diff)
		}
		for back, list := range d.apdus {
			got[d.names[back]] = append(got[d.names[back]], list...)
		}
	}

	// What must have crossed: mtasubmit said under which identifiers, and the reports
	// say their own in Ann's mailbox.
	delivered := func(n int, name string) recipient { return recipient{N: n, Name: name, Delivered: true} }
	message := apdu{Kind: "message", Identifier: meeting.MTSID, Name: ann, Priority: 2, ContentType: 22, Subject: "Meeting at noon",
		Text: "Dear Carol, dear Bob,\r\n\r\nthe meeting is at noon.\r\n\r\nAnn\r\n"}
	message.Recipients = []recipient{{N: 1, Name: carol, Responsible: true}, {N: 2, Name: bob, Responsible: true}}
	onward := message
	onward.Recipients = []recipient{{N: 1, Name: carol, Responsible: true}, {N: 2, Name: bob}}
	lost := apdu{Kind: "message", Identifier: hello.MTSID, Name: ann, ContentType: 22, Subject: "Hello",
		Text: "Are you there?\r\n", Recipients: []recipient{{N: 1, Name: ghost, Responsible: true}}}
	report := func(about submission, r recipient) apdu {
		for _, d := range a.mailbox("ann") {
			if d.Report != nil && d.Report.Subject == about.MTSID && d.Report.Recipients[0].N == r.N {
				return apdu{Kind: "report", Identifier: d.MTSID, Name: ann, ContentType: 22, Subject: about.MTSID, Recipients: []recipient{r}}
			}
		}
		t.Errorf("Ann has no report about %s", r.Name)
		return apdu{}
	}
	ofBob, ofCarol := report(meeting, delivered(2, bob)), report(meeting, delivered(1, carol))
	ofGhost := report(hello, recipient{N: 1, Name: ghost, Reason: 1, Diagnostic: 0}) // unable-to-transfer, unrecognised-OR-name
	want := map[string][]apdu{
		"MTA-A to MTA-B": {lost, message},
		"MTA-B to MTA-C": {lost, onward},
		"MTA-C to MTA-B": {ofCarol, ofGhost},
		"MTA-B to MTA-A": {ofBob, ofCarol, ofGhost},
	}
	for _, lists := range []map[string][]apdu{want, got} {
		for _, list := range lists {
			slices.SortFunc(list, func(a, b apdu) int { return cmp.Compare(a.Identifier, b.Identifier) })
		}
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("what should have crossed (-) and what Wireshark saw (+):\n%s", diff)
	}
	if want := []string{string(picture), string(picture)}; !slices.Equal(files, want) {
		t.Errorf("Wireshark found %d attachments, or others than the file that crossed twice", len(files))
	}
}

// isolate gives the network a network namespace of its own: nobody else's packets are
// there, and whoever made it may listen without being root outside.
func (n *network) isolate() {
	n.t.Helper()
	unshare, enter := []string{"-n"}, []string{}
	if os.Getuid() != 0 {
		unshare, enter = []string{"-Urn"}, []string{"-U", "--preserve-credentials"}
	}
	// It lives as long as cat, and cat as long as the test holds its standard input.
	keeper := exec.Command("unshare", append(unshare, "sh", "-c", "ip link set lo up && echo up && exec cat >/dev/null")...)
	in, err := keeper.StdinPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	out, err := keeper.StdoutPipe()
	if err != nil {
		n.t.Fatal(err)
	}
	var said bytes.Buffer
	keeper.Stderr = &said
	if err := keeper.Start(); err != nil {
		n.t.Fatal(err)
	}
	n.t.Cleanup(func() {
		_ = in.Close() // ends it
		_ = keeper.Wait()
	})
	if line, err := bufio.NewReader(out).ReadString('\n'); line != "up\n" {
		_ = in.Close()
		_ = keeper.Wait()
		n.t.Fatalf("no network namespace: %q, %v: %s", line, err, &said)
	}
	n.enter = append([]string{"nsenter", "-t", strconv.Itoa(keeper.Process.Pid), "-n"}, enter...)
	n.enter = append(n.enter, "--")
}

// capture starts to record what crosses loopback; the function it returns ends that
// and says where the record is.
func (n *network) capture() func() string {
	t := n.t
	t.Helper()
	path := filepath.Join(t.ArtifactDir(), "capture.pcapng") // go test -artifacts keeps it
	dumpcap := n.command("dumpcap", "-q", "-i", "lo", "-f", "tcp or udp", "-w", path)
	stderr, err := dumpcap.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := dumpcap.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dumpcap.Process.Kill() }) // after its end it changes nothing
	said := bufio.NewScanner(stderr)
	var lines []string
	for said.Scan() {
		if lines = append(lines, said.Text()); strings.HasPrefix(said.Text(), "File: ") {
			break
		}
	}
	if len(lines) == 0 || !strings.HasPrefix(lines[len(lines)-1], "File: ") {
		t.Fatalf("dumpcap: %v, %q", said.Err(), lines)
	}
	return func() string {
		t.Helper()
		// What is recorded last is this datagram. Once it is in the file, all before it is.
		const last = "the end of the capture"
		n.until("the capture is written", func() bool {
			n.run("bash", "-c", `echo "$0" >/dev/udp/127.0.0.1/9`, last)
			text, err := os.ReadFile(path)
			return err == nil && bytes.Contains(text, []byte(last))
		})
		if err := dumpcap.Process.Signal(syscall.SIGINT); err != nil {
			t.Error(err)
		}
		for said.Scan() {
			lines = append(lines, said.Text())
		}
		if err := dumpcap.Wait(); err != nil {
			t.Errorf("dumpcap: %v, %q", err, lines)
		}
		if !slices.ContainsFunc(lines, func(l string) bool { return strings.Contains(l, "received/dropped") && strings.Contains(l, "/0 (") }) {
			t.Errorf("dumpcap has lost packets, or does not say that it has not: %q", lines)
		}
		return path
	}
}

// tshark runs Wireshark over a capture.
func (n *network) tshark(path string, args ...string) []byte {
	n.t.Helper()
	out, err := exec.Command("tshark", append([]string{"-n", "-r", path, "-d", "tcp.port==" + port + ",tpkt"}, args...)...).Output()
	if err != nil {
		n.t.Fatalf("tshark %s: %s", strings.Join(args, " "), said(err))
	}
	return out
}

// dissection is what Wireshark says of one TCP connection. The maps go by direction:
// true is that from the switch that was called.
type dissection struct {
	names    map[bool]string // "MTA-A to MTA-B", by the names in the bind
	octets   map[bool][]byte
	apdus    map[bool][]apdu
	files    []string // octets of the attachments
	findings []string
}

// dissect is what Wireshark sees. It is shown the connections one by one: where it puts
// the segments of a transfer together, it keeps one state for all connections, and
// loses the APDU when two of them take turns.
func (n *network) dissect(path string) (all []dissection) {
	n.t.Helper()
	streams := map[string]bool{}
	for _, s := range strings.Fields(string(n.tshark(path, "-Y", "cotp", "-T", "fields", "-e", "tcp.stream"))) {
		streams[s] = true
	}
	for s := range streams {
		one := path + "." + s
		n.tshark(path, "-Y", "tcp.stream=="+s, "-w", one)
		all = append(all, n.dissectOne(one))
	}
	return all
}

func (n *network) dissectOne(path string) dissection {
	n.t.Helper()
	d := dissection{names: map[bool]string{}, octets: map[bool][]byte{}, apdus: map[bool][]apdu{}}
	var frames []struct {
		Source struct {
			Layers tree `json:"layers"`
		} `json:"_source"`
	}
	// The faults are a PDU that was cut, one that ran over its end, and octets that
	// nobody claimed.
	out := n.tshark(path, "-T", "json", "--no-duplicate-keys", "-Y", "p1 || _ws.malformed || _ws.short || data")
	if err := json.Unmarshal(out, &frames); err != nil {
		n.t.Fatalf("tshark: %v", err)
	}
	var initiator, responder string
	for _, f := range frames {
		l := f.Source.Layers
		for _, fault := range []string{"_ws.malformed", "_ws.short", "data"} {
			if _, ok := l[fault]; ok {
				d.findings = append(d.findings, fmt.Sprintf("frame %s: %s %s", l.text("frame.number"), fault, l.sub(fault).text("data.data")))
			}
		}
		initiator = cmp.Or(initiator, l.text("p1.authenticated.initiator-name"))
		responder = cmp.Or(responder, l.text("p1.authenticated.responder-name"))
		if len(l.sub("p1", "p1.MTS_APDU_tree")) > 0 {
			back := n.called(l.text("ip.src") + ":" + l.text("tcp.srcport"))
			d.apdus[back] = append(d.apdus[back], l.apdu())
		}
		if f := l.sub("p22").text("ber.octet_aligned"); f != "" {
			b, err := hex.DecodeString(strings.ReplaceAll(f, ":", ""))
			if err != nil {
				n.t.Fatalf("tshark: octet-aligned: %v", err)
			}
			d.files = append(d.files, string(b))
		}
	}
	d.names[false], d.names[true] = initiator+" to "+responder, responder+" to "+initiator

	first := false // the direction of node 0; what node 1 sends is indented
	for line := range strings.Lines(string(n.tshark(path, "-q", "-z", "expert,warn", "-z", "follow,tcp,raw,0"))) {
		line = strings.TrimRight(line, "\n")
		if address, ok := strings.CutPrefix(line, "Node 0: "); ok {
			first = n.called(address)
		}
		part, second := strings.CutPrefix(line, "\t")
		if b, err := hex.DecodeString(part); err == nil {
			d.octets[first != second] = append(d.octets[first != second], b...)
		}
		// Frequency, Group, Protocol, Summary. What it finds with TCP is the kernel's.
		if f := strings.Fields(line); len(f) >= 4 && f[2] != "TCP" {
			if _, err := strconv.Atoi(f[0]); err == nil {
				d.findings = append(d.findings, strings.TrimSpace(line))
			}
		}
	}
	return d
}

// called tells whether an address is one a switch listens at; callers have others.
func (n *network) called(address string) bool {
	return slices.ContainsFunc(n.switches, func(m *mta) bool { return m.address == address })
}

// apdu is what an MTS-APDU says, as far as it is compared.
type apdu struct {
	Kind        string // message, report
	Identifier  string // [/PRMD=…/;local-identifier]
	Name        string // originator-name, report-destination-name
	Priority    int
	ContentType int
	Subject     string // of the interpersonal message; of a report its subject-identifier
	Text        string // its first body part
	Recipients  []recipient
}

type recipient struct {
	N                  int
	Name               string
	Responsible        bool // of a message
	Delivered          bool // of a report; else the codes
	Reason, Diagnostic int
}

// tree is an object of tshark's JSON: fields by their filter names, with the fields
// below "name" in "name_tree" or "name_element".
type tree map[string]any

// sub is the object below a path of names; empty if there is none.
func (t tree) sub(path ...string) tree {
	for _, name := range path {
		next, ok := t[name].(map[string]any)
		if !ok {
			return tree{}
		}
		t = next
	}
	return t
}

// each is the objects of a name that may occur once or often.
func (t tree) each(name string) (all []tree) {
	switch v := t[name].(type) {
	case map[string]any:
		all = append(all, v)
	case []any:
		for _, e := range v {
			if e, ok := e.(map[string]any); ok {
				all = append(all, e)
			}
		}
	}
	return all
}

// text is the first field of that name, wherever it is.
func (t tree) text(name string) string {
	if s, ok := t[name].(string); ok {
		return s
	}
	for _, key := range slices.Sorted(func(yield func(string) bool) {
		for k := range t {
			if !yield(k) {
				return
			}
		}
	}) {
		for _, e := range t.each(key) {
			if s := e.text(name); s != "" {
				return s
			}
		}
	}
	return ""
}

// number is text as a number; a field that is not there has its DEFAULT, 0.
func (t tree) number(name string) int {
	i, _ := strconv.Atoi(t.text(name))
	return i
}

// domain is a GlobalDomainIdentifier, whose private domain has one of two names.
func (t tree) domain(prmd string) string {
	return "/PRMD=" + t.sub(prmd+"_tree").text("p1.printable") +
		"/ADMD=" + t.sub("p1.administration_domain_name_tree").text("p1.printable") +
		"/C=" + t.sub("p1.country_name_tree").text("p1.iso_3166_alpha2_code") + "/"
}

func (t tree) identifier() string {
	return "[" + t.sub("p1.global_domain_identifier_element").domain("p1.private_domain_identifier") + ";" + t.text("p1.local_identifier") + "]"
}

func (t tree) orName() string {
	a := t.sub("p1.built_in_standard_attributes_element")
	return "/G=" + a.text("p1.given_name") + "/S=" + a.text("p1.surname") + "/O=" + a.text("p1.organization_name") + a.domain("p1.private_domain_name")
}

func (t tree) apdu() apdu {
	choice := t.sub("p1", "p1.MTS_APDU_tree")
	if report := choice.sub("p1.report_element"); len(report) > 0 {
		envelope, content := report.sub("p1.envelope_element"), report.sub("p1.content_element")
		out := apdu{Kind: "report", Identifier: envelope.sub("p1.report_identifier_element").identifier(),
			Name:        envelope.sub("p1.report_destination_name_element").orName(),
			ContentType: content.number("p1.built_in"), Subject: content.sub("p1.subject_identifier_element").identifier()}
		for _, f := range content.sub("p1.per_recipient_fields_tree").each("p1.PerRecipientReportTransferFields_element") {
			kind := f.sub("p1.last_trace_information_element", "p1.report_type_tree")
			out.Recipients = append(out.Recipients, recipient{N: f.number("p1.originally_specified_recipient_number"),
				Name: f.sub("p1.actual_recipient_name_element").orName(), Delivered: len(kind.sub("p1.delivery_element")) > 0,
				Reason: kind.number("p1.non_delivery_reason_code"), Diagnostic: kind.number("p1.non_delivery_diagnostic_code")})
		}
		return out
	}
	envelope := choice.sub("p1.message_element", "p1.envelope_element")
	out := apdu{Kind: "message", Identifier: envelope.sub("p1.message_identifier_element").identifier(),
		Name: envelope.sub("p1.originator_name_element").orName(), Priority: envelope.number("p1.priority"),
		ContentType: envelope.sub("p1.content_type_tree").number("p1.built_in"),
		Subject:     t.sub("p22", "p22.ipm_element", "p22.heading_element").text("p22.subject"),
		Text:        t.sub("p22", "p22.ipm_element", "p22.body_tree").text("p22.ia5text.data")}
	for _, f := range envelope.sub("p1.per_recipient_fields_tree").each("p1.PerRecipientMessageTransferFields_element") {
		out.Recipients = append(out.Recipients, recipient{N: f.number("p1.originally_specified_recipient_number"),
			Name:        f.sub("p1.recipient_name_element").orName(),
			Responsible: f.number("p1.PerRecipientIndicators.responsibility") == 1})
	}
	return out
}

// decode is what mtactl decode sees in the same octets.
func (n *network) decode(d dissection) map[bool][]apdu {
	n.t.Helper()
	all := map[bool][]apdu{}
	for back, octets := range d.octets {
		cmd := exec.Command(filepath.Join(n.bin, "mtactl"), "decode", "--as", "tpdu", "--json")
		cmd.Stdin = bytes.NewReader(octets)
		out, err := cmd.Output()
		if err != nil {
			n.t.Errorf("mtactl decode of %s: %s", d.names[back], said(err))
		}
		for line := range bytes.Lines(out) {
			var node decode.Node
			if err := json.Unmarshal(line, &node); err != nil {
				n.t.Fatalf("mtactl decode: %v", err)
			}
			if found := apdusOf(node); len(found) > 0 {
				all[back] = append(all[back], found...)
			}
		}
	}
	return all
}

// apdusOf are the MTS-APDUs of a tree of mtactl decode.
func apdusOf(n decode.Node) (all []apdu) {
	if n.Name == "MTS-APDU" {
		return append(all, apduOf(field(n)))
	}
	for _, c := range n.Children {
		all = append(all, apdusOf(c)...)
	}
	return all
}

// field is a node of mtactl decode.
type field decode.Node

// sub is the first field below a path of names, wherever each is.
func (f field) sub(path ...string) field {
	for _, name := range path {
		f = f.find(name)
	}
	return f
}

func (f field) find(name string) field {
	for _, c := range f.Children {
		if c.Name == name {
			return field(c)
		}
	}
	for _, c := range f.Children {
		if found := field(c).find(name); found.Name != "" {
			return found
		}
	}
	return field{}
}

// number is the number a value begins with.
func (f field) number() int {
	digits, _, _ := strings.Cut(f.Value, " ")
	i, _ := strconv.Atoi(digits)
	return i
}

func apduOf(f field) apdu {
	if report := f.sub("report"); report.Name != "" {
		envelope, content := report.sub("envelope"), report.sub("content")
		out := apdu{Kind: "report", Identifier: envelope.sub("report-identifier").Value, Name: envelope.sub("report-destination-name").Value,
			ContentType: content.sub("content-type", "built-in").number(), Subject: content.sub("subject-identifier").Value}
		for _, c := range content.sub("per-recipient-fields").Children {
			r := field(c)
			kind := r.sub("last-trace-information", "report-type")
			out.Recipients = append(out.Recipients, recipient{N: r.sub("originally-specified-recipient-number").number(),
				Name: r.sub("actual-recipient-name").Value, Delivered: kind.sub("delivery").Name != "",
				Reason: kind.sub("non-delivery-reason-code").number(), Diagnostic: kind.sub("non-delivery-diagnostic-code").number()})
		}
		return out
	}
	envelope := f.sub("message", "envelope")
	out := apdu{Kind: "message", Identifier: envelope.sub("message-identifier").Value, Name: envelope.sub("originator-name").Value,
		Priority: envelope.sub("priority").number(), ContentType: envelope.sub("content-type", "built-in").number(),
		Subject: f.sub("content", "heading", "subject").Value, Text: f.sub("content", "body", "IA5-text", "data").Value}
	for _, c := range envelope.sub("per-recipient-fields").Children {
		r := field(c)
		out.Recipients = append(out.Recipients, recipient{N: r.sub("originally-specified-recipient-number").number(),
			Name: r.sub("recipient-name").Value, Responsible: strings.Contains(r.sub("per-recipient-indicators").Value, "'B responsible,")})
	}
	return out
}
