package tableconf

import (
	"os"

	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

const wholeFile = "../ldapconf/testdata/whole.toml"

// What is written is read as the same configuration, with and without the defaults.
func TestEncode(t *testing.T) {
	file, err := os.ReadFile(wholeFile)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string][]byte{"whole": file, "default": Default("MTA-A", Options{})} {
		want, err := Parse(text, name, "/etc/mta")
		if err != nil {
			t.Fatal(err)
		}
		for how, encode := range map[string]func(*conf.Config) ([]byte, error){"Encode": Encode, "EncodeAll": EncodeAll} {
			written, err := encode(want)
			if err != nil {
				t.Fatal(err)
			}
			got, err := Parse(written, how, "/etc/mta")
			if err != nil {
				t.Fatalf("%s: %v\n%s", name, err, written)
			}
			if diff := cmp.Diff(want, got, cmpopts.IgnoreFields(conf.Config{}, "Version"), cmpopts.EquateEmpty()); diff != "" {
				t.Errorf("%s, %s: %s\n%s", name, how, diff, written)
			}
		}
	}
}

const ourFile = `# of us
[identity]
mta = "MTA-A" # our name
domain = "/PRMD=A/ADMD=T/C=GB/"

[schedule]
backoff-peer = { first = "1s", step = "1s", ceiling = "1m" } # soon

[[channel]]
name = "p1"
kind = "x400p1"

[[peer]]
name = "MTA-B"
channel = "p1"
content-types = [
	"p2", # the old ones
	"p22",
] # and no others
`

// Set changes one value, and nothing else of the file.
func TestSet(t *testing.T) {
	for _, tt := range []struct{ key, value, was, is string }{
		{"identity.mta", "MTA-X", `mta = "MTA-A" # our name`, `mta = "MTA-X" # our name`},
		{"peer[MTA-B].content-types", `["p22"]`, "[\n\t\"p2\", # the old ones\n\t\"p22\",\n] # and", `["p22"] # and`},
		{"peer[1].max-associations", "3", "[[peer]]\n", "[[peer]]\nmax-associations = 3\n"},
		{"channel[p1].enabled", "false", "[[channel]]\n", "[[channel]]\nenabled = false\n"},
		{"schedule.starvation", "5m", "[schedule]\n", "[schedule]\nstarvation = \"5m\"\n"},
		{"schedule.backoff-peer", `{ first = "2s", step = "1s", ceiling = "1m" }`, `first = "1s"`, `first = "2s"`},
	} {
		c, err := Parse([]byte(ourFile), "small", "/")
		if err != nil {
			t.Fatal(err)
		}
		k, err := FindKey(c, tt.key)
		if err != nil {
			t.Errorf("%s: %v", tt.key, err)
			continue
		}
		got, err := Set([]byte(ourFile), "small", "/", k, tt.value)
		if err != nil {
			t.Errorf("%s: %v", tt.key, err)
			continue
		}
		if diff := cmp.Diff(strings.Replace(ourFile, tt.was, tt.is, 1), string(got)); diff != "" {
			t.Errorf("%s: %s", tt.key, diff)
		}
	}
	c, err := Parse([]byte(ourFile), "small", "/")
	if err != nil {
		t.Fatal(err)
	}
	k, err := FindKey(c, "limits.recipients")
	if err != nil {
		t.Fatal(err)
	}
	got, err := Set([]byte(ourFile), "small", "/", k, "7")
	if err != nil || string(got) != ourFile+"\n[limits]\nrecipients = 7\n" {
		t.Errorf("%v\n%s", err, got)
	}
}

// What would be wrong is not set, and says why.
func TestSetErrors(t *testing.T) {
	c, err := Parse([]byte(ourFile), "small", "/")
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		key, value, want string
		kind             diag.Kind
	}{
		{"peer[MTA-X].mode", "x", "peer[MTA-X].mode: there is no [[peer]] MTA-X", diag.Usage},
		{"peer[MTA-B.mode", "x", "the ] is missing", diag.Usage},
		{"limits.recipient", "1", "there is no key recipient", diag.Usage},
		{"limits", "1", "is a table, not a value", diag.Usage},
		{"identity.mta.name", "1", "identity.mta has nothing below it", diag.Usage},
		{"schedule.backoff-peer.first", "2s", "stands in an inline table", diag.Usage},
		{"limits.recipients", "many", "small:", diag.Config},
		{"identity.mta", "Ä", "small:", diag.Config},
	} {
		k, err := FindKey(c, tt.key)
		if err == nil {
			_, err = Set([]byte(ourFile), "small", "/", k, tt.value)
		}
		if err == nil || !strings.Contains(err.Error(), tt.want) || diag.KindOf(err) != tt.kind {
			t.Errorf("%s: %v, not %s", tt.key, err, tt.want)
		}
	}
	if _, err := FindKey(c, "limits.recipient"); diag.HintOf(err) != "did you mean recipients?" {
		t.Errorf("hint %q", diag.HintOf(err))
	}
}

func TestGet(t *testing.T) {
	c, err := Parse([]byte(ourFile), "small", "/")
	if err != nil {
		t.Fatal(err)
	}
	for key, want := range map[string]string{
		"identity.domain":           "/PRMD=A/ADMD=T/C=GB/",
		"peer[MTA-B].content-types": "p2\np22",
		"peer[MTA-B].two-way":       "true",
		"limits.message-size":       "100MiB",
		"schedule.backoff-peer":     `{ first = "1s", step = "1s", ceiling = "1m" }`,
	} {
		k, err := FindKey(c, key)
		if err != nil {
			t.Errorf("%s: %v", key, err)
			continue
		}
		if got, err := Get(c, k); err != nil || got != want {
			t.Errorf("%s is %q, not %q: %v", key, got, want, err)
		}
	}
}

func TestDiff(t *testing.T) {
	was, err := Parse([]byte(ourFile), "small", "/")
	if err != nil {
		t.Fatal(err)
	}
	is, err := Parse([]byte(strings.Replace(strings.Replace(ourFile, `"MTA-B"`, `"MTA-C"`, 1), `[schedule]`, "[schedule]\nstarvation = \"5m\"", 1)), "other", "/")
	if err != nil {
		t.Fatal(err)
	}
	want := []Difference{{"schedule.starvation", `"10m"`, `"5m"`}, {"peer[MTA-B]", "…", ""}, {"peer[MTA-C]", "", "…"}}
	got := Diff(was, is)
	for i := range got {
		for _, text := range []*string{&got[i].Was, &got[i].Is} {
			if strings.HasPrefix(*text, "{ name = ") {
				*text = "…"
			}
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if same := Diff(was, was); len(same) > 0 {
		t.Errorf("it is not what it is: %v", same)
	}
}
