package downgrade

import (
	"fmt"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/p1"
)

// What 1984 knows of the codes of a report.
const (
	lastReason     = mts.ConversionNotPerformed
	lastDiagnostic = mts.InvalidArguments
	lastUser       = mts.UserPrivate
	// boundSupplementary is what MTAs of 1984 take of supplementary-information; the
	// Recommendation leaves it open.
	boundSupplementary = 64
)

func (d *downgrade) report(raw ber.Raw) error {
	r, err := p1.DecodeReport(raw, p1.Limits{})
	if err != nil {
		return err
	}
	e, c := &r.Envelope, &r.Content
	if e.ReportDestinationName, err = d.lost.recipient(e.ReportDestinationName); err != nil {
		return fmt.Errorf("report-destination-name: %w", err)
	}
	if e.Extensions, err = d.extensions(e.Extensions); err != nil {
		return err
	}
	if c.Extensions, err = d.extensions(c.Extensions); err != nil {
		return err
	}
	e.TraceInformation, e.Unknown = d.lost.trace(e.TraceInformation), d.lost.unknown(e.Unknown)
	if c.SubjectIntermediateTraceInformation != nil {
		c.SubjectIntermediateTraceInformation = d.lost.trace(c.SubjectIntermediateTraceInformation)
	}
	// A report of 1984 does not repeat these; the originator knows them.
	c.ContentType, c.OriginalEncodedInformationTypes = nil, nil
	c.Unknown = d.lost.unknown(c.Unknown)
	for i := range c.PerRecipientFields {
		if err := d.reported(&c.PerRecipientFields[i]); err != nil {
			return err
		}
	}
	d.out.Envelope, err = p1.EncodeReport(r)
	return err
}

// reported is the report on one recipient.
func (d *downgrade) reported(r *mts.PerRecipientReportTransferFields) (err error) {
	if r.Extensions, err = d.extensions(r.Extensions); err != nil {
		return err
	}
	if r.ActualRecipientName, err = d.lost.name(r.ActualRecipientName, d.to.Domain); err != nil {
		return fmt.Errorf("actual-recipient-name: %w", err)
	}
	if r.OriginallyIntendedRecipientName != nil {
		intended, err := d.lost.name(*r.OriginallyIntendedRecipientName, d.to.Domain)
		if err != nil {
			return fmt.Errorf("originally-intended-recipient-name: %w", err)
		}
		r.OriginallyIntendedRecipientName = &intended
	}
	r.PerRecipientIndicators = mts.PerRecipientIndicators(shorten(asn1.BitString(r.PerRecipientIndicators), 8))
	r.Unknown = d.lost.unknown(r.Unknown)
	last := &r.LastTraceInformation
	last.ConvertedEncodedInformationTypes = d.lost.eits(last.ConvertedEncodedInformationTypes)
	last.Unknown = d.lost.unknown(last.Unknown)
	if delivery := last.ReportType.Delivery; delivery != nil {
		if user := delivery.User(); user > lastUser {
			d.lost.add("type-of-MTS-user " + user.String())
			delivery.TypeOfMTSUser = nil
		}
		delivery.Unknown = d.lost.unknown(delivery.Unknown)
	}
	if n := last.ReportType.NonDelivery; n != nil {
		d.codes(r, n)
		n.Unknown = d.lost.unknown(n.Unknown)
	}
	if s := r.SupplementaryInformation; len(s) > boundSupplementary {
		d.lost.add("the end of supplementary-information")
		r.SupplementaryInformation = s[:boundSupplementary]
	}
	return nil
}

// codes leaves the codes that 1984 knows: another reason becomes transfer-failure,
// another diagnostic is left out. What they were is told to people, where nothing
// else is.
func (d *downgrade) codes(r *mts.PerRecipientReportTransferFields, n *mts.NonDeliveryReport) {
	var was string
	if n.NonDeliveryReasonCode > lastReason || n.NonDeliveryReasonCode < 0 {
		was = n.NonDeliveryReasonCode.String()
		n.NonDeliveryReasonCode = mts.TransferFailure
	}
	if c := n.NonDeliveryDiagnosticCode; c != nil && (*c > lastDiagnostic || *c < 0) {
		if was != "" {
			was += ": "
		}
		was += c.String()
		n.NonDeliveryDiagnosticCode = nil
	}
	if was != "" {
		d.lost.add(was)
		if r.SupplementaryInformation == "" {
			r.SupplementaryInformation = asn1.PrintableString(was)
		}
	}
}
