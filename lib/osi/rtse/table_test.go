package rtse

import (
	"fmt"
	"os"
	"strings"
	"testing"
)

// tableEvents are the events of the table, with values that fit the machine it is for.
var tableEvents = []string{
	"rtOpen checkpoint=1 window=1 mode=1 turn=0", "rtRecover checkpoint=1 window=1 mode=1 turn=0", "rtOpenRsp checkpoint=1 window=1", "rtOpenRefuse transient=0",
	"rtTransfer id=1 resumable=1", "rtResume id=2 old=1 serial=3 ended=1", "rtRepeated", "rtSegment octets=5", "rtEnd", "rtDiscard reason=0", "rtInterrupt reason=0", "rtSecured serial=1", "rtAccept", "rtReject reason=1", "rtAgree",
	"rtPlease priority=1", "rtGive", "rtClose", "rtAbort reason=6",
	"upOpen checkpoint=1 window=1 mode=1 turn=0", "upRecover", "upAccepted checkpoint=1 window=1", "upRecovered checkpoint=1 window=1", "upRefused", "upStart id=1",
	"upResume id=2 old=1 serial=3", "upData octets=5", "upSync serial=1", "upSyncAck serial=1", "upEnd", "upEndAck", "upInterrupt reason=0",
	"upDiscard reason=0", "upDiscardAck", "upInterruptAck", "upException reason=1", "upPlease priority=1", "upGive", "upRelease", "upReleaseAck",
	"upAborted reason=4", "upMalformed", "upError",
}

// row is what an event leads to: the actions, and the state after it.
func row(t *testing.T, s state, initiator bool, line string) string {
	t.Helper()
	ev, err := parseEvent(strings.Fields(line))
	if err != nil {
		t.Fatal(err)
	}
	m := &machine{state: s, initiator: initiator, mode: TwoWayAlternate, checkpoint: 1, window: 1}
	var actions []string
	for _, a := range m.step(ev) {
		actions = append(actions, describe(a))
	}
	return fmt.Sprintf("%s -> %s", strings.Join(actions, "; "), m.state)
}

// TestStateTable holds the machine to testdata/table.txt, event by event and state by
// state. What the table does not list is refused, if it is this side's, and if it is the
// peer's ends the association with protocolError.
func TestStateTable(t *testing.T) {
	text, err := os.ReadFile("testdata/table.txt")
	if err != nil {
		t.Fatal(err)
	}
	table := map[string]string{}
	current := ""
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case line == "" || line[0] == '#':
		case line[0] != '\t':
			current = line
		default:
			side, rest := "", line[1:]
			for _, s := range []string{"initiator: ", "responder: "} {
				if strings.HasPrefix(rest, s) {
					side, rest = s, rest[len(s):]
				}
			}
			event, outcome, ok := strings.Cut(rest, ": ")
			event = side + event
			if !ok || table[current+"/"+event] != "" {
				t.Fatalf("%s: %q", current, line)
			}
			table[current+"/"+event] = outcome
		}
	}
	pairs := 0
	for s := idle; s <= closed; s++ {
		for _, initiator := range []bool{true, false} {
			side := "responder"
			if initiator {
				side = "initiator"
			}
			for _, event := range tableEvents {
				pairs++
				got := row(t, s, initiator, event)
				keys := []string{s.String() + "/" + event, s.String() + "/" + side + ": " + event}
				if want, ok := table[keys[1]]; ok {
					if got != want {
						t.Errorf("%s:\ngot  %s\nwant %s", keys[1], got, want)
					}
					continue
				}
				want, ok := table[keys[0]]
				switch {
				case ok && got != want:
					t.Errorf("%s, %s:\ngot  %s\nwant %s", keys[0], side, got, want)
				case !ok && !unlisted(s, event, got):
					t.Errorf("%s, %s: not in the table: %s", keys[0], side, got)
				}
			}
		}
	}
	t.Logf("%d pairs of state and event", pairs)
}

// unlisted reports whether an outcome is that of an event the table does not list.
func unlisted(s state, event, got string) bool {
	if strings.HasPrefix(event, "rt") {
		return strings.HasPrefix(got, "rtError ") && !strings.Contains(got, ";") && strings.HasSuffix(got, "-> "+s.String())
	}
	if s == closed {
		return got == " -> closed"
	}
	return strings.HasPrefix(got, "lowAbort protocolError; rtAborted ") && strings.Count(got, ";") == 1 && strings.HasSuffix(got, "-> closed")
}
