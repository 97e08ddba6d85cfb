package p1

import (
	"bufio"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
)

// word is a state as the table has it: the phase, and what else is the case.
func word(m Association) string {
	words := []string{m.Phase.String()}
	if m.Unbinds {
		words[0] += ", unbinds"
	}
	if m.Phase < Sealed {
		words = append(words, m.Turn.String())
	}
	if m.Wanted {
		words = append(words, "wanted")
	}
	if m.Sending {
		words = append(words, "sending")
	}
	if m.Untold > 0 {
		words = append(words, fmt.Sprintf("%d untold", m.Untold))
	}
	if m.Receiving {
		words = append(words, "receiving")
	}
	return strings.Join(words, ", ")
}

func wordsOf(actions []AssociationAction) string {
	var words []string
	for _, a := range actions {
		words = append(words, a.String())
	}
	return strings.Join(words, ", ")
}

// reachable returns every state an association can come to, with at most one
// outcome untold: more are counted.
func reachable() []Association {
	var all []Association
	for _, unbinds := range []bool{false, true} {
		all = append(all, Association{Unbinds: unbinds}, Association{Unbinds: unbinds, Turn: TurnOurs})
	}
	for i := 0; i < len(all); i++ {
		for ev := range End + 1 {
			m := all[i]
			if m.Step(ev); m.Untold <= 1 && !slices.Contains(all, m) {
				all = append(all, m)
			}
		}
	}
	return all
}

// TestAssociationTable holds the machine to its table: every event in every state.
func TestAssociationTable(t *testing.T) {
	type row struct{ do, next string }
	table := map[string]row{}
	f, err := os.Open("testdata/use.txt")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }() // it was only read
	state := ""
	for in := bufio.NewScanner(f); in.Scan(); {
		line := in.Text()
		switch {
		case line == "" || line[0] == '#':
		case line[0] != '\t':
			state = line
			table[state] = row{}
		default:
			event, rest, ok := strings.Cut(strings.TrimSpace(line), ": ")
			do, next, ok2 := strings.Cut(rest, "-> ")
			if !ok || !ok2 {
				t.Fatalf("%q", line)
			}
			table[state+"/"+event] = row{strings.TrimSpace(do), next}
		}
	}
	used := map[string]bool{}
	for _, m := range reachable() {
		state := word(m)
		if _, ok := table[state]; !ok {
			t.Errorf("no state %q in the table", state)
		}
		used[state] = true
		for ev := range End + 1 {
			key := state + "/" + ev.String()
			want, ok := table[key]
			if !ok {
				want = row{"", state} // no row: nothing happens
			}
			used[key] = true
			after := m
			if got := (row{wordsOf(after.Step(ev)), word(after)}); got != want {
				t.Errorf("%s: %s: got %q, want %q", state, ev, got, want)
			}
		}
	}
	for key := range table {
		if !used[key] {
			t.Errorf("no association comes to %q", key)
		}
	}
}

// TestAssociationPromises: what follows from the table and is relied on.
func TestAssociationPromises(t *testing.T) {
	for _, m := range reachable() {
		for ev := range End + 1 {
			after := m
			do := after.Step(ev)
			wrong := func(why string) { t.Errorf("%s: %s: %s -> %s: %s", word(m), ev, wordsOf(do), word(after), why) }
			if slices.Contains(do, Transfer) && (m.Turn != TurnOurs || m.Sending || m.Phase != Bound) {
				wrong("a transfer without the turn, beside another, or of an association about to end")
			}
			if slices.Contains(do, GiveTurn) && (after.Sending || !m.Wanted && ev != TurnPlease) {
				wrong("the turn given in a transfer, or to nobody who wants it")
			}
			open := after.Sending || after.Receiving || after.Untold > 0
			if open && (slices.Contains(do, Unbind) || slices.Contains(do, Abort) || slices.Contains(do, Terminate)) {
				wrong("ended with something in transit or an outcome untold")
			}
			if slices.Contains(do, Unbind) && !m.Unbinds {
				wrong("unbound by a responder")
			}
			if after.Phase < m.Phase && ev != UnbindFailed {
				wrong("back from its end")
			}
		}
		// Whatever the state, an association that has ended terminates once what is open is closed.
		ended := m
		did := ended.Step(End)
		for range 3 {
			did = append(did, ended.Step(TransferResponse)...)
			did = append(did, ended.Step(TransferConfirm)...)
			did = append(did, ended.Step(OutcomeTold)...)
		}
		if want := m.Phase != Ended; slices.Contains(did, Terminate) != want || ended.Phase != Ended {
			t.Errorf("%s: after its end %s, %s", word(m), wordsOf(did), word(ended))
		}
	}
}
