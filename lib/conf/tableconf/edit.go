package tableconf

import (
	"encoding"
	"errors"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Key is the name of a value in a configuration, as a person writes it: limits.recipients,
// peer[MTA-B].max-associations with the name or the address of the entry, or peer[2] with its
// number from 1.
type Key struct {
	text  string
	table string
	index int // of a list of tables, from 0; -1: the table is no list
	rest  []string
}

// FindKey returns the key that a text means in a configuration. A key that is not known has
// the nearest one that is as a hint. The error has kind Usage.
func FindKey(c *conf.Config, text string) (Key, error) {
	k := Key{text: text, index: -1}
	head, rest := text, ""
	if open := strings.IndexByte(text, '['); open >= 0 {
		end := strings.LastIndex(text, "]")
		if end < open {
			return k, k.errorf("the ] is missing")
		}
		head, rest = text[:open], strings.TrimPrefix(text[end+1:], ".")
		list, ok := member(reflect.ValueOf(c).Elem(), head)
		if !ok || list.Kind() != reflect.Slice {
			return k, k.errorf("%s is no list of tables", head)
		}
		if k.index = find(list, text[open+1:end]); k.index < 0 {
			return k, k.errorf("there is no [[%s]] %s", head, text[open+1:end])
		}
	} else {
		head, rest, _ = strings.Cut(text, ".")
	}
	if k.table = head; rest != "" {
		k.rest = strings.Split(rest, ".")
	}
	_, err := k.value(c)
	return k, err
}

// find returns one of a list of tables by what it calls itself, or by its number.
func find(list reflect.Value, name string) int {
	for i := range list.Len() {
		if calls(list.Index(i)) == name {
			return i
		}
	}
	if n, err := strconv.Atoi(name); err == nil && n >= 1 && n <= list.Len() {
		return n - 1
	}
	return -1
}

func (k Key) errorf(format string, args ...any) error {
	return diag.E(k.text, diag.Usage, fmt.Errorf(format, args...))
}

// value is what the key names in a configuration.
func (k Key) value(c *conf.Config) (reflect.Value, error) {
	v := reflect.ValueOf(c).Elem()
	for i, part := range append([]string{k.table}, k.rest...) {
		if v.Kind() != reflect.Struct {
			return v, k.errorf("%s has nothing below it", strings.Join(append([]string{k.table}, k.rest...)[:i], "."))
		}
		below, ok := member(v, part)
		if !ok {
			err := k.errorf("there is no key %s", part)
			if near := nearest(v, part); near != "" {
				err = diag.WithHint(err, "did you mean "+near+"?")
			}
			return v, err
		}
		v = below
		if i == 0 && k.index >= 0 {
			v = v.Index(k.index)
		}
	}
	return v, nil
}

// nearest is the key of a table that is the most like a word, "" if none is.
func nearest(v reflect.Value, word string) (near string) {
	best := 1 + len(word)/2
	for _, field := range reflect.VisibleFields(v.Type()) {
		key := field.Tag.Get("toml")
		if d := distance(key, word); key != "-" && d < best {
			near, best = key, d
		}
	}
	return near
}

// distance is how many letters of one word are to be changed, left out or added to make the
// other.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for i := range row {
		row[i] = i
	}
	for i := 1; i <= len(a); i++ {
		corner := row[0]
		row[0] = i
		for k := 1; k <= len(b); k++ {
			change := corner
			if a[i-1] != b[k-1] {
				change++
			}
			corner = row[k]
			row[k] = min(change, row[k]+1, row[k-1]+1)
		}
	}
	return row[len(b)]
}

// Get returns the value of a key as text: that of a list a line a member, and that of a table
// as TOML.
func Get(c *conf.Config, k Key) (string, error) {
	v, err := k.value(c)
	if err != nil {
		return "", err
	}
	switch {
	case v.Kind() == reflect.String && !v.Type().Implements(reflect.TypeFor[encoding.TextMarshaler]()):
		return v.String(), nil
	case v.Kind() == reflect.Slice:
		var lines []string
		for i := range v.Len() {
			line, err := bare(v.Index(i))
			if err != nil {
				return "", k.errorf("%w", err)
			}
			lines = append(lines, line)
		}
		return strings.Join(lines, "\n"), nil
	}
	return bare(v)
}

// bare is a literal, of texts without the quotation marks.
func bare(v reflect.Value) (string, error) {
	switch x := v.Interface().(type) {
	case oraddr.Domain:
		return x.String(), nil
	case encoding.TextMarshaler:
		t, err := x.MarshalText()
		return string(t), err
	case string:
		return x, nil
	}
	return literal(v)
}

