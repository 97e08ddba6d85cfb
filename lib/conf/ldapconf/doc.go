// Package ldapconf is the form that a configuration has in a directory: which entry and
// which attribute holds what, as mta-directory(7) describes it. Decode makes a
// configuration of entries, Encode entries of a configuration; LDIF reads and writes them
// as text (RFC 2849), and a Source fetches them over LDAP (RFC 4511), tells of changes, and looks up single nodes of
// trees that are not read whole.
//
// Routing trees are those of RFC 1801, in entries named as RFC 2294 says. The values of
// types that have no string form there are written by the generic string encoding rules of
// RFC 3641. What neither has an attribute for has one of ours, whose name is the key of
// mta.toml(5): mtakitMaxJobs is max-jobs.
package ldapconf
