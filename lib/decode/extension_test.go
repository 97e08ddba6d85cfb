package decode

import (
	"bytes"
	"cmp"
	"encoding/hex"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
	"github.com/mtakit/mtakit/lib/ipms"
	"github.com/mtakit/mtakit/lib/ipms/p772"
	"github.com/mtakit/mtakit/lib/mts"
	"github.com/mtakit/mtakit/lib/oraddr"
)

const (
	smith = "/G=Ann/S=Smith/O=Org/PRMD=ALPHA/ADMD=TEST/C=GB/"
	time  = mts.Time("261124120000Z")
)

func ptr[T any](v T) *T { return &v }

// words are the extensions, each with a value and how it reads.
func words(t testing.TB) []struct {
	field mts.ExtensionField
	want  string
} {
	t.Helper()
	a, err := oraddr.Parse(smith)
	if err != nil {
		t.Fatal(err)
	}
	n, err := a.ORName()
	if err != nil {
		t.Fatal(err)
	}
	alpha := mts.NewGlobalDomainIdentifier(oraddr.Domain{C: "GB", ADMD: "TEST", PRMD: "ALPHA"})
	algorithm := mts.AlgorithmIdentifier{Algorithm: "1.2.3", Parameters: ber.Raw{0x05, 0x00}}
	bits := asn1.BitString{Bytes: []byte{0xAB}, BitLength: 8}
	signature := mts.Signature{AlgorithmIdentifier: algorithm, Encrypted: bits}
	const signed = "{algorithm-identifier {algorithm 1.2.3, parameters {}}, encrypted '10101011'B}"
	label := mts.SecurityLabel{
		SecurityPolicyIdentifier: "1.2.3", SecurityClassification: ptr(mts.Secret), PrivacyMark: "EYES",
		SecurityCategories: []mts.SecurityCategory{{Type: "1.3.26.0.4406.0.6.1", Value: ber.Raw{0x02, 0x01, 0x07}}},
	}
	raw := ber.Raw{0x30, 0x03, 0x02, 0x01, 0x07}
	signedData, err := ber.Marshal(mts.MessageTokenSignedData{ContentIntegrityCheck: &signature, ProofOfDeliveryRequest: ptr(mts.Requested), MessageSequenceNumber: ptr(int64(7))})
	if err != nil {
		t.Fatal(err)
	}
	encryptedData, err := ber.Marshal(mts.MessageTokenEncryptedData{ContentConfidentialityKey: &bits, MessageSecurityLabel: &label})
	if err != nil {
		t.Fatal(err)
	}
	token := func(data mts.AsymmetricTokenData) mts.Token {
		b, err := ber.Marshal(mts.AsymmetricToken{Data: data, AlgorithmIdentifier: algorithm, Encrypted: bits})
		if err != nil {
			t.Fatal(err)
		}
		return mts.Token{TokenTypeIdentifier: mts.TokenAsymmetric, Token: b}
	}
	var all []struct {
		field mts.ExtensionField
		want  string
	}
	add := func(fields []mts.ExtensionField, err error) func(want string) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return func(want string) {
			all = append(all, struct {
				field mts.ExtensionField
				want  string
			}{fields[0], want})
		}
	}
	add(mts.SetExt(nil, mts.ExtRecipientReassignmentProhibited, mts.Prohibited))("1 prohibited")
	add(mts.SetExt(nil, mts.ExtOriginatorRequestedAlternateRecipient, n))(smith)
	add(mts.SetExt(nil, mts.ExtDLExpansionProhibited, mts.Prohibited))("1 prohibited")
	add(mts.SetExt(nil, mts.ExtConversionWithLossProhibited, mts.Allowed))("0 allowed")
	add(mts.SetExt(nil, mts.ExtLatestDeliveryTime, time))("261124120000Z")
	add(mts.SetExt(nil, mts.ExtRequestedDeliveryMethod, []mts.DeliveryMethod{mts.PhysicalDelivery, mts.MHSDelivery}))("{2 physical-delivery, 1 mhs-delivery}")
	add(mts.SetExt(nil, mts.ExtPhysicalForwardingProhibited, mts.Prohibited))("1 prohibited")
	add(mts.SetExt(nil, mts.ExtPhysicalForwardingAddressRequest, mts.Requested))("1 requested")
	add(mts.SetExt(nil, mts.ExtPhysicalDeliveryModes, mts.PhysicalDeliveryModes(asn1.Bits(mts.ExpressMail, mts.BureauFaxDelivery))))("'00100001'B express-mail, bureau-fax-delivery")
	add(mts.SetExt(nil, mts.ExtRegisteredMailType, mts.RegisteredMail))("1 registered-mail")
	add(mts.SetExt(nil, mts.ExtRecipientNumberForAdvice, asn1.TeletexString("12")))("12")
	add(mts.SetExt(nil, mts.ExtPhysicalRenditionAttributes, "2.6.3.5.1"))("2.6.3.5.1 physical-rendition-no-cover-page")
	add(mts.SetExt(nil, mts.ExtOriginatorReturnAddress, oraddr.ORAddress{StandardAttributes: n.StandardAttributes}))(smith)
	add(mts.SetExt(nil, mts.ExtPhysicalDeliveryReportRequest, mts.ReturnOfNotificationByMHS))("2 return-of-notification-by-MHS")
	add(mts.SetExt(nil, mts.ExtOriginatorCertificate, raw))("7")
	add(mts.SetExt(nil, mts.ExtMessageToken, token(mts.AsymmetricTokenData{
		SignatureAlgorithmIdentifier: algorithm, Name: mts.TokenName{RecipientName: &n}, Time: time,
		SignedData: &mts.TokenData{Type: mts.MessageTokenSignedDataType, Value: signedData},
	})))("{token-type-identifier 2.6.3.6.0 asymmetric-token, token {data {signature-algorithm-identifier {algorithm 1.2.3, parameters {}}, " +
		"name {recipient-name " + smith + "}, time 261124120000Z, signed-data {type 2 message-token-signed-data, value {" +
		"content-integrity-check " + signed + ", proof-of-delivery-request 1 requested, message-sequence-number 7}}}, " +
		"algorithm-identifier {algorithm 1.2.3, parameters {}}, encrypted '10101011'B}}")
	add(mts.SetExt(nil, mts.ExtMessageToken, token(mts.AsymmetricTokenData{
		SignatureAlgorithmIdentifier: algorithm, Time: time,
		Name:       mts.TokenName{MTA: &mts.MTANameAndOptionalGDI{GlobalDomainIdentifier: &alpha, MTAName: "MTA-A"}},
		SignedData: &mts.TokenData{Type: mts.MessageTokenEncryptedDataType, Value: encryptedData},
	})))("{token-type-identifier 2.6.3.6.0 asymmetric-token, token {data {signature-algorithm-identifier {algorithm 1.2.3, parameters {}}, " +
		"name {MTA {global-domain-identifier /PRMD=ALPHA/ADMD=TEST/C=GB/, MTA-name MTA-A}}, time 261124120000Z, signed-data {type 3 message-token-encrypted-data, value {" +
		"content-confidentiality-key '10101011'B, message-security-label {security-classification 4 secret, security-policy-identifier 1.2.3, " +
		"security-categories {type 1.3.26.0.4406.0.6.1 atomal, value 7}, privacy-mark EYES}}}}, " +
		"algorithm-identifier {algorithm 1.2.3, parameters {}}, encrypted '10101011'B}}")
	add(mts.SetExt(nil, mts.ExtContentConfidentialityAlgorithm, algorithm))("{algorithm 1.2.3, parameters {}}")
	add(mts.SetExt(nil, mts.ExtContentIntegrityCheck, signature))(signed)
	add(mts.SetExt(nil, mts.ExtMessageOriginAuthenticationCheck, signature))(signed)
	add(mts.SetExt(nil, mts.ExtMessageSecurityLabel, label))("{security-classification 4 secret, security-policy-identifier 1.2.3, " +
		"security-categories {type 1.3.26.0.4406.0.6.1 atomal, value 7}, privacy-mark EYES}")
	add(mts.SetExt(nil, mts.ExtProofOfSubmissionRequest, mts.Requested))("1 requested")
	add(mts.SetExt(nil, mts.ExtProofOfDeliveryRequest, mts.NotRequested))("0 not-requested")
	add(mts.SetExt(nil, mts.ExtContentCorrelator, mts.ContentCorrelator{IA5Text: ptr(asn1.IA5String("a b"))}))("{IA5-text a b}")
	add(mts.SetExt(nil, mts.ExtProbeOriginAuthenticationCheck, signature))(signed)
	add(mts.SetExt(nil, mts.ExtRedirectionHistory, []mts.Redirection{{
		IntendedRecipientName: mts.IntendedRecipientName{IntendedRecipient: n, RedirectionTime: time}, RedirectionReason: mts.Alias,
	}}))("{intended-recipient-name {intended-recipient " + smith + ", redirection-time 261124120000Z}, redirection-reason 4 alias}")
	add(mts.SetExt(nil, mts.ExtDLExpansionHistory, []mts.DLExpansion{{DL: n, DLExpansionTime: time}}))("{DL " + smith + ", DL-expansion-time 261124120000Z}")
	add(mts.SetExt(nil, mts.ExtPhysicalForwardingAddress, n))(smith)
	add(mts.SetExt(nil, mts.ExtRecipientCertificate, raw))("7")
	add(mts.SetExt(nil, mts.ExtProofOfDelivery, signature))(signed)
	add(mts.SetExt(nil, mts.ExtOriginatorAndDLExpansionHistory, []mts.OriginatorAndDLExpansion{
		{OriginatorOrDLName: n, OriginationOrExpansionTime: time}, {OriginatorOrDLName: n, OriginationOrExpansionTime: time},
	}))("{{originator-or-DL-name " + smith + ", origination-or-expansion-time 261124120000Z}, {originator-or-DL-name " + smith + ", origination-or-expansion-time 261124120000Z}}")
	add(mts.SetExt(nil, mts.ExtReportingDLName, n))(smith)
	add(mts.SetExt(nil, mts.ExtReportingMTACertificate, raw))("7")
	add(mts.SetExt(nil, mts.ExtReportOriginAuthenticationCheck, signature))(signed)
	add(mts.SetExt(nil, mts.ExtOriginatingMTACertificate, raw))("7")
	add(mts.SetExt(nil, mts.ExtProofOfSubmission, signature))(signed)
	add(mts.SetExt(nil, mts.ExtForwardingRequest, 7))("7")
	domainTrace := mts.TraceInformation{{GlobalDomainIdentifier: alpha, DomainSuppliedInformation: mts.DomainSuppliedInformation{
		ArrivalTime: time, RoutingAction: mts.Rerouted, AttemptedDomain: &alpha, DeferredTime: time,
		ConvertedEncodedInformationTypes: mts.NewEncodedInformationTypes(mts.EITs + ".2"), OtherActions: mts.NewOtherActions(true, true),
	}}}
	const did = "attempted-domain /PRMD=ALPHA/ADMD=TEST/C=GB/, converted-encoded-information-types ia5-text, arrival-time 261124120000Z, " +
		"deferred-time 261124120000Z, routing-action 1 rerouted, other-actions '11'B redirected, dl-operation}"
	add(mts.SetExt(nil, mts.ExtTraceInformation, domainTrace))("{global-domain-identifier /PRMD=ALPHA/ADMD=TEST/C=GB/, domain-supplied-information {" + did + "}")
	i := &domainTrace[0].DomainSuppliedInformation
	add(mts.SetExt(nil, mts.ExtInternalTraceInformation, mts.InternalTraceInformation{{GlobalDomainIdentifier: alpha, MTAName: "MTA-A",
		MTASuppliedInformation: mts.MTASuppliedInformation{ArrivalTime: time, RoutingAction: mts.Rerouted, Attempted: &mts.Attempted{Domain: &alpha},
			DeferredTime: time, ConvertedEncodedInformationTypes: i.ConvertedEncodedInformationTypes, OtherActions: i.OtherActions}}}))(
		"{global-domain-identifier /PRMD=ALPHA/ADMD=TEST/C=GB/, MTA-name MTA-A, MTA-supplied-information {attempted {domain /PRMD=ALPHA/ADMD=TEST/C=GB/}" +
			strings.TrimPrefix(did, "attempted-domain /PRMD=ALPHA/ADMD=TEST/C=GB/") + "}")
	add(mts.SetExt(nil, mts.ExtReportingMTAName, mts.ReportingMTAName{Domain: alpha, MTAName: "MTA-A"}))("{domain /PRMD=ALPHA/ADMD=TEST/C=GB/, MTA-name MTA-A}")
	add(mts.SetExt(nil, mts.ExtMultipleOriginatorCertificates, []mts.ExtendedCertificate{{Certificate: &mts.TaggedCertificates{Components: []ber.Raw{raw}}}}))("{certificate 7}")
	add(mts.SetExt(nil, ipms.ExtBlindCopyRecipients, []ipms.RecipientSpecifier{{
		Recipient: ipms.ORDescriptor{FreeFormName: "Bob"}, NotificationRequests: ipms.Requests(ipms.RequestRN), ReplyRequested: true,
	}}))("{recipient {free-form-name Bob}, notification-requests '1'B rn, reply-requested TRUE}")
	add(mts.SetExt(nil, mts.ExtDLExemptedRecipients, []oraddr.ORName{n}))(smith)
	add(mts.SetExt(nil, ipms.ExtBodyPartEncryptionToken, ipms.BodyPartTokens{
		{BodyPartNumber: 1, BodyPartChoice: ipms.BodyPartTokenChoice{EncryptionToken: &ipms.EncryptionToken{EncryptedKey: bits, EncryptionAlgorithmIdentifier: algorithm}}},
		{BodyPartNumber: 2, BodyPartChoice: ipms.BodyPartTokenChoice{MessageOrContentBodyPart: &ipms.BodyPartTokens{
			{BodyPartNumber: 1, BodyPartChoice: ipms.BodyPartTokenChoice{EncryptionToken: &ipms.EncryptionToken{EncryptedKey: bits, EncryptionAlgorithmIdentifier: algorithm}}},
		}}},
	}))("{{body-part-number 1, body-part-choice {encryption-token {encrypted-key '10101011'B, encryption-algorithm-identifier {algorithm 1.2.3, parameters {}}}}}, " +
		"{body-part-number 2, body-part-choice {message-or-content-body-part {body-part-number 1, body-part-choice {encryption-token {encrypted-key '10101011'B, encryption-algorithm-identifier {algorithm 1.2.3, parameters {}}}}}}}}")
	add(mts.SetExt(nil, ipms.ExtForwardedContentToken, ipms.ForwardedContentToken{
		{BodyPartNumber: 1, BodyPartChoice: ipms.ForwardedTokenChoice{MessageOrContentBodyPart: &ipms.ForwardedContentToken{
			{BodyPartNumber: 1, BodyPartChoice: ipms.ForwardedTokenChoice{ForwardingToken: &mts.Token{TokenTypeIdentifier: "1.2.3", Token: raw}}},
		}}},
	}))("{body-part-number 1, body-part-choice {message-or-content-body-part {body-part-number 1, body-part-choice {forwarding-token {token-type-identifier 1.2.3, token 7}}}}}")
	add(mts.SetExt(nil, mts.ExtCertificateSelectors, mts.CertificateSelectors{TokenSignature: &mts.CertificateAssertion{Components: []ber.Raw{{0x80, 0x01, 0x05}}}}))("{token-signature 05}")
	add(mts.SetExt(nil, mts.ExtCertificateSelectorsOverride, mts.CertificateSelectors{}))("{}")
	add(mts.SetExt(nil, p772.ExtPriorityLevelQualifier, p772.HighLevel))("1 high")
	return all
}

