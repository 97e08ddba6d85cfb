package p1driver

import (
	"bytes"
	"fmt"
	"sync"
)

// attic is where a sink keeps what has come of objects whose transfer was interrupted.
type attic struct {
	mu   sync.Mutex
	kept map[string]*remains
}

// remains is what is left of an object: the octets, and where its checkpoints were.
type remains struct {
	octets []byte
	bounds []int // of checkpoint 1 and so on
	taken  bool  // it was stored
}

func (t *attic) put(name string, r *remains) {
	if t == nil || name == "" {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.kept[name] = r
}

func (t *attic) take(name string) *remains {
	if t == nil {
		return nil
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.kept[name]
}

// activityName names an activity of the peer's on a session connection.
func activityName(connection, activity []byte) string {
	return fmt.Sprintf("%x %x", connection, activity)
}

// lose keeps what has come of an object, up to its last checkpoint.
func (in *inbox) lose() {
	if n := len(in.bounds); n > 0 && !in.repeated {
		in.attic.put(in.name, &remains{octets: append([]byte(nil), in.octets[:in.bounds[n-1]]...), bounds: in.bounds})
	}
	in.drop()
}

// resume takes ACTIVITY RESUME: behind a checkpoint of what was kept, or not at all.
func (a *association) resume(in *inbox, s spdu) error {
	connection := a.asked
	if linked := linkedConnection(s.params); len(linked) > 0 {
		connection = linked
	}
	r := in.attic.take(activityName(connection, param(s.params, pgiLinking, piActivity)))
	n := decimal(param(s.params, pgiLinking, piSerial))
	in.drop()
	if r == nil || n < 1 || n > len(r.bounds) {
		const unrecoverable = 6
		in.refusing = true
		a.send(after(siPT, item(siED, item(piReason, []byte{unrecoverable}))))
		return a.flush()
	}
	in.begin(a, s.params)
	in.repeated, in.resumed = r.taken, true
	if !r.taken {
		in.octets = append(in.octets, r.octets[:r.bounds[n-1]]...)
		in.bounds = append([]int(nil), r.bounds[:n]...)
	}
	return in.at(OnStart)
}

// linkedConnection are the parameters 10 to 12 of the linking information.
func linkedConnection(params []byte) []byte {
	var all []byte
	for _, code := range []byte{piCalling, piCommon, piAdditional} {
		if v := param(params, pgiLinking, code); len(v) > 0 {
			all = append(all, item(code, v)...)
		}
	}
	return all
}

// stopped is where a source was interrupted.
type stopped struct {
	octets     []byte // of the object
	connection []byte // parameters 9 to 12
	activity   []byte
	serial     int // the last checkpoint confirmed
	at         int // octets before it
}

// resumption is ACTIVITY RESUME of it under a new identifier.
func (s *stopped) spdu(activity []byte) []byte {
	return item(siAR, item(pgiLinking, s.connection, item(piActivity, s.activity), serial(s.serial)), item(piActivity, activity))
}

// recovers is the connectionData that asks to recover an association (X.228 §9).
func recovers(old []byte) tlv {
	id := c(0xa1)
	for _, code := range []byte{piCalling, piCommon, piAdditional} {
		t, _, err := parse(param(old, code), 0)
		if err != nil {
			continue // not given
		}
		if code == piAdditional {
			t.id = 0x80
		}
		id.parts = append(id.parts, t)
	}
	return id
}

// recovered reads the answer: the same.
func (a *association) recovered(cpa tlv, old []byte) error {
	accept, err := cpa.must(0xa2, 0x61, 0x30, 0xa0, 0x61, 0xbe, 0x28, 0xa0, 0xb1)
	if err != nil {
		return err
	}
	a.agree(accept, 0x80, 0x81)
	id, err := accept.must(0xa2, 0xa1)
	if err != nil {
		return err
	}
	if got, want := (style{}).append(nil, id), (style{}).append(nil, recovers(old)); !bytes.Equal(got, want) {
		return fmt.Errorf("the answer recovers % x and not % x", got, want)
	}
	return nil
}
