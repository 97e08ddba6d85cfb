package spool_test

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"github.com/mtakit/mtakit/lib/spool"
)

// scene is a spool in which one message can be put into any state of
// mtaspool(5).
type scene struct {
	t   *testing.T
	s   *spool.Spool
	l   *spool.Lock
	ref spool.Ref
	env *spool.Envelope
}

func newScene(t *testing.T) *scene {
	s := openSpool(t)
	return &scene{t: t, s: s, l: lock(t, s), ref: spool.Ref{ID: spool.NewID(then), Priority: spool.Normal}, env: envelope()}
}

func (c *scene) path(name string) string { return filepath.Join(c.s.Dir(), name) }

// submit leaves new/ID.
func (c *scene) submit() {
	w, err := c.s.CreateNew(c.ref.ID)
	if err := errors.Join(err, w.Finish(c.env), w.Commit()); err != nil {
		c.t.Fatal(err)
	}
}

func (c *scene) log(rs ...spool.Record) {
	if err := c.s.Append(c.ref, rs...); err != nil {
		c.t.Fatal(err)
	}
}

// begun leaves a file of a writer that has died before its last line.
func (c *scene) begun(path string) { write(c.t, c.path(path), make([]byte, 5000)) }

// child makes the child of the message for recipient 1, or others, and damages its
// content if asked to.
func (c *scene) child(p spool.Priority, damaged bool, recipients ...int) (spool.Ref, *spool.Envelope) {
	c.t.Helper()
	if recipients == nil {
		recipients = []int{1}
	}
	ref, env := c.childBy("shape", p, recipients...)
	if damaged {
		b, err := os.ReadFile(c.path(ref.String()))
		if err != nil {
			c.t.Fatal(err)
		}
		b[0] ^= 1
		write(c.t, c.path(ref.String()), b)
	}
	return ref, env
}

// childBy makes the child of the message by a step for some recipients.
func (c *scene) childBy(step string, p spool.Priority, recipients ...int) (spool.Ref, *spool.Envelope) {
	env := envelope()
	env.Parent, env.Step, env.ParentRecipients = c.ref.ID, step, recipients
	ref := spool.Ref{ID: spool.ChildID(c.ref.ID, step, recipients), Priority: p}
	accept(c.t, c.s, ref, []byte("child"), env)
	return ref, env
}

// result is what a start finds, and what is there afterwards.
type result struct {
	items []spool.Item
	files []string
}

// without is the result of a log by which the child goes.
func (c *scene) without(log ...spool.Record) result {
	c.log(log...)
	return result{[]spool.Item{{Ref: c.ref, Envelope: c.env, Log: log}}, []string{c.ref.String(), c.ref.String() + ".log"}}
}

// named is the result of a log in which the start names the child.
func (c *scene) named(child spool.Ref, env *spool.Envelope, log ...spool.Record) result {
	c.log(log...)
	log = append(log, spool.ChildRecord(env, env.Accepted))
	return result{[]spool.Item{{Ref: child, Envelope: env}, {Ref: c.ref, Envelope: c.env, Log: log}},
		[]string{child.String(), c.ref.String(), c.ref.String() + ".log"}}
}

