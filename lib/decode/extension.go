package decode

import (
	"errors"
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/ipms/p772"
	"github.com/mtakit/mtakit/lib/mts"
)

// valueType is the type of a value that an identifier beside it names.
type valueType struct {
	zero   any
	params string
}

// standardTypes are the types of the values of the standard extensions of
// envelopes, privateTypes those of the private ones that are known.
var (
	standardTypes = map[mts.ExtensionNumber]valueType{}
	privateTypes  = map[asn1.OID]valueType{}
)

func init() {
	learn(mts.ExtRecipientReassignmentProhibited)
	learn(mts.ExtOriginatorRequestedAlternateRecipient)
	learn(mts.ExtDLExpansionProhibited)
	learn(mts.ExtConversionWithLossProhibited)
	learn(mts.ExtLatestDeliveryTime)
	learn(mts.ExtRequestedDeliveryMethod)
	learn(mts.ExtPhysicalForwardingProhibited)
	learn(mts.ExtPhysicalForwardingAddressRequest)
	learn(mts.ExtPhysicalDeliveryModes)
	learn(mts.ExtRegisteredMailType)
	learn(mts.ExtRecipientNumberForAdvice)
	learn(mts.ExtPhysicalRenditionAttributes)
	learn(mts.ExtOriginatorReturnAddress)
	learn(mts.ExtPhysicalDeliveryReportRequest)
	learn(mts.ExtOriginatorCertificate)
	learn(mts.ExtMessageToken)
	learn(mts.ExtContentConfidentialityAlgorithm)
	learn(mts.ExtContentIntegrityCheck)
	learn(mts.ExtMessageOriginAuthenticationCheck)
	learn(mts.ExtMessageSecurityLabel)
	learn(mts.ExtProofOfSubmissionRequest)
	learn(mts.ExtProofOfDeliveryRequest)
	learn(mts.ExtContentCorrelator)
	learn(mts.ExtProbeOriginAuthenticationCheck)
	learn(mts.ExtRedirectionHistory)
	learn(mts.ExtDLExpansionHistory)
	learn(mts.ExtPhysicalForwardingAddress)
	learn(mts.ExtRecipientCertificate)
	learn(mts.ExtProofOfDelivery)
	learn(mts.ExtOriginatorAndDLExpansionHistory)
	learn(mts.ExtReportingDLName)
	learn(mts.ExtReportingMTACertificate)
	learn(mts.ExtReportOriginAuthenticationCheck)
	learn(mts.ExtOriginatingMTACertificate)
	learn(mts.ExtProofOfSubmission)
	learn(mts.ExtForwardingRequest)
	learn(mts.ExtTraceInformation)
	learn(mts.ExtInternalTraceInformation)
	learn(mts.ExtReportingMTAName)
	learn(mts.ExtMultipleOriginatorCertificates)
	learn(ipms.ExtBlindCopyRecipients)
	learn(mts.ExtDLExemptedRecipients)
	learn(ipms.ExtBodyPartEncryptionToken)
	learn(ipms.ExtForwardedContentToken)
	learn(mts.ExtCertificateSelectors)
	learn(mts.ExtCertificateSelectorsOverride)
	learn(mts.ExtAlternativeAddressInformation)
	learn(p772.ExtPriorityLevelQualifier)
}

func learn[T any](e mts.Extension[T]) {
	var zero T
	v := valueType{zero, e.Params()}
	if kind := e.Type(); kind.StandardExtension != nil {
		standardTypes[*kind.StandardExtension] = v
	} else {
		privateTypes[*kind.PrivateExtension] = v
	}
}

var errTrailing = errors.New("octets after the value")

// typeOf returns the type of the value of an extension.
func typeOf(kind mts.ExtensionType) (valueType, bool) {
	var v valueType
	var ok bool
	switch {
	case kind.StandardExtension != nil:
		v, ok = standardTypes[*kind.StandardExtension]
	case kind.PrivateExtension != nil:
		v, ok = privateTypes[*kind.PrivateExtension]
	}
	return v, ok
}

// Extension takes the value of an extension apart, by its type where that is known.
// The error is as that of Decode; the node shows what could be read.
func Extension(f mts.ExtensionField, lim Limits) (Node, error) {
	d := &decoder{lim: lim.orDefault()}
	d.left = d.lim.Elements
	raw := f.Value
	if len(raw) == 0 {
		raw = ber.Raw{0x05, 0x00} // DEFAULT NULL
	}
	var n Node
	size := 0
	s := span{b: raw}
	if v, ok := typeOf(f.Type); ok {
		n, size = d.explain(s, MTSAPDU, f.Type.String(), v.zero, v.params)
	} else {
		n, size = d.untyped(s)
	}
	if rest := s.from(min(size, len(raw))); len(rest.b) > 0 {
		n.Children = append(n.Children, undecoded(rest, 0, d.fail(rest, MTSAPDU, "", 0, errTrailing).Err))
	}
	if d.err != nil {
		return n, diag.E("decode: "+f.Type.String(), diag.Data, d.err)
	}
	return n, nil
}

// extension shows the value of an extension of an envelope as its type.
func (d *decoder) extension(n *ber.Node, s span, out *Node) {
	kind, _ := child(n, "type")
	value, at := child(n, "value")
	if kind == nil || value == nil || len(value.Children) != 1 {
		return
	}
	var t mts.ExtensionType
	if _, err := ber.Unmarshal(kind.Raw, &t, d.lim.codec(len(kind.Raw))); err != nil {
		return
	}
	if v, known := typeOf(t); known {
		d.replace(&value.Children[0], s, MTSAPDU, t.String(), v, &out.Children[at].Children[0])
	}
}

// replace shows an element whose type another one has told. What it should be and
// is not stays as it was shown, with the fault.
func (d *decoder) replace(n *ber.Node, s span, layer Layer, name string, v valueType, shown *Node) {
	part := s.from(int(n.Offset)).to(int(n.Length))
	*shown, _ = d.explain(part, layer, name, v.zero, v.params)
}

// inSecurity shows what is in tokens.
func (d *decoder) inSecurity(n *ber.Node, s span, out *Node) {
	switch n.Type {
	case "Token":
		d.told(n, s, "token-type-identifier", "token", out, func(id string) (valueType, bool) {
			return valueType{zero: mts.AsymmetricToken{}}, asn1.OID(id) == mts.TokenAsymmetric
		})
	case "TokenData":
		d.told(n, s, "type", "value", out, func(id string) (valueType, bool) {
			word, _, _ := strings.Cut(id, " ")
			number, err := strconv.ParseInt(word, 10, 64)
			switch mts.TokenDataType(number) {
			case mts.BindTokenSignedDataType:
				return valueType{zero: asn1.BitString{}}, err == nil
			case mts.MessageTokenSignedDataType:
				return valueType{zero: mts.MessageTokenSignedData{}}, err == nil
			case mts.MessageTokenEncryptedDataType:
				return valueType{zero: mts.MessageTokenEncryptedData{}}, err == nil
			}
			return valueType{}, false
		})
	}
}

// told shows the component value of n, an open type, as what its component id says.
func (d *decoder) told(n *ber.Node, s span, id, value string, out *Node, typeOf func(id string) (valueType, bool)) {
	c, at := child(n, value)
	if c == nil || len(c.Children) != 1 {
		return
	}
	if v, ok := typeOf(childValue(n, id)); ok {
		d.replace(&c.Children[0], s, MTSAPDU, "", v, &out.Children[at].Children[0])
	}
}
