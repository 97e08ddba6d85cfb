// Package trial describes messages that never come, and tells what the rules of mta-policy(5)
// would decide about them: the questions and the tests of mtactl-policy(1).
package trial

import (
	"errors"
	"fmt"
	"net/netip"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/conf"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/quantity"
	"github.com/mtakit/mtakit/lib/rule"
	"github.com/mtakit/mtakit/lib/spool"
	"github.com/mtakit/mtakit/lib/submit"
)

// defaultSize is that of the content of a message of which nobody says how long it is.
const defaultSize = 1 << 10

// Facts describes a message, and the way to its recipients, by the terms of the rules: each
// tag is one. What has the zero value is not said.
type Facts struct {
	From          string           `toml:"from"`
	To            []string         `toml:"to"`
	Kind          string           `toml:"kind"`
	Priority      string           `toml:"priority"`
	ContentType   string           `toml:"content-type"`
	Size          *quantity.Octets `toml:"size"`
	Recipients    int              `toml:"recipients"`
	SIC           []string         `toml:"sic"`
	Signature     string           `toml:"signature"`
	Signer        []string         `toml:"signer"`
	Label         string           `toml:"label"` // for all terms of labels; NoLabel
	Time          string           `toml:"time"`  // RFC 3339, or of the week
	ChannelIn     string           `toml:"channel-in"`
	PeerIn        string           `toml:"peer-in"`
	ClientAddress string           `toml:"client-address"`
	Identity      string           `toml:"identity"`
	Mechanism     string           `toml:"mechanism"`
	ChannelOut    string           `toml:"channel-out"`
	PeerOut       string           `toml:"peer-out"`
}

// NoLabel says of a message that it has no security label.
const NoLabel = "none"

// Fault tells what is wrong with the fact of a term.
type Fault func(term string, err error)

// Question is about a message that might come, as the facts describe it; with an envelope it
// is about that message, but as the facts describe it. A time of the week is the first of the name
// from a time on. What is wrong goes to fault.
func (f *Facts) Question(cfg *conf.Config, door *submit.Door, env *spool.Envelope, from time.Time, fault Fault) submit.Question {
	q := submit.Question{Count: f.Recipients}
	var of spool.Envelope
	if env != nil {
		of = *env
	} else {
		of = spool.Envelope{Format: spool.Format, Kind: spool.KindMessage, Priority: spool.Normal, Size: defaultSize,
			ContentType: mts.NewContentType(mts.InterpersonalMessaging1988).String(), Facts: &spool.Facts{},
			Source: spool.Source{Channel: rule.Submitted, Mechanism: rule.ByLocal}}
		if q.Count == 0 {
			q.Count = len(f.To)
		}
	}
	q.Envelope = &of
	f.message(&of, fault)
	f.content(&of, fault)
	if f.Label != "" {
		f.labelled(door, &of, fault)
	}
	for _, text := range f.To {
		a, err := oraddr.Parse(text)
		if err != nil {
			fault("to", err)
		}
		q.To = append(q.To, a)
	}
	if f.Recipients < 0 || f.Recipients > spool.MaxRecipients {
		fault("recipients", fmt.Errorf("%d is not from 1 to %d", f.Recipients, spool.MaxRecipients))
	}
	var err error
	if q.At, err = moment(f.Time, from); err != nil {
		fault("time", err)
	}
	f.source(cfg, &of, fault)
	q.Ways = f.ways(cfg, fault)
	return q
}

