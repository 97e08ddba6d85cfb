package queue

import (
	"time"

	"github.com/mtakit/mtakit/lib/spool"
)

// Reclaim takes in what a channel process that has died left in the spool: messages
// that are whole, and that nobody has told of. Their senders have not been told yes
// and will send them again; but what is whole is never thrown away. It is called
// between two events, when every line of the process has been read and everything
// found at start has been loaded, and before the scheduler hears that the process is gone:
// a recipient that is given up then must not have a child that nobody knows of. After
// an error it is to be called again: what the disk did not give is still there. ErrBarrier
// says that the keeper is to be poisoned.
func (k *Keeper) Reclaim(now time.Time) error {
	k.now = now
	if k.failed != nil {
		return nil
	}
	return k.spool.Reclaim(k.knows, func(i spool.Item) error {
		if i.Damaged != nil {
			k.damaged(string(i.Ref.ID), i.Damaged)
			return nil
		}
		if i.Envelope.Parent != "" {
			return k.reclaimChild(i)
		}
		k.accepted(i.Envelope)
		k.found(i)
		return nil
	})
}

// knows tells whether a file in q/ is accounted for: the scheduler has it, or its
// reports are under way, or a barrier or the file system is waited for.
func (k *Keeper) knows(ref spool.Ref) bool {
	return k.mind.Has(ref.ID) || k.debts[ref.ID] != nil || k.unnamed[ref.ID] != nil || k.between[ref.ID] || k.unread[ref.ID] || k.strays[ref]
}
