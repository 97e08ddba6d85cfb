package rtree

import (
	"slices"
	"testing"

	"pgregory.net/rapid"
)

// mta-routing(7) tells when two values match approximately.
func TestSection22_4_ApproximateMatch(t *testing.T) {
	for _, tt := range []struct {
		a, b string
		like bool
	}{
		{"Smith", "smith", true},
		{"Smith", "Smyth", true},         // another letter
		{"Smith", "Smiht", true},         // two that have changed places
		{"Smith", "Smth", true},          // one that is missing
		{"Smith", "Smitth", true},        // one too many
		{"Smith", "Smtih", true},         // likewise
		{"Smith", "Simht", false},        // two such
		{"Ann", "Anne", true},            // the longer has four letters
		{"Ann", "Ana", false},            // none in three
		{"Bob", "Bo", false},             // likewise
		{"Mitchell", "Michel", true},     // two in eight
		{"Mitchell", "Mikkel", false},    // four
		{"Müller", "Muller", true},       // an accent
		{"Müller", "Mueller", true},      // and a letter more
		{"Straße", "Strasse", true},      // ß
		{"Smith", "J. Smith", true},      // RFC 1801: "try J. Smith or P. Smith"
		{"Smith", "Smith, P.", true},     // in whatever order
		{"John Smith", "J Smith", true},  // an initial
		{"John Smith", "K Smith", false}, // another one
		{"J S", "John Smith", false},     // initials alone
		{"J", "John", false},             // likewise
		{"J", "J", false},                // likewise
		{"Ann Ann", "Ann Bob", false},    // no two like the same
		{"Ann Smith", "Smith Ann", true},
		{"John Smith", "John Jones", false},
		{"Mac Donald", "MacDonald", true}, // without spaces
		{"O'Neil", "Oneil", true},
		{"O’Neill", "O'Neil", true},
		{"Desk 12", "Desk 13", false},
		{"Desk 1234", "Desk 1235", true},
		{"Иванов", "Иванова", true},
		{"", "", false},
		{"...", "...", false},
		{"a b c d e f g h i", "a b c d e f g h", false},
		{"anna b c d e f g h extra", "anna b c d e f g h other", true}, // only eight words count
	} {
		a, b := newPhrase(tt.a), newPhrase(tt.b)
		if got, _ := a.like(&b); got != tt.like {
			t.Errorf("%q is like %q: %v", tt.a, tt.b, got)
		}
	}
}

// Who is like another, the other is like; what is equal is like itself but for initials; the
// filter of letters keeps nothing out.
func TestApproximateMatchIsSymmetric(t *testing.T) {
	value := rapid.OneOf(rapid.StringMatching(`([A-Ca-c]{1,9}[ '-]?){0,4}`), rapid.String(), rapid.StringMatching(`[a-z]{60,70}`))
	rapid.Check(t, func(t *rapid.T) {
		x, y := value.Draw(t, "x"), value.Draw(t, "y")
		a, b := newPhrase(x), newPhrase(y)
		one, _ := a.like(&b)
		other, _ := b.like(&a)
		if one != other {
			t.Fatalf("%q is like %q: %v, but %v the other way round", x, y, one, other)
		}
		full := slices.ContainsFunc(a.words, func(w word) bool { return len(w.letters) > 1 })
		if self, differ := a.like(&a); full && (!self || differ > 0) {
			t.Fatalf("%q is not like itself", x)
		}
		if len(a.words) > 0 && len(b.words) > 0 {
			v, w := a.words[0], b.words[0]
			near := distance(v.letters, w.letters) <= map[bool]int{false: 1, true: 2}[max(len(v.letters), len(w.letters)) >= twoFrom] && max(len(v.letters), len(w.letters)) >= oneFrom
			if v.like(w) != (near || slices.Equal(v.letters, w.letters)) {
				t.Fatalf("%q and %q: %v", string(v.letters), string(w.letters), v.like(w))
			}
		}
	})
}

// A value of outside origin costs little, whatever it is.
func FuzzApproximateMatch(f *testing.F) {
	f.Add("Ann Smith", "Smiht, A.")
	f.Add("ﷺﷺﷺ", "\xff\xfe")
	f.Fuzz(func(t *testing.T, x, y string) {
		a, b := newPhrase(x), newPhrase(y)
		if len(a.words) > maxWords || len(a.whole.letters) > maxLetter {
			t.Fatal("not bounded")
		}
		one, _ := a.like(&b)
		if other, _ := b.like(&a); one != other {
			t.Fatal("not symmetric")
		}
	})
}
