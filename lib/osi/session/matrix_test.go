package session

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// connectedOn are the events that lead to data transfer on one side.
var connectedOn = map[string][]string{
	"initiator": {
		"SConnectRequest Requirements: half-duplex+minor-sync+activity+exceptions",
		"TDataIndication 0E 0F 05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49",
	},
	"responder": {
		"TDataIndication 0D 0F 05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49",
		"SConnectResponse Requirements: half-duplex+minor-sync+activity+exceptions",
	},
}

// A wayTo is a way to a state; "+" among its events stands for connectedOn.
type wayTo struct {
	name, role string
	events     []string
	state      State
}

// waysTo lead to every state but the last. Of STA 713 there are four kinds: with
// the tokens here or there, in an activity or not.
var waysTo = []wayTo{
	{"01C", "responder", nil, STA01C},
	{"01D", "responder", []string{"TDataIndication 0D 12 05 06 13 01 00 16 01 02 14 02 00 02 3C 01 01 C2 01 41"}, STA01D},
	{"02A", "initiator", []string{"SConnectRequest Requirements: half-duplex+minor-sync+activity+exceptions"}, STA02A},
	{"02B", "initiator", []string{"SConnectRequest Requirements: half-duplex+minor-sync+activity+exceptions; UserData: 41*10241"}, STA02B},
	{"03", "initiator", []string{"+", "SReleaseRequest"}, STA03},
	{"04B", "initiator", []string{"+", "SActivityStartRequest Activity: 01", "SActivityEndRequest"}, STA04B},
	{"05B", "initiator", []string{"+", "SActivityStartRequest Activity: 01", "SActivityInterruptRequest"}, STA05B},
	{"05C", "initiator", []string{"+", "SActivityStartRequest Activity: 01", "SActivityDiscardRequest"}, STA05C},
	{"08", "responder", []string{"TDataIndication 0D 0F 05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49"}, STA08},
	{"09", "responder", []string{"+", "TDataIndication 09 00"}, STA09},
	{"10B", "responder", []string{"+", "TDataIndication 01 00 2D 03 29 01 01", "TDataIndication 01 00 29 03 2A 01 31"}, STA10B},
	{"11B", "responder", []string{"+", "TDataIndication 01 00 2D 03 29 01 01", "TDataIndication 01 00 19 00"}, STA11B},
	{"11C", "responder", []string{"+", "TDataIndication 01 00 2D 03 29 01 01", "TDataIndication 01 00 39 00"}, STA11C},
	{"16", "initiator", []string{"+", "SUAbortRequest"}, STA16},
	{"18", "initiator", []string{"+", "SControlGiveRequest"}, STA18},
	{"19", "responder", []string{"+", "TDataIndication 01 00 2D 03 29 01 01", "SUExceptionReportRequest"}, STA19},
	{"20", "initiator", []string{"+", "SActivityStartRequest Activity: 01", "TDataIndication 02 00 30 03 32 01 00"}, STA20},
	{"713 own", "initiator", []string{"+"}, STA713},
	{"713 own act", "initiator", []string{"+", "SActivityStartRequest Activity: 01", "SSyncMinorRequest"}, STA713},
	{"713 peer", "responder", []string{"+"}, STA713},
	{"713 peer act", "responder", []string{"+", "TDataIndication 01 00 2D 03 29 01 01"}, STA713},
}

func (w *wayTo) machine(t *testing.T) *Machine {
	m := newMachine(t, []string{w.role})
	for _, e := range w.events {
		if e != "+" {
			m.Step(parseEvent(t, e))
			continue
		}
		for _, e := range connectedOn[w.role] {
			m.Step(parseEvent(t, e))
		}
	}
	if m.State() != w.state {
		t.Fatalf("the way to %v leads to %v", w.state, m.State())
	}
	return m
}

