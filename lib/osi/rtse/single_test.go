package rtse

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
	"github.com/mtakit/mtakit/lib/osi/tp"
)

// Without checkpoints an APDU is one RTTR, whatever its length.

// uncheckpointed is testConfig without checkpoints.
func uncheckpointed(reference string, protocols ...int64) Config {
	c := x410Config(reference, protocols...)
	c.CheckpointSize = -1
	return c
}

// singles is a peer made of octets that has bound without checkpoints and started an
// activity.
func singles(t testing.TB, x410 bool, size int) (peer *tp.Conn, conn *Conn) {
	t.Helper()
	var protocols []int64
	if x410 {
		protocols = []int64{12}
	}
	cfg := uncheckpointed("B", protocols...)
	cfg.Transport.TPDUSize = size
	peer, conns, _ := rawPeer(t, cfg, accepting)
	cn := tsdusOf(t, recordIn(t, x410), 'I', "CN")[0]
	write(t, peer, bytes.Replace(cn, []byte{0x80, 1, 0x3f}, []byte{0x80, 1, 0}, 1))
	tsdu(t, peer)
	conn = <-conns
	if n := conn.Remote().Checkpoint; n != 0 {
		t.Fatalf("checkpoint size %d", n)
	}
	write(t, peer, tsdus(t, 'I', "AS")[0])
	return peer, conn
}

var (
	octetsAE  = []byte{1, 0, 0x29, 3, 0x2a, 1, '1'}
	octetsAEA = []byte{2, 0, 0x2a, 3, 0x2a, 1, '1'}
	behindGT  = []byte{1, 0, 1, 0} // DT
)

// external puts an APDU into the EXTERNAL of normal mode.
func external(t testing.TB, apdu []byte) []byte {
	t.Helper()
	b, err := appendExternal(nil, 5, int64(len(apdu)))
	if err != nil {
		t.Fatal(err)
	}
	return append(b, apdu...)
}

func primitive(octets []byte) []byte {
	return append(ber.AppendHeader(nil, tagOctetString, false, int64(len(octets))), octets...)
}

// constructed is an OCTET STRING of segments within segments, with lengths of both forms.
func constructed(octets []byte, size int) []byte {
	b := []byte{0x24, 0x80}
	for len(octets) > 0 {
		n := min(size, len(octets))
		inner := primitive(octets[:n])
		switch len(octets) / size % 3 {
		case 0:
			inner = append(append([]byte{0x24, 0x80}, inner...), 0, 0)
		case 1:
			inner = append(ber.AppendHeader(nil, tagOctetString, true, int64(len(inner))), inner...)
		}
		b, octets = append(b, inner...), octets[n:]
	}
	return append(b, 0, 0)
}

// indefinitely puts a value into user data whose lengths are all indefinite.
func indefinitely(value []byte) []byte {
	b := append([]byte{0x61, 0x80, 0x30, 0x80, 2, 1, 3, 0xa0, 0x80}, value...)
	return append(b, 0, 0, 0, 0, 0, 0)
}

