package tp

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/diag"
)

// pair is a transport connection over loopback TCP, initiator first.
func pair(t *testing.T, ours, theirs Params) (*Conn, *Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	type accepted struct {
		c   *Conn
		err error
	}
	done := make(chan accepted, 1)
	go func() {
		nc, err := l.Accept()
		if err != nil {
			done <- accepted{err: err}
			return
		}
		_, already, err := PeekCR(nc)
		if err != nil {
			done <- accepted{err: err}
			return
		}
		c, _, err := Accept(nc, already, theirs)
		done <- accepted{c, err}
	}()
	nc, err := net.Dial("tcp", l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nc.Close() })
	a, err := Connect(context.Background(), nc, ours)
	if err != nil {
		t.Fatal(err)
	}
	b := <-done
	if b.err != nil {
		t.Fatal(b.err)
	}
	t.Cleanup(func() { b.c.Close() })
	return a, b.c
}

func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>16)
	}
	return b
}

func TestTSDUs(t *testing.T) {
	for _, size := range []int{128, 2048, 65531} {
		a, b := pair(t, Params{TPDUSize: size}, Params{})
		if a.size != size || b.size != size {
			t.Fatalf("sizes %d and %d, want %d", a.size, b.size, size)
		}
		for _, n := range []int{1, size - 4, size - 3, size - 2, size, 2*(size-3) - 1, 2 * (size - 3), 300000} {
			if n > 5000*size {
				continue
			}
			want := pattern(n)
			written := make(chan error)
			go func() {
				// Cut anywhere: segments have nothing to do with DTs.
				written <- a.WriteTSDU(want[:n/3], nil, want[n/3:n/2], want[n/2:])
			}()
			got, err := whole(b)
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			if err != nil {
				t.Fatal(err)
			}
			if !bytes.Equal(got, want) {
				t.Errorf("tpdu size %d: tsdu of %d octets came back as %d others", size, n, len(got))
			}
		}
		a.Close()
		if _, _, err := b.ReadTSDU(); err != io.EOF {
			t.Errorf("after close: %v, want EOF", err)
		}
	}
}

// fake is a net.Conn that counts its reads and writes.
type fake struct {
	net.Conn
	in            io.Reader
	out           bytes.Buffer
	reads, writes int
}

func (f *fake) Read(b []byte) (int, error)       { f.reads++; return f.in.Read(b) }
func (f *fake) Write(b []byte) (int, error)      { f.writes++; return f.out.Write(b) }
func (f *fake) SetDeadline(time.Time) error      { return nil }
func (f *fake) SetWriteDeadline(time.Time) error { return nil }

func TestSmallTSDUCostsOneWrite(t *testing.T) {
	f := &fake{}
	c := newConn(f, 65531, 1<<20)
	if err := c.WriteTSDU([]byte{1, 0}, []byte{0x2d, 5}, []byte{0x29, 3, 2, 1, 1}); err != nil {
		t.Fatal(err)
	}
	want := octets(t, "03 00 00 10 02 F0 80 01 00 2D 05 29 03 02 01 01")
	if f.writes != 1 || !bytes.Equal(f.out.Bytes(), want) {
		t.Errorf("%d writes of % x, want one of % x", f.writes, f.out.Bytes(), want)
	}
	if n := testing.AllocsPerRun(100, func() { f.out.Reset(); c.WriteTSDU(want, want) }); n > 0 {
		t.Errorf("%v allocations for a small tsdu", n)
	}
}

func TestSegmentation(t *testing.T) {
	f := &fake{}
	c := newConn(f, 128, 1<<20)
	data := pattern(251)
	if err := c.WriteTSDU(data[:1], data[1:]); err != nil {
		t.Fatal(err)
	}
	var want []byte
	want = append(want, octets(t, "03 00 00 84 02 F0 00")...)
	want = append(want, data[:125]...)
	want = append(want, octets(t, "03 00 00 84 02 F0 00")...)
	want = append(want, data[125:250]...)
	want = append(want, octets(t, "03 00 00 08 02 F0 80")...)
	want = append(want, data[250:]...)
	if d := cmp.Diff(want, f.out.Bytes()); d != "" {
		t.Error(d)
	}
	if err := c.WriteTSDU(nil, []byte{}); diag.KindOf(err) != diag.Usage {
		t.Errorf("empty tsdu: %v", err)
	}
}

