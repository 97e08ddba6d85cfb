package expand

import (
	"testing"

	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
	"github.com/mtakit/mtakit/lib/spool"
)

// Who gets what is for another: the alternate a user has assigned, then the one its
// originator requested, then that of the domain.
func TestRedirectDecisions(t *testing.T) {
	const away, nobody = "/S=Away/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/", "/S=Nobody/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	text := string(tableconf.Default("MTA-A", tableconf.Options{})) + `
[[user]]
address = "` + away + `"
alternate = "` + bob + `"
[[user]]
address = "` + bob + `"
mailbox = "bob"
[[list]]
address = "` + staff + `"
submit = ["/PRMD=ALPHA/ADMD=TEST/C=GB/"]
`
	cfg, err := tableconf.Parse([]byte(text), "mta.toml", t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	withDomain := *cfg
	withDomain.Identity.Alternate = keeper
	reassignment := ext(t, mts.ExtRecipientReassignmentProhibited, mts.Prohibited)
	requested := ext(t, mts.ExtOriginatorRequestedAlternateRecipient, name(t, ann))
	history := func(names ...string) mts.ExtensionField {
		var h []mts.Redirection
		for _, n := range names {
			h = append(h, mts.Redirection{IntendedRecipientName: mts.IntendedRecipientName{IntendedRecipient: name(t, n), RedirectionTime: "261127110000Z"}})
		}
		return ext(t, mts.ExtRedirectionHistory, h)
	}
	long := make([]string, mts.UbRedirections)
	for i := range long {
		long[i] = abroad
	}
	allowed := mts.NewPerMessageIndicators(mts.BitAlternateRecipientAllowed)
	for _, c := range []struct {
		name       string
		to         string
		domain     bool
		indicators mts.PerMessageIndicators
		message    []mts.ExtensionField
		recipient  []mts.ExtensionField
		want       string
		reason     mts.RedirectionReason
	}{
		{"assigned", away, false, mts.PerMessageIndicators{}, nil, nil, "redirected, redirect to Bob", 0},
		{"assigned and requested", away, false, mts.PerMessageIndicators{}, nil, []mts.ExtensionField{requested}, "redirected, redirect to Bob", 0},
		{"assigned and prohibited", away, true, allowed, []mts.ExtensionField{reassignment}, nil, "1/26", 0},
		{"assigned, prohibited and requested", away, true, allowed, []mts.ExtensionField{reassignment}, []mts.ExtensionField{requested}, "redirected, redirect to Smith", 1},
		{"back to where it was", away, false, mts.PerMessageIndicators{}, nil, []mts.ExtensionField{history(abroad, bob)}, "1/27", 0},
		{"redirected elsewhere before", away, false, mts.PerMessageIndicators{}, nil, []mts.ExtensionField{history(abroad)}, "redirected, redirect to Bob", 0},
		{"too often", away, false, mts.PerMessageIndicators{}, nil, []mts.ExtensionField{history(long...)}, "1/27", 0},
		{"requested for nobody", nobody, false, mts.PerMessageIndicators{}, nil, []mts.ExtensionField{requested}, "redirected, redirect to Smith", 1},
		{"requested before the domain's", nobody, true, allowed, nil, []mts.ExtensionField{requested}, "redirected, redirect to Smith", 1},
		{"the domain's", nobody, true, allowed, nil, nil, "redirected, redirect to Keeper", 2},
		{"the domain's, not allowed", nobody, true, mts.PerMessageIndicators{}, nil, nil, "1/0", 0},
		{"a domain that has none", nobody, false, allowed, nil, nil, "1/0", 0},
		{"requested for one with a way, which failed", bob, false, mts.PerMessageIndicators{}, nil, []mts.ExtensionField{requested}, "redirected, redirect to Smith", 1},
		{"requested is the recipient", ann, false, mts.PerMessageIndicators{}, nil, []mts.ExtensionField{requested}, "1/27", 0},
		{"requested for a list that is not for the originator", staff, false, mts.PerMessageIndicators{}, nil, []mts.ExtensionField{requested}, "redirected, redirect to Smith", 1},
	} {
		use := cfg
		if c.domain {
			use = &withDomain
		}
		j, err := judging(use)
		if err != nil {
			t.Fatal(err)
		}
		m := aMessage(t, c.message...).common
		env := &mts.MessageTransferEnvelope{MessageIdentifier: m.Identifier, OriginatorName: m.Originator, ContentType: m.ContentType,
			PerMessageIndicators: c.indicators, Extensions: m.Extensions, PerRecipientFields: m.Recipients}
		env.PerRecipientFields[0].RecipientName, env.PerRecipientFields[0].Extensions = name(t, c.to), c.recipient
		raw, err := p1.EncodeMessageEnvelope(env)
		if err != nil {
			t.Fatal(err)
		}
		d := j.decide(subjectFrom(t, raw, spool.KindMessage, c.to))
		if got := tells(t, d); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
		if d.step == "" {
			continue
		}
		made, err := p1.DecodeCommon(d.envelope, p1.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		h, _, err := mts.Ext(made.Recipients[0].Extensions, mts.ExtRedirectionHistory)
		if err != nil || h[len(h)-1].RedirectionReason != c.reason {
			t.Errorf("%s: redirected for %v, %v", c.name, h, err)
		}
	}
}
