// Package cli is what the five commands share: how a command line is taken, how an
// error is told and what status it gives, where the configuration is found, and how
// records are printed. mta(7) and mta-exit(7) describe it for users.
package cli

import (
	"bufio"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/conf/live"
	"github.com/mtakit/mtakit/lib/conf/tableconf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/queue"
)

// ErrNo is the answer no to a question: exit status 1, and nothing on standard error.
var ErrNo = errors.New("no")

// ConfigFlag is -C, which all five commands have.
func ConfigFlag() ucli.Flag {
	return &ucli.StringFlag{Name: "C", Usage: "configuration `FILE`"}
}

// JSONFlag is --json.
func JSONFlag() ucli.Flag {
	return &ucli.BoolFlag{Name: "json", Usage: "JSON Lines instead of text"}
}

// Config loads the configuration a command line names: -C, MTA_CONFIG, ./mta.toml,
// /etc/mta/mta.toml.
func Config(c *ucli.Context) (*conf.Config, error) {
	path, err := ConfigPath(c)
	if err != nil {
		return nil, err
	}
	return live.Config(path)
}

// Running is Config for whoever looks at a switch: while the file has errors, which
// mtarun has refused then, it is the configuration that mtarun goes by, without the
// passwords, and a warning says so.
func Running(c *ucli.Context) (*conf.Config, error) {
	path, err := ConfigPath(c)
	if err != nil {
		return nil, err
	}
	cfg, wrong := live.Config(path)
	if wrong == nil || diag.KindOf(wrong) != diag.Config {
		return cfg, wrong
	}
	dir, err := tableconf.SpoolDir(path)
	if err != nil {
		return nil, wrong
	}
	cfg, err = queue.Running(dir)
	switch {
	case errors.Is(err, queue.ErrNotRunning):
		return nil, wrong
	case err != nil:
		return nil, errors.Join(wrong, err)
	}
	first, others, _ := strings.Cut(wrong.Error(), "\n")
	if others != "" {
		first += fmt.Sprintf("; and %d more", strings.Count(others, "\n")+1)
	}
	Warn(c, "the configuration is wrong, and mtarun goes by version "+cfg.Version+", its last good one: "+first)
	return cfg, nil
}

// Warn says on standard error what does not stop a command.
func Warn(c *ucli.Context, text string) {
	if JSON(c) {
		b, _ := json.Marshal(map[string]string{"warning": text}) // strings always encode
		fmt.Fprintf(c.App.ErrWriter, "%s\n", EscapeJSON(b))
		return
	}
	fmt.Fprintf(c.App.ErrWriter, "%s: warning: %s\n", c.App.Name, Safe(text))
}

// ConfigPath is the file of that configuration.
func ConfigPath(c *ucli.Context) (string, error) { return tableconf.Find(configFile(c)) }

// configFile is the -C of the command or of one it stands below.
func configFile(c *ucli.Context) string {
	for _, up := range c.Lineage() {
		if up.IsSet("C") {
			return up.String("C")
		}
	}
	return ""
}

// JSON tells whether --json was given to the command or one it stands below.
func JSON(c *ucli.Context) bool {
	for _, up := range c.Lineage() {
		if up.Bool("json") {
			return true
		}
	}
	return false
}

// Main runs a command and returns its exit status; errors have been told on
// standard error.
func Main(app *ucli.App, args []string) int {
	app.HideHelpCommand = true
	app.Version = version()
	ucli.VersionFlag = &ucli.BoolFlag{Name: "version", Usage: "print the version"}
	ucli.VersionPrinter = func(c *ucli.Context) { fmt.Fprintf(c.App.Writer, "%s\n", c.App.Version) }
	app.DisableSliceFlagSeparator = true // O/R addresses contain commas
	app.UseShortOptionHandling = false
	app.EnableBashCompletion = true
	app.ExitErrHandler = func(*ucli.Context, error) {} // the status is decided here
	app.OnUsageError = usage
	if app.ErrWriter == nil {
		app.ErrWriter = os.Stderr
	}
	dashed := slices.Contains(args, "--")
	if app.Action == nil {
		app.Action = whichVerb("", app.Commands)
	}
	app.Action = hinted(inOrder(app.Action, dashed))
	for _, c := range app.Commands {
		prepare(c, dashed)
	}
	err := app.Run(args)
	if err == nil {
		return 0
	}
	errs := slices.DeleteFunc(each(err), func(e error) bool { return errors.Is(e, ErrNo) })
	if len(errs) == 0 {
		return 1
	}
	return tell(app.ErrWriter, app.Name, wantsJSON(args), errs)
}

