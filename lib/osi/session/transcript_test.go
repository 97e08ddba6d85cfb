package session

import (
	"encoding/hex"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the actions that were found into testdata")

// TestTranscripts runs testdata/*.txt. A file is a sequence of blocks apart by an
// empty line: lines of comment, a line "machine" with the role and what differs
// from the default parameters, then an event, "----", the actions it leads to and
// the state after it. Octets are hexadecimal; "*n" after an octet repeats it, and "..."
// behind those of a TSDU says that there is more of it.
func TestTranscripts(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txt")
	if err != nil || len(files) == 0 {
		t.Fatal("no transcripts", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txt"), func(t *testing.T) {
			b, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			got := replay(t, string(b))
			if *update {
				if err := os.WriteFile(file, []byte(got), 0o666); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(strings.Split(string(b), "\n"), strings.Split(got, "\n")); d != "" {
				t.Error(d)
			}
		})
	}
}

// replay returns the transcript with the actions that were found.
func replay(t *testing.T, text string) string {
	var m *Machine
	var out []string
	for _, block := range strings.Split(strings.TrimRight(text, "\n"), "\n\n") {
		before, _, _ := strings.Cut(block, "\n----\n")
		var lines []string
		for _, line := range strings.Split(before, "\n") {
			lines = append(lines, line)
			switch {
			case strings.HasPrefix(line, "#"):
			case strings.HasPrefix(line, "machine "):
				m = newMachine(t, strings.Fields(line)[1:])
			default:
				lines = append(lines, "----")
				for _, a := range m.Step(parseEvent(t, line)) {
					lines = append(lines, printAction(a))
				}
				lines = append(lines, printState(m))
			}
		}
		out = append(out, strings.Join(lines, "\n"))
	}
	return strings.Join(out, "\n\n") + "\n"
}

func newMachine(t *testing.T, words []string) *Machine {
	var p Params
	for _, w := range words {
		switch w {
		case "initiator":
			p.Role = Initiator
		case "responder":
			p.Role = Responder
		case "version1":
			p.Versions = Version1
		case "version2":
			p.Versions = Version2
		case "small":
			p.MaxUserData = 8
		default:
			t.Fatalf("machine: %q", w)
		}
	}
	return New(p)
}

var eventTypes = func() map[string]reflect.Type {
	types := make(map[string]reflect.Type)
	for _, e := range []Event{
		SConnectRequest{}, SConnectResponse{}, SConnectRefusal{}, SDataRequest{}, STypedDataRequest{},
		STokenGiveRequest{}, STokenPleaseRequest{}, SControlGiveRequest{}, SSyncMinorRequest{}, SSyncMinorResponse{},
		SActivityStartRequest{}, SActivityResumeRequest{}, SActivityInterruptRequest{}, SActivityInterruptResponse{},
		SActivityDiscardRequest{}, SActivityDiscardResponse{}, SActivityEndRequest{}, SActivityEndResponse{},
		SUExceptionReportRequest{}, SReleaseRequest{}, SReleaseResponse{}, SUAbortRequest{},
		TDataIndication{}, TDisconnectIndication{}, TimerExpired{},
	} {
		types[reflect.TypeOf(e).Name()] = reflect.TypeOf(e)
	}
	return types
}()

func parseEvent(t *testing.T, line string) Event {
	name, rest, _ := strings.Cut(line, " ")
	typ, ok := eventTypes[name]
	if !ok {
		t.Fatalf("%q: no such event", line)
	}
	v := reflect.New(typ).Elem()
	if name == "TDataIndication" {
		rest, more := strings.CutSuffix(rest, "...")
		return TDataIndication{TSDU: hexOctets(t, rest), More: more}
	}
	for _, f := range strings.Split(rest, "; ") {
		path, value, ok := strings.Cut(f, ": ")
		if !ok {
			if f != "" {
				t.Fatalf("%q: field %q without value", line, f)
			}
			continue
		}
		field := v
		for _, p := range strings.Split(path, ".") {
			if field.Kind() == reflect.Pointer {
				if field.IsNil() {
					field.Set(reflect.New(field.Type().Elem()))
				}
				field = field.Elem()
			}
			field = field.FieldByName(p)
			if !field.IsValid() {
				t.Fatalf("%q: no field %s", line, path)
			}
		}
		setField(t, field, value)
	}
	return v.Interface().(Event)
}

func setField(t *testing.T, field reflect.Value, value string) {
	switch field.Interface().(type) {
	case []byte:
		field.SetBytes(hexOctets(t, value))
	case [][]byte:
		var segments [][]byte
		for _, s := range strings.Split(value, ", ") {
			segments = append(segments, hexOctets(t, s))
		}
		field.Set(reflect.ValueOf(segments))
	case FunctionalUnits:
		field.SetUint(uint64(parseBits(t, value, functionalUnitNames[:])))
	case Tokens:
		field.SetUint(uint64(parseBits(t, value, tokenNames[:])))
	default:
		n, err := strconv.ParseUint(value, 0, 32)
		if err != nil {
			t.Fatal(err)
		}
		field.SetUint(n)
	}
}

func parseBits(t *testing.T, value string, names []string) uint16 {
	var set uint16
words:
	for _, w := range strings.Split(value, "+") {
		for i, n := range names {
			if n == w && w != "" {
				set |= 1 << i
				continue words
			}
		}
		t.Fatalf("%q: what is %q?", value, w)
	}
	return set
}

func hexOctets(t *testing.T, s string) []byte {
	var out []byte
	for _, w := range strings.Fields(s) {
		w, times, repeated := strings.Cut(w, "*")
		b, err := hex.DecodeString(w)
		if err != nil {
			t.Fatalf("%q: %v", s, err)
		}
		n := 1
		if repeated {
			if n, err = strconv.Atoi(times); err != nil {
				t.Fatalf("%q: %v", s, err)
			}
		}
		for range n {
			out = append(out, b...)
		}
	}
	return out
}

// printOctets is the inverse of hexOctets; long runs of one octet are folded.
func printOctets(b []byte) string {
	var words []string
	for len(b) > 0 {
		n := 1
		for n < len(b) && b[n] == b[0] {
			n++
		}
		if n < 16 {
			n = 1
			words = append(words, fmt.Sprintf("%02X", b[0]))
		} else {
			words = append(words, fmt.Sprintf("%02X*%d", b[0], n))
		}
		b = b[n:]
	}
	return strings.Join(words, " ")
}

func printAction(a Action) string {
	switch a := a.(type) {
	case TDataRequest:
		var all []byte
		for _, s := range a.TSDU {
			all = append(all, s...)
		}
		if len(all) == 0 {
			return "TDataRequest, the end"
		}
		more := ""
		if a.More {
			more = " ..."
		}
		var names []string
		spdus, err := Decode(all)
		if err != nil {
			return fmt.Sprintf("TDataRequest %s%s: %v", printOctets(all), more, err)
		}
		for _, s := range spdus {
			names = append(names, s.info().name)
		}
		return fmt.Sprintf("TDataRequest %s: %s%s", strings.Join(names, " "), printOctets(all), more)
	case ServiceError:
		return "ServiceError " + a.Err.Error()
	}
	v := reflect.ValueOf(a)
	return strings.TrimRight(v.Type().Name()+" "+strings.Join(printFields(v, ""), "; "), " ")
}

func printFields(v reflect.Value, prefix string) []string {
	var out []string
	for i := range v.NumField() {
		name, f := prefix+v.Type().Field(i).Name, v.Field(i)
		if f.IsZero() {
			continue
		}
		switch x := f.Interface().(type) {
		case []byte:
			out = append(out, name+": "+printOctets(x))
		case ConnectionIdentifier:
			out = append(out, printFields(f, name+".")...)
		case *ConnectionIdentifier:
			out = append(out, printFields(f.Elem(), name+".")...)
		case TokenSetting:
			out = append(out, fmt.Sprintf("%s: %#02x", name, uint8(x)))
		default:
			out = append(out, fmt.Sprintf("%s: %v", name, x))
		}
	}
	return out
}

func printState(m *Machine) string {
	s := fmt.Sprint(m.State())
	if m.available != 0 && !m.Closed() {
		s += fmt.Sprintf(", owns %v", m.owned)
	}
	if m.vact && !m.Closed() {
		s += fmt.Sprintf(", in an activity, V(A) %d, V(M) %d", m.va, m.vm)
	}
	return s
}
