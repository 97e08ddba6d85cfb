// Package confine bounds what a channel process may reach: files by Landlock, system calls
// by seccomp, its memory by keeping it from core files and from whoever would trace it.
//
// A process that reads octets from outside may be taken over by who sends them. It holds
// what it needs by then: its spool is open, its configuration has come, and the files of
// keys that this names are opened for it by mtarun (channel.Files). Apply takes away the
// rest, for good, for all threads, and for whatever the process would start. mta-security(7)
// tells what that is worth.
package confine

import (
	"path/filepath"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/spool"
)

// Limits are what a process may reach besides what it has open.
type Limits struct {
	// Read are files that may be read, if they are there when the limits begin to hold.
	Read []string
	// Work are directories below which directories and regular files may be made, read,
	// written, renamed within one directory, and removed. Nothing else may be: no program
	// run, no link of either kind made. They have to be there.
	Work []string
	// Connect lets it open sockets of its own, of IPv4 and IPv6. Nothing may listen.
	Connect bool
}

// The files by which names of hosts are looked up.
const (
	resolvConf   = "/etc/resolv.conf"
	hosts        = "/etc/hosts"
	nsswitchConf = "/etc/nsswitch.conf"
	services     = "/etc/services"
)

// resolver are the files that package net reads whenever it looks a name up.
func resolver() []string { return []string{resolvConf, hosts, nsswitchConf, services} }

// For returns the limits of a process of a kind of channel; nil where there are none, since
// it runs programs, and they would inherit them.
func For(cfg *conf.Config, kind string) *Limits {
	in := func(names ...string) (dirs []string) {
		for _, name := range names {
			dirs = append(dirs, filepath.Join(cfg.Spool.Dir, name))
		}
		return dirs
	}
	switch kind {
	case conf.KindX400P1:
		return &Limits{Read: resolver(), Work: in("q", "partial", spool.TokensDir), Connect: true}
	case conf.KindExpand, conf.KindSecure:
		return &Limits{Work: in("q")}
	}
	return nil
}
