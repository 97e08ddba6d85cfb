package x400p1

import (
	"errors"
	"fmt"
	"net"
	"slices"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/osi/rtse"
	"github.com/mtakit/mtakit/lib/p1"
)

// isNone tells whether the bind with a peer has no credentials (X.411 §12.1.1.1).
func isNone(p *conf.Peer) bool { return p.Credentials == conf.CredentialsNone }

// argumentOf decodes the argument of a bind. Where there is none at all its NULL is meant:
// whoever calls has given no name either way.
func argumentOf(raw ber.Raw) (mts.MTABindArgument, error) {
	if raw == nil {
		return mts.MTABindArgument{Unauthenticated: &asn1.Null{}}, nil
	}
	return p1.DecodeBindArgument(raw)
}

// resultOf is argumentOf for the result of a bind.
func resultOf(raw ber.Raw) (mts.MTABindResult, error) {
	if raw == nil {
		return mts.MTABindResult{Unauthenticated: &asn1.Null{}}, nil
	}
	return p1.DecodeBindResult(raw)
}

// originOf is where an association comes from.
func originOf(r rtse.Remote, tsel []byte) conf.Origin {
	o := conf.Origin{TSEL: conf.Selector(tsel), SSEL: conf.Selector(r.SSEL), PSEL: conf.Selector(r.PSEL)}
	if a, ok := r.Addr.(*net.TCPAddr); ok {
		o.Addr = a.AddrPort().Addr().Unmap().WithZone("")
	}
	return o
}

var errNobody = errors.New("it gives neither name nor credentials")

// caller gives the peer that a bind is of: by its name, or, if it gives none, by where it
// comes from. why tells why there is none, or why it may not come in; nil leaves that to
// whoever looks at the credentials.
func (b *binder) caller(s *settings, ind rtse.OpenIndication, a *mts.MTABindArgument) (peer *conf.Peer, why error) {
	if a.Authenticated == nil {
		return s.unauthenticated(originOf(ind.Remote, b.tsel))
	}
	b.name = string(a.Authenticated.InitiatorName)
	peer, known := s.Peer(b.name)
	switch {
	case !known || b.name == "":
		return nil, nil
	case !peer.Enabled:
		return nil, errors.New("the peer of this name is not enabled")
	case peer.Channel != s.own.Name:
		return nil, fmt.Errorf("the peer of this name belongs to channel %s", peer.Channel)
	}
	return peer, nil
}

// unauthenticated gives the peer without credentials that calls from there, if there is
// exactly one.
func (s *settings) unauthenticated(from conf.Origin) (*conf.Peer, error) {
	if !slices.ContainsFunc(s.Peers, func(p conf.Peer) bool { return isNone(&p) && p.Channel == s.own.Name }) {
		return nil, nil // as ever
	}
	all := s.Unauthenticated(s.own.Name, from)
	enabled := slices.DeleteFunc(slices.Clone(all), func(p *conf.Peer) bool { return !p.Enabled })
	switch {
	case len(enabled) == 1:
		return enabled[0], nil
	case len(enabled) > 1:
		return nil, fmt.Errorf("%w, and %s is where both %s and %s call from", errNobody, from, enabled[0].Name, enabled[1].Name)
	case len(all) > 0:
		return nil, fmt.Errorf("%w, and %s, which calls from %s, is not enabled", errNobody, all[0].Name, from)
	}
	return nil, fmt.Errorf("%w, and no peer without credentials calls from %s", errNobody, from)
}

// ones words a class of credentials.
func ones(class string) string {
	if class == conf.CredentialsNone {
		return class
	}
	return class + " ones"
}
