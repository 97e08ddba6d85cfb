package submit

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

const (
	small  = "/S=Small/PRMD=ALPHA/ADMD=TEST/C=GB/" // takes P2 and P22 of IA5 text, 100 octets
	charli = "/S=Any/PRMD=CHARLIE/ADMD=TEST/C=GB/" // by MTA-SHORT, else MTA-P2, else MTA-IA5
	delta  = "/S=Any/PRMD=DELTA/ADMD=TEST/C=GB/"   // by MTA-P2 only
	echo   = "/S=Any/PRMD=ECHO/ADMD=TEST/C=GB/"    // by MTA-IA5, else MTA-SHORT
	foxtro = "/S=Any/PRMD=FOXTROT/ADMD=TEST/C=GB/" // nowhere
	golf   = "/S=Any/PRMD=GOLF/ADMD=TEST/C=GB/"    // by MTA-OLD, else MTA-SHORT
	hotel  = "/S=Any/PRMD=HOTEL/ADMD=TEST/C=GB/"   // by MTA-OLD only
	restr  = `
[[user]]
address = "/S=Small/PRMD=ALPHA/ADMD=TEST/C=GB/"
mailbox = "small"
max-size = 100
content-types = ["p2", "p22"]
eits = ["ia5-text"]
[[peer]]
name = "MTA-SHORT"
channel = "p1"
max-size = 200
[[peer]]
name = "MTA-P2"
channel = "p1"
content-types = ["p2"]
[[peer]]
name = "MTA-IA5"
channel = "p1"
eits = ["ia5-text", "1.0.10021.7.1.0.100"]
[[peer]]
name = "MTA-OLD"
channel = "p1"
mode = "1984"
[[route]]
match = "/PRMD=GOLF/ADMD=TEST/C=GB/"
peers = ["MTA-OLD", "MTA-SHORT"]
[[route]]
match = "/PRMD=HOTEL/ADMD=TEST/C=GB/"
peers = ["MTA-OLD"]
[[route]]
match = "/PRMD=CHARLIE/ADMD=TEST/C=GB/"
peers = ["MTA-SHORT", "MTA-P2", "MTA-IA5"]
[[route]]
match = "/PRMD=DELTA/ADMD=TEST/C=GB/"
peers = ["MTA-P2"]
[[route]]
match = "/PRMD=ECHO/ADMD=TEST/C=GB/"
peers = ["MTA-IA5", "MTA-SHORT"]
`
)

// restricted is a door with the restrictions above.
func restricted(t *testing.T) *Door {
	t.Helper()
	return doorOf(t, string(tableconf.Default("MTA-A", tableconf.Options{}))+restr)
}

func doorOf(t *testing.T, text string) *Door {
	t.Helper()
	dir := t.TempDir()
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", dir)
	if err == nil {
		err = spool.Init(cfg.Spool.Dir)
	}
	if err != nil {
		t.Fatal(err)
	}
	sp, err := spool.Open(cfg.Spool.Dir)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = sp.Close() })
	d, err := NewDoor(cfg, Alone{sp}, func() time.Time { return now }, conf.OpenFile)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// ways are all ways of every recipient, or its reason.
func ways(env *spool.Envelope) string {
	var all []string
	for _, r := range env.Recipients {
		if r.Fail != nil {
			all = append(all, fate(r))
			continue
		}
		var hops []string
		for _, h := range r.Hops {
			hops = append(hops, strings.TrimSpace(h.Channel+" "+h.Peer))
		}
		all = append(all, strings.Join(hops, ","))
	}
	return strings.Join(all, "; ")
}

func explicit(c mts.ExplicitConversion, eits *mts.EncodedInformationTypes) func(*mts.MessageTransferEnvelope) {
	return func(m *mts.MessageTransferEnvelope) {
		m.OriginalEncodedInformationTypes = eits
		m.PerRecipientFields[0].ExplicitConversion = &c
	}
}

func methods(all ...mts.DeliveryMethod) func(*mts.MessageTransferEnvelope) {
	return func(m *mts.MessageTransferEnvelope) {
		fields, err := mts.SetExt(nil, mts.ExtRequestedDeliveryMethod, all)
		if err != nil {
			panic(err)
		}
		m.PerRecipientFields[0].Extensions = fields
	}
}

