package p1driver

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"time"
)

// Domain is a management domain (X.411 GlobalDomainIdentifier).
type Domain struct{ Country, ADMD, PRMD string }

func (d Domain) tlv() tlv {
	return c(0x63, c(0x61, text(0x13, d.Country)), c(0x62, text(0x13, d.ADMD)), text(0x13, d.PRMD))
}

// Name is an O/R address of the mnemonic form.
type Name struct {
	Domain
	Organization, Surname, GivenName string
	// Common, if not empty, names the user in place of surname and given name: the
	// domain-defined attribute of 1984 (RFC 1328 §3.2).
	Common string
}

// String is the address as the switch's commands read and print it.
func (n Name) String() string {
	if n.Common != "" {
		return fmt.Sprintf("/DD.Common=%s/O=%s/PRMD=%s/ADMD=%s/C=%s/", n.Common, n.Organization, n.PRMD, n.ADMD, n.Country)
	}
	return fmt.Sprintf("/G=%s/S=%s/O=%s/PRMD=%s/ADMD=%s/C=%s/", n.GivenName, n.Surname, n.Organization, n.PRMD, n.ADMD, n.Country)
}

// tlv is an ORName under the identifier of its place: 60, or A0 where it is tagged.
func (n Name) tlv(id byte) tlv {
	standard := c(0x30,
		c(0x61, text(0x13, n.Country)), c(0x62, text(0x13, n.ADMD)), c(0xa2, text(0x13, n.PRMD)), text(0x83, n.Organization))
	if n.Common != "" {
		return c(id, standard, c(0x30, c(0x30, text(0x13, "Common"), text(0x13, n.Common))))
	}
	standard.parts = append(standard.parts, c(0xa5, text(0x80, n.Surname), text(0x81, n.GivenName)))
	return c(id, standard)
}

// Priority is that of X.411.
type Priority int

// The priorities, as they are encoded.
const (
	Normal Priority = iota
	NonUrgent
	Urgent
)

// Request is what is asked for of a recipient: the contents octet of the
// per-recipient-indicators, responsibility included.
type Request byte

// The report requests (X.411 §12.2.1.1.1.8): the originating MTA's and the
// originator's alike.
const (
	NonDelivery Request = 0xa8
	Delivery    Request = 0xd0
)

// Recipient is one recipient of a message; its number is its place, from 1.
type Recipient struct {
	Name    Name
	Request Request
}

// Message is a message to be transferred.
type Message struct {
	Local      string // the local part of its MTS identifier
	Originator Name
	Recipients []Recipient
	Priority   Priority
	Content    []byte
}

// MTSID is the MTS identifier in the text form the switch uses.
func (m *Message) MTSID() string { return mtsID(m.Originator.Domain, m.Local) }

func mtsID(d Domain, local string) string {
	return fmt.Sprintf("[/PRMD=%s/ADMD=%s/C=%s/;%s]", d.PRMD, d.ADMD, d.Country, local)
}

// apdu is the message as MTS-APDU; in normal mode, in the EXTERNAL that RTSE carries.
// One of 1984 has no extensions, and its content has the type of 1984.
func (m *Message) apdu(mta string, now time.Time, protocol int) tlv {
	domain := m.Originator.Domain.tlv()
	arrival := c(0x31, text(0x80, now.UTC().Format("060102150405Z")), p(0x82, 0))
	var recipients []tlv
	for i, r := range m.Recipients {
		recipients = append(recipients, c(0x31, r.Name.tlv(0x60), number(0x80, i+1), p(0x81, 0, byte(r.Request))))
	}
	contentType := byte(22)
	extensions := []tlv{c(0xa3, c(0x30, p(0x80, 38), c(0xa2, c(0x30, c(0x30, domain, text(0x16, mta), arrival)))))}
	if protocol == P1of1984 {
		contentType, extensions = 2, nil
	}
	envelope := c(0x31, append([]tlv{
		c(0x64, domain, text(0x16, m.Local)),
		m.Originator.tlv(0x60),
		p(0x46, contentType),
		number(0x47, int(m.Priority)),
		p(0x48, 4, 0x80), // disclosure of other recipients
		c(0x69, c(0x30, domain, arrival)),
		c(0xa2, recipients...)}, extensions...)...)
	apdu := c(0xa0, envelope, octetString(m.Content))
	if protocol != 0 {
		return apdu
	}
	return c(0x28, p(0x02, contextMTSE), c(0xa0, apdu))
}

// Text is a content of the given size at least, an interpersonal message whose one
// body part begins with the given words and goes on with filler.
func Text(from, to Name, words string, size int) []byte {
	ipm := func(fill int) []byte {
		body := append([]byte(words), make([]byte, fill)...)
		for i := len(words); i < len(body); i++ {
			body[i] = ' ' + byte((i*7+len(words))%95)
		}
		return style{}.append(nil, c(0xa0,
			c(0x31, c(0x6b, from.tlv(0x60), text(0x13, "1")), c(0xa2, c(0x31, c(0xa0, to.tlv(0x60)))), c(0xa8, text(0x14, "Load"))),
			c(0x30, c(0xa0, c(0x31), p(0x16, body...)))))
	}
	short := size - len(ipm(0))
	if short <= 0 {
		return ipm(0)
	}
	// The longer lengths may have cost some octets.
	return ipm(max(0, short-(len(ipm(short))-size)))
}