func TestReadsAreFewAndTheBufferIsReused(t *testing.T) {
	const n = 200
	small := octets(t, "03 00 00 10 02 F0 80 01 00 2D 05 29 03 02 01 01")
	f := &fake{in: bytes.NewReader(bytes.Repeat(small, n))}
	c := newConn(f, 65531, 1<<20)
	if _, _, err := c.ReadTSDU(); err != nil {
		t.Fatal(err)
	}
	if n := testing.AllocsPerRun(n-2, func() { c.ReadTSDU() }); n > 0 {
		t.Errorf("%v allocations for a tsdu of one dt", n)
	}
	if f.reads > 2 {
		t.Errorf("%d reads for %d small tpkts", f.reads, n)
	}
	big := &fake{in: io.MultiReader(bytes.NewReader(octets(t, "03 00 FF FB 02 F0 80")), bytes.NewReader(make([]byte, 65524)))}
	c = newConn(big, 65531, 1<<20)
	if b, more, err := c.ReadTSDU(); err != nil || more || len(b) != 65524 {
		t.Fatal(len(b), more, err)
	}
	if big.reads > 4 {
		t.Errorf("%d reads for a dt of 65524 octets", big.reads)
	}
}

func TestReadTSDUErrors(t *testing.T) {
	for _, c := range []struct {
		name, octets, want string
		kind               diag.Kind
	}{
		{"version", "04 00 00 07 02 F0 80", "tp: tpkt: version 4: want 3", diag.Protocol},
		{"length", "03 00 00 06 02 F0 80", "tp: tpkt: length 6: want 7 to 65535", diag.Protocol},
		{"larger than agreed", "03 00 00 85 02 F0 80", "tp: dt: tpdu of 129 octets: 128 were agreed on", diag.Protocol},
		{"too long", "03 00 00 0F 02 F0 00 01 02 03 04 05 06 07 08 03 00 00 0A 02 F0 80 01 02 03", "tp: dt: tsdu longer than 10 octets", diag.Protocol},
		{"nothing", "03 00 00 07 02 F0 00", "tp: dt: no data and no end of tsdu", diag.Protocol},
		{"er", "03 00 00 0E 09 70 00 01 02 C1 03 02 10 80", "tp: er: peer reports an error: cause 2 at octet 3", diag.Protocol},
		{"dr", "03 00 00 0B 06 80 00 01 00 00 03", "tp: dr: want dt", diag.Protocol},
		{"expedited", "03 00 00 08 02 10 80 41", "tp: expedited data tpdu: not agreed to", diag.Protocol},
		{"cut in the header", "03 00 00", "tp: unexpected EOF", diag.Unavailable},
		{"cut in the data", "03 00 00 10 02 F0 80 01", "tp: unexpected EOF", diag.Unavailable},
		{"cut in the tsdu", "03 00 00 08 02 F0 00 01", "tp: unexpected EOF", diag.Unavailable},
	} {
		conn := newConn(&fake{in: bytes.NewReader(octets(t, c.octets))}, 128, 10)
		_, _, err := conn.ReadTSDU()
		if err == nil || err.Error() != c.want || diag.KindOf(err) != c.kind {
			t.Errorf("%s: %v (%v), want %s (%v)", c.name, err, diag.KindOf(err), c.want, c.kind)
		}
	}
}

func TestEmptyDTMayEndATSDU(t *testing.T) {
	c := newConn(&fake{in: bytes.NewReader(octets(t, "03 00 00 08 02 F0 00 41 03 00 00 07 02 F0 80"))}, 128, 10)
	if b, more, err := c.ReadTSDU(); err != nil || more || string(b) != "A" {
		t.Errorf("%q, %v, %v", b, more, err)
	}
}

