// Package view lays out API objects for people at a terminal. Its functions depend on their
// arguments alone.
package view

import (
	"slices"
	"strings"
	"time"
)

// Options are what the layout depends on beside the objects.
type Options struct {
	Color bool      // the output is a terminal that shows colours
	Wide  bool      // lines may be longer than Width, and nothing is shortened
	Now   time.Time // times are shown relative to it
}

// color is the parameter of ANSI's "select graphic rendition". The colours are of the fixed 240,
// and have enough contrast on white and on black: what terminals show for the basic eight differs,
// and many yellows cannot be read on white.
type color string

const (
	plain  color = ""
	bold   color = "1"
	faint  color = "2"
	red    color = "38;5;196"
	green  color = "38;5;28"
	yellow color = "38;5;130" // a dark one
)

// page is a text that is being laid out.
type page struct {
	Options
	text strings.Builder
}

func newPage(o Options) *page { return &page{Options: o} }

func (p *page) String() string { return p.text.String() }

// paint colours a text that is clean.
func (p *page) paint(c color, text string) string {
	if !p.Color || c == plain || text == "" {
		return text
	}
	return "\x1b[" + string(c) + "m" + text + "\x1b[0m"
}

// line writes a line of parts that are clean and painted.
func (p *page) line(parts ...string) {
	p.text.WriteString(strings.TrimRight(strings.Join(parts, ""), " "))
	p.text.WriteByte('\n')
}

// title writes a line that begins something, and what is painted behind it.
func (p *page) title(text, behind string) {
	text = clean(text)
	if !p.Wide {
		text = cut(text, Width-24) // a status fits behind it
	}
	p.line(p.paint(bold, text), "   ", behind)
}

// paragraph writes a text below a mark that begins its first line; both are of one colour.
func (p *page) paragraph(c color, mark, text string) {
	indent := strings.Repeat(" ", widthOf(mark))
	for i, line := range wrap(text, Width-widthOf(mark)) {
		if i > 0 {
			mark = indent
		}
		p.line(mark, p.paint(c, line))
	}
}

// marked writes a text below a mark of a colour that begins its first line.
func (p *page) marked(c color, mark, text string) {
	for i, line := range wrap(text, Width-widthOf(mark)) {
		if i == 0 {
			p.line(p.paint(c, mark), line)
		} else {
			p.line(strings.Repeat(" ", widthOf(mark)), line)
		}
	}
}

// cell is one field of a table.
type cell struct {
	text  string
	color color
	right bool // aligned to the right
}

func left(text string) cell             { return cell{text: clean(text)} }
func right(text string) cell            { return cell{text: clean(text), right: true} }
func painted(c color, text string) cell { return cell{text: clean(text), color: c} }
func head(text string) cell             { return cell{text: text, color: faint} }
func headRight(text string) cell        { return cell{text: text, color: faint, right: true} }

// table writes aligned rows below a title.
func (p *page) table(rows [][]cell) { p.rows(2, rows, 3) }

// least is the fewest columns that a cell is shortened to.
const least = 8

// leastWrapped is the fewest columns that the last cell of a row is wrapped to.
const leastWrapped = 40

// rows writes aligned rows. Where they are too wide, the last cell is wrapped, and then the widest
// column is shortened.
func (p *page) rows(indent int, rows [][]cell, gap int) {
	widths := p.widths(rows, Width-indent, gap)
	for _, row := range rows {
		p.row(indent, row, widths, gap)
	}
}

// widths are those of the columns, which together take at most total columns.
func (p *page) widths(rows [][]cell, total, gap int) []int {
	var widths []int
	for _, row := range rows {
		for i, c := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], widthOf(c.text))
		}
	}
	if p.Wide || len(widths) == 0 {
		return widths
	}
	total -= gap * (len(widths) - 1)
	for last := &widths[len(widths)-1]; sum(widths) > total && *last > leastWrapped; *last-- {
	}
	for sum(widths) > total {
		widest := slices.Index(widths, slices.Max(widths))
		if widths[widest] <= least {
			break
		}
		widths[widest]--
	}
	return widths
}

func (p *page) row(indent int, row []cell, widths []int, gap int) {
	var written strings.Builder
	written.WriteString(strings.Repeat(" ", indent))
	column := indent
	for i, c := range row {
		text := c.text
		space := strings.Repeat(" ", max(0, widths[i]-widthOf(text)))
		switch {
		case i == len(row)-1 && !c.right && widthOf(text) > widths[i]:
			for n, line := range wrap(text, widths[i]) {
				if n > 0 {
					p.line(written.String())
					written.Reset()
					written.WriteString(strings.Repeat(" ", column))
				}
				written.WriteString(p.paint(c.color, line))
			}
		case c.right:
			written.WriteString(space + p.paint(c.color, cut(text, widths[i])))
		case i == len(row)-1:
			written.WriteString(p.paint(c.color, text))
		default:
			written.WriteString(p.paint(c.color, cut(text, widths[i])) + space + strings.Repeat(" ", gap))
		}
		if c.right && i < len(row)-1 {
			written.WriteString(strings.Repeat(" ", gap))
		}
		column += widths[i] + gap
	}
	p.line(written.String())
}

func sum(widths []int) int {
	total := 0
	for _, w := range widths {
		total += w
	}
	return total
}

// bar draws a share of a whole.
func bar(part, whole float64, size int) string {
	filled := 0
	if whole > 0 {
		filled = min(size, max(0, int(part/whole*float64(size)+0.5)))
	}
	return strings.Repeat("█", filled) + strings.Repeat("░", size-filled)
}

// ago is a length of time up to now, in its two largest units at most.
func ago(now, at time.Time) string { return span(now.Sub(at)) }

func span(d time.Duration) string {
	d = max(0, d).Truncate(time.Second)
	switch {
	case d < time.Minute:
		return d.String()
	case d < time.Hour:
		return strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s")
	case d < 48*time.Hour:
		return strings.TrimSuffix(strings.TrimSuffix(d.Truncate(time.Minute).String(), "0s"), "h0m") + hourSuffix(d)
	default:
		return plural(int64(d/(24*time.Hour)), "day")
	}
}

func hourSuffix(d time.Duration) string {
	if d.Truncate(time.Minute)%time.Hour == 0 {
		return "h"
	}
	return ""
}

// moment is a time as people write it, in UTC.
func moment(at time.Time) string { return at.UTC().Format("2006-01-02 15:04") }
