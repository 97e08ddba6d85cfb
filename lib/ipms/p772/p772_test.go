package p772

import (
	"bytes"
	"encoding/hex"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
)

// The tags of every type tell its elements apart.
func TestTypesAreUnambiguous(t *testing.T) {
	for _, v := range []any{
		MessageType{}, AddressListDesignator{}, DistributionCodes{}, OtherRecipientDesignator{}, PilotInformation{},
		SecurityInformationLabels{}, ACP127NotificationResponse{}, ADatP3Data{},
	} {
		if err := ber.Check(v); err != nil {
			t.Errorf("%T: %v", v, err)
		}
	}
}

// field is a heading extension as it is on the wire.
func field(t *testing.T, o asn1.OID, v any) []byte {
	t.Helper()
	value, err := ber.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	b, err := ber.Marshal(ipms.Extension{Type: o, Value: value})
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// The octets are those that Wireshark reads so.
func TestOctets(t *testing.T) {
	qualifier, err := mts.SetExt(nil, ExtPriorityLevelQualifier, LowLevel)
	if err != nil {
		t.Fatal(err)
	}
	envelope, err := ber.Marshal(qualifier[0])
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		got  []byte
		want string
	}{
		{"flash", field(t, PrimaryPrecedenceID, Flash), "30 0D 06 08 2B 1A 00 A2 36 00 02 00 02 01 04"},
		{"copy routine", field(t, CopyPrecedenceID, Routine), "30 0D 06 08 2B 1A 00 A2 36 00 02 01 02 01 01"},
		{"message type", field(t, MessageTypeID, MessageType{Type: 0, Identifier: "EXERCISE BOLD"}),
			"30 1E 06 08 2B 1A 00 A2 36 00 02 02 31 12 80 01 00 81 0D " + hex.EncodeToString([]byte("EXERCISE BOLD"))},
		{"DTG", field(t, ExtendedAuthorisationInfoID, asn1.UTCTime("261124043000Z")),
			"30 19 06 08 2B 1A 00 A2 36 00 02 05 17 0D " + hex.EncodeToString([]byte("261124043000Z"))},
		{"SICs", field(t, DistributionCodesID, DistributionCodes{SICs: []asn1.PrintableString{"ABC", "XYZ"}}),
			"30 18 06 08 2B 1A 00 A2 36 00 02 06 31 0C A0 0A 13 03 41 42 43 13 03 58 59 5A"},
		{"AIG", field(t, AddressListIndicatorID, []AddressListDesignator{{ListName: ipms.ORDescriptor{FreeFormName: "AIG 1234"}}}),
			"30 1D 06 08 2B 1A 00 A2 36 00 02 03 30 11 31 0F 80 01 00 A1 0A 80 08 41 49 47 20 31 32 33 34"},
		{"other copy", field(t, OtherRecipientsIndicatorID, []OtherRecipientDesignator{{Type: 1, Designator: "COMSUBPAC"}}),
			"30 1C 06 08 2B 1A 00 A2 36 00 02 0B 30 10 31 0E 80 01 01 81 09 43 4F 4D 53 55 42 50 41 43"},
		{"qualifier", envelope, "30 0F 83 08 2B 1A 00 A2 36 00 08 00 A2 03 0A 01 00"},
	} {
		want, err := hex.DecodeString(strings.ReplaceAll(c.want, " ", ""))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(c.got, want) {
			t.Errorf("%s:\n got % X\nwant % X", c.name, c.got, want)
		}
	}
}

func TestNames(t *testing.T) {
	for _, c := range []struct{ got, want string }{
		{Name(PrimaryPrecedenceID), "primary-precedence"}, {Name(DataACP127), "acp127-data"}, {Name(arc + "6.5"), "eyes-only"}, {Name("1.2.3"), ""},
		{Override.String(), "override"}, {Precedence(16).String(), "16"}, {Precedence(-1).String(), "-1"}, {TypeMessage(3).String(), "drill"},
		{TypeMessage(128).String(), "128"}, {AddressListType(1).String(), "copy-address-list"}, {AddressListRequest(2).String(), "both"},
		{OtherRecipientType(0).String(), "primary"}, {HighLevel.String(), "high"}, {ACP127NotificationType(asn1.Bits(0, 2)).String(), "acp127-nn,acp127-tn"},
	} {
		if c.got != c.want {
			t.Errorf("%q, want %q", c.got, c.want)
		}
	}
}
