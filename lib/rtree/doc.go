// Package rtree finds the way of an O/R address in routing trees: RFC 1801, with the O/R
// address tree of RFC 2294.
//
// A Forest holds the nodes of the trees that are held, compiled; it does not change. The nodes of
// others, which conf.OnDemand names, are given for each walk by whoever can look them up. Find walks the trees
// in their order: in each the longest match, then the nodes above it, as far as the
// routingFailureAction of each says, until one gives an answer. What an MTA can do and what
// it is willing to do is for the caller to say; where nobody says anything, every MTA is
// usable. A walk costs a look-up for each component of the address and tree, whatever the
// size of the trees. A Searcher tells what an address that there is not may have meant (§22.4).
package rtree
