package oraddr

import "strings"

// builder makes an Address of pairs. What depends on the order of the whole text
// waits for finish.
type builder struct {
	a    Address
	seen map[string]bool

	units    []listed // bare OU
	unitAt   [maxUnits + 1]*Text
	ddas     []listed
	ddaAt    [maxDDAs + 1]*Attribute
	lines    [maxPostalLines + 1]*string
	order    order
	position int
}

// listed is a value whose rank follows from its place in the text.
type listed struct {
	Attribute
	first bool // the most significant one comes first (RFC 1685)
	pair  pair
}

func (b *builder) add(p pair) error {
	b.position++
	label := strings.ToUpper(p.label)
	if _, _, _, ok := ddaLabel(p.label); ok || label == "RFC-822" {
		return b.addDDA(p)
	}
	if strings.HasPrefix(label, "EXT.") {
		e, err := extraAttribute(p.label, p.value)
		b.a.Extra = append(b.a.Extra, e)
		return err
	}
	n, isUnit := numbered(label, "OU", maxUnits)
	line, isLine := numbered(label, "PD-A", maxPostalLines)
	e := lookup(label)
	if !isUnit && !isLine && e == nil && label != "OU" && label != "PN" && label != "ISDN" {
		return errLabel
	}
	if p.value == "" && (e == nil || e.key != "ADMD") {
		return errNoValue
	}
	if e != nil && e.key == "PD-ADDRESS" {
		return b.addAddress(p)
	}
	t, err := parseText(p.value)
	if err != nil {
		return err
	}
	if t.IsZero() && p.value != "" {
		return errNoValue
	}
	switch {
	case label == "OU":
		b.units = append(b.units, listed{Attribute: Attribute{Value: t}, pair: p})
		b.order.units = append(b.order.units, b.position)
		return nil
	case isUnit:
		return once(&b.unitAt[n], t)
	}
	if e != nil && e.field(&b.a).teletex != nil {
		if err := b.once(e.key); err != nil {
			return err
		}
		b.order.note(e.key, b.position)
		if b.seen["PN"] && (e.key == "G" || e.key == "I" || e.key == "S") {
			return errTwice
		}
		e.field(&b.a).set(t)
		return nil
	}
	if t.Teletex != "" || t.Universal != (Localized{}) {
		return errUnvaried
	}
	v := t.Printable
	switch {
	case isLine:
		return once(&b.lines[line], v)
	case label == "PN":
		if b.a.PN.S != "" || b.a.PN.G != "" || b.a.PN.I != "" {
			return errTwice
		}
		n := personalName(v)
		n.Q = b.a.PN.Q
		b.a.PN = n
		return b.once("PN")
	case label == "ISDN":
		if b.a.NetNumber != "" || b.a.NetSub != "" {
			return errTwice
		}
		b.a.NetNumber, b.a.NetSub, _ = strings.Cut(v, "x")
		return b.once("ISDN")
	}
	if err := b.once(e.key); err != nil {
		return err
	}
	b.order.note(e.key, b.position)
	switch e.key {
	case "ADMD":
		if v == "" {
			v = " "
		}
	case "NET-NUM", "NET-SUB":
		if b.seen["ISDN"] {
			return errTwice
		}
	case "T-TY":
		v = terminalName(v)
	case "NET-PSAP":
		if v, err = canonicalPSAP(v); err != nil {
			return err
		}
	}
	*e.field(&b.a).printable = v
	return nil
}

func (b *builder) once(key string) error {
	if b.seen[key] {
		return errTwice
	}
	b.seen[key] = true
	return nil
}

func once[T any](slot **T, v T) error {
	if *slot != nil {
		return errTwice
	}
	*slot = &v
	return nil
}

func (b *builder) addDDA(p pair) error {
	typ, n, first, ok := ddaLabel(p.label)
	if !ok { // RFC-822=user(a)host, RFC 2156 §4.1.1
		typ = "RFC-822"
	}
	d := Attribute{}
	var err error
	if d.Type, err = parseText(typ); err != nil {
		return err
	}
	if d.Type.IsZero() {
		return errLabel
	}
	if d.Value, err = parseText(p.value); err != nil {
		return err
	}
	if n > 0 {
		return once(&b.ddaAt[n], d)
	}
	b.ddas = append(b.ddas, listed{d, first, p})
	b.order.ddas = append(b.order.ddas, b.position)
	return nil
}

