package bench

import (
	"crypto/sha256"
	"errors"
	"net"
	"runtime"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/measure"
)

// trips is how often an octet goes there and back.
const trips = 2000

// Loopback measures how long an octet takes over a TCP connection of this machine with
// itself, there and back.
func Loopback() (l measure.Summary, err error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return l, diag.E("loopback", diag.System, err)
	}
	defer func() { _ = listener.Close() }() // it was only listened at
	echo := make(chan error, 1)
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			echo <- err
			return
		}
		octet := make([]byte, 1)
		for range trips {
			if _, err = conn.Read(octet); err == nil {
				_, err = conn.Write(octet)
			}
			if err != nil {
				break
			}
		}
		echo <- errors.Join(err, conn.Close())
	}()
	conn, err := net.DialTimeout("tcp", listener.Addr().String(), 10*time.Second)
	if err != nil {
		return l, diag.E("loopback", diag.System, err)
	}
	err = conn.SetDeadline(time.Now().Add(time.Minute))
	var all measure.Latencies
	octet := make([]byte, 1)
	for i := 0; i < trips && err == nil; i++ {
		at := time.Now()
		if _, err = conn.Write(octet); err == nil {
			_, err = conn.Read(octet)
		}
		all.Add(time.Since(at))
	}
	err = errors.Join(err, conn.Close())
	if err == nil {
		err = <-echo
	}
	return all.Summary(), diag.E("loopback", diag.System, err)
}

// hashes is how many messages are hashed.
const hashes = 20_000

// Hash measures how long one CPU takes to hash a content of 1 KiB and to copy it, as each
// message needs once.
func Hash() (each time.Duration) {
	content, copied := noise(1024), make([]byte, 1024)
	begun := time.Now()
	for range hashes {
		sum := sha256.Sum256(content)
		copy(copied, content)
		content[0] ^= sum[0]
	}
	each = time.Since(begun) / hashes
	runtime.KeepAlive(copied)
	return each
}