// Set returns the text of a configuration with another value of a key: everything else in it
// stays, comments and all. The value is one of TOML, or a text that is none. The new text is
// right, or there is an error of kind Config; name and dir are as Parse has them.
func Set(text []byte, name, dir string, k Key, value string) ([]byte, error) {
	if len(k.rest) == 0 {
		return nil, k.errorf("is a table, not a value")
	}
	lines, err := scan(text)
	if err != nil {
		return nil, diag.E(name, diag.Config, err)
	}
	table := k.table
	if k.index >= 0 {
		table += "[" + strconv.Itoa(k.index) + "]"
	}
	if !isValue(value) {
		value = basicString(value)
	}
	next, err := replaced(text, lines, table, strings.Join(k.rest, "."), value)
	if err != nil {
		return nil, k.errorf("%w", err)
	}
	if _, err := Parse(next, name, dir); err != nil {
		return nil, err
	}
	return next, nil
}

// isValue tells whether a text is a value of TOML.
func isValue(value string) bool {
	var v struct{ V any }
	_, err := toml.Decode("V = "+value, &v)
	return err == nil && !strings.ContainsAny(value, "\n\r")
}

// replaced is the text with a value in the place of the one a key has, or a new line for it
// behind the header of its table.
func replaced(text []byte, l *lines, table, key, value string) ([]byte, error) {
	splice := func(from, to int, with string) []byte {
		return append(append(append([]byte(nil), text[:from]...), with...), text[to:]...)
	}
	if at, ok := l.values[table+"."+key]; ok {
		return splice(at.from, at.to, value), nil
	}
	if _, inside := l.exact[table+"."+key]; inside {
		return nil, errors.New("stands in an inline table: set the whole of that")
	}
	line := key + " = " + value + "\n"
	if at, ok := l.headers[table]; ok {
		if at > 0 && text[at-1] != '\n' {
			line = "\n" + line
		}
		return splice(at, at, line), nil
	}
	if len(text) > 0 && text[len(text)-1] != '\n' {
		line = "\n" + line
	}
	return splice(len(text), len(text), "\n["+table+"]\n"+line), nil
}

// Difference is a value that two configurations do not have in common, each as TOML, "" where
// one has no such entry.
type Difference struct {
	Key string `json:"key"`
	Was string `json:"was"`
	Is  string `json:"is"`
}

// Diff returns what is different in another configuration: entries of lists of tables are
// compared with those of the same name.
func Diff(was, is *conf.Config) (all []Difference) {
	a, b := reflect.ValueOf(was).Elem(), reflect.ValueOf(is).Elem()
	for i := range a.NumField() {
		table := a.Type().Field(i).Tag.Get("toml")
		switch {
		case table == "-":
		case a.Field(i).Kind() != reflect.Slice:
			all = append(all, members(table, a.Field(i), b.Field(i))...)
		default:
			all = append(all, entries(table, a.Field(i), b.Field(i))...)
		}
	}
	return all
}

func members(path string, a, b reflect.Value) (all []Difference) {
	for i := range a.NumField() {
		if same(a.Field(i), b.Field(i)) {
			continue
		}
		was, _ := literal(a.Field(i)) // every type of the model has one
		is, _ := literal(b.Field(i))
		all = append(all, Difference{path + "." + a.Type().Field(i).Tag.Get("toml"), was, is})
	}
	return all
}

func entries(table string, a, b reflect.Value) (all []Difference) {
	names := func(list reflect.Value) (order []string, of map[string]reflect.Value) {
		of = map[string]reflect.Value{}
		for i := range list.Len() {
			name := calls(list.Index(i))
			if _, twice := of[name]; twice || name == "" {
				name = strconv.Itoa(i + 1)
			}
			order, of[name] = append(order, name), list.Index(i)
		}
		return order, of
	}
	before, had := names(a)
	after, has := names(b)
	for _, name := range before {
		path := table + "[" + name + "]"
		if now, ok := has[name]; ok {
			all = append(all, members(path, had[name], now)...)
			continue
		}
		was, _ := inline(had[name]) // every type of the model has one
		all = append(all, Difference{path, was, ""})
	}
	for _, name := range after {
		if _, ok := had[name]; !ok {
			is, _ := inline(has[name]) // likewise
			all = append(all, Difference{table + "[" + name + "]", "", is})
		}
	}
	return all
}

// calls is what an entry calls itself.
func calls(v reflect.Value) string {
	if n, ok := v.Interface().(conf.Node); ok {
		return n.Tree + " " + n.At
	}
	for _, field := range []string{"Name", "Address", "Match"} {
		if f := v.FieldByName(field); f.IsValid() && f.Kind() == reflect.String {
			return f.String()
		}
	}
	return ""
}
