package load

import (
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/diag"
)

// Part is what a configuration says of one of its peers, from the peer's side.
type Part struct {
	Own, MTA End
	Mode     string
	Switch   conf.Address // where the switch takes it; without a host if nowhere
	Address  string       // host:port where the switch calls it first; empty if never
}

// Play is for playing a peer of the switch that has the configuration.
func Play(cfg *conf.Config, name string) (Part, error) {
	peer, err := cfg.NamedPeer(name)
	if err != nil {
		return Part{}, err
	}
	switch {
	case peer.TLS == conf.TLSRequire:
		return Part{}, diag.New(name, diag.Config, "it has TLS, and its key is not here to play it with")
	case peer.Credentials == conf.CredentialsStrong:
		return Part{}, diag.New(name, diag.Config, "it has strong credentials, and its key is not here to play it with")
	}
	if peer, err = peer.WithPasswords(conf.OpenFile); err != nil {
		return Part{}, diag.E(name, diag.Config, err)
	}
	p := Part{Own: End{peer.Name, peer.PasswordIn}, MTA: End{cfg.MTAName(peer), peer.PasswordOut}, Mode: peer.Mode}
	for _, l := range cfg.Listeners {
		if l.Channel != peer.Channel || l.TLS == conf.TLSRequire {
			continue
		}
		p.Switch.Host = l.Address
		if len(l.TSEL) > 0 {
			p.Switch.TSEL = l.TSEL[0]
		}
		break
	}
	if calls := peer.Calls(); len(calls) > 0 {
		p.Address = calls[0].Host
	}
	return p, nil
}