// Report is a report on some recipients of a subject.
type Report struct {
	MTSID      string
	Subject    string // its MTS identifier
	Recipients []Reported
}

// Reported is what a report says of one recipient.
type Reported struct {
	Number     int
	Delivered  bool
	Reason     int
	Diagnostic int // -1: none
}

// object is an MTS-APDU as the sink takes it apart.
type object struct {
	mtsID   string
	numbers []int // of the recipients the receiver is responsible for
	defined []string
	digest  [sha256.Size]byte
	size    int
	report  *Report
}

func readObject(octets []byte, protocol int) (*object, error) {
	t, rest, err := parse(octets, 0)
	if err != nil {
		return nil, err
	}
	if protocol != 0 {
		t = c(0x28, c(0xa0, t)) // the EXTERNAL that normal mode has
	}
	value, ok := t.find(0xa0)
	if t.id != 0x28 || !ok || len(value.parts) != 1 || len(rest) > 0 {
		return nil, errors.New("no EXTERNAL of one value")
	}
	switch apdu := value.parts[0]; {
	case protocol == P1of1984 && len(apdu.parts) == 2 && apdu.id == 0xa0:
		if err := message84(apdu.parts[0], apdu.parts[1]); err != nil {
			return nil, err
		}
		return readMessage(apdu.parts[0], apdu.parts[1])
	case protocol == P1of1984 && len(apdu.parts) == 2 && apdu.id == 0xa1:
		if err := report84(apdu.parts[0], apdu.parts[1]); err != nil {
			return nil, err
		}
		return readReport(apdu.parts[0], apdu.parts[1])
	case len(apdu.parts) == 2 && apdu.id == 0xa0:
		return readMessage(apdu.parts[0], apdu.parts[1])
	case len(apdu.parts) == 2 && apdu.id == 0xa1:
		return readReport(apdu.parts[0], apdu.parts[1])
	}
	return nil, fmt.Errorf("neither message nor report: %02x", value.parts[0].id)
}

func readMessage(envelope, content tlv) (*object, error) {
	octets := content.flat()
	o := &object{digest: sha256.Sum256(octets), size: len(octets)}
	var err error
	if o.mtsID, err = readMTSID(envelope); err != nil {
		return nil, err
	}
	if name, ok := envelope.find(0x60); ok {
		o.defined = append(o.defined, defined(name)...)
	}
	recipients, err := envelope.must(0xa2)
	if err != nil {
		return nil, err
	}
	for _, r := range recipients.parts {
		n, err := r.must(0x80)
		if err != nil {
			return nil, err
		}
		indicators, err := r.must(0x81)
		if err != nil {
			return nil, err
		}
		if len(indicators.octets) > 1 && indicators.octets[1]&0x80 != 0 {
			o.numbers = append(o.numbers, n.int())
			if name, ok := r.find(0x60); ok {
				o.defined = append(o.defined, defined(name)...)
			}
		}
	}
	return o, nil
}

// defined returns the domain-defined attributes of an O/R name, "type=value".
func defined(name tlv) (all []string) {
	if len(name.parts) < 2 || name.parts[1].id != 0x30 {
		return nil
	}
	for _, d := range name.parts[1].parts {
		if len(d.parts) == 2 {
			all = append(all, string(d.parts[0].flat())+"="+string(d.parts[1].flat()))
		}
	}
	return all
}

func readReport(envelope, content tlv) (*object, error) {
	id, err := readMTSID(envelope)
	if err != nil {
		return nil, err
	}
	r := &Report{MTSID: id}
	if r.Subject, err = readMTSID(content); err != nil {
		return nil, err
	}
	fields, err := content.must(0xa0)
	if err != nil {
		return nil, err
	}
	for _, f := range fields.parts {
		n, err := f.must(0x81)
		if err != nil {
			return nil, err
		}
		kind, err := f.must(0xa3, 0xa1)
		if err != nil {
			return nil, err
		}
		to := Reported{Number: n.int(), Diagnostic: -1}
		if _, to.Delivered = kind.find(0xa0); !to.Delivered {
			reason, err := kind.must(0xa1, 0x80)
			if err != nil {
				return nil, err
			}
			to.Reason = reason.int()
			if d, ok := kind.find(0xa1, 0x81); ok {
				to.Diagnostic = d.int()
			}
		}
		r.Recipients = append(r.Recipients, to)
	}
	return &object{mtsID: id, report: r, numbers: []int{1}}, nil
}

// readMTSID finds the MTS identifier in an envelope or a report content.
func readMTSID(in tlv) (string, error) {
	id, err := in.must(0x64)
	if err != nil {
		return "", err
	}
	country, err := id.must(0x63, 0x61, 0x13)
	if err != nil {
		return "", err
	}
	admd, err := id.must(0x63, 0x62, 0x13)
	if err != nil {
		return "", err
	}
	prmd, err := id.must(0x63, 0x13)
	if err != nil {
		return "", err
	}
	local, err := id.must(0x16)
	if err != nil {
		return "", err
	}
	return mtsID(Domain{string(country.octets), string(admd.octets), string(prmd.octets)}, string(local.flat())), nil
}
