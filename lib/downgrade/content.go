package downgrade

import (
	"errors"
	"io"

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
}

// Size returns the number of octets of the new content.
func (c *Content) Size() int64 { return c.size }

// Reader returns the new content; old is the one it was planned for.
func (c *Content) Reader(old io.ReaderAt) io.Reader { return &contentReader{left: c.pieces, old: old} }

type contentReader struct {
	left []stretch
	at   int64 // octets read of the first
	old  io.ReaderAt
}

func (r *contentReader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for ; len(r.left) > 0; r.left, r.at = r.left[1:], 0 {
		s := &r.left[0]
		if r.at == s.size() {
			continue
		}
		p = p[:min(int64(len(p)), s.size()-r.at)]
		if s.own != nil {
			n := copy(p, s.own[r.at:])
			r.at += int64(n)
			return n, nil
		}
		n, err := r.old.ReadAt(p, s.off+r.at)
		r.at += int64(n)
		if n > 0 {
			return n, nil
		}
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	return 0, io.EOF
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
	p.plan.pieces = pieces.list
	p.plan.size = pieces.size
	return p.plan, nil
}
