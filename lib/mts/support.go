package mts

import "slices"

// deed says whether this MTA does what an extension asks of a step.
type deed uint8

const (
	no            deed = iota // nobody here does it
	yes                       // it is done, or asks for nothing
	byMHS                     // done when one of the methods asked for is MHS, or any
	unlessWanted              // done when its value is that nothing is wanted
	beforeDeliver             // done by whoever delivers, so passing it on is doing it
)

// support is what this MTA does for an extension in transfer and at delivery, and why
// that is so.
type support struct {
	transfer, delivery deed
	why                string
}

// supports has a row for each extension that the Recommendations number. To know a
// number is not to understand the extension (X.411 §9.2): whoever marked it critical
// would hear of a delivery that was not the one asked for.
var supports = [...]support{
	1:  {yes, yes, "nobody is given another recipient against it"},
	2:  {yes, yes, "an alternate is a recipient like others"},
	3:  {yes, yes, "no list is expanded against it"},
	4:  {yes, yes, "nothing is converted"},
	5:  {yes, yes, "the scheduler gives up in time"},
	6:  {beforeDeliver, byMHS, "delivery is by MHS"},
	7:  {yes, yes, "nothing is forwarded physically"},
	8:  {beforeDeliver, unlessWanted, "nobody knows a postal address"},
	9:  {beforeDeliver, no, "there is no physical delivery"},
	10: {beforeDeliver, no, "there is no physical delivery"},
	11: {beforeDeliver, no, "nobody is advised by telephone, telex or teletex"},
	12: {beforeDeliver, no, "there is no physical rendition"},
	13: {yes, no, "nothing is returned by post"},
	14: {beforeDeliver, no, "there is no physical delivery"},
	15: {yes, yes, "for the recipient, who is given it"},
	16: {yes, yes, "for the recipient, who is given it"},
	17: {yes, yes, "for the recipient, who is given it"},
	18: {yes, yes, "for the recipient, who is given it"},
	19: {yes, yes, "for the recipient, who is given it"},
	20: {yes, yes, "no security policy is in force; the recipient is given it"},
	21: {no, no, "belongs to submission"},
	22: {beforeDeliver, unlessWanted, "the proof would be the recipient's, and there is nobody to ask for it"},
	23: {yes, yes, "reports return it"},
	24: {yes, yes, "for whoever checks the origin of probes"},
	25: {yes, yes, "reports return it, and redirection looks at it"},
	26: {yes, yes, "reports go by it, and list expansion looks at it"},
	27: {yes, no, "there is no physical delivery"},
	28: {yes, yes, "for whoever wants to check, who is given it"},
	29: {yes, yes, "for the originator, who is given it"},
	30: {yes, yes, "reports carry it"},
	31: {yes, yes, "reports carry it"},
	32: {yes, yes, "for the originator, who is given it"},
	33: {yes, yes, "for the originator, who is given it"},
	34: {no, no, "belongs to submission"},
	35: {no, no, "belongs to submission"},
	36: {no, no, "belongs to the message store"},
	37: {no, yes, "belongs to delivery"},
	38: {yes, yes, "looked at and added to"},
	39: {yes, yes, "reports carry it"},
	40: {yes, yes, "for the recipient, who is given it"},
	41: {yes, yes, "for the recipient, who is given it"},
	42: {yes, yes, "no list is expanded to those it exempts"},
	43: {yes, yes, "for the recipient, who is given it"},
	44: {yes, yes, "for the recipient, who is given it"},
	45: {yes, yes, "for the recipient, who is given it"},
	46: {yes, yes, "for the recipient, who is given it"},
}

// Supported tells whether this MTA does what an extension asks of a step. What is
// private or of a later edition it does not know.
func (f ExtensionField) Supported(s Stage) bool {
	n := f.Type.StandardExtension
	if n == nil || !n.Known() {
		return false
	}
	row, field := supports[*n], []ExtensionField{f}
	d := row.transfer // to submit is to be let in for transfer
	if s == ForDelivery {
		d = row.delivery
	}
	switch d {
	case yes, beforeDeliver:
		return true
	case byMHS:
		methods, _, err := Ext(field, ExtRequestedDeliveryMethod)
		return err == nil && slices.ContainsFunc(methods, DeliveryMethod.ByMHS)
	case unlessWanted:
		r, _, err := Ext(field, Extension[Request]{kind: f.Type})
		return err == nil && r == NotRequested
	}
	return false
}

// UnsupportedCritical returns the types of the extensions in fields that are critical
// for the step and not supported here. When there is one, X.411 §9.2 has the object
// refused: at submission with the error unsupported-critical-function, for transfer or
// delivery with unable-to-transfer and a diagnostic of that name; a report is discarded.
func UnsupportedCritical(fields []ExtensionField, s Stage) []ExtensionType {
	var refused []ExtensionType
	for _, f := range fields {
		if f.Criticality.For(s) && !f.Supported(s) {
			refused = append(refused, f.Type)
		}
	}
	return refused
}

// Critical returns the names of the extensions in fields that are critical for the step.
func Critical(fields []ExtensionField, s Stage) []string {
	var names []string
	for _, f := range fields {
		if f.Criticality.For(s) {
			names = append(names, f.Type.String())
		}
	}
	return names
}

// UnsupportedCritical is that of all extensions of the report: of its envelope, its
// content and its recipients.
func (r *Report) UnsupportedCritical(s Stage) []ExtensionType {
	refused := UnsupportedCritical(r.Envelope.Extensions, s)
	refused = append(refused, UnsupportedCritical(r.Content.Extensions, s)...)
	for i := range r.Content.PerRecipientFields {
		refused = append(refused, UnsupportedCritical(r.Content.PerRecipientFields[i].Extensions, s)...)
	}
	return refused
}
