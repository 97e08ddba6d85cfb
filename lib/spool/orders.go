package spool

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/mtakit/mtakit/lib/durable"
)

// ordersFile is where the standing orders of operators are.
const ordersFile = "ctl/orders"

// Orders returns what SetOrders was given last; nothing if that has never been.
func (s *Spool) Orders() ([]byte, error) {
	text, err := os.ReadFile(filepath.Join(s.dir, ordersFile))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return text, fail("orders", err)
}

// SetOrders replaces the standing orders of operators, durably. It is for the holder.
func (s *Spool) SetOrders(text []byte) error {
	return fail("orders", durable.WriteFile(filepath.Join(s.dir, ordersFile), text, 0o600))
}
