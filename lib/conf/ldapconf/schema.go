package ldapconf

import (
	"fmt"
	"reflect"
	"slices"
	"strings"

	"github.com/go-ldap/ldap/v3"
)

// arc is that of our own attributes, .1, classes, .2, and extensions, .3. Nobody has registered one for
// us: it is made of a UUID, as everybody may (X.667 §7).
const arc = "2.25.215707715370640176112280309534558334083"

// numbers has the keys of mta.toml(5) that have an attribute of ours, each at its number
// less one. One that is not used any more stays, and new ones come last: directories have
// the numbers.
var numbers = []string{
	"alternate", "token-certificate", "token-key", "message-size", "recipients", "envelope-size", "unbound",
	"unbound-per-source", "backoff-message", "backoff-peer", "backoff-channel", "expiry", "warn",
	"hold-deferred", "max-jobs", "reserved-urgent", "reserved-normal", "starvation", "enabled", "interval",
	"barrier", "address", "channel", "tsel", "tls", "tls-certificate", "tls-key", "tls-ca", "kind",
	"max-associations", "max-per-peer", "max-per-host", "max-transfers", "give-way", "parallel-threshold",
	"start-interval", "start-interval-light", "start-interval-ended", "idle-time", "open-timeout",
	"transfer-timeout", "transfer-time", "recovery-time", "recovery-size", "max-jobs-least", "max-jobs-most",
	"max-per-peer-least", "max-per-peer-most", "addresses", "our-mta", "our-tsel", "our-ssel", "our-psel",
	"password-in", "password-out", "checkpoint-size", "window-size", "two-way", "mode", "content-1984",
	"recovery", "recover-associations", "permanent", "call-every", "call-at", "window", "window-urgent",
	"tls-pin", "tls-name", "max-size", "content-types", "eits", "callers", "credentials", "token-ca",
	"token-peer", "token-subject", "token-show", "token-tolerance", "token-related", "token-weak", "match",
	"peers", "local", "reject", "reason", "diagnostic", "mailbox", "program", "owner", "reports",
	"password-in-file", "password-out-file", "evaluate", "otherwise", "rules",
	"policies", "default-label", "roots", "intermediates", "revocation-lists", "ocsp-responses", "revocation", "sha1", "max-signed-size", "clearance",
	"strip", "to-policy", "certificate", "key", "passphrase-file",
}

// The numbers of attributes without a key.
const orAddressNumber = 1000

// classNumbers are those of our classes, in the same way.
var classNumbers = []string{"mtakitMTA", "mtakitLimits", "mtakitSchedule", "mtakitSelfTest", "mtakitListener", "mtakitChannel",
	"mtakitPeer", "mtakitRoute", "mtakitNode", "mtakitUser", "mtakitList", "mtakitRuleSet", "mtakitSecurity", "mtakitStep"}

// The syntaxes and matching rules of RFC 4517 that ours have.
const (
	textSyntax    = "EQUALITY caseExactMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.15"
	integerSyntax = "EQUALITY integerMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.27"
	booleanSyntax = "EQUALITY booleanMatch SYNTAX 1.3.6.1.4.1.1466.115.121.1.7"
)

// Schema returns the entry of our own attributes and classes for a server that is
// configured through cn=config, as OpenLDAP is.
func Schema() Entry {
	e := Entry{DN: &ldap.DN{RDNs: []*ldap.RelativeDN{rdn("cn", "mtakit"), rdn("cn", "schema"), rdn("cn", "config")}}}
	e.add(objectClass, "olcSchemaConfig")
	e.add("cn", "mtakit")
	for i, key := range numbers {
		if of, ordered := usedBy(key); of != nil {
			e.add("olcAttributeTypes", attributeType(i+1, local(key), "the key "+key+" of mta.toml(5)", of, ordered))
		}
	}
	e.add("olcAttributeTypes", attributeType(orAddressNumber, ownAddress, "the O/R address of a node whose name does not have all of it",
		reflect.TypeFor[string](), false))
	for i, class := range classNumbers {
		e.add("olcObjectClasses", classType(i+1, class))
	}
	return e
}

func everyTable() []*table {
	all := []*table{&identity}
	for i := range tables {
		all = append(all, &tables[i])
	}
	return append(all, &node)
}

// usedBy returns what a key of which ours is the attribute is of.
func usedBy(key string) (of reflect.Type, ordered bool) {
	for _, t := range everyTable() {
		entry, _ := t.entry()
		for _, f := range t.fields(entry) {
			if f.key == key && f.attribute == local(key) {
				return entry.Field(f.index).Type, f.ordered
			}
		}
	}
	return nil, false
}

func attributeType(number int, name, description string, of reflect.Type, ordered bool) string {
	syntax := textSyntax
	switch {
	case of.Kind() == reflect.Bool:
		syntax = booleanSyntax
	case of.Kind() == reflect.Int:
		syntax = integerSyntax
	}
	if of.Kind() != reflect.Slice || ordered {
		syntax += " SINGLE-VALUE"
	}
	return fmt.Sprintf("( %s.1.%d NAME '%s' DESC '%s' %s )", arc, number, name, description, syntax)
}

// auxiliary are our classes that stand beside others.
var auxiliary = []string{identity.class, peerTable.class, node.class}

func classType(number int, class string) string {
	var may []string
	for _, t := range everyTable() {
		// The entry of an MTA is what its neighbours know of it, too.
		if t.class != class && (class != identity.class || t != peerTable) {
			continue
		}
		entry, _ := t.entry()
		for _, f := range t.fields(entry) {
			if f.attribute != "cn" && !slices.Contains(may, f.attribute) {
				may = append(may, f.attribute)
			}
		}
	}
	if class == identity.class {
		may = append(may, "userPassword") // a switch may bind as its own entry
	}
	kind := "STRUCTURAL MUST cn"
	if slices.Contains(auxiliary, class) {
		kind = "AUXILIARY"
	}
	if class == listClass {
		may = append(may, dlPolicy)
	}
	if class == node.class {
		may = []string{"description", ownAddress}
	}
	return fmt.Sprintf("( %s.2.%d NAME '%s' DESC 'of mta-directory(7)' SUP top %s MAY ( %s ) )", arc, number, class, kind, strings.Join(may, " $ "))
}

// unnumbered returns the keys of the model that have no number, which is none of them.
func unnumbered() (keys []string) {
	for _, t := range everyTable() {
		entry, _ := t.entry()
		for _, f := range t.fields(entry) {
			if f.attribute == local(f.key) && !slices.Contains(numbers, f.key) {
				keys = append(keys, f.key)
			}
		}
	}
	return keys
}