// An RTTR of 3 MB in one TSDU is taken in every form there is of it, and acknowledged when
// it has been secured.
func TestSingleRTTR(t *testing.T) {
	apdu := value(3_000_000)
	octets := external(t, apdu)
	segments := func(user []byte) (all [][]byte) {
		const size = 70_000
		for at := 0; at < len(user); at += size {
			end := min(at+size, len(user))
			b, err := session.Append(nil, &session.GT{}, &session.DT{Enclosure: session.EnclosureWhole.Part(at == 0, end == len(user)), UserInformation: user[at:end]})
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, b)
		}
		return all
	}
	whole := func(user []byte) [][]byte { return [][]byte{append(bytes.Clone(behindGT), user...)} }
	definite := presentationData(asn1.Context(0), primitive(octets))
	for _, tt := range []struct {
		name  string
		x410  bool
		size  int // of a TPDU
		tsdus [][]byte
	}{
		{"definite", false, 0, whole(definite)},
		{"small TPDUs", false, 128, whole(presentationData(asn1.Context(0), constructed(octets, 1000)))},
		{"indefinite, constructed", false, 2048, whole(indefinitely(constructed(octets, 400)))},
		{"indefinite, primitive", false, 0, whole(indefinitely(primitive(octets)))},
		{"segments of 50 octets", false, 0, whole(indefinitely(constructed(octets, 50)))},
		{"octet-aligned", false, 0, whole(presentationData(asn1.Context(1), append(primitive(octets[:7]), primitive(octets[7:])...)))},
		{"session segments", false, 0, segments(definite)},
		{"X.410", true, 0, whole(apdu)},
		{"X.410, small TPDUs", true, 1024, whole(apdu)},
		{"X.410, session segments", true, 0, segments(apdu)},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer, conn := singles(t, tt.x410, tt.size)
			written := make(chan error, 1)
			go func() {
				for _, b := range tt.tsdus {
					if err := peer.WriteTSDU(b); err != nil {
						written <- err
						return
					}
				}
				written <- peer.WriteTSDU(octetsAE)
			}()
			ind := receive[*TransferIndication](t, conn)
			got, err := io.ReadAll(ind.APDU)
			if err != nil || !bytes.Equal(got, apdu) {
				t.Fatalf("%d octets arrived: %v", len(got), err)
			}
			if err := <-written; err != nil {
				t.Fatal(err)
			}
			// Nothing has been said yet.
			if err := peer.SetReadDeadline(time.Now().Add(20 * time.Millisecond)); err != nil {
				t.Fatal(err)
			}
			if b, _, err := peer.ReadTSDU(); err == nil {
				t.Fatalf("acknowledged before it was secured: % X", b)
			}
			if err := ind.Accept(); err != nil {
				t.Fatal(err)
			}
			if b := tsdu(t, peer); !bytes.Equal(b, octetsAEA) {
				t.Errorf("sent % X, want AEA", b)
			}
		})
	}
}

// An RTTR longer than the checkpoint size is taken as well: X.228 has a sender keep to it,
// and no answer for one that does not.
func TestRTTRLongerThanCheckpoint(t *testing.T) {
	apdu := value(3_000_000)
	for name, keeper := range map[string]Keeper{"nothing kept": nil, "kept": newMemory()} {
		peer, conns, _ := rawPeer(t, testConfig("B"), func(OpenIndication) Decision { return Decision{Accept: true, UserData: bindResult, Keeper: keeper} })
		write(t, peer, tsdus(t, 'I', "CN")[0])
		tsdu(t, peer)
		conn := <-conns
		if n := conn.Remote().Checkpoint; n != 63 {
			t.Fatalf("checkpoint size %d", n)
		}
		written := make(chan error, 1)
		go func() {
			octets := external(t, apdu)
			written <- errors.Join(peer.WriteTSDU(tsdus(t, 'I', "AS")[0]),
				peer.WriteTSDU(behindGT, presentationData(asn1.Context(0), primitive(octets[:2_000_000]))),
				peer.WriteTSDU([]byte{1, 0, 0x31, 3, 0x2a, 1, '1'}),
				peer.WriteTSDU(behindGT, presentationData(asn1.Context(0), primitive(octets[2_000_000:]))),
				peer.WriteTSDU([]byte{1, 0, 0x29, 3, 0x2a, 1, '2'}))
		}()
		if got := take(t, conn); !bytes.Equal(got, apdu) {
			t.Errorf("%s: %d octets arrived", name, len(got))
		}
		if err := <-written; err != nil {
			t.Error(err)
		}
		mia, aea := []byte{2, 0, 0x32, 3, 0x2a, 1, '1'}, []byte{2, 0, 0x2a, 3, 0x2a, 1, '2'}
		b := tsdu(t, peer)
		// A checkpoint that is still being secured when all is, is confirmed by AEA.
		if bytes.Equal(b, mia) {
			b = tsdu(t, peer)
		} else if keeper == nil {
			t.Errorf("%s: sent % X, want MIA", name, b)
		}
		if !bytes.Equal(b, aea) {
			t.Errorf("%s: sent % X, want AEA", name, b)
		}
	}
}

