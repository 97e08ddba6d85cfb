package spool

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/diag"
)

// Priority is the X.411 priority of a message (X.411 §8.2.1.1.1.8) and the
// directory below q/ it lies in.
type Priority byte

// The priorities, in the order in which they are loaded.
const (
	Urgent    Priority = 'u'
	Normal    Priority = 'n'
	NonUrgent Priority = 'd'
)

// Priorities returns all priorities, most urgent first.
func Priorities() [3]Priority { return [3]Priority{Urgent, Normal, NonUrgent} }

// rank is the index in Priorities, -1 for something else.
func (p Priority) rank() int {
	switch p {
	case Urgent:
		return 0
	case Normal:
		return 1
	case NonUrgent:
		return 2
	}
	return -1
}

// String returns "urgent", "normal" or "non-urgent".
func (p Priority) String() string {
	switch p {
	case Urgent:
		return "urgent"
	case Normal:
		return "normal"
	case NonUrgent:
		return "non-urgent"
	}
	return fmt.Sprintf("priority(%d)", byte(p))
}

// ParsePriority reads what String prints, or the letter of the directory.
func ParsePriority(s string) (Priority, error) {
	for _, p := range Priorities() {
		if s == p.String() || s == string(p) {
			return p, nil
		}
	}
	return 0, diag.New("spool: priority", diag.Data,
		fmt.Sprintf("%q is not urgent, normal or non-urgent", clip(s)))
}

// MarshalText writes what String prints.
func (p Priority) MarshalText() ([]byte, error) {
	if p.rank() < 0 {
		return nil, diag.New("spool: priority", diag.Internal, "no such "+p.String())
	}
	return []byte(p.String()), nil
}

// UnmarshalText reads the word or the letter.
func (p *Priority) UnmarshalText(text []byte) (err error) {
	*p, err = ParsePriority(string(text))
	return err
}

// Kind tells what a message file holds.
type Kind string

// The kinds.
const (
	KindMessage Kind = "message"
	KindProbe   Kind = "probe"
	KindReport  Kind = "report"
)

// Format is the version of the envelope written here.
const Format = 1

// Limits of an envelope.
const (
	// MaxEnvelope bounds the envelope's line in octets, on writing and on
	// reading.
	MaxEnvelope = 64 << 20
	// MaxRecipients is ub-recipients of X.411 Annex B.
	MaxRecipients = 32767
)

// NoDiagnostic stands for an absent diagnostic code, because 0 is one.
const NoDiagnostic = -1

// Envelope is what the switch knows of a message besides its content. It is
// written once and never changed; what happens later goes into the log.
type Envelope struct {
	Format      int       `json:"format"`
	ID          ID        `json:"id"`
	Kind        Kind      `json:"kind"`
	MTSID       string    `json:"mtsId,omitempty"` // X.411 §8.2.1.1.1.1, as text
	Priority    Priority  `json:"priority"`        // as asked for; the directory decides
	Originator  string    `json:"originator"`      // O/R address
	ContentType string    `json:"contentType,omitempty"`
	Critical    Critical  `json:"critical,omitzero"`
	EITs        []string  `json:"eits,omitempty"` // encoded information types the content has by now
	ContentID   string    `json:"contentId,omitempty"`
	Subject     string    `json:"subject,omitempty"`   // for show; of a report, the MTS identifier it is about
	Summary     string    `json:"summary,omitempty"`   // of a report: what it says, for people
	Size        int64     `json:"size"`                // octets of content
	ProbeSize   int64     `json:"probeSize,omitempty"` // of a probe: the content length it asks about
	Accepted    time.Time `json:"accepted"`
	Deferred    time.Time `json:"deferred,omitzero"` // not to be delivered before
	PassOn      bool      `json:"passOn,omitempty"`  // it is not held up on its way to a peer by that
	Expires     time.Time `json:"expires,omitzero"`  // not to be tried after
	Source      Source    `json:"source,omitzero"`

	// Of a child: where what it is made of came from, at first.
	Origin *Source  `json:"origin,omitempty"`
	Label  []byte   `json:"label,omitempty"`  // message-security-label of X.411, in BER
	Facts  *Facts   `json:"facts,omitempty"`  // of the content; nil if nobody looked
	Copied []string `json:"copied,omitempty"` // O/R addresses that policy has had copies made for
	OfCopy bool     `json:"ofCopy,omitempty"` // it is such a copy, or made of one

	NoReassignment   bool `json:"noReassignment,omitempty"`   // recipient-reassignment-prohibited
	AlternateAllowed bool `json:"alternateAllowed,omitempty"` // alternate-recipient-allowed

	// Of a child: what it was made of, by which step, for which recipients of
	// the parent. ID is ChildID of the three.
	Parent           ID     `json:"parent,omitempty"`
	Step             string `json:"step,omitempty"`
	ParentRecipients []int  `json:"parentRecipients,omitempty"`

	Wire       []byte      `json:"wire,omitempty"` // X.411 envelope as received, bit for bit
	Recipients []Recipient `json:"recipients"`

	Extra map[string]json.RawMessage `json:"-"` // members this version does not know, kept
}

