package rule

import (
	"errors"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/diag"
)

// TestParse: what is read is written in one way.
func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":              "",
		"# nothing\n\n": "",
		"a: then allow": "a: then allow",
		"a: if from = \"/PRMD=ALPHA/ADMD=TEST/C=GB/\" then\n\tallow # yes":                                             `a: if from = "/PRMD=ALPHA/ADMD=TEST/C=GB/" then allow`,
		`a: if size > 10MiB and recipients>=100 or priority < urgent then hold "too \"much\" \\"`:                      `a: if (size > 10MiB and recipients >= 100) or priority < urgent then hold "too \"much\" \\"`,
		`a: if not (kind = probe or not sics = 0) then refuse`:                                                         `a: if not (kind = probe or not sics = 0) then refuse reason transfer-failure-for-security-reason diagnostic security-policy-violation`,
		`a: then refuse "no" reason 1 diagnostic 0`:                                                                    `a: then refuse "no" reason unable-to-transfer diagnostic unrecognised-OR-name`,
		`a: then refuse reason unable-to-transfer`:                                                                     `a: then refuse reason unable-to-transfer diagnostic none`,
		`a: then refuse diagnostic none`:                                                                               `a: then refuse reason unable-to-transfer diagnostic none`,
		`a: if from in ("*@example.com", "ann@example.org") then redirect to "CN=arch; C=GB; A=TEST"`:                  `a: if from in ("*@example.com", "ann@example.org") then redirect to "/CN=arch/ADMD=TEST/C=GB/"`,
		`a: if channel-out not in ("p1-*", "local") then continue`:                                                     `a: if channel-out not in ("p1-*", "local") then continue`,
		`a: if content-type in (22, P772, 1.3.6.1.5.5) then add "/CN=a/ADMD=TEST/C=GB/"`:                               `a: if content-type in (p22, p772, 1.3.6.1.5.5) then add "/CN=a/ADMD=TEST/C=GB/"`,
		`a: if client-address in ("192.0.2.1", "2001:db8::/32") then allow, by channel "p1", by peer "B", by peer "C"`: `a: if client-address in ("192.0.2.1", "2001:db8::/32") then allow, by channel "p1", by peer "B", by peer "C"`,
		`a: if time = "mon,tue 08:00-18:00" then continue, add "/CN=a/ADMD=TEST/C=GB/"`:                                `a: if time = "Mon-Tue 08:00-18:00" then add "/CN=a/ADMD=TEST/C=GB/"`,
		`a: then refuse reason: then allow`:                                                                            "a: then refuse reason transfer-failure-for-security-reason diagnostic security-policy-violation\nreason: then allow",
		"a: then hold\nb-2.c_d: if sic = \"ABC\" then allow":                                                           "a: then hold\nb-2.c_d: if sic = \"ABC\" then allow",
		`a: then allow, require "sign", by peer "B"`:                                                                   `a: then allow, by peer "B", require "sign"`,
		`a: if (((from = "C=*"))) then allow`:                                                                          `a: if from = "C=*" then allow`,
	} {
		rules, err := Parse(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := written(rules); got != want {
			t.Errorf("%s\nis read as\n%s\nnot\n%s", text, got, want)
		}
	}
}

func written(rules []Rule) string {
	lines := make([]string, len(rules))
	for i := range rules {
		lines[i] = rules[i].String()
	}
	return strings.Join(lines, "\n")
}

