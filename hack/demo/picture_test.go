package main

import (
	"context"
	"encoding/json"
	"fmt"
	"html"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"
)

// Sizes of the picture, in pixels.
const (
	columns     = 4
	panelWidth  = 300
	panelHeight = 150
	margin      = 12
)

// line is one series of a panel: values by time.
type line [][2]float64

// drawPanels draws each panel's queries over the last minutes, as SVG. There is no Grafana here.
func drawPanels(t *testing.T, address string, panels map[string][]string, since time.Time) string {
	t.Helper()
	titles := make([]string, 0, len(panels))
	for title := range panels {
		titles = append(titles, title)
	}
	slices.Sort(titles)
	height := (len(titles) + columns - 1) / columns * (panelHeight + margin)
	var svg strings.Builder
	fmt.Fprintf(&svg, `<svg xmlns="http://www.w3.org/2000/svg" width="%d" height="%d" font-family="sans-serif" font-size="12">`+"\n"+
		`<rect width="100%%" height="100%%" fill="#111217"/>`+"\n", columns*(panelWidth+margin)+margin, height+margin)
	for i, title := range titles {
		var lines []line
		for _, expression := range panels[title] {
			found, err := rangeOf(t.Context(), address, expression, since)
			if err != nil {
				t.Errorf("panel %q: %v", title, err)
			}
			lines = append(lines, found...)
		}
		x, y := margin+i%columns*(panelWidth+margin), margin+i/columns*(panelHeight+margin)
		drawPanel(&svg, x, y, title, lines)
	}
	svg.WriteString("</svg>\n")
	return svg.String()
}

func drawPanel(svg *strings.Builder, x, y int, title string, lines []line) {
	colours := []string{"#73bf69", "#f2cc0c", "#5794f2", "#ff9830", "#f2495c", "#b877d9", "#8ab8ff", "#c0d8ff"}
	first, last, most := 0.0, 0.0, 0.0
	for _, l := range lines {
		for _, point := range l {
			if first == 0 || point[0] < first {
				first = point[0]
			}
			last, most = max(last, point[0]), max(most, point[1])
		}
	}
	fmt.Fprintf(svg, `<g transform="translate(%d %d)"><rect width="%d" height="%d" rx="3" fill="#181b1f"/>`+
		`<text x="8" y="18" fill="#ccccdc">%s</text><text x="%d" y="18" fill="#8e8e99" text-anchor="end">max %.3g</text>`+"\n",
		x, y, panelWidth, panelHeight, html.EscapeString(title), panelWidth-8, most)
	const top, bottom = 30, panelHeight - 10
	for i, l := range lines {
		var points strings.Builder
		for _, point := range l {
			px := 8 + (point[0]-first)/max(1, last-first)*(panelWidth-16)
			py := bottom - point[1]/max(most, 1e-9)*(bottom-top)
			fmt.Fprintf(&points, "%.1f,%.1f ", px, max(top, min(bottom, py)))
		}
		fmt.Fprintf(svg, `<polyline points="%s" fill="none" stroke="%s" stroke-width="1.5"/>`+"\n",
			strings.TrimSpace(points.String()), colours[i%len(colours)])
	}
	svg.WriteString("</g>\n")
}

// rangeOf returns the series of a query since a time.
func rangeOf(ctx context.Context, address, expression string, since time.Time) ([]line, error) {
	query := url.Values{
		"query": {expression}, "step": {"1"},
		"start": {strconv.FormatInt(since.Unix(), 10)}, "end": {strconv.FormatInt(time.Now().Unix(), 10)},
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+address+"/api/v1/query_range?"+query.Encode(), nil)
	if err != nil {
		return nil, err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	var answer struct {
		Data struct {
			Result []struct{ Values [][2]any }
		}
	}
	if err := json.NewDecoder(response.Body).Decode(&answer); err != nil {
		return nil, err
	}
	var lines []line
	for _, series := range answer.Data.Result {
		var l line
		for _, point := range series.Values {
			at, isNumber := point[0].(float64)
			text, isText := point[1].(string)
			value, err := strconv.ParseFloat(text, 64)
			if isNumber && isText && err == nil && text != "NaN" {
				l = append(l, [2]float64{at, value})
			}
		}
		lines = append(lines, l)
	}
	return lines, nil
}
