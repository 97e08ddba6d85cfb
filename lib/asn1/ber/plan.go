package ber

import (
	"fmt"
	"reflect"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/mtakit/mtakit/lib/asn1"
)

// Raw is one complete encoding, identifier and length octets included, kept bit
// for bit. As the type of a component it is an open type.
type Raw []byte

// Tag returns the tag of the encoding; the zero Tag where there is none.
func (r Raw) Tag() asn1.Tag {
	var t token
	if parseToken(&t, r) != nil || t.size == 0 {
		return asn1.Tag{}
	}
	return t.tag
}

// Contents returns the contents octets, without the end-of-contents octets of
// the indefinite form; nil where r is not exactly one encoding.
func (r Raw) Contents() []byte {
	d := newDecoder(r, Limits{})
	var h header
	if d.header(&h, 0, len(d.in)) != nil {
		return nil
	}
	if next, err := d.skip(&h); err != nil || next != len(r) {
		return nil
	}
	if h.indefinite {
		return r[h.body : len(r)-2]
	}
	return r[h.body:]
}

type kind uint8

const (
	kindBoolean kind = iota
	kindInteger
	kindUnsigned
	kindOctets // OCTET STRING and anything else held as []byte
	kindText   // the string types
	kindWide   // BMPString and UniversalString
	kindBitString
	kindNull
	kindOID
	kindSequence
	kindSet
	kindOf // SEQUENCE OF, SET OF
	kindChoice
	kindRaw
)

// plan is a type, compiled.
type plan struct {
	goType     reflect.Type
	kind       kind
	own        []asn1.Tag // outermost first; none for a CHOICE or open type without tag
	number     uint32     // universal number of the built-in type
	name       string     // for printing: the Go name, or the built-in type's
	fields     []field
	defaulted  []int // fields with a DEFAULT other than the zero value
	unknown    int   // field of unknown elements, or -1
	extensible bool  // unknown elements are dropped
	elem       *node
	firsts     []first // tags a CHOICE can begin with
	any        bool    // begins with any tag
}

// first says which alternative of a CHOICE a tag selects.
type first struct {
	tag         asn1.Tag
	alternative int
}

// untagged reports whether the last of a node's tags wraps the type instead of
// being its own.
func (p *plan) untagged() bool { return p.kind == kindChoice || p.kind == kindRaw }

func (p *plan) constructed() bool {
	return p.kind == kindSequence || p.kind == kindSet || p.kind == kindOf
}

// alternative returns the index of the field a CHOICE has for a tag, or -1.
func (p *plan) alternative(t asn1.Tag) int {
	for i := range p.firsts {
		if p.firsts[i].tag == t {
			return p.firsts[i].alternative
		}
	}
	return -1
}

// node is a type in one place: with the tags it has there, and how Go holds it.
type node struct {
	*plan
	tags    []asn1.Tag
	pointer bool
}

// matches reports whether an element of the tag can begin the node.
func (n *node) matches(t asn1.Tag) bool {
	if len(n.tags) > 0 {
		return n.tags[0] == t
	}
	return n.plan.any || n.plan.alternative(t) >= 0
}

// exactly is matches without the open types.
func (n *node) exactly(t asn1.Tag) bool {
	if len(n.tags) > 0 {
		return n.tags[0] == t
	}
	return n.plan.alternative(t) >= 0
}

type presence uint8

const (
	mandatory presence = iota
	optional
	byDefault
	extension // the place of unknown elements
)

type field struct {
	node
	name      string
	index     []int // path of Go fields; longer than one under COMPONENTS OF
	presence  presence
	defaultTo int64 // of the integer and BOOLEAN kinds
}

// of returns the Go field in a struct value.
func (f *field) of(v reflect.Value) reflect.Value {
	v = v.Field(f.index[0])
	for _, i := range f.index[1:] {
		v = v.Field(i)
	}
	return v
}

var (
	typeRaw       = reflect.TypeFor[Raw]()
	typeRaws      = reflect.TypeFor[[]Raw]()
	typeNull      = reflect.TypeFor[asn1.Null]()
	typeBitString = reflect.TypeFor[asn1.BitString]()
	typeTyped     = reflect.TypeFor[Typed]()

	typeSet      = reflect.TypeFor[Set]()
	typeSequence = reflect.TypeFor[Sequence]()
	typeChoice   = reflect.TypeFor[Choice]()
)

