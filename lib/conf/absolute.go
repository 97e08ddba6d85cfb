package conf

import "path/filepath"

// Absolute makes every relative path one that begins at dir.
func (c *Config) Absolute(dir string) {
	abs := func(p *string) {
		if *p != "" && !filepath.IsAbs(*p) {
			*p = filepath.Join(dir, *p)
		}
	}
	abs(&c.Spool.Dir)
	abs(&c.Events.Dir)
	secret := func(p *string) {
		if _, ok := Credential(*p); !ok {
			abs(p)
		}
	}
	secret(&c.Directory.PasswordFile)
	abs(&c.Directory.TLSCA)
	abs(&c.Directory.TLSCertificate)
	abs(&c.Directory.TLSKey)
	abs(&c.Identity.TokenCertificate)
	abs(&c.Identity.TokenKey)
	for _, files := range c.Security.files() {
		for i := range files {
			abs(&files[i])
		}
	}
	for i := range c.Listeners {
		l := &c.Listeners[i]
		abs(&l.TLSCertificate)
		abs(&l.TLSKey)
		abs(&l.TLSCA)
	}
	for i := range c.Peers {
		p := &c.Peers[i]
		secret(&p.PasswordInFile)
		secret(&p.PasswordOutFile)
		abs(&p.TLSCertificate)
		abs(&p.TLSKey)
		abs(&p.TLSCA)
		abs(&p.TokenCA)
		abs(&p.TokenPeer)
		abs(&p.TokenCertificate)
		abs(&p.TokenKey)
	}
	for i := range c.Steps {
		s := &c.Steps[i]
		abs(&s.Certificate)
		abs(&s.Key)
		secret(&s.PassphraseFile)
	}
	for i := range c.Users {
		u := &c.Users[i]
		abs(&u.Mailbox)
		if len(u.Program) > 0 {
			abs(&u.Program[0])
		}
	}
}
