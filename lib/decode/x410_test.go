package decode_test

import (
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/decode"
)

// What one side of an association in X.410-1984 mode sends is read by itself, whether
// the capture begins with the association or in the middle of it.
func TestX410Mode(t *testing.T) {
	const accept = `03 00 00 27 02 F0 80 0E 1E 05 09 13 01 00 16 01 01 1A 01 00 14 02 02 49 C1 0D 31 0B A0 03 80 01 00 A1 04 A2 02 80 00 `
	for _, c := range []struct{ octets, want string }{
		{accept, "x410-mode-parameters RTOAC"},
		{accept + `03 00 00 11 02 F0 80 02 08 10 01 01 C1 03 02 01 02`, "RTTP INTEGER: 2"},
		{`03 00 00 11 02 F0 80 02 08 10 01 01 C1 03 02 01 02`, "RTTP INTEGER: 2"},
		{accept + `03 00 00 09 02 F0 80 0A 00`, "DN SPDU: DISCONNECT"},
		{`03 00 00 14 02 F0 80 0C 0B 11 01 01 32 06 02 31 03 80 01 02`, "refuseReason RefuseReason: 2 validationFailure"},
		{`03 00 00 13 02 F0 80 19 0A 11 01 03 C1 05 31 03 80 01 04`, "abortReason AbortReason: 4 protocolError"},
	} {
		b, err := decode.ReadHex(strings.NewReader(c.octets), 1<<10)
		if err != nil {
			t.Fatal(err)
		}
		got, err := show(b, decode.TPDU, decode.Limits{})
		if err != nil || !strings.Contains(got, " "+c.want+"\n") {
			t.Errorf("%s: no line %q, %v:\n%s", c.octets, c.want, err, got)
		}
	}
}
