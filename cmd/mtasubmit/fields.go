package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	ucli "github.com/urfave/cli/v2"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/cli"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/submit"
)

// fields sets in the envelope what the flags say; what none says stays as it is.
func fields(c *ucli.Context, to *recipients, s *submit.Submission) error {
	if err := to.address(s); err != nil {
		return err
	}
	for _, set := range []func(*ucli.Context, *submit.Submission) error{
		names, marks, times, perMessage, perRecipient, extensions,
	} {
		if err := set(c, s); err != nil {
			return err
		}
	}
	return to.each(s)
}

// names sets who it is from, and what it is called.
func names(c *ucli.Context, s *submit.Submission) error {
	if c.IsSet("from") {
		a, err := cli.Address("--from", c.String("from"))
		if err != nil {
			return err
		}
		if s.OriginatorName, err = a.ORName(); err != nil {
			return diag.E("--from", diag.Data, err)
		}
	}
	if c.IsSet("subject") {
		s.Subject = c.String("subject")
	}
	if c.IsSet("content-id") {
		s.ContentIdentifier = mts.ContentIdentifier(c.String("content-id"))
	}
	if c.IsSet("content-type") {
		t, err := mts.ParseContentType(c.String("content-type"))
		if err != nil {
			return meant("--content-type", err)
		}
		s.ContentType = t
	}
	if c.IsSet("content-length") {
		s.ContentLength = c.Int64("content-length")
	}
	return nil
}

// meant is a value of a flag that cannot be meant; the flag says what it is a value of.
func meant(flag string, err error) error {
	var layer *diag.Error
	if errors.As(err, &layer) {
		err = layer.Err
	}
	return diag.E(flag, diag.Usage, err)
}

// marks sets priority, reports and indicators.
func marks(c *ucli.Context, s *submit.Submission) error {
	if c.IsSet("priority") {
		p, err := mts.ParsePriority(c.String("priority"))
		if err != nil {
			return meant("--priority", err)
		}
		s.Priority = p
	}
	if c.IsSet("report") {
		request, err := reportRequest(saying{"report", c.String("report")})
		if err != nil {
			return err
		}
		s.Ask(request)
	}
	bits := asn1.BitString(s.PerMessageIndicators).Clone()
	for _, m := range []struct {
		flag string
		bit  mts.MessageIndicator
		not  bool
	}{
		{"no-disclosure", mts.BitDisclosureOfOtherRecipients, true},
		{"no-conversion", mts.BitImplicitConversionProhibited, false},
		{"allow-alternate", mts.BitAlternateRecipientAllowed, false},
		{"return-content", mts.BitContentReturnRequest, false},
	} {
		if !c.IsSet(m.flag) {
			continue
		}
		if c.Bool(m.flag) != m.not {
			bits.Set(int(m.bit))
		} else {
			bits.Clear(int(m.bit))
		}
	}
	s.PerMessageIndicators = mts.PerMessageIndicators(bits)
	return nil
}

func times(c *ucli.Context, s *submit.Submission) error {
	if c.IsSet("defer-until") {
		at, err := timeOf(c, "defer-until")
		if err == nil {
			err = s.Defer(at)
		}
		if err != nil {
			return err
		}
		if !at.IsZero() && !at.After(time.Now()) {
			// No error: it may have passed while the message was written. But a wrong zone,
			// or year, looks the same.
			cli.Warn(c, "--defer-until "+c.String("defer-until")+" is past: the message is not deferred")
		}
	}
	if c.IsSet("latest") {
		at, err := timeOf(c, "latest")
		if err != nil {
			return err
		}
		return s.Expire(at)
	}
	return nil
}

// timeOf reads a time; an empty one is none.
func timeOf(c *ucli.Context, flag string) (time.Time, error) {
	text := c.String(flag)
	if text == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return at, cli.Usage("--%s %q is not a time such as 2026-11-24T12:00:00Z", flag, text)
	}
	return at, nil
}

