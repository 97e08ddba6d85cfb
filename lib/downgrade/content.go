package downgrade

import (
	"errors"
	"io"
	"sort"

	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Content is how a content of 1984 is made of one of 1988: octets of its own, and
// stretches of the old one in between.
type Content struct {
	pieces    []stretch
	size      int64
	lost      losses
	converted bool // text is ia5-text now that was not
}

// stretch is octets of the new content: its own, or n of the old from off on.
type stretch struct {
	own    []byte
	off, n int64
	at     int64 // where it begins in the new content
}

// Size returns the number of octets of the new content.
func (c *Content) Size() int64 { return c.size }

// Of returns the new content; old is the one it was planned for.
func (c *Content) Of(old io.ReaderAt) *io.SectionReader {
	return io.NewSectionReader(&made{c, old}, 0, c.size)
}

// made is a new content.
type made struct {
	plan *Content
	old  io.ReaderAt
}

// ReadAt implements io.ReaderAt.
func (m *made) ReadAt(p []byte, off int64) (n int, err error) {
	pieces := m.plan.pieces
	i := sort.Search(len(pieces), func(i int) bool { return pieces[i].at+pieces[i].size() > off })
	for ; n < len(p) && i < len(pieces); i++ {
		s := &pieces[i]
		skip := off + int64(n) - s.at
		q := p[n:]
		q = q[:min(int64(len(q)), s.size()-skip)]
		if s.own != nil {
			n += copy(q, s.own[skip:])
			continue
		}
		k, err := m.old.ReadAt(q, s.off+skip)
		if n += k; k < len(q) {
			if err == io.EOF {
				err = io.ErrUnexpectedEOF
			}
			return n, err
		}
	}
	if n < len(p) {
		return n, io.EOF
	}
	return n, nil
}

func (s *stretch) size() int64 {
	if s.own != nil {
		return int64(len(s.own))
	}
	return s.n
}

// limits bound the planning: what may be held of a content, which is its headings,
// and how deep messages may be forwarded within one another.
var limits = ber.Limits{Depth: 128, Elements: 1 << 17, Octets: 4 << 20}

// planContent plans how a P22 content becomes one of P2 (X.420 Annex of 1988 on the
// differences, RFC 1328 §5): headings without extensions and with addresses as Name
// writes them, and the body parts of 1984. Of the others, those that are the same in
// another form are put in theirs; general-text of ASCII alone becomes ia5-text unless
// conversion is prohibited.
//
// The content is read once, from the first octet to the last.
func planContent(content io.ReaderAt, size int64, gateway oraddr.Domain, prohibited bool) (*Content, error) {
	p := &planner{
		r:          ber.NewReader(io.NewSectionReader(content, 0, size), limits),
		gateway:    gateway,
		prohibited: prohibited,
		plan:       &Content{},
		left:       limits.Octets,
	}
	pieces, err := p.object()
	var no *Impossible
	switch {
	case errors.As(err, &no):
		return nil, no
	case diag.KindOf(err) == diag.Data:
		return nil, impossible("the content is no interpersonal message: %v", err)
	case err != nil:
		return nil, err
	}
	for i := range pieces.list {
		pieces.list[i].at = p.plan.size
		p.plan.size += pieces.list[i].size()
	}
	p.plan.pieces = pieces.list
	return p.plan, nil
}
