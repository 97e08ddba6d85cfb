package tableconf

import (
	"errors"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

type entry struct {
	Name  string        `toml:"name"`
	Waits conf.Duration `toml:"waits"`
}

func (entry) Default() any { return entry{Waits: 7} }

type other struct {
	Entries  []entry        `toml:"entry"`
	Channels []conf.Channel `toml:"channel"`
}

// Another file of tables is read as strictly as mta.toml: with the defaults of its
// entries, and with every error at its line.
func TestDecode(t *testing.T) {
	var o other
	none := func() []*conf.Fault { return nil }
	if err := Decode([]byte("[[entry]]\nname = \"a\"\n[[channel]]\nname = \"p1\"\n"), "x", &o, none); err != nil {
		t.Fatal(err)
	}
	if o.Entries[0] != (entry{"a", 7}) || o.Channels[0].MaxJobs != conf.NewChannel().MaxJobs {
		t.Errorf("%+v", o)
	}
	err := Decode([]byte("[[entry]]\nnam = 1\n\n[[entry]]\nwaits = \"x\"\n"), "x", &o, func() []*conf.Fault {
		t.Error("checked, though a key is unknown")
		return nil
	})
	if diag.KindOf(err) != diag.Config || !strings.Contains(err.Error(), "x:2: [[entry]] number 1: nam: unknown key") || !strings.Contains(err.Error(), "x:5: [[entry]] number 2: waits:") {
		t.Errorf("%v", err)
	}
	err = Decode([]byte("\n[[entry]]\nname = \"a\"\n"), "x", &o, func() []*conf.Fault {
		return []*conf.Fault{{Table: "entry", Name: "a", Key: "name", Err: errors.New("is no good")}}
	})
	if err == nil || err.Error() != "x:3: [[entry]] \"a\": name: is no good" {
		t.Errorf("%v", err)
	}
}
