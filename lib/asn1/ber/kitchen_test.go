package ber_test

import (
	"pgregory.net/rapid"

	"github.com/mtakit/mtakit/lib/asn1"
	"github.com/mtakit/mtakit/lib/asn1/ber"
)

// Kitchen has a component of every kind and every word of the tag grammar.
type Kitchen struct {
	_          ber.Sequence `ber:"[APPLICATION 40]"`
	Flag       bool
	Small      int8           `ber:"[0]"`
	Large      int64          `ber:"[1]"`
	Unsigned   uint64         `ber:"[2]"`
	Serial     []byte         `ber:"[3] INTEGER"`
	Choice     Alternative    `ber:"OPTIONAL"`
	Colour     Colour         `ber:"[4]"`
	Octets     []byte         `ber:"[5] OPTIONAL"`
	Bits       asn1.BitString `ber:"[6] OPTIONAL"`
	Identifier asn1.OID       `ber:"[7] OPTIONAL"`
	Null       *asn1.Null     `ber:"[8] OPTIONAL"`
	Teletex    asn1.TeletexString
	BMP        asn1.BMPString       `ber:"[9] OPTIONAL"`
	Universal  asn1.UniversalString `ber:"[10] EXPLICIT OPTIONAL"`
	Text       string               `ber:"[11] IA5String OPTIONAL"`
	Answer     int                  `ber:"[12] DEFAULT 42"`
	Yes        bool                 `ber:"[13] DEFAULT TRUE"`
	Zero       uint16               `ber:"[14] DEFAULT"`
	Names      []string             `ber:"[15] SET OF [APPLICATION 9] EXPLICIT PrintableString OPTIONAL"`
	Filter     *Filter              `ber:"[16] OPTIONAL"`
	Shared     Shared               `ber:"COMPONENTS OF"`
	Members    Members              `ber:"[19] DEFAULT {}"`
	Time       asn1.UTCTime         `ber:"[20] EXPLICIT OPTIONAL"`
	Twice      int                  `ber:"[21] EXPLICIT [22] EXPLICIT"`
	Any        ber.Raw              `ber:"[31] OPTIONAL"`
	Memory     string               `ber:"-"`
	Unknown    []ber.Raw            `ber:"..."`
}

type (
	Colour int
	Shared struct {
		_   ber.Set
		One asn1.VisibleString `ber:"[17] OPTIONAL"`
		Two *int32             `ber:"[18] OPTIONAL"`
	}
	Members struct {
		_       ber.Set
		A       *int           `ber:"OPTIONAL"`
		B       asn1.IA5String `ber:"OPTIONAL"`
		C       Alternative    `ber:"OPTIONAL"`
		Unknown []ber.Raw      `ber:"..."`
	}
	Alternative struct {
		_       ber.Choice
		Number  *int       `ber:"[30]"`
		List    []asn1.OID `ber:"[29]"`
		Inner   *Inner     // a CHOICE without tag within a CHOICE
		Octets  []byte     `ber:"[28]"`
		Wrapped *Inner     `ber:"[27]"`
	}
	Inner struct {
		_   ber.Choice
		Yes *asn1.Null `ber:"[25]"`
		No  *asn1.Null `ber:"[26]"`
	}
	// Filter refers to itself, as that of X.511 does.
	Filter struct {
		_    ber.Choice
		Item *asn1.IA5String `ber:"[0]"`
		And  []Filter        `ber:"[1] SET"`
		Not  *Filter         `ber:"[2]"`
		More ber.Raw         `ber:"..."`
	}
)

func (Colour) ASN1Type() string { return "[PRIVATE 70000] ENUMERATED" }

func (c Colour) String() string {
	if c == 1 {
		return "red"
	}
	return "other"
}

