package tp

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"

	"golang.org/x/sys/unix"
)

// The ports that are given out: above those of services and of what is commonly used, and
// beneath those that Linux takes for outgoing connections, if it cannot be asked.
const (
	firstUnused = 10_000
	firstTaken  = 32_768
)

// UnusedAddress returns an address of a host at which nobody listens now, with a port that
// the system does not take for outgoing connections: one of those may be in use by the
// time somebody listens.
func UnusedAddress(host string) (string, error) {
	taken := firstTaken
	if b, err := os.ReadFile("/proc/sys/net/ipv4/ip_local_port_range"); err == nil {
		if _, err := fmt.Sscan(string(b), &taken); err != nil || taken <= firstUnused {
			taken = firstTaken
		}
	}
	var err error
	for range 100 { // all of them in use, and the caller hears so
		address := net.JoinHostPort(host, strconv.Itoa(firstUnused+rand.IntN(taken-firstUnused)))
		var l net.Listener
		if l, err = net.Listen("tcp", address); err == nil {
			return address, l.Close()
		}
		if !errors.Is(err, unix.EADDRINUSE) {
			break
		}
	}
	return "", err
}