// wantsJSON looks at the words themselves: the command line may be the error.
func wantsJSON(args []string) bool {
	for _, a := range args {
		switch a {
		case "--json", "-json":
			return true
		case "--":
			return false
		}
	}
	return false
}

// tell prints errors, each with its hint, and returns the exit status: the highest
// wins.
func tell(w io.Writer, name string, asJSON bool, errs []error) int {
	worst := 0
	for _, e := range errs {
		kind := diag.KindOf(e)
		hint := diag.HintOf(e)
		if asJSON {
			text, _ := json.Marshal(struct { // strings and a number always encode
				Error  string `json:"error"`
				Kind   string `json:"kind"`
				Status int    `json:"status"`
				Hint   string `json:"hint,omitempty"`
			}{e.Error(), kind.String(), kind.ExitStatus(), hint})
			fmt.Fprintf(w, "%s\n", EscapeJSON(text))
		} else {
			fmt.Fprintf(w, "%s: error: %s\n", name, Safe(strings.ReplaceAll(e.Error(), "\n", "; ")))
			if hint != "" {
				fmt.Fprintf(w, "%s: hint: %s\n", name, Safe(hint))
			}
		}
		worst = max(worst, kind.ExitStatus())
	}
	return worst
}

// each takes joined errors apart.
func each(err error) []error {
	joined, ok := err.(interface{ Unwrap() []error })
	if !ok {
		return []error{err}
	}
	var all []error
	for _, e := range joined.Unwrap() {
		all = append(all, each(e)...)
	}
	return all
}

// Usage is an error in how a command was called.
func Usage(format string, args ...any) error {
	return diag.E("", diag.Usage, fmt.Errorf(format, args...))
}

// Duration reads a time span, which what names in an error: what Go's ParseDuration takes, and before it weeks and
// days, such as 2d or 1w12h. An empty text is no time at all.
func Duration(what, text string) (time.Duration, error) {
	var total time.Duration
	rest := text
	for _, unit := range []struct {
		letter string
		length time.Duration
	}{{"w", 7 * 24 * time.Hour}, {"d", 24 * time.Hour}} {
		before, after, found := strings.Cut(rest, unit.letter)
		if !found {
			continue
		}
		n, err := strconv.ParseUint(before, 10, 16)
		if err != nil {
			return 0, badDuration(what, text)
		}
		total += time.Duration(n) * unit.length
		rest = after
	}
	if rest == "" {
		return total, nil
	}
	d, err := time.ParseDuration(rest)
	if err != nil || d < 0 {
		return 0, badDuration(what, text)
	}
	return total + d, nil
}

func badDuration(what, text string) error {
	return Usage("%s %q is not a time span such as 90s, 2h30m, 2d or 1w", what, text)
}

// version is that of the module, and the revision it was built from where that is known.
func version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" {
		return "mtakit, unknown version"
	}
	return "mtakit " + info.Main.Version
}

// Address reads an O/R address; op names the flag or what was given.
func Address(op, text string) (oraddr.Address, error) {
	a, err := oraddr.Parse(text)
	if err != nil {
		err = diag.WithHint(diag.E(op, diag.Data, addressed(err)), cmp.Or(diag.HintOf(err), "an O/R address is written as in mta(7): /S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"))
	}
	return a, err
}

// addressed words what is wrong with the text of an address for who typed it.
func addressed(err error) error {
	var syntax *oraddr.SyntaxError
	var invalid *oraddr.InvalidError
	switch {
	case errors.As(err, &syntax) && syntax.Label != "":
		return fmt.Errorf("%q, at octet %d: %w", syntax.Label, syntax.Offset+1, syntax.Err)
	case errors.As(err, &syntax):
		return syntax.Err
	case errors.As(err, &invalid):
		return invalid
	}
	return err
}

// Operands returns the operands of a command; a "-" among them stands for the lines of
// standard input, as Lines has them.
func Operands(c *ucli.Context) ([]string, error) {
	all := []string{}
	for _, arg := range c.Args().Slice() {
		if arg != "-" {
			all = append(all, arg)
			continue
		}
		lines, err := Lines(c.App.Reader)
		if err != nil {
			return nil, err
		}
		all = append(all, lines...)
	}
	return all, nil
}

