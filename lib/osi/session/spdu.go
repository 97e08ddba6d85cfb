package session

// An SPDU is a pointer to one of the struct types of this file, which are named
// by the abbreviations of X.225 Table A.3. Slices are nil when the parameter is absent. The
// parameters of the symmetric synchronize functional unit (second and large
// serial numbers) are skipped.
//
// The SPDUs after the first of a segmented SSDU (X.225 §8.4.2) have the type of
// the first; of their fields only Enclosure and the user data count.
type SPDU interface {
	info() info
	// fields visits the parameters in ascending order of their codes, for
	// decoding and encoding alike.
	fields(f *fields)
}

// info is what X.225 §8.3 and Table 6 tell of an SPDU.
type info struct {
	name     string
	si       byte
	category int
}

// Enclosure is the enclosure item: where in its SSDU an SPDU stands (X.225
// §8.3.4.18, §8.4.2.1.3).
type Enclosure uint8

// The enclosure items. EnclosureNone is the absent one: an SSDU that is not
// segmented.
const (
	EnclosureNone Enclosure = iota
	EnclosureMiddle
	EnclosureBeginning
	EnclosureEnd
	EnclosureWhole // beginning and end
)

// String names the item.
func (e Enclosure) String() string {
	switch e {
	case EnclosureMiddle:
		return "middle"
	case EnclosureBeginning:
		return "beginning"
	case EnclosureEnd:
		return "end"
	}
	return "whole"
}

// Begins and Ends report whether an SSDU begins, and ends, with what has the item.
func (e Enclosure) Begins() bool { return e != EnclosureMiddle && e != EnclosureEnd }
func (e Enclosure) Ends() bool   { return e != EnclosureMiddle && e != EnclosureBeginning }

// Part is the item of a part of what has it: of its first octets, its last, both, or none
// of these. What is whole has none.
func (e Enclosure) Part(first, last bool) Enclosure {
	switch first, last = first && e.Begins(), last && e.Ends(); {
	case first && last:
		return EnclosureNone
	case first:
		return EnclosureBeginning
	case last:
		return EnclosureEnd
	}
	return EnclosureMiddle
}

// TransportDisconnect is the transport disconnect parameter of RF, FN and AB
// (X.225 §8.3.5.6, §8.3.9.3).
type TransportDisconnect uint8

// The bits of the transport disconnect parameter; the last four only in AB.
const (
	ReleaseTransport          TransportDisconnect = 0x01
	UserAbort                 TransportDisconnect = 0x02
	ProtocolError             TransportDisconnect = 0x04
	NoReason                  TransportDisconnect = 0x08
	ImplementationRestriction TransportDisconnect = 0x10
)

// MaxTSDU is the TSDU maximum size parameter, in octets; zero is unlimited (X.225
// §8.3.1.8).
type MaxTSDU struct{ ToResponder, ToInitiator uint16 }

// ConnectAcceptItem is the connect/accept item of CN and AC (X.225 §8.3.1.6).
type ConnectAcceptItem struct {
	ExtendedConcatenation bool // protocol options, bit 1: can receive it
	MaxTSDU               MaxTSDU
	Versions              Versions
	InitialSerial         *SerialNumber
	Tokens                TokenSetting
}

// The SPDUs of connection establishment.
type (
	// CN is the CONNECT SPDU (X.225 §8.3.1).
	CN struct {
		Identifier   ConnectionIdentifier
		Item         ConnectAcceptItem
		Requirements FunctionalUnits
		CallingSSEL  []byte
		CalledSSEL   []byte
		// Overflow tells that more user data follow in CDO SPDUs.
		Overflow bool
		// UserData goes into the extended user data parameter when longer
		// than 512 octets; 10240 are the limit.
		UserData []byte
	}
	// OA is the OVERFLOW ACCEPT SPDU (X.225 §8.3.2).
	OA struct {
		MaxTSDU  MaxTSDU
		Versions Versions
	}
	// CDO is the CONNECT DATA OVERFLOW SPDU (X.225 §8.3.3).
	CDO struct {
		Enclosure Enclosure
		UserData  []byte
	}
	// AC is the ACCEPT SPDU (X.225 §8.3.4).
	AC struct {
		Identifier     ConnectionIdentifier
		Item           ConnectAcceptItem
		Please         Tokens // the tokens the called SS-user asks for
		Requirements   FunctionalUnits
		Enclosure      Enclosure
		CallingSSEL    []byte
		RespondingSSEL []byte
		UserData       []byte
	}
	// RF is the REFUSE SPDU (X.225 §8.3.5).
	RF struct {
		Identifier   ConnectionIdentifier
		Transport    TransportDisconnect
		Requirements *FunctionalUnits
		Versions     Versions // zero when absent
		Enclosure    Enclosure
		// ReasonCode is the reason, one octet, and after RefuseUserData the
		// user data.
		ReasonCode []byte
	}
)

