package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/osi/tp"
	"github.com/mtakit/mtakit/lib/p1"
)

const (
	// hostileMemory is what a process of the switch may have had resident at its peak.
	hostileMemory = 64 << 20
	// hostileEnvelope is the limit on envelopes there.
	hostileEnvelope = 64 << 10
	// bubble is how many connections are held open that say nothing more.
	bubble = 300
)

// hostile is a switch with a good peer at work, and somebody who means harm.
type hostile struct {
	t       *testing.T
	a       *mta
	ref     int // of messages
	good    atomic.Int64
	goodErr atomic.Pointer[error]
	read    int64 // of the log
}

// Somebody calls a switch and does in every layer what nobody should, while a peer
// transfers messages to it. Each attempt ends with the abort of the layer it met, one
// line of the log says which layer, and what was wrong where; nobody else notices, and
// the switch stays small.
func TestHostileCallers(t *testing.T) {
	n := newNetwork(t)
	a := n.add("a", "ALPHA")
	a.set("[[listener]]", fmt.Sprintf("tsel = [%q]", a.name))
	a.set("[[channel]]", `open-timeout = "2s"`+"\n"+`transfer-timeout = "2s"`+"\n"+`max-associations = 20`)
	a.configure(fmt.Sprintf("\n[limits]\nenvelope-size = %d\n", hostileEnvelope))
	for _, name := range []string{"GOOD", "EVIL"} {
		a.configure(fmt.Sprintf("\n[[peer]]\nname = %q\nchannel = \"p1\"\npassword-in = \"secret of %[1]s\"\n", name))
	}
	a.configure("\n[[peer]]\nname = \"OLD\"\nchannel = \"p1\"\npassword-in = \"secret of OLD\"\nmode = \"x410\"\n")
	a.start()
	h := &hostile{t: t, a: a}
	stop := h.work()
	n.until("the first message is delivered", func() bool { return len(a.mailbox("ann")) > 0 })
	before := descriptors(t, a)
	for _, x := range slices.Concat(attacks(), attacksX410()) {
		h.attack(x)
	}
	h.silence()
	n.until("what was opened is closed", func() bool { return descriptors(t, a) <= before })
	stop()
	if err := h.goodErr.Load(); err != nil {
		t.Errorf("the good association: %v", *err)
	}
	n.until("everything good is delivered", func() bool { return int64(len(a.mailbox("ann"))) == h.good.Load() })
	for _, pid := range a.processes() {
		peak := peakMemory(t, pid)
		t.Logf("process %d: %d MiB at its peak", pid, peak>>20)
		if peak > hostileMemory {
			t.Errorf("process %d had %d MiB resident", pid, peak>>20)
		}
	}
	a.stop()
	a.check()
}

// peakMemory is what a process has had resident at its peak, in octets.
func peakMemory(t *testing.T, pid int) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`VmHWM:\s+(\d+) kB`).FindSubmatch(text)
	if m == nil {
		t.Fatalf("no VmHWM in %s", text)
	}
	kib, err := strconv.Atoi(string(m[1]))
	if err != nil {
		t.Fatal(err)
	}
	return kib << 10
}

// descriptors is how many sockets the processes of a switch have open.
func descriptors(t *testing.T, m *mta) (n int) {
	t.Helper()
	for _, pid := range m.processes() {
		links, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
		if err != nil {
			t.Fatal(err)
		}
		for _, link := range links {
			to, err := os.Readlink(link)
			if err == nil && strings.HasPrefix(to, "socket:") {
				n++
			}
		}
	}
	return n
}

func (h *hostile) dial() net.Conn {
	h.t.Helper()
	nc, err := net.Dial("tcp", h.a.address)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := nc.SetDeadline(time.Now().Add(patience)); err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = nc.Close() })
	return nc
}

// connect opens a transport connection.
func (h *hostile) connect(size int) (*tp.Conn, net.Conn) {
	h.t.Helper()
	nc := h.dial()
	tc, err := tp.Connect(context.Background(), nc, tp.Params{CalledTSEL: []byte(h.a.name), TPDUSize: size})
	if err != nil {
		h.t.Fatal(err)
	}
	return tc, nc
}

