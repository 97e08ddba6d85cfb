package ipms

import (
	"fmt"
	"io"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/diag"
)

// ReadHeading reads the heading of a content of content-type 2 or 22, or of one that is made
// like them, and nothing behind it; nil if the content is a notification. Errors of the
// content are of kind Data, those of r are its own.
func ReadHeading(r io.Reader, lim ber.Limits) (*Heading, error) {
	var h Heading
	in := ber.NewReader(r, lim)
	header, err := in.Next()
	switch {
	case err != nil:
	case header.Tag == asn1.Context(1):
		return nil, nil
	case header.Tag != asn1.Context(0):
		err = fmt.Errorf("%s is neither an interpersonal message nor a notification", header.Tag)
	default:
		err = in.Enter()
	}
	if err == nil {
		_, err = in.Next()
	}
	if err == nil {
		err = in.Decode(&h, "")
	}
	if err != nil {
		return nil, diag.E("ipms: heading", diag.Data, err)
	}
	return &h, nil
}