// The SPDUs of release and abort.
type (
	// FN is the FINISH SPDU (X.225 §8.3.6).
	FN struct {
		Transport TransportDisconnect
		Enclosure Enclosure
		UserData  []byte
	}
	// DN is the DISCONNECT SPDU (X.225 §8.3.7).
	DN struct {
		Enclosure Enclosure
		UserData  []byte
	}
	// NF is the NOT FINISHED SPDU (X.225 §8.3.8).
	NF struct {
		Enclosure Enclosure
		UserData  []byte
	}
	// AB is the ABORT SPDU (X.225 §8.3.9).
	AB struct {
		Transport TransportDisconnect
		Enclosure Enclosure
		Reflected []byte // reflect parameter values, ≤ 9 octets
		UserData  []byte
	}
	// AA is the ABORT ACCEPT SPDU (X.225 §8.3.10).
	AA struct{}
	// PR is the PREPARE SPDU, which only transport expedited flows carry (X.225 §8.3.26).
	PR struct{ Type uint8 }
)

// The SPDUs of data transfer.
type (
	// DT is the DATA TRANSFER SPDU (X.225 §8.3.11).
	DT struct {
		Enclosure       Enclosure
		UserInformation []byte
	}
	// EX is the EXPEDITED DATA SPDU (X.225 §8.3.12).
	EX struct{ UserInformation []byte }
	// TD is the TYPED DATA SPDU (X.225 §8.3.13).
	TD struct {
		Enclosure       Enclosure
		UserInformation []byte
	}
	// CD is the CAPABILITY DATA SPDU (X.225 §8.3.14).
	CD struct {
		Enclosure Enclosure
		UserData  []byte
	}
	// CDA is the CAPABILITY DATA ACK SPDU (X.225 §8.3.15).
	CDA struct {
		Enclosure Enclosure
		UserData  []byte
	}
)

// The SPDUs of token management.
type (
	// GT is the GIVE TOKENS SPDU (X.225 §8.3.16). Without tokens it is only
	// the first part of a concatenation.
	GT struct {
		Tokens    Tokens
		Enclosure Enclosure
		UserData  []byte
	}
	// PT is the PLEASE TOKENS SPDU (X.225 §8.3.17).
	PT struct {
		Tokens    Tokens
		Enclosure Enclosure
		UserData  []byte
	}
	// GTC is the GIVE TOKENS CONFIRM SPDU (X.225 §8.3.18).
	GTC struct {
		Enclosure Enclosure
		UserData  []byte
	}
	// GTA is the GIVE TOKENS ACK SPDU (X.225 §8.3.19).
	GTA struct{}
)

// The SPDUs of synchronization.
type (
	// MIP is the MINOR SYNC POINT SPDU (X.225 §8.3.20).
	MIP struct {
		Type      SyncType
		Enclosure Enclosure
		Serial    SerialNumber
		UserData  []byte
	}
	// MIA is the MINOR SYNC ACK SPDU (X.225 §8.3.21).
	MIA struct {
		Enclosure Enclosure
		Serial    SerialNumber
		UserData  []byte
	}
	// MAP is the MAJOR SYNC POINT SPDU (X.225 §8.3.22).
	MAP struct {
		Enclosure Enclosure
		Serial    SerialNumber
		UserData  []byte
	}
	// MAA is the MAJOR SYNC ACK SPDU, and the ACTIVITY END ACK SPDU (AEA),
	// which is identical (X.225 §8.3.23, §8.3.36).
	MAA struct {
		Enclosure Enclosure
		Serial    SerialNumber
		UserData  []byte
	}
	// RS is the RESYNCHRONIZE SPDU (X.225 §8.3.24).
	RS struct {
		Enclosure Enclosure
		Tokens    TokenSetting
		Type      uint8
		Serial    SerialNumber
		UserData  []byte
	}
	// RA is the RESYNCHRONIZE ACK SPDU (X.225 §8.3.25).
	RA struct {
		Enclosure Enclosure
		Tokens    TokenSetting
		Serial    SerialNumber
		UserData  []byte
	}
)