// Every row of the tables of states: what is there, what a start finds, and
// what is there afterwards.
func TestStates(t *testing.T) {
	for name, arrange := range map[string]func(*scene) result{
		"S0 nothing": func(c *scene) result { return result{} },
		"S1 being written": func(c *scene) result {
			w, err := c.s.CreateNew(c.ref.ID)
			if err != nil {
				c.t.Fatal(err)
			}
			c.t.Cleanup(func() { w.Close() })
			return result{files: []string{"tmp/" + string(c.ref.ID)}}
		},
		"S1 dead writer": func(c *scene) result {
			c.begun("tmp/" + string(c.ref.ID))
			return result{}
		},
		"S2 accepted": func(c *scene) result {
			c.submit()
			return result{files: []string{"new/" + string(c.ref.ID)}}
		},
		"S2 with memory": func(c *scene) result { // an adoption that a cut took back
			c.submit()
			c.log(records(1)...)
			return result{files: []string{"new/" + string(c.ref.ID), c.ref.String() + ".log"}}
		},
		"S3 being written in place": func(c *scene) result {
			w, err := c.s.CreateInPlace(c.ref)
			if err != nil {
				c.t.Fatal(err)
			}
			c.t.Cleanup(func() { w.Close() })
			return result{files: []string{c.ref.String()}}
		},
		"S3 dead writer": func(c *scene) result {
			c.begun(c.ref.String())
			return result{items: []spool.Item{{Ref: c.ref, Removed: true}}}
		},
		"S4, S5 whole": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			return result{[]spool.Item{{Ref: c.ref, Envelope: c.env}}, []string{c.ref.String()}}
		},
		"S6 with memory": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.log(records(2)...)
			return result{[]spool.Item{{Ref: c.ref, Envelope: c.env, Log: records(2)}},
				[]string{c.ref.String(), c.ref.String() + ".log"}}
		},
		"S6 torn": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			write(c.t, c.path(c.ref.String()+".log"), []byte("\n12345678 {\"t\":"))
			c.log(records(1)...)
			return result{[]spool.Item{{Ref: c.ref, Envelope: c.env, Log: records(1), Torn: 1}},
				[]string{c.ref.String(), c.ref.String() + ".log"}}
		},
		"S7 done with": func(c *scene) result {
			c.log(records(1)...)
			return result{}
		},
		"S8 damaged, though accepted": func(c *scene) result {
			c.begun(c.ref.String())
			c.log(records(1)...)
			id := "bad/" + string(c.ref.ID)
			return result{[]spool.Item{{Ref: c.ref, Damaged: spool.ErrIncomplete}}, []string{id, id + ".log", id + ".why"}}
		},
		"moved, the log left behind": func(c *scene) result {
			c.log(records(2)...)
			moved := spool.Ref{ID: c.ref.ID, Priority: spool.Urgent}
			accept(c.t, c.s, moved, nil, c.env)
			return result{[]spool.Item{{Ref: moved, Envelope: c.env, Log: records(2)}},
				[]string{moved.String(), moved.String() + ".log"}}
		},
		"moved, both with a log": func(c *scene) result {
			c.log(records(1)...)
			moved := spool.Ref{ID: c.ref.ID, Priority: spool.Urgent}
			accept(c.t, c.s, moved, nil, c.env)
			if err := c.s.Append(moved, records(1)...); err != nil {
				c.t.Fatal(err)
			}
			return result{[]spool.Item{{Ref: moved, Envelope: c.env, Log: append(records(1), records(1)...)}},
				[]string{moved.String(), moved.String() + ".log"}}
		},
		"child not whole, no record": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child := spool.Ref{ID: spool.ChildID(c.ref.ID, "shape", []int{1}), Priority: spool.Normal}
			c.begun(child.String())
			items := []spool.Item{{Ref: c.ref, Envelope: c.env}, {Ref: child, Removed: true}}
			slices.SortFunc(items, func(a, b spool.Item) int { return a.Ref.Compare(b.Ref) })
			return result{items, []string{c.ref.String()}}
		},
		"child whole, no record": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.child(spool.Urgent, false)
			named := []spool.Record{spool.ChildRecord(env, env.Accepted)}
			return result{[]spool.Item{{Ref: child, Envelope: env}, {Ref: c.ref, Envelope: c.env, Log: named}},
				[]string{child.String(), c.ref.String(), c.ref.String() + ".log"}}
		},
		"child whole, no record, parent in new/": func(c *scene) result {
			c.submit()
			child, env := c.child(spool.NonUrgent, false)
			return result{[]spool.Item{{Ref: child, Envelope: env}},
				[]string{child.String(), "new/" + string(c.ref.ID), c.ref.String() + ".log"}}
		},
		"child damaged, no record": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.child(spool.NonUrgent, true)
			return result{[]spool.Item{{Ref: c.ref, Envelope: c.env}}, []string{c.ref.String()}}
		},
		"child damaged, record": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.child(spool.NonUrgent, true)
			named := []spool.Record{spool.ChildRecord(env, then)}
			c.log(named...)
			bad := "bad/" + string(child.ID)
			return result{[]spool.Item{{Ref: c.ref, Envelope: c.env, Log: named}, {Ref: child, Damaged: spool.ErrDamaged}},
				[]string{bad, bad + ".why", c.ref.String(), c.ref.String() + ".log"}}
		},
		"child whole, record": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.child(spool.NonUrgent, false)
			named := []spool.Record{spool.ChildRecord(env, then)}
			c.log(named...)
			return result{[]spool.Item{{Ref: c.ref, Envelope: c.env, Log: named}, {Ref: child, Envelope: env}},
				[]string{child.String(), c.ref.String(), c.ref.String() + ".log"}}
		},
		"two children whole that share a recipient, no record": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.child(spool.Urgent, false, 1, 2)
			if other, of := c.child(spool.Urgent, false, 2, 3); other.ID < child.ID {
				child, env = other, of
			}
			named := []spool.Record{spool.ChildRecord(env, env.Accepted)}
			return result{[]spool.Item{{Ref: child, Envelope: env}, {Ref: c.ref, Envelope: c.env, Log: named}},
				[]string{child.String(), c.ref.String(), c.ref.String() + ".log"}}
		},
		"child whole, record of another that shares a recipient": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.child(spool.Urgent, false, 1, 2)
			named := []spool.Record{{Time: then, Kind: spool.RecordChild, Recipients: []int{2}, Child: spool.ChildID(c.ref.ID, "shape", []int{2}), Step: "shape"}}
			c.log(named...)
			return result{[]spool.Item{{Ref: c.ref, Envelope: c.env, Log: named}}, []string{c.ref.String(), c.ref.String() + ".log"}}
		},
		"child whole, record of one by another step": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.child(spool.Urgent, false, 1, 2)
			named := []spool.Record{{Time: then, Kind: spool.RecordChild, Recipients: []int{2}, Child: spool.ChildID(c.ref.ID, "report", []int{2}), Step: "report"}}
			c.log(named...)
			named = append(named, spool.ChildRecord(env, env.Accepted))
			return result{[]spool.Item{{Ref: child, Envelope: env}, {Ref: c.ref, Envelope: c.env, Log: named}},
				[]string{child.String(), c.ref.String(), c.ref.String() + ".log"}}
		},
		"child whole, record for some of its recipients": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.child(spool.Urgent, false, 1, 2)
			whole := spool.ChildRecord(env, env.Accepted)
			torn := whole
			torn.Recipients = []int{1}
			c.log(torn)
			return result{[]spool.Item{{Ref: child, Envelope: env}, {Ref: c.ref, Envelope: c.env, Log: []spool.Record{torn, whole}}},
				[]string{child.String(), c.ref.String(), c.ref.String() + ".log"}}
		},
		"child whole, record of one by another step that ends a recipient, too": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.child(spool.Urgent, false, 1, 2)
			return c.without(spool.Record{Time: then, Kind: spool.RecordChild, Recipients: []int{2}, Child: spool.ChildID(c.ref.ID, "turn", []int{2}), Step: "turn"})
		},
		"child whole, no record, a recipient held": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.child(spool.Urgent, false, 1, 2)
			return c.without(spool.Record{Time: then, Kind: spool.RecordHold, Recipients: []int{2}})
		},
		"child whole, no record, all held": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.child(spool.Urgent, false, 1, 2)
			return c.without(spool.Record{Time: then, Kind: spool.RecordHold})
		},
		"child whole, no record, a recipient deleted": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.child(spool.Urgent, false, 1, 2)
			return c.without(spool.Record{Time: then, Kind: spool.RecordOutcome, Recipients: []int{1}, Outcome: "deleted"})
		},
		"child whole, no record, a recipient diverted": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.child(spool.Urgent, false, 1, 2)
			return c.without(spool.Record{Time: then, Kind: spool.RecordDivert, Recipients: []int{1}})
		},
		"child whole, no record, a recipient released and in doubt": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.child(spool.Urgent, false, 1, 2)
			return c.named(child, env, spool.Record{Time: then, Kind: spool.RecordHold, Recipients: []int{1, 3}},
				spool.Record{Time: then, Kind: spool.RecordRelease, Recipients: []int{1}},
				spool.Record{Time: then, Kind: spool.RecordOutcome, Recipients: []int{1}, Outcome: "deferred"},
				spool.Record{Time: then, Kind: spool.RecordOutcome, Recipients: []int{2}, Outcome: spool.OutcomeInDoubt},
				spool.Record{Time: then, Kind: spool.RecordOutcome, Recipients: []int{3}, Outcome: "failed"})
		},
		"child whole, record for some of its recipients, the others held in progress": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.child(spool.Urgent, false, 1, 2)
			torn := spool.ChildRecord(env, env.Accepted)
			torn.Recipients = []int{1}
			return c.named(child, env, spool.Record{Time: then, Kind: spool.RecordHold, Recipients: []int{1, 2}}, torn)
		},
		"report whole, no record, of one who was held and has ended": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			child, env := c.childBy("report", spool.Urgent, 1)
			return c.named(child, env, spool.Record{Time: then, Kind: spool.RecordHold, Recipients: []int{1}},
				spool.Record{Time: then, Kind: spool.RecordOutcome, Recipients: []int{1}, Outcome: "failed"})
		},
		"child gone, record": func(c *scene) result {
			accept(c.t, c.s, c.ref, nil, c.env)
			c.log(spool.Record{Time: then, Kind: spool.RecordChild, Recipients: []int{1}, Child: c.ref.ID})
			return result{[]spool.Item{{Ref: c.ref, Envelope: c.env,
				Log: []spool.Record{{Time: then, Kind: spool.RecordChild, Recipients: []int{1}, Child: c.ref.ID}}}},
				[]string{c.ref.String(), c.ref.String() + ".log"}}
		},
		"child whole, parent gone": func(c *scene) result {
			child, env := c.child(spool.NonUrgent, false)
			return result{[]spool.Item{{Ref: child, Envelope: env}}, []string{child.String()}}
		},
	} {
		t.Run(name, func(t *testing.T) {
			c := newScene(t)
			want := arrange(c)
			c.l.File().Close() // the holder dies
			lock(t, c.s)
			// A second start finds what the first has left: nothing moves on.
			for range 2 {
				got := result{items: load(t, c.s), files: files(t, c.s)}
				if diff := cmp.Diff(want, got, cmp.AllowUnexported(result{}), cmpopts.EquateErrors(),
					cmpopts.EquateEmpty(), cmpopts.SortSlices(func(a, b string) bool { return a < b })); diff != "" {
					t.Fatalf("(-want +got)\n%s", diff)
				}
				for i := 0; i < len(want.items); i++ {
					if want.items[i].Damaged != nil || want.items[i].Removed {
						want.items = append(want.items[:i], want.items[i+1:]...)
						i--
					}
				}
			}
		})
	}
}

