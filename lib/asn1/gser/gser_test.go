package gser

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/diag"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]Value{
		`TRUE`:              Boolean(true),
		`-5`:                Integer(-5),
		`next-tree-only`:    Identifier("next-tree-only"),
		`1.3.6.1.4.1.453.7`: Identifier("1.3.6.1.4.1.453.7"),
		`"say ""so"""`:      String(`say "so"`),
		`""`:                String(""),
		`'4D5441'H`:         {Kind: Octets, Text: "MTA"},
		`min-size:10`:       Alternative("min-size", Integer(10)),
		`{ }`:               ListOf(),
		`{}`:                ListOf(),
		`{ "a", "b" }`:      ListOf(String("a"), String("b")),
		`{a,b}`:             ListOf(Identifier("a"), Identifier("b")),
		`{ a }`:             ListOf(Identifier("a")),
		`{ a:1 }`:           ListOf(Alternative("a", Integer(1))),
		`{ { from { "PRMD=A" } }, { } }`: ListOf(
			Value{}.With("from", ListOf(String("PRMD=A"))), ListOf()),
		` { name "cn=MTA-B,o=x", weight 5 } `: Value{}.With("name", String("cn=MTA-B,o=x")).With("weight", Integer(5)),
	} {
		got, err := Parse(text)
		if err != nil || cmp.Diff(want, got) != "" {
			t.Errorf("%s: %v %s", text, err, cmp.Diff(want, got))
		}
	}
}

func TestParseErrors(t *testing.T) {
	for text, want := range map[string]string{
		``:                                       "octet 1: a value is missing",
		`"a`:                                     "octet 3: the closing quotation mark is missing",
		`'0G'H`:                                  "octet 1: octets: ",
		`'00`:                                    "octet 1: octets are written '…'H",
		`{ a 1 b 2 }`:                            "octet 7: a comma or } is missing",
		`{ a 1, 2 }`:                             "octet 9: some of the components have an identifier, and some have not",
		`{ a 1,`:                                 "octet 7: a value is missing",
		`{ "a"`:                                  "octet 6: a comma or } is missing",
		`a b`:                                    "octet 3: something follows the value",
		`5:1`:                                    `octet 2: "5" is no identifier`,
		"\xff":                                   "is not UTF-8",
		strings.Repeat("{", 100):                 "octet 17: values in values more than 16 deep",
		`"` + strings.Repeat("a", MaxSize) + `"`: "a value has at most 1048576",
	} {
		_, err := Parse(text)
		if err == nil || !strings.Contains(err.Error(), want) || diag.KindOf(err) != diag.Data {
			t.Errorf("%.40s: %v, not %s", text, err, want)
		}
	}
}

// What is written is read as the same value.
func TestRoundTrip(t *testing.T) {
	name := rapid.StringMatching(`[a-z]([a-z0-9]|-[a-z0-9]){0,6}`)
	var value func(depth int) *rapid.Generator[Value]
	value = func(depth int) *rapid.Generator[Value] {
		return rapid.Custom(func(t *rapid.T) Value {
			kinds := 6
			if depth == 3 {
				kinds = 3
			}
			switch rapid.IntRange(0, kinds-1).Draw(t, "kind") {
			case 1:
				return String(rapid.String().Draw(t, "text"))
			case 2:
				return Value{Kind: Octets, Text: string(rapid.SliceOf(rapid.Byte()).Draw(t, "octets"))}
			case 3:
				v := ListOf(value(depth+1).Draw(t, "first")).Components[0].Value
				return Value{}.With(name.Draw(t, "name"), v).With(name.Draw(t, "name"), value(depth+1).Draw(t, "second"))
			case 4:
				return ListOf(rapid.SliceOfN(value(depth+1), 0, 3).Draw(t, "list")...)
			case 5:
				return Alternative(name.Draw(t, "name"), value(depth+1).Draw(t, "one"))
			}
			return Identifier(name.Draw(t, "word"))
		})
	}
	rapid.Check(t, func(t *rapid.T) {
		want := value(0).Draw(t, "value")
		got, err := Parse(want.String())
		if err != nil || cmp.Diff(want, got) != "" {
			t.Fatalf("%s: %v %s", want, err, cmp.Diff(want, got))
		}
	})
}

// What is read is read again, from what it is written as, as the same.
func FuzzParse(f *testing.F) {
	for _, seed := range []string{`{ name "cn=MTA-B,o=x", weight 5 }`, `{ min-size:10, 'FF'H, "a""b" }`, `{ { }, a }`} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		v, err := Parse(text)
		if err != nil {
			return
		}
		again, err := Parse(v.String())
		if err != nil || cmp.Diff(v, again) != "" {
			t.Fatalf("%q: %v %s", v.String(), err, cmp.Diff(v, again))
		}
	})
}
