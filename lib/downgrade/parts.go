package downgrade

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// parts is a stretch of stretches with its size.
type parts struct {
	list []stretch
	size int64
}

// own appends octets, which are the parts' from now on.
func (p *parts) own(b []byte) {
	if len(b) == 0 {
		return
	}
	p.size += int64(len(b))
	if n := len(p.list); n > 0 && p.list[n-1].own != nil {
		p.list[n-1].own = append(p.list[n-1].own, b...)
		return
	}
	p.list = append(p.list, stretch{own: b})
}

// old appends n octets of the old content from off on.
func (p *parts) old(off, n int64) {
	if n == 0 {
		return
	}
	p.size += n
	if last := len(p.list) - 1; last >= 0 && p.list[last].own == nil && p.list[last].off+p.list[last].n == off {
		p.list[last].n += n
		return
	}
	p.list = append(p.list, stretch{off: off, n: n})
}

// add appends parts, which are not used any more.
func (p *parts) add(q parts) {
	for _, s := range q.list {
		if s.own != nil {
			p.own(s.own)
		} else {
			p.old(s.off, s.n)
		}
	}
}

// within returns an element with these contents, its length definite.
func (p parts) within(t asn1.Tag) parts {
	return p.element(t, true)
}

func (p parts) element(t asn1.Tag, constructed bool) (out parts) {
	out.own(ber.AppendHeader(nil, t, constructed, p.size))
	out.add(p)
	return out
}