// X.411 §8.4.1.1.1: what a recipient does not take by content type, encoded
// information types or length is not delivered to it, and says which it was. A peer
// that does not take it is only passed over.
func TestRestrictions(t *testing.T) {
	d := restricted(t)
	teletex := mts.NewEncodedInformationTypes(mts.EITs + ".5")
	text := mts.NewEncodedInformationTypes(mts.EITs + ".2")
	latin := mts.NewEncodedInformationTypes(mts.EITs+".2", "1.0.10021.7.1.0.100")
	for _, c := range []struct {
		name string
		to   string
		size int
		edit func(*mts.MessageTransferEnvelope)
		want string
	}{
		{"all taken", small, 100, func(m *mts.MessageTransferEnvelope) { m.OriginalEncodedInformationTypes = text }, "local"},
		{"types not told", small, 100, nil, "local"},
		{"too long", small, 101, nil, "unable-to-transfer/content-too-long"},
		{"another content", small, 101, func(m *mts.MessageTransferEnvelope) { m.ContentType = mts.NewContentType(mts.EDIMessaging) },
			"unable-to-transfer/content-type-not-supported"},
		{"a content named by an object identifier", small, 1, func(m *mts.MessageTransferEnvelope) {
			m.ContentType = mts.NewExtendedContentType(mts.ContentP772)
		}, "unable-to-transfer/content-type-not-supported"},
		{"another encoding", small, 101, func(m *mts.MessageTransferEnvelope) { m.OriginalEncodedInformationTypes = teletex },
			"unable-to-transfer/encoded-information-types-unsupported"},
		{"one of two encodings", small, 1, func(m *mts.MessageTransferEnvelope) { m.OriginalEncodedInformationTypes = latin },
			"unable-to-transfer/encoded-information-types-unsupported"},
		{"another encoding, not to be converted", small, 1, func(m *mts.MessageTransferEnvelope) {
			m.OriginalEncodedInformationTypes = teletex
			m.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitImplicitConversionProhibited)
		}, "conversion-not-performed/implicit-conversion-prohibited"},
		{"converted on the way", small, 1, func(m *mts.MessageTransferEnvelope) {
			m.OriginalEncodedInformationTypes = teletex
			m.TraceInformation[0].DomainSuppliedInformation.ConvertedEncodedInformationTypes = text
		}, "local"},
		{"short", charli, 200, nil, "p1 MTA-SHORT,p1 MTA-IA5"},
		{"long", charli, 201, nil, "p1 MTA-IA5"},
		{"short P2", charli, 200, func(m *mts.MessageTransferEnvelope) {
			m.ContentType = mts.NewContentType(mts.InterpersonalMessaging1984)
		}, "p1 MTA-SHORT,p1 MTA-P2,p1 MTA-IA5"},
		{"nobody takes it: what the first says", charli, 201, func(m *mts.MessageTransferEnvelope) { m.OriginalEncodedInformationTypes = teletex },
			"unable-to-transfer/content-too-long"},
		{"one way only", delta, 1, nil, "unable-to-transfer/content-type-not-supported"},
		{"an extended type", echo, 201, func(m *mts.MessageTransferEnvelope) { m.OriginalEncodedInformationTypes = latin }, "p1 MTA-IA5"},
		{"a number, for 1984", golf, 1, nil, "p1 MTA-OLD,p1 MTA-SHORT"},
		{"no number, for 1984", golf, 1, func(m *mts.MessageTransferEnvelope) {
			m.ContentType = mts.NewExtendedContentType(mts.ContentP772)
		}, "p1 MTA-SHORT"},
		{"no number, for 1984 only", hotel, 1, func(m *mts.MessageTransferEnvelope) {
			m.ContentType = mts.NewExtendedContentType(mts.ContentP772)
		}, "unable-to-transfer/unable-to-downgrade"},
		{"a conversion nobody does", ann, 1, explicit(mts.IA5TextToTeletex, text), "conversion-not-performed/conversion-impractical"},
		{"a conversion of what may be there", ann, 1, explicit(mts.IA5TextToTeletex, nil), "conversion-not-performed/conversion-impractical"},
		{"an unknown conversion", ann, 1, explicit(99, teletex), "conversion-not-performed/conversion-impractical"},
		{"a conversion of what is not there", ann, 1, explicit(mts.IA5TextToTeletex, teletex), "local"},
		{"a conversion that others may do", echo, 1, explicit(mts.IA5TextToTeletex, text), "p1 MTA-IA5,p1 MTA-SHORT"},
		{"a conversion that was done on the way", ann, 1, func(m *mts.MessageTransferEnvelope) {
			explicit(mts.IA5TextToTeletex, text)(m)
			m.TraceInformation[0].DomainSuppliedInformation.ConvertedEncodedInformationTypes = teletex
		}, "local"},
		{"by post", ann, 1, methods(mts.TelexDelivery, mts.PhysicalDelivery), "physical-delivery-not-performed/-1"},
		{"by telex", ann, 1, methods(mts.TelexDelivery), "unable-to-transfer/-1"},
		{"by post, else by MHS", ann, 1, methods(mts.PhysicalDelivery, mts.MHSDelivery), "local"},
		{"by any means", ann, 1, methods(mts.AnyDeliveryMethod), "local"},
		{"by no means in particular", ann, 1, methods(), "local"},
		{"by post, where others may do it", echo, 1, methods(mts.PhysicalDelivery), "p1 MTA-IA5,p1 MTA-SHORT"},
	} {
		m, raw := envelope(t, c.edit, c.to)
		tx, err := d.Message(fromB, raw, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Write(make([]byte, c.size)); err != nil {
			t.Fatal(err)
		}
		refused := tx.Refused()
		env, err := tx.Commit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := ways(env); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		if fail := env.Recipients[0].Fail; (refused != nil) != (fail != nil && fail.Diagnostic != int(mts.ContentTooLong)) {
			t.Errorf("%s: whoever can say no hears %v", c.name, refused)
		}
		// What is in the queue is routed as it was let in, whoever has reloaded.
		if env.Recipients[0].Fail == nil && !slices.Equal(d.Ways(env)(&env.Recipients[0]), env.Recipients[0].Hops) {
			t.Errorf("%s: on the way again %v", c.name, d.Ways(env)(&env.Recipients[0]))
		}
	}
}

