package oraddr

import (
	"encoding/hex"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
	"strings"
)

// PresentationAddress is a presentation address (X.200 §5.4) whose text form is that of
// RFC 1278 §4:
//
//	[[[psel "/"] ssel "/"] tsel "/"] network-address *("_" network-address)
//
// A selector is written "text", 'hexadecimal'H, or #digits, an unsigned integer in two
// octets; an absent one not at all.
type PresentationAddress struct {
	PSEL, SSEL, TSEL []byte // nil: absent
	Networks         []NetworkAddress
}

// NetworkAddress is an NSAP address, or the Internet host and port of RFC 1006 that it
// stands for. Read are
//
//	Internet=host+port
//	Internet-RFC-1006=host+port
//	TELEX+00728722+RFC-1006+03+host+port
//	NS+hexadecimal
//
// where the port may be left out, a host is a name, an IPv4 address or, beyond RFC
// 1278, an IPv6 address with or without brackets, and the transport set that may follow
// the port is 1, TCP. Other forms of RFC 1278 need networks that are not there.
type NetworkAddress struct {
	NSAP []byte // as given with NS+; nil: only host and port were
	Host string // empty: an NSAP that stands for no host
	Port uint16 // 0: not given, which means 102
}

var (
	errSelector  = errors.New(`a selector is "text", 'hex'H or #number`)
	errNetwork   = errors.New("a network address is Internet=host+port or NS+hexadecimal")
	errNoNetwork = errors.New("a presentation address needs a network address")
	errNoNSAP    = errors.New("an NSAP address can hold an IPv4 address only")
)

const (
	maxSelectors = 3
	// maxNetworks bounds the network addresses of one presentation address.
	maxNetworks = 32
	// rfc1006Prefix begins the NSAP addresses of RFC 1277 §4.5: AFI 54, IDI 00728722,
	// prefix 03. Decimal digits follow, two an octet: the IPv4 address in groups of
	// three, then the port and the transport set, five each, where they are given.
	rfc1006Prefix = "540072872203"
	ipDigits      = 12
	portDigits    = 5
	transportTCP  = 1
)

// internetForms are what may stand before host and port.
var internetForms = []string{"Internet=", "Internet-RFC-1006=", "TELEX+00728722+RFC-1006+03+"}

// ParsePresentationAddress reads a presentation address.
func ParsePresentationAddress(s string) (PresentationAddress, error) {
	var p PresentationAddress
	var selectors [][]byte
	for {
		sel, rest, ok, err := parseSelector(s)
		if err != nil {
			return PresentationAddress{}, err
		}
		if !ok {
			break
		}
		if selectors = append(selectors, sel); len(selectors) > maxSelectors {
			return PresentationAddress{}, errSelector
		}
		s = rest
	}
	fields := [maxSelectors]*[]byte{&p.TSEL, &p.SSEL, &p.PSEL}
	for i := range selectors {
		*fields[i] = selectors[len(selectors)-1-i]
	}
	if s == "" {
		return PresentationAddress{}, errNoNetwork
	}
	for n := range strings.SplitSeq(s, "_") {
		network, err := parseNetwork(n)
		if err != nil {
			return PresentationAddress{}, err
		}
		if p.Networks = append(p.Networks, network); len(p.Networks) > maxNetworks {
			return PresentationAddress{}, fmt.Errorf("more than %d network addresses", maxNetworks)
		}
	}
	return p, nil
}

// ParseSelector reads a selector.
func ParseSelector(s string) ([]byte, error) {
	sel, rest, ok, err := parseSelector(s + "/")
	if err != nil || !ok || rest != "" {
		return nil, errSelector
	}
	return sel, nil
}

// parseSelector reads a selector and the slash after it.
func parseSelector(s string) (sel []byte, rest string, ok bool, err error) {
	if s == "" {
		return nil, s, false, nil
	}
	var octets []byte
	end := 0
	switch s[0] {
	case '/':
		return nil, s[1:], true, nil
	case '"':
		if end = strings.IndexByte(s[1:], '"') + 1; end == 0 {
			return nil, "", false, errSelector
		}
		octets = []byte(s[1:end])
		end++
	case '\'':
		if end = strings.Index(s, "'H"); end < 1 {
			return nil, "", false, errSelector
		}
		if octets, err = hex.DecodeString(s[1:end]); err != nil {
			return nil, "", false, errSelector
		}
		end += 2
	case '#':
		n := 0
		for end = 1; end < len(s) && '0' <= s[end] && s[end] <= '9' && n <= 0xffff; end++ {
			n = n*10 + int(s[end]-'0')
		}
		if end == 1 || n > 0xffff {
			return nil, "", false, errSelector
		}
		octets = []byte{byte(n >> 8), byte(n)}
	default:
		return nil, s, false, nil
	}
	if end == len(s) || s[end] != '/' {
		return nil, "", false, errSelector
	}
	return octets, s[end+1:], true, nil
}

