package spif

import (
	"fmt"
	"time"

	"github.com/mtakit/mtakit/lib/mts"
)

// A Verdict answers whether a label is valid, may be read, or can be converted.
// The zero Verdict denies.
type Verdict struct {
	Allowed bool
	Reasons []Reason // what stands in the way; none if and only if it is allowed
	Remarks []Reason // what does not stand in the way, and is worth knowing
	Steps   []string // what was found in order on the way, where that was asked for
}

// A Reason is one thing that is wrong.
type Reason struct {
	Word           Word   `json:"word"`
	Text           string `json:"text"`                     // with the names of the policy
	Classification string `json:"classification,omitempty"` // which it is about
	Category       string `json:"category,omitempty"`       // likewise: the name, or set, kind and number
}

// A Word names a reason for programs.
type Word string

// The words. mtactl-label(1) says what each means.
const (
	NoLabel               Word = "no-label"
	NoPolicy              Word = "no-policy"
	UnknownPolicy         Word = "unknown-policy"
	ForeignPolicy         Word = "foreign-policy"
	PolicyNotInForce      Word = "policy-not-in-force"
	NoClassification      Word = "no-classification"
	UnknownClassification Word = "unknown-classification"
	UnknownComponent      Word = "unknown-component"
	UnknownCategory       Word = "unknown-category"
	AmbiguousCategory     Word = "ambiguous-category"
	EmptyCategory         Word = "empty-category"
	CategoryNotInForce    Word = "category-not-in-force"
	TooMany               Word = "too-many"
	TooFew                Word = "too-few"
	RequiredCategory      Word = "required-category"
	ExcludedCategory      Word = "excluded-category"
	RequiredClass         Word = "required-classification"
	ExcludedClass         Word = "excluded-classification"
	NoClearance           Word = "no-clearance"
	ClassNotHeld          Word = "classification-not-held"
	RestrictiveNotHeld    Word = "restrictive-not-held"
	PermissiveNotHeld     Word = "permissive-not-held"
	NoEquivalent          Word = "no-equivalent"
	AmbiguousEquivalent   Word = "ambiguous-equivalent"
	WeakerEquivalent      Word = "weaker-equivalent"
	Obsolete              Word = "obsolete"  // a remark
	Discarded             Word = "discarded" // a remark
	Added                 Word = "added"     // a remark
	Hidden                Word = "hidden"    // a remark
)

// Words are all of them, in the order of mtactl-label(1).
func Words() []Word {
	return []Word{NoLabel, NoPolicy, UnknownPolicy, ForeignPolicy, PolicyNotInForce, NoClassification,
		UnknownClassification, UnknownComponent, UnknownCategory, AmbiguousCategory, EmptyCategory,
		CategoryNotInForce, TooMany, TooFew, RequiredCategory, ExcludedCategory, RequiredClass, ExcludedClass,
		NoClearance, ClassNotHeld, RestrictiveNotHeld, PermissiveNotHeld, NoEquivalent, AmbiguousEquivalent,
		WeakerEquivalent, Obsolete, Discarded, Added, Hidden}
}

// Deny returns the verdict that something else than a policy comes to.
func Deny(word Word, text string) Verdict {
	return Verdict{Reasons: []Reason{{Word: word, Text: text}}}
}

// maxReasons bounds what is told of a label in which everything is wrong.
const maxReasons = 32

// judge comes to one verdict.
type judge struct {
	p       *Policy
	now     time.Time
	explain bool
	v       Verdict
}

func (j *judge) deny(r Reason) {
	if len(j.v.Reasons) < maxReasons {
		j.v.Reasons = append(j.v.Reasons, r)
	}
}

// remark keeps what does not matter to the verdict, where someone wants to know.
func (j *judge) remark(r Reason) {
	if len(j.v.Remarks) < maxReasons {
		j.v.Remarks = append(j.v.Remarks, r)
	}
}

// step is called with explain set only, or from where an allocation does not count.
func (j *judge) step(format string, args ...any) {
	if j.explain && len(j.v.Steps) < 10*maxReasons {
		j.v.Steps = append(j.v.Steps, fmt.Sprintf(format, args...))
	}
}

func (j *judge) verdict() Verdict {
	j.v.Allowed = len(j.v.Reasons) == 0
	return j.v
}

// className is how texts call the classification of a number.
func (p *Policy) className(n mts.SecurityClassification) string {
	if c := p.classOf[n]; c != nil {
		return c.Name
	}
	return fmt.Sprintf("%d", int64(n))
}

func (c *category) called() string { return c.Set + "=" + c.Name }
