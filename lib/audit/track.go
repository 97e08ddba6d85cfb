package audit

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

// maxNames is up to how many names looking for each is cheaper than decoding a line.
const maxNames = 32

// Track returns what the event log knows of a message, oldest first: every record
// with the spool identifier, or the beginning of it, the MTS identifier or the
// content identifier given, those of what was made from it here, those of the reports
// about it, and those of the peers that any of these waited for at the time. Asked for
// what was made here from another message, it begins with that.
func Track(dir string, since time.Time, id string) ([]Record, error) {
	parents := map[string]string{}
	found, err := track(dir, since, id, parents)
	at := slices.IndexFunc(found, func(r Record) bool { return r.ID != "" })
	if err != nil || at < 0 {
		return found, err
	}
	root := found[at].ID
	for range parents {
		root = cmp.Or(parents[root], root)
	}
	if root == found[at].ID {
		return found, nil
	}
	return track(dir, since, root, parents)
}

// track is Track from the message asked for on. What relatives of that identifier were
// made from is noted in parents: they share its beginning.
func track(dir string, since time.Time, id string, parents map[string]string) ([]Record, error) {
	const shortest = 4                    // fewer characters begin too many identifiers
	family := map[string]bool{}           // spool identifiers
	subjects := map[string]bool{id: true} // MTS identifiers
	waits := waits{down: map[spool.Hop]Record{}, of: map[string]map[spool.Hop]bool{}}
	// Lines with none of the names of the family need not be decoded.
	names := [][]byte{inJSON(cmp.Or(spool.ID(id).Moment(), id))}
	want := func(line []byte) bool {
		return len(names) > maxNames || aboutPeers(line) || slices.ContainsFunc(names, func(name []byte) bool { return bytes.Contains(line, name) })
	}
	join := func(kin map[string]bool, name string) {
		if name != "" && !kin[name] {
			kin[name] = true
			names = append(names, inJSON(name))
		}
	}
	var found []Record
	_, err := scan(dir, since, want, func(r Record) error {
		if r.Parent != "" && spool.ID(r.ID).Moment() == spool.ID(id).Moment() {
			parents[r.ID] = r.Parent
		}
		switch {
		case r.Event == Started:
			clear(waits.down)
			return nil
		case r.Event == PeerDown, r.Event == PeerUp:
			if waits.peer(r) {
				found = append(found, r)
			}
			return nil
		case r.ID == "" && r.MTSID != id:
			return nil
		case r.ID == id, r.MTSID == id, r.ContentID == id && id != "",
			len(id) >= shortest && strings.HasPrefix(r.ID, id),
			r.Parent != "" && family[r.Parent],
			r.Subject != "" && subjects[r.Subject]:
			join(family, r.ID)
			join(subjects, r.MTSID)
		case !family[r.ID]:
			return nil
		}
		found = append(found, waits.message(r)...)
		found = append(found, r)
		return nil
	})
	return found, err
}

// inJSON is a text as it stands in a line of the log, its quotes left out.
func inJSON(text string) []byte {
	quoted, _ := json.Marshal(text) // a string always encodes
	return quoted[1 : len(quoted)-1]
}

// Summary is the record's story in words, for people.
func (r Record) Summary() string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch {
	case r.Originator != "" && r.Kind == string(spool.KindProbe):
		add("probe, of a content of %d octets, from %s", r.ProbeSize, r.Originator)
	case r.Originator != "":
		add("from %s", r.Originator)
	}
	if len(r.Recipients) > 0 {
		add("to %s", strings.Join(r.Recipients, ", "))
	}
	if r.Parent != "" {
		add("%s of %s", r.Step, r.Parent)
	}
	if r.Child != "" {
		add("into %s", r.Child)
	}
	if r.Reason != nil {
		add("%s (%d)", mts.ReasonCode(*r.Reason), *r.Reason)
	}
	if r.Diagnostic != nil {
		add("%s (%d)", mts.DiagnosticCode(*r.Diagnostic), *r.Diagnostic)
	}
	if r.Attempt > 0 {
		add("attempt %d", r.Attempt)
	}
	if !r.Until.IsZero() {
		add("until %s", r.Until.UTC().Format(time.RFC3339))
	}
	if r.Again {
		add("sent before without an answer: perhaps there twice")
	}
	switch {
	case r.Subject != "" && r.Text != "":
		add("about %s: %s", r.Subject, r.Text)
	case r.Subject != "":
		add("about %s", r.Subject)
	case r.Text != "":
		parts = append(parts, r.Text)
	}
	if r.Who != "" {
		add("by %s", r.Who)
	}
	// Set and rule, each once: they say nothing new of a message to many.
	rules := slices.DeleteFunc(slices.Clone(r.Rules), func(rule string) bool { return rule == "" })
	slices.Sort(rules)
	if rules = slices.Compact(rules); len(rules) > 0 {
		add("judged by %s", strings.Join(rules, ", "))
	}
	return strings.Join(parts, "; ")
}