// An APDU of any length is sent in one TSDU where there are no checkpoints, with definite
// lengths.
func TestSingleRTTRSent(t *testing.T) {
	for name, protocols := range eachMode {
		for _, size := range []int{len(value(0)), 100, partSize, partSize + 1, 3_000_000} {
			i, r := pipe(t)
			recorded := &recorder{Conn: i}
			a, b := associateOn(t, recorded, r, uncheckpointed("A", protocols...), uncheckpointed("B", protocols...))
			recorded.out.Reset()
			apdu := value(size)
			send(t, a, b, apdu)
			var tsdus [][]byte
			var tsdu []byte
			for _, tpkt := range tpkts(t, recorded.octets()) {
				if tsdu = append(tsdu, tpkt[7:]...); tpkt[6] == 0x80 {
					tsdus, tsdu = append(tsdus, tsdu), nil
				}
			}
			want := apdu
			if protocols == nil {
				want = presentationData(asn1.Context(0), primitive(external(t, apdu)))
			}
			if len(tsdus) != 3 || tsdu != nil || !bytes.Equal(tsdus[1], append(bytes.Clone(behindGT), want...)) || !bytes.Equal(tsdus[2], octetsAE) {
				t.Errorf("%s, %d octets: %d TSDUs", name, size, len(tsdus))
			}
		}
	}
}

// What an APDU that is one RTTR costs in memory does not depend on its size, at neither
// side.
func TestSingleRTTRConstantMemory(t *testing.T) {
	for name, protocols := range eachMode {
		t.Run(name, func(t *testing.T) {
			a, b := associate(t, uncheckpointed("A", protocols...), uncheckpointed("B", protocols...))
			const size = 300 << 20
			done := make(chan transferred, 1)
			go func() {
				r, err := a.Transfer(testContext(t), zeroes{}, size)
				done <- transferred{r, err}
			}()
			ind := receive[*TransferIndication](t, b)
			var before, after, now runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			most := before.HeapAlloc
			var n int64
			buf := make([]byte, 32<<10)
			for n < size {
				k, err := ind.APDU.Read(buf)
				if err != nil {
					t.Fatal(err)
				}
				if n += int64(k); n/(10<<20) != (n-int64(k))/(10<<20) {
					runtime.GC()
					runtime.ReadMemStats(&now)
					most = max(most, now.HeapAlloc)
				}
			}
			if err := ind.Accept(); err != nil {
				t.Fatal(err)
			}
			if r := await(t, done); !r.Confirmed {
				t.Errorf("%+v", r)
			}
			runtime.ReadMemStats(&after)
			if got := most - before.HeapAlloc; got > 256<<10 {
				t.Errorf("%d octets more in use amid %d", got, size)
			}
			if got := after.TotalAlloc - before.TotalAlloc; got > size/32 {
				t.Errorf("%d octets were allocated for an APDU of %d", got, size)
			}
			t.Logf("%d octets more in use, %d allocated", most-before.HeapAlloc, after.TotalAlloc-before.TotalAlloc)
		})
	}
}

// Who does not read an RTTR is not sent more of it, over a stream that holds nothing.
func TestSingleRTTRBackPressure(t *testing.T) {
	for name, protocols := range eachMode {
		i, r := net.Pipe()
		a, b := associateOn(t, i, r, uncheckpointed("A", protocols...), uncheckpointed("B", protocols...))
		const size = 8 << 20
		src := &counting{r: io.LimitReader(zeroes{}, size)}
		done := make(chan transferred, 1)
		go func() {
			r, err := a.Transfer(testContext(t), src, size)
			done <- transferred{r, err}
		}()
		ind := receive[*TransferIndication](t, b)
		var read int64
		buf := make([]byte, 20_000)
		for read < size {
			n, err := ind.APDU.Read(buf)
			if read += int64(n); err != nil {
				t.Fatal(err)
			}
			// The part being read, and the two of which one is being written and one filled.
			if ahead := src.count() - read; ahead > 3*partSize {
				t.Fatalf("%s: %d octets ahead of the reader", name, ahead)
			}
		}
		if err := ind.Accept(); err != nil {
			t.Fatal(err)
		}
		if r := await(t, done); !r.Confirmed {
			t.Errorf("%s: %+v", name, r)
		}
	}
}

