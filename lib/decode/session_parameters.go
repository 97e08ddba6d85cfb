package decode

import (
	"fmt"
	"strings"

	"github.com/mtakit/mtakit/lib/osi/session"
)

// sessionParameter is a PGI or PI of X.225 §8.3.
type sessionParameter struct {
	name  string
	group bool                  // a PGI unit
	ber   bool                  // RTSE puts BER in it (X.228 §8)
	show  func(v []byte) string // "" where v is not as it should be
}

var sessionParameters = map[byte]sessionParameter{
	1:                     {name: "connection-identifier", group: true},
	5:                     {name: "connect-accept-item", group: true},
	33:                    {name: "linking-information", group: true},
	9:                     {name: "called-SS-user-reference", ber: true},
	10:                    {name: "calling-SS-user-reference", ber: true},
	11:                    {name: "common-reference", ber: true},
	12:                    {name: "additional-reference-information", ber: true},
	piSyncType:            {name: "sync-type-item", show: octet(syncType)},
	16:                    {name: "token-item", show: octet(func(b byte) string { return session.Tokens(b).String() })},
	piTransportDisconnect: {name: "transport-disconnect", show: octet(transportDisconnect)},
	19:                    {name: "protocol-options", show: octet(protocolOptions)},
	20:                    {name: "session-user-requirements", show: requirements},
	21:                    {name: "TSDU-maximum-size", show: maximumSize},
	22:                    {name: "version-number", show: octet(func(b byte) string { return session.Versions(b).String() })},
	23:                    {name: "initial-serial-number", show: text},
	24:                    {name: "prepare-type", show: octet(func(b byte) string { return fmt.Sprint(b) })},
	piEnclosure:           {name: "enclosure-item", show: octet(enclosure)},
	26:                    {name: "token-setting-item", show: octet(tokenSetting)},
	27:                    {name: "resync-type", show: octet(func(b byte) string { return fmt.Sprint(b) })},
	41:                    {name: "activity-identifier", ber: true},
	42:                    {name: "serial-number", show: text},
	piMIAUserData:         {name: "user-data"},
	49:                    {name: "reflect-parameter-values"},
	piReasonCode:          {name: "reason-code", show: octet(exceptionReason)},
	51:                    {name: "calling-session-selector", show: text},
	52:                    {name: "called-session-selector", show: text},
	piDataOverflow:        {name: "data-overflow", show: octet(func(b byte) string { return boolean(b&1 != 0) })},
	pgiUserData:           {name: "user-data"},
	pgiExtendedUserData:   {name: "extended-user-data"},
}

// octet shows a parameter of one octet.
func octet(show func(byte) string) func([]byte) string {
	return func(v []byte) string {
		if len(v) != 1 {
			return ""
		}
		return show(v[0])
	}
}

func syncType(b byte) string {
	var words []string
	if b&1 != 0 {
		words = append(words, "explicit confirmation not required")
	} else {
		words = append(words, "explicit confirmation required")
	}
	if b&2 != 0 {
		words = append(words, "data separation")
	}
	return strings.Join(words, ", ")
}

func transportDisconnect(b byte) string {
	return bits(b, "release", "user abort", "protocol error", "no reason", "implementation restriction")
}

func protocolOptions(b byte) string {
	if b&1 != 0 {
		return "can receive extended concatenation"
	}
	return "none"
}

func requirements(v []byte) string {
	if len(v) != 2 {
		return ""
	}
	return (session.FunctionalUnits(v[0])<<8 | session.FunctionalUnits(v[1])).String()
}

func maximumSize(v []byte) string {
	if len(v) != 4 {
		return ""
	}
	return fmt.Sprintf("to responder %d, to initiator %d", int(v[0])<<8|int(v[1]), int(v[2])<<8|int(v[3]))
}

func enclosure(b byte) string {
	if b&3 == 0 {
		return "middle of the SSDU"
	}
	return bits(b&3, "beginning", "end") + " of the SSDU"
}

func tokenSetting(b byte) string {
	var words []string
	for _, t := range []session.Tokens{session.TokenData, session.TokenMinorSync, session.TokenMajorActivity, session.TokenRelease} {
		side := nameOf(int64(session.TokenSetting(b).Side(t)), []string{"initiator", "responder", "called user's choice", "reserved"})
		words = append(words, t.String()+" "+side)
	}
	return strings.Join(words, ", ")
}

func exceptionReason(b byte) string {
	return withName(int64(b), session.ExceptionReason(b).String())
}
