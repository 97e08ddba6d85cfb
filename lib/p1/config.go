package p1

import "github.com/mtakit/mtakit/lib/osi/rtse"

// AssociationConfig returns what every association of the MTS transfer protocol
// has in common, X.419 §12: the application context mts-transfer, its abstract
// syntaxes, and two-way alternate dialogue. Selectors, sizes and timers are the
// caller's to add.
func AssociationConfig() rtse.Config {
	return rtse.Config{
		ApplicationContext: ApplicationContext,
		RTSESyntax:         RTSESyntax,
		UserSyntax:         TransferSyntax,
		TwoWayAlternate:    true,
	}
}
