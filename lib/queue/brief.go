package queue

import (
	"encoding/binary"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// brief is what a list tells of a message and the scheduler does not know, packed: a
// length before each text. It saves opening the file.
type brief string

// newBrief packs what an envelope has.
func newBrief(env *spool.Envelope) brief {
	b := make([]byte, 0, 256)
	for _, text := range []string{env.MTSID, env.Originator, env.Subject, env.ContentType} {
		b = binary.AppendUvarint(b, uint64(len(text)))
		b = append(b, text...)
	}
	deferred := int64(0)
	if !env.Deferred.IsZero() {
		deferred = env.Deferred.UnixNano()
	}
	b = binary.AppendVarint(b, deferred)
	b = binary.AppendUvarint(b, uint64(env.ProbeSize))
	for i := range env.Recipients {
		b = binary.AppendUvarint(b, uint64(env.Recipients[i].N))
		b = binary.AppendUvarint(b, uint64(len(env.Recipients[i].Address)))
		b = append(b, env.Recipients[i].Address...)
		rule := ""
		if env.Recipients[i].Hold != "" {
			rule = env.Recipients[i].Rule
		}
		b = binary.AppendUvarint(b, uint64(len(rule)))
		b = append(b, rule...)
	}
	return brief(b)
}

// number takes a number from the front.
func (b *brief) number() uint64 {
	v := uint64(0)
	for i, shift := 0, 0; i < len(*b); i, shift = i+1, shift+7 {
		c := (*b)[i]
		if v |= uint64(c&0x7F) << shift; c < 0x80 {
			*b = (*b)[i+1:]
			return v
		}
	}
	*b = ""
	return v
}

// text takes a text from the front.
func (b *brief) text() string {
	n := min(b.number(), uint64(len(*b)))
	text := (*b)[:n]
	*b = (*b)[n:]
	return string(text)
}

// read puts what it has into a row, and returns the recipients that follow.
func (b brief) read(r *Row) brief {
	r.MTSID, r.Originator, r.Subject, r.ContentType = b.text(), b.text(), b.text(), b.text()
	if z := b.number(); z != 0 { // as encoding/binary has signed ones
		r.Deferred = time.Unix(0, int64(z>>1)^-int64(z&1)).UTC()
	}
	r.ProbeSize = int64(b.number())
	return b
}

// recipient is the address of one, and the rule that held it when it came, if one did. It is
// looked for first in rest, which it takes up to there: who asks for all of them asks in their
// order.
func (b brief) recipient(n int, rest *brief) (address, heldBy string) {
	for _, from := range []brief{*rest, b} {
		for len(from) > 0 {
			number, address, heldBy := from.number(), from.text(), from.text()
			if number == uint64(n) {
				*rest = from
				return address, heldBy
			}
		}
	}
	return "", ""
}

// maxBriefs bounds the octets of the briefs that are kept: those of some hundred thousand
// messages. A list opens the files of the others.
const maxBriefs = 48 << 20

// briefs are those of messages in the queue.
type briefs struct {
	of     map[spool.ID]brief
	octets int
}

// cost is what one takes, with its place in the map.
func (b brief) cost() int { return len(b) + 96 }

// put keeps the brief of a message, if there is room.
func (b *briefs) put(env *spool.Envelope) {
	if b.octets >= maxBriefs {
		return
	}
	if b.of == nil {
		b.of = map[spool.ID]brief{}
	}
	b.drop(env.ID)
	packed := newBrief(env)
	b.of[env.ID] = packed
	b.octets += packed.cost()
}

// drop forgets that of a message that has left.
func (b *briefs) drop(id spool.ID) {
	if was, ok := b.of[id]; ok {
		delete(b.of, id)
		b.octets -= was.cost()
	}
}
