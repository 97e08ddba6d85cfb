package oraddr

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
)

// Upper bounds, MTSUpperBounds.
const (
	maxUnits       = 4
	maxDDAs        = 4
	maxPostalLines = 6

	boundUnit           = 32
	boundDDAType        = 8
	boundDDAValue       = 128
	boundPostalLine     = 30
	boundUnformatted    = 180
	boundNumericCountry = 3
	boundAlphaCountry   = 2
)

// Form is a form of O/R address, X.402 §18.5.
type Form uint8

// The forms of O/R address.
const (
	NoForm      Form = iota // none of them
	Mnemonic                // X.402 §18.5.1
	Numeric                 // X.402 §18.5.2
	Formatted               // postal, X.402 §18.5.3
	Unformatted             // postal, X.402 §18.5.3
	Terminal                // X.402 §18.5.4
)

// String returns the form's name in X.402.
func (f Form) String() string {
	switch f {
	case Mnemonic:
		return "mnemonic"
	case Numeric:
		return "numeric"
	case Formatted:
		return "formatted postal"
	case Unformatted:
		return "unformatted postal"
	case Terminal:
		return "terminal"
	}
	return "no form"
}

// InvalidError says why an address is not valid or has no encoding.
type InvalidError struct {
	Attribute string // its key in RFC 2156; "" where the whole is at fault
	Err       error
}

func (e *InvalidError) Error() string {
	if e.Attribute == "" {
		return e.Err.Error()
	}
	return e.Attribute + ": " + e.Err.Error()
}

func (e *InvalidError) Unwrap() error { return e.Err }

// Valid reports whether the address may be used: its values within the
// repertoires and upper bounds of X.411, its attributes making up one of the
// forms of X.402 §18.5. The first thing wrong is returned, of kind Data and
// wrapping an *InvalidError.
func (a Address) Valid() error {
	err := a.bounds()
	if err == nil {
		_, err = a.form()
	}
	return diag.E("oraddr: invalid address", diag.Data, err)
}

// Form returns the form of the address, NoForm if it has none.
func (a Address) Form() Form {
	f, err := a.form()
	if err != nil {
		return NoForm
	}
	return f
}

func invalid(attribute, format string, args ...any) error {
	return &InvalidError{attribute, fmt.Errorf(format, args...)}
}

func (a Address) bounds() error {
	for _, v := range a.values() {
		var err error
		switch v.kind {
		case unit:
			err = bound(v.name(), v.text, printable, boundUnit, boundUnit)
		case dda:
			if v.typ.IsZero() {
				return invalid(v.name(), "the type is missing")
			}
			if err = bound(v.name(), v.typ, printable, boundDDAType, boundDDAType); err == nil {
				err = bound(v.name(), v.text, printable, boundDDAValue, boundDDAValue)
			}
			if v.text.IsZero() {
				return invalid(v.name(), "the value is missing")
			}
		default:
			err = v.boundSingle()
		}
		if err != nil {
			return err
		}
		if v.kind == unit && v.text.IsZero() {
			return invalid(v.name(), "the value is missing")
		}
	}
	if n := len(a.Units()); n > maxUnits {
		return invalid("OU", "%d units, the limit is %d", n, maxUnits)
	}
	if n := len(a.DomainDefined()); n > maxDDAs {
		return invalid("DD", "%d domain-defined attributes, the limit is %d", n, maxDDAs)
	}
	if _, err := a.encode(); err != nil { // lists, network address, terminal type
		return err
	}
	return a.structure()
}

func (v value) boundSingle() error {
	e := v.attr
	switch e.key {
	case "C", "PD-C":
		c := v.text.Printable
		switch {
		case len(c) == boundNumericCountry && asn1.NumericString(c).Valid() == nil && !strings.Contains(c, " "):
		case len(c) == boundAlphaCountry && letters(c):
		default:
			return invalid(e.key, "%q is neither two letters nor three digits", c)
		}
		return nil
	case "PD-ADDRESS":
		return boundLines(v.text)
	}
	ubound := e.ubound
	if ubound == 0 {
		ubound = e.bound
	}
	return bound(e.key, v.text, e.rep, e.bound, ubound)
}

