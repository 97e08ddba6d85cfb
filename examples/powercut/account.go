package main

import (
	"bufio"
	"cmp"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtakit/mtakit/examples/p1driver"
)

// account is what came of the messages of one file system and one kind of cut.
type account struct {
	cuts         int
	acknowledged int // messages
	places       int // their recipients
	lost         int
	extra        int // arrivals after the first
	doubts       int // attempts that the source did not get an answer to
	reports      int // distinct ones
	damaged      int // files in bad/
	service      []time.Duration
	faults       []string
}

var columns = []string{"file system", "barrier", "cut", "cuts", "acknowledged", "recipients", "lost", "arrived again", "in doubt", "reports", "in bad/", "to service s (median/longest)"}

func (r *account) cells(what setting) []string {
	cells := []string{what.system, what.barrier, what.mode.String()}
	for _, n := range []int{r.cuts, r.acknowledged, r.places, r.lost, r.extra, r.doubts, r.reports, r.damaged} {
		cells = append(cells, strconv.Itoa(n))
	}
	return append(cells, spread(r.service))
}

// most bounds how many faults of one kind are told.
const most = 10

func (r *account) fault(format string, args ...any) {
	text := fmt.Sprintf(format, args...)
	kind, _, _ := strings.Cut(text, ":")
	same := 0
	for _, f := range r.faults {
		if strings.HasPrefix(f, kind+":") {
			same++
		}
	}
	if same < most {
		r.faults = append(r.faults, text)
	}
}

// place is one recipient of one message.
type place struct {
	mtsID  string
	number int
}

func (p place) String() string { return p.mtsID + " recipient " + strconv.Itoa(p.number) }

// take compares what the source was told with what arrived.
func (r *account) take(s *mta, source *p1driver.Source, reports, beyond *p1driver.Book) error {
	arrived, err := mailbox(filepath.Join(s.dir, "mailbox/ann"))
	if err != nil {
		return err
	}
	for _, a := range beyond.Arrivals() {
		for _, n := range a.Numbers {
			p := place{a.MTSID, n}
			arrived[p] = append(arrived[p], a.Digest)
		}
	}
	told := map[place]map[string]p1driver.Reported{}
	for _, a := range reports.Arrivals() {
		if a.Report == nil {
			r.fault("came back: %s", a.MTSID)
			continue
		}
		for _, about := range a.Report.Recipients {
			p := place{a.Report.Subject, about.Number}
			if told[p] == nil {
				told[p] = map[string]p1driver.Reported{}
			}
			told[p][a.Report.MTSID] = about
		}
	}
	known, err := events(filepath.Join(s.dir, "log"))
	if err != nil {
		return err
	}
	if r.damaged, err = count(filepath.Join(s.dir, "spool/bad")); err != nil {
		return err
	}
	distinct := map[string]bool{}
	entries := source.Entries()
	for _, id := range sorted(entries) {
		e := entries[id]
		for _, a := range e.Attempts {
			if a.Outcome == p1driver.InDoubt {
				r.doubts++
			}
		}
		if !e.Acknowledged() {
			r.fault("not acknowledged: %s", id)
			continue
		}
		r.acknowledged++
		if !known[id] {
			r.fault("not in the event log: %s", id)
		}
		want := sha256.Sum256(e.Message.Content)
		for i, rcpt := range e.Message.Recipients {
			p := place{id, i + 1}
			r.places++
			got := arrived[p]
			delete(arrived, p)
			if len(got) == 0 {
				r.lost++
				r.fault("LOST: %v", p)
			}
			r.extra += max(0, len(got)-1)
			for _, digest := range got {
				if digest != want {
					r.fault("another content: %v", p)
				}
			}
			owed := 0
			if rcpt.Request == p1driver.Delivery {
				owed = 1
			}
			// A message that the switch has twice, because it was cut between its yes and
			// the source, is two messages to it, with a report each.
			if n := len(told[p]); n < owed || n > owed*max(1, len(got)) {
				r.fault("reports: %v has %d, and arrived %d times", p, n, len(got))
			}
			for report, about := range told[p] {
				distinct[report] = true
				if !about.Delivered {
					r.fault("reported as not delivered: %v", p)
				}
			}
			delete(told, p)
		}
	}
	for p := range arrived {
		r.fault("never sent: %v arrived", p)
	}
	for p := range told {
		r.fault("never sent: %v was reported on", p)
	}
	r.reports = len(distinct)
	return nil
}

// mailbox reads what was delivered, by recipient.
func mailbox(dir string) (map[place][][sha256.Size]byte, error) {
	arrived := map[place][][sha256.Size]byte{}
	paths, err := filepath.Glob(filepath.Join(dir, "*.json"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		var d struct {
			Name, MTSID string
			N           int
		}
		text, err := os.ReadFile(path)
		if err == nil {
			err = json.Unmarshal(text, &d)
		}
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		content, err := os.ReadFile(filepath.Join(dir, d.Name+".content"))
		if err != nil {
			return nil, err
		}
		p := place{d.MTSID, d.N}
		arrived[p] = append(arrived[p], sha256.Sum256(content))
	}
	return arrived, nil
}

// events are the MTS identifiers of the messages whose arrival the event log knows.
func events(dir string) (map[string]bool, error) {
	known := map[string]bool{}
	paths, err := filepath.Glob(filepath.Join(dir, "*"))
	if err != nil {
		return nil, err
	}
	for _, path := range paths {
		f, err := os.Open(path)
		if err != nil {
			return nil, err
		}
		lines := bufio.NewScanner(f)
		lines.Buffer(nil, 1<<20)
		for lines.Scan() {
			var e struct{ Event, MTSID string }
			// What a cut has torn is no line of JSON.
			if json.Unmarshal(lines.Bytes(), &e) == nil && (e.Event == "transfer-in" || e.Event == "recovered") {
				known[e.MTSID] = true
			}
		}
		if err := cmp.Or(lines.Err(), f.Close()); err != nil {
			return nil, err
		}
	}
	return known, nil
}

// count counts the messages in a directory that may be missing.
func count(dir string) (int, error) {
	entries, err := os.ReadDir(dir)
	n := 0
	for _, e := range entries {
		if filepath.Ext(e.Name()) == "" {
			n++
		}
	}
	if os.IsNotExist(err) {
		err = nil
	}
	return n, err
}

func sorted[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
