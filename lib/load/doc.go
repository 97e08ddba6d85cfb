// Package load makes traffic to measure an MTA by: a Source transfers messages to it by
// P1 (X.419), a Sink takes what it sends and throws it away. Every message carries when
// its transfer began and which run it is of, so that a sink in any process can tell how
// long it took.
package load
