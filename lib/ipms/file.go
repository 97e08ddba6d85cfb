package ipms

import (
	"bytes"
	"time"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
	"github.com/mtakit/mtakit/lib/charset"
)

// FileTransferParameters describes the file in a file-transfer body part, X.420
// FileTransferParameters.
type FileTransferParameters struct {
	_                 ber.Sequence
	RelatedStoredFile *[]ber.Raw      `ber:"[0] SET OPTIONAL"`
	ContentsType      *ContentsType   `ber:"[1] OPTIONAL"` // nil is unstructured binary
	Environment       *Environment    `ber:"[2] OPTIONAL"`
	Compression       *Compression    `ber:"[3] OPTIONAL"`
	Attributes        *FileAttributes `ber:"[4] OPTIONAL"`
	Extensions        []Extension     `ber:"[5] SET OPTIONAL"`
	Unknown           []ber.Raw       `ber:"..."`
}

// ContentsType names the structure of the file, ISO 8571-2.
type ContentsType struct {
	_             ber.Choice
	DocumentType  *DocumentType  `ber:"[0]"`
	ConstraintSet *ConstraintSet `ber:"[1]"`
	Unknown       ber.Raw        `ber:"..."`
}

// DocumentType is a document type of ISO 8571-2 with its parameter.
type DocumentType struct {
	_         ber.Sequence
	Name      ber.Raw // OBJECT IDENTIFIER; some senders give it the tag of ISO 8571-4
	Parameter ber.Raw `ber:"[0] OPTIONAL"`
}

// ConstraintSet is a constraint set and abstract syntax of ISO 8571-2.
type ConstraintSet struct {
	_              ber.Sequence
	Name           ber.Raw
	AbstractSyntax ber.Raw
}

// Environment says where the file comes from and what made it.
type Environment struct {
	_                    ber.Sequence
	ApplicationReference *GeneralIdentifier   `ber:"[0] OPTIONAL"`
	Machine              *GeneralIdentifier   `ber:"[1] OPTIONAL"`
	OperatingSystem      asn1.OID             `ber:"[2] OPTIONAL"`
	UserVisibleString    []asn1.GraphicString `ber:"[3] OPTIONAL"`
	Unknown              []ber.Raw            `ber:"..."`
}

// GeneralIdentifier is a registered or a described name.
type GeneralIdentifier struct {
	_           ber.Choice
	Registered  *asn1.OID             `ber:"[0]"`
	Descriptive *[]asn1.GraphicString `ber:"[1]"`
}

// Compression names how the data is compressed.
type Compression struct {
	_         ber.Sequence
	Algorithm asn1.OID `ber:"[0]"`
	Parameter ber.Raw  `ber:"[1]"`
}

// FileAttributes are the attributes of ISO 8571-2 a stored file has. Those without
// a use here are kept in Unknown.
type FileAttributes struct {
	_                ber.Sequence
	Pathname         *Pathname       `ber:"OPTIONAL"`
	PermittedActions *asn1.BitString `ber:"[1] OPTIONAL"`
	StorageAccount   ber.Raw         `ber:"[3] OPTIONAL"`
	Created          *DateAndTime    `ber:"[4] OPTIONAL"`
	Modified         *DateAndTime    `ber:"[5] OPTIONAL"`
	Read             *DateAndTime    `ber:"[6] OPTIONAL"`
	AttributesSet    *DateAndTime    `ber:"[7] OPTIONAL"`
	Creator          *UserIdentity   `ber:"[8] OPTIONAL"`
	Modifier         *UserIdentity   `ber:"[9] OPTIONAL"`
	Reader           *UserIdentity   `ber:"[10] OPTIONAL"`
	AttributeSetter  *UserIdentity   `ber:"[11] OPTIONAL"`
	Availability     ber.Raw         `ber:"[12] OPTIONAL"`
	ObjectSize       *ObjectSize     `ber:"[13] OPTIONAL"`
	FutureObjectSize *ObjectSize     `ber:"[14] OPTIONAL"`
	Unknown          []ber.Raw       `ber:"..."`
}

