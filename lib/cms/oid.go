package cms

import (
	"strconv"
	"strings"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Content types: of RFC 5652, RFC 5083, RFC 3274 and RFC 2634, and those of contents of
// messages of X.400 (X.420, STANAG 4406).
const (
	Data              asn1.OID = "1.2.840.113549.1.7.1"
	Signed            asn1.OID = "1.2.840.113549.1.7.2"
	Enveloped         asn1.OID = "1.2.840.113549.1.7.3"
	SignedEnveloped   asn1.OID = "1.2.840.113549.1.7.4" // of PKCS #7 alone
	Digested          asn1.OID = "1.2.840.113549.1.7.5"
	Encrypted         asn1.OID = "1.2.840.113549.1.7.6"
	Receipt           asn1.OID = "1.2.840.113549.1.9.16.1.1"
	AuthenticatedData asn1.OID = "1.2.840.113549.1.9.16.1.2"
	Info              asn1.OID = "1.2.840.113549.1.9.16.1.6"
	Compressed        asn1.OID = "1.2.840.113549.1.9.16.1.9"
	AuthEnveloped     asn1.OID = "1.2.840.113549.1.9.16.1.23"
	P2                asn1.OID = "2.6.1.10.0"
	P22               asn1.OID = "2.6.1.10.1"
	P772              asn1.OID = "1.3.26.0.4406.0.4.1"
)

// Attributes: of RFC 5652 §11, RFC 2634, RFC 5035, RFC 8551 and RFC 6211.
const (
	attrContentType          asn1.OID = "1.2.840.113549.1.9.3"
	attrMessageDigest        asn1.OID = "1.2.840.113549.1.9.4"
	attrSigningTime          asn1.OID = "1.2.840.113549.1.9.5"
	attrCountersignature     asn1.OID = "1.2.840.113549.1.9.6"
	attrCapabilities         asn1.OID = "1.2.840.113549.1.9.15"
	attrAlgorithmProtection  asn1.OID = "1.2.840.113549.1.9.52"
	attrReceiptRequest       asn1.OID = "1.2.840.113549.1.9.16.2.1"
	attrLabel                asn1.OID = "1.2.840.113549.1.9.16.2.2"
	attrExpansionHistory     asn1.OID = "1.2.840.113549.1.9.16.2.3"
	attrContentHint          asn1.OID = "1.2.840.113549.1.9.16.2.4"
	attrMsgSigDigest         asn1.OID = "1.2.840.113549.1.9.16.2.5"
	attrContentIdentifier    asn1.OID = "1.2.840.113549.1.9.16.2.7"
	attrEquivalentLabels     asn1.OID = "1.2.840.113549.1.9.16.2.9"
	attrContentReference     asn1.OID = "1.2.840.113549.1.9.16.2.10"
	attrEncryptionKey        asn1.OID = "1.2.840.113549.1.9.16.2.11"
	attrSigningCertificate   asn1.OID = "1.2.840.113549.1.9.16.2.12"
	attrSigningCertificateV2 asn1.OID = "1.2.840.113549.1.9.16.2.47"
)

var names = map[asn1.OID]string{
	Data: "data", Signed: "signedData", Enveloped: "envelopedData", SignedEnveloped: "signedAndEnvelopedData",
	Digested: "digestedData", Encrypted: "encryptedData", Receipt: "receipt", AuthenticatedData: "authenticatedData",
	Info: "contentInfo", Compressed: "compressedData", AuthEnveloped: "authEnvelopedData",
	P2: "P2", P22: "P22", P772: "P772",

	attrContentType: "contentType", attrMessageDigest: "messageDigest", attrSigningTime: "signingTime",
	attrCountersignature: "countersignature", attrCapabilities: "smimeCapabilities",
	attrAlgorithmProtection: "CMSAlgorithmProtection", attrReceiptRequest: "receiptRequest",
	attrLabel: "securityLabel", attrExpansionHistory: "mlExpansionHistory", attrContentHint: "contentHint",
	attrMsgSigDigest: "msgSigDigest", attrContentIdentifier: "contentIdentifier",
	attrEquivalentLabels: "equivalentLabels", attrContentReference: "contentReference",
	attrEncryptionKey: "smimeEncryptionKeyPreference", attrSigningCertificate: "signingCertificate",
	attrSigningCertificateV2: "signingCertificateV2",
}

// Name returns the name that an object identifier of this package has in its standard, or
// the identifier itself.
func Name(o asn1.OID) string {
	if n := names[o]; n != "" {
		return n
	}
	for i := range digests {
		if digests[i].id == o {
			return digests[i].name
		}
	}
	for i := range signatures {
		if signatures[i].id == o {
			return signatures[i].name
		}
	}
	return string(o)
}

// oidDER is a valid object identifier as an element; of another it is nil.
func oidDER(o asn1.OID) []byte {
	if o.Valid() != nil {
		return nil
	}
	arcs := strings.Split(string(o), ".")
	var contents []byte
	first := uint64(0)
	for i, arc := range arcs {
		n, err := strconv.ParseUint(arc, 10, 56)
		if err != nil {
			return nil
		}
		switch i {
		case 0:
			first = 40 * n
			continue
		case 1:
			n += first
		}
		contents = append(contents, base128(n)...)
	}
	return element(idOID, contents)
}

func base128(n uint64) []byte {
	b := []byte{byte(n & 0x7f)}
	for n >>= 7; n > 0; n >>= 7 {
		b = append([]byte{0x80 | byte(n&0x7f)}, b...)
	}
	return b
}
