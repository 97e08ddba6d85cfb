package rtse

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// conversation is what crossed one transport connection.
type conversation struct {
	mu   sync.Mutex
	text strings.Builder // as text2pcap reads it
}

func (c *conversation) note(direction byte, tpkt []byte) {
	c.mu.Lock()
	defer c.mu.Unlock()
	fmt.Fprintf(&c.text, "%c\n", direction)
	for at := 0; at < len(tpkt); at += 16 {
		fmt.Fprintf(&c.text, "%06x % x\n", at, tpkt[at:min(at+16, len(tpkt))])
	}
}

// overheard is a pair of streams with somebody who takes notes between them.
func overheard(t *testing.T, c *conversation) (initiator, responder net.Conn) {
	t.Helper()
	i, near := pipe(t)
	r, far := pipe(t)
	s := &severed{seen: c.note}
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.between(near, far)
	}()
	t.Cleanup(func() {
		_ = i.Close()
		_ = r.Close()
		<-done
	})
	return i, r
}

// finding is what Wireshark finds fault with.
type finding struct {
	conversation int
	text         string
}

// dissect has conversations read by tshark, which needs seconds to start. It returns
// the SPDUs seen, by their SI, and the faults.
func dissect(t *testing.T, all []*conversation) (spdus map[string]bool, faults []finding) {
	t.Helper()
	dir := t.TempDir()
	run := func(name string, arg ...string) string {
		var out, said bytes.Buffer
		cmd := exec.Command(name, arg...)
		cmd.Stdout, cmd.Stderr = &out, &said
		if err := cmd.Run(); err != nil {
			t.Fatalf("%s: %v: %s", name, err, said.String())
		}
		return out.String()
	}
	merge := []string{"-a", "-w", filepath.Join(dir, "all.pcap")}
	const firstPort = 40000
	for i, c := range all {
		text := filepath.Join(dir, fmt.Sprintf("%d.txt", i))
		c.mu.Lock()
		err := os.WriteFile(text, []byte(c.text.String()), 0o600)
		c.mu.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		run("text2pcap", "-q", "-D", "-T", fmt.Sprintf("%d,102", firstPort+i), text, text+".pcap")
		merge = append(merge, text+".pcap")
	}
	run("mergecap", merge...)
	spdus = map[string]bool{}
	for line := range strings.Lines(run("tshark", "-r", merge[2], "-o", "tcp.analyze_sequence_numbers:FALSE", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=;",
		"-e", "tcp.port", "-e", "frame.number", "-e", "ses.type", "-e", "_ws.expert.severity", "-e", "_ws.expert.message", "-e", "_ws.malformed")) {
		f := strings.Split(strings.TrimRight(line, "\n"), "\t")
		for spdu := range strings.SplitSeq(f[2], ";") {
			spdus[spdu] = true
		}
		wrong := f[5] != ""
		for severity := range strings.SplitSeq(f[3], ";") {
			wrong = wrong || severity == "6291456" || severity == "8388608" // warning, error
		}
		if !wrong {
			continue
		}
		for port := range strings.SplitSeq(f[0], ";") {
			if n, err := strconv.Atoi(port); err == nil && n >= firstPort {
				faults = append(faults, finding{n - firstPort, "frame " + f[1] + ": " + f[4]})
			}
		}
	}
	delete(spdus, "")
	return spdus, faults
}

// TestWiresharkReadsEveryPDU holds conversations of every kind and has Wireshark, whose
// decoders are from the Recommendations and not from us, read them: without fault,
// with every SPDU that is ever sent.
func TestWiresharkReadsEveryPDU(t *testing.T) {
	var talks []talk
	var all []*conversation
	for _, x410 := range []bool{false, true} {
		talks = append(talks, conversations(x410)...)
	}
	for _, talk := range talks {
		c := new(conversation)
		all = append(all, c)
		t.Run(talk.name, func(t *testing.T) { talk.run(t, c) })
	}
	seen, faults := dissect(t, all)
	for _, f := range faults {
		talk := talks[f.conversation]
		if !slices.ContainsFunc(talk.tool, func(own string) bool { return strings.Contains(f.text, own) }) {
			t.Errorf("%s: %s", talk.name, f.text)
		}
	}
	// GT and DT, PT, FN, DN, RF, CN, AC, CDO, OA, GTC, GTA, AB and AI, AA and AIA, AR, MAP
	// as AE, MAA as AEA, AS, ED, MIP, MIA, AD, ADA.
	want := []string{"1", "10", "12", "13", "14", "15", "16", "2", "21", "22", "25", "26", "29", "41", "42", "45", "48", "49", "50", "57", "58", "9"}
	if got := slices.Sorted(maps.Keys(seen)); !slices.Equal(got, want) {
		t.Errorf("Wireshark saw the SPDUs %v, want %v", got, want)
	}
}

