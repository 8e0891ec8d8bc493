package view

import (
	"strconv"
	"strings"
	"unicode"

	"golang.org/x/text/width"
)

// Width is the most columns of a line, unless Options.Wide is set.
const Width = 100

// clean returns text with every rune that a terminal could act on written as an escape: ids and
// messages come from the application's users.
func clean(text string) string {
	var cleaned strings.Builder
	for _, r := range text {
		if unicode.IsPrint(r) {
			cleaned.WriteRune(r)
			continue
		}
		quoted := strconv.QuoteRune(r)
		cleaned.WriteString(quoted[1 : len(quoted)-1])
	}
	return cleaned.String()
}

// quoted is a text as one word of a shell.
func quoted(text string) string { return "'" + strings.ReplaceAll(clean(text), "'", `'\''`) + "'" }

// OneLine is a text on one line, clean.
func OneLine(text string) string { return clean(strings.Join(strings.Fields(text), " ")) }

// columns is how many columns of a terminal a rune takes.
func columns(r rune) int {
	if unicode.Is(unicode.Mn, r) || unicode.Is(unicode.Me, r) {
		return 0
	}
	switch width.LookupRune(r).Kind() {
	case width.EastAsianWide, width.EastAsianFullwidth:
		return 2
	default:
		return 1
	}
}

// widthOf is how many columns a text takes.
func widthOf(text string) int {
	total := 0
	for _, r := range text {
		total += columns(r)
	}
	return total
}

// cut shortens a text to at most n columns. What is left out shows as "…".
func cut(text string, n int) string {
	if widthOf(text) <= n {
		return text
	}
	return beginning(text, n-1) + "…"
}

// Cut shortens a text to one line of at most n columns.
func Cut(text string, n int) string { return cut(OneLine(text), n) }

// beginning is the first part of a text that takes at most n columns.
func beginning(text string, n int) string {
	for i, r := range text {
		if n -= columns(r); n < 0 {
			return text[:i]
		}
	}
	return text
}

// wrap breaks a text into lines of at most n columns, at blanks where there are any; n is at least
// 2, which one wide character takes.
func wrap(text string, n int) []string {
	n = max(n, 2)
	var lines []string
	line := ""
	for word := range strings.FieldsSeq(text) {
		word = clean(word)
		if line != "" && widthOf(line)+1+widthOf(word) <= n {
			line += " " + word
			continue
		}
		if line != "" {
			lines = append(lines, line)
		}
		for widthOf(word) > n {
			begin := beginning(word, n)
			lines, word = append(lines, begin), word[len(begin):]
		}
		line = word
	}
	if line != "" {
		lines = append(lines, line)
	}
	return lines
}

// plural is a number with its noun.
func plural(n int64, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return strconv.FormatInt(n, 10) + " " + noun + "s"
}