// message takes what is said of the message itself.
func (f *Facts) message(env *spool.Envelope, fault Fault) {
	length := max(env.Size, env.ProbeSize)
	switch kind := spool.Kind(f.Kind); kind {
	case "":
	case spool.KindMessage, spool.KindProbe:
		env.Kind = kind
	default:
		fault("kind", fmt.Errorf("%q is neither message nor probe", f.Kind))
	}
	if f.Size != nil {
		length = int64(*f.Size)
	}
	env.Size, env.ProbeSize = length, 0
	if env.Kind == spool.KindProbe {
		env.Size, env.ProbeSize = 0, length
	}
	if f.From != "" {
		a, err := oraddr.Parse(f.From)
		if err != nil {
			fault("from", err)
		}
		env.Originator = a.String()
	}
	if f.Priority != "" {
		p, err := mts.ParsePriority(f.Priority)
		if err != nil {
			fault("priority", err)
		}
		env.Priority = submit.PriorityOf(p)
	}
	if f.ContentType != "" {
		c, err := mts.ParseContentType(f.ContentType)
		if err != nil {
			fault("content-type", err)
		}
		env.ContentType = c.String()
	}
}

// content takes what is said of the content. What of it is not said, and nobody has found out,
// stays unknown.
func (f *Facts) content(env *spool.Envelope, fault Fault) {
	is := f.Signature
	if is == "" && len(f.Signer) > 0 {
		is = rule.SignedValid
	}
	if len(f.SIC) == 0 && is == "" {
		return
	}
	var facts spool.Facts
	if env.Facts != nil {
		facts = *env.Facts
	}
	if len(f.SIC) > 0 {
		facts.SICs, facts.Fault = f.SIC, ""
	}
	switch is {
	case "":
	case rule.NotSigned:
		facts.Signature, facts.Label, facts.SignatureFault = nil, nil, ""
	case rule.SignedValid, rule.SignedInvalid:
		facts.Signature, facts.SignatureFault = &spool.Signature{Valid: is == rule.SignedValid}, ""
		for _, name := range f.Signer {
			facts.Signature.Signers = append(facts.Signature.Signers, signerOf(name))
		}
		if is == rule.SignedInvalid {
			facts.Label = nil
		}
	default:
		fault("signature", fmt.Errorf("%q is none of %s", is, strings.Join(rule.Signature.Words(), ", ")))
	}
	if len(f.Signer) > 0 && is != rule.SignedValid {
		fault("signer", errors.New("of a signature that is not valid there is none"))
	}
	env.Facts = &facts
}

// signerOf is a signer of one name: an O/R address, an e-mail address, or the subject of a
// certificate, which has equal signs.
func signerOf(name string) spool.Signer {
	if strings.HasPrefix(name, "/") || strings.Contains(name, "@") && !strings.Contains(name, "=") {
		return spool.Signer{Addresses: []string{name}}
	}
	return spool.Signer{Subject: name}
}

// labelled takes the label, in the place of those that the message has.
func (f *Facts) labelled(door *submit.Door, env *spool.Envelope, fault Fault) {
	env.Label = nil
	if f.Label != NoLabel {
		var err error
		if env.Label, err = door.Label(f.Label); err != nil {
			fault("label", err)
		}
	}
	if env.Facts != nil && env.Facts.Label != nil {
		facts := *env.Facts
		facts.Label = nil
		env.Facts = &facts
	}
}

// week is the beginning of the week of a time: Monday in UTC.
func week(at time.Time) time.Time {
	day := at.UTC().Truncate(24 * time.Hour)
	return day.AddDate(0, 0, -(int(day.Weekday())+6)%7)
}

// moment reads a time; an empty text is none. One of the week is the first that is so called from
// a time on: which week it is in matters to labels, whose policies have dates.
func moment(text string, from time.Time) (time.Time, error) {
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err == nil {
		return at, nil
	}
	var t quantity.TimeOfDay
	if t.UnmarshalText([]byte(text)) != nil {
		return at, fmt.Errorf("%q is neither a time such as 2026-11-28T22:00:00Z nor one of the week such as \"Sat 22:00\"", text)
	}
	monday, from := week(from), from.Truncate(time.Minute)
	for _, since := range t.Week() {
		if at = monday.Add(since); !at.Before(from) {
			return at, nil
		}
	}
	return monday.AddDate(0, 0, 7).Add(t.Week()[0]), nil
}

