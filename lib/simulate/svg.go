package simulate

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"strconv"
	"strings"
	"time"
)

// The picture, in its own units.
const (
	pictureWidth = 1100
	plotLeft     = 86
	plotRight    = 1076
	tableTop     = 92
	rowHeight    = 20
)

// Colours that the colour-blind tell apart, most urgent first; then those of what is in
// use.
var colours = [priorities]string{"#d55e00", "#0072b2", "#009e73"}

const (
	jobColour   = "#4b3b8f"
	assocColour = "#b0578d"
	faint       = "#6b7280"
)

// picture is an SVG that is being drawn.
type picture struct {
	bytes.Buffer
	f    *Figures
	span float64 // seconds
}

func (p *picture) printf(format string, args ...any) { fmt.Fprintf(p, format, args...) }

// text writes text at a place; anchor is start, middle or end.
func (p *picture) text(x, y float64, anchor, class, text string) {
	p.printf(`<text x="%s" y="%s" text-anchor="%s" class="%s">%s</text>`+"\n", num(x), num(y), anchor, class, escape(text))
}

// escape is text as XML takes it.
func escape(text string) string {
	return html.EscapeString(strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r == 0xfffe || r == 0xffff {
			return ' '
		}
		return r
	}, strings.ToValidUTF8(text, "?")))
}

func num(v float64) string { return strconv.FormatFloat(math.Round(v*100)/100, 'f', -1, 64) }

// x is where a moment is.
func (p *picture) x(at float64) float64 { return plotLeft + at/p.span*(plotRight-plotLeft) }

// curve is one line of a panel.
type curve struct {
	name, colour string
	value        func(*Sample) float64
	dashed       bool
	fill         bool
}

// scale is a vertical axis: where values are, from 0 at the bottom to 1, and which of
// them are written.
type scale struct {
	at    func(v float64) float64
	ticks []float64
	label func(v float64) string
}

type panel struct {
	title       string
	top, height float64
	scale       scale
	curves      []curve
}

// SVG draws the figures: one file that needs no other.
func (f *Figures) SVG() []byte {
	p := &picture{f: f, span: math.Max(f.Seconds, 1e-9)}
	top := float64(tableTop + rowHeight*(priorities+1) + 44)
	panels := f.panels(&top)
	height := top - 4
	p.printf(`<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %s" width="%d" height="%s" font-family="system-ui, 'Segoe UI', Helvetica, Arial, sans-serif" font-size="12">`+"\n",
		pictureWidth, num(height), pictureWidth, num(height))
	p.printf("<title>%s</title>\n", escape(f.heading()))
	p.printf(`<style>text{fill:#1f2937}.h{font-size:20px;font-weight:600}.p{font-size:13px;font-weight:600}.s{fill:%s}.n{font-variant-numeric:tabular-nums}.o{fill:#9f1d1d;font-size:11px;stroke:#fff;stroke-width:3px;paint-order:stroke}.hit{fill:#000;fill-opacity:0}.hit:hover{fill-opacity:.06}</style>`+"\n", faint)
	p.printf(`<rect width="100%%" height="100%%" fill="#ffffff"/>` + "\n")
	p.text(24, 38, "start", "h", f.heading())
	p.text(24, 60, "start", "s", f.subtitle())
	p.table()
	for i := range panels {
		p.panel(&panels[i], i == len(panels)-1)
	}
	p.hits(panels)
	p.printf("</svg>\n")
	return p.Bytes()
}

func (f *Figures) heading() string {
	if f.Title != "" {
		return f.Title
	}
	return "A simulated day"
}

func (f *Figures) subtitle() string {
	return fmt.Sprintf("%s from %s, %s messages, %s attempts, seed %d; every wait is from acceptance to the beginning of the transfer that succeeds",
		span(f.Seconds), f.Begins.Format("Mon 2 Jan 2006 15:04 UTC"), thousands(f.Messages), thousands(f.Attempts), f.Seed)
}