// Pathname is the name of a file, complete or relative.
type Pathname struct {
	_          ber.Choice
	Incomplete *[]asn1.GraphicString `ber:"[0]"`
	Complete   *[]asn1.GraphicString `ber:"[23]"`
	// CompleteISO8571 has the tag of ISO 8571-4, from which the type was taken.
	CompleteISO8571 *[]asn1.GraphicString `ber:"[APPLICATION 23]"`
}

// DateAndTime is a time, or that there is none.
type DateAndTime struct {
	_     ber.Choice
	None  *asn1.Null            `ber:"[0]"`
	Value *asn1.GeneralizedTime `ber:"[1]"`
}

// UserIdentity is the name of a user, or that there is none.
type UserIdentity struct {
	_     ber.Choice
	None  *asn1.Null `ber:"[0]"`
	Value *asn1.GraphicString
}

// ObjectSize is a size in octets, or that there is none.
type ObjectSize struct {
	_     ber.Choice
	None  *asn1.Null `ber:"[0]"`
	Value *int64     `ber:"[1]"`
}

// File is a file found in a body part.
type File struct {
	Name        string    // the last component of its pathname; may be empty
	Description string    // what the sender's program tells the user of it
	Modified    time.Time // zero where it is not told
	Data        []byte
	Compressed  asn1.OID // how Data is compressed; "" if it is not
}

// File returns the file in a file-transfer or bilaterally-defined body part; the
// latter has nothing but data.
func (b BodyPart) File() (File, bool) {
	switch {
	case b.BilaterallyDefined != nil:
		return File{Data: *b.BilaterallyDefined}, true
	case b.Extended == nil:
	case b.Extended.Data.DirectReference == DataBilaterallyDefined:
		data, ok := decodeValue[[]byte](&b.Extended.Data)
		return File{Data: data}, ok
	case b.Extended.Data.DirectReference == DataFileTransfer:
		return b.Extended.file()
	}
	return File{}, false
}

func (x *ExtendedBodyPart) file() (f File, ok bool) {
	data, ok := decodeValue[[]External](&x.Data)
	if !ok {
		return f, false
	}
	if f.Data, ok = joinData(data); !ok {
		return f, false
	}
	if p, ok := decodeValue[FileTransferParameters](x.Parameters); ok {
		p.describe(&f)
	}
	return f, true
}

// joinData puts the values of a FileTransferData together: octets where they are
// octet-aligned or an OCTET STRING, else the encodings as they are.
func joinData(all []External) ([]byte, bool) {
	var out bytes.Buffer
	for i := range all {
		e := &all[i]
		if e.Encoding.OctetAligned != nil {
			out.Write(*e.Encoding.OctetAligned)
			continue
		}
		if octets, ok := decodeValue[[]byte](e); ok {
			out.Write(octets)
			continue
		}
		raw, ok := e.value()
		if !ok {
			return nil, false
		}
		out.Write(raw)
	}
	return out.Bytes(), true
}

func graphic(s asn1.GraphicString) string { return charset.DecodeGeneral([]byte(s), nil) }

func (p *FileTransferParameters) describe(f *File) {
	if e := p.Environment; e != nil {
		for i, line := range e.UserVisibleString {
			if i > 0 {
				f.Description += "\n"
			}
			f.Description += graphic(line)
		}
	}
	if p.Compression != nil {
		f.Compressed = p.Compression.Algorithm
	}
	a := p.Attributes
	if a == nil {
		return
	}
	if a.Pathname != nil {
		for _, path := range [...]*[]asn1.GraphicString{a.Pathname.Incomplete, a.Pathname.Complete, a.Pathname.CompleteISO8571} {
			if path != nil && len(*path) > 0 {
				f.Name = graphic((*path)[len(*path)-1])
			}
		}
	}
	if a.Modified != nil && a.Modified.Value != nil {
		if t, err := a.Modified.Value.Time(); err == nil {
			f.Modified = t
		}
	}
}