// The SPDUs of exceptions and activity management.
type (
	// ER is the EXCEPTION REPORT SPDU (X.225 §8.3.27).
	ER struct{ Reflected []byte }
	// ED is the EXCEPTION DATA SPDU (X.225 §8.3.28).
	ED struct {
		Enclosure Enclosure
		Reason    ExceptionReason
		UserData  []byte
	}
	// AS is the ACTIVITY START SPDU (X.225 §8.3.29).
	AS struct {
		Enclosure Enclosure
		Activity  []byte
		UserData  []byte
	}
	// AR is the ACTIVITY RESUME SPDU (X.225 §8.3.30).
	AR struct {
		Enclosure     Enclosure
		OldConnection ConnectionIdentifier // of the session connection the activity was interrupted on
		OldActivity   []byte
		Serial        SerialNumber
		Activity      []byte
		UserData      []byte
	}
	// AI is the ACTIVITY INTERRUPT SPDU (X.225 §8.3.31).
	AI struct {
		Enclosure Enclosure
		Reason    ExceptionReason
		UserData  []byte
	}
	// AIA is the ACTIVITY INTERRUPT ACK SPDU (X.225 §8.3.32).
	AIA struct {
		Enclosure Enclosure
		UserData  []byte
	}
	// AD is the ACTIVITY DISCARD SPDU (X.225 §8.3.33).
	AD struct {
		Enclosure Enclosure
		Reason    ExceptionReason
		UserData  []byte
	}
	// ADA is the ACTIVITY DISCARD ACK SPDU (X.225 §8.3.34).
	ADA struct {
		Enclosure Enclosure
		UserData  []byte
	}
	// AE is the ACTIVITY END SPDU (X.225 §8.3.35).
	AE struct {
		Enclosure Enclosure
		Serial    SerialNumber
		UserData  []byte
	}
)

func (*CN) info() info  { return info{"CN", 13, 1} }
func (*OA) info() info  { return info{"OA", 16, 1} }
func (*CDO) info() info { return info{"CDO", 15, 1} }
func (*AC) info() info  { return info{"AC", 14, 1} }
func (*RF) info() info  { return info{"RF", 12, 1} }
func (*FN) info() info  { return info{"FN", 9, 1} }
func (*DN) info() info  { return info{"DN", 10, 1} }
func (*NF) info() info  { return info{"NF", 8, 1} }
func (*AB) info() info  { return info{"AB", 25, 1} }
func (*AA) info() info  { return info{"AA", 26, 1} }
func (*PR) info() info  { return info{"PR", 7, 1} }
func (*DT) info() info  { return info{"DT", 1, 2} }
func (*EX) info() info  { return info{"EX", 5, 1} }
func (*TD) info() info  { return info{"TD", 33, 1} }
func (*CD) info() info  { return info{"CD", 61, 2} }
func (*CDA) info() info { return info{"CDA", 62, 2} }
func (*GT) info() info  { return info{"GT", 1, 0} }
func (*PT) info() info  { return info{"PT", 2, 0} }
func (*GTC) info() info { return info{"GTC", 21, 1} }
func (*GTA) info() info { return info{"GTA", 22, 1} }
func (*MIP) info() info { return info{"MIP", 49, 2} }
func (*MIA) info() info { return info{"MIA", 50, 2} }
func (*MAP) info() info { return info{"MAP", 41, 2} }
func (*MAA) info() info { return info{"MAA", 42, 2} }
func (*RS) info() info  { return info{"RS", 53, 2} }
func (*RA) info() info  { return info{"RA", 34, 2} }
func (*ER) info() info  { return info{"ER", 0, 2} }
func (*ED) info() info  { return info{"ED", 48, 2} }
func (*AS) info() info  { return info{"AS", 45, 2} }
func (*AR) info() info  { return info{"AR", 29, 2} }
func (*AI) info() info  { return info{"AI", 25, 2} }
func (*AIA) info() info { return info{"AIA", 26, 2} }
func (*AD) info() info  { return info{"AD", 57, 2} }
func (*ADA) info() info { return info{"ADA", 58, 2} }
func (*AE) info() info  { return info{"AE", 41, 2} }