// Every extension that X.411 numbers reads as its type, none as octets.
func TestExtensionInWords(t *testing.T) {
	seen := map[string]bool{}
	for _, c := range words(t) {
		n, err := Extension(c.field, Limits{})
		if err != nil {
			t.Errorf("%v: %v", c.field.Type, err)
		}
		if got := n.Line(4000); got != c.want {
			t.Errorf("%v:\n got %s\nwant %s", c.field.Type, got, c.want)
		}
		if n.Name != c.field.Type.String() {
			t.Errorf("%v has the name %q", c.field.Type, n.Name)
		}
		seen[c.field.Type.String()] = true
	}
	for n := mts.ExtensionNumber(1); n.Known(); n++ {
		if !seen[n.String()] {
			t.Errorf("%v has no type or no test", n)
		}
	}
}

// What is not of its type, or of none, is shown all the same.
func TestExtensionOfAnotherType(t *testing.T) {
	for _, c := range []struct {
		kind        mts.ExtensionType
		value, want string
		ok          bool
	}{
		{mts.StandardExtension(99), "020107", "7", true},
		{mts.PrivateExtension("1.2.3"), "30060201070101FF", "{7, TRUE}", true},
		{mts.PrivateExtension("1.2.3"), "", "{}", true},
		{mts.StandardExtension(1), "0a0102", "2", true},
		{mts.StandardExtension(1), "30030a0101", "unexpected element", false},
		{mts.StandardExtension(1), "0a010100", "00", false},
		{mts.StandardExtension(5), "0a", "0a", false},
		{mts.StandardExtension(99), "0205", "0205", false},
	} {
		raw, err := hex.DecodeString(c.value)
		if err != nil {
			t.Fatal(err)
		}
		n, err := Extension(mts.ExtensionField{Type: c.kind, Value: raw}, Limits{})
		if (err == nil) != c.ok || err != nil && diag.KindOf(err) != diag.Data {
			t.Errorf("%v %s: %v", c.kind, c.value, err)
		}
		if got := n.Line(200); c.ok && got != c.want || !c.ok && !strings.Contains(got, c.want) {
			t.Errorf("%v %s: %q, want %q", c.kind, c.value, got, c.want)
		}
	}
}

