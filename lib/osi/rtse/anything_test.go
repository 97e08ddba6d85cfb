package rtse

import (
	"bytes"
	"fmt"
	"runtime"
	"testing"

	"github.com/mtakit/mtakit/lib/osi/session"
)

// odd are SPDUs that no record of a good association has.
func odd(t *testing.T) map[string][]byte {
	all := map[string][]byte{}
	for name, octets := range map[string]string{
		"ED": `02 00 30 03 32 01 01`, "AI": `01 00 19 03 32 01 05`, "AIA": `02 00 1A 00`, "AD": `01 00 39 03 32 01 00`, "ADA": `02 00 3A 00`,
		"AR": `01 00 1D 0F 21 08 29 03 02 01 01 2A 01 30 29 03 02 01 06`, "AB": `19 03 11 01 05`, "AA": `1A 00`,
		"RF": `0C 03 32 01 01`, "NF": `08 00`, "ER": `02 00 00 03 32 01 01`, "MAP": `01 00 29 06 0F 01 01 2A 01 32`,
		"unknown": `01 00 63 00`, "nothing": ``, "GT alone": `01 00`, "length only": `01`,
	} {
		all[name] = unhex(t, octets)
	}
	return all
}

// mutations are what a bad peer makes of a TSDU.
func mutations(b []byte) map[string][][]byte {
	all := map[string][][]byte{
		"as it is":  {b},
		"doubled":   {b, b},
		"glued":     {append(bytes.Clone(b), b...)},
		"too long":  {append(bytes.Clone(b), make([]byte, 70_000)...)},
		"truncated": {b[:len(b)/2]},
	}
	if len(b) > 1 {
		all["one octet less"] = [][]byte{b[:len(b)-1]}
		deep := bytes.Clone(b[:len(b)/2])
		for range 2000 {
			deep = append(deep, 0x30, 0x80) // levels without an end
		}
		all["too deep"] = [][]byte{deep}
	}
	return all
}

// TestEveryPDUInEveryState: whatever PDU of either side a peer sends, in whatever state
// of an association and however damaged, the answer is that of the table or an abort.
// Nothing panics, nothing of what is sent is empty, and the end is told once.
func TestEveryPDUInEveryState(t *testing.T) {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	tried, aborted := 0, 0
	for _, x410 := range []bool{false, true} {
		record := recordIn(t, x410)
		pdus := odd(t)
		for i, l := range record {
			if l.name != "CR" && l.name != "CC" {
				pdus[fmt.Sprintf("%c %s (%d)", l.side, l.name, i)] = l.octets[7:]
			}
		}
		for _, initiator := range []bool{false, true} {
			peer := byte('I')
			if initiator {
				peer = 'R'
			}
			var said [][]byte
			for _, l := range record {
				if l.side == peer && l.name != "CR" && l.name != "CC" {
					said = append(said, l.octets[7:])
				}
			}
			for heard := range len(said) + 1 {
				for name, pdu := range pdus {
					for how, tsdus := range mutations(pdu) {
						s := newStack(t, initiator, x410)
						if initiator {
							s.step(rtOpen{Checkpoint: 63, Window: 3, Mode: TwoWayAlternate, UserData: bindArgument})
						}
						for _, p := range append(said[:heard:heard], tsdus...) {
							s.transport(session.TDataIndication{TSDU: bytes.Clone(p)})
						}
						tried++
						if s.over {
							aborted++
						}
						s.transport(session.TimerExpired{})
						s.transport(session.TDisconnectIndication{})
						if !s.over && s.machine.state != idle {
							t.Errorf("x410 %v, initiator %v, after %d TSDUs of the peer: %s %s: %s without a transport connection",
								x410, initiator, heard, name, how, s.machine.state)
						}
					}
				}
			}
		}
	}
	runtime.ReadMemStats(&after)
	each := (after.TotalAlloc - before.TotalAlloc) / uint64(tried)
	t.Logf("%d PDUs, %d ended the association, %d octets allocated for each", tried, aborted, each)
	if most := uint64(4 * 70_000); each > most {
		t.Errorf("%d octets allocated for each PDU; the longest are of %d", each, most/4)
	}
}
