package p1

import (
	"bytes"
	"reflect"
	"testing"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// The octets below are written by hand from X.411 figure 4: only lengths are
// reckoned by definiteForm.
const (
	listName = `60 22 30 20 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 42 52 41 56 4F
		83 01 4C A5 04 80 02 44 4C `
	carlName = `60 22 30 20 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 43 48 41 52 4C
		83 01 4F A5 04 80 02 43 42 `
	atNoon = `80 0D 32 36 31 31 32 34 31 32 30 30 30 30 5A `
	atOne  = `32 36 31 31 32 34 31 33 30 30 30 30 5A `

	alphaElement    = `30 2B ` + alphaDomain + `31 12 80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 82 01 00 `
	alphaInternal   = `30 32 ` + alphaDomain + `16 05 4D 54 41 2D 41 31 12 80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 82 01 00 `
	bravoExpanded   = `30 2F ` + bravoDomain + `31 16 ` + atNoon + `82 01 00 83 02 06 40 `
	bravoRedirected = `30 2F ` + bravoDomain + `31 16 ` + atNoon + `82 01 00 83 02 07 80 `
)

func name(t *testing.T, text string) oraddr.ORName {
	t.Helper()
	var n oraddr.ORName
	if rest, err := ber.Unmarshal(octets(t, text), &n, ber.Limits{}); err != nil || len(rest) > 0 {
		t.Fatal(err, len(rest))
	}
	return n
}

func here() Action {
	return Action{Domain: bravo, MTA: "MTA-B", Arrived: noon, Now: noon.Add(time.Hour)}
}

func read(t *testing.T, envelope ber.Raw) *Original {
	t.Helper()
	o, err := ReadOriginal(envelope, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return o
}

func form(t *testing.T, class asn1.Tag, parts string) string { return definiteForm(t, class, parts) }

// oneOfBravo is the internal trace element of MTA-B with the actions given.
func oneOfBravo(actions string) string {
	return `30 36 ` + bravoDomain + `16 05 4D 54 41 2D 42 31 16 ` + atNoon + `82 01 00 ` + actions
}

func internalField(t *testing.T, elements string) string {
	return form(t, tagSequence, `80 01 26 `+form(t, asn1.Context(2), form(t, tagSequence, elements)))
}

func compare(t *testing.T, got ber.Raw, want string) {
	t.Helper()
	if w := octets(t, want); !bytes.Equal(got, w) {
		t.Errorf("derived\n% X\nwant\n% X", []byte(got), w)
	}
}

// The members stand in the place of the list, with its number and everything that is
// said of it but the alternate; a recipient the originator named stays without
// responsibility, a member of an outer list does not.
func TestExpand(t *testing.T) {
	alternate := form(t, tagSequence, `80 01 02 81 02 07 80 A2 24 `+carlName)
	private := `30 0C 83 02 2A 03 81 02 07 00 A2 02 05 00 `
	list := form(t, tagSet, listName+`80 01 02 81 02 00 D0 82 01 08 A3 `+hexText([]byte{byte(len(octets(t, alternate+private)))})+alternate+private+`87 01 09 `)
	outer := form(t, tagSet, carlName+`80 01 02 81 02 00 D0 `)
	envelope := func(extensions, recipients, trace string) string {
		return form(t, tagSet, messageID+annName+contentP22+indicators+form(t, tagTrace, trace)+form(t, tagExtensions, extensions)+form(t, tagRecipients, recipients))
	}
	before := envelope(internalField(t, alphaInternal), bobFields+list+outer, alphaElement)
	got, err := read(t, octets(t, before)).Expand(1, Expansion{List: name(t, listName), Members: []oraddr.ORName{name(t, carlName), name(t, bobName)}}, here())
	if err != nil {
		t.Fatal(err)
	}
	history := form(t, tagSequence, `80 01 1A `+form(t, asn1.Context(2), form(t, tagSequence, form(t, tagSequence, listName+`17 0D `+atOne))))
	member := func(name string) string {
		return form(t, tagSet, name+`80 01 02 81 02 00 D0 82 01 08 A3 0E `+private+`87 01 09 `)
	}
	bob := form(t, tagSet, bobName+`80 01 01 81 02 00 50 `)
	compare(t, got, envelope(internalField(t, alphaInternal+oneOfBravo(`83 02 06 40 `))+history,
		bob+member(carlName)+member(bobName), alphaElement+bravoExpanded))

	// A list in it is expanded by the same MTA: the trace has its elements already.
	made := here()
	made.Made = true
	again, err := read(t, got).Expand(1, Expansion{List: name(t, carlName), Members: []oraddr.ORName{name(t, listName)}}, made)
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeCommon(again, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	all, _, err := mts.Ext(c.Extensions, mts.ExtDLExpansionHistory)
	internal, _, err2 := mts.Ext(c.Extensions, mts.ExtInternalTraceInformation)
	if err != nil || err2 != nil || len(all) != 2 || len(internal) != 2 || len(c.Trace) != 2 || len(c.Recipients) != 2 {
		t.Errorf("history %d, internal trace %d, trace %d, recipients %d: %v, %v", len(all), len(internal), len(c.Trace), len(c.Recipients), err, err2)
	}
}

func TestUndisclosedRecipientsGoWithTheExpansion(t *testing.T) {
	list := form(t, tagSet, listName+`80 01 02 81 02 00 D0 `)
	before := form(t, tagSet, messageID+annName+contentP22+alphaTrace+form(t, tagRecipients, bobFields+list))
	got, err := read(t, octets(t, before)).Expand(1, Expansion{List: name(t, listName), Members: []oraddr.ORName{name(t, carlName)}}, here())
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeCommon(got, Limits{})
	if err != nil || len(c.Recipients) != 1 || c.Recipients[0].OriginallySpecifiedRecipientNumber != 2 {
		t.Errorf("%+v, %v", c, err)
	}
}

// What is redirected keeps its number; who was meant is in its history.
func TestRedirect(t *testing.T) {
	alternate := form(t, tagSequence, `80 01 02 81 02 07 80 A2 24 `+carlName)
	envelope := func(recipient, trace string) string {
		return form(t, tagSet, messageID+annName+contentP22+indicators+form(t, tagTrace, trace)+form(t, tagRecipients, recipient))
	}
	before := envelope(form(t, tagSet, bobName+`80 01 01 81 02 00 D0 `+form(t, tagExtensions, alternate)), alphaElement)
	history := func(reason string) string {
		return form(t, tagSequence, `80 01 19 `+form(t, asn1.Context(2), form(t, tagSequence,
			form(t, tagSequence, form(t, tagSequence, bobName+`17 0D `+atOne)+`0A 01 `+reason))))
	}
	internal := form(t, tagExtensions, internalField(t, oneOfBravo(`83 02 07 80 `)))
	for _, c := range []struct {
		reason mts.RedirectionReason
		fields string
	}{
		{mts.RecipientAssignedAlternateRecipient, alternate + history(`00 `)},
		{mts.OriginatorRequestedAlternateRecipient, history(`01 `)},
		{mts.RecipientMDAssignedAlternateRecipient, alternate + history(`02 `)},
	} {
		got, err := read(t, octets(t, before)).Redirect(0, name(t, carlName), c.reason, here())
		if err != nil {
			t.Fatal(err)
		}
		compare(t, got, form(t, tagSet, messageID+annName+contentP22+indicators+form(t, tagTrace, alphaElement+bravoRedirected)+
			form(t, tagRecipients, form(t, tagSet, carlName+`80 01 01 81 02 00 D0 `+form(t, tagExtensions, c.fields)))+internal))
	}
	probe, err := read(t, octets(t, probeOctets)).Redirect(0, name(t, carlName), mts.RecipientAssignedAlternateRecipient, here())
	if err != nil || KindOf(probe) != Probe {
		t.Errorf("%v, %v", KindOf(probe), err)
	}
}

// A report that came to a list goes on to another, and says more only to the owner.
func TestForwardReport(t *testing.T) {
	identifier := `64 24 ` + bravoDomain + `16 0B 4D 54 41 2D 42 2E 52 30 30 30 31 `
	mta := `30 25 80 01 27 A2 20 30 1E ` + bravoDomain + `16 05 4D 54 41 2D 42 `
	trace := form(t, tagTrace, `30 2F `+bravoDomain+`31 16 80 0D 32 36 31 31 32 34 30 34 33 31 30 30 5A 82 01 00 83 02 06 40 `)
	internal := internalField(t, oneOfBravo(`83 02 06 40 `))
	content := `31 81 DB ` + messageID + contentP22 + reportRecipients
	got, err := read(t, octets(t, reportOctets)).Forward(name(t, carlName), nil, here())
	if err != nil {
		t.Fatal(err)
	}
	compare(t, got, form(t, tagReport, form(t, tagSet, identifier+carlName+trace+form(t, tagReportExtensions, mta+internal))+content))

	list := name(t, listName)
	got, err = read(t, octets(t, reportOctets)).Forward(name(t, carlName), &list, here())
	if err != nil {
		t.Fatal(err)
	}
	r, err := DecodeReport(got, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	dl, ok, err := mts.Ext(r.Envelope.Extensions, mts.ExtReportingDLName)
	if err != nil || !ok || addressOf(t, dl) != addressOf(t, list) {
		t.Errorf("reporting-DL-name %v, %v, %v", dl, ok, err)
	}
	for _, f := range r.Content.PerRecipientFields {
		if f.PerRecipientIndicators.OriginatorReport() != mts.ReportAlways {
			t.Errorf("the owner has not asked for it: %v", f.PerRecipientIndicators)
		}
	}
	redirected, err := read(t, octets(t, reportOctets)).Redirect(0, name(t, carlName), mts.RecipientAssignedAlternateRecipient, here())
	if err != nil {
		t.Fatal(err)
	}
	c, err := DecodeCommon(redirected, Limits{})
	if err != nil {
		t.Fatal(err)
	}
	history, _, err := mts.Ext(c.Extensions, mts.ExtRedirectionHistory)
	if err != nil || len(history) != 1 || addressOf(t, c.Originator) != addressOf(t, name(t, carlName)) {
		t.Errorf("%+v, %v", history, err)
	}
}

func addressOf(t *testing.T, n oraddr.ORName) string {
	t.Helper()
	a, err := n.Address()
	if err != nil {
		t.Fatal(err)
	}
	return a.String()
}

// ownAreDecoded compares what PartRecipients makes of an envelope with the whole of it.
func ownAreDecoded(t *testing.T, envelope ber.Raw, c *Common) {
	t.Helper()
	rest, own, err := PartRecipients(envelope, Limits{})
	if err != nil || len(own) != len(c.Recipients) {
		t.Fatalf("% X: %d recipients, want %d: %v", []byte(envelope), len(own), len(c.Recipients), err)
	}
	for i := range own {
		want := c.Recipients[i]
		if !want.PerRecipientIndicators.Responsibility() {
			want = mts.PerRecipientMessageTransferFields{}
		}
		if !reflect.DeepEqual(own[i], want) {
			t.Errorf("recipient %d: %+v, want %+v", i, own[i], want)
		}
	}
	r, err := DecodeCommon(rest, Limits{})
	if err != nil || len(r.Recipients) != 0 {
		t.Fatalf("% X: %d recipients are left: %v", []byte(rest), len(r.Recipients), err)
	}
	r.Recipients = c.Recipients
	if !reflect.DeepEqual(r, c) {
		t.Errorf("without recipients: %+v, want %+v", r, c)
	}
}

// One recipient of many costs no more than one of few: the envelope is decoded once.
func TestRedirectingOneOfMany(t *testing.T) {
	for _, bits := range []mts.PerMessageIndicators{mts.NewPerMessageIndicators(), mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients)} {
		allocations := func(recipients int) float64 {
			env, err := DecodeMessageEnvelope(octets(t, envelopeOctets), Limits{})
			if err != nil {
				t.Fatal(err)
			}
			f := env.PerRecipientFields[0]
			env.PerMessageIndicators, env.PerRecipientFields = bits, nil
			for i := range recipients {
				f.OriginallySpecifiedRecipientNumber = i + 1
				env.PerRecipientFields = append(env.PerRecipientFields, f)
			}
			raw, err := EncodeMessageEnvelope(env)
			if err != nil {
				t.Fatal(err)
			}
			o := read(t, raw)
			return testing.AllocsPerRun(10, func() {
				if _, err := o.Redirect(0, name(t, carlName), mts.RecipientAssignedAlternateRecipient, here()); err != nil {
					t.Fatal(err)
				}
			})
		}
		if few, many := allocations(2), allocations(2000); many > few+10 {
			t.Errorf("%v: %v allocations for one of 2, %v for one of 2000", bits, few, many)
		}
	}
}

// However an envelope is made, what is derived from it is one, or an error is told; and
// nothing of it is used up.
func FuzzDerive(f *testing.F) {
	f.Add(octets(f, envelopeOctets), uint8(0))
	f.Add(octets(f, probeOctets), uint8(0))
	f.Add(octets(f, reportOctets), uint8(0))
	f.Add(octets(f, oddEnvelope(oddTraceOne+oddTraceTwo, oddExtension, oddOne+oddTwo+oddTail)), uint8(2))
	var to oraddr.ORName
	if _, err := ber.Unmarshal(octets(f, carlName), &to, ber.Limits{}); err != nil {
		f.Fatal(err)
	}
	a := Action{Domain: bravo, MTA: "MTA-B", Arrived: noon, Now: noon}
	f.Fuzz(func(t *testing.T, b []byte, at uint8) {
		o, err := ReadOriginal(b, Limits{})
		if err != nil {
			return
		}
		for _, derive := range []func() (ber.Raw, error){
			func() (ber.Raw, error) {
				return o.Expand(int(at), Expansion{List: to, Members: []oraddr.ORName{to, to}}, a)
			},
			func() (ber.Raw, error) { return o.Redirect(int(at), to, mts.Alias, a) },
			func() (ber.Raw, error) { return o.Forward(to, &to, a) },
		} {
			out, err := derive()
			if err != nil {
				continue
			}
			c, err := DecodeCommon(out, Limits{})
			if err != nil {
				t.Fatalf("% X became % X: %v", b, []byte(out), err)
			}
			if c.Kind != Report {
				ownAreDecoded(t, out, c)
			}
			if again, err := derive(); err != nil || !bytes.Equal(again, out) {
				t.Fatalf("% X became % X, and then % X: %v", b, []byte(out), []byte(again), err)
			}
		}
	})
}