// Where a peer does not take the message another tree may have the recipient as a user of
// this MTA: then what the originator asks for is refused as of any user.
func TestUserBehindPeerThatDoesNotTakeIt(t *testing.T) {
	text := strings.Replace(string(tableconf.Default("MTA-A", tableconf.Options{})), "[identity]", "[identity]\ntrees = [\"org\", \"tables\"]", 1)
	d := doorOf(t, text+restr+`
[[node]]
tree = "org"
at = "/PRMD=ALPHA/ADMD=TEST/C=GB/"
mta-info = [{ name = "MTA-SHORT" }]
`)
	ia5 := mts.NewEncodedInformationTypes(mts.EITs + ".2")
	for _, c := range []struct {
		name string
		size int
		edit func(*mts.MessageTransferEnvelope)
		want string
	}{
		{"short", 200, nil, "p1 MTA-SHORT"},
		{"short, by telex", 200, methods(mts.TelexDelivery), "p1 MTA-SHORT"},
		{"long", 201, nil, "local"},
		{"long, by telex", 201, methods(mts.TelexDelivery), "unable-to-transfer/-1"},
		{"long, to be converted", 201, explicit(mts.IA5TextToTeletex, ia5), "conversion-not-performed/conversion-impractical"},
	} {
		m, raw := envelope(t, c.edit, ann)
		tx, err := d.Message(fromB, raw, m)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := tx.Write(make([]byte, c.size)); err != nil {
			t.Fatal(err)
		}
		env, err := tx.Commit(context.Background())
		if err != nil {
			t.Fatal(err)
		}
		if got := ways(env); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// X.411 §8.2.1.2, §14.4: a probe is answered as the message it asks about would have
// been, for every recipient.
func TestProbeIsAnsweredAsItsMessage(t *testing.T) {
	d := restricted(t)
	rapid.Check(t, func(r *rapid.T) {
		var to []string
		for range rapid.IntRange(1, 4).Draw(r, "recipients") {
			to = append(to, rapid.SampledFrom([]string{ann, small, nobody, charli, delta, echo, foxtro}).Draw(r, "to"))
		}
		length := rapid.SampledFrom([]int64{0, 99, 100, 101, 200, 201, 500}).Draw(r, "length")
		eits := func(label string) *mts.EncodedInformationTypes {
			all := rapid.SliceOfNDistinct(rapid.SampledFrom([]asn1.OID{mts.EITs + ".2", mts.EITs + ".5", "1.0.10021.7.1.0.100"}), 0, 2, rapid.ID).Draw(r, label)
			if len(all) == 0 {
				return nil
			}
			return mts.NewEncodedInformationTypes(all...)
		}
		m, _ := envelope(t, func(m *mts.MessageTransferEnvelope) {
			m.OriginalEncodedInformationTypes = eits("original")
			m.TraceInformation[0].DomainSuppliedInformation.ConvertedEncodedInformationTypes = eits("converted")
			m.ContentType = rapid.SampledFrom([]mts.ContentType{mts.NewContentType(2), mts.NewContentType(22), mts.NewExtendedContentType(mts.ContentP772)}).Draw(r, "type")
			if rapid.Bool().Draw(r, "no conversion") {
				m.PerMessageIndicators = mts.NewPerMessageIndicators(mts.BitImplicitConversionProhibited)
			}
			if rapid.IntRange(0, 9).Draw(r, "critical") == 0 {
				m.Extensions = []mts.ExtensionField{{Type: mts.PrivateExtension("1.2.3"), Criticality: mts.NewCriticality(mts.ForTransfer)}}
			}
			if rapid.IntRange(0, 9).Draw(r, "identifier") == 0 {
				m.ContentIdentifier = "longer than sixteen"
			}
			for i := range m.PerRecipientFields {
				one := &mts.MessageTransferEnvelope{PerRecipientFields: m.PerRecipientFields[i : i+1]}
				switch rapid.IntRange(0, 5).Draw(r, "asks for") {
				case 0:
					explicit(rapid.SampledFrom([]mts.ExplicitConversion{mts.IA5TextToTeletex, mts.TeletexToIA5Text}).Draw(r, "conversion"), nil)(one)
				case 1:
					methods(rapid.SliceOf(rapid.SampledFrom([]mts.DeliveryMethod{mts.MHSDelivery, mts.PhysicalDelivery, mts.TelexDelivery})).Draw(r, "methods")...)(one)
				}
			}
		}, to...)
		raw, err := p1.EncodeMessageEnvelope(m)
		if err != nil {
			r.Fatal(err)
		}
		tx, err := d.Message(fromB, raw, m)
		if err != nil {
			r.Fatal(err)
		}
		if _, err := tx.Write(make([]byte, length)); err != nil {
			r.Fatal(err)
		}
		message, err := tx.Commit(context.Background())
		if err != nil {
			r.Fatal(err)
		}
		p := &mts.ProbeTransferEnvelope{ProbeIdentifier: m.MessageIdentifier, OriginatorName: m.OriginatorName,
			OriginalEncodedInformationTypes: m.OriginalEncodedInformationTypes, ContentType: m.ContentType, ContentIdentifier: m.ContentIdentifier,
			ContentLength: &length, PerMessageIndicators: m.PerMessageIndicators, TraceInformation: m.TraceInformation,
			Extensions: m.Extensions, PerRecipientFields: m.PerRecipientFields}
		if raw, err = p1.EncodeProbe(p); err != nil {
			r.Fatal(err)
		}
		if tx, err = d.Probe(fromB, raw, p); err != nil {
			r.Fatal(err)
		}
		probe, err := tx.Commit(context.Background())
		if err != nil {
			r.Fatal(err)
		}
		if a, b := ways(message), ways(probe); a != b {
			r.Fatalf("the message: %s\nthe probe:   %s", a, b)
		}
	})
}