// Source says where a message came from.
type Source struct {
	Channel     string `json:"channel,omitempty"`
	Peer        string `json:"peer,omitempty"`
	Association string `json:"association,omitempty"`

	Client    string `json:"client,omitempty"`    // IP address
	Identity  string `json:"identity,omitempty"`  // that has been authenticated
	Mechanism string `json:"mechanism,omitempty"` // by which it has
}

// Facts is what the policy of the switch may ask about a content.
type Facts struct {
	SICs  []string `json:"sics,omitempty"`  // subject indicator codes (STANAG 4406)
	Fault string   `json:"fault,omitempty"` // why the content does not tell

	Signature *Signature `json:"signature,omitempty"` // nil: there is none
	Label     []byte     `json:"label,omitempty"`     // ESSSecurityLabel of a valid signature, in DER
	// SignatureFault is why nobody knows whether there is a valid signature.
	SignatureFault string `json:"signatureFault,omitempty"`
	// LabelFault is why nobody knows which label the message has: one that nobody vouches for, or
	// that cannot be seen, is not none.
	LabelFault string `json:"labelFault,omitempty"`
}

// Signature is what was found out of the signature on a content.
type Signature struct {
	Valid   bool     `json:"valid"`
	Reasons []string `json:"reasons,omitempty"` // why it is not
	Signers []Signer `json:"signers,omitempty"` // those whose own signature is valid
}

// Signer is whoever has signed, by the certificate.
type Signer struct {
	Subject   string   `json:"subject"`             // RFC 2253
	Addresses []string `json:"addresses,omitempty"` // e-mail and O/R addresses
}

// From is where a message came from, or what it is made of.
func (e *Envelope) From() Source {
	if e.Origin != nil {
		return *e.Origin
	}
	return e.Source
}

// Recipient is one addressee and the way that was planned for it.
type Recipient struct {
	N         int      `json:"n"` // place in the X.411 envelope, from 1; of a copy above all places
	Address   string   `json:"address"`
	Hops      []Hop    `json:"hops,omitempty"`      // alternates, first choice first
	Fail      *Failure `json:"fail,omitempty"`      // decided at submission: final at once
	Alternate string   `json:"alternate,omitempty"` // that the originator requested, should this one fail
	Critical  Critical `json:"critical,omitzero"`   // extensions of this recipient

	// What policy has decided of it: by which rule of which set, "SET/RULE"; why it is refused,
	// for operators; to whom it goes instead; why it waits for an operator; and that policy has
	// added it.
	Rule     string `json:"rule,omitempty"`
	Why      string `json:"why,omitempty"`
	Redirect string `json:"redirect,omitempty"`
	Hold     string `json:"hold,omitempty"`
	Copy     bool   `json:"copy,omitempty"`
	// The step that is done first, which Hops lead to, and the ways that it may go then.
	Require string `json:"require,omitempty"`
	Then    []Hop  `json:"then,omitempty"`

	Report    string `json:"report,omitempty"` // what the originator asked for: none, non-delivery, delivery
	MTAReport string `json:"mtaReport,omitempty"`
}

// Critical names the extensions that are critical, of a message or of a recipient, by the step
// in which they must be understood.
type Critical struct {
	Transfer []string `json:"transfer,omitempty"`
	Delivery []string `json:"delivery,omitempty"`
}

// IsZero tells that none is critical.
func (c Critical) IsZero() bool { return len(c.Transfer) == 0 && len(c.Delivery) == 0 }

// Hop is a channel and the peer to reach by it.
type Hop struct {
	Channel string `json:"channel"`
	Peer    string `json:"peer,omitempty"`
}

// Failure is a non-delivery: reason and diagnostic code as X.411 §8.3.1.2.1
// numbers them, Diagnostic NoDiagnostic if absent, and a text for people.
type Failure struct {
	Reason     int    `json:"reason"`
	Diagnostic int    `json:"diagnostic"`
	Text       string `json:"text,omitempty"`
	// Alternatives are O/R addresses to try instead (RFC 1801 §22.4).
	Alternatives []string `json:"alternatives,omitempty"`
}

// Told is an Envelope as processes tell it to each other, where nobody keeps the members
// of a later version: its JSON costs half as much to write and to read.
type Told Envelope

