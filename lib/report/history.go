package report

import (
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Previous is who the subject of a report came from to a distribution list: the list
// before it in originator-and-DL-expansion-history, or the originator (X.411 §14.4). False
// for a list that is not in it; one that is in it twice no MTA would expand, and
// the way back would be a circle.
func Previous(extensions []mts.ExtensionField, list oraddr.ORName) (oraddr.ORName, bool) {
	history, _, err := mts.Ext(extensions, mts.ExtOriginatorAndDLExpansionHistory)
	if err != nil {
		return oraddr.ORName{}, false
	}
	own, err := list.Address()
	if err != nil {
		return oraddr.ORName{}, false
	}
	at, times := 0, 0
	for i := range history {
		if a, err := history[i].OriginatorOrDLName.Address(); err == nil && a.Equal(own) {
			at = i
			times++
		}
	}
	if at == 0 || times > 1 {
		return oraddr.ORName{}, false
	}
	return history[at-1].OriginatorOrDLName, true
}