// files lists the files below the directories of messages.
func files(t *testing.T, s *spool.Spool) []string {
	t.Helper()
	var found []string
	for _, pattern := range []string{"new/*", "tmp/*", "bad/*", "partial/*", "q/*/*/*"} {
		paths, err := filepath.Glob(filepath.Join(s.Dir(), pattern))
		if err != nil {
			t.Fatal(err)
		}
		for _, path := range paths {
			rel, err := filepath.Rel(s.Dir(), path)
			if err != nil {
				t.Fatal(err)
			}
			found = append(found, rel)
		}
	}
	return found
}

func TestLoadOrder(t *testing.T) {
	s := openSpool(t)
	lock(t, s)
	var want []spool.Ref
	for _, p := range spool.Priorities() {
		for i := range 20 {
			want = append(want, spool.Ref{ID: spool.NewID(then.AddDate(0, 0, i)), Priority: p})
		}
	}
	for i := range want {
		accept(t, s, want[len(want)-1-i], nil, envelope())
	}
	var got []spool.Ref
	b, err := s.Recover()
	if err != nil {
		t.Fatal(err)
	}
	if b.Len() != len(want) {
		t.Errorf("%d listed", b.Len())
	}
	stop := errors.New("stop")
	err = b.Load(func(i spool.Item) error {
		got = append(got, i.Ref)
		if len(got) == len(want)-1 {
			return stop
		}
		return nil
	})
	if !errors.Is(err, stop) {
		t.Errorf("the visitor's error became %v", err)
	}
	if diff := cmp.Diff(want[:len(want)-1], got); diff != "" {
		t.Error(diff)
	}
}

