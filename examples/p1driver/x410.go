package p1driver

import (
	"errors"
	"fmt"
)

// Application protocols of X.410-1984 mode, X.419 §11; 0 stands for normal mode.
const (
	P1of1984 = 1
	P1of1988 = 12
)

// X.410-1984 mode: the components of RTORQ, RTOAC and RTORJ are presentation's, there
// is no association control and no tag around the bind, session has version 1, and what
// normal mode has in presentation data stands in session's user data as it is.

// connectX410 is the CP, with the components of RTORQ.
func connectX410(own Bind, m Manner, mode int) tlv {
	return c(0x31, c(0xa0, p(0x80, 0)), c(0xa1,
		number(0x80, m.Checkpoint), number(0x81, m.Window), number(0x82, mode),
		c(0xa3, c(0xa0, own.tlv())), number(0x84, m.Protocol)))
}

// calledX410 reads what a caller in X.410-1984 mode says.
func (a *association) calledX410(cp tlv) error {
	open, err := cp.must(0xa1)
	if err != nil {
		return err
	}
	a.agree(open, 0x80, 0x81)
	a.protocol = P1of1984
	if v, ok := open.find(0x84); ok {
		a.protocol = v.int()
	}
	a.peer, err = readBind(open, 0xa3, 0xa0)
	return err
}

// acceptX410 is the CPA, with the components of RTOAC.
func (a *association) acceptX410(own Bind) tlv {
	return c(0x31, c(0xa0, p(0x80, 0)), c(0xa1,
		number(0x80, a.checkpoint/1024), number(0x81, a.window), c(0xa2, c(0xa0, own.tlv()))))
}

// acceptedX410 reads the CPA.
func (a *association) acceptedX410(cpa tlv) error {
	if mode, err := cpa.must(0xa0, 0x80); err != nil || mode.int() != 0 {
		return errors.Join(fmt.Errorf("answered in mode %d", mode.int()), err)
	}
	accept, err := cpa.must(0xa1)
	if err != nil {
		return err
	}
	a.agree(accept, 0x80, 0x81)
	a.peer, err = readBind(accept, 0xa2, 0xa0)
	return err
}

// The reasons of RTORJ.
const (
	rtsBusy           = 0
	validationFailure = 2
)

// refuseX410 is the CPR, which is RTORJ.
func refuseX410(reason byte) []byte { return style{}.append([]byte{2}, c(0x31, p(0x80, reason))) }
