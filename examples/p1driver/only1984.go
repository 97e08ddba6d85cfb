package p1driver

import (
	"fmt"
	"slices"
)

// What an MTA of 1984 knows (X.411 and X.420 of 1984): an element with another
// identifier, or a code beyond the last, is an error to it, as it would be to a strict
// one of that time.

// only is an element with the identifiers its parts may have.
func only(what string, t tlv, ids ...byte) error {
	for _, part := range t.parts {
		if !slices.Contains(ids, part.id) {
			return fmt.Errorf("%s of 1984 has no %02x", what, part.id)
		}
	}
	return nil
}

// every returns the first error of a check of the parts with an identifier.
func every(t tlv, id byte, check func(tlv) error) error {
	for _, part := range t.parts {
		if part.id == id {
			if err := check(part); err != nil {
				return err
			}
		}
	}
	return nil
}

// first returns the first error.
func first(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}

// message84 checks a message.
func message84(envelope, content tlv) error {
	if err := first(
		only("an envelope", envelope, 0x64, 0x60, 0x65, 0x46, 0x4a, 0x47, 0x48, 0x80, 0xa1, 0x69, 0xa2),
		every(envelope, 0x60, name84), every(envelope, 0x65, types84), every(envelope, 0x69, trace84),
		every(envelope, 0x48, func(t tlv) error { return bits84(t, 4) }),
		every(envelope, 0xa2, func(all tlv) error {
			return first(only("a list of recipients", all, 0x31), every(all, 0x31, recipient84))
		})); err != nil {
		return err
	}
	t, err := envelope.must(0x46)
	if err != nil || t.int() != 2 {
		return err // the content is nobody's business
	}
	o, rest, err := parse(content.flat(), 0)
	switch {
	case err != nil:
		return fmt.Errorf("P2: %w", err)
	case len(rest) > 0:
		return fmt.Errorf("P2: %d octets after the content", len(rest))
	case o.id == 0xa0:
		return ipm84(o)
	case o.id == 0xa1:
		return only("a status report", o, 0x6b, 0xa1, 0xa2, 0x65, 0xa0)
	}
	return fmt.Errorf("P2 has no %02x", o.id)
}

func recipient84(t tlv) error {
	return first(only("a recipient", t, 0x60, 0x80, 0x81, 0x82), every(t, 0x60, name84), every(t, 0x81, func(t tlv) error { return bits84(t, 8) }))
}

// name84 checks an O/R name: standard and domain-defined attributes.
func name84(t tlv) error {
	return first(only("an O/R name", t, 0x30), func() error {
		if len(t.parts) == 0 || len(t.parts) > 2 {
			return fmt.Errorf("an O/R name of 1984 has one or two parts, not %d", len(t.parts))
		}
		if err := only("an address", t.parts[0], 0x61, 0x62, 0x80, 0x81, 0xa2, 0x83, 0x84, 0xa5, 0xa6); err != nil || len(t.parts) == 1 {
			return err
		}
		if n := len(t.parts[1].parts); n < 1 || n > 4 {
			return fmt.Errorf("an address of 1984 has 1 to 4 domain-defined attributes, not %d", n)
		}
		return every(t.parts[1], 0x30, func(d tlv) error {
			if len(d.parts) != 2 || len(d.parts[0].octets) > 8 || len(d.parts[1].octets) > 128 {
				return fmt.Errorf("a domain-defined attribute: %v", d)
			}
			return nil
		})
	}())
}

func types84(t tlv) error {
	return only("encoded information types", t, 0x80, 0x81, 0xa2, 0xa3)
}

func trace84(t tlv) error {
	return every(t, 0x30, func(e tlv) error {
		return first(only("a trace", e, 0x63, 0x31), every(e, 0x31, func(s tlv) error {
			return first(only("a trace", s, 0x80, 0x81, 0x82, 0x63, 0x65), every(s, 0x65, types84))
		}))
	})
}

