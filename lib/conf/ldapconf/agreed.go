package ldapconf

import "github.com/mtakit/mtakit/lib/conf"

// agreed forgets the passwords that an MTA says of itself where what two have agreed on
// names a file with another.
func agreed(p *conf.Peer, e *Entry) {
	if len(e.get(local("password-in-file"))) > 0 {
		p.PasswordIn = ""
	}
	if len(e.get(local("password-out-file"))) > 0 {
		p.PasswordOut = ""
	}
}
