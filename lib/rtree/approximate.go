package rtree

import (
	"math/bits"
	"slices"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"
)

// The approximate match of RFC 1801 §22.4, which X.520 leaves to whoever makes it:
// mta-routing(7) has ours. It is about letters that are mistyped and parts of names that are
// left out; how names sound differs from one language to the next.

// Bounds of a value, so that a comparison costs little whatever anybody sends: what is beyond
// them does not count.
const (
	maxWords  = 8
	maxLetter = 64
)

// phrase is a value that may be matched approximately.
type phrase struct {
	words []word
	whole word   // all of them, written without spaces: there may be one too few or too many
	kind  string // of a domain-defined attribute: its type, which must be equal
}

// word is a sequence of letters and digits.
type word struct {
	letters []rune
	has     uint64 // a bit for each letter that is in it, several letters to a bit
}

func newWord(letters []rune) word {
	w := word{letters: letters[:min(len(letters), maxLetter)]}
	for _, r := range w.letters {
		w.has |= 1 << (uint32(r) % 64)
	}
	return w
}

// newPhrase takes a value apart. Accents, and what a letter is composed of beside itself, are
// left out; an apostrophe is within a word.
func newPhrase(value string) phrase {
	var p phrase
	var one, all []rune
	end := func() {
		if len(one) > 0 && len(p.words) < maxWords {
			p.words = append(p.words, newWord(one))
			all = append(all, one...)
		}
		one = nil
	}
	for _, r := range norm.NFKD.String(strings.ReplaceAll(strings.ToLower(value), "ß", "ss")) {
		switch {
		case unicode.IsLetter(r), unicode.IsDigit(r):
			one = append(one, r)
		case unicode.Is(unicode.Mn, r), r == '\'', r == '’':
		default:
			end()
		}
	}
	end()
	p.whole = newWord(all)
	return p
}

// like tells whether two values match approximately, and in how many words they differ.
func (p *phrase) like(q *phrase) (ok bool, differ int) {
	if p.kind != q.kind || len(p.words) == 0 || len(q.words) == 0 {
		return false, 0
	}
	if len(p.words) > len(q.words) {
		p, q = q, p
	}
	if p.paired(q) {
		for i := range p.words {
			if !slices.ContainsFunc(q.words, func(w word) bool { return slices.Equal(w.letters, p.words[i].letters) }) {
				differ++
			}
		}
		return true, differ
	}
	return len(p.words) < len(q.words) && p.whole.like(q.whole), 1
}

// paired tells whether each word of the one with fewer words has one of the other for itself
// that it is like, or the initial of.
func (p *phrase) paired(q *phrase) bool {
	var of [maxWords]int // by word of q: the word of p it is for, from 1
	for i := range p.words {
		var tried uint16
		if !p.pair(q, i, &of, &tried) {
			return false
		}
	}
	// Initials alone are no match.
	return slices.ContainsFunc(p.words, func(w word) bool {
		return len(w.letters) > 1 && slices.ContainsFunc(q.words, w.like)
	})
}

// pair finds a word for one, if need be by finding others for those that have theirs.
func (p *phrase) pair(q *phrase, i int, of *[maxWords]int, tried *uint16) bool {
	for k := range q.words {
		if *tried&(1<<k) != 0 || !p.words[i].like(q.words[k]) && !p.words[i].initial(q.words[k]) {
			continue
		}
		*tried |= 1 << k
		if of[k] == 0 || p.pair(q, of[k]-1, of, tried) {
			of[k] = i + 1
			return true
		}
	}
	return false
}

// initial tells whether one is the initial of the other.
func (w word) initial(v word) bool {
	return (len(w.letters) == 1 || len(v.letters) == 1) && w.letters[0] == v.letters[0]
}

// The lengths from which on words are alike that differ in one letter, and in two.
const (
	oneFrom = 4
	twoFrom = 8
)

// like tells whether a word is the other but for few letters.
func (w word) like(v word) bool {
	a, b := w.letters, v.letters
	most := 0
	switch longer := max(len(a), len(b)); {
	case longer >= twoFrom:
		most = 2
	case longer >= oneFrom:
		most = 1
	}
	if max(len(a), len(b))-min(len(a), len(b)) > most || bits.OnesCount64(w.has^v.has) > 2*most {
		return false
	}
	if most == 0 {
		return slices.Equal(a, b)
	}
	return distance(a, b) <= most
}

// distance is how many letters are to be put in, taken out or replaced, or have changed places
// with the next, to make one word of the other, none of them twice (the optimal string
// alignment).
func distance(a, b []rune) int {
	var rows [3][maxLetter + 1]int // the last ones of the table, the present one first
	row, last, before := &rows[0], &rows[1], &rows[2]
	for k := range len(b) + 1 {
		row[k] = k
	}
	for i := 1; i <= len(a); i++ {
		row, last, before = before, row, last
		row[0] = i
		for k := 1; k <= len(b); k++ {
			cost := 1
			if a[i-1] == b[k-1] {
				cost = 0
			}
			row[k] = min(last[k]+1, row[k-1]+1, last[k-1]+cost)
			if i > 1 && k > 1 && a[i-1] == b[k-2] && a[i-2] == b[k-1] {
				row[k] = min(row[k], before[k-2]+1)
			}
		}
	}
	return row[len(b)]
}