// table is the figures of each priority, and which colour it has.
func (p *picture) table() {
	columns := [...]struct {
		title string
		x     float64
		value func(*Class) string
	}{
		{"arrived", 270, func(c *Class) string { return thousands(c.Arrived) }},
		{"sent", 370, func(c *Class) string { return thousands(c.Sent) }},
		{"failed", 450, func(c *Class) string { return thousands(c.Failed) }},
		{"expired", 530, func(c *Class) string { return thousands(c.Expired) }},
		{"still queued", 630, func(c *Class) string { return thousands(c.Queued) }},
		{"longest queue", 740, func(c *Class) string { return thousands(c.Most) }},
		{"wait, median", 850, func(c *Class) string { return span(c.Wait.P50) }},
		{"99 %", 940, func(c *Class) string { return span(c.Wait.P99) }},
		{"longest", 1040, func(c *Class) string { return span(c.Wait.Max) }},
	}
	for _, col := range columns {
		p.text(col.x, tableTop, "end", "s", col.title)
	}
	for q := range p.f.Classes {
		c, y := &p.f.Classes[q], float64(tableTop+rowHeight*(q+1))
		p.printf(`<rect x="24" y="%s" width="18" height="4" rx="2" fill="%s"/>`+"\n", num(y-6), colours[q])
		p.text(50, y, "start", "p", c.Priority)
		for _, col := range columns {
			p.text(col.x, y, "end", "n", col.value(c))
		}
	}
}

// panels are the parts of the picture, from top on; top is where they end.
func (f *Figures) panels(top *float64) []panel {
	each := f.Seconds
	if len(f.Series) > 0 {
		each = f.Series[0].At
	}
	rate := func(n int64) float64 { return float64(n) / math.Max(each, 1e-9) }
	var rates, queued, waits, used float64
	least := math.Inf(1)
	for i := range f.Series {
		s := &f.Series[i]
		rates = max(rates, rate(s.Arrived), rate(s.Sent))
		queued = max(queued, float64(max(s.Urgent, s.Normal, s.NonUrgent)))
		used = max(used, float64(max(s.Jobs, s.Assocs)))
		for _, v := range [...]float64{s.WaitUrgent, s.WaitNormal, s.WaitNonUrgent} {
			waits = max(waits, v)
			if v > 0 {
				least = min(least, v)
			}
		}
	}
	limit := 0
	for _, c := range f.Channels {
		limit += c.MaxJobs
	}
	used = max(used, float64(limit))
	all := []panel{
		{title: "Messages a second", height: 90, scale: linear(rates), curves: []curve{
			{name: "arrived", colour: faint, value: func(s *Sample) float64 { return rate(s.Arrived) }, fill: true},
			{name: "sent", colour: jobColour, value: func(s *Sample) float64 { return rate(s.Sent) }}}},
		{title: "Longest queue, by priority", height: 190, scale: logarithmic(1, max(queued, 10), powers(), count), curves: []curve{
			{name: "non-urgent", colour: colours[nonUrgent], value: func(s *Sample) float64 { return float64(s.NonUrgent) }, fill: true},
			{name: "normal", colour: colours[normal], value: func(s *Sample) float64 { return float64(s.Normal) }, fill: true},
			{name: "urgent", colour: colours[urgent], value: func(s *Sample) float64 { return float64(s.Urgent) }, fill: true}}},
		{title: "Wait of what was sent, 99th percentile", height: 190, scale: logarithmic(math.Max(math.Min(least, 1), 0.001), max(waits, 1), times[:], span), curves: []curve{
			{name: "non-urgent", colour: colours[nonUrgent], value: func(s *Sample) float64 { return s.WaitNonUrgent }},
			{name: "normal", colour: colours[normal], value: func(s *Sample) float64 { return s.WaitNormal }},
			{name: "urgent", colour: colours[urgent], value: func(s *Sample) float64 { return s.WaitUrgent }}}},
		{title: "Most in use", height: 110, scale: linear(used), curves: []curve{
			{name: "associations", colour: assocColour, value: func(s *Sample) float64 { return float64(s.Assocs) }},
			{name: "jobs", colour: jobColour, value: func(s *Sample) float64 { return float64(s.Jobs) }, fill: true},
			{name: fmt.Sprintf("most jobs: %d", limit), colour: jobColour, value: func(*Sample) float64 { return float64(limit) }, dashed: true}}},
	}
	for i := range all {
		all[i].top = *top
		*top += all[i].height + 40
	}
	return all
}

