package cli

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/diag"
)

// Verbs are those of the five commands, for whoever gives one to the wrong command. The
// tests of each command hold its line to what it has.
var Verbs = map[string][]string{
	"mtactl": {"init", "config check", "config status", "config show", "config get", "config set",
		"config diff", "config edit", "config export", "config import", "directory schema", "directory init", "status", "track", "check", "ping", "trace", "read", "report", "decode",
		"bench source", "bench sink", "bench relay", "bench fill", "bench spool", "bench sched", "bench route",
		"label parse", "label print", "label check", "label convert", "label decide", "policy explain", "policy test", "simulate", "smime sign", "smime verify", "smime label", "smime strip", "smime show", "selftest"},
	"mtaqueue": {"list", "show", "tree", "hold", "release", "retry", "expire", "reject", "delete", "cancel",
		"minimize", "disable", "enable", "delay", "connect", "disconnect"},
	"mtaroute":  {"explain", "check", "test", "diff", "graph"},
	"mtarun":    {"channel"},
	"mtasubmit": nil,
}

// synonyms are what other queues of mail call a verb.
var synonyms = map[string]string{
	"ls": "list", "queue": "list", "cat": "show", "view": "show", "stat": "status",
	"rm": "delete", "remove": "delete", "flush": "retry", "requeue": "retry", "kick": "retry",
	"freeze": "hold", "thaw": "release", "unhold": "release", "bounce": "reject", "fail": "expire", "refuse": "reject", "deny": "reject",
	"traceroute": "trace", "log": "track", "mkconfig": "init",
}

func prepare(c *ucli.Command, dashed bool) {
	c.OnUsageError = usage
	c.HideHelpCommand = true
	if len(c.Subcommands) > 0 && c.Action == nil {
		c.Action = whichVerb(c.Name+": ", c.Subcommands)
	}
	c.Action = hinted(inOrder(c.Action, dashed))
	for _, sub := range c.Subcommands {
		prepare(sub, dashed)
	}
}

// whichVerb is the action of a command that needs a further word.
func whichVerb(prefix string, commands []*ucli.Command) ucli.ActionFunc {
	var names []string
	for _, c := range commands {
		names = append(names, c.Name)
	}
	list := strings.Join(names, ", ")
	return func(ctx *ucli.Context) error {
		if ctx.NArg() == 0 {
			return diag.WithHint(Usage("%swhich verb? %s", prefix, list),
				helpName(ctx)+" "+strings.Join(names, "|")+"; "+helpName(ctx)+" --help says what each does")
		}
		word := ctx.Args().First()
		err := Usage("%sunknown verb %q", prefix, word)
		if s, ok := synonyms[word]; ok {
			word = s
		}
		if near := nearest(word, names); near != "" {
			return diag.WithHint(err, helpName(ctx)+" "+near)
		}
		for _, command := range sortedCommands() {
			if command != ctx.App.Name && slices.Contains(Verbs[command], word) {
				return diag.WithHint(err, command+" "+word)
			}
		}
		return diag.WithHint(err, "one of "+list)
	}
}

