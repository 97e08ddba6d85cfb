package queue

import "time"

// long is something that takes long: reading and writing a whole content.
type long struct {
	f    func() error
	then func(error)
}

// aside has f done where it keeps nobody waiting, one after the other, and then called
// with its result. When a barrier has failed, it is not.
func (k *Keeper) aside(f func() error, then func(error)) {
	if k.Aside == nil {
		then(f())
		return
	}
	k.longs = append(k.longs, long{f, then})
	if len(k.longs) == 1 {
		k.nextLong()
	}
}

func (k *Keeper) nextLong() {
	l := k.longs[0]
	var err error
	k.Aside(func() { err = l.f() }, func(now time.Time) {
		if k.failed != nil {
			return
		}
		k.now = now
		l.then(err)
		if k.longs = k.longs[1:]; len(k.longs) > 0 {
			k.nextLong()
		}
	})
}

// Busy tells that something is being done aside, which writes into the spool.
func (k *Keeper) Busy() bool { return len(k.longs) > 0 }
