package queue

import (
	"bytes"
	"encoding/json"
	"slices"
	"strconv"
	"time"
	"unicode/utf8"
)

// What stands around the row of an answer.
const (
	rowBegin = `{"row":`
	rowEnd   = "}\n"
)

// AppendLine appends an answer as a line of JSON. The row of a list, of which there are
// many, is written by hand, as AppendJSON does.
func (a *Answer) AppendLine(b []byte) ([]byte, error) {
	if a.Row != nil && a.alone() {
		return a.Row.appendLine(b)
	}
	octets, err := json.Marshal(a)
	return append(append(b, octets...), '\n'), err
}

// alone tells whether there is nothing in an answer but its row.
func (a *Answer) alone() bool {
	return a.Channel == nil && a.Status == nil && a.Config == nil && a.Detail == nil && a.Act == nil && a.Nodes == nil && a.Error == nil && !a.End
}

func (r *Row) appendLine(b []byte) ([]byte, error) {
	b, err := r.AppendJSON(append(b, rowBegin...))
	return append(b, rowEnd...), err
}

// ParseLine reads what AppendLine has written, and whatever else package json reads. A row
// is good until the next line is read into the same answer, and for as long as this one.
func (a *Answer) ParseLine(line []byte) error {
	if rest, ok := bytes.CutPrefix(line, []byte(rowBegin)); ok {
		if row, ok := bytes.CutSuffix(rest, []byte(rowEnd)); ok {
			r := a.Row
			if r == nil {
				r = new(Row)
			}
			if parseRow(row, r) {
				*a = Answer{Row: r, row: row}
				return nil
			}
		}
	}
	*a = Answer{}
	return json.Unmarshal(line, a)
}

// AppendRow appends the JSON of the row: as it came, if that is how this program would
// write it.
func (a *Answer) AppendRow(b []byte) ([]byte, error) {
	if a.row != nil {
		return append(b, a.row...), nil
	}
	return a.Row.AppendJSON(b)
}

// AppendJSON appends what an Encoder of package json would write that does not escape
// HTML: by hand, and without the newline.
func (r *Row) AppendJSON(b []byte) ([]byte, error) {
	b = appendText(b, `{"id":`, r.ID)
	b = appendText(b, `,"mtsid":`, r.MTSID)
	b = appendText(b, `,"kind":`, r.Kind)
	b = appendText(b, `,"priority":`, r.Priority)
	b = appendText(b, `,"state":`, r.State)
	b = appendSome(b, `,"wish":`, r.Wish)
	b = appendNumber(b, `,"age":`, r.Age)
	b, err := appendTime(b, `,"accepted":`, r.Accepted)
	for _, t := range [...]struct {
		name string
		time.Time
	}{{`,"deferredDelivery":`, r.Deferred}, {`,"expires":`, r.Expires}} {
		if err == nil && !t.IsZero() {
			b, err = appendTime(b, t.name, t.Time)
		}
	}
	b = appendNumber(b, `,"size":`, r.Size)
	if r.ProbeSize != 0 {
		b = appendNumber(b, `,"probeSize":`, r.ProbeSize)
	}
	b = appendSome(b, `,"channel":`, r.Channel)
	b = appendSome(b, `,"peer":`, r.Peer)
	b = appendNumber(b, `,"n":`, int64(r.N))
	b = appendText(b, `,"recipient":`, r.Recipient)
	b = appendText(b, `,"originator":`, r.Originator)
	b = appendSome(b, `,"subject":`, r.Subject)
	b = appendSome(b, `,"contentType":`, r.ContentType)
	b = appendNumber(b, `,"attempts":`, int64(r.Attempts))
	if err == nil && !r.Next.IsZero() {
		b, err = appendTime(b, `,"next":`, r.Next)
	}
	b = appendSome(b, `,"reason":`, r.Reason)
	if r.InDoubt {
		b = append(b, `,"inDoubt":true`...)
	}
	if r.Late {
		b = append(b, `,"late":true`...)
	}
	b = appendSome(b, `,"heldBy":`, r.HeldBy)
	return append(b, '}'), err
}

func appendNumber(b []byte, name string, v int64) []byte {
	return strconv.AppendInt(append(b, name...), v, 10)
}

