package downgrade

import (
	"errors"
	"fmt"
	"io"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/oraddr"
)

var (
	tagSet         = asn1.Univ(asn1.NumberSet)
	tagSequence    = asn1.Univ(asn1.NumberSequence)
	tagSubjectIPM  = asn1.App(11)
	tagEITs        = asn1.App(5)
	emptySet       = []byte{0x31, 0x00}
	bodyPartNames  = map[uint32]string{14: "bilaterally-defined"}
	lastBodyPart84 = uint32(11) // tif1; 15, extended, is looked into
)

// planner reads a content once and plans the new one.
type planner struct {
	r          *ber.Reader
	gateway    oraddr.Domain
	prohibited bool // conversion
	plan       *Content
	left       int // octets that may still be held
	buffer     [4096]byte
}

func (p *planner) lost() *losses { return &p.plan.lost }

// object is the InformationObject, and the end after it.
func (p *planner) object() (out parts, err error) {
	h, err := p.r.Next()
	switch {
	case errors.Is(err, io.EOF):
		return out, impossible("the content is empty")
	case err != nil:
		return out, err
	case h.Tag == asn1.Context(0):
		out, err = p.ipm(h.Tag)
	case h.Tag == asn1.Context(1):
		out, err = p.ipn()
	default:
		return out, impossible("the content is neither a message nor a notification")
	}
	if err != nil {
		return out, err
	}
	switch _, err = p.r.Next(); {
	case errors.Is(err, io.EOF):
		return out, nil
	case err == nil:
		return out, impossible("the content does not end with its message")
	}
	return out, err
}

// each enters the element announced and has every element in it dealt with.
func (p *planner) each(do func(ber.Header) error) error {
	if err := p.r.Enter(); err != nil {
		return err
	}
	for {
		h, err := p.r.Next()
		switch {
		case errors.Is(err, ber.ErrEnd):
			return p.r.Leave()
		case err != nil:
			return err
		}
		if err := do(h); err != nil {
			return err
		}
	}
}

// keep takes the element announced over as it is.
func (p *planner) keep(h ber.Header) (out parts, err error) {
	err = p.r.Skip()
	out.old(h.Offset, p.r.Offset()-h.Offset)
	return out, err
}

// keepContents takes over what is in the element announced, whatever the form of
// its length.
func (p *planner) keepContents() (out parts, err error) {
	err = p.each(func(h ber.Header) error {
		one, err := p.keep(h)
		out.add(one)
		return err
	})
	return out, err
}

// held decodes the element announced as a T, has it edited and returns it: anew
// where the edit changed something, else as it was.
func held[T any](p *planner, h ber.Header, params string, edit func(*T) (changed bool, err error)) (out parts, err error) {
	var v T
	if err := p.hold(h, params, &v); err != nil {
		return out, err
	}
	changed, err := edit(&v)
	if err != nil {
		return out, err
	}
	if !changed {
		out.old(h.Offset, p.r.Offset()-h.Offset)
		return out, nil
	}
	b, err := ber.MarshalWith(v, params)
	if err != nil {
		return out, err
	}
	if p.left -= len(b); p.left < 0 {
		return out, impossible("the headings of the content are too large")
	}
	out.own(b)
	return out, nil
}

// ipm is an IPM, in an element with the tag given: heading and body.
func (p *planner) ipm(tag asn1.Tag) (out parts, err error) {
	place := 0
	err = p.each(func(h ber.Header) error {
		var one parts
		var err error
		switch place++; {
		case place == 1 && h.Tag == tagSet:
			one, err = held(p, h, "", p.heading)
		case place == 2 && h.Tag == tagSequence:
			one, err = p.body()
		case place > 2:
			p.lost().add("an unknown element")
		default:
			err = impossible("at octet %d of the content: neither heading nor body", h.Offset)
		}
		out.add(one)
		return err
	})
	if err == nil && place < 2 {
		err = impossible("a message without a body")
	}
	return out.within(tag), err
}

func (p *planner) body() (out parts, err error) {
	err = p.each(func(h ber.Header) error {
		one, err := p.bodyPart(h)
		out.add(one)
		return err
	})
	return out.within(tagSequence), err
}

func (p *planner) bodyPart(h ber.Header) (parts, error) {
	switch n := h.Tag.Number; {
	case h.Tag.Class != asn1.ContextSpecific:
		return parts{}, impossible("a body part with the tag %v", h.Tag)
	case n == 9:
		return p.message(h.Tag)
	case n <= lastBodyPart84:
		return p.keep(h)
	case n == 15:
		return p.extended()
	case bodyPartNames[n] != "":
		return parts{}, impossible("a body part is %s", bodyPartNames[n])
	}
	return parts{}, impossible("a body part with the tag %v", h.Tag)
}

// message is a forwarded message: what is known of its delivery, and the IPM.
func (p *planner) message(tag asn1.Tag) (out parts, err error) {
	place := 0
	err = p.each(func(h ber.Header) error {
		var one parts
		var err error
		switch place++; {
		case place == 1 && h.Tag == tagSet:
			one, err = held(p, h, "", p.messageParameters)
		case place == 2 && h.Tag == tagSequence:
			one, err = p.ipm(tagSequence)
		case place > 2:
			p.lost().add("an unknown element")
		default:
			err = impossible("at octet %d of the content: no forwarded message", h.Offset)
		}
		out.add(one)
		return err
	})
	if err == nil && place < 2 {
		err = impossible("a forwarded message without a body")
	}
	return out.within(tag), err
}

// ipn is a notification.
func (p *planner) ipn() (out parts, err error) {
	err = p.each(func(h ber.Header) error {
		var one parts
		var err error
		switch h.Tag {
		case tagSubjectIPM:
			one, err = held(p, h, "", p.identifier)
		case asn1.Context(1), asn1.Context(2):
			one, err = held(p, h, fmt.Sprintf("[%d]", h.Tag.Number), p.descriptor)
		case tagEITs:
			one, err = held(p, h, "", p.eits)
		case asn1.Context(0):
			one, err = p.notification()
		case asn1.Context(3):
			p.lost().add("extensions of the notification")
		default:
			p.lost().add("an unknown element")
		}
		out.add(one)
		return err
	})
	return out.within(asn1.Context(1)), err
}

// notification is what kind of notification an IPN is.
func (p *planner) notification() (out parts, err error) {
	err = p.each(func(h ber.Header) error {
		var fields parts
		extensions := asn1.Context(3)
		switch h.Tag {
		case asn1.Context(0):
			extensions = asn1.Context(4)
		case asn1.Context(1):
		default:
			return impossible("a notification that is neither of receipt nor of non-receipt")
		}
		err := p.each(func(f ber.Header) error {
			var one parts
			var err error
			switch {
			case f.Tag == extensions:
				p.lost().add("extensions of the notification")
			case h.Tag == asn1.Context(0) && f.Tag == asn1.Context(3):
				one, err = p.ipm(f.Tag) // the message returned
			case f.Tag.Class == asn1.ContextSpecific && f.Tag.Number < extensions.Number:
				one, err = p.keep(f)
			default:
				p.lost().add("an unknown element")
			}
			fields.add(one)
			return err
		})
		out.add(fields.within(h.Tag))
		return err
	})
	return out.within(asn1.Context(0)), err
}
