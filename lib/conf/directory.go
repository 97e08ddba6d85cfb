package conf

import (
	"net"
	"net/netip"
	"net/url"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

// Directory says that the configuration is in a directory, and where: the tables of a file
// that has one are those of the machine alone. The zero Directory is none.
type Directory struct {
	URLs []string `json:"urls,omitempty" toml:"urls"` // of servers, in the order to try: ldap://, ldaps://, ldapi://
	Base string   `json:"base,omitempty" toml:"base"` // distinguished name above the network of switches
	MTA  string   `json:"mta,omitempty" toml:"mta"`   // mTAName of this switch

	Bind         string `json:"bind" toml:"bind"`                             // BindAnonymous, BindSimple or BindExternal
	BindDN       string `json:"bind-dn,omitempty" toml:"bind-dn"`             // with BindSimple
	PasswordFile string `json:"password-file,omitempty" toml:"password-file"` // with BindSimple

	StartTLS       bool   `json:"start-tls" toml:"start-tls"`                       // on ldap://
	TLSCA          string `json:"tls-ca,omitempty" toml:"tls-ca"`                   // PEM; empty: those of the system
	TLSCertificate string `json:"tls-certificate,omitempty" toml:"tls-certificate"` // PEM, ours, for BindExternal
	TLSKey         string `json:"tls-key,omitempty" toml:"tls-key"`                 // PEM

	Timeout   Duration `json:"timeout" toml:"timeout"`     // of one operation
	Poll      Duration `json:"poll" toml:"poll"`           // where the server does not tell of changes
	Cache     Duration `json:"cache" toml:"cache"`         // how long nodes that were looked up are taken for what they were
	Referrals bool     `json:"referrals" toml:"referrals"` // are followed, with the same credentials
}

// The values of Directory.Bind.
const (
	BindAnonymous = "anonymous"
	BindSimple    = "simple"
	BindExternal  = "external" // SASL EXTERNAL, by the certificate or the peer of the socket
)

// maxServers bounds the servers of a directory.
const maxServers = 16

func newDirectory() Directory {
	return Directory{Bind: BindAnonymous, Timeout: 10 * second, Poll: 10 * second, Cache: 60 * second}
}

// InDirectory tells whether the configuration is in a directory, and this is but what is
// needed to get it.
func (c *Config) InDirectory() bool { return len(c.Directory.URLs) > 0 }

// ofMachine are the tables that a file has beside a directory.
var ofMachine = []string{"directory", "spool", "events", "run"}

// alone reports the tables of a file that stand in the directory.
func (v *validator) alone() {
	has, otherwise := reflect.ValueOf(v.c).Elem(), reflect.ValueOf(New()).Elem()
	for i := range has.NumField() {
		name := has.Type().Field(i).Tag.Get("toml")
		if name == "-" || slices.Contains(ofMachine, name) || reflect.DeepEqual(has.Field(i).Interface(), otherwise.Field(i).Interface()) {
			continue
		}
		if v.in(name); has.Field(i).Kind() == reflect.Slice {
			v.entry(name, 0, "")
		}
		v.faultf("", "stands in the directory that [directory] names; a file beside it has %s only", strings.Join(ofMachine, ", "))
	}
}

// directory checks how the directory is reached.
func (v *validator) directory() {
	v.in("directory")
	d := &v.c.Directory
	if len(d.URLs) == 0 {
		if d.Base != "" || d.MTA != "" || d.BindDN != "" || d.PasswordFile != "" {
			v.faultf("urls", "required")
		}
		return
	}
	if len(d.URLs) > maxServers {
		v.faultf("urls", "%d servers; a directory has at most %d", len(d.URLs), maxServers)
	}
	v.required("base", d.Base)
	if v.required("mta", d.MTA) {
		v.mtaName("mta", d.MTA)
	}
	for i, text := range d.URLs {
		v.server("urls["+strconv.Itoa(i)+"]", text)
	}
	switch d.Bind {
	case BindAnonymous:
		if d.BindDN != "" || d.PasswordFile != "" {
			v.faultf("bind", "is %s, and there are bind-dn or password-file: \"simple\" uses them", d.Bind)
		}
	case BindSimple:
		v.required("bind-dn", d.BindDN)
		v.required("password-file", d.PasswordFile)
	case BindExternal:
	default:
		v.faultf("bind", "%s is none of %s, %s and %s", quote([]byte(d.Bind)), BindAnonymous, BindSimple, BindExternal)
	}
	v.secret("password-file", d.PasswordFile)
	if (d.TLSCertificate == "") != (d.TLSKey == "") {
		v.faultf("tls-key", "tls-certificate and tls-key come together")
	}
	if d.Timeout < second || d.Timeout > hour {
		v.faultf("timeout", "%s is not from 1s to 1h", d.Timeout)
	}
	if d.Cache < 0 || d.Cache > 24*hour {
		v.faultf("cache", "%s is not from 0s to 24h", d.Cache)
	}
	if d.Poll < second || d.Poll > 24*hour {
		v.faultf("poll", "%s is not from 1s to 24h", d.Poll)
	}
}

// server checks the URL of a server. Nothing of a configuration goes over a network in clear.
func (v *validator) server(key, text string) {
	if rest, ok := strings.CutPrefix(text, "ldapi://"); ok {
		if path, err := url.PathUnescape(rest); err != nil || path != "" && !strings.HasPrefix(path, "/") {
			v.faultf(key, "%s is no path of a socket: ldapi://%%2Fvar%%2Frun%%2Fslapd%%2Fldapi", quote([]byte(text)))
		}
		return
	}
	u, err := url.Parse(text)
	if err != nil {
		v.fault(key, err)
		return
	}
	switch u.Scheme {
	case "ldap", "ldaps":
	default:
		v.faultf(key, "%s is none of ldap://, ldaps:// and ldapi://", quote([]byte(text)))
		return
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" {
		v.faultf(key, "%s has more than a host and a port", quote([]byte(text)))
	}
	if u.Scheme == "ldap" && !v.c.Directory.StartTLS && !isLoopback(u.Hostname()) {
		v.faultf(key, "the configuration would come from %s in clear, with the passwords in it, and whoever is on the way could change it: start-tls, ldaps:// or ldapi://", u.Host)
	}
}

func isLoopback(host string) bool {
	a, err := netip.ParseAddr(host)
	if err != nil {
		return host == "localhost"
	}
	return net.IP(a.AsSlice()).IsLoopback()
}
