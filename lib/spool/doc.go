// Package spool is the memory of the switch: a directory in which every
// accepted message, probe and report lies as one file, with a log beside it of
// what happened to it. mtaspool(5) specifies the format, every state on disk
// and why no cut of the power loses what was accepted; this package is that
// page in Go, and the two are changed together.
//
// The package knows no protocol. Addresses are text, the X.411 envelope rides
// along as octets, content is never looked into.
//
// Writing. Somebody with a scheduler calls [Spool.CreateInPlace], writes the
// content, [Writer.Finish], tells the holder of the lock, and keeps the writer
// open until the holder has answered from a [Spool.Barrier]. Somebody without
// calls [Spool.CreateNew], writes, Finish, [Writer.Commit].
//
// Holding. One process at a time holds the lock ([Spool.Lock]). Only it calls
// Recover, Load, Append, Remove, RemoveLog, Condemn, Adopt, Discard, Reclaim,
// SweepTmp and Barrier; called without the lock they fail. A Spool may be used by several
// goroutines, a Writer, a Message and a Backlog by one at a time. Channels and tools
// read without it.
//
// Errors carry a diag.Kind: Temporary for want of room or descriptors, NoInput
// for what is not there, Data for what is damaged, IO for a disk that fails.
// errors.Is finds fs.ErrExist, fs.ErrNotExist, ErrIncomplete and ErrDamaged.
package spool
