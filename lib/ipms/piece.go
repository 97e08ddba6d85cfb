package ipms

import (
	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// Piece is a file that a body part, or a page of it, can be saved as.
type Piece struct {
	Name   string // as the originator calls the file; may be empty, and is not safe to use
	Suffix string // of a name for it, such as ".g3"
	Data   []byte
}

// Pieces returns what there is to save of a body part that is not a text or a
// forwarded message: the octets, where they are of a form of their own, a page of
// facsimile each, else the encoding.
func (b BodyPart) Pieces() []Piece {
	if _, ok := b.Text(); ok {
		return nil
	}
	if _, ok := b.Forwarded(); ok {
		return nil
	}
	if f, ok := b.File(); ok {
		return []Piece{{f.Name, ".bin", f.Data}}
	}
	switch {
	case b.G3Facsimile != nil:
		return pagesOf(b.G3Facsimile.Data)
	case b.Videotex != nil:
		return []Piece{{Suffix: ".vtx", Data: []byte(b.Videotex.Data)}}
	case b.Encrypted != nil:
		return []Piece{{Suffix: ".enc", Data: b.Encrypted.Data.Bytes}}
	case b.Extended != nil:
		if pieces := b.Extended.pieces(); pieces != nil {
			return pieces
		}
	}
	raw, err := ber.Marshal(b)
	if err != nil {
		return nil // one that was decoded encodes
	}
	return []Piece{{Suffix: ".ber", Data: raw}}
}

func pagesOf(all []asn1.BitString) []Piece {
	pieces := make([]Piece, len(all))
	for i, page := range all {
		pieces[i] = Piece{Suffix: ".g3", Data: page.Bytes}
	}
	return pieces
}

// pieces are those of an extended body part; nil where its data is not what its type
// says.
func (x *ExtendedBodyPart) pieces() []Piece {
	switch x.Data.DirectReference {
	case DataG3Facsimile:
		if all, ok := decodeValue[[]asn1.BitString](&x.Data); ok {
			return pagesOf(all)
		}
	case DataVideotex:
		if s, ok := decodeValue[asn1.VideotexString](&x.Data); ok {
			return []Piece{{Suffix: ".vtx", Data: []byte(s)}}
		}
	case DataEncrypted:
		if s, ok := decodeValue[asn1.BitString](&x.Data); ok {
			return []Piece{{Suffix: ".enc", Data: s.Bytes}}
		}
	case DataVoice:
		if octets, ok := decodeValue[[]byte](&x.Data); ok {
			return []Piece{{Suffix: ".voice", Data: octets}}
		}
	case DataPKCS7:
		if raw, ok := x.Data.value(); ok {
			return []Piece{{Suffix: ".p7m", Data: raw}}
		}
	}
	if _, content, ok := (BodyPart{Extended: x}).Content(); ok {
		return []Piece{{Suffix: ".content", Data: content}}
	}
	if raw, ok := x.Data.value(); ok {
		return []Piece{{Suffix: ".ber", Data: raw}}
	}
	return nil
}
