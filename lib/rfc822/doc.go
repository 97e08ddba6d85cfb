// Package rfc822 takes messages of the Internet apart without changing an octet: header
// fields (RFC 5322) and the structure of MIME (RFC 2045, RFC 2046) are ranges of the buffer
// they were read from, so that what was signed can be verified, and given back, as it came.
//
// Parse reads a header, Entity.Parts the parts of a multipart, Entity.Content what a
// transfer encoding stands for. Protect puts header fields where a signature covers them,
// Protected finds them there (RFC 9788, RFC 8551 §3.1).
//
// Lines may end in CRLF or, as files of Unix have it, in LF. Everything is bounded before
// it is done, and errors, of kind diag.Data, say in which line. What can be read in two
// ways is refused: a second Content-Type, a boundary given twice; a checker and a reader
// would not see the same.
package rfc822
