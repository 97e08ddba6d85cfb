package load

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

// content is a content and what its envelope says of it.
type content struct {
	octets []byte
	eits   mts.EncodedInformationTypes
}

// maker makes the messages of a run.
type maker struct {
	run        string
	domain     mts.GlobalDomainIdentifier
	originator oraddr.ORName
	recipients []oraddr.ORName
	contents   []content // one for each size
	sizes      Mix[int64]
	priorities Mix[mts.Priority]
	content    mts.BuiltInContentType
}

func newMaker(run string, from oraddr.Address, to []oraddr.Address, sizes Mix[int64], priorities Mix[mts.Priority]) (*maker, error) {
	m := &maker{run: run, content: mts.InterpersonalMessaging1988, sizes: sizes, priorities: priorities, domain: mts.NewGlobalDomainIdentifier(from.Domain())}
	var err error
	if m.originator, err = from.ORName(); err != nil {
		return nil, diag.E("originator", diag.Data, err)
	}
	for _, a := range to {
		name, err := a.ORName()
		if err != nil {
			return nil, diag.E("recipient "+a.String(), diag.Data, err)
		}
		m.recipients = append(m.recipients, name)
	}
	for _, size := range sizes.values {
		c, err := newContent(run, from, to[0], size)
		if err != nil {
			return nil, err
		}
		m.contents = append(m.contents, c)
	}
	return m, nil
}

// newContent makes a content of so many octets, or fewer by what the lengths in it take
// when they are a digit shorter; it is no smaller than its heading.
func newContent(run string, from, to oraddr.Address, size int64) (content, error) {
	compose := func(octets int64) (*ipms.Content, error) {
		return ipms.Compose(ipms.Message{
			ThisIPM: fmt.Sprintf("%s%s.%d", prefix, run, size), Originator: from, To: []ipms.Recipient{{Address: to}},
			Subject: fmt.Sprintf("mtactl bench, run %s, %d octets", run, size), Text: text(octets),
		})
	}
	length := int64(0)
	composed, err := compose(length)
	for range 3 { // the lengths around a longer text are longer
		if err != nil {
			return content{}, err
		}
		length += size - composed.Size()
		if composed.Size() == size || length <= 0 {
			break
		}
		composed, err = compose(length)
	}
	if err != nil {
		return content{}, err
	}
	octets, err := io.ReadAll(composed)
	return content{octets, composed.EncodedInformationTypes()}, err
}

// text is lines of so many octets in all, CR and LF included.
func text(octets int64) string {
	const line = "The quick brown fox jumps over the lazy dog, and the dog does not care.\r\n"
	t := strings.Repeat(line, int(octets/int64(len(line)))) + line[:octets%int64(len(line))]
	if strings.HasSuffix(t, "\r") {
		t = t[:len(t)-1] + "."
	}
	return t
}

// message is one, ready to be sent.
type message struct {
	apdu io.Reader
	size int64 // octets of the APDU
	of   int64 // and of the content
}

// make makes message n, whose transfer begins at a time.
func (m *maker) make(n uint64, begun time.Time) (message, error) {
	c := &m.contents[m.sizes.at(n, 1)]
	id := identity{m.run, n, begun}
	recipient := mts.PerRecipientMessageTransferFields{
		RecipientName: m.recipients[n%uint64(len(m.recipients))], OriginallySpecifiedRecipientNumber: 1,
		PerRecipientIndicators: mts.NewPerRecipientIndicators(true, mts.ReportNonDelivery, mts.ReportNone),
	}
	envelope, err := p1.EncodeMessageEnvelope(&mts.MessageTransferEnvelope{
		MessageIdentifier:               mts.MTSIdentifier{GlobalDomainIdentifier: m.domain, LocalIdentifier: asn1.IA5String(id.local())},
		OriginatorName:                  m.originator,
		OriginalEncodedInformationTypes: &c.eits,
		ContentType:                     mts.NewContentType(m.content),
		ContentIdentifier:               mts.ContentIdentifier(prefix + m.run),
		Priority:                        m.priorities.values[m.priorities.at(n, 2)],
		PerMessageIndicators:            mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients),
		TraceInformation:                mts.AppendTrace(nil, m.domain, begun),
		PerRecipientFields:              []mts.PerRecipientMessageTransferFields{recipient},
	})
	if err != nil {
		return message{}, err
	}
	head, size := p1.NewMessageAPDU(envelope, int64(len(c.octets)))
	return message{io.MultiReader(bytes.NewReader(head), bytes.NewReader(c.octets)), size, int64(len(c.octets))}, nil
}
