package cli

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
)

// MessageFile returns the file of a message that somebody has named: a file, or the beginning of
// the identifier of a message in the queue. In errors, of kind NoInput, op stands before the
// name; command is what takes such files, for a hint.
func MessageFile(sp *spool.Spool, op, name, command string) (string, error) {
	if _, err := os.Stat(name); err == nil || strings.Contains(name, "/") {
		return name, nil
	}
	found, err := sp.Find(name)
	op = strings.TrimSpace(op + " " + name)
	switch {
	case diag.KindOf(err) == diag.Usage:
		return "", diag.New(op, diag.NoInput, "no such file, and not the beginning of an identifier")
	case err != nil:
		return "", err
	case len(found) > 1:
		return "", diag.E(op, diag.NoInput, fmt.Errorf("%s and %s begin so", found[0].ID, found[1].ID))
	case len(found) == 1:
		return filepath.Join(sp.Dir(), found[0].String()), nil
	}
	err = diag.New(op, diag.NoInput, "no such file, and no such message in the queue")
	if bad := sp.InBad(name); bad != "" {
		return "", diag.WithHint(err, command+" "+bad)
	}
	return "", diag.WithHint(err, "mtactl track tells what became of a message")
}
