package mts

import "strings"

// Place is where in an object between MTAs an extension may stand; several are
// the sum of them.
type Place uint8

// The places, X.411 figure 4.
const (
	InMessage          Place = 1 << iota // MessageTransferEnvelope
	InMessageRecipient                   // per-recipient fields of a message
	InProbe                              // ProbeTransferEnvelope
	InProbeRecipient                     // per-recipient fields of a probe
	InReport                             // ReportTransferEnvelope
	InReportContent                      // ReportTransferContent
	InReportRecipient                    // per-recipient fields of a report
)

var placeNames = [...]string{
	"message", "recipient of a message", "probe", "recipient of a probe",
	"report envelope", "report content", "recipient of a report",
}

// String returns the places in words, separated by commas.
func (p Place) String() string {
	var words []string
	for i, name := range placeNames {
		if p&(1<<i) != 0 {
			words = append(words, name)
		}
	}
	return strings.Join(words, ", ")
}

// Places returns where a standard extension may stand; none for one that is not
// passed between MTAs but between an MTA and its users, or not known.
func (n ExtensionNumber) Places() Place {
	if !n.Known() {
		return 0
	}
	return extensionPlaces[n]
}

var extensionPlaces = [len(extensionNames)]Place{
	1:  InMessage | InProbe,
	2:  InMessageRecipient | InProbeRecipient,
	3:  InMessage | InProbe,
	4:  InMessage | InProbe,
	5:  InMessage,
	6:  InMessageRecipient | InProbeRecipient,
	7:  InMessageRecipient,
	8:  InMessageRecipient,
	9:  InMessageRecipient,
	10: InMessageRecipient,
	11: InMessageRecipient,
	12: InMessageRecipient | InProbeRecipient,
	13: InMessage,
	14: InMessageRecipient,
	15: InMessage | InProbe,
	16: InMessageRecipient,
	17: InMessage,
	18: InMessageRecipient,
	19: InMessage,
	20: InMessage | InProbe | InReport,
	22: InMessageRecipient,
	23: InMessage | InProbe | InReportContent,
	24: InProbe,
	25: InMessageRecipient | InProbeRecipient | InReport | InReportRecipient,
	26: InMessage,
	27: InReportRecipient,
	28: InMessageRecipient | InReportRecipient,
	29: InReportRecipient,
	30: InReport,
	31: InReport,
	32: InReport,
	33: InReport,
	38: InMessage | InProbe | InReport,
	39: InReport,
	40: InMessage,
	41: InMessageRecipient,
	42: InMessage,
	43: InMessageRecipient,
	44: InMessageRecipient,
	45: InMessage,
	46: InMessageRecipient,
}
