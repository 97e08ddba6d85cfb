package spool

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
)

// InBad returns the file in bad/ of the message whose identifier is id or, if it is the
// only one, begins so; "" for none.
func (s *Spool) InBad(id string) string {
	names, err := readNames(s.dir + "/bad")
	if err != nil {
		return "" // whoever asks wants the message, and it is not where it should be
	}
	found := ""
	for _, name := range names {
		if id == "" || !strings.HasPrefix(name, id) || !isID(name) {
			continue
		}
		if found != "" {
			return ""
		}
		found = s.dir + "/bad/" + name
	}
	return found
}

// Find returns where messages lie whose identifier begins with prefix, in q/
// and, with a Ref without priority, in new/; urgent first, oldest first, those
// of new/ last. None is no error. It needs no lock; what moves meanwhile may be
// found in two places or none.
func (s *Spool) Find(prefix string) ([]Ref, error) {
	if prefix == "" || !isPrefix(prefix) {
		return nil, diag.New("spool: find "+strconv.Quote(clip(prefix)), diag.Usage, "not the beginning of an identifier")
	}
	var found []Ref
	if len(prefix) == IDSize {
		for _, p := range [...]Priority{Urgent, Normal, NonUrgent, 0} {
			ref := Ref{ID: ID(prefix), Priority: p}
			if _, err := os.Lstat(s.path(ref)); err == nil {
				found = append(found, ref)
			} else if !errors.Is(err, fs.ErrNotExist) {
				return nil, fail("find", err)
			}
		}
		return found, nil
	}
	err := s.eachName(func(p Priority, _, name string) error {
		if strings.HasPrefix(name, prefix) && isID(name) {
			found = append(found, Ref{ID: ID(name), Priority: p})
		}
		return nil
	})
	if err != nil {
		return nil, fail("find", err)
	}
	names, err := readNames(s.dir + "/new")
	if err != nil {
		return nil, fail("find", err)
	}
	for _, name := range names {
		if strings.HasPrefix(name, prefix) && isID(name) {
			found = append(found, Ref{ID: ID(name)})
		}
	}
	slices.SortFunc(found, Ref.Compare)
	return found, nil
}