// TestFaults: a fault is told with its place, and does not hide those of other rules.
func TestFaults(t *testing.T) {
	for text, want := range map[string]string{
		"allow":                                           "line 1, column 1: \"allow\", where the name of a rule and a colon should be",
		"a":                                               "line 1, column 1: \"a\", where the name of a rule and a colon should be",
		"a:":                                              "line 1, column 3, rule a: the end of the rules, where \"then\" should be",
		"a: allow":                                        "line 1, column 4, rule a: \"allow\", where \"then\" should be",
		"if: then allow":                                  "line 1, column 1: if is a word of the language, and no name",
		"a: then":                                         "line 1, column 8, rule a: the end of the rules, where an action should be",
		"a: then permit":                                  "line 1, column 9, rule a: there is no action \"permit\", but continue, allow, refuse, hold, redirect, add, by, require",
		"a: then allow, refuse":                           "line 1, column 16, rule a: a rule decides one thing",
		"a: then refuse not cleared":                      "line 1, column 16, rule a: \"not\", where a comma, the next rule, or a text in quotation marks should be",
		"a: then allow or b":                              "line 1, column 15, rule a: \"or\", where a comma or the next rule should be",
		"a: if then allow":                                "line 1, column 7, rule a: there is no term \"then\", but from, to, kind,",
		"a: if form = \"x\"":                              "line 1, column 7, rule a: there is no term \"form\", but from, to, kind,",
		"a: if from then":                                 "line 1, column 12, rule a: \"then\", where a comparison, \"in\" or \"not in\" should be",
		"a: if from < \"C=GB\"":                           "line 1, column 12, rule a: from is equal to a value or not, and neither greater nor less",
		"a: if from = GB":                                 "line 1, column 14, rule a: from is compared with a string: \"GB\"",
		"a: if from = \"GB\" then":                        "line 1, column 14, rule a: from: oraddr: parse pattern: GB at 0: no = after the label",
		"a: if from = \"@x\" then":                        "line 1, column 14, rule a: from: \"@x\" is no pattern of Internet addresses",
		"a: if identity = \"\" ":                          "line 1, column 18, rule a: identity: an empty string equals nothing",
		"a: if size > \"1\" ":                             "line 1, column 14, rule a: size is compared with a word without quotation marks",
		"a: if size > -1 ":                                "line 1, column 14, rule a: size: \"-1\" is not a size",
		"a: if size > 1XB ":                               "line 1, column 14, rule a: size: \"1XB\" is not a size",
		"a: if sics > x ":                                 "line 1, column 14, rule a: sics: x is no number from 0 on",
		"a: if priority = high ":                          "line 1, column 18, rule a: priority: high is none of non-urgent, normal, urgent",
		"a: if content-type = p9 ":                        "line 1, column 22, rule a: content-type: mts: content type: ",
		"a: if time = \"6-7\" ":                           "line 1, column 14, rule a: time: \"6-7\" is not a window",
		"a: if size in 1 then":                            "line 1, column 15, rule a: \"1\", where an opening parenthesis should be",
		"a: if size in (1 then":                           "line 1, column 18, rule a: \"then\", where a comma or a closing parenthesis should be",
		"a: if (size = 1 then":                            "line 1, column 17, rule a: \"then\", where \"and\", \"or\" or a closing parenthesis should be",
		"a: if size ! 1 then":                             "line 1, column 12, rule a: \"!\", where a comparison, \"in\" or \"not in\" should be",
		"a: if from = \"C=GB":                             "line 1, column 14, rule a: a string that does not end",
		"a: if from = \"C=GB\nb":                          "line 1, column 14, rule a: a string that does not end on its line",
		"a: if from = \"\\x\"":                            "line 1, column 14, rule a: in a string, \\ stands before",
		"a: if from = \"\xff\"":                           "line 1, column 14, rule a: a string that is not UTF-8",
		"a: if § then":                                    "line 1, column 7, rule a: \"§\" begins no word, string or sign",
		"a: then refuse reason no":                        "line 1, column 23, rule a: \"no\", where a non-delivery-reason-code",
		"a: then redirect \"C=GB\"":                       "line 1, column 18, rule a: the string \"C=GB\", where \"to\", and an address should be",
		"a: then redirect to x":                           "line 1, column 21, rule a: \"x\", where an address as a string should be",
		"a: then add \"C=GB\"":                            "line 1, column 13, rule a: ",
		"a: then by host \"x\"":                           "line 1, column 12, rule a: \"host\", where \"channel\" or \"peer\" should be",
		"a: then allow, require sign":                     "line 1, column 24, rule a: \"sign\", where the name of a step as a string should be",
		"a: then require \"a\", require \"b\"":            "line 1, column 30, rule a: a rule requires one step",
		"a: then refuse, require \"a\"":                   "line 1, column 28, rule a: a step is for what goes to the recipient",
		"a: then hold, by peer \"x\"":                     "line 1, column 26, rule a: what is not allowed goes by no channel and no peer",
		"a: then refuse, add \"/CN=a/ADMD=TEST/C=GB/\"":   "line 1, column 44, rule a: nobody gets what is refused",
		"a: then allow\na: then hold":                     "line 2, column 1, rule a: there is a rule of that name on line 1",
		"a: if client-address = \"192.0.2.1/24\"":         "line 1, column 24, rule a: client-address: 192.0.2.1/24 has bits set beyond its length: 192.0.2.0/24",
		"a: if client-address = \"::ffff:192.0.2.0/120\"": "line 1, column 24, rule a: client-address: ::ffff:192.0.2.0/120: write the IPv4 subnet",
		"a: if client-address = \"host\"":                 "line 1, column 24, rule a: client-address: \"host\" is neither an IP address nor a subnet",
		"a: if " + strings.Repeat("(", MaxDepth+1):        "nested deeper than 50",
		"a: if " + strings.Repeat("not ", MaxDepth+1):     "nested deeper than 50",
		strings.Repeat("a", MaxName+1) + ": then allow":   "a name of 65 octets; the limit is 64",
		"a: if identity = \"" + strings.Repeat("x", MaxString+1) + "\"":     "a string of 4097 octets; the limit is 4096",
		"a: then allow\nb: then x\nc: then allow\nd: then y\ne: then allow": "line 2, column 9, rule b: there is no action \"x\", but continue, allow, refuse, hold, redirect, add, by, require\nline 4, column 9, rule d: there is no action \"y\", but continue, allow, refuse, hold, redirect, add, by, require",
		strings.Repeat("x: no\n", 100):                                      "there may be more faults",
		strings.Repeat(" ", MaxText+1):                                      "4194305 octets; the limit is 4194304",
	} {
		rules, err := Parse(text)
		switch {
		case err == nil:
			t.Errorf("%.80q: read as %s", text, written(rules))
		case !strings.Contains(err.Error(), want), diag.KindOf(err) != diag.Data, rules != nil:
			t.Errorf("%.80q: %v, not %s", text, err, want)
		}
	}
}

