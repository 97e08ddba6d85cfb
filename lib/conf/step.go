package conf

import (
	"slices"

	"github.com/mtakit/mtakit/lib/rule"
)

// Step is something that is done with a message for a recipient before it goes on, because a
// rule requires it: a signature is taken off, the label becomes one of another policy, the
// content is signed, in this order.
type Step struct {
	Name     string `json:"name" toml:"name"`
	Channel  string `json:"channel,omitempty" toml:"channel"` // empty: the only one of kind secure; Complete fills it in
	Strip    bool   `json:"strip" toml:"strip"`
	ToPolicy string `json:"to-policy,omitempty" toml:"to-policy"` // a security policy, by name or object identifier; empty: the label stays

	Certificate    string `json:"certificate,omitempty" toml:"certificate"`         // PEM, with its chain; empty: nothing is signed
	Key            string `json:"key,omitempty" toml:"key"`                         // PEM
	PassphraseFile string `json:"passphrase-file,omitempty" toml:"passphrase-file"` // for ReadSecret
}

// maxSteps bounds the steps: each has a key.
const maxSteps = 100

// Step returns the step of a name.
func (c *Config) Step(name string) (*Step, bool) {
	i := slices.IndexFunc(c.Steps, func(s Step) bool { return s.Name == name })
	if i < 0 {
		return nil, false
	}
	return &c.Steps[i], true
}

// steps checks the steps.
func (v *validator) steps() {
	if n := len(v.c.Steps); n > maxSteps {
		v.in("step")
		v.faultf("", "%d of them; there are at most %d", n, maxSteps)
	}
	names := map[string]int{}
	for i := range v.c.Steps {
		s := &v.c.Steps[i]
		v.entry("step", i, s.Name)
		if v.required("name", s.Name) {
			v.once(names, "name", s.Name)
		}
		v.channelOf("channel", s.Channel, KindSecure)
		switch {
		case (s.Certificate == "") != (s.Key == ""):
			v.faultf("key", "a certificate and its key go together")
		case s.PassphraseFile != "" && s.Key == "":
			v.faultf("passphrase-file", "there is no key")
		case !s.Strip && s.ToPolicy == "" && s.Key == "":
			v.faultf("", "it does nothing")
		}
		v.secret("passphrase-file", s.PassphraseFile)
	}
}

// requires checks that the step which a rule requires is there.
func (v *validator) requires(r *rule.Rule) {
	if name := r.Action.Require; name != "" {
		if _, ok := v.c.Step(name); !ok {
			v.faultf("rules", "line %d, rule %s: there is no [[step]] %s", r.Line, r.Name, quote([]byte(name)))
		}
	}
}
