package channel

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"slices"

	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// Make makes durable the child that a transaction has begun, whose content write writes, or finds
// it made by an earlier lease.
func (h *Host) Make(ctx context.Context, tx *submit.Tx, write func() error) (*spool.Envelope, error) {
	err := write()
	if err == nil {
		var env *spool.Envelope
		if env, err = tx.Commit(ctx); err == nil {
			return env, nil
		}
	} else if !errors.Is(err, fs.ErrExist) {
		err = errors.Join(err, tx.Abort())
	}
	if errors.Is(err, fs.ErrExist) {
		return h.Existing(ctx, tx.Envelope(), tx.Envelope().Priority)
	}
	return nil, err
}

// Existing finds a child that an earlier lease has made, with a priority; fs.ErrNotExist: none
// has. What that lease did not finish goes away when its end is noticed.
func (h *Host) Existing(ctx context.Context, want *spool.Envelope, p spool.Priority) (*spool.Envelope, error) {
	m, err := h.Spool.OpenMessage(spool.Ref{ID: want.ID, Priority: p})
	if err != nil {
		return nil, fmt.Errorf("child %s: %w", want.ID, err)
	}
	env := m.Envelope
	if err := m.Close(); err != nil {
		return nil, err
	}
	if env.Parent != want.Parent || env.Step != want.Step || !slices.Equal(env.ParentRecipients, want.ParentRecipients) {
		return nil, fmt.Errorf("%s is not the child it should be", want.ID)
	}
	return env, h.Again(ctx, env)
}