// SpoolIdentifiers returns operands that are spool identifiers or beginnings of one. These
// have no blanks: of a line with several words, one of a table, the first counts, and of an
// operand, which a shell may have made of a line, too.
func SpoolIdentifiers(c *ucli.Context) ([]string, error) {
	ids, err := Operands(c)
	for i := range ids {
		ids[i] = firstWord(ids[i])
	}
	return ids, err
}

func firstWord(text string) string {
	if words := strings.Fields(text); len(words) > 0 {
		return words[0]
	}
	return text
}

// Lines reads the first tab-separated column of each line, blank lines left out: what one
// command prints, another takes. A column may have blanks in it.
func Lines(r io.Reader) ([]string, error) {
	var lines []string
	s := bufio.NewScanner(r)
	s.Buffer(nil, 1<<20)
	for s.Scan() {
		column, _, _ := strings.Cut(strings.TrimSpace(s.Text()), "\t")
		if column = strings.TrimSpace(column); column != "" {
			lines = append(lines, column)
		}
	}
	return lines, diag.E("standard input", diag.NoInput, s.Err())
}

// Input opens the one file operand; none, or "-", is standard input.
func Input(c *ucli.Context) (io.ReadCloser, error) {
	switch {
	case c.NArg() > 1:
		return nil, Usage("more than one input: %s", strings.Join(c.Args().Slice(), " "))
	case c.NArg() == 0, c.Args().First() == "-":
		return io.NopCloser(c.App.Reader), nil
	}
	f, err := os.Open(c.Args().First())
	return f, diag.E("", diag.NoInput, err)
}

// Printer prints records: fields separated by tabs, or one JSON object a line.
type Printer struct {
	w      *bufio.Writer
	asJSON bool
}

// NewPrinter prints to standard output in the form the command line asks for.
func NewPrinter(c *ucli.Context) *Printer {
	return &Printer{w: bufio.NewWriter(c.App.Writer), asJSON: JSON(c)}
}

// JSON tells the form.
func (p *Printer) JSON() bool { return p.asJSON }

// Record prints v as JSON, or the fields as text.
func (p *Printer) Record(v any, fields ...any) error {
	if p.asJSON {
		enc := json.NewEncoder(escaper{p.w})
		enc.SetEscapeHTML(false)
		return diag.E("standard output", diag.IO, enc.Encode(v))
	}
	for i, f := range fields {
		if i > 0 {
			_ = p.w.WriteByte('\t') // kept for Flush
		}
		_, _ = p.w.WriteString(Field(f)) // kept for Flush
	}
	_ = p.w.WriteByte('\n') // kept for Flush
	return nil
}

// Text prints text as it is, for what is not a table.
func (p *Printer) Text(format string, args ...any) {
	fmt.Fprintf(p.w, format, args...)
}

// Writer is for what prints itself.
func (p *Printer) Writer() io.Writer { return p.w }

// Flush writes what is buffered and returns the first error of all writing.
func (p *Printer) Flush() error { return diag.E("standard output", diag.IO, p.w.Flush()) }

// Field is the text of one column: never empty, and without tabs or newlines.
func Field(v any) string {
	var s string
	switch v := v.(type) {
	case time.Time:
		if !v.IsZero() {
			s = v.UTC().Format(time.RFC3339)
		}
	case string:
		s = v
	case int:
		return strconv.Itoa(v)
	case int64:
		return strconv.FormatInt(v, 10)
	default:
		s = fmt.Sprint(v)
	}
	if s == "" {
		return "-"
	}
	return Safe(s)
}

// Safe is a text without what a terminal would do: control characters are blanks, and what would
// change the direction of text, or is not seen, is U+FFFD, like octets that are no UTF-8. Who has
// written a text is often a stranger.
func Safe(text string) string {
	if strings.IndexFunc(text, deceptive) < 0 && utf8.ValidString(text) {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r):
			return ' '
		case deceptive(r):
			return utf8.RuneError
		}
		return r
	}, text)
}

// deceptive tells whether a character is not what it looks like. Those that join letters, or do not,
// are part of how some languages are written.
func deceptive(r rune) bool {
	const nonJoiner, joiner = 0x200C, 0x200D
	return unicode.IsControl(r) || unicode.In(r, unicode.Cf, unicode.Zl, unicode.Zp) && r != nonJoiner && r != joiner
}
