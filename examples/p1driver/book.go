package p1driver

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"sync"
	"time"
)

// Arrival is an object that was taken and, if Answered is set, acknowledged.
type Arrival struct {
	MTSID       string
	Numbers     []int    // of the recipients the sink became responsible for
	Defined     []string // domain-defined attributes, "type=value": the originator's, then theirs
	Digest      [sha256.Size]byte
	Size        int
	Report      *Report // nil for a message
	Association int
	Octets      int       // that came for it over this association
	RTTRs       int       // that they came in
	Resumed     bool      // the others had come over another
	Started     time.Time // ACTIVITY START
	Stored      time.Time // ACTIVITY END
	Answered    time.Time // acknowledged; zero: the association ended before
}

// Overlap is an object that was being transferred for the same recipient over two
// associations at the same time: something came over the first after the second had
// begun.
type Overlap struct {
	MTSID        string
	Number       int
	Associations [2]int
	At           time.Time
	confirmed    bool
}

// Book is what a sink remembers. It may be shared by several.
type Book struct {
	mu       sync.Mutex
	arrivals []Arrival
	overlaps []Overlap
	moving   map[movement]int
	lastID   int
	asked    []int
	changed  chan struct{}
}

type movement struct {
	mtsID  string
	number int
}

// NewBook makes an empty book.
func NewBook() *Book {
	return &Book{moving: map[movement]int{}, changed: make(chan struct{})}
}

// Arrivals returns what has arrived, in the order of arrival.
func (b *Book) Arrivals() []Arrival {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.arrivals)
}

// Len returns how much has arrived.
func (b *Book) Len() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.arrivals)
}

// Overlaps returns the transfers that were made twice at the same time.
func (b *Book) Overlaps() []Overlap {
	b.mu.Lock()
	defer b.mu.Unlock()
	var all []Overlap
	for _, o := range b.overlaps {
		if o.confirmed {
			all = append(all, o)
		}
	}
	return all
}

// Wait waits until n objects have arrived, or the time is up.
func (b *Book) Wait(n int, most time.Duration) error {
	end := time.After(most)
	for {
		b.mu.Lock()
		have, changed := len(b.arrivals), b.changed
		b.mu.Unlock()
		if have >= n {
			return nil
		}
		select {
		case <-changed:
		case <-end:
			return fmt.Errorf("%d of %d objects have arrived after %v", have, n, most)
		}
	}
}

// Asked returns the priorities with which the turn was asked for.
func (b *Book) Asked() []int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.asked)
}

func (b *Book) asks(priority int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.asked = append(b.asked, priority)
}

func (b *Book) association() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.lastID++
	return b.lastID
}

// moves notes that an object is on its way over an association.
func (b *Book) moves(association int, o *object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range o.numbers {
		key := movement{o.mtsID, n}
		if other, there := b.moving[key]; there && other != association {
			// The other may have ended without the sink having noticed yet.
			b.overlaps = append(b.overlaps, Overlap{MTSID: o.mtsID, Number: n, Associations: [2]int{other, association}, At: time.Now()})
		}
		b.moving[key] = association
	}
}

// lives notes that something came over an association that carries an object.
func (b *Book) lives(association int, o *object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range b.overlaps {
		if w := &b.overlaps[i]; w.MTSID == o.mtsID && w.Associations[0] == association {
			w.confirmed = true
		}
	}
}

func (b *Book) stops(association int, o *object) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range o.numbers {
		if key := (movement{o.mtsID, n}); b.moving[key] == association {
			delete(b.moving, key)
		}
	}
}

func (b *Book) arrived(a Arrival) (index int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.arrivals = append(b.arrivals, a)
	close(b.changed)
	b.changed = make(chan struct{})
	return len(b.arrivals) - 1
}

func (b *Book) answered(index int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.arrivals[index].Answered = time.Now()
}