// message is an MTS-APDU with a text of n octets in it: a dissector that knows P1 and
// P22 has to find its way through it.
func message(n int) []byte {
	tlv := func(tag byte, parts ...[]byte) []byte {
		contents := bytes.Join(parts, nil)
		// Tags below 31 of any class.
		t := asn1.Tag{Class: asn1.Class(tag >> 6), Number: uint32(tag & 0x1f)}
		return append(ber.AppendHeader(nil, t, tag&0x20 != 0, int64(len(contents))), contents...)
	}
	text := func(tag byte, s string) []byte { return tlv(tag, []byte(s)) }
	country, admd := tlv(0x61, text(0x13, "GB")), tlv(0x62, text(0x13, "TEST"))
	domain := tlv(0x63, country, admd, text(0x13, "ALPHA"))
	name := tlv(0x60, tlv(0x30, country, admd, tlv(0xa2, text(0x13, "ALPHA")), text(0x83, "Org")))
	return tlv(0xa0, tlv(0x31,
		tlv(0x64, domain, text(0x16, "m.1")), name, tlv(0x46, []byte{22}),
		tlv(0x69, tlv(0x30, domain, tlv(0x31, text(0x80, "261124120000Z"), tlv(0x82, []byte{0})))),
		tlv(0xa2, tlv(0x31, name, tlv(0x80, []byte{1}), tlv(0x81, []byte{0, 0xd0})))),
		tlv(0x04, tlv(0xa0, tlv(0x31, tlv(0x6b, text(0x13, "1"))),
			tlv(0x30, tlv(0xa0, tlv(0x31), text(0x16, strings.Repeat("x", n)))))))
}

// talk is a conversation to be held. What tshark 4.0 finds fault with by itself is
// listed with the reason: the rest of its findings are ours.
type talk struct {
	name string
	tool []string // findings that are its own
	run  func(t *testing.T, c *conversation)
}

var (
	// It joins the RTTRs of an activity that was discarded or interrupted with those
	// of the next, as if the former had gone on.
	joinsActivities = []string{"Trailing stray characters", "Malformed Packet"}
	// It reads the user data of CN by themselves, not together with what follows in
	// CDO, and then knows no context either.
	readsNoOverflow = []string{"BER Error: length", "Malformed Packet", "Dissector is not available"}
	// It looks for the RTSE in the data phase of X.410-1984 mode and not for an APDU.
	readsNoX410Data = []string{"can't get spdu type from session dissector"}
)