// A line has its bound, whatever is in it.
func TestLineIsBounded(t *testing.T) {
	for _, c := range words(t) {
		n, _ := Extension(c.field, Limits{})
		whole := n.Line(4000)
		for _, most := range []int{0, 1, 10, 40} {
			got := n.Line(most)
			if len(got) > most+len("…") || len(whole) > most && !strings.HasSuffix(got, "…") {
				t.Errorf("%v at most %d: %q", c.field.Type, most, got)
			}
		}
	}
}

// distinguished reports whether b is what DER would make of it, as far as tags
// tell: definite lengths in as few octets as can be, strings of octets in one
// piece, no padding in integers and bit strings, and the components of a SET, or of
// what a tag of another class may hide, in order.
func distinguished(b []byte) bool {
	for len(b) > 0 {
		head := headerSize(b)
		if head > len(b) || b[0]&0x1f == 0x1f {
			return false
		}
		length, indefinite := contentsLength(b[:head])
		if indefinite || length > len(b)-head || head != ber.HeaderLen(asn1.Univ(1), int64(length)) {
			return false
		}
		class, constructed, number := b[0]>>6, b[0]&0x20 != 0, b[0]&0x1f
		body := b[head : head+length]
		switch {
		case class == 0 && constructed != (number == 16 || number == 17 || number == 8):
			return false
		case class == 0 && (number == 2 || number == 10) && (length == 0 || length > 1 && (body[0] == 0 && body[1] < 0x80 || body[0] == 0xff && body[1] >= 0x80)):
			return false
		case class == 0 && number == 1 && (length != 1 || body[0] != 0 && body[0] != 0xff):
			return false
		case class == 0 && number == 3 && (length == 0 || body[0] > 7 || length > 1 && body[length-1]&(1<<body[0]-1) != 0 || length == 1 && body[0] != 0):
			return false
		case constructed && !distinguished(body):
			return false
		case constructed && (class != 0 || number == 17) && !ordered(body):
			return false
		case !constructed && class == 2 && !distinguishedHidden(body):
			return false
		}
		b = b[head+length:]
	}
	return true
}