// stringNumbers gives the universal numbers of the string types of package asn1.
var stringNumbers = map[reflect.Type]uint32{
	reflect.TypeFor[asn1.OID]():              asn1.NumberOID,
	reflect.TypeFor[asn1.IA5String]():        asn1.NumberIA5String,
	reflect.TypeFor[asn1.PrintableString]():  asn1.NumberPrintableString,
	reflect.TypeFor[asn1.NumericString]():    asn1.NumberNumericString,
	reflect.TypeFor[asn1.TeletexString]():    asn1.NumberTeletexString,
	reflect.TypeFor[asn1.VideotexString]():   asn1.NumberVideotexString,
	reflect.TypeFor[asn1.GraphicString]():    asn1.NumberGraphicString,
	reflect.TypeFor[asn1.VisibleString]():    asn1.NumberVisibleString,
	reflect.TypeFor[asn1.GeneralString]():    asn1.NumberGeneralString,
	reflect.TypeFor[asn1.UTF8String]():       asn1.NumberUTF8String,
	reflect.TypeFor[asn1.ObjectDescriptor](): asn1.NumberObjectDescriptor,
	reflect.TypeFor[asn1.BMPString]():        asn1.NumberBMPString,
	reflect.TypeFor[asn1.UniversalString]():  asn1.NumberUniversalString,
	reflect.TypeFor[asn1.UTCTime]():          asn1.NumberUTCTime,
	reflect.TypeFor[asn1.GeneralizedTime]():  asn1.NumberGeneralizedTime,
}

// The caches below hold nothing that compiling again would not give: they save
// time and are no registry.
var (
	roots       sync.Map // reflect.Type → *node
	placed      sync.Map // placedKey → *node
	placedCount atomic.Int32
	plans       sync.Map // planKey → *plan
)

type planKey struct {
	goType  reflect.Type
	variant string
}

type placedKey struct {
	goType reflect.Type
	params string
}

// maxPlaced bounds the cache for types in places: the places a program names are
// few, but nothing keeps a caller from making them up as it goes.
const maxPlaced = 4096

// rootOf returns the node of a type that is encoded or decoded by itself, or in
// the place that params describes.
func rootOf(t reflect.Type, params string) (*node, error) {
	if params == "" {
		if n, ok := roots.Load(t); ok {
			return n.(*node), nil
		}
	} else if n, ok := placed.Load(placedKey{t, params}); ok {
		return n.(*node), nil
	}
	w, err := parseWords(params)
	if err != nil {
		return nil, &Error{Offset: -1, Err: err}
	}
	c := compiler{pending: map[planKey]*plan{}}
	n, err := c.node(t, &w)
	if err == nil {
		err = c.finish()
	}
	if err != nil {
		return nil, &Error{Offset: -1, Err: fmt.Errorf("type %v: %w", t, err)}
	}
	if params == "" {
		roots.Store(t, &n)
	} else if placedCount.Add(1) <= maxPlaced {
		placed.Store(placedKey{t, params}, &n)
	}
	return &n, nil
}

// compiler compiles one root. Plans of recursive types refer to one another
// before they are complete, so none is published before all are.
type compiler struct {
	pending map[planKey]*plan
	order   []planKey
}

// node compiles a type as it is used in one place.
func (c *compiler) node(t reflect.Type, w *words) (node, error) {
	var n node
	if t.Kind() == reflect.Pointer {
		n.pointer = true
		t = t.Elem()
	}
	p, err := c.plan(t, w)
	if err != nil {
		return n, err
	}
	n.plan = p
	n.tags = retag(p.own, w.tags)
	return n, nil
}

// retag puts tags before those of a type, X.680 §31.2: an implicit one replaces
// the outermost, unless there is none to replace.
func retag(own []asn1.Tag, tags []tagWord) []asn1.Tag {
	for i := len(tags) - 1; i >= 0; i-- {
		rest := own
		if !tags[i].explicit && len(own) > 0 {
			rest = own[1:]
		}
		own = append([]asn1.Tag{tags[i].tag}, rest...)
	}
	return own
}

