package load

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// content is the contents of one size, and what the envelopes say of them. They end with
// the number of the message, so that no two are the same, after a text that is made as it
// is read.
type content struct {
	head []byte
	text int64 // octets, with the number
	eits mts.EncodedInformationTypes
	hash hash.Cloner // of all before the number
}

// newContent makes a content of so many octets, or fewer by what the lengths in it take
// when they are a digit shorter; it is no smaller than its heading.
func newContent(run string, from, to oraddr.Address, size int64) (content, error) {
	compose := func(octets int64) (*ipms.Content, error) {
		return ipms.Compose(ipms.Message{
			ThisIPM: fmt.Sprintf("%s%s.%d", prefix, run, size), Originator: from, To: []ipms.Recipient{{Address: to}},
			Subject: fmt.Sprintf("mtactl bench, run %s, %d octets", run, size), Text: text(octets),
		})
	}
	length := int64(0)
	composed, err := compose(length)
	for range 3 { // the lengths around a longer text are longer
		if err != nil {
			return content{}, err
		}
		more := size - composed.Size()
		if more == 0 || length+more <= 0 {
			break
		}
		length += more
		composed, err = compose(length)
	}
	if err != nil {
		return content{}, err
	}
	head := make([]byte, composed.Size()-length)
	if _, err := io.ReadFull(composed, head); err != nil {
		return content{}, err
	}
	c := content{head: head, text: length, eits: composed.EncodedInformationTypes()}
	h := sha256.New()
	_, err = io.Copy(h, c.before())
	c.hash = h.(hash.Cloner)
	return c, err
}

func (c *content) size() int64 { return int64(len(c.head)) + c.text }

// marked is how many octets of a text the number of the message takes: a space, and as many
// digits as that of MaxMessages has in base 36.
const marked = 6

// mark is the end of the text of message n.
func (c *content) mark(n uint64) string {
	digits := strconv.FormatUint(n, 36)
	mark := " " + strings.Repeat("0", max(0, marked-1-len(digits))) + digits
	return mark[max(0, int64(len(mark))-c.text):]
}

// before reads what all of them begin with.
func (c *content) before() io.Reader {
	return io.MultiReader(bytes.NewReader(c.head), &prose{end: max(0, c.text-marked)})
}

// reader reads the content of message n.
func (c *content) reader(n uint64) io.Reader {
	return io.MultiReader(c.before(), strings.NewReader(c.mark(n)))
}

// digest is that of the content of message n.
func (c *content) digest(n uint64) (d [sha256.Size]byte) {
	h, err := c.hash.Clone()
	if err != nil {
		panic(err) // that of the standard library never fails
	}
	_, _ = io.WriteString(h, c.mark(n)) // likewise
	h.Sum(d[:0])
	return d
}

const line = "The quick brown fox jumps over the lazy dog, and the dog does not care.\r\n"

// lines are some of them, to be copied from.
var lines = strings.Repeat(line, 1000)

// prose reads lines of so many octets in all, CR and LF included.
type prose struct{ at, end int64 }

func (p *prose) Read(b []byte) (int, error) {
	if p.at == p.end {
		return 0, io.EOF
	}
	b = b[:min(int64(len(b)), p.end-p.at)]
	n := copy(b, lines[p.at%int64(len(line)):])
	p.at += int64(n)
	if p.at == p.end && n > 0 && b[n-1] == '\r' {
		b[n-1] = '.'
	}
	return n, nil
}

// text is prose of so many octets.
func text(octets int64) string {
	b := strings.Builder{}
	b.Grow(int(octets))
	if _, err := io.Copy(&b, &prose{end: octets}); err != nil {
		panic(err) // all of it is in memory
	}
	return b.String()
}
