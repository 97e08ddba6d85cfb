package spool

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// ID names one message for ever: 20 characters of lower-case base32hex, 13 for
// the Unix nanoseconds of its creation and 7 for 35 random bits, or in a child
// for 35 bits of a digest. IDs sort by arrival.
type ID string

// IDSize is the length of an ID in characters.
const IDSize = timeSize + tailSize

const (
	timeSize = 13 // 65 bits, the first always 0: base32 digits of an unsigned 64-bit number
	tailSize = 7
	alphabet = "0123456789abcdefghijklmnopqrstuv"
)

// NewID makes an identifier for something that arrives now. That it is new is
// certain only once a file has been created with it; the caller that finds the
// name taken asks again.
func NewID(now time.Time) ID {
	var random [8]byte
	rand.Read(random[:]) // never fails: crypto/rand ends the program instead
	return makeID(uint64(now.UnixNano()), binary.BigEndian.Uint64(random[:]))
}

// makeID puts the first 35 bits of tail behind the time.
func makeID(nanoseconds, tail uint64) ID {
	var b [IDSize]byte
	for i := range timeSize {
		b[i] = alphabet[nanoseconds>>(5*(timeSize-1-i))&31]
	}
	putTail(b[timeSize:], tail)
	return ID(b[:])
}

func putTail(b []byte, tail uint64) {
	for i := range tailSize {
		b[i] = alphabet[tail>>(59-5*i)&31]
	}
}

// ParseID checks that s is a whole identifier.
func ParseID(s string) (ID, error) {
	if len(s) != IDSize {
		return "", diag.New("spool: identifier "+strconv.Quote(clip(s)), diag.Usage,
			fmt.Sprintf("%d characters where %d are needed", len(s), IDSize))
	}
	if !isID(s) {
		return "", diag.New("spool: identifier "+strconv.Quote(s), diag.Usage,
			"only digits and the letters a to v may occur, the first not above f")
	}
	return ID(s), nil
}

func isID(s string) bool { return len(s) == IDSize && isPrefix(s) }

// isPrefix says whether s can begin an identifier.
func isPrefix(s string) bool {
	if len(s) > IDSize || s != "" && s[0] > 'f' {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'v') {
			return false
		}
	}
	return true
}

func clip(s string) string {
	if len(s) > 40 {
		return s[:40] + "…"
	}
	return s
}

// Time returns when the identifier was made, in UTC; for a child, when its
// first ancestor was.
func (id ID) Time() time.Time {
	var n uint64
	for i := 0; i < timeSize && i < len(id); i++ {
		n = n<<5 | uint64(strings.IndexByte(alphabet, id[i])&31)
	}
	return time.Unix(0, int64(n)).UTC()
}

// Moment returns the part that parent, children and theirs have in common, their time;
// empty if id is not the beginning of an identifier, or too little of it.
func (id ID) Moment() string {
	if len(id) < timeSize || !isPrefix(string(id)) {
		return ""
	}
	return string(id[:timeSize])
}

// shard is the XX of q/P/XX/ID: the last characters, because the first are
// nearly the same in all identifiers of one day.
func (id ID) shard() string { return string(id[IDSize-2:]) }

// The steps of children that a start tells from others; lib/submit has the rest.
const (
	StepReport   = "report"   // the only one that ends no recipient
	StepRedirect = "redirect" // the only one that is made of a recipient given up for its alternate
)

// ChildID returns the identifier of the child that step makes of parent for the
// given recipients of the parent; their order and repetitions do not matter.
// The same arguments give the same identifier, so that a child is not made
// twice. Two different children of one parent collide with a probability of
// 2⁻³⁵; a maker that finds the name taken must compare Parent, Step and
// ParentRecipients of what is there.
func ChildID(parent ID, step string, recipients []int) ID {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s\n%s\n%s\n", parent, step, numbers(recipients)))
	b := []byte(parent)
	putTail(b[timeSize:], binary.BigEndian.Uint64(sum[:]))
	return ID(b)
}

// numbers prints a set of recipient numbers: ascending, each once, commas.
func numbers(recipients []int) string {
	set := slices.Compact(slices.Sorted(slices.Values(recipients)))
	var b []byte
	for i, n := range set {
		if i > 0 {
			b = append(b, ',')
		}
		b = strconv.AppendInt(b, int64(n), 10)
	}
	return string(b)
}

// Ref says where a scheduled message lies: q/P/XX/ID. A Ref without priority
// stands for new/ID, accepted and not yet scheduled.
type Ref struct {
	ID       ID
	Priority Priority
}

// MarshalJSON writes {"id":"…","priority":"u"}: the letter of the directory,
// not the word of the envelope.
func (r Ref) MarshalJSON() ([]byte, error) {
	if r.Priority == 0 {
		return fmt.Appendf(nil, `{"id":%q}`, r.ID), nil
	}
	return fmt.Appendf(nil, `{"id":%q,"priority":%q}`, r.ID, string(r.Priority)), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and the word for the letter. It
// fails on an identifier or a priority that is none, so that what comes from a
// channel can be made into a path.
func (r *Ref) UnmarshalJSON(data []byte) error {
	var in struct {
		ID       string   `json:"id"`
		Priority Priority `json:"priority"`
	}
	if err := json.Unmarshal(data, &in); err != nil {
		return err
	}
	id, err := ParseID(in.ID)
	if err != nil {
		return err
	}
	*r = Ref{ID: id, Priority: in.Priority}
	return nil
}

// Compare orders references as they are to be worked on: urgent before normal
// before non-urgent before what is in new/, and in each by arrival.
func (r Ref) Compare(other Ref) int {
	if c := cmp.Compare(uint(r.Priority.rank()), uint(other.Priority.rank())); c != 0 {
		return c
	}
	return cmp.Compare(r.ID, other.ID)
}

// String returns the path below the spool: "q/n/fg/0dk3…".
func (r Ref) String() string {
	if len(r.ID) != IDSize {
		return "q/?/" + strconv.Quote(string(r.ID))
	}
	if r.Priority == 0 {
		return "new/" + string(r.ID)
	}
	return "q/" + string(r.Priority) + "/" + r.ID.shard() + "/" + string(r.ID)
}

// valid reports a reference that must not be made into a path of q/.
func (r Ref) valid() error {
	if _, err := ParseID(string(r.ID)); err != nil {
		return err
	}
	if r.Priority.rank() < 0 {
		return diag.New("spool: "+string(r.ID), diag.Usage,
			fmt.Sprintf("%q is not a priority", byte(r.Priority)))
	}
	return nil
}
