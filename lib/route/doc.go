// Package route answers where a recipient goes: to a user of this MTA, to peers
// in the order to try, or nowhere and why. man/mta.toml.5 has the rules; in short,
// an exact user first, then of the routes that match the one with the longest
// match, the own domain being a route like the others.
//
// The answer depends on the O/R address and the configuration alone. Which of
// several peers can be reached is the scheduler's to find out; what a recipient
// may receive is for policy.
package route
