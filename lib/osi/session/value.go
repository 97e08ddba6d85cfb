package session

import (
	"fmt"
	"strings"
)

// FunctionalUnits is the session user requirements parameter (X.225 §8.3.1.16):
// a set of functional units.
type FunctionalUnits uint16

// The functional units, by their bits on the wire.
const (
	HalfDuplex            FunctionalUnits = 0x0001
	Duplex                FunctionalUnits = 0x0002
	Expedited             FunctionalUnits = 0x0004
	MinorSync             FunctionalUnits = 0x0008
	MajorSync             FunctionalUnits = 0x0010
	Resynchronize         FunctionalUnits = 0x0020
	ActivityManagement    FunctionalUnits = 0x0040
	NegotiatedRelease     FunctionalUnits = 0x0080
	CapabilityData        FunctionalUnits = 0x0100
	Exceptions            FunctionalUnits = 0x0200
	TypedData             FunctionalUnits = 0x0400
	SymmetricSynchronize  FunctionalUnits = 0x0800
	DataSeparation        FunctionalUnits = 0x1000
	functionalUnitsMask   FunctionalUnits = 0x1fff
	functionalUnitsAbsent FunctionalUnits = 0x0349 // what an absent parameter means
)

// ForRTSE is the set of functional units that reliable transfer needs in both of its modes
// (X.228 §8).
const ForRTSE = HalfDuplex | MinorSync | ActivityManagement | Exceptions

var functionalUnitNames = [...]string{
	"half-duplex", "duplex", "expedited", "minor-sync", "major-sync", "resync", "activity",
	"negotiated-release", "capability", "exceptions", "typed-data", "symmetric-sync", "data-separation",
}

// Has tells whether all units of g are in f.
func (f FunctionalUnits) Has(g FunctionalUnits) bool { return f&g == g }

// tokens returns the tokens the units bring with them (X.225 §A.5.2).
func (f FunctionalUnits) tokens() Tokens {
	var t Tokens
	if f.Has(HalfDuplex) {
		t |= TokenData
	}
	if f.Has(MinorSync) {
		t |= TokenMinorSync
	}
	if f&(MajorSync|ActivityManagement) != 0 {
		t |= TokenMajorActivity
	}
	if f.Has(NegotiatedRelease) {
		t |= TokenRelease
	}
	return t
}

// String lists the units, joined by "+".
func (f FunctionalUnits) String() string { return bitNames(uint16(f), functionalUnitNames[:]) }

// Tokens is a set of tokens, as the token item carries it (X.225 §8.3.16.3).
type Tokens uint8

// The tokens, by their bits in the token item.
const (
	TokenData          Tokens = 0x01
	TokenMinorSync     Tokens = 0x04
	TokenMajorActivity Tokens = 0x10
	TokenRelease       Tokens = 0x40
	tokensMask         Tokens = 0x55
)

var tokenNames = [...]string{"data", "", "minor", "", "major", "", "release", ""}

// Has tells whether all tokens of u are in t.
func (t Tokens) Has(u Tokens) bool { return t&u == u }

// String lists the tokens, joined by "+".
func (t Tokens) String() string { return bitNames(uint16(t), tokenNames[:]) }

// A TokenSide says where a token is at the start of a session connection.
type TokenSide uint8

// The sides of a token setting item (X.225 §8.3.1.11).
const (
	InitiatorSide TokenSide = 0
	ResponderSide TokenSide = 1
	CalledChoice  TokenSide = 2 // the called SS-user decides
)

// TokenSetting is the token setting item: one TokenSide for each of the four
// tokens, two bits each in the positions of Tokens.
type TokenSetting uint8

// AllTokens gives the setting with every token at side.
func AllTokens(side TokenSide) TokenSetting { return TokenSetting(side&3) * 0x55 }

// Side returns the side of one token.
func (s TokenSetting) Side(t Tokens) TokenSide {
	for shift := 0; shift < 8; shift += 2 {
		if t == 1<<shift {
			return TokenSide(s>>shift) & 3
		}
	}
	return InitiatorSide
}

// Versions is a set of protocol versions (X.225 §8.3.1.9).
type Versions uint8

// The protocol versions of X.225.
const (
	Version1 Versions = 0x01
	Version2 Versions = 0x02
)

// String names the versions of the set: "1", "2", "1+2".
func (v Versions) String() string { return bitNames(uint16(v), []string{"1", "2"}) }

