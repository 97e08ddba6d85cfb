package queue

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"time"
)

// AppendLine appends an answer as a line of JSON. The row of a list, of which there are
// many, is written by hand, to the same octets that package json would write.
func (a *Answer) AppendLine(b []byte) ([]byte, error) {
	if a.Row != nil {
		only := Answer{Row: a.Row}
		if *a == only {
			b = append(b, `{"row":`...)
			b, err := appendRow(b, a.Row)
			return append(b, '}', '\n'), err
		}
	}
	octets, err := json.Marshal(a)
	return append(append(b, octets...), '\n'), err
}

// ParseLine reads what AppendLine has written, and whatever else package json reads.
func (a *Answer) ParseLine(line []byte) error {
	if rest, ok := bytes.CutPrefix(line, []byte(`{"row":`)); ok {
		r := new(Row)
		if parseRow(rest, r) {
			*a = Answer{Row: r}
			return nil
		}
	}
	*a = Answer{}
	return json.Unmarshal(line, a)
}

// field is a member of the JSON of a Row.
type field struct {
	index int
	name  string // as it stands before the value
	omit  bool   // when it has its zero value
	kind  reflect.Kind
}

var timeType = reflect.TypeFor[time.Time]()

// fields are those of a Row; a time is a reflect.Struct.
var fields = func() (all []field) {
	t := reflect.TypeFor[Row]()
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch f.Type.Kind() {
		case reflect.String, reflect.Int, reflect.Int64, reflect.Bool:
		default:
			if f.Type != timeType {
				panic("queue: a row has a " + f.Type.String())
			}
		}
		all = append(all, field{i, `"` + name + `":`, options != "", f.Type.Kind()})
	}
	return all
}()

func appendRow(b []byte, r *Row) ([]byte, error) {
	v := reflect.ValueOf(r).Elem()
	start := len(b)
	for i := range fields {
		f := &fields[i]
		member := v.Field(f.index)
		if f.omit && member.IsZero() {
			continue
		}
		b = append(b, ',')
		b = append(b, f.name...)
		switch f.kind {
		case reflect.String:
			var err error
			if b, err = appendText(b, member.String()); err != nil {
				return b, err
			}
		case reflect.Bool:
			b = strconv.AppendBool(b, member.Bool())
		case reflect.Struct:
			octets, err := member.Addr().Interface().(*time.Time).MarshalJSON()
			if err != nil {
				return b, err
			}
			b = append(b, octets...)
		default:
			b = strconv.AppendInt(b, member.Int(), 10)
		}
	}
	if len(b) == start {
		b = append(b, '{')
	}
	b[start] = '{'
	return append(b, '}'), nil
}

// plain tells whether JSON has a text as it is.
func plain(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case c < ' ', c >= 0x7F, c == '"', c == '\\', c == '<', c == '>', c == '&':
			return false
		}
	}
	return true
}

func appendText(b []byte, text string) ([]byte, error) {
	if plain(text) {
		b = append(b, '"')
		b = append(b, text...)
		return append(b, '"'), nil
	}
	octets, err := json.Marshal(text)
	return append(b, octets...), err
}

// parseRow reads a row that appendRow has written, and the end of the answer. It says
// false of anything else.
func parseRow(line []byte, r *Row) bool {
	v := reflect.ValueOf(r).Elem()
	next := 0
	for first := true; ; first = false {
		if len(line) == 0 {
			return false
		}
		c := line[0]
		line = line[1:]
		if c == '}' && !first {
			return string(line) == "}" || string(line) == "}\n"
		}
		if first && c != '{' || !first && c != ',' {
			return false
		}
		for ; ; next++ {
			if next == len(fields) {
				return false
			}
			if len(line) >= len(fields[next].name) && string(line[:len(fields[next].name)]) == fields[next].name {
				break
			}
		}
		f := &fields[next]
		next++
		line = line[len(f.name):]
		if line = parseValue(line, f.kind, v.Field(f.index)); line == nil {
			return false
		}
	}
}

// parseValue reads a value and returns what follows; nil says that it is not one that
// appendRow writes without help.
func parseValue(line []byte, kind reflect.Kind, into reflect.Value) (rest []byte) {
	if kind == reflect.String || kind == reflect.Struct {
		if len(line) == 0 || line[0] != '"' {
			return nil
		}
		end := bytes.IndexByte(line[1:], '"')
		if end < 0 {
			return nil
		}
		text := line[1 : end+1]
		if kind == reflect.String {
			s := string(text)
			if !plain(s) {
				return nil
			}
			into.SetString(s)
		} else if into.Addr().Interface().(*time.Time).UnmarshalText(text) != nil {
			return nil
		}
		return line[end+2:]
	}
	end := bytes.IndexAny(line, ",}")
	if end < 0 {
		return nil
	}
	if kind == reflect.Bool {
		into.SetBool(string(line[:end]) == "true")
		if !into.Bool() && string(line[:end]) != "false" {
			return nil
		}
		return line[end:]
	}
	v, err := strconv.ParseInt(string(line[:end]), 10, 64)
	into.SetInt(v)
	if err != nil || strconv.FormatInt(v, 10) != string(line[:end]) { // as "+1", which is no JSON
		return nil
	}
	return line[end:]
}
