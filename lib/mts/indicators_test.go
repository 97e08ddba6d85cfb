package mts

import (
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
)

func TestPerRecipientIndicators(t *testing.T) {
	for _, c := range []struct {
		octet           byte
		responsible     bool
		mta, originator ReportRequest
		text            string
	}{
		{0xD0, true, ReportAlways, ReportAlways, "responsible, MTA report, originator report"},
		{0xA8, true, ReportNonDelivery, ReportNonDelivery, "responsible, MTA non-delivery-report, originator non-delivery-report"},
		{0xA0, true, ReportNonDelivery, ReportNone, "responsible, MTA non-delivery-report, originator no-report"},
		{0x68, false, ReportAudited, ReportNonDelivery, "not responsible, MTA audited-report, originator non-delivery-report"},
	} {
		p := PerRecipientIndicators{Bytes: []byte{c.octet}, BitLength: 8}
		if p.Responsibility() != c.responsible || p.OriginatingMTAReport() != c.mta || p.OriginatorReport() != c.originator {
			t.Errorf("%#x: %v", c.octet, p)
		}
		if got := p.String(); got != c.text {
			t.Errorf("%#x prints as %q, want %q", c.octet, got, c.text)
		}
		made := NewPerRecipientIndicators(c.responsible, c.mta, c.originator)
		if made.Bytes[0] != c.octet || made.BitLength != 8 {
			t.Errorf("made %#x, want %#x", made.Bytes, c.octet)
		}
		other := p.WithResponsibility(!c.responsible)
		if other.Bytes[0] != c.octet^0x80 || p.Bytes[0] != c.octet {
			t.Errorf("%#x: the other responsibility is %#x, and the first is now %#x", c.octet, other.Bytes, p.Bytes)
		}
	}
	// What X.411 forbids is read so that nothing gets lost.
	if p := (PerRecipientIndicators{Bytes: []byte{0x98}, BitLength: 8}); p.OriginatingMTAReport() != ReportNonDelivery || p.OriginatorReport() != ReportAlways {
		t.Errorf("neither MTA bit, both originator bits: %v", p)
	}
	if p := (PerRecipientIndicators{}); p.Responsibility() || p.WithResponsibility(true).Responsibility() != true {
		t.Errorf("no bits at all: %v", p)
	}
}

func TestPerMessageIndicators(t *testing.T) {
	p := PerMessageIndicators(asn1.Bits(0, 2, 5, 7))
	if !p.DisclosureOfOtherRecipients() || p.ImplicitConversionProhibited() || !p.AlternateRecipientAllowed() ||
		p.ContentReturnRequest() || !p.ServiceMessage() || p.NotificationType() != 2 {
		t.Errorf("%v is misread", p)
	}
	for bits, want := range map[*PerMessageIndicators]int{
		ptr(PerMessageIndicators{}): 0, ptr(PerMessageIndicators(asn1.Bits(6))): 1,
		ptr(PerMessageIndicators(asn1.Bits(5))): 2, ptr(PerMessageIndicators(asn1.Bits(5, 6))): 3,
	} {
		if got := bits.NotificationType(); got != want {
			t.Errorf("%v: notification type %d, want %d", bits, got, want)
		}
	}
	made := NewPerMessageIndicators(BitContentReturnRequest, BitDisclosureOfOtherRecipients)
	if got := made.String(); got != "disclosure-of-other-recipients, content-return-request" {
		t.Errorf("String = %q", got)
	}
}

func TestPasswordHidesItself(t *testing.T) {
	octets := []byte("secret")
	a, b := NewPassword("secret"), Password{OctetString: &octets}
	if !a.Equal(b) || a.Equal(NewPassword("secreT")) || a.Equal(NewPassword("secret ")) || a.Equal(Password{}) {
		t.Error("passwords are compared wrongly")
	}
	if a.String() != "(password)" || a.GoString() != "mts.Password{…}" {
		t.Error("a password shows itself")
	}
}