// highest returns the highest version of the set alone, or 0.
func (v Versions) highest() Versions {
	switch {
	case v&Version2 != 0:
		return Version2
	case v&Version1 != 0:
		return Version1
	}
	return 0
}

// SerialNumber is a synchronization point serial number, 0 to 999999 (X.225
// §8.3.1.10).
type SerialNumber uint32

// MaxSerialNumber is the highest serial number that six digits can carry.
const MaxSerialNumber SerialNumber = 999999

// SyncType says whether a minor synchronization point asks for an answer (X.225
// §8.3.20.3).
type SyncType uint8

// The sync types.
const (
	SyncExplicit SyncType = 0    // explicit confirmation required
	SyncOptional SyncType = 0x01 // explicit confirmation not required
	// SyncDataSeparation asks for data separation, a functional unit of its own.
	SyncDataSeparation SyncType = 0x02
)

// ExceptionReason is the reason code of ED, AI and AD (X.225 §8.3.28.4,
// §8.3.31.4, §8.3.33.4).
type ExceptionReason uint8

// The reasons.
const (
	ExceptionUnspecified     ExceptionReason = 0
	ExceptionJeopardized     ExceptionReason = 1 // temporarily unable to continue
	ExceptionSequenceError   ExceptionReason = 3
	ExceptionLocalUserError  ExceptionReason = 5
	ExceptionUnrecoverable   ExceptionReason = 6
	ExceptionDemandDataToken ExceptionReason = 128
)

// String names the reason.
func (r ExceptionReason) String() string {
	switch r {
	case ExceptionUnspecified:
		return "no specific reason"
	case ExceptionJeopardized:
		return "receiving ability jeopardized"
	case ExceptionSequenceError:
		return "user sequence error"
	case ExceptionLocalUserError:
		return "local SS-user error"
	case ExceptionUnrecoverable:
		return "unrecoverable procedural error"
	case ExceptionDemandDataToken:
		return "demand data token"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// RefuseReason is the first octet of the reason code of RF (X.225 §8.3.5.10).
type RefuseReason uint8

// The reasons. The first three are the called SS-user's.
const (
	RefuseUnspecified         RefuseReason = 0
	RefuseCongestion          RefuseReason = 1
	RefuseUserData            RefuseReason = 2 // user data follow
	RefuseSelectorUnknown     RefuseReason = 0x81
	RefuseNotAttached         RefuseReason = 0x82
	RefuseSPMCongestion       RefuseReason = 0x83
	RefuseVersion             RefuseReason = 0x84
	RefuseSPM                 RefuseReason = 0x85
	RefuseImplementationLimit RefuseReason = 0x86
)

// Persistent tells whether trying again will be answered the same way (X.225
// §8.3.5.10, the reasons marked persistent).
func (r RefuseReason) Persistent() bool {
	switch r {
	case RefuseSelectorUnknown, RefuseNotAttached, RefuseVersion, RefuseImplementationLimit:
		return true
	}
	return false
}

// String names the reason.
func (r RefuseReason) String() string {
	switch r {
	case RefuseUnspecified:
		return "rejected by called SS-user"
	case RefuseCongestion:
		return "called SS-user congested"
	case RefuseUserData:
		return "rejected by called SS-user with data"
	case RefuseSelectorUnknown:
		return "session selector unknown"
	case RefuseNotAttached:
		return "SS-user not attached"
	case RefuseSPMCongestion:
		return "SPM congested"
	case RefuseVersion:
		return "protocol versions not supported"
	case RefuseSPM:
		return "rejected by SPM"
	case RefuseImplementationLimit:
		return "implementation restriction of SPM"
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// AbortReason is the reason of an S-P-ABORT indication (X.215 §14.3.2).
type AbortReason uint8

// The reasons.
const (
	AbortUndefined           AbortReason = iota // no reason
	AbortTransportDisconnect                    // the transport connection went away
	AbortProtocolError
	AbortImplementationLimit
)

// String names the reason.
func (r AbortReason) String() string {
	switch r {
	case AbortTransportDisconnect:
		return "transport disconnect"
	case AbortProtocolError:
		return "protocol error"
	case AbortImplementationLimit:
		return "implementation restriction"
	}
	return "undefined"
}

func bitNames(set uint16, names []string) string {
	var out []string
	for i, n := range names {
		if n != "" && set&(1<<i) != 0 {
			out = append(out, n)
		}
	}
	if len(out) == 0 {
		return "none"
	}
	return strings.Join(out, "+")
}