// known are the member names of an Envelope, lower case, because the decoder
// takes them in any.
func known(name string) bool {
	switch strings.ToLower(name) {
	case "format", "id", "kind", "mtsid", "priority", "originator", "contenttype",
		"eits", "contentid", "subject", "summary", "size", "probesize", "accepted", "deferred", "passon", "expires", "source",
		"noreassignment", "alternateallowed", "critical", "origin", "label", "facts", "copied", "ofcopy",
		"parent", "step", "parentrecipients", "wire", "recipients":
		return true
	}
	return false
}

// MarshalJSON writes one object: the members in the order of the type, then the
// unknown ones sorted by name.
func (e *Envelope) MarshalJSON() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode((*Told)(e)); err != nil {
		return nil, err
	}
	b.Truncate(b.Len() - len("}\n"))
	for _, name := range slices.Sorted(maps.Keys(e.Extra)) {
		if known(name) {
			continue
		}
		key, err := json.Marshal(name)
		if err != nil {
			return nil, err
		}
		b.WriteByte(',')
		b.Write(key)
		b.WriteByte(':')
		// Compact also refuses what is no JSON, and takes out line breaks.
		if err := json.Compact(&b, e.Extra[name]); err != nil {
			return nil, fmt.Errorf("member %q: %w", clip(name), err)
		}
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

// UnmarshalJSON reads one object and keeps what it does not know in Extra.
func (e *Envelope) UnmarshalJSON(data []byte) error {
	var p Told
	strict := json.NewDecoder(bytes.NewReader(data))
	strict.DisallowUnknownFields()
	if strict.Decode(&p) == nil && onlySpace(data[strict.InputOffset():]) {
		*e = Envelope(p)
		return nil
	}
	// Only an envelope of a later version, or none, comes here.
	p = Told{}
	if err := json.Unmarshal(data, &p); err != nil {
		return err
	}
	all := make(map[string]json.RawMessage)
	if err := json.Unmarshal(data, &all); err != nil {
		return err
	}
	maps.DeleteFunc(all, func(name string, _ json.RawMessage) bool { return known(name) })
	if len(all) > 0 {
		p.Extra = all
	}
	*e = Envelope(p)
	return nil
}

func onlySpace(b []byte) bool { return len(bytes.TrimLeft(b, " \t\r\n")) == 0 }

// Numbered returns the index in Recipients of each recipient, by its number: a message
// may have 32767, and a search for each of them would take seconds.
func (e *Envelope) Numbered() map[int]int {
	at := make(map[int]int, len(e.Recipients))
	for i := range e.Recipients {
		at[e.Recipients[i].N] = i
	}
	return at
}

// encode returns the envelope's line, its newline included.
func (e *Envelope) encode() ([]byte, error) {
	if err := e.validate(); err != nil {
		return nil, err
	}
	line, err := e.MarshalJSON()
	if err != nil {
		return nil, err
	}
	line = append(line, '\n')
	if len(line) > MaxEnvelope {
		return nil, fmt.Errorf("envelope of %d octets exceeds %d", len(line), MaxEnvelope)
	}
	return line, nil
}

// decodeEnvelope reads an envelope's line.
func decodeEnvelope(line []byte) (*Envelope, error) {
	e := new(Envelope)
	if err := e.UnmarshalJSON(line); err != nil {
		return nil, fmt.Errorf("envelope: %w", err)
	}
	if err := e.validate(); err != nil {
		return nil, err
	}
	return e, nil
}

// validate checks what the rest of the switch relies on without looking.
func (e *Envelope) validate() error {
	switch {
	case e.Format != Format:
		return fmt.Errorf("envelope: format %d, not %d", e.Format, Format)
	case !isID(string(e.ID)):
		return fmt.Errorf("envelope: id %q is no identifier", clip(string(e.ID)))
	case e.Kind != KindMessage && e.Kind != KindProbe && e.Kind != KindReport:
		return fmt.Errorf("envelope: kind %q is not message, probe or report", clip(string(e.Kind)))
	case e.Priority.rank() < 0:
		return fmt.Errorf("envelope: no priority")
	case e.Size < 0:
		return fmt.Errorf("envelope: size %d", e.Size)
	case e.Parent != "" && !isID(string(e.Parent)):
		return fmt.Errorf("envelope: parent %q is no identifier", clip(string(e.Parent)))
	case len(e.Recipients) == 0:
		return fmt.Errorf("envelope: no recipient")
	case len(e.Recipients) > MaxRecipients:
		return fmt.Errorf("envelope: %d recipients exceed %d", len(e.Recipients), MaxRecipients)
	}
	seen := make(map[int]struct{}, len(e.Recipients))
	for i := range e.Recipients {
		n := e.Recipients[i].N
		if _, twice := seen[n]; twice || n < 1 {
			return fmt.Errorf("envelope: recipients[%d]: number %d is not positive or occurs twice", i, n)
		}
		seen[n] = struct{}{}
	}
	return nil
}