// source takes where the message comes from. Who says another channel or peer says it all.
func (f *Facts) source(cfg *conf.Config, env *spool.Envelope, fault Fault) {
	from := env.From()
	if f.elsewhere() {
		from = spool.Source{}
		env.Step, env.Parent = "", "" // for whoever it comes to it is a message like any
	}
	if f.PeerIn != "" {
		p, err := cfg.NamedPeer(f.PeerIn)
		if err != nil {
			fault("peer-in", err)
			return
		}
		from.Peer, from.Channel, from.Identity, from.Mechanism = p.Name, p.Channel, p.Name, p.Credentials
	}
	if f.ChannelIn != "" {
		if _, known := cfg.Channel(f.ChannelIn); !known && f.ChannelIn != rule.Submitted {
			fault("channel-in", noChannel(f.ChannelIn))
		}
		if from.Channel = f.ChannelIn; from.Channel == rule.Submitted && from.Peer == "" {
			from.Mechanism = rule.ByLocal
		}
	}
	if f.ClientAddress != "" {
		if _, err := netip.ParseAddr(f.ClientAddress); err != nil {
			fault("client-address", fmt.Errorf("%q is no IP address", f.ClientAddress))
		}
		from.Client = f.ClientAddress
	}
	if f.Identity != "" {
		from.Identity = f.Identity
	}
	if f.Mechanism != "" {
		if all := []string{conf.CredentialsNone, conf.CredentialsSimple, conf.CredentialsStrong, rule.ByLocal}; !slices.Contains(all, f.Mechanism) {
			fault("mechanism", fmt.Errorf("%q is none of %s", f.Mechanism, strings.Join(all, ", ")))
		}
		from.Mechanism = f.Mechanism
	}
	env.Source, env.Origin = from, nil
}

// elsewhere tells whether the message is said to come by another channel or from another peer.
func (f *Facts) elsewhere() bool { return f.ChannelIn != "" || f.PeerIn != "" }

func noChannel(name string) error {
	return fmt.Errorf("there is no [[channel]] %q", name)
}

// ways is the way that is said; nil if none is.
func (f *Facts) ways(cfg *conf.Config, fault Fault) []spool.Hop {
	if f.ChannelOut == "" && f.PeerOut == "" {
		return nil
	}
	h := spool.Hop{Channel: f.ChannelOut, Peer: f.PeerOut}
	if h.Peer != "" {
		p, err := cfg.NamedPeer(h.Peer)
		if err != nil {
			fault("peer-out", err)
			return nil
		}
		if h.Channel == "" {
			h.Channel = p.Channel
		}
	}
	if _, known := cfg.Channel(h.Channel); !known {
		fault("channel-out", noChannel(h.Channel))
	}
	return []spool.Hop{h}
}

// required tells what is missing of a message that might come.
func (f *Facts) required(fault Fault) {
	if f.From == "" {
		fault("from", errors.New("is required"))
	}
	if len(f.To) == 0 {
		fault("to", errors.New("is required"))
	}
}

// or takes what is not said from others. Where the message comes from, the way, and the signature
// are one fact each.
func (f *Facts) or(others Facts) {
	if f.Signature != "" && f.Signature != rule.SignedValid {
		others.Signer = nil
	}
	if len(f.Signer) > 0 {
		others.Signature = ""
	}
	if f.elsewhere() {
		others.ChannelIn, others.PeerIn, others.ClientAddress, others.Identity, others.Mechanism = "", "", "", "", ""
	}
	if f.ChannelOut != "" || f.PeerOut != "" {
		others.ChannelOut, others.PeerOut = "", ""
	}
	is, other := reflect.ValueOf(f).Elem(), reflect.ValueOf(others)
	for i := range is.NumField() {
		if is.Field(i).IsZero() {
			is.Field(i).Set(other.Field(i))
		}
	}
}
