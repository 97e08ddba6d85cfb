package local

import (
	"slices"

	"github.com/mtakit/mtakit/lib/mts"
)

// critical are the extensions that forbid delivery by one who does not do what they
// ask (X.411 §9.2): those of the whole object, and those of recipient n.
func (e *envelope) critical(n int) []mts.ExtensionType {
	all := unsupported(e.Extensions)
	if n >= 1 && n <= len(e.Recipients) {
		all = append(all, unsupported(e.Recipients[n-1].Extensions)...)
	}
	return all
}

func unsupported(fields []mts.ExtensionField) []mts.ExtensionType {
	return mts.UnsupportedCritical(fields, mts.ForDelivery, func(t mts.ExtensionType) bool { return supports(fields, t) })
}

// supports tells whether delivery here does what an extension asks of it. To know a
// number is not enough: whoever marked the extension critical would be told of a
// delivery that was not the one asked for.
func supports(fields []mts.ExtensionField, t mts.ExtensionType) bool {
	if t.StandardExtension == nil {
		return false
	}
	switch *t.StandardExtension {
	case 1, 2, 3, 4, 7, 42:
		return true // nobody here reassigns, expands a list, converts or forwards physically
	case 5:
		return true // latest-delivery-time: the scheduler gives up in time
	case 15, 16, 17, 18, 19, 24, 28, 32, 33, 40, 41, 43, 44, 45, 46:
		return true // certificates, tokens and checks are for the user, who is given them
	case 20:
		return true // message-security-label: likewise, no security policy being in force here
	case 23, 25, 26, 30, 31, 37, 38, 39:
		return true // correlator, histories and names ask for nothing
	case 6: // requested-delivery-method
		methods, _, err := mts.Ext(fields, mts.ExtRequestedDeliveryMethod)
		return err == nil && slices.ContainsFunc(methods, func(m mts.DeliveryMethod) bool {
			return m == mts.AnyDeliveryMethod || m == mts.MHSDelivery
		})
	case 8: // physical-forwarding-address-request
		return notRequested(fields, mts.ExtPhysicalForwardingAddressRequest)
	case 22: // proof-of-delivery-request: the proof would be the user's, and there is nobody to ask for it
		return notRequested(fields, mts.ExtProofOfDeliveryRequest)
	}
	return false // what asks for physical delivery, does not belong here, or is unknown
}

func notRequested(fields []mts.ExtensionField, e mts.Extension[mts.Request]) bool {
	r, _, err := mts.Ext(fields, e)
	return err == nil && r == mts.NotRequested
}
