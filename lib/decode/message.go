package decode

import (
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/edims"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/ipms/p772"
)

func (d *decoder) ipm(s span) (Node, int) {
	return d.explain(s, IPM, "information-object", ipms.InformationObject{}, "")
}

func (d *decoder) edim(s span) (Node, int) {
	return d.explain(s, EDIM, "information-object", edims.InformationObject{}, "")
}

// oidTypes are the types of what an object identifier beside it names in contents:
// extensions of headings, recipients and notifications, and the parameters and data
// of extended body parts. What is not here is an open type.
var oidTypes = map[asn1.OID]valueType{
	ipms.ExtIncompleteCopy:             {asn1.Null{}, ""},
	ipms.ExtLanguages:                  {ipms.Languages{}, ""},
	ipms.ExtAutoSubmitted:              {ipms.AutoSubmitted(0), ""},
	ipms.ExtBodyPartSignatures:         {ipms.BodyPartSignatures{}, ""},
	ipms.ExtIPMSecurityLabel:           {ipms.IPMSecurityLabel{}, ""},
	ipms.ExtAuthorizationTime:          {asn1.GeneralizedTime(""), ""},
	ipms.ExtCirculationList:            {[]ipms.CirculationMember{}, ""},
	ipms.ExtDistributionCodes:          {[]ipms.DistributionCode{}, ""},
	ipms.ExtExtendedSubject:            {ipms.UniversalOrBMPString{}, ""},
	ipms.ExtInformationCategory:        {[]ipms.InformationCategory{}, ""},
	ipms.ExtManualHandlingInstructions: {[]ipms.UniversalOrBMPString{}, ""},
	ipms.ExtOriginatorsReference:       {ipms.UniversalOrBMPString{}, ""},
	ipms.ExtPrecedencePolicyIdentifier: {asn1.OID(""), ""},
	ipms.ExtCirculationListIndicator:   {asn1.Null{}, ""},
	ipms.ExtPrecedence:                 {int64(0), ""},
	ipms.ExtRecipientSecurityRequest:   {ipms.RecipientSecurityRequest{}, ""},
	ipms.ExtIPNSecurityResponse:        {ipms.IPNSecurityResponse{}, ""},
	ipms.ExtAbsenceAdvice:              {ipms.AbsenceAdvice{}, ""},
	ipms.ExtChangeOfAddressAdvice:      {ipms.ChangeOfAddressAdvice{}, ""},
	ipms.ExtRFC822FieldList:            {[]asn1.IA5String{}, ""},

	ipms.DataIA5Text:            {asn1.IA5String(""), ""},
	ipms.DataG3Facsimile:        {[]asn1.BitString{}, ""},
	ipms.DataG4Class1:           {[]ber.Raw{}, ""},
	ipms.DataTeletex:            {[]asn1.TeletexString{}, ""},
	ipms.DataVideotex:           {asn1.VideotexString(""), ""},
	ipms.DataEncrypted:          {asn1.BitString{}, ""},
	ipms.DataMessage:            {ipms.IPM{}, ""},
	ipms.DataMixedMode:          {[]ber.Raw{}, ""},
	ipms.DataBilaterallyDefined: {[]byte{}, ""},
	ipms.DataGeneralText:        {asn1.GeneralString(""), ""},
	ipms.DataFileTransfer:       {[]ipms.External{}, ""},
	ipms.DataReport:             {ipms.ReportDeliveryArgument{}, ""},
	ipms.DataNotification:       {ipms.IPN{}, ""},
	ipms.DataVoice:              {[]byte{}, ""},

	ipms.ParametersIA5Text:      {ipms.IA5TextParameters{}, ""},
	ipms.ParametersG3Facsimile:  {ipms.G3FacsimileParameters{}, ""},
	ipms.ParametersTeletex:      {ipms.TeletexParameters{}, ""},
	ipms.ParametersVideotex:     {ipms.VideotexParameters{}, ""},
	ipms.ParametersEncrypted:    {ipms.EncryptedParameters{}, ""},
	ipms.ParametersMessage:      {ipms.MessageParameters{}, ""},
	ipms.ParametersGeneralText:  {ipms.GeneralTextParameters{}, ""},
	ipms.ParametersFileTransfer: {ipms.FileTransferParameters{}, ""},
	ipms.ParametersNotification: {ipms.MessageParameters{}, ""},
	ipms.ParametersVoice:        {ipms.VoiceParameters{}, ""},

	p772.PrimaryPrecedenceID:         {p772.Precedence(0), ""},
	p772.CopyPrecedenceID:            {p772.Precedence(0), ""},
	p772.MessageTypeID:               {p772.MessageType{}, ""},
	p772.AddressListIndicatorID:      {[]p772.AddressListDesignator{}, ""},
	p772.ExemptedAddressID:           {[]ipms.ORDescriptor{}, ""},
	p772.ExtendedAuthorisationInfoID: {asn1.UTCTime(""), ""},
	p772.DistributionCodesID:         {p772.DistributionCodes{}, ""},
	p772.HandlingInstructionsID:      {[]p772.MilitaryString{}, ""},
	p772.MessageInstructionsID:       {[]p772.MilitaryString{}, ""},
	p772.CodressMessageID:            {int64(0), ""},
	p772.OriginatorReferenceID:       {p772.MilitaryString(""), ""},
	p772.OtherRecipientsIndicatorID:  {[]p772.OtherRecipientDesignator{}, ""},
	p772.PilotForwardingInfoID:       {[]p772.PilotInformation{}, ""},
	p772.ACP127MessageIdentifierID:   {p772.MilitaryString(""), ""},
	p772.OriginatorPLADID:            {p772.MilitaryString(""), ""},
	p772.SecurityInformationLabelsID: {p772.SecurityInformationLabels{}, ""},
	p772.ACP127NotificationRequestID: {p772.ACP127NotificationType{}, ""},

	p772.ACP127NotificationResponseID: {p772.ACP127NotificationResponse{}, ""},

	p772.DataADatP3:                   {p772.ADatP3Data{}, ""},
	p772.DataCorrections:              {asn1.IA5String(""), ""},
	p772.DataForwardedEncrypted:       {asn1.BitString{}, ""},
	p772.DataMMMessage:                {ipms.IPM{}, ""},
	p772.DataACP127:                   {asn1.IA5String(""), ""},
	p772.ParametersADatP3:             {int64(0), ""},
	p772.ParametersCorrections:        {int64(0), ""},
	p772.ParametersForwardedEncrypted: {ipms.MessageParameters{}, ""},
	p772.ParametersMMMessage:          {ipms.MessageParameters{}, ""},
	p772.ParametersACP127:             {int64(0), ""},
}

