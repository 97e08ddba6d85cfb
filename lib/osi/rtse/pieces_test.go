package rtse

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// Several RTTRs in one presentation data value are taken as one, in time that their
// octets account for: a value of 1 MB has room for 300000 without any.
func TestManyRTTRs(t *testing.T) {
	apdu := value(400_000)
	external, err := appendExternal(nil, 5, int64(len(apdu)))
	if err != nil {
		t.Fatal(err)
	}
	external = append(external, apdu...)
	for name, rttrs := range map[string][][]byte{
		"one":                  {external},
		"one, in two pieces":   {external[:5], external[5:]},
		"none before the one":  {nil, nil, external},
		"many of none":         append([][]byte{external}, make([][]byte, 300_000)...),
		"many, octet by octet": slices.Collect(slices.Chunk(external, 1)),
	} {
		peer, conns, _ := rawPeer(t, testConfig("B"), accepting)
		write(t, peer, tsdus(t, 'I', "CN")[0])
		tsdu(t, peer)
		conn := <-conns
		write(t, peer, tsdus(t, 'I', "AS")[0])
		var octets []byte
		for _, r := range rttrs {
			octets = append(ber.AppendHeader(octets, tagOctetString, false, int64(len(r))), r...)
		}
		write(t, peer, append([]byte{1, 0, 1, 0}, presentationData(asn1.Context(1), octets)...))
		write(t, peer, unhex(t, `01 00 29 03 2A 01 31`))
		if got := take(t, conn); !bytes.Equal(got, apdu) {
			t.Errorf("%s: %d octets arrived, want %d", name, len(got), len(apdu))
		}
		if b := tsdu(t, peer); !bytes.Equal(b, unhex(t, `02 00 2A 03 2A 01 31`)) {
			t.Errorf("%s: sent % X, want AEA", name, b)
		}
	}
}

// Who waits for an indication hears when the time is over, though an APDU has begun to
// arrive, and hears of the APDU as soon as it is known what it is.
func TestReceiveAmidHead(t *testing.T) {
	peer, conns, _ := rawPeer(t, testConfig("B"), accepting)
	write(t, peer, tsdus(t, 'I', "CN")[0])
	tsdu(t, peer)
	conn := <-conns
	write(t, peer, tsdus(t, 'I', "AS")[0])
	apdu := value(100)
	external, err := appendExternal(nil, 5, int64(len(apdu)))
	if err != nil {
		t.Fatal(err)
	}
	external = append(external, apdu...)
	for _, octets := range [][]byte{external[:3], external[3:]} {
		ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
		defer cancel()
		if ind, err := conn.Receive(ctx); !errors.Is(err, context.DeadlineExceeded) {
			t.Fatalf("received %T %+v, %v", ind, ind, err)
		}
		rttr := append(ber.AppendHeader(nil, tagOctetString, false, int64(len(octets))), octets...)
		write(t, peer, append([]byte{1, 0, 1, 0}, presentationData(asn1.Context(0), rttr)...))
	}
	write(t, peer, unhex(t, `01 00 29 03 2A 01 31`))
	if got := take(t, conn); !bytes.Equal(got, apdu) {
		t.Errorf("% X arrived", got)
	}
}

// presentationData is fully-encoded-data of one value in the context of the RTSE, [0] as
// one ASN.1 value or [1] octet-aligned.
func presentationData(form asn1.Tag, octets []byte) []byte {
	value := append([]byte{2, 1, 3}, ber.AppendHeader(nil, form, form == asn1.Context(0), int64(len(octets)))...)
	value = append(value, octets...)
	list := append(ber.AppendHeader(nil, asn1.Tag{Class: asn1.Universal, Number: 16}, true, int64(len(value))), value...)
	return append(ber.AppendHeader(nil, asn1.Tag{Class: asn1.Application, Number: 1}, true, int64(len(list))), list...)
}
