package load

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/mtakit/mtakit/lib/diag"
)

// Loopback looks a host:port up and returns it with a number for the name. An address that
// is not a loopback address is Denied: whoever measures should say so when others are
// measured with it.
func Loopback(ctx context.Context, address string) (string, error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", diag.E("", diag.Usage, err)
	}
	all := []netip.Addr{netip.IPv4Unspecified()}
	if host != "" {
		if all, err = net.DefaultResolver.LookupNetIP(ctx, "ip", host); err != nil {
			return "", diag.E("", diag.Unavailable, err)
		}
	}
	for _, ip := range all {
		if ip = ip.Unmap(); !ip.IsLoopback() {
			return "", diag.WithHint(diag.New(address, diag.Denied, fmt.Sprintf("%v is not a loopback address", ip)),
				"--beyond-loopback allows it: the network, and whoever else uses what is measured, bear it")
		}
	}
	return net.JoinHostPort(all[0].Unmap().String(), port), nil
}
