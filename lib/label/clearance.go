package label

import (
	"fmt"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
)

// AttributeClearance is the attribute of clearances, X.501 and RFC 5755 §4.4.6, in
// a directory, an attribute certificate, or the subjectDirectoryAttributes of a
// certificate (RFC 5913).
const AttributeClearance asn1.OID = "2.5.4.55"

// A Clearance is what its holder may see of the labels of one policy.
type Clearance struct {
	Policy     asn1.OID
	Classes    []mts.SecurityClassification // ascending, each once; none grants nothing
	Categories []Category
}

// clearance is the type of RFC 5755, and taggedClearance that of RFC 3281, X.501
// and X.841, which some still send.
type clearance struct {
	_          ber.Sequence
	Policy     asn1.OID
	ClassList  *asn1.BitString        `ber:"OPTIONAL"` // DEFAULT {unclassified}
	Categories []mts.SecurityCategory `ber:"SET OPTIONAL"`
}

type taggedClearance struct {
	_          ber.Sequence
	Policy     asn1.OID               `ber:"[0]"`
	ClassList  *asn1.BitString        `ber:"[1] OPTIONAL"`
	Categories []mts.SecurityCategory `ber:"[2] SET OPTIONAL"`
}

// DecodeClearance reads a clearance, in the form of RFC 5755 or with the tags of
// RFC 3281. An absent list of classifications stands for unclassified alone, as
// its DEFAULT says; an empty one for none. Errors are of kind Data.
func DecodeClearance(octets []byte) (*Clearance, error) {
	c, err := decodeClearance(octets)
	return c, diag.E("clearance", diag.Data, err)
}

func decodeClearance(octets []byte) (*Clearance, error) {
	if len(octets) > maxOctets {
		return nil, fmt.Errorf("%w: %d octets", ber.ErrLimit, len(octets))
	}
	var w clearance
	err := whole(octets, &w, "")
	if tagged := (taggedClearance{}); err != nil && whole(octets, &tagged, "") == nil {
		w, err = clearance{Policy: tagged.Policy, ClassList: tagged.ClassList, Categories: tagged.Categories}, nil
	}
	if err != nil {
		return nil, err
	}
	c := &Clearance{Policy: w.Policy, Classes: []mts.SecurityClassification{mts.Unclassified}}
	if w.ClassList != nil {
		var r reading
		ones, err := r.positions(w.ClassList)
		if err != nil {
			return nil, fmt.Errorf("classifications: %w", err)
		}
		c.Classes = make([]mts.SecurityClassification, len(ones))
		for i, n := range ones {
			c.Classes[i] = mts.SecurityClassification(n)
		}
	}
	if c.Categories, err = categories(w.Categories, 0); err != nil {
		return nil, err
	}
	return c, nil
}

// DER returns the clearance in DER, in the form of RFC 5755.
func (c *Clearance) DER() ([]byte, error) {
	octets, err := c.der()
	return octets, diag.E("clearance", diag.Data, err)
}

func (c *Clearance) der() ([]byte, error) {
	w := clearance{Policy: c.Policy}
	if !slices.Equal(c.Classes, []mts.SecurityClassification{mts.Unclassified}) {
		ones := make([]int, len(c.Classes))
		for i, n := range c.Classes {
			if n < 0 || n > MaxBit {
				return nil, fmt.Errorf("classification %d is no position of a bit from 0 to %d", int64(n), MaxBit)
			}
			ones[i] = int(n)
		}
		w.ClassList = new(asn1.Bits(ones...))
	}
	var err error
	if w.Categories, err = wireCategories(c.Categories); err != nil {
		return nil, err
	}
	return ber.Marshal(w)
}

// HasClass reports whether the clearance names a classification.
func (c *Clearance) HasClass(n mts.SecurityClassification) bool {
	_, found := slices.BinarySearch(c.Classes, n)
	return found
}

// Has reports whether the clearance has a value of a tag set, of the given kind. An
// Enumerated tag counts as either kind of enumerated tag that decides.
func (c *Clearance) Has(set asn1.OID, kind Kind, v Value) bool {
	return has(c.Categories, set, kind, v)
}

// Equal reports whether two clearances say the same, as Label.Equal does.
func (c *Clearance) Equal(d *Clearance) bool {
	if c == nil || d == nil {
		return c == d
	}
	return c.Policy == d.Policy && slices.Equal(c.Classes, d.Classes) &&
		slices.Equal(sayings(c.Categories, nil), sayings(d.Categories, nil))
}