const exampleCR = "03 00 00 1A 15 E0 00 00 00 01 00 C0 01 0D C1 04 4D 54 41 41 C2 04 4D 54 41 42"

func TestPeekCR(t *testing.T) {
	rest := strings.NewReader("unread")
	want := octets(t, exampleCR)
	cr, got, err := PeekCR(io.MultiReader(bytes.NewReader(want), rest))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) || string(cr.CalledTSEL) != "MTAB" {
		t.Errorf("read % x, called %q", got, cr.CalledTSEL)
	}
	if rest.Len() != len("unread") {
		t.Error("read past the cr")
	}
	for _, c := range []struct{ octets, want string }{
		{"16 03 01 00", "tp: tpkt: version 22: want 3: it is TLS, which is not expected here"},
		{"16 04 01 00", "tp: tpkt: version 22: want 3"},
		{"03 00 00 85", "tp: tpkt: length 133: want 7 to 132"},
		{"03 00 00 08 02 F0 80 00", "tp: dt: want cr first"},
		{"03 00", "tp: tpkt header: unexpected EOF"},
		{"03 00 00 1A 15", "tp: tpkt of 26 octets: after 5: unexpected EOF"},
		{"03 00 00 0B 06 E0 00 00 00 01 60", "tp: cr: octet 7: class 6: unknown"},
	} {
		_, got, err := PeekCR(bytes.NewReader(octets(t, c.octets)))
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.octets, err, c.want)
		}
		if !bytes.Equal(got, octets(t, c.octets)) {
			t.Errorf("%s: octets read % x", c.octets, got)
		}
	}
	if _, _, err := PeekCR(strings.NewReader("")); err != io.EOF {
		t.Errorf("closed at once: %v", err)
	}
}

func TestAcceptAnswers(t *testing.T) {
	for _, c := range []struct {
		name, cr, want string
		refused        bool
	}{
		{name: "example", cr: exampleCR, want: "03 00 00 1A 15 D0 00 01 .. .. 00 C0 01 0D C1 04 4D 54 41 41 C2 04 4D 54 41 42"},
		{name: "class 4 or 0", cr: "03 00 00 0E 09 E0 00 00 00 01 40 C7 01 00", want: "03 00 00 0B 06 D0 00 01 .. .. 00"},
		{name: "class 4", cr: "03 00 00 0B 06 E0 00 00 00 01 40", want: "03 00 00 0B 06 80 00 01 00 00 82", refused: true},
	} {
		f := &fake{}
		conn, cr, err := Accept(f, octets(t, c.cr), Params{})
		var r *Refused
		if errors.As(err, &r) != c.refused || (conn != nil) == c.refused || cr == nil {
			t.Errorf("%s: %v, %v", c.name, conn, err)
		}
		got := f.out.Bytes()
		if !c.refused && len(got) > 9 {
			if got[8] == 0 && got[9] == 0 {
				t.Errorf("%s: source reference zero", c.name)
			}
			got[8], got[9] = 0, 0
		}
		if want := octets(t, strings.ReplaceAll(c.want, "..", "00")); !bytes.Equal(got, want) {
			t.Errorf("%s: answer % x, want %s", c.name, got, c.want)
		}
	}
	f := &fake{}
	if _, _, err := Accept(f, octets(t, exampleCR+"00"), Params{}); err == nil || f.out.Len() != 0 {
		t.Errorf("octets after the cr: %v", err)
	}
}

// connectTo runs Connect against a peer that answers with the octets.
func connectTo(t *testing.T, ctx context.Context, p Params, answer func(*CR) []byte) error {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go func() {
		defer theirs.Close()
		cr, _, err := PeekCR(theirs)
		if err != nil {
			t.Error(err)
			return
		}
		if a := answer(cr); a != nil {
			theirs.Write(a)
			return
		}
		io.Copy(io.Discard, theirs)
	}()
	c, err := Connect(ctx, ours, p)
	if (c == nil) == (err == nil) {
		t.Errorf("conn %v with error %v", c, err)
	}
	return err
}

