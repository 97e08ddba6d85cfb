package report

import (
	"encoding/json"
	"slices"

	"github.com/mtakit/mtakit/lib/audit"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/spool"
)

// maxAudited bounds what the event log is told of one report.
const maxAudited = 64 << 10

// AuditEvent is the event of a report that the originating MTA has asked for on its own
// account, with the trace of the subject (X.411 §12.2.1.1.1.6, audited-report); false if
// nobody has. The content that came back with the report tells as in Explain. Of a report
// that says very much only the summary is told.
func AuditEvent(r *mts.Report, returned int64) (audit.Record, bool) {
	if !slices.ContainsFunc(r.Content.PerRecipientFields, func(f mts.PerRecipientReportTransferFields) bool {
		return f.PerRecipientIndicators.OriginatingMTAReport() == mts.ReportAudited
	}) {
		return audit.Record{}, false
	}
	said, err := json.Marshal(Explain(r, returned))
	if err != nil || len(said) > maxAudited {
		said = nil
	}
	return audit.Record{Event: audit.Reported, MTSID: r.Envelope.ReportIdentifier.String(), Kind: string(spool.KindReport),
		Subject: r.Content.SubjectIdentifier.String(), Text: Summary(r), Report: said}, true
}