func parseNetwork(s string) (NetworkAddress, error) {
	if digits, ok := cutFold(s, "NS+"); ok {
		octets, err := hex.DecodeString(digits)
		if err != nil || len(octets) == 0 {
			return NetworkAddress{}, errNetwork
		}
		n := NetworkAddress{NSAP: octets}
		n.Host, n.Port = hostOf(octets)
		return n, nil
	}
	for _, form := range internetForms {
		if rest, ok := cutFold(s, form); ok {
			return parseInternet(rest)
		}
	}
	return NetworkAddress{}, errNetwork
}

// parseInternet reads host, port and transport set.
func parseInternet(s string) (NetworkAddress, error) {
	parts := strings.Split(s, "+")
	if len(parts) > 3 {
		return NetworkAddress{}, errNetwork
	}
	var n NetworkAddress
	if n.Host = parts[0]; strings.HasPrefix(n.Host, "[") && strings.HasSuffix(n.Host, "]") {
		n.Host = n.Host[1 : len(n.Host)-1]
		if a, err := netip.ParseAddr(n.Host); err != nil || !a.Is6() {
			return NetworkAddress{}, fmt.Errorf("%q is no IPv6 address", n.Host)
		}
	}
	if a, err := netip.ParseAddr(n.Host); err == nil && a.Is6() {
		n.Host = a.String()
	} else if !isHost(n.Host) {
		return NetworkAddress{}, fmt.Errorf("%q is not a host", n.Host)
	}
	if len(parts) > 1 {
		port, err := strconv.ParseUint(parts[1], 10, 16)
		if err != nil || port == 0 {
			return NetworkAddress{}, fmt.Errorf("%q is not a port, 1 to 65535", parts[1])
		}
		n.Port = uint16(port)
	}
	if len(parts) > 2 && parts[2] != strconv.Itoa(transportTCP) {
		return NetworkAddress{}, fmt.Errorf("transport set %q: only 1, TCP, is supported", parts[2])
	}
	return n, nil
}

// isHost tells whether s has the characters of a host name or an IPv4 address.
func isHost(s string) bool {
	return s != "" && !strings.ContainsFunc(s, func(r rune) bool {
		return !('a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9' || r == '-' || r == '.')
	})
}

// hostOf is what an NSAP address of RFC 1277 stands for, if it is one.
func hostOf(nsap []byte) (host string, port uint16) {
	digits, ok := strings.CutPrefix(hex.EncodeToString(nsap), rfc1006Prefix)
	digits = strings.TrimSuffix(digits, "f") // pads an odd count
	if !ok || strings.Trim(digits, "0123456789") != "" {
		return "", 0
	}
	switch len(digits) {
	case ipDigits, ipDigits + portDigits, ipDigits + 2*portDigits:
	default:
		return "", 0
	}
	var ip [4]byte
	for i := range ip {
		n, err := strconv.ParseUint(digits[3*i:3*i+3], 10, 8)
		if err != nil {
			return "", 0
		}
		ip[i] = byte(n)
	}
	if rest := digits[ipDigits:]; rest != "" {
		n, err := strconv.ParseUint(rest[:portDigits], 10, 16)
		if err != nil || n == 0 {
			return "", 0
		}
		port = uint16(n)
		if set := rest[portDigits:]; set != "" && strings.TrimLeft(set, "0") != strconv.Itoa(transportTCP) {
			return "", 0
		}
	}
	return netip.AddrFrom4(ip).String(), port
}

// nsap is the NSAP address; of a host it is that of RFC 1277.
func (n NetworkAddress) nsap() ([]byte, error) {
	if n.NSAP != nil {
		return n.NSAP, nil
	}
	ip, err := netip.ParseAddr(n.Host)
	if err != nil || !ip.Is4() {
		return nil, errNoNSAP
	}
	digits := rfc1006Prefix
	for _, b := range ip.As4() {
		digits += fmt.Sprintf("%03d", b)
	}
	if n.Port != 0 {
		digits += fmt.Sprintf("%05df", n.Port)
	}
	return hex.DecodeString(digits)
}

// String writes the network address: a host with Internet=, anything else with NS+.
func (n NetworkAddress) String() string {
	host := n.Host
	switch {
	case host == "":
		return fmt.Sprintf("NS+%X", n.NSAP)
	case strings.Contains(host, ":"):
		host = "[" + host + "]"
	}
	if n.Port == 0 {
		return internetForms[0] + host
	}
	return internetForms[0] + host + "+" + strconv.Itoa(int(n.Port))
}

// String writes the address in the form of RFC 1278.
func (p PresentationAddress) String() string {
	var b strings.Builder
	p.writeSelectors(&b)
	for i, n := range p.Networks {
		if i > 0 {
			b.WriteByte('_')
		}
		b.WriteString(n.String())
	}
	return b.String()
}

func (p PresentationAddress) writeSelectors(b *strings.Builder) {
	started := false
	for _, sel := range [...][]byte{p.PSEL, p.SSEL, p.TSEL} {
		if sel == nil && !started {
			continue
		}
		started = true
		if sel != nil {
			b.WriteString(SelectorText(sel))
		}
		b.WriteByte('/')
	}
}

// SelectorText writes a selector: "text" if it is printable, else in hexadecimal.
func SelectorText(sel []byte) string {
	for _, c := range sel {
		if c < ' ' || c > '~' || c == '"' {
			return fmt.Sprintf("'%X'H", sel)
		}
	}
	return `"` + string(sel) + `"`
}
