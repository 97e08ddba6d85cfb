package audit

import (
	"slices"

	"github.com/mtakit/mtakit/lib/spool"
)

// maxRecipients bounds what one record says of recipients, in octets: readers of the event log
// skip lines that are too long, and would know nothing of a message to everybody.
const maxRecipients = maxRecord / 2

// Arrival tells how a message has come into the spool: the event that says so, and that
// tells everything about it.
func Arrival(env *spool.Envelope) string {
	switch {
	case env.Parent != "":
		return Child
	case env.Source.Peer == "":
		return Submitted
	}
	return TransferIn
}

// Describe returns an event that tells everything about a message, without its time.
// Recipients that do not fit follow in further records of the same event.
func Describe(env *spool.Envelope, event string) []Record {
	named := Record{Event: event, ID: string(env.ID), MTSID: env.MTSID, Kind: string(env.Kind)}
	r := named
	r.Priority, r.Originator, r.ContentID, r.Type, r.Size = env.Priority.String(), env.Originator, env.ContentID, env.ContentType, env.Size
	r.ProbeSize = env.ProbeSize
	r.Parent, r.Step = string(env.Parent), env.Step
	r.Channel, r.Peer = env.Source.Channel, env.Source.Peer
	if env.Kind == spool.KindReport {
		r.Subject, r.Text = env.Subject, env.Summary
	} else {
		r.Text = env.Subject
	}
	ruled := slices.ContainsFunc(env.Recipients, func(to spool.Recipient) bool { return to.Rule != "" })
	var all []Record
	size := 0
	for _, to := range env.Recipients {
		of := octets(&to, r.Hops)
		if size+of > maxRecipients && len(r.N) > 0 {
			all = append(all, r)
			r, size, of = named, 0, octets(&to, nil)
		}
		size += of
		r.N = append(r.N, to.N)
		r.Recipients = append(r.Recipients, to.Address)
		if ruled {
			r.Rules = append(r.Rules, to.Rule)
		}
		for _, h := range to.Hops {
			if !slices.Contains(r.Hops, h) {
				r.Hops = append(r.Hops, h)
			}
		}
	}
	return append(append(all, r), decided(env)...)
}

// octets bounds what a recipient adds to a record that has some hops.
func octets(to *spool.Recipient, known []spool.Hop) int {
	n := len("32767,") + written(to.Address) + written(to.Rule)
	for _, h := range to.Hops {
		if !slices.Contains(known, h) {
			n += len(`{"channel":"peer":},`) + written(h.Channel) + written(h.Peer)
		}
	}
	return n
}

// written bounds the octets of a text in JSON, with what is around it.
func written(text string) int {
	n := len(`"",`)
	for _, c := range []byte(text) {
		switch {
		case c == '"' || c == '\\':
			n += 2
		case c < ' ' || c > '~' || c == '<' || c == '>' || c == '&':
			n += len(`\u003c`)
		default:
			n++
		}
	}
	return n
}

// decided are the events of the recipients that policy refuses, as operators are told why, and of
// those that it holds.
func decided(env *spool.Envelope) []Record {
	refused := reasons{event: Refused, id: string(env.ID)}
	held := reasons{event: Held, id: string(env.ID)}
	for i := range env.Recipients {
		to := &env.Recipients[i]
		if to.Fail != nil && to.Why != "" {
			refused.add(to.N, to.Rule+": "+to.Why)
		}
		if to.Hold != "" {
			held.add(to.N, to.Hold)
		}
	}
	return append(refused.all, held.all...)
}

// reasons are the events of what policy has decided, one for those of one reason.
type reasons struct {
	event, id string
	all       []Record
	at        map[string]int
}

// maxReasons bounds them for one message, whose recipients may all differ.
const maxReasons = 100

func (r *reasons) add(n int, text string) {
	i, known := r.at[text]
	if !known && len(r.all) >= maxReasons {
		text = "for other reasons than those above"
		i, known = r.at[text]
	}
	if !known {
		if r.at == nil {
			r.at = map[string]int{}
		}
		i = len(r.all)
		r.at[text] = i
		r.all = append(r.all, Record{Event: r.event, ID: r.id, Text: text, Who: ByPolicy})
	}
	r.all[i].N = append(r.all[i].N, n)
}

// ByPolicy is who does what policy has decided.
const ByPolicy = "policy"
