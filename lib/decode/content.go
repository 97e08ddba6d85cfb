package decode

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
	"github.com/mtakit/mtakit/lib/p1"
)

func (d *decoder) mtsAPDU(s span) (Node, int) {
	return d.explain(s, MTSAPDU, "MTS-APDU", p1.MTSAPDU{}, "")
}

func (d *decoder) ipm(s span) (Node, int) {
	return d.explain(s, IPM, "information-object", ipms.InformationObject{}, "")
}

// orName shows an ORName or, by its tag, an ORAddress.
func (d *decoder) orName(s span) (Node, int) {
	if ber.Raw(s.b).Tag() == asn1.Univ(asn1.NumberSequence) {
		return d.explain(s, ORName, "OR-address", oraddr.ORAddress{}, "")
	}
	return d.explain(s, ORName, "OR-name", oraddr.ORName{}, "")
}

// inMTSAPDU shows the contents and the values of extensions in MTS-APDUs.
func (d *decoder) inMTSAPDU(n *ber.Node, s span, out *Node) {
	switch n.Type {
	case "Message":
		if envelope, _ := child(n, "envelope"); envelope != nil {
			d.content(n, envelope, "content", s, out)
		}
	case "ReportTransferContent":
		d.content(n, n, "returned-content", s, out)
	case "ExtensionField":
		d.extension(n, s, out)
	}
}

// content shows a component of n that is a content, if the content type in typed
// is one of which more is known.
func (d *decoder) content(n, typed *ber.Node, name string, s span, out *Node) {
	content, at := child(n, name)
	kind, _ := child(typed, "content-type")
	if content == nil || kind == nil {
		return
	}
	var contentType mts.ContentType
	if _, err := ber.Unmarshal(kind.Raw, &contentType, d.lim.codec(len(kind.Raw))); err != nil {
		return
	}
	layer := Layer("")
	switch {
	case contentType.Equal(mts.NewContentType(mts.InterpersonalMessaging1984)),
		contentType.Equal(mts.NewContentType(mts.InterpersonalMessaging1988)):
		layer = IPM
	case contentType.Equal(mts.NewExtendedContentType(mts.ContentInnerEnvelope)):
		layer = MTSAPDU
	default:
		return
	}
	v, ok := octetsOf(content, s)
	if !ok || len(v.b) == 0 {
		return
	}
	shown := &out.Children[at]
	shown.Value, shown.Hex = fmt.Sprintf("%v, %d octets", contentType, len(v.b)), nil
	for len(v.b) > 0 {
		one, size := d.element(v, layer)
		shown.Children = append(shown.Children, one)
		v = v.from(size)
	}
}

// valueType is the type of the value of an extension.
type valueType struct {
	zero   any
	params string
}

// extensionTypes are the values of the extensions of X.411 that are more than an
// open type.
var extensionTypes = func() map[mts.ExtensionNumber]valueType {
	m := map[mts.ExtensionNumber]valueType{}
	learn(m, mts.ExtRecipientReassignmentProhibited, "")
	learn(m, mts.ExtOriginatorRequestedAlternateRecipient, "")
	learn(m, mts.ExtDLExpansionProhibited, "")
	learn(m, mts.ExtConversionWithLossProhibited, "")
	learn(m, mts.ExtLatestDeliveryTime, "")
	learn(m, mts.ExtRequestedDeliveryMethod, "")
	learn(m, mts.ExtPhysicalForwardingProhibited, "")
	learn(m, mts.ExtPhysicalForwardingAddressRequest, "")
	learn(m, mts.ExtPhysicalDeliveryModes, "")
	learn(m, mts.ExtRegisteredMailType, "")
	learn(m, mts.ExtRecipientNumberForAdvice, "")
	learn(m, mts.ExtPhysicalRenditionAttributes, "")
	learn(m, mts.ExtOriginatorReturnAddress, "")
	learn(m, mts.ExtPhysicalDeliveryReportRequest, "")
	learn(m, mts.ExtMessageToken, "")
	learn(m, mts.ExtContentConfidentialityAlgorithm, "")
	learn(m, mts.ExtContentIntegrityCheck, "")
	learn(m, mts.ExtMessageOriginAuthenticationCheck, "")
	learn(m, mts.ExtMessageSecurityLabel, "")
	learn(m, mts.ExtProofOfSubmissionRequest, "")
	learn(m, mts.ExtProofOfDeliveryRequest, "")
	learn(m, mts.ExtContentCorrelator, "")
	learn(m, mts.ExtProbeOriginAuthenticationCheck, "")
	learn(m, mts.ExtRedirectionHistory, "")
	learn(m, mts.ExtDLExpansionHistory, "")
	learn(m, mts.ExtPhysicalForwardingAddress, "")
	learn(m, mts.ExtProofOfDelivery, "")
	learn(m, mts.ExtOriginatorAndDLExpansionHistory, "")
	learn(m, mts.ExtReportingDLName, "")
	learn(m, mts.ExtReportOriginAuthenticationCheck, "")
	learn(m, mts.ExtProofOfSubmission, "")
	learn(m, mts.ExtForwardingRequest, "")
	learn(m, mts.ExtTraceInformation, "")
	learn(m, mts.ExtInternalTraceInformation, "")
	learn(m, mts.ExtReportingMTAName, "")
	learn(m, mts.ExtMultipleOriginatorCertificates, "SET")
	learn(m, mts.ExtDLExemptedRecipients, "SET")
	learn(m, mts.ExtCertificateSelectors, "")
	learn(m, mts.ExtCertificateSelectorsOverride, "")
	return m
}()

func learn[T any](m map[mts.ExtensionNumber]valueType, e mts.Extension[T], params string) {
	var zero T
	m[*e.Type().StandardExtension] = valueType{zero, params}
}

// extension shows the value of an extension as its type.
func (d *decoder) extension(n *ber.Node, s span, out *Node) {
	kind, _ := child(n, "type")
	value, at := child(n, "value")
	if kind == nil || value == nil || len(value.Children) != 1 {
		return
	}
	word, _, _ := strings.Cut(childValue(kind, "standard-extension"), " ")
	number, err := strconv.ParseInt(word, 10, 64)
	t, known := extensionTypes[mts.ExtensionNumber(number)]
	if err != nil || !known {
		return
	}
	inner := &value.Children[0]
	part := s.from(int(inner.Offset)).to(int(inner.Length))
	shown, _ := d.explain(part, MTSAPDU, mts.ExtensionNumber(number).String(), t.zero, t.params)
	out.Children[at].Children[0] = shown
}