func sortedCommands() []string {
	var names []string
	for name := range Verbs {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// helpName is the command with its verbs, as it is typed.
func helpName(c *ucli.Context) string {
	if c.Command != nil && c.Command.HelpName != "" {
		return c.Command.HelpName
	}
	return c.App.Name
}

// inOrder refuses a flag that comes after an operand: the library would take it for
// another operand. After a "--" everything is one.
func inOrder(action ucli.ActionFunc, dashed bool) ucli.ActionFunc {
	if dashed {
		return action
	}
	return func(c *ucli.Context) error {
		for _, word := range c.Args().Tail() {
			if len(word) > 1 && word[0] == '-' {
				return diag.WithHint(Usage("%s comes after %s", word, c.Args().First()),
					fmt.Sprintf("flags stand before operands: %s %s … %s", helpName(c), word, c.Args().First()))
			}
		}
		return action(c)
	}
}

// hinted ends what is wrong with a command line with the right one.
func hinted(action ucli.ActionFunc) ucli.ActionFunc {
	return func(c *ucli.Context) error {
		err := action(c)
		if err == nil || diag.HintOf(err) != "" {
			return err
		}
		errs := each(err)
		last := len(errs) - 1
		if diag.KindOf(errs[last]) != diag.Usage {
			return err
		}
		errs[last] = diag.WithHint(errs[last], synopsis(c))
		return errors.Join(errs...)
	}
}

// synopsis is how the command is called.
func synopsis(c *ucli.Context) string {
	flags, operands := c.App.Flags, c.App.ArgsUsage
	if c.Command != nil && c.Command.HelpName != "" && c.Command.HelpName != c.App.Name {
		flags, operands = c.Command.Flags, c.Command.ArgsUsage
	}
	text := helpName(c)
	if slices.ContainsFunc(flags, func(f ucli.Flag) bool { return !slices.Contains(f.Names(), "help") }) {
		text += " [flags]"
	}
	if operands != "" {
		text += " " + operands
	}
	return text + "; " + helpName(c) + " --help lists the flags"
}

// badValue is how the library tells of a number or a time span that is none.
var badValue = regexp.MustCompile(`^invalid (?:boolean )?value (".*") for (?:flag )?-(\S+): `)

// usage makes an error of the library one of ours; it would print the whole help
// on standard output.
func usage(c *ucli.Context, err error, _ bool) error {
	help := helpName(c) + " --help lists the flags"
	if flag, ok := strings.CutPrefix(err.Error(), "flag provided but not defined: -"); ok {
		name := strings.TrimPrefix(flag, "-")
		if hint := whereFlag(c, name); hint != "" {
			help = hint
		}
		err = fmt.Errorf("no such flag: %s", dashes(flag))
	} else if flag, ok := strings.CutPrefix(err.Error(), "flag needs an argument: -"); ok {
		err = fmt.Errorf("%s needs a value", dashes(flag))
	} else if m := badValue.FindStringSubmatch(err.Error()); m != nil {
		err = fmt.Errorf("%s cannot be %s", dashes(m[2]), m[1])
	}
	return diag.WithHint(diag.E("", diag.Usage, err), help)
}

// whereFlag says where a flag belongs that does not belong here, or which was meant.
func whereFlag(c *ucli.Context, name string) string {
	here, verbless := c.App.Flags, true
	if c.Command != nil && c.Command.HelpName != "" && c.Command.HelpName != c.App.Name {
		here, verbless = c.Command.Flags, false
	}
	if slices.Contains(flagNames(c.App.Flags), name) {
		return fmt.Sprintf("%s stands before the verb: %s %s …", dashes(name), c.App.Name, dashes(name))
	}
	switch verb := verbWith(c.App.Name, c.App.Commands, name); {
	case verb == "":
	case verbless:
		return fmt.Sprintf("%s stands after the verb: %s %s …", dashes(name), verb, dashes(name))
	default:
		return fmt.Sprintf("%s has %s, %s has not", verb, dashes(name), helpName(c))
	}
	if near := nearest(name, flagNames(here)); near != "" {
		return helpName(c) + " " + dashes(near)
	}
	return ""
}

// verbWith is the first verb that has a flag, as it is typed; "" for none.
func verbWith(prefix string, commands []*ucli.Command, flag string) string {
	for _, c := range commands {
		if slices.Contains(flagNames(c.Flags), flag) {
			return prefix + " " + c.Name
		}
		if verb := verbWith(prefix+" "+c.Name, c.Subcommands, flag); verb != "" {
			return verb
		}
	}
	return ""
}

func flagNames(flags []ucli.Flag) []string {
	var names []string
	for _, f := range flags {
		names = append(names, f.Names()...)
	}
	return names
}

func dashes(flag string) string {
	if len(flag) == 1 {
		return "-" + flag
	}
	return "--" + strings.TrimPrefix(flag, "-")
}

// nearest is the one of names that was probably meant by word, or "".
func nearest(word string, names []string) string {
	best, least := "", 3
	if len(word) < 6 {
		least = 2
	}
	for _, name := range names {
		switch {
		case len(name) < 2 || len(word) < 2 || len(word) > 64:
		case len(word) > 2 && strings.HasPrefix(name, word):
			return name
		default:
			if d := distance(word, name); d < least {
				best, least = name, d
			}
		}
	}
	return best
}

// distance is how many characters are to be put in, left out, replaced, or exchanged
// with their neighbour, to make one word of another.
func distance(a, b string) int {
	rows := make([][]int, len(a)+1)
	for i := range rows {
		rows[i] = make([]int, len(b)+1)
		rows[i][0] = i
	}
	for j := range rows[0] {
		rows[0][j] = j
	}
	for i := 1; i <= len(a); i++ {
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			d := min(rows[i-1][j]+1, rows[i][j-1]+1, rows[i-1][j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				d = min(d, rows[i-2][j-2]+1)
			}
			rows[i][j] = d
		}
	}
	return rows[len(a)][len(b)]
}
