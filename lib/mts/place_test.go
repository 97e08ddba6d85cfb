package mts

import "testing"

// Where an extension may stand, by the lists of X.411 figure 4; those that only pass
// between an MTA and its users stand nowhere between MTAs.
func TestPlaces(t *testing.T) {
	for _, c := range []struct {
		number ExtensionNumber
		want   string
	}{
		{1, "message, probe"},
		{2, "recipient of a message, recipient of a probe"},
		{20, "message, probe, report envelope"},
		{21, ""},
		{23, "message, probe, report content"},
		{24, "probe"},
		{25, "recipient of a message, recipient of a probe, report envelope, recipient of a report"},
		{29, "recipient of a report"},
		{34, ""}, {35, ""}, {36, ""}, {37, ""},
		{43, "recipient of a message"},
		{0, ""}, {47, ""}, {-1, ""},
	} {
		if got := c.number.Places().String(); got != c.want {
			t.Errorf("%v: %q, want %q", c.number, got, c.want)
		}
	}
	// The number of extensions in each list.
	for place, want := range map[Place]int{
		InMessage: 15, InMessageRecipient: 18, InProbe: 8, InProbeRecipient: 4, InReport: 8, InReportContent: 1, InReportRecipient: 4,
	} {
		got := 0
		for n := ExtensionNumber(1); n.Known(); n++ {
			if n.Places()&place != 0 {
				got++
			}
		}
		if got != want {
			t.Errorf("%v: %d extensions, want %d", place, got, want)
		}
	}
}
