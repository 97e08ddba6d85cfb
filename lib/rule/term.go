package rule

import (
	"fmt"
	"slices"
)

// Sort is what the values of a term are.
type Sort uint8

// The sorts.
const (
	Flag    Sort = iota // yes or no: the term stands alone
	Address             // an O/R or Internet address: patterns
	Text                // a text: with wild cards
	Texts               // any number of texts: one of them is asked for
	Word                // one of some words
	Rank                // one of some words, in order
	Number              // a number
	Octets              // a size
	Moment              // a time: windows of the week
	Network             // an IP address: addresses and subnets
	Class               // a classification of a security policy: names of some, in the order of the policy
)

// Term is something that a rule may ask about.
type Term uint8

// The terms, in the order of mta-policy(5).
const (
	From Term = iota
	To
	Kind
	Priority
	ContentType
	Size
	Recipients
	SIC
	SICs
	Signature
	Signer
	SignedByOriginator
	Labelled
	LabelValid
	LabelPolicy
	LabelClassification
	LabelCategory
	Time
	ChannelIn
	PeerIn
	ClientAddress
	Identity
	Mechanism
	ClearedFrom
	ClearedChannelIn
	ClearedPeerIn
	ChannelOut
	PeerOut
	ClearedTo
	ClearedChannelOut
	ClearedPeerOut
)

// term describes one.
type term struct {
	name string
	sort Sort
	// each says that the value differs from recipient to recipient, or from way to way.
	each bool
	// content says that the value is in the content, which has to be read for it.
	content bool
	words   []string // of a Word or a Rank; nil: any
}

// The words of the term signature.
const (
	NotSigned     = "none"
	SignedValid   = "valid"
	SignedInvalid = "invalid"
)

// OfLabel tells whether the term asks about the security label.
func (t Term) OfLabel() bool { return slices.Contains(OfLabel(), t) }

// OfLabel returns the terms that ask about the security label.
func OfLabel() []Term {
	return []Term{Labelled, LabelValid, LabelPolicy, LabelClassification, LabelCategory,
		ClearedFrom, ClearedChannelIn, ClearedPeerIn, ClearedTo, ClearedChannelOut, ClearedPeerOut}
}

// Submitted is the channel by which comes what users and operators of this MTA submit with
// the tools.
const Submitted = "submit"

// ByLocal is the mechanism by which a user of this machine is known: the system says so.
const ByLocal = "local"

var terms = [...]term{
	From:                {name: "from", sort: Address},
	To:                  {name: "to", sort: Address, each: true},
	Kind:                {name: "kind", sort: Word, words: []string{"message", "probe"}},
	Priority:            {name: "priority", sort: Rank, words: []string{"non-urgent", "normal", "urgent"}},
	ContentType:         {name: "content-type", sort: Word},
	Size:                {name: "size", sort: Octets},
	Recipients:          {name: "recipients", sort: Number},
	SIC:                 {name: "sic", sort: Texts, content: true},
	SICs:                {name: "sics", sort: Number, content: true},
	Signature:           {name: "signature", sort: Word, content: true, words: []string{NotSigned, SignedValid, SignedInvalid}},
	Signer:              {name: "signer", sort: Texts, content: true},
	SignedByOriginator:  {name: "signed-by-originator", sort: Flag, content: true},
	Labelled:            {name: "labelled", sort: Flag, content: true},
	LabelValid:          {name: "label-valid", sort: Flag, content: true},
	LabelPolicy:         {name: "label-policy", sort: Texts, content: true},
	LabelClassification: {name: "label-classification", sort: Class, content: true},
	LabelCategory:       {name: "label-category", sort: Texts, content: true},
	Time:                {name: "time", sort: Moment},
	ChannelIn:           {name: "channel-in", sort: Text},
	PeerIn:              {name: "peer-in", sort: Text},
	ClientAddress:       {name: "client-address", sort: Network},
	Identity:            {name: "identity", sort: Text},
	Mechanism:           {name: "mechanism", sort: Text},
	ClearedFrom:         {name: "cleared-from", sort: Flag, content: true},
	ClearedChannelIn:    {name: "cleared-channel-in", sort: Flag, content: true},
	ClearedPeerIn:       {name: "cleared-peer-in", sort: Flag, content: true},
	ChannelOut:          {name: "channel-out", sort: Text, each: true},
	PeerOut:             {name: "peer-out", sort: Text, each: true},
	ClearedTo:           {name: "cleared-to", sort: Flag, each: true, content: true},
	ClearedChannelOut:   {name: "cleared-channel-out", sort: Flag, each: true, content: true},
	ClearedPeerOut:      {name: "cleared-peer-out", sort: Flag, each: true, content: true},
}

// Terms returns every term, in the order of mta-policy(5).
func Terms() []Term {
	all := make([]Term, len(terms))
	for i := range all {
		all[i] = Term(i)
	}
	return all
}

// String returns the name of the term in a rule.
func (t Term) String() string {
	if int(t) < len(terms) {
		return terms[t].name
	}
	return fmt.Sprintf("term(%d)", uint8(t))
}

// Sort returns what the values of the term are.
func (t Term) Sort() Sort { return terms[t].sort }

// Each tells whether the value differs from recipient to recipient of one message, or from
// way to way of one recipient.
func (t Term) Each() bool { return terms[t].each }

// InContent tells whether the content has to be read for the value.
func (t Term) InContent() bool { return terms[t].content }

// Words returns the words that a Word or a Rank may be, the lowest first; nil if any.
func (t Term) Words() []string { return terms[t].words }

func parseTerm(name string) (Term, bool) {
	i := slices.IndexFunc(terms[:], func(t term) bool { return t.name == name })
	return Term(max(i, 0)), i >= 0
}

// Comparison is how a value is held against those of a rule.
type Comparison uint8

// The comparisons.
const (
	Equal Comparison = iota // to any of the values
	NotEqual
	Less
	AtMost
	Greater
	AtLeast
)

var comparisons = [...]string{Equal: "=", NotEqual: "!=", Less: "<", AtMost: "<=", Greater: ">", AtLeast: ">="}

// String returns the sign of the comparison.
func (c Comparison) String() string {
	if int(c) < len(comparisons) {
		return comparisons[c]
	}
	return fmt.Sprintf("comparison(%d)", uint8(c))
}

// Holds tells whether the comparison holds of a value that compares with another as order
// says: less than 0 if it is less, 0 if they are equal.
func (c Comparison) Holds(order int) bool {
	switch c {
	case Equal:
		return order == 0
	case NotEqual:
		return order != 0
	case Less:
		return order < 0
	case AtMost:
		return order <= 0
	case Greater:
		return order > 0
	}
	return order >= 0
}

// ordered tells whether values of the sort can be less than others.
func (s Sort) ordered() bool { return s == Rank || s == Number || s == Octets || s == Class }
