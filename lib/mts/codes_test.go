package mts

import (
	"strings"
	"testing"
)

func TestCodeNames(t *testing.T) {
	for _, c := range []struct {
		got  interface{ String() string }
		want string
	}{
		{TransferFailure, "transfer-failure"},
		{ReasonCode(8), "transfer-failure-for-security-reason"},
		{ReasonCode(9), "9"},
		{ReasonCode(-1), "-1"},
		{UnrecognisedORName, "unrecognised-OR-name"},
		{DiagnosticLoopDetected, "loop-detected"},
		{DiagnosticCode(17), "no-bilateral-agreement"},
		{UnsupportedCriticalFunction, "unsupported-critical-function"},
		{DiagnosticCode(32), "undeliverable-mail-physical-delivery-address-incorrect"},
		{UndeliverableMailRecipientUnknown, "undeliverable-mail-recipient-unknown"},
		{DiagnosticCode(45), "undeliverable-mail-originator-prohibited-forwarding"},
		{SecureMessagingError, "secure-messaging-error"},
		{UnableToDowngrade, "unable-to-downgrade"},
		{TransferAttemptsLimitReached, "transfer-attempts-limit-reached"},
		{SecurityPolicyViolation, "security-policy-violation"},
		{DiagnosticCode(78), "unsupported-security-policy"},
		{DiagnosticCode(79), "79"},
		{UserPhysicalRecipient, "physical-recipient"},
		{TypeOfMTSUser(7), "7"},
		{Urgent, "urgent"},
		{Priority(3), "3"},
		{AuthenticationError, "authentication-error"},
		{MTABindError(1), "1"},
		{Rerouted, "rerouted"},
		{ForDelivery, "for-delivery"},
	} {
		if got := c.got.String(); got != c.want {
			t.Errorf("%T: got %q, want %q", c.got, got, c.want)
		}
	}
}

// The numbers of the last constants hold every constant before them in place.
func TestCodeNumbers(t *testing.T) {
	if TransferFailureForSecurityReason != 8 || UnsupportedSecurityPolicy != 78 ||
		UnableToCompleteTransfer != 48 || UndeliverableMailPhysicalDeliveryAddressIncorrect != 32 ||
		DLExpansionProhibited != 28 || NoBilateralAgreement != 17 {
		t.Error("a code has moved")
	}
	if len(diagnosticNames) != int(UnsupportedSecurityPolicy)+1 || len(reasonNames) != 9 {
		t.Error("names and codes are not the same in number")
	}
	seen := map[string]bool{}
	for i, name := range diagnosticNames {
		if name == "" || seen[name] || strings.ToLower(name[:1]) != name[:1] {
			t.Errorf("diagnostic %d has the name %q", i, name)
		}
		seen[name] = true
	}
}

func TestPriorityOrder(t *testing.T) {
	if !Urgent.Before(Normal) || !Normal.Before(NonUrgent) || NonUrgent.Before(Urgent) || Normal.Before(Priority(9)) {
		t.Error("want urgent, then normal, then non-urgent")
	}
	for _, p := range []Priority{Urgent, Normal, NonUrgent} {
		if got, err := ParsePriority(p.String()); err != nil || got != p {
			t.Errorf("ParsePriority(%v) = %v, %v", p, got, err)
		}
	}
	if _, err := ParsePriority("fast"); err == nil {
		t.Error("fast is no priority")
	}
}

func TestParseCodes(t *testing.T) {
	for text, want := range map[string]ReasonCode{"unable-to-transfer": UnableToTransfer, "8": TransferFailureForSecurityReason, "32767": 32767} {
		if got, err := ParseReasonCode(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for text, want := range map[string]DiagnosticCode{"security-policy-violation": SecurityPolicyViolation, "unrecognised-OR-name": UnrecognisedORName, "79": 79} {
		if got, err := ParseDiagnosticCode(text); err != nil || got != want {
			t.Errorf("%s: %d, %v", text, got, err)
		}
	}
	for _, text := range []string{"", "-1", "32768", "Unable-to-transfer", "no such"} {
		if got, err := ParseReasonCode(text); err == nil {
			t.Errorf("reason %q is taken as %d", text, got)
		}
		if got, err := ParseDiagnosticCode(text); err == nil {
			t.Errorf("diagnostic %q is taken as %d", text, got)
		}
	}
}