func (c *compiler) plan(t reflect.Type, w *words) (*plan, error) {
	key := planKey{t, w.variant()}
	if p, ok := c.pending[key]; ok {
		return p, nil
	}
	if p, ok := plans.Load(key); ok {
		return p.(*plan), nil
	}
	p := &plan{goType: t, unknown: -1}
	own := words{}
	if t.Implements(typeTyped) && (t.Kind() != reflect.Struct || isBitString(t)) {
		var err error
		if own, err = parseWords(reflect.Zero(t).Interface().(Typed).ASN1Type()); err != nil {
			return nil, err
		}
	}
	use := own
	if w.builtIn != 0 {
		use.builtIn = w.builtIn
	}
	use.set = use.set || w.set
	if w.of != nil {
		use.of = w.of
	}
	c.pending[key] = p
	c.order = append(c.order, key)
	if err := c.compile(p, &use); err != nil {
		return nil, err
	}
	return p, nil
}

func isBitString(t reflect.Type) bool {
	return t.Kind() == reflect.Struct && t.ConvertibleTo(typeBitString)
}

// compile fills in a plan. Its own tags are set before anything it contains is
// compiled, as a recursive type asks for them.
func (c *compiler) compile(p *plan, w *words) error {
	t := p.goType
	number := w.builtIn
	switch {
	case t == typeRaw:
		p.kind, p.any, p.name = kindRaw, true, "ANY"
		p.own = retag(nil, w.tags)
		return nil
	case t == typeNull:
		p.kind, number = kindNull, asn1.NumberNull
	case isBitString(t):
		p.kind, number = kindBitString, asn1.NumberBitString
	default:
		switch t.Kind() {
		case reflect.Bool:
			p.kind, number = kindBoolean, asn1.NumberBoolean
		case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
			p.kind = kindInteger
			if number == 0 && t == reflect.TypeFor[asn1.Enumerated]() {
				number = asn1.NumberEnumerated
			}
		case reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uint:
			p.kind = kindUnsigned
		case reflect.String:
			if number == 0 {
				number = stringNumbers[t]
			}
			switch number {
			case 0:
				return fmt.Errorf("%w: %v: a string needs a built-in type", ErrType, t)
			case asn1.NumberOID:
				p.kind = kindOID
			case asn1.NumberBMPString, asn1.NumberUniversalString:
				p.kind = kindWide
			default:
				p.kind = kindText
			}
		case reflect.Slice:
			if t.Elem().Kind() == reflect.Uint8 && w.of == nil && !w.set {
				p.kind = kindOctets
				if number == 0 {
					number = asn1.NumberOctetString
				}
				break
			}
			return c.slice(p, w)
		case reflect.Struct:
			return c.structure(p)
		default:
			return fmt.Errorf("%w: %v stands for no ASN.1 type", ErrType, t)
		}
	}
	if (p.kind == kindInteger || p.kind == kindUnsigned) && number == 0 {
		number = asn1.NumberInteger
	}
	if !admits(p.kind, number) {
		return fmt.Errorf("%w: %v cannot be of type %v", ErrType, t, asn1.Univ(number))
	}
	p.number = number
	p.own = retag([]asn1.Tag{asn1.Univ(number)}, w.tags)
	p.name = typeName(t, asn1.Univ(number).String())
	return nil
}

// admits reports whether a built-in type can be held in the Go kind.
func admits(k kind, number uint32) bool {
	switch k {
	case kindInteger, kindUnsigned:
		return number == asn1.NumberInteger || number == asn1.NumberEnumerated
	case kindOctets:
		return number == asn1.NumberOctetString || number == asn1.NumberInteger || isText(number)
	case kindText:
		return isText(number) || number == asn1.NumberOctetString
	}
	return true
}

func isText(number uint32) bool {
	switch number {
	case asn1.NumberObjectDescriptor, asn1.NumberUTF8String:
		return true
	}
	return number >= asn1.NumberNumericString && number <= asn1.NumberGeneralString
}

