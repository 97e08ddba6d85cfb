package mts

import (
	"slices"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Message is a message between MTAs with its content in memory, X.411 figure 4.
// Where contents may be large, package p1 reads and writes the two parts apart.
type Message struct {
	_        ber.Sequence
	Envelope MessageTransferEnvelope
	Content  []byte
}

// Probe is a probe between MTAs, X.411 figure 4: an envelope alone.
type Probe = ProbeTransferEnvelope

// MessageTransferEnvelope is the envelope of a message between MTAs, X.411
// figure 4 and §12.2.1.1.1.
type MessageTransferEnvelope struct {
	_                               ber.Set
	MessageIdentifier               MTSIdentifier
	OriginatorName                  oraddr.ORName
	OriginalEncodedInformationTypes *EncodedInformationTypes `ber:"OPTIONAL"`
	ContentType                     ContentType
	ContentIdentifier               ContentIdentifier               `ber:"[APPLICATION 10] OPTIONAL"`
	Priority                        Priority                        `ber:"DEFAULT"`
	PerMessageIndicators            PerMessageIndicators            `ber:"DEFAULT"`
	DeferredDeliveryTime            Time                            `ber:"[0] OPTIONAL"`
	PerDomainBilateralInformation   []PerDomainBilateralInformation `ber:"[1] OPTIONAL"`
	TraceInformation                TraceInformation
	Extensions                      []ExtensionField                    `ber:"[3] SET DEFAULT"`
	PerRecipientFields              []PerRecipientMessageTransferFields `ber:"[2]"`
	Unknown                         []ber.Raw                           `ber:"..."`
}

// PerRecipientMessageTransferFields is what the envelope says of one recipient,
// X.411 figure 4.
type PerRecipientMessageTransferFields struct {
	_             ber.Set
	RecipientName oraddr.ORName
	// OriginallySpecifiedRecipientNumber never changes on the way; it is what ties
	// a report to the recipient the originator named.
	OriginallySpecifiedRecipientNumber int                    `ber:"[0]"`
	PerRecipientIndicators             PerRecipientIndicators `ber:"[1]"`
	ExplicitConversion                 *ExplicitConversion    `ber:"[2] OPTIONAL"`
	Extensions                         []ExtensionField       `ber:"[3] SET DEFAULT"`
	Unknown                            []ber.Raw              `ber:"..."`
}

// Ask sets which reports the originating MTA and the originator ask for about the
// recipient, see NewPerRecipientIndicators; who is responsible for it stays.
func (f *PerRecipientMessageTransferFields) Ask(mta, originator ReportRequest) {
	f.PerRecipientIndicators = NewPerRecipientIndicators(f.PerRecipientIndicators.Responsibility(), mta, originator)
}

// ProbeTransferEnvelope is the envelope of a probe between MTAs, X.411 figure 4
// and §12.2.1.2.1.
type ProbeTransferEnvelope struct {
	_                               ber.Set
	ProbeIdentifier                 MTSIdentifier
	OriginatorName                  oraddr.ORName
	OriginalEncodedInformationTypes *EncodedInformationTypes `ber:"OPTIONAL"`
	ContentType                     ContentType
	ContentIdentifier               ContentIdentifier               `ber:"[APPLICATION 10] OPTIONAL"`
	ContentLength                   *int64                          `ber:"[0] OPTIONAL"`
	PerMessageIndicators            PerMessageIndicators            `ber:"DEFAULT"`
	PerDomainBilateralInformation   []PerDomainBilateralInformation `ber:"[1] OPTIONAL"`
	TraceInformation                TraceInformation
	Extensions                      []ExtensionField                  `ber:"[3] SET DEFAULT"`
	PerRecipientFields              []PerRecipientProbeTransferFields `ber:"[2]"`
	Unknown                         []ber.Raw                         `ber:"..."`
}

// PerRecipientProbeTransferFields has the components of
// PerRecipientMessageTransferFields; only the extensions allowed in it differ.
type PerRecipientProbeTransferFields = PerRecipientMessageTransferFields

// PerDomainBilateralInformation is information for one domain on the way, X.411
// figure 4. Its meaning is between the domains concerned.
type PerDomainBilateralInformation struct {
	_                    ber.Sequence
	CountryName          oraddr.NumericOrPrintable `ber:"[APPLICATION 1]"`
	Domain               BilateralDomain
	BilateralInformation ber.Raw
}

// For returns the domain the information is for.
func (b *PerDomainBilateralInformation) For() oraddr.Domain {
	d := oraddr.Domain{C: text(b.CountryName)}
	if a := b.Domain.AdministrationDomainName; a != nil {
		d.ADMD = text(*a)
	}
	if p := b.Domain.PrivateDomain; p != nil {
		d.ADMD, d.PRMD = text(p.AdministrationDomainName), text(p.PrivateDomainIdentifier)
	}
	return d
}

// BilateralDomain names the domain inside its country.
type BilateralDomain struct {
	_                        ber.Choice
	AdministrationDomainName *oraddr.NumericOrPrintable `ber:"[APPLICATION 2]"`
	PrivateDomain            *BilateralPrivateDomain
}

// BilateralPrivateDomain names a private domain by its administration domain and
// its own name.
type BilateralPrivateDomain struct {
	_                        ber.Sequence
	AdministrationDomainName oraddr.NumericOrPrintable `ber:"[0]"`
	PrivateDomainIdentifier  oraddr.NumericOrPrintable `ber:"[1]"`
}

// ExplicitConversion is a conversion the originator asks for, X.411 §8.2.1.1.1.
type ExplicitConversion int64

// The conversions.
const (
	IA5TextToTeletex     ExplicitConversion = 0
	IA5TextToG3Facsimile ExplicitConversion = 8
	IA5TextToG4Class1    ExplicitConversion = 9
	IA5TextToVideotex    ExplicitConversion = 10
	TeletexToIA5Text     ExplicitConversion = 11
	TeletexToG3Facsimile ExplicitConversion = 12
	TeletexToG4Class1    ExplicitConversion = 13
	TeletexToVideotex    ExplicitConversion = 14
	VideotexToIA5Text    ExplicitConversion = 16
	VideotexToTeletex    ExplicitConversion = 17
)

var conversionNames = [...]string{
	IA5TextToTeletex: "ia5-text-to-teletex", IA5TextToG3Facsimile: "ia5-text-to-g3-facsimile",
	IA5TextToG4Class1: "ia5-text-to-g4-class-1", IA5TextToVideotex: "ia5-text-to-videotex",
	TeletexToIA5Text: "teletex-to-ia5-text", TeletexToG3Facsimile: "teletex-to-g3-facsimile",
	TeletexToG4Class1: "teletex-to-g4-class-1", TeletexToVideotex: "teletex-to-videotex",
	VideotexToIA5Text: "videotex-to-ia5-text", VideotexToTeletex: "videotex-to-teletex",
}

// String returns X.411's name of the conversion, or its number.
func (c ExplicitConversion) String() string { return named(int64(c), conversionNames[:]...) }

// source is the encoded information type that the conversion is from.
func (c ExplicitConversion) source() (asn1.OID, bool) {
	switch c {
	case IA5TextToTeletex, IA5TextToG3Facsimile, IA5TextToG4Class1, IA5TextToVideotex:
		return NewEIT(EITIA5Text), true
	case TeletexToIA5Text, TeletexToG3Facsimile, TeletexToG4Class1, TeletexToVideotex:
		return NewEIT(EITTeletex), true
	case VideotexToIA5Text, VideotexToTeletex:
		return NewEIT(EITVideotex), true
	}
	return "", false
}

// Outstanding tells whether the conversion is still to be done to a content that has
// the encoded information types present by now: not when what it is from is none of
// them, as after an MTA on the way has done it. A content that does not say may have it.
func (c ExplicitConversion) Outstanding(present []asn1.OID) bool {
	from, known := c.source()
	return !known || len(present) == 0 || slices.Contains(present, from)
}

// Report is a report between MTAs, X.411 figure 4.
type Report struct {
	_        ber.Sequence
	Envelope ReportTransferEnvelope
	Content  ReportTransferContent
}

// ReportTransferEnvelope is the envelope of a report, X.411 figure 4 and
// §12.2.1.3.1. Its trace begins at the reporting MTA.
type ReportTransferEnvelope struct {
	_                     ber.Set
	ReportIdentifier      MTSIdentifier
	ReportDestinationName oraddr.ORName
	TraceInformation      TraceInformation
	Extensions            []ExtensionField `ber:"[1] SET DEFAULT"`
	Unknown               []ber.Raw        `ber:"..."`
}

// ReportTransferContent is the content of a report, X.411 figure 4.
type ReportTransferContent struct {
	_                                   ber.Set
	SubjectIdentifier                   MTSIdentifier
	SubjectIntermediateTraceInformation TraceInformation                   `ber:"OPTIONAL"`
	OriginalEncodedInformationTypes     *EncodedInformationTypes           `ber:"OPTIONAL"`
	ContentType                         *ContentType                       `ber:"OPTIONAL"`
	ContentIdentifier                   ContentIdentifier                  `ber:"[APPLICATION 10] OPTIONAL"`
	ReturnedContent                     *[]byte                            `ber:"[1] OPTIONAL"`
	AdditionalInformation               ber.Raw                            `ber:"[2] OPTIONAL"`
	Extensions                          []ExtensionField                   `ber:"[3] SET DEFAULT"`
	PerRecipientFields                  []PerRecipientReportTransferFields `ber:"[0]"`
	Unknown                             []ber.Raw                          `ber:"..."`
}

// PerRecipientReportTransferFields is what a report says of one recipient, X.411
// figure 4.
type PerRecipientReportTransferFields struct {
	_                                  ber.Set
	ActualRecipientName                oraddr.ORName          `ber:"[0]"`
	OriginallySpecifiedRecipientNumber int                    `ber:"[1]"`
	PerRecipientIndicators             PerRecipientIndicators `ber:"[2]"`
	LastTraceInformation               LastTraceInformation   `ber:"[3]"`
	OriginallyIntendedRecipientName    *oraddr.ORName         `ber:"[4] OPTIONAL"`
	SupplementaryInformation           asn1.PrintableString   `ber:"[5] OPTIONAL"`
	Extensions                         []ExtensionField       `ber:"[6] SET DEFAULT"`
	Unknown                            []ber.Raw              `ber:"..."`
}

// LastTraceInformation is the outcome for one recipient, X.411 figure 4. The
// arrival time is when the subject entered the domain of the reporting MTA.
type LastTraceInformation struct {
	_                                ber.Set
	ArrivalTime                      Time                     `ber:"[0]"`
	ConvertedEncodedInformationTypes *EncodedInformationTypes `ber:"OPTIONAL"`
	ReportType                       ReportType               `ber:"[1]"`
	Unknown                          []ber.Raw                `ber:"..."`
}

// ReportType says whether the recipient was reached, X.411 figure 2.
type ReportType struct {
	_           ber.Choice
	Delivery    *DeliveryReport    `ber:"[0]"`
	NonDelivery *NonDeliveryReport `ber:"[1]"`
}

// DeliveryReport says when and to what kind of user the subject was delivered.
type DeliveryReport struct {
	_                   ber.Set
	MessageDeliveryTime Time           `ber:"[0]"`
	TypeOfMTSUser       *TypeOfMTSUser `ber:"[1] DEFAULT"` // nil stands for public
	Unknown             []ber.Raw      `ber:"..."`
}

// User returns the kind of user, public where the report does not say.
func (d *DeliveryReport) User() TypeOfMTSUser {
	if d.TypeOfMTSUser == nil {
		return UserPublic
	}
	return *d.TypeOfMTSUser
}

// NonDeliveryReport is the X.411 type of that name: why the subject was not delivered.
type NonDeliveryReport struct {
	_                         ber.Set
	NonDeliveryReasonCode     ReasonCode      `ber:"[0]"`
	NonDeliveryDiagnosticCode *DiagnosticCode `ber:"[1] OPTIONAL"`
	Unknown                   []ber.Raw       `ber:"..."`
}

// NewNonDelivery returns a report type of non-delivery with a diagnostic.
func NewNonDelivery(r ReasonCode, d DiagnosticCode) ReportType {
	return ReportType{NonDelivery: &NonDeliveryReport{NonDeliveryReasonCode: r, NonDeliveryDiagnosticCode: &d}}
}

// NewDelivery returns a report type of delivery to a user of kind u.
func NewDelivery(at time.Time, u TypeOfMTSUser) ReportType {
	return ReportType{Delivery: &DeliveryReport{MessageDeliveryTime: asn1.NewUTCTime(at), TypeOfMTSUser: &u}}
}