// distinguishedHidden reports whether contents under a tag of its own could be any
// of the simple types in DER: which one it is, the tag does not say.
func distinguishedHidden(body []byte) bool {
	n := len(body)
	switch {
	case n == 0:
		return false
	case n > 1 && (body[0] == 0 && body[1] < 0x80 || body[0] == 0xff && body[1] >= 0x80):
		return false // an integer with padding, or a bit string with none unused: left alone
	case n == 1 && body[0] != 0 && body[0] != 0xff:
		return body[0] < 0x80
	}
	return body[0] < 8 && n > 1 && body[n-1]&(1<<body[0]-1) == 0 || body[0] >= 0x20 && body[0] < 0x80 || n == 1
}

func ordered(b []byte) bool {
	var all [][]byte
	for len(b) > 0 {
		head := headerSize(b)
		length, _ := contentsLength(b[:head])
		all = append(all, b[:head+length])
		b = b[head+length:]
	}
	return slices.IsSortedFunc(all, func(x, y []byte) int {
		if c := cmp.Compare(x[0]&^0x20, y[0]&^0x20); c != 0 {
			return c
		}
		return bytes.Compare(x, y)
	})
}

// FuzzExtensionDER reads any value in DER as each type that an extension has: what
// decodes comes back bit for bit, but for a value equal to its DEFAULT, which DER
// would not have sent, and elements that the type does not know, which come last.
func FuzzExtensionDER(f *testing.F) {
	types := map[string]valueType{}
	for n, v := range standardTypes {
		types[n.String()] = v
	}
	for o, v := range privateTypes {
		types[string(o)] = v
	}
	for _, c := range words(f) {
		f.Add([]byte(c.field.Value))
	}
	f.Add([]byte("0\x101\x0e\xa0\x05\x80\x03000\x81\x02\x030\x82\x010")) // a reply-requested of 30
	f.Fuzz(func(t *testing.T, b []byte) {
		if len(b) > 1<<12 || !distinguished(b) {
			return
		}
		for name, v := range types {
			value := reflect.New(reflect.TypeOf(v.zero))
			rest, err := ber.UnmarshalWith(b, value.Interface(), v.params, ber.Limits{})
			if err != nil || len(rest) > 0 {
				continue
			}
			again, err := ber.MarshalWith(value.Elem().Interface(), v.params)
			if err != nil {
				t.Fatalf("%s: % X decodes and does not encode: %v", name, b, err)
			}
			if !bytes.Equal(again, b) && len(again) >= len(b) && !permuted(again, b) && !booleans(again, b) {
				t.Errorf("%s:\n got % X\nwant % X", name, again, b)
			}
		}
	})
}

