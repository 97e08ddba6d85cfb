package oraddr

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// ORName is the name of a user or distribution list: an O/R address, a
// directory name, or both (X.411 §8.5.5, MTSAbstractService ORName). The address
// is absent when the standard attributes are empty and nothing follows them.
type ORName struct {
	_                       ber.Sequence `ber:"[APPLICATION 0]"`
	StandardAttributes      StandardAttributes
	DomainDefinedAttributes []DomainDefinedAttribute `ber:"OPTIONAL"`
	ExtensionAttributes     []ExtensionAttribute     `ber:"SET OPTIONAL"`
	DirectoryName           ber.Raw                  `ber:"[0] OPTIONAL"` // the Name within [0], as it came
	Unknown                 []ber.Raw                `ber:"..."`
}

// ORAddress is an O/R address where no directory name may stand (X.411
// ORAddress).
type ORAddress struct {
	_                       ber.Sequence
	StandardAttributes      StandardAttributes
	DomainDefinedAttributes []DomainDefinedAttribute `ber:"OPTIONAL"`
	ExtensionAttributes     []ExtensionAttribute     `ber:"SET OPTIONAL"`
	Unknown                 []ber.Raw                `ber:"..."`
}

// StandardAttributes is BuiltInStandardAttributes of X.411.
type StandardAttributes struct {
	_                 ber.Sequence
	Country           *NumericOrPrintable    `ber:"[APPLICATION 1] OPTIONAL"`
	ADMD              *NumericOrPrintable    `ber:"[APPLICATION 2] OPTIONAL"`
	NetworkAddress    asn1.NumericString     `ber:"[0] OPTIONAL"`
	TerminalID        asn1.PrintableString   `ber:"[1] OPTIONAL"`
	PRMD              *NumericOrPrintable    `ber:"[2] OPTIONAL"`
	Organization      asn1.PrintableString   `ber:"[3] OPTIONAL"`
	NumericUserID     asn1.NumericString     `ber:"[4] OPTIONAL"`
	PersonalName      *WirePersonalName      `ber:"[5] OPTIONAL"`
	OrganizationUnits []asn1.PrintableString `ber:"[6] OPTIONAL"`
	Unknown           []ber.Raw              `ber:"..."`
}

// NumericOrPrintable is the CHOICE behind CountryName,
// AdministrationDomainName, PrivateDomainName and PostalCode. A country or a
// domain of digits only is sent as NumericString (RFC 2156 §4.1.1).
type NumericOrPrintable struct {
	_         ber.Choice
	Numeric   *asn1.NumericString
	Printable *asn1.PrintableString
}

// WirePersonalName is PersonalName of X.411.
type WirePersonalName struct {
	_          ber.Set
	Surname    asn1.PrintableString `ber:"[0] OPTIONAL"`
	Given      asn1.PrintableString `ber:"[1] OPTIONAL"`
	Initials   asn1.PrintableString `ber:"[2] OPTIONAL"`
	Generation asn1.PrintableString `ber:"[3] OPTIONAL"`
}

// DomainDefinedAttribute is BuiltInDomainDefinedAttribute of X.411.
type DomainDefinedAttribute struct {
	_     ber.Sequence
	Type  asn1.PrintableString
	Value asn1.PrintableString
}

// ExtensionAttribute is an attribute of the 1988 and later editions, by number
// (X.411 ExtensionAttribute). Value is the element within [1].
type ExtensionAttribute struct {
	_     ber.Sequence
	Type  int     `ber:"[0]"`
	Value ber.Raw `ber:"[1]"`
}

// The numbers of the extension attributes, X.411 MTSAbstractService. Those of
// the universal variants of the physical delivery attributes, 29 to 40, are
// found beside the attribute they vary, in the table of attribute.go.
const (
	extCommonName           = 1
	extTeletexCommonName    = 2
	extTeletexOrganization  = 3
	extTeletexPersonalName  = 4
	extTeletexUnits         = 5
	extTeletexDDA           = 6
	extPDSName              = 7
	extPDCountry            = 8
	extPostalCode           = 9
	extUnformatted          = 16
	extNetworkAddress       = 22
	extTerminalType         = 23
	extUniversalCommonName  = 24
	extUniversalOrg         = 25
	extUniversalPN          = 26
	extUniversalUnits       = 27
	extUniversalDDA         = 28
	extUniversalUnformatted = 35
)

type teletexPersonalName struct {
	_          ber.Set
	Surname    asn1.TeletexString `ber:"[0] OPTIONAL"`
	Given      asn1.TeletexString `ber:"[1] OPTIONAL"`
	Initials   asn1.TeletexString `ber:"[2] OPTIONAL"`
	Generation asn1.TeletexString `ber:"[3] OPTIONAL"`
}

type teletexDDA struct {
	_     ber.Sequence
	Type  asn1.TeletexString
	Value asn1.TeletexString
}

// pdsParameter is PDSParameter, and with Lines in place of Printable
// UnformattedPostalAddress.
type pdsParameter struct {
	_         ber.Set
	Printable asn1.PrintableString `ber:"OPTIONAL"`
	Teletex   asn1.TeletexString   `ber:"OPTIONAL"`
}

type unformattedPostalAddress struct {
	_       ber.Set
	Lines   []asn1.PrintableString `ber:"OPTIONAL"`
	Teletex asn1.TeletexString     `ber:"OPTIONAL"`
}

type extendedNetworkAddress struct {
	_    ber.Choice
	E164 *e164Address
	PSAP *wirePresentationAddress `ber:"[0]"`
}

type e164Address struct {
	_          ber.Sequence
	Number     asn1.NumericString `ber:"[0]"`
	SubAddress asn1.NumericString `ber:"[1] OPTIONAL"`
}

// wirePresentationAddress is PresentationAddress of X.520, whose module has
// explicit tags.
type wirePresentationAddress struct {
	_     ber.Sequence
	PSel  *[]byte  `ber:"[0] EXPLICIT OPTIONAL"`
	SSel  *[]byte  `ber:"[1] EXPLICIT OPTIONAL"`
	TSel  *[]byte  `ber:"[2] EXPLICIT OPTIONAL"`
	NSAPs [][]byte `ber:"[3] EXPLICIT SET"`
}

// universalString is UniversalOrBMPString (X.411, 1999).
type universalString struct {
	_        ber.Set
	Two      *asn1.BMPString       `ber:"OPTIONAL"`
	Four     *asn1.UniversalString `ber:"OPTIONAL"`
	Language asn1.PrintableString  `ber:"OPTIONAL"`
}

type universalPersonalName struct {
	_          ber.Set
	Surname    *universalString `ber:"[0] OPTIONAL"`
	Given      *universalString `ber:"[1] OPTIONAL"`
	Initials   *universalString `ber:"[2] OPTIONAL"`
	Generation *universalString `ber:"[3] OPTIONAL"`
}

type universalDDA struct {
	_     ber.Sequence
	Type  universalString
	Value universalString
}