func appendTime(b []byte, name string, t time.Time) ([]byte, error) {
	b = append(b, name...)
	year, month, day := t.Date()
	if t.Location() != time.UTC || year < 0 || year > 9999 {
		octets, err := t.MarshalJSON()
		return append(b, octets...), err
	}
	hour, minute, second := t.Clock()
	b = append(b, `"0000-00-00T00:00:00.000000000`...)
	two := func(before, v int) { // digits, so many octets before the end
		b[len(b)-before] += byte(v / 10)
		b[len(b)-before+1] += byte(v % 10)
	}
	two(29, year/100)
	two(27, year%100)
	two(24, int(month))
	two(21, day)
	two(18, hour)
	two(15, minute)
	two(12, second)
	nano := t.Nanosecond()
	if nano == 0 {
		b = b[:len(b)-len(".000000000")]
	}
	for at := len(b) - 1; nano > 0; nano /= 10 {
		b[at] += byte(nano % 10)
		at--
	}
	for nano = t.Nanosecond(); nano > 0 && b[len(b)-1] == '0'; {
		b = b[:len(b)-1]
	}
	return append(b, `Z"`...), nil
}

// appendSome appends a text if there is one.
func appendSome(b []byte, name, text string) []byte {
	if text == "" {
		return b
	}
	return appendText(b, name, text)
}

func appendText(b []byte, name, text string) []byte {
	b = append(append(b, name...), '"')
	n := plain(text)
	b = append(b, text[:n]...)
	for _, r := range text[n:] {
		switch r {
		case '"', '\\':
			b = append(b, '\\', byte(r))
		case '\b', '\f', '\n', '\r', '\t':
			b = append(b, '\\', "btn\vfr"[r-'\b'])
		case '\u2028', '\u2029':
			b = append(b, `\u202`...)
			b = append(b, '8'+byte(r&1))
		default:
			if r < ' ' {
				const hex = "0123456789abcdef"
				b = append(b, `\u00`...)
				b = append(b, hex[r>>4], hex[r&0xF])
			} else {
				b = utf8.AppendRune(b, r)
			}
		}
	}
	return append(b, '"')
}

// isPlain has the octets that JSON has as they are, whatever is around them.
var isPlain = func() (is [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		is[c] = c != '"' && c != '\\'
	}
	return is
}()

// plain is how many octets of a text are so from its beginning.
func plain[T string | []byte](text T) int {
	for i := range len(text) {
		if !isPlain[text[i]] {
			return i
		}
	}
	return len(text)
}

// parseRow reads what AppendJSON writes, to the octet: it says false of anything else. A
// text that is in the row already is kept: in a list most are those of the line before.
func parseRow(line []byte, r *Row) bool {
	p := rowParser{rest: line}
	p.text(`{"id":`, &r.ID)
	p.text(`,"mtsid":`, &r.MTSID)
	p.text(`,"kind":`, &r.Kind)
	p.text(`,"priority":`, &r.Priority)
	p.text(`,"state":`, &r.State)
	p.some(`,"wish":`, &r.Wish)
	r.Age = p.number(`,"age":`)
	r.Accepted = p.time(`,"accepted":`)
	r.Deferred = p.sometime(`,"deferredDelivery":`)
	r.Expires = p.sometime(`,"expires":`)
	r.Size = p.number(`,"size":`)
	r.ProbeSize = 0
	if p.may(`,"probeSize":`) {
		r.ProbeSize = p.number("")
		p.bad = p.bad || r.ProbeSize == 0
	}
	p.some(`,"channel":`, &r.Channel)
	p.some(`,"peer":`, &r.Peer)
	n := p.number(`,"n":`)
	r.N = int(n)
	p.text(`,"recipient":`, &r.Recipient)
	p.text(`,"originator":`, &r.Originator)
	p.some(`,"subject":`, &r.Subject)
	p.some(`,"contentType":`, &r.ContentType)
	attempts := p.number(`,"attempts":`)
	r.Attempts = int(attempts)
	r.Next = p.sometime(`,"next":`)
	p.some(`,"reason":`, &r.Reason)
	r.InDoubt = p.may(`,"inDoubt":true`)
	r.Late = p.may(`,"late":true`)
	p.some(`,"heldBy":`, &r.HeldBy)
	return !p.bad && string(p.rest) == "}" && int64(r.N) == n && int64(r.Attempts) == attempts
}