func TestConnectRefused(t *testing.T) {
	bg := context.Background()
	var refusal bytes.Buffer
	err := connectTo(t, bg, Params{}, func(cr *CR) []byte {
		if err := Refuse(&refusal, cr, ReasonAddressUnknown); err != nil {
			t.Error(err)
		}
		return refusal.Bytes()
	})
	var r *Refused
	if !errors.As(err, &r) || r.Reason != ReasonAddressUnknown || !r.Reason.Persistent() || diag.KindOf(err) != diag.Unavailable {
		t.Errorf("dr: %v", err)
	}
	if err.Error() != "tp: refused: address unknown" {
		t.Errorf("dr: %v", err)
	}
	for _, c := range []struct{ octets, want string }{
		{"03 00 00 0E 09 70 00 01 02 C1 03 02 10 80", "tp: peer reports an error in the cr: cause 2 at octet 3"},
		{"03 00 00 08 02 F0 80 00", "tp: dt: want cc"},
		{"03 00", "tp: awaiting cc: tpkt header: unexpected EOF"},
	} {
		err := connectTo(t, bg, Params{}, func(*CR) []byte { return octets(t, c.octets) })
		if err == nil || err.Error() != c.want {
			t.Errorf("%s: %v, want %s", c.octets, err, c.want)
		}
	}
	err = connectTo(t, bg, Params{Timeout: 10 * time.Millisecond}, func(*CR) []byte { return nil })
	if !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("silent peer: %v", err)
	}
	ctx, cancel := context.WithCancel(bg)
	err = connectTo(t, ctx, Params{}, func(*CR) []byte { cancel(); return nil })
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	for _, p := range []Params{{TPDUSize: 127}, {TPDUSize: 65532}, {CalledTSEL: make([]byte, 200)}} {
		if _, err := Connect(bg, &fake{}, p); diag.KindOf(err) != diag.Usage {
			t.Errorf("%+v: %v", p, err)
		}
	}
}

// FuzzReadTSDUIsBounded: whatever a peer sends, ReadTSDU ends, no TSDU is longer than
// allowed, and its parts are neither empty nor long.
func FuzzReadTSDUIsBounded(f *testing.F) {
	f.Add(octets(f, "03 00 00 08 02 F0 00 41 03 00 00 07 02 F0 80"))
	f.Add(octets(f, "03 00 00 10 02 F0 80 01 00 2D 05 29 03 02 01 01"))
	f.Add(octets(f, "03 00 00 0E 09 70 00 01 02 C1 03 02 10 80"))
	f.Fuzz(func(t *testing.T, b []byte) {
		const most = enough + 8192
		c := newConn(&fake{in: bytes.NewReader(bytes.Repeat(b, 1+70000/(len(b)+1)))}, 8192, most)
		total := 0
		for range 70000 + len(b) {
			tsdu, more, err := c.ReadTSDU()
			if err != nil {
				return
			}
			if total += len(tsdu); total > most {
				t.Fatalf("tsdu of %d octets", total)
			}
			if len(tsdu) > enough+8192 || more && len(tsdu) < enough {
				t.Fatalf("part of %d octets", len(tsdu))
			}
			if !more {
				total = 0
			}
		}
		t.Fatal("more tsdus than octets")
	})
}

// whole reads a TSDU whose parts a test wants joined.
func whole(c *Conn) (tsdu []byte, err error) {
	for more := true; more && err == nil; {
		var part []byte
		part, more, err = c.ReadTSDU()
		tsdu = append(tsdu, part...)
	}
	return tsdu, err
}