func letters(s string) bool {
	for _, c := range []byte(s) {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}

func boundLines(t Text) error {
	lines := strings.Split(t.Printable, "\n")
	if len(lines) > maxPostalLines {
		return invalid("PD-ADDRESS", "%d lines, the limit is %d", len(lines), maxPostalLines)
	}
	for i, line := range lines {
		if line == "" && t.Printable != "" {
			return invalid("PD-ADDRESS", "line %d is empty", i+1)
		}
		if err := bound(fmt.Sprintf("PD-A%d", i+1), Text{Printable: line}, printable, boundPostalLine, 0); err != nil {
			return err
		}
	}
	t.Printable = ""
	return bound("PD-ADDRESS", t, printable, boundUnformatted, boundUnformatted)
}

// bound checks the variants of one value. Bounds count octets of the printable
// and teletex variants, characters of the universal one.
func bound(name string, t Text, rep repertoire, limit, universal int) error {
	var err error
	switch rep {
	case printable, either:
		err = asn1.PrintableString(t.Printable).Valid()
	case numeric:
		err = asn1.NumericString(t.Printable).Valid()
	case free:
		return nil
	}
	if err != nil {
		return &InvalidError{name, err}
	}
	if n := len(t.Printable); n > limit {
		return invalid(name, "%d characters, the limit is %d", n, limit)
	}
	if n := len(t.Teletex); n > limit {
		return invalid(name, "%d octets of teletex, the limit is %d", n, limit)
	}
	if n := utf8.RuneCountInString(t.Universal.Text); n > universal {
		return invalid(name, "%d universal characters, the limit is %d", n, universal)
	}
	if !utf8.ValidString(t.Universal.Text) {
		return invalid(name, "the universal variant is not UTF-8")
	}
	if l := t.Universal.Language; l != "" && len(l) != 2 && len(l) != 5 {
		return invalid(name, "language %q has neither two nor five characters", l)
	}
	return nil
}

// structure checks that what belongs together is together.
func (a Address) structure() error {
	if a.NetSub != "" && a.NetNumber == "" {
		return invalid("NET-SUB", "a sub-address without a number")
	}
	p, t, u := a.PN, a.Teletex.PN, a.Universal.PN
	if p != (PersonalName{}) && p.S == "" || t != (TeletexName{}) && t.S == "" || u != (UniversalName{}) && u.S == (Localized{}) {
		return invalid("S", "a personal name without a surname in the same variant")
	}
	return nil
}

// form decides by the attribute that only one form has, then asks for what that
// form demands. Domain-defined attributes go with every form but the postal ones.
func (a Address) form() (Form, error) {
	personal := a.PN != (PersonalName{}) || a.Teletex.PN != (TeletexName{}) || a.Universal.PN != (UniversalName{})
	named := personal || a.O != "" || a.Teletex.O != "" || a.Universal.O.Text != "" || len(a.Units()) > 0 ||
		a.CN != "" || a.Teletex.CN != "" || a.Universal.CN.Text != ""
	postal := a.PD != (Postal{})
	terminal := a.X121 != "" || a.NetNumber != "" || a.PSAP != ""
	var f Form
	switch {
	case postal && !a.PD.Address.IsZero():
		f = Unformatted
	case postal:
		f = Formatted
	case a.UAID != "":
		f = Numeric
	case named:
		f = Mnemonic
	case terminal:
		f = Terminal
	case len(a.DomainDefined()) > 0:
		f = Mnemonic
	default:
		return NoForm, &InvalidError{"", errors.New("nothing in it names a user: an address needs O, OU, S, CN, DD, UA-ID, X121 or a postal attribute")}
	}
	if f != Terminal {
		if a.C == "" {
			return NoForm, invalid("C", "missing in a %s address", f)
		}
		if a.ADMD == "" {
			return NoForm, invalid("ADMD", "missing in a %s address", f)
		}
	}
	switch {
	case a.PRMD != "" && (a.C == "" || a.ADMD == ""):
		return NoForm, invalid("PRMD", "without C and ADMD")
	case a.ADMD != "" && a.C == "":
		return NoForm, invalid("ADMD", "without C")
	case f != Terminal && terminal:
		return NoForm, invalid("X121", "a network address in a %s address", f)
	case (f == Numeric || f == Formatted || f == Unformatted) && named:
		return NoForm, invalid("O", "organization, unit or personal attributes in a %s address", f)
	case postal && a.UAID != "":
		return NoForm, invalid("UA-ID", "in a %s address", f)
	case postal && a.PD.C == "":
		return NoForm, invalid("PD-C", "missing in a %s address", f)
	case f == Formatted && a.PD.Code == "":
		return NoForm, invalid("PD-CODE", "missing in a %s address", f)
	}
	return f, nil
}
