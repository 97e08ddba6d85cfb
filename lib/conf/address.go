package conf

import (
	"fmt"
	"net"
	"strconv"

	"github.com/mtakit/mtakit/lib/oraddr"
)

// Calls returns where the peer is called, in the order to try: the network addresses of
// Address, then Addresses. It has none if it is never called. An Address that Validate
// does not accept gives none.
func (p *Peer) Calls() []Address {
	if p.Address == "" {
		return p.Addresses
	}
	all, _ := addressesOf(p.Address)
	return append(all[:len(all):len(all)], p.Addresses...)
}

// addressesOf reads a presentation address: the same selectors at one or several hosts.
func addressesOf(text string) ([]Address, error) {
	p, err := oraddr.ParsePresentationAddress(text)
	if err != nil {
		return nil, err
	}
	var all []Address
	for _, n := range p.Networks {
		if n.Host == "" {
			return nil, fmt.Errorf("%s is no address of RFC 1006 over TCP", n)
		}
		port := defaultPort
		if n.Port != 0 {
			port = strconv.Itoa(int(n.Port))
		}
		all = append(all, Address{Host: net.JoinHostPort(n.Host, port), TSEL: Selector(p.TSEL), SSEL: Selector(p.SSEL), PSEL: Selector(p.PSEL)})
	}
	return all, nil
}

// String writes the address in the form of RFC 1278.
func (a Address) String() string {
	p := oraddr.PresentationAddress{TSEL: a.TSEL.octets(), SSEL: a.SSEL.octets(), PSEL: a.PSEL.octets()}
	n := oraddr.NetworkAddress{Host: a.Host}
	if host, port, err := net.SplitHostPort(a.Host); err == nil {
		number, _ := strconv.ParseUint(port, 10, 16)
		n = oraddr.NetworkAddress{Host: host, Port: uint16(number)}
	}
	p.Networks = []oraddr.NetworkAddress{n}
	return p.String()
}

func (s Selector) octets() []byte {
	if s == "" {
		return nil
	}
	return []byte(s)
}

func (v *validator) address(text string) {
	if text == "" {
		return
	}
	all, err := addressesOf(text)
	if err != nil {
		v.fault("address", err)
		return
	}
	v.selectors(func(s string) string { return "address: " + s }, all[0].TSEL, all[0].SSEL, all[0].PSEL)
}