// A receiver that has had enough amid an RTTR says so, and the sender cuts it short; the
// association stands. A sender that goes on to its end is let go on.
func TestRejectAmidSingleRTTR(t *testing.T) {
	for name, protocols := range eachMode {
		a, b := associate(t, uncheckpointed("A", protocols...), uncheckpointed("B", protocols...))
		const size = 300 << 20
		src := &counting{r: io.LimitReader(zeroes{}, size)}
		done := make(chan transferred, 1)
		go func() {
			r, err := a.Transfer(testContext(t), src, size)
			done <- transferred{r, err}
		}()
		ind := receive[*TransferIndication](t, b)
		if _, err := io.ReadFull(ind.APDU, make([]byte, 1000)); err != nil {
			t.Fatal(err)
		}
		if err := ind.Reject(session.ExceptionJeopardized); err != nil {
			t.Fatal(err)
		}
		if r := await(t, done); r.err != nil || r.Confirmed || r.Reason != session.ExceptionJeopardized || r.InDoubt {
			t.Errorf("%s: %+v", name, r)
		}
		if n := src.count(); n > size/2 {
			t.Errorf("%s: %d octets were read after the exception", name, n)
		}
		send(t, a, b, value(2_000_000))
	}
	peer, conn := singles(t, false, 0)
	written := make(chan error, 1)
	go func() {
		written <- errors.Join(peer.WriteTSDU(behindGT, presentationData(asn1.Context(0), primitive(external(t, value(3_000_000))))),
			peer.WriteTSDU([]byte{1, 0, 0x39, 3, 0x32, 1, 0}))
	}()
	if err := receive[*TransferIndication](t, conn).Reject(session.ExceptionJeopardized); err != nil {
		t.Fatal(err)
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	for _, want := range [][]byte{{2, 0, 0x30, 3, 0x32, 1, 1}, {2, 0, 0x3a, 0}} {
		if b := tsdu(t, peer); !bytes.Equal(b, want) {
			t.Errorf("sent % X, want % X", b, want)
		}
	}
}

// failing is a source that fails after some octets.
type failingSource struct {
	n   int
	err error
}

func (f *failingSource) Read(p []byte) (int, error) {
	if f.n == 0 {
		return 0, f.err
	}
	n := min(f.n, len(p))
	f.n -= n
	return n, nil
}

// A sender that has to give up amid an RTTR of its own accord aborts: the receiver would
// find it cut short otherwise.
func TestGiveUpAmidSingleRTTR(t *testing.T) {
	broken := errors.New("the disk is gone")
	for name, protocols := range eachMode {
		for _, tt := range []struct {
			name   string
			source func(cancel context.CancelFunc) io.Reader
			cause  error
			reason AbortReason
		}{
			{"the source fails", func(context.CancelFunc) io.Reader { return &failingSource{1_000_000, broken} }, broken, LocalSystemProblem},
			{"cancelled", func(cancel context.CancelFunc) io.Reader {
				return io.MultiReader(io.LimitReader(zeroes{}, 1_000_000), cancelling{cancel})
			}, context.Canceled, LocalSystemProblem},
		} {
			a, b := associate(t, uncheckpointed("A", protocols...), uncheckpointed("B", protocols...))
			ctx, cancel := context.WithCancel(testContext(t))
			done := make(chan transferred, 1)
			go func() {
				r, err := a.Transfer(ctx, tt.source(cancel), 3_000_000)
				done <- transferred{r, err}
			}()
			ind := receive[*TransferIndication](t, b)
			_, err := io.Copy(io.Discard, ind.APDU)
			var heard *Abort
			if !errors.As(err, &heard) || heard.Layer != LayerTransport || heard.Protocol {
				t.Errorf("%s, %s: received %v", name, tt.name, err)
			}
			r := await(t, done)
			if a := within[*Abort](r.err); a == nil || !a.Local || r.Confirmed || r.InDoubt || !errors.Is(r.Err, tt.cause) {
				t.Errorf("%s, %s: %+v", name, tt.name, r)
			} else if a.RTAB != tt.reason {
				t.Errorf("%s, %s: %v", name, tt.name, a.RTAB)
			}
			cancel()
		}
	}
}

// cancelling cancels when it is read, and has zeroes.
type cancelling struct{ cancel context.CancelFunc }

func (c cancelling) Read(p []byte) (int, error) {
	c.cancel()
	return zeroes{}.Read(p)
}

// What is wrong with an RTTR ends the association where it is found, and the reader of the
// APDU hears so: nothing of it is whole, and nothing is acknowledged.
func TestSingleRTTRMalformed(t *testing.T) {
	apdu := value(300_000)
	octets := external(t, apdu)
	definite := presentationData(asn1.Context(0), primitive(octets))
	lies := bytes.Clone(definite)
	lies[1+1+3+2]++ // the PDV-list is longer than what is around it
	for _, tt := range []struct {
		name  string
		x410  bool
		user  []byte
		layer Layer
		err   string
	}{
		{"octets behind the user data", false, append(bytes.Clone(definite), 4, 0), LayerPresentation, "octets behind the PPDU"},
		{"octets behind the RTTR", false, presentationData(asn1.Context(0), append(primitive(octets), 4, 0)), LayerPresentation, "two values"},
		{"octets behind the RTTR, octet-aligned", false, presentationData(asn1.Context(1), append(primitive(octets), 2, 1, 0)), LayerRTSE, "not an OCTET STRING"},
		{"octets behind the EXTERNAL", false, presentationData(asn1.Context(0), primitive(append(bytes.Clone(octets), 0))), LayerRTSE, "octets behind the EXTERNAL"},
		{"a length that lies", false, lies, LayerPresentation, "ends outside"},
		{"cut", false, definite[:len(definite)-1], LayerPresentation, "truncated"},
		{"an RTTR longer than its value", false, presentationData(asn1.Context(1), primitive(octets)[:200_000]), LayerRTSE, "truncated"},
		{"nested too deep", false, indefinitely(bytes.Repeat([]byte{0x24, 0x80}, 100_000)), LayerPresentation, "nested too deeply"},
		{"nested too deep, octet-aligned", false, presentationData(asn1.Context(1), bytes.Repeat([]byte{0x24, 0x80}, 100_000)), LayerRTSE, "nested too deeply"},
		{"an APDU that is cut", false, presentationData(asn1.Context(0), primitive(octets[:200_000])), LayerRTSE, "unexpected EOF"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			peer, conn := singles(t, tt.x410, 0)
			go func() {
				// It may be over before all is written.
				_ = peer.WriteTSDU(behindGT, tt.user)
				_ = peer.WriteTSDU(octetsAE)
			}()
			for {
				ind, err := conn.Receive(testContext(t))
				if err != nil {
					t.Fatal(err)
				}
				if a, ok := ind.(Aborted); ok {
					if a.Layer != tt.layer || !a.Local || !a.Protocol || !strings.Contains(a.Err.Error(), tt.err) {
						t.Errorf("%+v: %v", a.Abort, a.Err)
					}
					break
				}
				if n, err := io.Copy(io.Discard, ind.(*TransferIndication).APDU); err == nil {
					t.Errorf("%d octets were whole", n)
				}
				if err := ind.(*TransferIndication).Accept(); err == nil {
					t.Error("accepted")
				}
			}
			if b := tsdu(t, peer); b[0] != 0x19 {
				t.Errorf("sent % X, want AB", b)
			}
		})
	}
}

