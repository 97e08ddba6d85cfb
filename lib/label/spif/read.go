package spif

import (
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/mts"
)

// schemas are the versions of the Open XML form that are understood. That of 3.0
// has another model of markings.
var schemas = []string{"1.0", "2.0", "2.1"}

// Read reads and compiles a policy; name is that of the file, for errors. They are
// of kind Data and say the line. A rule that cannot be understood is an error;
// what can restrict nothing is a warning of Info.
func Read(r io.Reader, name string) (*Policy, error) {
	c := &compiler{file: file{name: name}, p: &Policy{
		classOf:    map[mts.SecurityClassification]*class{},
		classNamed: map[string]*class{},
		setOf:      map[asn1.OID]*tagSet{},
		setNamed:   map[string]*tagSet{},
	}, policies: map[string]asn1.OID{}}
	root, err := c.tree(r)
	if err != nil {
		return nil, err
	}
	if err := c.root(root); err != nil {
		return nil, err
	}
	c.p.info.Warnings = c.warnings
	c.p.prepare()
	return c.p, nil
}

type compiler struct {
	file
	p        *Policy
	policies map[string]asn1.OID // by the names that equivalences use
	later    []func() error      // what refers to what comes after it in the file
	refs     int                 // of requirements that name all of a tag, one for each value
}

// maxReferences bounds them, which are as many as the values times the requirements.
const maxReferences = 1000000

func (c *compiler) root(e *element) (err error) {
	if e.name != "SPIF" {
		return c.errorf(e.line, "<%s> where <SPIF> belongs", e.name)
	}
	p := c.p
	if p.info.Schema, err = c.need(e, "schemaVersion"); err != nil {
		return err
	}
	if !slices.Contains(schemas, p.info.Schema) {
		return c.errorf(e.line, "schemaVersion %q is none of %s", p.info.Schema, strings.Join(schemas, ", "))
	}
	p.info.Version, _ = e.attr("version")
	p.info.Created, _ = e.attr("creationDate")
	p.info.Originator, _ = e.attr("originatorDN")
	for _, ignored := range []string{"keyIdentifier", "userRefURI", "docRefURI"} {
		_, _ = e.attr(ignored) // of no effect here
	}
	if p.notBefore, p.notAfter, err = c.validity(e); err != nil {
		return err
	}
	rbac, _ := e.attr("rbacId")
	privilege, _ := e.attr("privilegeId")
	p.labelSyntax, p.clearanceSyntax = label.SyntaxACP145, label.SyntaxACP145
	if asn1.OID(rbac) == label.SyntaxSDN801 {
		p.labelSyntax = label.SyntaxSDN801
	}
	if asn1.OID(privilege) == label.SyntaxSDN801Clearance {
		p.clearanceSyntax = label.SyntaxSDN801Clearance
	}
	c.unused(e)
	// The names of other policies come first, whatever their place.
	for _, child := range e.children {
		if child.name == "equivalentPolicies" {
			err = c.each(child, map[string]func(*element) error{"equivalentPolicy": c.equivalentPolicy})
		} else if child.name == "defaultSecurityPolicyId" {
			err = c.defaultPolicy(child)
		}
		if err != nil {
			return err
		}
	}
	seen := map[string]bool{}
	once := func(do func(*element) error) func(*element) error {
		return func(e *element) error {
			if seen[e.name] {
				return c.errorf(e.line, "<%s> stands twice", e.name)
			}
			seen[e.name] = true
			return do(e)
		}
	}
	nothing := func(*element) error { return nil }
	err = c.each(e, map[string]func(*element) error{
		"securityPolicyId":        once(c.policyID),
		"securityClassifications": once(c.classifications),
		"securityCategoryTagSets": once(c.tagSets),
		"privacyMarks":            once(c.privacyMarks),
		"equivalentPolicies":      once(nothing),
		"defaultSecurityPolicyId": once(nothing),
		"updateInfo":              once(nothing),
		"markingData":             c.markingData(&p.whole),
		"markingQualifier":        c.markingQualifier(&p.whole),
		"extensions":              once(c.extensions),
	})
	if err != nil {
		return err
	}
	switch {
	case p.id == "":
		return c.errorf(e.line, "<securityPolicyId> is missing")
	case len(p.classes) == 0:
		return c.errorf(e.line, "<securityClassifications> is missing or empty")
	}
	for _, do := range c.later {
		if err := do(); err != nil {
			return err
		}
	}
	slices.SortStableFunc(p.classes, func(a, b *class) int { return compareInt(a.Rank, b.Rank) })
	return nil
}