func kitchens() *rapid.Generator[Kitchen] {
	return rapid.Custom(func(t *rapid.T) Kitchen {
		k := Kitchen{
			Flag:     rapid.Bool().Draw(t, "flag"),
			Small:    rapid.Int8().Draw(t, "small"),
			Large:    rapid.Int64().Draw(t, "large"),
			Unsigned: rapid.Uint64().Draw(t, "unsigned"),
			Serial:   rapid.SliceOfN(rapid.Byte(), 1, 20).Draw(t, "serial"),
			Choice:   alternatives(true).Draw(t, "choice"),
			Colour:   Colour(rapid.IntRange(-1, 3).Draw(t, "colour")),
			Octets:   octets().Draw(t, "octets"),
			Bits:     bits().Draw(t, "bits"),
			Teletex:  asn1.TeletexString(octets().Draw(t, "teletex")),
			BMP:      asn1.BMPString(rapid.String().Draw(t, "bmp")),
			Universal: asn1.UniversalString(
				rapid.String().Draw(t, "universal")),
			Text:    string(octets().Draw(t, "text")),
			Answer:  rapid.IntRange(40, 44).Draw(t, "answer"),
			Yes:     rapid.Bool().Draw(t, "yes"),
			Zero:    rapid.Uint16().Draw(t, "zero"),
			Names:   rapid.SliceOfN(rapid.StringN(0, 3, -1), 0, 3).Draw(t, "names"),
			Members: Members{B: asn1.IA5String(octets().Draw(t, "b")), C: alternatives(true).Draw(t, "c")},
			Twice:   rapid.Int().Draw(t, "twice"),
			Unknown: rapid.SliceOfN(raws(), 0, 2).Draw(t, "unknown"),
		}
		if rapid.Bool().Draw(t, "pointers") {
			k.Null = &asn1.Null{}
			k.Identifier = oids().Draw(t, "identifier")
			k.Filter = ptr(filters(3).Draw(t, "filter"))
			k.Shared = Shared{One: "one", Two: ptr(rapid.Int32().Draw(t, "two"))}
			k.Members.A = ptr(rapid.Int().Draw(t, "a"))
			k.Time = "261124043000Z"
			k.Any = raws().Draw(t, "any")
		}
		if len(k.Unknown) == 0 {
			k.Unknown = nil
		}
		return k
	})
}

func octets() *rapid.Generator[[]byte] { return rapid.SliceOfN(rapid.Byte(), 0, 300) }

func bits() *rapid.Generator[asn1.BitString] {
	return rapid.Custom(func(t *rapid.T) asn1.BitString {
		b := asn1.BitString{BitLength: rapid.IntRange(0, 40).Draw(t, "length")}
		b.Bytes = make([]byte, (b.BitLength+7)/8)
		for i := range b.BitLength {
			if rapid.Bool().Draw(t, "bit") {
				b.Set(i)
			}
		}
		return b
	})
}

func oids() *rapid.Generator[asn1.OID] {
	return rapid.Map(rapid.StringMatching(`(2\.(0|[1-9][0-9]{0,45})|[01]\.([0-9]|[123][0-9]))(\.(0|[1-9][0-9]{0,30})){0,5}`),
		func(s string) asn1.OID { return asn1.OID(s) })
}

func alternatives(orNone bool) *rapid.Generator[Alternative] {
	return rapid.Custom(func(t *rapid.T) Alternative {
		first := 1
		if orNone {
			first = 0
		}
		inner := &Inner{Yes: &asn1.Null{}}
		switch rapid.IntRange(first, 5).Draw(t, "alternative") {
		case 1:
			return Alternative{Number: ptr(rapid.Int().Draw(t, "number"))}
		case 2:
			return Alternative{List: rapid.SliceOfN(oids(), 0, 3).Draw(t, "list")}
		case 3:
			return Alternative{Inner: inner}
		case 4:
			return Alternative{Octets: octets().Draw(t, "octets")}
		case 5:
			return Alternative{Wrapped: inner}
		}
		return Alternative{}
	})
}

func filters(depth int) *rapid.Generator[Filter] {
	return rapid.Custom(func(t *rapid.T) Filter {
		which := 0
		if depth > 0 {
			which = rapid.IntRange(0, 3).Draw(t, "which")
		}
		switch which {
		case 1:
			return Filter{And: rapid.SliceOfN(filters(depth-1), 0, 3).Draw(t, "and")}
		case 2:
			return Filter{Not: ptr(filters(depth-1).Draw(t, "not"))}
		case 3:
			return Filter{More: raws().Draw(t, "more")}
		}
		return Filter{Item: ptr(asn1.IA5String(rapid.String().Draw(t, "item")))}
	})
}

// raws are elements that none of the types here knows: tags [100] and above.
func raws() *rapid.Generator[ber.Raw] {
	return rapid.Custom(func(t *rapid.T) ber.Raw {
		tag := asn1.Context(rapid.Uint32Range(100, 1<<31).Draw(t, "tag"))
		contents := rapid.SliceOfN(rapid.Byte(), 0, 5).Draw(t, "contents")
		if rapid.Bool().Draw(t, "constructed") {
			inner := ber.AppendHeader(nil, asn1.Univ(asn1.NumberOctetString), false, int64(len(contents)))
			contents = append(inner, contents...)
			return append(ber.AppendHeader(nil, tag, true, int64(len(contents))), contents...)
		}
		return append(ber.AppendHeader(nil, tag, false, int64(len(contents))), contents...)
	})
}
