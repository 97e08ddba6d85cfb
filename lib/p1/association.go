package p1

import "github.com/mtakit/mtakit/lib/osi/rtse"

// ApplicationProtocol1984 and ApplicationProtocol1988 are the numbers that stand
// for the application context in X.410 mode, X.419 §11.
const (
	ApplicationProtocol1984 = 1
	ApplicationProtocol1988 = 12
)

// AssociationConfig returns what every association of the MTS transfer protocol
// has in common, X.419 §12: the application context mts-transfer, its abstract
// syntaxes, and two-way alternate dialogue. Selectors, sizes and timers are the
// caller's to add.
func AssociationConfig() rtse.Config {
	return rtse.Config{
		ApplicationContext: rtse.MTSTransfer,
		RTSESyntax:         rtse.SyntaxMTARTSE,
		UserSyntax:         rtse.SyntaxMTSE,
		TwoWayAlternate:    true,
	}
}
