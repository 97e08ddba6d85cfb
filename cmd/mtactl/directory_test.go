package main

import (
	"slices"
	"testing"

	"github.com/mtakit/mtakit/lib/conf/ldapconf"
)

// What directory init adds to cn=config is the schema, with its attributes and classes.
func TestSchemaEntries(t *testing.T) {
	entries, err := schemaEntries()
	if err != nil || len(entries) != 4 {
		t.Fatalf("%d entries, %v", len(entries), err)
	}
	for _, e := range entries {
		if !slices.ContainsFunc(e.Attributes, func(a ldapconf.Attribute) bool { return a.Name == "olcAttributeTypes" && len(a.Values) > 2 }) {
			t.Errorf("%s has no attribute types", e.DN)
		}
	}
}
