package ldapconf

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/go-ldap/ldap/v3"
)

const (
	// settle is how long nothing may change before a change is told of: who changes
	// entries changes several.
	settle = 200 * time.Millisecond
	// settleMost is how long it is waited for that.
	settleMost = time.Second
	// again is how long a server that failed is left alone, at first and in the end.
	againFirst = time.Second
	againMost  = time.Minute
	// lookAgain is how often all entries are looked at where the server tells of changes:
	// of some it does not, as of its own rules of access. backAgain is how often the servers
	// are tried that stand before the one that is watched.
	lookAgain = 5 * time.Minute
	backAgain = time.Minute
)

// Watch calls changed when entries may have changed since a state was read, and again
// whenever they change, until ctx is done. Where the server offers content synchronisation
// (RFC 4533) it says so itself, and is asked now and then whether it still does; else it is asked,
// every Poll, when each entry was changed.
// After a server could not be reached, and another answers, changed is called too; and a server
// that stands before the one that is watched is gone back to. What goes
// wrong is told once, when it begins, with the error, and with nil when it is over.
func (s *Source) Watch(ctx context.Context, since State, changed func(), trouble func(error)) {
	w := &watcher{Source: s, stamp: since.Digest, changed: changed}
	pause, failing := againFirst, false
	for ctx.Err() == nil {
		err := s.eachServer(ctx, func(conn *ldap.Conn, server string) error {
			if _, err := s.current(ctx, conn); err != nil {
				return err
			}
			if err := w.look(ctx, conn); err != nil {
				return err
			}
			s.watched.Store(&server)
			defer s.watched.Store(nil)
			if failing {
				trouble(nil)
				changed() // what was not to be had when it was wanted can be had now
			}
			failing, pause = false, againFirst
			ctx, cancel := context.WithCancel(ctx)
			defer cancel()
			ends := make(chan error, 2)
			go func() { ends <- w.watch(ctx, conn) }()
			go func() { ends <- w.attend(ctx, server) }()
			return <-ends
		})
		if ctx.Err() != nil {
			return
		}
		if errors.Is(err, errAgain) {
			changed()
			continue
		}
		if !failing && err != nil {
			trouble(err)
			failing = true
		}
		if !wait(ctx, pause) {
			return
		}
		pause = min(2*pause, againMost)
	}
}

// attend makes sure that the server that is watched still answers, on connections of its own, and
// that what it does not tell of itself is noticed: what may be read by other rules. It ends with an
// error if the server does not, or if one that stands before it can be had.
func (w *watcher) attend(ctx context.Context, server string) error {
	looked, tried := time.Now(), time.Now()
	for wait(ctx, w.file.Directory.Poll.D()) {
		conn, err := w.connect(ctx, server)
		if err != nil {
			return err
		}
		if _, err = w.current(ctx, conn); err == nil && time.Since(looked) > w.lookAgain {
			looked = time.Now()
			err = w.look(ctx, conn)
		}
		_ = conn.Close() // it was only read from
		if err != nil {
			return err
		}
		if time.Since(tried) > w.backAgain {
			if w.before(ctx, server) {
				return errAgain
			}
			tried = time.Now()
		}
	}
	return ctx.Err()
}

// before tells whether a server can be had that stands before another.
func (w *watcher) before(ctx context.Context, server string) bool {
	for _, better := range w.file.Directory.URLs {
		if better == server {
			return false
		}
		conn, err := w.connect(ctx, better)
		if err != nil {
			continue
		}
		_, err = w.current(ctx, conn)
		_ = conn.Close() // it was only read from
		if err == nil {
			return true
		}
	}
	return false
}

// wait tells whether the time passed before ctx was done.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}

type watcher struct {
	*Source
	changed func()

	mu    sync.Mutex
	stamp string
}

// look asks when each entry was changed, and tells if that is another time than before.
func (w *watcher) look(ctx context.Context, conn *ldap.Conn) error {
	now, err := w.Source.look(ctx, conn)
	if err != nil {
		return err
	}
	w.mu.Lock()
	was := w.stamp
	w.stamp = now
	w.mu.Unlock()
	if now != was {
		w.changed()
	}
	return nil
}

// syncRequest is the control of content synchronisation (RFC 4533 §2.2).
const syncRequest = "1.3.6.1.4.1.4203.1.9.1.1"

func (w *watcher) watch(ctx context.Context, conn *ldap.Conn) error {
	root, err := conn.Search(ldap.NewSearchRequest("", ldap.ScopeBaseObject, ldap.NeverDerefAliases, 1, 0, false,
		"(objectClass=*)", []string{"supportedControl"}, nil))
	if err != nil {
		return err
	}
	if len(root.Entries) == 1 && slices.Contains(root.Entries[0].GetAttributeValues("supportedControl"), syncRequest) {
		// A server may know the control, and refuse it for this database, or for whoever asks.
		var refused *ldap.Error
		if err := w.synchronise(ctx, conn); !errors.As(err, &refused) || refused.ResultCode >= ldap.ErrorNetwork {
			return err
		}
	}
	for wait(ctx, w.file.Directory.Poll.D()) {
		if err := w.look(ctx, conn); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// synchronise lets the server tell of changes. What it tells is taken as a sign only: the
// entries are read again in a state of their own.
func (w *watcher) synchronise(ctx context.Context, conn *ldap.Conn) error {
	conn.SetTimeout(0) // it says nothing as long as nothing changes
	defer conn.SetTimeout(w.file.Directory.Timeout.D())
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	req := w.request(noAttributes)
	req.TimeLimit = 0
	stream := conn.Syncrepl(ctx, req, page, ldap.SyncRequestModeRefreshAndPersist, nil, false)
	signs, ended := make(chan struct{}, 1), make(chan error, 1)
	go func() {
		refreshed := false
		for stream.Next() {
			// What changed between the look and the end of the refreshment is told in it.
			if refreshed = refreshed || isRefreshed(stream.Controls()); !refreshed {
				continue
			}
			select {
			case signs <- struct{}{}:
			default: // one is there that has not been seen
			}
		}
		ended <- stream.Err()
	}()
	for {
		select {
		case <-signs:
			if !w.settle(ctx, signs) {
				return ctx.Err()
			}
			w.changed()
		case err := <-ended:
			if err == nil {
				err = errors.New("the server ended the synchronisation")
			}
			return fmt.Errorf("content synchronisation: %w", err)
		}
	}
}

// noAttributes asks for entries without any (RFC 4511 §4.5.1.8).
const noAttributes = "1.1"

// isRefreshed tells whether the server has told of all there was at first.
func isRefreshed(controls []ldap.Control) bool {
	return slices.ContainsFunc(controls, func(c ldap.Control) bool {
		info, ok := c.(*ldap.ControlSyncInfo)
		return ok && (info.RefreshDelete != nil && info.RefreshDelete.RefreshDone || info.RefreshPresent != nil && info.RefreshPresent.RefreshDone)
	})
}

// settle waits until nothing has changed for a while.
func (w *watcher) settle(ctx context.Context, signs <-chan struct{}) bool {
	most := time.NewTimer(settleMost)
	defer most.Stop()
	for {
		quiet := time.NewTimer(settle)
		select {
		case <-signs:
			quiet.Stop()
		case <-quiet.C:
			return true
		case <-most.C:
			quiet.Stop()
			return true
		case <-ctx.Done():
			quiet.Stop()
			return false
		}
	}
}
