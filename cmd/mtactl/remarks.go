package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/mtakit/mtakit/lib/channel/x400p1"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/route"
)

// remarks are what is right in the configuration read from a file and will not work on
// this machine, or should not be so: for whoever asks, and asked as the user the switch
// runs as.
func remarks(cfg *conf.Config, path string) []string {
	var all []string
	remark := func(format string, args ...any) {
		all = append(all, fmt.Sprintf("%s: remark: ", path)+fmt.Sprintf(format, args...))
	}
	st, err := os.Stat(path)
	if err == nil && st.Mode().Perm()&0o004 != 0 && secret(cfg) {
		remark("it holds passwords and everybody can read it: mode %o, better 600", st.Mode().Perm())
	}
	for _, tree := range cfg.Identity.Trees {
		if conf.OnDemand(tree) {
			remark("[identity]: trees: %s is looked up in a directory, and there is no [directory]: what comes to it waits", tree)
		}
	}
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		if p.Name == cfg.MTAName(p) {
			remark("[[peer]] %s: it has the name that this MTA gives itself there", p.Name)
		}
		if why := cfg.Apart(p); why != "" {
			remark("[[peer]] %s: communities: it is no way for anything: %s", p.Name, why)
		}
		if p.Mode != conf.ModeNormal && selects(p) {
			remark("[[peer]] %s: psel: mode %s has no presentation selectors: none is sent", p.Name, p.Mode)
		}
		for _, e := range []struct {
			what   string
			life   conf.Duration
			exempt bool
		}{
			{"urgent", cfg.Schedule.Expiry.Urgent, p.WindowUrgent},
			{"normal", cfg.Schedule.Expiry.Normal, false},
			{"non-urgent", cfg.Schedule.Expiry.NonUrgent, false},
		} {
			if shut := p.Shut(); shut >= e.life.D() && !e.exempt {
				remark("[[peer]] %s: window: shut for %s, and %s messages are given up after %s", p.Name, conf.Duration(shut), e.what, e.life)
			}
		}
		if p.Credentials == conf.CredentialsNone {
			for _, text := range withoutCredentials(cfg, p) {
				remark("[[peer]] %s: credentials: %s", p.Name, text)
			}
		}
		if a, err := p.Acceptance(); err == nil && p.Mode == conf.Mode1984 && onlyP2(a) {
			remark("[[peer]] %s: content-types lacks p22: messages of 1988 are refused before they could be made p2", p.Name)
		}
	}
	for _, text := range fileRemarks(cfg) {
		remark("%s", text)
	}
	for i := range cfg.Users {
		u := &cfg.Users[i]
		var err error
		switch {
		case len(u.Program) > 0:
			err = runs(u.Program[0])
		case u.Mailbox != "":
			err = takes(u.Mailbox)
		}
		if err != nil {
			remark("[[user]] %s: %v", u.Address, err)
		}
	}
	for _, r := range unreachable(cfg) {
		remark("%s", r)
	}
	return all
}

// fileRemarks are those on the files of this machine that a configuration names, with
// passwords, certificates and keys.
func fileRemarks(cfg *conf.Config) (all []string) {
	for i := range cfg.Peers {
		p := &cfg.Peers[i]
		for _, text := range append(secretRemarks("password-in-file", p.PasswordInFile, conf.MaxPassword),
			secretRemarks("password-out-file", p.PasswordOutFile, conf.MaxPassword)...) {
			all = append(all, fmt.Sprintf("[[peer]] %s: %s", p.Name, text))
		}
	}
	for _, err := range append(x400p1.CheckTLS(cfg, time.Now()), x400p1.CheckTokens(cfg, time.Now())...) {
		all = append(all, strings.ReplaceAll(err.Error(), "\n", "; "))
	}
	return slices.Concat(all, policyRemarks(cfg), stepRemarks(cfg))
}

// unreachable are the members and owners of lists, the alternates, and those whom rules send
// something to, that no way leads to: what is sent on to them comes back, or is lost. It has what
// else is to be said of rules.
func unreachable(cfg *conf.Config) (all []string) {
	router, err := route.New(cfg)
	if err != nil {
		return nil
	}
	look := func(what, address string) {
		a, err := oraddr.Parse(address)
		if err != nil {
			return
		}
		if d := router.Route(a); d.Fail != nil {
			all = append(all, fmt.Sprintf("%s %s: %s", what, address, d.Fail.Text))
		}
	}
	look("[identity]: alternate", cfg.Identity.Alternate)
	for _, u := range cfg.Users {
		look("[[user]] "+u.Address+": alternate", u.Alternate)
	}
	for _, n := range cfg.Nodes {
		for _, r := range n.Redirects {
			look("[[node]] "+conf.NodeName{Tree: n.Tree, At: n.At}.String()+": redirect", r.To)
		}
	}
	for _, l := range cfg.Lists {
		if len(l.Members) == 0 {
			all = append(all, "[[list]] "+l.Address+": it has no members")
		}
		for _, m := range l.Members {
			look("[[list]] "+l.Address+": member", m)
		}
		look("[[list]] "+l.Address+": owner", l.Owner)
	}
	ruleRemarks(cfg, func(text string) { all = append(all, text) }, look)
	return all
}