// A TSDU of any length comes in parts of 64 KiB and at most a TPDU more, out of one buffer,
// however it was written.
func TestLongTSDU(t *testing.T) {
	for _, size := range []int{128, 8192, 65531} {
		a, b := pair(t, Params{TPDUSize: size}, Params{})
		want := pattern(1 << 20)
		written := make(chan error, 1)
		go func() {
			for _, part := range [][]byte{want[:1], want[1:100_000], want[100_000:700_000]} {
				if err := a.WritePart(part[:len(part)/3], part[len(part)/3:]); err != nil {
					written <- err
					return
				}
			}
			written <- errors.Join(a.WriteTSDU(want[700_000:]), a.WriteTSDU([]byte("next")))
		}()
		var got []byte
		parts := 0
		for more := true; more; parts++ {
			var part []byte
			var err error
			if part, more, err = b.ReadTSDU(); err != nil {
				t.Fatal(err)
			}
			if len(part) > enough+size || more && len(part) < enough {
				t.Errorf("TPDU size %d: part of %d octets", size, len(part))
			}
			got = append(got, part...)
		}
		if !bytes.Equal(got, want) || parts > len(want)/enough+1 || cap(b.tsdu) > 2*(enough+size) {
			t.Errorf("TPDU size %d: %d octets came back as %d others in %d parts, in a buffer of %d", size, len(want), len(got), parts, cap(b.tsdu))
		}
		if next, err := whole(b); err != nil || string(next) != "next" {
			t.Errorf("%q, %v", next, err)
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
	}
}

// A TSDU that is begun is ended by nothing, if need be, and cut short by the end of the
// stream it is no TSDU.
func TestTSDUEndedEarly(t *testing.T) {
	f := &fake{}
	c := newConn(f, 128, 0)
	if err := errors.Join(c.WritePart([]byte("A")), c.WriteTSDU()); err != nil {
		t.Fatal(err)
	}
	if want := octets(t, "03 00 00 08 02 F0 00 41 03 00 00 07 02 F0 80"); !bytes.Equal(f.out.Bytes(), want) {
		t.Errorf("% X", f.out.Bytes())
	}
	if err := c.WriteTSDU(); diag.KindOf(err) != diag.Usage {
		t.Errorf("an empty TSDU: %v", err)
	}
	if err := c.WritePart(); diag.KindOf(err) != diag.Usage {
		t.Errorf("an empty part: %v", err)
	}
	half := append(octets(t, "03 00 FF FB 02 F0 00"), make([]byte, 65524)...)
	cut := newConn(&fake{in: bytes.NewReader(append(half, half...))}, 65531, 0)
	if _, more, err := cut.ReadTSDU(); err != nil || !more {
		t.Fatal(more, err)
	}
	if _, _, err := cut.ReadTSDU(); !errors.Is(err, io.ErrUnexpectedEOF) {
		t.Errorf("%v", err)
	}
}

// Over a stream that is not the kernel's, TLS for one, DTs are written together in
// pieces of a record, and come out as they should.
func TestTSDUsWithoutGathering(t *testing.T) {
	want := pattern(300000)
	f := &fake{}
	a := newConn(f, 2048, 0)
	if err := a.WriteTSDU(want[:100], want[100:200000], want[200000:]); err != nil {
		t.Fatal(err)
	}
	if most := f.out.Len()/writeBuffer + 1; f.writes > most {
		t.Errorf("%d writes, not %d", f.writes, most)
	}
	b := newConn(&fake{in: &f.out}, 2048, 1<<20)
	got, err := whole(b)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("tsdu of %d octets came back as %d others", len(want), len(got))
	}
}

// What is given out is not taken for an outgoing connection before somebody listens.
func TestUnusedAddress(t *testing.T) {
	b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range")
	if err != nil {
		t.Fatal(err)
	}
	least, _, _ := strings.Cut(strings.TrimSpace(string(b)), "\t")
	outgoing, err := strconv.Atoi(least)
	if err != nil {
		t.Fatal(err)
	}
	for range 20 {
		address, err := UnusedAddress("127.0.0.1")
		if err != nil {
			t.Fatal(err)
		}
		a, err := net.ResolveTCPAddr("tcp", address)
		if err != nil || a.Port >= outgoing {
			t.Fatalf("%s, and outgoing connections begin with %d: %v", address, outgoing, err)
		}
	}
	if address, err := UnusedAddress("192.0.2.1"); err == nil {
		t.Errorf("%s is not ours", address)
	}
}
