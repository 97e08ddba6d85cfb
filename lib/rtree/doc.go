// Package rtree finds the way of an O/R address in routing trees: RFC 1801, with the O/R
// address tree of RFC 2294.
//
// A Forest holds the nodes of all trees, compiled; it does not change. Find walks the trees
// in their order: in each the longest match, then the nodes above it, as far as the
// routingFailureAction of each says, until one gives an answer. What an MTA can do and what
// it is willing to do is for the caller to say; where nobody says anything, every MTA is
// usable. A walk costs a look-up for each component of the address and tree, whatever the
// size of the trees.
package rtree
