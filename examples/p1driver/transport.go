package p1driver

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"time"
)

const (
	// patience is how long either end waits for the other's next octet.
	patience = 60 * time.Second
	// maxObject bounds what a sink has in memory of an object.
	maxObject = 512 << 20
	// maxTSDU bounds what is put together of one TSDU: without checkpoints, a whole object.
	maxTSDU = maxObject + 1<<20
)

// Sizes of TPDUs as the parameter C0 has them: 2 to the power of it.
const (
	tpdu1024 = 0x0a
	tpdu8192 = 0x0d
)

// wire is a transport connection of class 0 over TPKT (RFC 1006).
type wire struct {
	conn net.Conn
	r    *bufio.Reader
	w    *bufio.Writer
	size int // of a TPDU
	tsdu []byte
}

func newWire(conn net.Conn) *wire {
	return &wire{conn: conn, r: bufio.NewReaderSize(conn, 16<<10), w: bufio.NewWriterSize(conn, 32<<10), size: 1 << tpdu8192}
}

// tpkt reads one TPDU.
func (w *wire) tpkt() ([]byte, error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	var head [4]byte
	if _, err := io.ReadFull(w.r, head[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(head[2:]))
	if head[0] != 3 || n < 7 {
		return nil, fmt.Errorf("no TPKT: % x", head)
	}
	tpdu := make([]byte, n-4)
	_, err := io.ReadFull(w.r, tpdu)
	if err == nil && int(tpdu[0])+1 > len(tpdu) {
		err = fmt.Errorf("TPDU of %d octets with a header of %d", len(tpdu), tpdu[0])
	}
	return tpdu, err
}

// put queues one TPDU.
func (w *wire) put(tpdu ...byte) {
	// bufio keeps the error for flush.
	_, _ = w.w.Write([]byte{3, 0, byte((len(tpdu) + 4) >> 8), byte(len(tpdu) + 4)})
	_, _ = w.w.Write(tpdu)
}

// send queues a TSDU.
func (w *wire) send(tsdu []byte) {
	for {
		n := min(len(tsdu), w.size-3)
		end := byte(0x80)
		if n < len(tsdu) {
			end = 0
		}
		length := n + 7
		_, _ = w.w.Write([]byte{3, 0, byte(length >> 8), byte(length), 2, 0xf0, end})
		_, _ = w.w.Write(tsdu[:n])
		if tsdu = tsdu[n:]; len(tsdu) == 0 {
			return
		}
	}
}

func (w *wire) flush() error {
	if err := w.conn.SetWriteDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	return w.w.Flush()
}

// receive reads a TSDU; it is valid until the next call.
func (w *wire) receive() ([]byte, error) {
	w.tsdu = w.tsdu[:0]
	for {
		tpdu, err := w.tpkt()
		if err != nil {
			return nil, err
		}
		if len(tpdu) < 3 || tpdu[0] != 2 || tpdu[1] != 0xf0 {
			return nil, fmt.Errorf("no DT TPDU: % x", tpdu[:min(len(tpdu), 8)])
		}
		if w.tsdu = append(w.tsdu, tpdu[3:]...); len(w.tsdu) > maxTSDU {
			return nil, errors.New("TSDU too long")
		}
		if tpdu[2]&0x80 != 0 {
			return w.tsdu, nil
		}
	}
}

// call sends a CR TPDU and takes the CC TPDU.
func (w *wire) call(size byte, calling, called string) error {
	cr := append([]byte{0, 0xe0, 0, 0, 0, 1, 0, 0xc0, 1, size}, selector(0xc1, calling)...)
	cr = append(cr, selector(0xc2, called)...)
	cr[0] = byte(len(cr) - 1)
	w.put(cr...)
	if err := w.flush(); err != nil {
		return err
	}
	cc, err := w.tpkt()
	if err != nil {
		return err
	}
	if len(cc) < 7 || cc[1]&0xf0 != 0xd0 {
		return fmt.Errorf("refused by transport: % x", cc)
	}
	w.size = 1 << tpduSize(cc, size)
	return nil
}

// answer takes a CR TPDU; refuse sends a DR TPDU for it, else a CC TPDU.
func (w *wire) answer(refuse bool) error {
	cr, err := w.tpkt()
	if err != nil {
		return err
	}
	if len(cr) < 7 || cr[1] != 0xe0 {
		return fmt.Errorf("no CR TPDU: % x", cr)
	}
	if refuse {
		const congestion = 1
		w.put(6, 0x80, cr[4], cr[5], 0, 0, congestion)
		return errors.Join(errors.New("refused as told"), w.flush())
	}
	size := tpduSize(cr, tpdu8192)
	w.size = 1 << size
	w.put(9, 0xd0, cr[4], cr[5], 0, 2, 0, 0xc0, 1, size)
	return w.flush()
}

func selector(code byte, s string) []byte {
	return append([]byte{code, byte(len(s))}, s...)
}

// tpduSize is the parameter C0, at most what is given.
func tpduSize(tpdu []byte, most byte) byte {
	for params := tpdu[7 : int(tpdu[0])+1]; len(params) >= 2; {
		n := int(params[1])
		if n+2 > len(params) {
			break
		}
		if params[0] == 0xc0 && n == 1 && params[2] >= 7 {
			most = min(most, params[2])
		}
		params = params[n+2:]
	}
	return most
}
