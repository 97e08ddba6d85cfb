package rtse

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/osi/session"
)

// The transcripts in testdata/machine are read from top to bottom: an event on a
// line that begins with ">", what the machine did about it below, and the state it
// is in then, after "=". Lines that begin with "#" say what it is about.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/machine/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatalf("no transcripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := transcribe(t, string(want))
			if got != string(want) {
				t.Errorf("%s: got\n%s", file, got)
			}
		})
	}
}

// transcribe plays the events of a transcript and writes the transcript they lead
// to.
func transcribe(t *testing.T, text string) string {
	var out strings.Builder
	m := new(machine)
	for line := range strings.Lines(text) {
		switch {
		case strings.HasPrefix(line, ">"):
			out.WriteString(line)
			ev, err := parseEvent(strings.Fields(line[1:]))
			if err != nil {
				t.Fatalf("%s: %v", strings.TrimSpace(line), err)
			}
			for _, a := range m.step(ev) {
				fmt.Fprintf(&out, "%s\n", describe(a))
			}
			fmt.Fprintf(&out, "= %s\n", m.state)
		case strings.HasPrefix(line, "#"), strings.TrimSpace(line) == "":
			out.WriteString(line)
		}
	}
	return out.String()
}

// parseEvent reads a name and its values.
func parseEvent(words []string) (event, error) {
	if len(words) == 0 {
		return nil, errors.New("no event")
	}
	n := make([]int64, 4)
	for i, w := range words[1:] {
		_, number, _ := strings.Cut(w, "=")
		if _, err := fmt.Sscan(number, &n[i]); err != nil {
			return nil, fmt.Errorf("%s: %w", w, err)
		}
	}
	data := ConnectionData{Open: []byte{5, 0}}
	lost := &SessionConnectionIdentifier{CallingReference: CallingReference{OctetString: []byte("A")}, CommonReference: "261124043000Z"}
	switch words[0] {
	case "rtOpen":
		return rtOpen{Checkpoint: n[0], Window: n[1], Mode: DialogueMode(n[2]), Turn: Turn(n[3])}, nil
	case "rtRecover":
		return rtOpen{Checkpoint: n[0], Window: n[1], Mode: DialogueMode(n[2]), Turn: Turn(n[3]), Recover: lost}, nil
	case "rtOpenRsp":
		return rtOpenRsp{Checkpoint: n[0], Window: n[1]}, nil
	case "upOpen":
		raw, err := data.encode()
		mode := DialogueMode(n[2])
		return upOpen{
			RTORQ:      RTORQ{CheckpointSize: &n[0], WindowSize: &n[1], DialogueMode: &mode, ConnectionData: raw},
			Indication: OpenIndication{Turn: Turn(n[3])},
		}, err
	case "upRecover":
		raw, err := ConnectionData{Recover: lost}.encode()
		return upOpen{RTORQ: RTORQ{ConnectionData: raw}}, err
	case "upAccepted":
		raw, err := data.encode()
		return upAccepted{RTOAC: RTOAC{CheckpointSize: &n[0], WindowSize: &n[1], ConnectionData: raw}}, err
	case "upRecovered", "upRecoveredOther":
		if words[0] == "upRecoveredOther" {
			lost.AdditionalReference = "1"
		}
		raw, err := ConnectionData{Recover: lost}.encode()
		return upAccepted{RTOAC: RTOAC{CheckpointSize: &n[0], WindowSize: &n[1], ConnectionData: raw}}, err
	case "upRefused":
		return upRefused{Refusal: &Refusal{Layer: LayerSession}}, nil
	case "upAborted":
		reason := AbortReason(n[0])
		return upAborted{Abort: &Abort{Layer: LayerACSE}, RTAB: &RTAB{Reason: &reason}}, nil
	case "upMalformed":
		return upMalformed{errors.New("RTTR: malformed")}, nil
	case "upError":
		return upError{errors.New("no")}, nil
	case "rtOpenRefuse":
		return rtOpenRefuse{Transient: n[0] == 1}, nil
	case "rtTransfer":
		return rtTransfer{Activity: []byte{2, 1, byte(n[0])}, Resumable: n[1] == 1}, nil
	case "rtResume":
		return rtResume{Activity: []byte{2, 1, byte(n[0])}, Resumption: Resumption{
			Old: []byte{2, 1, byte(n[1])}, Serial: session.SerialNumber(n[2]), Ended: n[3] == 1}}, nil
	case "upResume":
		return upResume{Activity: []byte{2, 1, byte(n[0])}, Resumption: Resumption{
			Old: []byte{2, 1, byte(n[1])}, Serial: session.SerialNumber(n[2])}}, nil
	case "rtSegment":
		return rtSegment{Segments: [][]byte{make([]byte, n[0])}}, nil
	case "rtDiscard":
		return rtDiscard{Reason: session.ExceptionReason(n[0])}, nil
	case "rtInterrupt":
		return rtInterrupt{Reason: session.ExceptionReason(n[0])}, nil
	case "rtSecured":
		return rtSecured{Serial: session.SerialNumber(n[0])}, nil
	case "rtReject":
		return rtReject{Reason: session.ExceptionReason(n[0])}, nil
	case "rtPlease":
		return rtPlease{Priority: n[0]}, nil
	case "rtAbort":
		return rtAbort{Reason: AbortReason(n[0])}, nil
	case "upStart":
		return upStart{Activity: []byte{2, 1, byte(n[0])}}, nil
	case "upData":
		return upData{Octets: make([]byte, n[0])}, nil
	case "upSync":
		return upSync{Serial: session.SerialNumber(n[0])}, nil
	case "upSyncAck":
		return upSyncAck{Serial: session.SerialNumber(n[0])}, nil
	case "upInterrupt":
		return upInterrupt{Reason: session.ExceptionReason(n[0])}, nil
	case "upDiscard":
		return upDiscard{Reason: session.ExceptionReason(n[0])}, nil
	case "upException":
		return upException{Reason: session.ExceptionReason(n[0])}, nil
	case "upPlease":
		return upPlease{Priority: n[0]}, nil
	}
	for name, ev := range map[string]event{
		"rtEnd": rtEnd{}, "rtAccept": rtAccept{}, "rtGive": rtGive{}, "rtClose": rtClose{}, "rtRepeated": rtRepeated{}, "rtAgree": rtAgree{},
		"upEnd": upEnd{}, "upEndAck": upEndAck{}, "upDiscardAck": upDiscardAck{}, "upInterruptAck": upInterruptAck{}, "upGive": upGive{},
		"upRelease": upRelease{}, "upReleaseAck": upReleaseAck{},
	} {
		if name == words[0] {
			return ev, nil
		}
	}
	return nil, errors.New("no such event")
}