// rowParser takes one thing after the other from the front of what is left.
type rowParser struct {
	rest []byte
	bad  bool // it is not what AppendJSON writes
}

// may takes a name, if it is there.
func (p *rowParser) may(name string) bool {
	if len(p.rest) < len(name) || string(p.rest[:len(name)]) != name {
		return false
	}
	p.rest = p.rest[len(name):]
	return true
}

// has takes a name, which must be there.
func (p *rowParser) has(name string) { p.bad = !p.may(name) || p.bad }

// some takes a text which is left out when it is empty.
func (p *rowParser) some(name string, into *string) {
	if !p.may(name) {
		*into = ""
		return
	}
	p.text("", into)
	p.bad = p.bad || *into == ""
}

func (p *rowParser) text(name string, into *string) {
	p.has(name)
	p.has(`"`)
	n := plain(p.rest)
	if n < len(p.rest) && p.rest[n] == '"' {
		if text := p.rest[:n]; string(text) != *into {
			*into = string(text)
		}
		p.rest = p.rest[n+1:]
		return
	}
	for ; n < len(p.rest) && p.rest[n] != '"'; n++ {
		if p.rest[n] == '\\' {
			n++
		}
	}
	if n >= len(p.rest) {
		p.bad = true
		return
	}
	octets := slices.Concat([]byte{'"'}, p.rest[:n+1])
	p.rest = p.rest[n+1:]
	p.bad = p.bad || json.Unmarshal(octets, into) != nil || !bytes.Equal(appendText(nil, "", *into), octets)
}

func (p *rowParser) number(name string) int64 {
	p.has(name)
	n := 0
	for n < len(p.rest) && (p.rest[n]-'0' <= 9 || p.rest[n] == '-') {
		n++
	}
	var room [20]byte
	v, err := strconv.ParseInt(string(p.rest[:n]), 10, 64)
	p.bad = p.bad || err != nil || !bytes.Equal(strconv.AppendInt(room[:0], v, 10), p.rest[:n])
	p.rest = p.rest[n:]
	return v
}

// sometime takes a time which is left out when there is none.
func (p *rowParser) sometime(name string) time.Time {
	if !p.may(name) {
		return time.Time{}
	}
	t := p.time("")
	p.bad = p.bad || t.IsZero()
	return t
}

func (p *rowParser) time(name string) time.Time {
	p.has(name)
	p.has(`"`)
	end := max(bytes.IndexByte(p.rest, '"'), 0)
	t, ok := parseTime(p.rest[:end])
	p.rest = p.rest[end:]
	p.has(`"`)
	p.bad = p.bad || !ok
	return t
}

// parseTime reads a time in UTC that has as many digits as it needs. Package time takes
// several times as long, and other forms too.
func parseTime(text []byte) (t time.Time, ok bool) {
	const form = "0000-00-00T00:00:00"
	if len(text) <= len(form) || text[len(text)-1] != 'Z' {
		return t, false
	}
	for i := range len(form) {
		if form[i] == '0' && text[i]-'0' > 9 || form[i] != '0' && form[i] != text[i] {
			return t, false
		}
	}
	at := func(i int) int { return 10*int(text[i]-'0') + int(text[i+1]-'0') }
	month, day, hour, minute, second, nano := time.Month(at(5)), at(8), at(11), at(14), at(17), 0
	if fraction := text[len(form) : len(text)-1]; len(fraction) > 0 {
		if fraction[0] != '.' || len(fraction) > len(".000000000") || fraction[len(fraction)-1] == '0' {
			return t, false
		}
		for i := 1; i < len(".000000000"); i++ {
			nano *= 10
			if i < len(fraction) {
				if fraction[i]-'0' > 9 {
					return t, false
				}
				nano += int(fraction[i] - '0')
			}
		}
		if nano == 0 {
			return t, false
		}
	}
	t = time.Date(100*at(0)+at(2), month, day, hour, minute, second, nano, time.UTC)
	return t, t.Month() == month && t.Day() == day && hour < 24 && minute < 60 && second < 60
}
