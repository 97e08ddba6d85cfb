package mts

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// ExtAlternativeAddressInformation is the extension of a recipient in a report by which RFC 1801
// §22.4 tells of addresses that may have been meant, a SET OF; it is not critical.
var ExtAlternativeAddressInformation = NewPrivateExtension[[]AlternativeAddress](idAlternativeAddressInformation, "SET")

const idAlternativeAddressInformation asn1.OID = "1.3.6.1.4.1.453.7.3.3.1"

// AlternativeAddress is an element of AlternativeAddressInformation, RFC 1801 §22.4:
//
//	SEQUENCE {
//	    distinguished-name DistinguishedName OPTIONAL,
//	    or-address ORAddress OPTIONAL,
//	    other-useful-info SET OF Attribute }
//
// The two that are optional have one tag, so that no struct can say it: of a name the elements
// are SETs, of an address the first is a SEQUENCE.
type AlternativeAddress struct {
	_        ber.Sequence
	Elements []ber.Raw `ber:"..."`
}

// NewAlternativeAddress tells of an O/R address alone. The error has kind Data.
func NewAlternativeAddress(a oraddr.Address) (AlternativeAddress, error) {
	o, err := a.ORAddress()
	if err != nil {
		return AlternativeAddress{}, err
	}
	address, err := ber.Marshal(o)
	if err != nil {
		return AlternativeAddress{}, diag.E("mts: alternative address", diag.Data, err)
	}
	return AlternativeAddress{Elements: []ber.Raw{address, {tagSet, 0}}}, nil
}

// The identifier octets that tell the elements apart.
const (
	tagSequence = 0x30
	tagSet      = 0x31
)

// Address returns the O/R address; ok is false if the element has none. The error has kind Data.
func (a AlternativeAddress) Address() (address oraddr.Address, ok bool, err error) {
	for _, raw := range a.Elements {
		if raw[0] != tagSequence {
			break
		}
		var parts []ber.Raw
		if _, err := ber.Unmarshal(raw, &parts, ber.Limits{}); err != nil {
			return oraddr.Address{}, false, diag.E("mts: alternative address", diag.Data, err)
		}
		if len(parts) == 0 || parts[0][0] == tagSet {
			continue // a directory name
		}
		var o oraddr.ORAddress
		if _, err := ber.Unmarshal(raw, &o, ber.Limits{}); err != nil {
			return oraddr.Address{}, false, diag.E("mts: alternative address", diag.Data, err)
		}
		address, err = o.Address()
		return address, err == nil, err
	}
	return oraddr.Address{}, false, nil
}

// Alternatives returns the addresses that a report suggests instead of a recipient, by its
// extensions. What cannot be read is left out: it is no part of what became of the recipient.
func Alternatives(extensions []ExtensionField) []oraddr.Address {
	all, _, err := Ext(extensions, ExtAlternativeAddressInformation)
	if err != nil {
		return nil
	}
	var addresses []oraddr.Address
	for _, one := range all {
		if a, ok, err := one.Address(); ok && err == nil {
			addresses = append(addresses, a)
		}
	}
	return addresses
}
