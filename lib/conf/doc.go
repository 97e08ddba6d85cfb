// Package conf holds the configuration of an MTA as a value: who it is, where it
// keeps messages, which MTAs and users it knows, and its limits. man/mta.toml.5
// describes every member; the tests hold page and model to each other.
//
// The package knows no file format. conf/tableconf has the TOML form, conf/ldapconf that
// of a directory; the JSON form is what mtarun hands its channel processes, so that they need no access to
// the file and see the same version as the scheduler.
//
// A Config that Validate accepts is never changed afterwards: a new configuration
// is a new value with another Version.
package conf
