package main

import (
	"errors"
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/decode"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/edims"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
)

// edi tells whether contents of a type are those of package edims.
func edi(contentType string) bool {
	t, err := mts.ParseContentType(contentType)
	return err == nil && (t.Equal(mts.NewContentType(mts.EDIMessaging)) || t.Equal(mts.NewExtendedContentType(edims.ContentPedi)))
}

// readEDI shows an EDI message or notification, a field of its heading a line, and
// saves the interchange and the body parts beside it.
func readEDI(p *cli.Printer, octets []byte, save string) error {
	var o edims.InformationObject
	rest, err := ber.Unmarshal(octets, &o, ber.Limits{Octets: max(len(octets), 1)})
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d octets after the content", len(rest))
	}
	if err != nil {
		return diag.E("content", diag.Data, err)
	}
	err = decode.Decode(octets, decode.EDIM, decode.Limits{}, func(n decode.Node) error {
		fieldLines(p, &n)
		return nil
	})
	if err != nil || o.EDIM == nil {
		return err
	}
	s := saver{dir: save, taken: map[string]bool{}}
	s.edim(p, &o.EDIM.Heading, o.EDIM.Body)
	return errors.Join(s.errs...)
}

// maxField bounds a field of a heading that is shown.
const maxField = 1000

// fieldLines prints the fields of headings and notifications, which are inside choices
// of one and structures of some; bodies are shown apart.
func fieldLines(p *cli.Printer, n *decode.Node) {
	for i := range n.Children {
		switch c := &n.Children[i]; {
		case c.Type == "Body":
		case c.Type == "EDIM", c.Type == "EDIN", c.Type == "Heading", c.Type == "CommonFields":
			fieldLines(p, c)
		case n.Type == "EDIN":
			p.Text("%s\n", c.Name)
			fieldLines(p, c)
		default:
			p.Text("%s: %s\n", c.Name, c.Line(maxField))
		}
	}
}

// edim shows the body of an EDI message, and saves it where there is a directory.
func (s *saver) edim(p *cli.Printer, h *edims.Heading, b edims.Body) {
	kind := h.EDIBodypartType
	if kind == "" {
		kind = edims.EDIFACTISO646
	}
	switch primary := b.PrimaryBodyPart; {
	case primary.EDIBodyPart != nil:
		p.Text("\n(interchange, %s, %d octets)\n", decode.OIDName(kind), len(*primary.EDIBodyPart))
		s.piece("part-1.edi", *primary.EDIBodyPart)
	case primary.ForwardedEDIM != nil:
		raw, err := ber.Marshal(primary.ForwardedEDIM.Data)
		if err != nil {
			s.errs = append(s.errs, diag.E("forwarded message", diag.Data, err))
			break
		}
		p.Text("\n(forwarded EDI message %s, %d octets)\n", identifier(primary.ForwardedEDIM.Data.Heading.ThisEDIM), len(raw))
		s.piece("part-1.ber", raw)
	}
	for i := range b.AdditionalBodyParts {
		part := ipms.BodyPart{Extended: &b.AdditionalBodyParts[i].ExtendedBodyPart}
		path := fmt.Sprintf("part-%d", i+2)
		pieces := part.Pieces()
		if text, ok := part.Text(); ok {
			pieces = []ipms.Piece{{Suffix: ".txt", Data: []byte(text)}}
		}
		if pieces == nil {
			raw, err := ber.Marshal(part)
			if err != nil {
				s.errs = append(s.errs, diag.E("body part", diag.Data, err))
				continue
			}
			pieces = []ipms.Piece{{Suffix: ".ber", Data: raw}}
		}
		for n, piece := range pieces {
			p.Text("(%s, %d octets)\n", decode.OIDName(asn1.OID(part.Extended.Data.DirectReference)), len(piece.Data))
			made := path + piece.Suffix
			if len(pieces) > 1 {
				made = fmt.Sprintf("%s-page-%d%s", path, n+1, piece.Suffix)
			}
			s.piece(s.name(piece.Name, path, made), piece.Data)
		}
	}
}

func identifier(id edims.EDIMIdentifier) string {
	a, err := id.User.Address()
	if err != nil {
		return cli.Field(string(id.UserRelativeIdentifier))
	}
	return cli.Field(string(id.UserRelativeIdentifier) + " of " + a.String())
}

// piece saves octets where there is a directory for them.
func (s *saver) piece(name string, data []byte) {
	if s.dir != "" {
		s.write(name, data)
	}
}
