package tableconf

import (
	"cmp"
	"encoding"
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"github.com/BurntSushi/toml"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// filler walks file and model side by side.
type filler struct {
	*loader
	meta toml.MetaData
}

// fill puts the value at path into v: key by key if v is a table, entry by entry if
// it is an array of tables, so that each error is found, and at its own line.
func (f *filler) fill(path string, p toml.Primitive, v reflect.Value) {
	switch {
	case v.Type() == reflect.TypeFor[oraddr.Domain]():
		f.domain(path, p, v)
	case isTable(v.Type()):
		f.table(path, p, v)
	case v.Kind() == reflect.Slice && isTable(v.Type().Elem()):
		f.entries(path, p, v)
	default:
		if err := f.meta.PrimitiveDecode(p, v.Addr().Interface()); err != nil {
			f.bad(path, errors.New(plain(err)))
		}
	}
}

func isTable(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && !reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]())
}

func (f *filler) domain(path string, p toml.Primitive, v reflect.Value) {
	var text string
	if err := f.meta.PrimitiveDecode(p, &text); err != nil {
		f.bad(path, errors.New(plain(err)))
		return
	}
	d, err := oraddr.ParseDomain(text)
	if err != nil {
		f.bad(path, err)
		return
	}
	v.Set(reflect.ValueOf(d))
}

func (f *filler) table(path string, p toml.Primitive, v reflect.Value) {
	// The library takes anything for a map, and makes an empty one of it.
	var value any
	err := f.meta.PrimitiveDecode(p, &value)
	if _, ok := value.(map[string]any); err == nil && !ok {
		err = fmt.Errorf("is %s, not a table", typeName(fmt.Sprintf("%T", value)))
		if _, ok := value.([]map[string]any); ok {
			err = fmt.Errorf("occurs once; it is not written [[%s]]", path)
		}
	}
	var keys map[string]toml.Primitive
	if err == nil {
		err = f.meta.PrimitiveDecode(p, &keys)
	}
	if err != nil {
		f.bad(path, errors.New(plain(err)))
		return
	}
	below := func(key string) string {
		if path == "" {
			return key
		}
		return path + "." + key
	}
	line := make(map[string]int, len(keys))
	for key := range keys {
		line[key] = f.lines.at(below(key))
	}
	for _, key := range slices.SortedFunc(maps.Keys(keys), func(a, b string) int {
		return cmp.Or(cmp.Compare(line[a], line[b]), cmp.Compare(a, b))
	}) {
		member, ok := member(v, key)
		if !ok {
			if path == "" {
				f.fail(line[key], fmt.Errorf("unknown table or key %s", abbreviate(key)))
			} else {
				f.bad(below(key), unknown(v, key))
			}
			continue
		}
		f.fill(below(key), keys[key], member)
	}
}

// unknown says so of a key, and which one may have been meant.
func unknown(v reflect.Value, key string) error {
	if near := nearest(v, key); near != "" {
		return fmt.Errorf("unknown key; did you mean %s?", near)
	}
	return errors.New("unknown key")
}

// member returns the member of the table for a key, which the key must match
// letter by letter. Those of an embedded struct are of the table, too.
func member(v reflect.Value, key string) (reflect.Value, bool) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		if tag := field.Tag.Get("toml"); tag == key && tag != "-" {
			return v.Field(i), true
		}
		if field.Anonymous && field.Type.Kind() == reflect.Struct {
			if below, ok := member(v.Field(i), key); ok {
				return below, true
			}
		}
	}
	return reflect.Value{}, false
}

func (f *filler) entries(path string, p toml.Primitive, v reflect.Value) {
	var all []toml.Primitive
	if err := f.meta.PrimitiveDecode(p, &all); err != nil {
		if f.meta.Type(strings.Split(withoutIndexes(path), ".")...) == "Hash" {
			err = fmt.Errorf("may be repeated and is written [[%s]]", withoutIndexes(path))
		}
		f.bad(path, errors.New(plain(err)))
		return
	}
	v.Set(reflect.MakeSlice(v.Type(), len(all), len(all)))
	for i := range all {
		v.Index(i).Set(conf.Fresh(v.Type().Elem()))
		f.fill(path+"["+strconv.Itoa(i)+"]", all[i], v.Index(i))
	}
}

// bad reports a value that cannot be what its key wants.
func (f *filler) bad(path string, err error) {
	table, key, _ := strings.Cut(path, ".")
	label := "[" + table + "]"
	if name, index, ok := strings.Cut(table, "["); ok {
		n, _ := strconv.Atoi(strings.TrimSuffix(index, "]"))
		label = fmt.Sprintf("[[%s]] number %d", name, n+1)
	}
	if key != "" {
		label += ": " + abbreviate(conf.Place(key))
	}
	f.fail(f.lines.at(path), fmt.Errorf("%s: %w", label, err))
}

// plain makes a message of the TOML library one of ours: without the line and the
// key, which it takes from the last entry of an array of tables, and with the names
// of types that mta.toml(5) uses.
func plain(err error) string {
	var pe toml.ParseError
	if errors.As(err, &pe) {
		return pe.Message
	}
	message := strings.TrimPrefix(err.Error(), "toml: ")
	const mismatch = "incompatible types: TOML value has type "
	if i := strings.Index(message, mismatch); i >= 0 {
		has, wants, _ := strings.Cut(message[i+len(mismatch):], "; destination has type ")
		return "is " + typeName(has) + ", not " + typeName(wants)
	}
	if i := strings.LastIndex(message, "): "); strings.HasPrefix(message, "line ") && i >= 0 {
		return message[i+len("): "):]
	}
	return message
}

func typeName(t string) string {
	switch {
	case strings.HasPrefix(t, "map"):
		return "a table"
	case strings.HasPrefix(t, "slice"), strings.HasPrefix(t, "[]"), strings.HasPrefix(t, "array"):
		return "a list"
	case strings.HasPrefix(t, "int"):
		return "an integer"
	case strings.HasPrefix(t, "bool"):
		return "a boolean"
	case strings.Contains(t, "string"):
		return "a string"
	case strings.Contains(t, "Time"):
		return "a date"
	}
	return "a " + t
}

func abbreviate(path string) string {
	const most = 80
	if len(path) > most {
		return strconv.Quote(path[:most]) + "…"
	}
	return path
}
