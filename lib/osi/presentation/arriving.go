package presentation

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/osi/session"
)

// arriving is the User-data of an S-DATA unit (X.226 §8.2, §8.4.2). It comes in parts, cut
// anywhere, and the values in it go on as they come: nothing of them is kept, and their
// length does not matter.
type arriving struct {
	scan    ber.Scanner
	defined []Context

	place  place
	list   int    // the level of the value: 3 within a PDV-list, 1 if it is simply encoded
	small  []byte // an INTEGER or OBJECT IDENTIFIER, as far as it has come
	pdv    PDV    // without its octets
	known  bool   // its context has come …
	valued bool   // … and its value

	elements int  // of a value as single-ASN1-type
	unused   bool // of a BIT STRING the octet that counts unused bits comes next
	cut      bool // the octets of a header have come in part
	begun    bool // octets of the value have been passed on

	values int  // that have ended
	whole  bool // the User-data have ended
}

// place is the component that is open.
type place uint8

const (
	outside place = iota
	inTransferSyntax
	inContext
	inSingle
	inAligned
	inArbitrary
)

var (
	tagSimplyEncoded = asn1.Tag{Class: asn1.Application, Number: 0}
	tagAligned       = asn1.Tag{Class: asn1.ContextSpecific, Number: 1}
	tagArbitrary     = asn1.Tag{Class: asn1.ContextSpecific, Number: 2}
	tagBitString     = asn1.Tag{Class: asn1.Universal, Number: 3}
	tagOctetString   = asn1.Tag{Class: asn1.Universal, Number: 4}
	tagOID           = asn1.Tag{Class: asn1.Universal, Number: 6}
)

var (
	errBroken   = errors.New("user-data: arbitrary presentation data of a broken octet")
	errTwo      = errors.New("user-data: two values in single-ASN1-type")
	errNone     = errors.New("user-data: no value in single-ASN1-type")
	errNoValue  = errors.New("user-data: PDV-list without a value")
	errTooSmall = errors.New("user-data: integer or object identifier too long")
)

// maxSmall is the octets of an INTEGER or an OBJECT IDENTIFIER that are kept.
const maxSmall = 64

// reset begins with the User-data of another S-DATA unit.
func (a *arriving) reset(defined []Context) {
	scan := a.scan
	scan.Reset()
	*a = arriving{scan: scan, defined: defined, list: 3, small: a.small[:0]}
}

// read takes octets, and passes on what they have of values.
func (a *arriving) read(b []byte, pass func(PDataIndication)) error {
	at, from, to := 0, 0, 0 // b[from:to] is of the value and not passed on yet
	flush := func(last bool) {
		if from < to || last {
			a.pass(b[from:to], last, pass)
		}
		from, to = 0, 0
	}
	keep := func(begin, end int) {
		if begin != to {
			flush(false)
			from = begin
		}
		to = end
	}
	for {
		open := a.scan.Open()
		t, err := a.scan.Next(b[at:])
		if err != nil {
			return fmt.Errorf("user-data: %w", err)
		}
		end := at + t.Size
		switch t.Kind {
		case ber.NeedMore:
			// At the level of the value a zero is the first of two end-of-contents octets.
			if a.place == inSingle && (a.cut || open > a.list || t.Size > 0 && b[at] != 0) {
				keep(at, end)
			}
			a.cut = a.cut || t.Size > 0
			flush(false)
			return nil
		case ber.Begin:
			if a.place == inSingle {
				keep(at, end)
				if t.Header.Constructed && t.Header.Length >= 0 {
					a.scan.Opaque() // what it is made of is its reader's
				}
			}
			err = a.enter(t.Header, open)
		case ber.Octets:
			if begin, err2 := a.octets(b[at:end]); err2 != nil {
				err = err2
			} else if a.place >= inSingle {
				keep(at+begin, end)
			}
		case ber.ElementEnd:
			switch {
			case open > a.list:
				if a.place == inSingle {
					keep(at, end)
				}
			case open == a.list && a.place >= inSingle:
				if err = a.left(); err == nil {
					flush(true)
				}
			}
			if err == nil {
				err = a.leave(open)
			}
		}
		if err != nil {
			return err
		}
		a.cut = false
		at = end
	}
}

// pass passes on octets of a value.
func (a *arriving) pass(octets []byte, last bool, pass func(PDataIndication)) {
	p := PDataIndication{Enclosure: session.EnclosureWhole.Part(!a.begun, last), PDV: a.pdv}
	p.Octets = octets
	a.begun = !last
	pass(p)
}