// open opens an association as a peer.
func (h *hostile) open(nc net.Conn, name, password string) (*rtse.Conn, error) {
	h.t.Helper()
	argument, err := p1.BindArgument(name, password, 0)
	if err != nil {
		h.t.Fatal(err)
	}
	c := p1.AssociationConfig()
	c.Transport.CalledTSEL = []byte(h.a.name)
	c.CallingReference = name
	c.TwoWayAlternate = false
	conn, _, err := rtse.Open(context.Background(), nc, c, argument)
	return conn, err
}

// bound is an association that stands, to be spoken on by hand.
func (h *hostile) bound() *tp.Conn {
	h.t.Helper()
	tc, _ := h.connect(0)
	if err := tc.WriteTSDU(connectSPDU(cp(aarq(rtorq(bind("EVIL", "secret of EVIL")))))); err != nil {
		h.t.Fatal(err)
	}
	if ac, _, err := tc.ReadTSDU(); err != nil || ac[0] != 14 {
		h.t.Fatalf("instead of ACCEPT: %x, %v", ac, err)
	}
	return tc
}

// message is the MTS-APDU of a message to Ann.
func (h *hostile) message(edit func(*mts.MessageTransferEnvelope)) []byte {
	h.t.Helper()
	name := func(text string) oraddr.ORName {
		a, err := oraddr.Parse(text)
		if err != nil {
			h.t.Fatal(err)
		}
		n, err := a.ORName()
		if err != nil {
			h.t.Fatal(err)
		}
		return n
	}
	h.ref++
	good := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "GOOD"})
	env := &mts.MessageTransferEnvelope{
		MessageIdentifier: mts.MTSIdentifier{GlobalDomainIdentifier: good, LocalIdentifier: asn1.IA5String(fmt.Sprint("GOOD.", h.ref))},
		OriginatorName:    name("/S=Jones/O=Org/PRMD=GOOD/ADMD=TEST/C=GB/"),
		ContentType:       mts.NewContentType(mts.InterpersonalMessaging1988),
		TraceInformation:  mts.AppendTrace(nil, good, time.Now()),
		PerRecipientFields: []mts.PerRecipientMessageTransferFields{{RecipientName: name(h.a.addressOf("Ann", "Smith")),
			OriginallySpecifiedRecipientNumber: 1, PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNone)}},
	}
	if edit != nil {
		edit(env)
	}
	raw, err := p1.EncodeMessageEnvelope(env)
	if err != nil {
		h.t.Fatal(err)
	}
	content := "content"
	prefix, _ := p1.NewMessageAPDU(raw, int64(len(content)))
	return append(prefix, content...)
}

