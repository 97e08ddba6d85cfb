package main

import (
	"encoding/hex"
	"errors"
	"fmt"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/label"
	"github.com/mtakit/mtakit/lib/label/spif"
)

// labelRecord is a label or clearance as JSON; numbers beside their names.
type labelRecord struct {
	Policy             string           `json:"policy,omitempty"`
	PolicyName         string           `json:"policyName,omitempty"`
	Classification     *int64           `json:"classification,omitempty"`
	ClassificationName string           `json:"classificationName,omitempty"`
	Classifications    []classRecord    `json:"classifications,omitempty"`
	Categories         []categoryRecord `json:"categories,omitempty"`
	PrivacyMark        string           `json:"privacyMark,omitempty"`
	Unknown            []string         `json:"unknown,omitempty"`
	Text               string           `json:"text"`
	Base64             string           `json:"base64,omitempty"`
}

type classRecord struct {
	Value int64  `json:"value"`
	Name  string `json:"name,omitempty"`
}

// categoryRecord is one value of a category, or a category that is not understood.
type categoryRecord struct {
	Syntax     string `json:"syntax"`
	SyntaxName string `json:"syntaxName,omitempty"`
	Policy     string `json:"policy,omitempty"`
	Set        string `json:"set,omitempty"`
	SetName    string `json:"setName,omitempty"`
	TagName    string `json:"tagName,omitempty"`
	Kind       string `json:"kind,omitempty"`
	Value      string `json:"value,omitempty"`
	Name       string `json:"name,omitempty"`
	Octets     string `json:"octets,omitempty"`
}

func showLabel(c *ucli.Context, set *spif.Set, l *label.Label) error {
	r := labelRecord{Policy: string(l.Policy), PolicyName: set.PolicyName(l.Policy), PrivacyMark: l.PrivacyMark,
		Categories: categoryRecords(set, l.Policy, l.Categories), Text: l.Text(set)}
	if l.Classification != nil {
		r.Classification, r.ClassificationName = new(int64(*l.Classification)), set.ClassName(l.Policy, *l.Classification)
	}
	for _, u := range l.Unknown {
		r.Unknown = append(r.Unknown, hex.EncodeToString(u))
	}
	var err error
	if r.Base64, err = l.Base64(); err != nil {
		cli.Warn(c, err.Error()) // what came cannot be sent on as it is, and can be looked at
	}
	return printRecord(c, &r)
}

func showClearance(c *ucli.Context, set *spif.Set, cl *label.Clearance) error {
	r := labelRecord{Policy: string(cl.Policy), PolicyName: set.PolicyName(cl.Policy), Classifications: []classRecord{},
		Categories: categoryRecords(set, cl.Policy, cl.Categories), Text: cl.Text(set)}
	for _, n := range cl.Classes {
		r.Classifications = append(r.Classifications, classRecord{int64(n), set.ClassName(cl.Policy, n)})
	}
	octets, err := cl.DER()
	if err != nil {
		return err
	}
	text, _ := inForm(octets, "base64")
	r.Base64 = text[:len(text)-1]
	return printRecord(c, &r)
}

func categoryRecords(set *spif.Set, policy asn1.OID, all []label.Category) []categoryRecord {
	var list []categoryRecord
	for _, k := range all {
		of := categoryRecord{Syntax: string(k.Type), SyntaxName: label.SyntaxName(k.Type), Policy: string(k.Policy)}
		if k.Tags == nil {
			of.Octets = hex.EncodeToString(k.Value)
			list = append(list, of)
		}
		for _, t := range k.Tags {
			of.Set, of.Kind = string(t.Set), t.Kind.String()
			of.SetName, of.TagName, of.Name, of.Value = "", "", "", ""
			if len(t.Values) == 0 {
				list = append(list, of)
			}
			for _, v := range t.Values {
				of.Value = string(v)
				of.SetName, of.TagName, of.Name = set.CategoryName(policy, t.Set, t.Kind, v)
				list = append(list, of)
			}
		}
	}
	return list
}

// printRecord prints a record: as text a component a line, its number and its name.
func printRecord(c *ucli.Context, r *labelRecord) error {
	p := cli.NewPrinter(c)
	if p.JSON() {
		return errors.Join(p.Record(r), p.Flush())
	}
	line := func(component string, number any, name string) { _ = p.Record(nil, component, number, name) } // kept for Flush
	if r.Policy != "" {
		line("policy", r.Policy, r.PolicyName)
	}
	if r.Classification != nil {
		line("classification", *r.Classification, r.ClassificationName)
	}
	for _, k := range r.Classifications {
		line("classification", k.Value, k.Name)
	}
	for _, k := range r.Categories {
		switch {
		case k.Octets != "":
			line("category", k.Syntax+" "+k.Octets, k.SyntaxName)
		case k.SetName != "":
			line("category", fmt.Sprintf("%s:%s=%s", k.Set, k.Kind, k.Value), k.SetName+"="+k.Name)
		default:
			line("category", fmt.Sprintf("%s:%s=%s", k.Set, k.Kind, k.Value), "")
		}
	}
	if r.PrivacyMark != "" {
		line("mark", r.PrivacyMark, "")
	}
	for _, u := range r.Unknown {
		line("unknown", u, "")
	}
	return p.Flush()
}