// booleans reports whether what was sent differs in values of TRUE alone: one that is
// under a tag of its own the test cannot tell from an integer.
func booleans(again, sent []byte) bool {
	for i := range again {
		if len(again) != len(sent) || again[i] != sent[i] && again[i] != 0xff {
			return false
		}
	}
	return true
}

func permuted(a, b []byte) bool {
	a, b = slices.Clone(a), slices.Clone(b)
	slices.Sort(a)
	slices.Sort(b)
	return bytes.Equal(a, b)
}

// The values of the table are DER and come back bit for bit.
func TestExtensionsComeBack(t *testing.T) {
	for _, c := range words(t) {
		v, ok := typeOf(c.field.Type)
		if !ok {
			t.Fatal(c.field.Type)
		}
		value := reflect.New(reflect.TypeOf(v.zero))
		if _, err := ber.UnmarshalWith(c.field.Value, value.Interface(), v.params, ber.Limits{}); err != nil {
			t.Fatalf("%v: %v", c.field.Type, err)
		}
		again, err := ber.MarshalWith(value.Elem().Interface(), v.params)
		if err != nil || !bytes.Equal(again, c.field.Value) {
			t.Errorf("%v: % X becomes % X, %v", c.field.Type, c.field.Value, again, err)
		}
	}
}