// perMessage sets the extensions that concern the message as a whole.
func perMessage(c *ucli.Context, s *submit.Submission) (err error) {
	for _, p := range []struct {
		flag string
		ext  mts.Extension[mts.Prohibition]
	}{
		{"no-redirect", mts.ExtRecipientReassignmentProhibited},
		{"no-dl", mts.ExtDLExpansionProhibited},
		{"no-lossy-conversion", mts.ExtConversionWithLossProhibited},
	} {
		if !c.IsSet(p.flag) {
			continue
		}
		s.Extensions = mts.RemoveExt(s.Extensions, p.ext.Type())
		if !c.Bool(p.flag) {
			continue
		}
		if s.Extensions, err = mts.SetExt(s.Extensions, p.ext, mts.Prohibited); err != nil {
			return err
		}
	}
	if c.IsSet("correlator") {
		text := asn1.IA5String(c.String("correlator"))
		if err := text.Valid(); err != nil {
			return diag.E("--correlator", diag.Data, err)
		}
		if n := len(text); n > mts.UbContentCorrelatorLength {
			return diag.E("--correlator", diag.Data, fmt.Errorf("%d characters; X.411 allows %d", n, mts.UbContentCorrelatorLength))
		}
		s.Extensions, err = mts.SetExt(s.Extensions, mts.ExtContentCorrelator, mts.ContentCorrelator{IA5Text: &text})
	}
	return err
}

// perRecipient sets the extensions that every recipient gets alike.
func perRecipient(c *ucli.Context, s *submit.Submission) error {
	for i := range s.PerRecipientFields {
		f := &s.PerRecipientFields[i]
		for n, word := range c.StringSlice("delivery-method") {
			if err := deliverBy(f, saying{"delivery-method", word}, n > 0); err != nil {
				return err
			}
		}
		if c.IsSet("alternate") {
			if err := alternate(f, saying{"alternate", c.String("alternate")}); err != nil {
				return err
			}
		}
	}
	return nil
}

// deliveryMethod reads X.411's name of a method, its last word left out or not.
func deliveryMethod(w saying) (mts.DeliveryMethod, error) {
	var short []string
	for m := mts.AnyDeliveryMethod; m <= mts.TelephoneDelivery; m++ {
		name := strings.TrimSuffix(strings.TrimSuffix(m.String(), "-method"), "-delivery")
		if w.text == name || w.text == m.String() {
			return m, nil
		}
		short = append(short, name)
	}
	return 0, cli.Usage("--%s %q is not one of %s", w.flag, w.text, strings.Join(short, ", "))
}

// maxExtension bounds the file of an extension.
const maxExtension = 64 << 10

// extensions adds extensions of the message that are given as the BER of an
// ExtensionField.
func extensions(c *ucli.Context, s *submit.Submission) error {
	place := mts.InMessage
	if s.Probe {
		place = mts.InProbe
	}
	for _, name := range c.StringSlice("extension") {
		field, err := readExtension(name)
		if err != nil {
			return err
		}
		if n := field.Type.StandardExtension; n != nil && n.Known() && n.Places()&place == 0 {
			return diag.E("--extension "+name, diag.Data, fmt.Errorf("X.411 has no %s in a %s as a whole", field.Type, place))
		}
		if mts.Find(s.Extensions, field.Type) >= 0 {
			return diag.E("--extension "+name, diag.Data, errors.New(field.Type.String()+" is there already"))
		}
		s.Extensions = append(s.Extensions, field)
	}
	return nil
}

func readExtension(name string) (field mts.ExtensionField, err error) {
	op := "--extension " + name
	f, err := os.Open(name)
	if err != nil {
		return field, diag.E("--extension", diag.NoInput, err)
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	raw, err := io.ReadAll(io.LimitReader(f, maxExtension+1))
	if err != nil {
		return field, diag.E(op, diag.NoInput, err)
	}
	if len(raw) > maxExtension {
		return field, diag.E(op, diag.Data, fmt.Errorf("more than %d octets", maxExtension))
	}
	rest, err := ber.Unmarshal(raw, &field, ber.Limits{})
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d octets after the extension", len(rest))
	}
	if err != nil {
		return field, diag.WithHint(diag.E(op, diag.Data, err),
			"the file is the BER of one ExtensionField, SEQUENCE { type, criticality, value } (X.411 9.1)")
	}
	return field, nil
}
