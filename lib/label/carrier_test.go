package label

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

func TestFrames(t *testing.T) {
	for _, c := range []struct {
		frame         Frame
		line, marking string
		put           string
	}{
		{Frame{}, "Plan of tomorrow", "ALLIANCE SECRET", "[ALLIANCE SECRET] Plan of tomorrow"},
		{Frame{}, "", "ALLIANCE SECRET", "[ALLIANCE SECRET]"},
		{Frame{Open: "(", Close: ")"}, "a (b) c", "X", "(X) a (b) c"},
		{Frame{After: true}, "Plan [draft]", "X", "Plan [draft] [X]"},
		{Frame{Open: "- ", After: true}, "Plan", "X", "Plan - X"},
		{Frame{Close: ":"}, "Plan: two", "X", "X: Plan: two"},
		{Frame{Open: "//", After: true}, "Plan", "X", "Plan //X"},
		{Frame{}, "Plan", "A]B", ""},
		{Frame{}, "Plan", "A\r\nBcc: b", ""},
		{Frame{}, "Plan", "", ""},
	} {
		put, err := c.frame.Put(c.line, c.marking)
		if c.put == "" {
			if err == nil {
				t.Errorf("%+v around %q is %q", c.frame, c.marking, put)
			}
			continue
		}
		if put != c.put || err != nil {
			t.Errorf("put %q, %v; want %q", put, err, c.put)
		}
		marking, rest, ok := c.frame.Cut(put)
		if !ok || marking != c.marking || rest != c.line {
			t.Errorf("%q is cut to %q, %q, %v", put, marking, rest, ok)
		}
	}
	for _, line := range []string{"", "Plan", "Plan [X]", "[X", "[] Plan"} {
		if marking, rest, ok := (Frame{}).Cut(line); ok || rest != line {
			t.Errorf("%q has the marking %q, and %q", line, marking, rest)
		}
	}
}

func TestFirstLines(t *testing.T) {
	for _, end := range []string{"\n", "\r\n"} {
		text := "Dear Ann," + end + "hello" + end
		put, err := PutFirstLine(text, "ALLIANCE SECRET")
		if err != nil || put != "ALLIANCE SECRET"+end+end+text {
			t.Errorf("%q, %v", put, err)
		}
		marking, rest, ok := CutFirstLine(end + "  " + end + put)
		if !ok || marking != "ALLIANCE SECRET" || rest != text {
			t.Errorf("%q, %q, %v", marking, rest, ok)
		}
	}
	if marking, rest, ok := CutFirstLine("one\ntwo\n"); !ok || marking != "one" || rest != "two\n" {
		t.Errorf("%q, %q, %v", marking, rest, ok)
	}
	if _, _, ok := CutFirstLine("\n \n"); ok {
		t.Error("blank lines are a marking")
	}
	if _, err := PutFirstLine("x", "a\nb"); err == nil {
		t.Error("a marking of two lines is put")
	}
}

// The examples of RFC 7444 §4 say the same.
func TestSIOLabel(t *testing.T) {
	for _, value := range []string{
		"marking=\"EXAMPLE CONFIDENTIAL\";\r\n    fgcolor=black; bgcolor=red;\r\n    type=\":ess\"; label=\"MQYGASkCAQM=\"",
		"marking*=us-ascii'en'EXAMPLE%20CONFIDENTIAL;\r\n    fgcolor = black ; bgcolor = red ;\r\n    type=\":ess\"; label*0=\"MQYG\";\r\n    label*1=\"ASkCAQM=\"",
		`LABEL*1*="ASkCAQM%3D"; new=x; label*0*="utf-8''MQYG"; type=":ess"; bgcolor=red; marking="EXAMPLE CONFIDENTIA\L"; fgcolor=black`,
	} {
		s, err := ParseSIOLabel(value)
		if err != nil {
			t.Errorf("%q: %v", value, err)
			continue
		}
		if s.Marking != "EXAMPLE CONFIDENTIAL" || s.FgColor != "black" || s.BgColor != "red" || s.Type != TypeESS {
			t.Errorf("%q: %+v", value, s)
		}
		l, err := s.Label()
		if err != nil || l.String() != "policy=1.1; class=3" {
			t.Errorf("%q: %v, %v", value, l, err)
		}
	}
	x411, err := ParseSIOLabel(`type=":x411"; label="MQYGASkCAQM="`)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := x411.Label(); err != nil || l.String() != "policy=1.1; class=3" {
		t.Errorf("%v, %v", l, err)
	}
	xml, err := ParseSIOLabel("type=\":xml\";\r\n label*0=\"PFNlY0xhYmVs\"; label*1=\"Lz4=\"")
	if err != nil || string(xml.Octets) != "<SecLabel/>" {
		t.Fatalf("%q, %v", xml, err)
	}
	if l, err := xml.Label(); err == nil {
		t.Errorf("XML is understood as %v", l)
	}
	marking, err := ParseSIOLabel(`marking="X"`)
	if err != nil {
		t.Fatal(err)
	}
	if l, err := marking.Label(); l != nil || err != nil {
		t.Errorf("a marking alone has %v, %v", l, err)
	}
}

