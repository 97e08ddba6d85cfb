package tableconf

import (
	"encoding"
	"fmt"
	"reflect"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
)

// Encode returns the text of a configuration that Load reads as the same: every key whose
// value is not the default. The error has kind Internal.
func Encode(c *conf.Config) ([]byte, error) { return encode(c, same) }

// EncodeAll is Encode with what is as it is by default, too; what is empty is left out.
func EncodeAll(c *conf.Config) ([]byte, error) {
	return encode(c, func(v, _ reflect.Value) bool {
		return v.Kind() == reflect.Slice && v.Len() == 0 || v.Kind() == reflect.String && v.Len() == 0 || v.Kind() == reflect.Struct && v.IsZero()
	})
}

// encode leaves out what it is told to, of a value and its default.
func encode(c *conf.Config, without func(v, otherwise reflect.Value) bool) ([]byte, error) {
	var b strings.Builder
	has, otherwise := reflect.ValueOf(c).Elem(), reflect.ValueOf(conf.New()).Elem()
	for i := range has.NumField() {
		name := has.Type().Field(i).Tag.Get("toml")
		v := has.Field(i)
		var err error
		switch {
		case name == "-":
		case v.Kind() == reflect.Slice:
			for k := range v.Len() {
				if err == nil {
					err = writeTable(&b, "[["+name+"]]", v.Index(k), conf.Fresh(v.Type().Elem()), without)
				}
			}
		default:
			var table strings.Builder
			err = writeTable(&table, "["+name+"]", v, otherwise.Field(i), without)
			if strings.Count(table.String(), "\n") > 2 { // more than the header
				b.WriteString(table.String())
			}
		}
		if err != nil {
			return nil, diag.E("conf: "+name, diag.Internal, err)
		}
	}
	return []byte(strings.TrimPrefix(b.String(), "\n")), nil
}

func writeTable(b *strings.Builder, header string, v, otherwise reflect.Value, without func(v, otherwise reflect.Value) bool) error {
	fmt.Fprintf(b, "\n%s\n", header)
	for i := range v.NumField() {
		if without(v.Field(i), otherwise.Field(i)) {
			continue
		}
		value, err := literal(v.Field(i))
		if err != nil {
			return err
		}
		fmt.Fprintf(b, "%s = %s\n", v.Type().Field(i).Tag.Get("toml"), value)
	}
	return nil
}

// same tells whether a value need not be written.
func same(v, otherwise reflect.Value) bool {
	return reflect.DeepEqual(v.Interface(), otherwise.Interface()) || v.Kind() == reflect.Slice && v.Len()+otherwise.Len() == 0
}

// literal is a value in TOML. Tables in tables are inline.
func literal(v reflect.Value) (string, error) {
	if d, ok := v.Interface().(oraddr.Domain); ok {
		return basicString(d.String()), nil
	}
	if m, ok := v.Interface().(encoding.TextMarshaler); ok {
		t, err := m.MarshalText()
		return basicString(string(t)), err
	}
	switch v.Kind() {
	case reflect.String:
		return basicString(v.String()), nil
	case reflect.Bool:
		return strconv.FormatBool(v.Bool()), nil
	case reflect.Int, reflect.Int64:
		return strconv.FormatInt(v.Int(), 10), nil
	case reflect.Slice:
		parts := make([]string, v.Len())
		for i := range parts {
			var err error
			if parts[i], err = literal(v.Index(i)); err != nil {
				return "", err
			}
		}
		return "[" + strings.Join(parts, ", ") + "]", nil
	case reflect.Struct:
		return inline(v)
	}
	return "", fmt.Errorf("a %s has no form in TOML", v.Type())
}

// inline leaves out what is empty, and defaults that are of the type: those of a number are
// of the table around it, else.
func inline(v reflect.Value) (string, error) {
	otherwise := conf.Fresh(v.Type())
	own := !otherwise.IsZero()
	var parts []string
	for i := range v.NumField() {
		if k := v.Field(i).Kind(); same(v.Field(i), otherwise.Field(i)) && (own || k == reflect.String || k == reflect.Slice) {
			continue
		}
		value, err := literal(v.Field(i))
		if err != nil {
			return "", err
		}
		parts = append(parts, v.Type().Field(i).Tag.Get("toml")+" = "+value)
	}
	return "{ " + strings.Join(parts, ", ") + " }", nil
}