// bits84 checks a BIT STRING of so many bits at most.
func bits84(t tlv, most int) error {
	if len(t.octets) == 0 || (len(t.octets)-1)*8-int(t.octets[0]) > most {
		return fmt.Errorf("more than %d bits: % x", most, t.octets)
	}
	return nil
}

// report84 checks a delivery report.
func report84(envelope, content tlv) error {
	return first(
		only("the envelope of a report", envelope, 0x64, 0x60, 0x69),
		every(envelope, 0x60, name84), every(envelope, 0x69, trace84),
		only("a report", content, 0x64, 0x69, 0x4a, 0xa0, 0x81, 0xa1, 0xa2),
		every(content, 0x69, trace84),
		every(content, 0xa0, func(all tlv) error {
			return every(all, 0x31, func(r tlv) error {
				return first(
					only("a recipient of a report", r, 0xa0, 0x81, 0x82, 0xa3, 0xa4, 0x85),
					every(r, 0xa0, name84), every(r, 0xa4, name84),
					every(r, 0x85, func(t tlv) error {
						if len(t.octets) > 64 {
							return fmt.Errorf("supplementary information of %d octets", len(t.octets))
						}
						return nil
					}),
					every(r, 0xa3, last84))
			})
		}))
}

// last84 checks the outcome for a recipient.
func last84(t tlv) error {
	below := func(what string, id byte, last int) func(tlv) error {
		return func(t tlv) error {
			if v, ok := t.find(id); ok && v.int() > last {
				return fmt.Errorf("%s %d", what, v.int())
			}
			return nil
		}
	}
	return first(only("the last trace", t, 0x80, 0x65, 0xa1), every(t, 0x65, types84), every(t, 0xa1, func(kind tlv) error {
		return first(
			every(kind, 0xa0, below("type of user agent", 0x81, 1)),
			every(kind, 0xa1, below("reason", 0x80, 2)),
			every(kind, 0xa1, below("diagnostic", 0x81, 11)))
	}))
}

// ipm84 checks an interpersonal message, and those forwarded in it.
func ipm84(t tlv) error {
	if len(t.parts) != 2 || t.parts[0].id != 0x31 || t.parts[1].id != 0x30 {
		return fmt.Errorf("a message of 1984 is a heading and a body: %02x", t.id)
	}
	heading := t.parts[0]
	descriptor := func(d tlv) error {
		return first(only("an O/R descriptor", d, 0x60, 0x80, 0xa0, 0x81), every(d, 0x60, name84))
	}
	recipients := func(all tlv) error {
		return every(all, 0x31, func(r tlv) error {
			return first(only("a recipient", r, 0xa0, 0x81, 0x82), every(r, 0xa0, descriptor), every(r, 0x81, func(t tlv) error { return bits84(t, 3) }))
		})
	}
	identifier := func(i tlv) error { return every(i, 0x60, name84) }
	list := func(check func(tlv) error) func(tlv) error {
		return func(all tlv) error { return first(every(all, 0x31, check), every(all, 0x6b, check)) }
	}
	if err := first(
		only("a heading", heading, 0x6b, 0xa0, 0xa1, 0xa2, 0xa3, 0xa4, 0xa5, 0xa6, 0xa7, 0xa8, 0x89, 0x8a, 0xab, 0x8c, 0x8d, 0x8e),
		every(heading, 0x6b, identifier), every(heading, 0xa0, descriptor), every(heading, 0xa1, list(descriptor)),
		every(heading, 0xa2, recipients), every(heading, 0xa3, recipients), every(heading, 0xa4, recipients),
		every(heading, 0xa5, identifier), every(heading, 0xa6, list(identifier)), every(heading, 0xa7, list(identifier)),
		every(heading, 0xab, list(descriptor))); err != nil {
		return err
	}
	for _, part := range t.parts[1].parts {
		switch n := part.id &^ constructed; {
		case n < 0x80 || n > 0x8b:
			return fmt.Errorf("a body of 1984 has no %02x", part.id)
		case n == 0x89:
			forwarded, err := part.must(0x30)
			if err == nil {
				err = ipm84(forwarded)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}
