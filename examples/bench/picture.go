package main

import (
	"fmt"
	"html"
	"math"
	"slices"
	"strings"
)

// svg is a picture that needs nothing but itself.
type svg struct {
	strings.Builder
	width, height float64
}

const (
	colourOurs   = "#1b6ca8"
	colourTheirs = "#c77d2e"
)

func (s *svg) text(x, y float64, anchor, class, text string) {
	fmt.Fprintf(s, "<text x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\" class=\"%s\">%s</text>\n", x, y, anchor, class, html.EscapeString(text))
}

func (s *svg) rect(x, y, w, h float64, colour string) {
	fmt.Fprintf(s, "<rect x=\"%.1f\" y=\"%.1f\" width=\"%.1f\" height=\"%.1f\" fill=\"%s\"/>\n", x, y, w, h, colour)
}

func (s *svg) line(x1, y1, x2, y2 float64, class string) {
	fmt.Fprintf(s, "<line x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\" class=\"%s\"/>\n", x1, y1, x2, y2, class)
}

// whole is the file.
func (s *svg) whole() string {
	return fmt.Sprintf(`<svg xmlns="http://www.w3.org/2000/svg" width="%.0f" height="%.0f" viewBox="0 0 %.0f %.0f">
<style>text{font:12px sans-serif;fill:#222}.t{font-size:14px;font-weight:bold}.s{font-size:11px;fill:#555}
line{stroke:#222;stroke-width:1}.g{stroke:#ddd}path{fill:none;stroke-width:1.5}</style>
<rect width="100%%" height="100%%" fill="#fff"/>
%s</svg>
`, s.width, s.height, s.width, s.height, s.String())
}

// nice is the least 1, 2 or 5 times a power of ten that is not below v.
func nice(v float64) float64 {
	if v <= 0 {
		return 1
	}
	power := math.Pow(10, math.Floor(math.Log10(v)))
	for _, m := range []float64{1, 2, 5} {
		if m*power >= v*(1-1e-9) {
			return m * power
		}
	}
	return 10 * power
}

// axis is a scale from 0, with lines at round values.
func (s *svg) axis(x, y, w, h, most float64) (top float64) {
	step := nice(most / 5)
	top = step * math.Ceil(most/step)
	if top == 0 {
		top = 1
	}
	for v := 0.0; v <= top*(1+1e-9); v += step {
		at := y + h - h*v/top
		s.line(x, at, x+w, at, "g")
		s.text(x-6, at+4, "end", "s", fmt.Sprintf("%g", math.Round(v*1e6)/1e6))
	}
	s.line(x, y+h, x+w, y+h, "")
	return top
}

// picture is what relaying small messages takes: bars from 0, the least and the greatest
// run as lines.
func (b *bench) picture() string {
	panels := []struct{ key, title string }{
		{"rate", "messages relayed a second"}, {"cpu", "CPU a message, ms, all processes"}, {"flushes", "flushes of the device a message"}}
	const width, height, left, top, gap = 300., 190., 60., 74., 60.
	s := &svg{width: left + 3*(width+gap), height: top + float64(max(1, len(b.systems)))*(height+74)}
	s.text(16, 24, "start", "t", "1 KiB messages relayed: mtakit (P1 in and out) and Postfix (SMTP in and out), in turn, in one run")
	s.rect(16, 36, 12, 12, colourOurs)
	s.text(34, 47, "start", "", "mtakit")
	s.rect(96, 36, 12, 12, colourTheirs)
	s.text(114, 47, "start", "", "Postfix")
	s.text(180, 47, "start", "s", fmt.Sprintf("medians of %d runs; the black lines are from the least to the greatest", b.rounds))
	for i, system := range b.systems {
		y := top + float64(i)*(height+74) + 16
		for j, panel := range panels {
			x := left + float64(j)*(width+gap)
			s.text(x, y-10, "start", "", system.name+": "+panel.title)
			most := 0.0
			for _, n := range []int{1, 10, 50} {
				if r := system.runs[fmt.Sprint(panel.key, n)]; r != nil {
					most = slices.Max(append(append([]float64{most}, r.ours...), r.theirs...))
				}
			}
			top := s.axis(x, y, width, height, most)
			for k, n := range []int{1, 10, 50} {
				middle := x + width*(float64(k)+0.5)/3
				s.text(middle, y+height+16, "middle", "", fmt.Sprintf("%d session%s", n, plural(n)))
				r := system.runs[fmt.Sprint(panel.key, n)]
				if r == nil {
					continue
				}
				s.bar(middle-32, y, height, top, r.ours, colourOurs)
				s.bar(middle+2, y, height, top, r.theirs, colourTheirs)
			}
		}
	}
	return s.whole()
}

func plural(n int) string {
	if n == 1 {
		return ""
	}
	return "s"
}

func (s *svg) bar(x, y, h, top float64, runs []float64, colour string) {
	if len(runs) == 0 {
		return
	}
	const width = 30
	at := func(v float64) float64 { return y + h - h*v/top }
	m := median(runs)
	s.rect(x, at(m), width, y+h-at(m), colour)
	s.line(x+width/2, at(slices.Min(runs)), x+width/2, at(slices.Max(runs)), "")
	label := fmt.Sprintf("%.0f", m)
	if top < 10 {
		label = fmt.Sprintf("%.2f", m)
	}
	s.text(x+width/2, at(slices.Max(runs))-4, "middle", "s", label)
}

// course is how something went over time.
type course struct {
	name   string
	colour string
	points [][2]float64 // seconds, value
}

// courses draws panels one above the other over one time.
func courses(title string, panels []string, all [][]course) string {
	const width, height, left, top = 760., 150., 80., 50.
	s := &svg{width: left + width + 200, height: top + float64(len(panels))*(height+56)}
	s.text(16, 24, "start", "t", title)
	last := 1.0
	for _, panel := range all {
		for _, c := range panel {
			for _, p := range c.points {
				last = max(last, p[0])
			}
		}
	}
	for i, name := range panels {
		y := top + float64(i)*(height+56) + 12
		s.text(left, y-8, "start", "", name)
		most := 0.0
		for _, c := range all[i] {
			for _, p := range c.points {
				most = max(most, p[1])
			}
		}
		high := s.axis(left, y, width, height, most)
		for j, c := range all[i] {
			var path strings.Builder
			for k, p := range c.points {
				command := "L"
				if k == 0 {
					command = "M"
				}
				fmt.Fprintf(&path, "%s%.1f %.1f", command, left+width*p[0]/last, y+height-height*p[1]/high)
			}
			fmt.Fprintf(s, "<path d=\"%s\" stroke=\"%s\"/>\n", path.String(), c.colour)
			s.rect(left+width+12, y+4+float64(j)*18, 10, 10, c.colour)
			s.text(left+width+28, y+13+float64(j)*18, "start", "s", c.name)
		}
		step := nice(last / 6)
		for v := 0.0; v <= last; v += step {
			x := left + width*v/last
			s.line(x, y+height, x, y+height+4, "")
			s.text(x, y+height+17, "middle", "s", fmt.Sprintf("%g s", v))
		}
	}
	return s.whole()
}
