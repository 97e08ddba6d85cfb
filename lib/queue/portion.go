package queue

import (
	"errors"
	"io/fs"
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// list puts the recipients of a message into the portion. There is no filter yet, for that
// does not need the keeper.
func (i *Inquiry) list(ref spool.Ref) {
	rows, err := i.k.rows(i.rows, ref)
	switch {
	case err == nil:
		i.rows = rows
	case !errors.Is(err, fs.ErrNotExist): // done meanwhile
		i.trouble(err)
	}
}

// passed calls f with the rows of the portion that the filter lets through.
func (i *Inquiry) passed(f func(*Row)) {
	all := i.m == nil || i.m.Filter == (Filter{})
	for rows := i.rows; len(rows) > 0; {
		n := 1
		for !all && n < len(rows) && rows[n].ID == rows[0].ID { // of one message
			n++
		}
		if all || i.m.passes(rows[:n]) {
			for r := range rows[:n] {
				f(&rows[r])
			}
		}
		rows = rows[n:]
	}
}

// AppendLines appends the lines of the portion that Look has found: none, if it has found
// nothing that the filter lets through.
func (i *Inquiry) AppendLines(b []byte) ([]byte, error) {
	i.sort()
	var err error
	i.passed(func(r *Row) {
		if err == nil {
			b, err = r.appendLine(b)
		}
	})
	for a := range i.answers {
		if err == nil {
			b, err = i.answers[a].AppendLine(b)
		}
	}
	i.rows, i.answers = i.rows[:0], nil
	return b, err
}

// Next is Look for who wants the answers themselves.
func (i *Inquiry) Next(now time.Time) (answers []Answer, more bool) {
	i.sort()
	more = i.Look(now)
	i.passed(func(r *Row) { answers = append(answers, Answer{Row: r}) })
	answers = append(answers, i.answers...)
	i.rows, i.answers = nil, nil
	return answers, more
}

// Serve answers a request in one go: emit hears every line, and done is called once
// after the last.
func (k *Keeper) Serve(now time.Time, q Request, emit func(Answer), done func()) {
	i := k.Inquire(now, q)
	for more := true; more; {
		var answers []Answer
		answers, more = i.Next(now)
		for _, a := range answers {
			emit(a)
		}
	}
	i.Finish(func(answers []Answer) {
		for _, a := range answers {
			emit(a)
		}
		done()
	})
}