func compareInt(a, b int64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

func (c *compiler) extensions(e *element) error {
	if len(e.children) > 0 {
		c.warnf(e.line, "extensions of the policy do nothing")
	}
	return nil
}

func (c *compiler) policyID(e *element) (err error) {
	p := c.p
	if p.name, p.id, err = c.named(e); err != nil {
		return err
	}
	return c.each(e, map[string]func(*element) error{
		"markingData": c.markingData(&p.own), "markingQualifier": c.markingQualifier(&p.own),
	})
}

// named reads the name and id of an element.
func (c *compiler) named(e *element) (string, asn1.OID, error) {
	name, err := c.need(e, "name")
	if err != nil {
		return "", "", err
	}
	id, err := c.oid(e, "id")
	return strings.TrimSpace(name), id, err
}

func (c *compiler) oid(e *element, name string) (asn1.OID, error) {
	text, err := c.need(e, name)
	if err != nil {
		return "", err
	}
	oid := asn1.OID(strings.TrimSpace(text))
	if oid.Valid() != nil || len(oid) > 256 {
		return "", c.errorf(e.line, "%s %q is no object identifier", name, text)
	}
	return oid, nil
}

func (c *compiler) defaultPolicy(e *element) error {
	name, id, err := c.named(e)
	if err != nil {
		return err
	}
	c.p.info.Default = id
	c.policies[name] = id
	var none markings
	return c.each(e, map[string]func(*element) error{
		"markingData": c.markingData(&none), "markingQualifier": c.markingQualifier(&none),
	})
}

func (c *compiler) equivalentPolicy(e *element) error {
	name, err := c.need(e, "name")
	if err != nil {
		return err
	}
	name = strings.TrimSpace(name)
	id, err := c.oid(e, "id")
	if err != nil {
		c.warnf(e.line, "the id of equivalent policy %q is no object identifier: its equivalences do nothing", name)
	}
	_, _ = e.attr("userRefURI") // of no effect here
	_, _ = e.attr("docRefURI")
	if other, twice := c.policies[name]; twice && other != id {
		return c.errorf(e.line, "policy %q is both %s and %s", name, other, id)
	}
	c.policies[name] = id
	q := equivalentPolicy{name: name, id: id}
	if err := c.each(e, map[string]func(*element) error{"requiredCategory": c.foreignRequirement(&q.required)}); err != nil {
		return err
	}
	if id != "" {
		c.p.equivalents = append(c.p.equivalents, q)
	}
	return nil
}

// policyRef returns the policy that an equivalence names; one that is not listed
// cannot be meant by anything.
func (c *compiler) policyRef(e *element) (asn1.OID, error) {
	name, err := c.need(e, "policyRef")
	if err != nil {
		return "", err
	}
	id, ok := c.policies[strings.TrimSpace(name)]
	if !ok {
		c.warnf(e.line, "policyRef %q is none of the equivalent policies: the equivalence does nothing", name)
	}
	return id, nil
}

func (c *compiler) validity(e *element) (notBefore, notAfter time.Time, err error) {
	get := func(name string) (t time.Time) {
		text, ok := e.attr(name)
		if !ok || err != nil {
			return t
		}
		for _, layout := range []string{time.RFC3339Nano, "2006-01-02T15:04:05.999999999"} {
			parsed, wrong := time.Parse(layout, strings.TrimSpace(text))
			if wrong == nil {
				return parsed
			}
		}
		err = c.errorf(e.line, "%s %q is no time such as 2026-11-28T12:00:00Z", name, text)
		return t
	}
	return get("notBefore"), get("notAfter"), err
}

func (c *compiler) integer(e *element, name string) (int64, error) {
	text, err := c.need(e, name)
	if err != nil {
		return 0, err
	}
	n, err := strconv.ParseInt(strings.TrimSpace(text), 10, 64)
	if err != nil {
		return 0, c.errorf(e.line, "%s %q is no integer", name, text)
	}
	return n, nil
}

func (c *compiler) boolean(e *element, name string) (bool, error) {
	text, _ := e.attr(name)
	switch strings.TrimSpace(text) {
	case "", "false", "0":
		return false, nil
	case "true", "1":
		return true, nil
	}
	return false, c.errorf(e.line, "%s %q is neither true nor false", name, text)
}

func (c *compiler) classifications(e *element) error {
	_, _ = e.attr("name") // of no effect here
	var group markings
	return c.each(e, map[string]func(*element) error{
		"securityClassification": c.classification,
		"markingData":            c.markingData(&group),
		"markingQualifier":       c.markingQualifier(&group),
	})
}

func (c *compiler) classification(e *element) error {
	k := &class{}
	name, err := c.need(e, "name")
	if err != nil {
		return err
	}
	k.Name = strings.TrimSpace(name)
	value, err := c.integer(e, "lacv")
	if err != nil {
		return err
	}
	if value < 0 || value > label.MaxBit {
		return c.errorf(e.line, "lacv %d of classification %q is not from 0 to %d", value, k.Name, label.MaxBit)
	}
	k.Value = mts.SecurityClassification(value)
	if k.Rank, err = c.integer(e, "hierarchy"); err != nil {
		return err
	}
	if k.Obsolete, err = c.boolean(e, "obsolete"); err != nil {
		return err
	}
	k.Color, _ = e.attr("color")
	if other := c.p.classOf[k.Value]; other != nil {
		return c.errorf(e.line, "classifications %q and %q have the same lacv %d", other.Name, k.Name, value)
	}
	if c.p.classNamed[fold(k.Name)] != nil {
		return c.errorf(e.line, "classification %q stands twice", k.Name)
	}
	c.p.classOf[k.Value], c.p.classNamed[fold(k.Name)] = k, k
	c.p.classes = append(c.p.classes, k)
	return c.each(e, map[string]func(*element) error{
		"equivalentClassification": func(e *element) error { return c.equivalentClass(e, k) },
		"markingData":              c.markingData(&k.marking),
		"markingQualifier":         c.markingQualifier(&k.marking),
		"requiredCategory":         c.requirement(&k.required),
	})
}

func (c *compiler) equivalentClass(e *element, k *class) error {
	policy, err := c.policyRef(e)
	if err != nil {
		return err
	}
	value, err := c.integer(e, "lacv")
	if err != nil {
		return err
	}
	applied, err := c.applied(e)
	if err != nil {
		return err
	}
	q := equivalentClass{policy: policy, value: mts.SecurityClassification(value), applied: applied}
	if err := c.each(e, map[string]func(*element) error{"requiredCategory": c.foreignRequirement(&q.required)}); err != nil {
		return err
	}
	if policy != "" {
		k.equivalents = append(k.equivalents, q)
	}
	return nil
}

func (c *compiler) applied(e *element) (Applied, error) {
	text, err := c.need(e, "applied")
	if err != nil {
		return 0, err
	}
	switch text {
	case "encrypt":
		return Encrypt, nil
	case "decrypt":
		return Decrypt, nil
	case "both":
		return Encrypt | Decrypt, nil
	}
	return 0, c.errorf(e.line, "applied %q is none of encrypt, decrypt, both", text)
}