func (c *compiler) slice(p *plan, w *words) error {
	p.kind, p.number = kindOf, asn1.NumberSequence
	if w.set {
		p.number = asn1.NumberSet
	}
	p.own = retag([]asn1.Tag{asn1.Univ(p.number)}, w.tags)
	elem := w.of
	if elem == nil {
		elem = &words{}
	}
	n, err := c.node(p.goType.Elem(), elem)
	if err != nil {
		return err
	}
	p.elem = &n
	p.name = typeName(p.goType, asn1.Univ(p.number).String()+" OF "+n.plan.name)
	return nil
}

// finish computes what needs complete plans, then publishes them.
func (c *compiler) finish() error {
	for _, key := range c.order {
		p := c.pending[key]
		if p.kind != kindChoice {
			continue
		}
		if err := p.findFirsts(p, 0, -1); err != nil {
			return err
		}
	}
	for _, key := range c.order {
		plans.LoadOrStore(key, c.pending[key])
	}
	return nil
}

// findFirsts adds the tags that the alternatives of q begin with, q being p or a
// CHOICE without tag within it.
func (p *plan) findFirsts(q *plan, depth, alternative int) error {
	if depth > 16 {
		return fmt.Errorf("%w: %v: CHOICE within itself without a tag", ErrType, p.goType)
	}
	for i := range q.fields {
		f := &q.fields[i]
		which := alternative
		if depth == 0 {
			which = i
		}
		switch {
		case f.presence == extension:
			p.any = true
		case len(f.tags) > 0:
			p.firsts = append(p.firsts, first{f.tags[0], which})
		case f.kind == kindChoice:
			if err := p.findFirsts(f.plan, depth+1, which); err != nil {
				return err
			}
		default:
			return fmt.Errorf("%w: %v: open type %s in a CHOICE needs a tag", ErrType, p.goType, f.name)
		}
	}
	return nil
}

// typeName is how a type is called in print: by its own name, or by the built-in
// type's where it is one of package asn1 or of the language.
func typeName(t reflect.Type, builtIn string) string {
	name, _, _ := strings.Cut(t.Name(), "[")
	if name == "" || t.PkgPath() == "" || t.PkgPath() == typeNull.PkgPath() || t == typeRaw {
		return builtIn
	}
	return name
}

// rootName is what a path begins with when a type is encoded or decoded by
// itself: its own name, spelled as that of a component; "" for a built-in type.
func (p *plan) rootName() string {
	return componentName(typeName(p.goType, ""))
}

// componentName spells a Go field as ASN.1 does: "PerRecipientFields" is
// per-recipient-fields, "OriginalEITs" original-EITs, "X121Address" x121-address.
func componentName(goName string) string {
	var parts []string
	for s := goName; s != ""; {
		n := wordEnd(s)
		part := s[:n]
		s = s[n:]
		if capitals(part) < 2 {
			part = strings.ToLower(part[:1]) + part[1:]
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, "-")
}

// wordEnd returns the length of the first word of a Go name: a run of capitals
// with its plural s, or a capital and what follows it.
func wordEnd(s string) int {
	run := capitals(s)
	switch {
	case run == len(s):
		return run
	case run >= 2 && s[run] == 's' && (run+1 == len(s) || isUpper(s[run+1])):
		return run + 1
	case run >= 2 && isLower(s[run]):
		return run - 1
	case run >= 2 && !isDigit(s[run]):
		return run
	}
	n := max(run, 1)
	for n < len(s) && !isUpper(s[n]) {
		n++
	}
	return n
}

func capitals(s string) int {
	n := 0
	for n < len(s) && isUpper(s[n]) {
		n++
	}
	return n
}

func isUpper(c byte) bool { return 'A' <= c && c <= 'Z' }
func isLower(c byte) bool { return 'a' <= c && c <= 'z' }
func isDigit(c byte) bool { return '0' <= c && c <= '9' }

// parseDefault reads the value after DEFAULT for a component of kind k.
func parseDefault(k kind, text string) (int64, error) {
	switch {
	case text == "":
		return 0, nil
	case k == kindBoolean && text == "TRUE":
		return 1, nil
	case k == kindBoolean && text == "FALSE":
		return 0, nil
	case k == kindInteger || k == kindUnsigned:
		if n, err := strconv.ParseInt(text, 10, 64); err == nil && (k == kindInteger || n >= 0) {
			return n, nil
		}
	}
	return 0, fmt.Errorf("%w: DEFAULT %s does not fit", ErrType, text)
}