// addAddress reads PD-ADDRESS, whose printable variant has bars between lines.
func (b *builder) addAddress(p pair) error {
	if err := b.once("PD-ADDRESS"); err != nil {
		return err
	}
	printed, rest, varied := strings.Cut(p.value, "*")
	if !varied && !ascii(printed) {
		t, err := parseText(p.value)
		b.a.PD.Address = t
		return err
	}
	var lines []string
	if printed != "" {
		for _, line := range strings.Split(printed, "|") {
			text, err := unescapeASCII(line, "PrintableString")
			if err != nil {
				return err
			}
			lines = append(lines, text)
		}
	}
	t, err := parseText("*" + rest)
	if err != nil {
		return err
	}
	if t.Printable = strings.Join(lines, "\n"); t.IsZero() {
		return errNoValue
	}
	b.a.PD.Address = t
	return nil
}

// finish ranks units and domain-defined attributes and completes the address.
func (b *builder) finish() error {
	inverted, err := b.order.inverted()
	if err != nil {
		return &SyntaxError{"OU", b.units[len(b.units)-1].pair.offset, err}
	}
	if err := b.finishUnits(inverted); err != nil {
		return err
	}
	if err := b.finishDDAs(inverted); err != nil {
		return err
	}
	var lines []string
	for i := 1; i < len(b.lines); i++ {
		switch {
		case b.lines[i] == nil:
		case b.seen["PD-ADDRESS"]:
			return &SyntaxError{Label: "PD-ADDRESS", Err: errTwice}
		case len(lines) != i-1:
			return &SyntaxError{Label: "PD-A" + string(rune('0'+i)), Err: errGap}
		default:
			lines = append(lines, *b.lines[i])
		}
	}
	if lines != nil {
		b.a.PD.Address.Printable = strings.Join(lines, "\n")
	}
	if b.a.C != "" && b.a.ADMD == "" {
		b.a.ADMD = " "
	}
	return nil
}

// order records where in a text the attributes stand that decide which way it is
// to be read. Positions count from 1; 0 is absence.
type order struct {
	anchor [4]int // O, PRMD, ADMD, C
	units  []int  // bare OU
	ddas   []int
}

// anchors are the keys behind order.anchor.
var anchors = [4]string{"O", "PRMD", "ADMD", "C"}

func (o *order) note(key string, position int) {
	for i, anchor := range anchors {
		if key == anchor {
			o.anchor[i] = position
		}
	}
}

// inverted reports whether the text has the most significant attribute first:
// whether O, or the highest of the domain where there is no O, stands left of the
// units, or of the domain-defined attributes where there are no units (RFC 2156
// §4.3.4.1).
func (o *order) inverted() (bool, error) {
	anchor := 0
	for _, at := range o.anchor {
		if anchor = at; anchor > 0 {
			break
		}
	}
	if anchor == 0 {
		return false, nil
	}
	judges := o.units
	if len(judges) == 0 {
		judges = o.ddas
	}
	left, right := false, false
	for _, at := range judges {
		left = left || at < anchor
		right = right || at > anchor
	}
	if left && right && len(o.units) > 0 {
		return false, errOrder
	}
	return right && !left, nil
}

func (b *builder) finishUnits(inverted bool) error {
	for i := range b.units {
		n := len(b.units) - 1 - i
		if inverted {
			n = i
		}
		b.a.setUnit(n, b.units[i].Value)
	}
	for i := 1; i < len(b.unitAt); i++ {
		t := b.unitAt[i]
		label := "OU" + string(rune('0'+i))
		switch {
		case t == nil:
		case len(b.units) > 0:
			return &SyntaxError{Label: label, Offset: b.units[0].pair.offset, Err: errNumbering}
		case i > 1 && b.unitAt[i-1] == nil:
			return &SyntaxError{Label: label, Err: errGap}
		default:
			b.a.setUnit(i-1, *t)
		}
	}
	return nil
}

func (b *builder) finishDDAs(inverted bool) error {
	for i, d := range b.ddas {
		n := len(b.ddas) - 1 - i
		if inverted || d.first {
			n = i
		}
		if d.first != b.ddas[0].first {
			return &SyntaxError{d.pair.label, d.pair.offset, errNumbering}
		}
		b.a.setDDA(n, d.Attribute)
	}
	for i := 1; i < len(b.ddaAt); i++ {
		d := b.ddaAt[i]
		label := "DD" + string(rune('0'+i))
		switch {
		case d == nil:
		case len(b.ddas) > 0:
			return &SyntaxError{Label: label, Err: errNumbering}
		case i > 1 && b.ddaAt[i-1] == nil:
			return &SyntaxError{Label: label, Err: errGap}
		default:
			b.a.setDDA(i-1, *d)
		}
	}
	return nil
}
