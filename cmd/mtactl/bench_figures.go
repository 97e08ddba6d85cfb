package main

import (
	"fmt"
	"reflect"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/measure"
	"github.com/mtakit/mtakit/lib/queue"
)

// ownUsage is what this process used.
type ownUsage struct {
	CPU  float64 `json:"cpuSeconds"`
	Peak int64   `json:"peakOctets"`
}

// mtaUsage is what the MTA used.
type mtaUsage struct {
	Processes  int     `json:"processes"`
	CPU        float64 `json:"cpuSeconds"`
	PerMessage float64 `json:"cpuMicrosecondsPerMessage"`
	Resident   int64   `json:"residentOctets"`
	Peak       int64   `json:"peakOctets"`
}

// meter tells what processes use while it runs.
type meter struct {
	pid      int // of the MTA; 0 is not known
	own, mta measure.Usage
}

// newMeter begins to measure this process, and the MTA that is named, or that the
// configuration is of.
func newMeter(c *ucli.Context, cfg *conf.Config) (m meter, err error) {
	m.pid = c.Int("pid")
	if m.pid == 0 && cfg != nil {
		// That it does not run, or is not ours to ask, is found out by calling it.
		_ = queue.AskDaemon(cfg, queue.Request{Verb: queue.VerbStatus}, func(a queue.Answer) error {
			m.pid = a.Status.PID
			return nil
		})
	}
	if m.pid != 0 {
		if m.mta, err = measure.Tree(m.pid); err != nil {
			return m, err
		}
	}
	m.own, err = measure.Own()
	return m, err
}

// read ends the measurement, in which there were so many messages.
func (m *meter) read(messages int64) (ownUsage, *mtaUsage, error) {
	own, err := measure.Own()
	if err != nil {
		return ownUsage{}, nil, err
	}
	used := own.Since(m.own)
	mine := ownUsage{measure.Round(used.CPU.Seconds(), 3), used.Peak}
	if m.pid == 0 {
		return mine, nil, nil
	}
	mta, err := measure.Tree(m.pid)
	if err != nil {
		return mine, nil, nil // it has ended; what it did is told all the same
	}
	used = mta.Since(m.mta)
	return mine, &mtaUsage{Processes: used.Processes, CPU: measure.Round(used.CPU.Seconds(), 3), Resident: used.Resident, Peak: used.Peak,
		PerMessage: measure.Round(float64(used.CPU)/float64(time.Microsecond)/float64(messages), 0)}, nil
}

// figures are the names and values of a result, those inside another joined by a dot.
func figures(prefix string, v reflect.Value) (names []string, values []any) {
	for i := range v.NumField() {
		field := v.Field(i)
		if field.Kind() == reflect.Pointer {
			if field.IsNil() {
				continue
			}
			field = field.Elem()
		}
		name, _, _ := strings.Cut(v.Type().Field(i).Tag.Get("json"), ",")
		if field.Kind() != reflect.Struct {
			names, values = append(names, prefix+name), append(values, field.Interface())
			continue
		}
		inner, of := figures(prefix+name+".", field)
		names, values = append(names, inner...), append(values, of...)
	}
	return names, values
}

// printFigures prints a result, a line a figure.
func printFigures(c *ucli.Context, result any) error {
	p := cli.NewPrinter(c)
	if p.JSON() {
		if err := p.Record(result); err != nil {
			return err
		}
		return p.Flush()
	}
	names, values := figures("", reflect.ValueOf(result))
	for i, name := range names {
		if err := p.Record(nil, name, plain(values[i])); err != nil {
			return err
		}
	}
	return p.Flush()
}

// table prints results, each as soon as it is there: a line with the names of the columns,
// and one for each.
type table struct {
	*cli.Printer
	headed bool
}

func (t *table) row(result any) error {
	names, values := figures("", reflect.ValueOf(result))
	if !t.headed && !t.JSON() {
		t.Text("%s\n", strings.Join(names, "\t"))
	}
	t.headed = true
	for i, v := range values {
		values[i] = plain(v)
	}
	if err := t.Record(result, values...); err != nil {
		return err
	}
	return t.Flush()
}

// plain is a value as text: numbers without an exponent.
func plain(v any) string {
	if f, ok := v.(float64); ok {
		return strings.TrimSuffix(strings.TrimRight(fmt.Sprintf("%.3f", f), "0"), ".")
	}
	return fmt.Sprint(v)
}