func (p *picture) panel(a *panel, last bool) {
	bottom := a.top + a.height
	p.text(plotLeft, a.top-10, "start", "p", a.title)
	x := float64(plotRight)
	for _, c := range a.curves { // the last one is drawn on top, and named first
		x -= 7*float64(len(c.name)) + 8
		p.text(x+4, a.top-10, "start", "s", c.name)
		x -= 24
		p.printf(`<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="%s" stroke-width="2.5"%s/>`+"\n", num(x+4), num(a.top-14), num(x+22), num(a.top-14), c.colour, dash(c.dashed))
	}
	for _, o := range p.f.Outages {
		from, until := p.x(math.Min(o.From, p.span)), p.x(math.Min(o.Until, p.span))
		p.printf(`<rect x="%s" y="%s" width="%s" height="%s" fill="#c0392b" fill-opacity=".11"><title>%s</title></rect>`+"\n",
			num(from), num(a.top), num(math.Max(until-from, 1)), num(a.height), escape(fmt.Sprintf("%s%s is out of order from %s to %s", o.Peer, o.Channel, p.f.clock(o.From), p.f.clock(o.Until))))
	}
	for _, v := range a.scale.ticks {
		y := bottom - a.scale.at(v)*a.height
		p.printf(`<line x1="%d" y1="%s" x2="%d" y2="%s" stroke="#e5e7eb"/>`+"\n", plotLeft, num(y), plotRight, num(y))
		p.text(plotLeft-8, y+4, "end", "s n", a.scale.label(v))
	}
	for at, step := 0.0, p.f.step(); at <= p.span; at += step {
		p.printf(`<line x1="%s" y1="%s" x2="%s" y2="%s" stroke="#9ca3af"/>`+"\n", num(p.x(at)), num(bottom), num(p.x(at)), num(bottom+4))
		if last {
			p.text(p.x(at), bottom+18, "middle", "s n", p.f.clock(at))
		}
	}
	for _, c := range a.curves {
		p.curve(a, &c)
	}
	if a.height > 150 {
		p.outageNames(a)
	}
	p.printf(`<line x1="%d" y1="%s" x2="%d" y2="%s" stroke="#9ca3af"/>`+"\n", plotLeft, num(bottom), plotRight, num(bottom))
}

// outageNames are written in rows, so that none is written over another.
func (p *picture) outageNames(a *panel) {
	var ends [8]float64
	for _, o := range p.f.Outages {
		x, row := p.x(o.From)+3, 0
		for row < len(ends)-1 && ends[row] > x {
			row++
		}
		ends[row] = x + 7*float64(len(o.Peer+o.Channel)) + 6
		p.text(x, a.top+12+float64(row)*13, "start", "o", o.Peer+o.Channel)
	}
}

func dash(dashed bool) string {
	if dashed {
		return ` stroke-dasharray="5 4"`
	}
	return ""
}

func (p *picture) curve(a *panel, c *curve) {
	if len(p.f.Series) == 0 {
		return
	}
	bottom := a.top + a.height
	var line strings.Builder
	first, lastX := plotLeft+0.0, plotLeft+0.0
	for i := range p.f.Series {
		s := &p.f.Series[i]
		x, y := p.x(s.At), bottom-math.Min(math.Max(a.scale.at(c.value(s)), 0), 1)*a.height
		if i == 0 {
			first = x
		}
		lastX = x
		fmt.Fprintf(&line, "%s%s %s", map[bool]string{true: "M", false: "L"}[i == 0], num(x), num(y))
	}
	if c.fill {
		p.printf(`<path d="%sL%s %sL%s %sZ" fill="%s" fill-opacity=".12"/>`+"\n", line.String(), num(lastX), num(bottom), num(first), num(bottom), c.colour)
	}
	width := "1.8"
	if c.dashed {
		width = "1"
	}
	p.printf(`<path d="%s" fill="none" stroke="%s" stroke-width="%s" stroke-linejoin="round"%s/>`+"\n", line.String(), c.colour, width, dash(c.dashed))
}