// enter begins an element, so many being open around it.
func (a *arriving) enter(h ber.Header, open int) error {
	switch {
	case open == 0:
		switch {
		case a.whole:
			return fmt.Errorf("user-data: octets behind the PPDU at offset %d", h.Offset)
		case h.Tag == tagSimplyEncoded:
			if len(a.defined) != 1 {
				return errSimple
			}
			a.list, a.place, a.pdv = 1, inAligned, PDV{Context: a.defined[0].ID}
		case h.Tag != tagFullyEncoded || !h.Constructed:
			return unexpected(h)
		}
	case a.place >= inSingle:
		switch a.place {
		case inSingle:
			if open == a.list {
				a.elements++
			}
			if a.elements > 1 {
				return errTwo
			}
		case inAligned:
			if h.Tag != tagOctetString {
				return unexpected(h)
			}
		case inArbitrary:
			if h.Tag != tagBitString {
				return unexpected(h)
			}
			a.unused = !h.Constructed
		}
	case open == 1:
		if h.Tag != tagSequence || !h.Constructed {
			return unexpected(h)
		}
		a.pdv, a.known, a.valued = PDV{}, false, false
	case open == 2:
		return a.component(h)
	default:
		return unexpected(h) // within an INTEGER or an OBJECT IDENTIFIER
	}
	return nil
}

func unexpected(h ber.Header) error {
	return fmt.Errorf("user-data at octet %d: %w: %v", h.Offset, ber.ErrUnexpected, h.Tag)
}

// component begins one of a PDV-list.
func (a *arriving) component(h ber.Header) error {
	switch {
	case a.valued:
		return unexpected(h)
	case h.Tag == tagOID && !a.known && a.pdv.TransferSyntax == "":
		a.place = inTransferSyntax
	case h.Tag == tagInteger && !a.known:
		a.place = inContext
	case h.Tag == tagSingleASN1 && a.known && h.Constructed:
		a.place, a.elements = inSingle, 0
	case h.Tag == tagAligned && a.known:
		a.place = inAligned
	case h.Tag == tagArbitrary && a.known:
		a.place, a.unused = inArbitrary, !h.Constructed
	default:
		return unexpected(h)
	}
	if a.place < inSingle {
		if h.Constructed {
			return unexpected(h)
		}
		a.small = a.small[:0]
	}
	return nil
}

// octets takes contents octets of a primitive element and returns where those of a value
// begin.
func (a *arriving) octets(b []byte) (int, error) {
	switch {
	case a.place == inArbitrary && a.unused:
		if a.unused = false; b[0] != 0 {
			return 0, errBroken
		}
		return 1, nil
	case a.place < inSingle:
		if len(a.small)+len(b) > maxSmall {
			return 0, errTooSmall
		}
		a.small = append(a.small, b...)
	}
	return 0, nil
}

// left judges a value at its end.
func (a *arriving) left() error {
	switch {
	case a.place == inSingle && a.elements == 0:
		return errNone
	case a.place == inArbitrary && a.unused:
		return errBroken
	}
	a.values++
	a.valued = true
	return nil
}

// leave ends an element, so many having been open with it.
func (a *arriving) leave(open int) error {
	switch {
	case open == a.list:
		defer func() { a.place = outside }()
		switch a.place {
		case inTransferSyntax:
			return a.decode(tagOID, &a.pdv.TransferSyntax)
		case inContext:
			if err := a.decode(tagInteger, &a.pdv.Context); err != nil {
				return err
			}
			if a.known = true; !isDefined(a.defined, a.pdv.Context) {
				return contextError(a.pdv.Context)
			}
		}
	case a.place == inArbitrary && a.unused:
		return errBroken // a segment without octets
	case open == 2 && !a.valued:
		return errNoValue
	}
	a.whole = open == 1
	return nil
}

// decode decodes what a.small has of a primitive element.
func (a *arriving) decode(t asn1.Tag, v any) error {
	b := append(ber.AppendHeader(nil, t, false, int64(len(a.small))), a.small...)
	if _, err := ber.Unmarshal(b, v, limits(b)); err != nil {
		return fmt.Errorf("user-data: %w", err)
	}
	return nil
}

// end judges User-data that have come to their end.
func (a *arriving) end() error {
	switch {
	case a.scan.Offset() == 0 || a.whole && a.values == 0:
		return errors.New("TD PPDU without user data")
	case !a.whole || !a.scan.Complete():
		return fmt.Errorf("user-data: %w", a.scan.Truncated())
	}
	return nil
}