var samples = []struct{ name, octets string }{
	{"AA", "1A 00"},
	{"AB", "19 03 11 01 03"},
	{"AC", "0E 0F 05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49"},
	{"AD", "01 00 39 03 32 01 00"},
	{"ADA", "02 00 3A 00"},
	{"AE", "01 00 29 03 2A 01 31"},
	{"AEA", "02 00 2A 03 2A 01 31"},
	{"AI", "01 00 19 03 32 01 05"},
	{"AIA", "02 00 1A 00"},
	{"AR", "01 00 1D 0F 21 08 29 03 02 01 05 2A 01 33 29 03 02 01 06"},
	{"AS", "01 00 2D 05 29 03 02 01 01"},
	{"CD", "01 00 3D 00"},
	{"CDA", "02 00 3E 00"},
	{"CDO", "0F 06 19 01 02 C1 01 41"},
	{"CN", "0D 0F 05 09 13 01 00 16 01 02 1A 01 00 14 02 02 49"},
	{"DN", "0A 00"},
	{"DT", "01 00 01 00 61 80"},
	{"ED", "02 00 30 03 32 01 01"},
	{"ER", "02 00 00 04 31 02 01 00"},
	{"EX", "05 00 41"},
	{"FN", "09 03 11 01 01"},
	{"GT", "01 03 10 01 15"},
	{"GTA", "16 00"},
	{"GTC", "15 00"},
	{"MAP", "01 00 29 06 0F 01 01 2A 01 31"},
	{"MIA", "02 00 32 03 2A 01 31"},
	{"MIP", "01 00 31 03 2A 01 31"},
	{"NF", "08 00"},
	{"OA", "10 03 16 01 02"},
	{"PR", "07 03 18 01 02"},
	{"PT", "02 03 10 01 01"},
	{"RA", "02 00 22 03 2A 01 31"},
	{"RF", "0C 06 11 01 01 32 01 81"},
	{"RS", "01 00 35 06 1B 01 01 2A 01 31"},
	{"TD", "21 00 41"},
}

// TestMatrix sends every SPDU to every state. The matrix in testdata can be laid
// beside Tables A.8 to A.16 of X.225: an empty cell is a blank intersection, which
// ends the connection with an abort.
func TestMatrix(t *testing.T) {
	var b strings.Builder
	line := func(first string, cell func(*wayTo) string) {
		var cells strings.Builder
		fmt.Fprintf(&cells, "%-4s", first)
		for i := range waysTo {
			fmt.Fprintf(&cells, " %-*s", max(len(waysTo[i].name), 3), cell(&waysTo[i]))
		}
		fmt.Fprintln(&b, strings.TrimRight(cells.String(), " "))
	}
	line("", func(w *wayTo) string { return w.name })
	for _, s := range samples {
		line(s.name, func(w *wayTo) string {
			m := w.machine(t)
			for _, a := range m.Step(TDataIndication{TSDU: octets(t, s.octets)}) {
				if p, ok := a.(SPAbortIndication); ok && p.Err != nil {
					return ""
				}
			}
			return strings.TrimPrefix(m.State().String(), "STA ")
		})
	}
	const file = "testdata/matrix/spdus.txt"
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o666); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(strings.Split(string(want), "\n"), strings.Split(b.String(), "\n")); d != "" {
		t.Error(d)
	}
}

// TestDamagedSPDUs sends every SPDU, cut short and with every octet changed, to
// every state: the connection may end, the process may not.
func TestDamagedSPDUs(t *testing.T) {
	for i := range waysTo {
		w := &waysTo[i]
		for _, s := range samples {
			b := octets(t, s.octets)
			for n := range b {
				w.machine(t).Step(TDataIndication{TSDU: b[:n:n]})
				for _, o := range []byte{0, 1, 0x7f, 0x80, 0xff} {
					damaged := append([]byte(nil), b...)
					damaged[n] = o
					w.machine(t).Step(TDataIndication{TSDU: damaged})
				}
			}
		}
	}
}
