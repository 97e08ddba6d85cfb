package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// asked is the envelope of the message that is asked about, with what rules ask about its
// content.
func asked(c *ucli.Context, cfg *conf.Config, door *submit.Door) (env *spool.Envelope, err error) {
	name := c.Args().First()
	if name == "-" {
		return described(name, c.App.Reader, door)
	}
	switch st, err := os.Stat(name); {
	case err == nil && !st.Mode().IsRegular():
		return inFile(name, door) // a pipe
	case err != nil: // an identifier
		sp, err := spool.Open(cfg.Spool.Dir)
		if err != nil {
			return nil, err
		}
		name, err = cli.MessageFile(sp, "", name, "mtactl policy explain")
		if err = errors.Join(err, sp.Close()); err != nil {
			return nil, err
		}
	}
	env, err = inMessageFile(name, door)
	if !errors.Is(err, spool.ErrIncomplete) {
		return env, err
	}
	return inFile(name, door)
}

// inFile is an envelope in a file of its own.
func inFile(name string, door *submit.Door) (env *spool.Envelope, err error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, diag.E("", diag.NoInput, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	return described(name, f, door)
}

// inMessageFile is the envelope of a message file.
func inMessageFile(name string, door *submit.Door) (env *spool.Envelope, err error) {
	m, err := spool.OpenFile(name)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, m.Close()) }()
	return m.Envelope, door.Examine(m.Envelope, m.Content())
}

// described is an envelope that is described as JSON; where the file with its content is still
// there, that is looked at.
func described(name string, in io.Reader, door *submit.Door) (*spool.Envelope, error) {
	text, err := io.ReadAll(io.LimitReader(in, spool.MaxEnvelope+1))
	if err != nil {
		return nil, diag.E(name, diag.NoInput, err)
	}
	if len(text) > spool.MaxEnvelope {
		return nil, diag.E(name, diag.Data, fmt.Errorf("neither a message file nor an envelope: more than %d octets", spool.MaxEnvelope))
	}
	env, path, err := submit.ReadEnvelope(text)
	if err != nil {
		return nil, diag.WithHint(diag.E(name, diag.Data, fmt.Errorf("neither a message file nor an envelope: %w", err)),
			"a file of the spool, what mtaqueue show --json prints, or an identifier in the queue")
	}
	if path == "" {
		return env, nil
	}
	m, err := spool.OpenFile(path)
	if err != nil {
		return env, nil // it may have left: what the envelope says of the content remains
	}
	return env, errors.Join(door.Examine(env, m.Content()), m.Close())
}
