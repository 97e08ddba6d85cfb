package ldapconf

import (
	"bytes"
	"flag"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/mtakit/mtakit/lib/durable"
)

var update = flag.Bool("update", false, "write examples/ldap/mtakit.ldif anew")

const schemaFile = "../../../examples/ldap/mtakit.ldif"

// The file that servers load has the attributes of the model.
func TestSchemaFile(t *testing.T) {
	var b bytes.Buffer
	b.WriteString("# Our own attributes and classes, of mta-directory(7), in the form of OpenLDAP's cn=config.\n" +
		"# The arc is made of a UUID (X.667). A test holds the file to the configuration model.\n")
	var record bytes.Buffer
	if err := WriteLDIF(&record, []Entry{Schema()}); err != nil {
		t.Fatal(err)
	}
	b.WriteString(strings.TrimPrefix(record.String(), "version: 1\n\n"))
	if *update {
		if err := durable.WriteFile(schemaFile, b.Bytes(), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	file, err := os.ReadFile(schemaFile)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(file), b.String()); diff != "" {
		t.Errorf("go test -run TestSchemaFile -update writes it anew (-file +model):\n%s", diff)
	}
}

// Every key has a number, once, and every class.
func TestNumbers(t *testing.T) {
	if missing := unnumbered(); len(missing) > 0 {
		t.Errorf("keys without a number: %v", missing)
	}
	sorted := slices.Sorted(slices.Values(numbers))
	if len(slices.Compact(sorted)) != len(numbers) {
		t.Error("a key has two numbers")
	}
	for _, table := range everyTable() {
		if !slices.Contains(classNumbers, table.class) {
			t.Errorf("class %s has no number", table.class)
		}
	}
}

// A key that several tables have is of one syntax in all of them, and has one value in all of
// them or several.
func TestSharedAttributes(t *testing.T) {
	type form struct {
		syntax string
		of     string
	}
	first := map[string]form{}
	for _, table := range everyTable() {
		entry, _ := table.entry()
		for _, f := range table.fields(entry) {
			_, syntax, _ := strings.Cut(attributeType(0, f.attribute, "", entry.Field(f.index).Type, f.ordered), "DESC ''")
			now := form{syntax, table.name + "." + f.key}
			if was, ok := first[strings.ToLower(f.attribute)]; ok && was.syntax != now.syntax {
				t.Errorf("%s is %s of %s, and %s of %s", f.attribute, was.syntax, was.of, now.syntax, now.of)
			} else if !ok {
				first[strings.ToLower(f.attribute)] = now
			}
		}
	}
}
