// Package spif is the security policy: a Security Policy Information File (X.841
// §6.2) in the Open XML form of schema versions 1.0, 2.0 and 2.1, compiled into a
// Policy. A Policy knows which labels are valid, decides whether a clearance
// reaches a label, says how a label reads on a carrier and what label a reading
// means, and converts labels into the policies it has equivalences for. A Set has
// the policies of a switch.
//
// Answers are verdicts, which say what stands in the way. Whatever is in doubt is
// in the way: an unknown policy, component, classification or category, a tag with
// nothing in it that should permit something, an equivalence that is ambiguous or
// that would loosen a restriction.
//
// A Policy and a Set never change once made, and are safe for use by many at once.
package spif