// TestBounds: what has a bound is taken up to it.
func TestBounds(t *testing.T) {
	texts := func(n int, each string) string { return strings.Repeat(each, n) }
	for name, c := range map[string]struct {
		within, beyond string
	}{
		"depth":  {"a: if " + texts(MaxDepth-1, "(") + "size = 1" + texts(MaxDepth-1, ")") + " then allow", "a: if " + texts(MaxDepth, "(") + "size = 1" + texts(MaxDepth, ")") + " then allow"},
		"values": {"a: if size in (" + texts(MaxValues-1, "1,") + "1) then allow", "a: if size in (" + texts(MaxValues, "1,") + "1) then allow"},
		"added":  {"a: then " + texts(MaxAdd-1, `add "/CN=a/ADMD=TEST/C=GB/",`) + `add "/CN=a/ADMD=TEST/C=GB/"`, "a: then " + texts(MaxAdd, `add "/CN=a/ADMD=TEST/C=GB/",`) + `add "/CN=a/ADMD=TEST/C=GB/"`},
	} {
		if _, err := Parse(c.within); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := Parse(c.beyond); err == nil {
			t.Errorf("%s: more is taken", name)
		}
	}
}

// FuzzParse: rules that are read are written so that they are read as the same; faults have a
// place in the text.
func FuzzParse(f *testing.F) {
	for _, s := range []string{
		`a: if not (from = "/PRMD=A/ADMD=T/C=GB/" and size >= 10MiB) or kind in (message, probe) then refuse "no" reason 1 diagnostic none`,
		`b: if time not in ("Mon-Fri 08:00-18:00") and client-address = "192.0.2.0/24" then redirect to "/CN=a/ADMD=T/C=GB/", add "/CN=b/ADMD=T/C=GB/"`,
		`c: then allow, by channel "x", by peer "y" # z`, "d: if sic = \"A\\n\\\"\\\\\" then hold \"\"\ne", "refuse: reason: then refuse reason: then hold",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		rules, err := Parse(text)
		if err != nil {
			var at *SyntaxError
			if errors.As(err, &at) && (at.Line < 1 || at.Column < 1 || at.Line > strings.Count(text, "\n")+1) {
				t.Fatalf("%q: %v", text, err)
			}
			return
		}
		once := written(rules)
		again, err := Parse(once)
		if err != nil {
			t.Fatalf("%q is written as %q: %v", text, once, err)
		}
		if twice := written(again); twice != once {
			t.Fatalf("%q is written as %q, and that as %q", text, once, twice)
		}
	})
}
