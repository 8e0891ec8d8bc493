package view

import (
	"fmt"
	"math"
	"regexp"
	"testing"
)

// backgrounds are those of common terminals.
var backgrounds = map[string][3]float64{
	"white": {255, 255, 255}, "solarized light": {253, 246, 227},
	"black": {0, 0, 0}, "dark grey": {30, 30, 30}, "solarized dark": {0, 43, 54},
}

// leastContrast is what the guidelines for accessible web content ask of large text and symbols. No
// colour has more than 4.6 on both white and black.
const leastContrast = 3

func TestColorsCanBeReadOnLightAndOnDark(t *testing.T) {
	for _, c := range []color{red, green, yellow} {
		var n int
		if _, err := fmt.Sscanf(string(c), "38;5;%d", &n); err != nil || n < 16 || n > 231 {
			t.Fatalf("%s is none of the fixed colours: %v", c, err)
		}
		level := func(n int) float64 { return []float64{0, 95, 135, 175, 215, 255}[n%6] }
		rgb := [3]float64{level((n - 16) / 36), level((n - 16) / 6), level(n - 16)}
		for name, background := range backgrounds {
			if got := contrast(rgb, background); got < leastContrast {
				t.Errorf("colour %d on %s has a contrast of %.1f", n, name, got)
			}
		}
	}
}

// contrast is the ratio of the luminances of two sRGB colours, from 1 to 21.
func contrast(a, b [3]float64) float64 {
	x, y := luminance(a), luminance(b)
	return (max(x, y) + 0.05) / (min(x, y) + 0.05)
}

func luminance(rgb [3]float64) float64 {
	var linear [3]float64
	for i, c := range rgb {
		if c /= 255; c <= 0.04045 {
			linear[i] = c / 12.92
		} else {
			linear[i] = math.Pow((c+0.055)/1.055, 2.4)
		}
	}
	return 0.2126*linear[0] + 0.7152*linear[1] + 0.0722*linear[2]
}

// Every other colour would be one that the test above does not know.
func TestOutputUsesOnlyTheColorsOfThePage(t *testing.T) {
	known := map[string]bool{"0": true}
	for _, c := range []color{bold, faint, red, green, yellow} {
		known[string(c)] = true
	}
	campaigns, databases := load(t, "testdata/campaign/withheld.yaml")
	for _, text := range []string{
		Campaign(Options{Now: now, Color: true}, campaigns[0], databases[0]),
		Overview(Options{Now: now, Color: true}, campaigns, databases, true),
		Plan(Options{Now: now, Color: true}, step(t, "testdata/plan/raise-the-minimum.yaml")),
	} {
		for _, found := range regexp.MustCompile("\x1b\\[([0-9;]*)m").FindAllStringSubmatch(text, -1) {
			if !known[found[1]] {
				t.Errorf("colour %q", found[1])
			}
		}
	}
}
