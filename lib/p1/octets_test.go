package p1

import (
	"encoding/hex"
	"strings"
	"testing"
)

// octets reads hexadecimal digits, spaces and line ends ignored.
func octets(t testing.TB, text string) []byte {
	t.Helper()
	b, err := hex.DecodeString(strings.Join(strings.Fields(text), ""))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// A message from /G=Ann/S=Smith/… in PRMD ALPHA to /G=Bob/S=Jones/… in PRMD
// BRAVO, as an independent decoder has confirmed it. Its parts are here one by
// one so that tests can put them together in other ways.
const (
	alphaDomain = `63 15 61 04 13 02 47 42 62 06 13 04 54 45 53 54 13 05 41 4C 50 48 41 `
	bravoDomain = `63 15 61 04 13 02 47 42 62 06 13 04 54 45 53 54 13 05 42 52 41 56 4F `
	annName     = `60 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 41 4C 50 48 41
		83 03 4F 72 67 A5 0C 80 05 53 6D 69 74 68 81 03 41 6E 6E `
	bobAddress = `30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 42 52 41 56 4F
		83 03 4F 72 67 A5 0C 80 05 4A 6F 6E 65 73 81 03 42 6F 62 `
	bobName = `60 2C ` + bobAddress

	messageID  = `64 23 ` + alphaDomain + `16 0A 4D 54 41 2D 41 2E 30 30 30 31 `
	contentP22 = `46 01 16 `
	indicators = `48 02 04 80 `
	alphaTrace = `69 2D 30 2B ` + alphaDomain + `31 12 80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 82 01 00 `
	internal   = `A3 3D 30 3B 80 01 26 A2 36 30 34 30 32 ` + alphaDomain + `16 05 4D 54 41 2D 41
		31 12 80 0D 32 36 31 31 32 34 30 34 33 30 30 30 5A 82 01 00 `
	bobFields  = `31 35 ` + bobName + `80 01 01 81 02 00 D0 `
	recipients = `A2 37 ` + bobFields

	envelopeOctets = `31 82 01 01 ` + messageID + annName + contentP22 + indicators + alphaTrace + internal + recipients

	contentOctets = `A0 81 87 31 70 6B 31 60 2C 30 2A 61 04 13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 41 4C 50
		48 41 83 03 4F 72 67 A5 0C 80 05 53 6D 69 74 68 81 03 41 6E 6E 13 01 31 A2 32 31 30 A0 2E 60 2C 30 2A 61 04
		13 02 47 42 62 06 13 04 54 45 53 54 A2 07 13 05 42 52 41 56 4F 83 03 4F 72 67 A5 0C 80 05 4A 6F 6E 65 73 81
		03 42 6F 62 A8 07 14 05 48 65 6C 6C 6F 30 13 A0 11 31 00 16 0D 48 65 6C 6C 6F 20 77 6F 72 6C 64 0D 0A `

	messageOctets = `A0 82 01 92 ` + envelopeOctets + `04 81 8A ` + contentOctets
)

// The report on it from MTA-B: recipient 1 not delivered, 2 delivered.
const (
	reportEnvelopeOctets = `31 81 AC 64 24 ` + bravoDomain + `16 0B 4D 54 41 2D 42 2E 52 30 30 30 31 ` + annName +
		`69 2D 30 2B ` + bravoDomain + `31 12 80 0D 32 36 31 31 32 34 30 34 33 31 30 30 5A 82 01 00
		A1 27 30 25 80 01 27 A2 20 30 1E ` + bravoDomain + `16 05 4D 54 41 2D 42 `

	reportRecipients = `A0 81 B0
		31 50 A0 2C ` + bobAddress + `81 01 01 82 02 00 D0
			A3 19 80 0D 32 36 31 31 32 34 30 34 33 31 30 30 5A A1 08 A1 06 80 01 01 81 01 00
		31 5C A0 2C ` + bobAddress + `81 01 02 82 02 00 D0
			A3 25 80 0D 32 36 31 31 32 34 30 34 33 31 30 30 5A A1 14 A0 12 80 0D 32 36 31 31 32 34 30 34 33 31 30 35 5A
			81 01 00 `

	reportOctets = `A1 82 01 8D ` + reportEnvelopeOctets + `31 81 DB ` + messageID + contentP22 + reportRecipients
)

// A probe for the same recipient.
const probeOctets = `A2 81 C3 64 24 ` + alphaDomain + `16 0B 4D 54 41 2D 41 2E 50 30 30 30 31 ` + annName + contentP22 +
	`80 02 04 00 69 2D 30 2B ` + alphaDomain + `31 12 80 0D 32 36 31 31 32 34 30 34 33 31 30 30 5A 82 01 00 ` + recipients

// The MTA-bind between the two, as it lies in the user data of RT-OPEN.
const (
	bindArgumentOctets = `B0 14 A1 12 80 05 4D 54 41 2D 41 A1 09 16 07 73 65 63 72 65 74 41`
	bindResultOctets   = `B1 14 A1 12 80 05 4D 54 41 2D 42 A1 09 16 07 73 65 63 72 65 74 42`
	bindErrorOctets    = `B2 03 02 01 02`
)