func TestReclaim(t *testing.T) {
	c := newScene(t)
	id := func() spool.Ref { return spool.Ref{ID: spool.NewID(then), Priority: spool.Normal} }
	known, stray, dead, living, damaged := id(), id(), id(), id(), id()
	accept(t, c.s, known, nil, envelope())
	env := envelope()
	accept(t, c.s, stray, []byte("x"), env)
	c.begun(dead.String())
	w, err := c.s.CreateInPlace(living)
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	if err := w.Finish(envelope()); err != nil {
		t.Fatal(err)
	}
	accept(t, c.s, damaged, nil, envelope())
	b, err := os.ReadFile(c.path(damaged.String()))
	if err != nil {
		t.Fatal(err)
	}
	b[len(b)-2] ^= 1
	write(t, c.path(damaged.String()), b)

	got := make(map[spool.Ref]spool.Item)
	err = c.s.Reclaim(func(ref spool.Ref) bool { return ref == known },
		func(i spool.Item) error { got[i.Ref] = i; return nil })
	if err != nil {
		t.Fatal(err)
	}
	want := map[spool.Ref]spool.Item{
		stray:   {Ref: stray, Envelope: env},
		damaged: {Ref: damaged, Damaged: spool.ErrDamaged},
	}
	if diff := cmp.Diff(want, got, cmpopts.EquateErrors()); diff != "" {
		t.Error(diff)
	}
	for path, there := range map[string]bool{known.String(): true, stray.String(): true, dead.String(): false,
		living.String(): true, damaged.String(): false, "bad/" + string(damaged.ID): true} {
		if exists(c.path(path)) != there {
			t.Errorf("%s: there %v", path, !there)
		}
	}
}
