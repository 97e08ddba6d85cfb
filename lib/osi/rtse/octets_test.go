package rtse

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/osi/session"
)

// line is one TPKT of a recorded association.
type line struct {
	side   byte // I or R
	name   string
	octets []byte
}

// recorded reads testdata/association.txt, the record in normal mode.
func recorded(t testing.TB) []line { return record(t, "association") }

// record reads a record.
func record(t testing.TB, name string) []line {
	t.Helper()
	b, err := os.ReadFile("testdata/" + name + ".txt")
	if err != nil {
		t.Fatal(err)
	}
	var all []line
	for l := range strings.Lines(string(b)) {
		switch l[0] {
		case '#':
		case ' ':
			last := &all[len(all)-1]
			last.octets = append(last.octets, unhex(t, l)...)
		default:
			all = append(all, line{side: l[0], name: strings.TrimSpace(l[2:])})
		}
	}
	return all
}

// tsdus returns the TSDUs of the SPDUs named, in their order.
func tsdus(t testing.TB, side byte, names ...string) [][]byte {
	t.Helper()
	return tsdusOf(t, recorded(t), side, names...)
}

func tsdusOf(t testing.TB, record []line, side byte, names ...string) [][]byte {
	t.Helper()
	var all [][]byte
	for _, n := range names {
		for _, l := range record {
			if l.side == side && l.name == n {
				all = append(all, l.octets[7:])
				break
			}
		}
	}
	if len(all) != len(names) {
		t.Fatalf("%s: %d found", names, len(all))
	}
	return all
}

// recordedConfig is what the recorded association was opened with.
func recordedConfig(reference string) Config {
	c := testConfig(reference)
	c.Transport.CallingTSEL, c.Transport.CalledTSEL = []byte("MTAA"), []byte("MTAB")
	c.Transport.TPDUSize = 8192
	c.CallingSSEL, c.CalledSSEL = []byte{0, 1}, []byte{0, 1}
	c.CallingPSEL, c.CalledPSEL = []byte{0, 1}, []byte{0, 1}
	c.CheckpointSize, c.WindowSize = 63, 3
	c.SessionVersions = session.Version2
	return c
}

var (
	recordedArgument = []byte{0xb0, 0x14, 0xa1, 0x12, 0x80, 0x05, 'M', 'T', 'A', '-', 'A', 0xa1, 0x09, 0x16, 0x07, 's', 'e', 'c', 'r', 'e', 't', 'A'}
	recordedResult   = []byte{0xb1, 0x14, 0xa1, 0x12, 0x80, 0x05, 'M', 'T', 'A', '-', 'B', 0xa1, 0x09, 0x16, 0x07, 's', 'e', 'c', 'r', 'e', 't', 'B'}
)

// recordedAPDU is the MTS-APDU: the octets of both RTTRs, joined, without the
// header of the EXTERNAL.
func recordedAPDU(t testing.TB) []byte {
	t.Helper()
	var rttrs []byte
	for _, l := range recorded(t) {
		if l.name == "DT" {
			i := bytes.Index(l.octets, []byte{0x04, 0x81})
			rttrs = append(rttrs, l.octets[i+3:]...)
		}
	}
	return rttrs[11:]
}

// The stack produces, octet for octet in both directions, an association that an
// independent decoder has read without a complaint.
func TestOctets(t *testing.T) {
	t.Run("normal mode", func(t *testing.T) {
		compareAssociation(t, "association", recordedConfig, recordedArgument, recordedResult)
	})
	t.Run("X.410-1984 mode", func(t *testing.T) {
		compareAssociation(t, "association_x410", recordedX410, recordedArgument[2:], recordedResult[2:])
	})
}

// recordedX410 is what the recorded association in X.410-1984 mode was opened with.
func recordedX410(reference string) Config {
	c := recordedConfig(reference)
	c.ApplicationProtocols = []int64{12}
	c.SessionVersions = 0
	return c
}