// hits are what a pointer finds: the figures of each moment.
func (p *picture) hits(panels []panel) {
	top, bottom := panels[0].top, panels[len(panels)-1].top+panels[len(panels)-1].height
	before := 0.0
	for i := range p.f.Series {
		s := &p.f.Series[i]
		p.printf(`<rect class="hit" x="%s" y="%s" width="%s" height="%s"><title>%s</title></rect>`+"\n", num(p.x(before)), num(top), num(p.x(s.At)-p.x(before)), num(bottom-top),
			escape(fmt.Sprintf("%s\nqueued: urgent %d, normal %d, non-urgent %d\nwait: %s, %s, %s\njobs %d, associations %d\narrived %d, sent %d", p.f.clock(s.At), s.Urgent, s.Normal, s.NonUrgent,
				span(s.WaitUrgent), span(s.WaitNormal), span(s.WaitNonUrgent), s.Jobs, s.Assocs, s.Arrived, s.Sent)))
		before = s.At
	}
}

// clock is the time of day of a moment, with the day where there are several.
func (f *Figures) clock(at float64) string {
	t := f.Begins.Add(time.Duration(at * float64(time.Second)))
	switch {
	case f.Seconds < 600:
		return t.Format("15:04:05")
	case f.Seconds > 36*3600:
		return t.Format("Mon 15:04")
	}
	return t.Format("15:04")
}

// step is how far marks of time are apart: at most a dozen of them.
func (f *Figures) step() float64 {
	steps := [...]float64{0.1, 1, 5, 10, 30, 60, 300, 600, 1800, 3600, 2 * 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 2 * 24 * 3600, 7 * 24 * 3600}
	for _, s := range steps {
		if f.Seconds/s <= 12.5 {
			return s
		}
	}
	return f.Seconds
}

func linear(most float64) scale {
	most = math.Max(most, 1e-9)
	step := math.Pow10(int(math.Floor(math.Log10(most))))
	switch {
	case most/step < 2:
		step /= 2
	case most/step > 5:
		step *= 2
	}
	s := scale{at: func(v float64) float64 { return v / (most * 1.05) }, label: count}
	for v := 0.0; v <= most*1.05; v += step {
		s.ticks = append(s.ticks, v)
	}
	return s
}

// times are the marks of waits.
var times = [...]float64{0.001, 0.01, 0.1, 1, 10, 60, 600, 3600, 6 * 3600, 24 * 3600, 7 * 24 * 3600}

// powers are the powers of ten.
func powers() (all []float64) {
	for e := range 10 {
		all = append(all, math.Pow10(e))
	}
	return all
}

// logarithmic has 0 at the bottom, least a bit above it, and then as much room for each
// power of ten. Of the marks it has those within.
func logarithmic(least, most float64, marks []float64, label func(float64) string) scale {
	low := math.Floor(math.Log10(least)) - 0.4
	high := math.Log10(most * 1.3)
	s := scale{label: label, ticks: []float64{0}}
	s.at = func(v float64) float64 {
		if v <= 0 {
			return 0
		}
		return math.Max((math.Log10(v)-low)/(high-low), 0)
	}
	for _, v := range marks {
		if at := math.Log10(v); at > low && at <= high {
			s.ticks = append(s.ticks, v)
		}
	}
	return s
}

func count(v float64) string {
	if v >= 10_000 || v == math.Trunc(v) {
		return thousands(int64(v))
	}
	return strconv.FormatFloat(v, 'g', 3, 64)
}

// thousands writes a number in groups of three digits.
func thousands(n int64) string {
	s := strconv.FormatInt(n, 10)
	for i := len(s) - 3; i > 0; i -= 3 {
		s = s[:i] + "\u202f" + s[i:]
	}
	return s
}

// span is a time in seconds for people: three digits.
func span(seconds float64) string {
	switch {
	case seconds == 0:
		return "0"
	case seconds < 1:
		return strconv.FormatFloat(seconds*1000, 'g', 3, 64) + " ms"
	case seconds < 60 || seconds < 100 && seconds != 60:
		return strconv.FormatFloat(seconds, 'g', 3, 64) + " s"
	}
	minutes := int(math.Round(seconds / 60))
	if minutes < 60 {
		return fmt.Sprintf("%d min", minutes)
	}
	if minutes%60 == 0 {
		return fmt.Sprintf("%d h", minutes/60)
	}
	return fmt.Sprintf("%d h %d min", minutes/60, minutes%60)
}
