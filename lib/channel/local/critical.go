package local

import "github.com/mtakit/mtakit/lib/mts"

// critical are the extensions that forbid delivery by one who does not do what they
// ask (X.411 §9.2): those of the whole object, and those of recipient n.
func (e *envelope) critical(n int) []mts.ExtensionType {
	if e.Report != nil {
		return e.Report.UnsupportedCritical(mts.ForDelivery)
	}
	all := mts.UnsupportedCritical(e.Extensions, mts.ForDelivery)
	if n >= 1 && n <= len(e.Recipients) {
		all = append(all, mts.UnsupportedCritical(e.Recipients[n-1].Extensions, mts.ForDelivery)...)
	}
	return all
}
