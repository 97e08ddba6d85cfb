package load

import (
	"bytes"
	"crypto/sha256"
	"io"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

// maker makes the messages of a run.
type maker struct {
	run        string
	domain     mts.GlobalDomainIdentifier
	originator oraddr.ORName
	recipients []oraddr.ORName
	to         []string  // the same as text
	contents   []content // one for each size
	sizes      Mix[int64]
	priorities Mix[mts.Priority]
	content    mts.ContentType
	wrapping   *Wrapping
}

func newMaker(run string, from oraddr.Address, to []oraddr.Address, sizes Mix[int64], priorities Mix[mts.Priority], wrapping *Wrapping) (*maker, error) {
	m := &maker{run: run, content: mts.NewContentType(mts.InterpersonalMessaging1988), wrapping: wrapping, sizes: sizes, priorities: priorities, domain: mts.NewGlobalDomainIdentifier(from.Domain())}
	if wrapping != nil {
		m.content = wrapping.Type
	}
	var err error
	if m.originator, err = from.ORName(); err != nil {
		return nil, diag.E("originator", diag.Data, err)
	}
	for _, a := range to {
		name, err := a.ORName()
		if err != nil {
			return nil, diag.E("recipient "+a.String(), diag.Data, err)
		}
		m.recipients, m.to = append(m.recipients, name), append(m.to, a.String())
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
		ContentType:                     m.content,
		ContentIdentifier:               mts.ContentIdentifier(prefix + m.run),
		Priority:                        m.priorities.values[m.priorities.at(n, 2)],
		PerMessageIndicators:            mts.NewPerMessageIndicators(mts.BitDisclosureOfOtherRecipients),
		TraceInformation:                mts.AppendTrace(nil, m.domain, begun),
		PerRecipientFields:              []mts.PerRecipientMessageTransferFields{recipient},
	})
	if err != nil {
		return message{}, err
	}
	content, of := c.reader(n), c.size()
	if m.wrapping != nil {
		plain, err := io.ReadAll(content)
		if err == nil {
			plain, err = m.wrapping.Wrap(n, plain)
		}
		if err != nil {
			return message{}, err
		}
		content, of = bytes.NewReader(plain), int64(len(plain))
	}
	head, size := p1.NewMessageAPDU(envelope, of)
	return message{io.MultiReader(bytes.NewReader(head), content), size, of}, nil
}

// is tells whether a message that has arrived as number n is that one, its content having
// the digest: the same MTS identifier, content and recipient, under the same number.
func (m *maker) is(n uint64, e *mts.MessageTransferEnvelope, digest [sha256.Size]byte) bool {
	if e.MessageIdentifier.GlobalDomainIdentifier.String() != m.domain.String() || len(e.PerRecipientFields) != 1 {
		return false
	}
	r := e.PerRecipientFields[0]
	to, err := r.RecipientName.Address()
	return err == nil && r.OriginallySpecifiedRecipientNumber == 1 && to.String() == m.to[n%uint64(len(m.to))] &&
		digest == m.contents[m.sizes.at(n, 1)].digest(n)
}