// selects tells whether a peer has presentation selectors.
func selects(p *conf.Peer) bool {
	return p.OurPSEL != "" || slices.ContainsFunc(p.Calls(), func(a conf.Address) bool { return a.PSEL != "" })
}

// withoutCredentials are remarks upon a peer that has none.
func withoutCredentials(cfg *conf.Config, p *conf.Peer) (all []string) {
	if p.TLS != conf.TLSRequire || len(p.TLSPin) == 0 && p.TLSName == "" {
		all = append(all, "none, and no tls with tls-pin or tls-name: whoever can use the address of the peer is the peer")
	}
	if len(p.Sources()) == 0 {
		all = append(all, "none, and neither callers nor an address that is an IP address: it cannot call")
	}
	if other, ok := cfg.Ambiguous(p); ok {
		all = append(all, "none, and "+other.Name+" may call from where it does: neither is let in from there")
	}
	return all
}

// directoryRemarks are those on a file whose switch is configured from a directory.
func directoryRemarks(cfg *conf.Config, path string) (all []string) {
	d := &cfg.Directory
	remark := func(format string, args ...any) {
		all = append(all, fmt.Sprintf("%s: remark: [directory]: ", path)+fmt.Sprintf(format, args...))
	}
	for _, text := range secretRemarks("password-file", d.PasswordFile, conf.MaxSecret) {
		remark("%s", text)
	}
	for _, f := range []struct {
		key, path string
		secret    bool
	}{{"tls-ca", d.TLSCA, false}, {"tls-certificate", d.TLSCertificate, false}, {"tls-key", d.TLSKey, true}} {
		if f.path == "" {
			continue
		}
		st, err := os.Stat(f.path)
		switch {
		case err != nil:
			remark("%s: %v", f.key, err)
		case f.secret && st.Mode().Perm()&0o004 != 0:
			remark("%s: everybody can read it: mode %o, better 600", f.key, st.Mode().Perm())
		case unix.Access(f.path, unix.R_OK) != nil:
			remark("%s: whoever asks cannot read it", f.key)
		}
	}
	return all
}

// secretRemarks are those on a secret in a file. Nothing is known here of a credential that
// systemd gives to another process.
func secretRemarks(key, secret string, most int) (all []string) {
	if _, ok := conf.Credential(secret); secret == "" || ok && os.Getenv(conf.CredentialsDirectory) == "" {
		return nil
	}
	if path, err := conf.SecretFile(secret); err == nil {
		if st, err := os.Stat(path); err == nil && st.Mode().Perm()&0o004 != 0 {
			all = append(all, fmt.Sprintf("%s: everybody can read it: mode %o, better 600", key, st.Mode().Perm()))
		}
	}
	if _, err := conf.ReadSecret(secret, most); err != nil {
		all = append(all, fmt.Sprintf("%s: %v", key, err))
	}
	return all
}

// secret tells whether there is a password in a configuration.
func secret(cfg *conf.Config) bool {
	for _, p := range cfg.Peers {
		if p.PasswordIn != "" || p.PasswordOut != "" {
			return true
		}
	}
	return false
}

// onlyP2 tells whether interpersonal messages are taken as those of 1984 only.
func onlyP2(a conf.Acceptance) bool {
	takes := func(n mts.BuiltInContentType) bool {
		return slices.ContainsFunc(a.ContentTypes, mts.NewContentType(n).Equal)
	}
	return takes(mts.InterpersonalMessaging1984) && !takes(mts.InterpersonalMessaging1988)
}

// runs tells why a delivery program could not be run.
func runs(program string) error {
	st, err := os.Stat(program)
	switch {
	case err != nil:
		return fmt.Errorf("program: %w", err)
	case !st.Mode().IsRegular():
		return fmt.Errorf("program: %s is not a file", program)
	case unix.Access(program, unix.X_OK) != nil:
		return fmt.Errorf("program: %s is not executable", program)
	}
	return nil
}

// takes tells why no message could be put into a mailbox, which is made when the first
// one comes.
func takes(mailbox string) error {
	for dir := mailbox; ; dir = filepath.Dir(dir) {
		st, err := os.Stat(dir)
		switch {
		case errors.Is(err, fs.ErrNotExist) && dir != filepath.Dir(dir):
			continue
		case err != nil:
			return fmt.Errorf("mailbox: %w", err)
		case !st.IsDir():
			return fmt.Errorf("mailbox: %s is not a directory", dir)
		case unix.Access(dir, unix.W_OK|unix.X_OK) != nil:
			return fmt.Errorf("mailbox: nothing can be made in %s", dir)
		}
		return nil
	}
}
