package mts

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// There is a row with a reason for every extension that has a number, and none for
// others.
func TestEveryExtensionIsDecidedOn(t *testing.T) {
	if len(supports) != len(extensionNames) {
		t.Errorf("%d rows for %d extensions", len(supports)-1, len(extensionNames)-1)
	}
	for n := 1; n < len(supports); n++ {
		if supports[n].why == "" {
			t.Errorf("%v: no reason", ExtensionNumber(n))
		}
	}
}

// X.411 §9.2: what is critical for a step is either done there or the reason to go no
// further; what is not critical, or critical for another step, is let pass.
func TestUnsupportedCritical(t *testing.T) {
	for _, c := range []struct {
		name               string
		number             ExtensionNumber
		value              string
		transfer, delivery bool // supported
	}{
		{"recipient-reassignment-prohibited", 1, "\x0a\x01\x01", true, true},
		{"dl-expansion-prohibited", 3, "\x0a\x01\x01", true, true},
		{"conversion-with-loss-prohibited", 4, "\x0a\x01\x01", true, true},
		{"latest-delivery-time", 5, "\x17\x00", true, true},
		{"any method", 6, "\x30\x03\x02\x01\x00", true, true},
		{"by MHS, or else by post", 6, "\x30\x06\x02\x01\x01\x02\x01\x02", true, true},
		{"by telex only", 6, "\x30\x03\x02\x01\x03", true, false},
		{"no method that can be read", 6, "\x05\x00", true, false},
		{"no forwarding address wanted", 8, "\x0a\x01\x00", true, true},
		{"a forwarding address wanted", 8, "\x0a\x01\x01", true, false},
		{"registered mail", 10, "\x02\x01\x01", true, false},
		{"message-token", 16, "\x30\x00", true, true},
		{"content-integrity-check", 18, "\x30\x00", true, true},
		{"message-security-label", 20, "\x31\x00", true, true},
		{"proof-of-submission-request", 21, "\x0a\x01\x01", false, false},
		{"proof of delivery wanted", 22, "\x0a\x01\x01", true, false},
		{"no proof of delivery wanted", 22, "\x0a\x01\x00", true, true},
		{"internal-trace-information", 38, "\x30\x00", true, true},
		{"a number of a later edition", 99, "\x05\x00", false, false},
		{"zero", 0, "\x05\x00", false, false},
		{"a negative number", -1, "\x05\x00", false, false},
		{"private", 0, "", false, false},
	} {
		f := ExtensionField{Type: StandardExtension(c.number), Value: ber.Raw(c.value)}
		if c.name == "private" {
			f.Type = PrivateExtension("1.2.3")
		}
		for s, want := range map[Stage]bool{ForSubmission: c.transfer, ForTransfer: c.transfer, ForDelivery: c.delivery} {
			for _, critical := range [][]Stage{nil, {ForSubmission}, {ForTransfer}, {ForDelivery}, {ForTransfer, ForDelivery}} {
				f.Criticality = NewCriticality(critical...)
				refused := len(UnsupportedCritical([]ExtensionField{f}, s)) > 0
				if refused != (f.Criticality.For(s) && !want) {
					t.Errorf("%s, critical %v, %v: refused %v", c.name, f.Criticality, s, refused)
				}
			}
		}
	}
}

// A report is looked at in its envelope, its content and its recipients.
func TestUnsupportedCriticalOfReport(t *testing.T) {
	critical := []ExtensionField{{Type: PrivateExtension("1.2.3"), Criticality: NewCriticality(ForTransfer)}}
	for name, edit := range map[string]func(*Report){
		"envelope":  func(r *Report) { r.Envelope.Extensions = critical },
		"content":   func(r *Report) { r.Content.Extensions = critical },
		"recipient": func(r *Report) { r.Content.PerRecipientFields[1].Extensions = critical },
	} {
		r := &Report{}
		r.Content.PerRecipientFields = make([]PerRecipientReportTransferFields, 2)
		if refused := r.UnsupportedCritical(ForTransfer); len(refused) > 0 {
			t.Errorf("%s: without one: %v", name, refused)
		}
		edit(r)
		var types []string
		for _, x := range r.UnsupportedCritical(ForTransfer) {
			types = append(types, x.String())
		}
		if got := strings.Join(types, " "); got != "1.2.3" {
			t.Errorf("%s: %q", name, got)
		}
		if refused := r.UnsupportedCritical(ForDelivery); len(refused) > 0 {
			t.Errorf("%s: at another step: %v", name, refused)
		}
	}
}
