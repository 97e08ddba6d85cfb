// Package acse implements the association control protocol, X.227 (ISO/IEC
// 8650-1), protocol version 1: the kernel functional unit, with the fields of the
// authentication functional unit carried but not acted upon.
//
// Machine is the association control protocol machine: pure, events in and
// actions out. Above it speaks A- primitives; below it takes and gives the
// connection, release and abort primitives of package presentation. Everything
// else an association does is between its user and presentation.
package acse
