package audit

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"

	"github.com/mtakit/mtakit/lib/diag"
)

// Tail reads what is added to the event log below a directory from now on.
type Tail struct {
	dir  string
	name string // of the file being read; empty before there is one
	off  int64  // of the first octet not read
}

// NewTail begins at the present end of the log, which need not exist yet.
func NewTail(dir string) (*Tail, error) {
	t := &Tail{dir: dir}
	names, err := files(dir)
	if err != nil && diag.KindOf(err) != diag.NoInput {
		return nil, err
	}
	if len(names) == 0 {
		return t, nil
	}
	t.name = filepath.Base(names[len(names)-1])
	st, err := os.Stat(names[len(names)-1])
	if err != nil {
		return nil, diag.E("event log", diag.KindOf(err), err)
	}
	t.off = st.Size()
	return t, nil
}

// Next calls visit for each whole record that has been added since; lines that are no
// records are skipped.
func (t *Tail) Next(visit func(Record)) error {
	names, err := files(t.dir)
	if err != nil && diag.KindOf(err) != diag.NoInput {
		return err
	}
	for _, name := range names {
		base := filepath.Base(name)
		if base < t.name {
			continue
		}
		if base > t.name {
			t.name, t.off = base, 0
		}
		if err := t.read(name, visit); err != nil {
			return err
		}
	}
	return nil
}

func (t *Tail) read(name string, visit func(Record)) (err error) {
	f, err := os.Open(name)
	if err != nil {
		return diag.E("event log", diag.KindOf(err), err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	if _, err := f.Seek(t.off, io.SeekStart); err != nil {
		return diag.E("event log", diag.IO, err)
	}
	lines := bufio.NewReader(f)
	for {
		line, err := lines.ReadBytes('\n')
		switch {
		case errors.Is(err, io.EOF):
			return nil // half a line is read again when it is whole
		case err != nil:
			return diag.E("event log", diag.IO, err)
		}
		t.off += int64(len(line))
		var r Record
		if len(line) <= maxRecord && json.Unmarshal(bytes.TrimSpace(line), &r) == nil && r.Event != "" {
			visit(r)
		}
	}
}