func conversations(x410 bool) []talk {
	config := func(reference string) Config {
		c := testConfig(reference)
		c.CheckpointSize = 1
		if x410 {
			c.ApplicationProtocols = []int64{12}
		}
		return c
	}
	mode := "normal mode, "
	if x410 {
		mode = "X.410-1984 mode, "
	}
	// The MTA-bind of somebody who gives no name, X.411 §12.1.1.1.
	argument, result := ber.Raw{0xb0, 2, 5, 0}, ber.Raw{0xb1, 2, 5, 0}
	if x410 {
		argument, result = ber.Raw{5, 0}, ber.Raw{5, 0}
	}
	standing := func(t *testing.T, c *conversation) (a, b *Conn) {
		return opened(t, c, config("A"), config("B"), argument, result)
	}
	talks := []talk{
		{"transfer, turn and release", nil, func(t *testing.T, c *conversation) {
			a, b := standing(t, c)
			for _, n := range []int{0, 100, 5000} {
				send(t, a, b, message(n))
			}
			if err := b.PleaseTurn(1); err != nil {
				t.Fatal(err)
			}
			receive[TurnRequested](t, a)
			if err := a.GiveTurn(); err != nil {
				t.Fatal(err)
			}
			receive[TurnGiven](t, b)
			send(t, b, a, message(3000))
			closed := make(chan error, 1)
			go func() { closed <- a.Close(testContext(t)) }()
			receive[TurnRequested](t, b)
			if err := b.GiveTurn(); err != nil {
				t.Fatal(err)
			}
			receive[Closed](t, b)
			if err := <-closed; err != nil {
				t.Fatal(err)
			}
		}},
		{"an APDU refused, and discarded", joinsActivities, func(t *testing.T, c *conversation) {
			a, b := standing(t, c)
			done := transfer(t, a, message(100_000))
			if err := receive[*TransferIndication](t, b).Reject(session.ExceptionJeopardized); err != nil {
				t.Fatal(err)
			}
			await(t, done)
			send(t, a, b, message(10))
		}},
		{"an APDU interrupted, and resumed", joinsActivities, func(t *testing.T, c *conversation) {
			a, b := standing(t, c)
			apdu := message(100_000)
			done := resumable(t, a, apdu, nil)
			ind := receive[*TransferIndication](t, b)
			if _, err := io.ReadFull(ind.APDU, make([]byte, 50_000)); err != nil {
				t.Fatal(err)
			}
			if err := ind.Reject(session.ExceptionLocalUserError); err != nil {
				t.Fatal(err)
			}
			take(t, b)
			await(t, done)
		}},
		{"an APDU without checkpoints", nil, func(t *testing.T, c *conversation) {
			theirs, ours := config("A"), config("B")
			theirs.CheckpointSize, ours.CheckpointSize = -1, -1
			theirs.Transport.TPDUSize = 8192 // a frame has no more than 64 KiB
			a, b := opened(t, c, theirs, ours, argument, result)
			for _, n := range []int{100, 1_500_000} {
				send(t, a, b, message(n))
			}
		}},
		{"an APDU without checkpoints refused in its midst", joinsActivities, func(t *testing.T, c *conversation) {
			theirs, ours := config("A"), config("B")
			theirs.CheckpointSize, ours.CheckpointSize = -1, -1
			theirs.Transport.TPDUSize = 8192
			a, b := opened(t, c, theirs, ours, argument, result)
			done := transfer(t, a, message(1_500_000))
			if err := receive[*TransferIndication](t, b).Reject(session.ExceptionJeopardized); err != nil {
				t.Fatal(err)
			}
			await(t, done)
			send(t, a, b, message(10))
		}},
		{"user abort", nil, func(t *testing.T, c *conversation) {
			a, b := standing(t, c)
			a.Abort(UserError)
			receive[Aborted](t, b)
		}},
		{"protocol error", nil, func(t *testing.T, c *conversation) {
			i, r := overheard(t, c)
			_, b := openedOn(t, i, r, config("A"), config("B"), argument, result)
			// ACTIVITY END where there is none.
			if _, err := i.Write(unhex(t, "03 00 00 0E 02 F0 80 01 00 29 03 2A 01 31")); err != nil {
				t.Fatal(err)
			}
			receive[Aborted](t, b)
		}},
		{"refused by the user", nil, func(t *testing.T, c *conversation) {
			refused(t, c, config("A"), config("B"), argument, func(OpenIndication) Decision { return Decision{UserData: bindError} })
		}},
		{"an association recovered", nil, func(t *testing.T, c *conversation) {
			theirs, ours := config("A"), config("B")
			theirs.Recover, ours.Recoverable = lostConnection(x410), true
			a, b := opened(t, c, theirs, ours, nil, nil)
			send(t, a, b, message(5000))
		}},
		{"an association not recovered", nil, func(t *testing.T, c *conversation) {
			theirs := config("A")
			theirs.Recover = lostConnection(x410)
			refused(t, c, theirs, config("B"), nil, accepting)
		}},
		{"session selector unknown", nil, func(t *testing.T, c *conversation) {
			ours := config("B")
			ours.CalledSSEL = []byte("other")
			refused(t, c, config("A"), ours, argument, accepting)
		}},
	}
	if !x410 {
		talks = append(talks, talk{"a bind longer than one CN", readsNoOverflow, func(t *testing.T, c *conversation) {
			wrap := func(tag asn1.Tag, constructed bool, b []byte) []byte {
				return append(ber.AppendHeader(nil, tag, constructed, int64(len(b))), b...)
			}
			context := func(n uint32) asn1.Tag { return asn1.Tag{Class: asn1.ContextSpecific, Number: n} }
			password := wrap(asn1.Univ(asn1.NumberOctetString), false, make([]byte, 12_000))
			members := append(wrap(context(0), false, []byte("MTA-A")), wrap(context(1), true, password)...)
			long := wrap(context(16), true, wrap(context(1), true, members))
			a, _ := opened(t, c, config("A"), config("B"), long, result)
			a.Abort(UserError)
		}}, talk{"presentation refuses", nil, func(t *testing.T, c *conversation) {
			ours := config("B")
			ours.RTSESyntax, ours.UserSyntax = "2.6.0.2.8", "2.6.0.2.9"
			refused(t, c, config("A"), ours, argument, accepting)
		}}, talk{"X.410-1984 mode refused", nil, func(t *testing.T, c *conversation) {
			theirs := config("A")
			theirs.ApplicationProtocols = []int64{12}
			refused(t, c, theirs, config("B"), ber.Raw{5, 0}, accepting)
		}})
	}
	for i := range talks {
		talks[i].name = mode + talks[i].name
		if x410 {
			talks[i].tool = append(talks[i].tool, readsNoX410Data...)
		}
	}
	return talks
}

// opened opens an association that is listened to.
func opened(t *testing.T, c *conversation, theirs, ours Config, argument, result ber.Raw) (a, b *Conn) {
	t.Helper()
	i, r := overheard(t, c)
	return openedOn(t, i, r, theirs, ours, argument, result)
}

func openedOn(t *testing.T, i, r net.Conn, theirs, ours Config, argument, result ber.Raw) (a, b *Conn) {
	t.Helper()
	ctx := testContext(t)
	failed := make(chan error, 1)
	go func() {
		var err error
		b, err = acceptOn(ctx, r, ours, func(OpenIndication) Decision { return Decision{Accept: true, UserData: result} })
		failed <- err
	}()
	a, _, err := Open(ctx, i, theirs, argument)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
	return a, b
}

// refused opens an association that comes to nothing.
func refused(t *testing.T, c *conversation, theirs, ours Config, argument ber.Raw, decide func(OpenIndication) Decision) {
	t.Helper()
	i, r := overheard(t, c)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	done := make(chan struct{})
	go func() {
		defer close(done)
		_, _ = acceptOn(ctx, r, ours, decide)
	}()
	if conn, _, err := Open(ctx, i, theirs, argument); err == nil || conn != nil {
		t.Fatal("opened")
	}
	<-done
}
