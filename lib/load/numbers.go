package load

import "math/bits"

// numbers is a set of numbers of messages, of at most MaxMessages.
type numbers struct {
	words []uint64
	count int64
}

// add puts a number in; it is false if it was there.
func (s *numbers) add(n uint64) bool {
	word, bit := n/64, uint64(1)<<(n%64)
	if more := int(word) + 1 - len(s.words); more > 0 {
		s.words = append(s.words, make([]uint64, more)...)
	}
	if s.words[word]&bit != 0 {
		return false
	}
	s.words[word] |= bit
	s.count++
	return true
}

// without is how many are not in the other.
func (s *numbers) without(other *numbers) (n int64) {
	for i, word := range s.words {
		if i < len(other.words) {
			word &^= other.words[i]
		}
		n += int64(bits.OnesCount64(word))
	}
	return n
}