func compareAssociation(t *testing.T, name string, config func(string) Config, argument, bound []byte) {
	i, r := pipe(t)
	ri, rr := &recorder{Conn: i}, &recorder{Conn: r}
	ctx := testContext(t)
	accepted := make(chan error, 1)
	var responder *Conn
	var indication OpenIndication
	go func() {
		var err error
		responder, err = acceptOn(ctx, rr, config("MTA-B"), func(ind OpenIndication) Decision {
			indication = ind
			return Decision{Accept: true, UserData: bound}
		})
		accepted <- err
	}()
	initiator, result, err := Open(ctx, ri, config("MTA-A"), argument)
	if err != nil {
		t.Fatal(err)
	}
	if err := <-accepted; err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(result, bound) || !bytes.Equal(indication.UserData, argument) {
		t.Errorf("bind argument %x, result %x", indication.UserData, result)
	}
	if got := referenceText(indication.Remote.Identifier.CallingReference); got != "MTA-A" {
		t.Errorf("calling reference %q", got)
	}

	apdu := recordedAPDU(t)
	done := make(chan transferred, 1)
	go func() {
		r, err := initiator.TransferWith(ctx, bytes.NewReader(apdu), int64(len(apdu)), TransferOptions{sizes: []int{208}})
		done <- transferred{r, err}
	}()
	if got := take(t, responder); !bytes.Equal(got, apdu) {
		t.Errorf("received %x", got)
	}
	if r := await(t, done); r.err != nil || !r.Confirmed {
		t.Fatalf("transfer: %+v", r)
	}
	for _, step := range []error{
		responder.PleaseTurn(4),
		expectTurn(ctx, initiator, TurnRequested{Priority: 4}),
		initiator.GiveTurn(),
		expectTurn(ctx, responder, TurnGiven{}),
		responder.GiveTurn(),
		expectTurn(ctx, initiator, TurnGiven{}),
		initiator.Close(ctx),
		expectTurn(ctx, responder, Closed{}),
	} {
		if step != nil {
			t.Fatal(step)
		}
	}
	compare(t, record(t, name), 'I', ri.octets())
	compare(t, record(t, name), 'R', rr.octets())
}

func expectTurn(ctx context.Context, c *Conn, want Indication) error {
	got, err := c.Receive(ctx)
	if err == nil && got != want {
		err = fmt.Errorf("received %#v, want %#v", got, want)
	}
	return err
}

// compare compares what one side has sent with the record. Transport references
// are random.
func compare(t *testing.T, record []line, side byte, sent []byte) {
	t.Helper()
	got := tpkts(t, sent)
	for _, want := range record {
		if want.side != side {
			continue
		}
		if len(got) == 0 {
			t.Errorf("%c %s: not sent", side, want.name)
			continue
		}
		octets := got[0]
		got = got[1:]
		if want.name == "CR" || want.name == "CC" {
			copy(octets[6:10], want.octets[6:10])
		}
		if !bytes.Equal(octets, want.octets) {
			t.Errorf("%c %s:\n got % X\nwant % X", side, want.name, octets, want.octets)
		}
	}
	for _, octets := range got {
		t.Errorf("%c: sent besides: % X", side, octets)
	}
}

// A refusal by the user is an RF with a CPR with an AARE with an RTORJ with the bind
// error.
func TestRefusalOctets(t *testing.T) {
	i, r := pipe(t)
	rr := &recorder{Conn: r}
	ctx := testContext(t)
	accepted := make(chan error, 1)
	go func() {
		_, err := acceptOn(ctx, rr, recordedConfig("MTA-B"), func(OpenIndication) Decision { return Decision{UserData: bindError} })
		accepted <- err
	}()
	_, _, err := Open(ctx, i, recordedConfig("MTA-A"), recordedArgument)
	if refusal := within[*Refusal](err); refusal == nil || refusal.Layer != LayerRTSE || !bytes.Equal(refusal.UserData, bindError) {
		t.Fatalf("%+v, %v", refusal, err)
	}
	if err := <-accepted; err == nil {
		t.Error("accepted")
	}
	got := tpkts(t, rr.octets())[1][7:]
	want := unhex(t, `0C 75 01 1A 09 07 04 05 4D 54 41 2D 42 0B 0F 17 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 11 01 01 16 01 02 32 51 02
		30 4E A5 1B 30 07 80 01 00 81 02 51 01 30 07 80 01 00 81 02 51 01 30 07 80 01 00 81 02 51 01
		61 2F 30 2D 02 01 01 A0 28 61 26 A1 06 06 04 56 00 01 06 A2 03 02 01 01 A3 05 A1 03 02 01 01
		BE 10 28 0E 02 01 03 A0 09 B2 07 A1 05 B2 03 02 01 02`)
	if !bytes.Equal(got, want) {
		t.Errorf(" got % X\nwant % X", got, want)
	}
}