// work lets the good peer transfer one message after the other over one association
// until stop is called.
func (h *hostile) work() (stop func()) {
	h.t.Helper()
	conn, err := h.open(h.dial(), "GOOD", "secret of GOOD")
	if err != nil {
		h.t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	var done sync.WaitGroup
	apdus := make([][]byte, 0, 5000)
	for range cap(apdus) {
		apdus = append(apdus, h.message(nil))
	}
	done.Go(func() {
		for _, apdu := range apdus {
			r, err := conn.Transfer(context.Background(), bytes.NewReader(apdu), int64(len(apdu)))
			if err == nil && !r.Confirmed {
				err = fmt.Errorf("not taken: %+v", r)
			}
			if err != nil {
				h.goodErr.Store(&err)
				return
			}
			h.good.Add(1)
			select {
			case <-ctx.Done():
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	return func() {
		cancel()
		done.Wait()
	}
}

// attack does one thing to the switch, and judges what it answers and says.
func (h *hostile) attack(x attack) {
	h.t.Helper()
	h.news()
	before := h.good.Load()
	reply := x.do(h)
	var lines []string
	h.a.network.until(x.name+": a line of the log", func() bool {
		lines = append(lines, h.news()...)
		return len(lines) > 0
	})
	h.a.network.until(x.name+": the good association goes on", func() bool {
		return h.good.Load() > before+1 || h.goodErr.Load() != nil
	})
	lines = append(lines, h.news()...)
	if len(lines) != 1 || !strings.Contains(lines[0], " layer="+x.layer+" ") || !regexp.MustCompile(x.says).MatchString(lines[0]) {
		h.t.Errorf("%s: the log says\n\t%s\nnot %q of layer %s", x.name, strings.Join(lines, "\n\t"), x.says, x.layer)
	}
	if !regexp.MustCompile(x.reply).MatchString(reply) {
		h.t.Errorf("%s: the answer is %q, not %q", x.name, reply, x.reply)
	}
}

// news are the new lines of the log that are about a layer.
func (h *hostile) news() (lines []string) {
	h.t.Helper()
	f, err := os.Open(h.a.log())
	if err != nil {
		h.t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	text, err := io.ReadAll(io.NewSectionReader(f, h.read, 1<<20))
	if err != nil {
		h.t.Fatal(err)
	}
	end := bytes.LastIndexByte(text, '\n') + 1
	h.read += int64(end)
	for line := range strings.Lines(string(text[:end])) {
		if strings.Contains(line, " layer=") {
			lines = append(lines, strings.TrimSpace(line))
		}
	}
	return lines
}

// answer is what the switch says before it ends the connection: nothing, or the last
// TSDU in words.
func answer(tc *tp.Conn) string {
	var last []byte
	for last == nil || last[0] != 25 && last[0] != 12 { // ABORT, REFUSE
		tsdu, _, err := tc.ReadTSDU()
		if err != nil {
			break
		}
		last = slices.Clone(tsdu)
	}
	_ = tc.Close() // as whoever is told to end should
	var words []string
	var walk func(n decode.Node)
	walk = func(n decode.Node) {
		words = append(words, strings.TrimSpace(n.Name+" "+n.Type+" "+n.Value))
		for _, c := range n.Children {
			walk(c)
		}
	}
	if last != nil {
		_ = decode.Decode(last, decode.SPDU, decode.Limits{}, func(n decode.Node) error { // what is malformed shows
			walk(n)
			return nil
		})
	}
	return strings.Join(words, ", ")
}

// silence opens more connections than the switch has places for, in every state before
// the bind, and lets most of them say nothing more; some say very little at a time. The
// good association goes on, and a new one is opened all the while.
func (h *hostile) silence() {
	h.t.Helper()
	var opening []*tp.Conn
	for i := range bubble {
		nc := h.dial()
		defer func() { _ = nc.Close() }()
		if i%2 == 0 {
			tc, nc := h.connect(0)
			opening = append(opening, tc)
			if i%20 == 0 {
				go trickle(nc)
			}
		}
		if i%50 == 0 {
			before := h.good.Load()
			conn, err := h.open(h.dial(), "EVIL", "secret of EVIL")
			if err != nil {
				h.t.Fatalf("nobody can bind beside %d connections: %v", i, err)
			}
			if err := conn.Close(context.Background()); err != nil {
				h.t.Error(err)
			}
			h.a.network.until("the good association goes on", func() bool {
				return h.good.Load() > before || h.goodErr.Load() != nil
			})
		}
	}
	start := time.Now()
	for _, tc := range opening {
		answer(tc)
	}
	if took := time.Since(start); took > 15*time.Second {
		h.t.Errorf("connections that say nothing stood for %v", took)
	}
}

// trickle sends a CONNECT SPDU an octet at a time.
func trickle(nc net.Conn) {
	for _, octet := range []byte("\x03\x00\x10\x00\x02\xf0\x80\x0d\xff\x0f\xf0") {
		if _, err := nc.Write([]byte{octet}); err != nil {
			return
		}
		time.Sleep(200 * time.Millisecond)
	}
}

// stall transfers the beginning of a message and says no more.
func stall(h *hostile) string {
	conn, err := h.open(h.dial(), "EVIL", "secret of EVIL")
	if err != nil {
		h.t.Fatal(err)
	}
	apdu := h.message(nil)
	wait := make(chan struct{})
	defer close(wait)
	done := make(chan error, 1)
	go func() {
		_, err := conn.Transfer(context.Background(), io.MultiReader(bytes.NewReader(apdu), blocked(wait)), int64(len(apdu))+1<<20)
		done <- err
	}()
	ind, err := conn.Receive(context.Background())
	return fmt.Sprintf("%T %v, %v", ind, ind, err)
}

// blocked is a reader that gives nothing until it is closed.
type blocked chan struct{}

func (b blocked) Read([]byte) (int, error) {
	<-b
	return 0, io.ErrUnexpectedEOF
}

// attack is one thing that nobody should do, and what is to come of it.
type attack struct {
	name  string
	do    func(*hostile) string
	layer string
	says  string // a line of the log
	reply string // the answer, in words
}

// item is a parameter of an SPDU, or an SPDU.
func item(code byte, parts ...[]byte) []byte {
	value := slices.Concat(parts...)
	if len(value) < 255 {
		return append([]byte{code, byte(len(value))}, value...)
	}
	return append([]byte{code, 255, byte(len(value) >> 8), byte(len(value))}, value...)
}

// el is an element of BER with a definite length.
func el(id byte, parts ...[]byte) []byte {
	value := slices.Concat(parts...)
	switch n := len(value); {
	case n < 128:
		return append([]byte{id, byte(n)}, value...)
	case n < 1<<16:
		return append([]byte{id, 0x82, byte(n >> 8), byte(n)}, value...)
	default:
		return append([]byte{id, 0x83, byte(n >> 16), byte(n >> 8), byte(n)}, value...)
	}
}

// A good beginning, a layer in each.
func connectSPDU(user []byte) []byte {
	return item(13, []byte{5, 6, 19, 1, 0, 22, 1, 2, 20, 2, 2, 0x49}, item(193, user))
}

func cp(acse []byte) []byte {
	context := func(id byte, abstract ...byte) []byte {
		return el(0x30, []byte{2, 1, id}, el(6, abstract), el(0x30, []byte{6, 2, 0x51, 1}))
	}
	return el(0x31, []byte{0xa0, 3, 0x80, 1, 1}, el(0xa2, []byte{0x81, 2, 0, 1, 0x82, 2, 0, 1},
		el(0xa4, context(1, 0x52, 1, 0, 1), context(3, 0x56, 0, 2, 12), context(5, 0x56, 0, 2, 7)),
		el(0x61, el(0x30, []byte{2, 1, 1}, el(0xa0, acse)))))
}

func aarq(rtse []byte) []byte {
	return el(0x60, el(0xa1, []byte{6, 4, 0x56, 0, 1, 6}), el(0xbe, el(0x28, []byte{2, 1, 3}, el(0xa0, rtse))))
}

func rtorq(bind []byte) []byte {
	return el(0xb0, []byte{0x80, 1, 1, 0x81, 1, 3, 0x82, 1, 0}, el(0xa3, el(0xa0, el(0xb0, bind))))
}

func bind(name, password string) []byte {
	return el(0xa1, el(0x80, []byte(name)), el(0xa1, el(0x16, []byte(password))))
}

// The beginnings of nothing: elements inside one another, without end or with an end
// that is far away.
func nested(id byte, n int) []byte { return bytes.Repeat([]byte{id, 0x80}, n) }

var far = []byte{0x84, 0x7f, 0xff, 0xff, 0xff}

// raw says something else than a CR TPDU.
func raw(octets ...byte) func(*hostile) string {
	return func(h *hostile) string {
		nc := h.dial()
		_, _ = nc.Write(octets)     // it may be closed at once
		answer, _ := io.ReadAll(nc) // likewise
		return fmt.Sprintf("%x", answer)
	}
}

// sending says something over a transport connection.
func sending(size, times int, octets ...byte) func(*hostile) string {
	return func(h *hostile) string {
		tc, nc := h.connect(size)
		for range times {
			_, _ = nc.Write(octets) // it may be closed at once
		}
		_ = nc.(*net.TCPConn).CloseWrite() // likewise
		return answer(tc)
	}
}

// tsdu sends a TSDU instead of a CONNECT SPDU.
func tsdu(octets ...byte) func(*hostile) string {
	return func(h *hostile) string {
		tc, _ := h.connect(0)
		_ = tc.WriteTSDU(octets) // it may be closed at once
		return answer(tc)
	}
}

// user sends a CONNECT SPDU with this user data.
func user(octets ...byte) func(*hostile) string { return tsdu(connectSPDU(octets)...) }

// bound sends TSDUs over an association that stands.
func bound(tsdus ...[]byte) func(*hostile) string {
	return func(h *hostile) string {
		tc := h.bound()
		for _, b := range tsdus {
			_ = tc.WriteTSDU(b) // it may be closed meanwhile
		}
		return answer(tc)
	}
}

// transferring transfers something that should be an MTS-APDU.
func transferring(octets func(*hostile) []byte) func(*hostile) string {
	return func(h *hostile) string {
		conn, err := h.open(h.dial(), "EVIL", "secret of EVIL")
		if err != nil {
			h.t.Fatal(err)
		}
		o := octets(h)
		r, err := conn.Transfer(context.Background(), bytes.NewReader(o), int64(len(o)))
		return fmt.Sprintf("confirmed %v, %v", r.Confirmed, err)
	}
}

func these(octets ...byte) func(*hostile) []byte { return func(*hostile) []byte { return octets } }

func attacks() []attack {
	const (
		nothing  = `^$`
		noUser   = `^0300000b0680....000003$` // DR, address unknown
		spm      = `AB SPDU ABORT.* protocol error`
		ppm      = `AB SPDU ABORT.* ARP ARP.* unrecognized PPDU`
		acpm     = `AB SPDU ABORT.* ABRT ABRT, abort-source AbortSource 1 ACSE service-provider$`
		rtpm     = `AB SPDU ABORT.* ABRT ABRT.* RTAB RTAB, abortReason AbortReason 4 protocolError`
		refused  = `RF SPDU REFUSE.* AARE AARE.* RTORJ RTORJ.* MTABindError .*authentication-error`
		rejected = `^confirmed false, rtse: transfer: aborted by the peer's rtse: protocolError$`
		begun    = `octet \d+: truncated`
	)
	activity := append([]byte{1, 0}, item(45, item(41, []byte{2, 1, 1}))...)
	data := func(user ...byte) []byte { return append([]byte{1, 0, 1, 0}, user...) }
	rttr := func(octets ...byte) []byte { return data(el(0x61, el(0x30, []byte{2, 1, 3}, el(0xa0, octets)))...) }
	ahead := append([]byte{3, 0, 4, 7, 2, 0xf0, 0}, make([]byte, 1024)...)
	return []attack{
		{"another protocol", raw([]byte("GET / HTTP/1.1\r\n\r\n")...), "transport", `tpkt: version 71: want 3`, nothing},
		{"a long CR", raw(3, 0, 255, 255, 2, 0xe0, 0, 0, 0, 1, 0), "transport", `tpkt: length 65535: want 7 to 132`, nothing},
		{"DT first", raw(3, 0, 0, 8, 2, 0xf0, 0x80, 1), "transport", `dt: want cr first`, nothing},
		{"an unknown selector", raw(3, 0, 0, 15, 10, 0xe0, 0, 0, 0, 1, 0, 0xc2, 2, 'X', 'Y'), "transport", `called transport selector unknown`, noUser},
		{"no TPKT", sending(0, 1, bytes.Repeat([]byte{0xee}, 1000)...), "transport", `tpkt: version 238: want 3`, nothing},
		{"half a TPKT", sending(0, 1, 3, 0, 4, 0, 2, 0xf0), "transport", `unexpected EOF`, nothing},
		{"a TPDU too long", sending(128, 1, ahead...), "transport", `dt: tpdu of 1027 octets: 128 were agreed on`, nothing},
		{"a TSDU without end", sending(0, 100, ahead...), "transport", `dt: tsdu longer than 32768 octets`, nothing},

		{"an unknown SPDU", tsdu(99, 1, 2), "session", `si 99 at octet 0: unknown in this place`, spm},
		{"an SPDU too long", tsdu(13, 255, 255, 255, 1), "session", `si 13 at octet 0: length runs past the tsdu`, spm},
		{"random octets", tsdu(bytes.Repeat([]byte{0xaa}, 100)...), "session", `si 170 at octet 0: length runs past the tsdu`, spm},
		{"FINISH first", tsdu(9, 0), "session", `FN: in STA 01C: not allowed`, spm},
		{"CONNECT again", bound(connectSPDU(cp(aarq(rtorq(bind("EVIL", "secret of EVIL")))))), "session", `CN: in STA 713: not allowed`, spm},
		{"a checkpoint of nothing", bound(append([]byte{1, 0}, item(49, item(42, []byte("1")))...)), "session", `MIP: in STA 713: no activity is in progress`, spm},
		{"half an SPDU", bound(activity, []byte{1, 0, 1, 9}), "session", `si 1 at octet 2: length runs past the tsdu`, spm},

		{"no PPDU", user(bytes.Repeat([]byte{0xaa}, 50)...), "presentation", `CP at octet 0: malformed encoding`, ppm},
		{"an empty PPDU", user(), "presentation", `CP at octet 0: truncated`, ppm},
		{"a deep CP", user(nested(0x31, 5000)...), "presentation", `CP at octet 96: limit exceeded: nested too deeply`, ppm},
		{"a long CP", user(append([]byte{0x31, 0x80, 0xa2, 0x80, 0xa4}, far...)...), "presentation", `CP.normal at ` + begun, ppm},
		{"a CP without end", user(append([]byte{0x31, 0x80, 0xa0, 3, 0x80, 1, 1, 0xa2, 0x80}, bytes.Repeat([]byte{0xbf, 0x30, 0}, 3000)...)...), "presentation", `CP.normal at octet 7: truncated: no end-of-contents`, ppm},
		{"no PPDU in an activity", bound(activity, data(bytes.Repeat([]byte{0xaa}, 50)...)), "presentation", `user-data: ber: at octet 0: malformed encoding`, ppm},
		{"a deep PPDU", bound(activity, data(append([]byte{0x61, 0x80, 0x30, 0x80, 2, 1, 3, 0xa0, 0x80}, nested(0x30, 100000)...)...)), "presentation", `at octet \d+: limit exceeded: nested too deeply`, ppm},
		{"a long PPDU", bound(activity, data(append([]byte{0x61, 0x80, 0x30}, far...)...)), "presentation", `user-data: ber: at ` + begun, ppm},

		{"a malformed AARQ", user(cp([]byte{0x60, 3, 1, 2, 3})...), "acse", `APDU.AARQ at octet 2: malformed encoding`, acpm},
		{"a deep AARQ", user(cp(aarq(nested(0xb0, 2000)))...), "acse", `APDU.AARQ.* at octet \d+: limit exceeded: nested too deeply`, acpm},

		{"a malformed RTORQ", user(cp(aarq([]byte{0xb0, 3, 1, 2, 3}))...), "rtse", `APDU.RTORQ at octet 2: malformed encoding`, rtpm},
		{"no RTSE APDU", user(cp(aarq([]byte{0xb5, 0}))...), "rtse", `APDU at octet 0: unexpected element`, rtpm},
		{"no EXTERNAL", bound(activity, rttr(el(4, []byte{1, 2, 3, 4})...)), "rtse", `EXTERNAL at octet 0: not an EXTERNAL`, rtpm},
		{"half an APDU", stall, "rtse", `nothing from the peer within 2s`, `aborted by the peer's rtse: temporaryProblem`},

		{"no bind", user(cp(aarq(rtorq([]byte{0x30, 3, 2, 1, 5})))...), "bind", `MTA-bind-argument at octet 2: unexpected element`, refused},
		{"a wrong password", user(cp(aarq(rtorq(bind("EVIL", "secret of GOOD"))))...), "bind", `refused ."EVIL.".*wrong credentials`, refused},
		{"an unknown peer", user(cp(aarq(rtorq(bind("NOBODY", "secret of EVIL"))))...), "bind", `refused ."NOBODY.".*unknown peer`, refused},

		{"no MTS-APDU", transferring(these(0x30, 3, 2, 1, 5)), "p1", `mts-apdu at octet 0: no message, report or probe`, rejected},
		{"a malformed envelope", transferring(these(0xa0, 5, 0x31, 3, 2, 1, 5)), "p1", `message-transfer-envelope.message-identifier at octet 2: mandatory element missing`, rejected},
		{"a deep envelope", transferring(these(slices.Concat([]byte{0xa0, 0x80, 0x31, 0x80}, nested(0x30, 30000), make([]byte, 60004))...)), "p1", `octet 96: limit exceeded: nested too deeply`, rejected},
		{"an envelope without end", transferring(these(append([]byte{0xa0, 0x80, 0x31, 0x80}, bytes.Repeat([]byte{5, 0}, 500000)...)...)), "p1", `octet 6553\d: limit exceeded: too many octets`, rejected},
		{"an envelope too large", transferring(func(h *hostile) []byte {
			return h.message(func(m *mts.MessageTransferEnvelope) {
				m.PerRecipientFields = slices.Repeat(m.PerRecipientFields, 2000)
			})
		}), "p1", `limit exceeded: too many octets|too large`, rejected},
		{"a content without end", transferring(func(h *hostile) []byte {
			good := h.message(nil)
			at := bytes.LastIndex(good, []byte("\x04\x07content"))
			return slices.Concat([]byte{0xa0, 0x80}, good[bytes.IndexByte(good, 0x31):at], []byte{0x24, 0x80}, bytes.Repeat([]byte{4, 0}, 100000))
		}), "p1", `octet \d+: truncated`, rejected},
	}
}