// typeOfOID returns the type that an object identifier in a content names.
func typeOfOID(o asn1.OID) (valueType, bool) {
	if v, ok := oidTypes[o]; ok {
		return v, true
	}
	if strings.HasPrefix(string(o), string(ipms.ParametersContent)+".") {
		return valueType{zero: ipms.ForwardedContentParameters{}}, true
	}
	return valueType{}, false
}

// inIPM shows what is in the open types of contents.
func (d *decoder) inIPM(n *ber.Node, s span, layer Layer, out *Node) {
	switch n.Type {
	case "Extension":
		value, at := child(n, "value")
		if value == nil {
			return
		}
		if v, ok := typeOfOID(asn1.OID(childValue(n, "type"))); ok {
			d.replace(value, s, layer, "value", v, &out.Children[at])
		}
	case "External":
		d.inExternal(n, s, layer, out)
	case "AbsenceAdvice":
		for i := range n.Children {
			if c := &n.Children[i]; c.Tag.Class != asn1.Universal {
				d.replace(c, s, layer, "advice", valueType{zero: ipms.BodyPart{}}, &out.Children[i])
			}
		}
	case "FileTransferParameters":
		// A file does not depend on what else it has to do with.
		if list, at := child(n, "related-stored-file"); list != nil {
			for i := range list.Children {
				d.replace(&list.Children[i], s, layer, list.Children[i].Name, valueType{zero: ipms.RelatedStoredFile{}}, &out.Children[at].Children[i])
			}
		}
	case "ReportDeliveryArgument":
		d.content(n, n, "returned-content", s, out)
	}
}

// inExternal shows the value in an EXTERNAL as what its direct-reference names: a
// type, or a content type.
func (d *decoder) inExternal(n *ber.Node, s span, layer Layer, out *Node) {
	encoding, at := child(n, "encoding")
	if encoding == nil || len(encoding.Children) != 1 {
		return
	}
	reference := asn1.OID(childValue(n, "direct-reference"))
	v, ok := d.valueOctets(&encoding.Children[0], s)
	if !ok || len(v.b) == 0 {
		return
	}
	var list []Node
	if kind, known := typeOfOID(reference); known {
		one, size := d.explain(v, layer, "", kind.zero, kind.params)
		list = append(list, one)
		if rest := v.from(size); len(rest.b) > 0 {
			list = append(list, undecoded(rest, 0, d.fail(rest, layer, "", 0, errTrailing).Err))
		}
	} else if contentType, ok := strings.CutPrefix(string(reference), string(ipms.DataContent)+"."); ok {
		list = d.forwarded(asn1.OID(contentType), v)
	} else if inner := contentLayer(extended(reference)); inner != "" {
		list = d.inLayer(v, inner)
	}
	if list != nil {
		shown := &out.Children[at].Children[0]
		*shown = withChildren(*shown, list)
	}
}

// forwarded shows the data of a body part that forwards a content. It is an OCTET
// STRING (X.420 Annex B); Wireshark takes the content itself, and so may others.
func (d *decoder) forwarded(contentType asn1.OID, v span) []Node {
	if layer := contentLayer(extended(contentType)); layer != "" && ber.Raw(v.b).Tag().Class == asn1.ContextSpecific {
		return d.inLayer(v, layer)
	}
	one, size := d.explain(v, IPM, "content", []byte{}, "")
	if top, err := ber.Explain(v.b, []byte{}, "", d.bounds(len(v.b))); err == nil {
		if octets, ok := octetsOf(&top, v); ok {
			d.asContent(extended(contentType), octets, &one)
		}
	}
	list := []Node{one}
	if rest := v.from(size); len(rest.b) > 0 {
		list = append(list, undecoded(rest, 0, d.fail(rest, IPM, "", 0, errTrailing).Err))
	}
	return list
}

// HeadingExtension takes the value of an extension of a heading, a recipient or a
// notification of X.420 apart, by its type where that is known. The error is as that
// of Decode; the node shows what could be read.
func HeadingExtension(x ipms.Extension, lim Limits) (Node, error) {
	raw, err := ber.Marshal(x)
	if err != nil {
		return Node{}, diag.E("decode", diag.Data, err)
	}
	d := &decoder{lim: lim.orDefault()}
	d.left = d.lim.Elements
	n, _ := d.explain(span{b: raw}, IPM, "", ipms.Extension{}, "")
	value := Node{Name: "value"}
	for _, c := range n.Children {
		if c.Name == value.Name {
			value = c
		}
	}
	if d.err != nil {
		return value, diag.E("decode", diag.Data, d.err)
	}
	return value, nil
}