func TestBadSIOLabels(t *testing.T) {
	for _, c := range []struct{ value, says string }{
		{"", "neither a marking nor a label"},
		{"fgcolor=red", "neither a marking"},
		{`type=":ess"`, "belong together"},
		{`label="MQYGASkCAQM="`, "belong together"},
		{`type=":ess"; label="MQYGASkCAQM="; bgcolor=red`, "a color without a marking"},
		{`marking="X"; fgcolor=reddish`, "is no color"},
		{`marking="X"; fgcolor=#12345`, "is no color"},
		{`marking="X"; marking="Y"`, "marking is given twice"},
		{`marking="X"; marking*0="Y"`, "marking is given twice"},
		{`type=":ess"; label*0="MQ"; label*0="YG"`, "label is given twice"},
		{`type=":ess"; label*0="MQ"; label*2="YG"`, "part 1 is missing"},
		{`type=":ess"; label*99999="MQ"`, "no part of a parameter"},
		{`type=":ess"; label*x="MQ"`, "no part of a parameter"},
		{`type=":ess"; label="MQ"`, "illegal base64"},
		{`marking*=x'y`, "no character set"},
		{`marking*=klingon''x`, "klingon"},
		{`marking*=utf-8''%ff`, "not of their character set"},
		{`marking*=utf-8''%f`, "hexadecimal"},
		{`marking*=utf-8''%zz`, "hexadecimal"},
		{`marking="X`, "at octet 11: the closing quotation mark"},
		{`marking`, "NAME=VALUE"},
		{`marking=`, "a value is missing"},
		{`marking="X" "Y"`, "a ; is expected"},
		{strings.Repeat("x", maxField+1), "a field of"},
	} {
		_, err := ParseSIOLabel(c.value)
		if err == nil || !strings.Contains(err.Error(), c.says) || diag.KindOf(err) != diag.Data {
			t.Errorf("%.60q: %v; want %q", c.value, err, c.says)
		}
	}
}

// A field that is written is folded, is ASCII, and reads back as it was.
func TestSIOLabelRoundTrip(t *testing.T) {
	l, err := Parse("policy=2.999.1; class=4; 2.999.2:permissive=1,2,3,400; mark=X", nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, marking := range []string{"", "PLAIN", `quoted "\" here`, "für alle " + strings.Repeat("geheim ", 30), strings.Repeat("LONG ", 40)} {
		s, err := NewSIOLabel(l, marking)
		if err != nil {
			t.Fatal(err)
		}
		if marking != "" {
			s.FgColor, s.BgColor = "white", "#ff0000"
		}
		value := s.String()
		for line := range strings.Lines("SIO-Label: " + value) {
			if line = strings.TrimRight(line, "\r\n"); len(line) > lineOctets+1 {
				t.Errorf("a line of %d octets: %s", len(line), line)
			}
			if strings.IndexFunc(line, func(r rune) bool { return r < ' ' || r > '~' }) >= 0 {
				t.Errorf("not ASCII: %q", line)
			}
		}
		back, err := ParseSIOLabel(value)
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		if back.Marking != marking || back.Type != TypeESS || back.FgColor != s.FgColor || back.BgColor != s.BgColor {
			t.Errorf("%s became %+v", value, back)
		}
		if got, err := back.Label(); err != nil || !got.Equal(l) {
			t.Errorf("%v, %v", got, err)
		}
	}
	l.Policy = ""
	if s, err := NewSIOLabel(l, ""); err != nil || s.Type != TypeX411 {
		t.Errorf("%v, %v", s, err)
	}
}

// Whatever a field says, it is a label and marking or an error of kind Data, and
// what is written of it reads back.
func FuzzSIOLabel(f *testing.F) {
	f.Add("marking*=us-ascii'en'EXAMPLE%20CONFIDENTIAL;\r\n fgcolor = black ; type=\":ess\"; label*0=\"MQYG\"; label*1=\"ASkCAQM=\"")
	f.Add(`marking="a\"b"; x*1*=y; label*0*="utf-8''MQYG"; type=":x411"`)
	f.Fuzz(func(t *testing.T, value string) {
		s, err := ParseSIOLabel(value)
		if err != nil {
			if diag.KindOf(err) != diag.Data {
				t.Fatalf("%v is of kind %v", err, diag.KindOf(err))
			}
			return
		}
		if _, err := s.Label(); err != nil && diag.KindOf(err) != diag.Data {
			t.Fatalf("%v is of kind %v", err, diag.KindOf(err))
		}
		back, err := ParseSIOLabel(s.String())
		if err != nil || back.Marking != s.Marking || string(back.Octets) != string(s.Octets) || back.Type != s.Type {
			t.Fatalf("%q became %+v, %v", value, back, err)
		}
	})
}

// Whatever a line is, a marking cut from it can be put back.
func FuzzFrame(f *testing.F) {
	f.Add("[ALLIANCE SECRET] Plan", "[", "]", false)
	f.Add("Plan (X)", " (", ")", true)
	f.Fuzz(func(t *testing.T, line, open, closing string, after bool) {
		frame := Frame{open, closing, after}
		marking, rest, ok := frame.Cut(line)
		if !ok {
			return
		}
		put, err := frame.Put(rest, marking)
		if err != nil {
			return // such as a marking with a line feed
		}
		if again, _, ok := frame.Cut(put); !ok || again != marking {
			t.Fatalf("%q: %q of %q", put, again, marking)
		}
	})
}
