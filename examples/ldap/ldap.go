// Package ldap has the files of this directory, for mtactl directory init.
package ldap

import "embed"

// Files are those whose names end with .ldif.
//
//go:embed *.ldif
var Files embed.FS

// Schema names those with the schema, in the order in which a server takes them.
var Schema = []string{"rfc2294.ldif", "rfc1801.ldif", "x402.ldif", "mtakit.ldif"}