// A TSDU that does not end is waited for as long as a peer may take to go on, and no
// longer.
func TestSingleRTTRWithoutEnd(t *testing.T) {
	for _, x410 := range []bool{false, true} {
		peer, conn := singles(t, x410, 0)
		conn.mu.Lock()
		conn.cfg.Timers.Idle = 200 * time.Millisecond
		conn.mu.Unlock()
		if err := peer.WritePart(behindGT, presentationData(asn1.Context(0), primitive(external(t, value(200_000))))[:150_000]); err != nil {
			t.Fatal(err)
		}
		ind := receive[*TransferIndication](t, conn)
		var a *Abort
		if _, err := io.Copy(io.Discard, ind.APDU); !errors.As(err, &a) || a.RTAB != TemporaryProblem || !a.Local {
			t.Errorf("%v", err)
		}
		if err := ind.Accept(); err == nil {
			t.Error("accepted")
		}
		if b := tsdu(t, peer); b[0] != 0x19 {
			t.Errorf("sent % X, want AB", b)
		}
	}
}

// Ten thousand RTTRs in which octets are changed, cut off or put in, in parts of any size,
// lead to the end of the association or to what was sent.
func TestSingleRTTRTenThousandWrong(t *testing.T) {
	random := rand.New(rand.NewPCG(10, 20))
	for _, x410 := range []bool{false, true} {
		cn, as := tsdusOf(t, recordIn(t, x410), 'I', "CN")[0], tsdus(t, 'I', "AS")[0]
		right, wrong, ended := 0, 0, 0
		for range 5_000 {
			apdu := value(random.IntN(1000))
			user := bytes.Clone(apdu)
			if !x410 {
				octets := external(t, apdu)
				user = [](func() []byte){
					func() []byte { return presentationData(asn1.Context(0), primitive(octets)) },
					func() []byte { return indefinitely(constructed(octets, 1+random.IntN(500))) },
					func() []byte { return presentationData(asn1.Context(1), constructed(octets, 1+random.IntN(500))) },
				}[random.IntN(3)]()
			}
			tsdu := append(bytes.Clone(behindGT), user...)
			untouched := random.IntN(4) == 0
			if !untouched {
				at := random.IntN(min(len(tsdu), 64))
				if random.IntN(2) == 0 {
					at = random.IntN(len(tsdu))
				}
				switch random.IntN(4) {
				case 0:
					tsdu[at] ^= byte(1 + random.IntN(255))
				case 1:
					tsdu = tsdu[:at]
				case 2:
					tsdu = append(tsdu[:at:at], tsdu[min(at+1+random.IntN(4), len(tsdu)):]...)
				case 3:
					tsdu = append(tsdu[:at:at], append([]byte{byte(random.IntN(256))}, tsdu[at:]...)...)
				}
			}
			s := newStack(t, false, x410)
			s.transport(session.TDataIndication{TSDU: bytes.Clone(cn)})
			s.transport(session.TDataIndication{TSDU: as})
			part := 1 + random.IntN(200)
			for at := 0; at == 0 || at < len(tsdu); at += part {
				end := min(at+part, len(tsdu))
				s.transport(session.TDataIndication{TSDU: bytes.Clone(tsdu[at:end]), More: end < len(tsdu)})
			}
			s.transport(session.TDataIndication{TSDU: octetsAE})
			want := apdu
			if !x410 {
				want = external(t, apdu)
			}
			switch same := bytes.Equal(s.arrived, want); {
			case s.over:
				ended++
			case same:
				right++
			default:
				wrong++ // what is in it is for the reader of the EXTERNAL to judge, and of the APDU
			}
			if untouched && (s.over || !bytes.Equal(s.arrived, want)) {
				t.Fatalf("X.410 %v: %d octets arrived of %d, over %v", x410, len(s.arrived), len(want), s.over)
			}
		}
		t.Logf("X.410 %v: %d as sent, %d otherwise, %d ended", x410, right, wrong, ended)
		if right == 0 || ended == 0 {
			t.Error(fmt.Errorf("no case that matters"))
		}
	}
}
