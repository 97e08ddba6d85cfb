package downgrade

import (
	"bytes"
	"errors"
	"io"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

// FuzzDowngrade: what is transferred is an object of 1984 that can be read, its
// content has the size announced and is a message if the old one was, and its names
// are the old ones again after Upgrade.
func FuzzDowngrade(f *testing.F) {
	message := envelope(f)
	message.ContentType = mts.NewContentType(mts.InterpersonalMessaging1988)
	ia5, err := ipms.InformationObject{IPM: &ipms.IPM{
		Heading: ipms.Heading{ThisIPM: ipms.IPMIdentifier{UserRelativeIdentifier: "1"}, Extensions: []ipms.Extension{{Type: ipms.ExtLanguages}}},
		Body:    []ipms.BodyPart{{IA5Text: &ipms.IA5TextBodyPart{Data: "abc"}}}}}.Encode()
	if err != nil {
		f.Fatal(err)
	}
	f.Add([]byte(marshal(f, message)), ia5, false)
	f.Add(envelope84(f), []byte("content"), true)
	message.ContentType = mts.NewContentType(mts.InterpersonalMessaging1988)
	raw := []byte(marshal(f, message))
	for _, text := range contents {
		f.Add(raw, octets(f, text), false)
	}
	f.Fuzz(func(t *testing.T, envelope, content []byte, takes bool) {
		common, err := p1.DecodeCommon(envelope, p1.Limits{})
		if err != nil {
			return
		}
		o, err := Transfer(envelope, bytes.NewReader(content), int64(len(content)), Peer{Domain: gateway, TakesP22: takes})
		if err != nil {
			return
		}
		got, err := p1.DecodeCommon(o.Envelope, p1.Limits{})
		if err != nil {
			t.Fatalf("%x: %v", o.Envelope, err)
		}
		if got.Kind != common.Kind || len(got.Extensions) > 0 || got.ContentType.Extended != nil || got.EITs != nil && len(got.EITs.ExtendedEncodedInformationTypes) > 0 {
			t.Fatalf("%+v", got)
		}
		is84(t, got.Originator)
		for _, r := range got.Recipients {
			is84(t, r.RecipientName)
		}
		if o.Content != nil {
			checkContent(t, content, o.Content)
		}
	})
}

// FuzzContent is FuzzDowngrade for contents alone.
func FuzzContent(f *testing.F) {
	for _, text := range contents {
		f.Add(octets(f, text))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		plan, err := planContent(bytes.NewReader(content), int64(len(content)), gateway, false)
		if err == nil {
			checkContent(t, content, plan)
		}
	})
}

// contents are message bodies worth changing.
var contents = []string{
	"a0 25 31056b03130131 30 1c af 1a a0 0e 06 04 56010b0b a0 06 31 04 020106 0500 28 08 06 04 5601040b a0 00",
	"a0 2a 31056b03130131 30 21 af 1f a0 0d 06 04 56010b0b a0 05 31 03 020106 28 0e 06 04 5601040b a0 06 1b 04 61626364",
	"a0 19 31056b03130131 30 10 af 0e 28 0c 06 04 56010400 a0 04 16 02 6162",
	"a0 80 31056b03130131 30 80 a9 80 31 00 30 80 31056b03130131 30 80 00 00 00 00 00 00 00 00 00 00",
	"a1 11 6b03130131 a0 0a a0 08 800100 810102 a400",
	"a0 16 31 11 6b03130131 af0a 3008 060456010500 0500 30 01 00",
}

func checkContent(t *testing.T, content []byte, plan *Content) {
	t.Helper()
	b, err := io.ReadAll(plan.Of(bytes.NewReader(content)))
	if err != nil || int64(len(b)) != plan.Size() {
		t.Fatalf("%d octets of %d, %v", len(b), plan.Size(), err)
	}
	if _, err := ipms.Decode(content); err != nil {
		return // a body part, which is not looked into, is wrong
	}
	back, err := ipms.Decode(b)
	if err != nil {
		t.Fatalf("%x became %x: %v", content, b, err)
	}
	if back.IPM != nil {
		if len(back.IPM.Heading.Extensions) > 0 {
			t.Fatalf("%+v", back.IPM.Heading)
		}
		for _, part := range back.IPM.Body {
			if part.Extended != nil || part.BilaterallyDefined != nil {
				t.Fatalf("%+v", part)
			}
		}
	}
	again, plan, err := planned(t, b, true)
	var no *Impossible
	if err != nil && errors.As(err, &no) {
		t.Fatalf("%x cannot be downgraded again: %v", b, err)
	}
	if !bytes.Equal(again, b) && len(plan.lost) > 0 {
		t.Fatalf("%x became %x and loses %q", b, again, plan.lost)
	}
}

func is84(t *testing.T, n oraddr.ORName) {
	t.Helper()
	if len(n.ExtensionAttributes) > 0 || len(n.DirectoryName) > 0 || len(n.Unknown) > 0 {
		t.Fatalf("%+v", n)
	}
}

// FuzzUpgradeName: a name of 1984 that is downgraded again after it has been upgraded
// is the same name, or stays upgraded for good.
func FuzzUpgradeName(f *testing.F) {
	for _, text := range []string{"/DD.Common=a/ADMD=B/C=GB/", "/DD.X400-88=$/CN$=yen(042)(123)165(125)$/ADMD$=B$/C$=GB$//PRMD=ALPHA/ADMD=TEST/C=GB/"} {
		b, err := ber.Marshal(name(f, text))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Fuzz(func(t *testing.T, b []byte) {
		var n oraddr.ORName
		if rest, err := ber.Unmarshal(b, &n, ber.Limits{}); err != nil || len(rest) > 0 || len(n.ExtensionAttributes) > 0 {
			return
		}
		up, changed := UpgradeName(n, gateway)
		if !changed {
			return
		}
		if _, err := ber.Marshal(up); err != nil {
			t.Fatal(err)
		}
		down, err := Name(up, gateway)
		if err != nil {
			return
		}
		is84(t, down)
		back := upgraded(down)
		a, err := up.Address()
		if err != nil {
			t.Fatal(err)
		}
		if again, err := back.Address(); err != nil || !again.Equal(a) && asn1.PrintableString(a.CN).Valid() == nil {
			t.Fatalf("%s became %s, %v", a, again, err)
		}
	})
}
