package spool_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
	"pgregory.net/rapid"
)

func drawEnvelope(t *rapid.T) *spool.Envelope {
	text := rapid.String()
	moment := rapid.Custom(func(t *rapid.T) time.Time {
		return time.Unix(rapid.Int64Range(0, 1e10).Draw(t, "s"), rapid.Int64Range(0, 999999999).Draw(t, "ns")).UTC()
	})
	env := &spool.Envelope{
		Kind:        rapid.SampledFrom([]spool.Kind{spool.KindMessage, spool.KindProbe, spool.KindReport}).Draw(t, "kind"),
		Priority:    rapid.SampledFrom([]spool.Priority{spool.Urgent, spool.Normal, spool.NonUrgent}).Draw(t, "priority"),
		MTSID:       text.Draw(t, "mts id"),
		Originator:  text.Draw(t, "originator"),
		ContentType: text.Draw(t, "content type"),
		Subject:     text.Draw(t, "subject"),
		Accepted:    moment.Draw(t, "accepted"),
		Expires:     moment.Draw(t, "expires"),
		Source:      spool.Source{Channel: text.Draw(t, "channel")},
		Wire:        rapid.SliceOfN(rapid.Byte(), 1, 100).Draw(t, "wire"),
	}
	for n := range rapid.IntRange(1, 4).Draw(t, "recipients") {
		env.Recipients = append(env.Recipients, spool.Recipient{
			N: n + 1, Address: text.Draw(t, "address"),
			Hops: []spool.Hop{{Channel: text.Draw(t, "hop")}},
		})
	}
	if rapid.Bool().Draw(t, "child") {
		env.Parent, env.Step, env.ParentRecipients = "1hqnpc7cucj8l1234567", text.Draw(t, "step"), []int{1}
	}
	if rapid.Bool().Draw(t, "extra") {
		env.Extra = map[string]json.RawMessage{"x-" + text.Draw(t, "name"): json.RawMessage(`{"a":[1]}`)}
	}
	return env
}

// What is written is what is read, whatever the octets of content and texts.
func TestMessageRoundTrip(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	rapid.Check(t, func(rt *rapid.T) {
		env := drawEnvelope(rt)
		octets := rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(rt, "content")
		w, err := s.CreateInPlace(spool.Ref{ID: spool.NewID(then), Priority: spool.Normal})
		if err != nil {
			rt.Fatal(err)
		}
		defer w.Close()
		if _, err := w.Write(octets); err != nil {
			rt.Fatal(err)
		}
		if err := w.Finish(env); err != nil {
			rt.Fatal(err)
		}
		m, err := s.OpenMessage(w.Ref())
		if err != nil {
			rt.Fatal(err)
		}
		defer m.Close()
		if diff := cmp.Diff(env, m.Envelope); diff != "" {
			rt.Fatal(diff)
		}
		if got := content(t, s, w.Ref()); string(got) != string(octets) {
			rt.Fatalf("content %q, want %q", got, octets)
		}
	})
}

func TestUnknownMembersAreKept(t *testing.T) {
	const in = `{"format":1,"id":"1hqnpc7cucj8l1234567","kind":"probe","priority":"urgent","originator":"","size":0,` +
		`"accepted":"2026-11-24T12:00:00Z","recipients":[{"n":1,"address":"x"}],"later":{"b":1,"a":"<&>"},"zz":[]}`
	var env spool.Envelope
	if err := json.Unmarshal([]byte(in), &env); err != nil {
		t.Fatal(err)
	}
	out, err := env.MarshalJSON()
	if err != nil {
		t.Fatal(err)
	}
	if string(out) != in {
		t.Errorf("\n%s\n%s", in, out)
	}
}

// An unknown member with line breaks must not break the envelope's line.
func TestEnvelopeIsOneLine(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	env := envelope()
	env.Extra = map[string]json.RawMessage{"x": json.RawMessage("{\n \"a\" : \"b\\n\"\n}")}
	ref := spool.Ref{ID: spool.NewID(then), Priority: spool.Normal}
	accept(t, s, ref, nil, env)
	m, err := s.OpenMessage(ref)
	if err != nil {
		t.Fatal(err)
	}
	defer m.Close()
	if got := string(m.Envelope.Extra["x"]); got != `{"a":"b\n"}` {
		t.Errorf("%s", got)
	}
}

func TestFinishRefusesWhatNobodyCouldDeliver(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	for name, spoil := range map[string]func(*spool.Envelope){
		"no kind":         func(e *spool.Envelope) { e.Kind = "" },
		"other kind":      func(e *spool.Envelope) { e.Kind = "letter" },
		"other priority":  func(e *spool.Envelope) { e.Priority = 'x' },
		"no recipient":    func(e *spool.Envelope) { e.Recipients = nil },
		"number twice":    func(e *spool.Envelope) { e.Recipients[1].N = 1 },
		"number zero":     func(e *spool.Envelope) { e.Recipients[0].N = 0 },
		"too many":        func(e *spool.Envelope) { e.Recipients = make([]spool.Recipient, spool.MaxRecipients+1) },
		"parent no id":    func(e *spool.Envelope) { e.Parent = "../x" },
		"wire too large":  func(e *spool.Envelope) { e.Wire = make([]byte, spool.MaxEnvelope) },
		"extra no json":   func(e *spool.Envelope) { e.Extra = map[string]json.RawMessage{"x": json.RawMessage("{\n")} },
		"extra no member": func(e *spool.Envelope) { e.Extra = map[string]json.RawMessage{"x": nil} },
	} {
		env := envelope()
		spoil(env)
		w, err := s.CreateInPlace(spool.Ref{ID: spool.NewID(then), Priority: spool.Normal})
		if err != nil {
			t.Fatal(err)
		}
		if err := w.Finish(env); diag.KindOf(err) != diag.Data {
			t.Errorf("%s: %v", name, err)
		}
		if err := w.Close(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if items := load(t, s); len(items) > 0 {
		t.Errorf("left behind: %v", items)
	}
}

// FuzzEnvelopeJSON: what is read as an envelope is written so that it is read
// as the same again.
func FuzzEnvelopeJSON(f *testing.F) {
	f.Add([]byte(`{"format":1,"id":"1hqnpc7cucj8l1234567","kind":"message","priority":"n","recipients":[{"n":1}],"x":1}`))
	f.Add([]byte(`{"ID":"a","Format":2,"x":{"y":null},"\u2028":0}`))
	f.Add([]byte(`{"accepted":"2026-11-24T12:00:00.1+01:00","wire":"AAA="}`))
	f.Add([]byte(`[`))
	f.Add([]byte(strings.Repeat(`{"recipients":[`, 50)))
	f.Fuzz(func(t *testing.T, data []byte) {
		var first, second spool.Envelope
		if first.UnmarshalJSON(data) != nil {
			return
		}
		out, err := first.MarshalJSON()
		if err != nil {
			return // a priority or a time that JSON text could name and none is
		}
		if err := second.UnmarshalJSON(out); err != nil {
			t.Fatalf("%s\nwritten as\n%s\n%v", data, out, err)
		}
		again, err := second.MarshalJSON()
		if err != nil {
			t.Fatal(err)
		}
		if string(again) != string(out) {
			t.Fatalf("%s\nthen\n%s", out, again)
		}
	})
}