var (
	typeName = regexp.MustCompile(`rtse\.`)
	openData = regexp.MustCompile(` ConnectionData:\[[^]]*\]| UserData:\[[^]]*\]`)
)

// describe writes an action on one line.
func describe(a action) string {
	switch a := a.(type) {
	case lowOpen:
		recover := ""
		if a.RTORQ.ConnectionData.Tag() == tagRecover {
			recover = " recover"
		}
		return fmt.Sprintf("lowOpen checkpoint=%d window=%d mode=%s turn=%d%s", *a.RTORQ.CheckpointSize, *a.RTORQ.WindowSize, orAbsent(a.RTORQ.DialogueMode, Monologue), a.Turn, recover)
	case lowAccept:
		return fmt.Sprintf("lowAccept checkpoint=%d window=%d", *a.RTOAC.CheckpointSize, *a.RTOAC.WindowSize)
	case lowRefuse:
		return fmt.Sprintf("lowRefuse transient=%v", a.Transient)
	case lowData:
		return fmt.Sprintf("lowData octets=%d", len(a.Segments[0]))
	case lowAbort:
		return fmt.Sprintf("lowAbort %s", *a.RTAB.Reason)
	case rtOpenInd:
		return fmt.Sprintf("rtOpenInd checkpoint=%d window=%d mode=%s turn=%d", a.Remote.Checkpoint, a.Remote.Window, a.Remote.Mode, a.Turn)
	case rtOpenCnf:
		return fmt.Sprintf("rtOpenCnf checkpoint=%d window=%d mode=%s", a.Remote.Checkpoint, a.Remote.Window, a.Remote.Mode)
	case rtDataInd:
		return fmt.Sprintf("rtDataInd octets=%d", len(a.Octets))
	case rtAborted:
		return "rtAborted " + a.Abort.Error()
	case rtRefused:
		return "rtRefused " + a.Refusal.Error()
	case rtError:
		return "rtError " + a.Err.Error()
	case lowResume:
		return fmt.Sprintf("lowResume activity=%v old=%v serial=%d", a.Activity, a.Old, a.Serial)
	case rtResumeInd:
		return fmt.Sprintf("rtResumeInd activity=%v old=%v serial=%d", a.Activity, a.Old, a.Serial)
	case rtTransferCnf:
		if a.Positive {
			return "rtTransferCnf positive"
		}
		return "rtTransferCnf negative: " + a.Reason.String()
	}
	s := fmt.Sprintf("%T %+v", a, a)
	return strings.TrimSuffix(openData.ReplaceAllString(typeName.ReplaceAllString(s, ""), ""), " {}")
}

// Every event in every state leads to something definite: a known state, at most
// one abort, and nothing more once the association is over.
func TestEveryEventInEveryState(t *testing.T) {
	for s := idle; s <= closed; s++ {
		for _, line := range tableEvents {
			ev, err := parseEvent(strings.Fields(line))
			if err != nil {
				t.Fatal(err)
			}
			m := &machine{state: s, initiator: true, mode: TwoWayAlternate, checkpoint: 1, window: 1}
			actions := m.step(ev)
			aborts := 0
			for _, a := range actions {
				switch a.(type) {
				case lowAbort:
					aborts++
				case rtError:
					if m.state != s || len(actions) != 1 {
						t.Errorf("%s in %s: an error, and then %s with %d actions", line, s, m.state, len(actions))
					}
				}
			}
			switch {
			case m.state > closed || aborts > 1:
				t.Errorf("%s in %s: %s with %d aborts", line, s, m.state, aborts)
			case s == closed && strings.HasPrefix(line, "up") && len(actions) > 0:
				t.Errorf("%s when it is over: %d actions", line, len(actions))
			case strings.HasPrefix(line, "rt") && line != "rtRepeated" && len(actions) == 0:
				t.Errorf("%s in %s: no answer", line, s)
			}
		}
	}
}
