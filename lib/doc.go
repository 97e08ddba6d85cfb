// Package lib is the table of contents of mtakit: ls lib, or this page.
//
// The packages stand on floors. A package imports only what stands below it in
// this list, ground first; channels never import each other. The list is data
// in floors_test.go, which fails with the import that crossed a line.
//
// Ground, nothing of ours below:
//
//	diag            one error type; its kind decides the exit status
//	measure         latencies, and what processes use
//	graph           what is below what, drawn
//	durable         files that outlive power; durable/twin records what is done to
//	                them, for the tests, and says what a cut may leave
//	wild            patterns with asterisks
//	strength        which public keys are taken
//	charset         T.61, IA5, ISO 8859 to and from UTF-8
//	asn1            tags, object identifiers, string and time types
//	asn1/ber        the wire: tokens over io, compiled plans
//	asn1/gser       values as text (RFC 3641)
//
// Words, values without I/O:
//
//	oraddr          O/R addresses: structure, text forms, matching (X.402)
//	mts             messages, probes, reports, their envelopes (X.411); mts/token
//	                makes and judges the bind-tokens of strong credentials
//	ipms            interpersonal messages (X.420); ipms/p772 the military ones
//	edims           EDI messages (X.435)
//	rule            the language of mta-policy(5): who may send what
//	quantity        sizes and times of the week, as people write them
//	rfc822          messages of the Internet, byte-exact (RFC 5322, RFC 2045)
//	label           security labels and clearances: X.411, ESS, texts; label/spif has
//	                the policies that say what they mean (X.841)
//	cms             signed objects (RFC 5652), read, judged and made
//
// Wires, protocol machines that know nothing of spool or routing:
//
//	osi/tp          RFC 1006 and X.224 class 0
//	osi/session     X.225
//	osi/presentation X.226
//	osi/acse        X.227
//	osi/rtse        X.218, X.228
//	p1              X.419: MTA-bind and the MTS-APDU as a stream
//
// Memory:
//
//	spool           the on-disk format, mtaspool(5)
//	conf            the configuration model; conf/tableconf has it as TOML,
//	                conf/ldapconf in a directory (RFC 1801, RFC 2294), conf/live
//	                knows which of them a running switch goes by
//	confine         what a channel process may reach besides what it has open
//	audit           event records, and what happened to a message
//
// Judgement, answers without movement:
//
//	downgrade       to the edition of 1984 and back (X.419 Annex B, RFC 1328)
//	rtree           routing trees of RFC 1801
//	route           recipient to next hops, and why
//	policy          who may send what to whom, and why
//	report          delivery and non-delivery reports (X.411 §14)
//
// Movement:
//
//	submit          the only way into the spool
//	trial           what the rules would decide about messages that never come
//	sched           the queue manager's mind: events in, actions out
//	tune            the rule by which limits are moved while a switch runs
//	simulate        a described day of traffic that happens to it
//	channel         the protocol between scheduler and channel processes;
//	                channel/x400p1, local, expand and secure speak it, and
//	                channel/channeltest has what their tests share
//
// Operation:
//
//	queue           list, hold, retry …: one interface to a live or a quiet spool
//	daemon          mtarun's body: sockets, processes, time
//	load            traffic for an MTA, made and thrown away, to measure it
//	bench           parts of a switch measured alone: spool, scheduler
//	decode          any layer of the wire as text
//	cli             what the five commands share; cli/clitest what their tests share
package lib
